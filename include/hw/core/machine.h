/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Machines (boards): the object behind `-machine`, at /machine in the object tree. */
#pragma once

#include "system/memory.h"
#include "system/object.h"
#include "system/topology.h"

#define TYPE_MACHINE         (machine_get_type())
#define MACHINE(o)           (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_MACHINE, Machine))
#define MACHINE_GET_CLASS(o) (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_MACHINE, MachineClass))

#define MACHINE_TYPE_SUFFIX "-machine"

typedef struct Machine {
    GObject parent;
    /* From the command line; set before `init`. Strings owned by the machine. */
    uint64_t ram_size; /* bytes */
    CPUTopology topology;
    char *cpu_type; /* as given to -cpu, features included; NULL: the default */
    char *kernel_path;
    char *initrd_path;
    char *kernel_command_line;
    char *firmware_path; /* -bios */
    RAMBlock *ram;       /* main memory, made by the machine's init */
} Machine;

typedef struct MachineClass {
    GObjectClass parent;
    const char *name;  /* "pc-i440fx-7.2" */
    const char *alias; /* "pc", or NULL */
    const char *description;
    const char *default_cpu_type;
    uint64_t default_ram_size;
    unsigned maximum_cpus;
    bool is_default;
    /* Build the board: RAM, processors, devices. BQL held, before any vCPU runs. */
    bool (*init)(Machine *machine, GError **error);
    /* Everything that was asked for is there: is there something to start with? Not asked for a
     * VM that comes in. NULL: yes. BQL. */
    bool (*check_boot)(Machine *machine, GError **error);
} MachineClass;

GType machine_get_type(void);

/* The machine of this process, NULL before it was made. */
Machine *machine_current(void);
/* Make (without init) the machine of that name or alias; the error lists none but names it. */
Machine *machine_new(const char *name, GError **error);
