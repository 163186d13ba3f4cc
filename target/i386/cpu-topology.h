/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The arrangement of processors as APIC IDs and CPUID tell it; see cpu-topology.c. */
#pragma once

#include "target/i386/cpu.h"

/* The APIC ID of the processor at @place. */
uint32_t x86_topology_apic_id(const CPUTopology *topology, const CPUPlace *place);

/* Logical processors in a package. */
unsigned x86_topology_package_threads(const CPUTopology *topology);

/* CPUID leaf 4: caches and who shares them (Intel SDM vol. 2, table 3-8). */
X86CPUIDResult x86_topology_leaf_4(const X86CPU *cpu, uint32_t subleaf);
/* CPUID leaf 0xB: levels of the topology (Intel SDM vol. 3, 9.9.1). */
X86CPUIDResult x86_topology_leaf_b(const X86CPU *cpu, uint32_t subleaf);
/* ECX of CPUID leaf 0x80000008 (AMD APM vol. 3, E.4.7). */
uint32_t x86_topology_amd_size(const CPUTopology *topology);
