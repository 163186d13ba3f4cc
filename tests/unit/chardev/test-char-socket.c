/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The socket back end: peers that come, go, stall and send anything. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "char-test.h"
#include "io/channel.h"
#include "system/bql.h"

typedef struct Server {
    char *directory, *path, *options;
    ChannelAddress *address;
    Recorder recorder;
} Server;

static void server_start(Server *server, const char *more)
{
    server->directory = g_dir_make_tmp("socket-XXXXXX", NULL);
    server->path = g_build_filename(server->directory, "s", NULL);
    server->options =
        g_strdup_printf("socket,id=a,path=%s,server=on,wait=off%s", server->path, more);
    server->address = channel_address_new_unix(server->path);
    recorder_start(&server->recorder, must_new_chardev(server->options));
}

static void server_stop(Server *server)
{
    recorder_stop(&server->recorder);
    must_remove("a");
    g_assert_false(g_file_test(server->path, G_FILE_TEST_EXISTS));
    g_rmdir(server->directory);
    channel_address_free(server->address);
    g_free(server->options);
    g_free(server->path);
    g_free(server->directory);
}

static Channel *connect_to(Server *server)
{
    g_autoptr(GError) error = NULL;
    Channel *channel = channel_connect(server->address, 5000, &error);

    g_assert_no_error(error);
    return channel;
}

static void check_filename(const char *id, const char *expected)
{
    g_autofree char *filename = chardev_filename(chardev_find(id));
    g_assert_cmpstr(filename, ==, expected);
}

/* ---- clients one after the other ---- */

static void test_server(void)
{
    Server server;
    char buffer[4];
    server_start(&server, "");
    g_autofree char *up = g_strdup_printf("unix:%s,server=on", server.path);
    g_autofree char *down = g_strconcat("disconnected:", up, NULL);

    check_filename("a", down);
    g_assert_cmpint(server.recorder.opened, ==, 0);
    g_assert_cmpint(char_frontend_write(&server.recorder.frontend, "lost", 4), ==, 4);
    for (int i = 1; i <= 3; i++) {
        Channel *client = connect_to(&server);
        run_until(server.recorder.opened == i);
        check_filename("a", up);
        g_assert_true(char_frontend_is_open(&server.recorder.frontend));
        g_assert_true(channel_write_all(client, "ping", 4, NULL));
        run_until(server.recorder.input->len == 4);
        g_string_truncate(server.recorder.input, 0);
        g_assert_cmpint(char_frontend_write(&server.recorder.frontend, "pong", 4), ==, 4);
        g_assert_true(channel_read_all(client, buffer, 4, NULL));
        g_assert_cmpmem(buffer, 4, "pong", 4);
        channel_unref(client);
        run_until(server.recorder.closed == i);
        check_filename("a", down);
    }
    server_stop(&server);
}

/* One client at a time: the second is served when the first has gone. */
static void test_second_client(void)
{
    Server server;
    server_start(&server, "");
    Channel *first = connect_to(&server);
    run_until(server.recorder.opened == 1);
    g_autoptr(Channel) second = connect_to(&server);
    g_assert_true(channel_write_all(second, "2", 1, NULL));
    run_for_ms(50);
    g_assert_cmpuint(server.recorder.input->len, ==, 0);
    g_assert_true(channel_write_all(first, "1", 1, NULL));
    channel_unref(first);
    run_until(server.recorder.input->len == 2);
    g_assert_cmpstr(server.recorder.input->str, ==, "12");
    g_assert_cmpint(server.recorder.opened, ==, 2);
    server_stop(&server);
}

static gpointer connect_later(gpointer opaque)
{
    g_usleep(50 * 1000);
    return channel_connect(opaque, 5000, NULL);
}

