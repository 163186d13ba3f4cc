/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* COLO's statistics: percentiles, means and counts of known samples. */
#include "migration/colo-stats.h"

#include "system/bql.h"

static void test_empty(void)
{
    colo_stats_reset();
    g_autoptr(COLOStats) stats = colo_stats_report(COLO_MODE_NONE);

    g_assert_cmpuint(stats->checkpoints, ==, 0);
    g_assert_cmpuint(stats->pause->p99, ==, 0);
    g_assert_cmpuint(stats->phases->len, ==, 0);
    g_assert_cmpuint(stats->reasons->len, ==, CHECKPOINT_REASON_COUNT);
}

static void test_percentiles(void)
{
    colo_stats_reset();
    /* 1..100 in an order that is not sorted (37 and 101 have no common factor). */
    for (int i = 1; i <= 100; i++) {
        colo_stats_phase(COLO_PHASE_PAUSE, i * 37 % 101);
    }
    g_autoptr(COLOStats) stats = colo_stats_report(COLO_MODE_PRIMARY);

    g_assert_cmpuint(stats->pause->p50, ==, 50);
    g_assert_cmpuint(stats->pause->p99, ==, 99);
    g_assert_cmpuint(stats->pause->mean, ==, 50);
    g_assert_cmpuint(stats->pause->last, ==, 100 * 37 % 101);
}

static void test_old_samples_leave(void)
{
    colo_stats_reset();
    colo_stats_phase(COLO_PHASE_SEND, 1000000);
    for (int i = 0; i < 1024; i++) {
        colo_stats_phase(COLO_PHASE_SEND, 5);
    }
    g_autoptr(COLOStats) stats = colo_stats_report(COLO_MODE_PRIMARY);

    g_assert_cmpuint(stats->phases->len, ==, 1);
    const COLOPhaseStats *send = g_ptr_array_index(stats->phases, 0);
    g_assert_cmpstr(send->phase, ==, "send");
    g_assert_cmpuint(send->duration->p99, ==, 5);
    g_assert_cmpuint(send->duration->mean, ==, (1000000 + 1024 * 5) / 1025);
}

static void test_checkpoints(void)
{
    colo_stats_reset();
    colo_stats_checkpoint(CHECKPOINT_REASON_PERIODIC, 10, 50000, 7);
    colo_stats_checkpoint(CHECKPOINT_REASON_REQUEST, 2, 9000, 8);
    colo_stats_checkpoint(CHECKPOINT_REASON_REQUEST, 3, 10000, 9);
    g_autoptr(COLOStats) stats = colo_stats_report(COLO_MODE_SECONDARY);

    g_assert_cmpint(stats->mode, ==, COLO_MODE_SECONDARY);
    g_assert_cmpuint(stats->checkpoints, ==, 3);
    g_assert_cmpuint(stats->last_pages, ==, 3);
    g_assert_cmpuint(stats->total_pages, ==, 15);
    g_assert_cmpuint(stats->total_bytes, ==, 69000);
    g_assert_cmpuint(stats->buffer_bytes, ==, 9);
    for (guint i = 0; i < stats->reasons->len; i++) {
        const COLOReasonCount *entry = g_ptr_array_index(stats->reasons, i);
        uint64_t expected = entry->reason == COLO_CHECKPOINT_REASON_PERIODIC  ? 1
                            : entry->reason == COLO_CHECKPOINT_REASON_REQUEST ? 2
                                                                              : 0;
        g_assert_cmpuint(entry->count, ==, expected);
    }

    /* The end takes the buffers away and leaves the counts. */
    colo_stats_ended();
    g_autoptr(COLOStats) ended = colo_stats_report(COLO_MODE_NONE);
    g_assert_cmpuint(ended->buffer_bytes, ==, 0);
    g_assert_cmpuint(ended->checkpoints, ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/colo-stats/empty", test_empty);
    g_test_add_func("/colo-stats/percentiles", test_percentiles);
    g_test_add_func("/colo-stats/old-samples-leave", test_old_samples_leave);
    g_test_add_func("/colo-stats/checkpoints", test_checkpoints);
    bql_lock(); /* participants are asked for their figures, too */
    int result = g_test_run();
    bql_unlock();
    return result;
}
