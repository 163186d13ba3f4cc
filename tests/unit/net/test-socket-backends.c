/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The socket back ends: frames arrive whole and in order, broken peers are dropped. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/dgram-client.h"
#include "net/stream-client.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "util/bytes.h"

/* Turns of the main loop after which something must have happened; each waits a little. */
#define TURNS_MAX 2000

/* The guest's end: keeps what it gets while it has room. */
typedef struct TestNic {
    NetClient *client;
    GPtrArray *frames; /* GBytes */
    bool full;
} TestNic;

static NetResult nic_receive(NetClient *client, const NetFrame *frame)
{
    TestNic *nic = client->opaque;
    size_t size = net_frame_size(frame);

    if (nic->full) {
        return NET_PENDING;
    }
    uint8_t *data = g_malloc(size);
    net_frame_copy(frame, 0, data, size);
    g_ptr_array_add(nic->frames, g_bytes_new_take(data, size));
    return NET_DONE;
}

static const NetClientOps nic_ops = { .type = "nic", .receive = nic_receive };

static void nic_init(TestNic *nic, const char *name, NetClient *backend)
{
    nic->frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    nic->full = false;
    nic->client = net_client_new(&nic_ops, "test", name, nic, NULL);
    net_client_connect(nic->client, backend);
}

static void nic_clear(TestNic *nic)
{
    NetClient *backend = nic->client->peer;

    net_client_free(nic->client);
    net_client_free(backend);
    g_ptr_array_unref(nic->frames);
}

static gboolean tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static void run_until(bool (*condition)(void *opaque), void *opaque)
{
    guint ticker = g_timeout_add(5, tick, NULL);

    for (unsigned i = 0; i < TURNS_MAX && !condition(opaque); i++) {
        main_loop_iterate(true);
    }
    g_source_remove(ticker);
    g_assert_true(condition(opaque));
}

typedef struct Expectation {
    TestNic *nic;
    guint count;
} Expectation;

static bool has_frames(void *opaque)
{
    Expectation *expected = opaque;

    return expected->nic->frames->len >= expected->count;
}

static void wait_frames(TestNic *nic, guint count)
{
    Expectation expected = { nic, count };

    run_until(has_frames, &expected);
    g_assert_cmpuint(nic->frames->len, ==, count);
}

/* Frame number @n: its size and bytes follow from the number. */
static size_t fill_frame(uint8_t *frame, unsigned n)
{
    size_t size = 60 + (n * 977) % 1400;

    store_be32(frame, n);
    for (size_t i = 4; i < size; i++) {
        frame[i] = (uint8_t)(n + i);
    }
    return size;
}

static NetResult send_frame(NetClient *from, unsigned n, NetSent *sent)
{
    uint8_t frame[1500];
    size_t size = fill_frame(frame, n);

    return net_send_buffer(from, frame, size, sent);
}

static void assert_frame(TestNic *nic, guint index, unsigned n)
{
    uint8_t frame[1500];
    size_t size = fill_frame(frame, n);
    gsize got;
    const void *data = g_bytes_get_data(g_ptr_array_index(nic->frames, index), &got);

    g_assert_cmpmem(data, got, frame, size);
}

/* ---- streams ---- */

typedef struct StreamPair {
    char *directory, *path;
    TestNic server, client;
} StreamPair;

static ChannelAddress *pair_address(StreamPair *pair)
{
    return channel_address_new_unix(pair->path);
}

static void pair_init_server(StreamPair *pair)
{
    pair->directory = g_dir_make_tmp("net-XXXXXX", NULL);
    pair->path = g_build_filename(pair->directory, "socket", NULL);
    g_autoptr(ChannelAddress) address = pair_address(pair);
    NetClient *backend = stream_client_new("stream", "server", address, true, 0, NULL);
    g_assert_nonnull(backend);
    nic_init(&pair->server, "server-nic", backend);
}

static void pair_init(StreamPair *pair)
{
    pair_init_server(pair);
    g_autoptr(ChannelAddress) address = pair_address(pair);
    nic_init(&pair->client, "client-nic",
             stream_client_new("stream", "client", address, false, 1, NULL));
}

static void pair_clear_server(StreamPair *pair)
{
    nic_clear(&pair->server);
    g_rmdir(pair->directory);
    g_free(pair->directory);
    g_free(pair->path);
}

/* Frames sent before there is a peer are lost: send number 0 until one arrives. */
static bool greeting_arrived(void *opaque)
{
    StreamPair *pair = opaque;

    if (pair->server.frames->len == 0) {
        send_frame(pair->client.client, 0, NULL);
    }
    return pair->server.frames->len > 0;
}

static void pair_connect(StreamPair *pair)
{
    run_until(greeting_arrived, pair);
    main_loop_iterate(false);
    g_ptr_array_set_size(pair->server.frames, 0);
}

static void test_stream_both_ways(void)
{
    StreamPair pair;

    pair_init(&pair);
    pair_connect(&pair);
    for (unsigned n = 1; n <= 50; n++) {
        send_frame(pair.client.client, n, NULL);
        send_frame(pair.server.client, 1000 + n, NULL);
    }
    wait_frames(&pair.server, 50);
    wait_frames(&pair.client, 50);
    for (unsigned n = 1; n <= 50; n++) {
        assert_frame(&pair.server, n - 1, n);
        assert_frame(&pair.client, n - 1, 1000 + n);
    }
    nic_clear(&pair.client);
    pair_clear_server(&pair);
}

static bool sender_may_go_on;

static void on_sent(NetClient *client)
{
    sender_may_go_on = true;
}

static bool sent_called(void *opaque)
{
    return sender_may_go_on;
}

