/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Driving devices over the qtest protocol. */
#include "libqtest.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BINARY_VARIABLE   "QTEST_QEMU_BINARY"
#define ANSWER_TIMEOUT_MS 60000
#define WATCHED_LINES     256
#define UNNAMED_IN        "unnamed-gpio-in"

typedef struct Connection {
    int fd;
    GString *input;
} Connection;

struct QTestState {
    GPid pid;
    char *directory;
    Connection qtest;
    Connection qmp;
    json_t *events; /* array, not asked for yet */
    bool levels[WATCHED_LINES];
    unsigned raised[WATCHED_LINES];
};

/* ---- sockets ---- */

static char *socket_path(QTestState *qtest, const char *name)
{
    return g_build_filename(qtest->directory, name, NULL);
}

static int listen_at(QTestState *qtest, const char *name)
{
    g_autofree char *path = socket_path(qtest, name);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpuint(strlen(path), <, sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1)) {
        g_error("qtest: cannot listen at %s: %s", path, g_strerror(errno));
    }
    return fd;
}

static void wait_readable(int fd, const char *what)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    int ready = TEMP_FAILURE_RETRY(poll(&poll_fd, 1, ANSWER_TIMEOUT_MS));
    if (ready <= 0) {
        g_error("qtest: %s: nothing within %d s", what, ANSWER_TIMEOUT_MS / 1000);
    }
}

/* Wait for the program's call; a program that ends instead is reported as such. */
static int accept_from(QTestState *qtest, int listener, const char *name)
{
    for (int waited = 0; waited < ANSWER_TIMEOUT_MS; waited += 100) {
        struct pollfd poll_fd = { .fd = listener, .events = POLLIN };
        int status;
        if (TEMP_FAILURE_RETRY(poll(&poll_fd, 1, 100)) > 0) {
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            close(listener);
            return fd;
        }
        if (waitpid(qtest->pid, &status, WNOHANG) == qtest->pid) {
            g_error("qtest: the program ended at start (wait status 0x%x)", (unsigned)status);
        }
    }
    g_error("qtest: the program does not connect to the %s socket", name);
}

static void send_all(int fd, const char *text)
{
    size_t length = strlen(text);
    while (length) {
        ssize_t done = TEMP_FAILURE_RETRY(send(fd, text, length, MSG_NOSIGNAL));
        if (done <= 0) {
            g_error("qtest: the program does not take a command: %s", g_strerror(errno));
        }
        text += done;
        length -= done;
    }
}

/* The next line without its end. Free with g_free(). */
static char *receive_line(Connection *connection, const char *what)
{
    char buffer[65536];
    char *newline;
    while (!(newline = memchr(connection->input->str, '\n', connection->input->len))) {
        wait_readable(connection->fd, what);
        ssize_t count = TEMP_FAILURE_RETRY(recv(connection->fd, buffer, sizeof(buffer), 0));
        if (count <= 0) {
            g_error("qtest: %s: the program closed the connection", what);
        }
        g_string_append_len(connection->input, buffer, count);
    }
    size_t length = newline - connection->input->str;
    char *line = g_strndup(connection->input->str, length);
    g_string_erase(connection->input, 0, length + 1);
    return g_strchomp(line);
}

/* ---- life ---- */

/* In the child: it must not outlive the test. */
static void die_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void spawn(QTestState *qtest, const char *arguments)
{
    const char *binary = g_getenv(BINARY_VARIABLE);
    if (!binary) {
        g_error("qtest: " BINARY_VARIABLE " must name the program to test");
    }
    g_autofree char *qtest_path = socket_path(qtest, "qtest");
    g_autofree char *qmp_path = socket_path(qtest, "qmp");
    g_autofree char *quoted = g_shell_quote(binary);
    g_autofree char *line = g_strdup_printf(
        "%s -accel qtest -display none -qtest unix:%s -qtest-log none -qmp unix:%s %s", quoted,
        qtest_path, qmp_path, arguments ? arguments : "");
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;
    if (!g_shell_parse_argv(line, NULL, &argv, &error) ||
        !g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, die_with_parent, NULL,
                       &qtest->pid, &error)) {
        g_error("qtest: cannot start %s: %s", binary, error->message);
    }
}

static void greet_qmp(QTestState *qtest)
{
    g_free(receive_line(&qtest->qmp, "QMP greeting"));
    json_decref(qtest_qmp(qtest, "qmp_capabilities", NULL));
}

QTestState *qtest_start(const char *arguments)
{
    QTestState *qtest = g_new0(QTestState, 1);
    g_autoptr(GError) error = NULL;
    qtest->directory = g_dir_make_tmp("qtest-XXXXXX", &error);
    g_assert_no_error(error);
    int qtest_listener = listen_at(qtest, "qtest");
    int qmp_listener = listen_at(qtest, "qmp");
    spawn(qtest, arguments);
    qtest->qmp.fd = accept_from(qtest, qmp_listener, "QMP");
    qtest->qtest.fd = accept_from(qtest, qtest_listener, "qtest");
    qtest->qtest.input = g_string_new(NULL);
    qtest->qmp.input = g_string_new(NULL);
    qtest->events = json_array();
    greet_qmp(qtest);
    return qtest;
}

