/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Counters of COLO. Durations keep their last SAMPLES_KEPT values, from which the percentiles
 * are taken; the mean is over all.
 */
#include "migration/colo-stats.h"

#include "migration/checkpoint-internal.h"

#include <string.h>

#include "util/timer.h"

#define SAMPLES_KEPT 1024u

typedef struct Duration {
    uint64_t count;
    uint64_t total;
    uint64_t last;
    uint64_t samples[SAMPLES_KEPT]; /* microseconds, a ring */
} Duration;

static GMutex lock;
static struct {
    Duration phases[COLO_PHASE_COUNT];
    uint64_t checkpoints;
    uint64_t reasons[CHECKPOINT_REASON_COUNT];
    uint64_t last_pages, last_bytes, total_pages, total_bytes, buffer_bytes;
    int64_t last_checkpoint_ns; /* realtime clock, 0: none yet */
} stats;

static const char *const phase_names[COLO_PHASE_COUNT] = {
    [COLO_PHASE_PAUSE] = "pause",     [COLO_PHASE_REQUEST] = "request",
    [COLO_PHASE_STOP] = "stop",       [COLO_PHASE_SAVE] = "save",
    [COLO_PHASE_SEND] = "send",       [COLO_PHASE_CONFIRM] = "confirm",
    [COLO_PHASE_RECEIVE] = "receive", [COLO_PHASE_FLUSH] = "flush",
    [COLO_PHASE_LOAD] = "load",
};

void colo_stats_reset(void)
{
    g_mutex_lock(&lock);
    memset(&stats, 0, sizeof(stats));
    g_mutex_unlock(&lock);
}

void colo_stats_phase(ColoPhase phase, int64_t microseconds)
{
    uint64_t value = (uint64_t)MAX(microseconds, 0);

    g_mutex_lock(&lock);
    Duration *duration = &stats.phases[phase];
    duration->samples[duration->count++ % SAMPLES_KEPT] = value;
    duration->total += value;
    duration->last = value;
    g_mutex_unlock(&lock);
}

void colo_stats_checkpoint(CheckpointReason reason, uint64_t pages, uint64_t bytes,
                           uint64_t buffer_bytes)
{
    g_mutex_lock(&lock);
    stats.checkpoints++;
    stats.reasons[reason]++;
    stats.last_pages = pages;
    stats.last_bytes = bytes;
    stats.total_pages += pages;
    stats.total_bytes += bytes;
    stats.buffer_bytes = buffer_bytes;
    stats.last_checkpoint_ns = clock_get_ns(CLOCK_TYPE_REALTIME);
    g_mutex_unlock(&lock);
}

void colo_stats_ended(void)
{
    g_mutex_lock(&lock);
    stats.buffer_bytes = 0;
    g_mutex_unlock(&lock);
}

static int compare_samples(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;

    return first < second ? -1 : first > second;
}

/* The smallest sample that @percent of them do not exceed (nearest rank). */
static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;

    return sorted[rank ? rank - 1 : 0];
}

static COLODurations *report_duration(const Duration *duration)
{
    COLODurations *report = g_new0(COLODurations, 1);
    size_t kept = MIN(duration->count, SAMPLES_KEPT);

    if (kept) {
        g_autofree uint64_t *sorted = g_memdup2(duration->samples, kept * sizeof(uint64_t));
        qsort(sorted, kept, sizeof(uint64_t), compare_samples);
        report->last = duration->last;
        report->mean = duration->total / duration->count;
        report->p50 = percentile(sorted, kept, 50);
        report->p99 = percentile(sorted, kept, 99);
    }
    return report;
}

static GPtrArray *report_reasons(const uint64_t counts[CHECKPOINT_REASON_COUNT])
{
    GPtrArray *list = COLOReasonCount_list_new();

    for (int reason = 0; reason < CHECKPOINT_REASON_COUNT; reason++) {
        COLOReasonCount *entry = COLOReasonCount_new();
        entry->reason = (COLOCheckpointReason)reason;
        entry->count = counts[reason];
        g_ptr_array_add(list, entry);
    }
    return list;
}

/* The phases that happened on this side; the pause is reported by itself. */
static GPtrArray *report_phases(void)
{
    GPtrArray *list = COLOPhaseStats_list_new();

    for (int phase = COLO_PHASE_PAUSE + 1; phase < COLO_PHASE_COUNT; phase++) {
        if (!stats.phases[phase].count) {
            continue;
        }
        COLOPhaseStats *entry = COLOPhaseStats_new();
        entry->phase = g_strdup(phase_names[phase]);
        entry->duration = report_duration(&stats.phases[phase]);
        g_ptr_array_add(list, entry);
    }
    return list;
}

G_STATIC_ASSERT((int)CHECKPOINT_REASON_COUNT == (int)COLO_CHECKPOINT_REASON__MAX);

static void report_packets(const CheckpointPackets *packets, void *opaque)
{
    COLOStats *report = opaque;
    COLOComparatorStats *entry = COLOComparatorStats_new();

    entry->id = g_strdup(packets->name);
    entry->packets_compared = packets->compared;
    entry->packets_matched = packets->matched;
    entry->packets_released = packets->released;
    entry->packets_dropped = packets->dropped;
    entry->packets_late = packets->late;
    entry->packets_held = packets->held;
    entry->bytes_held = packets->held_bytes;
    entry->connections = packets->connections;
    entry->asked = report_reasons(packets->asked);
    if (!report->comparators) {
        report->comparators = COLOComparatorStats_list_new();
        report->has_packets_compared = report->has_packets_matched = true;
        report->has_packets_released = true;
    }
    report->packets_compared += packets->compared;
    report->packets_matched += packets->matched;
    report->packets_released += packets->released;
    g_ptr_array_add(report->comparators, entry);
}

COLOStats *colo_stats_report(COLOMode mode)
{
    COLOStats *report = COLOStats_new();

    g_mutex_lock(&lock);
    report->mode = mode;
    report->checkpoints = stats.checkpoints;
    report->reasons = report_reasons(stats.reasons);
    report->pause = report_duration(&stats.phases[COLO_PHASE_PAUSE]);
    report->phases = report_phases();
    report->last_pages = stats.last_pages;
    report->last_bytes = stats.last_bytes;
    report->total_pages = stats.total_pages;
    report->total_bytes = stats.total_bytes;
    report->buffer_bytes = stats.buffer_bytes;
    if (stats.last_checkpoint_ns) {
        report->since_last =
            (double)(clock_get_ns(CLOCK_TYPE_REALTIME) - stats.last_checkpoint_ns) /
            (double)NANOSECONDS_PER_SECOND;
    }
    g_mutex_unlock(&lock);
    checkpoint_foreach_packets(report_packets, report);
    return report;
}
