/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The high precision event timers: 100 MHz, so that a tick is 10 ns. */
#include "pc-irq.h"

#define HPET       UINT64_C(0xfed00000)
#define REG_ID     (HPET + 0x000)
#define REG_CONFIG (HPET + 0x010)
#define REG_STATUS (HPET + 0x020)
#define REG_COUNT  (HPET + 0x0f0)
#define TIMER(n)   (HPET + 0x100 + 0x20 * (n))
#define COMPARE(n) (TIMER(n) + 8)

#define ENABLE 1
#define LEGACY 2

#define T_LEVEL     0x002
#define T_ENABLE    0x004
#define T_PERIODIC  0x008
#define T_SET_VALUE 0x040
#define T_32_BIT    0x100
#define T_GSI_2     0x400

#define TICK_NS 10

static QTestState *start(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    qtest_irq_intercept_out(qtest, "hpet");
    return qtest;
}

static void test_registers(void)
{
    QTestState *qtest = start();
    g_assert_cmphex(qtest_readq(qtest, REG_ID), ==, UINT64_C(0x009896808086a201));
    qtest_writeq(qtest, REG_ID, 0);
    g_assert_cmphex(qtest_readl(qtest, REG_ID), ==, 0x8086a201);
    g_assert_cmphex(qtest_readl(qtest, REG_ID + 4), ==, 10000000);
    qtest_writeq(qtest, REG_CONFIG, UINT64_MAX);
    g_assert_cmphex(qtest_readq(qtest, REG_CONFIG), ==, 3);
    qtest_writeq(qtest, REG_CONFIG, 0);
    for (unsigned n = 0; n < 3; n++) {
        /* Periodic, 64 bits, can use GSI 2. */
        g_assert_cmphex(qtest_readq(qtest, TIMER(n)), ==, UINT64_C(0x0000000400000030));
        g_assert_cmphex(qtest_readq(qtest, COMPARE(n)), ==, UINT64_MAX);
        qtest_writeq(qtest, TIMER(n), UINT64_MAX);
        g_assert_cmphex(qtest_readq(qtest, TIMER(n)), ==, UINT64_C(0x0000000400003f3e));
        g_assert_cmphex(qtest_readq(qtest, COMPARE(n)), ==, UINT32_MAX);
    }
    g_assert_cmphex(qtest_readq(qtest, TIMER(3)), ==, 0);
    qtest_quit(qtest);
}

static void test_counter(void)
{
    QTestState *qtest = start();
    qtest_clock_step(qtest, 1000000);
    g_assert_cmphex(qtest_readq(qtest, REG_COUNT), ==, 0);
    qtest_writel(qtest, REG_COUNT, 0xfffffff0);
    qtest_writel(qtest, REG_COUNT + 4, 1);
    qtest_writel(qtest, REG_CONFIG, ENABLE);
    qtest_clock_step(qtest, 16 * TICK_NS - 1);
    g_assert_cmphex(qtest_readq(qtest, REG_COUNT), ==, UINT64_C(0x1ffffffff));
    qtest_clock_step(qtest, 1);
    g_assert_cmphex(qtest_readq(qtest, REG_COUNT), ==, UINT64_C(0x200000000));
    qtest_writeq(qtest, REG_COUNT, 5); /* only when halted */
    g_assert_cmphex(qtest_readq(qtest, REG_COUNT), ==, UINT64_C(0x200000000));
    qtest_writel(qtest, REG_CONFIG, 0);
    qtest_clock_step(qtest, 1000000);
    g_assert_cmphex(qtest_readq(qtest, REG_COUNT), ==, UINT64_C(0x200000000));
    qtest_quit(qtest);
}

static void test_one_shot(void)
{
    QTestState *qtest = start();
    qtest_writel(qtest, TIMER(2), T_ENABLE | T_GSI_2);
    qtest_writeq(qtest, COMPARE(2), 1000);
    qtest_writel(qtest, REG_CONFIG, ENABLE);
    qtest_clock_step(qtest, 1000 * TICK_NS - 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, 0);
    qtest_clock_step(qtest, 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, 1);
    g_assert_false(qtest_get_irq(qtest, 2)); /* an edge */
    g_assert_cmphex(qtest_readl(qtest, REG_STATUS), ==, 0);
    qtest_clock_step(qtest, INT64_C(60) * 1000000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, 1);
    /* With 32 bits it comes again when the counter wraps. */
    qtest_writel(qtest, TIMER(2), T_ENABLE | T_GSI_2 | T_32_BIT);
    uint32_t now = qtest_readl(qtest, REG_COUNT);
    qtest_writel(qtest, COMPARE(2), now + 100);
    qtest_clock_step(qtest, 100 * TICK_NS);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, 2);
    qtest_clock_step(qtest, (INT64_C(1) << 32) * TICK_NS - 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, 2);
    qtest_clock_step(qtest, 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, 3);
    qtest_quit(qtest);
}

