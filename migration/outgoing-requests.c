/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Resets and shutdowns around the moment in which a VM is handed over. What the guest asked for
 * before it stopped happens here and travels with its state; what comes later waits until it is
 * known where the VM goes on.
 */
#include "migration/outgoing.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "trace-migration.h"
#include "util/report.h"

/* BQL. */
static struct {
    bool reset;
    bool shutdown;
    ShutdownCause cause;
} held;

static bool hold_request(ShutdownCause cause, bool reset, void *opaque)
{
    trace_migration_hold_request(reset ? "reset" : "shutdown", ShutdownCause_str(cause));
    held.reset |= reset;
    held.shutdown |= !reset;
    held.cause = cause;
    return true;
}

static void on_settled(void *opaque)
{
    MigrationState *state = opaque;
    g_mutex_lock(&state->lock);
    state->settled = true;
    g_cond_broadcast(&state->changed);
    g_mutex_unlock(&state->lock);
}

bool outgoing_requests_settle(MigrationState *state, GError **error)
{
    g_assert(!bql_locked());
    g_mutex_lock(&state->lock);
    state->settled = false;
    g_mutex_unlock(&state->lock);
    /* Behind the requests that are there. */
    main_loop_schedule(on_settled, state);
    g_mutex_lock(&state->lock);
    while (!state->settled && !state->cancelled && !state->error) {
        g_cond_wait(&state->changed, &state->lock);
    }
    bool settled = state->settled;
    g_mutex_unlock(&state->lock);
    if (!settled) {
        qc_error_set(error, "the migration was interrupted");
    }
    return settled;
}

void outgoing_requests_hold(void)
{
    g_assert(bql_locked());
    held.reset = held.shutdown = false;
    runstate_set_interceptor(hold_request, NULL);
}

void outgoing_requests_release(bool here)
{
    g_assert(bql_locked());
    runstate_set_interceptor(NULL, NULL);
    if (here && held.shutdown) {
        runstate_request_shutdown(held.cause);
    } else if (here && held.reset) {
        runstate_request_reset(held.cause);
    }
    held.reset = held.shutdown = false;
}
