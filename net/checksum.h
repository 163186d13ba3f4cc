/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The Internet checksum (RFC 1071) and its incremental update (RFC 1624, equation 3). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/packet.h"

/* Add @size bytes, as big-endian 16-bit words, to the unfolded @sum. */
uint32_t checksum_add(uint32_t sum, const void *data, size_t size);

/* Fold and complement: the value for the header, host order. */
uint16_t checksum_finish(uint32_t sum);

/* The checksum field's new value after a 16-bit word that it covers changed. Host order. */
uint16_t checksum_update16(uint16_t checksum, uint16_t before, uint16_t after);

/* The same for a 32-bit value at an even offset of what is summed. */
uint16_t checksum_update32(uint16_t checksum, uint32_t before, uint32_t after);

/*
 * The same for a 32-bit value at any offset (TCP options need not be aligned): at an odd one its
 * bytes fall in the other halves of the words.
 */
uint16_t checksum_update32_at(uint16_t checksum, uint32_t before, uint32_t after, size_t offset);

/*
 * The checksum of a packet's transport part with its pseudo-header (none for ICMP), where the
 * checksum field is @field bytes into the transport header and counts as zero. @packet is no
 * fragment.
 */
uint16_t checksum_transport(const Packet *packet, size_t field);
