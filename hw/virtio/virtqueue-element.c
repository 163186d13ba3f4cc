/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Chains of descriptors (OASIS virtio 1.2, sections 2.7.5 and 2.7.5.3): walked with every number
 * checked, and made into elements whose buffers are host memory. Each descriptor is copied before
 * it is looked at: the driver can change it meanwhile.
 */
#include <inttypes.h>
#include <string.h>

#include "system/bql.h"
#include "trace-hw-virtio.h"
#include "util/bytes.h"
#include "virtio-internal.h"

enum {
    DESCRIPTOR_SIZE = 16,
    DESCRIPTOR_F_NEXT = 1,
    DESCRIPTOR_F_WRITE = 2,
    DESCRIPTOR_F_INDIRECT = 4,
};

/* Section 2.7.5.2: the buffers of a chain together. */
#define CHAIN_BYTES_MAX (UINT64_C(1) << 32)

typedef struct Descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags;
    uint16_t next;
} Descriptor;

/* Where a walk along a chain is. */
typedef struct ChainWalk {
    VirtQueue *queue;
    const uint8_t *table; /* host memory of `count` descriptors */
    unsigned count;
    unsigned next;
    unsigned steps; /* taken in this table: more than `count` is a loop */
    bool more, indirect, writable_seen;
    uint64_t bytes;
} ChainWalk;

/* An element as it is allocated: one block, the arrays of iovecs and blocks behind it. */
typedef struct Element {
    VirtQueueElement element;
    uint32_t epoch;
    /* RAM behind element.in, for the dirty log. */
    RAMBlock **in_blocks;
} Element;

/* The buffers of the chain that is being taken; a scratch area that the BQL protects. */
typedef struct Buffers {
    unsigned out_count, in_count;
    struct iovec out[VIRTQUEUE_SIZE_MAX];
    struct iovec in[VIRTQUEUE_SIZE_MAX];
    RAMBlock *in_blocks[VIRTQUEUE_SIZE_MAX];
} Buffers;

static Buffers scratch;

/* ---- walking ---- */

static void chain_begin(ChainWalk *walk, VirtQueue *queue, uint16_t head)
{
    *walk = (ChainWalk){
        .queue = queue,
        .table = queue->descriptor_part.host,
        .count = queue->size,
        .next = head,
        .more = true,
    };
}

static Descriptor descriptor_load(const uint8_t *p)
{
    uint8_t copy[DESCRIPTOR_SIZE];

    memcpy(copy, p, sizeof(copy));
    return (Descriptor){ load_le64(copy), load_le32(copy + 8), load_le16(copy + 12),
                         load_le16(copy + 14) };
}

/* Go on in the table that @descriptor points to; it is the last of the ring's own. */
static bool enter_indirect(ChainWalk *walk, const Descriptor *descriptor)
{
    VirtIODevice *device = walk->queue->device;
    unsigned index = walk->queue->index;
    VirtRingPart part;

    if (!virtio_has_feature(device, VIRTIO_F_INDIRECT_DESC)) {
        virtio_error(device, "queue %u: indirect descriptor, which was not negotiated", index);
        return false;
    }
    if (walk->indirect) {
        virtio_error(device, "queue %u: indirect descriptor in an indirect table", index);
        return false;
    }
    if (descriptor->flags & DESCRIPTOR_F_NEXT) {
        virtio_error(device, "queue %u: indirect descriptor with a next one", index);
        return false;
    }
    if (descriptor->length == 0 || descriptor->length % DESCRIPTOR_SIZE) {
        virtio_error(device, "queue %u: indirect table of %u bytes, expected a multiple of %u",
                     index, descriptor->length, DESCRIPTOR_SIZE);
        return false;
    }
    if (!virtio_ram_find(descriptor->address, descriptor->length, false, &part)) {
        virtio_error(device, "queue %u: indirect table at 0x%" PRIx64 " of %u bytes is not in RAM",
                     index, descriptor->address, descriptor->length);
        return false;
    }
    walk->table = part.host;
    walk->count = descriptor->length / DESCRIPTOR_SIZE;
    walk->next = 0;
    walk->steps = 0;
    walk->indirect = true;
    walk->more = true;
    return true;
}

