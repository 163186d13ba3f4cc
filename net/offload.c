/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What a sender left to the card, done in software for receivers that have no card: the
 * transport checksum, and cutting large TCP frames into segments (virtio 1.2, section 5.1.6.2
 * "Packet Transmission"; RFC 9293 for which flags belong to which segment, RFC 3168 for CWR).
 */
#include <string.h>

#include "net/checksum.h"
#include "net/net.h"
#include "net/packet.h"
#include "trace-net.h"
#include "util/bytes.h"

enum {
    IPV4_TOTAL_LENGTH = 2,
    IPV4_ID = 4,
    IPV4_CHECKSUM = 10,
    IPV4_ADDRESSES = 12,
    IPV6_PAYLOAD_LENGTH = 4,
    IPV6_ADDRESSES = 8,
    IPV6_HEADER = 40,
    TCP_SEQUENCE = 4,
    TCP_FLAGS = 13,
    TCP_CHECKSUM = 16,
    TCP_FLAG_CWR = 0x80,
    UDP_CHECKSUM = 6,
};

typedef struct Emitter {
    void (*emit)(const NetFrame *frame, void *opaque);
    void *opaque;
} Emitter;

static void emit_plain(const Emitter *emitter, const struct iovec *iov, int count)
{
    NetFrame frame = { .iov = iov, .iov_count = count };

    emitter->emit(&frame, emitter->opaque);
}

/* ---- checksum ---- */

/* @data holds a pseudo-header's sum at the place of the checksum. */
static bool complete_checksum(uint8_t *data, size_t size, const VnetHeader *header)
{
    size_t field = (size_t)header->checksum_start + header->checksum_offset;

    if (field + 2 > size) {
        return false;
    }
    uint32_t sum = checksum_add(0, data + header->checksum_start, size - header->checksum_start);
    uint16_t checksum = checksum_finish(sum);
    /* Over UDP zero would mean that there is none (RFC 768); the other zero is never wrong. */
    if (checksum == 0 && header->checksum_offset == UDP_CHECKSUM) {
        checksum = 0xffff;
    }
    store_be16(data + field, checksum);
    return true;
}

/* ---- segments ---- */

typedef struct Segmenter {
    const Packet *packet;
    uint8_t *headers; /* of one segment, `packet->payload_offset` bytes */
    uint32_t offset;  /* of the segment in the payload */
    uint32_t size;    /* of its payload */
    uint16_t number;
} Segmenter;

static void set_ipv4_header(const Segmenter *segmenter)
{
    uint8_t *ip = segmenter->headers + segmenter->packet->network_offset;
    uint32_t header = segmenter->packet->payload_offset - segmenter->packet->network_offset;
    uint32_t ip_header = segmenter->packet->transport_offset - segmenter->packet->network_offset;

    store_be16(ip + IPV4_TOTAL_LENGTH, header + segmenter->size);
    store_be16(ip + IPV4_ID, load_be16(ip + IPV4_ID) + segmenter->number);
    store_be16(ip + IPV4_CHECKSUM, 0);
    store_be16(ip + IPV4_CHECKSUM, checksum_finish(checksum_add(0, ip, ip_header)));
}

static void set_ipv6_header(const Segmenter *segmenter)
{
    uint8_t *ip = segmenter->headers + segmenter->packet->network_offset;
    uint32_t header = segmenter->packet->payload_offset - segmenter->packet->network_offset;

    store_be16(ip + IPV6_PAYLOAD_LENGTH, header - IPV6_HEADER + segmenter->size);
}

static uint32_t pseudo_header(const Segmenter *segmenter, uint32_t tcp_header)
{
    const Packet *packet = segmenter->packet;
    const uint8_t *ip = segmenter->headers + packet->network_offset;
    bool ipv4 = packet->ip_version == 4;
    uint32_t sum = checksum_add(0, ip + (ipv4 ? IPV4_ADDRESSES : IPV6_ADDRESSES), ipv4 ? 8 : 32);

    return sum + PROTOCOL_TCP + tcp_header + segmenter->size;
}

static void set_tcp_header(const Segmenter *segmenter, const uint8_t *payload)
{
    const Packet *packet = segmenter->packet;
    uint8_t *tcp = segmenter->headers + packet->transport_offset;
    uint32_t tcp_header = packet->payload_offset - packet->transport_offset;
    bool last = segmenter->offset + segmenter->size == packet->payload_size;

    store_be32(tcp + TCP_SEQUENCE, packet->tcp.sequence + segmenter->offset);
    if (!last) {
        tcp[TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH);
    }
    if (segmenter->number > 0) {
        tcp[TCP_FLAGS] &= ~TCP_FLAG_CWR;
    }
    store_be16(tcp + TCP_CHECKSUM, 0);
    uint32_t sum = checksum_add(pseudo_header(segmenter, tcp_header), tcp, tcp_header);
    store_be16(tcp + TCP_CHECKSUM, checksum_finish(checksum_add(sum, payload, segmenter->size)));
}

