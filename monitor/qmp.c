/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* QMP sessions: greeting, negotiation, requests, answers, events (docs/interop/qmp.md). */
#include "monitor/monitor-internal.h"
#include "config-host.h"
#include "qapi/dispatch.h"
#include "qapi/error.h"
#include "qapi/event.h"
#include "qapi/qapi-commands-control.h"
#include "qapi/qapi-tables.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "trace-monitor.h"
#include <string.h>

/* Bytes of requests that wait while a session is throttled. */
#define INPUT_SIZE_MAX 4096

/* One request, taken apart; all borrowed from its JSON. */
typedef struct Request {
    const char *command;
    bool oob;
    json_t *arguments; /* NULL for none */
    json_t *id;        /* NULL for none */
} Request;

static VersionInfo *version_info(void)
{
    VersionInfo *info = VersionInfo_new();

    info->qemu = VersionTriple_new();
    info->qemu->major = 7;
    info->qemu->minor = 2;
    info->qemu->micro = 0;
    info->package = g_strdup("qemu-colo " QEMU_COLO_VERSION);
    return info;
}

/* Send @message (taken) with a line end. */
static void send_json(Monitor *monitor, json_t *message)
{
    size_t flags = JSON_ENSURE_ASCII | (monitor->qmp.pretty ? JSON_INDENT(4) : 0);
    char *text = json_dumps(message, flags);
    g_autofree char *line = g_strconcat(text, "\r\n", NULL);

    trace_monitor_qmp_answer(monitor->id, text);
    monitor_write(monitor, line, strlen(line));
    free(text);
    json_decref(message);
}

static void send_error(Monitor *monitor, json_t *id, const GError *error)
{
    json_t *message =
        json_pack("{s:{s:s, s:s}}", "error", "class", QapiErrorClass_str(qapi_error_class(error)),
                  "desc", error->message);

    if (!message) { /* the text is not UTF-8 */
        g_autofree char *text = g_utf8_make_valid(error->message, -1);
        message = json_pack("{s:{s:s, s:s}}", "error", "class", "GenericError", "desc", text);
    }
    if (id) {
        json_object_set(message, "id", id);
    }
    send_json(monitor, message);
}

static void send_result(Monitor *monitor, json_t *id, json_t *result)
{
    json_t *message = json_object();

    json_object_set_new(message, "return", result);
    if (id) {
        json_object_set(message, "id", id);
    }
    send_json(monitor, message);
}

static bool read_command_name(const char *key, json_t *value, Request *request, GError **error)
{
    if (!json_is_string(value)) {
        qapi_error_set(error, "QMP input member '%s' must be a string", key);
        return false;
    }
    if (request->command) {
        qapi_error_set(error, "QMP input member 'execute' clashes with 'exec-oob'");
        return false;
    }
    request->command = json_string_value(value);
    return true;
}

static bool read_member(const Monitor *monitor, const char *key, json_t *value, Request *request,
                        GError **error)
{
    if (!strcmp(key, "id")) {
        return true; /* read before all else, so that every error carries it */
    }
    if (!strcmp(key, "execute")) {
        return read_command_name(key, value, request, error);
    }
    if (!strcmp(key, "exec-oob") && monitor->qmp.oob) {
        request->oob = true;
        return read_command_name(key, value, request, error);
    }
    if (strcmp(key, "arguments") != 0) {
        qapi_error_set(error, "QMP input member '%s' is unexpected", key);
        return false;
    }
    if (!json_is_object(value)) {
        qapi_error_set(error, "QMP input member 'arguments' must be an object");
        return false;
    }
    request->arguments = value;
    return true;
}

static bool read_request(const Monitor *monitor, json_t *json, Request *request, GError **error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(json)) {
        qapi_error_set(error, "QMP input must be a JSON object");
        return false;
    }
    json_object_foreach(json, key, value)
    {
        if (!read_member(monitor, key, value, request, error)) {
            return false;
        }
    }
    if (!request->command) {
        qapi_error_set(error, "QMP input lacks member 'execute'");
        return false;
    }
    return true;
}

static bool fail_not_found(GError **error, const char *text)
{
    g_set_error_literal(error, QAPI_ERROR, QAPI_ERROR_CLASS_COMMAND_NOT_FOUND, text);
    return false;
}

/* Whether the session's state and the command's flags let @request run. */
static bool may_run(const Monitor *monitor, const Request *request, const QapiCommand *command,
                    GError **error)
{
    bool negotiation = !strcmp(request->command, "qmp_capabilities");

    if (!monitor->qmp.negotiated && !negotiation) {
        return fail_not_found(error, "Expecting capabilities negotiation with 'qmp_capabilities'");
    }
    if (monitor->qmp.negotiated && negotiation) {
        return fail_not_found(error,
                              "Capabilities negotiation is already complete, command ignored");
    }
    if (!command) {
        g_autofree char *text =
            g_strdup_printf("The command %s has not been found", request->command);
        return fail_not_found(error, text);
    }
    if (request->oob && !command->allow_oob) {
        qapi_error_set(error, "The command %s does not support OOB", command->name);
        return false;
    }
    return true;
}

static json_t *run_request(Monitor *monitor, json_t *json, GError **error)
{
    Request request = { 0 };
    const QapiCommand *command;
    Monitor *previous;
    json_t *result;

    if (!read_request(monitor, json, &request, error)) {
        return NULL;
    }
    command = qapi_command_find(&qapi_commands, request.command);
    if (!may_run(monitor, &request, command, error)) {
        return NULL;
    }
    trace_monitor_qmp_command(monitor->id, request.command);
    previous = monitor_enter(monitor);
    result = command->handler(request.arguments, error);
    monitor_leave(previous);
    return result;
}

