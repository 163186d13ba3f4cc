/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The matched beginning of a long held segment leaves before its end was matched: the secondary
 * may need the client's acknowledgement of it before it can send the end. Cut is where the card
 * would cut anyhow, so the client gets the segments that it would have got of the whole.
 */
#include "net/tcp-internal.h"
#include "net/tcp-part.h"
#include "trace-net.h"

#define TCP_CHECKSUM 16 /* its offset in the TCP header */

/* Is the header what a sender of large TCP frames must say (virtio 1.2, section 5.1.6.2)? */
static bool is_large_segment(const HeldFrame *frame)
{
    const VnetHeader *header = &frame->header;
    const Packet *packet = &frame->packet;

    return (header->gso_type & ~VNET_GSO_ECN) ==
               (packet->ip_version == 4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6) &&
           header->gso_size > 0 && header->gso_size < packet->payload_size &&
           (header->flags & VNET_FLAG_NEEDS_CHECKSUM) &&
           header->checksum_start == packet->transport_offset &&
           header->checksum_offset == TCP_CHECKSUM && !(packet->tcp.flags & (TCP_SYN | TCP_RST));
}

/* What is left to be done on a part: nothing but its checksum when it is one segment. */
static VnetHeader part_header(const TcpPart *part, const VnetHeader *whole)
{
    VnetHeader header = *whole;

    if (part->size > header.gso_size) {
        header.header_length = part->packet->payload_offset;
        header.gso_type &= part->number > 0 ? ~VNET_GSO_ECN : 0xff;
    } else {
        header.header_length = header.gso_size = 0;
        header.gso_type = VNET_GSO_NONE;
    }
    return header;
}

static void release_part(const HeldFrame *frame, const TcpPart *part, uint8_t *headers,
                         const TcpContext *context)
{
    struct iovec iov[] = {
        { headers, frame->packet.payload_offset },
        { (void *)packet_payload(&frame->packet), part->size },
    };

    tcp_part_headers(part, true, headers);
    context->release_part(&(NetFrame){ .header = part_header(part, &frame->header),
                                       .iov = iov,
                                       .iov_count = G_N_ELEMENTS(iov) },
                          context->opaque);
}

void tcp_cut(HeldFrame *frame, uint32_t matched, const TcpContext *context)
{
    Packet *packet = &frame->packet;

    if (!context->release_part || !is_large_segment(frame)) {
        return;
    }
    uint32_t gso_size = frame->header.gso_size;
    TcpPart first = { .packet = packet };
    first.size = MIN(matched, packet->payload_size - 1) / gso_size * gso_size;
    if (first.size == 0) {
        return;
    }
    TcpPart rest = { .packet = packet,
                     .offset = first.size,
                     .size = packet->payload_size - first.size,
                     .number = first.size / gso_size };
    g_autofree uint8_t *headers = g_malloc(packet->payload_offset);
    release_part(frame, &first, headers, context);
    tcp_part_headers(&rest, true, frame->data + frame->left + first.size);
    frame->header = part_header(&rest, &frame->header);
    held_frame_take(frame, first.size);
    trace_comparator_cut(first.size, packet->tcp.sequence, rest.size);
}
