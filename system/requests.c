/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Requests to reset, shut down or power down the VM. They come from any thread; the main loop
 * carries them out.
 */
#include <stdlib.h>

#include "qapi/qapi-events-run-state.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "trace-system.h"
#include "util/report.h"

typedef struct Notifier {
    void (*notify)(void *opaque);
    void *opaque;
} Notifier;

static struct {
    RequestInterceptor *interceptor;
    void *interceptor_opaque;
    GArray *powerdown_notifiers; /* Notifier */
    bool reboot_shuts_down;      /* -no-reboot */
    bool shutdown_pauses;        /* -no-shutdown */
    bool guest_reset_pending;    /* atomic */
} requests;

void runstate_set_interceptor(RequestInterceptor *interceptor, void *opaque)
{
    g_assert(bql_locked() && (!interceptor || !requests.interceptor));
    requests.interceptor = interceptor;
    requests.interceptor_opaque = opaque;
}

void runstate_set_reboot_action(bool reset)
{
    requests.reboot_shuts_down = !reset;
}

void runstate_set_shutdown_action(bool poweroff)
{
    requests.shutdown_pauses = !poweroff;
}

static bool cause_is_guest(ShutdownCause cause)
{
    return cause == SHUTDOWN_CAUSE_GUEST_SHUTDOWN || cause == SHUTDOWN_CAUSE_GUEST_RESET ||
           cause == SHUTDOWN_CAUSE_GUEST_PANIC;
}

static bool intercepted(ShutdownCause cause, bool reset)
{
    return requests.interceptor && requests.interceptor(cause, reset, requests.interceptor_opaque);
}

static void shut_down(void *opaque)
{
    ShutdownCause cause = GPOINTER_TO_UINT(opaque);

    if (main_loop_quitting()) {
        return;
    }
    /* The host's own wish to end the process is never delayed by a peer. */
    if (cause_is_guest(cause) && intercepted(cause, false)) {
        return;
    }
    qapi_event_send_shutdown(cause_is_guest(cause), cause);
    if (requests.shutdown_pauses && cause_is_guest(cause)) {
        vm_stop(RUN_STATE_SHUTDOWN);
        return;
    }
    main_loop_quit(EXIT_SUCCESS);
}

static void forget_guest_reset(void)
{
    __atomic_store_n(&requests.guest_reset_pending, false, __ATOMIC_RELEASE);
}

static void reset_vm(void *opaque)
{
    ShutdownCause cause = GPOINTER_TO_UINT(opaque);

    if (requests.reboot_shuts_down && cause_is_guest(cause)) {
        forget_guest_reset();
        shut_down(GUINT_TO_POINTER(SHUTDOWN_CAUSE_GUEST_RESET));
        return;
    }
    if (main_loop_quitting() || intercepted(cause, true)) {
        forget_guest_reset();
        return;
    }
    bool was_running = runstate_is_running();
    if (was_running) {
        vm_stop_quietly(RUN_STATE_PAUSED);
    }
    forget_guest_reset();
    reset_all();
    qapi_event_send_reset(cause_is_guest(cause), cause);
    if (was_running) {
        g_autoptr(GError) error = NULL;
        if (!vm_start_quietly(&error)) {
            report_error("cannot go on after a reset: %s", error->message);
        }
    } else if (!runstate_is(RUN_STATE_PRELAUNCH) && !runstate_is(RUN_STATE_INMIGRATE) &&
               !runstate_is(RUN_STATE_PAUSED)) {
        runstate_set(RUN_STATE_PRELAUNCH);
    }
}

static void power_down(void *opaque)
{
    qapi_event_send_powerdown();
    for (guint i = 0; requests.powerdown_notifiers && i < requests.powerdown_notifiers->len; i++) {
        Notifier *entry = &g_array_index(requests.powerdown_notifiers, Notifier, i);
        entry->notify(entry->opaque);
    }
}

static void stop_for_error(void *opaque)
{
    if (runstate_is_running()) {
        vm_stop(RUN_STATE_INTERNAL_ERROR);
    }
}

void runstate_request_shutdown(ShutdownCause cause)
{
    trace_runstate_request("shutdown", ShutdownCause_str(cause));
    main_loop_schedule(shut_down, GUINT_TO_POINTER(cause));
}

void runstate_request_reset(ShutdownCause cause)
{
    trace_runstate_request("reset", ShutdownCause_str(cause));
    /* A guest asks again and again, in several ways, until it is obeyed: once is enough. */
    if (cause_is_guest(cause) &&
        __atomic_exchange_n(&requests.guest_reset_pending, true, __ATOMIC_ACQ_REL)) {
        return;
    }
    main_loop_schedule(reset_vm, GUINT_TO_POINTER(cause));
}

void runstate_request_powerdown(void)
{
    trace_runstate_request("powerdown", "host");
    main_loop_schedule(power_down, NULL);
}

void runstate_request_panic(void)
{
    trace_runstate_request("panic", "engine");
    main_loop_schedule(stop_for_error, NULL);
}

void runstate_add_powerdown_notifier(void (*notify)(void *opaque), void *opaque)
{
    Notifier entry = { notify, opaque };

    if (!requests.powerdown_notifiers) {
        requests.powerdown_notifiers = g_array_new(FALSE, FALSE, sizeof(entry));
    }
    g_array_append_val(requests.powerdown_notifiers, entry);
}
