/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames for tests, built from a description, with right lengths and checksums. */
#pragma once

#include "net/packet.h"

typedef struct FrameSpec {
    bool ipv6;
    uint16_t vlan;               /* 0: untagged */
    uint8_t protocol;            /* PROTOCOL_* */
    uint8_t source, destination; /* last byte of the addresses */
    uint16_t source_port, destination_port;
    uint32_t sequence, ack; /* TCP */
    uint8_t flags;
    uint16_t window;
    const uint8_t *options; /* TCP, padded to a multiple of 4 */
    uint8_t options_size;
    uint16_t ip_id;
    const void *payload; /* for ICMP and others: everything behind the IP header */
    size_t payload_size;
} FrameSpec;

/* Build the frame; the caller frees it. */
GByteArray *frame_new(const FrameSpec *spec);

/*
 * The part [offset, offset + size) of the IP payload of @whole (untagged) as a fragment of its
 * own; IPv6 gets a fragment header.
 */
GByteArray *frame_fragment(const GByteArray *whole, uint32_t id, uint32_t offset, uint32_t size,
                           bool more);

/* Parse or abort. */
Packet frame_parse(const GByteArray *frame);
