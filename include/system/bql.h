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
