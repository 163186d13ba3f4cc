/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The matched beginning of a held segment leaves before its end was matched, since the secondary
 * may need the client's acknowledgement of it before it can send the end. Two things make it wait:
 *
 * - its window, so of a long segment that the card is to cut leave as many of the card's segments
 *   as were matched: the client gets those that it would have got of the whole;
 * - Nagle's algorithm (RFC 9293, section 3.7.4): behind a short segment the next one waits. The
 *   primary may have had both in time for one. So it is cut there too, wherever that is.
 */
#include "net/tcp-internal.h"
#include "net/tcp-part.h"
#include "trace-net.h"

/* Is the checksum left to the card, as virtio 1.2, section 5.1.6.2 wants it? */
static bool is_partial(const HeldFrame *frame)
{
    return (frame->header.flags & VNET_FLAG_NEEDS_CHECKSUM) &&
           frame->header.checksum_start == frame->packet.transport_offset &&
           frame->header.checksum_offset == TCP_CHECKSUM_AT;
}

/* Nothing is cut whose headers are not what they should be, or mean a place in the payload. */
static bool can_be_cut(const HeldFrame *frame)
{
    const VnetHeader *header = &frame->header;
    const Packet *packet = &frame->packet;
    uint8_t type = packet->ip_version == 4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;

    if (frame->fragments || (packet->tcp.flags & (TCP_SYN | TCP_RST | TCP_URG))) {
        return false;
    }
    if (header->gso_type == VNET_GSO_NONE) {
        return is_partial(frame) || vnet_header_is_plain(header);
    }
    return (header->gso_type & ~VNET_GSO_ECN) == type && header->gso_size > 0 && is_partial(frame);
}

/* What is left to be done on a part: nothing but its checksum when it is one segment. */
static VnetHeader part_header(const TcpPart *part, const VnetHeader *whole)
{
    VnetHeader header = *whole;

    if (whole->gso_type != VNET_GSO_NONE && part->size > whole->gso_size) {
        header.header_length = part->packet->payload_offset;
        header.gso_type &= part->number > 0 ? ~VNET_GSO_ECN : 0xff;
    } else {
        header.header_length = header.gso_size = 0;
        header.gso_type = VNET_GSO_NONE;
    }
    return header;
}

/* The payload of one segment as the card would cut it; 0: it would not. */
static uint32_t segment_size(const HeldFrame *frame)
{
    return frame->header.gso_type == VNET_GSO_NONE ? 0 : frame->header.gso_size;
}

/* How much leaves of the payload; at least one byte stays, so that a FIN stays with data. */
static uint32_t first_size(const HeldFrame *frame, uint32_t matched, uint32_t pushed)
{
    uint32_t most = frame->packet.payload_size - 1;
    uint32_t segment = segment_size(frame);
    uint32_t whole = segment > 0 ? MIN(matched, most) / segment * segment : 0;

    return pushed <= most ? MAX(whole, pushed) : whole;
}

static void release_part(const HeldFrame *frame, const TcpPart *part, uint8_t *headers,
                         const TcpContext *context)
{
    struct iovec iov[] = {
        { headers, frame->packet.payload_offset },
        { (void *)packet_payload(&frame->packet), part->size },
    };

    tcp_part_headers(part, is_partial(frame), headers);
    context->release_part(&(NetFrame){ .header = part_header(part, &frame->header),
                                       .iov = iov,
                                       .iov_count = G_N_ELEMENTS(iov) },
                          context->opaque);
}

void tcp_cut(HeldFrame *frame, uint32_t matched, uint32_t pushed, const TcpContext *context)
{
    Packet *packet = &frame->packet;

    if (!context->release_part || packet->payload_size == 0 || !can_be_cut(frame)) {
        return;
    }
    TcpPart first = { .packet = packet, .size = first_size(frame, matched, pushed) };
    if (first.size == 0) {
        return;
    }
    uint32_t segment = segment_size(frame);
    TcpPart rest = { .packet = packet,
                     .offset = first.size,
                     .size = packet->payload_size - first.size,
                     .number = segment > 0 ? (first.size + segment - 1) / segment : 1 };
    g_autofree uint8_t *headers = g_malloc(packet->payload_offset);
    release_part(frame, &first, headers, context);
    tcp_part_headers(&rest, is_partial(frame), frame->data + frame->left + first.size);
    frame->header = part_header(&rest, &frame->header);
    held_frame_take(frame, first.size);
    trace_comparator_cut(first.size, packet->tcp.sequence, rest.size);
}
