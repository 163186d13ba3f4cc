/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What accompanies a frame whose checksum or segmentation is left to the receiver (virtio 1.2,
 * section 5.1.6 "Device Operation": struct virtio_net_hdr). Little endian on every wire that we
 * know; here host order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNET_HEADER_SIZE           10 /* legacy, without num_buffers */
#define VNET_HEADER_MERGEABLE_SIZE 12 /* mergeable buffers, and every modern device */

enum {
    VNET_FLAG_NEEDS_CHECKSUM = 1,
    VNET_FLAG_DATA_VALID = 2,
};

enum {
    VNET_GSO_NONE = 0,
    VNET_GSO_TCPV4 = 1,
    VNET_GSO_UDP = 3,
    VNET_GSO_TCPV6 = 4,
    VNET_GSO_ECN = 0x80, /* or-ed to the others */
};

/* All zero: an ordinary frame, complete and with its checksums. */
typedef struct VnetHeader {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_length;   /* bytes; a hint, never to be trusted */
    uint16_t gso_size;        /* bytes of payload in each segment */
    uint16_t checksum_start;  /* bytes from the start of the frame */
    uint16_t checksum_offset; /* bytes from checksum_start */
} VnetHeader;

static inline bool vnet_header_is_plain(const VnetHeader *header)
{
    return !(header->flags & VNET_FLAG_NEEDS_CHECKSUM) && header->gso_type == VNET_GSO_NONE;
}

/* Wire form: VNET_HEADER_SIZE bytes, little endian. */
void vnet_header_pack(const VnetHeader *header, uint8_t wire[VNET_HEADER_SIZE]);
void vnet_header_unpack(VnetHeader *header, const uint8_t wire[VNET_HEADER_SIZE]);
