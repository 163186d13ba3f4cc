/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What a sender left to the card, done in software for receivers that have no card: the
 * transport checksum, and cutting large TCP frames into segments (virtio 1.2, section 5.1.6.2
 * "Packet Transmission").
 */
#include <string.h>

#include "net/checksum.h"
#include "net/net.h"
#include "net/packet.h"
#include "net/tcp-part.h"
#include "trace-net.h"
#include "util/bytes.h"

enum {
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

static void emit_segment(const TcpPart *part, uint8_t *headers, const Emitter *emitter)
{
    tcp_part_headers(part, false, headers);
    struct iovec iov[] = {
        { headers, part->packet->payload_offset },
        { (void *)(packet_payload(part->packet) + part->offset), part->size },
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
    TcpPart part = { .packet = &packet };
    do {
        part.size = MIN(packet.payload_size - part.offset, header->gso_size);
        emit_segment(&part, headers, emitter);
        part.offset += part.size;
        part.number++;
    } while (part.offset < packet.payload_size);
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
