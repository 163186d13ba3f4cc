/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The I/O APIC: registers, delivery to a local APIC, and how GSIs reach it. */
#include "pc-irq.h"

#define REG_SVR 0x0f
#define REG_TMR 0x18

static QTestState *start(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    apic_write(qtest, REG_SVR, 0x1ff);
    return qtest;
}

static void set_pin(QTestState *qtest, unsigned pin, bool level)
{
    qtest_set_irq_in(qtest, "ioapic", NULL, pin, level);
}

static void test_registers(void)
{
    QTestState *qtest = start();
    g_assert_cmphex(ioapic_read(qtest, 1), ==, 0x00170020);
    ioapic_write(qtest, 1, 0xffffffff);
    g_assert_cmphex(ioapic_read(qtest, 1), ==, 0x00170020);
    ioapic_write(qtest, 0, 0xffffffff);
    g_assert_cmphex(ioapic_read(qtest, 0), ==, 0x0f000000);
    g_assert_cmphex(ioapic_read(qtest, 2), ==, 0x0f000000);
    for (unsigned pin = 0; pin < 24; pin++) {
        g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * pin), ==, 0x10000);
        g_assert_cmphex(ioapic_read(qtest, 0x11 + 2 * pin), ==, 0);
        ioapic_write(qtest, 0x10 + 2 * pin, 0xffffffff);
        ioapic_write(qtest, 0x11 + 2 * pin, 0xffffffff);
        /* Delivery status and remote IRR are read-only. */
        g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * pin), ==, 0x1afff);
        g_assert_cmphex(ioapic_read(qtest, 0x11 + 2 * pin), ==, 0xff000000);
    }
    g_assert_cmphex(ioapic_read(qtest, 0x40), ==, 0);
    g_assert_cmphex(ioapic_read(qtest, 0xff), ==, 0);
    g_assert_cmphex(qtest_readl(qtest, IOAPIC_BASE), ==, 0xff);
    json_decref(qtest_qmp(qtest, "system_reset", NULL));
    json_decref(qtest_qmp_event(qtest, "RESET"));
    g_assert_cmphex(ioapic_read(qtest, 0x10), ==, 0x10000);
    qtest_quit(qtest);
}

static void test_edge(void)
{
    QTestState *qtest = start();
    ioapic_redirect(qtest, 5, 0x00055);
    g_assert_false(apic_requested(qtest, 0x55));
    set_pin(qtest, 5, true);
    g_assert_true(apic_requested(qtest, 0x55));
    g_assert_cmphex(apic_read(qtest, REG_TMR + 0x55 / 32), ==, 0);
    g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * 5), ==, 0x55);
    qtest_quit(qtest);
}

static void test_level(void)
{
    QTestState *qtest = start();
    ioapic_redirect(qtest, 6, 0x18066);
    set_pin(qtest, 6, true);
    g_assert_false(apic_requested(qtest, 0x66));
    ioapic_redirect(qtest, 6, 0x08066); /* a level that came while masked is not lost */
    g_assert_true(apic_requested(qtest, 0x66));
    g_assert_cmphex(apic_read(qtest, REG_TMR + 0x66 / 32), ==, 1u << (0x66 % 32));
    g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * 6), ==, 0x0c066);
    /* The EOI register, while asserted and when not. */
    qtest_writel(qtest, IOAPIC_BASE + 0x40, 0x65);
    g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * 6), ==, 0x0c066);
    qtest_writel(qtest, IOAPIC_BASE + 0x40, 0x66);
    g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * 6), ==, 0x0c066);
    set_pin(qtest, 6, false);
    qtest_writel(qtest, IOAPIC_BASE + 0x40, 0x66);
    g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * 6), ==, 0x08066);
    /* Remote IRR goes when the entry is made edge triggered. */
    set_pin(qtest, 6, true);
    ioapic_redirect(qtest, 6, 0x10066);
    ioapic_redirect(qtest, 6, 0x18066);
    g_assert_cmphex(ioapic_read(qtest, 0x10 + 2 * 6), ==, 0x18066);
    qtest_quit(qtest);
}

/* ISA interrupt 0 reaches pin 2, others the pin of their number. */
static void test_routing(void)
{
    QTestState *qtest = start();
    qtest_irq_intercept_in(qtest, "ioapic");
    pic_initialize(qtest);
    qtest_outb(qtest, 0x43, 0x30); /* counter 0, mode 0 */
    qtest_outb(qtest, 0x40, 10);
    qtest_outb(qtest, 0x40, 0);
    qtest_clock_step(qtest, 1000000);
    g_assert_true(qtest_get_irq(qtest, 2));
    g_assert_false(qtest_get_irq(qtest, 0));
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0x01);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/registers", test_registers);
    g_test_add_func("/ioapic/edge", test_edge);
    g_test_add_func("/ioapic/level", test_level);
    g_test_add_func("/ioapic/routing", test_routing);
    return g_test_run();
}
