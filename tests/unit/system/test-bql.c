/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What is left for the moment when the big lock is given up. */
#include "system/bql.h"

#define MANY 100

typedef struct Seen {
    unsigned calls;
    bool locked;
} Seen;

static void look(void *opaque)
{
    Seen *seen = opaque;

    seen->calls++;
    seen->locked = bql_locked();
}

static void test_after_unlock(void)
{
    Seen seen = { 0 };

    bql_lock();
    bql_call_after_unlock(look, &seen);
    bql_call_after_unlock(look, &seen);
    g_assert_cmpuint(seen.calls, ==, 0);
    bql_unlock();
    g_assert_cmpuint(seen.calls, ==, 1);
    g_assert_false(seen.locked);
    bql_lock();
    bql_unlock();
    g_assert_cmpuint(seen.calls, ==, 1);
}

static void test_many(void)
{
    Seen seen[MANY] = { 0 };

    bql_lock();
    for (unsigned i = 0; i < MANY; i++) {
        bql_call_after_unlock(look, &seen[i]);
    }
    bql_unlock();
    for (unsigned i = 0; i < MANY; i++) {
        g_assert_cmpuint(seen[i].calls, ==, 1);
    }
}

/* Whoever waits may wait for what the call leads to. */
static void test_before_wait(void)
{
    Seen seen = { 0 };
    GCond cond;

    g_cond_init(&cond);
    bql_lock();
    bql_call_after_unlock(look, &seen);
    g_assert_false(bql_wait_until(&cond, g_get_monotonic_time() + 1));
    g_assert_cmpuint(seen.calls, ==, 1);
    bql_unlock();
    g_assert_cmpuint(seen.calls, ==, 1);
    g_cond_clear(&cond);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bql/after-unlock/once", test_after_unlock);
    g_test_add_func("/bql/after-unlock/many", test_many);
    g_test_add_func("/bql/after-unlock/before-wait", test_before_wait);
    return g_test_run();
}
