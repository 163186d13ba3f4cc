/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Channels of each kind: bytes arrive whole, ends and errors are told apart, shutdown breaks. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/channel.h"

/* More than any pipe or socket buffer takes at once. */
#define BIG_SIZE (4u << 20)

static void socket_pair(Channel *channels[2])
{
    int fds[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    channels[0] = channel_new_fd(fds[0], "left");
    channels[1] = channel_new_fd(fds[1], "right");
}

static void pipe_pair(Channel *channels[2])
{
    int fds[2];
    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    channels[0] = channel_new_fd(fds[0], "reader");
    channels[1] = channel_new_fd(fds[1], "writer");
}

static uint8_t *make_pattern(size_t size)
{
    uint8_t *data = g_malloc(size);
    for (size_t i = 0; i < size; i++) {
        data[i] = i * 7 + (i >> 9);
    }
    return data;
}

/* ---- whole transfers ---- */

typedef struct Transfer {
    Channel *channel;
    uint8_t *data;
    size_t size;
} Transfer;

static gpointer write_thread(gpointer opaque)
{
    Transfer *transfer = opaque;
    g_autoptr(GError) error = NULL;
    size_t third = transfer->size / 3;
    struct iovec iov[4] = {
        { transfer->data, third },
        { transfer->data + third, 0 },
        { transfer->data + third, third },
        { transfer->data + 2 * third, transfer->size - 2 * third },
    };

    channel_writev_all(transfer->channel, iov, 4, &error);
    g_assert_no_error(error);
    return NULL;
}

static void transfer_big(Channel *reader, Channel *writer)
{
    g_autofree uint8_t *sent = make_pattern(BIG_SIZE);
    g_autofree uint8_t *got = g_malloc0(BIG_SIZE);
    g_autoptr(GError) error = NULL;
    Transfer transfer = { writer, sent, BIG_SIZE };
    GThread *thread = g_thread_new("writer", write_thread, &transfer);

    channel_read_all(reader, got, BIG_SIZE, &error);
    g_assert_no_error(error);
    g_thread_join(thread);
    g_assert_cmpmem(sent, BIG_SIZE, got, BIG_SIZE);
}

static void test_transfer(gconstpointer make)
{
    Channel *channels[2];
    ((void (*)(Channel **))make)(channels);
    transfer_big(channels[0], channels[1]);
    channel_unref(channels[0]);
    channel_unref(channels[1]);
}

static void test_transfer_nonblocking(void)
{
    Channel *channels[2];
    socket_pair(channels);
    g_assert_true(channel_set_blocking(channels[0], false, NULL));
    g_assert_true(channel_set_blocking(channels[1], false, NULL));
    transfer_big(channels[0], channels[1]);
    channel_unref(channels[0]);
    channel_unref(channels[1]);
}

/* ---- partial transfers and ends ---- */

static void test_would_block(gconstpointer make)
{
    Channel *channels[2];
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *data = make_pattern(BIG_SIZE);
    struct iovec iov = { data, BIG_SIZE };
    uint8_t byte;
    struct iovec one = { &byte, 1 };

    ((void (*)(Channel **))make)(channels);
    g_assert_true(channel_set_blocking(channels[0], false, NULL));
    g_assert_true(channel_set_blocking(channels[1], false, NULL));
    g_assert_cmpint(channel_readv(channels[0], &one, 1, &error), ==, CHANNEL_WOULD_BLOCK);
    g_assert_no_error(error);

    ssize_t n = channel_writev(channels[1], &iov, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(n, >, 0);
    g_assert_cmpint(n, <, BIG_SIZE);
    do {
        n = channel_writev(channels[1], &iov, 1, &error);
    } while (n > 0);
    g_assert_cmpint(n, ==, CHANNEL_WOULD_BLOCK);
    g_assert_no_error(error);
    g_assert_cmpint(channel_readv(channels[0], &one, 1, &error), ==, 1);
    g_assert_cmpint(byte, ==, data[0]);
    channel_unref(channels[0]);
    channel_unref(channels[1]);
}

static void test_end_of_stream(void)
{
    Channel *channels[2];
    g_autoptr(GError) error = NULL;
    char buffer[20];
    struct iovec iov = { buffer, sizeof(buffer) };

    socket_pair(channels);
    g_assert_true(channel_write_all(channels[1], "12345678", 8, NULL));
    channel_unref(channels[1]);
    g_assert_false(channel_read_all(channels[0], buffer, 20, &error));
    g_assert_cmpstr(error->message, ==, "left: the stream ended 12 bytes short of the 20 expected");
    g_clear_error(&error);
    g_assert_cmpint(channel_readv(channels[0], &iov, 1, &error), ==, 0);
    g_assert_no_error(error);
    channel_unref(channels[0]);
}

static void test_peer_gone(gconstpointer make)
{
    Channel *channels[2];
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = NULL;

    ((void (*)(Channel **))make)(channels);
    channel_unref(channels[0]);
    g_assert_false(channel_write_all(channels[1], "x", 1, &error));
    expected = g_strdup_printf("%s: cannot write: Broken pipe", channel_name(channels[1]));
    g_assert_cmpstr(error->message, ==, expected);
    channel_unref(channels[1]);
}

static void test_file(void)
{
    g_autofree char *directory = g_dir_make_tmp("channel-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "data", NULL);
    g_autofree char *name = g_strdup_printf("file:%s", path);
    g_autoptr(GError) error = NULL;
    char buffer[5];

    g_assert_null(channel_new_file(path, O_RDONLY, 0, &error));
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, "No such file or directory"));
    g_clear_error(&error);

    Channel *channel = channel_new_file(path, O_RDWR | O_CREAT, 0600, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(channel_name(channel), ==, name);
    g_assert_true(channel_write_all(channel, "hello", 5, NULL));
    channel_unref(channel);
    channel = channel_new_file(path, O_RDONLY, 0, &error);
    g_assert_true(channel_read_all(channel, buffer, 5, &error));
    g_assert_cmpmem(buffer, 5, "hello", 5);
    g_assert_cmpint(channel_wait_readable(channel, 0), ==, 1);
    channel_shutdown(channel);
    g_assert_false(channel_read_all(channel, buffer, 1, &error));
    g_assert_nonnull(strstr(error->message, "shut down"));
    channel_unref(channel);
    g_unlink(path);
    g_rmdir(directory);
}

/* A descriptor that others share must look the same when we have let go of it. */
static void test_fd_flags_restored(void)
{
    int fds[2];
    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    int copy = dup(fds[0]);
    Channel *channel = channel_new_fd(fds[0], "shared");

    g_assert_cmpint(fcntl(copy, F_GETFL) & O_NONBLOCK, !=, 0);
    channel_unref(channel);
    g_assert_cmpint(fcntl(copy, F_GETFL) & O_NONBLOCK, ==, 0);
    close(copy);
    close(fds[1]);
}

/* What a command inherits would stay open as long as that runs. */
static void test_close_on_exec(void)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_autoptr(Channel) left = channel_new_fd(fds[0], "left");
    g_assert_cmpint(fcntl(fds[0], F_GETFD), ==, FD_CLOEXEC);
    close(fds[1]);
    g_assert_cmpint(pipe(fds), ==, 0);
    g_autoptr(Channel) reader = channel_new_fd(fds[0], "reader");
    g_assert_cmpint(fcntl(fds[0], F_GETFD), ==, FD_CLOEXEC);
    close(fds[1]);
}

/* ---- commands ---- */

static void test_command(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Channel) channel = channel_new_command("read a; echo \"<$a>\"", true, true, &error);
    char buffer[8];

    g_assert_no_error(error);
    g_assert_true(channel_write_all(channel, "word\n", 5, &error));
    g_assert_true(channel_read_all(channel, buffer, 7, &error));
    g_assert_cmpmem(buffer, 7, "<word>\n", 7);
    g_assert_false(channel_read_all(channel, buffer, 1, &error));
    g_assert_nonnull(strstr(error->message, "the stream ended 1 bytes short of the 1 expected"));
}

