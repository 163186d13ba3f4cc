/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* QMP sessions: negotiation, requests, errors, ids, events, clients that do not read. */
#include "config-host.h"
#include "monitor/monitor-internal.h"
#include "qapi/event.h"
#include "system/main-loop.h"
#include <string.h>

/* A session whose output is collected. */
typedef struct Fixture {
    Monitor monitor;
} Fixture;

static void set_up(Fixture *f, const void *data)
{
    f->monitor.id = g_strdup("test");
    f->monitor.mode = MONITOR_MODE_CONTROL;
    f->monitor.captured = true;
    f->monitor.output = g_string_new(NULL);
    qmp_session_init(&f->monitor, false);
}

static void tear_down(Fixture *f, const void *data)
{
    qmp_session_free(&f->monitor);
    g_string_free(f->monitor.output, TRUE);
    g_free(f->monitor.id);
}

static void send(Fixture *f, const char *text)
{
    qmp_session_receive(&f->monitor, (const uint8_t *)text, strlen(text));
}

/* What the session has answered since the last call. */
static char *take_output(Fixture *f)
{
    char *text = g_strdup(f->monitor.output->str);

    g_string_truncate(f->monitor.output, 0);
    return text;
}

static void assert_answer(Fixture *f, const char *request, const char *expected)
{
    g_autofree char *wanted = g_strconcat(expected, "\r\n", NULL);
    g_autofree char *got = NULL;

    send(f, request);
    got = take_output(f);
    g_assert_cmpstr(got, ==, wanted);
}

static void assert_error(Fixture *f, const char *request, const char *class, const char *desc)
{
    g_autofree char *expected =
        g_strdup_printf("{\"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}", class, desc);

    assert_answer(f, request, expected);
}

static void assert_generic_error(Fixture *f, const char *request, const char *desc)
{
    assert_error(f, request, "GenericError", desc);
}

static void negotiate(Fixture *f, const char *arguments)
{
    g_autofree char *request = g_strdup_printf("{\"execute\": \"qmp_capabilities\"%s}", arguments);

    assert_answer(f, request, "{\"return\": {}}");
}

static void test_greeting(Fixture *f, const void *data)
{
    g_autofree char *greeting = NULL;

    qmp_session_open(&f->monitor);
    greeting = take_output(f);
    g_assert_true(g_str_has_prefix(
        greeting, "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": 0}, "
                  "\"package\": \"qemu-colo "));
    g_assert_true(g_str_has_suffix(greeting, "\"}, \"capabilities\": [\"oob\"]}}\r\n"));
}

static void test_negotiation(Fixture *f, const void *data)
{
    assert_error(f, "{\"execute\": \"query-version\"}", "CommandNotFound",
                 "Expecting capabilities negotiation with 'qmp_capabilities'");
    assert_generic_error(
        f, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"x\"]}}",
        "Parameter 'enable[0]' does not accept value 'x'");
    g_assert_false(f->monitor.qmp.negotiated);
    negotiate(f, "");
    assert_error(f, "{\"execute\": \"qmp_capabilities\"}", "CommandNotFound",
                 "Capabilities negotiation is already complete, command ignored");
    qmp_session_close(&f->monitor);
    assert_error(f, "{\"execute\": \"query-version\"}", "CommandNotFound",
                 "Expecting capabilities negotiation with 'qmp_capabilities'");
}

static void test_oob(Fixture *f, const void *data)
{
    negotiate(f, ", \"arguments\": {\"enable\": [\"oob\"]}");
    assert_generic_error(f, "{\"exec-oob\": \"query-version\"}",
                         "The command query-version does not support OOB");
    assert_generic_error(f, "{\"exec-oob\": \"a\", \"execute\": \"b\"}",
                         "QMP input member 'execute' clashes with 'exec-oob'");
#ifdef CONFIG_COLO
    assert_generic_error(f, "{\"exec-oob\": \"x-colo-lost-heartbeat\"}", "VM is not in COLO mode");
#endif
}