static void test_wait(void)
{
    g_autofree char *directory = g_dir_make_tmp("socket-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "s", NULL);
    g_autofree char *options = g_strdup_printf("socket,id=a,path=%s,server=on", path);
    g_autoptr(ChannelAddress) address = channel_address_new_unix(path);
    Recorder recorder;

    GThread *thread = g_thread_new("client", connect_later, address);
    while (!chardev_find("a")) { /* the client may come too early */
        must_new_chardev(options);
    }
    g_assert_true(bql_locked());
    recorder_start(&recorder, chardev_find("a"));
    g_assert_cmpint(recorder.opened, ==, 1);
    g_autoptr(Channel) client = g_thread_join(thread);
    g_assert_nonnull(client);
    recorder_stop(&recorder);
    must_remove("a");
    g_rmdir(directory);
}

static gpointer interrupt_later(gpointer opaque)
{
    g_usleep(50 * 1000);
    kill(getpid(), SIGTERM);
    return NULL;
}

/* Whoever waits in vain can end it: the terminal's ^C reaches us although nothing else does. */
static void test_wait_interrupted(void)
{
    g_autoptr(GError) error = NULL;
    GThread *thread = g_thread_new("interrupt", interrupt_later, NULL);

    g_assert_null(new_chardev("socket,id=a,host=127.0.0.1,port=0,server=on", &error));
    g_assert_true(g_str_has_prefix(error->message, "tcp:127.0.0.1:"));
    g_assert_true(g_str_has_suffix(error->message, ": interrupted while waiting for a connection"));
    g_assert_true(bql_locked());
    g_assert_null(chardev_find("a"));
    g_thread_join(thread);
}

/* A client that says much and leaves at once is heard to the end. */
static void test_last_words(void)
{
    Server server;
    server_start(&server, "");
    Channel *client = connect_to(&server);
    run_until(server.recorder.opened == 1);
    server.recorder.room = 0;
    run_for_ms(20);
    g_assert_true(channel_write_all(client, "0123456789", 10, NULL));
    run_for_ms(30);
    channel_unref(client);
    run_for_ms(30);
    g_assert_cmpint(server.recorder.closed, ==, 0);
    server.recorder.room = 4;
    char_frontend_accept_input(&server.recorder.frontend);
    run_until(server.recorder.closed == 1);
    g_assert_cmpstr(server.recorder.input->str, ==, "0123456789");

    /* With nothing left to hear, its leaving is noticed although no input is taken. */
    server.recorder.room = 0;
    client = connect_to(&server);
    run_until(server.recorder.opened == 2);
    run_for_ms(20);
    channel_unref(client);
    run_until(server.recorder.closed == 2);
    server_stop(&server);
}

/* ---- flow control ---- */

static void test_input_paused(void)
{
    Server server;
    server_start(&server, "");
    server.recorder.room = 0;
    g_autoptr(Channel) client = connect_to(&server);
    run_until(server.recorder.opened == 1);
    g_assert_true(channel_write_all(client, "0123456789", 10, NULL));
    run_for_ms(50);
    g_assert_cmpuint(server.recorder.input->len, ==, 0);
    server.recorder.room = 3;
    run_for_ms(50); /* nobody said that there is room */
    g_assert_cmpuint(server.recorder.input->len, ==, 0);
    char_frontend_accept_input(&server.recorder.frontend);
    run_until(server.recorder.input->len == 10);
    server_stop(&server);
}

/*
 * Room is announced after can_receive() said that there is none, and before the device stopped
 * reading: as if by another thread, but every time.
 */
static int room_from_now_on(void *opaque)
{
    Recorder *recorder = opaque;
    int room = recorder->room;

    recorder->room = 100;
    if (!room) {
        char_frontend_accept_input(&recorder->frontend);
    }
    return room;
}

static void test_room_in_between(void)
{
    Server server;
    server_start(&server, "");
    Recorder *recorder = &server.recorder;
    g_autoptr(Channel) client = connect_to(&server);
    run_until(recorder->opened == 1);
    recorder->room = 0;
    char_frontend_set_handlers(&recorder->frontend, room_from_now_on, recorder_receive,
                               recorder_event, recorder, NULL);
    g_assert_true(channel_write_all(client, "0123456789", 10, NULL));
    run_until(recorder->input->len == 10);
    server_stop(&server);
}

static gboolean count_call(gpointer opaque)
{
    (*(int *)opaque)++;
    return G_SOURCE_REMOVE;
}

static gboolean count_three_calls(gpointer opaque)
{
    return ++*(int *)opaque < 3;
}

static gboolean count_calls(gpointer opaque)
{
    (*(int *)opaque)++;
    return G_SOURCE_CONTINUE;
}

/* Write until the peer's buffers are full. */
static size_t fill(CharFrontend *frontend)
{
    g_autofree uint8_t *data = g_malloc0(65536);
    size_t total = 0;
    int n;

    while ((n = char_frontend_write(frontend, data, 65536)) > 0) {
        total += n;
        g_assert_cmpuint(total, <, 64u << 20);
    }
    return total;
}

static void test_stalled_peer(void)
{
    Server server;
    int calls = 0;
    server_start(&server, "");
    CharFrontend *frontend = &server.recorder.frontend;
    Channel *client = connect_to(&server);
    run_until(server.recorder.opened == 1);

    size_t total = fill(frontend);
    g_assert_cmpuint(total, >, 0);
    g_assert_cmpuint(char_frontend_add_watch(frontend, count_call, &calls), !=, 0);
    run_for_ms(50);
    g_assert_cmpint(calls, ==, 0);
    g_autofree uint8_t *data = g_malloc(total);
    g_assert_true(channel_read_all(client, data, total, NULL));
    run_until(calls > 0);
    run_for_ms(20);
    g_assert_cmpint(calls, ==, 1);
    calls = 0;
    char_frontend_add_watch(frontend, count_three_calls, &calls);
    run_for_ms(20);
    g_assert_cmpint(calls, ==, 3);

    /* One that goes away while we wait lets us go on. */
    calls = 0;
    fill(frontend);
    char_frontend_add_watch(frontend, count_calls, &calls);
    run_for_ms(20);
    g_assert_cmpint(calls, ==, 0);
    channel_unref(client);
    run_until(calls > 0 && server.recorder.closed == 1);
    int last_calls = calls;
    run_for_ms(20);
    g_assert_cmpint(calls, ==, last_calls);
    g_assert_cmpint(char_frontend_write(frontend, "x", 1), ==, 1);
    g_assert_cmpuint(char_frontend_add_watch(frontend, count_call, &calls), ==, 0);
    server_stop(&server);
}

static gpointer drain_thread(gpointer opaque)
{
    g_autofree uint8_t *data = g_malloc(4 << 20);

    g_usleep(50 * 1000);
    g_assert_true(channel_read_all(opaque, data, 4 << 20, NULL));
    for (int i = 0; i < 4 << 20; i++) {
        g_assert_cmpint(data[i], ==, (uint8_t)(i >> 8));
    }
    return NULL;
}

static void test_write_all(void)
{
    Server server;
    server_start(&server, "");
    g_autoptr(Channel) client = connect_to(&server);
    g_autofree uint8_t *data = g_malloc(4 << 20);

    for (int i = 0; i < 4 << 20; i++) {
        data[i] = i >> 8;
    }
    run_until(server.recorder.opened == 1);
    GThread *thread = g_thread_new("drain", drain_thread, client);
    g_assert_true(char_frontend_write_all(&server.recorder.frontend, data, 4 << 20));
    g_thread_join(thread);
    server_stop(&server);
}

static gpointer close_later(gpointer opaque)
{
    g_usleep(50 * 1000);
    channel_shutdown(opaque);
    return NULL;
}

/* A peer that breaks the connection ends the wait. */
static void test_write_all_peer_gone(void)
{
    Server server;
    server_start(&server, "");
    g_autoptr(Channel) client = connect_to(&server);
    g_autofree uint8_t *data = g_malloc0(4 << 20);

    run_until(server.recorder.opened == 1);
    GThread *thread = g_thread_new("close", close_later, client);
    gint64 start = g_get_monotonic_time();
    g_assert_true(char_frontend_write_all(&server.recorder.frontend, data, 4 << 20));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 2 * G_TIME_SPAN_SECOND);
    g_thread_join(thread);
    run_until(server.recorder.closed == 1);
    server_stop(&server);
}

