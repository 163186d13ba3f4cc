/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Page table walks (Intel SDM vol. 3, chapter 4): 32-bit, PAE and 4-level paging. */
#include "accel/tcg/mmu.h"
#include "accel/tcg/memory.h"

#define PTE_PRESENT  UINT64_C(0x1)
#define PTE_WRITE    UINT64_C(0x2)
#define PTE_USER     UINT64_C(0x4)
#define PTE_ACCESSED UINT64_C(0x20)
#define PTE_DIRTY    UINT64_C(0x40)
#define PTE_LARGE    UINT64_C(0x80)
#define PTE_GLOBAL   UINT64_C(0x100)
#define PTE_NX       (UINT64_C(1) << 63)

#define PHYSICAL_BITS    40 /* as CPUID leaf 0x80000008 says */
#define PTE_ADDRESS      ((UINT64_C(1) << PHYSICAL_BITS) - TARGET_PAGE_SIZE)
#define PTE_RESERVED_TOP (((UINT64_C(1) << 52) - 1) & ~((UINT64_C(1) << PHYSICAL_BITS) - 1))

#define MAXIMUM_LEVELS 4

/* The entries that led to a page, outermost first. */
typedef struct Walk {
    unsigned count;
    unsigned entry_size;
    hwaddr where[MAXIMUM_LEVELS];
    uint64_t entry[MAXIMUM_LEVELS];
    unsigned leaf_bits;   /* log2 of the page size */
    uint64_t permissions; /* PTE_WRITE | PTE_USER where all levels agree, PTE_NX where any says */
    unsigned no_flags;    /* bit per entry: has no A bit (PAE's top level) */
    bool reserved;        /* a reserved bit is set */
    bool present;
    hwaddr physical; /* of the large or small page */
} Walk;

const PhysicalRange *physical_find(Engine *e, hwaddr physical)
{
    for (unsigned i = 0; i < PHYSICAL_CACHE_SIZE; i++) {
        if (physical - e->physical[i].start < e->physical[i].end - e->physical[i].start) {
            return &e->physical[i];
        }
    }

    hwaddr page = physical & TARGET_PAGE_MASK;
    uint64_t offset, left;
    MemoryRegion *region = address_space_find(address_space_memory(), page, &offset, &left);
    if (!region || !region->block || left < TARGET_PAGE_SIZE ||
        ((region->block_offset + offset) & ~TARGET_PAGE_MASK)) {
        return NULL;
    }
    PhysicalRange *range = &e->physical[e->physical_next++ % PHYSICAL_CACHE_SIZE];
    *range = (PhysicalRange){
        .start = page,
        .end = page + (left & TARGET_PAGE_MASK),
        .block = region->block,
        .block_offset = region->block_offset + offset,
    };
    return range;
}

void physical_forget(Engine *e)
{
    memset(e->physical, 0, sizeof(e->physical));
}

static uint64_t entry_load(Engine *e, hwaddr where, unsigned size)
{
    const PhysicalRange *range = physical_find(e, where);

    if (!range) {
        return address_space_load(address_space_memory(), where, size);
    }
    const uint8_t *host = physical_host(range, where);
    return size == 8 ? __atomic_load_n((const uint64_t *)host, __ATOMIC_RELAXED)
                     : __atomic_load_n((const uint32_t *)host, __ATOMIC_RELAXED);
}

static void entry_set_bits(Engine *e, hwaddr where, unsigned size, uint64_t bits)
{
    const PhysicalRange *range = physical_find(e, where);

    if (!range || range->block->read_only) {
        return;
    }
    uint8_t *host = physical_host(range, where);
    memory_prepare_store(range->block, host - range->block->host, size);
    /* A and D are in the low byte, whatever the entry's size. */
    __atomic_fetch_or(host, (uint8_t)bits, __ATOMIC_RELAXED);
}

/* Fetch the entry at @where and note it. False when it is not present or malformed. */
static bool walk_step(Engine *e, Walk *walk, hwaddr where, uint64_t reserved)
{
    where &= e->physical_mask;
    uint64_t entry = entry_load(e, where, walk->entry_size);
    walk->where[walk->count] = where;
    walk->entry[walk->count++] = entry;
    walk->present = entry & PTE_PRESENT;
    if (!walk->present) {
        return false;
    }
    if (entry & reserved) {
        walk->reserved = true;
        return false;
    }
    return true;
}

static void walk_restrict(Walk *walk, uint64_t entry)
{
    walk->permissions &= (entry & (PTE_WRITE | PTE_USER)) | PTE_NX;
    walk->permissions |= entry & PTE_NX;
}

static bool walk_leaf(Walk *walk, uint64_t entry, unsigned bits)
{
    walk->leaf_bits = bits;
    walk->physical = entry & PTE_ADDRESS & ~((UINT64_C(1) << bits) - 1);
    return true;
}

/* The levels of 64-bit entries below @table that PAE and 4-level paging share. */
static bool walk_wide(Engine *e, Walk *walk, uint64_t address, hwaddr table, unsigned level,
                      uint64_t reserved)
{
    for (;; level--) {
        unsigned shift = 3 + 9 * level; /* 12, 21, 30, 39 */
        if (!walk_step(e, walk, table + ((address >> shift) & 0x1ff) * 8, reserved)) {
            return false;
        }
        uint64_t entry = walk->entry[walk->count - 1];
        walk_restrict(walk, entry);
        if (level == 1) {
            return walk_leaf(walk, entry, 12);
        }
        if (entry & PTE_LARGE) {
            uint64_t below = (UINT64_C(1) << shift) - (UINT64_C(1) << 13);
            if (level == 4 || (entry & below)) {
                walk->reserved = true;
                return false;
            }
            return walk_leaf(walk, entry, shift);
        }
        table = entry & PTE_ADDRESS;
    }
}

