/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitors on character devices: their life, their output, the human kind's sessions. */
#include "monitor/monitor-internal.h"
#include "config-host.h"
#include "system/bql.h"
#include "util/report.h"
#include "trace-monitor.h"
#include <string.h>

static Monitor *monitors; /* in order of their making */
static Monitor *current;  /* whose command runs */

Monitor *monitor_current(void)
{
    return current;
}

Monitor *monitor_enter(Monitor *monitor)
{
    Monitor *previous = current;

    current = monitor;
    return previous;
}

void monitor_leave(Monitor *previous)
{
    current = previous;
}

Monitor *monitor_first(void)
{
    return monitors;
}

/* ---- output ---- */

/* Bytes that wait. */
static size_t output_waiting(const Monitor *monitor)
{
    return monitor->output->len - monitor->output_sent;
}

bool monitor_is_throttled(const Monitor *monitor)
{
    return output_waiting(monitor) > MONITOR_OUTPUT_HIGH;
}

static gboolean on_writable(void *opaque);

/* Note that @size bytes were sent; moving the rest to the front is put off until it pays. */
static void output_advance(Monitor *monitor, size_t size)
{
    monitor->output_sent += size;
    if (monitor->output_sent >= monitor->output->len / 2) {
        g_string_erase(monitor->output, 0, monitor->output_sent);
        monitor->output_sent = 0;
    }
}

/* Send what the character device takes. Returns whether all is gone. */
static bool flush(Monitor *monitor)
{
    while (output_waiting(monitor)) {
        int written =
            char_frontend_write(&monitor->frontend, monitor->output->str + monitor->output_sent,
                                (int)output_waiting(monitor));
        if (written <= 0) {
            return false;
        }
        output_advance(monitor, written);
    }
    if (monitor->dropped) {
        report_warning("monitor '%s': its client reads again; %" PRIu64 " messages were dropped",
                       monitor->id, monitor->dropped);
        monitor->dropped = 0;
    }
    return true;
}

static void flush_or_wait(Monitor *monitor)
{
    if (!flush(monitor) && !monitor->watch) {
        monitor->watch = char_frontend_add_watch(&monitor->frontend, on_writable, monitor);
    }
}

/* Commands that waited for the client to read can run again. */
static void continue_input(Monitor *monitor)
{
    if (monitor_is_throttled(monitor)) {
        return;
    }
    if (monitor->mode == MONITOR_MODE_CONTROL) {
        qmp_session_receive(monitor, NULL, 0);
    }
    char_frontend_accept_input(&monitor->frontend);
}

