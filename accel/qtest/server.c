/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The connection of a qtest client: lines in, lines out, and their log. */
#include "accel/qtest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chardev/char.h"
#include "qtest-internal.h"
#include "util/report.h"
#include "util/timer.h"

#define QTEST_CHARDEV_ID "qtest"
#define QTEST_READ_SIZE  65536
/* A block write of 16 MiB has 32 Mi digits. */
#define QTEST_LINE_MAX (40u * 1024 * 1024)

typedef struct QtestServer {
    CharFrontend frontend;
    FILE *log; /* NULL: none */
    int64_t start_ns;
    GString *input;
    bool overlong; /* dropping the rest of a line that was too long */
} QtestServer;

static QtestServer server;

static void qtest_log(char direction, const char *line)
{
    if (server.log) {
        double seconds = (double)(clock_get_ns(CLOCK_TYPE_REALTIME) - server.start_ns) / 1e9;
        fprintf(server.log, "[%c +%.6f] %s\n", direction, seconds, line);
    }
}

void qtest_send(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    qtest_log('S', line);
    g_autofree char *terminated = g_strconcat(line, "\n", NULL);
    char_frontend_write_all(&server.frontend, terminated, strlen(terminated));
}

static void qtest_take_line(void)
{
    if (server.overlong) {
        server.overlong = false;
        qtest_send("ERR line longer than %u bytes", QTEST_LINE_MAX);
    } else {
        g_strchomp(server.input->str);
        qtest_log('R', server.input->str);
        qtest_execute(server.input->str);
    }
    g_string_truncate(server.input, 0);
}

static int qtest_can_receive(void *opaque)
{
    return QTEST_READ_SIZE;
}

/* Keep @length more bytes of the line that is coming in. */
static void qtest_gather(const char *data, size_t length)
{
    if (server.overlong || length > QTEST_LINE_MAX - server.input->len) {
        server.overlong = true;
        g_string_truncate(server.input, 0);
    } else {
        g_string_append_len(server.input, data, length);
    }
}

static void qtest_receive(void *opaque, const uint8_t *data, int size)
{
    const char *position = (const char *)data;
    const char *end = position + size;
    while (position < end) {
        const char *newline = memchr(position, '\n', end - position);
        qtest_gather(position, (newline ? newline : end) - position);
        if (!newline) {
            return;
        }
        qtest_take_line();
        position = newline + 1;
    }
}

static void qtest_event(void *opaque, CharEvent event)
{
    if (event == CHAR_EVENT_OPENED) {
        server.start_ns = clock_get_ns(CLOCK_TYPE_REALTIME);
        g_string_truncate(server.input, 0);
        server.overlong = false;
    } else if (event == CHAR_EVENT_CLOSED) {
        qtest_forget_client();
    }
}

static bool qtest_open_log(const char *path, GError **error)
{
    if (!path || !strcmp(path, "none")) {
        return true;
    }
    server.log = fopen(path, "we");
    if (!server.log) {
        qc_error_set_errno(error, errno, "cannot write the qtest log '%s'", path);
        return false;
    }
    setvbuf(server.log, NULL, _IOLBF, 0);
    return true;
}

bool qtest_server_start(const char *chardev, const char *log_path, GError **error)
{
    g_assert(!server.input);
    if (!qtest_open_log(log_path, error)) {
        return false;
    }
    Chardev *backend = chardev_new_from_shorthand(QTEST_CHARDEV_ID, chardev, error);
    if (!backend || !char_frontend_init(&server.frontend, backend, error)) {
        return false;
    }
    server.input = g_string_new(NULL);
    server.start_ns = clock_get_ns(CLOCK_TYPE_REALTIME);
    char_frontend_set_handlers(&server.frontend, qtest_can_receive, qtest_receive, qtest_event,
                               NULL, NULL);
    return true;
}