static void test_oob_needs_negotiation(Fixture *f, const void *data)
{
    negotiate(f, "");
    assert_generic_error(f, "{\"exec-oob\": \"query-version\"}",
                         "QMP input member 'exec-oob' is unexpected");
}

static void test_request_errors(Fixture *f, const void *data)
{
    negotiate(f, "");
    assert_generic_error(f, "[]", "QMP input must be a JSON object");
    assert_generic_error(f, "\"x\"", "QMP input must be a JSON object");
    assert_generic_error(f, "{}", "QMP input lacks member 'execute'");
    assert_generic_error(f, "{\"execute\": 5}", "QMP input member 'execute' must be a string");
    assert_generic_error(f, "{\"execute\": \"a\", \"arguments\": 5}",
                         "QMP input member 'arguments' must be an object");
    assert_generic_error(f, "{\"execute\": \"a\", \"zork\": 5}",
                         "QMP input member 'zork' is unexpected");
    assert_error(f, "{\"execute\": \"zork\"}", "CommandNotFound",
                 "The command zork has not been found");
    assert_generic_error(f, "{\"execute\": \"query-version\", \"arguments\": {\"x\": 1}}",
                         "Parameter 'x' is unexpected");
    assert_generic_error(f, "}", "JSON parse error, expecting value instead of '}'");
}

static void test_ids_are_echoed(Fixture *f, const void *data)
{
    assert_answer(f, "{\"execute\": \"qmp_capabilities\", \"id\": {\"a\": [1, null]}}",
                  "{\"return\": {}, \"id\": {\"a\": [1, null]}}");
    assert_answer(f, "{\"execute\": \"zork\", \"id\": 7}",
                  "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
                  "\"The command zork has not been found\"}, \"id\": 7}");
    assert_answer(f, "{\"id\": null}",
                  "{\"error\": {\"class\": \"GenericError\", \"desc\": "
                  "\"QMP input lacks member 'execute'\"}, \"id\": null}");
}

static void test_pipelining(Fixture *f, const void *data)
{
    g_autofree char *got = NULL;

    send(f, "{\"execute\": \"qmp_capabilities\"}{\"execute\": \"a\", \"id\": 1}{\"exec");
    send(f, "ute\": \"b\", \"id\": 2}");
    got = take_output(f);
    g_assert_nonnull(strstr(got, "\"id\": 1}\r\n{"));
    g_assert_true(g_str_has_suffix(got, "\"id\": 2}\r\n"));
}

static void test_pretty(Fixture *f, const void *data)
{
    f->monitor.qmp.pretty = true;
    assert_answer(f, "{\"execute\": \"qmp_capabilities\"}", "{\n    \"return\": {}\n}");
}

static void test_query_commands(Fixture *f, const void *data)
{
    g_autofree char *got = NULL;

    negotiate(f, "");
    send(f, "{\"execute\": \"query-commands\"}");
    got = take_output(f);
    g_assert_nonnull(strstr(got, "{\"name\": \"qmp_capabilities\"}"));
    g_assert_null(strstr(got, "query-events"));
}

static void test_query_schema(Fixture *f, const void *data)
{
    g_autofree char *got = NULL;

    negotiate(f, "");
    send(f, "{\"execute\": \"query-qmp-schema\"}");
    got = take_output(f);
    g_assert_nonnull(strstr(got, "{\"name\": \"query-qmp-schema\", \"meta-type\": \"command\""));
}

static void test_human_monitor_command(Fixture *f, const void *data)
{
    negotiate(f, "");
    assert_answer(f,
                  "{\"execute\": \"human-monitor-command\", "
                  "\"arguments\": {\"command-line\": \"zork\"}}",
                  "{\"return\": \"unknown command: 'zork'\\r\\n\"}");
}