/* ---- other contexts ---- */

typedef struct Loop {
    GMainContext *context;
    GThread *thread;
    gint stop;
} Loop;

static gpointer loop_thread(gpointer opaque)
{
    Loop *loop = opaque;

    g_main_context_acquire(loop->context);
    while (!g_atomic_int_get(&loop->stop)) {
        g_main_context_iteration(loop->context, true);
    }
    g_main_context_release(loop->context);
    return NULL;
}

static void test_context(void)
{
    Server server;
    Loop loop = { .context = g_main_context_new() };
    GThread *thread;
    server_start(&server, "");
    Recorder *recorder = &server.recorder;
    loop.thread = g_thread_new("loop", loop_thread, &loop);
    char_frontend_set_handlers(&recorder->frontend, recorder_can_receive, recorder_receive,
                               recorder_event, recorder, loop.context);
    for (int i = 1; i <= 5; i++) {
        Channel *client = connect_to(&server);
        run_until(g_atomic_int_get(&recorder->opened) == i);
        g_assert_true(channel_write_all(client, "ping", 4, NULL));
        run_until(recorder_length(recorder, &thread) == (gsize)i * 4);
        g_assert_true(thread == loop.thread);
        channel_unref(client);
        run_until(g_atomic_int_get(&recorder->closed) == i);
    }
    /* Moving on while input streams in: not one byte is lost or doubled. */
    g_autoptr(Channel) client = connect_to(&server);
    run_until(g_atomic_int_get(&recorder->opened) == 6);
    for (int i = 0; i < 200; i++) {
        g_assert_true(channel_write_all(client, "12345678", 8, NULL));
        char_frontend_set_handlers(&recorder->frontend, recorder_can_receive, recorder_receive,
                                   recorder_event, recorder, i % 2 ? loop.context : NULL);
    }
    run_until(recorder_length(recorder, &thread) == 20 + 1600);
    for (int i = 0; i < 200; i++) {
        g_assert_cmpmem(recorder->input->str + 20 + i * 8, 8, "12345678", 8);
    }
    char_frontend_set_handlers(&recorder->frontend, recorder_can_receive, recorder_receive,
                               recorder_event, recorder, NULL);
    g_atomic_int_set(&loop.stop, 1);
    g_main_context_wakeup(loop.context);
    g_thread_join(loop.thread);
    g_main_context_unref(loop.context);
    server_stop(&server);
}

