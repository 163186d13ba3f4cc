/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A timer that is armed for a moment that passes just then fires all the same. */
#include "system/bql.h"
#include "system/main-loop.h"
#include "util/timer.h"

#define ROUNDS     20000
#define LONGEST_NS 400
#define GIVE_UP_US (10 * G_USEC_PER_SEC)

static void count(void *opaque)
{
    (*(unsigned *)opaque)++;
}

static gboolean give_up(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_REMOVE;
}

/* Run the main loop until *@fired has changed; false when that takes far too long. */
static bool wait_fired(const unsigned *fired, unsigned before)
{
    bool late = false;
    guint source = g_timeout_add(GIVE_UP_US / 1000, give_up, &late);

    while (*fired == before && !late) {
        main_loop_iterate(true);
    }
    if (!late) {
        g_source_remove(source);
    }
    return !late;
}

static void test_clock(ClockType clock)
{
    unsigned fired = 0;
    g_autoptr(Timer) timer = timer_new_ns(clock, count, &fired);

    for (unsigned round = 0; round < ROUNDS; round++) {
        timer_mod_ns(timer, clock_get_ns(clock) + round % LONGEST_NS);
        g_assert_true(wait_fired(&fired, round));
    }
    g_assert_cmpuint(fired, ==, ROUNDS);
}

static void test_realtime(void)
{
    test_clock(CLOCK_TYPE_REALTIME);
}

static void test_virtual(void)
{
    virtual_clock_start();
    test_clock(CLOCK_TYPE_VIRTUAL);
    virtual_clock_stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/timer-arming/realtime", test_realtime);
    g_test_add_func("/timer-arming/virtual", test_virtual);
    int result = g_test_run();
    bql_unlock();
    return result;
}
