/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The monitor's commands about character devices, called as the monitor calls them. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "char-test.h"
#include "qapi/qapi-commands-char.h"

typedef json_t *Command(json_t *arguments, GError **error);

/* Run @command with @arguments (JSON text, ' for "); the answer as text, or the error's. */
static char *run(Command *command, const char *arguments)
{
    g_autofree char *text = g_strdelimit(g_strdup(arguments), "'", '"');
    g_autoptr(GError) error = NULL;
    json_t *json = json_loads(text, 0, NULL);

    g_assert_nonnull(json);
    json_t *answer = command(json, &error);
    json_decref(json);
    if (error) {
        return g_strdup(error->message);
    }
    g_autofree char *dumped = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    json_decref(answer);
    return g_strdup(dumped);
}

static void check(Command *command, const char *arguments, const char *expected)
{
    g_autofree char *answer = run(command, arguments);
    g_assert_cmpstr(answer, ==, expected);
}

static void test_add_remove(void)
{
    check(qmp_marshal_chardev_add, "{'id': 'a', 'backend': {'type': 'null', 'data': {}}}", "{}");
    check(qmp_marshal_query_chardev, "{}",
          "[{\"filename\":\"null\",\"frontend-open\":false,\"label\":\"a\"}]");
    check(qmp_marshal_chardev_add, "{'id': 'a', 'backend': {'type': 'null', 'data': {}}}",
          "Chardev with id 'a' already exists");
    check(qmp_marshal_chardev_remove, "{'id': 'b'}", "Chardev 'b' not found");

    Recorder recorder;
    recorder_start(&recorder, chardev_find("a"));
    check(qmp_marshal_query_chardev, "{}",
          "[{\"filename\":\"null\",\"frontend-open\":true,\"label\":\"a\"}]");
    check(qmp_marshal_chardev_remove, "{'id': 'a'}", "Chardev 'a' is busy");
    check(qmp_marshal_chardev_send_break, "{'id': 'a'}", "{}");
    g_assert_cmpint(recorder.breaks, ==, 1);
    recorder_stop(&recorder);
    check(qmp_marshal_chardev_remove, "{'id': 'a'}", "{}");
    check(qmp_marshal_chardev_send_break, "{'id': 'a'}", "Chardev 'a' not found");
    check(qmp_marshal_query_chardev, "{}", "[]");
}

static void test_add_errors(void)
{
    check(qmp_marshal_chardev_add,
          "{'id': 'm', 'backend': {'type': 'mux', 'data': {'chardev': 'zzz'}}}",
          "Failed to add chardev 'm': mux: base chardev zzz not found");
    check(qmp_marshal_chardev_add,
          "{'id': 'f', 'backend': {'type': 'file', 'data': {'out': '/nonexistent/x'}}}",
          "Failed to add chardev 'f': Could not open '/nonexistent/x': No such file or directory");
    check(qmp_marshal_chardev_add,
          "{'id': 'r', 'backend': {'type': 'ringbuf', 'data': {'size': 100}}}",
          "Failed to add chardev 'r': size of ringbuf chardev must be power of two");
    check(qmp_marshal_chardev_add,
          "{'id': 's', 'backend': {'type': 'socket', 'data': {'server': false, 'addr':"
          " {'type': 'unix', 'data': {'path': '/nonexistent/x'}}}}}",
          "Failed to add chardev 's': Failed to connect to '/nonexistent/x': No such file or "
          "directory");
    check(qmp_marshal_chardev_add,
          "{'id': 's', 'backend': {'type': 'socket', 'data': {'wait': true, 'addr':"
          " {'type': 'unix', 'data': {'path': '/nonexistent/x'}}}}}",
          "Failed to add chardev 's': 'wait' is only possible on the command line: while the VM "
          "runs, the monitor would wait, too");
    check(qmp_marshal_chardev_add,
          "{'id': 's', 'backend': {'type': 'socket', 'data': {'addr':"
          " {'type': 'fd', 'data': {'str': 'nofd'}}}}}",
          "Failed to add chardev 's': File descriptor named 'nofd' has not been found");
    g_assert_null(chardev_find("s"));
}

static void test_add_socket(void)
{
    check(qmp_marshal_chardev_add,
          "{'id': 's', 'backend': {'type': 'socket', 'data': {'addr':"
          " {'type': 'inet', 'data': {'host': '127.0.0.1', 'port': '0', 'ipv6': false}}}}}",
          "{}");
    g_autofree char *filename = chardev_filename(chardev_find("s"));
    g_assert_true(g_str_has_prefix(filename, "disconnected:tcp:127.0.0.1:"));
    check(qmp_marshal_chardev_remove, "{'id': 's'}", "{}");
}

