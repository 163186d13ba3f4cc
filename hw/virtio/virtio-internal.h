/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the files of virtio share: the queue as transports configure and migrate it. */
#pragma once

#include "hw/virtio/virtio.h"

/*
 * A fence between accesses to rings that the guest's processors share. gcc refuses the usual one
 * where ThreadSanitizer is on, which knows neither.
 */
#ifdef __SANITIZE_THREAD__
#define ring_fence(order) __sync_synchronize()
#else
#define ring_fence(order) __atomic_thread_fence(order)
#endif

/* Bits of VirtIODevice.isr (section 4.1.4.5). */
enum {
    VIRTIO_ISR_QUEUE = 1,
    VIRTIO_ISR_CONFIG = 2,
};

/* What legacy drivers alone are offered (section 6.3). */
#define VIRTIO_LEGACY_FEATURES \
    (UINT64_C(1) << VIRTIO_F_NOTIFY_ON_EMPTY | UINT64_C(1) << VIRTIO_F_ANY_LAYOUT)

/* Legacy layout (section 2.7.2): the three parts behind each other, `used` on a new page. */
#define VIRTIO_LEGACY_ALIGN      4096
#define VIRTIO_LEGACY_PAGE_SHIFT 12

/* A part of a ring in guest memory: contiguous RAM of one block. */
typedef struct VirtRingPart {
    uint8_t *host; /* NULL: not looked up */
    RAMBlock *block;
    uint64_t offset; /* in the block */
} VirtRingPart;

struct VirtQueue {
    VirtIODevice *device;
    uint16_t index;
    uint16_t maximum; /* descriptors, as the device made it */
    bool deferred;
    bool scheduled; /* the handler will run in the main loop */
    void (*handle)(VirtIODevice *device, VirtQueue *queue);

    /* Set by the driver; checked when the rings are looked up. */
    uint16_t size;
    uint16_t vector;
    bool enabled;
    uint64_t descriptors, available, used; /* guest physical */

    /* Where we are. */
    uint16_t last_available; /* next entry of the available ring to take */
    uint16_t used_index;     /* next entry of the used ring to fill */
    uint16_t signalled_used; /* used_index at the last interrupt, if `signalled_valid` */
    bool signalled_valid;
    bool notification;            /* the driver shall notify */
    uint16_t in_use;              /* elements taken and not yet published */
    uint16_t filled;              /* entries filled ahead of used_index, not yet published */
    uint32_t epoch;               /* counts resets: elements of an older one are dead */
    uint16_t wire_last_available; /* as it travels: without elements in use */

    /* Looked up for address space generation `map_generation`. */
    bool mapped;
    unsigned map_generation;
    uint64_t map_features; /* guest_features it was done for */
    VirtRingPart descriptor_part, available_part, used_part;
};

/* ---- virtqueue.c ---- */

/* Make sure that the rings are looked up; a ring that makes no sense breaks the device. */
bool virtqueue_map(VirtQueue *queue);
/* Forget what was looked up (addresses have changed). */
void virtqueue_unmap(VirtQueue *queue);
/*
 * The head of chain number @ahead of those available (0: the next one). False: there are not as
 * many, or the device is (now) broken.
 */
bool virtqueue_peek_head(VirtQueue *queue, unsigned ahead, uint16_t *head);
/* The next chain was taken; the driver may have to be asked to notify of more. */
void virtqueue_advance(VirtQueue *queue);
/* Contiguous RAM at @address, or false. @writable: ROM does not count. */
bool virtio_ram_find(hwaddr address, uint64_t length, bool writable, VirtRingPart *part);
/* Power-on state. */
void virtqueue_reset(VirtQueue *queue);

/* ---- virtqueue-element.c ---- */

/* Tell the dirty log of the first @written bytes of the element's `in`. */
void virtqueue_element_written(VirtQueueElement *element, uint64_t written);
uint32_t virtqueue_element_epoch(const VirtQueueElement *element);

/* ---- virtio.c ---- */

/* "virtio-net-pci 'net0'": how messages name the device. Free with g_free(). */
char *virtio_device_label(VirtIODevice *device);
/* Legacy: the ring at guest page number @page, 0: none. */
void virtio_queue_set_legacy_page(VirtQueue *queue, uint32_t page);
void virtio_read_config(VirtIODevice *device, uint8_t *config);
/* One access to the device configuration; @offset and @size need no check before. */
uint64_t virtio_config_load(VirtIODevice *device, uint64_t offset, unsigned size);
void virtio_config_store(VirtIODevice *device, uint64_t offset, uint64_t value, unsigned size);
/* Handlers run, or are held back, from now on. */
void virtio_vm_state_changed(VirtIODevice *device, bool running);
