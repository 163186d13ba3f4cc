/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What of a virtio device travels: negotiation and the place in each ring. The rings themselves are
 * guest memory; whether they make sense is found out, as always, when they are used.
 */
#include <inttypes.h>

#include "util/report.h"
#include "virtio-internal.h"

static void queue_pre_save(void *opaque)
{
    VirtQueue *queue = opaque;

    /* Chains that a device holds on to will be taken again over there. */
    queue->wire_last_available = (uint16_t)(queue->last_available - queue->in_use);
}

static bool queue_post_load(void *opaque, int version, GError **error)
{
    VirtQueue *queue = opaque;

    queue->last_available = queue->wire_last_available;
    queue->in_use = queue->filled = 0;
    queue->epoch++;
    virtqueue_unmap(queue);
    if (queue->size > queue->maximum) {
        qc_error_set(error, "queue %u: size %u, this device has %u", queue->index, queue->size,
                     queue->maximum);
        virtqueue_reset(queue);
        return false;
    }
    return true;
}

static const VMStateDescription vmstate_virtqueue = {
    .name = "virtqueue",
    .version = 1,
    .minimum_version = 1,
    .pre_save = queue_pre_save,
    .post_load = queue_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT16(size, VirtQueue),
            VMSTATE_UINT16(vector, VirtQueue),
            VMSTATE_BOOL(enabled, VirtQueue),
            VMSTATE_UINT64(descriptors, VirtQueue),
            VMSTATE_UINT64(available, VirtQueue),
            VMSTATE_UINT64(used, VirtQueue),
            VMSTATE_UINT16(wire_last_available, VirtQueue),
            VMSTATE_UINT16(used_index, VirtQueue),
            VMSTATE_UINT16(signalled_used, VirtQueue),
            VMSTATE_BOOL(signalled_valid, VirtQueue),
            VMSTATE_BOOL(notification, VirtQueue),
            VMSTATE_END,
        },
};

static bool device_post_load(void *opaque, int version, GError **error)
{
    VirtIODevice *device = opaque;
    VirtIODeviceClass *klass = VIRTIO_DEVICE_GET_CLASS(device);
    uint64_t unknown = device->guest_features & ~device->host_features;

    if (unknown) {
        g_autofree char *label = virtio_device_label(device);
        qc_error_set(error,
                     "%s: the guest uses features 0x%" PRIx64 ", of which this device does not "
                     "offer 0x%" PRIx64,
                     label, device->guest_features, unknown);
        virtio_reset(device);
        return false;
    }
    if (klass->set_features) {
        klass->set_features(device, device->guest_features);
    }
    return true;
}

const VMStateDescription vmstate_virtio_device = {
    .name = "virtio",
    .version = 1,
    .minimum_version = 1,
    .post_load = device_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT8(status, VirtIODevice),
            VMSTATE_UINT8(isr, VirtIODevice),
            VMSTATE_BOOL(broken, VirtIODevice),
            VMSTATE_UINT64(guest_features, VirtIODevice),
            VMSTATE_UINT32(config_generation, VirtIODevice),
            VMSTATE_UINT16(config_vector, VirtIODevice),
            VMSTATE_UINT32_EQUAL(queue_count, VirtIODevice),
            {
                .name = "queues",
                .offset = VMSTATE_OFFSET(VirtIODevice, queue_storage, VirtQueue *),
                .size = sizeof(VirtQueue),
                .count = VIRTIO_QUEUE_MAX,
                .count_offset = VMSTATE_OFFSET(VirtIODevice, queue_count, uint32_t),
                .flags = VMSTATE_FIELD_POINTER | VMSTATE_FIELD_VARRAY | VMSTATE_FIELD_STRUCT,
                .vmsd = &vmstate_virtqueue,
            },
            VMSTATE_END,
        },
};
