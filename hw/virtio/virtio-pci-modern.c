/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The interface of virtio 1 (OASIS virtio 1.2, section 4.1.4): four structures in one memory BAR,
 * found through vendor capabilities, and a fifth capability that reaches them through configuration
 * space.
 */
#include "system/memory.h"
#include "trace-hw-virtio.h"
#include "util/report.h"
#include "virtio-pci-internal.h"

/* Where the structures are in the BAR: a page each. */
enum {
    COMMON_OFFSET = 0x0000,
    ISR_OFFSET = 0x1000,
    DEVICE_OFFSET = 0x2000,
    NOTIFY_OFFSET = 0x3000,
    MODERN_SIZE = 0x4000,
    STRUCTURE_SIZE = 0x1000,
    NOTIFY_MULTIPLIER = 4,
};

/* Vendor capabilities (section 4.1.4). */
enum {
    CAP_LENGTH = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_REGION_LENGTH = 12,
    CAP_SIZE = 16,
    CAP_NOTIFY_MULTIPLIER = 16,
    CAP_NOTIFY_SIZE = 20,
    CAP_WINDOW_DATA = 16,
    CAP_WINDOW_SIZE = 20,
    CAP_TYPE_COMMON = 1,
    CAP_TYPE_NOTIFY = 2,
    CAP_TYPE_ISR = 3,
    CAP_TYPE_DEVICE = 4,
    CAP_TYPE_WINDOW = 5,
};

/* The common structure (section 4.1.4.3). */
enum {
    COMMON_DEVICE_FEATURE_SELECT = 0,
    COMMON_DEVICE_FEATURE = 4,
    COMMON_DRIVER_FEATURE_SELECT = 8,
    COMMON_DRIVER_FEATURE = 12,
    COMMON_CONFIG_VECTOR = 16,
    COMMON_QUEUE_COUNT = 18,
    COMMON_STATUS = 20,
    COMMON_GENERATION = 21,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_VECTOR = 26,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY_OFFSET = 30,
    COMMON_QUEUE_DESCRIPTORS = 32,
    COMMON_QUEUE_AVAILABLE = 40,
    COMMON_QUEUE_USED = 48,
};

/* ---- common structure ---- */

static uint32_t device_features(const VirtIOPCI *self)
{
    uint64_t features = self->device->host_features & ~VIRTIO_LEGACY_FEATURES;

    return self->device_feature_select > 1
               ? 0
               : (uint32_t)(features >> (32 * self->device_feature_select));
}

static uint64_t queue_load(VirtQueue *queue, unsigned address)
{
    switch (address) {
    case COMMON_QUEUE_SIZE:
        return queue->size;
    case COMMON_QUEUE_VECTOR:
        return queue->vector;
    case COMMON_QUEUE_ENABLE:
        return queue->enabled;
    case COMMON_QUEUE_NOTIFY_OFFSET:
        return queue->index;
    case COMMON_QUEUE_DESCRIPTORS:
        return (uint32_t)queue->descriptors;
    case COMMON_QUEUE_DESCRIPTORS + 4:
        return queue->descriptors >> 32;
    case COMMON_QUEUE_AVAILABLE:
        return (uint32_t)queue->available;
    case COMMON_QUEUE_AVAILABLE + 4:
        return queue->available >> 32;
    case COMMON_QUEUE_USED:
        return (uint32_t)queue->used;
    case COMMON_QUEUE_USED + 4:
        return queue->used >> 32;
    default:
        return 0;
    }
}

static uint64_t common_load(VirtIOPCI *self, unsigned address)
{
    VirtIODevice *device = self->device;
    VirtQueue *queue = virtio_pci_selected_queue(self);

    switch (address) {
    case COMMON_DEVICE_FEATURE_SELECT:
        return self->device_feature_select;
    case COMMON_DEVICE_FEATURE:
        return device_features(self);
    case COMMON_DRIVER_FEATURE_SELECT:
        return self->driver_feature_select;
    case COMMON_DRIVER_FEATURE:
        return self->driver_feature_select > 1 ? 0
                                               : self->driver_features[self->driver_feature_select];
    case COMMON_CONFIG_VECTOR:
        return device->config_vector;
    case COMMON_QUEUE_COUNT:
        return device->queue_count;
    case COMMON_STATUS:
        return device->status;
    case COMMON_GENERATION:
        return (uint8_t)device->config_generation;
    case COMMON_QUEUE_SELECT:
        return self->queue_select;
    default:
        return queue ? queue_load(queue, address) : 0; /* size 0: there is no such queue */
    }
}

