/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Trace events at run time: which exist, which are on, where their lines go.
 *
 * The events themselves are declared in the `trace-events` file of each folder; the
 * generated header `trace-<folder>.h` gives a function trace_<event>() for each.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* One trace event; the generated code owns it. */
typedef struct TraceEvent {
    const char *name;
    gint on; /* atomic; switched by trace_events_set() */
} TraceEvent;

/* Make @event known; called by generated constructors before main(). */
void trace_event_register(TraceEvent *event);

static inline bool trace_event_is_on(TraceEvent *event)
{
    return __builtin_expect(__atomic_load_n(&event->on, __ATOMIC_RELAXED), 0);
}

/*
 * Write one line "PID@SECONDS.MICROS:name text" to the trace output.
 * Any thread, no lock needed.
 */
void trace_event_log(TraceEvent *event, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Switch every event whose name matches the glob @pattern (`*` and `?`) on or off.
 * Returns how many matched.
 */
unsigned trace_events_set(const char *pattern, bool on);

/* Read a file of patterns, one a line; a leading `-` switches off, `#` begins a comment. */
bool trace_events_load(const char *path, GError **error);

/* Call @visit for every event in order of name. */
void trace_events_foreach(void (*visit)(TraceEvent *event, void *opaque), void *opaque);

/* Send trace lines to the file @path instead of the log output. */
bool trace_set_file(const char *path, GError **error);
