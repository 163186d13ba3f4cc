/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Machine types. */
#include "hw/core/machine.h"

#include <string.h>

#include "system/bql.h"
#include "util/report.h"

OBJECT_DEFINE_ABSTRACT_TYPE(Machine, MachineClass, machine, "machine", G_TYPE_OBJECT);

static Machine *current_machine;

static void machine_finalize(GObject *object)
{
    Machine *machine = (Machine *)object;

    g_free(machine->cpu_type);
    g_free(machine->kernel_path);
    g_free(machine->initrd_path);
    g_free(machine->kernel_command_line);
    g_free(machine->firmware_path);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void machine_class_init(MachineClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = machine_finalize;
}

static void machine_init(Machine *machine)
{
    machine->topology = (CPUTopology){ 1, 1, 1, 1 };
}

Machine *machine_current(void)
{
    return current_machine;
}

Machine *machine_new(const char *name, GError **error)
{
    g_autoptr(GArray) types = object_types_below(TYPE_MACHINE, false);

    g_assert(bql_locked() && !current_machine);
    for (guint i = 0; i < types->len; i++) {
        GType type = g_array_index(types, GType, i);
        g_autoptr(GTypeClass) type_class = g_type_class_ref(type);
        MachineClass *klass = (MachineClass *)type_class;
        if (!strcmp(klass->name, name) || !g_strcmp0(klass->alias, name)) {
            current_machine = g_object_new(type, NULL);
            current_machine->ram_size = klass->default_ram_size;
            object_tree_add("/", "machine", G_OBJECT(current_machine), NULL);
            return current_machine;
        }
    }
    qc_error_set(error, "unsupported machine type '%s' (use -machine help to list those that are)",
                 name);
    return NULL;
}