static void test_descriptors(Fixture *f, const void *data)
{
    negotiate(f, "");
    assert_generic_error(f, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"x\"}}",
                         "No file descriptor supplied via SCM_RIGHTS");
    assert_generic_error(f, "{\"execute\": \"closefd\", \"arguments\": {\"fdname\": \"x\"}}",
                         "File descriptor named 'x' not found");
    assert_generic_error(f, "{\"execute\": \"remove-fd\", \"arguments\": {\"fdset-id\": 3}}",
                         "File descriptor named 'fdset-id:3' not found");
    assert_answer(f, "{\"execute\": \"query-fdsets\"}", "{\"return\": []}");
}

static void test_events(Fixture *f, const void *data)
{
    json_t *event = json_pack("{s:s}", "event", "STOP");
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    qmp_session_event(&f->monitor, event);
    before = take_output(f);
    g_assert_cmpstr(before, ==, "");
    negotiate(f, "");
    qmp_session_event(&f->monitor, event);
    after = take_output(f);
    g_assert_cmpstr(after, ==, "{\"event\": \"STOP\"}\r\n");
    json_decref(event);
}

/* While much output waits no further request is run, and input is bounded. */
static void test_throttle(Fixture *f, const void *data)
{
    negotiate(f, "");
    g_assert_cmpuint(qmp_session_room(&f->monitor), >, 0);
    g_string_set_size(f->monitor.output, MONITOR_OUTPUT_HIGH + 1);
    g_assert_cmpuint(qmp_session_room(&f->monitor), ==, 0);
    send(f, "{\"execute\": \"zork\"}");
    g_assert_cmpuint(f->monitor.output->len, ==, MONITOR_OUTPUT_HIGH + 1);
    g_string_truncate(f->monitor.output, 0);
    assert_error(f, "", "CommandNotFound", "The command zork has not been found");
    g_assert_cmpuint(qmp_session_room(&f->monitor), >, 0);
}

/* Bytes without sense must leave a session that works. */
static void test_garbage(Fixture *f, const void *data)
{
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "'",
        "\\",
        "execute",
        "\"execute\"",
        "\"arguments\"",
        "\"id\"",
        "\"query-version\"",
        "null",
        "1e99",
        "-",
        " ",
        "\n",
        "\xff",
        "\x01",
        "\xc3\xa9",
        "{\"execute\":\"query-commands\"}",
        "{\"execute\":\"qmp_capabilities\",\"arguments\":",
    };
    GRand *random = g_rand_new_with_seed(20250802);

    for (int round = 0; round < 2000; round++) {
        int count = g_rand_int_range(random, 0, 60);
        for (int i = 0; i < count; i++) {
            send(f, pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
        }
        send(f, "\n\"\n\"\n]}\n]}\n");
        g_string_truncate(f->monitor.output, 0);
        assert_answer(f, "{\"execute\": 1, \"id\": \"end\"}\n",
                      "{\"error\": {\"class\": \"GenericError\", \"desc\": "
                      "\"QMP input member 'execute' must be a string\"}, \"id\": \"end\"}");
        qmp_session_close(&f->monitor);
    }
    g_rand_free(random);
}

static void add(const char *path, void (*test)(Fixture *f, const void *data))
{
    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    add("/monitor/qmp/greeting", test_greeting);
    add("/monitor/qmp/negotiation", test_negotiation);
    add("/monitor/qmp/oob", test_oob);
    add("/monitor/qmp/oob-needs-negotiation", test_oob_needs_negotiation);
    add("/monitor/qmp/request-errors", test_request_errors);
    add("/monitor/qmp/ids", test_ids_are_echoed);
    add("/monitor/qmp/pipelining", test_pipelining);
    add("/monitor/qmp/pretty", test_pretty);
    add("/monitor/qmp/query-commands", test_query_commands);
    add("/monitor/qmp/query-qmp-schema", test_query_schema);
    add("/monitor/qmp/human-monitor-command", test_human_monitor_command);
    add("/monitor/qmp/descriptors", test_descriptors);
    add("/monitor/qmp/events", test_events);
    add("/monitor/qmp/throttle", test_throttle);
    add("/monitor/qmp/garbage", test_garbage);
    return g_test_run();
}
