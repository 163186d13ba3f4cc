/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The 8254 timer and port 61. */
#include "pc-irq.h"

#define PIT     0x40
#define CONTROL 0x43
#define PORT61  0x61
#define HZ      1193182

#define LATCH_COUNTER_0 0x00
#define READ_BACK       0xc0

/* Nanoseconds after which @ticks of the 8254's clock are over. */
static int64_t ticks_ns(uint64_t ticks)
{
    return (ticks * 1000000000 + HZ - 1) / HZ;
}

static void program(QTestState *qtest, unsigned counter, unsigned mode, uint16_t count)
{
    qtest_outb(qtest, CONTROL, counter << 6 | 0x30 | mode << 1);
    qtest_outb(qtest, PIT + counter, count & 0xff);
    qtest_outb(qtest, PIT + counter, count >> 8);
}

static uint16_t read_count(QTestState *qtest, unsigned counter)
{
    uint8_t low = qtest_inb(qtest, PIT + counter);
    return low | qtest_inb(qtest, PIT + counter) << 8;
}

static uint16_t latch_count(QTestState *qtest, unsigned counter)
{
    qtest_outb(qtest, CONTROL, counter << 6);
    return read_count(qtest, counter);
}

static uint8_t read_status(QTestState *qtest, unsigned counter)
{
    qtest_outb(qtest, CONTROL, READ_BACK | 0x20 | 2 << counter);
    return qtest_inb(qtest, PIT + counter);
}

/* The output of counter 2. */
static bool out2(QTestState *qtest)
{
    return qtest_inb(qtest, PORT61) & 0x20;
}

static void test_rate_generator(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_irq_intercept_out(qtest, "pit");
    program(qtest, 0, 2, 11932);
    int64_t start = qtest_clock_step(qtest, 0);
    for (unsigned i = 1; i <= 5; i++) {
        g_assert_cmpint(qtest_clock_step_next(qtest), ==, start + ticks_ns(11932 * i));
        g_assert_true(qtest_get_irq(qtest, 0));
    }
    /* The first rise was the output going high with the mode. */
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, 6);
    /* No drift over ten minutes. */
    qtest_clock_set(qtest, start + INT64_C(600) * 1000000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, 1 + INT64_C(600) * HZ / 11932);
    qtest_quit(qtest);
}

static void test_counting(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    program(qtest, 0, 2, 1000);
    int64_t start = qtest_clock_step(qtest, 0);
    g_assert_cmpuint(latch_count(qtest, 0), ==, 1000);
    qtest_clock_set(qtest, start + ticks_ns(1));
    g_assert_cmpuint(latch_count(qtest, 0), ==, 999);
    qtest_clock_set(qtest, start + ticks_ns(999));
    g_assert_cmpuint(latch_count(qtest, 0), ==, 1);
    qtest_clock_set(qtest, start + ticks_ns(1000));
    g_assert_cmpuint(latch_count(qtest, 0), ==, 1000);
    /* A latched count stays until it was read; a second latch command is ignored. */
    qtest_clock_set(qtest, start + ticks_ns(1100));
    qtest_outb(qtest, CONTROL, LATCH_COUNTER_0);
    qtest_clock_set(qtest, start + ticks_ns(1200));
    qtest_outb(qtest, CONTROL, LATCH_COUNTER_0);
    g_assert_cmpuint(read_count(qtest, 0), ==, 900);
    g_assert_cmpuint(read_count(qtest, 0), ==, 800);
    /* A new count is taken over at the end of the period. */
    qtest_outb(qtest, PIT, 5000 & 0xff);
    qtest_outb(qtest, PIT, 5000 >> 8);
    g_assert_cmphex(read_status(qtest, 0) & 0x40, ==, 0x40);
    g_assert_cmpuint(latch_count(qtest, 0), ==, 800);
    qtest_clock_set(qtest, start + ticks_ns(2000));
    g_assert_cmphex(read_status(qtest, 0) & 0x40, ==, 0);
    g_assert_cmpuint(latch_count(qtest, 0), ==, 5000);
    /* Zero means 65536. */
    program(qtest, 0, 2, 0);
    start = qtest_clock_step(qtest, 0);
    qtest_clock_set(qtest, start + ticks_ns(65535));
    g_assert_cmpuint(latch_count(qtest, 0), ==, 1);
    qtest_quit(qtest);
}

