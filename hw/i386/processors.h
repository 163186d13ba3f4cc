/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The board's processors. */
#pragma once

#include "hw/core/machine.h"
#include "target/i386/cpu.h"

#define PC_CPUS_MAX 8

typedef struct PCProcessors {
    CPUTopology topology;
    uint32_t count;
    X86CPU *cpus[PC_CPUS_MAX]; /* the first is the bootstrap processor; owned by the object tree */
} PCProcessors;

/*
 * Make those that @machine asks for, each with its local APIC, and register the state that says how
 * many there are: a VM with another number or arrangement is refused when it comes in. BQL.
 */
bool pc_processors_create(PCProcessors *processors, const Machine *machine, GError **error);
