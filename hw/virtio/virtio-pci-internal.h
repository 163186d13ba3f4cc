/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The PCI function of a virtio device, as its two interfaces see it. */
#pragma once

#include "hw/virtio/virtio-pci.h"
#include "virtio-internal.h"

#define TYPE_VIRTIO_PCI         (virtio_pci_get_type()) /* abstract, "virtio-pci" */
#define VIRTIO_PCI(o)           (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_VIRTIO_PCI, VirtIOPCI))
#define VIRTIO_PCI_GET_CLASS(o) (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_VIRTIO_PCI, VirtIOPCIClass))

enum {
    VIRTIO_PCI_BAR_LEGACY = 0,
    VIRTIO_PCI_BAR_MSIX = 1,
    VIRTIO_PCI_BAR_MODERN = 4,
};

/* Which interfaces a type has, where properties do not decide. */
typedef enum VirtIOPCIVariant {
    VIRTIO_PCI_GENERIC, /* disable-legacy and disable-modern say */
    VIRTIO_PCI_TRANSITIONAL,
    VIRTIO_PCI_NON_TRANSITIONAL,
} VirtIOPCIVariant;

typedef struct VirtIOPCI {
    PCIDevice parent;
    VirtIODevice *device; /* owned */
    char *disable_legacy; /* property */
    bool disable_modern;  /* property */
    uint32_t vectors;     /* property */
    bool legacy, modern;  /* the interfaces that there are */
    MemoryRegion legacy_ports, modern_registers;
    uint8_t window; /* offset of the configuration access capability */
    uint16_t queue_select;
    uint32_t device_feature_select, driver_feature_select;
    uint32_t driver_features[2];
} VirtIOPCI;

typedef struct VirtIOPCIClass {
    PCIDeviceClass parent;
    const VirtIOPCIType *type;
    VirtIOPCIVariant variant;
} VirtIOPCIClass;

GType virtio_pci_get_type(void);

/* ---- virtio-pci.c ---- */

/* The queue that the driver has selected, or NULL. */
VirtQueue *virtio_pci_selected_queue(VirtIOPCI *self);
/* What the driver wrote as an MSI-X vector, or VIRTIO_NO_VECTOR when there is no such. */
uint16_t virtio_pci_vector(VirtIOPCI *self, uint64_t value);
/* Read and acknowledge the interrupt status; lowers the line. */
uint8_t virtio_pci_take_isr(VirtIOPCI *self);
/* The driver has written 0 to the status. */
void virtio_pci_reset_device(VirtIOPCI *self);

/* ---- virtio-pci-legacy.c ---- */
void virtio_pci_legacy_realize(VirtIOPCI *self);

/* ---- virtio-pci-modern.c ---- */
bool virtio_pci_modern_realize(VirtIOPCI *self, GError **error);
/* Accesses through configuration space (section 4.1.4.9), before a read and after a write. */
void virtio_pci_window_read(VirtIOPCI *self, unsigned offset, unsigned size);
void virtio_pci_window_written(VirtIOPCI *self, unsigned offset, unsigned size);
