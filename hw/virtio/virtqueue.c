/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Split virtqueues (OASIS virtio 1.2, section 2.7): the three parts of a ring, what is available,
 * what is used, and who wants to be told. Chains of descriptors are in virtqueue-element.c.
 *
 * The driver runs in other threads while we look: each index is loaded once, acquire after what
 * the driver published, release before what we publish, and a full barrier wherever a decision
 * "need I tell the other side?" depends on what that side may be writing just now.
 */
#include <inttypes.h>

#include "trace-hw-virtio.h"
#include "util/bytes.h"
#include "virtio-internal.h"

enum {
    DESCRIPTOR_SIZE = 16,
    DESCRIPTOR_ALIGN = 16,
    AVAILABLE_FLAGS = 0,
    AVAILABLE_INDEX = 2,
    AVAILABLE_RING = 4,
    AVAILABLE_ENTRY = 2,
    AVAILABLE_ALIGN = 2,
    USED_FLAGS = 0,
    USED_INDEX = 2,
    USED_RING = 4,
    USED_ENTRY = 8,
    USED_ALIGN = 4,
    EVENT_SIZE = 2,
    AVAILABLE_F_NO_INTERRUPT = 1,
    USED_F_NO_NOTIFY = 1,
};

/* ---- rings in guest memory ---- */

bool virtio_ram_find(hwaddr address, uint64_t length, bool writable, VirtRingPart *part)
{
    uint64_t offset;
    uint64_t left;
    MemoryRegion *region = address_space_find(address_space_memory(), address, &offset, &left);

    if (!region || !region->block || left < length || (writable && region->block->read_only)) {
        return false;
    }
    part->block = region->block;
    part->offset = region->block_offset + offset;
    part->host = region->block->host + part->offset;
    return true;
}

static bool map_part(VirtQueue *queue, const char *name, uint64_t address, unsigned align,
                     uint64_t length, bool writable, VirtRingPart *part)
{
    if (address % align) {
        virtio_error(queue->device, "queue %u: %s ring at 0x%" PRIx64 " is not aligned to %u",
                     queue->index, name, address, align);
        return false;
    }
    if (!virtio_ram_find(address, length, writable, part)) {
        virtio_error(queue->device,
                     "queue %u: %s ring at 0x%" PRIx64 " of %" PRIu64 " bytes is not in RAM",
                     queue->index, name, address, length);
        return false;
    }
    return true;
}

static bool size_is_good(VirtQueue *queue)
{
    if (queue->size == 0 || queue->size > queue->maximum || (queue->size & (queue->size - 1))) {
        virtio_error(queue->device, "queue %u: size %u is not a power of two up to %u",
                     queue->index, queue->size, queue->maximum);
        return false;
    }
    return true;
}

void virtqueue_unmap(VirtQueue *queue)
{
    queue->mapped = false;
}

bool virtqueue_map(VirtQueue *queue)
{
    unsigned generation = address_space_generation(address_space_memory());
    uint64_t event = virtio_has_feature(queue->device, VIRTIO_F_EVENT_IDX) ? EVENT_SIZE : 0;

    if (queue->mapped && queue->map_generation == generation &&
        queue->map_features == queue->device->guest_features) {
        return true;
    }
    queue->mapped =
        size_is_good(queue) &&
        map_part(queue, "descriptor", queue->descriptors, DESCRIPTOR_ALIGN,
                 (uint64_t)DESCRIPTOR_SIZE * queue->size, false, &queue->descriptor_part) &&
        map_part(queue, "available", queue->available, AVAILABLE_ALIGN,
                 AVAILABLE_RING + (uint64_t)AVAILABLE_ENTRY * queue->size + event, false,
                 &queue->available_part) &&
        map_part(queue, "used", queue->used, USED_ALIGN,
                 USED_RING + (uint64_t)USED_ENTRY * queue->size + event, true, &queue->used_part);
    queue->map_generation = generation;
    queue->map_features = queue->device->guest_features;
    return queue->mapped;
}

static uint16_t ring_load16(const VirtRingPart *part, unsigned offset)
{
    return GUINT16_FROM_LE(
        __atomic_load_n((const uint16_t *)(const void *)(part->host + offset), __ATOMIC_RELAXED));
}

