/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The way of frames between network clients: queues, links, offloads, the end of clients. */
#include <string.h>

#include "fake-client.h"
#include "net/filter.h"
#include "net/queue.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-net.h"
#include "system/bql.h"
#include "system/runstate.h"
#include "util/bytes.h"

typedef struct Ends {
    FakeClient *nic, *backend;
} Ends;

static void set_up(Ends *ends, gconstpointer unused)
{
    ends->nic = fake_client_new(true, "nic0", 0);
    ends->backend = fake_client_new(false, "net0", 0);
    net_client_connect(ends->nic->client, ends->backend->client);
}

static void tear_down(Ends *ends, gconstpointer unused)
{
    fake_client_free(ends->nic);
    fake_client_free(ends->backend);
}

/* ---- frames ---- */

static void test_frame_pieces(void)
{
    struct iovec iov[] = { { (void *)"abc", 3 }, { (void *)"", 0 }, { (void *)"defg", 4 } };
    NetFrame frame = { .iov = iov, .iov_count = 3 };
    char buffer[8] = "";

    g_assert_cmpuint(net_frame_size(&frame), ==, 7);
    for (size_t offset = 0; offset <= 8; offset++) {
        for (size_t size = 0; size <= 7; size++) {
            const char *whole = "abcdefg";
            size_t expected = MIN(size, offset < 7 ? 7 - offset : 0);
            g_assert_cmpuint(net_frame_copy(&frame, offset, buffer, size), ==, expected);
            g_assert_cmpmem(buffer, expected, whole + MIN(offset, 7), expected);
        }
    }
}

static void test_vnet_header(void)
{
    static const uint8_t wire[VNET_HEADER_SIZE] = { 1, 0x84, 0x36, 0, 0xb4, 5, 0x22, 0, 16, 1 };
    uint8_t packed[VNET_HEADER_SIZE];
    VnetHeader header;

    vnet_header_unpack(&header, wire);
    g_assert_cmpuint(header.flags, ==, VNET_FLAG_NEEDS_CHECKSUM);
    g_assert_cmpuint(header.gso_type, ==, VNET_GSO_TCPV6 | VNET_GSO_ECN);
    g_assert_cmpuint(header.header_length, ==, 0x36);
    g_assert_cmpuint(header.gso_size, ==, 1460);
    g_assert_cmpuint(header.checksum_start, ==, 0x22);
    g_assert_cmpuint(header.checksum_offset, ==, 0x110);
    vnet_header_pack(&header, packed);
    g_assert_cmpmem(packed, sizeof(packed), wire, sizeof(wire));
}

/* ---- delivery ---- */

static void test_both_directions(Ends *ends, gconstpointer unused)
{
    g_assert_cmpint(fake_client_send(ends->nic, "request"), ==, NET_DONE);
    g_assert_cmpint(fake_client_send(ends->backend, "reply"), ==, NET_DONE);
    g_assert_cmpstr(fake_client_text(ends->backend, 0), ==, "request");
    g_assert_cmpstr(fake_client_text(ends->nic, 0), ==, "reply");
    g_assert_cmpuint(ends->nic->sent + ends->backend->sent, ==, 0);
}

static void test_no_peer(void)
{
    FakeClient *alone = fake_client_new(true, "nic0", 0);

    g_assert_cmpint(fake_client_send(alone, "hello?"), ==, NET_DONE);
    g_assert_cmpuint(alone->frames->len, ==, 0);
    fake_client_free(alone);
}

/* Without room a copy waits; the sender is told when it has left, and in order. */
static void check_pending(Ends *ends)
{
    char text[] = "first";

    g_assert_cmpint(fake_client_send(ends->backend, text), ==, NET_PENDING);
    memset(text, 'x', 5); /* it was borrowed */
    ends->nic->room = 1;
    ends->nic->closed = false;
    g_assert_cmpint(fake_client_send(ends->backend, "second"), ==, NET_PENDING);
    g_assert_cmpuint(ends->nic->frames->len, ==, 0);
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 1);
    g_assert_cmpuint(ends->backend->sent, ==, 1);
    ends->nic->room = -1;
    net_flush(ends->nic->client);
    g_assert_cmpstr(fake_client_text(ends->nic, 0), ==, "first");
    g_assert_cmpstr(fake_client_text(ends->nic, 1), ==, "second");
    g_assert_cmpuint(ends->backend->sent, ==, 2);
    g_assert_cmpint(fake_client_send(ends->backend, "third"), ==, NET_DONE);
    g_assert_cmpuint(ends->backend->sent, ==, 2);
}

