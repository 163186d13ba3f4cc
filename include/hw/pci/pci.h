/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * PCI devices and buses (PCI Local Bus Specification 3.0). Needs the BQL.
 *
 * A device is a subclass of PCIDevice: its class gives the identity, its realize registers BARs
 * and capabilities. Configuration space, mapping of BARs, interrupt lines, MSI and MSI-X, their
 * migration and reset are done here.
 */
#pragma once

#include "hw/core/device.h"
#include "hw/pci/pci-ids.h"
#include "hw/pci/pci-regs.h"
#include "migration/vmstate.h"
#include "system/memory.h"

#define TYPE_PCI_DEVICE         (pci_device_get_type()) /* abstract, "pci-device" */
#define PCI_DEVICE(o)           (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_PCI_DEVICE, PCIDevice))
#define PCI_DEVICE_GET_CLASS(o) (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_PCI_DEVICE, PCIDeviceClass))
#define TYPE_PCI_BUS            "PCI" /* user-visible name of the bus type */

#define PCI_CONFIG_SIZE           256
#define PCI_BAR_COUNT             6
#define PCI_DEVFN(slot, function) (((slot) << 3) | (function))
#define PCI_SLOT(devfn)           ((devfn) >> 3)
#define PCI_FUNCTION(devfn)       ((devfn)&7)

typedef struct PCIDevice PCIDevice;
typedef struct PCIMsix PCIMsix; /* pci-msix.c */

typedef struct PCIBar {
    MemoryRegion *region; /* the owner's; NULL: no such BAR */
    uint8_t type;         /* PCI_BASE_ADDRESS_* bits */
    uint64_t address;     /* where it is mapped now, PCI_BAR_UNMAPPED: nowhere */
} PCIBar;
#define PCI_BAR_UNMAPPED UINT64_MAX

struct PCIDevice {
    Device parent;
    char *addr_text;    /* property "addr": "SLOT[.FUNCTION]" in hex, or NULL: first free slot */
    bool multifunction; /* property "multifunction" */
    uint8_t devfn;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];        /* 1: the guest may write the bit */
    uint8_t write_one_clear[PCI_CONFIG_SIZE]; /* 1: writing 1 clears the bit */
    PCIBar bars[PCI_BAR_COUNT];
    uint8_t capability_end; /* first free byte of the capability area */
    bool line_level;        /* INTx as driven by the device */
    uint8_t msi;            /* offset of the capability; 0: none */
    PCIMsix *msix;          /* NULL: none */
};

typedef struct PCIDeviceClass {
    DeviceClass parent; /* leave parent.realize, unrealize and reset alone: use those below */
    uint16_t vendor_id, device_id;
    uint16_t class_id; /* PCI_CLASS_* */
    uint8_t revision;
    uint16_t subsystem_vendor_id, subsystem_id; /* 0: 1af4:1100 */
    bool (*realize)(PCIDevice *device, GError **error);
    void (*unrealize)(PCIDevice *device); /* NULL: cannot be unplugged */
    void (*reset)(PCIDevice *device);     /* after configuration space was reset */
    /* Device's own registers in configuration space: after the write took effect. May be NULL. */
    void (*config_written)(PCIDevice *device, unsigned offset, unsigned size);
    /* Before a read: bring config[] up to date. May be NULL. */
    void (*config_read)(PCIDevice *device, unsigned offset, unsigned size);
} PCIDeviceClass;

GType pci_device_get_type(void);

/*
 * BAR @n: @region, whose size is a power of two (16 bytes or more, ports 4 or more), decoded
 * while the guest has set it up. @type: PCI_BASE_ADDRESS_SPACE_IO, or _MEMORY with _MEM_TYPE_64
 * (takes two BARs) and _MEM_PREFETCH. From realize only.
 */
void pci_register_bar(PCIDevice *device, unsigned n, uint8_t type, MemoryRegion *region);

/* Interrupt pin 1 (A) to 4 (D); 0: none. From realize. */
void pci_set_interrupt_pin(PCIDevice *device, uint8_t pin);
/* Drive the device's pin. Ignored while the guest has set "interrupt disable". */
void pci_set_irq(PCIDevice *device, int level);