static void test_terminal_count(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_irq_intercept_out(qtest, "pit");
    program(qtest, 0, 0, 500);
    g_assert_false(qtest_get_irq(qtest, 0));
    g_assert_cmphex(read_status(qtest, 0), ==, 0x30);
    qtest_clock_step(qtest, ticks_ns(500) - 1);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_clock_step(qtest, 1);
    g_assert_true(qtest_get_irq(qtest, 0));
    g_assert_cmphex(read_status(qtest, 0), ==, 0xb0);
    qtest_clock_step(qtest, 1000000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, 1);
    /* A new count starts again; its first byte already lowers the output. */
    qtest_outb(qtest, PIT, 100);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_clock_step(qtest, 1000000);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_outb(qtest, PIT, 0);
    qtest_clock_step(qtest, ticks_ns(100));
    g_assert_true(qtest_get_irq(qtest, 0));
    qtest_quit(qtest);
}

static void test_software_strobe(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_irq_intercept_out(qtest, "pit");
    program(qtest, 0, 4, 500);
    unsigned before = qtest_irq_raised_count(qtest, 0);
    qtest_clock_step(qtest, ticks_ns(501) - 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, before);
    g_assert_cmphex(read_status(qtest, 0) & 0x80, ==, 0);
    qtest_clock_step(qtest, 1);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, before + 1);
    g_assert_cmphex(read_status(qtest, 0) & 0x80, ==, 0x80);
    qtest_clock_step(qtest, 1000000000);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, before + 1);
    qtest_quit(qtest);
}

static void test_square_wave(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_outb(qtest, PORT61, 1);
    program(qtest, 2, 3, 1000);
    int64_t start = qtest_clock_step(qtest, 0);
    g_assert_true(out2(qtest));
    qtest_clock_set(qtest, start + ticks_ns(100));
    g_assert_cmpuint(latch_count(qtest, 2), ==, 800); /* counts by two */
    qtest_clock_set(qtest, start + ticks_ns(499));
    g_assert_true(out2(qtest));
    qtest_clock_set(qtest, start + ticks_ns(500));
    g_assert_false(out2(qtest));
    qtest_clock_set(qtest, start + ticks_ns(999));
    g_assert_false(out2(qtest));
    qtest_clock_set(qtest, start + ticks_ns(1000));
    g_assert_true(out2(qtest));
    /* Without gate it is high and begins anew with the gate. */
    qtest_clock_set(qtest, start + ticks_ns(1600));
    g_assert_false(out2(qtest));
    qtest_outb(qtest, PORT61, 0);
    g_assert_true(out2(qtest));
    qtest_clock_step(qtest, ticks_ns(300));
    qtest_outb(qtest, PORT61, 1);
    g_assert_cmpuint(latch_count(qtest, 2), ==, 1000);
    qtest_quit(qtest);
}

