/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the parts of the monitor share. All of it is protected by the BQL. */
#pragma once

#include "monitor/hmp.h"
#include "monitor/json-stream.h"
#include "monitor/line-editor.h"

/* A session reads no further commands while more than this waits to be sent, bytes. */
#define MONITOR_OUTPUT_HIGH (1024 * 1024)
/* What does not fit below this is dropped, bytes: events for a client that does not read. */
#define MONITOR_OUTPUT_MAX (16 * 1024 * 1024)

/* State of a QMP session. */
typedef struct QmpSession {
    bool pretty;
    bool negotiated; /* qmp_capabilities was accepted */
    bool oob;        /* and enabled exec-oob */
    JsonStream *stream;
    GByteArray *input; /* received, not yet looked at */
    bool processing;   /* guards against running commands from within a command */
} QmpSession;

struct Monitor {
    char *id; /* of the character device, for messages */
    MonitorMode mode;
    bool captured;   /* no character device: output is collected for human-monitor-command */
    Monitor *caller; /* captured: the session that asked for it, or NULL */
    CharFrontend frontend;
    GString *output;    /* waits to be sent, behind what was sent */
    size_t output_sent; /* bytes at the start of output that were sent */
    guint watch;        /* source that waits for room in the character device, or 0 */
    uint64_t dropped;   /* messages dropped since the client stopped reading */
    QmpSession qmp;
    LineEditor *editor; /* human mode */
    bool unfocused;     /* human mode, on a mux: another user has the input */
    bool suspended;     /* human mode: a command's work goes on, no input is taken */
    bool banner_due;    /* human mode: a user has come and has not been greeted */
    guint prompt_idle;  /* source that will show banner and prompt, or 0 */
    Monitor *next;
};

/* Queue @size bytes of @data as a whole, or drop them as a whole, and send what can be sent. */
void monitor_write(Monitor *monitor, const char *data, size_t size);

/* Whether so much output waits that no further command should be run. */
bool monitor_is_throttled(const Monitor *monitor);

/* Make @monitor the one that monitor_current() tells; returns the one before. */
Monitor *monitor_enter(Monitor *monitor);
void monitor_leave(Monitor *previous);

/* All monitors, linked by next. */
Monitor *monitor_first(void);

/* ---- qmp.c ---- */
void qmp_session_init(Monitor *monitor, bool pretty);
void qmp_session_free(Monitor *monitor);
/* A client has come: greet it. */
void qmp_session_open(Monitor *monitor);
/* The client has gone: forget what it negotiated and sent. */
void qmp_session_close(Monitor *monitor);
/* Run the commands in @data, and those that wait; @size may be 0. */
void qmp_session_receive(Monitor *monitor, const uint8_t *data, size_t size);
/* How many bytes can be taken now. */
size_t qmp_session_room(const Monitor *monitor);
/* Send an event to the client if it has negotiated. */
void qmp_session_event(Monitor *monitor, json_t *event);
/* Start to hand events to the sessions. */
void qmp_events_init(void);

/* ---- hmp.c ---- */
/* Run one line; what goes wrong is printed. */
void hmp_run_line(Monitor *monitor, const char *line);
/* Possible last words of @line, those that begin with what is there: an array of strings. */
GPtrArray *hmp_complete_line(const char *line);
