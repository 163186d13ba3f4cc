/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The device `edu` over the qtest protocol: registers, copying, and its two kinds of interrupts. */
#include <string.h>

#include "libqvirtio.h"
#include "pc-irq.h"

#define ARGUMENTS PC_ARGUMENTS " -device edu,addr=5"
#define EDU       0x28 /* devfn: slot 5 */
#define IRQ       10   /* of pin A in slot 5 */
#define VECTOR    0x51
#define WORK_NS   100000

#define MEMORY UINT64_C(0x200000)
#define BUFFER 0x40000

static uint64_t registers;

static void enable(QTestState *qtest, bool master)
{
    qpci_config_write(qtest, EDU, 0x04, master ? 0x0006 : 0x0002);
}

static QTestState *start(void)
{
    QTestState *qtest = qtest_start(ARGUMENTS);

    registers = qpci_config_read(qtest, EDU, 0x10);
    enable(qtest, true);
    return qtest;
}

static uint32_t get(QTestState *qtest, unsigned offset)
{
    return qtest_readl(qtest, registers + offset);
}

static void set(QTestState *qtest, unsigned offset, uint32_t value)
{
    qtest_writel(qtest, registers + offset, value);
}

static void test_registers(void)
{
    QTestState *qtest = start();

    g_assert_cmphex(qpci_config_read(qtest, EDU, 0x00), ==, 0x11e81234);
    g_assert_cmphex(qpci_config_read(qtest, EDU, 0x08), ==, 0x00ff0010);
    g_assert_cmphex(qpci_config_read(qtest, EDU, 0x40), ==, 0x00800005);
    g_assert_cmphex(registers & 0xfffff, ==, 0);
    g_assert_cmphex(get(qtest, 0x00), ==, 0x010000ed);
    set(qtest, 0x04, 0x12345678);
    g_assert_cmphex(get(qtest, 0x04), ==, 0xedcba987);
    /* Below 0x80 there are accesses of 4 bytes only. */
    g_assert_cmphex(qtest_readq(qtest, registers), ==, UINT64_MAX);
    qtest_writeq(qtest, registers + 0x60, 1);
    g_assert_cmphex(get(qtest, 0x24), ==, 0);
    qtest_writeq(qtest, registers + 0x80, UINT64_C(0x123456789abcdef0));
    g_assert_cmphex(qtest_readq(qtest, registers + 0x80), ==, UINT64_C(0x123456789abcdef0));
    g_assert_cmphex(get(qtest, 0x10), ==, 0xffffffff);
    set(qtest, 0x00, 0);
    g_assert_cmphex(get(qtest, 0x00), ==, 0x010000ed);
    qtest_quit(qtest);
}

static void test_factorial(void)
{
    static const struct {
        uint32_t number, factorial;
    } cases[] = { { 0, 1 },           { 1, 1 },           { 5, 120 }, { 12, 479001600 },
                  { 13, 1932053504 }, { 33, 0x80000000 }, { 34, 0 },  { UINT32_MAX, 0 } };
    QTestState *qtest = start();

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        set(qtest, 0x08, cases[i].number);
        set(qtest, 0x08, 7); /* it is at work */
        g_assert_cmphex(get(qtest, 0x20), ==, 0x01);
        qtest_clock_step(qtest, WORK_NS);
        g_assert_cmphex(get(qtest, 0x20), ==, 0);
        g_assert_cmpuint(get(qtest, 0x08), ==, cases[i].factorial);
    }
    g_assert_cmphex(get(qtest, 0x24), ==, 0);
    set(qtest, 0x20, 0xffffffff);
    g_assert_cmphex(get(qtest, 0x20), ==, 0x80);
    set(qtest, 0x08, 3);
    qtest_clock_step(qtest, WORK_NS);
    g_assert_cmphex(get(qtest, 0x24), ==, 0x001);
    qtest_quit(qtest);
}

static void test_pin(void)
{
    QTestState *qtest = start();

    pic_initialize(qtest);
    set(qtest, 0x60, 0x30);
    set(qtest, 0x60, 0x01);
    g_assert_cmphex(get(qtest, 0x24), ==, 0x31);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 1 << (IRQ - 8));
    set(qtest, 0x64, 0x11);
    g_assert_cmphex(get(qtest, 0x24), ==, 0x20);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 1 << (IRQ - 8));
    set(qtest, 0x64, 0x20);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 0);
    set(qtest, 0x60, 0);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 0);
    qtest_quit(qtest);
}

static void test_msi(void)
{
    QTestState *qtest = start();

    pic_initialize(qtest);
    apic_write(qtest, 0x0f, 0x1ff);
    qpci_config_write(qtest, EDU, 0x44, (uint32_t)APIC_BASE);
    qpci_config_write(qtest, EDU, 0x4c, VECTOR);
    set(qtest, 0x60, 1);
    g_assert_false(apic_requested(qtest, VECTOR));
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 1 << (IRQ - 8));
    qpci_config_write(qtest, EDU, 0x40, 0x00010000);
    g_assert_cmphex(qpci_config_read(qtest, EDU, 0x40), ==, 0x00810005);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 0);
    g_assert_false(apic_requested(qtest, VECTOR));
    set(qtest, 0x60, 2);
    g_assert_true(apic_requested(qtest, VECTOR));
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 0);
    qtest_quit(qtest);
}

