/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The comparator's core: what goes out when, and which checkpoints are asked for. */
#include <string.h>

#include "frame.h"
#include "net/compare.h"

typedef GByteArray Frame;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, g_byte_array_unref)

typedef struct Client {
    Comparator *comparator;
    GPtrArray *received; /* GBytes */
    unsigned asked;
    CheckpointReason reason;
    VnetHeader header; /* of the last frame received */
} Client;

static void on_release(const NetFrame *frame, void *opaque)
{
    Client *client = opaque;
    size_t size = net_frame_size(frame);
    g_autofree uint8_t *data = g_malloc(size);

    net_frame_copy(frame, 0, data, size);
    client->header = frame->header;
    g_ptr_array_add(client->received, g_bytes_new(data, size));
}

static void on_ask(CheckpointReason reason, void *opaque)
{
    Client *client = opaque;

    client->asked++;
    client->reason = reason;
}

static void client_init(Client *client, bool running)
{
    static const ComparatorConfig config = {
        .connections = 4, .queue_frames = 10, .held_bytes = 8000, .timeout = 100
    };
    static const ComparatorOps ops = { on_release, on_ask };

    memset(client, 0, sizeof(*client));
    client->comparator = comparator_new(&config, &ops, client);
    client->received = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    comparator_set_running(client->comparator, running);
}

static void client_clear(Client *client)
{
    comparator_free(client->comparator);
    g_ptr_array_unref(client->received);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Client, client_clear)

static void send_net_frame(Client *client, bool primary, const NetFrame *frame, int64_t now)
{
    if (primary) {
        comparator_primary_frames(client->comparator, frame, 1, now);
    } else {
        comparator_secondary_frames(client->comparator, frame, 1, now);
    }
}

static void send_bytes(Client *client, bool primary, const uint8_t *data, size_t size)
{
    struct iovec iov = { (void *)data, size };

    send_net_frame(client, primary, &(NetFrame){ .iov = &iov, .iov_count = 1 }, 0);
}

static void send_frame(Client *client, bool primary, const Frame *frame)
{
    send_bytes(client, primary, frame->data, frame->len);
}

static void send_spec(Client *client, bool primary, FrameSpec spec, const char *payload)
{
    spec.ip_id = primary ? 1 : 2;
    spec.payload = payload;
    spec.payload_size = strlen(payload);
    g_autoptr(Frame) frame = frame_new(&spec);
    send_frame(client, primary, frame);
}

static const FrameSpec udp = {
    .protocol = PROTOCOL_UDP, .source = 1, .destination = 2, .source_port = 5, .destination_port = 6
};
static const FrameSpec tcp = { .protocol = PROTOCOL_TCP,
                               .source = 1,
                               .destination = 2,
                               .source_port = 5,
                               .destination_port = 6,
                               .sequence = 10,
                               .ack = 20,
                               .flags = TCP_ACK };

static void assert_received(const Client *client, unsigned at, const char *payload)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(client->received->pdata[at], &size);
    Packet packet;

    g_assert_cmpint(packet_parse(&packet, data, size), ==, PACKET_OK);
    g_assert_cmpmem(packet_payload(&packet), packet.payload_size, payload, strlen(payload));
}

static void test_passes_while_stopped(void)
{
    g_auto(Client) c;

    client_init(&c, false);
    send_spec(&c, true, udp, "a");
    send_spec(&c, false, udp, "b");
    g_assert_cmpuint(c.received->len, ==, 1);
    comparator_set_running(c.comparator, true);
    send_spec(&c, true, udp, "c");
    g_assert_cmpuint(c.received->len, ==, 1);
    comparator_set_running(c.comparator, false); /* failover: what is held goes out */
    g_assert_cmpuint(c.received->len, ==, 2);
    g_assert_cmpuint(comparator_statistics(c.comparator).held_frames, ==, 0);
    g_assert_cmpuint(comparator_statistics(c.comparator).held_bytes, ==, 0);
}

