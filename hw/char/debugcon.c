/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * isa-debugcon: one port; each byte written goes to a character device, each read gives a
 * constant by which firmware knows that the port is there. It has no way to say "wait": what a
 * stalled back end does not take in time is lost.
 */

#include "hw/char/char-output.h"
#include "hw/isa/isa.h"
#include "trace-hw-char.h"
#include "util/report.h"

#define TYPE_ISA_DEBUGCON "isa-debugcon"
#define DEFAULT_PORT      0xe9
#define PORT_COUNT        UINT64_C(0x10000)

typedef struct ISADebugcon {
    Device parent;
    MemoryRegion port;
    CharFrontend frontend;
    CharOutput output;
    Chardev *chardev;
    uint32_t iobase;
    uint32_t readback;
} ISADebugcon;

OBJECT_DEFINE_TYPE(ISADebugcon, DeviceClass, isa_debugcon, TYPE_ISA_DEBUGCON, TYPE_DEVICE);

#define ISA_DEBUGCON(o) (G_TYPE_CHECK_INSTANCE_CAST((o), isa_debugcon_get_type(), ISADebugcon))

static uint64_t debugcon_read(void *opaque, hwaddr address, unsigned size)
{
    ISADebugcon *self = opaque;

    return self->readback & 0xff;
}

static void debugcon_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    ISADebugcon *self = opaque;

    trace_debugcon_write((uint8_t)value);
    if (!char_output_put(&self->output, (uint8_t)value)) {
        trace_debugcon_lost((uint8_t)value);
    }
}

static const MemoryRegionOps debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .access_min = 1,
    .access_max = 1,
};

static bool isa_debugcon_realize(Device *device, GError **error)
{
    ISADebugcon *self = ISA_DEBUGCON(device);

    if (!self->chardev) {
        qc_error_set(error, "isa-debugcon: property 'chardev' is required");
        return false;
    }
    if (self->iobase >= PORT_COUNT) {
        qc_error_set(error, "isa-debugcon: iobase 0x%x is not a port, expected less than 0x10000",
                     self->iobase);
        return false;
    }
    if (!char_frontend_init(&self->frontend, self->chardev, error)) {
        return false;
    }
    char_output_init(&self->output, &self->frontend, NULL, NULL);
    char_frontend_set_handlers(&self->frontend, NULL, NULL, NULL, NULL, NULL);
    memory_region_init_io(&self->port, TYPE_ISA_DEBUGCON, &debugcon_ops, self, 1);
    isa_device_map_ports(device, (uint16_t)self->iobase, &self->port);
    return true;
}

static const VMStateDescription vmstate_isa_debugcon = {
    .name = TYPE_ISA_DEBUGCON,
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(iobase, ISADebugcon),
            VMSTATE_UINT32_EQUAL(readback, ISADebugcon),
            VMSTATE_STRUCT(output, ISADebugcon, vmstate_char_output, CharOutput),
            VMSTATE_END,
        },
};

static const DeviceProperty isa_debugcon_properties[] = {
    { "iobase", "the I/O port", DEVICE_PROPERTY_UINT32, offsetof(ISADebugcon, iobase),
      .default_value = DEFAULT_PORT },
    { "readback", "what reading the port gives", DEVICE_PROPERTY_UINT32,
      offsetof(ISADebugcon, readback), .default_value = DEFAULT_PORT },
    { "chardev", "character device behind it", DEVICE_PROPERTY_CHARDEV,
      offsetof(ISADebugcon, chardev) },
};

static void isa_debugcon_init(ISADebugcon *self)
{
}

static void isa_debugcon_class_init(DeviceClass *klass)
{
    klass->description = "Debug console port";
    klass->category = "Misc";
    klass->bus_type = TYPE_ISA_BUS;
    klass->user_creatable = true;
    klass->vmsd = &vmstate_isa_debugcon;
    klass->realize = isa_debugcon_realize;
    device_class_set_properties(klass, isa_debugcon_properties,
                                G_N_ELEMENTS(isa_debugcon_properties));
}
