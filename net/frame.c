/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames in pieces, and the header that tells what is left to do on them. */
#include "net/net.h"

#include <string.h>

#include "util/bytes.h"

size_t net_frame_size(const NetFrame *frame)
{
    size_t size = 0;

    for (int i = 0; i < frame->iov_count; i++) {
        size += frame->iov[i].iov_len;
    }
    return size;
}

size_t net_frame_copy(const NetFrame *frame, size_t offset, void *buffer, size_t size)
{
    size_t done = 0;

    for (int i = 0; i < frame->iov_count && done < size; i++) {
        const struct iovec *piece = &frame->iov[i];
        if (offset >= piece->iov_len) {
            offset -= piece->iov_len;
            continue;
        }
        size_t part = MIN(piece->iov_len - offset, size - done);
        memcpy((char *)buffer + done, (const char *)piece->iov_base + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}

void vnet_header_pack(const VnetHeader *header, uint8_t wire[VNET_HEADER_SIZE])
{
    wire[0] = header->flags;
    wire[1] = header->gso_type;
    store_le16(wire + 2, header->header_length);
    store_le16(wire + 4, header->gso_size);
    store_le16(wire + 6, header->checksum_start);
    store_le16(wire + 8, header->checksum_offset);
}

void vnet_header_unpack(VnetHeader *header, const uint8_t wire[VNET_HEADER_SIZE])
{
    *header = (VnetHeader){
        .flags = wire[0],
        .gso_type = wire[1],
        .header_length = load_le16(wire + 2),
        .gso_size = load_le16(wire + 4),
        .checksum_start = load_le16(wire + 6),
        .checksum_offset = load_le16(wire + 8),
    };
}
