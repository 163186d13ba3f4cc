/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* COLO's commands for people. */
#include "monitor/hmp.h"
#include "qapi/qapi-commands-migration.h"

static void lost_heartbeat(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_x_colo_lost_heartbeat(error);
}

static void checkpoint(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_x_colo_checkpoint(error);
}

static void print_durations(Monitor *monitor, const char *name, const COLODurations *duration)
{
    hmp_printf(monitor,
               "%s: last %" G_GUINT64_FORMAT " us, mean %" G_GUINT64_FORMAT
               " us, p50 %" G_GUINT64_FORMAT " us, p99 %" G_GUINT64_FORMAT " us\n",
               name, duration->last, duration->mean, duration->p50, duration->p99);
}

static void print_reasons(Monitor *monitor, const char *title, const GPtrArray *reasons)
{
    hmp_printf(monitor, "%s:", title);
    for (guint i = 0; i < reasons->len; i++) {
        const COLOReasonCount *entry = g_ptr_array_index(reasons, i);
        hmp_printf(monitor, " %s %" G_GUINT64_FORMAT, COLOCheckpointReason_str(entry->reason),
                   entry->count);
    }
    hmp_printf(monitor, "\n");
}

static void print_comparators(Monitor *monitor, const GPtrArray *comparators)
{
    for (guint i = 0; comparators && i < comparators->len; i++) {
        const COLOComparatorStats *entry = g_ptr_array_index(comparators, i);
        hmp_printf(monitor,
                   "%s: compared %" G_GUINT64_FORMAT ", matched %" G_GUINT64_FORMAT
                   ", released %" G_GUINT64_FORMAT ", dropped %" G_GUINT64_FORMAT
                   ", late %" G_GUINT64_FORMAT ", held %" G_GUINT64_FORMAT
                   " packets (%" G_GUINT64_FORMAT " bytes), %" G_GUINT64_FORMAT " connections\n",
                   entry->id, entry->packets_compared, entry->packets_matched,
                   entry->packets_released, entry->packets_dropped, entry->packets_late,
                   entry->packets_held, entry->bytes_held, entry->connections);
        g_autofree char *title = g_strdup_printf("%s asked", entry->id);
        print_reasons(monitor, title, entry->asked);
    }
}

static void info_colo(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(COLOStatus) status = qmp_query_colo_status(error);
    g_autoptr(COLOStats) stats = status ? qmp_x_query_colo_stats(error) : NULL;

    if (!stats) {
        return;
    }
    hmp_printf(monitor, "mode: %s\nlast mode: %s\nexit reason: %s\n", COLOMode_str(status->mode),
               COLOMode_str(status->last_mode), COLOExitReason_str(status->reason));
    print_comparators(monitor, stats->comparators);
    hmp_printf(monitor, "checkpoints: %" G_GUINT64_FORMAT "\n", stats->checkpoints);
    if (!stats->checkpoints) {
        return;
    }
    print_reasons(monitor, "reasons", stats->reasons);
    print_durations(monitor, "pause", stats->pause);
    for (guint i = 0; i < stats->phases->len; i++) {
        const COLOPhaseStats *entry = g_ptr_array_index(stats->phases, i);
        print_durations(monitor, entry->phase, entry->duration);
    }
    hmp_printf(monitor,
               "last checkpoint: %" G_GUINT64_FORMAT " pages, %" G_GUINT64_FORMAT
               " bytes, %.3f s ago\n",
               stats->last_pages, stats->last_bytes, stats->since_last);
    hmp_printf(monitor, "total: %" G_GUINT64_FORMAT " pages, %" G_GUINT64_FORMAT " bytes\n",
               stats->total_pages, stats->total_bytes);
    hmp_printf(monitor, "buffers: %" G_GUINT64_FORMAT " bytes\n", stats->buffer_bytes);
}

HMP_COMMAND(x_colo_lost_heartbeat, .name = "x_colo_lost_heartbeat|colo_lost_heartbeat",
            .arguments = "", .parameters = "",
            .help = "tell COLO that the peer is lost: this side goes on alone",
            .handler = lost_heartbeat);

HMP_COMMAND(x_colo_checkpoint, .name = "x_colo_checkpoint", .arguments = "", .parameters = "",
            .help = "take a COLO checkpoint now", .handler = checkpoint);

HMP_COMMAND(info_colo, .name = "info colo", .arguments = "", .parameters = "",
            .help = "show COLO's state and statistics", .handler = info_colo);
