/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A 16550A on the ISA bus: COM1 to COM4 of a PC. */

#include "hw/char/serial.h"

#include <string.h>

#include "hw/isa/isa.h"
#include "util/report.h"

/* Property values that stand for "the next one" and "as the index says". */
#define INDEX_AUTOMATIC  UINT32_MAX
#define ADDRESS_BY_INDEX UINT32_MAX
#define PORT_LAST        0xfff8u

typedef struct ISASerial {
    Device parent;
    Serial serial;
    Chardev *chardev;
    uint32_t index;
    uint32_t iobase;
    uint32_t irq;
} ISASerial;

OBJECT_DEFINE_TYPE(ISASerial, DeviceClass, isa_serial, TYPE_ISA_SERIAL, TYPE_DEVICE);

#define ISA_SERIAL(o) (G_TYPE_CHECK_INSTANCE_CAST((o), isa_serial_get_type(), ISASerial))

static const uint16_t traditional_ports[ISA_SERIAL_COUNT] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
static const uint8_t traditional_irqs[ISA_SERIAL_COUNT] = { 4, 3, 4, 3 };

/* One bit for each index that is taken. */
static unsigned indexes_in_use;

static bool choose_index(ISASerial *self, GError **error)
{
    if (self->index == INDEX_AUTOMATIC) {
        self->index = (uint32_t)__builtin_ctz(~indexes_in_use);
    }
    if (self->index >= ISA_SERIAL_COUNT) {
        qc_error_set(error, "isa-serial: there are at most %u serial ports", ISA_SERIAL_COUNT);
        return false;
    }
    if (indexes_in_use & 1u << self->index) {
        qc_error_set(error, "isa-serial: serial port with index %u exists already", self->index);
        return false;
    }
    return true;
}

static bool isa_serial_realize(Device *device, GError **error)
{
    ISASerial *self = ISA_SERIAL(device);

    if (!choose_index(self, error)) {
        return false;
    }
    if (self->iobase == ADDRESS_BY_INDEX) {
        self->iobase = traditional_ports[self->index];
    }
    if (self->irq == ADDRESS_BY_INDEX) {
        self->irq = traditional_irqs[self->index];
    }
    if (self->iobase > PORT_LAST) {
        qc_error_set(error, "isa-serial: iobase 0x%x leaves no room for 8 ports below 0x10000",
                     self->iobase);
        return false;
    }
    if (!isa_device_get_irq(device, self->irq, &self->serial.irq, error) ||
        !serial_realize(&self->serial, self->chardev, error)) {
        return false;
    }
    indexes_in_use |= 1u << self->index;
    isa_device_map_ports(device, (uint16_t)self->iobase, &self->serial.ports);
    return true;
}

static void isa_serial_reset(Device *device)
{
    serial_reset(&ISA_SERIAL(device)->serial);
}

static const VMStateDescription vmstate_isa_serial = {
    .name = "serial",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(iobase, ISASerial),
            VMSTATE_UINT32_EQUAL(irq, ISASerial),
            VMSTATE_STRUCT(serial, ISASerial, vmstate_serial, Serial),
            VMSTATE_END,
        },
};

static const DeviceProperty isa_serial_properties[] = {
    { "index", "0 to 3: COM1 to COM4; the first free one when not given", DEVICE_PROPERTY_UINT32,
      offsetof(ISASerial, index), .default_value = INDEX_AUTOMATIC },
    { "iobase", "first I/O port", DEVICE_PROPERTY_UINT32, offsetof(ISASerial, iobase),
      .default_value = ADDRESS_BY_INDEX },
    { "irq", "ISA interrupt line", DEVICE_PROPERTY_UINT32, offsetof(ISASerial, irq),
      .default_value = ADDRESS_BY_INDEX },
    { "chardev", "character device behind it", DEVICE_PROPERTY_CHARDEV,
      offsetof(ISASerial, chardev) },
};

static void isa_serial_init(ISASerial *self)
{
}

static void isa_serial_class_init(DeviceClass *klass)
{
    klass->description = "16550A serial port";
    klass->category = "Input";
    klass->bus_type = TYPE_ISA_BUS;
    klass->user_creatable = true;
    klass->vmsd = &vmstate_isa_serial;
    klass->realize = isa_serial_realize;
    klass->reset = isa_serial_reset;
    device_class_set_properties(klass, isa_serial_properties, G_N_ELEMENTS(isa_serial_properties));
}

Device *isa_serial_create(Bus *isa_bus, unsigned index, Chardev *chardev)
{
    Device *device = device_new(TYPE_ISA_SERIAL);
    g_autofree char *name = g_strdup_printf("serial%u", index);

    ISA_SERIAL(device)->index = index;
    g_set_object(&ISA_SERIAL(device)->chardev, chardev);
    device_realize_named_or_exit(device, isa_bus, name);
    return device;
}