static void emit_segment(Segmenter *segmenter, const Emitter *emitter)
{
    const Packet *packet = segmenter->packet;
    const uint8_t *payload = packet_payload(packet) + segmenter->offset;

    memcpy(segmenter->headers, packet->frame, packet->payload_offset);
    if (packet->ip_version == 4) {
        set_ipv4_header(segmenter);
    } else {
        set_ipv6_header(segmenter);
    }
    set_tcp_header(segmenter, payload);
    struct iovec iov[] = {
        { segmenter->headers, packet->payload_offset },
        { (void *)payload, segmenter->size },
    };
    emit_plain(emitter, iov, G_N_ELEMENTS(iov));
}

static bool cut_into_segments(const uint8_t *data, size_t size, const VnetHeader *header,
                              const Emitter *emitter)
{
    uint8_t version = (header->gso_type & ~VNET_GSO_ECN) == VNET_GSO_TCPV4 ? 4 : 6;
    Packet packet;

    if (header->gso_size == 0 || packet_parse(&packet, data, size) != PACKET_OK ||
        packet.kind != PACKET_TCP || packet.ip_version != version) {
        return false;
    }
    g_autofree uint8_t *headers = g_malloc(packet.payload_offset);
    Segmenter segmenter = { .packet = &packet, .headers = headers };
    do {
        segmenter.size = MIN(packet.payload_size - segmenter.offset, header->gso_size);
        emit_segment(&segmenter, emitter);
        segmenter.offset += segmenter.size;
        segmenter.number++;
    } while (segmenter.offset < packet.payload_size);
    return true;
}

/* ---- what is to be done ---- */

static uint32_t gso_offload(uint8_t gso_type)
{
    switch (gso_type & ~VNET_GSO_ECN) {
    case VNET_GSO_TCPV4:
        return NET_OFFLOAD_TSO4;
    case VNET_GSO_TCPV6:
        return NET_OFFLOAD_TSO6;
    case VNET_GSO_UDP:
        return NET_OFFLOAD_UFO;
    default:
        return 0;
    }
}

/* The offloads that a receiver of @header must know. */
static uint32_t needed_offloads(const VnetHeader *header)
{
    uint32_t needed = header->flags & VNET_FLAG_NEEDS_CHECKSUM ? NET_OFFLOAD_CHECKSUM : 0;

    if (header->gso_type != VNET_GSO_NONE) {
        needed |= gso_offload(header->gso_type);
        needed |= header->gso_type & VNET_GSO_ECN ? NET_OFFLOAD_ECN : 0;
    }
    return needed;
}

static bool header_is_known(const VnetHeader *header)
{
    return header->gso_type == VNET_GSO_NONE || gso_offload(header->gso_type) != 0;
}

static bool resolve(const NetFrame *frame, const Emitter *emitter)
{
    const VnetHeader *header = &frame->header;
    size_t size = net_frame_size(frame);

    if (size > NET_FRAME_MAX || gso_offload(header->gso_type) == NET_OFFLOAD_UFO) {
        return false;
    }
    g_autofree uint8_t *data = g_malloc(size);
    net_frame_copy(frame, 0, data, size);
    if (header->gso_type != VNET_GSO_NONE) {
        return cut_into_segments(data, size, header, emitter);
    }
    if (!complete_checksum(data, size, header)) {
        return false;
    }
    struct iovec iov = { data, size };
    emit_plain(emitter, &iov, 1);
    return true;
}

bool net_offload_resolve(const NetFrame *frame, uint32_t offloads,
                         void (*emit)(const NetFrame *frame, void *opaque), void *opaque)
{
    Emitter emitter = { emit, opaque };
    const VnetHeader *header = &frame->header;
    bool known = header_is_known(header);

    if (known && (needed_offloads(header) & ~offloads) == 0) {
        emit(frame, opaque);
        return true;
    }
    if (!known || !resolve(frame, &emitter)) {
        trace_net_offload_refused(header->flags, header->gso_type, header->gso_size,
                                  net_frame_size(frame));
        return false;
    }
    return true;
}