static void test_udp_any_order(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        g_auto(Client) c;
        FrameSpec spec = udp;
        spec.ipv6 = v6;
        client_init(&c, true);
        send_spec(&c, true, spec, "one");
        send_spec(&c, true, spec, "two");
        send_spec(&c, false, spec, "two");
        send_spec(&c, false, spec, "three");
        g_assert_cmpuint(c.received->len, ==, 1);
        assert_received(&c, 0, "two");
        send_spec(&c, false, spec, "one");
        send_spec(&c, true, spec, "three");
        g_assert_cmpuint(c.received->len, ==, 3);
        g_assert_cmpuint(c.asked, ==, 0);
        g_assert_cmpuint(comparator_statistics(c.comparator).held_bytes, ==, 0);
    }
}

static void test_connections_do_not_mix(void)
{
    g_auto(Client) c;
    FrameSpec other = udp;

    client_init(&c, true);
    send_spec(&c, true, udp, "one");
    other.vlan = 3;
    send_spec(&c, false, other, "one");
    other = udp; /* the other direction of the same connection */
    other.source = udp.destination;
    other.destination = udp.source;
    other.source_port = udp.destination_port;
    other.destination_port = udp.source_port;
    send_spec(&c, false, other, "one");
    g_assert_cmpuint(c.received->len, ==, 0);
}

static void test_udp_difference(void)
{
    g_auto(Client) c;

    client_init(&c, true);
    for (char i = 0; i < 8; i++) {
        g_assert_cmpuint(c.asked, ==, 0);
        send_spec(&c, true, udp, (char[]){ 'a' + i, 0 });
        send_spec(&c, false, udp, (char[]){ 'A' + i, 0 });
    }
    g_assert_cmpuint(c.asked, ==, 1);
    g_assert_cmpint(c.reason, ==, CHECKPOINT_REASON_MISCOMPARE);
    g_assert_cmpuint(c.received->len, ==, 0);
}

static void test_whole_frames(void)
{
    static const uint8_t arp[42] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 };
    static const uint8_t broken[14 + 19] = { [12] = 8, 0 };
    uint8_t other[42];
    g_auto(Client) c;

    client_init(&c, true);
    memcpy(other, arp, sizeof(other));
    other[0] = 1; /* another receiver in the Ethernet header */
    send_bytes(&c, true, arp, sizeof(arp));
    send_bytes(&c, false, other, sizeof(other));
    g_assert_cmpuint(c.received->len, ==, 0);
    send_bytes(&c, false, arp, sizeof(arp));
    g_assert_cmpuint(c.received->len, ==, 1);

    send_bytes(&c, true, broken, sizeof(broken));
    g_assert_cmpuint(c.received->len, ==, 1);
    send_bytes(&c, false, broken, sizeof(broken));
    g_assert_cmpuint(c.received->len, ==, 2);
    g_assert_cmpuint(comparator_statistics(c.comparator).refused, ==, 2);
}

static void test_tcp_and_checkpoint(void)
{
    g_auto(Client) c;
    FrameSpec more = tcp;

    client_init(&c, true);
    send_spec(&c, true, tcp, "abc");
    send_spec(&c, false, tcp, "abX");
    g_assert_cmpuint(c.received->len, ==, 0);
    g_assert_cmpuint(c.asked, ==, 1);
    g_assert_cmpint(c.reason, ==, CHECKPOINT_REASON_MISCOMPARE);
    send_spec(&c, true, udp, "second");
    more.sequence += 3;
    send_spec(&c, true, more, "third");
    send_spec(&c, false, tcp, "abX");
    g_assert_cmpuint(c.asked, ==, 1); /* once is enough */

    comparator_checkpoint(c.comparator);
    g_assert_cmpuint(c.received->len, ==, 3);
    assert_received(&c, 0, "abc");
    assert_received(&c, 1, "second");
    assert_received(&c, 2, "third");
    g_assert_cmpuint(comparator_statistics(c.comparator).held_bytes, ==, 0);
    more.sequence += 5;
    send_spec(&c, true, more, "next");
    send_spec(&c, false, more, "next");
    g_assert_cmpuint(c.received->len, ==, 4);
    more.sequence += 4;
    send_spec(&c, true, more, "x");
    send_spec(&c, false, more, "y");
    g_assert_cmpuint(c.asked, ==, 2);
}

static void test_timeout(void)
{
    g_auto(Client) c;

    client_init(&c, true);
    send_spec(&c, true, udp, "a");
    comparator_expire(c.comparator, 99);
    g_assert_cmpuint(c.asked, ==, 0);
    comparator_expire(c.comparator, 100);
    comparator_expire(c.comparator, 200);
    g_assert_cmpuint(c.asked, ==, 1);
    g_assert_cmpint(c.reason, ==, CHECKPOINT_REASON_TIMEOUT);
    g_assert_cmpuint(c.received->len, ==, 0);
}