static void remove_directory(QTestState *qtest)
{
    g_autofree char *qtest_path = socket_path(qtest, "qtest");
    g_autofree char *qmp_path = socket_path(qtest, "qmp");
    g_unlink(qtest_path);
    g_unlink(qmp_path);
    g_rmdir(qtest->directory);
}

/* Its wait status; killed when it does not end. */
static int wait_for_end(QTestState *qtest)
{
    int status;
    for (int waited = 0; waited < ANSWER_TIMEOUT_MS; waited += 10) {
        if (waitpid(qtest->pid, &status, WNOHANG) == qtest->pid) {
            return status;
        }
        g_usleep(10000);
    }
    kill(qtest->pid, SIGKILL);
    waitpid(qtest->pid, &status, 0);
    g_error("qtest: the program does not end at SIGTERM");
}

void qtest_quit(QTestState *qtest)
{
    kill(qtest->pid, SIGTERM);
    int status = wait_for_end(qtest);
    remove_directory(qtest);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        g_error("qtest: the program ended badly (wait status 0x%x)", (unsigned)status);
    }
    close(qtest->qtest.fd);
    close(qtest->qmp.fd);
    g_string_free(qtest->qtest.input, true);
    g_string_free(qtest->qmp.input, true);
    json_decref(qtest->events);
    g_free(qtest->directory);
    g_free(qtest);
}

/* ---- commands ---- */

/* "IRQ raise N" or "IRQ lower N"; false: another line. */
static bool note_irq(QTestState *qtest, const char *line)
{
    bool raise = g_str_has_prefix(line, "IRQ raise ");
    if (!raise && !g_str_has_prefix(line, "IRQ lower ")) {
        return false;
    }
    uint64_t number = g_ascii_strtoull(strrchr(line, ' ') + 1, NULL, 10);
    g_assert_cmpuint(number, <, WATCHED_LINES);
    qtest->levels[number] = raise;
    qtest->raised[number] += raise;
    return true;
}

char *qtest_raw(QTestState *qtest, const char *line)
{
    g_autofree char *terminated = g_strconcat(line, "\n", NULL);
    send_all(qtest->qtest.fd, terminated);
    for (;;) {
        char *answer = receive_line(&qtest->qtest, line);
        if (!note_irq(qtest, answer)) {
            return answer;
        }
        g_free(answer);
    }
}

static G_GNUC_PRINTF(2, 3) char *command(QTestState *qtest, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    char *answer = qtest_raw(qtest, line);
    if (strcmp(answer, "OK") != 0 && !g_str_has_prefix(answer, "OK ")) {
        g_error("qtest: '%.100s' was answered with '%s'", line, answer);
    }
    return answer;
}

/* The number behind OK of an answer, which is taken over. */
static uint64_t number_of(char *answer)
{
    g_assert_cmpuint(strlen(answer), >, strlen("OK "));
    uint64_t value = g_ascii_strtoull(answer + strlen("OK "), NULL, 0);
    g_free(answer);
    return value;
}

