/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitors on sockets: sessions, events of other threads, clients that do not read. */
#include "monitor/monitor-internal.h"
#include "qapi/event.h"
#include "qapi/qapi-events-run-state.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_US (20 * G_USEC_PER_SEC)

/* A monitor and a client of it. */
typedef struct Fixture {
    char *folder;
    char *path;
    int client;
    GString *received;
} Fixture;

static int connect_client(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
    return fd;
}

static void set_up(Fixture *f, const void *mode)
{
    GError *error = NULL;
    Chardev *chardev;
    json_t *options;

    f->folder = g_dir_make_tmp("test-monitor-XXXXXX", &error);
    g_assert_no_error(error);
    f->path = g_build_filename(f->folder, "socket", NULL);
    f->received = g_string_new(NULL);
    options = json_pack("{s:s, s:s, s:s, s:s, s:s}", "backend", "socket", "id", "c0", "path",
                        f->path, "server", "on", "wait", "off");
    chardev = chardev_new_from_options(options, &error);
    g_assert_no_error(error);
    json_decref(options);
    g_assert_true(monitor_init(chardev, GPOINTER_TO_INT(mode), false, &error));
    g_assert_no_error(error);
    f->client = connect_client(f->path);
}

static void tear_down(Fixture *f, const void *mode)
{
    close(f->client);
    monitor_cleanup();
    g_assert_true(chardev_remove("c0", NULL));
    unlink(f->path);
    rmdir(f->folder);
    g_free(f->path);
    g_free(f->folder);
    g_string_free(f->received, TRUE);
}

/* Take what the socket has now; false when there is nothing. */
static bool receive_some(Fixture *f)
{
    char buffer[65536];
    ssize_t size = recv(f->client, buffer, sizeof(buffer), 0);

    if (size < 0) {
        g_assert_cmpint(errno, ==, EAGAIN);
        return false;
    }
    g_assert_cmpint(size, >, 0);
    g_string_append_len(f->received, buffer, size);
    return true;
}

static gboolean wake_up(void *opaque)
{
    return G_SOURCE_CONTINUE;
}

/* Run the main loop until the client has received @text. */
static void wait_for(Fixture *f, const char *text)
{
    gint64 end = g_get_monotonic_time() + TIMEOUT_US;
    guint timer = g_timeout_add(10, wake_up, NULL);

    while (!strstr(f->received->str, text)) {
        if (g_get_monotonic_time() > end) {
            g_error("'%s' did not come, but: %.1000s", text, f->received->str);
        }
        if (!receive_some(f)) {
            main_loop_iterate(true);
        }
    }
    g_source_remove(timer);
}

/* Run the main loop for @milliseconds without reading. */
static void run_for(unsigned milliseconds)
{
    gint64 end = g_get_monotonic_time() + milliseconds * 1000;
    guint timer = g_timeout_add(10, wake_up, NULL);

    while (g_get_monotonic_time() < end) {
        main_loop_iterate(true);
    }
    g_source_remove(timer);
}

static void send_text(Fixture *f, const char *text)
{
    g_assert_cmpint(send(f->client, text, strlen(text), 0), ==, strlen(text));
}

static void ask(Fixture *f, const char *request, const char *answer)
{
    g_string_truncate(f->received, 0);
    send_text(f, request);
    wait_for(f, answer);
}

static void negotiate(Fixture *f)
{
    wait_for(f, "\"capabilities\": [\"oob\"]}}\r\n");
    ask(f, "{\"execute\": \"qmp_capabilities\"}", "{\"return\": {}}\r\n");
}

static void test_qmp(Fixture *f, const void *mode)
{
    negotiate(f);
    ask(f, "{\"execute\": \"query-status\", \"id\": 5}", "\"id\": 5}\r\n");
    g_assert_nonnull(strstr(f->received->str, "\"running\": false"));
}

static void *send_events(void *opaque)
{
    for (int i = 0; i < 100; i++) {
        qapi_event_send_reset(i % 2, SHUTDOWN_CAUSE_NONE);
    }
    qapi_event_send_powerdown();
    return NULL;
}

/* Events of a thread that does not hold the BQL arrive, in order. */
static void test_events_of_threads(Fixture *f, const void *mode)
{
    GThread *thread;
    const char *at;
    int count = 0;

    negotiate(f);
    thread = g_thread_new("events", send_events, NULL);
    wait_for(f, "POWERDOWN");
    g_thread_join(thread);
    at = f->received->str;
    while ((at = strstr(at, "\"guest\": "))) {
        at += strlen("\"guest\": ");
        g_assert_true(g_str_has_prefix(at, count++ % 2 ? "true" : "false"));
    }
    g_assert_cmpint(count, ==, 100);
}

/* What a command causes is told before its answer. */
static void test_event_precedes_answer(Fixture *f, const void *mode)
{
    const char *event;

    negotiate(f);
    ask(f, "{\"execute\": \"cont\"}", "{\"return\": {}}\r\n");
    event = strstr(f->received->str, "\"event\": \"RESUME\"");
    g_assert_nonnull(event);
    g_assert_true(event < strstr(f->received->str, "\"return\""));
    ask(f, "{\"execute\": \"stop\"}", "{\"return\": {}}\r\n");
    event = strstr(f->received->str, "\"event\": \"STOP\"");
    g_assert_nonnull(event);
    g_assert_true(event < strstr(f->received->str, "\"return\""));
}