static void test_bounds(void)
{
    for (int side = 0; side < 2; side++) { /* frames of one connection */
        g_auto(Client) c;
        client_init(&c, true);
        for (char i = 0; i < 11; i++) {
            g_assert_cmpuint(c.asked, ==, 0);
            send_spec(&c, side, udp, (char[]){ 'a' + i, 0 });
        }
        g_assert_cmpint(c.reason, ==, CHECKPOINT_REASON_QUEUE_FULL);
        g_assert_cmpuint(comparator_statistics(c.comparator).dropped, ==, side ? 1 : 0);
        g_assert_cmpuint(c.received->len, ==, 0);
    }

    g_auto(Client) bytes; /* of all */
    g_autofree char *big = g_strnfill(5000, 'x');
    client_init(&bytes, true);
    send_spec(&bytes, true, udp, big);
    g_assert_cmpuint(bytes.asked, ==, 0);
    send_spec(&bytes, false, tcp, big);
    g_assert_cmpuint(bytes.asked, ==, 1);
    g_assert_cmpuint(comparator_statistics(bytes.comparator).held_bytes, <=, 8000);

    g_auto(Client) many; /* connections */
    client_init(&many, true);
    for (unsigned i = 0; i < 5; i++) {
        FrameSpec spec = udp;
        spec.source_port = 100 + i;
        g_assert_cmpuint(many.asked, ==, 0);
        send_spec(&many, true, spec, "a");
    }
    g_assert_cmpuint(many.asked, ==, 1);
    g_assert_cmpuint(comparator_statistics(many.comparator).connections, ==, 4);
    g_assert_cmpuint(comparator_statistics(many.comparator).held_frames, ==, 4);
    g_assert_cmpuint(many.received->len, ==, 0);
}

static void test_fragments(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        g_auto(Client) c;
        g_autofree char *text = g_strnfill(1000, 'x');
        FrameSpec spec = udp;
        spec.ipv6 = v6;
        spec.payload = text;
        spec.payload_size = 1000;
        client_init(&c, true);
        g_autoptr(Frame) whole = frame_new(&spec);
        g_autoptr(Frame) one = frame_fragment(whole, 7, 0, 400, true);
        g_autoptr(Frame) two = frame_fragment(whole, 7, 400, 608, false);
        send_frame(&c, true, two);
        send_frame(&c, true, one);
        g_assert_cmpuint(c.received->len, ==, 0);
        send_frame(&c, false, whole); /* the secondary did not fragment */
        g_assert_cmpuint(c.received->len, ==, 2);
        gsize size;
        const void *data = g_bytes_get_data(c.received->pdata[0], &size);
        g_assert_cmpmem(data, size, two->data, two->len);

        send_frame(&c, true, one); /* incomplete at the checkpoint: goes out too */
        comparator_checkpoint(c.comparator);
        g_assert_cmpuint(c.received->len, ==, 3);
    }
}

static GByteArray *text_frame(FrameSpec spec, const char *payload, size_t size)
{
    spec.payload = payload;
    spec.payload_size = size;
    return frame_new(&spec);
}