static bool check_buffer(ChainWalk *walk, const Descriptor *descriptor)
{
    VirtIODevice *device = walk->queue->device;
    unsigned index = walk->queue->index;
    bool writable = descriptor->flags & DESCRIPTOR_F_WRITE;

    if (descriptor->length == 0) {
        virtio_error(device, "queue %u: buffer of zero length", index);
        return false;
    }
    if (walk->writable_seen && !writable) {
        virtio_error(device, "queue %u: readable buffer behind a writable one", index);
        return false;
    }
    walk->writable_seen = writable;
    walk->bytes += descriptor->length;
    if (walk->bytes > CHAIN_BYTES_MAX) {
        virtio_error(device, "queue %u: chain of more than 4 GiB", index);
        return false;
    }
    return true;
}

/* The next buffer of the chain; false at its end and when it is wrong (the device is broken). */
static bool chain_next(ChainWalk *walk, Descriptor *descriptor)
{
    VirtIODevice *device = walk->queue->device;

    while (walk->more) {
        if (walk->next >= walk->count) {
            virtio_error(device, "queue %u: next descriptor %u of %u", walk->queue->index,
                         walk->next, walk->count);
            return false;
        }
        if (walk->steps++ >= walk->count) {
            virtio_error(device, "queue %u: descriptors form a loop", walk->queue->index);
            return false;
        }
        *descriptor = descriptor_load(walk->table + (size_t)DESCRIPTOR_SIZE * walk->next);
        walk->more = descriptor->flags & DESCRIPTOR_F_NEXT;
        walk->next = descriptor->next;
        if (!(descriptor->flags & DESCRIPTOR_F_INDIRECT)) {
            return check_buffer(walk, descriptor);
        }
        if (!enter_indirect(walk, descriptor)) {
            return false;
        }
    }
    return false;
}

/* ---- elements ---- */

/* Add the host memory of a buffer, which may lie in several regions. */
static bool buffers_add(Buffers *buffers, VirtQueue *queue, const Descriptor *descriptor)
{
    bool writable = descriptor->flags & DESCRIPTOR_F_WRITE;
    hwaddr address = descriptor->address;
    uint64_t length = descriptor->length;

    while (length) {
        uint64_t offset;
        uint64_t left;
        MemoryRegion *region = address_space_find(address_space_memory(), address, &offset, &left);
        if (!region || !region->block || (writable && region->block->read_only)) {
            virtio_error(queue->device,
                         "queue %u: buffer at 0x%" PRIx64 " of %u bytes is not in %s", queue->index,
                         descriptor->address, descriptor->length,
                         writable ? "writable RAM" : "RAM");
            return false;
        }
        if (buffers->out_count + buffers->in_count == VIRTQUEUE_SIZE_MAX) {
            virtio_error(queue->device, "queue %u: chain of more than %u buffers", queue->index,
                         VIRTQUEUE_SIZE_MAX);
            return false;
        }
        uint64_t part = MIN(left, length);
        struct iovec iov = { region->block->host + region->block_offset + offset, part };
        if (writable) {
            buffers->in_blocks[buffers->in_count] = region->block;
            buffers->in[buffers->in_count++] = iov;
        } else {
            buffers->out[buffers->out_count++] = iov;
        }
        address += part;
        length -= part;
    }
    return true;
}

static VirtQueueElement *element_new(const VirtQueue *queue, uint16_t head, const Buffers *buffers)
{
    size_t iov_count = buffers->out_count + buffers->in_count;
    Element *self = g_malloc(sizeof(*self) + iov_count * sizeof(struct iovec) +
                             buffers->in_count * sizeof(RAMBlock *));
    struct iovec *iov = (struct iovec *)(self + 1);

    self->epoch = queue->epoch;
    self->in_blocks = (RAMBlock **)(iov + iov_count);
    self->element = (VirtQueueElement){ .head = head,
                                        .out_count = buffers->out_count,
                                        .in_count = buffers->in_count,
                                        .out = iov,
                                        .in = iov + buffers->out_count };
    memcpy(self->element.out, buffers->out, buffers->out_count * sizeof(struct iovec));
    memcpy(self->element.in, buffers->in, buffers->in_count * sizeof(struct iovec));
    memcpy(self->in_blocks, buffers->in_blocks, buffers->in_count * sizeof(RAMBlock *));
    return &self->element;
}

