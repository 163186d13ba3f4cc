/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Human commands about the machine, the log and file descriptors. */
#include "monitor/hmp.h"
#include "monitor/monitor-internal.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-commands-machine.h"
#include "util/report.h"
#include <inttypes.h>
#include <string.h>

static void run_info_cpus(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_cpus_fast(error);

    for (unsigned i = 0; list && i < list->len; i++) {
        const CpuInfoFast *info = g_ptr_array_index(list, i);
        hmp_printf(monitor, "%c CPU #%d: thread_id=%d\n", i ? ' ' : '*', (int)info->cpu_index,
                   (int)info->thread_id);
    }
}

static void run_info_hotpluggable_cpus(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_hotpluggable_cpus(error);

    if (!list) {
        return;
    }
    hmp_printf(monitor, "Hotpluggable CPUs:\n");
    for (unsigned i = 0; i < list->len; i++) {
        const HotpluggableCPU *info = g_ptr_array_index(list, i);
        hmp_printf(monitor, "  type: \"%s\"\n  vcpus_count: \"%d\"\n", info->type,
                   (int)info->vcpus_count);
        hmp_printf(monitor, "  qom_path: \"%s\"\n  CPUInstance Properties:\n", info->qom_path);
        hmp_printf(monitor, "    socket-id: \"%d\"\n", (int)info->props->socket_id);
        if (info->props->has_die_id) {
            hmp_printf(monitor, "    die-id: \"%d\"\n", (int)info->props->die_id);
        }
        hmp_printf(monitor, "    core-id: \"%d\"\n    thread-id: \"%d\"\n",
                   (int)info->props->core_id, (int)info->props->thread_id);
    }
}

static void run_info_kvm(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(KvmInfo) info = qmp_query_kvm(error);
    const char *state;

    if (!info) {
        return;
    }
    state = info->enabled ? "enabled" : "disabled";
    hmp_printf(monitor, "kvm support: %s\n", info->present ? state : "not compiled");
}

static void run_info_name(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(NameInfo) info = qmp_query_name(error);

    if (info && info->name) {
        hmp_printf(monitor, "%s\n", info->name);
    }
}

static void run_info_uuid(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(UuidInfo) info = qmp_query_uuid(error);

    if (info) {
        hmp_printf(monitor, "%s\n", info->UUID);
    }
}

static void run_info_history(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *line;

    for (unsigned i = 0; monitor->editor && (line = line_editor_history(monitor->editor, i)); i++) {
        hmp_printf(monitor, "%u: '%s'\n", i, line);
    }
}

static void run_info_iothreads(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_iothreads(error);

    for (unsigned i = 0; list && i < list->len; i++) {
        const IOThreadInfo *info = list->pdata[i];
        hmp_printf(monitor,
                   "%s:\n  thread_id=%" PRId64 "\n  poll-max-ns=%" PRId64 "\n  poll-grow=%" PRId64
                   "\n  poll-shrink=%" PRId64 "\n  aio-max-batch=%" PRId64 "\n",
                   info->id, info->thread_id, info->poll_max_ns, info->poll_grow, info->poll_shrink,
                   info->aio_max_batch);
    }
}

static void run_nmi(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_inject_nmi(error);
}

static void run_log(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *items = json_string_value(json_object_get(arguments, "items"));
    unsigned topics = 0;

    if (strcmp(items, "none") != 0 && !log_parse_topics(items, &topics, error)) {
        return;
    }
    __atomic_store_n(&log_topics, topics, __ATOMIC_RELAXED);
}

static void run_logfile(Monitor *monitor, json_t *arguments, GError **error)
{
    log_set_file(json_string_value(json_object_get(arguments, "filename")), error);
}

static void run_getfd(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_getfd(json_string_value(json_object_get(arguments, "fdname")), error);
}

static void run_closefd(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_closefd(json_string_value(json_object_get(arguments, "fdname")), error);
}

HMP_COMMAND(info_cpus, .name = "info cpus", .help = "show infos for each CPU",
            .handler = run_info_cpus);
HMP_COMMAND(info_hotpluggable_cpus, .name = "info hotpluggable-cpus",
            .help = "show the places for CPUs", .handler = run_info_hotpluggable_cpus);
HMP_COMMAND(info_iothreads, .name = "info iothreads", .help = "show iothreads",
            .handler = run_info_iothreads);
HMP_COMMAND(info_kvm, .name = "info kvm", .help = "show KVM information", .handler = run_info_kvm);
HMP_COMMAND(info_name, .name = "info name", .help = "show the current VM name",
            .handler = run_info_name);
HMP_COMMAND(info_uuid, .name = "info uuid", .help = "show the current VM UUID",
            .handler = run_info_uuid);
HMP_COMMAND(info_history, .name = "info history", .help = "show the command line history",
            .handler = run_info_history);
HMP_COMMAND(nmi, .name = "nmi", .help = "inject an NMI", .handler = run_nmi);
HMP_COMMAND(log, .name = "log", .arguments = "items:s", .parameters = "item1[,...]",
            .help = "activate logging of the specified items", .handler = run_log);
HMP_COMMAND(logfile, .name = "logfile", .arguments = "filename:F", .parameters = "filename",
            .help = "output logs to 'filename'", .handler = run_logfile);
HMP_COMMAND(getfd, .name = "getfd", .arguments = "fdname:s", .parameters = "name",
            .help = "receive a file descriptor via SCM rights and assign it a name",
            .handler = run_getfd);
HMP_COMMAND(closefd, .name = "closefd", .arguments = "fdname:s", .parameters = "name",
            .help = "close a file descriptor previously passed via SCM rights",
            .handler = run_closefd);
