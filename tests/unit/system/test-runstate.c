/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Run states: transitions, stop and cont, and what they mean during a checkpoint. */
#include "qapi/event.h"
#include "system/bql.h"
#include "system/runstate.h"
#include "util/timer.h"

static GString *calls; /* events and handlers: "STOP run- " */

static void on_event(const char *name, json_t *event)
{
    g_string_append_printf(calls, "%s ", name);
    json_decref(event);
}

static void on_change(void *opaque, bool running, RunState state)
{
    g_string_append(calls, running ? "run+ " : "run- ");
}

static void expect(RunState state, const char *expected)
{
    g_assert_cmpstr(RunState_str(runstate_get()), ==, RunState_str(state));
    g_assert_cmpstr(calls->str, ==, expected);
    g_string_truncate(calls, 0);
}

static bool time_passes(void)
{
    int64_t before = clock_get_ns(CLOCK_TYPE_VIRTUAL);

    g_usleep(10);
    return clock_get_ns(CLOCK_TYPE_VIRTUAL) != before;
}

static void start_ok(bool (*start)(GError **error))
{
    g_autoptr(GError) error = NULL;

    g_assert_true(start(&error));
    g_assert_no_error(error);
}

/* From whatever state the last test left. */
static void start_running(void)
{
    start_ok(vm_start);
    g_assert_true(runstate_is_running());
    g_string_truncate(calls, 0);
}

static void test_stop_and_start(void)
{
    start_running();
    g_assert_true(time_passes());
    start_ok(vm_start);
    expect(RUN_STATE_RUNNING, "");
    g_assert_true(vm_stop(RUN_STATE_PAUSED));
    expect(RUN_STATE_PAUSED, "run- STOP ");
    g_assert_false(time_passes());
    g_assert_false(vm_stop(RUN_STATE_PAUSED));
    expect(RUN_STATE_PAUSED, "");
    start_ok(vm_start_quietly);
    expect(RUN_STATE_RUNNING, "run+ ");
    g_assert_true(vm_stop_quietly(RUN_STATE_PAUSED));
    expect(RUN_STATE_PAUSED, "run- ");
    start_ok(vm_start);
    expect(RUN_STATE_RUNNING, "run+ RESUME ");
}

static void test_obstacles(void)
{
    g_autoptr(GError) error = NULL;

    start_running();
    vm_stop(RUN_STATE_INTERNAL_ERROR);
    g_assert_false(vm_start(&error));
    g_assert_cmpstr(error->message, ==, "Resetting the Virtual Machine is required");
    g_string_truncate(calls, 0);
    g_assert_true(runstate_set(RUN_STATE_PRELAUNCH));
    g_assert_true(runstate_set(RUN_STATE_INMIGRATE));
    g_clear_error(&error);
    g_assert_false(vm_start(&error));
    g_assert_cmpstr(error->message, ==, "Guest is waiting for an incoming migration");
    expect(RUN_STATE_INMIGRATE, "");
    g_assert_true(runstate_set(RUN_STATE_PAUSED));
}

static void test_illegal_transition(void)
{
    if (g_test_subprocess()) {
        start_running();
        runstate_set(RUN_STATE_POSTMIGRATE);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*cannot change from 'running' to 'postmigrate'*");
}

static void test_checkpoint(void)
{
    start_running();
    vm_stop_quietly(RUN_STATE_COLO);
    expect(RUN_STATE_COLO, "run- ");
    start_ok(vm_start_quietly);
    expect(RUN_STATE_RUNNING, "run+ ");
}

static void test_stop_during_checkpoint(void)
{
    start_running();
    vm_stop_quietly(RUN_STATE_COLO);
    g_string_truncate(calls, 0);
    g_assert_true(vm_stop(RUN_STATE_PAUSED));
    g_assert_false(vm_stop(RUN_STATE_PAUSED));
    expect(RUN_STATE_COLO, "STOP ");
    start_ok(vm_start_quietly); /* the checkpoint is done */
    expect(RUN_STATE_PAUSED, "");
    g_assert_false(time_passes());

    /* A checkpoint of a paused VM leaves it paused. */
    vm_stop_quietly(RUN_STATE_COLO);
    start_ok(vm_start_quietly);
    expect(RUN_STATE_PAUSED, "");
    start_ok(vm_start);
    expect(RUN_STATE_RUNNING, "run+ RESUME ");
}

static void test_cont_during_checkpoint(void)
{
    start_running();
    vm_stop(RUN_STATE_PAUSED);
    vm_stop_quietly(RUN_STATE_COLO);
    g_string_truncate(calls, 0);
    start_ok(vm_start);
    start_ok(vm_start);
    expect(RUN_STATE_COLO, "RESUME ");
    g_assert_false(time_passes());
    start_ok(vm_start_quietly);
    expect(RUN_STATE_RUNNING, "run+ ");
}

/* ---- a stop that comes while another one waits for the vCPUs ---- */

typedef struct Intruder {
    bool (*stop)(RunState state);
    RunState state;
} Intruder;

static void intrude(void *opaque, bool running, RunState state)
{
    Intruder *intruder = opaque;

    if (!running && intruder->stop) {
        bool (*stop)(RunState state) = intruder->stop;
        intruder->stop = NULL;
        stop(intruder->state);
    }
}

static void test_stop_inside_stop(void)
{
    Intruder user = { vm_stop, RUN_STATE_PAUSED };
    Intruder checkpoint = { vm_stop_quietly, RUN_STATE_COLO };

    start_running();
    vm_state_change_add(intrude, &user);
    vm_stop_quietly(RUN_STATE_COLO);
    g_assert_true(runstate_is(RUN_STATE_COLO));
    vm_state_change_remove(intrude, &user);
    start_ok(vm_start_quietly);
    g_assert_true(runstate_is(RUN_STATE_PAUSED));

    start_running();
    vm_state_change_add(intrude, &checkpoint);
    g_assert_true(vm_stop(RUN_STATE_PAUSED));
    g_assert_true(runstate_is(RUN_STATE_COLO));
    vm_state_change_remove(intrude, &checkpoint);
    start_ok(vm_start_quietly);
    g_assert_true(runstate_is(RUN_STATE_PAUSED));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    calls = g_string_new(NULL);
    qapi_event_set_emitter(on_event);
    bql_lock();
    vm_state_change_add(on_change, NULL);
    g_test_add_func("/runstate/stop-and-start", test_stop_and_start);
    g_test_add_func("/runstate/obstacles", test_obstacles);
    g_test_add_func("/runstate/illegal-transition", test_illegal_transition);
    g_test_add_func("/runstate/checkpoint", test_checkpoint);
    g_test_add_func("/runstate/stop-during-checkpoint", test_stop_during_checkpoint);
    g_test_add_func("/runstate/cont-during-checkpoint", test_cont_during_checkpoint);
    g_test_add_func("/runstate/stop-inside-stop", test_stop_inside_stop);
    return g_test_run();
}