/* A card's offloads do not count, and leave with the frame: at once, at a checkpoint, in parts. */
static void test_vnet_header(void)
{
    const VnetHeader header = { .flags = VNET_FLAG_NEEDS_CHECKSUM,
                                .gso_type = VNET_GSO_TCPV4,
                                .header_length = 54,
                                .gso_size = 1000,
                                .checksum_start = 34,
                                .checksum_offset = 16 };
    g_autofree char *text = g_strnfill(3000, 'x');

    for (unsigned variant = 0; variant < 3; variant++) {
        g_auto(Client) c;
        FrameSpec spec = tcp;
        g_autoptr(Frame) large = text_frame(spec, text, 3000);
        struct iovec iov = { large->data, large->len };
        NetFrame frame = { .header = header, .iov = &iov, .iov_count = 1 };
        client_init(&c, true);
        if (variant == 0) {
            send_net_frame(&c, true, &frame, 0);
            g_assert_cmpuint(c.received->len, ==, 0);
        }
        for (unsigned i = 0; i < 3 && variant < 2; i++) { /* cut by another card */
            g_autoptr(Frame) segment = text_frame(spec, text, 1000);
            send_frame(&c, false, segment);
            spec.sequence += 1000;
        }
        if (variant > 0) {
            send_net_frame(&c, true, &frame, 0);
        }
        if (variant == 2) {
            g_assert_cmpuint(c.received->len, ==, 0);
            comparator_checkpoint(c.comparator);
        }
        g_assert_cmpuint(c.asked, ==, 0);
        if (variant == 0) {
            g_assert_cmpuint(c.received->len, ==, 3);
            g_assert_cmpint(c.header.flags, ==, VNET_FLAG_NEEDS_CHECKSUM);
            g_assert_cmpint(c.header.gso_type, ==, VNET_GSO_NONE);
        } else {
            g_assert_cmpuint(c.received->len, ==, 1);
            g_assert_cmpmem(&c.header, sizeof(header), &header, sizeof(header));
        }
    }
}

/* A checksum that a card is to compute says nothing; another one does. */
static void test_icmp_checksum(void)
{
    for (unsigned partial = 0; partial < 2; partial++) {
        g_auto(Client) c;
        FrameSpec spec = { .protocol = PROTOCOL_ICMP, .source = 1, .destination = 2 };
        g_autoptr(Frame) one = text_frame(spec,
                                          "\x08\0\0\0\0\1\0\1"
                                          "abcd",
                                          12);
        g_autoptr(Frame) two = text_frame(spec,
                                          "\x08\0\0\0\0\1\0\1"
                                          "abcd",
                                          12);
        client_init(&c, true);
        two->data[14 + 20 + 2] ^= 1;
        struct iovec iov = { two->data, two->len };
        NetFrame frame = { .header.flags = partial ? VNET_FLAG_NEEDS_CHECKSUM : 0,
                           .iov = &iov,
                           .iov_count = 1 };
        send_frame(&c, true, one);
        send_net_frame(&c, false, &frame, 0);
        g_assert_cmpuint(c.received->len, ==, partial);
    }
}

/* The first fragment of one datagram cannot be part of it when work is left to do on it. */
static void test_odd_fragment(void)
{
    g_auto(Client) c;
    g_autofree char *text = g_strnfill(1000, 'x');
    g_autoptr(Frame) whole = text_frame(udp, text, 1000);
    g_autoptr(Frame) one = frame_fragment(whole, 7, 0, 400, true);
    struct iovec iov = { one->data, one->len };
    NetFrame frame = { .header.flags = VNET_FLAG_NEEDS_CHECKSUM, .iov = &iov, .iov_count = 1 };

    client_init(&c, true);
    send_net_frame(&c, true, &frame, 0);
    g_assert_cmpuint(comparator_statistics(c.comparator).held_frames, ==, 1);
    send_net_frame(&c, false, &frame, 0);
    g_assert_cmpuint(c.received->len, ==, 1);
    g_assert_cmpint(c.header.flags, ==, VNET_FLAG_NEEDS_CHECKSUM);
}

/* Between the primary's stop and the checkpoint nothing is asked for, afterwards it is again. */
static void test_no_ask_in_checkpoint(void)
{
    g_auto(Client) c;

    client_init(&c, true);
    comparator_checkpoint_begins(c.comparator);
    send_spec(&c, true, tcp, "abc");
    send_spec(&c, false, tcp, "abX");
    g_assert_cmpuint(c.asked, ==, 0);
    comparator_checkpoint(c.comparator);
    FrameSpec more = tcp;
    more.sequence += 3;
    send_spec(&c, true, more, "abc");
    send_spec(&c, false, more, "abX");
    g_assert_cmpuint(c.asked, ==, 1);
}

