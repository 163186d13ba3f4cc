/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitor commands about the run state. */
#include "qapi/error.h"
#include "qapi/qapi-commands-run-state.h"
#include "system/runstate.h"

StatusInfo *qmp_query_status(GError **error)
{
    StatusInfo *info = StatusInfo_new();

    info->status = runstate_get();
    info->running = runstate_is_running();
    return info;
}

/*
 * States that another thread will leave by itself, whatever a user asks for. A checkpoint is none
 * of them: vm_stop() and vm_start() then choose what comes after it.
 */
static bool is_busy(GError **error)
{
    RunState state = runstate_get();

    switch (state) {
    case RUN_STATE_FINISH_MIGRATE:
    case RUN_STATE_RESTORE_VM:
    case RUN_STATE_SAVE_VM:
        qapi_error_set(error, "the VM is stopped for a moment (run state '%s'); try again",
                       RunState_str(state));
        return true;
    default:
        return false;
    }
}

void qmp_stop(GError **error)
{
    if (!is_busy(error) && (runstate_is_running() || runstate_is(RUN_STATE_COLO))) {
        vm_stop(RUN_STATE_PAUSED);
    }
}

void qmp_cont(GError **error)
{
    if (!is_busy(error)) {
        vm_start(error);
    }
}

void qmp_quit(GError **error)
{
    runstate_request_shutdown(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

void qmp_system_reset(GError **error)
{
    runstate_request_reset(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
}

void qmp_system_powerdown(GError **error)
{
    runstate_request_powerdown();
}
