/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The board's processors; see processors.h. */
#include "processors.h"

#include "hw/intc/apic.h"
#include "migration/vmstate.h"

static const VMStateDescription vmstate_topology = {
    .name = "processors/topology",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(sockets, CPUTopology),
            VMSTATE_UINT32_EQUAL(dies, CPUTopology),
            VMSTATE_UINT32_EQUAL(cores, CPUTopology),
            VMSTATE_UINT32_EQUAL(threads, CPUTopology),
            VMSTATE_END,
        },
};

/* Before the processors themselves, so that the error is about their number. */
static const VMStateDescription vmstate_processors = {
    .name = "processors",
    .version = 1,
    .minimum_version = 1,
    .priority = VMSTATE_PRIORITY_IRQCHIP + 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(count, PCProcessors),
            VMSTATE_STRUCT(topology, PCProcessors, vmstate_topology, CPUTopology),
            VMSTATE_END,
        },
};

bool pc_processors_create(PCProcessors *processors, const Machine *machine, GError **error)
{
    const char *default_model = MACHINE_GET_CLASS(machine)->default_cpu_type;
    const char *model = machine->cpu_type ? machine->cpu_type : default_model;

    processors->topology = machine->topology;
    processors->count = cpu_topology_count(&machine->topology);
    g_assert(processors->count <= PC_CPUS_MAX);
    for (unsigned i = 0; i < processors->count; i++) {
        processors->cpus[i] = x86_cpu_new(model, &machine->topology, i, error);
        if (!processors->cpus[i]) {
            return false;
        }
        apic_create(processors->cpus[i]);
    }
    vmstate_register(NULL, 0, &vmstate_processors, processors);
    return true;
}
