/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Transport layer of the frame parser: TCP with its options, UDP, ICMP, ICMPv6. */
#include "net/packet-internal.h"
#include "util/bytes.h"

#define TCP_HEADER    20
#define UDP_HEADER    8
#define ICMP_HEADER   8
#define ICMPV6_HEADER 4

enum {
    TCP_OPTION_END = 0,
    TCP_OPTION_NOP = 1,
    TCP_OPTION_MSS = 2,
    TCP_OPTION_WINDOW_SCALE = 3,
    TCP_OPTION_SACK = 5,
    TCP_OPTION_TIMESTAMPS = 8,
};

static void set_payload(Packet *packet, uint32_t offset, uint32_t end)
{
    packet->payload_offset = offset;
    packet->payload_size = end - offset;
}

static PacketStatus parse_sack(Packet *packet, uint32_t offset, uint8_t length)
{
    unsigned count = (length - 2) / 8;

    if ((length - 2) % 8 != 0 || count == 0 || count > PACKET_MAX_SACKS) {
        return PACKET_TCP_SACK;
    }
    packet->tcp.sack_count = count;
    for (unsigned i = 0; i < count; i++) {
        uint32_t at = offset + 2 + i * 8;
        packet->tcp.sack[i] = (PacketSack){
            .begin = load_be32(packet->frame + at),
            .end = load_be32(packet->frame + at + 4),
            .offset = at,
        };
    }
    return PACKET_OK;
}

/* One option of @length bytes (checked against the header) at @offset. */
static PacketStatus parse_tcp_option(Packet *packet, uint32_t offset, uint8_t length)
{
    const uint8_t *option = packet->frame + offset;
    PacketTcp *tcp = &packet->tcp;

    switch (option[0]) {
    case TCP_OPTION_MSS:
        if (length != 4) {
            return PACKET_TCP_OPTION;
        }
        tcp->has_mss = true;
        tcp->mss = load_be16(option + 2);
        return PACKET_OK;
    case TCP_OPTION_WINDOW_SCALE:
        if (length != 3) {
            return PACKET_TCP_OPTION;
        }
        tcp->has_window_scale = true;
        tcp->window_scale = option[2];
        return PACKET_OK;
    case TCP_OPTION_TIMESTAMPS:
        if (length != 10) {
            return PACKET_TCP_OPTION;
        }
        tcp->has_timestamps = true;
        tcp->timestamps_offset = offset + 2;
        tcp->timestamp = load_be32(option + 2);
        tcp->timestamp_echo = load_be32(option + 6);
        return PACKET_OK;
    case TCP_OPTION_SACK:
        return parse_sack(packet, offset, length);
    default:
        return PACKET_OK;
    }
}

static PacketStatus parse_tcp_options(Packet *packet, uint32_t offset, uint32_t end)
{
    const uint8_t *frame = packet->frame;

    while (offset < end && frame[offset] != TCP_OPTION_END) {
        if (frame[offset] == TCP_OPTION_NOP) {
            offset++;
            continue;
        }
        if (end - offset < 2 || frame[offset + 1] < 2 || frame[offset + 1] > end - offset) {
            return PACKET_TCP_OPTION;
        }
        PacketStatus status = parse_tcp_option(packet, offset, frame[offset + 1]);
        if (status != PACKET_OK) {
            return status;
        }
        offset += frame[offset + 1];
    }
    return PACKET_OK;
}

static PacketStatus parse_tcp(Packet *packet, uint32_t end)
{
    const uint8_t *header = packet->frame + packet->transport_offset;
    uint32_t left = end - packet->transport_offset;

    if (left < TCP_HEADER) {
        return PACKET_TCP_SHORT;
    }
    uint32_t size = (header[12] >> 4) * 4;
    if (size < TCP_HEADER || size > left) {
        return PACKET_TCP_HEADER_LENGTH;
    }
    packet->kind = PACKET_TCP;
    packet->source_port = load_be16(header);
    packet->destination_port = load_be16(header + 2);
    packet->tcp.sequence = load_be32(header + 4);
    packet->tcp.ack = load_be32(header + 8);
    packet->tcp.flags = header[13];
    packet->tcp.window = load_be16(header + 14);
    set_payload(packet, packet->transport_offset + size, end);
    return parse_tcp_options(packet, packet->transport_offset + TCP_HEADER, packet->payload_offset);
}

static PacketStatus parse_udp(Packet *packet, uint32_t end)
{
    const uint8_t *header = packet->frame + packet->transport_offset;
    uint32_t left = end - packet->transport_offset;

    if (left < UDP_HEADER) {
        return PACKET_UDP_SHORT;
    }
    uint32_t length = load_be16(header + 4);
    if (length < UDP_HEADER || length > left) {
        return PACKET_UDP_LENGTH;
    }
    packet->kind = PACKET_UDP;
    packet->source_port = load_be16(header);
    packet->destination_port = load_be16(header + 2);
    set_payload(packet, packet->transport_offset + UDP_HEADER, packet->transport_offset + length);
    return PACKET_OK;
}

/* The whole message is payload: type, code and the checksum over them belong to what is said. */
static PacketStatus parse_icmp(Packet *packet, uint32_t end, bool v6)
{
    const uint8_t *header = packet->frame + packet->transport_offset;
    uint32_t left = end - packet->transport_offset;

    if (left < (v6 ? ICMPV6_HEADER : ICMP_HEADER)) {
        return v6 ? PACKET_ICMPV6_SHORT : PACKET_ICMP_SHORT;
    }
    bool echo = v6 ? header[0] == 128 || header[0] == 129 : header[0] == 0 || header[0] == 8;
    packet->kind = v6 ? PACKET_ICMPV6 : PACKET_ICMP;
    if (echo && left >= ICMP_HEADER) {
        packet->source_port = packet->destination_port = load_be16(header + 4);
    }
    set_payload(packet, packet->transport_offset, end);
    return PACKET_OK;
}

PacketStatus packet_parse_transport(Packet *packet, uint32_t end)
{
    if (packet->protocol == PROTOCOL_TCP) {
        return parse_tcp(packet, end);
    }
    if (packet->protocol == PROTOCOL_UDP) {
        return parse_udp(packet, end);
    }
    if (packet->protocol == PROTOCOL_ICMP && packet->ip_version == 4) {
        return parse_icmp(packet, end, false);
    }
    if (packet->protocol == PROTOCOL_ICMPV6 && packet->ip_version == 6) {
        return parse_icmp(packet, end, true);
    }
    set_payload(packet, packet->transport_offset, end);
    return PACKET_OK;
}
