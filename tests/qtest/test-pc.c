/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The board of machine `pc` over the qtest protocol: its map, its power, and random accesses. */
#include <string.h>

#include "libqtest.h"

#define FUZZ_SEED   0x90a7d
#define FUZZ_ROUNDS 4000

#define PM_STATUS  0x600
#define PM_CONTROL 0x604
#define APM        0xb2
#define SCI        9

static void expect_event(QTestState *qtest, const char *name, const char *reason)
{
    json_t *event = qtest_qmp_event(qtest, name);

    if (reason) {
        json_t *data = json_object_get(event, "data");
        g_assert_cmpstr(json_string_value(json_object_get(data, "reason")), ==, reason);
    }
    json_decref(event);
}

static void expect_acpi_tables(QTestState *qtest)
{
    char signature[9] = { 0 };

    qtest_memread(qtest, 0xe0000, signature, 8);
    g_assert_cmpstr(signature, ==, "RSD PTR ");
    qtest_memread(qtest, qtest_readq(qtest, 0xe0000 + 24), signature, 4);
    g_assert_cmpint(memcmp(signature, "XSDT", 4), ==, 0);
}

static void test_memory_map(void)
{
    QTestState *qtest = qtest_start("-machine pc -m 64");

    qtest_writel(qtest, 0x1000, 0x12345678);
    g_assert_cmphex(qtest_readl(qtest, 0x1000), ==, 0x12345678);
    qtest_writel(qtest, 0xa0000, 0);
    g_assert_cmphex(qtest_readl(qtest, 0xa0000), ==, 0xffffffff);
    qtest_writel(qtest, 0xc0000, 0x89abcdef);
    g_assert_cmphex(qtest_readl(qtest, 0xc0000), ==, 0x89abcdef);
    qtest_writel(qtest, 0x3fffffc, 0x55aa55aa);
    g_assert_cmphex(qtest_readl(qtest, 0x3fffffc), ==, 0x55aa55aa);
    g_assert_cmphex(qtest_readl(qtest, 0x4000000), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(qtest, 0xfee00020) >> 24, ==, 0); /* local APIC id */
    qtest_writel(qtest, 0xfec00000, 1);
    g_assert_cmphex(qtest_readl(qtest, 0xfec00010) >> 16 & 0xff, ==, 23);
    g_assert_cmphex(qtest_readl(qtest, 0xfed00004), ==, 10000000);
    qtest_quit(qtest);
}

static uint8_t cmos(QTestState *qtest, uint8_t index)
{
    qtest_outb(qtest, 0x70, index);
    return qtest_inb(qtest, 0x71);
}

static void test_ports(void)
{
    QTestState *qtest = qtest_start("-machine pc -m 64 -serial null");

    g_assert_cmphex(qtest_inb(qtest, 0x64), ==, 0x1c);
    g_assert_cmphex(qtest_inb(qtest, 0x3fd), ==, 0x60);
    g_assert_cmphex(qtest_inb(qtest, 0x2fd), ==, 0xff); /* no second -serial */
    g_assert_cmphex(qtest_inb(qtest, 0xcf9), ==, 0x00); /* reset control */
    qtest_outl(qtest, 0xcf8, 0x80000000);               /* around it: PCI configuration */
    g_assert_cmphex(qtest_inl(qtest, 0xcfc), ==, 0x12378086);
    g_assert_cmphex(qtest_inb(qtest, 0xe9), ==, 0xff);
    g_assert_cmphex(cmos(qtest, 0x14), ==, 0x06);
    g_assert_cmphex(cmos(qtest, 0x34) | cmos(qtest, 0x35) << 8, ==, (64 - 16) << 4);
    uint32_t before = qtest_inl(qtest, 0x608);
    qtest_clock_step(qtest, 1000000000);
    g_assert_cmpuint(qtest_inl(qtest, 0x608) - before, ==, 3579545);
    qtest_quit(qtest);
}

static void test_power_button(void)
{
    QTestState *qtest = qtest_start("-machine pc");

    qtest_irq_intercept_in(qtest, "/machine/ioapic");
    qtest_outb(qtest, APM, 0xf1);
    qtest_outw(qtest, PM_STATUS + 2, 0x0100);
    g_assert_false(qtest_get_irq(qtest, SCI));
    json_decref(qtest_qmp(qtest, "system_powerdown", NULL));
    expect_event(qtest, "POWERDOWN", NULL);
    g_assert_cmphex(qtest_inw(qtest, PM_STATUS), ==, 0x0100);
    g_assert_true(qtest_get_irq(qtest, SCI));
    qtest_outw(qtest, PM_STATUS, 0x0100);
    g_assert_cmphex(qtest_inw(qtest, PM_STATUS), ==, 0);
    g_assert_false(qtest_get_irq(qtest, SCI));
    qtest_quit(qtest);
}