static gboolean on_writable(void *opaque)
{
    Monitor *monitor = opaque;
    bool was_throttled = monitor_is_throttled(monitor);
    bool done = flush(monitor);

    if (done) {
        monitor->watch = 0;
    }
    if (was_throttled) {
        continue_input(monitor);
    }
    return done ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void drop(Monitor *monitor)
{
    if (!monitor->dropped++) {
        report_error("monitor '%s': its client does not read; %d bytes wait, further messages "
                     "are dropped",
                     monitor->id, (int)output_waiting(monitor));
    }
}

void monitor_write(Monitor *monitor, const char *data, size_t size)
{
    if (monitor->captured) {
        g_string_append_len(monitor->output, data, size);
        return;
    }
    if (output_waiting(monitor) + size > MONITOR_OUTPUT_MAX) {
        drop(monitor);
        return;
    }
    g_string_append_len(monitor->output, data, size);
    flush_or_wait(monitor);
}

/* The peer is gone: nobody is left to send to. */
static void discard_output(Monitor *monitor)
{
    if (monitor->watch) {
        g_source_remove(monitor->watch);
        monitor->watch = 0;
    }
    g_string_truncate(monitor->output, 0);
    monitor->output_sent = 0;
    monitor->dropped = 0;
}

/* ---- human sessions ---- */

static void write_crlf(Monitor *monitor, const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (; *text; text++) {
        if (*text == '\n') {
            g_string_append_c(out, '\r');
        }
        g_string_append_c(out, *text);
    }
    monitor_write(monitor, out->str, out->len);
}

void hmp_printf(Monitor *monitor, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    write_crlf(monitor, text);
}

static void editor_show(void *opaque, const char *text, size_t size)
{
    monitor_write(opaque, text, size);
}

static void editor_run(void *opaque, const char *line)
{
    Monitor *monitor = opaque;
    Monitor *previous = monitor_enter(monitor);

    trace_monitor_hmp_command(monitor->id, line);
    hmp_run_line(monitor, line);
    monitor_leave(previous);
    if (!monitor->suspended) {
        line_editor_show_prompt(monitor->editor);
    }
}

bool hmp_suspend(Monitor *monitor)
{
    if (monitor->captured) {
        return false;
    }
    monitor->suspended = true;
    return true;
}

void hmp_resume(Monitor *monitor)
{
    if (monitor->suspended) {
        monitor->suspended = false;
        line_editor_show_prompt(monitor->editor);
        char_frontend_accept_input(&monitor->frontend);
    }
}

static GPtrArray *editor_complete(void *opaque, const char *line)
{
    return hmp_complete_line(line);
}

static const LineEditorOps editor_ops = {
    .show = editor_show,
    .run = editor_run,
    .complete = editor_complete,
};

char *hmp_run_captured(const char *line)
{
    Monitor monitor = { .mode = MONITOR_MODE_READLINE, .captured = true, .caller = current };
    Monitor *previous = monitor_enter(&monitor);

    monitor.output = g_string_new(NULL);
    hmp_run_line(&monitor, line);
    monitor_leave(previous);
    return g_string_free(monitor.output, FALSE);
}

/* Greet a new user and show the prompt, if the user looks at this monitor. */
static void show_prompt_now(Monitor *monitor)
{
    if (monitor->prompt_idle) {
        g_source_remove(monitor->prompt_idle);
        monitor->prompt_idle = 0;
    }
    if (monitor->unfocused || monitor->suspended) {
        return;
    }
    if (monitor->banner_due) {
        monitor->banner_due = false;
        hmp_printf(monitor,
                   "QEMU 7.2.0 monitor - type 'help' for more information (qemu-colo %s)\n",
                   QEMU_COLO_VERSION);
    } else {
        hmp_printf(monitor, "\n");
    }
    line_editor_show_prompt(monitor->editor);
}

static gboolean on_prompt_idle(void *opaque)
{
    Monitor *monitor = opaque;

    monitor->prompt_idle = 0;
    show_prompt_now(monitor);
    return G_SOURCE_REMOVE;
}

/* Later: on a mux the focus moves about while its users are set up. */
static void show_prompt(Monitor *monitor)
{
    if (!monitor->prompt_idle) {
        monitor->prompt_idle = g_idle_add_full(G_PRIORITY_DEFAULT, on_prompt_idle, monitor, NULL);
    }
}

static void human_event(Monitor *monitor, CharEvent event)
{
    switch (event) {
    case CHAR_EVENT_OPENED:
        monitor->banner_due = true;
        line_editor_reset(monitor->editor);
        show_prompt(monitor);
        break;
    case CHAR_EVENT_CLOSED:
        monitor->banner_due = false;
        monitor->suspended = false;
        line_editor_reset(monitor->editor);
        break;
    case CHAR_EVENT_FOCUS_IN:
        monitor->unfocused = false;
        show_prompt(monitor);
        break;
    case CHAR_EVENT_FOCUS_OUT:
        monitor->unfocused = true;
        break;
    case CHAR_EVENT_BREAK:
        break;
    }
}

/* ---- character device ---- */

static int can_receive(void *opaque)
{
    Monitor *monitor = opaque;

    if (monitor->mode == MONITOR_MODE_CONTROL) {
        return (int)qmp_session_room(monitor);
    }
    return monitor->suspended || monitor_is_throttled(monitor) ? 0 : 1;
}

static void receive(void *opaque, const uint8_t *data, int size)
{
    Monitor *monitor = opaque;

    g_assert(bql_locked());
    if (monitor->mode == MONITOR_MODE_CONTROL) {
        qmp_session_receive(monitor, data, size);
        return;
    }
    if (monitor->prompt_idle) {
        show_prompt_now(monitor);
    }
    for (int i = 0; i < size; i++) {
        line_editor_key(monitor->editor, data[i]);
    }
}

static void qmp_event(Monitor *monitor, CharEvent event)
{
    if (event == CHAR_EVENT_OPENED) {
        qmp_session_close(monitor);
        qmp_session_open(monitor);
    } else if (event == CHAR_EVENT_CLOSED) {
        qmp_session_close(monitor);
    }
}

static void on_event(void *opaque, CharEvent event)
{
    Monitor *monitor = opaque;

    trace_monitor_char_event(monitor->id, event);
    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        discard_output(monitor);
    }
    if (monitor->mode == MONITOR_MODE_CONTROL) {
        qmp_event(monitor, event);
    } else {
        human_event(monitor, event);
    }
}

/* ---- life ---- */

static void monitor_free(Monitor *monitor)
{
    if (monitor->mode == MONITOR_MODE_CONTROL) {
        qmp_session_free(monitor);
    } else {
        line_editor_free(monitor->editor);
        g_clear_handle_id(&monitor->prompt_idle, g_source_remove);
    }
    g_string_free(monitor->output, TRUE);
    g_free(monitor->id);
    g_free(monitor);
}

static void append(Monitor *monitor)
{
    Monitor **place = &monitors;

    while (*place) {
        place = &(*place)->next;
    }
    *place = monitor;
}

bool monitor_init(Chardev *chardev, MonitorMode mode, bool pretty, GError **error)
{
    Monitor *monitor = g_new0(Monitor, 1);

    g_assert(bql_locked());
    monitor->id = g_strdup(chardev_id(chardev));
    monitor->mode = mode;
    monitor->output = g_string_new(NULL);
    if (mode == MONITOR_MODE_CONTROL) {
        qmp_session_init(monitor, pretty);
        qmp_events_init();
    } else {
        monitor->editor = line_editor_new("(qemu) ", &editor_ops, monitor);
    }
    if (!char_frontend_init(&monitor->frontend, chardev, error)) {
        monitor_free(monitor);
        return false;
    }
    append(monitor);
    char_frontend_set_handlers(&monitor->frontend, can_receive, receive, on_event, monitor, NULL);
    return true;
}

void monitor_cleanup(void)
{
    while (monitors) {
        Monitor *monitor = monitors;
        monitors = monitor->next;
        flush(monitor);
        discard_output(monitor);
        char_frontend_deinit(&monitor->frontend);
        monitor_free(monitor);
    }
}