static bool wait_for_file(const char *path, const char *contents)
{
    for (int i = 0; i < 500; i++) {
        g_autofree char *now = NULL;
        if (g_file_get_contents(path, &now, NULL, NULL) && g_str_equal(now, contents)) {
            return true;
        }
        g_usleep(10 * 1000);
    }
    return false;
}

/* Closing lets the command finish: what was written must not be lost. */
static void test_command_finishes(void)
{
    g_autofree char *directory = g_dir_make_tmp("channel-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "out", NULL);
    g_autofree char *command = g_strdup_printf("sleep 0.1; cat > %s", path);
    Channel *channel = channel_new_command(command, false, true, NULL);
    uint8_t byte;
    g_autoptr(GError) error = NULL;

    g_assert_false(channel_read_all(channel, &byte, 1, &error));
    g_assert_true(channel_write_all(channel, "kept", 4, NULL));
    channel_unref(channel);
    g_assert_true(wait_for_file(path, "kept"));
    g_unlink(path);
    g_rmdir(directory);
}

/* ---- buffers ---- */

static void test_buffer(void)
{
    g_autoptr(Channel) channel = channel_new_buffer(0);
    g_autofree uint8_t *data = make_pattern(BIG_SIZE);
    g_autofree uint8_t *got = g_malloc(BIG_SIZE);
    size_t size;

    g_assert_cmpint(channel_fd(channel), ==, -1);
    for (size_t i = 0; i < BIG_SIZE; i += BIG_SIZE / 64) {
        g_assert_true(channel_write_all(channel, data + i, BIG_SIZE / 64, NULL));
        g_assert_true(channel_read_all(channel, got + i, 100, NULL));
        g_assert_true(channel_read_all(channel, got + i + 100, BIG_SIZE / 64 - 100, NULL));
    }
    g_assert_cmpmem(data, BIG_SIZE, got, BIG_SIZE);
    g_assert_cmpuint(channel_buffer_allocated(channel), <, BIG_SIZE);

    g_assert_true(channel_write_all(channel, "abcdef", 6, NULL));
    g_assert_true(channel_read_all(channel, got, 2, NULL));
    const void *rest = channel_buffer_data(channel, &size);
    g_assert_cmpmem(rest, size, "cdef", 4);
    channel_buffer_reset(channel);
    channel_buffer_data(channel, &size);
    g_assert_cmpuint(size, ==, 0);
}

static void test_buffer_limit(void)
{
    g_autoptr(Channel) channel = channel_new_buffer(8);
    g_autoptr(GError) error = NULL;
    char byte;

    g_assert_true(channel_write_all(channel, "12345678", 8, NULL));
    g_assert_false(channel_write_all(channel, "9", 1, &error));
    g_assert_nonnull(strstr(error->message, "No buffer space"));
    g_assert_true(channel_read_all(channel, &byte, 1, NULL));
    g_assert_true(channel_write_all(channel, "9", 1, NULL));
}

/* ---- shutdown from another thread ---- */

typedef enum Blocked { BLOCKED_READ, BLOCKED_WRITE, BLOCKED_WAIT } Blocked;

typedef struct Victim {
    Channel *channel;
    Blocked how;
    bool failed;
    GError *error;
} Victim;

static gpointer victim_thread(gpointer opaque)
{
    Victim *victim = opaque;
    g_autofree uint8_t *data = g_malloc0(BIG_SIZE);

    switch (victim->how) {
    case BLOCKED_READ:
        victim->failed = !channel_read_all(victim->channel, data, 1, &victim->error);
        break;
    case BLOCKED_WRITE:
        victim->failed = !channel_write_all(victim->channel, data, BIG_SIZE, &victim->error);
        break;
    case BLOCKED_WAIT:
        victim->failed = channel_wait_readable(victim->channel, -1) < 0;
        break;
    }
    return NULL;
}

static void break_blocked(Channel *channel, Blocked how)
{
    Victim victim = { channel, how, false, NULL };
    GThread *thread = g_thread_new("victim", victim_thread, &victim);
    gint64 start;

    g_usleep(50 * 1000);
    start = g_get_monotonic_time();
    channel_shutdown(channel);
    channel_shutdown(channel);
    g_thread_join(thread);
    g_assert_cmpint(g_get_monotonic_time() - start, <, G_TIME_SPAN_SECOND);
    g_assert_true(victim.failed);
    g_assert_true(channel_is_shut_down(channel));
    if (how != BLOCKED_WAIT) {
        g_assert_nonnull(strstr(victim.error->message, "the channel was shut down"));
    }
    g_clear_error(&victim.error);
    g_assert_false(channel_write_all(channel, "x", 1, &victim.error));
    g_assert_nonnull(strstr(victim.error->message, "the channel was shut down"));
    g_clear_error(&victim.error);
}

static void test_shutdown(gconstpointer make)
{
    for (Blocked how = BLOCKED_READ; how <= BLOCKED_WAIT; how++) {
        Channel *channels[2];
        ((void (*)(Channel **))make)(channels);
        break_blocked(channels[how == BLOCKED_WRITE ? 1 : 0], how);
        channel_unref(channels[0]);
        channel_unref(channels[1]);
    }
}

static void test_shutdown_command(void)
{
    for (Blocked how = BLOCKED_READ; how <= BLOCKED_WAIT; how++) {
        Channel *channel = channel_new_command("sleep 1000", true, true, NULL);
        break_blocked(channel, how);
        channel_unref(channel);
    }
}

static void test_shutdown_buffer(void)
{
    g_autoptr(Channel) channel = channel_new_buffer(0);
    char byte;
    g_assert_true(channel_write_all(channel, "12", 2, NULL));
    channel_shutdown(channel);
    g_assert_false(channel_read_all(channel, &byte, 1, NULL));
    g_assert_false(channel_write_all(channel, "1", 1, NULL));
}

static void test_wait_timeout(void)
{
    Channel *channels[2];
    pipe_pair(channels);
    gint64 start = g_get_monotonic_time();
    g_assert_cmpint(channel_wait_readable(channels[0], 30), ==, 0);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 30 * 1000);
    g_assert_true(channel_write_all(channels[1], "x", 1, NULL));
    g_assert_cmpint(channel_wait_readable(channels[0], -1), ==, 1);
    channel_unref(channels[0]);
    channel_unref(channels[1]);
}

