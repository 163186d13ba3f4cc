/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A PCI device with one of everything, and a board with a bus to put it on. */
#include "pci-double.h"

#include "hw/intc/apic.h"
#include "hw/isa/piix3.h"
#include "hw/pci/i440fx.h"
#include "migration/stream.h"
#include "util/report.h"

static uint64_t double_read(void *opaque, hwaddr address, unsigned size)
{
    return 0x50 + (address & 0xf);
}

static void double_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PCI_DOUBLE(opaque)->last_write = address << 32 | (uint32_t)value;
}

static const MemoryRegionOps double_ops = {
    .read = double_read,
    .write = double_write,
    .access_max = 4,
};

OBJECT_DEFINE_TYPE(PCIDouble, PCIDeviceClass, pci_double, TYPE_PCI_DOUBLE, TYPE_PCI_DEVICE);

static bool pci_double_realize(PCIDevice *device, GError **error)
{
    PCIDouble *self = PCI_DOUBLE(device);

    memory_region_init_io(&self->io, "double-io", &double_ops, self, DOUBLE_IO_SIZE);
    memory_region_init_io(&self->memory, "double-memory", &double_ops, self, DOUBLE_MEMORY_SIZE);
    pci_register_bar(device, DOUBLE_BAR_IO, PCI_BASE_ADDRESS_SPACE_IO, &self->io);
    pci_register_bar(device, DOUBLE_BAR_MEMORY,
                     PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &self->memory);
    pci_set_interrupt_pin(device, 1);
    if (self->msi && !pci_msi_init(device, self->msi, self->msi_maskable, error)) {
        return false;
    }
    if (!self->no_msix &&
        !pci_msix_init(device, DOUBLE_VECTORS, DOUBLE_BAR_MSIX, DOUBLE_TABLE, DOUBLE_PBA, error)) {
        return false;
    }
    if (self->fail) {
        qc_error_set(error, "the double fails");
    }
    return !self->fail;
}

static void pci_double_unrealize(PCIDevice *device)
{
}

static void pci_double_reset(PCIDevice *device)
{
    PCI_DOUBLE(device)->resets++;
}

static void pci_double_config_written(PCIDevice *device, unsigned offset, unsigned size)
{
    PCI_DOUBLE(device)->config_writes++;
}

static const VMStateDescription vmstate_pci_double = {
    .name = TYPE_PCI_DOUBLE,
    .version = 1,
    .minimum_version = 1,
    .fields = (const VMStateField[]){ VMSTATE_PCI_DEVICE(parent, PCIDouble), VMSTATE_END },
};

static const DeviceProperty pci_double_properties[] = {
    { "fail", NULL, DEVICE_PROPERTY_BOOL, offsetof(PCIDouble, fail) },
    { "no-msix", NULL, DEVICE_PROPERTY_BOOL, offsetof(PCIDouble, no_msix) },
    { "msi", NULL, DEVICE_PROPERTY_UINT32, offsetof(PCIDouble, msi) },
    { "msi-maskable", NULL, DEVICE_PROPERTY_BOOL, offsetof(PCIDouble, msi_maskable) },
};

static void pci_double_init(PCIDouble *self)
{
}

static void pci_double_class_init(PCIDeviceClass *klass)
{
    klass->parent.user_creatable = true;
    klass->parent.hotpluggable = true;
    klass->parent.vmsd = &vmstate_pci_double;
    klass->vendor_id = 0x1b36;
    klass->device_id = 0x0005;
    klass->class_id = PCI_CLASS_OTHERS;
    klass->revision = 7;
    klass->realize = pci_double_realize;
    klass->unrealize = pci_double_unrealize;
    klass->reset = pci_double_reset;
    klass->config_written = pci_double_config_written;
    device_class_set_properties(&klass->parent, pci_double_properties,
                                G_N_ELEMENTS(pci_double_properties));
}

/* ---- the board ---- */

static void record_line(void *opaque, int n, int level)
{
    PCIBoard *board = opaque;

    board->level[n] = level;
}

PCIBoard *pci_board_new(void)
{
    PCIBoard *board = g_new0(PCIBoard, 1);
    IRQ *lines[ISA_IRQ_COUNT];

    board->processors = irq_board_new();
    for (unsigned i = 0; i < ISA_IRQ_COUNT; i++) {
        board->lines[i] = (IRQ){ .handler = record_line, .opaque = board, .n = (int)i };
        lines[i] = &board->lines[i];
    }
    board->bus = i440fx_create();
    board->bridge = piix3_create(board->bus, lines);
    i440fx_set_reset_control(board->bus, piix3_reset_control(board->bridge));
    return board;
}

Device *pci_board_add(const char *options, GError **error)
{
    json_t *object = json_loads(options, 0, NULL);
    Device *device = device_create_from_options(object, error);

    json_decref(object);
    return device;
}

PCIDevice *pci_board_add_ok(const char *options)
{
    g_autoptr(GError) error = NULL;
    Device *device = pci_board_add(options, &error);

    g_assert_no_error(error);
    return PCI_DEVICE(device);
}

static void remove_double(PCIDevice *device, void *opaque)
{
    if (G_OBJECT_TYPE(device) == pci_double_get_type()) {
        device_unplug(&device->parent);
    }
}

void pci_board_clear(PCIBoard *board)
{
    pci_bus_foreach(board->bus, remove_double, NULL);
}

int pci_board_receive(PCIBoard *board)
{
    int vector = board_acknowledge(board->processors, 0);

    if (vector >= 0) {
        board_store(APIC_DEFAULT_BASE + 0xb0, 0);
    }
    return vector;
}

GBytes *pci_board_save(PCIDevice *device)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    size_t size;

    vmstate_save(writer, DEVICE_GET_CLASS(device)->vmsd, device);
    const void *data = migration_writer_data(writer, &size);
    return g_bytes_new(data, size);
}

bool pci_board_load(PCIDevice *device, const void *state, size_t size, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(state, size);

    return vmstate_load(reader, DEVICE_GET_CLASS(device)->vmsd, device, 1, error) &&
           migration_reader_check(reader, error);
}

static void select_register(uint8_t devfn, unsigned offset)
{
    address_space_store(address_space_io(), PCI_CONFIG_ADDRESS_PORT,
                        0x80000000u | (uint32_t)devfn << 8 | (offset & 0xfc), 4);
}

uint32_t config_in(uint8_t devfn, unsigned offset, unsigned size)
{
    select_register(devfn, offset);
    return (uint32_t)address_space_load(address_space_io(), PCI_CONFIG_DATA_PORT + (offset & 3),
                                        size);
}

void config_out(uint8_t devfn, unsigned offset, uint32_t value, unsigned size)
{
    select_register(devfn, offset);
    address_space_store(address_space_io(), PCI_CONFIG_DATA_PORT + (offset & 3), value, size);
}
