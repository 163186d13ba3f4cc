/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* ACPI fixed hardware: timer, events, SCI, sleeping. */
#include "hw/acpi/pm.h"
#include "isa-harness.h"
#include "util/timer.h"

#define STATUS  0x600
#define ENABLE  0x602
#define CONTROL 0x604
#define TIMER   0x608

#define EVENT_TIMER  0x0001
#define EVENT_BUTTON 0x0100

#define TIMER_HZ   3579545
#define TIMER_MASK 0xffffffu
#define HALF_TICKS (1 << 23)

static Device *pm;

static ISAHarness *fresh(void)
{
    DEVICE_GET_CLASS(pm)->reset(pm);
    return isa_harness();
}

static int64_t ticks_to_ns(int64_t ticks)
{
    return (ticks * NANOSECONDS_PER_SECOND + TIMER_HZ - 1) / TIMER_HZ;
}

static void press_power_button(void)
{
    runstate_request_powerdown();
    run_pending();
}

static void test_timer_runs(void)
{
    fresh();
    uint32_t before = port_read32(TIMER);
    clock_advance_ns(NANOSECONDS_PER_SECOND);
    uint32_t after = port_read32(TIMER);
    g_assert_cmpuint((after - before) & TIMER_MASK, >=, TIMER_HZ);
    g_assert_cmpuint((after - before) & TIMER_MASK, <=, TIMER_HZ + 1);
    g_assert_cmpuint(after, <=, TIMER_MASK);
    g_assert_cmphex(port_read16(TIMER), ==, after & 0xffff);
    g_assert_cmphex(port_read8(TIMER + 2), ==, after >> 16);
    /* It cannot be written. */
    port_write16(TIMER, 0);
    g_assert_cmphex(port_read32(TIMER), ==, after);
}

/* Move to just before the next toggle of the timer's highest bit. */
static void approach_toggle(void)
{
    __int128 now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    int64_t ticks = (int64_t)(now * TIMER_HZ / NANOSECONDS_PER_SECOND);
    int64_t target = ticks_to_ns((ticks / HALF_TICKS + 1) * HALF_TICKS);

    virtual_clock_advance_to_ns(target - 1);
}

static void test_timer_event(void)
{
    ISAHarness *harness = fresh();

    port_write8(0xb2, 0xf1);
    port_write16(ENABLE, EVENT_TIMER);
    approach_toggle();
    g_assert_cmphex(port_read16(STATUS), ==, 0);
    g_assert_cmpint(harness->level[9], ==, 0);
    clock_advance_ns(1);
    g_assert_cmpint(harness->level[9], ==, 1);
    g_assert_cmphex(port_read16(STATUS), ==, EVENT_TIMER);
    port_write16(STATUS, EVENT_TIMER);
    g_assert_cmpint(harness->level[9], ==, 0);
    clock_advance_ns(ticks_to_ns(HALF_TICKS) - 1000);
    g_assert_cmphex(port_read16(STATUS), ==, 0);
    clock_advance_ns(2000);
    g_assert_cmpint(harness->level[9], ==, 1);
}

static void test_timer_status_without_interrupt(void)
{
    ISAHarness *harness = fresh();

    approach_toggle();
    clock_advance_ns(1);
    g_assert_cmphex(port_read16(STATUS), ==, EVENT_TIMER);
    g_assert_cmpint(harness->level[9], ==, 0);
    port_write8(0xb2, 0xf1);
    port_write16(ENABLE, EVENT_TIMER);
    g_assert_cmpint(harness->level[9], ==, 1);
}

static void test_power_button(void)
{
    ISAHarness *harness = fresh();

    press_power_button();
    g_assert_cmphex(port_read16(STATUS), ==, EVENT_BUTTON);
    g_assert_cmpint(harness->level[9], ==, 0);
    port_write16(ENABLE, EVENT_BUTTON);
    g_assert_cmpint(harness->level[9], ==, 0);
    port_write8(0xb2, 0xf1); /* ACPI mode on */
    g_assert_cmphex(port_read16(CONTROL), ==, 0x0001);
    g_assert_cmpint(harness->level[9], ==, 1);
    port_write8(STATUS + 1, 0x01); /* by bytes, and without touching the enable register */
    g_assert_cmphex(port_read32(STATUS), ==, (uint32_t)EVENT_BUTTON << 16);
    g_assert_cmpint(harness->level[9], ==, 0);
    press_power_button();
    g_assert_cmpint(harness->level[9], ==, 1);
    port_write8(0xb2, 0xf0);
    g_assert_cmpint(harness->level[9], ==, 0);
    g_assert_cmphex(port_read8(0xb2), ==, 0xf0);
}

static void test_sleep(void)
{
    ISAHarness *harness = fresh();
    unsigned seen = harness->shutdown_requests;

    port_write16(CONTROL, 0x1c00); /* a sleep type without sleep enable */
    run_pending();
    g_assert_cmpuint(harness->shutdown_requests, ==, seen);
    port_write16(CONTROL, 0x2400); /* not S5 */
    run_pending();
    g_assert_cmpuint(harness->shutdown_requests, ==, seen);
    g_assert_cmphex(port_read16(CONTROL), ==, 0x0400);
    port_write16(CONTROL, 0x2000);
    run_pending();
    g_assert_cmpuint(harness->shutdown_requests, ==, seen + 1);
}

static void test_state(void)
{
    fresh();
    check_state_round_trip(pm, STATUS, 12);
    check_hostile_states(pm, STATUS, 12);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pm = acpi_pm_create(&isa_harness()->lines[9]);
    acpi_pm_map(pm, STATUS);
    g_test_add_func("/acpi-pm/timer-runs", test_timer_runs);
    g_test_add_func("/acpi-pm/timer-event", test_timer_event);
    g_test_add_func("/acpi-pm/timer-status", test_timer_status_without_interrupt);
    g_test_add_func("/acpi-pm/power-button", test_power_button);
    g_test_add_func("/acpi-pm/sleep", test_sleep);
    g_test_add_func("/acpi-pm/state", test_state);
    return g_test_run();
}
