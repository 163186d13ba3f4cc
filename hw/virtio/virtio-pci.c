/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The PCI function that carries a virtio device (OASIS virtio 1.2, section 4.1): identity, BARs,
 * interrupts, state. Its two register interfaces are in virtio-pci-legacy.c and
 * virtio-pci-modern.c, the types that users plug in virtio-pci-types.c.
 */
#include <string.h>

#include "trace-hw-virtio.h"
#include "util/report.h"
#include "virtio-pci-internal.h"

#define VECTORS_DEFAULT  UINT32_MAX /* as many as the type says */
#define MSIX_VECTORS_MAX 2048u
#define INTERRUPT_PIN_A  1

/* PCI revision ids (section 4.1.2.1). */
enum {
    REVISION_TRANSITIONAL = 0,
    REVISION_MODERN = 1,
};

OBJECT_DEFINE_ABSTRACT_TYPE(VirtIOPCI, VirtIOPCIClass, virtio_pci, "virtio-pci", TYPE_PCI_DEVICE);

/* ---- what both interfaces need ---- */

VirtQueue *virtio_pci_selected_queue(VirtIOPCI *self)
{
    VirtIODevice *device = self->device;

    return self->queue_select < device->queue_count ? device->queues[self->queue_select] : NULL;
}

uint16_t virtio_pci_vector(VirtIOPCI *self, uint64_t value)
{
    bool exists = self->parent.msix && value < pci_msix_vectors(&self->parent);

    return exists ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

uint8_t virtio_pci_take_isr(VirtIOPCI *self)
{
    uint8_t isr = self->device->isr;

    self->device->isr = 0;
    pci_set_irq(&self->parent, 0);
    return isr;
}

static void forget_negotiation(VirtIOPCI *self)
{
    self->queue_select = 0;
    self->device_feature_select = self->driver_feature_select = 0;
    memset(self->driver_features, 0, sizeof(self->driver_features));
    pci_set_irq(&self->parent, 0);
}

void virtio_pci_reset_device(VirtIOPCI *self)
{
    virtio_set_status(self->device, 0);
    forget_negotiation(self);
}

/* ---- interrupts ---- */

static void notify(void *opaque, uint16_t vector)
{
    VirtIOPCI *self = opaque;

    if (!pci_msix_enabled(&self->parent)) {
        pci_set_irq(&self->parent, 1); /* until the driver reads the interrupt status */
    } else if (vector != VIRTIO_NO_VECTOR) {
        pci_msix_notify(&self->parent, vector);
    }
}

static const VirtIOTransportOps transport_ops = {
    .notify_queue = notify,
    .notify_config = notify,
};

/* ---- configuration space ---- */

/* Without bus mastering the function must not touch guest memory. */
static void follow_bus_master(VirtIOPCI *self)
{
    VirtIODevice *device = self->device;
    bool disabled = !pci_bus_master_enabled(&self->parent);

    if (disabled == device->dma_disabled) {
        return;
    }
    device->dma_disabled = disabled;
    for (unsigned i = 0; !disabled && i < device->queue_count; i++) {
        if (virtqueue_ready(device->queues[i])) {
            virtqueue_schedule(device->queues[i]);
        }
    }
}

static void virtio_pci_config_written(PCIDevice *pci, unsigned offset, unsigned size)
{
    VirtIOPCI *self = VIRTIO_PCI(pci);

    follow_bus_master(self);
    virtio_pci_window_written(self, offset, size);
}

static void virtio_pci_config_read(PCIDevice *pci, unsigned offset, unsigned size)
{
    virtio_pci_window_read(VIRTIO_PCI(pci), offset, size);
}

static void set_identity(VirtIOPCI *self)
{
    const VirtIOPCIType *type = VIRTIO_PCI_GET_CLASS(self)->type;
    uint16_t device_type = VIRTIO_DEVICE_GET_CLASS(self->device)->device_type;
    uint8_t *config = self->parent.config;

    pci_set_word(config + PCI_VENDOR_ID, PCI_VENDOR_ID_VIRTIO);
    pci_set_word(config + PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_VIRTIO);
    if (self->legacy) {
        /* Legacy drivers know the device by the subsystem id. */
        pci_set_word(config + PCI_DEVICE_ID, type->transitional_id);
        pci_set_word(config + PCI_SUBSYSTEM_ID, device_type);
        config[PCI_REVISION_ID] = REVISION_TRANSITIONAL;
    } else {
        pci_set_word(config + PCI_DEVICE_ID, PCI_DEVICE_ID_VIRTIO_MODERN + device_type);
        pci_set_word(config + PCI_SUBSYSTEM_ID, PCI_SUBSYSTEM_ID_DEFAULT);
        config[PCI_REVISION_ID] = REVISION_MODERN;
    }
}

/* ---- device ---- */

static bool choose_interfaces(VirtIOPCI *self, GError **error)
{
    const char *choice = self->disable_legacy ? self->disable_legacy : "auto";
    const char *type = object_type_name(G_OBJECT_TYPE(self));

    switch (VIRTIO_PCI_GET_CLASS(self)->variant) {
    case VIRTIO_PCI_TRANSITIONAL:
        self->legacy = self->modern = true;
        return true;
    case VIRTIO_PCI_NON_TRANSITIONAL:
        self->legacy = false;
        self->modern = true;
        return true;
    default:
        break;
    }
    if (strcmp(choice, "on") && strcmp(choice, "off") && strcmp(choice, "auto")) {
        qc_error_set(error,
                     "%s: property 'disable-legacy' does not accept '%s', expected 'on', 'off' or "
                     "'auto'",
                     type, choice);
        return false;
    }
    self->legacy = strcmp(choice, "on") != 0; /* auto: a plain PCI bus, where old drivers look */
    self->modern = !self->disable_modern;
    if (!self->legacy && !self->modern) {
        qc_error_set(error,
                     "%s: device cannot work as neither modern nor legacy mode is enabled; set "
                     "either disable-modern or disable-legacy to off",
                     type);
        return false;
    }
    return true;
}

/* The table at the start of the BAR, the pending bits behind it. */
static bool realize_msix(VirtIOPCI *self, GError **error)
{
    uint32_t pending = 0x800;

    if (self->vectors == VECTORS_DEFAULT) {
        self->vectors = VIRTIO_PCI_GET_CLASS(self)->type->vectors;
    }
    if (self->vectors > MSIX_VECTORS_MAX) {
        qc_error_set(error, "%s: property 'vectors' is %u, expected at most %u",
                     object_type_name(G_OBJECT_TYPE(self)), self->vectors, MSIX_VECTORS_MAX);
        return false;
    }
    while (pending < self->vectors * PCI_MSIX_ENTRY_SIZE) {
        pending *= 2;
    }
    return self->vectors == 0 ||
           pci_msix_init(&self->parent, self->vectors, VIRTIO_PCI_BAR_MSIX, 0, pending, error);
}

static bool realize_device(VirtIOPCI *self, GError **error)
{
    VirtIODevice *device = self->device;
    g_autofree char *path = object_tree_path(G_OBJECT(self));
    Bus *bus = bus_new(TYPE_VIRTIO_BUS, DEVICE(self), "virtio-bus");

    device->transport = &transport_ops;
    device->transport_opaque = self;
    device->transport_features = self->modern ? UINT64_C(1) << VIRTIO_F_VERSION_1 : 0;
    device->dma_disabled = true;
    return object_tree_add(path, "virtio-backend", G_OBJECT(device), error) &&
           device_realize(g_object_ref(DEVICE(device)), bus, error);
}

static bool virtio_pci_realize(PCIDevice *pci, GError **error)
{
    VirtIOPCI *self = VIRTIO_PCI(pci);

    if (!choose_interfaces(self, error)) {
        return false;
    }
    set_identity(self);
    pci_set_interrupt_pin(pci, INTERRUPT_PIN_A);
    if (self->legacy) {
        virtio_pci_legacy_realize(self);
    }
    return realize_msix(self, error) && (!self->modern || virtio_pci_modern_realize(self, error)) &&
           realize_device(self, error);
}

/* The device itself is reset by its own handler. */
static void virtio_pci_reset(PCIDevice *pci)
{
    VirtIOPCI *self = VIRTIO_PCI(pci);

    forget_negotiation(self);
    follow_bus_master(self);
}

static bool virtio_pci_post_load(void *opaque, int version, GError **error)
{
    follow_bus_master(opaque);
    return true;
}

static const VMStateDescription vmstate_virtio_pci = {
    .name = "virtio-pci",
    .version = 1,
    .minimum_version = 1,
    .post_load = virtio_pci_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_PCI_DEVICE(parent, VirtIOPCI),
            VMSTATE_UINT16(queue_select, VirtIOPCI),
            VMSTATE_UINT32(device_feature_select, VirtIOPCI),
            VMSTATE_UINT32(driver_feature_select, VirtIOPCI),
            VMSTATE_UINT32_ARRAY(driver_features, VirtIOPCI),
            VMSTATE_END,
        },
};

