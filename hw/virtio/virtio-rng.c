/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Entropy device (OASIS virtio 1.2, section 5.4): buffers that the driver offers come back with
 * random numbers, at most `max-bytes` in each `period`. It keeps no buffer back: what cannot be
 * filled now stays in the ring.
 */
#include "hw/virtio/virtio-pci.h"
#include "rng-backend.h"
#include "trace-hw-virtio.h"
#include "util/report.h"
#include "util/timer.h"

#define TYPE_VIRTIO_RNG "virtio-rng-device"

enum {
    QUEUE_SIZE = 8,
    CHUNK_MAX = 4096, /* bytes for one buffer; the rest of a larger one is left out */
    PERIOD_DEFAULT_MS = 65536,
    VECTORS = 2,
};

#define NO_LIMIT UINT64_C(0x7fffffffffffffff)

typedef struct VirtIORng {
    VirtIODevice parent;
    VirtQueue *requests;
    GObject *rng; /* property; the default one is made in realize */
    uint64_t maximum;
    uint32_t period_ms;
    uint64_t left; /* bytes that may be given in this period */
    Timer *period; /* armed from the first byte of a period on */
} VirtIORng;

OBJECT_DEFINE_TYPE(VirtIORng, VirtIODeviceClass, virtio_rng, TYPE_VIRTIO_RNG, TYPE_VIRTIO_DEVICE);

#define VIRTIO_RNG(o) (G_TYPE_CHECK_INSTANCE_CAST((o), virtio_rng_get_type(), VirtIORng))

static void charge(VirtIORng *self, size_t bytes)
{
    if (self->maximum == NO_LIMIT) {
        return;
    }
    self->left -= bytes;
    if (!timer_pending(self->period)) {
        timer_mod_ns(self->period, clock_get_ns(CLOCK_TYPE_VIRTUAL) +
                                       self->period_ms * NANOSECONDS_PER_MILLISECOND);
    }
}

static size_t writable_bytes(const VirtQueueElement *element)
{
    size_t total = 0;

    for (unsigned i = 0; i < element->in_count; i++) {
        total += element->in[i].iov_len;
    }
    return total;
}

/* Fill the next buffer; false when there is none, or nothing to fill it with now. */
static bool serve_one(VirtIORng *self)
{
    uint8_t data[CHUNK_MAX];
    VirtQueueElement *element = self->left ? virtqueue_pop(self->requests) : NULL;

    if (!element) {
        return false;
    }
    uint64_t wanted = MIN(MIN(writable_bytes(element), sizeof(data)), self->left);
    size_t count = wanted ? rng_backend_read(RNG_BACKEND(self->rng), data, wanted) : 0;
    if (wanted && !count) {
        virtqueue_unpop(self->requests, element);
        return false;
    }
    virtqueue_element_write(element, 0, data, count);
    virtqueue_push(self->requests, element, (uint32_t)count);
    virtqueue_element_free(element);
    charge(self, count);
    trace_virtio_rng_served(self, count);
    return true;
}

static void serve(VirtIODevice *device, VirtQueue *queue)
{
    VirtIORng *self = VIRTIO_RNG(device);
    bool served = false;

    while (serve_one(self)) {
        served = true;
    }
    if (served) {
        virtqueue_notify(queue);
    }
}

static void bytes_ready(void *opaque)
{
    virtqueue_schedule(((VirtIORng *)opaque)->requests);
}

static void period_over(void *opaque)
{
    VirtIORng *self = opaque;

    self->left = self->maximum;
    virtqueue_schedule(self->requests);
}

/* ---- device ---- */

static bool virtio_rng_realize(VirtIODevice *device, GError **error)
{
    VirtIORng *self = VIRTIO_RNG(device);

    if (self->period_ms == 0) {
        qc_error_set(error, "'period' parameter expects a positive integer");
        return false;
    }
    if (self->maximum > NO_LIMIT) {
        qc_error_set(error, "'max-bytes' parameter must be non-negative, and less than 2^63");
        return false;
    }
    if (!self->rng) {
        self->rng = g_object_new(object_type_find(TYPE_RNG_BUILTIN), NULL);
    }
    if (!rng_backend_attach(RNG_BACKEND(self->rng), bytes_ready, self, error)) {
        return false;
    }
    self->left = self->maximum;
    self->period = timer_new_ns(CLOCK_TYPE_VIRTUAL, period_over, self);
    self->requests = virtio_add_queue(device, QUEUE_SIZE, serve);
    return true;
}

static void virtio_rng_unrealize(VirtIODevice *device)
{
    VirtIORng *self = VIRTIO_RNG(device);

    rng_backend_detach(RNG_BACKEND(self->rng));
    g_clear_pointer(&self->period, timer_free);
}

static uint64_t virtio_rng_get_features(VirtIODevice *device, uint64_t features)
{
    return features;
}

static bool virtio_rng_post_load(void *opaque, int version, GError **error)
{
    VirtIORng *self = opaque;

    if (self->left > self->maximum) {
        qc_error_set(error, "virtio-rng: %" G_GUINT64_FORMAT " bytes left of %" G_GUINT64_FORMAT,
                     self->left, self->maximum);
        return false;
    }
    return true;
}

static const VMStateDescription vmstate_virtio_rng = {
    .name = "virtio-rng",
    .version = 1,
    .minimum_version = 1,
    .post_load = virtio_rng_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_VIRTIO_DEVICE(parent, VirtIORng),
            VMSTATE_UINT64(left, VirtIORng),
            VMSTATE_TIMER_PTR(period, VirtIORng),
            VMSTATE_END,
        },
};

static const DeviceProperty virtio_rng_properties[] = {
    { "rng", "object that random numbers come from; rng-builtin when not given",
      DEVICE_PROPERTY_LINK, offsetof(VirtIORng, rng), .link_type = "rng-backend" },
    { "max-bytes", "given to the guest in each period", DEVICE_PROPERTY_UINT64,
      offsetof(VirtIORng, maximum), .default_value = NO_LIMIT },
    { "period", "milliseconds", DEVICE_PROPERTY_UINT32, offsetof(VirtIORng, period_ms),
      .default_value = PERIOD_DEFAULT_MS },
};

static void virtio_rng_init(VirtIORng *self)
{
}

static void virtio_rng_class_init(VirtIODeviceClass *klass)
{
    klass->device_type = VIRTIO_ID_RNG;
    klass->realize = virtio_rng_realize;
    klass->unrealize = virtio_rng_unrealize;
    klass->get_features = virtio_rng_get_features;
    klass->parent.vmsd = &vmstate_virtio_rng;
    device_class_set_properties(&klass->parent, virtio_rng_properties,
                                G_N_ELEMENTS(virtio_rng_properties));
}

VIRTIO_PCI_DEFINE(virtio_rng, .name = "virtio-rng", .device_type = TYPE_VIRTIO_RNG,
                  .description = "Random number generator", .category = "Misc",
                  .class_id = PCI_CLASS_OTHERS, .transitional_id = PCI_DEVICE_ID_VIRTIO_RNG,
                  .vectors = VECTORS);
