/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Parts of a TCP frame's payload as frames of their own: the headers that each needs. */
#pragma once

#include "net/packet.h"

typedef struct TcpPart {
    const Packet *packet; /* the whole, PACKET_TCP */
    uint32_t offset;      /* of the part in the payload */
    uint32_t size;        /* of its payload */
    uint16_t number;      /* of the segments before it */
} TcpPart;

/*
 * Write the part's headers, `packet->payload_offset` bytes: lengths, IPv4 identifier, sequence
 * number, flags and checksums are its own (RFC 9293; RFC 3168 for CWR). With @partial the TCP
 * checksum is the pseudo-header's sum, as for a card that completes it. @headers may lie anywhere
 * in the whole in front of the part's payload.
 */
void tcp_part_headers(const TcpPart *part, bool partial, uint8_t *headers);
