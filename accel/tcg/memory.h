/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Guest memory accesses by linear address: the software TLB's fast path, and the slow path behind
 * it (page walks, page crossing, device registers, dirty logging, translated code).
 *
 * The slow functions raise guest exceptions by raise_*(): they do not return then. The caller has
 * set e->op, and has changed no guest state yet.
 */
#pragma once

#include "accel/tcg/engine.h"

/* Guest operands have any alignment. */
typedef uint8_t guest_uint8_t;
typedef uint16_t guest_uint16_t __attribute__((aligned(1)));
typedef uint32_t guest_uint32_t __attribute__((aligned(1)));
typedef uint64_t guest_uint64_t __attribute__((aligned(1)));

/*
 * Fast path: the host address of @size bytes at @address, or NULL. Comparing the tag with the
 * page of the last byte sends accesses that cross a page to the slow path.
 */
ALWAYS_INLINE uint8_t *tlb_read(const Engine *e, uint64_t address, unsigned size)
{
    const TLBEntry *entry = (const TLBEntry *)((const char *)e->tlb +
                                               ((address >> (TARGET_PAGE_BITS - TLB_ENTRY_BITS)) &
                                                ((TLB_SIZE - 1) << TLB_ENTRY_BITS)));

    if (likely(entry->read == ((address + size - 1) & TARGET_PAGE_MASK))) {
        return (uint8_t *)(uintptr_t)(address + entry->addend);
    }
    return NULL;
}

ALWAYS_INLINE uint8_t *tlb_write(const Engine *e, uint64_t address, unsigned size)
{
    const TLBEntry *entry = (const TLBEntry *)((const char *)e->tlb +
                                               ((address >> (TARGET_PAGE_BITS - TLB_ENTRY_BITS)) &
                                                ((TLB_SIZE - 1) << TLB_ENTRY_BITS)));

    if (likely(entry->write == ((address + size - 1) & TARGET_PAGE_MASK))) {
        return (uint8_t *)(uintptr_t)(address + entry->addend);
    }
    return NULL;
}

/* ---- slow path ---- */

/* Load or store @size = 1, 2, 4 or 8 bytes. */
uint64_t memory_load(Engine *e, uint64_t address, unsigned size, MMUMode mode);
void memory_store(Engine *e, uint64_t address, uint64_t value, unsigned size, MMUMode mode);
/* Load what will be stored to: a missing permission to write is found now. */
uint64_t memory_load_for_store(Engine *e, uint64_t address, unsigned size, MMUMode mode);

/* Raise the fault that an access to the range would. @length up to a page. */
void memory_probe(Engine *e, uint64_t address, unsigned length, MMUAccess access, MMUMode mode);

/* Longer operands, up to a page: all of it is checked before any byte moves. */
void memory_read_bytes(Engine *e, uint64_t address, void *buffer, unsigned length, MMUMode mode);
void memory_write_bytes(Engine *e, uint64_t address, const void *buffer, unsigned length,
                        MMUMode mode);

/*
 * For runs of string operations: the host address of @address when the rest of its page can be
 * accessed directly, after filling the TLB; NULL when each access must go the slow way.
 */
uint8_t *memory_direct(Engine *e, uint64_t address, MMUAccess access, MMUMode mode);

/* The same for operations: current mode, e->op set from @op. */
uint64_t op_load_slow(Engine *e, const Op *op, uint64_t address, unsigned size);
void op_store_slow(Engine *e, const Op *op, uint64_t address, uint64_t value, unsigned size);
uint64_t op_load_for_store_slow(Engine *e, const Op *op, uint64_t address, unsigned size);

/*
 * [@offset, @offset + @length) of @block, within a page, is about to be stored to by a vCPU:
 * log it and drop translations made from it.
 */
void memory_prepare_store(RAMBlock *block, uint64_t offset, unsigned length);

/*
 * Host address of the code page that holds the linear @address, for the block translator; also
 * whether its mapping is global. Raises page faults of fetches.
 */
const uint8_t *memory_code_page(Engine *e, uint64_t address, bool *global);

/* ---- TLB upkeep ---- */

void tlb_flush_all(Engine *e);
/* Keep global pages (a store to CR3). */
void tlb_flush_local(Engine *e);
void tlb_flush_page(Engine *e, uint64_t address);
/* Stores must be reported again (dirty bits were cleared): drop all write tags. */
void tlb_protect_all(Engine *e);
/* The page at @host now holds translated code: stores to it must take the slow path. */
void tlb_protect_host_page(Engine *e, const uint8_t *host);
