/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Checkpoint participants and requests. */
#include "migration/checkpoint-internal.h"
#include "system/bql.h"
#include "util/report.h"

/* What the participants were called for, in order: "a:start b:start ...". */
static GString *calls;
static unsigned wakes;

typedef struct Recorder {
    const char *label;
    const char *fails_at; /* the call that fails, or NULL */
} Recorder;

static bool record(Recorder *recorder, const char *what, GError **error)
{
    g_string_append_printf(calls, "%s%s:%s", calls->len ? " " : "", recorder->label, what);
    if (!g_strcmp0(recorder->fails_at, what)) {
        qc_error_set(error, "%s refuses", recorder->label);
        return false;
    }
    return true;
}

static bool on_start(void *opaque, CheckpointSide side, GError **error)
{
    return record(opaque, "start", error);
}

static bool on_prepare(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    return record(opaque, "prepare", error);
}

static bool on_commit(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    return record(opaque, "commit", error);
}

static bool on_failover(void *opaque, CheckpointSide side, GError **error)
{
    return record(opaque, "failover", error);
}

static void on_stop(void *opaque, CheckpointSide side)
{
    record(opaque, "stop", NULL);
}

static const CheckpointOps recorder_ops = { "recorder", on_start,    on_prepare,
                                            on_commit,  on_failover, on_stop };
static const CheckpointOps silent_ops = { .name = "silent" };

static void count_wake(void)
{
    wakes++;
}

static const CheckpointListener listener = { count_wake, count_wake };

static void assert_calls(const char *expected)
{
    g_assert_cmpstr(calls->str, ==, expected);
    g_string_truncate(calls, 0);
}

static void test_order(void)
{
    Recorder a = { "a", NULL };
    Recorder b = { "b", NULL };
    g_autoptr(GError) error = NULL;

    bql_lock();
    checkpoint_participant_add(&recorder_ops, &a);
    checkpoint_participant_add(&silent_ops, NULL);
    checkpoint_participant_add(&recorder_ops, &b);
    g_assert_true(checkpoint_participants_start(CHECKPOINT_PRIMARY, &error));
    assert_calls("a:start b:start");
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_PRIMARY, 1, &error));
    assert_calls("a:prepare b:prepare");
    g_assert_true(checkpoint_participants_commit(CHECKPOINT_PRIMARY, 1, &error));
    assert_calls("a:commit b:commit");
    g_assert_true(checkpoint_participants_failover(CHECKPOINT_PRIMARY, &error));
    assert_calls("a:failover b:failover");
    checkpoint_participants_stop(CHECKPOINT_PRIMARY);
    assert_calls("a:stop b:stop");
    /* Nobody is called any more. */
    g_assert_true(checkpoint_participants_commit(CHECKPOINT_PRIMARY, 2, &error));
    assert_calls("");
    checkpoint_participant_remove(&recorder_ops, &a);
    checkpoint_participant_remove(&silent_ops, NULL);
    checkpoint_participant_remove(&recorder_ops, &b);
    bql_unlock();
}

static void test_failed_start_undone(void)
{
    Recorder a = { "a", NULL };
    Recorder b = { "b", "start" };
    g_autoptr(GError) error = NULL;

    bql_lock();
    checkpoint_participant_add(&recorder_ops, &a);
    checkpoint_participant_add(&recorder_ops, &b);
    g_assert_false(checkpoint_participants_start(CHECKPOINT_SECONDARY, &error));
    g_assert_cmpstr(error->message, ==, "recorder: b refuses");
    assert_calls("a:start b:start a:stop");
    checkpoint_participant_remove(&recorder_ops, &a);
    checkpoint_participant_remove(&recorder_ops, &b);
    bql_unlock();
}

