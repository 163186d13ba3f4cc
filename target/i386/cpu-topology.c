/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The arrangement of processors as software sees it. An APIC ID is made of fields for package,
 * die, core and thread, each just wide enough (Intel SDM vol. 3, 9.9.1 "Hierarchical Mapping of
 * Shared Resources"; AMD APM vol. 3, E.5).
 */
#include "cpu-topology.h"

/* Bits that number @count things. */
static unsigned field_width(unsigned count)
{
    return count > 1 ? 32 - __builtin_clz(count - 1) : 0;
}

static unsigned core_shift(const CPUTopology *topology)
{
    return field_width(topology->threads);
}

static unsigned die_shift(const CPUTopology *topology)
{
    return core_shift(topology) + field_width(topology->cores);
}

static unsigned package_shift(const CPUTopology *topology)
{
    return die_shift(topology) + field_width(topology->dies);
}

uint32_t x86_topology_apic_id(const CPUTopology *topology, const CPUPlace *place)
{
    return place->socket << package_shift(topology) | place->die << die_shift(topology) |
           place->core << core_shift(topology) | place->thread;
}

unsigned x86_topology_package_threads(const CPUTopology *topology)
{
    return topology->dies * topology->cores * topology->threads;
}

/* ---- leaf 4 ---- */

#define CACHE_DATA             1u
#define CACHE_INSTRUCTION      2u
#define CACHE_UNIFIED          3u
#define CACHE_LEVEL_SHIFT      5
#define CACHE_SELF_INITIALISED (1u << 8)
#define CACHE_SHARING_SHIFT    14
#define CACHE_CORES_SHIFT      26
#define CACHE_LINE_BYTES       64u

typedef struct Cache {
    unsigned type, level, ways, sets;
} Cache;

/* The same as leaves 0x80000005 and 0x80000006 describe. Each core has its own. */
static const Cache caches[] = {
    { CACHE_DATA, 1, 2, 512 },
    { CACHE_INSTRUCTION, 1, 2, 512 },
    { CACHE_UNIFIED, 2, 16, 512 },
};

X86CPUIDResult x86_topology_leaf_4(const X86CPU *cpu, uint32_t subleaf)
{
    if (subleaf >= G_N_ELEMENTS(caches)) {
        return (X86CPUIDResult){ 0 };
    }
    const Cache *cache = &caches[subleaf];
    /* Both are the sizes of the fields in APIC IDs, minus one. */
    unsigned sharing = (1u << core_shift(&cpu->topology)) - 1;
    unsigned cores = (1u << (package_shift(&cpu->topology) - core_shift(&cpu->topology))) - 1;

    return (X86CPUIDResult){
        .eax = cache->type | cache->level << CACHE_LEVEL_SHIFT | CACHE_SELF_INITIALISED |
               sharing << CACHE_SHARING_SHIFT | cores << CACHE_CORES_SHIFT,
        .ebx = (cache->ways - 1) << 22 | (CACHE_LINE_BYTES - 1),
        .ecx = cache->sets - 1,
    };
}

/* ---- leaf 0xB ---- */

#define LEVEL_TYPE_SHIFT 8
#define LEVEL_THREAD     1u
#define LEVEL_CORE       2u

X86CPUIDResult x86_topology_leaf_b(const X86CPU *cpu, uint32_t subleaf)
{
    X86CPUIDResult result = { .ecx = subleaf & 0xff, .edx = cpu->apic_id };

    if (subleaf == 0) {
        result.eax = core_shift(&cpu->topology);
        result.ebx = cpu->topology.threads;
        result.ecx |= LEVEL_THREAD << LEVEL_TYPE_SHIFT;
    } else if (subleaf == 1) {
        /* Dies have no level of their own in this leaf. */
        result.eax = package_shift(&cpu->topology);
        result.ebx = x86_topology_package_threads(&cpu->topology);
        result.ecx |= LEVEL_CORE << LEVEL_TYPE_SHIFT;
    }
    return result;
}

/* ---- leaf 0x80000008 ---- */

uint32_t x86_topology_amd_size(const CPUTopology *topology)
{
    return package_shift(topology) << 12 | (x86_topology_package_threads(topology) - 1);
}