VirtQueueElement *virtqueue_pop(VirtQueue *queue)
{
    ChainWalk walk;
    Descriptor descriptor;
    uint16_t head;

    g_assert(bql_locked());
    if (!virtqueue_peek_head(queue, 0, &head)) {
        return NULL;
    }
    if (queue->in_use >= queue->size) {
        virtio_error(queue->device, "queue %u: more chains than its %u descriptors", queue->index,
                     queue->size);
        return NULL;
    }
    scratch.out_count = scratch.in_count = 0;
    chain_begin(&walk, queue, head);
    while (chain_next(&walk, &descriptor)) {
        if (!buffers_add(&scratch, queue, &descriptor)) {
            return NULL;
        }
    }
    if (queue->device->broken) {
        return NULL;
    }
    virtqueue_advance(queue);
    trace_virtqueue_pop(queue->device, queue->index, head, scratch.out_count, scratch.in_count);
    return element_new(queue, head, &scratch);
}

bool virtqueue_has_room(VirtQueue *queue, size_t bytes)
{
    uint64_t room = 0;
    uint16_t head;

    g_assert(bql_locked());
    for (unsigned ahead = 0; room < bytes; ahead++) {
        ChainWalk walk;
        Descriptor descriptor;
        if (!virtqueue_peek_head(queue, ahead, &head)) {
            return false;
        }
        chain_begin(&walk, queue, head);
        while (chain_next(&walk, &descriptor)) {
            room += descriptor.flags & DESCRIPTOR_F_WRITE ? descriptor.length : 0;
        }
        if (queue->device->broken) {
            return false;
        }
    }
    return true;
}

void virtqueue_element_free(VirtQueueElement *element)
{
    g_free(element);
}

void virtqueue_unpop(VirtQueue *queue, VirtQueueElement *element)
{
    if (virtqueue_element_epoch(element) == queue->epoch && queue->in_use > 0) {
        /* What was put there already is nobody's; but both hosts must have the same. */
        virtqueue_element_written(element, CHAIN_BYTES_MAX);
        queue->last_available--;
        queue->in_use--;
    }
    virtqueue_element_free(element);
}

uint32_t virtqueue_element_epoch(const VirtQueueElement *element)
{
    return ((const Element *)(const void *)element)->epoch;
}

static void note_written(const Element *self, unsigned i, size_t offset, size_t length)
{
    const uint8_t *base = self->element.in[i].iov_base;
    RAMBlock *block = self->in_blocks[i];

    ram_block_written(block, (uint64_t)(base - block->host) + offset, length);
}

void virtqueue_element_written(VirtQueueElement *element, uint64_t written)
{
    const Element *self = (const Element *)(void *)element;

    for (unsigned i = 0; i < element->in_count && written; i++) {
        uint64_t part = MIN(written, element->in[i].iov_len);
        note_written(self, i, 0, part);
        written -= part;
    }
}

size_t virtqueue_element_write(VirtQueueElement *element, size_t offset, const void *data,
                               size_t size)
{
    const Element *self = (const Element *)(void *)element;
    size_t done = 0;

    for (unsigned i = 0; i < element->in_count && done < size; i++) {
        const struct iovec *iov = &element->in[i];
        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        size_t part = MIN(size - done, iov->iov_len - offset);
        memcpy((uint8_t *)iov->iov_base + offset, (const uint8_t *)data + done, part);
        note_written(self, i, offset, part);
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtqueue_element_read(const VirtQueueElement *element, size_t offset, void *data,
                              size_t size)
{
    size_t done = 0;

    for (unsigned i = 0; i < element->out_count && done < size; i++) {
        const struct iovec *iov = &element->out[i];
        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        size_t part = MIN(size - done, iov->iov_len - offset);
        memcpy((uint8_t *)data + done, (const uint8_t *)iov->iov_base + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}