static void test_no_room(Ends *ends, gconstpointer unused)
{
    ends->nic->room = 0;
    check_pending(ends);
}

static void test_cannot_receive(Ends *ends, gconstpointer unused)
{
    ends->nic->closed = true;
    check_pending(ends);
}

static void test_bounded_frames(Ends *ends, gconstpointer unused)
{
    ends->nic->room = 0;
    for (unsigned i = 0; i < NET_QUEUE_FRAMES_MAX; i++) {
        g_autofree char *text = g_strdup_printf("%u", i);
        g_assert_cmpint(fake_client_send(ends->backend, text), ==, NET_PENDING);
    }
    g_assert_cmpint(fake_client_send(ends->backend, "too many"), ==, NET_DONE);
    ends->nic->room = -1;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, NET_QUEUE_FRAMES_MAX);
    g_assert_cmpuint(ends->backend->sent, ==, NET_QUEUE_FRAMES_MAX);
    g_assert_cmpstr(fake_client_text(ends->nic, 9), ==, "9");
}

static void test_bounded_bytes(Ends *ends, gconstpointer unused)
{
    g_autofree char *large = g_malloc0(NET_FRAME_MAX);
    unsigned count = NET_QUEUE_BYTES_MAX / NET_FRAME_MAX;

    ends->nic->room = 0;
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpint(net_send_buffer(ends->backend->client, large, NET_FRAME_MAX, NULL), ==,
                        NET_PENDING);
    }
    g_assert_cmpint(net_send_buffer(ends->backend->client, large, NET_FRAME_MAX, NULL), ==,
                    NET_DONE);
    ends->nic->room = -1;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, count);
    g_assert_cmpint(net_send_buffer(ends->backend->client, large, NET_FRAME_MAX, NULL), ==,
                    NET_DONE);
    g_assert_cmpuint(ends->nic->frames->len, ==, count + 1);
}

static void test_frame_sizes(Ends *ends, gconstpointer unused)
{
    g_autofree char *large = g_malloc0(NET_FRAME_MAX + 1);

    net_send_buffer(ends->backend->client, large, 0, NULL);
    net_send_buffer(ends->backend->client, large, NET_FRAME_MAX + 1, NULL);
    g_assert_cmpuint(ends->nic->frames->len, ==, 0);
}

/* ---- receivers that send ---- */

static void answer_until_10(FakeClient *fake)
{
    if (fake->frames->len < 10) {
        g_autofree char *text =
            g_strdup_printf("%s+", fake_client_text(fake, fake->frames->len - 1));
        fake_client_send(fake, text);
    }
}

/* Two that answer each other within receive(): neither is entered twice, nothing is lost. */
static void test_recursion(Ends *ends, gconstpointer unused)
{
    ends->nic->on_receive = answer_until_10;
    ends->backend->on_receive = answer_until_10;
    fake_client_send(ends->backend, "");
    g_assert_cmpuint(ends->nic->frames->len, ==, 0); /* an empty frame is none */
    fake_client_send(ends->backend, "0");
    g_assert_cmpuint(ends->nic->frames->len, ==, 10);
    g_assert_cmpuint(ends->backend->frames->len, ==, 9);
    g_assert_cmpstr(fake_client_text(ends->backend, 8), ==, "0+++++++++++++++++");
    g_assert_cmpuint(ends->nic->deepest, ==, 1);
    g_assert_cmpuint(ends->backend->deepest, ==, 1);
}

static void flush_own(FakeClient *fake)
{
    net_flush(fake->client);
}

static void test_flush_within_receive(Ends *ends, gconstpointer unused)
{
    ends->nic->closed = true;
    fake_client_send(ends->backend, "1");
    fake_client_send(ends->backend, "2");
    fake_client_send(ends->backend, "3");
    ends->nic->closed = false;
    ends->nic->on_receive = flush_own;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 3);
    g_assert_cmpuint(ends->nic->deepest, ==, 1);
}

static void send_when_sent(FakeClient *fake)
{
    if (fake->sent < 5) {
        fake_client_send(fake, "more");
    }
}

