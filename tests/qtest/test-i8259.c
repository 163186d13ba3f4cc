/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The 8259A pair. Polling takes the place of the processor's acknowledge cycles. */
#include "pc-irq.h"

#define EOI           0x20
#define SPECIFIC_EOI  0x60
#define ROTATE_ON_EOI 0xa0
#define SET_PRIORITY  0xc0
#define SPECIAL_MASK  0x68
#define NO_SPECIAL    0x48

static void test_initialization(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    g_assert_cmphex(qtest_inb(qtest, PIC_MASTER + 1), ==, 0);
    qtest_outb(qtest, PIC_MASTER + 1, 0xa5);
    qtest_outb(qtest, PIC_SLAVE + 1, 0x5a);
    g_assert_cmphex(qtest_inb(qtest, PIC_MASTER + 1), ==, 0xa5);
    g_assert_cmphex(qtest_inb(qtest, PIC_SLAVE + 1), ==, 0x5a);
    pic_line(qtest, 3, true);
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0x08);
    /* ICW1 clears the mask and forgets edges; the line must fall and rise again. */
    pic_initialize(qtest);
    g_assert_cmphex(qtest_inb(qtest, PIC_MASTER + 1), ==, 0);
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0);
    pic_line(qtest, 3, false);
    pic_line(qtest, 3, true);
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0x08);
    /* A single controller expects no ICW3, and without IC4 no ICW4. */
    qtest_outb(qtest, PIC_MASTER, 0x12);
    qtest_outb(qtest, PIC_MASTER + 1, 0x40);
    qtest_outb(qtest, PIC_MASTER + 1, 0x77);
    g_assert_cmphex(qtest_inb(qtest, PIC_MASTER + 1), ==, 0x77);
    qtest_quit(qtest);
}

static void test_edge(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    qtest_irq_intercept_out(qtest, "pic-master");
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0);
    pic_line(qtest, 4, true);
    g_assert_true(qtest_get_irq(qtest, 0));
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x84);
    g_assert_false(qtest_get_irq(qtest, 0));
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0);
    g_assert_cmphex(pic_isr(qtest, PIC_MASTER), ==, 0x10);
    qtest_outb(qtest, PIC_MASTER, EOI);
    g_assert_cmphex(pic_isr(qtest, PIC_MASTER), ==, 0);
    /* Still high, but no new edge. */
    g_assert_false(qtest_get_irq(qtest, 0));
    pic_line(qtest, 4, false);
    pic_line(qtest, 4, true);
    g_assert_true(qtest_get_irq(qtest, 0));
    /* Masking withdraws the request and keeps it. */
    qtest_outb(qtest, PIC_MASTER + 1, 0x10);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_outb(qtest, PIC_MASTER + 1, 0x00);
    g_assert_true(qtest_get_irq(qtest, 0));
    qtest_quit(qtest);
}

static void test_level(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    qtest_outb(qtest, ELCR, 0xff);
    qtest_outb(qtest, ELCR + 1, 0xff);
    g_assert_cmphex(qtest_inb(qtest, ELCR), ==, 0xf8);
    g_assert_cmphex(qtest_inb(qtest, ELCR + 1), ==, 0xde);
    qtest_outb(qtest, ELCR, 0x20);
    qtest_irq_intercept_out(qtest, "pic-master");
    pic_line(qtest, 5, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x85);
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0x20);
    g_assert_false(qtest_get_irq(qtest, 0)); /* in service */
    qtest_outb(qtest, PIC_MASTER, EOI);
    g_assert_true(qtest_get_irq(qtest, 0)); /* still asserted */
    pic_line(qtest, 5, false);
    g_assert_false(qtest_get_irq(qtest, 0));
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0);
    qtest_quit(qtest);
}

