/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Bottom halves: their order, their turns, and that the main loop never sleeps through one. */
#include "system/bottom-half.h"

#include <glib-unix.h>
#include <unistd.h>

#include "system/bql.h"
#include "system/main-loop.h"

#define THREAD_ROUNDS 20000

typedef struct Half {
    BottomHalf *half;
    GString *log;
    char name;
    bool again; /* schedules itself */
    bool frees;
} Half;

static void run(void *opaque)
{
    Half *half = opaque;

    g_assert_true(bql_locked() && main_loop_is_own_thread());
    g_string_append_c(half->log, half->name);
    if (half->again) {
        bottom_half_schedule(half->half);
    }
    if (half->frees) {
        g_clear_pointer(&half->half, bottom_half_free);
    }
}

static Half make(GString *log, char name)
{
    return (Half){ .log = log, .name = name };
}

static void test_order(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    Half a = make(log, 'a'), b = make(log, 'b'), c = make(log, 'c');

    a.half = bottom_half_new(run, &a);
    b.half = bottom_half_new(run, &b);
    c.half = bottom_half_new(run, &c);
    bottom_half_schedule(b.half);
    bottom_half_schedule(a.half);
    bottom_half_schedule(b.half);
    bottom_half_schedule(c.half);
    bottom_half_cancel(a.half);
    g_assert_true(bottom_halves_pending());
    main_loop_iterate(true);
    g_assert_cmpstr(log->str, ==, "bc");
    g_assert_false(bottom_halves_pending());
    bottom_half_schedule(c.half);
    bottom_half_schedule(a.half);
    g_clear_pointer(&c.half, bottom_half_free);
    g_clear_pointer(&a.half, bottom_half_free);
    bottom_half_schedule(b.half);
    main_loop_iterate(true);
    g_assert_cmpstr(log->str, ==, "bcb");
    b.frees = true;
    bottom_half_schedule(b.half);
    main_loop_iterate(true);
    g_assert_cmpstr(log->str, ==, "bcbb");
    g_assert_null(b.half);
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer opaque)
{
    *(bool *)opaque = true;
    return G_SOURCE_REMOVE;
}

/* One that schedules itself runs once in a turn, and events have their turn all the same. */
static void test_turns(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    Half half = make(log, 'x');
    bool readable = false;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    g_assert_cmpint(write(fds[1], "", 1), ==, 1);
    half.half = bottom_half_new(run, &half);
    half.again = true;
    bottom_half_schedule(half.half);
    g_unix_fd_add(fds[0], G_IO_IN, on_readable, &readable);
    for (unsigned turn = 1; turn <= 3; turn++) {
        main_loop_iterate(true);
        g_assert_cmpuint(log->len, ==, turn);
    }
    g_assert_true(readable);
    bottom_half_free(half.half);
    close(fds[0]);
    close(fds[1]);
}

/* ---- from another thread ---- */

typedef struct Caller {
    BottomHalf *half;
    bool with_bql;
    unsigned done; /* atomic: how often the bottom half has run */
} Caller;

static void count(void *opaque)
{
    Caller *caller = opaque;

    __atomic_fetch_add(&caller->done, 1, __ATOMIC_RELEASE);
}

/* Each round waits for the one before, so that the loop falls asleep now and then. */
static gpointer schedule_rounds(gpointer opaque)
{
    Caller *caller = opaque;

    for (unsigned round = 0; round < THREAD_ROUNDS; round++) {
        if (caller->with_bql) {
            bql_lock();
        }
        bottom_half_schedule(caller->half);
        if (caller->with_bql) {
            bql_unlock();
        }
        while (__atomic_load_n(&caller->done, __ATOMIC_ACQUIRE) == round) {
            g_thread_yield();
        }
    }
    return NULL;
}

static gboolean give_up(gpointer opaque)
{
    g_error("the main loop sleeps through a bottom half");
    return G_SOURCE_REMOVE;
}

static void run_rounds(bool with_bql)
{
    Caller caller = { .with_bql = with_bql };
    guint limit = g_timeout_add_seconds(120, give_up, NULL);

    caller.half = bottom_half_new(count, &caller);
    GThread *thread = g_thread_new("caller", schedule_rounds, &caller);
    while (__atomic_load_n(&caller.done, __ATOMIC_ACQUIRE) < THREAD_ROUNDS) {
        main_loop_iterate(true);
    }
    g_thread_join(thread);
    g_source_remove(limit);
    bottom_half_free(caller.half);
}

static void test_thread(void)
{
    run_rounds(false);
}

static void test_thread_with_bql(void)
{
    run_rounds(true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/bottom-half/order", test_order);
    g_test_add_func("/bottom-half/turns", test_turns);
    g_test_add_func("/bottom-half/thread", test_thread);
    g_test_add_func("/bottom-half/thread-with-bql", test_thread_with_bql);
    return g_test_run();
}
