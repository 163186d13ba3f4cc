/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Human commands about the run state and the program. */
#include "monitor/hmp.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-commands-run-state.h"

static void run_info_status(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(StatusInfo) info = qmp_query_status(error);

    if (!info) {
        return;
    }
    hmp_printf(monitor, "VM status: %s", info->running ? "running" : "paused");
    if (!info->running && info->status != RUN_STATE_PAUSED) {
        hmp_printf(monitor, " (%s)", RunState_str(info->status));
    }
    hmp_printf(monitor, "\n");
}

static void run_info_version(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(VersionInfo) info = qmp_query_version(error);

    if (info) {
        hmp_printf(monitor, "%d.%d.%d %s\n", (int)info->qemu->major, (int)info->qemu->minor,
                   (int)info->qemu->micro, info->package);
    }
}

static void run_stop(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_stop(error);
}

static void run_cont(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_cont(error);
}

static void run_quit(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_quit(error);
}

static void run_system_reset(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_system_reset(error);
}

static void run_system_powerdown(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_system_powerdown(error);
}

HMP_COMMAND(info_status, .name = "info status",
            .help = "show the current VM status (running|paused)", .handler = run_info_status);
HMP_COMMAND(info_version, .name = "info version", .help = "show the version of the program",
            .handler = run_info_version);
HMP_COMMAND(stop, .name = "stop|s", .help = "stop emulation", .handler = run_stop);
HMP_COMMAND(cont, .name = "cont|c", .help = "resume emulation", .handler = run_cont);
HMP_COMMAND(quit, .name = "quit|q", .help = "quit the emulator", .handler = run_quit);
HMP_COMMAND(system_reset, .name = "system_reset", .help = "reset the system",
            .handler = run_system_reset);
HMP_COMMAND(system_powerdown, .name = "system_powerdown", .help = "send system power down event",
            .handler = run_system_powerdown);
