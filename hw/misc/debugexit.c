/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* isa-debug-exit: a guest ends the process by writing to a port, for tests. */

#include "hw/isa/isa.h"
#include "system/main-loop.h"
#include "trace-hw-misc.h"
#include "util/report.h"

#define TYPE_ISA_DEBUG_EXIT "isa-debug-exit"
#define PORT_COUNT          UINT64_C(0x10000)

typedef struct ISADebugExit {
    Device parent;
    MemoryRegion port;
    uint32_t iobase;
    uint32_t iosize;
} ISADebugExit;

OBJECT_DEFINE_TYPE(ISADebugExit, DeviceClass, isa_debug_exit, TYPE_ISA_DEBUG_EXIT, TYPE_DEVICE);

#define ISA_DEBUG_EXIT(o) (G_TYPE_CHECK_INSTANCE_CAST((o), isa_debug_exit_get_type(), ISADebugExit))

static uint64_t debug_exit_read(void *opaque, hwaddr address, unsigned size)
{
    return 0;
}

/* The status is odd, so that it cannot be taken for the success of a regular end. */
static void debug_exit_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    int status = (int)((value << 1 | 1) & 0xff);

    trace_isa_debug_exit(value, status);
    main_loop_quit(status);
}

static const MemoryRegionOps debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .access_min = 1,
    .access_max = 4,
};

static bool isa_debug_exit_realize(Device *device, GError **error)
{
    ISADebugExit *self = ISA_DEBUG_EXIT(device);

    if (self->iosize == 0 || self->iosize > 4 || self->iobase + self->iosize > PORT_COUNT) {
        qc_error_set(error,
                     "isa-debug-exit: %u ports from 0x%x on, expected 1 to 4 ports below 0x10000",
                     self->iosize, self->iobase);
        return false;
    }
    memory_region_init_io(&self->port, TYPE_ISA_DEBUG_EXIT, &debug_exit_ops, self, self->iosize);
    isa_device_map_ports(device, (uint16_t)self->iobase, &self->port);
    return true;
}

static const DeviceProperty isa_debug_exit_properties[] = {
    { "iobase", "first I/O port", DEVICE_PROPERTY_UINT32, offsetof(ISADebugExit, iobase),
      .default_value = 0x501, .maximum = 0xffff },
    { "iosize", "number of ports", DEVICE_PROPERTY_UINT32, offsetof(ISADebugExit, iosize),
      .default_value = 2 },
};

static void isa_debug_exit_init(ISADebugExit *self)
{
}

static void isa_debug_exit_class_init(DeviceClass *klass)
{
    klass->description = "Ends the process with the status that the guest writes";
    klass->bus_type = TYPE_ISA_BUS;
    klass->user_creatable = true;
    klass->realize = isa_debug_exit_realize;
    device_class_set_properties(klass, isa_debug_exit_properties,
                                G_N_ELEMENTS(isa_debug_exit_properties));
}
