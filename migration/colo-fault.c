/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Faults at chosen steps of a checkpoint (see the header). */
#include "migration/colo-fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/report.h"

static struct {
    bool parsed;
    char *point; /* NULL: no fault wanted */
    unsigned count_down;
    char *action;
} fault;

static void parse_environment(void)
{
    const char *text = g_getenv("QEMU_COLO_FAULT");

    fault.parsed = true;
    if (!text) {
        return;
    }
    g_auto(GStrv) halves = g_strsplit(text, "=", 2);
    if (g_strv_length(halves) != 2) {
        report_error("QEMU_COLO_FAULT=%s: expected POINT[@N]=ACTION", text);
        exit(EXIT_FAILURE);
    }
    g_auto(GStrv) where = g_strsplit(halves[0], "@", 2);
    fault.point = g_strdup(where[0]);
    fault.count_down = where[1] ? (unsigned)g_ascii_strtoull(where[1], NULL, 10) : 1;
    fault.action = g_strdup(halves[1]);
}

static bool act(const char *point, Channel *channel, GError **error)
{
    report_info("fault '%s' at '%s'", fault.action, point);
    if (!strcmp(fault.action, "kill")) {
        kill(getpid(), SIGKILL);
    } else if (!strcmp(fault.action, "stop")) {
        kill(getpid(), SIGSTOP);
    } else if (!strcmp(fault.action, "close")) {
        channel_shutdown(channel);
    } else if (g_str_has_prefix(fault.action, "stall:")) {
        g_usleep(g_ascii_strtoull(fault.action + strlen("stall:"), NULL, 10) * 1000);
    } else if (!strcmp(fault.action, "fail")) {
        qc_error_set(error, "injected fault at '%s'", point);
        return false;
    } else {
        report_error("QEMU_COLO_FAULT: unknown action '%s'", fault.action);
        exit(EXIT_FAILURE);
    }
    return true;
}

bool colo_fault_point(const char *point, Channel *channel, GError **error)
{
    if (!fault.parsed) {
        parse_environment();
    }
    if (!fault.point || strcmp(fault.point, point) || !fault.count_down || --fault.count_down) {
        return true;
    }
    return act(point, channel, error);
}
