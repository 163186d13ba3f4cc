/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Addresses, connecting and listening. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/channel.h"

/* ---- addresses ---- */

static void check_inet(const char *text, const char *host, const char *port, const char *printed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(address->host, ==, host);
    g_assert_cmpstr(address->port, ==, port);
    g_autofree char *again = channel_address_to_string(address);
    g_assert_cmpstr(again, ==, printed);
}

static void test_parse_inet(void)
{
    check_inet("127.0.0.1:9998", "127.0.0.1", "9998", "tcp:127.0.0.1:9998");
    check_inet(":4444", "", "4444", "tcp::4444");
    check_inet("[::1]:80", "::1", "80", "tcp:[::1]:80");
    check_inet("[fe80::1%eth0]:80", "fe80::1%eth0", "80", "tcp:[fe80::1%eth0]:80");
    check_inet("host:http", "host", "http", "tcp:host:http");

    g_autoptr(ChannelAddress) address = channel_address_parse_inet("h:1,ipv4,ipv6=off,to=9", NULL);
    g_assert_true(address->ipv4);
    g_assert_false(address->ipv6);
    g_assert_cmpuint(address->to, ==, 9);
}

static void test_parse_inet_bad(void)
{
    static const char *const texts[] = {
        "",
        "host",
        "host:",
        "::1:80",
        "[::1]80",
        "[::1]",
        "[::1:80",
        "[::1]:",
        "host:1,ipv4=x",
        "host:1,to=",
        "host:1,to=0",
        "h:1,to=99999",
        "host:1,zzz=1",
        "host:1,",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(channel_address_parse_inet(texts[i], &error));
        g_autofree char *named = g_strdup_printf("address '%s'", texts[i]);
        g_assert_true(g_str_has_prefix(error->message, named));
    }
}

/* ---- connections ---- */

static void accept_into(Channel *channel, void *opaque)
{
    *(Channel **)opaque = channel;
}

static void iterate_until(Channel **channel)
{
    gint64 end = g_get_monotonic_time() + 5 * G_TIME_SPAN_SECOND;
    while (!*channel && g_get_monotonic_time() < end) {
        g_main_context_iteration(NULL, false);
    }
    g_assert_nonnull(*channel);
}

static void exchange(Channel *a, Channel *b)
{
    char buffer[4];
    g_assert_true(channel_write_all(a, "ping", 4, NULL));
    g_assert_true(channel_read_all(b, buffer, 4, NULL));
    g_assert_cmpmem(buffer, 4, "ping", 4);
    g_assert_true(channel_write_all(b, "pong", 4, NULL));
    g_assert_true(channel_read_all(a, buffer, 4, NULL));
    g_assert_cmpmem(buffer, 4, "pong", 4);
}

static bool has_nodelay(Channel *channel)
{
    int on = 0;
    socklen_t length = sizeof(on);
    g_assert_cmpint(getsockopt(channel_fd(channel), IPPROTO_TCP, TCP_NODELAY, &on, &length), ==, 0);
    return on;
}

/* Where a listener on port 0 can be reached. */
static ChannelAddress *reachable(ChannelListener *listener)
{
    g_autofree char *text = channel_listener_address(listener);
    g_assert_true(g_str_has_prefix(text, "tcp:"));
    return channel_address_parse_inet(text + 4, NULL);
}

static ChannelListener *listen_any(const char *host)
{
    g_autofree char *text = g_strdup_printf("%s:0", host);
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, NULL);
    g_autoptr(GError) error = NULL;
    ChannelListener *listener = channel_listen(address, &error);
    g_assert_no_error(error);
    return listener;
}

