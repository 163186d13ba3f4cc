/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The run state of the VM and requests to change it.
 *
 * Requests (reset, shutdown, power down) may come from any thread; the main loop carries them
 * out. Everything else needs the BQL.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qapi/qapi-types-run-state.h"

RunState runstate_get(void);
bool runstate_is(RunState state);
/* Is guest code supposed to run now? */
bool runstate_is_running(void);
/* Move to @state. A transition that is not in the table aborts in debug builds and is refused
 * with a logged error otherwise. Returns whether it moved. */
bool runstate_set(RunState state);

/*
 * Stop the vCPUs and the virtual clock and enter @state; waits for the vCPUs, giving up the BQL
 * meanwhile. Sends STOP when the VM was running. Returns whether it was running.
 */
bool vm_stop(RunState state);
/* Start again from any stopped state in which that is possible. Sends RESUME. */
bool vm_start(GError **error);

/*
 * While the VM is stopped for a checkpoint (state `colo`), vm_stop() and vm_start() only choose
 * whether it is paused or runs once the checkpoint is done.
 */

/*
 * The same without events and change notifications to clients: for checkpoints, where the stop
 * is not the user's business. State changes handlers (below) are still called.
 */
bool vm_stop_quietly(RunState state);
bool vm_start_quietly(GError **error);

/* Called with the BQL after each start and before each stop of the vCPUs. */
typedef void VMStateChangeHandler(void *opaque, bool running, RunState state);
void vm_state_change_add(VMStateChangeHandler *handler, void *opaque);
void vm_state_change_remove(VMStateChangeHandler *handler, void *opaque);

/* Ask the main loop; any thread. */
void runstate_request_shutdown(ShutdownCause cause);
void runstate_request_reset(ShutdownCause cause);
void runstate_request_powerdown(void);
/* The guest cannot go on (triple fault without reset, engine error). */
void runstate_request_panic(void);

/*
 * While a VM is protected, shutdown and reset of the guest go through a last checkpoint first:
 * the interceptor gets the request (cause, reset?) and returns true to take it over; it calls
 * runstate_request_* again when it is done and has let go. Runs in the main loop. One at a time.
 */
typedef bool RequestInterceptor(ShutdownCause cause, bool reset, void *opaque);
void runstate_set_interceptor(RequestInterceptor *interceptor, void *opaque);

/* Called (main loop, BQL) when the user or the guest asks for power down: ACPI button. */
void runstate_add_powerdown_notifier(void (*notify)(void *opaque), void *opaque);

/* -no-reboot, -no-shutdown, -action. */
void runstate_set_reboot_action(bool reset);
void runstate_set_shutdown_action(bool poweroff);
