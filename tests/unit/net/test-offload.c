/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Offloads in software: what leaves is right by the checksums and is the stream that went in. */
#include <string.h>

#include "frame.h"
#include "net/checksum.h"
#include "net/net.h"
#include "util/bytes.h"

typedef GByteArray Frame;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, g_byte_array_unref)

#define PAYLOAD_SIZE 5000
#define SEGMENT_SIZE 1448

enum {
    TCP_CHECKSUM = 16,
    UDP_CHECKSUM = 6,
    TCP_FLAG_CWR = 0x80,
};

static void collect(const NetFrame *frame, void *opaque)
{
    GPtrArray *out = opaque;
    GByteArray *bytes = g_byte_array_sized_new(net_frame_size(frame));

    g_assert_true(vnet_header_is_plain(&frame->header));
    g_byte_array_set_size(bytes, net_frame_size(frame));
    net_frame_copy(frame, 0, bytes->data, bytes->len);
    g_ptr_array_add(out, bytes);
}

static GPtrArray *resolve(const Frame *frame, const VnetHeader *header, uint32_t offloads,
                          bool expected)
{
    GPtrArray *out = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    /* Two pieces that cut the headers. */
    struct iovec iov[] = { { frame->data, 21 }, { frame->data + 21, frame->len - 21 } };
    NetFrame whole = { *header, iov, 2 };

    g_assert_cmpint(net_offload_resolve(&whole, offloads, collect, out), ==, expected);
    return out;
}

static FrameSpec large_frame(bool ipv6, uint8_t *payload)
{
    for (size_t i = 0; i < PAYLOAD_SIZE; i++) {
        payload[i] = (uint8_t)(i * 31 >> 3);
    }
    return (FrameSpec){
        .ipv6 = ipv6,
        .protocol = PROTOCOL_TCP,
        .source = 1,
        .destination = 2,
        .source_port = 80,
        .destination_port = 50000,
        .sequence = UINT32_MAX - 1000, /* wraps within the frame */
        .ack = 77,
        .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_FLAG_CWR,
        .window = 1000,
        .ip_id = 0xfffe,
        .payload = payload,
        .payload_size = PAYLOAD_SIZE,
    };
}

static void check_segment(const GByteArray *segment, unsigned i, unsigned count,
                          const uint8_t *payload, bool ipv6)
{
    Packet packet = frame_parse(segment);
    uint32_t offset = i * SEGMENT_SIZE;
    bool last = i + 1 == count;

    g_assert_cmpuint(packet.tcp.sequence, ==, (uint32_t)(UINT32_MAX - 1000 + offset));
    g_assert_cmpuint(packet.payload_size, ==, MIN(SEGMENT_SIZE, PAYLOAD_SIZE - offset));
    g_assert_cmpmem(packet_payload(&packet), packet.payload_size, payload + offset,
                    packet.payload_size);
    g_assert_cmpint(!!(packet.tcp.flags & TCP_FIN), ==, last);
    g_assert_cmpint(!!(packet.tcp.flags & TCP_PSH), ==, last);
    g_assert_cmpint(!!(packet.tcp.flags & TCP_FLAG_CWR), ==, i == 0);
    const uint8_t *field = segment->data + packet.transport_offset + TCP_CHECKSUM;
    g_assert_cmphex(load_be16(field), ==, checksum_transport(&packet, TCP_CHECKSUM));
    if (!ipv6) {
        const uint8_t *ip = segment->data + packet.network_offset;
        g_assert_cmphex(checksum_finish(checksum_add(0, ip, 20)), ==, 0);
        g_assert_cmphex(load_be16(ip + 4), ==, (uint16_t)(0xfffe + i));
        g_assert_cmpuint(load_be16(ip + 2), ==, segment->len - packet.network_offset);
    }
}

static void test_segments(void)
{
    static uint8_t payload[PAYLOAD_SIZE];

    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        FrameSpec spec = large_frame(ipv6, payload);
        g_autoptr(Frame) frame = frame_new(&spec);
        VnetHeader header = {
            .flags = VNET_FLAG_NEEDS_CHECKSUM,
            .gso_type = (ipv6 ? VNET_GSO_TCPV6 : VNET_GSO_TCPV4) | VNET_GSO_ECN,
            .gso_size = SEGMENT_SIZE,
        };
        /* The receiver knows segments, but not with ECN: they are cut all the same. */
        g_autoptr(GPtrArray) out = resolve(
            frame, &header, NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6, true);
        g_assert_cmpuint(out->len, ==, (PAYLOAD_SIZE + SEGMENT_SIZE - 1) / SEGMENT_SIZE);
        for (guint i = 0; i < out->len; i++) {
            check_segment(g_ptr_array_index(out, i), i, out->len, payload, ipv6);
        }
    }
}

