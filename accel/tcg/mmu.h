/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Linear to physical: page tables, and what is at a physical address. */
#pragma once

#include "accel/tcg/engine.h"

/* Page fault error code (SDM vol. 3, figure 4-12). */
#define PF_PRESENT  0x01
#define PF_WRITE    0x02
#define PF_USER     0x04
#define PF_RESERVED 0x08
#define PF_FETCH    0x10

typedef struct MMUPage {
    hwaddr physical; /* of the 4 KiB page */
    bool writable;   /* by this mode, without a fault */
    bool dirty;      /* the D bit is set (or paging is off) */
    bool global;
    uint8_t bits; /* log2 of the size of the mapping that it is part of */
} MMUPage;

/*
 * Translate the page of the linear @address for @access in @mode, setting A and D bits.
 * False: a page fault is due, with *@error_code.
 */
bool mmu_walk(Engine *e, uint64_t address, MMUAccess access, MMUMode mode, MMUPage *page,
              uint32_t *error_code);

/* RAM or ROM at @physical; NULL: registers or nothing. The range is good until the next call. */
const PhysicalRange *physical_find(Engine *e, hwaddr physical);
void physical_forget(Engine *e);

/* Host address of @physical in @range. */
static inline uint8_t *physical_host(const PhysicalRange *range, hwaddr physical)
{
    return range->block->host + range->block_offset + (physical - range->start);
}

static inline bool mmu_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}