static void test_add_pty(void)
{
    g_autofree char *answer =
        run(qmp_marshal_chardev_add, "{'id': 'p', 'backend': {'type': 'pty', 'data': {}}}");
    g_autofree char *filename = chardev_filename(chardev_find("p"));
    g_autofree char *expected = g_strdup_printf("{\"pty\":\"%s\"}", filename + strlen("pty:"));

    g_assert_cmpstr(answer, ==, expected);
    check(qmp_marshal_chardev_remove, "{'id': 'p'}", "{}");
}

static void test_add_file(void)
{
    g_autofree char *directory = g_dir_make_tmp("chardev-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "out", NULL);
    g_autofree char *arguments = g_strdup_printf(
        "{'id': 'f', 'backend': {'type': 'file', 'data': {'out': '%s', 'in': '/dev/null',"
        " 'append': true, 'logfile': '%s.log'}}}",
        path, path);
    g_autofree char *log = g_strconcat(path, ".log", NULL);

    check(qmp_marshal_chardev_add, arguments, "{}");
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    check(qmp_marshal_chardev_remove, "{'id': 'f'}", "{}");
    g_assert_cmpint(g_unlink(log), ==, 0);
    g_unlink(path);
    g_rmdir(directory);
}

static void test_ringbuf(void)
{
    check(qmp_marshal_chardev_add,
          "{'id': 'r', 'backend': {'type': 'memory', 'data': {'size': 64}}}", "{}");
    check(qmp_marshal_ringbuf_write, "{'device': 'r', 'data': 'hello'}", "{}");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': 3}", "\"hel\"");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': 3000000000}", "\"lo\"");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': 1}", "\"\"");
    check(qmp_marshal_ringbuf_write, "{'device': 'r', 'data': 'aP9p', 'format': 'base64'}", "{}");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': 9}", "\"h\xef\xbf\xbdi\"");
    check(qmp_marshal_ringbuf_write, "{'device': 'r', 'data': 'aP9p', 'format': 'base64'}", "{}");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': 9, 'format': 'base64'}", "\"aP9p\"");
    check(qmp_marshal_ringbuf_write, "{'device': 'r', 'data': '*!', 'format': 'base64'}",
          "Base64 data contains invalid characters");
    check(qmp_marshal_ringbuf_write, "{'device': 'r', 'data': 'aP9', 'format': 'base64'}",
          "Base64 data has 3 characters, expected a multiple of 4");
    check(qmp_marshal_ringbuf_write, "{'device': 'r', 'data': '', 'format': 'base64'}", "{}");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': 0}", "size must be greater than zero");
    check(qmp_marshal_ringbuf_read, "{'device': 'r', 'size': -1}",
          "size must be greater than zero");
    check(qmp_marshal_ringbuf_read, "{'device': 'x', 'size': 1}", "Device 'x' not found");
    check(qmp_marshal_ringbuf_write, "{'device': 'x', 'data': ''}", "Device 'x' not found");
    check(qmp_marshal_chardev_add, "{'id': 'n', 'backend': {'type': 'null', 'data': {}}}", "{}");
    check(qmp_marshal_ringbuf_read, "{'device': 'n', 'size': 1}", "n is not a ringbuf device");
    check(qmp_marshal_chardev_remove, "{'id': 'n'}", "{}");
    check(qmp_marshal_chardev_remove, "{'id': 'r'}", "{}");
}

static void test_backends(void)
{
    g_autofree char *answer = run(qmp_marshal_query_chardev_backends, "{}");
    static const char *const names[] = { "file",    "mux",    "null",   "pipe", "pty",
                                         "ringbuf", "serial", "socket", "stdio" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *entry = g_strdup_printf("{\"name\":\"%s\"}", names[i]);
        g_assert_nonnull(strstr(answer, entry));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/chardev/qmp/add-remove", test_add_remove);
    g_test_add_func("/chardev/qmp/add-errors", test_add_errors);
    g_test_add_func("/chardev/qmp/add-socket", test_add_socket);
    g_test_add_func("/chardev/qmp/add-pty", test_add_pty);
    g_test_add_func("/chardev/qmp/add-file", test_add_file);
    g_test_add_func("/chardev/qmp/ringbuf", test_ringbuf);
    g_test_add_func("/chardev/qmp/backends", test_backends);
    return g_test_run();
}
