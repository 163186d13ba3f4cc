/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Timers on the three clocks. The test that hands the virtual clock to a client comes last. */
#include "util/timer.h"

#define MS NANOSECONDS_PER_MILLISECOND

typedef struct Shot {
    Timer *timer;
    ClockType clock;
    char label;
    int64_t fired_at;
    int64_t again_after; /* re-arm in the callback, that far from now (once); 0: do not */
    bool always_now;     /* re-arm in the callback for a time that has passed */
    unsigned count;
} Shot;

static GString *fired;

static void on_timer(void *opaque)
{
    Shot *shot = opaque;

    g_string_append_c(fired, shot->label);
    shot->fired_at = clock_get_ns(shot->clock);
    shot->count++;
    g_assert_cmpuint(shot->count, <, 1000);
    if (shot->always_now) {
        timer_mod_ns(shot->timer, 0);
    } else if (shot->again_after) {
        timer_mod_ns(shot->timer, shot->fired_at + shot->again_after);
        shot->again_after = 0;
    }
}

static void shot_init(Shot *shot, ClockType clock, char label)
{
    *shot = (Shot){ .clock = clock, .label = label };
    shot->timer = timer_new_ns(clock, on_timer, shot);
    g_assert_false(timer_pending(shot->timer));
}

static void expect_fired(const char *labels)
{
    g_assert_cmpstr(fired->str, ==, labels);
    g_string_truncate(fired, 0);
}

/* Run the loop until @count callbacks ran, five seconds at most. */
static void wait_for(gsize count)
{
    gint64 deadline = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

    while (fired->len < count && g_get_monotonic_time() < deadline) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(100);
    }
}

static void run_for_ms(unsigned ms)
{
    gint64 deadline = g_get_monotonic_time() + ms * 1000;

    while (g_get_monotonic_time() < deadline) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(200);
    }
}

static void test_order(gconstpointer data)
{
    ClockType clock = GPOINTER_TO_UINT(data);
    int64_t now = clock_get_ns(clock);
    Shot a, b, c, d;

    shot_init(&a, clock, 'a');
    shot_init(&b, clock, 'b');
    shot_init(&c, clock, 'c');
    shot_init(&d, clock, 'd');
    timer_mod_ns(a.timer, now + 3 * MS);
    timer_mod_ns(b.timer, now + 2 * MS);
    timer_mod_ns(c.timer, now + 3 * MS); /* equal times: in order of arming */
    timer_mod_ns(d.timer, now + 1 * MS);
    timer_del(d.timer);
    timer_del(d.timer);
    g_assert_cmpint(timer_expire_time_ns(a.timer), ==, now + 3 * MS);
    g_assert_cmpint(timer_expire_time_ns(d.timer), ==, -1);
    wait_for(3);
    g_assert_cmpint(a.fired_at, >=, now + 3 * MS);
    g_assert_false(timer_pending(a.timer));
    run_for_ms(3);
    expect_fired("bac");
    timer_free(a.timer);
    timer_free(b.timer);
    timer_free(c.timer);
    timer_free(d.timer);
}

static void test_rearm(void)
{
    int64_t now = clock_get_ns(CLOCK_TYPE_REALTIME);
    Shot a, late;

    shot_init(&a, CLOCK_TYPE_REALTIME, 'a');
    shot_init(&late, CLOCK_TYPE_REALTIME, 'l');
    a.again_after = 2 * MS;
    timer_mod_ns(late.timer, now + 3600 * NANOSECONDS_PER_SECOND);
    timer_mod_ns(late.timer, now + 1 * MS); /* earlier than it was */
    timer_mod_ns(a.timer, now - 1);         /* has passed: as soon as possible */
    wait_for(3);
    expect_fired("ala");
    timer_free(a.timer);
    timer_free(late.timer);
}

/* A timer that is always late must neither hang the main loop nor starve its fellows. */
static void test_rearm_for_the_past(void)
{
    Shot a, b;

    shot_init(&a, CLOCK_TYPE_REALTIME, 'a');
    shot_init(&b, CLOCK_TYPE_REALTIME, 'b');
    a.always_now = true;
    timer_mod_ns(a.timer, 0);
    timer_mod_ns(b.timer, 1);
    g_usleep(100);
    for (unsigned i = 0; i < 100 && !b.count; i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(200);
    }
    g_assert_cmpuint(b.count, ==, 1);
    g_assert_cmpuint(a.count, <, 10);
    unsigned before = a.count;
    run_for_ms(5);
    g_assert_cmpuint(a.count, >, before);
    timer_free(a.timer);
    timer_free(b.timer);
    g_string_truncate(fired, 0);
}

