/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Machine type `none`: no devices, no processor; memory at 0 when -m asks for some. */

#include "hw/core/machine.h"
#include "util/report.h"

typedef struct NoneMachine {
    Machine parent;
    MemoryRegion memory;
} NoneMachine;

OBJECT_DEFINE_TYPE(NoneMachine, MachineClass, none_machine, "none" MACHINE_TYPE_SUFFIX,
                   TYPE_MACHINE);

#define NONE_MACHINE(o) (G_TYPE_CHECK_INSTANCE_CAST((o), none_machine_get_type(), NoneMachine))

static bool none_init(Machine *machine, GError **error)
{
    NoneMachine *self = NONE_MACHINE(machine);

    if (machine->kernel_path || machine->firmware_path) {
        qc_error_set(error, "machine 'none' has no processor to run '%s'",
                     machine->kernel_path ? machine->kernel_path : machine->firmware_path);
        return false;
    }
    if (machine->ram_size > 0) {
        machine->ram = ram_block_new("ram", machine->ram_size, error);
        if (!machine->ram) {
            return false;
        }
        memory_region_init_ram(&self->memory, "ram", machine->ram, 0, machine->ram->size);
        address_space_map(address_space_memory(), 0, &self->memory, 0);
    }
    return true;
}

static void none_machine_init(NoneMachine *self)
{
}

static void none_machine_class_init(MachineClass *klass)
{
    klass->name = "none";
    klass->description = "empty machine";
    klass->maximum_cpus = 1;
    klass->init = none_init;
}
