/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * PCI functions (PCI Local Bus Specification 3.0, chapter 6): configuration space, base address
 * registers and where they put a device's registers, interrupt pin, capabilities.
 */
#include "hw/pci/pci.h"

#include <string.h>

#include "hw/pci/pci-internal.h"
#include "trace-hw-pci.h"
#include "util/bytes.h"
#include "util/report.h"

#define BAR_OFFSET(n) (PCI_BASE_ADDRESS_0 + 4u * (n))

enum {
    COMMAND_WRITABLE = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                       PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
    STATUS_WRITE_ONE_CLEAR = 0xf900, /* errors */
    BAR_MEMORY_MIN = 16,
    BAR_IO_MIN = 4,
    IO_PORT_LAST = 0xffff,
    CAPABILITY_ALIGNMENT = 4,
};

/* ---- base address registers ---- */

static bool bar_is_io(const PCIBar *bar)
{
    return bar->type & PCI_BASE_ADDRESS_SPACE_IO;
}

static bool bar_is_64_bit(const PCIBar *bar)
{
    return !bar_is_io(bar) && (bar->type & PCI_BASE_ADDRESS_MEM_TYPE_64);
}

static AddressSpace *bar_space(const PCIBar *bar)
{
    return bar_is_io(bar) ? address_space_io() : address_space_memory();
}

void pci_register_bar(PCIDevice *device, unsigned n, uint8_t type, MemoryRegion *region)
{
    PCIBar *bar = &device->bars[n];
    uint64_t mask = ~(region->size - 1);

    g_assert(n < PCI_BAR_COUNT && !bar->region);
    *bar = (PCIBar){ .region = region, .type = type, .address = PCI_BAR_UNMAPPED };
    g_assert((region->size & (region->size - 1)) == 0);
    g_assert(region->size >= (bar_is_io(bar) ? BAR_IO_MIN : BAR_MEMORY_MIN));
    pci_set_long(device->config + BAR_OFFSET(n), type);
    pci_set_long(device->writable + BAR_OFFSET(n), (uint32_t)mask);
    if (bar_is_64_bit(bar)) {
        g_assert(n + 1 < PCI_BAR_COUNT && !device->bars[n + 1].region);
        pci_set_long(device->writable + BAR_OFFSET(n + 1), (uint32_t)(mask >> 32));
    } else {
        g_assert(region->size <= UINT64_C(1) << 31);
    }
}

/*
 * Where the guest wants BAR @n. Not at all: decoding is off, the address is zero, all bits are
 * ones because somebody is about to read the size back, or it is no port.
 */
