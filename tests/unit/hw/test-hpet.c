/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Timers of the HPET whose interrupt is off: they go on, but wake nobody. */
#include "hw/timer/hpet.h"

#include "irq-board.h"
#include "util/timer.h"

#define CONFIG     (HPET_BASE + 0x010)
#define STATUS     (HPET_BASE + 0x020)
#define TIMER0     (HPET_BASE + 0x100)
#define COMPARATOR (HPET_BASE + 0x108)

#define ENABLE    0x1
#define TN_LEVEL  0x002
#define TN_ENABLE 0x004
#define TN_PERIOD 0x008
#define TN_SET    0x040
#define TN_32_BIT 0x100
#define TN_ROUTE2 (2 << 9)

#define TICK_NS     10
#define PERIOD      400000u /* 4 ms */
#define FIRST       100000u
#define PERIOD_NS   ((int64_t)PERIOD * TICK_NS)
#define WRAP_PERIOD ((INT64_C(1) << 32) * TICK_NS)

static IRQBoard *board;

/*
 * A periodic 32-bit timer that matches at FIRST and every PERIOD ticks from there. Returns the
 * virtual time at which the counter is 0.
 */
static int64_t start(uint32_t interrupt)
{
    uint32_t config = TN_PERIOD | TN_32_BIT | TN_ROUTE2 | interrupt;

    irq_board_reset(board);
    board_store(TIMER0, config | TN_SET);
    board_store(COMPARATOR, FIRST);
    board_store(COMPARATOR, PERIOD);
    board_store(CONFIG, ENABLE);
    return clock_get_ns(CLOCK_TYPE_VIRTUAL);
}

static void test_wakes_nobody(void)
{
    int64_t begin = start(0);

    g_assert_cmpint(virtual_clock_deadline_ns(), ==, -1);
    board_store(TIMER0, board_load(TIMER0) | TN_ENABLE);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==, begin + FIRST * TICK_NS);
    board_store(TIMER0, board_load(TIMER0) & ~(uint32_t)TN_ENABLE);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==, -1);
}

/* The comparator is where it would be with the interrupt on. */
static void test_goes_on(void)
{
    start(0);
    irq_board_advance(FIRST * TICK_NS - 1);
    g_assert_cmpuint(board_load(COMPARATOR), ==, FIRST);
    irq_board_advance(1);
    g_assert_cmpuint(board_load(COMPARATOR), ==, FIRST + PERIOD);
    irq_board_advance(10 * PERIOD_NS + PERIOD_NS / 2);
    g_assert_cmpuint(board_load(COMPARATOR), ==, FIRST + 11 * PERIOD);
}

/* Nobody looks while the counter of 32 bits begins anew several times. */
static void test_keeps_its_phase(void)
{
    uint64_t matches = 3 * (UINT64_C(1) << 32) / PERIOD;
    int64_t begin = start(0);

    irq_board_advance(FIRST * TICK_NS + (int64_t)matches * PERIOD_NS + TICK_NS);
    g_assert_cmpuint(board_load(COMPARATOR), ==, (uint32_t)(FIRST + (matches + 1) * PERIOD));
    board_store(TIMER0, board_load(TIMER0) | TN_ENABLE);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==,
                    begin + FIRST * TICK_NS + (int64_t)(matches + 1) * PERIOD_NS);
}

/* Level triggered, a match shows in the General Interrupt Status Register all the same. */
static void test_status(void)
{
    start(TN_LEVEL);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==, -1);
    g_assert_cmpuint(board_load(STATUS), ==, 0);
    irq_board_advance(FIRST * TICK_NS);
    g_assert_cmpuint(board_load(STATUS), ==, 1);
    board_store(STATUS, 1);
    g_assert_cmpuint(board_load(STATUS), ==, 0);
    irq_board_advance(WRAP_PERIOD);
    g_assert_cmpuint(board_load(STATUS), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    board = irq_board_new();
    g_test_add_func("/hpet/interrupt-off/wakes-nobody", test_wakes_nobody);
    g_test_add_func("/hpet/interrupt-off/goes-on", test_goes_on);
    g_test_add_func("/hpet/interrupt-off/keeps-its-phase", test_keeps_its_phase);
    g_test_add_func("/hpet/interrupt-off/status", test_status);
    return g_test_run();
}