/* ---- watches ---- */

typedef struct Watched {
    int calls;
    GIOCondition condition;
} Watched;

static gboolean on_ready(Channel *channel, GIOCondition condition, void *opaque)
{
    Watched *watched = opaque;
    watched->calls++;
    watched->condition = condition;
    return G_SOURCE_REMOVE;
}

static Watched watch_once(Channel *channel, GIOCondition condition)
{
    Watched watched = { 0 };
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autoptr(GSource) source = channel_create_watch(channel, condition, on_ready, &watched);

    g_source_attach(source, context);
    for (int i = 0; i < 3; i++) {
        g_main_context_iteration(context, false);
    }
    g_source_destroy(source);
    return watched;
}

static void test_watch(void)
{
    Channel *channels[2];
    socket_pair(channels);
    g_assert_cmpint(watch_once(channels[0], G_IO_IN).calls, ==, 0);
    g_assert_cmpint(watch_once(channels[0], G_IO_IN | G_IO_OUT).condition, ==, G_IO_OUT);
    g_assert_true(channel_write_all(channels[1], "x", 1, NULL));
    g_assert_cmpint(watch_once(channels[0], G_IO_IN).condition, ==, G_IO_IN);
    channel_shutdown(channels[1]);
    g_assert_cmpint(watch_once(channels[1], G_IO_IN).condition, ==, G_IO_HUP);
    channel_unref(channels[0]);
    channel_unref(channels[1]);

    pipe_pair(channels);
    channel_shutdown(channels[0]);
    Watched watched = watch_once(channels[0], G_IO_IN);
    g_assert_cmpint(watched.calls, ==, 1);
    g_assert_cmpint(watched.condition, ==, G_IO_HUP);
    channel_unref(channels[0]);
    channel_unref(channels[1]);

    g_autoptr(Channel) buffer = channel_new_buffer(0);
    g_assert_cmpint(watch_once(buffer, G_IO_IN).condition, ==, G_IO_IN);
    g_autoptr(Channel) command = channel_new_command("echo x", true, true, NULL);
    g_assert_cmpint(channel_wait_readable(command, -1), ==, 1);
    g_assert_true(watch_once(command, G_IO_IN).condition & G_IO_IN);
    g_assert_cmpint(watch_once(command, G_IO_OUT).calls, ==, 1);
}