/* Whole messages are dropped beyond the limit, and the session goes on when the client reads. */
static void test_client_that_does_not_read(Fixture *f, const void *mode)
{
    g_autofree char *big = g_strnfill(100000, 'x');
    const Monitor *monitor = monitor_first();
    g_auto(GStrv) lines = NULL;

    negotiate(f);
    for (int i = 0; i < 400; i++) {
        qapi_event_emit("BIG", json_pack("{s:s}", "text", big));
        g_assert_cmpuint(monitor->output->len - monitor->output_sent, <=, MONITOR_OUTPUT_MAX);
    }
    g_assert_cmpuint(monitor->dropped, >, 0);
    send_text(f, "{\"execute\": \"query-name\", \"id\": \"late\"}");
    run_for(100);
    g_assert_true(monitor_is_throttled(monitor));
    g_string_truncate(f->received, 0);
    wait_for(f, "\"id\": \"late\"}\r\n");
    g_assert_cmpuint(monitor->dropped, ==, 0);
    lines = g_strsplit(f->received->str, "\r\n", -1);
    for (char **line = lines; **line; line++) {
        json_t *json = json_loads(*line, 0, NULL);
        g_assert_nonnull(json);
        json_decref(json);
    }
}

static void test_next_client(Fixture *f, const void *mode)
{
    negotiate(f);
    send_text(f, "{\"execute\": \"qu");
    close(f->client);
    run_for(50);
    f->client = connect_client(f->path);
    g_string_truncate(f->received, 0);
    wait_for(f, "\"capabilities\"");
    ask(f, "{\"execute\": \"query-name\"}", "Expecting capabilities negotiation");
}

static void test_human(Fixture *f, const void *mode)
{
    wait_for(f, "(qemu) ");
    g_assert_true(g_str_has_prefix(f->received->str, "QEMU 7.2.0 monitor - type 'help' for more "
                                                     "information"));
    ask(f, "info st\tx\b\r\n", "(qemu) ");
    g_assert_nonnull(strstr(f->received->str, "VM status: paused\r\n"));
    ask(f, "zork\n", "unknown command: 'zork'\r\n(qemu) ");
}

/* ---- a command whose work goes on ---- */

static void run_wait(Monitor *monitor, json_t *arguments, GError **error)
{
    if (!hmp_suspend(monitor)) {
        hmp_printf(monitor, "cannot wait\n");
    }
}

HMP_COMMAND(zz_wait, .name = "zz_wait", .help = "wait", .handler = run_wait);

static void test_suspend(Fixture *f, const void *mode)
{
    wait_for(f, "(qemu) ");
    ask(f, "zz_wait\nzork\n", "zz_wait");
    run_for(100);
    receive_some(f);
    g_assert_null(strstr(f->received->str, "zork"));
    g_assert_null(strstr(f->received->str, "(qemu) "));
    hmp_resume(monitor_first());
    wait_for(f, "unknown command: 'zork'\r\n(qemu) ");
}

static void test_suspend_is_refused_to_programs(Fixture *f, const void *mode)
{
    g_autofree char *text = hmp_run_captured("zz_wait");

    g_assert_cmpstr(text, ==, "cannot wait\r\n");
}

static void test_suspended_user_goes(Fixture *f, const void *mode)
{
    wait_for(f, "(qemu) ");
    ask(f, "zz_wait\n", "zz_wait");
    close(f->client);
    run_for(50);
    f->client = connect_client(f->path);
    g_string_truncate(f->received, 0);
    wait_for(f, "(qemu) ");
    hmp_resume(monitor_first());
    ask(f, "zork\n", "unknown command: 'zork'\r\n(qemu) ");
}

static void test_options(void)
{
    static const struct {
        const char *options;
        const char *message;
    } cases[] = {
        { "{}", "-mon: chardev is required" },
        { "{\"chardev\": \"none\"}", "-mon: chardev 'none' not found" },
        { "{\"chardev\": \"a\", \"mode\": \"x\"}",
          "-mon: unknown mode 'x'; expected readline or control" },
        { "{\"chardev\": \"a\", \"pretty\": \"on\"}",
          "-mon: pretty=on goes with mode=control only" },
        { "{\"chardev\": \"a\", \"pretty\": \"x\"}", "-mon: pretty=x: expected on or off" },
        { "{\"chardev\": \"a\", \"zork\": \"x\"}",
          "-mon: unknown parameter 'zork'; expected chardev, id, mode or pretty" },
        { "{\"chardev\": {}}", "-mon: parameter 'chardev' must be a string" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *options = json_loads(cases[i].options, 0, NULL);
        g_autoptr(GError) error = NULL;
        g_assert_false(monitor_init_from_options(options, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
        json_decref(options);
    }
}

static void add(const char *path, MonitorMode mode, void (*test)(Fixture *f, const void *mode))
{
    g_test_add(path, Fixture, GINT_TO_POINTER(mode), set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    add("/monitor/qmp-session", MONITOR_MODE_CONTROL, test_qmp);
    add("/monitor/events-of-threads", MONITOR_MODE_CONTROL, test_events_of_threads);
    add("/monitor/event-precedes-answer", MONITOR_MODE_CONTROL, test_event_precedes_answer);
    add("/monitor/client-that-does-not-read", MONITOR_MODE_CONTROL, test_client_that_does_not_read);
    add("/monitor/next-client", MONITOR_MODE_CONTROL, test_next_client);
    add("/monitor/human-session", MONITOR_MODE_READLINE, test_human);
    add("/monitor/suspend", MONITOR_MODE_READLINE, test_suspend);
    add("/monitor/suspend-refused", MONITOR_MODE_READLINE, test_suspend_is_refused_to_programs);
    add("/monitor/suspended-user-goes", MONITOR_MODE_READLINE, test_suspended_user_goes);
    g_test_add_func("/monitor/options", test_options);
    return g_test_run();
}
