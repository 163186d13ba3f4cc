/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Guest physical memory and I/O ports: regions, the address spaces that map them, and the RAM
 * blocks behind them.
 *
 * An address space is a list of regions with priorities, rendered into a flat, sorted view.
 * Changing the map needs the BQL; readers look at an immutable view and need no lock. Views that
 * were replaced are freed as soon as no reader looks at them, so a map may change as often as a
 * guest likes.
 */
#pragma once

#include <glib-object.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t hwaddr;

#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE (UINT64_C(1) << TARGET_PAGE_BITS)
#define TARGET_PAGE_MASK (~(TARGET_PAGE_SIZE - 1))

/* ---- RAM blocks ---- */

#define RAM_BLOCK_NAME_MAX 255

/* Who wants to know which pages were written. */
typedef enum DirtyClient {
    DIRTY_MIGRATION,
    DIRTY_DISPLAY,
    DIRTY_CODE, /* a clear bit: the accelerator holds translations of code in this page */
    DIRTY_CLIENT_COUNT,
} DirtyClient;

typedef struct RAMBlock {
    char *name;     /* unique; travels in the migration stream */
    uint8_t *host;  /* page aligned mapping of `size` bytes */
    uint64_t size;  /* bytes, a multiple of TARGET_PAGE_SIZE */
    int fd;         /* memfd or file behind the mapping, or -1 */
    bool read_only; /* ROM: the guest cannot write; still migrated */
    /* One bit a page and client, set = written since the last sync. Atomic access. */
    uint64_t *dirty[DIRTY_CLIENT_COUNT];
} RAMBlock;

/*
 * Allocate @size bytes (rounded up to pages) of zeroed memory under the unique name @name.
 * Needs the BQL. Errors: name taken, memory not to be had.
 */
RAMBlock *ram_block_new(const char *name, uint64_t size, GError **error);
void ram_block_free(RAMBlock *block);
RAMBlock *ram_block_find(const char *name);
/* The blocks in order of creation; the list is fixed once the machine runs. Borrowed. */
GPtrArray *ram_blocks(void);
/* Bytes in all blocks. */
uint64_t ram_total_bytes(void);

static inline uint64_t ram_block_pages(const RAMBlock *block)
{
    return block->size >> TARGET_PAGE_BITS;
}

/* ---- dirty pages ---- */

/*
 * Begin and end tracking for @client over all blocks. While a client does not track, its bits
 * are left as they are and cost nothing. DIRTY_CODE always tracks. Must hold the BQL.
 * Starting clears nothing: the caller decides what counts as dirty at first.
 */
void dirty_log_start(DirtyClient client);
void dirty_log_stop(DirtyClient client);
bool dirty_log_enabled(DirtyClient client);

/*
 * Move the dirty bits of @client into @destination (OR-ed, one bit a page of @block) and make
 * the accelerator report the next store to each of those pages again. Returns how many bits
 * were newly set in @destination.
 *
 * Waits for running vCPUs to see the change, so it must not be called with the BQL held unless
 * the VM is stopped. A page's content must be read only after the call returned.
 */
uint64_t dirty_log_sync(DirtyClient client, RAMBlock *block, uint64_t *destination);

/*
 * Tell all trackers that [@offset, @offset + @length) of @block was written by other means than
 * the vCPU's own store path (device DMA, loading a migration). Drops translations there.
 */
void ram_block_written(RAMBlock *block, uint64_t offset, uint64_t length);

/*
 * The same where migration itself put the bytes there: DIRTY_MIGRATION is not told, or a
 * checkpoint's pages would count as the guest's own changes at the next one.
 */
void ram_block_loaded(RAMBlock *block, uint64_t offset, uint64_t length);

/*
 * Fast check for the accelerator's store path: must a store to this page be reported?
 * True while a tracking client's bit is clear.
 */
bool dirty_page_needs_report(const RAMBlock *block, uint64_t page);

/*
 * A vCPU is about to store to @page: set the bits of all tracking clients except DIRTY_CODE.
 * The caller has dealt with its translations and sets that bit itself.
 */
void dirty_page_report(RAMBlock *block, uint64_t page);