/* A frame with a pseudo-header's sum in place of the checksum, as a guest leaves it to the card. */
static Frame *partial_frame(uint8_t protocol, size_t field, uint16_t *right, VnetHeader *header)
{
    FrameSpec spec = { .protocol = protocol,
                       .source = 1,
                       .destination = 2,
                       .source_port = 53,
                       .destination_port = 54,
                       .flags = TCP_ACK,
                       .payload = "odd",
                       .payload_size = 3 };
    Frame *frame = frame_new(&spec);
    Packet packet = frame_parse(frame);
    uint32_t length = frame->len - packet.transport_offset;
    uint8_t *at = frame->data + packet.transport_offset + field;

    *right = checksum_transport(&packet, field);
    uint32_t pseudo = checksum_add(0, packet.source, 4);
    pseudo = checksum_add(pseudo, packet.destination, 4) + protocol + length;
    store_be16(at, ~checksum_finish(pseudo));
    *header = (VnetHeader){ .flags = VNET_FLAG_NEEDS_CHECKSUM,
                            .checksum_start = packet.transport_offset,
                            .checksum_offset = field };
    return frame;
}

static void check_completed(uint8_t protocol, size_t field)
{
    VnetHeader header;
    uint16_t right;
    g_autoptr(Frame) frame = partial_frame(protocol, field, &right, &header);
    g_autoptr(GPtrArray) out = resolve(frame, &header, NET_OFFLOAD_TSO4, true);

    g_assert_cmpuint(out->len, ==, 1);
    const GByteArray *result = g_ptr_array_index(out, 0);
    g_assert_cmphex(load_be16(result->data + header.checksum_start + field), ==, right);
    g_assert_cmpuint(result->len, ==, frame->len);
}

static void test_checksum(void)
{
    check_completed(PROTOCOL_TCP, TCP_CHECKSUM);
    check_completed(PROTOCOL_UDP, UDP_CHECKSUM);
}

static void count_with_offload(const NetFrame *frame, void *opaque)
{
    unsigned *count = opaque;

    *count += !vnet_header_is_plain(&frame->header);
}

/* What the receiver knows passes as it is. */
static void test_known_passes(void)
{
    VnetHeader header;
    uint16_t right;
    g_autoptr(Frame) frame = partial_frame(PROTOCOL_TCP, TCP_CHECKSUM, &right, &header);
    struct iovec iov = { frame->data, frame->len };
    NetFrame whole = { header, &iov, 1 };
    unsigned count = 0;

    g_assert_true(net_offload_resolve(&whole, NET_OFFLOAD_CHECKSUM, count_with_offload, &count));
    g_assert_cmpuint(count, ==, 1);
}

static void assert_refused(const Frame *frame, VnetHeader header)
{
    g_autoptr(GPtrArray) out = resolve(frame, &header, 0, false);

    g_assert_cmpuint(out->len, ==, 0);
}

/* A header that lies about its frame. */
static void test_nonsense(void)
{
    static uint8_t payload[PAYLOAD_SIZE];
    FrameSpec spec = large_frame(false, payload);
    g_autoptr(Frame) tcp = frame_new(&spec);
    spec.protocol = PROTOCOL_UDP;
    g_autoptr(Frame) udp = frame_new(&spec);

    assert_refused(tcp, (VnetHeader){ .gso_type = VNET_GSO_TCPV4, .gso_size = 0 });
    assert_refused(tcp, (VnetHeader){ .gso_type = VNET_GSO_TCPV6, .gso_size = 1000 });
    assert_refused(tcp, (VnetHeader){ .gso_type = 2, .gso_size = 1000 });
    assert_refused(udp, (VnetHeader){ .gso_type = VNET_GSO_TCPV4, .gso_size = 1000 });
    assert_refused(udp, (VnetHeader){ .gso_type = VNET_GSO_UDP, .gso_size = 1000 });
    assert_refused(tcp, (VnetHeader){ .flags = VNET_FLAG_NEEDS_CHECKSUM,
                                      .checksum_start = tcp->len - 1,
                                      .checksum_offset = 0 });
    assert_refused(tcp, (VnetHeader){ .flags = VNET_FLAG_NEEDS_CHECKSUM,
                                      .checksum_start = 0xffff,
                                      .checksum_offset = 0xffff });
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/offload/segments", test_segments);
    g_test_add_func("/net/offload/checksum", test_checksum);
    g_test_add_func("/net/offload/known-passes", test_known_passes);
    g_test_add_func("/net/offload/nonsense", test_nonsense);
    return g_test_run();
}