static void ring_store16(VirtRingPart *part, unsigned offset, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)(part->host + offset), GUINT16_TO_LE(value),
                     __ATOMIC_RELAXED);
    ram_block_written(part->block, part->offset + offset, sizeof(value));
}

static unsigned used_event_offset(const VirtQueue *queue)
{
    return AVAILABLE_RING + AVAILABLE_ENTRY * queue->size;
}

static unsigned available_event_offset(const VirtQueue *queue)
{
    return USED_RING + USED_ENTRY * queue->size;
}

/* ---- what is available ---- */

unsigned virtqueue_index(const VirtQueue *queue)
{
    return queue->index;
}

/* Legacy drivers use their queues before they say DRIVER_OK (section 3.1.2). */
bool virtqueue_ready(const VirtQueue *queue)
{
    const VirtIODevice *device = queue->device;

    return queue->enabled && !device->broken && !device->dma_disabled &&
           (device->status & VIRTIO_STATUS_DRIVER_OK ||
            !virtio_has_feature(device, VIRTIO_F_VERSION_1));
}

/* How many chains wait; false when the device is broken or the queue is not in use. */
static bool available_count(VirtQueue *queue, uint16_t *count)
{
    if (!virtqueue_ready(queue) || !virtqueue_map(queue)) {
        return false;
    }
    uint16_t index = ring_load16(&queue->available_part, AVAILABLE_INDEX);
    *count = (uint16_t)(index - queue->last_available);
    if (*count > queue->size) {
        virtio_error(queue->device,
                     "queue %u: available index moved from %u to %u, more than its size %u",
                     queue->index, queue->last_available, index, queue->size);
        return false;
    }
    /* What lies behind the index is read only after it. */
    ring_fence(__ATOMIC_ACQUIRE);
    return true;
}

bool virtqueue_empty(VirtQueue *queue)
{
    uint16_t count;

    return !available_count(queue, &count) || count == 0;
}

bool virtqueue_peek_head(VirtQueue *queue, unsigned ahead, uint16_t *head)
{
    uint16_t count;

    if (!available_count(queue, &count) || ahead >= count) {
        return false;
    }
    unsigned slot = (queue->last_available + ahead) & (queue->size - 1);
    *head = ring_load16(&queue->available_part, AVAILABLE_RING + AVAILABLE_ENTRY * slot);
    if (*head >= queue->size) {
        virtio_error(queue->device, "queue %u: chain begins at descriptor %u of %u", queue->index,
                     *head, queue->size);
        return false;
    }
    return true;
}

void virtqueue_advance(VirtQueue *queue)
{
    queue->last_available++;
    queue->in_use++;
    if (queue->notification && virtio_has_feature(queue->device, VIRTIO_F_EVENT_IDX)) {
        ring_store16(&queue->used_part, available_event_offset(queue), queue->last_available);
    }
}

/* ---- notifications from the driver ---- */

void virtqueue_disable_notification(VirtQueue *queue)
{
    queue->notification = false;
    if (!virtqueue_ready(queue) || !virtqueue_map(queue)) {
        return;
    }
    /* With the event index the driver looks at the index, which simply stays behind. */
    if (!virtio_has_feature(queue->device, VIRTIO_F_EVENT_IDX)) {
        ring_store16(&queue->used_part, USED_FLAGS, USED_F_NO_NOTIFY);
    }
}

bool virtqueue_enable_notification(VirtQueue *queue)
{
    uint16_t count;

    queue->notification = true;
    if (!virtqueue_ready(queue) || !virtqueue_map(queue)) {
        return true;
    }
    if (virtio_has_feature(queue->device, VIRTIO_F_EVENT_IDX)) {
        /* The next chain, whatever waits already: there may be chains that are too few. */
        ring_store16(&queue->used_part, available_event_offset(queue),
                     ring_load16(&queue->available_part, AVAILABLE_INDEX));
    } else {
        ring_store16(&queue->used_part, USED_FLAGS, 0);
    }
    /* Either the driver sees our wish, or we see its chain. */
    ring_fence(__ATOMIC_SEQ_CST);
    return !available_count(queue, &count) || count == 0;
}