static void test_tcp(void)
{
    g_autoptr(ChannelListener) listener = listen_any("127.0.0.1");
    g_autoptr(ChannelAddress) address = reachable(listener);
    g_autoptr(GError) error = NULL;
    Channel *server = NULL;

    g_assert_cmpstr(address->port, !=, "0");
    channel_listener_set_callback(listener, accept_into, &server);
    g_autoptr(Channel) client = channel_connect(address, 5000, &error);
    g_assert_no_error(error);
    iterate_until(&server);
    exchange(client, server);
    g_assert_true(has_nodelay(client));
    g_assert_true(has_nodelay(server));
    channel_clear_nodelay(client);
    g_assert_false(has_nodelay(client));

    g_autofree char *local = channel_local_address(client);
    g_autofree char *peer = channel_peer_address(server);
    g_assert_cmpstr(local, ==, peer);
    g_assert_true(g_str_has_prefix(local, "127.0.0.1:"));
    channel_unref(server);
}

static void test_tcp_name(void)
{
    g_autoptr(ChannelListener) listener = listen_any("localhost");
    g_autoptr(ChannelAddress) bound = reachable(listener);
    g_autofree char *text = g_strdup_printf("localhost:%s", bound->port);
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, NULL);
    g_autoptr(GError) error = NULL;

    g_autoptr(Channel) client = channel_connect(address, 5000, &error);
    g_assert_no_error(error);
    g_autoptr(Channel) server = channel_listener_accept(listener, 5000, &error);
    g_assert_no_error(error);
    exchange(client, server);
}

static void test_refused(void)
{
    g_autoptr(ChannelListener) listener = listen_any("127.0.0.1");
    g_autoptr(ChannelAddress) address = reachable(listener);
    g_autoptr(GError) error = NULL;
    g_autofree char *expected =
        g_strdup_printf("Failed to connect to '127.0.0.1:%s': Connection refused", address->port);

    channel_listener_free(g_steal_pointer(&listener));
    g_assert_null(channel_connect(address, 5000, &error));
    g_assert_cmpstr(error->message, ==, expected);
    g_clear_error(&error);

    g_autoptr(ChannelAddress) nowhere = channel_address_new_unix("/nonexistent/socket");
    g_assert_null(channel_connect(nowhere, -1, &error));
    g_assert_cmpstr(error->message, ==,
                    "Failed to connect to '/nonexistent/socket': No such file or directory");
}

static void test_port_in_use(void)
{
    g_autoptr(ChannelListener) first = listen_any("127.0.0.1");
    g_autoptr(ChannelAddress) address = reachable(first);
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strdup_printf(
        "Failed to listen on 'tcp:127.0.0.1:%s': Address already in use", address->port);

    g_assert_null(channel_listen(address, &error));
    g_assert_cmpstr(error->message, ==, expected);
    g_clear_error(&error);

    /* With room to move it takes a later port. */
    unsigned port = g_ascii_strtoull(address->port, NULL, 10);
    if (port < 65000) {
        address->to = port + 100;
        g_autoptr(ChannelListener) second = channel_listen(address, &error);
        g_assert_no_error(error);
        g_autoptr(ChannelAddress) other = reachable(second);
        g_assert_cmpuint(g_ascii_strtoull(other->port, NULL, 10), >, port);
    }
}

static void test_unknown_host(void)
{
    g_autoptr(ChannelAddress) address = channel_address_parse_inet("no-such-host.invalid:1", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(channel_connect(address, 20000, &error));
    g_assert_nonnull(strstr(error->message, "no-such-host.invalid"));
}

/* A listener whose queue is full: the kernel does not answer, so the time limit has to. */
static void test_connect_timeout(void)
{
    struct sockaddr_in sockaddr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(sockaddr);
    g_autoptr(GError) error = NULL;
    Channel *clients[4] = { NULL };

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&sockaddr, length), ==, 0);
    g_assert_cmpint(listen(fd, 0), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sockaddr, &length), ==, 0);
    g_autofree char *text = g_strdup_printf("127.0.0.1:%u", ntohs(sockaddr.sin_port));
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, NULL);

    gint64 start = g_get_monotonic_time();
    for (int i = 0; i < 4 && !error; i++) {
        clients[i] = channel_connect(address, 100, &error);
    }
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, text));
    g_assert_nonnull(strstr(error->message, "timed out"));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_TIME_SPAN_SECOND);
    for (int i = 0; i < 4; i++) {
        channel_unref(clients[i]);
    }
    close(fd);
}

