/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The run state: its table of transitions, stopping and starting the VM. */
#include "system/runstate.h"

#include "qapi/qapi-events-run-state.h"
#include "system/bql.h"
#include "system/cpus.h"
#include "trace-system.h"
#include "util/report.h"
#include "util/timer.h"

typedef struct StateChangeHandler {
    VMStateChangeHandler *handler;
    void *opaque;
} StateChangeHandler;

static RunState current_state = RUN_STATE_PRELAUNCH;
/*
 * The VM is stopped for a checkpoint and the user wants it paused afterwards: it was paused
 * before, or 'stop' came meanwhile. BQL.
 */
static bool pause_after_checkpoint;
static GArray *change_handlers; /* StateChangeHandler */

#define TO(state) (UINT32_C(1) << RUN_STATE_##state)

/* From each state, the set of states it may move to. */
static const uint32_t transitions[RUN_STATE__MAX] = {
    [RUN_STATE_PRELAUNCH] = TO(RUNNING) | TO(INMIGRATE) | TO(FINISH_MIGRATE) | TO(PAUSED) |
                            TO(SUSPENDED) | TO(POSTMIGRATE) | TO(SHUTDOWN) | TO(COLO),
    [RUN_STATE_INMIGRATE] = TO(RUNNING) | TO(PAUSED) | TO(PRELAUNCH) | TO(COLO) | TO(SUSPENDED) |
                            TO(INTERNAL_ERROR) | TO(IO_ERROR) | TO(SHUTDOWN) | TO(WATCHDOG) |
                            TO(GUEST_PANICKED) | TO(FINISH_MIGRATE) | TO(POSTMIGRATE),
    [RUN_STATE_RUNNING] = TO(PAUSED) | TO(COLO) | TO(FINISH_MIGRATE) | TO(SHUTDOWN) | TO(DEBUG) |
                          TO(SUSPENDED) | TO(INTERNAL_ERROR) | TO(IO_ERROR) | TO(RESTORE_VM) |
                          TO(SAVE_VM) | TO(WATCHDOG) | TO(GUEST_PANICKED),
    [RUN_STATE_PAUSED] = TO(RUNNING) | TO(COLO) | TO(FINISH_MIGRATE) | TO(POSTMIGRATE) |
                         TO(PRELAUNCH) | TO(INMIGRATE) | TO(SHUTDOWN) | TO(SUSPENDED),
    [RUN_STATE_FINISH_MIGRATE] = TO(RUNNING) | TO(PAUSED) | TO(POSTMIGRATE) | TO(PRELAUNCH) |
                                 TO(COLO) | TO(SUSPENDED) | TO(INTERNAL_ERROR) | TO(SHUTDOWN) |
                                 TO(IO_ERROR) | TO(WATCHDOG) | TO(GUEST_PANICKED),
    [RUN_STATE_POSTMIGRATE] =
        TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(PAUSED) | TO(SHUTDOWN),
    [RUN_STATE_COLO] = TO(RUNNING) | TO(PAUSED) | TO(SHUTDOWN) | TO(PRELAUNCH) | TO(SUSPENDED) |
                       TO(INTERNAL_ERROR) | TO(POSTMIGRATE),
    [RUN_STATE_SHUTDOWN] =
        TO(PAUSED) | TO(PRELAUNCH) | TO(FINISH_MIGRATE) | TO(COLO) | TO(POSTMIGRATE),
    [RUN_STATE_SUSPENDED] =
        TO(RUNNING) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(COLO) | TO(PAUSED) | TO(SHUTDOWN),
    [RUN_STATE_INTERNAL_ERROR] = TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(SHUTDOWN),
    [RUN_STATE_IO_ERROR] = TO(RUNNING) | TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_WATCHDOG] = TO(RUNNING) | TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_GUEST_PANICKED] =
        TO(RUNNING) | TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH) | TO(SHUTDOWN),
    [RUN_STATE_DEBUG] = TO(RUNNING) | TO(PAUSED) | TO(FINISH_MIGRATE) | TO(PRELAUNCH),
    [RUN_STATE_RESTORE_VM] = TO(RUNNING) | TO(PRELAUNCH) | TO(PAUSED),
    [RUN_STATE_SAVE_VM] = TO(RUNNING) | TO(PRELAUNCH) | TO(PAUSED),
};

RunState runstate_get(void)
{
    return __atomic_load_n(&current_state, __ATOMIC_ACQUIRE);
}

bool runstate_is(RunState state)
{
    return runstate_get() == state;
}

bool runstate_is_running(void)
{
    return runstate_is(RUN_STATE_RUNNING);
}