static void test_send_within_sent(Ends *ends, gconstpointer unused)
{
    ends->nic->room = 0;
    ends->backend->on_sent = send_when_sent;
    fake_client_send(ends->backend, "1");
    fake_client_send(ends->backend, "2");
    ends->nic->room = -1;
    net_flush(ends->nic->client);
    /* "1" leaves: "more" waits behind "2". "2" leaves: another. They leave: two more, .. */
    g_assert_cmpuint(ends->nic->frames->len, ==, 2 + 4);
}

/* ---- the end of clients ---- */

static void test_free_receiver(Ends *ends, gconstpointer unused)
{
    ends->nic->room = 0;
    fake_client_send(ends->backend, "1");
    fake_client_send(ends->backend, "2");
    net_client_free(ends->nic->client);
    g_assert_null(ends->nic->client);
    g_assert_null(ends->backend->client->peer);
    g_assert_cmpuint(ends->nic->frames->len, ==, 0);
    g_assert_cmpuint(ends->backend->sent, ==, 2); /* or it would wait for ever */
    g_assert_cmpuint(ends->backend->link_changes, ==, 1);
    g_assert_cmpint(fake_client_send(ends->backend, "3"), ==, NET_DONE);
}

static void test_free_sender(Ends *ends, gconstpointer unused)
{
    ends->nic->room = 0;
    fake_client_send(ends->backend, "1");
    net_client_free(ends->backend->client);
    ends->nic->room = -1;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 0);
    g_assert_cmpuint(ends->backend->sent, ==, 0);
}

static void free_own(FakeClient *fake)
{
    net_client_free(fake->client);
}

static void test_free_within_receive(Ends *ends, gconstpointer unused)
{
    ends->nic->closed = true;
    fake_client_send(ends->backend, "1");
    fake_client_send(ends->backend, "2");
    ends->nic->closed = false;
    ends->nic->on_receive = free_own;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 1);
    g_assert_cmpuint(ends->backend->sent, ==, 2);
}

static void test_free_within_direct_receive(Ends *ends, gconstpointer unused)
{
    ends->nic->on_receive = free_own;
    g_assert_cmpint(fake_client_send(ends->backend, "1"), ==, NET_DONE);
    g_assert_null(ends->nic->client);
}

static void test_free_within_sent(Ends *ends, gconstpointer unused)
{
    ends->nic->closed = true;
    fake_client_send(ends->backend, "1");
    fake_client_send(ends->backend, "2");
    ends->nic->closed = false;
    ends->backend->on_sent = free_own;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 1);
    g_assert_cmpuint(ends->backend->sent, ==, 1);
}

static void test_purge(Ends *ends, gconstpointer unused)
{
    FakeClient *other = fake_client_new(false, "net1", 0);
    struct iovec iov = { (void *)"kept", 4 };
    NetFrame frame = { .iov = &iov, .iov_count = 1 };

    ends->nic->room = 0;
    fake_client_send(ends->backend, "dropped");
    net_deliver(other->client, ends->nic->client, &frame, fake_client_sent);
    fake_client_send(ends->backend, "dropped");
    net_purge(ends->nic->client, ends->backend->client);
    g_assert_cmpuint(ends->backend->sent, ==, 2);
    ends->nic->room = -1;
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 1);
    g_assert_cmpstr(fake_client_text(ends->nic, 0), ==, "kept");
    g_assert_cmpuint(other->sent, ==, 1);
    fake_client_free(other);
}

static void test_names(Ends *ends, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    FakeClient *namesake = fake_client_new(true, "net0", 0); /* of the other kind */

    g_assert_true(net_backend_find("net0") == ends->backend->client);
    g_assert_null(net_backend_find("nic0"));
    g_assert_null(net_client_new(ends->nic->client->ops, "fake", "net0", NULL, &error));
    g_assert_cmpstr(error->message, ==, "Duplicate ID 'net0' for nic");
    fake_client_free(namesake);
}

/* ---- links ---- */

static void set_link(const char *name, bool up)
{
    g_autoptr(GError) error = NULL;

    qmp_set_link(name, up, &error);
    g_assert_no_error(error);
}