/* ---- UNIX sockets ---- */

static void test_unix(void)
{
    g_autofree char *directory = g_dir_make_tmp("socket-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "s", NULL);
    g_autoptr(ChannelAddress) address = channel_address_new_unix(path);
    g_autoptr(GError) error = NULL;
    ChannelListener *listener = channel_listen(address, &error);

    g_assert_no_error(error);
    g_autoptr(Channel) client = channel_connect(address, 1000, &error);
    g_assert_no_error(error);
    g_autoptr(Channel) server = channel_listener_accept(listener, 1000, &error);
    g_assert_no_error(error);
    exchange(client, server);

    /* A living listener is not robbed of its name, and does not notice the attempt. */
    g_assert_null(channel_listen(address, &error));
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, "Address already in use"));
    g_clear_error(&error);
    g_assert_null(channel_listener_accept(listener, 20, &error));
    g_clear_error(&error);

    channel_listener_free(listener);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

    /* What a killed process left behind is replaced. */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un_copy {
        sa_family_t family;
        char path[108];
    } raw = { .family = AF_UNIX };
    g_strlcpy(raw.path, path, sizeof(raw.path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&raw, sizeof(raw)), ==, 0);
    close(fd);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    listener = channel_listen(address, &error);
    g_assert_no_error(error);
    channel_listener_free(listener);
    g_rmdir(directory);
}

static void test_unix_abstract(void)
{
    g_autofree char *name = g_strdup_printf("qemu-colo-test-%d", getpid());
    g_autoptr(ChannelAddress) address = channel_address_new_unix(name);
    g_autoptr(GError) error = NULL;

    address->abstract = true;
    address->tight = true;
    g_autoptr(ChannelListener) listener = channel_listen(address, &error);
    g_assert_no_error(error);
    g_autoptr(Channel) client = channel_connect(address, 1000, &error);
    g_assert_no_error(error);
    address->tight = false;
    g_assert_null(channel_connect(address, 1000, NULL));
    g_assert_false(g_file_test(name, G_FILE_TEST_EXISTS));
}

static void test_unix_path_length(void)
{
    g_autofree char *path = g_strnfill(108, 'x');
    g_autoptr(ChannelAddress) address = channel_address_new_unix(path);
    g_autoptr(GError) error = NULL;

    g_assert_null(channel_listen(address, &error));
    g_assert_nonnull(strstr(error->message, "it has 108"));
    g_clear_error(&error);
    g_assert_null(channel_connect(address, 0, &error));
    g_assert_nonnull(strstr(error->message, "it has 108"));
}

/* ---- given descriptors ---- */

static void test_fd(void)
{
    g_autoptr(ChannelListener) listener = listen_any("127.0.0.1");
    g_autoptr(GError) error = NULL;
    int fds[2];

    g_autoptr(ChannelAddress) not_socket = channel_address_new_fd(open("/dev/null", O_RDONLY));
    g_assert_null(channel_connect(not_socket, 0, &error));
    g_assert_nonnull(strstr(error->message, "is not a socket"));
    g_clear_error(&error);
    g_assert_null(channel_listen(not_socket, &error));
    g_assert_nonnull(strstr(error->message, "is not a socket"));
    g_clear_error(&error);
    close(not_socket->fd);

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_autoptr(ChannelAddress) connected = channel_address_new_fd(fds[0]);
    g_assert_null(channel_listen(connected, &error));
    g_assert_nonnull(strstr(error->message, "is not listening"));
    g_autoptr(Channel) left = channel_connect(connected, 0, NULL);
    g_autoptr(Channel) right = channel_new_fd(fds[1], "right");
    exchange(left, right);
}

/* ---- breaking an attempt ---- */

static gpointer shutdown_later(gpointer opaque)
{
    g_usleep(50 * 1000);
    channel_shutdown(opaque);
    return NULL;
}