static void test_priorities(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    qtest_irq_intercept_out(qtest, "pic-master");
    pic_line(qtest, 6, true);
    pic_line(qtest, 4, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x84);
    g_assert_false(qtest_get_irq(qtest, 0)); /* 6 waits for 4 */
    pic_line(qtest, 1, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x81); /* 1 interrupts 4 */
    g_assert_cmphex(pic_isr(qtest, PIC_MASTER), ==, 0x12);
    qtest_outb(qtest, PIC_MASTER, EOI);
    g_assert_cmphex(pic_isr(qtest, PIC_MASTER), ==, 0x10);
    qtest_outb(qtest, PIC_MASTER, SPECIFIC_EOI | 4);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x86);
    qtest_outb(qtest, PIC_MASTER, ROTATE_ON_EOI); /* 6 becomes the lowest, 7 the highest */
    for (unsigned n = 0; n < 8; n++) {
        if (n != 2) {
            pic_line(qtest, n, false);
            pic_line(qtest, n, true);
        }
    }
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x87);
    qtest_outb(qtest, PIC_MASTER, EOI);
    qtest_outb(qtest, PIC_MASTER, SET_PRIORITY | 3); /* 4 is the highest */
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x84);
    qtest_quit(qtest);
}

static void test_special_mask(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    pic_line(qtest, 3, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x83);
    pic_line(qtest, 6, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0);
    qtest_outb(qtest, PIC_MASTER, SPECIAL_MASK);
    qtest_outb(qtest, PIC_MASTER + 1, 0x08); /* 3 is masked: it stands in nobody's way */
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x86);
    qtest_outb(qtest, PIC_MASTER, EOI);
    g_assert_cmphex(pic_isr(qtest, PIC_MASTER), ==, 0x08);
    qtest_outb(qtest, PIC_MASTER, NO_SPECIAL);
    pic_line(qtest, 6, false);
    pic_line(qtest, 6, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0);
    qtest_quit(qtest);
}

static void test_auto_eoi(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    qtest_outb(qtest, PIC_MASTER, 0x11);
    qtest_outb(qtest, PIC_MASTER + 1, 0x20);
    qtest_outb(qtest, PIC_MASTER + 1, 0x04);
    qtest_outb(qtest, PIC_MASTER + 1, 0x03);
    qtest_outb(qtest, PIC_MASTER, 0x80); /* rotate */
    pic_line(qtest, 0, true);
    pic_line(qtest, 1, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x80);
    g_assert_cmphex(pic_isr(qtest, PIC_MASTER), ==, 0);
    pic_line(qtest, 0, false);
    pic_line(qtest, 0, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x81); /* 0 is the lowest now */
    qtest_quit(qtest);
}

static void test_cascade(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    pic_initialize(qtest);
    qtest_irq_intercept_out(qtest, "pic-master");
    pic_line(qtest, 12, true);
    g_assert_true(qtest_get_irq(qtest, 0));
    g_assert_cmphex(pic_irr(qtest, PIC_MASTER), ==, 0x04);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x82);
    g_assert_cmphex(pic_poll(qtest, PIC_SLAVE), ==, 0x84);
    /* A second one of the slave, even of higher priority, waits for the master's EOI... */
    pic_line(qtest, 9, true);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_outb(qtest, PIC_MASTER, EOI);
    g_assert_true(qtest_get_irq(qtest, 0));
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x82);
    g_assert_cmphex(pic_poll(qtest, PIC_SLAVE), ==, 0x81);
    g_assert_cmphex(pic_isr(qtest, PIC_SLAVE), ==, 0x12);
    qtest_outb(qtest, PIC_SLAVE, EOI);
    qtest_outb(qtest, PIC_SLAVE, EOI);
    qtest_outb(qtest, PIC_MASTER, EOI);
    /* ... unless the master is in special fully nested mode. */
    qtest_outb(qtest, PIC_MASTER, 0x11);
    qtest_outb(qtest, PIC_MASTER + 1, 0x20);
    qtest_outb(qtest, PIC_MASTER + 1, 0x04);
    qtest_outb(qtest, PIC_MASTER + 1, 0x11);
    pic_line(qtest, 12, false);
    pic_line(qtest, 12, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x82);
    g_assert_cmphex(pic_poll(qtest, PIC_SLAVE), ==, 0x84);
    pic_line(qtest, 9, false);
    pic_line(qtest, 9, true);
    g_assert_cmphex(pic_poll(qtest, PIC_MASTER), ==, 0x82);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/initialization", test_initialization);
    g_test_add_func("/i8259/edge", test_edge);
    g_test_add_func("/i8259/level", test_level);
    g_test_add_func("/i8259/priorities", test_priorities);
    g_test_add_func("/i8259/special-mask", test_special_mask);
    g_test_add_func("/i8259/auto-eoi", test_auto_eoi);
    g_test_add_func("/i8259/cascade", test_cascade);
    return g_test_run();
}