static void set_low(uint64_t *address, uint64_t value)
{
    *address = (*address & ~UINT64_C(0xffffffff)) | (uint32_t)value;
}

static void set_high(uint64_t *address, uint64_t value)
{
    *address = (uint32_t)*address | value << 32;
}

/* Registers of a queue, which its driver must leave alone once it is enabled. */
static void queue_store(VirtQueue *queue, unsigned address, uint64_t value)
{
    if (queue->enabled) {
        log_write(LOG_GUEST_ERRORS, "virtio: queue %u is enabled, register %u not written\n",
                  queue->index, address);
        return;
    }
    switch (address) {
    case COMMON_QUEUE_SIZE:
        queue->size = (uint16_t)value;
        break;
    case COMMON_QUEUE_ENABLE:
        queue->enabled = value == 1;
        virtqueue_unmap(queue);
        break;
    case COMMON_QUEUE_DESCRIPTORS:
        set_low(&queue->descriptors, value);
        break;
    case COMMON_QUEUE_DESCRIPTORS + 4:
        set_high(&queue->descriptors, value);
        break;
    case COMMON_QUEUE_AVAILABLE:
        set_low(&queue->available, value);
        break;
    case COMMON_QUEUE_AVAILABLE + 4:
        set_high(&queue->available, value);
        break;
    case COMMON_QUEUE_USED:
        set_low(&queue->used, value);
        break;
    case COMMON_QUEUE_USED + 4:
        set_high(&queue->used, value);
        break;
    default:
        break; /* read only */
    }
}

/* Section 3.1.1: FEATURES_OK stays off when the choice is refused, and without it there is no
 * DRIVER_OK. A driver of this interface must know virtio 1. */
static void status_store(VirtIOPCI *self, uint8_t status)
{
    VirtIODevice *device = self->device;
    uint64_t features = self->driver_features[0] | (uint64_t)self->driver_features[1] << 32;

    if (status == 0) {
        virtio_pci_reset_device(self);
        return;
    }
    if (status & VIRTIO_STATUS_FEATURES_OK && !(device->status & VIRTIO_STATUS_FEATURES_OK) &&
        (!(features >> VIRTIO_F_VERSION_1 & 1) || !virtio_set_guest_features(device, features))) {
        status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    }
    if (!(status & VIRTIO_STATUS_FEATURES_OK)) {
        status &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
    }
    virtio_set_status(device, status);
}

static void common_store(VirtIOPCI *self, unsigned address, uint64_t value)
{
    VirtIODevice *device = self->device;
    VirtQueue *queue = virtio_pci_selected_queue(self);

    switch (address) {
    case COMMON_DEVICE_FEATURE_SELECT:
        self->device_feature_select = (uint32_t)value;
        break;
    case COMMON_DRIVER_FEATURE_SELECT:
        self->driver_feature_select = (uint32_t)value;
        break;
    case COMMON_DRIVER_FEATURE:
        if (self->driver_feature_select < G_N_ELEMENTS(self->driver_features)) {
            self->driver_features[self->driver_feature_select] = (uint32_t)value;
        }
        break;
    case COMMON_CONFIG_VECTOR:
        device->config_vector = virtio_pci_vector(self, value);
        break;
    case COMMON_STATUS:
        status_store(self, (uint8_t)value);
        break;
    case COMMON_QUEUE_SELECT:
        self->queue_select = (uint16_t)value;
        break;
    case COMMON_QUEUE_VECTOR:
        if (queue) {
            queue->vector = virtio_pci_vector(self, value);
        }
        break;
    default:
        if (queue) {
            queue_store(queue, address, value);
        }
        break;
    }
}

/* ---- the BAR ---- */

static uint64_t modern_read(void *opaque, hwaddr address, unsigned size)
{
    VirtIOPCI *self = opaque;
    unsigned offset = address % STRUCTURE_SIZE;
    uint64_t value = 0;

    switch (address - offset) {
    case COMMON_OFFSET:
        value = common_load(self, offset);
        break;
    case ISR_OFFSET:
        value = offset == 0 ? virtio_pci_take_isr(self) : 0;
        break;
    case DEVICE_OFFSET:
        value = virtio_config_load(self->device, offset, size);
        break;
    default:
        break; /* notifications are only written */
    }
    trace_virtio_pci_modern_read((unsigned)address, size, value);
    return value;
}

static void modern_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    VirtIOPCI *self = opaque;
    unsigned offset = address % STRUCTURE_SIZE;

    trace_virtio_pci_modern_write((unsigned)address, size, value);
    switch (address - offset) {
    case COMMON_OFFSET:
        common_store(self, offset, value);
        break;
    case DEVICE_OFFSET:
        virtio_config_store(self->device, offset, value, size);
        break;
    case NOTIFY_OFFSET:
        virtio_queue_notified(self->device, offset / NOTIFY_MULTIPLIER);
        break;
    default:
        break; /* the interrupt status is read only */
    }
}