static void check_link_down(Ends *ends, const char *name)
{
    set_link(name, false);
    g_assert_false(net_link_up(ends->nic->client));
    g_assert_false(net_link_up(ends->backend->client));
    g_assert_cmpint(fake_client_send(ends->nic, "lost"), ==, NET_DONE);
    g_assert_cmpint(fake_client_send(ends->backend, "lost"), ==, NET_DONE);
    set_link(name, true);
    g_assert_true(net_link_up(ends->nic->client));
    fake_client_send(ends->nic, "up");
    g_assert_cmpstr(fake_client_text(ends->backend, 0), ==, "up");
    g_assert_cmpuint(ends->nic->frames->len, ==, 0);
    g_assert_cmpuint(ends->nic->link_changes, ==, 2);
    g_assert_cmpuint(ends->backend->link_changes, ==, 2);
    set_link(name, true);
    g_assert_cmpuint(ends->nic->link_changes, ==, 2);
}

static void test_link_of_nic(Ends *ends, gconstpointer unused)
{
    check_link_down(ends, "nic0");
}

static void test_link_of_backend(Ends *ends, gconstpointer unused)
{
    check_link_down(ends, "net0");
}

/* What waits when the link goes is lost, and its sender does not wait for ever. */
static void test_link_down_while_waiting(Ends *ends, gconstpointer unused)
{
    ends->nic->room = 0;
    fake_client_send(ends->backend, "lost");
    set_link("nic0", false);
    g_assert_cmpuint(ends->backend->sent, ==, 1);
    ends->nic->room = -1;
    set_link("nic0", true);
    g_assert_cmpuint(ends->nic->frames->len, ==, 0);
}

static void test_link_of_nobody(void)
{
    g_autoptr(GError) error = NULL;

    qmp_set_link("nobody", true, &error);
    g_assert_cmpstr(error->message, ==, "Device 'nobody' not found");
    g_assert_cmpint(qapi_error_class(error), ==, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND);
}

/* ---- a guest that stands still ---- */

static void test_stopped_guest(Ends *ends, gconstpointer unused)
{
    g_assert_true(vm_start(NULL));
    g_assert_cmpint(fake_client_send(ends->backend, "1"), ==, NET_DONE);
    g_assert_true(vm_stop(RUN_STATE_PAUSED));
    g_assert_cmpint(fake_client_send(ends->backend, "2"), ==, NET_PENDING);
    net_flush(ends->nic->client);
    g_assert_cmpuint(ends->nic->frames->len, ==, 1);
    g_assert_cmpint(fake_client_send(ends->nic, "from the device"), ==, NET_DONE);
    g_assert_true(vm_start(NULL));
    g_assert_cmpuint(ends->nic->frames->len, ==, 2);
    g_assert_cmpuint(ends->backend->sent, ==, 1);
}

/* ---- offloads ---- */

#define TCP_OFFSET 34 /* behind Ethernet and IPv4 */

/* A TCP segment over IPv4 with @payload bytes, whose checksum is not complete. */
static GByteArray *tcp_frame(size_t payload)
{
    static const uint8_t start[] = {
        2,    0,  0, 0, 0, 1, 2,    0, 0,  0, 0, 2, 8,    0,                          /* Ethernet */
        0x45, 0,  0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10,   0,    0,    1, 10, 0, 0, 2, /* IPv4 */
        0,    80, 4, 0, 0, 0, 0,    1, 0,  0, 0, 1, 0x50, 0x10, 0x10, 0, 0,  0, 0, 0  /* TCP */
    };
    GByteArray *frame = g_byte_array_new();

    g_byte_array_append(frame, start, sizeof(start));
    g_byte_array_set_size(frame, (guint)(sizeof(start) + payload));
    memset(frame->data + sizeof(start), 'p', payload);
    store_be16(frame->data + 16, (uint16_t)(sizeof(start) - 14 + payload));
    return frame;
}

static NetResult send_large(Ends *ends)
{
    g_autoptr(GByteArray) bytes = tcp_frame(2500);
    struct iovec iov = { bytes->data, bytes->len };
    NetFrame frame = { .header = { .flags = VNET_FLAG_NEEDS_CHECKSUM,
                                   .gso_type = VNET_GSO_TCPV4,
                                   .header_length = TCP_OFFSET + 20,
                                   .gso_size = 1000,
                                   .checksum_start = TCP_OFFSET,
                                   .checksum_offset = 16 },
                       .iov = &iov,
                       .iov_count = 1 };

    return net_send(ends->nic->client, &frame, fake_client_sent);
}