static void test_power_off(void)
{
    QTestState *qtest = qtest_start("-machine pc -no-shutdown");

    qtest_outw(qtest, PM_CONTROL, 0x2000);
    expect_event(qtest, "SHUTDOWN", "guest-shutdown");
    json_t *status = qtest_qmp(qtest, "query-status", NULL);
    g_assert_cmpstr(json_string_value(json_object_get(status, "status")), ==, "shutdown");
    json_decref(status);
    qtest_quit(qtest);
}

/* Each way to reset, twice: tables that were overwritten are there again. */
static void test_reset(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } ways[] = { { 0xcf9, 0x06 }, { 0x64, 0xfe }, { 0x92, 0x01 } };
    QTestState *qtest = qtest_start("-machine pc -serial null");

    expect_acpi_tables(qtest);
    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(ways); i++) {
        qtest_writeq(qtest, 0xe0000, 0);
        qtest_outb(qtest, 0x3fb, 0x03);
        qtest_outb(qtest, ways[i / 2].port, ways[i / 2].value);
        expect_event(qtest, "RESET", "guest-reset");
        expect_acpi_tables(qtest);
        g_assert_cmphex(qtest_inb(qtest, 0x3fb), ==, 0);
        g_assert_cmphex(qtest_inb(qtest, 0x92), ==, 0);
    }
    qtest_quit(qtest);
}

static void test_optional_devices(void)
{
    QTestState *qtest =
        qtest_start("-machine pc -chardev ringbuf,id=log,size=64 "
                    "-device isa-debugcon,chardev=log,iobase=0x402 "
                    "-chardev null,id=null -device isa-serial,chardev=null,index=2");

    g_assert_cmphex(qtest_inb(qtest, 0x402), ==, 0xe9);
    for (const char *p = "hello"; *p; p++) {
        qtest_outb(qtest, 0x402, (uint8_t)*p);
    }
    g_usleep(20000);
    json_t *text =
        qtest_qmp(qtest, "ringbuf-read", json_pack("{s:s,s:i}", "device", "log", "size", 64));
    g_assert_cmpstr(json_string_value(text), ==, "hello");
    json_decref(text);
    g_assert_cmphex(qtest_inb(qtest, 0x3ed), ==, 0x60);
    qtest_quit(qtest);
}

/* What the board decodes, by blocks of ports. */
static const struct {
    uint16_t first, count;
} blocks[] = {
    { 0x20, 2 }, { 0xa0, 2 },  { 0x4d0, 2 }, { 0x40, 4 },   { 0x60, 5 },  { 0x70, 2 },  { 0x92, 1 },
    { 0xb2, 2 }, { 0x3f8, 8 }, { 0x2f8, 8 }, { 0x600, 12 }, { 0xcf8, 8 }, { 0x402, 1 },
};

static void random_access(QTestState *qtest, GRand *random)
{
    unsigned block = (unsigned)g_rand_int_range(random, 0, G_N_ELEMENTS(blocks));
    unsigned port =
        blocks[block].first + (unsigned)g_rand_int_range(random, 0, blocks[block].count);
    char size = "bwl"[g_rand_int_range(random, 0, 3)];
    g_autofree char *line = g_rand_boolean(random)
                                ? g_strdup_printf("out%c 0x%x 0x%x", size, port, g_rand_int(random))
                                : g_strdup_printf("in%c 0x%x", size, port);
    g_autofree char *answer = qtest_raw(qtest, line);

    if (!g_str_has_prefix(answer, "OK")) {
        g_error("'%s' was answered with '%s'", line, answer);
    }
}

/* Nothing that a guest writes to ports may crash or hang the process. */
static void test_random_accesses(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    QTestState *qtest = qtest_start("-machine pc -no-shutdown -serial null -serial null "
                                    "-chardev null,id=log "
                                    "-device isa-debugcon,chardev=log,iobase=0x402");

    for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
        random_access(qtest, random);
        if (i % 16 == 0) {
            qtest_clock_step(qtest, g_rand_int_range(random, 0, 1000000));
        }
    }
    json_decref(qtest_qmp(qtest, "system_reset", NULL));
    expect_acpi_tables(qtest);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc/memory-map", test_memory_map);
    g_test_add_func("/pc/ports", test_ports);
    g_test_add_func("/pc/power-button", test_power_button);
    g_test_add_func("/pc/power-off", test_power_off);
    g_test_add_func("/pc/reset", test_reset);
    g_test_add_func("/pc/optional-devices", test_optional_devices);
    g_test_add_func("/pc/random-accesses", test_random_accesses);
    return g_test_run();
}