static uint64_t bar_wanted_address(const PCIDevice *device, unsigned n)
{
    const PCIBar *bar = &device->bars[n];
    uint16_t command = pci_get_word(device->config + PCI_COMMAND);
    uint64_t mask = ~(bar->region->size - 1);
    uint64_t address = pci_get_long(device->config + BAR_OFFSET(n)) & (uint32_t)mask;

    if (!(command & (bar_is_io(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return PCI_BAR_UNMAPPED;
    }
    if (bar_is_64_bit(bar)) {
        address |= (uint64_t)pci_get_long(device->config + BAR_OFFSET(n + 1)) << 32;
        address &= mask;
        return address == 0 || address == mask ? PCI_BAR_UNMAPPED : address;
    }
    if (address == 0 || address == (uint32_t)mask) {
        return PCI_BAR_UNMAPPED;
    }
    if (bar_is_io(bar) && address + (bar->region->size - 1) > IO_PORT_LAST) {
        return PCI_BAR_UNMAPPED;
    }
    return address;
}

/*
 * RAM and the board's own registers are seen in front of BARs (priority 0); where BARs overlap,
 * the function with the lower number is: what is seen must not depend on the order in which they
 * were mapped, since that does not migrate.
 */
static int bar_priority(const PCIDevice *device, unsigned n)
{
    return -1 - (int)(device->devfn * PCI_BAR_COUNT + n);
}

static void bar_unmap(PCIDevice *device, unsigned n)
{
    PCIBar *bar = &device->bars[n];

    if (bar->region && bar->address != PCI_BAR_UNMAPPED) {
        address_space_unmap(bar_space(bar), bar->region);
        bar->address = PCI_BAR_UNMAPPED;
    }
}

static void bar_map(PCIDevice *device, unsigned n, uint64_t address)
{
    PCIBar *bar = &device->bars[n];

    bar->address = address;
    address_space_map(bar_space(bar), address, bar->region, bar_priority(device, n));
}

/* Bring the map of memory and ports in line with command register and BARs. */
static void update_mappings(PCIDevice *device)
{
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        if (!device->bars[n].region) {
            continue;
        }
        uint64_t wanted = bar_wanted_address(device, n);
        if (wanted == device->bars[n].address) {
            continue;
        }
        trace_pci_bar(PCI_SLOT(device->devfn), PCI_FUNCTION(device->devfn), n, wanted,
                      device->bars[n].region->size);
        bar_unmap(device, n);
        if (wanted != PCI_BAR_UNMAPPED) {
            bar_map(device, n, wanted);
        }
    }
}

/* ---- interrupt pin ---- */

void pci_set_interrupt_pin(PCIDevice *device, uint8_t pin)
{
    g_assert(pin <= 4);
    device->config[PCI_INTERRUPT_PIN] = pin;
}

static void update_line(PCIDevice *device, bool tell)
{
    uint16_t status = pci_get_word(device->config + PCI_STATUS) & ~PCI_STATUS_INTERRUPT;
    bool disabled = (pci_get_word(device->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE) ||
                    pci_msi_enabled(device);

    pci_set_word(device->config + PCI_STATUS,
                 status | (device->line_level ? PCI_STATUS_INTERRUPT : 0));
    pci_bus_drive_line(device, device->line_level && !disabled, tell);
}

void pci_set_irq(PCIDevice *device, int level)
{
    device->line_level = level != 0;
    update_line(device, true);
}

/* ---- capabilities ---- */

uint8_t pci_add_capability(PCIDevice *device, uint8_t id, uint8_t size, GError **error)
{
    unsigned offset = device->capability_end;
    unsigned room =
        (size + CAPABILITY_ALIGNMENT - 1u) / CAPABILITY_ALIGNMENT * CAPABILITY_ALIGNMENT;

    if (offset + room > PCI_CONFIG_SIZE - CAPABILITY_ALIGNMENT) {
        qc_error_set(error,
                     "%s: no room for %u bytes of capability 0x%02x in configuration space, %u are "
                     "left",
                     object_type_name(G_OBJECT_TYPE(device)), size, id,
                     PCI_CONFIG_SIZE - CAPABILITY_ALIGNMENT - offset);
        return 0;
    }
    /* The newest goes to the front of the list. */
    device->config[offset] = id;
    device->config[offset + 1] = device->config[PCI_CAPABILITY_LIST];
    device->config[PCI_CAPABILITY_LIST] = (uint8_t)offset;
    device->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    device->capability_end = (uint8_t)(offset + room);
    return (uint8_t)offset;
}

/* ---- bus master ---- */

bool pci_bus_master_enabled(const PCIDevice *device)
{
    return pci_get_word(device->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

bool pci_dma_read(PCIDevice *device, hwaddr address, void *buffer, uint64_t length)
{
    return pci_bus_master_enabled(device) &&
           address_space_read(address_space_memory(), address, buffer, length);
}

bool pci_dma_write(PCIDevice *device, hwaddr address, const void *buffer, uint64_t length)
{
    return pci_bus_master_enabled(device) &&
           address_space_write(address_space_memory(), address, buffer, length);
}

/* ---- configuration accesses ---- */

static bool ranges_meet(unsigned offset, unsigned size, unsigned first, unsigned count)
{
    return offset < first + count && first < offset + size;
}

uint32_t pci_config_read(PCIDevice *device, unsigned offset, unsigned size)
{
    PCIDeviceClass *klass = PCI_DEVICE_GET_CLASS(device);
    uint32_t value = 0;

    g_assert(offset + size <= PCI_CONFIG_SIZE);
    if (klass->config_read) {
        klass->config_read(device, offset, size);
    }
    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)device->config[offset + i] << (8 * i);
    }
    trace_pci_config_read(PCI_SLOT(device->devfn), PCI_FUNCTION(device->devfn), offset, size,
                          value);
    return value;
}

void pci_config_write(PCIDevice *device, unsigned offset, uint32_t value, unsigned size)
{
    PCIDeviceClass *klass = PCI_DEVICE_GET_CLASS(device);

    g_assert(offset + size <= PCI_CONFIG_SIZE);
    trace_pci_config_write(PCI_SLOT(device->devfn), PCI_FUNCTION(device->devfn), offset, size,
                           value);
    for (unsigned i = 0; i < size; i++) {
        uint8_t *byte = &device->config[offset + i];
        uint8_t written = (uint8_t)(value >> (8 * i));
        uint8_t writable = device->writable[offset + i];
        *byte = (*byte & ~writable) | (written & writable);
        *byte &= ~(written & device->write_one_clear[offset + i]);
    }
    bool command = ranges_meet(offset, size, PCI_COMMAND, 2);
    bool msi = pci_msi_touched(device, offset, size);
    if (command || ranges_meet(offset, size, PCI_BASE_ADDRESS_0, 4 * PCI_BAR_COUNT)) {
        update_mappings(device);
    }
    if (command || msi) {
        update_line(device, true);
        pci_msi_update(device);
    }
    if (command || pci_msix_flags_touched(device, offset, size)) {
        pci_msix_update(device);
    }
    if (klass->config_written) {
        klass->config_written(device, offset, size);
    }
}

/* ---- migration ---- */

/* Bits that may differ from what is here: the guest's, the line's, and those of pending messages.
 */
static uint8_t changeable_bits(const PCIDevice *device, unsigned offset)
{
    uint8_t bits = device->writable[offset] | device->write_one_clear[offset];

    bits |= pci_msi_pending_bits(device, offset);
    return offset == PCI_STATUS ? bits | PCI_STATUS_INTERRUPT : bits;
}

/*
 * Configuration space: identity, kinds of BARs and capabilities are compared, the rest is taken.
 * Nothing is changed unless all of it is right.
 */
static bool config_get(MigrationReader *reader, void *element, size_t size,
                       const VMStateField *field, GError **error)
{
    PCIDevice *device = (PCIDevice *)((uint8_t *)element - offsetof(PCIDevice, config));
    uint8_t loaded[PCI_CONFIG_SIZE];

    if (!vmstate_type_buffer.get(reader, loaded, size, field, error)) {
        return false;
    }
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t fixed = (uint8_t)~changeable_bits(device, i);
        if ((loaded[i] ^ device->config[i]) & fixed) {
            qc_error_set(error,
                         "PCI configuration space at 0x%02x is 0x%02x in the stream and 0x%02x "
                         "here, where bits 0x%02x must agree",
                         i, loaded[i], device->config[i], fixed);
            return false;
        }
    }
    memcpy(device->config, loaded, sizeof(loaded));
    return true;
}

static void config_put(MigrationWriter *writer, const void *element, size_t size,
                       const VMStateField *field)
{
    vmstate_type_buffer.put(writer, element, size, field);
}

static const VMStateType vmstate_type_pci_config = {
    .name = "pci config",
    .get = config_get,
    .put = config_put,
};

static bool pci_device_pre_load(void *opaque, GError **error)
{
    pci_msix_begin_load(opaque);
    return true;
}

static bool pci_device_post_load(void *opaque, int version, GError **error)
{
    PCIDevice *device = opaque;

    if (!pci_msix_check_loaded(device, error)) {
        return false;
    }
    update_mappings(device);
    update_line(device, false);
    return true;
}

static bool msix_needed(void *opaque)
{
    return ((const PCIDevice *)opaque)->msix != NULL;
}

static const VMStateDescription vmstate_pci_device_msix = {
    .name = "PCIDevice/msix",
    .version = 1,
    .minimum_version = 1,
    .needed = msix_needed,
    .fields =
        (const VMStateField[]){
            {
                .name = "msix",
                .offset = VMSTATE_OFFSET(PCIDevice, msix, PCIMsix *),
                .flags = VMSTATE_FIELD_STRUCT | VMSTATE_FIELD_POINTER,
                .vmsd = &vmstate_pci_msix,
            },
            VMSTATE_END,
        },
};

const VMStateDescription vmstate_pci_device = {
    .name = "PCIDevice",
    .version = 1,
    .minimum_version = 1,
    .pre_load = pci_device_pre_load,
    .post_load = pci_device_post_load,
    .fields =
        (const VMStateField[]){
            {
                .name = "config",
                .offset = offsetof(PCIDevice, config),
                .size = PCI_CONFIG_SIZE,
                .type = &vmstate_type_pci_config,
            },
            VMSTATE_BOOL(line_level, PCIDevice),
            VMSTATE_END,
        },
    .subsections = (const VMStateDescription *const[]){ &vmstate_pci_device_msix, NULL },
};

/* ---- life ---- */

static void set_identity(PCIDevice *device)
{
    PCIDeviceClass *klass = PCI_DEVICE_GET_CLASS(device);
    uint8_t *config = device->config;

    pci_set_word(config + PCI_VENDOR_ID, klass->vendor_id);
    pci_set_word(config + PCI_DEVICE_ID, klass->device_id);
    config[PCI_REVISION_ID] = klass->revision;
    pci_set_word(config + PCI_CLASS_DEVICE, klass->class_id);
    config[PCI_HEADER_TYPE] = device->multifunction ? PCI_HEADER_TYPE_MULTI_FUNCTION : 0;
    pci_set_word(config + PCI_SUBSYSTEM_VENDOR_ID,
                 klass->subsystem_vendor_id ? klass->subsystem_vendor_id : PCI_VENDOR_ID_VIRTIO);
    pci_set_word(config + PCI_SUBSYSTEM_ID,
                 klass->subsystem_id ? klass->subsystem_id : PCI_SUBSYSTEM_ID_DEFAULT);
    pci_set_word(device->writable + PCI_COMMAND, COMMAND_WRITABLE);
    pci_set_word(device->write_one_clear + PCI_STATUS, STATUS_WRITE_ONE_CLEAR);
    device->writable[PCI_CACHE_LINE_SIZE] = 0xff;
    device->writable[PCI_LATENCY_TIMER] = 0xff;
    device->writable[PCI_INTERRUPT_LINE] = 0xff;
}

static void release_resources(PCIDevice *device)
{
    device->line_level = false;
    update_line(device, true);
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        bar_unmap(device, n);
    }
}

static bool pci_device_realize(Device *device, GError **error)
{
    PCIDevice *self = PCI_DEVICE(device);
    PCIDeviceClass *klass = PCI_DEVICE_GET_CLASS(device);

    set_identity(self);
    self->capability_end = PCI_CONFIG_HEADER_SIZE;
    if (klass->realize && !klass->realize(self, error)) {
        release_resources(self);
        pci_msix_cleanup(self);
        return false;
    }
    return true;
}

static void pci_device_unrealize(Device *device)
{
    PCIDevice *self = PCI_DEVICE(device);
    PCIDeviceClass *klass = PCI_DEVICE_GET_CLASS(device);

    /* Classes that are hotpluggable have one. */
    g_assert(klass->unrealize);
    release_resources(self);
    address_space_synchronize();
    klass->unrealize(self);
    pci_msix_cleanup(self);
}

static void pci_device_reset(Device *device)
{
    PCIDevice *self = PCI_DEVICE(device);
    PCIDeviceClass *klass = PCI_DEVICE_GET_CLASS(device);

    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        self->config[i] &= ~(self->writable[i] | self->write_one_clear[i]);
    }
    release_resources(self);
    pci_msi_reset(self);
    pci_msix_reset(self);
    if (klass->reset) {
        klass->reset(self);
    }
}

static const DeviceProperty pci_device_properties[] = {
    { "addr", "Slot and optional function number, example: 06.0 or 06", DEVICE_PROPERTY_STRING,
      offsetof(PCIDevice, addr_text) },
    { "multifunction", "on/off", DEVICE_PROPERTY_BOOL, offsetof(PCIDevice, multifunction) },
};

OBJECT_DEFINE_ABSTRACT_TYPE(PCIDevice, PCIDeviceClass, pci_device, "pci-device", TYPE_DEVICE);

static void pci_device_init(PCIDevice *self)
{
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        self->bars[n].address = PCI_BAR_UNMAPPED;
    }
}

static void pci_device_class_init(PCIDeviceClass *klass)
{
    DeviceClass *device_class = &klass->parent;

    device_class->bus_type = TYPE_PCI_BUS;
    device_class->realize = pci_device_realize;
    device_class->unrealize = pci_device_unrealize;
    device_class->reset = pci_device_reset;
    device_class_set_properties(device_class, pci_device_properties,
                                G_N_ELEMENTS(pci_device_properties));
}