static void test_virtual_clock_stops(void)
{
    Shot a;

    virtual_clock_stop();
    int64_t stopped_at = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    shot_init(&a, CLOCK_TYPE_VIRTUAL, 'a');
    timer_mod_ns(a.timer, stopped_at + 1 * MS);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==, stopped_at + 1 * MS);
    run_for_ms(4);
    expect_fired("");
    g_assert_cmpint(clock_get_ns(CLOCK_TYPE_VIRTUAL), ==, stopped_at);
    virtual_clock_stop();
    g_assert_cmpint(clock_get_ns(CLOCK_TYPE_VIRTUAL), ==, stopped_at);

    virtual_clock_start();
    virtual_clock_start();
    wait_for(1);
    expect_fired("a");
    g_assert_cmpint(a.fired_at, >=, stopped_at + 1 * MS);
    timer_free(a.timer);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==, -1);
}

/* A migrated clock: timers count from the time that came in. */
static void test_virtual_clock_set(void)
{
    Shot a;

    virtual_clock_stop();
    virtual_clock_set_ns(900 * NANOSECONDS_PER_SECOND);
    virtual_clock_skip_ns(100 * NANOSECONDS_PER_SECOND);
    g_assert_cmpint(clock_get_ns(CLOCK_TYPE_VIRTUAL), ==, 1000 * NANOSECONDS_PER_SECOND);
    shot_init(&a, CLOCK_TYPE_VIRTUAL, 'a');
    timer_mod_ns(a.timer, 1000 * NANOSECONDS_PER_SECOND + 1 * MS);
    virtual_clock_start();
    wait_for(1);
    expect_fired("a");
    g_assert_cmpint(a.fired_at, <, 1010 * NANOSECONDS_PER_SECOND);
    virtual_clock_stop();
    timer_free(a.timer);
}

static void test_external_clock(void)
{
    Shot a, b;

    virtual_clock_set_external();
    virtual_clock_set_ns(0);
    virtual_clock_skip_ns(100);
    g_assert_cmpint(clock_get_ns(CLOCK_TYPE_VIRTUAL), ==, 0);
    virtual_clock_start();
    shot_init(&a, CLOCK_TYPE_VIRTUAL, 'a');
    shot_init(&b, CLOCK_TYPE_VIRTUAL, 'b');
    timer_mod_ns(a.timer, 100);
    timer_mod_ns(b.timer, 250);
    a.again_after = 200;
    run_for_ms(2);
    expect_fired("");

    g_assert_cmpint(virtual_clock_advance_to_ns(99), ==, 99);
    expect_fired("");
    g_assert_cmpint(virtual_clock_advance_to_ns(100), ==, 100);
    expect_fired("a");
    g_assert_cmpint(a.fired_at, ==, 100);
    g_assert_cmpint(virtual_clock_deadline_ns(), ==, 250);
    g_assert_cmpint(virtual_clock_advance_to_ns(1000), ==, 1000);
    expect_fired("ba");
    g_assert_cmpint(b.fired_at, ==, 250);
    g_assert_cmpint(a.fired_at, ==, 300);
    g_assert_cmpint(virtual_clock_advance_to_ns(10), ==, 1000); /* never backwards */
    timer_free(a.timer);
    timer_free(b.timer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fired = g_string_new(NULL);
    timers_init(NULL);
    virtual_clock_start();
    g_test_add_data_func("/timer/order-realtime", GUINT_TO_POINTER(CLOCK_TYPE_REALTIME),
                         test_order);
    g_test_add_data_func("/timer/order-virtual", GUINT_TO_POINTER(CLOCK_TYPE_VIRTUAL), test_order);
    g_test_add_data_func("/timer/order-host", GUINT_TO_POINTER(CLOCK_TYPE_HOST), test_order);
    g_test_add_func("/timer/rearm", test_rearm);
    g_test_add_func("/timer/rearm-for-the-past", test_rearm_for_the_past);
    g_test_add_func("/timer/virtual-clock-stops", test_virtual_clock_stops);
    g_test_add_func("/timer/virtual-clock-set", test_virtual_clock_set);
    g_test_add_func("/timer/external-clock", test_external_clock);
    int status = g_test_run();
    g_string_free(fired, TRUE);
    return status;
}