bool runstate_set(RunState state)
{
    g_assert(bql_locked());
    if (state == current_state) {
        return true;
    }
    if (!(transitions[current_state] & UINT32_C(1) << state)) {
        report_error("the run state cannot change from '%s' to '%s'", RunState_str(current_state),
                     RunState_str(state));
        g_assert_not_reached();
        return false;
    }
    trace_runstate_set(RunState_str(current_state), RunState_str(state));
    __atomic_store_n(&current_state, state, __ATOMIC_RELEASE);
    return true;
}

void vm_state_change_add(VMStateChangeHandler *handler, void *opaque)
{
    StateChangeHandler entry = { handler, opaque };

    if (!change_handlers) {
        change_handlers = g_array_new(FALSE, FALSE, sizeof(entry));
    }
    g_array_append_val(change_handlers, entry);
}

void vm_state_change_remove(VMStateChangeHandler *handler, void *opaque)
{
    for (guint i = 0; change_handlers && i < change_handlers->len; i++) {
        StateChangeHandler *entry = &g_array_index(change_handlers, StateChangeHandler, i);
        if (entry->handler == handler && entry->opaque == opaque) {
            g_array_remove_index(change_handlers, i);
            return;
        }
    }
}

static void call_change_handlers(bool running, RunState state)
{
    for (guint i = 0; change_handlers && i < change_handlers->len; i++) {
        StateChangeHandler *entry = &g_array_index(change_handlers, StateChangeHandler, i);
        entry->handler(entry->opaque, running, state);
    }
}

/*
 * Let everything come to rest; returns whether it was running. Another thread may have moved the
 * state meanwhile.
 */
static bool come_to_rest(RunState state)
{
    bool was_running = runstate_is_running();

    g_assert(bql_locked());
    if (was_running) {
        /* vCPUs first: a device they are in the middle of using must not see a stopped clock. */
        vcpus_pause_all();
        virtual_clock_stop();
        call_change_handlers(false, state);
    }
    trace_vm_stop(RunState_str(state), was_running);
    return was_running;
}

bool vm_stop_quietly(RunState state)
{
    bool was_running = come_to_rest(state);

    if (state == RUN_STATE_COLO && !runstate_is(RUN_STATE_COLO)) {
        pause_after_checkpoint = runstate_is(RUN_STATE_PAUSED);
    }
    runstate_set(state);
    return was_running;
}

bool vm_stop(RunState state)
{
    bool was_running;

    if (runstate_is(RUN_STATE_COLO) && state == RUN_STATE_PAUSED) {
        was_running = !pause_after_checkpoint;
        pause_after_checkpoint = true;
    } else {
        was_running = come_to_rest(state);
        if (runstate_is(RUN_STATE_COLO) && state == RUN_STATE_PAUSED) {
            pause_after_checkpoint = true; /* a checkpoint began meanwhile */
        } else {
            runstate_set(state);
        }
    }
    if (was_running) {
        qapi_event_send_stop();
    }
    return was_running;
}

/* Why the VM must not be started in its present state; NULL when it may. */
static const char *start_obstacle(void)
{
    switch (runstate_get()) {
    case RUN_STATE_INMIGRATE:
        return "Guest is waiting for an incoming migration";
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_SHUTDOWN:
        return "Resetting the Virtual Machine is required";
    case RUN_STATE_SUSPENDED:
        return "Guest is suspended; use system_wakeup";
    default:
        return NULL;
    }
}

bool vm_start_quietly(GError **error)
{
    g_assert(bql_locked());
    if (runstate_is_running()) {
        return true;
    }
    const char *obstacle = start_obstacle();
    if (obstacle) {
        qc_error_set(error, "%s", obstacle);
        return false;
    }
    if (runstate_is(RUN_STATE_COLO) && pause_after_checkpoint) {
        pause_after_checkpoint = false;
        runstate_set(RUN_STATE_PAUSED);
        return true;
    }
    runstate_set(RUN_STATE_RUNNING);
    virtual_clock_start();
    call_change_handlers(true, RUN_STATE_RUNNING);
    vcpus_resume_all();
    trace_vm_start();
    return true;
}

bool vm_start(GError **error)
{
    if (runstate_is_running()) {
        return true;
    }
    if (runstate_is(RUN_STATE_COLO)) {
        if (!pause_after_checkpoint) {
            return true;
        }
        pause_after_checkpoint = false; /* the checkpoint starts it when it is done */
    } else if (!vm_start_quietly(error)) {
        return false;
    }
    qapi_event_send_resume();
    return true;
}
