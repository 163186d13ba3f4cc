/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames for tests. */
#include <string.h>

#include "frame.h"
#include "net/checksum.h"
#include "util/bytes.h"

static void append16(GByteArray *frame, uint16_t value)
{
    uint8_t bytes[2];
    store_be16(bytes, value);
    g_byte_array_append(frame, bytes, 2);
}

static void append_zeros(GByteArray *frame, unsigned count)
{
    guint old = frame->len;
    g_byte_array_set_size(frame, old + count);
    memset(frame->data + old, 0, count);
}

static void append_ethernet(GByteArray *frame, const FrameSpec *spec)
{
    static const uint8_t addresses[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

    g_byte_array_append(frame, addresses, sizeof(addresses));
    if (spec->vlan != 0) {
        append16(frame, ETHERTYPE_VLAN_VALUE);
        append16(frame, spec->vlan);
    }
    append16(frame, spec->ipv6 ? ETHERTYPE_IPV6_VALUE : ETHERTYPE_IPV4_VALUE);
}

static void append_ipv4(GByteArray *frame, const FrameSpec *spec, uint32_t size)
{
    uint8_t header[20] = { 0x45 };

    store_be16(header + 2, 20 + size);
    store_be16(header + 4, spec->ip_id);
    header[8] = 64;
    header[9] = spec->protocol;
    memcpy(header + 12, (uint8_t[]){ 10, 0, 0, spec->source, 10, 0, 0, spec->destination }, 8);
    store_be16(header + 10, checksum_finish(checksum_add(0, header, sizeof(header))));
    g_byte_array_append(frame, header, sizeof(header));
}

static void append_ipv6(GByteArray *frame, const FrameSpec *spec, uint32_t size)
{
    uint8_t header[40] = { 0x60 };

    store_be16(header + 4, size);
    header[6] = spec->protocol;
    header[7] = 64;
    header[8] = header[24] = 0xfd;
    header[23] = spec->source;
    header[39] = spec->destination;
    g_byte_array_append(frame, header, sizeof(header));
}

static void append_tcp(GByteArray *frame, const FrameSpec *spec)
{
    uint8_t header[20];

    store_be16(header, spec->source_port);
    store_be16(header + 2, spec->destination_port);
    store_be32(header + 4, spec->sequence);
    store_be32(header + 8, spec->ack);
    store_be16(header + 12, (20 + spec->options_size) / 4 << 12 | spec->flags);
    store_be16(header + 14, spec->window);
    store_be32(header + 16, 0);
    g_byte_array_append(frame, header, sizeof(header));
    if (spec->options_size > 0) {
        g_byte_array_append(frame, spec->options, spec->options_size);
    }
}

static uint32_t transport_header_size(const FrameSpec *spec)
{
    if (spec->protocol == PROTOCOL_TCP) {
        return 20 + spec->options_size;
    }
    return spec->protocol == PROTOCOL_UDP ? 8 : 0;
}

static void append_transport(GByteArray *frame, const FrameSpec *spec)
{
    if (spec->protocol == PROTOCOL_TCP) {
        append_tcp(frame, spec);
    } else if (spec->protocol == PROTOCOL_UDP) {
        append16(frame, spec->source_port);
        append16(frame, spec->destination_port);
        append16(frame, 8 + spec->payload_size);
        append_zeros(frame, 2);
    }
    if (spec->payload_size > 0) {
        g_byte_array_append(frame, spec->payload, spec->payload_size);
    }
}

static void set_checksum(GByteArray *frame)
{
    static const uint8_t fields[] = {
        [PACKET_TCP] = 16, [PACKET_UDP] = 6, [PACKET_ICMP] = 2, [PACKET_ICMPV6] = 2
    };
    Packet packet;

    if (packet_parse(&packet, frame->data, frame->len) == PACKET_OK &&
        packet.kind < G_N_ELEMENTS(fields) && fields[packet.kind] != 0) {
        size_t field = fields[packet.kind];
        store_be16(frame->data + packet.transport_offset + field,
                   checksum_transport(&packet, field));
    }
}

GByteArray *frame_new(const FrameSpec *spec)
{
    GByteArray *frame = g_byte_array_new();
    uint32_t size = transport_header_size(spec) + spec->payload_size;

    append_ethernet(frame, spec);
    if (spec->ipv6) {
        append_ipv6(frame, spec, size);
    } else {
        append_ipv4(frame, spec, size);
    }
    append_transport(frame, spec);
    set_checksum(frame);
    return frame;
}

GByteArray *frame_fragment(const GByteArray *whole, uint32_t id, uint32_t offset, uint32_t size,
                           bool more)
{
    bool ipv6 = load_be16(whole->data + 12) == ETHERTYPE_IPV6_VALUE;
    uint32_t head = 14 + (ipv6 ? 40 : 20);
    GByteArray *frame = g_byte_array_new();

    g_byte_array_append(frame, whole->data, head);
    if (ipv6) {
        uint8_t header[8] = { whole->data[20] };
        store_be16(header + 2, offset | more);
        store_be32(header + 4, id);
        g_byte_array_append(frame, header, sizeof(header));
        frame->data[20] = PROTOCOL_FRAGMENT;
        store_be16(frame->data + 18, 8 + size);
    } else {
        store_be16(frame->data + 16, 20 + size);
        store_be16(frame->data + 18, id);
        store_be16(frame->data + 20, offset / 8 | (more ? 0x2000 : 0));
        store_be16(frame->data + 24, 0);
        uint16_t checksum = checksum_finish(checksum_add(0, frame->data + 14, 20));
        store_be16(frame->data + 24, checksum);
    }
    g_byte_array_append(frame, whole->data + head + offset, size);
    return frame;
}

Packet frame_parse(const GByteArray *frame)
{
    Packet packet;
    PacketStatus status = packet_parse(&packet, frame->data, frame->len);

    if (status != PACKET_OK) {
        g_error("a frame of a test is refused: %s", packet_status_text(status));
    }
    return packet;
}