static void handle_value(Monitor *monitor, json_t *json)
{
    json_t *id = json_object_get(json, "id");
    g_autoptr(GError) error = NULL;
    json_t *result = run_request(monitor, json, &error);

    if (result) {
        send_result(monitor, id, result);
    } else {
        send_error(monitor, id, error);
    }
    json_decref(json);
}

/* Look at input until a value or error was handled; false when none is complete. */
static bool process_one(Monitor *monitor)
{
    QmpSession *session = &monitor->qmp;
    g_autoptr(GError) error = NULL;
    json_t *value = NULL;
    JsonStreamResult result;
    size_t taken;

    result = json_stream_feed(session->stream, session->input->data, session->input->len, &taken,
                              &value, &error);
    g_byte_array_remove_range(session->input, 0, taken);
    switch (result) {
    case JSON_STREAM_VALUE:
        handle_value(monitor, value);
        return true;
    case JSON_STREAM_ERROR:
        send_error(monitor, NULL, error);
        return true;
    case JSON_STREAM_MORE:
        return false;
    }
    g_assert_not_reached();
}

void qmp_session_receive(Monitor *monitor, const uint8_t *data, size_t size)
{
    QmpSession *session = &monitor->qmp;

    g_byte_array_append(session->input, data, size);
    if (session->processing) {
        return;
    }
    session->processing = true;
    while (session->input->len && !monitor_is_throttled(monitor) && process_one(monitor)) {
    }
    session->processing = false;
}

size_t qmp_session_room(const Monitor *monitor)
{
    size_t waiting = monitor->qmp.input->len;

    if (monitor_is_throttled(monitor) || waiting >= INPUT_SIZE_MAX) {
        return 0;
    }
    return INPUT_SIZE_MAX - waiting;
}

void qmp_session_init(Monitor *monitor, bool pretty)
{
    monitor->qmp.pretty = pretty;
    monitor->qmp.stream = json_stream_new();
    monitor->qmp.input = g_byte_array_new();
}

void qmp_session_free(Monitor *monitor)
{
    json_stream_free(monitor->qmp.stream);
    g_byte_array_unref(monitor->qmp.input);
}

void qmp_session_open(Monitor *monitor)
{
    g_autoptr(VersionInfo) version = version_info();

    send_json(monitor, json_pack("{s:{s:o, s:[s]}}", "QMP", "version", VersionInfo_to_json(version),
                                 "capabilities", QMPCapability_str(QMP_CAPABILITY_OOB)));
}

void qmp_session_close(Monitor *monitor)
{
    monitor->qmp.negotiated = false;
    monitor->qmp.oob = false;
    json_stream_reset(monitor->qmp.stream);
    g_byte_array_set_size(monitor->qmp.input, 0);
}

void qmp_session_event(Monitor *monitor, json_t *event)
{
    if (monitor->qmp.negotiated) {
        send_json(monitor, json_incref(event));
    }
}

/* ---- events, which come from any thread ---- */

static GMutex events_lock;
static GQueue events = G_QUEUE_INIT; /* json_t *, in order; under events_lock */

static json_t *take_event(void)
{
    json_t *event;

    g_mutex_lock(&events_lock);
    event = g_queue_pop_head(&events);
    g_mutex_unlock(&events_lock);
    return event;
}

/* BQL held. */
static void deliver_events(void *opaque)
{
    json_t *event;

    while ((event = take_event())) {
        for (Monitor *monitor = monitor_first(); monitor; monitor = monitor->next) {
            if (monitor->mode == MONITOR_MODE_CONTROL) {
                qmp_session_event(monitor, event);
            }
        }
        json_decref(event);
    }
}

/* A thread that holds the BQL delivers at once, so that events precede the command's answer. */
static void emit_event(const char *name, json_t *event)
{
    trace_monitor_event(name);
    g_mutex_lock(&events_lock);
    g_queue_push_tail(&events, event);
    g_mutex_unlock(&events_lock);
    if (bql_locked()) {
        deliver_events(NULL);
    } else {
        main_loop_schedule(deliver_events, NULL);
    }
}

void qmp_events_init(void)
{
    qapi_event_set_emitter(emit_event);
}

/* ---- commands about the session ---- */

void qmp_qmp_capabilities(GArray *enable, GError **error)
{
    Monitor *monitor = monitor_current();

    for (unsigned i = 0; enable && i < enable->len; i++) {
        monitor->qmp.oob |= g_array_index(enable, QMPCapability, i) == QMP_CAPABILITY_OOB;
    }
    monitor->qmp.negotiated = true;
}

VersionInfo *qmp_query_version(GError **error)
{
    return version_info();
}

GPtrArray *qmp_query_commands(GError **error)
{
    GPtrArray *list = CommandInfo_list_new();

    for (size_t i = 0; i < qapi_commands.count; i++) {
        CommandInfo *info = CommandInfo_new();
        info->name = g_strdup(qapi_commands.commands[i].name);
        g_ptr_array_add(list, info);
    }
    return list;
}

char *qmp_human_monitor_command(const char *command_line, bool has_cpu_index, int64_t cpu_index,
                                GError **error)
{
    return hmp_run_captured(command_line);
}
