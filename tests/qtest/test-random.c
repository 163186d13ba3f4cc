/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Random accesses of every size to every register of machine `pc`, aligned or not, with time
 * passing in between: the program must neither crash nor stop answering.
 */
#include "pc-irq.h"

#define ACCESSES 4000

/* All ports below 0x1000 but those that end the machine: ACPI PM control and isa-debug-exit. */
static uint16_t random_port(GRand *random)
{
    static const uint16_t often[] = { 0x20, 0x40, 0x60, 0x70, 0x92, 0xa0, 0x3f8, 0x4d0, 0x600 };
    uint16_t port = g_rand_int_range(random, 0, 3)
                        ? often[g_rand_int_range(random, 0, G_N_ELEMENTS(often))] +
                              g_rand_int_range(random, 0, 8)
                        : g_rand_int_range(random, 0, 0x1000);
    return port;
}

/* Writes that switch the machine off or reset it are for their own tests. */
static bool ends_machine(uint16_t port, unsigned size)
{
    static const uint16_t ports[] = { 0x604, 0x605, 0x64, 0x92, 0xcf9, 0xb2, 0x501 };
    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (port <= ports[i] && ports[i] < port + size) {
            return true;
        }
    }
    return false;
}

static uint64_t random_address(GRand *random)
{
    static const struct {
        uint64_t base;
        unsigned size;
    } regions[] = { { IOAPIC_BASE, 0x50 }, { APIC_BASE, 0x400 }, { 0xfed00000, 0x180 } };
    unsigned i = g_rand_int_range(random, 0, G_N_ELEMENTS(regions));
    uint64_t offset = g_rand_int_range(random, 0, regions[i].size);
    return regions[i].base + (g_rand_int_range(random, 0, 4) ? offset & ~7u : offset);
}

static void access_port(QTestState *qtest, GRand *random)
{
    static const char suffixes[] = "bwl";
    unsigned scale = g_rand_int_range(random, 0, 3);
    uint16_t port = random_port(random);
    bool write = g_rand_boolean(random) && !ends_machine(port, 1u << scale);
    g_autofree char *line =
        write ? g_strdup_printf("out%c 0x%x 0x%x", suffixes[scale], port, g_rand_int(random))
              : g_strdup_printf("in%c 0x%x", suffixes[scale], port);
    g_autofree char *answer = qtest_raw(qtest, line);
    g_assert_true(g_str_has_prefix(answer, "OK"));
}

static void access_memory(QTestState *qtest, GRand *random)
{
    static const char suffixes[] = "bwlq";
    unsigned scale = g_rand_int_range(random, 0, 4);
    uint64_t address = random_address(random);
    uint64_t value = (uint64_t)g_rand_int(random) << 32 | g_rand_int(random);
    g_autofree char *line =
        g_rand_boolean(random)
            ? g_strdup_printf("write%c 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x",
                              suffixes[scale], address, value >> g_rand_int_range(random, 0, 64))
            : g_strdup_printf("read%c 0x%" G_GINT64_MODIFIER "x", suffixes[scale], address);
    g_autofree char *answer = qtest_raw(qtest, line);
    g_assert_true(g_str_has_prefix(answer, "OK"));
}

static void test_random(gconstpointer seed)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS " -serial null -serial null");
    g_autoptr(GRand) random = g_rand_new_with_seed(GPOINTER_TO_UINT(seed));
    for (unsigned i = 0; i < ACCESSES; i++) {
        switch (g_rand_int_range(random, 0, 8)) {
        case 0:
            qtest_clock_step(qtest, g_rand_int_range(random, 0, 1000000));
            break;
        case 1:
            qtest_set_irq_in(qtest, "ioapic", NULL, g_rand_int_range(random, 0, 24),
                             g_rand_boolean(random));
            break;
        case 2:
        case 3:
        case 4:
            access_memory(qtest, random);
            break;
        default:
            access_port(qtest, random);
            break;
        }
    }
    /* And a reset brings order into it. */
    json_decref(qtest_qmp(qtest, "system_reset", NULL));
    json_decref(qtest_qmp_event(qtest, "RESET"));
    g_assert_cmphex(ioapic_read(qtest, 0x10), ==, 0x10000);
    g_assert_cmphex(apic_read(qtest, 0x0f), ==, 0x1ff);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned seed = 1; seed <= 8; seed++) {
        g_autofree char *path = g_strdup_printf("/random/seed-%u", seed);
        g_test_add_data_func(path, GUINT_TO_POINTER(seed), test_random);
    }
    return g_test_run();
}
