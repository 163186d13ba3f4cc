/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Commands that show and switch trace events. */
#include "monitor/hmp.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-trace.h"
#include "util/trace.h"
#include <string.h>

/* A walk over events that gathers those which match. */
typedef struct Selection {
    GPatternSpec *pattern;
    GPtrArray *list; /* of TraceEventInfo */
} Selection;

static void select_event(TraceEvent *event, void *opaque)
{
    Selection *selection = opaque;
    TraceEventInfo *info;

    if (!g_pattern_spec_match_string(selection->pattern, event->name)) {
        return;
    }
    info = TraceEventInfo_new();
    info->name = g_strdup(event->name);
    info->state = trace_event_is_on(event) ? TRACE_EVENT_STATE_ENABLED : TRACE_EVENT_STATE_DISABLED;
    g_ptr_array_add(selection->list, info);
}

static bool is_pattern(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

static void fail_unknown(const char *name, GError **error)
{
    qapi_error_set(error, "unknown event \"%s\"", name);
}

GPtrArray *qmp_trace_event_get_state(const char *name, GError **error)
{
    Selection selection = { g_pattern_spec_new(name), TraceEventInfo_list_new() };

    trace_events_foreach(select_event, &selection);
    g_pattern_spec_free(selection.pattern);
    if (!selection.list->len && !is_pattern(name)) {
        fail_unknown(name, error);
        g_clear_pointer(&selection.list, g_ptr_array_unref);
    }
    return selection.list;
}

void qmp_trace_event_set_state(const char *name, bool enable, bool has_ignore_unavailable,
                               bool ignore_unavailable, GError **error)
{
    bool ignore = has_ignore_unavailable && ignore_unavailable;

    if (!trace_events_set(name, enable) && !ignore && !is_pattern(name)) {
        fail_unknown(name, error);
    }
}

static const char *argument(json_t *arguments, const char *name)
{
    return json_string_value(json_object_get(arguments, name));
}

static void run_trace_event(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *name = argument(arguments, "name");

    if (!trace_events_set(name, json_is_true(json_object_get(arguments, "option"))) &&
        !is_pattern(name)) {
        hmp_printf(monitor, "unknown event \"%s\"\n", name);
    }
}

static void run_info_trace_events(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *name = argument(arguments, "name");
    g_autoptr(GPtrArray) list = qmp_trace_event_get_state(name ? name : "*", NULL);

    if (!list) {
        hmp_printf(monitor, "unknown event \"%s\"\n", name);
        return;
    }
    for (unsigned i = 0; i < list->len; i++) {
        const TraceEventInfo *info = g_ptr_array_index(list, i);
        hmp_printf(monitor, "%s : state %u\n", info->name,
                   info->state == TRACE_EVENT_STATE_ENABLED);
    }
}

typedef struct Completion {
    const char *prefix;
    GPtrArray *candidates;
} Completion;

static void complete_event(TraceEvent *event, void *opaque)
{
    Completion *completion = opaque;

    hmp_complete_one(completion->candidates, completion->prefix, event->name);
}

static void complete_name(unsigned index, const char *prefix, GPtrArray *candidates)
{
    Completion completion = { prefix, candidates };

    if (index == 0) {
        trace_events_foreach(complete_event, &completion);
    } else if (index == 1) {
        hmp_complete_one(candidates, prefix, "on");
        hmp_complete_one(candidates, prefix, "off");
    }
}

HMP_COMMAND(trace_event, .name = "trace-event", .arguments = "name:s,option:b",
            .parameters = "name on|off", .help = "changes status of a specific trace event",
            .handler = run_trace_event, .complete = complete_name);
HMP_COMMAND(info_trace_events, .name = "info trace-events", .arguments = "name:s?",
            .parameters = "[name]", .help = "show available trace-events & their state",
            .handler = run_info_trace_events, .complete = complete_name);