#define DEFINE_PORT_ACCESS(suffix, type)                                 \
    void qtest_out##suffix(QTestState *qtest, uint16_t port, type value) \
    {                                                                    \
        g_free(command(qtest, "out" #suffix " 0x%x 0x%x", port, value)); \
    }                                                                    \
    type qtest_in##suffix(QTestState *qtest, uint16_t port)              \
    {                                                                    \
        return number_of(command(qtest, "in" #suffix " 0x%x", port));    \
    }

DEFINE_PORT_ACCESS(b, uint8_t)
DEFINE_PORT_ACCESS(w, uint16_t)
DEFINE_PORT_ACCESS(l, uint32_t)

#define DEFINE_MEMORY_ACCESS(suffix, type)                                                      \
    void qtest_write##suffix(QTestState *qtest, uint64_t address, type value)                   \
    {                                                                                           \
        g_free(command(qtest,                                                                   \
                       "write" #suffix " 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x",  \
                       address, (uint64_t)value));                                              \
    }                                                                                           \
    type qtest_read##suffix(QTestState *qtest, uint64_t address)                                \
    {                                                                                           \
        return number_of(command(qtest, "read" #suffix " 0x%" G_GINT64_MODIFIER "x", address)); \
    }

DEFINE_MEMORY_ACCESS(b, uint8_t)
DEFINE_MEMORY_ACCESS(w, uint16_t)
DEFINE_MEMORY_ACCESS(l, uint32_t)
DEFINE_MEMORY_ACCESS(q, uint64_t)

void qtest_memwrite(QTestState *qtest, uint64_t address, const void *data, size_t size)
{
    g_autofree char *text = g_base64_encode(data, size);
    if (size) {
        g_free(command(qtest, "b64write 0x%" G_GINT64_MODIFIER "x %zu %s", address, size, text));
    }
}

void qtest_memread(QTestState *qtest, uint64_t address, void *data, size_t size)
{
    if (!size) {
        return;
    }
    g_autofree char *answer =
        command(qtest, "b64read 0x%" G_GINT64_MODIFIER "x %zu", address, size);
    gsize decoded;
    g_autofree uint8_t *bytes = g_base64_decode(answer + strlen("OK "), &decoded);
    g_assert_cmpuint(decoded, ==, size);
    memcpy(data, bytes, size);
}

int64_t qtest_clock_step(QTestState *qtest, int64_t step_ns)
{
    return number_of(command(qtest, "clock_step %" G_GINT64_FORMAT, step_ns));
}

int64_t qtest_clock_step_next(QTestState *qtest)
{
    return number_of(command(qtest, "clock_step"));
}

int64_t qtest_clock_set(QTestState *qtest, int64_t time_ns)
{
    return number_of(command(qtest, "clock_set %" G_GINT64_FORMAT, time_ns));
}

void qtest_irq_intercept_in(QTestState *qtest, const char *path)
{
    g_free(command(qtest, "irq_intercept_in %s", path));
}

void qtest_irq_intercept_out(QTestState *qtest, const char *path)
{
    g_free(command(qtest, "irq_intercept_out %s", path));
}

bool qtest_get_irq(QTestState *qtest, unsigned number)
{
    g_assert_cmpuint(number, <, WATCHED_LINES);
    /* Whatever was reported before the answer has been seen. */
    g_free(command(qtest, "endianness"));
    return qtest->levels[number];
}

unsigned qtest_irq_raised_count(QTestState *qtest, unsigned number)
{
    g_assert_cmpuint(number, <, WATCHED_LINES);
    g_free(command(qtest, "endianness"));
    return qtest->raised[number];
}

void qtest_set_irq_in(QTestState *qtest, const char *path, const char *name, unsigned number,
                      bool level)
{
    g_free(command(qtest, "set_irq_in %s %s %u %d", path, name ? name : UNNAMED_IN, number, level));
}

/* ---- QMP ---- */

static json_t *receive_qmp(QTestState *qtest, const char *what)
{
    g_autofree char *line = receive_line(&qtest->qmp, what);
    json_error_t error;
    json_t *message = json_loads(line, 0, &error);
    if (!message) {
        g_error("qtest: %s was answered with '%s': %s", what, line, error.text);
    }
    return message;
}

json_t *qtest_qmp(QTestState *qtest, const char *name, json_t *arguments)
{
    json_t *request = arguments ? json_pack("{s:s, s:o}", "execute", name, "arguments", arguments)
                                : json_pack("{s:s}", "execute", name);
    g_assert_nonnull(request);
    char *text = json_dumps(request, JSON_COMPACT);
    send_all(qtest->qmp.fd, text);
    send_all(qtest->qmp.fd, "\n");
    free(text);
    json_decref(request);
    for (;;) {
        json_t *message = receive_qmp(qtest, name);
        json_t *result = json_object_get(message, "return");
        if (result) {
            json_incref(result);
            json_decref(message);
            return result;
        }
        if (!json_object_get(message, "event")) {
            g_error("qtest: %s failed: %s", name, json_dumps(message, 0));
        }
        json_array_append_new(qtest->events, message);
    }
}

json_t *qtest_qmp_event(QTestState *qtest, const char *name)
{
    for (size_t i = 0;; i++) {
        if (i == json_array_size(qtest->events)) {
            json_array_append_new(qtest->events, receive_qmp(qtest, name));
        }
        json_t *event = json_array_get(qtest->events, i);
        const char *kind = json_string_value(json_object_get(event, "event"));
        if (!g_strcmp0(kind, name)) {
            json_incref(event);
            json_array_remove(qtest->events, i);
            return event;
        }
    }
}

/* ---- migration ---- */

static void wait_until_migrated(QTestState *source)
{
    bool completed = false;

    for (unsigned i = 0; i < ANSWER_TIMEOUT_MS / 10 && !completed; i++) {
        json_t *status = qtest_qmp(source, "query-migrate", NULL);
        completed =
            g_strcmp0(json_string_value(json_object_get(status, "status")), "completed") == 0;
        json_decref(status);
        g_usleep(10000);
    }
    g_assert_true(completed);
}

void qtest_migrate(QTestState *source, QTestState *destination)
{
    g_autofree char *file = socket_path(destination, "state");
    g_autofree char *to = g_strdup_printf("exec:cat > %s", file);
    g_autofree char *from = g_strdup_printf("exec:cat %s", file);

    json_decref(qtest_qmp(source, "migrate", json_pack("{s:s}", "uri", to)));
    wait_until_migrated(source);
    qtest_quit(source);
    json_decref(qtest_qmp(destination, "migrate-incoming", json_pack("{s:s}", "uri", from)));
    json_decref(qtest_qmp_event(destination, "RESUME"));
    g_unlink(file);
}
