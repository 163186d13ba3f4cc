/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Filling the software TLB; the slow path alone needs it. */
#pragma once

#include "accel/tcg/mmu.h"

static inline unsigned tlb_index(uint64_t address)
{
    return (address >> TARGET_PAGE_BITS) & (TLB_SIZE - 1);
}

static inline TLBEntry *tlb_entry(Engine *e, MMUMode mode, uint64_t address)
{
    return &e->tlbs[mode].entries[tlb_index(address)];
}

/*
 * Enter the page of @address, whose bytes are at @offset of @block. Stores get the fast path only
 * if nobody must hear of them.
 */
void tlb_fill(Engine *e, MMUMode mode, uint64_t address, const RAMBlock *block, uint64_t offset,
              const MMUPage *page);
/* A store to the entered page was reported: give it the fast path where that is right. */
void tlb_allow_writes(Engine *e, MMUMode mode, uint64_t address, const RAMBlock *block,
                      uint64_t offset);