static void test_shutdown_connect(void)
{
    struct sockaddr_in sockaddr = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof(sockaddr);
    g_autoptr(GError) error = NULL;
    g_autoptr(Channel) last = NULL;
    GPtrArray *clients = g_ptr_array_new_with_free_func((GDestroyNotify)channel_unref);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&sockaddr, length), ==, 0);
    g_assert_cmpint(listen(fd, 0), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sockaddr, &length), ==, 0);
    g_autofree char *text = g_strdup_printf("127.0.0.1:%u", ntohs(sockaddr.sin_port));
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, NULL);
    for (Channel *c; (c = channel_connect(address, 100, NULL));) {
        g_ptr_array_add(clients, c);
    }
    last = channel_new_unconnected(address);
    GThread *thread = g_thread_new("breaker", shutdown_later, last);
    gint64 start = g_get_monotonic_time();
    g_assert_false(channel_open(last, address, -1, &error));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 2 * G_TIME_SPAN_SECOND);
    g_assert_nonnull(strstr(error->message, text));
    g_thread_join(thread);
    g_ptr_array_unref(clients);
    close(fd);
}

typedef struct Outcome {
    Channel *channel;
    GError *error;
    int calls;
} Outcome;

static void on_connected(Channel *channel, GError *error, void *opaque)
{
    Outcome *outcome = opaque;
    outcome->channel = channel;
    outcome->error = error;
    outcome->calls++;
}

static void test_connect_start(void)
{
    g_autoptr(ChannelListener) listener = listen_any("127.0.0.1");
    g_autoptr(ChannelAddress) address = reachable(listener);
    Outcome outcome = { 0 };
    gint64 end = g_get_monotonic_time() + 5 * G_TIME_SPAN_SECOND;

    channel_connect_start(address, 1000, NULL, on_connected, &outcome);
    while (!outcome.calls && g_get_monotonic_time() < end) {
        g_main_context_iteration(NULL, false);
    }
    g_assert_nonnull(outcome.channel);
    channel_unref(outcome.channel);

    channel_listener_free(g_steal_pointer(&listener));
    outcome = (Outcome){ 0 };
    channel_connect_start(address, 1000, NULL, on_connected, &outcome);
    while (!outcome.calls && g_get_monotonic_time() < end) {
        g_main_context_iteration(NULL, false);
    }
    g_assert_nonnull(strstr(outcome.error->message, "Connection refused"));
    g_clear_error(&outcome.error);

    outcome = (Outcome){ 0 };
    channel_connecting_cancel(channel_connect_start(address, 1000, NULL, on_connected, &outcome));
    for (int i = 0; i < 50; i++) {
        g_main_context_iteration(NULL, false);
        g_usleep(1000);
    }
    g_assert_cmpint(outcome.calls, ==, 0);
}

static void test_accept_timeout(void)
{
    g_autoptr(ChannelListener) listener = listen_any("127.0.0.1");
    g_autoptr(GError) error = NULL;
    g_autofree char *address = channel_listener_address(listener);

    g_assert_null(channel_listener_accept(listener, 30, &error));
    g_assert_nonnull(strstr(error->message, address));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io/address/inet", test_parse_inet);
    g_test_add_func("/io/address/inet-bad", test_parse_inet_bad);
    g_test_add_func("/io/socket/tcp", test_tcp);
    g_test_add_func("/io/socket/tcp-name", test_tcp_name);
    g_test_add_func("/io/socket/refused", test_refused);
    g_test_add_func("/io/socket/port-in-use", test_port_in_use);
    g_test_add_func("/io/socket/unknown-host", test_unknown_host);
    g_test_add_func("/io/socket/connect-timeout", test_connect_timeout);
    g_test_add_func("/io/socket/unix", test_unix);
    g_test_add_func("/io/socket/unix-abstract", test_unix_abstract);
    g_test_add_func("/io/socket/unix-path-length", test_unix_path_length);
    g_test_add_func("/io/socket/fd", test_fd);
    g_test_add_func("/io/socket/shutdown-connect", test_shutdown_connect);
    g_test_add_func("/io/socket/connect-start", test_connect_start);
    g_test_add_func("/io/socket/accept-timeout", test_accept_timeout);
    return g_test_run();
}