/* As operating systems measure the speed of the processor. */
static void test_gate(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_outb(qtest, PORT61, 0);
    program(qtest, 2, 0, 1000);
    qtest_clock_step(qtest, ticks_ns(5000));
    g_assert_false(out2(qtest));
    g_assert_cmpuint(latch_count(qtest, 2), ==, 1000);
    qtest_outb(qtest, PORT61, 1);
    qtest_clock_step(qtest, ticks_ns(400));
    qtest_outb(qtest, PORT61, 0); /* halts */
    qtest_clock_step(qtest, ticks_ns(5000));
    g_assert_cmpuint(latch_count(qtest, 2), ==, 600);
    qtest_outb(qtest, PORT61, 1);
    /* Two parts rounded to nanoseconds make up the whole. */
    qtest_clock_step(qtest, ticks_ns(600) - 3);
    g_assert_false(out2(qtest));
    qtest_clock_step(qtest, 6);
    g_assert_true(out2(qtest));
    /* One-shot: the gate triggers. */
    qtest_outb(qtest, PORT61, 0);
    program(qtest, 2, 1, 200);
    g_assert_true(out2(qtest));
    qtest_outb(qtest, PORT61, 1);
    g_assert_false(out2(qtest));
    qtest_clock_step(qtest, ticks_ns(199));
    g_assert_false(out2(qtest));
    qtest_clock_step(qtest, ticks_ns(1));
    g_assert_true(out2(qtest));
    /* Hardware strobe. */
    qtest_outb(qtest, PORT61, 0);
    program(qtest, 2, 5, 50);
    qtest_outb(qtest, PORT61, 1);
    g_assert_true(out2(qtest));
    qtest_clock_step(qtest, ticks_ns(50));
    g_assert_false(out2(qtest));
    qtest_clock_step(qtest, ticks_ns(1));
    g_assert_true(out2(qtest));
    qtest_quit(qtest);
}

static void test_access_modes(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_outb(qtest, CONTROL, 0x14); /* low byte only, mode 2 */
    qtest_outb(qtest, PIT, 200);
    g_assert_cmphex(qtest_inb(qtest, PIT), ==, 200);
    g_assert_cmphex(qtest_inb(qtest, PIT), ==, 200);
    g_assert_cmphex(read_status(qtest, 0), ==, 0x94);
    qtest_outb(qtest, CONTROL, 0x24); /* high byte only */
    qtest_outb(qtest, PIT, 0x12);
    g_assert_cmphex(qtest_inb(qtest, PIT), ==, 0x12);
    qtest_outb(qtest, CONTROL, 0x35); /* BCD */
    qtest_outb(qtest, PIT, 0x00);
    qtest_outb(qtest, PIT, 0x10);
    int64_t start = qtest_clock_step(qtest, 0);
    g_assert_cmphex(latch_count(qtest, 0), ==, 0x1000);
    qtest_clock_set(qtest, start + ticks_ns(1));
    g_assert_cmphex(latch_count(qtest, 0), ==, 0x0999);
    /* Read-back of status and count of two counters at once: status comes first. */
    program(qtest, 2, 2, 0x1234);
    qtest_outb(qtest, CONTROL, READ_BACK | 2 | 8);
    g_assert_cmphex(qtest_inb(qtest, PIT), ==, 0xb5);
    g_assert_cmphex(qtest_inb(qtest, PIT), ==, 0x99);
    g_assert_cmphex(qtest_inb(qtest, PIT), ==, 0x09);
    g_assert_cmphex(qtest_inb(qtest, PIT + 2), ==, 0xb4);
    qtest_quit(qtest);
}

static void test_port61(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    qtest_outb(qtest, PORT61, 0xff);
    g_assert_cmphex(qtest_inb(qtest, PORT61) & 0x0f, ==, 0x0f);
    qtest_outb(qtest, PORT61, 0x02);
    g_assert_cmphex(qtest_inb(qtest, PORT61) & 0x0f, ==, 0x02);
    uint8_t refresh = qtest_inb(qtest, PORT61) & 0x10;
    qtest_clock_step(qtest, 15085);
    g_assert_cmphex(qtest_inb(qtest, PORT61) & 0x10, !=, refresh);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/rate-generator", test_rate_generator);
    g_test_add_func("/i8254/counting", test_counting);
    g_test_add_func("/i8254/terminal-count", test_terminal_count);
    g_test_add_func("/i8254/software-strobe", test_software_strobe);
    g_test_add_func("/i8254/square-wave", test_square_wave);
    g_test_add_func("/i8254/gate", test_gate);
    g_test_add_func("/i8254/access-modes", test_access_modes);
    g_test_add_func("/i8254/port61", test_port61);
    return g_test_run();
}