/* ---- clients ---- */

static void test_client(void)
{
    g_autofree char *directory = g_dir_make_tmp("socket-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "s", NULL);
    g_autoptr(ChannelAddress) address = channel_address_new_unix(path);
    g_autoptr(ChannelListener) listener = channel_listen(address, NULL);
    g_autofree char *options = g_strdup_printf("socket,id=a,path=%s", path);
    Recorder recorder;

    recorder_start(&recorder, must_new_chardev(options));
    g_assert_cmpint(recorder.opened, ==, 1);
    Channel *server = channel_listener_accept(listener, 1000, NULL);
    g_assert_true(channel_write_all(server, "hello", 5, NULL));
    channel_unref(server);
    run_until(recorder.closed == 1);
    g_assert_cmpstr(recorder.input->str, ==, "hello");
    g_assert_null(channel_listener_accept(listener, 100, NULL)); /* it does not come back */
    recorder_stop(&recorder);
    must_remove("a");
    g_clear_pointer(&listener, channel_listener_free);
    g_rmdir(directory);
}

static void accept_into(Channel *channel, void *opaque)
{
    *(Channel **)opaque = channel;
}

static void test_reconnect(void)
{
    g_autofree char *directory = g_dir_make_tmp("socket-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "s", NULL);
    g_autoptr(ChannelAddress) address = channel_address_new_unix(path);
    g_autofree char *options = g_strdup_printf("socket,id=a,path=%s,reconnect=1", path);
    Recorder recorder;

    recorder_start(&recorder, must_new_chardev(options)); /* nobody listens yet */
    run_for_ms(100);
    g_assert_cmpint(recorder.opened, ==, 0);
    for (int i = 1; i <= 2; i++) {
        g_autoptr(ChannelListener) listener = channel_listen(address, NULL);
        Channel *server = NULL;
        channel_listener_set_callback(listener, accept_into, &server);
        run_until(server && recorder.opened == i);
        channel_listener_set_callback(listener, NULL, NULL);
        channel_unref(server);
        run_until(recorder.closed == i);
    }
    recorder_stop(&recorder);
    must_remove("a");
    run_for_ms(1100); /* no timer is left that touches the dead */
    g_rmdir(directory);
}

static void test_disconnect(void)
{
    Server server;
    char byte;
    server_start(&server, "");
    g_autoptr(Channel) client = connect_to(&server);
    run_until(server.recorder.opened == 1);
    char_frontend_disconnect(&server.recorder.frontend);
    g_assert_cmpint(server.recorder.closed, ==, 1);
    g_assert_false(channel_read_all(client, &byte, 1, NULL));
    g_autoptr(Channel) next = connect_to(&server);
    run_until(server.recorder.opened == 2);
    server_stop(&server);
}

/* Removing the device while its events are still under way. */
static void test_remove_after_disconnect(void)
{
    Server server;
    server_start(&server, "");
    Channel *client = connect_to(&server);
    run_until(server.recorder.opened == 1);
    channel_unref(client);
    char_frontend_disconnect(&server.recorder.frontend);
    server_stop(&server);
    run_for_ms(50);
}

/* ---- descriptors ---- */

static void test_given_fd(void)
{
    int fds[2];
    Recorder recorder;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=a,fd=%d", fds[0]);
    g_autoptr(Channel) peer = channel_new_fd(fds[1], "peer");
    recorder_start(&recorder, must_new_chardev(options));
    g_assert_cmpint(recorder.opened, ==, 1);
    g_assert_true(channel_send_fd(peer, "x", 1, fds[1], NULL));
    run_until(recorder.input->len == 1);
    int got = char_frontend_take_fd(&recorder.frontend);
    struct stat ours, theirs;
    g_assert_cmpint(fstat(fds[1], &ours), ==, 0);
    g_assert_cmpint(fstat(got, &theirs), ==, 0);
    g_assert_cmpint(ours.st_ino, ==, theirs.st_ino);
    g_assert_cmpint(char_frontend_take_fd(&recorder.frontend), ==, -1);
    close(got);
    recorder_stop(&recorder);
    must_remove("a");
}

/* ---- telnet ---- */

static void test_telnet(void)
{
    static const uint8_t greeting[] = { 255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0 };
    static const uint8_t input[] = { 'a', 255, 253, 1,   'b', 255, 255, 255, 243, 'c',
                                     255, 250, 31,  255, 0,   80,  255, 240, 'd' };
    uint8_t buffer[sizeof(greeting)];
    Server server;
    server_start(&server, ",telnet=on");
    g_autoptr(Channel) client = connect_to(&server);
    run_until(server.recorder.opened == 1);
    g_assert_true(channel_read_all(client, buffer, sizeof(buffer), NULL));
    g_assert_cmpmem(buffer, sizeof(buffer), greeting, sizeof(greeting));
    for (size_t i = 0; i < sizeof(input); i++) { /* commands come in pieces */
        g_assert_true(channel_write_all(client, input + i, 1, NULL));
        run_for_ms(2);
    }
    run_until(server.recorder.input->len == 5);
    g_assert_cmpmem(server.recorder.input->str, 5,
                    "ab\xff"
                    "cd",
                    5);
    g_assert_cmpint(server.recorder.breaks, ==, 1);
    server_stop(&server);
}

/* ---- anything ---- */

static void test_garbage(void)
{
    Server server;
    g_autoptr(GRand) rand = g_rand_new_with_seed(20240608);
    server_start(&server, ",telnet=on");
    for (int i = 1; i <= 30; i++) {
        g_autoptr(Channel) client = connect_to(&server);
        run_until(server.recorder.opened == i);
        for (int j = 0; j < 20; j++) {
            uint8_t data[256];
            int size = g_rand_int_range(rand, 1, sizeof(data));
            for (int k = 0; k < size; k++) {
                data[k] = g_rand_boolean(rand) ? (uint8_t)g_rand_int_range(rand, 236, 256)
                                               : (uint8_t)g_rand_int(rand);
            }
            g_assert_true(channel_write_all(client, data, size, NULL));
            main_loop_iterate(false);
        }
        g_clear_pointer(&client, channel_unref);
        run_until(server.recorder.closed == i);
    }
    server_stop(&server);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/chardev/socket/server", test_server);
    g_test_add_func("/chardev/socket/second-client", test_second_client);
    g_test_add_func("/chardev/socket/wait", test_wait);
    g_test_add_func("/chardev/socket/wait-interrupted", test_wait_interrupted);
    g_test_add_func("/chardev/socket/last-words", test_last_words);
    g_test_add_func("/chardev/socket/input-paused", test_input_paused);
    g_test_add_func("/chardev/socket/room-in-between", test_room_in_between);
    g_test_add_func("/chardev/socket/stalled-peer", test_stalled_peer);
    g_test_add_func("/chardev/socket/write-all", test_write_all);
    g_test_add_func("/chardev/socket/write-all-peer-gone", test_write_all_peer_gone);
    g_test_add_func("/chardev/socket/context", test_context);
    g_test_add_func("/chardev/socket/client", test_client);
    g_test_add_func("/chardev/socket/reconnect", test_reconnect);
    g_test_add_func("/chardev/socket/disconnect", test_disconnect);
    g_test_add_func("/chardev/socket/remove-after-disconnect", test_remove_after_disconnect);
    g_test_add_func("/chardev/socket/given-fd", test_given_fd);
    g_test_add_func("/chardev/socket/telnet", test_telnet);
    g_test_add_func("/chardev/socket/garbage", test_garbage);
    return g_test_run();
}