static void test_level(void)
{
    QTestState *qtest = start();
    qtest_writel(qtest, TIMER(1), T_ENABLE | T_LEVEL | T_GSI_2);
    qtest_writeq(qtest, COMPARE(1), 50);
    qtest_writel(qtest, REG_CONFIG, ENABLE);
    qtest_clock_step(qtest, 50 * TICK_NS);
    g_assert_true(qtest_get_irq(qtest, 2));
    g_assert_cmphex(qtest_readl(qtest, REG_STATUS), ==, 2);
    qtest_writel(qtest, REG_STATUS, 1);
    g_assert_true(qtest_get_irq(qtest, 2));
    qtest_writel(qtest, REG_STATUS, 2);
    g_assert_false(qtest_get_irq(qtest, 2));
    g_assert_cmphex(qtest_readl(qtest, REG_STATUS), ==, 0);
    /* Not enabled: only the status tells. */
    qtest_writel(qtest, TIMER(1), T_LEVEL | T_GSI_2);
    qtest_writeq(qtest, COMPARE(1), qtest_readq(qtest, REG_COUNT) + 10);
    qtest_clock_step(qtest, 10 * TICK_NS);
    g_assert_false(qtest_get_irq(qtest, 2));
    g_assert_cmphex(qtest_readl(qtest, REG_STATUS), ==, 2);
    qtest_quit(qtest);
}

static void test_periodic(void)
{
    QTestState *qtest = start();
    qtest_writel(qtest, TIMER(0), T_ENABLE | T_PERIODIC | T_SET_VALUE | T_GSI_2);
    qtest_writeq(qtest, COMPARE(0), 5000);  /* the first, */
    qtest_writeq(qtest, COMPARE(0), 20000); /* and then every */
    g_assert_cmphex(qtest_readq(qtest, COMPARE(0)), ==, 5000);
    int64_t begin = qtest_clock_step(qtest, 0);
    qtest_writel(qtest, REG_CONFIG, ENABLE);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmpint(qtest_clock_step_next(qtest), ==, begin + (5000 + 20000 * i) * TICK_NS);
        g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), ==, i + 1);
        g_assert_cmpuint(qtest_readq(qtest, COMPARE(0)), ==, 5000 + 20000 * (i + 1));
    }
    /* A period of one tick must not keep the program busy for ever. */
    qtest_writeq(qtest, COMPARE(0), 1);
    qtest_clock_step(qtest, 1000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 2), <=, 106);
    qtest_quit(qtest);
}

static void test_legacy_replacement(void)
{
    QTestState *qtest = start();
    qtest_outb(qtest, 0x43, 0x34);
    qtest_outb(qtest, 0x40, 0x00);
    qtest_outb(qtest, 0x40, 0x10);
    qtest_clock_step(qtest, 100000000);
    unsigned from_pit = qtest_irq_raised_count(qtest, 0);
    g_assert_cmpuint(from_pit, >, 20);
    qtest_writel(qtest, REG_CONFIG, ENABLE | LEGACY);
    qtest_clock_step(qtest, 100000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, from_pit);
    qtest_writel(qtest, TIMER(0), T_ENABLE);
    qtest_writel(qtest, TIMER(1), T_ENABLE);
    uint64_t now = qtest_readq(qtest, REG_COUNT);
    qtest_writeq(qtest, COMPARE(0), now + 100);
    qtest_writeq(qtest, COMPARE(1), now + 200);
    qtest_clock_step(qtest, 100 * TICK_NS);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, from_pit + 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 8), ==, 0);
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0x01);
    qtest_clock_step(qtest, 100 * TICK_NS);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 8), ==, 1);
    g_assert_cmphex(pic_irr(qtest, PIC_SLAVE), ==, 0x01);
    /* Back again. */
    qtest_writel(qtest, REG_CONFIG, ENABLE);
    unsigned before = qtest_irq_raised_count(qtest, 0);
    qtest_clock_step(qtest, 100000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), >, before + 20);
    qtest_quit(qtest);
}

/* The counter stands still, and goes on where it was, while the VM is stopped. */
static void test_reset(void)
{
    QTestState *qtest = start();
    qtest_writel(qtest, TIMER(1), T_ENABLE | T_LEVEL | T_GSI_2);
    qtest_writeq(qtest, COMPARE(1), 50);
    qtest_writel(qtest, REG_CONFIG, ENABLE);
    qtest_clock_step(qtest, 50 * TICK_NS);
    g_assert_true(qtest_get_irq(qtest, 2));
    json_decref(qtest_qmp(qtest, "system_reset", NULL));
    json_decref(qtest_qmp_event(qtest, "RESET"));
    g_assert_false(qtest_get_irq(qtest, 2));
    g_assert_cmphex(qtest_readq(qtest, REG_CONFIG), ==, 0);
    g_assert_cmphex(qtest_readq(qtest, REG_COUNT), ==, 0);
    g_assert_cmphex(qtest_readq(qtest, COMPARE(1)), ==, UINT64_MAX);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hpet/registers", test_registers);
    g_test_add_func("/hpet/counter", test_counter);
    g_test_add_func("/hpet/one-shot", test_one_shot);
    g_test_add_func("/hpet/level", test_level);
    g_test_add_func("/hpet/periodic", test_periodic);
    g_test_add_func("/hpet/legacy-replacement", test_legacy_replacement);
    g_test_add_func("/hpet/reset", test_reset);
    return g_test_run();
}