/* A guest that takes nothing stops the sender in the end, and nothing is lost of what went. */
static void test_stream_backpressure(void)
{
    StreamPair pair;
    unsigned sent = 0;

    pair_init(&pair);
    pair_connect(&pair);
    pair.server.full = true;
    sender_may_go_on = false;
    while (send_frame(pair.client.client, ++sent, on_sent) == NET_DONE) {
        main_loop_iterate(false);
        g_assert_cmpuint(sent, <, 100000);
    }
    g_assert_cmpuint(pair.server.frames->len, ==, 0);
    pair.server.full = false;
    net_flush(pair.server.client);
    run_until(sent_called, NULL);
    wait_frames(&pair.server, sent);
    for (unsigned n = 1; n <= sent; n++) {
        assert_frame(&pair.server, n - 1, n);
    }
    nic_clear(&pair.client);
    pair_clear_server(&pair);
}

static int raw_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

static bool peer_closed(void *opaque)
{
    int *fd = opaque;
    char byte;

    return recv(*fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* A length that no frame has: the connection is closed, the next peer is welcome. */
static void test_stream_garbage(void)
{
    StreamPair pair;
    static const uint8_t garbage[] = { 0x7f, 0xff, 0xff, 0xff, 1, 2, 3 };
    uint8_t record[1504];

    pair_init_server(&pair);
    int fd = raw_connect(pair.path);
    g_assert_cmpint(write(fd, garbage, sizeof(garbage)), ==, sizeof(garbage));
    run_until(peer_closed, &fd);
    close(fd);

    fd = raw_connect(pair.path);
    size_t size = fill_frame(record + 4, 7);
    store_be32(record, size);
    /* In two pieces, cut inside the length. */
    g_assert_cmpint(write(fd, record, 3), ==, 3);
    for (unsigned i = 0; i < 20; i++) {
        main_loop_iterate(false);
    }
    g_assert_cmpint(write(fd, record + 3, size + 1), ==, (ssize_t)size + 1);
    wait_frames(&pair.server, 1);
    assert_frame(&pair.server, 0, 7);
    close(fd);
    pair_clear_server(&pair);
}

/* The peer goes and comes back: the client finds it again. */
static void test_stream_reconnect(void)
{
    StreamPair pair;

    pair_init(&pair);
    pair_connect(&pair);
    nic_clear(&pair.server);
    g_autoptr(ChannelAddress) address = pair_address(&pair);
    nic_init(&pair.server, "server-nic",
             stream_client_new("stream", "server", address, true, 0, NULL));
    pair_connect(&pair);
    nic_clear(&pair.client);
    pair_clear_server(&pair);
}

/* ---- datagrams ---- */

static void test_dgram(void)
{
    static const DatagramPeer connected = { .length = 0 };
    TestNic nics[2];
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
    for (int i = 0; i < 2; i++) {
        g_autofree char *name = g_strdup_printf("dgram%d", i);
        nic_init(&nics[i], name, dgram_client_new("dgram", name, fds[i], &connected, "pair", NULL));
    }
    for (unsigned n = 1; n <= 5; n++) {
        send_frame(nics[0].client, n, NULL);
        send_frame(nics[1].client, 100 + n, NULL);
    }
    wait_frames(&nics[1], 5);
    wait_frames(&nics[0], 5);
    for (unsigned n = 1; n <= 5; n++) {
        assert_frame(&nics[1], n - 1, n);
        assert_frame(&nics[0], n - 1, 100 + n);
    }
    nic_clear(&nics[0]);
    nic_clear(&nics[1]);
}

/* Times that the main loop was woken. */
static unsigned wake_ups;

static gint count_wake_ups(GPollFD *fds, guint count, gint timeout)
{
    gint ready = g_poll(fds, count, timeout);

    wake_ups += ready > 0;
    return ready;
}

/* A frame wakes the main loop once, not once more for the descriptors that GLib shuffles. */
static void test_dgram_wakes_once(void)
{
    static const DatagramPeer connected = { .length = 0 };
    GPollFunc former = g_main_context_get_poll_func(NULL);
    uint8_t frame[1500];
    TestNic nic;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), ==, 0);
    nic_init(&nic, "dgram", dgram_client_new("dgram", "dgram", fds[0], &connected, "pair", NULL));
    main_loop_iterate(false);
    g_main_context_set_poll_func(NULL, count_wake_ups);
    wake_ups = 0;
    for (unsigned n = 0; n < 3; n++) {
        size_t size = fill_frame(frame, n);
        g_assert_cmpint(send(fds[1], frame, size, 0), ==, size);
        main_loop_iterate(true);
        main_loop_iterate(false);
    }
    g_assert_cmpuint(nic.frames->len, ==, 3);
    g_assert_cmpuint(wake_ups, ==, 3);
    g_main_context_set_poll_func(NULL, former);
    nic_clear(&nic);
    close(fds[1]);
}

static void test_multicast_address(void)
{
    g_autoptr(ChannelAddress) address = channel_address_parse_inet("127.0.0.1:5555", NULL);
    g_autoptr(GError) error = NULL;
    DatagramPeer peer;

    g_assert_cmpint(datagram_socket_open_multicast(address, NULL, &peer, &error), ==, -1);
    g_assert_cmpstr(error->message, ==, "127.0.0.1 is not an IPv4 multicast address");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/stream/both-ways", test_stream_both_ways);
    g_test_add_func("/net/stream/backpressure", test_stream_backpressure);
    g_test_add_func("/net/stream/garbage", test_stream_garbage);
    g_test_add_func("/net/stream/reconnect", test_stream_reconnect);
    g_test_add_func("/net/dgram/both-ways", test_dgram);
    g_test_add_func("/net/dgram/wakes-once", test_dgram_wakes_once);
    g_test_add_func("/net/dgram/multicast-address", test_multicast_address);
    return g_test_run();
}
