/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The big lock. It protects device state, the run state, the block graph and the monitors.
 * The main loop holds it except while it polls. Nobody waits for the network or for another
 * thread's reply while holding it, other than by bql_wait(), which gives it up meanwhile.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

void bql_lock(void);
void bql_unlock(void);

/* Whether the calling thread holds the lock. */
bool bql_locked(void);

/* Wait on @cond, releasing the lock meanwhile. The caller holds it exactly once. */
void bql_wait(GCond *cond);
/* The same until the monotonic time @deadline_us at the latest; false when it passed. */
bool bql_wait_until(GCond *cond, gint64 deadline_us);

/*
 * Call @function(@opaque) when this thread gives up the lock: to wake somebody who will want the
 * lock first of all. Asked for more than once, it is called once. It may also be called at once
 * or with the lock held, so it must neither need the lock nor its absence. The lock is held.
 */
void bql_call_after_unlock(void (*function)(void *opaque), void *opaque);