/* Marks and checkpoints come by different ways; a peer may stop sending marks. */
static void test_marks(void)
{
    g_auto(Client) c;

    client_init(&c, true);
    comparator_checkpoint(c.comparator); /* nobody has ever sent a mark */
    send_spec(&c, false, udp, "a");
    g_assert_cmpuint(comparator_statistics(c.comparator).late, ==, 0);
    comparator_secondary_mark(c.comparator); /* the first, late */
    comparator_secondary_mark(c.comparator); /* early */
    comparator_checkpoint(c.comparator);
    send_spec(&c, false, udp, "b");
    g_assert_cmpuint(comparator_statistics(c.comparator).late, ==, 0);
    comparator_checkpoint(c.comparator);
    send_spec(&c, false, udp, "c");
    g_assert_cmpuint(comparator_statistics(c.comparator).late, ==, 1);
    comparator_checkpoint(c.comparator); /* the mark has never come: there are none any more */
    send_spec(&c, false, udp, "d");
    g_assert_cmpuint(comparator_statistics(c.comparator).late, ==, 1);
    comparator_secondary_mark(c.comparator);
    comparator_checkpoint(c.comparator);
    send_spec(&c, false, udp, "e");
    g_assert_cmpuint(comparator_statistics(c.comparator).late, ==, 2);
    comparator_secondary_opened(c.comparator); /* another peer */
    send_spec(&c, false, udp, "f");
    g_assert_cmpuint(comparator_statistics(c.comparator).late, ==, 2);
}

/* The primary's mark is what a checkpoint waits for, but not for ever. */
static void test_primary_marks(void)
{
    g_auto(Client) c;

    client_init(&c, true);
    comparator_primary_mark(c.comparator);
    comparator_checkpoint(c.comparator);
    comparator_checkpoint(c.comparator);
    send_spec(&c, true, udp, "late");
    g_assert_cmpuint(c.received->len, ==, 0);
    comparator_primary_mark(c.comparator);
    g_assert_cmpuint(c.received->len, ==, 1);
    comparator_checkpoint(c.comparator);
    send_spec(&c, true, udp, "one");
    comparator_checkpoint_begins(c.comparator); /* the next comes before the mark */
    g_assert_cmpuint(c.received->len, ==, 2);
    comparator_checkpoint(c.comparator);
    send_spec(&c, true, udp, "two");
    g_assert_cmpuint(c.received->len, ==, 2);
    comparator_set_running(c.comparator, false);
    g_assert_cmpuint(c.received->len, ==, 3);
}

/* Connections that were not used since a checkpoint know of it when they are thrown out. */
static void test_evicted_after_checkpoint(void)
{
    g_auto(Client) c;
    FrameSpec spec = tcp;

    client_init(&c, true);
    for (unsigned i = 0; i < 4; i++) {
        spec.source_port = 100 + i;
        send_spec(&c, true, i % 2 ? spec : udp, "a");
        send_spec(&c, false, spec, "abc");
    }
    comparator_checkpoint(c.comparator);
    unsigned received = c.received->len;
    for (unsigned i = 0; i < 20; i++) {
        spec.source_port = 200 + i;
        send_spec(&c, true, spec, "a");
        send_spec(&c, false, spec, "a");
    }
    g_assert_cmpuint(c.received->len, ==, received + 20);
    g_assert_cmpuint(c.asked, ==, 0);
    g_assert_cmpuint(comparator_statistics(c.comparator).held_bytes, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/compare/stopped", test_passes_while_stopped);
    g_test_add_func("/net/compare/udp-any-order", test_udp_any_order);
    g_test_add_func("/net/compare/no-mixing", test_connections_do_not_mix);
    g_test_add_func("/net/compare/udp-difference", test_udp_difference);
    g_test_add_func("/net/compare/whole-frames", test_whole_frames);
    g_test_add_func("/net/compare/tcp-checkpoint", test_tcp_and_checkpoint);
    g_test_add_func("/net/compare/timeout", test_timeout);
    g_test_add_func("/net/compare/bounds", test_bounds);
    g_test_add_func("/net/compare/fragments", test_fragments);
    g_test_add_func("/net/compare/vnet-header", test_vnet_header);
    g_test_add_func("/net/compare/icmp-checksum", test_icmp_checksum);
    g_test_add_func("/net/compare/odd-fragment", test_odd_fragment);
    g_test_add_func("/net/compare/no-ask-in-checkpoint", test_no_ask_in_checkpoint);
    g_test_add_func("/net/compare/marks", test_marks);
    g_test_add_func("/net/compare/primary-marks", test_primary_marks);
    g_test_add_func("/net/compare/evicted-after-checkpoint", test_evicted_after_checkpoint);
    return g_test_run();
}