/* ---- regions ---- */

/*
 * Handlers of a device's registers; called with the BQL held. @address is relative to the
 * region and a multiple of @size, which is 1, 2, 4 or 8. Accesses outside [access_min,
 * access_max] are widened (what is written besides is zero) or split by the core (little
 * endian), misaligned ones are split into the largest aligned ones.
 */
typedef struct MemoryRegionOps {
    uint64_t (*read)(void *opaque, hwaddr address, unsigned size);
    void (*write)(void *opaque, hwaddr address, uint64_t value, unsigned size);
    unsigned access_min; /* bytes; 0 means 1 */
    unsigned access_max; /* bytes; 0 means 8 */
} MemoryRegionOps;

typedef struct MemoryRegion {
    const char *name;           /* borrowed, lives as long as the region */
    uint64_t size;              /* bytes */
    const MemoryRegionOps *ops; /* registers, or */
    void *opaque;
    RAMBlock *block; /* RAM from `block_offset` on */
    uint64_t block_offset;
} MemoryRegion;

/* Fill in a region that its owner embeds. */
void memory_region_init_io(MemoryRegion *region, const char *name, const MemoryRegionOps *ops,
                           void *opaque, uint64_t size);
void memory_region_init_ram(MemoryRegion *region, const char *name, RAMBlock *block,
                            uint64_t block_offset, uint64_t size);

/* ---- address spaces ---- */

typedef struct AddressSpace AddressSpace;

/* Guest physical memory and the 64 KiB of I/O ports. */
AddressSpace *address_space_memory(void);
AddressSpace *address_space_io(void);

/* Map @region at @address; where regions overlap the higher @priority is seen. Needs the BQL. */
void address_space_map(AddressSpace *space, hwaddr address, MemoryRegion *region, int priority);
/*
 * Undo it. Needs the BQL. A vCPU may have found @region before and be waiting for the BQL to use
 * it: call address_space_synchronize() before the region or what its handlers use is freed.
 */
void address_space_unmap(AddressSpace *space, MemoryRegion *region);
/*
 * Wait until each vCPU has done with what it has found in any address space so far. Needs the BQL,
 * gives it up meanwhile. Not from a vCPU's thread.
 */
void address_space_synchronize(void);

/*
 * What is at @address: the region, the offset in it and the bytes up to its (visible) end.
 * NULL where nothing is mapped; then *@left says how far the hole reaches. Lock-free.
 */
MemoryRegion *address_space_find(AddressSpace *space, hwaddr address, uint64_t *offset,
                                 uint64_t *left);

/*
 * Counts up with each change of @space's map. Where the change concerns RAM, vCPUs are told through
 * AccelOps.memory_map_changed, because they may have cached where it is.
 */
unsigned address_space_generation(AddressSpace *space);

/* Tests: replaced views of @space that are not freed yet. Needs the BQL. */
unsigned address_space_retired_views(AddressSpace *space);

/*
 * Bus accesses of 1, 2, 4 or 8 bytes, little endian. Holes read as all ones and swallow
 * writes. Takes the BQL for registers when the caller does not hold it.
 */
uint64_t address_space_load(AddressSpace *space, hwaddr address, unsigned size);
void address_space_store(AddressSpace *space, hwaddr address, uint64_t value, unsigned size);

/* The same on a region that was found before; @offset + @size lies within it. */
uint64_t memory_region_load(MemoryRegion *region, hwaddr offset, unsigned size);
void memory_region_store(MemoryRegion *region, hwaddr offset, uint64_t value, unsigned size);

/* Block transfers (DMA, loaders, memory dumps). False when part of the range is not RAM. */
bool address_space_read(AddressSpace *space, hwaddr address, void *buffer, uint64_t length);
bool address_space_write(AddressSpace *space, hwaddr address, const void *buffer, uint64_t length);

/* Tests and `info mtree`: call @visit for each range of the flat view in order of address. Needs
 * the BQL. */
void address_space_foreach(AddressSpace *space,
                           void (*visit)(hwaddr address, uint64_t size, MemoryRegion *region,
                                         void *opaque),
                           void *opaque);