static const MemoryRegionOps modern_ops = {
    .read = modern_read,
    .write = modern_write,
    .access_min = 1,
    .access_max = 4,
};

/* ---- capabilities ---- */

static uint8_t add_capability(VirtIOPCI *self, uint8_t type, uint8_t size, uint32_t offset,
                              uint32_t length, GError **error)
{
    PCIDevice *pci = &self->parent;
    uint8_t position = pci_add_capability(pci, PCI_CAP_ID_VENDOR, size, error);

    if (position) {
        uint8_t *capability = pci->config + position;
        capability[CAP_LENGTH] = size;
        capability[CAP_TYPE] = type;
        capability[CAP_BAR] = type == CAP_TYPE_WINDOW ? 0 : VIRTIO_PCI_BAR_MODERN;
        pci_set_long(capability + CAP_OFFSET, offset);
        pci_set_long(capability + CAP_REGION_LENGTH, length);
    }
    return position;
}

static bool add_window(VirtIOPCI *self, GError **error)
{
    self->window = add_capability(self, CAP_TYPE_WINDOW, CAP_WINDOW_SIZE, 0, 0, error);
    if (!self->window) {
        return false;
    }
    uint8_t *writable = self->parent.writable + self->window;
    writable[CAP_BAR] = 0xff;
    for (unsigned i = CAP_OFFSET; i < CAP_WINDOW_SIZE; i++) {
        writable[i] = 0xff;
    }
    return true;
}

bool virtio_pci_modern_realize(VirtIOPCI *self, GError **error)
{
    memory_region_init_io(&self->modern_registers, "virtio-pci-modern", &modern_ops, self,
                          MODERN_SIZE);
    pci_register_bar(&self->parent, VIRTIO_PCI_BAR_MODERN,
                     PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64 |
                         PCI_BASE_ADDRESS_MEM_PREFETCH,
                     &self->modern_registers);
    if (!add_capability(self, CAP_TYPE_COMMON, CAP_SIZE, COMMON_OFFSET, STRUCTURE_SIZE, error) ||
        !add_capability(self, CAP_TYPE_ISR, CAP_SIZE, ISR_OFFSET, STRUCTURE_SIZE, error) ||
        !add_capability(self, CAP_TYPE_DEVICE, CAP_SIZE, DEVICE_OFFSET, STRUCTURE_SIZE, error)) {
        return false;
    }
    uint8_t notify = add_capability(self, CAP_TYPE_NOTIFY, CAP_NOTIFY_SIZE, NOTIFY_OFFSET,
                                    STRUCTURE_SIZE, error);
    if (!notify) {
        return false;
    }
    pci_set_long(self->parent.config + notify + CAP_NOTIFY_MULTIPLIER, NOTIFY_MULTIPLIER);
    return add_window(self, error);
}

/* ---- the window in configuration space ---- */

/* Does an access to configuration space concern the window's data, and is the window set up? */
static bool window_used(const VirtIOPCI *self, unsigned offset, unsigned size, uint32_t *address,
                        uint32_t *length)
{
    const uint8_t *capability = self->parent.config + self->window;
    unsigned data = self->window + CAP_WINDOW_DATA;

    if (!self->window || offset >= data + 4 || offset + size <= data) {
        return false;
    }
    *address = pci_get_long(capability + CAP_OFFSET);
    *length = pci_get_long(capability + CAP_REGION_LENGTH);
    return capability[CAP_BAR] == VIRTIO_PCI_BAR_MODERN &&
           (*length == 1 || *length == 2 || *length == 4) && *address % *length == 0 &&
           *address <= MODERN_SIZE - *length;
}

void virtio_pci_window_read(VirtIOPCI *self, unsigned offset, unsigned size)
{
    uint32_t address;
    uint32_t length;

    if (window_used(self, offset, size, &address, &length)) {
        pci_set_long(self->parent.config + self->window + CAP_WINDOW_DATA,
                     (uint32_t)memory_region_load(&self->modern_registers, address, length));
    }
}

void virtio_pci_window_written(VirtIOPCI *self, unsigned offset, unsigned size)
{
    uint32_t address;
    uint32_t length;

    if (window_used(self, offset, size, &address, &length)) {
        uint32_t value = pci_get_long(self->parent.config + self->window + CAP_WINDOW_DATA);
        memory_region_store(&self->modern_registers, address, value, length);
    }
}