static bool walk_32bit(Engine *e, Walk *walk, uint64_t address)
{
    hwaddr table = e->state->cr3 & UINT32_C(0xfffff000);

    walk->entry_size = 4;
    if (!walk_step(e, walk, table + ((address >> 22) & 0x3ff) * 4, 0)) {
        return false;
    }
    uint64_t entry = walk->entry[0];
    walk_restrict(walk, entry);
    if ((entry & PTE_LARGE) && (e->state->cr4 & CR4_PSE)) {
        if (entry & (UINT64_C(1) << 21)) {
            walk->reserved = true;
            return false;
        }
        /* PSE-36: bits 20:13 are address bits 39:32. */
        walk->leaf_bits = 22;
        walk->physical = (entry & UINT32_C(0xffc00000)) | ((entry & 0x1fe000) << 19);
        return true;
    }
    if (!walk_step(e, walk, (entry & UINT32_C(0xfffff000)) + ((address >> 12) & 0x3ff) * 4, 0)) {
        return false;
    }
    walk_restrict(walk, walk->entry[1]);
    return walk_leaf(walk, walk->entry[1] & UINT32_C(0xffffffff), 12);
}

static bool walk_tables(Engine *e, Walk *walk, uint64_t address)
{
    X86State *s = e->state;
    uint64_t reserved = PTE_RESERVED_TOP | (s->msr.efer & EFER_NXE ? 0 : PTE_NX);

    *walk = (Walk){ .entry_size = 8, .permissions = PTE_WRITE | PTE_USER };
    if (s->msr.efer & EFER_LMA) {
        return walk_wide(e, walk, address, s->cr3 & PTE_ADDRESS, 4, reserved);
    }
    if (!(s->cr4 & CR4_PAE)) {
        return walk_32bit(e, walk, address);
    }
    reserved |= UINT64_C(0x7ff) << 52;
    walk->no_flags = 1;
    hwaddr top = (s->cr3 & UINT32_C(0xffffffe0)) + ((address >> 30) & 3) * 8;
    if (!walk_step(e, walk, top, reserved | PTE_NX | 0x1e6)) {
        return false;
    }
    return walk_wide(e, walk, address, walk->entry[0] & PTE_ADDRESS, 2, reserved);
}

/* May this page be used so? */
static bool walk_allows(const Engine *e, const Walk *walk, MMUAccess access, MMUMode mode)
{
    const X86State *s = e->state;
    bool user_page = walk->permissions & PTE_USER;

    if (mode == MMU_USER) {
        if (!user_page) {
            return false;
        }
    } else if (user_page) {
        if (access == MMU_FETCH ? (s->cr4 & CR4_SMEP) != 0 : mode == MMU_KERNEL_SMAP) {
            return false;
        }
    }
    if (access == MMU_WRITE && !(walk->permissions & PTE_WRITE)) {
        return mode != MMU_USER && !(s->cr0 & CR0_WP);
    }
    return access != MMU_FETCH || !(walk->permissions & PTE_NX);
}

static uint32_t walk_error_code(const Engine *e, const Walk *walk, MMUAccess access, MMUMode mode)
{
    const X86State *s = e->state;
    uint32_t code = walk->present ? PF_PRESENT : 0;

    if (walk->present && walk->reserved) {
        code |= PF_RESERVED;
    }
    if (access == MMU_WRITE) {
        code |= PF_WRITE;
    }
    if (mode == MMU_USER) {
        code |= PF_USER;
    }
    if (access == MMU_FETCH &&
        ((s->cr4 & CR4_SMEP) || ((s->msr.efer & EFER_NXE) && (s->cr4 & CR4_PAE)))) {
        code |= PF_FETCH;
    }
    return code;
}

static void walk_mark(Engine *e, const Walk *walk, MMUAccess access)
{
    for (unsigned i = 0; i < walk->count; i++) {
        uint64_t bits = PTE_ACCESSED;
        if (walk->no_flags & (1u << i)) {
            continue;
        }
        if (i == walk->count - 1 && access == MMU_WRITE) {
            bits |= PTE_DIRTY;
        }
        if ((walk->entry[i] & bits) != bits) {
            entry_set_bits(e, walk->where[i], walk->entry_size, bits);
        }
    }
}

static hwaddr walk_page(const Engine *e, const Walk *walk, uint64_t address)
{
    uint64_t inside = (UINT64_C(1) << walk->leaf_bits) - 1;

    return ((walk->physical | (address & inside)) & TARGET_PAGE_MASK) & e->physical_mask;
}

bool mmu_walk(Engine *e, uint64_t address, MMUAccess access, MMUMode mode, MMUPage *page,
              uint32_t *error_code)
{
    X86State *s = e->state;
    Walk walk;

    if (!(s->cr0 & CR0_PG)) {
        *page = (MMUPage){
            .physical = (uint32_t)address & TARGET_PAGE_MASK & e->physical_mask,
            .writable = true,
            .dirty = true,
            .bits = TARGET_PAGE_BITS,
        };
        return true;
    }
    if (!walk_tables(e, &walk, address) || !walk_allows(e, &walk, access, mode)) {
        *error_code = walk_error_code(e, &walk, access, mode);
        return false;
    }
    walk_mark(e, &walk, access);
    uint64_t leaf = walk.entry[walk.count - 1];
    page->physical = walk_page(e, &walk, address);
    page->writable = (walk.permissions & PTE_WRITE) || (mode != MMU_USER && !(s->cr0 & CR0_WP));
    page->dirty = (leaf & PTE_DIRTY) || access == MMU_WRITE;
    page->bits = walk.leaf_bits;
    page->global = (leaf & PTE_GLOBAL) && (s->cr4 & CR4_PGE);
    return true;
}
