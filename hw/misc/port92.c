/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* System control port A: bit 1 opens the A20 gate, a rising bit 0 resets the machine. */

#include "hw/misc/port92.h"

#include "hw/isa/isa.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "trace-hw-misc.h"

enum {
    PORT = 0x92,
    CONTROL_RESET = 0x01,
    CONTROL_A20 = 0x02,
};

typedef struct Port92 {
    Device parent;
    MemoryRegion port;
    IRQ *a20;
    uint8_t control;
} Port92;

OBJECT_DEFINE_TYPE(Port92, DeviceClass, port92, TYPE_PORT92, TYPE_DEVICE);

#define PORT92(o) (G_TYPE_CHECK_INSTANCE_CAST((o), port92_get_type(), Port92))

static uint64_t port92_read(void *opaque, hwaddr address, unsigned size)
{
    Port92 *self = opaque;

    return self->control;
}

static void port92_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    Port92 *self = opaque;
    uint8_t rising = (uint8_t)value & ~self->control;

    trace_port92_write((uint8_t)value);
    self->control = (uint8_t)value;
    irq_set(self->a20, self->control & CONTROL_A20 ? 1 : 0);
    if (rising & CONTROL_RESET) {
        runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .access_min = 1,
    .access_max = 1,
};

static bool port92_realize(Device *device, GError **error)
{
    Port92 *self = PORT92(device);

    memory_region_init_io(&self->port, TYPE_PORT92, &port92_ops, self, 1);
    isa_device_map_ports(device, PORT, &self->port);
    return true;
}

static void port92_reset(Device *device)
{
    Port92 *self = PORT92(device);

    self->control = 0;
    irq_set(self->a20, 0);
}

static const VMStateDescription vmstate_port92 = {
    .name = TYPE_PORT92,
    .version = 1,
    .minimum_version = 1,
    .fields = (const VMStateField[]){ VMSTATE_UINT8(control, Port92), VMSTATE_END },
};

static void port92_init(Port92 *self)
{
    device_init_gpio_out(DEVICE(self), NULL, &self->a20, 1);
}

static void port92_class_init(DeviceClass *klass)
{
    klass->description = "System control port A";
    klass->bus_type = TYPE_ISA_BUS;
    klass->vmsd = &vmstate_port92;
    klass->realize = port92_realize;
    klass->reset = port92_reset;
}

Device *port92_create(Bus *isa_bus, IRQ *a20)
{
    Device *device = device_new(TYPE_PORT92);

    device_connect_gpio_out(device, NULL, 0, a20);
    device_realize_named_or_exit(device, isa_bus, "port92");
    return device;
}
