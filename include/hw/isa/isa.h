/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The ISA bus: devices at fixed I/O ports with one of sixteen interrupt lines. All functions
 * need the BQL.
 */
#pragma once

#include "hw/core/device.h"
#include "system/memory.h"

/* User-visible type name, as bus_type of a DeviceClass. */
#define TYPE_ISA_BUS "ISA"

#define ISA_IRQ_COUNT 16u

/* A bus called @name below @owner (NULL: the main system bus), its lines not connected yet. */
Bus *isa_bus_new(Device *owner, const char *name);

/* Where the lines go; an element may be NULL (not connected). The IRQs are borrowed. */
void isa_bus_connect_irqs(Bus *bus, IRQ *const lines[ISA_IRQ_COUNT]);

/*
 * Interrupt line @irq of the bus of @device. The line may be NULL (not connected), so failure is
 * told by the return value: the device is not on an ISA bus, or @irq is not in 0..15.
 */
bool isa_device_get_irq(Device *device, unsigned irq, IRQ **line, GError **error);

/* Map @region at the I/O port @port for as long as the device lives. */
void isa_device_map_ports(Device *device, uint16_t port, MemoryRegion *region);
