/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The ISA bus (IEEE P996 draft): port decoding is the I/O address space's, lines are ours. */

#include "hw/isa/isa.h"

#include "trace-hw-isa.h"
#include "util/report.h"

typedef struct ISABus {
    Bus parent;
    IRQ *lines[ISA_IRQ_COUNT];
} ISABus;

OBJECT_DEFINE_TYPE(ISABus, BusClass, isa_bus, TYPE_ISA_BUS, TYPE_BUS);

#define ISA_BUS(o)    (G_TYPE_CHECK_INSTANCE_CAST((o), isa_bus_get_type(), ISABus))
#define IS_ISA_BUS(o) (G_TYPE_CHECK_INSTANCE_TYPE((o), isa_bus_get_type()))

Bus *isa_bus_new(Device *owner, const char *name)
{
    return bus_new(TYPE_ISA_BUS, owner, name);
}

void isa_bus_connect_irqs(Bus *bus, IRQ *const lines[ISA_IRQ_COUNT])
{
    ISABus *isa = ISA_BUS(bus);

    for (unsigned i = 0; i < ISA_IRQ_COUNT; i++) {
        isa->lines[i] = lines[i];
    }
}

bool isa_device_get_irq(Device *device, unsigned irq, IRQ **line, GError **error)
{
    const char *type = object_type_name(G_OBJECT_TYPE(device));

    if (!device->parent_bus || !IS_ISA_BUS(device->parent_bus)) {
        qc_error_set(error, "device '%s' needs an ISA bus", type);
        return false;
    }
    if (irq >= ISA_IRQ_COUNT) {
        qc_error_set(error, "device '%s': irq %u does not exist on the ISA bus, expected 0 to %u",
                     type, irq, ISA_IRQ_COUNT - 1);
        return false;
    }
    *line = ISA_BUS(device->parent_bus)->lines[irq];
    return true;
}

void isa_device_map_ports(Device *device, uint16_t port, MemoryRegion *region)
{
    trace_isa_map_ports(object_type_name(G_OBJECT_TYPE(device)), port, region->size);
    address_space_map(address_space_io(), port, region, 0);
}

static void isa_bus_init(ISABus *self)
{
}

static void isa_bus_class_init(BusClass *klass)
{
}
