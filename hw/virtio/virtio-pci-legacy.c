/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The legacy interface (OASIS virtio 1.2, section 4.1.4.10): one block of ports with a header, then
 * the device's configuration. Queues have the size that the device says and lie in one piece.
 */
#include "system/memory.h"
#include "trace-hw-virtio.h"
#include "virtio-pci-internal.h"

enum {
    LEGACY_DEVICE_FEATURES = 0,
    LEGACY_DRIVER_FEATURES = 4,
    LEGACY_QUEUE_PAGE = 8,
    LEGACY_QUEUE_SIZE = 12,
    LEGACY_QUEUE_SELECT = 14,
    LEGACY_QUEUE_NOTIFY = 16,
    LEGACY_STATUS = 18,
    LEGACY_ISR = 19,
    LEGACY_CONFIG_VECTOR = 20, /* these two only while MSI-X is enabled */
    LEGACY_QUEUE_VECTOR = 22,
    LEGACY_HEADER_SIZE = 20,
    LEGACY_HEADER_SIZE_MSIX = 24,
};

static unsigned header_size(const VirtIOPCI *self)
{
    return pci_msix_enabled(&self->parent) ? LEGACY_HEADER_SIZE_MSIX : LEGACY_HEADER_SIZE;
}

static uint64_t header_load(VirtIOPCI *self, unsigned address)
{
    VirtIODevice *device = self->device;
    VirtQueue *queue = virtio_pci_selected_queue(self);

    switch (address) {
    case LEGACY_DEVICE_FEATURES:
        return (uint32_t)device->host_features;
    case LEGACY_DRIVER_FEATURES:
        return (uint32_t)device->guest_features;
    case LEGACY_QUEUE_PAGE:
        return queue && queue->enabled ? queue->descriptors >> VIRTIO_LEGACY_PAGE_SHIFT : 0;
    case LEGACY_QUEUE_SIZE:
        return queue ? queue->maximum : 0;
    case LEGACY_QUEUE_SELECT:
        return self->queue_select;
    case LEGACY_STATUS:
        return device->status;
    case LEGACY_ISR:
        return virtio_pci_take_isr(self);
    case LEGACY_CONFIG_VECTOR:
        return device->config_vector;
    case LEGACY_QUEUE_VECTOR:
        return queue ? queue->vector : VIRTIO_NO_VECTOR;
    default:
        return UINT64_MAX;
    }
}

static void status_store(VirtIOPCI *self, uint8_t status)
{
    if (status == 0) {
        virtio_pci_reset_device(self);
    } else {
        virtio_set_status(self->device, status);
    }
}

static void header_store(VirtIOPCI *self, unsigned address, uint64_t value)
{
    VirtIODevice *device = self->device;
    VirtQueue *queue = virtio_pci_selected_queue(self);

    switch (address) {
    case LEGACY_DRIVER_FEATURES:
        /* There is no way to refuse: what was not offered is left out. */
        virtio_set_guest_features(device, value & (uint32_t)device->host_features);
        break;
    case LEGACY_QUEUE_PAGE:
        if (queue) {
            virtio_queue_set_legacy_page(queue, (uint32_t)value);
        }
        break;
    case LEGACY_QUEUE_SELECT:
        self->queue_select = (uint16_t)value;
        break;
    case LEGACY_QUEUE_NOTIFY:
        virtio_queue_notified(device, (uint16_t)value);
        break;
    case LEGACY_STATUS:
        status_store(self, (uint8_t)value);
        break;
    case LEGACY_CONFIG_VECTOR:
        device->config_vector = virtio_pci_vector(self, value);
        break;
    case LEGACY_QUEUE_VECTOR:
        if (queue) {
            queue->vector = virtio_pci_vector(self, value);
        }
        break;
    default:
        break; /* read only */
    }
}

static uint64_t legacy_read(void *opaque, hwaddr address, unsigned size)
{
    VirtIOPCI *self = opaque;
    unsigned header = header_size(self);
    uint64_t value = address < header ? header_load(self, (unsigned)address)
                                      : virtio_config_load(self->device, address - header, size);

    trace_virtio_pci_legacy_read((unsigned)address, size, value);
    return value;
}

static void legacy_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    VirtIOPCI *self = opaque;
    unsigned header = header_size(self);

    trace_virtio_pci_legacy_write((unsigned)address, size, value);
    if (address < header) {
        header_store(self, (unsigned)address, value);
    } else {
        virtio_config_store(self->device, address - header, value, size);
    }
}

static const MemoryRegionOps legacy_ops = {
    .read = legacy_read,
    .write = legacy_write,
    .access_min = 1,
    .access_max = 4,
};

void virtio_pci_legacy_realize(VirtIOPCI *self)
{
    size_t needed = LEGACY_HEADER_SIZE_MSIX + VIRTIO_DEVICE_GET_CLASS(self->device)->config_size;
    uint64_t size = 32;

    while (size < needed) {
        size *= 2;
    }
    memory_region_init_io(&self->legacy_ports, "virtio-pci-legacy", &legacy_ops, self, size);
    pci_register_bar(&self->parent, VIRTIO_PCI_BAR_LEGACY, PCI_BASE_ADDRESS_SPACE_IO,
                     &self->legacy_ports);
}
