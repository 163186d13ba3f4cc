/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
#include "net/tcp-part.h"

#include <string.h>

#include "net/checksum.h"
#include "util/bytes.h"

enum {
    IPV4_TOTAL_LENGTH = 2,
    IPV4_ID = 4,
    IPV4_CHECKSUM = 10,
    IPV4_ADDRESSES = 12,
    IPV6_PAYLOAD_LENGTH = 4,
    IPV6_ADDRESSES = 8,
    IPV6_HEADER = 40,
    TCP_FLAG_CWR = 0x80,
};

static void set_ipv4_header(const TcpPart *part, uint8_t *ip)
{
    const Packet *packet = part->packet;
    uint32_t headers = packet->payload_offset - packet->network_offset;
    uint32_t ip_header = packet->transport_offset - packet->network_offset;

    store_be16(ip + IPV4_TOTAL_LENGTH, headers + part->size);
    store_be16(ip + IPV4_ID, load_be16(ip + IPV4_ID) + part->number);
    store_be16(ip + IPV4_CHECKSUM, 0);
    store_be16(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, ip_header)));
}

static void set_ipv6_header(const TcpPart *part, uint8_t *ip)
{
    uint32_t headers = part->packet->payload_offset - part->packet->network_offset;

    store_be16(ip + IPV6_PAYLOAD_LENGTH, headers - IPV6_HEADER + part->size);
}

static uint32_t pseudo_header(const TcpPart *part, const uint8_t *ip)
{
    bool ipv4 = part->packet->ip_version == 4;
    uint32_t tcp_header = part->packet->payload_offset - part->packet->transport_offset;
    uint32_t sum = checksum_add(0, ip + (ipv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES), ipv4 ? 8 : 32);

    return sum + PROTOCOL_TCP + tcp_header + part->size;
}

static void set_tcp_header(const TcpPart *part, uint8_t *tcp)
{
    const Packet *packet = part->packet;
    bool last = part->offset + part->size == packet->payload_size;

    store_be32(tcp + TCP_SEQUENCE_AT, packet->tcp.sequence + part->offset);
    if (!last) {
        tcp[TCP_FLAGS_AT] &= ~(TCP_FIN | TCP_PSH);
    }
    if (part->number > 0) {
        tcp[TCP_FLAGS_AT] &= ~TCP_FLAG_CWR;
    }
}

/* @sum is the pseudo-header's. */
static void set_tcp_checksum(const TcpPart *part, bool partial, uint32_t sum, uint8_t *tcp)
{
    const Packet *packet = part->packet;
    uint32_t tcp_header = packet->payload_offset - packet->transport_offset;

    if (partial) {
        store_be16(tcp + TCP_CHECKSUM_AT, ~checksum_finish(sum));
        return;
    }
    store_be16(tcp + TCP_CHECKSUM_AT, 0);
    sum = checksum_add(sum, tcp, tcp_header);
    sum = checksum_add(sum, packet_payload(packet) + part->offset, part->size);
    store_be16(tcp + TCP_CHECKSUM_AT, checksum_finish(sum));
}

void tcp_part_headers(const TcpPart *part, bool partial, uint8_t *headers)
{
    const Packet *packet = part->packet;
    uint8_t *ip = headers + packet->network_offset;
    uint8_t *tcp = headers + packet->transport_offset;

    memmove(headers, packet->frame, packet->payload_offset);
    if (packet->ip_version == 4) {
        set_ipv4_header(part, ip);
    } else {
        set_ipv6_header(part, ip);
    }
    set_tcp_header(part, tcp);
    set_tcp_checksum(part, partial, pseudo_header(part, ip), tcp);
}