static void test_failover_reaches_all(void)
{
    Recorder a = { "a", "failover" };
    Recorder b = { "b", NULL };
    g_autoptr(GError) error = NULL;

    bql_lock();
    checkpoint_participant_add(&recorder_ops, &a);
    checkpoint_participant_add(&recorder_ops, &b);
    g_assert_true(checkpoint_participants_start(CHECKPOINT_PRIMARY, NULL));
    g_string_truncate(calls, 0);
    g_assert_false(checkpoint_participants_failover(CHECKPOINT_PRIMARY, &error));
    g_assert_cmpstr(error->message, ==, "recorder: a refuses");
    assert_calls("a:failover b:failover");
    checkpoint_participants_stop(CHECKPOINT_PRIMARY);
    g_string_truncate(calls, 0);
    checkpoint_participant_remove(&recorder_ops, &a);
    checkpoint_participant_remove(&recorder_ops, &b);
    bql_unlock();
}

static void test_requests(void)
{
    CheckpointReason reason;

    /* Not running: ignored. */
    checkpoint_request(CHECKPOINT_REASON_MISCOMPARE);
    g_assert_false(checkpoint_request_pending());

    wakes = 0;
    checkpoint_activate(CHECKPOINT_PRIMARY, &listener);
    checkpoint_request(CHECKPOINT_REASON_MISCOMPARE);
    checkpoint_request(CHECKPOINT_REASON_TIMEOUT);
    checkpoint_request(CHECKPOINT_REASON_TIMEOUT);
    g_assert_cmpuint(wakes, ==, 1);
    /* Many asks lead to one checkpoint, with the reason of the first. */
    g_assert_true(checkpoint_take_request(&reason));
    g_assert_cmpint(reason, ==, CHECKPOINT_REASON_MISCOMPARE);
    g_assert_false(checkpoint_take_request(&reason));
    /* An ask during the checkpoint is remembered. */
    checkpoint_request(CHECKPOINT_REASON_QUEUE_FULL);
    g_assert_true(checkpoint_take_request(&reason));
    g_assert_cmpint(reason, ==, CHECKPOINT_REASON_QUEUE_FULL);
    /* The end forgets what was asked. */
    checkpoint_request(CHECKPOINT_REASON_REQUEST);
    checkpoint_deactivate();
    g_assert_false(checkpoint_request_pending());
}

static void test_secondary_ignores_requests(void)
{
    CheckpointSide side;

    checkpoint_activate(CHECKPOINT_SECONDARY, &listener);
    g_assert_true(checkpoint_active(&side));
    g_assert_cmpint(side, ==, CHECKPOINT_SECONDARY);
    checkpoint_request(CHECKPOINT_REASON_MISCOMPARE);
    g_assert_false(checkpoint_request_pending());
    checkpoint_deactivate();
    g_assert_false(checkpoint_active(&side));
}

static void test_reported_error(void)
{
    g_autoptr(GError) first = g_error_new_literal(QC_ERROR, 0, "disk gone");
    g_autoptr(GError) second = g_error_new_literal(QC_ERROR, 0, "later");

    wakes = 0;
    checkpoint_activate(CHECKPOINT_PRIMARY, &listener);
    checkpoint_report_error(&silent_ops, first);
    checkpoint_report_error(&silent_ops, second);
    g_assert_cmpuint(wakes, ==, 1);
    g_autoptr(GError) taken = checkpoint_take_error();
    g_assert_cmpstr(taken->message, ==, "silent: disk gone");
    g_assert_null(checkpoint_take_error());
    checkpoint_deactivate();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    calls = g_string_new(NULL);
    g_test_add_func("/checkpoint/order", test_order);
    g_test_add_func("/checkpoint/failed-start-undone", test_failed_start_undone);
    g_test_add_func("/checkpoint/failover-reaches-all", test_failover_reaches_all);
    g_test_add_func("/checkpoint/requests", test_requests);
    g_test_add_func("/checkpoint/secondary-ignores-requests", test_secondary_ignores_requests);
    g_test_add_func("/checkpoint/reported-error", test_reported_error);
    return g_test_run();
}