/* ---- what is used ---- */

void virtqueue_fill(VirtQueue *queue, VirtQueueElement *element, uint32_t written, unsigned index)
{
    virtqueue_element_written(element, written);
    if (virtqueue_element_epoch(element) != queue->epoch || !queue->enabled ||
        queue->device->broken || !virtqueue_map(queue)) {
        return;
    }
    unsigned slot = (queue->used_index + index) & (queue->size - 1);
    unsigned offset = USED_RING + USED_ENTRY * slot;
    store_le32(queue->used_part.host + offset, element->head);
    store_le32(queue->used_part.host + offset + 4, written);
    ram_block_written(queue->used_part.block, queue->used_part.offset + offset, USED_ENTRY);
    queue->filled++;
}

void virtqueue_publish(VirtQueue *queue, unsigned count)
{
    if (queue->filled < count || queue->in_use < count || queue->device->broken ||
        !virtqueue_map(queue)) {
        queue->filled = 0; /* entries of a queue that was reset meanwhile */
        return;
    }
    uint16_t old = queue->used_index;
    uint16_t new = (uint16_t)(old + count);
    queue->filled = 0;
    queue->in_use = (uint16_t)(queue->in_use - count);
    queue->used_index = new;
    ring_fence(__ATOMIC_RELEASE);
    ring_store16(&queue->used_part, USED_INDEX, new);
    /* So far without an interrupt that the distance would wrap: the next one goes out. */
    if ((uint16_t)(new - queue->signalled_used) < (uint16_t)(new - old)) {
        queue->signalled_valid = false;
    }
    trace_virtqueue_publish(queue->device, queue->index, count, new);
}

void virtqueue_push(VirtQueue *queue, VirtQueueElement *element, uint32_t written)
{
    virtqueue_fill(queue, element, written, 0);
    virtqueue_publish(queue, 1);
}

/* Section 2.7.10: has the driver's event index been passed between @old and @new? */
static bool event_passed(uint16_t event, uint16_t new, uint16_t old)
{
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool driver_wants_interrupt(VirtQueue *queue)
{
    VirtIODevice *device = queue->device;
    uint16_t waiting;

    /* The used index is visible before we look at what the driver wants. */
    ring_fence(__ATOMIC_SEQ_CST);
    if (virtio_has_feature(device, VIRTIO_F_NOTIFY_ON_EMPTY) && queue->in_use == 0 &&
        available_count(queue, &waiting) && waiting == 0) {
        return true;
    }
    if (!virtio_has_feature(device, VIRTIO_F_EVENT_IDX)) {
        return !(ring_load16(&queue->available_part, AVAILABLE_FLAGS) & AVAILABLE_F_NO_INTERRUPT);
    }
    bool valid = queue->signalled_valid;
    uint16_t old = queue->signalled_used;
    queue->signalled_valid = true;
    queue->signalled_used = queue->used_index;
    return !valid || event_passed(ring_load16(&queue->available_part, used_event_offset(queue)),
                                  queue->used_index, old);
}

void virtqueue_notify(VirtQueue *queue)
{
    VirtIODevice *device = queue->device;

    if (!queue->enabled || device->broken || !virtqueue_map(queue) ||
        !driver_wants_interrupt(queue)) {
        return;
    }
    trace_virtqueue_notify(device, queue->index, queue->vector);
    device->isr |= VIRTIO_ISR_QUEUE;
    if (device->transport) {
        device->transport->notify_queue(device->transport_opaque, queue->vector);
    }
}

void virtqueue_reset(VirtQueue *queue)
{
    queue->size = queue->maximum;
    queue->vector = VIRTIO_NO_VECTOR;
    queue->enabled = false;
    queue->descriptors = queue->available = queue->used = 0;
    queue->last_available = queue->used_index = queue->signalled_used = 0;
    queue->signalled_valid = false;
    queue->notification = true;
    queue->in_use = queue->filled = 0;
    queue->epoch++;
    virtqueue_unmap(queue);
}