static void copy(QTestState *qtest, uint64_t from, uint64_t to, uint64_t count, uint64_t command)
{
    qtest_writeq(qtest, registers + 0x80, from);
    qtest_writeq(qtest, registers + 0x88, to);
    qtest_writeq(qtest, registers + 0x90, count);
    qtest_writeq(qtest, registers + 0x98, command);
    /* Nothing can be changed meanwhile. */
    qtest_writeq(qtest, registers + 0x90, 1);
    g_assert_cmphex(qtest_readq(qtest, registers + 0x90), ==, count);
    g_assert_cmphex(qtest_readq(qtest, registers + 0x98), ==, command);
    qtest_clock_step(qtest, WORK_NS);
    g_assert_cmphex(qtest_readq(qtest, registers + 0x98), ==, command & ~UINT64_C(1));
}

static void test_copy(void)
{
    QTestState *qtest = start();
    char data[64] = "";

    qtest_memwrite(qtest, MEMORY, "from the guest's memory", 24);
    copy(qtest, MEMORY, BUFFER + 100, 24, 1);
    g_assert_cmphex(get(qtest, 0x24), ==, 0);
    /* The device drives 28 bits of an address. */
    copy(qtest, BUFFER + 105, MEMORY + 0x1000 + (UINT64_C(1) << 28), 19, 7);
    g_assert_cmphex(get(qtest, 0x24), ==, 0x100);
    qtest_memread(qtest, MEMORY + 0x1000, data, 19);
    g_assert_cmpstr(data, ==, "the guest's memory");
    qtest_quit(qtest);
}

/* What cannot be copied is not, and says so in the guest's way of errors: not at all. */
static void test_bad_copies(void)
{
    static const struct {
        uint64_t from, to, count, command;
    } bad[] = {
        { BUFFER + 4000, MEMORY, 97, 3 },  { BUFFER - 1, MEMORY, 1, 3 },
        { BUFFER + 4096, MEMORY, 1, 3 },   { 0, MEMORY, 1, 3 },
        { UINT64_MAX, MEMORY, 4096, 3 },   { BUFFER, MEMORY, 4097, 3 },
        { BUFFER, MEMORY, UINT64_MAX, 3 }, { MEMORY, BUFFER + 1, UINT64_MAX - BUFFER, 1 },
        { BUFFER, 0x8000000, 4096, 3 }, /* there is no RAM */
        { 0x8000000, BUFFER, 4096, 1 },
    };
    QTestState *qtest = start();
    char data[4096], expected[4096];

    memset(expected, 0x5a, sizeof(expected));
    qtest_memwrite(qtest, MEMORY, expected, sizeof(expected));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        copy(qtest, bad[i].from, bad[i].to, bad[i].count, bad[i].command);
    }
    enable(qtest, false);
    copy(qtest, BUFFER, MEMORY, 4096, 3);
    enable(qtest, true);
    qtest_memread(qtest, MEMORY, data, sizeof(data));
    g_assert_cmpmem(data, sizeof(data), expected, sizeof(expected));
    /* The device works on. */
    copy(qtest, BUFFER, MEMORY, 4096, 3);
    qtest_memread(qtest, MEMORY, data, sizeof(data));
    memset(expected, 0, sizeof(expected));
    g_assert_cmpmem(data, sizeof(data), expected, sizeof(expected));
    qtest_quit(qtest);
}

static void test_reset(void)
{
    QTestState *qtest = start();

    pic_initialize(qtest);
    set(qtest, 0x60, 1);
    set(qtest, 0x08, 5);
    qtest_writeq(qtest, registers + 0x98, 5);
    json_decref(qtest_qmp(qtest, "system_reset", NULL));
    json_decref(qtest_qmp_event(qtest, "RESET"));
    pic_initialize(qtest);
    enable(qtest, true);
    qtest_clock_step(qtest, WORK_NS);
    g_assert_cmphex(get(qtest, 0x24), ==, 0);
    g_assert_cmphex(get(qtest, 0x08), ==, 0);
    g_assert_cmphex(get(qtest, 0x20), ==, 0);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 0);
    qtest_quit(qtest);
}

/* What is at work goes on where the machine goes on. */
static void test_migration(void)
{
    QTestState *source = start();
    QTestState *destination = qtest_start(ARGUMENTS " -incoming defer");
    char data[8] = "";

    qtest_memwrite(source, MEMORY, "migrate", 8);
    copy(source, MEMORY, BUFFER, 8, 1);
    set(source, 0x20, 0x80);
    set(source, 0x08, 5);
    qtest_writeq(source, registers + 0x80, BUFFER);
    qtest_writeq(source, registers + 0x88, MEMORY + 8);
    qtest_writeq(source, registers + 0x98, 7);
    qtest_migrate(source, destination);
    g_assert_cmphex(get(destination, 0x20), ==, 0x81);
    qtest_clock_step(destination, WORK_NS);
    g_assert_cmpuint(get(destination, 0x08), ==, 120);
    g_assert_cmphex(get(destination, 0x24), ==, 0x101);
    qtest_memread(destination, MEMORY + 8, data, 8);
    g_assert_cmpstr(data, ==, "migrate");
    qtest_quit(destination);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/edu/registers", test_registers);
    g_test_add_func("/edu/factorial", test_factorial);
    g_test_add_func("/edu/pin", test_pin);
    g_test_add_func("/edu/msi", test_msi);
    g_test_add_func("/edu/copy", test_copy);
    g_test_add_func("/edu/bad-copies", test_bad_copies);
    g_test_add_func("/edu/reset", test_reset);
    g_test_add_func("/edu/migration", test_migration);
    return g_test_run();
}