static void test_offloads_understood(Ends *ends, gconstpointer unused)
{
    ends->backend->client->offloads = NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4;
    g_assert_cmpuint(net_peer_offloads(ends->nic->client), ==,
                     NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4);
    send_large(ends);
    g_assert_cmpuint(ends->backend->frames->len, ==, 1);
    VnetHeader *header = &g_array_index(ends->backend->headers, VnetHeader, 0);
    g_assert_cmpuint(header->gso_type, ==, VNET_GSO_TCPV4);
    g_assert_cmpuint(header->gso_size, ==, 1000);
}

static void test_offloads_resolved(Ends *ends, gconstpointer unused)
{
    g_assert_cmpuint(net_peer_offloads(ends->nic->client), ==, 0);
    g_assert_cmpint(send_large(ends), ==, NET_DONE);
    g_assert_cmpuint(ends->backend->frames->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        g_assert_true(vnet_header_is_plain(&g_array_index(ends->backend->headers, VnetHeader, i)));
    }
}

/* The sender is told once about a frame that became several. */
static void test_offloads_resolved_and_pending(Ends *ends, gconstpointer unused)
{
    ends->backend->room = 1;
    g_assert_cmpint(send_large(ends), ==, NET_PENDING);
    ends->backend->room = -1;
    net_flush(ends->backend->client);
    g_assert_cmpuint(ends->backend->frames->len, ==, 3);
    g_assert_cmpuint(ends->nic->sent, ==, 1);
}

static void test_offloads_nonsense(Ends *ends, gconstpointer unused)
{
    struct iovec iov = { (void *)"not a TCP segment", 17 };
    NetFrame frame = { .header = { .gso_type = 77, .gso_size = 1 }, .iov = &iov, .iov_count = 1 };

    ends->backend->client->offloads = UINT32_MAX >> 1;
    g_assert_cmpint(net_send(ends->nic->client, &frame, fake_client_sent), ==, NET_DONE);
    g_assert_cmpuint(ends->backend->frames->len, ==, 0);
}

/* A filter that does not know the header takes the offloads away. */
static void test_offloads_and_filters(Ends *ends, gconstpointer unused)
{
    NetFilter plain = { .vnet_header = false };
    NetFilter knowing = { .vnet_header = true };
    NetClient *backend = ends->backend->client;

    backend->offloads = NET_OFFLOAD_CHECKSUM;
    g_ptr_array_add(backend->filters, &knowing);
    g_assert_cmpuint(net_peer_offloads(ends->nic->client), ==, NET_OFFLOAD_CHECKSUM);
    g_ptr_array_add(backend->filters, &plain);
    g_assert_cmpuint(net_peer_offloads(ends->nic->client), ==, 0);
    g_ptr_array_set_size(backend->filters, 0);
}

/* ---- NICs ---- */

static NetClient *make_nic(NICConfig *config, const char *id, GError **error)
{
    static const NetClientOps ops = { .type = "nic" };

    return net_nic_new(&ops, config, "test-nic", id, NULL, error);
}

static void check_mac_text(const char *text, const char *expected)
{
    uint8_t mac[6];
    bool ok = net_mac_parse(text, mac);
    g_autofree char *printed = ok ? net_mac_to_string(mac) : NULL;

    g_assert_cmpstr(printed, ==, expected);
}

static void test_mac_text(void)
{
    check_mac_text("52:54:00:Ab:34:5f", "52:54:00:ab:34:5f");
    check_mac_text("52-54-00-12-34-56", "52:54:00:12:34:56");
    check_mac_text("", NULL);
    check_mac_text("52:54:00:12:34", NULL);
    check_mac_text("52:54:00:12:34:5", NULL);
    check_mac_text("52:54:00:12:34:567", NULL);
    check_mac_text("52:54:00:12:34:56:78", NULL);
    check_mac_text("52:54:00:12:34:5g", NULL);
    check_mac_text("525:4:00:12:34:56", NULL);
    check_mac_text("52.54.00.12.34.56", NULL);
}

static void test_default_macs(void)
{
    NICConfig configs[4] = { { 0 }, { .mac_text = g_strdup("52:54:00:12:34:57") }, { 0 }, { 0 } };
    static const char *const expected[] = { "52:54:00:12:34:56", "52:54:00:12:34:57",
                                            "52:54:00:12:34:58", "52:54:00:12:34:59" };
    NetClient *nics[4];

    for (int i = 0; i < 4; i++) {
        g_autofree char *name = g_strdup_printf("test-nic.%d", i);
        nics[i] = make_nic(&configs[i], NULL, NULL);
        g_assert_cmpstr(configs[i].mac_text, ==, expected[i]);
        g_assert_cmpmem(nics[i]->mac, 6, configs[i].mac, 6);
        g_assert_cmpstr(nics[i]->name, ==, name);
    }
    /* The same address twice is the user's business. */
    NICConfig again = { .mac_text = g_strdup("52:54:00:12:34:57") };
    NetClient *twin = make_nic(&again, "twin", NULL);
    g_assert_nonnull(twin);
    net_client_free(twin);
    g_free(again.mac_text);
    for (int i = 0; i < 4; i++) {
        net_client_free(nics[i]);
        g_free(configs[i].mac_text);
    }
}

