/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The Internet checksum, whole and incremental. */
#include "net/checksum.h"
#include "util/bytes.h"

static uint32_t fold(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    return (sum >> 16) + (sum & 0xffff);
}

uint32_t checksum_add(uint32_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t total = sum;

    for (; size >= 2; size -= 2, bytes += 2) {
        total += load_be16(bytes);
    }
    if (size > 0) {
        total += (uint32_t)bytes[0] << 8;
    }
    while (total >> 32) {
        total = (total >> 32) + (uint32_t)total;
    }
    return fold(total);
}

uint16_t checksum_finish(uint32_t sum)
{
    return ~fold(sum);
}

uint16_t checksum_update16(uint16_t checksum, uint16_t before, uint16_t after)
{
    return ~fold((uint16_t)~checksum + (uint16_t)~before + after);
}

uint16_t checksum_update32(uint16_t checksum, uint32_t before, uint32_t after)
{
    checksum = checksum_update16(checksum, before >> 16, after >> 16);
    return checksum_update16(checksum, before, after);
}

uint16_t checksum_update32_at(uint16_t checksum, uint32_t before, uint32_t after, size_t offset)
{
    if (offset % 2 == 0) {
        return checksum_update32(checksum, before, after);
    }
    checksum = checksum_update16(checksum, before >> 24, after >> 24);
    checksum = checksum_update16(checksum, before >> 8, after >> 8);
    return checksum_update16(checksum, before << 8, after << 8);
}

static uint32_t pseudo_header(const Packet *packet, uint32_t length)
{
    size_t address = packet->ip_version == 4 ? 4 : 16;
    uint32_t sum = checksum_add(0, packet->source, address);

    sum = checksum_add(sum, packet->destination, address);
    return sum + packet->protocol + (length >> 16) + (length & 0xffff);
}

uint16_t checksum_transport(const Packet *packet, size_t field)
{
    const uint8_t *transport = packet->frame + packet->transport_offset;
    uint32_t length = packet->payload_offset + packet->payload_size - packet->transport_offset;
    uint32_t sum = packet->kind == PACKET_ICMP ? 0 : pseudo_header(packet, length);

    sum = checksum_add(sum, transport, field);
    return checksum_finish(checksum_add(sum, transport + field + 2, length - field - 2));
}