/*
 * Append a capability of @size bytes (id and next pointer included) to the list; returns its
 * offset, or 0 with an error when configuration space is full. From realize.
 */
uint8_t pci_add_capability(PCIDevice *device, uint8_t id, uint8_t size, GError **error);

/* Is the function allowed to read and write guest memory (command register)? */
bool pci_bus_master_enabled(const PCIDevice *device);
/* DMA; false when part of the range is no RAM or bus mastering is off. */
bool pci_dma_read(PCIDevice *device, hwaddr address, void *buffer, uint64_t length);
bool pci_dma_write(PCIDevice *device, hwaddr address, const void *buffer, uint64_t length);

/* ---- MSI (section 6.8.1) ---- */

/*
 * @vectors (1, 2, 4, 8, 16 or 32) messages; @maskable: one by one. While the guest has MSI on, what
 * the device drives its pin with is not seen. From realize.
 */
bool pci_msi_init(PCIDevice *device, unsigned vectors, bool maskable, GError **error);
bool pci_msi_enabled(const PCIDevice *device);
/* How many the guest grants of those that the device has; 0 while MSI is off. */
unsigned pci_msi_vectors(const PCIDevice *device);
/*
 * Send the message of @vector (below that of pci_msi_init()), or mark it pending while it is
 * masked. Of those that the guest does not grant, each shares one that it does.
 */
void pci_msi_notify(PCIDevice *device, unsigned vector);

/* ---- MSI-X (section 6.8.2) ---- */

/*
 * @vectors (1 to 2048) vectors; table at @table_offset and pending bits at @pba_offset of BAR @bar,
 * which is made here with a region of its own. From realize.
 */
bool pci_msix_init(PCIDevice *device, unsigned vectors, unsigned bar, uint32_t table_offset,
                   uint32_t pba_offset, GError **error);
void pci_msix_cleanup(PCIDevice *device);
bool pci_msix_enabled(const PCIDevice *device);
unsigned pci_msix_vectors(const PCIDevice *device);
/* Send the message of @vector, or mark it pending while it is masked. Range is checked. */
void pci_msix_notify(PCIDevice *device, unsigned vector);

/*
 * State of any PCI device (configuration space with MSI, line, MSI-X): first field of each device's
 * own description, as VMSTATE_PCI_DEVICE(member, State). Loading checks that identity and BAR kinds
 * agree and maps the BARs.
 */
extern const VMStateDescription vmstate_pci_device;
#define VMSTATE_PCI_DEVICE(field, state) VMSTATE_STRUCT(field, state, vmstate_pci_device, PCIDevice)

/* ---- buses ---- */

/* How a root bus reaches interrupt lines: pin 0..3 after swizzling by the slot's number. */
typedef void PCISetLine(void *opaque, unsigned line, int level);

/* A root bus below the host bridge @owner, with its lines unconnected. Borrowed. */
Bus *pci_bus_new(Device *owner, const char *name);
/* Who gets the bus's four lines from now on: called when the OR of what drives a line changes. */
void pci_bus_connect_lines(Bus *bus, PCISetLine *set_line, void *opaque);

/* The device at @devfn, or NULL. */
PCIDevice *pci_bus_device(Bus *bus, uint8_t devfn);
/* All devices of @bus in order of devfn. */
void pci_bus_foreach(Bus *bus, void (*visit)(PCIDevice *device, void *opaque), void *opaque);
/* A device of the board at a fixed place; failure is fatal. Borrowed. */
PCIDevice *pci_create_simple(Bus *bus, uint8_t devfn, const char *type_name);

/* Configuration accesses as the host bridge sees them; @size 1, 2 or 4, aligned. */
uint32_t pci_config_read(PCIDevice *device, unsigned offset, unsigned size);
void pci_config_write(PCIDevice *device, unsigned offset, uint32_t value, unsigned size);

static inline uint16_t pci_get_word(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t pci_get_long(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void pci_set_word(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void pci_set_long(uint8_t *p, uint32_t value)
{
    pci_set_word(p, (uint16_t)value);
    pci_set_word(p + 2, (uint16_t)(value >> 16));
}
