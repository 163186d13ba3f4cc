/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The local APIC by memory accesses: registers and timer. */
#include "pc-irq.h"

#define REG_ID      0x02
#define REG_VERSION 0x03
#define REG_TPR     0x08
#define REG_PPR     0x0a
#define REG_LDR     0x0d
#define REG_DFR     0x0e
#define REG_SVR     0x0f
#define REG_ESR     0x28
#define REG_ICR     0x30
#define REG_TIMER   0x32
#define REG_LINT0   0x35
#define REG_LINT1   0x36
#define REG_ERROR   0x37
#define REG_INITIAL 0x38
#define REG_CURRENT 0x39
#define REG_DIVIDE  0x3e

#define PERIODIC 0x20000
#define MASKED   0x10000

static QTestState *start(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    apic_write(qtest, REG_SVR, 0x1ff);
    return qtest;
}

static void test_registers(void)
{
    static const struct {
        unsigned number;
        uint32_t ones; /* what it holds after all ones were written */
    } registers[] = {
        { REG_ID, 0xff000000 }, { REG_VERSION, 0x50014 }, { REG_TPR, 0xff },
        { REG_PPR, 0xff },      { REG_LDR, 0xff000000 },  { REG_DFR, 0xffffffff },
        { REG_SVR, 0x3ff },     { REG_TIMER, 0x700ff },   { 0x33, 0x107ff },
        { 0x34, 0x107ff },      { REG_LINT0, 0x1a7ff },   { REG_LINT1, 0x1a7ff },
        { REG_ERROR, 0x100ff }, { REG_DIVIDE, 0xb },      { 0x31, 0xff000000 },
    };
    QTestState *qtest = start();
    /* As firmware leaves it: interrupts of the PIC pass through. */
    g_assert_cmphex(apic_read(qtest, REG_LINT0), ==, 0x700);
    g_assert_cmphex(apic_read(qtest, REG_LINT1), ==, 0x400);
    for (unsigned i = 0; i < G_N_ELEMENTS(registers); i++) {
        apic_write(qtest, registers[i].number, 0xffffffff);
        g_assert_cmphex(apic_read(qtest, registers[i].number), ==, registers[i].ones);
    }
    qtest_quit(qtest);
}

static void test_software_disable(void)
{
    QTestState *qtest = start();
    apic_write(qtest, REG_TIMER, 0x40);
    apic_write(qtest, REG_SVR, 0xff);
    g_assert_cmphex(apic_read(qtest, REG_TIMER), ==, MASKED | 0x40);
    apic_write(qtest, REG_TIMER, 0x41);
    g_assert_cmphex(apic_read(qtest, REG_TIMER), ==, MASKED | 0x41);
    apic_write(qtest, REG_ICR, 0x40042); /* to itself */
    g_assert_false(apic_requested(qtest, 0x42));
    apic_write(qtest, REG_SVR, 0x1ff);
    g_assert_cmphex(apic_read(qtest, REG_TIMER), ==, MASKED | 0x41);
    apic_write(qtest, REG_ICR, 0x40042);
    g_assert_true(apic_requested(qtest, 0x42));
    qtest_quit(qtest);
}

static void test_errors(void)
{
    QTestState *qtest = start();
    apic_write(qtest, REG_ERROR, 0xe0);
    apic_read(qtest, 0x3a); /* there is no such register */
    g_assert_true(apic_requested(qtest, 0xe0));
    g_assert_cmphex(apic_read(qtest, REG_ESR), ==, 0);
    apic_write(qtest, REG_ICR, 0x40000); /* vector 0 */
    apic_write(qtest, REG_ESR, 0);
    g_assert_cmphex(apic_read(qtest, REG_ESR), ==, 0xa0);
    apic_write(qtest, REG_ESR, 0);
    g_assert_cmphex(apic_read(qtest, REG_ESR), ==, 0);
    qtest_quit(qtest);
}

static void test_one_shot(void)
{
    QTestState *qtest = start();
    apic_write(qtest, REG_DIVIDE, 0x3); /* by 16 */
    apic_write(qtest, REG_TIMER, 0x50);
    apic_write(qtest, REG_INITIAL, 1000);
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 1000);
    qtest_clock_step(qtest, 15);
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 1000);
    qtest_clock_step(qtest, 1);
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 999);
    qtest_clock_step(qtest, 16 * 998 + 15);
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 1);
    g_assert_false(apic_requested(qtest, 0x50));
    qtest_clock_step(qtest, 1);
    g_assert_true(apic_requested(qtest, 0x50));
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 0);
    g_assert_cmpuint(apic_read(qtest, REG_INITIAL), ==, 1000);
    /* Masked it counts all the same. */
    apic_write(qtest, REG_TIMER, MASKED | 0x51);
    apic_write(qtest, REG_INITIAL, 10);
    qtest_clock_step(qtest, 16 * 4);
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 6);
    qtest_clock_step(qtest, 16 * 6);
    apic_write(qtest, REG_TIMER, 0x51);
    qtest_clock_step(qtest, 1000000);
    g_assert_false(apic_requested(qtest, 0x51));
    /* Zero stops it. */
    apic_write(qtest, REG_INITIAL, 100);
    apic_write(qtest, REG_INITIAL, 0);
    qtest_clock_step(qtest, 1000000);
    g_assert_false(apic_requested(qtest, 0x51));
    qtest_quit(qtest);
}

static void test_periodic(void)
{
    QTestState *qtest = start();
    apic_write(qtest, REG_DIVIDE, 0xb);
    apic_write(qtest, REG_TIMER, PERIODIC | MASKED | 0x60);
    apic_write(qtest, REG_INITIAL, 100000);
    qtest_clock_step(qtest, 250000);
    g_assert_cmpuint(apic_read(qtest, REG_CURRENT), ==, 50000);
    g_assert_false(apic_requested(qtest, 0x60));
    apic_write(qtest, REG_TIMER, PERIODIC | 0x60); /* unmasked in the middle of a period */
    int64_t now = qtest_clock_step(qtest, 0);
    g_assert_cmpint(qtest_clock_step_next(qtest), ==, now + 50000);
    g_assert_true(apic_requested(qtest, 0x60));
    g_assert_cmpint(qtest_clock_step_next(qtest), ==, now + 150000);
    g_assert_cmpint(qtest_clock_step_next(qtest), ==, now + 250000);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apic/registers", test_registers);
    g_test_add_func("/apic/software-disable", test_software_disable);
    g_test_add_func("/apic/errors", test_errors);
    g_test_add_func("/apic/one-shot", test_one_shot);
    g_test_add_func("/apic/periodic", test_periodic);
    return g_test_run();
}