/* Times that the loop below was woken. */
static int wake_ups;

static gint count_wake_ups(GPollFD *fds, guint count, gint timeout)
{
    gint ready = g_poll(fds, count, timeout);

    wake_ups += ready > 0;
    return ready;
}

static gboolean read_byte(Channel *channel, GIOCondition condition, void *opaque)
{
    g_assert_true(channel_read_all(channel, opaque, 1, NULL));
    return G_SOURCE_CONTINUE;
}

static void test_watch_wakes_once(void)
{
    Channel *channels[2];
    char byte = 0;
    g_autoptr(GMainContext) context = g_main_context_new();

    socket_pair(channels);
    g_autoptr(GSource) source = channel_create_watch(channels[0], G_IO_IN, read_byte, &byte);
    g_source_attach(source, context);
    g_main_context_iteration(context, false);
    g_main_context_set_poll_func(context, count_wake_ups);
    wake_ups = 0;
    g_main_context_iteration(context, false);
    g_assert_cmpint(wake_ups, ==, 0);
    g_assert_true(channel_write_all(channels[1], "x", 1, NULL));
    for (int i = 0; i < 3; i++) {
        g_main_context_iteration(context, false);
    }
    g_assert_cmpint(byte, ==, 'x');
    g_assert_cmpint(wake_ups, ==, 1);
    g_source_destroy(source);
    channel_unref(channels[0]);
    channel_unref(channels[1]);
}

