/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Intel 440FX host bridge (82441FX data sheet, chapter 3): configuration mechanism 1 (PCI Local Bus
 * Specification 3.0, section 3.2.2.3.2) and the bridge's own function. The registers that say
 * which parts of c0000-fffff are memory (PAM, SMRAM) keep what is written and do nothing: there is
 * no ROM to be shadowed, all of it is memory.
 */
#include "hw/pci/i440fx.h"

#include "migration/vmstate.h"
#include "trace-hw-pci.h"
#include "util/report.h"

enum {
    CONFIG_PORTS = 4,
    RESET_CONTROL_OFFSET = 1,

    REGISTER_PAM = 0x59,
    PAM_COUNT = 7,
    REGISTER_SMRAM = 0x72,
    SMRAM_DEFAULT = 0x02,
    SMRAM_WRITABLE = 0x78,
    I440FX_REVISION = 2,
};

#define CONFIG_ENABLE 0x80000000u
/* Bits 30:24 and 1:0 are reserved and read as zero. */
#define CONFIG_ADDRESS_MASK 0x80fffffcu

/* ---- the processor's side ---- */

typedef struct I440FXHost {
    Device parent;
    Bus *bus; /* owned by parent.child_buses */
    MemoryRegion address_ports, data_ports;
    MemoryRegion *reset_control; /* NULL: none */
    uint32_t config_address;
} I440FXHost;

OBJECT_DEFINE_TYPE(I440FXHost, DeviceClass, i440fx_host, TYPE_I440FX_HOST, TYPE_DEVICE);

#define I440FX_HOST(o) (G_TYPE_CHECK_INSTANCE_CAST((o), i440fx_host_get_type(), I440FXHost))

static uint64_t all_ones(unsigned size)
{
    return UINT32_MAX >> (32 - 8 * size);
}

/* Only dwords are the address register; narrower accesses pass the bridge by. */
static uint64_t address_read(void *opaque, hwaddr address, unsigned size)
{
    I440FXHost *host = opaque;

    if (size == CONFIG_PORTS) {
        return host->config_address;
    }
    if (size == 1 && address == RESET_CONTROL_OFFSET && host->reset_control) {
        return memory_region_load(host->reset_control, 0, 1);
    }
    return all_ones(size);
}

static void address_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    I440FXHost *host = opaque;

    if (size == CONFIG_PORTS) {
        host->config_address = (uint32_t)value & CONFIG_ADDRESS_MASK;
    } else if (size == 1 && address == RESET_CONTROL_OFFSET && host->reset_control) {
        memory_region_store(host->reset_control, 0, value, 1);
    }
}

/* The function that the address register selects; NULL: disabled, another bus, nobody there. */
static PCIDevice *selected_device(const I440FXHost *host)
{
    uint32_t address = host->config_address;

    if (!(address & CONFIG_ENABLE) || (address >> 16 & 0xff) != 0) {
        return NULL;
    }
    return pci_bus_device(host->bus, (uint8_t)(address >> 8));
}

static uint64_t data_read(void *opaque, hwaddr address, unsigned size)
{
    I440FXHost *host = opaque;
    PCIDevice *device = selected_device(host);

    if (!device) {
        return all_ones(size);
    }
    return pci_config_read(device, (host->config_address & 0xff) + (unsigned)address, size);
}

static void data_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    I440FXHost *host = opaque;
    PCIDevice *device = selected_device(host);

    if (device) {
        pci_config_write(device, (host->config_address & 0xff) + (unsigned)address, (uint32_t)value,
                         size);
    }
}

static const MemoryRegionOps address_ops = {
    .read = address_read,
    .write = address_write,
    .access_min = 1,
    .access_max = 4,
};

static const MemoryRegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .access_min = 1,
    .access_max = 4,
};

static bool i440fx_host_realize(Device *device, GError **error)
{
    I440FXHost *self = I440FX_HOST(device);

    memory_region_init_io(&self->address_ports, "pci-config-address", &address_ops, self,
                          CONFIG_PORTS);
    memory_region_init_io(&self->data_ports, "pci-config-data", &data_ops, self, CONFIG_PORTS);
    address_space_map(address_space_io(), PCI_CONFIG_ADDRESS_PORT, &self->address_ports, 0);
    address_space_map(address_space_io(), PCI_CONFIG_DATA_PORT, &self->data_ports, 0);
    self->bus = pci_bus_new(device, "pci.0");
    return true;
}

static void i440fx_host_reset(Device *device)
{
    I440FX_HOST(device)->config_address = 0;
}

static bool i440fx_host_post_load(void *opaque, int version, GError **error)
{
    I440FXHost *self = opaque;

    self->config_address &= CONFIG_ADDRESS_MASK;
    return true;
}

static const VMStateDescription vmstate_i440fx_host = {
    .name = TYPE_I440FX_HOST,
    .version = 1,
    .minimum_version = 1,
    .post_load = i440fx_host_post_load,
    .fields = (const VMStateField[]){ VMSTATE_UINT32(config_address, I440FXHost), VMSTATE_END },
};

static void i440fx_host_init(I440FXHost *self)
{
}

static void i440fx_host_class_init(DeviceClass *klass)
{
    klass->description = "440FX host bridge, processor side";
    klass->category = "Controller/Bridge/Hub";
    klass->vmsd = &vmstate_i440fx_host;
    klass->realize = i440fx_host_realize;
    klass->reset = i440fx_host_reset;
}

/* ---- the function at 00.0 ---- */

typedef struct I440FX {
    PCIDevice parent;
} I440FX;

OBJECT_DEFINE_TYPE(I440FX, PCIDeviceClass, i440fx, TYPE_I440FX, TYPE_PCI_DEVICE);

static bool i440fx_realize(PCIDevice *device, GError **error)
{
    for (unsigned i = 0; i < PAM_COUNT; i++) {
        device->writable[REGISTER_PAM + i] = 0x33;
    }
    device->writable[REGISTER_PAM] = 0x30; /* its low half is reserved */
    device->config[REGISTER_SMRAM] = SMRAM_DEFAULT;
    device->writable[REGISTER_SMRAM] = SMRAM_WRITABLE;
    return true;
}

static const VMStateDescription vmstate_i440fx = {
    .name = TYPE_I440FX,
    .version = 1,
    .minimum_version = 1,
    .fields = (const VMStateField[]){ VMSTATE_PCI_DEVICE(parent, I440FX), VMSTATE_END },
};

static void i440fx_init(I440FX *self)
{
}

static void i440fx_class_init(PCIDeviceClass *klass)
{
    klass->parent.description = "Host bridge";
    klass->parent.category = "Controller/Bridge/Hub";
    klass->parent.vmsd = &vmstate_i440fx;
    klass->vendor_id = PCI_VENDOR_ID_INTEL;
    klass->device_id = PCI_DEVICE_ID_INTEL_82441FX;
    klass->class_id = PCI_CLASS_BRIDGE_HOST;
    klass->revision = I440FX_REVISION;
    klass->realize = i440fx_realize;
}

Bus *i440fx_create(void)
{
    Device *host = device_new(TYPE_I440FX_HOST);

    device_realize_named_or_exit(host, NULL, "i440fx");
    Bus *bus = I440FX_HOST(host)->bus;
    pci_create_simple(bus, PCI_DEVFN(0, 0), TYPE_I440FX);
    return bus;
}

void i440fx_set_reset_control(Bus *bus, MemoryRegion *region)
{
    I440FX_HOST(bus->owner)->reset_control = region;
}
