/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The big lock. */
#include "system/bql.h"

static GMutex bql;
static _Thread_local bool held;

/* What this thread has to do once it has given up the lock. */
#define DEFERRED_MAX 8

typedef struct Deferred {
    void (*function)(void *opaque);
    void *opaque;
} Deferred;

static _Thread_local Deferred deferred[DEFERRED_MAX];
static _Thread_local unsigned deferred_count;

static void run_deferred(void)
{
    unsigned count = deferred_count;

    deferred_count = 0;
    for (unsigned i = 0; i < count; i++) {
        deferred[i].function(deferred[i].opaque);
    }
}

void bql_call_after_unlock(void (*function)(void *opaque), void *opaque)
{
    g_assert(held);
    for (unsigned i = 0; i < deferred_count; i++) {
        if (deferred[i].function == function && deferred[i].opaque == opaque) {
            return;
        }
    }
    if (deferred_count == DEFERRED_MAX) {
        function(opaque);
        return;
    }
    deferred[deferred_count++] = (Deferred){ function, opaque };
}

void bql_lock(void)
{
    g_assert(!held);
    g_mutex_lock(&bql);
    held = true;
}

void bql_unlock(void)
{
    g_assert(held);
    held = false;
    g_mutex_unlock(&bql);
    run_deferred();
}

bool bql_locked(void)
{
    return held;
}

void bql_wait(GCond *cond)
{
    g_assert(held);
    run_deferred();
    held = false;
    g_cond_wait(cond, &bql);
    held = true;
}

bool bql_wait_until(GCond *cond, gint64 deadline_us)
{
    g_assert(held);
    run_deferred();
    held = false;
    bool signalled = g_cond_wait_until(cond, &bql, deadline_us);
    held = true;
    return signalled;
}