static void expect_nic_error(char *mac, char *netdev, const char *message)
{
    NICConfig config = { .mac_text = mac, .netdev = netdev };
    g_autoptr(GError) error = NULL;

    g_assert_null(make_nic(&config, "bad", &error));
    g_assert_nonnull(strstr(error->message, message));
    if (!mac) {
        g_free(config.mac_text);
    }
}

static void test_nic_errors(Ends *ends, gconstpointer unused)
{
    char bad[] = "bogus", multicast[] = "01:00:5e:00:00:01", nowhere[] = "nope", taken[] = "net0";

    expect_nic_error(bad, NULL, "Property 'test-nic.mac' doesn't take value 'bogus'");
    expect_nic_error(multicast, NULL, "multicast");
    expect_nic_error(NULL, nowhere, "Property 'test-nic.netdev' can't find value 'nope'");
    expect_nic_error(NULL, taken, "can't take value 'net0', it's in use");
    g_assert_true(ends->backend->client->peer == ends->nic->client);
}

static void test_nic_connects(void)
{
    FakeClient *backend = fake_client_new(false, "net0", 0);
    char name[] = "net0";
    NICConfig config = { .netdev = name };
    NetClient *nic = make_nic(&config, "n", NULL);

    g_assert_true(nic->peer == backend->client && backend->client->peer == nic);
    g_assert_cmpstr(nic->name, ==, "n");
    net_client_free(nic);
    g_free(config.mac_text);
    fake_client_free(backend);
}

#define ADD(path, function) g_test_add("/net/" path, Ends, NULL, set_up, function, tear_down)

static void add_delivery_tests(void)
{
    g_test_add_func("/net/frame/pieces", test_frame_pieces);
    g_test_add_func("/net/frame/vnet-header", test_vnet_header);
    ADD("deliver/both-directions", test_both_directions);
    g_test_add_func("/net/deliver/no-peer", test_no_peer);
    ADD("deliver/no-room", test_no_room);
    ADD("deliver/cannot-receive", test_cannot_receive);
    ADD("deliver/bounded-frames", test_bounded_frames);
    ADD("deliver/bounded-bytes", test_bounded_bytes);
    ADD("deliver/frame-sizes", test_frame_sizes);
    ADD("reenter/recursion", test_recursion);
    ADD("reenter/flush-within-receive", test_flush_within_receive);
    ADD("reenter/send-within-sent", test_send_within_sent);
}

static void add_life_tests(void)
{
    ADD("free/receiver", test_free_receiver);
    ADD("free/sender", test_free_sender);
    ADD("free/within-receive", test_free_within_receive);
    ADD("free/within-direct-receive", test_free_within_direct_receive);
    ADD("free/within-sent", test_free_within_sent);
    ADD("free/purge", test_purge);
    ADD("free/names", test_names);
    ADD("link/nic", test_link_of_nic);
    ADD("link/backend", test_link_of_backend);
    ADD("link/down-while-waiting", test_link_down_while_waiting);
    g_test_add_func("/net/link/nobody", test_link_of_nobody);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    add_delivery_tests();
    add_life_tests();
    ADD("offloads/understood", test_offloads_understood);
    ADD("offloads/resolved", test_offloads_resolved);
    ADD("offloads/resolved-and-pending", test_offloads_resolved_and_pending);
    ADD("offloads/nonsense", test_offloads_nonsense);
    ADD("offloads/filters", test_offloads_and_filters);
    g_test_add_func("/net/nic/mac-text", test_mac_text);
    g_test_add_func("/net/nic/default-macs", test_default_macs);
    g_test_add_func("/net/nic/connects", test_nic_connects);
    ADD("nic/errors", test_nic_errors);
    ADD("stopped-guest", test_stopped_guest);
    return g_test_run();
}
