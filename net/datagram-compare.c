/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The comparison of messages. */
#include <string.h>

#include "net/datagram-compare.h"

static bool same_direction(const Packet *a, const Packet *b)
{
    return a->source_port == b->source_port && a->destination_port == b->destination_port &&
           memcmp(a->source, b->source, sizeof(a->source)) == 0 &&
           memcmp(a->destination, b->destination, sizeof(a->destination)) == 0;
}

/* Type and code, then what is behind the checksum; the parser has seen to the first 4 bytes. */
static bool icmp_equal(const uint8_t *a, const uint8_t *b, uint32_t size)
{
    return memcmp(a, b, 2) == 0 && memcmp(a + 4, b + 4, size - 4) == 0;
}

bool datagram_equal(const Packet *a, const Packet *b, bool partial)
{
    if (a->kind != b->kind || a->ip_version != b->ip_version) {
        return false;
    }
    if (a->ip_version == 0) {
        return a->size == b->size && memcmp(a->frame, b->frame, a->size) == 0;
    }
    if (a->payload_size != b->payload_size || a->protocol != b->protocol || !same_direction(a, b)) {
        return false;
    }
    if (partial && (a->kind == PACKET_ICMP || a->kind == PACKET_ICMPV6)) {
        return icmp_equal(packet_payload(a), packet_payload(b), a->payload_size);
    }
    return memcmp(packet_payload(a), packet_payload(b), a->payload_size) == 0;
}

HeldFrame *datagram_find(const FrameQueue *queue, const Packet *packet, const VnetHeader *header)
{
    HeldFrame *frame = queue->head;

    while (frame &&
           !datagram_equal(&frame->packet, packet,
                           (frame->header.flags | header->flags) & VNET_FLAG_NEEDS_CHECKSUM)) {
        frame = frame->next;
    }
    return frame;
}