/* ---- descriptors over sockets ---- */

static ino_t inode_of(int fd)
{
    struct stat st;
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return st.st_ino;
}

static int count_open_fds(void)
{
    g_autoptr(GDir) directory = g_dir_open("/proc/self/fd", 0, NULL);
    int count = 0;

    while (g_dir_read_name(directory)) {
        count++;
    }
    return count;
}

static void test_pass_fd(void)
{
    Channel *channels[2];
    int fds[2];
    char buffer[8];
    struct iovec iov = { buffer, sizeof(buffer) };
    g_autoptr(GError) error = NULL;

    socket_pair(channels);
    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    g_assert_true(channel_send_fd(channels[0], "abc", 3, fds[0], &error));
    g_assert_cmpint(channel_take_received_fd(channels[1]), ==, -1);
    g_assert_true(channel_read_all(channels[1], buffer, 3, &error));
    g_assert_cmpmem(buffer, 3, "abc", 3);
    int got = channel_take_received_fd(channels[1]);
    g_assert_cmpint(inode_of(got), ==, inode_of(fds[0]));
    g_assert_cmpint(fcntl(got, F_GETFD) & FD_CLOEXEC, !=, 0);
    g_assert_cmpint(channel_take_received_fd(channels[1]), ==, -1);
    close(got);

    /* Not taken: later ones take its place, and none is leaked. */
    int before = count_open_fds();
    for (int i = 0; i < 50; i++) {
        g_assert_true(channel_send_fd(channels[0], "x", 1, fds[0], &error));
        g_assert_cmpint(channel_readv(channels[1], &iov, 1, &error), ==, 1);
    }
    g_assert_cmpint(count_open_fds(), ==, before + 1);
    channel_unref(channels[0]);
    channel_unref(channels[1]); /* two wake-up descriptors, two sockets, the one not taken */
    g_assert_cmpint(count_open_fds(), ==, before - 4);

    pipe_pair(channels);
    g_assert_false(channel_send_fd(channels[1], "x", 1, fds[0], &error));
    g_assert_nonnull(strstr(error->message, "UNIX socket"));
    channel_unref(channels[0]);
    channel_unref(channels[1]);
    close(fds[0]);
    close(fds[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/io/channel/transfer/socket", socket_pair, test_transfer);
    g_test_add_data_func("/io/channel/transfer/pipe", pipe_pair, test_transfer);
    g_test_add_func("/io/channel/transfer/nonblocking", test_transfer_nonblocking);
    g_test_add_data_func("/io/channel/would-block/socket", socket_pair, test_would_block);
    g_test_add_data_func("/io/channel/would-block/pipe", pipe_pair, test_would_block);
    g_test_add_func("/io/channel/end-of-stream", test_end_of_stream);
    g_test_add_data_func("/io/channel/peer-gone/socket", socket_pair, test_peer_gone);
    g_test_add_data_func("/io/channel/peer-gone/pipe", pipe_pair, test_peer_gone);
    g_test_add_func("/io/channel/file", test_file);
    g_test_add_func("/io/channel/fd-flags-restored", test_fd_flags_restored);
    g_test_add_func("/io/channel/close-on-exec", test_close_on_exec);
    g_test_add_func("/io/channel/command", test_command);
    g_test_add_func("/io/channel/command-finishes", test_command_finishes);
    g_test_add_func("/io/channel/buffer", test_buffer);
    g_test_add_func("/io/channel/buffer-limit", test_buffer_limit);
    g_test_add_data_func("/io/channel/shutdown/socket", socket_pair, test_shutdown);
    g_test_add_data_func("/io/channel/shutdown/pipe", pipe_pair, test_shutdown);
    g_test_add_func("/io/channel/shutdown/command", test_shutdown_command);
    g_test_add_func("/io/channel/shutdown/buffer", test_shutdown_buffer);
    g_test_add_func("/io/channel/wait-timeout", test_wait_timeout);
    g_test_add_func("/io/channel/watch", test_watch);
    g_test_add_func("/io/channel/watch-wakes-once", test_watch_wakes_once);
    g_test_add_func("/io/channel/pass-fd", test_pass_fd);
    return g_test_run();
}
