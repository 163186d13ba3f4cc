/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * virtio devices and their queues (OASIS virtio 1.2; legacy rules: section "Legacy Interface" of
 * each chapter). Needs the BQL.
 *
 * A device is a subclass of VirtIODevice that sits on a virtio bus of a transport (virtio-pci.c).
 * Everything in guest memory is hostile: indexes, lengths and addresses are checked here; a ring
 * that makes no sense breaks its device (status NEEDS_RESET) and nothing else.
 */
#pragma once

#include <sys/uio.h>

#include "hw/core/device.h"
#include "migration/vmstate.h"
#include "system/memory.h"

#define TYPE_VIRTIO_DEVICE (virtio_device_get_type()) /* abstract, "virtio-device" */
#define VIRTIO_DEVICE(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_VIRTIO_DEVICE, VirtIODevice))
#define VIRTIO_DEVICE_GET_CLASS(o) \
    (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_VIRTIO_DEVICE, VirtIODeviceClass))
#define TYPE_VIRTIO_BUS "virtio-bus"

#define VIRTIO_QUEUE_MAX   64   /* queues of a device */
#define VIRTQUEUE_SIZE_MAX 1024 /* descriptors of a queue */
#define VIRTIO_CONFIG_MAX  256  /* bytes of device configuration */

/* Device types (section 5). */
enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG = 4,
};

/* Feature bits of all devices (section 6). */
enum {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24,
    VIRTIO_F_ANY_LAYOUT = 27,
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
};

/* Device status (section 2.1). */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

typedef struct VirtIODevice VirtIODevice;
typedef struct VirtQueue VirtQueue;

/* A chain of buffers that the driver has made available. */
typedef struct VirtQueueElement {
    uint16_t head; /* of the chain; names it in the used ring */
    unsigned out_count, in_count;
    struct iovec *out;             /* driver to device: read only */
    struct iovec *in;              /* device to driver */
    struct VirtQueueElement *next; /* for its user */
} VirtQueueElement;

typedef struct VirtIODeviceClass {
    DeviceClass parent;   /* leave parent.realize and reset alone */
    uint16_t device_type; /* VIRTIO_ID_* */
    size_t config_size;   /* bytes, at most VIRTIO_CONFIG_MAX */
    bool (*realize)(VirtIODevice *device, GError **error);
    void (*unrealize)(VirtIODevice *device);
    /* Features offered, device's own bits added to @transport_features. */
    uint64_t (*get_features)(VirtIODevice *device, uint64_t transport_features);
    /* The driver has chosen (device->guest_features). May be NULL. */
    void (*set_features)(VirtIODevice *device, uint64_t features);
    /* Fill in @config (config_size zeroed bytes, little endian). May be NULL: zeroes. */
    void (*get_config)(VirtIODevice *device, uint8_t *config);
    /* The driver wrote; may be NULL: read only. */
    void (*set_config)(VirtIODevice *device, const uint8_t *config);
    /* Status has changed, also to 0. May be NULL. */
    void (*set_status)(VirtIODevice *device, uint8_t status);
    /* Device state at power-on. Queues and features are reset already. May be NULL. */
    void (*reset)(VirtIODevice *device);
    /*
     * The VM stopped or runs on (also around checkpoints and after an incoming migration). After
     * a start the handler of each queue is called once, in the main loop. May be NULL.
     */
    void (*vm_running)(VirtIODevice *device, bool running);
} VirtIODeviceClass;

struct VirtIODevice {
    Device parent;
    uint8_t status;
    uint8_t isr;
    uint64_t host_features;  /* offered */
    uint64_t guest_features; /* accepted */
    uint32_t config_generation;
    uint16_t config_vector;
    bool broken; /* a ring made no sense; until reset */
    VirtQueue *queues[VIRTIO_QUEUE_MAX];
    unsigned queue_count;
    const struct VirtIOTransportOps *transport;
    void *transport_opaque;
    /* Set by the transport before realize: what it offers besides the device's own bits. */
    uint64_t transport_features;
    bool dma_disabled; /* by the transport: rings and buffers must not be touched now */
    /* For virtio.c alone. */
    bool indirect_desc, event_idx; /* properties */
    bool stopped;                  /* the VM does not run: handlers are not called */
    unsigned error_count;          /* of messages printed */
    VirtQueue *queue_storage;
};