static void virtio_pci_finalize(GObject *object)
{
    VirtIOPCI *self = (VirtIOPCI *)object;

    g_clear_object(&self->device);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_PCI_DEVICE))->finalize(object);
}

static const DeviceProperty virtio_pci_properties[] = {
    { "disable-legacy", "on, off or auto: without the interface for old drivers",
      DEVICE_PROPERTY_STRING, offsetof(VirtIOPCI, disable_legacy) },
    { "disable-modern", "without the interface of virtio 1", DEVICE_PROPERTY_BOOL,
      offsetof(VirtIOPCI, disable_modern) },
    { "vectors", "MSI-X vectors, 0: none", DEVICE_PROPERTY_UINT32, offsetof(VirtIOPCI, vectors),
      .default_value = VECTORS_DEFAULT },
};

static void virtio_pci_init(VirtIOPCI *self)
{
}

static void virtio_pci_class_init(VirtIOPCIClass *klass)
{
    PCIDeviceClass *pci_class = &klass->parent;
    DeviceClass *device_class = &pci_class->parent;

    G_OBJECT_CLASS(klass)->finalize = virtio_pci_finalize;
    device_class->vmsd = &vmstate_virtio_pci;
    pci_class->vendor_id = PCI_VENDOR_ID_VIRTIO;
    pci_class->realize = virtio_pci_realize;
    pci_class->reset = virtio_pci_reset;
    pci_class->config_written = virtio_pci_config_written;
    pci_class->config_read = virtio_pci_config_read;
    device_class_set_properties(device_class, virtio_pci_properties,
                                G_N_ELEMENTS(virtio_pci_properties));
}
