/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The list of trace events, switching them, and their log back end. */
#include "util/trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/report.h"

static GPtrArray *events;
static FILE *trace_file;

void trace_event_register(TraceEvent *event)
{
    if (!events) {
        events = g_ptr_array_new();
    }
    g_ptr_array_add(events, event);
}

static void G_GNUC_PRINTF(1, 2) write_log(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_vprint(format, arguments);
    va_end(arguments);
}

void trace_event_log(TraceEvent *event, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    gint64 now = g_get_real_time();
    long long seconds = (long long)(now / G_USEC_PER_SEC);
    unsigned micros = (unsigned)(now % G_USEC_PER_SEC);
    int pid = (int)getpid();

    if (trace_file) {
        fprintf(trace_file, "%d@%lld.%06u:%s %s\n", pid, seconds, micros, event->name, text);
    } else {
        write_log("%d@%lld.%06u:%s %s\n", pid, seconds, micros, event->name, text);
    }
}

unsigned trace_events_set(const char *pattern, bool on)
{
    unsigned matched = 0;

    for (guint i = 0; events && i < events->len; i++) {
        TraceEvent *event = g_ptr_array_index(events, i);
        if (g_pattern_match_simple(pattern, event->name)) {
            __atomic_store_n(&event->on, on, __ATOMIC_RELAXED);
            matched++;
        }
    }
    return matched;
}

bool trace_events_load(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) read_error = NULL;

    if (!g_file_get_contents(path, &text, NULL, &read_error)) {
        qc_error_set(error, "cannot read trace events file '%s': %s", path, read_error->message);
        return false;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *pattern = g_strstrip(*line);
        bool on = *pattern != '-';
        if (!*pattern || *pattern == '#') {
            continue;
        }
        if (!trace_events_set(on ? pattern : pattern + 1, on)) {
            report_warning("%s: no trace event matches '%s'", path, pattern);
        }
    }
    return true;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    const TraceEvent *const *first = a;
    const TraceEvent *const *second = b;

    return strcmp((*first)->name, (*second)->name);
}

void trace_events_foreach(void (*visit)(TraceEvent *event, void *opaque), void *opaque)
{
    if (!events) {
        return;
    }
    g_ptr_array_sort(events, compare_names);
    for (guint i = 0; i < events->len; i++) {
        visit(g_ptr_array_index(events, i), opaque);
    }
}

bool trace_set_file(const char *path, GError **error)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        qc_error_set_errno(error, errno, "cannot open trace file '%s'", path);
        return false;
    }
    setvbuf(file, NULL, _IOLBF, 0);
    if (trace_file) {
        fclose(trace_file);
    }
    trace_file = file;
    return true;
}