GType virtio_device_get_type(void);

static inline bool virtio_has_feature(const VirtIODevice *device, unsigned bit)
{
    return (device->guest_features >> bit) & 1;
}

/* How a transport tells the driver. */
typedef struct VirtIOTransportOps {
    void (*notify_queue)(void *opaque, uint16_t vector);  /* used buffers */
    void (*notify_config)(void *opaque, uint16_t vector); /* configuration has changed */
} VirtIOTransportOps;
#define VIRTIO_NO_VECTOR 0xffff

/*
 * A queue of at most @size descriptors (a power of two up to VIRTQUEUE_SIZE_MAX), served by
 * @handle when the driver notifies; called in the main loop or on a vCPU thread. From realize.
 */
VirtQueue *virtio_add_queue(VirtIODevice *device, uint16_t size,
                            void (*handle)(VirtIODevice *device, VirtQueue *queue));
/*
 * The same, but @handle always runs in the main loop: the vCPU that notifies goes on at once, and
 * many notifications before @handle has run are one.
 */
VirtQueue *virtio_add_queue_deferred(VirtIODevice *device, uint16_t size,
                                     void (*handle)(VirtIODevice *device, VirtQueue *queue));
/* Have the queue's handler run in the main loop soon, as if the driver had notified. */
void virtqueue_schedule(VirtQueue *queue);
unsigned virtqueue_index(const VirtQueue *queue);
bool virtqueue_ready(const VirtQueue *queue);

/*
 * Take the next chain; NULL when there is none or the device is (now) broken. Its iovecs point
 * into guest RAM. Free with virtqueue_element_free() after push, or give back with unpop.
 */
VirtQueueElement *virtqueue_pop(VirtQueue *queue);
/* @written bytes were put into the element's `in`: into the used ring, not told yet. */
void virtqueue_push(VirtQueue *queue, VirtQueueElement *element, uint32_t written);
/* For mergeable buffers: fill used entry @index ahead, then publish @count of them. */
void virtqueue_fill(VirtQueue *queue, VirtQueueElement *element, uint32_t written, unsigned index);
void virtqueue_publish(VirtQueue *queue, unsigned count);
/* Put the last popped element back as if it had not been taken; frees it. */
void virtqueue_unpop(VirtQueue *queue, VirtQueueElement *element);
void virtqueue_element_free(VirtQueueElement *element);
bool virtqueue_empty(VirtQueue *queue);
/* Do the available chains have room for @bytes (device to driver)? */
bool virtqueue_has_room(VirtQueue *queue, size_t bytes);
/* Ask the driver to notify, or not to; false from enable: chains came meanwhile, look again. */
void virtqueue_disable_notification(VirtQueue *queue);
bool virtqueue_enable_notification(VirtQueue *queue);
/* Tell the driver of used buffers, unless it does not want to know. */
void virtqueue_notify(VirtQueue *queue);

/* Copy to the element's `in` from @offset on, telling the dirty log; returns bytes copied. */
size_t virtqueue_element_write(VirtQueueElement *element, size_t offset, const void *data,
                               size_t size);
/* Copy from the element's `out`. */
size_t virtqueue_element_read(const VirtQueueElement *element, size_t offset, void *data,
                              size_t size);

/* The device's configuration has changed. */
void virtio_notify_config(VirtIODevice *device);
/* The driver did what makes no sense: NEEDS_RESET, one message that names device and reason. */
void virtio_error(VirtIODevice *device, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * State of any virtio device (status, features, rings): first field of each device's own
 * description. In-flight elements are not part of it: a device keeps none over vm_running(false)
 * or pushes them back with unpop.
 */
extern const VMStateDescription vmstate_virtio_device;
#define VMSTATE_VIRTIO_DEVICE(field, state) \
    VMSTATE_STRUCT(field, state, vmstate_virtio_device, VirtIODevice)

/* ---- for transports ---- */
void virtio_reset(VirtIODevice *device);
void virtio_set_status(VirtIODevice *device, uint8_t status);
/* False: the driver chose what was not offered, or too late. */
bool virtio_set_guest_features(VirtIODevice *device, uint64_t features);
void virtio_queue_notified(VirtIODevice *device, unsigned index);
