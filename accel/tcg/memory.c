/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The slow path of memory accesses; see memory.h. */
#include "accel/tcg/memory.h"
#include "accel/tcg/block.h"
#include "accel/tcg/debug.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/tlb.h"

/* One page of a linear address, ready to be accessed. */
typedef struct PageAccess {
    RAMBlock *block;       /* NULL: registers or nothing, at `physical` */
    uint64_t block_offset; /* of the page */
    hwaddr physical;       /* of the page */
} PageAccess;

static void check_canonical(Engine *e, uint64_t address)
{
    if (likely(mmu_canonical(address))) {
        return;
    }
    if (e->op && (e->op->flags & OP_STACK_SEGMENT)) {
        raise_exception_error(e, EXCEPTION_SS, 0);
    }
    raise_exception_error(e, EXCEPTION_GP, 0);
}

/* Walk, raise the fault if any, fill the TLB and say what is there. */
static void resolve(Engine *e, uint64_t address, MMUAccess access, MMUMode mode, PageAccess *result)
{
    MMUPage page;
    uint32_t error_code;

    check_canonical(e, address);
    if (!mmu_walk(e, address, access, mode, &page, &error_code)) {
        raise_page_fault(e, address, error_code);
    }
    const PhysicalRange *range = physical_find(e, page.physical);
    *result = (PageAccess){ .physical = page.physical };
    if (range) {
        result->block = range->block;
        result->block_offset = range->block_offset + (page.physical - range->start);
        if (!debug_watches_page(e, address)) {
            tlb_fill(e, mode, address, range->block, result->block_offset, &page);
        }
    }
}

void memory_prepare_store(RAMBlock *block, uint64_t offset, unsigned length)
{
    uint64_t page = offset >> TARGET_PAGE_BITS;

    if (dirty_page_needs_report(block, page)) {
        dirty_page_report(block, page);
    }
    if (!block_page_is_plain(block, page)) {
        block_store_to_code(block, offset, length);
    }
}

static uint64_t load_bytes(const uint8_t *host, unsigned size)
{
    switch (size) {
    case 1:
        return *host;
    case 2:
        return *(const guest_uint16_t *)host;
    case 4:
        return *(const guest_uint32_t *)host;
    default:
        return *(const guest_uint64_t *)host;
    }
}

static void store_bytes(uint8_t *host, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        *host = value;
        break;
    case 2:
        *(guest_uint16_t *)host = value;
        break;
    case 4:
        *(guest_uint32_t *)host = value;
        break;
    default:
        *(guest_uint64_t *)host = value;
        break;
    }
}

static uint64_t page_load(const PageAccess *page, unsigned offset, unsigned size)
{
    if (!page->block) {
        return address_space_load(address_space_memory(), page->physical + offset, size);
    }
    return load_bytes(page->block->host + page->block_offset + offset, size);
}

static void page_store(Engine *e, const PageAccess *page, unsigned offset, uint64_t value,
                       unsigned size)
{
    if (!page->block) {
        address_space_store(address_space_memory(), page->physical + offset, value, size);
        return;
    }
    if (page->block->read_only) {
        return;
    }
    memory_prepare_store(page->block, page->block_offset + offset, size);
    store_bytes(page->block->host + page->block_offset + offset, value, size);
}

static inline unsigned page_offset(uint64_t address)
{
    return address & ~TARGET_PAGE_MASK;
}

static inline bool crosses_page(uint64_t address, unsigned length)
{
    return page_offset(address) + length > TARGET_PAGE_SIZE;
}

/* ---- accesses that cross a page, byte by byte ---- */

static uint64_t load_crossing(Engine *e, uint64_t address, unsigned size, MMUAccess access,
                              MMUMode mode)
{
    uint64_t second = (address | ~TARGET_PAGE_MASK) + 1;
    PageAccess pages[2];
    uint64_t value = 0;

    resolve(e, address, access, mode, &pages[0]);
    resolve(e, second, access, mode, &pages[1]);
    for (unsigned i = 0; i < size; i++) {
        const PageAccess *page = address + i < second ? &pages[0] : &pages[1];
        value |= page_load(page, page_offset(address + i), 1) << (8 * i);
    }
    return value;
}

static void store_crossing(Engine *e, uint64_t address, uint64_t value, unsigned size, MMUMode mode)
{
    uint64_t second = (address | ~TARGET_PAGE_MASK) + 1;
    PageAccess pages[2];

    resolve(e, address, MMU_WRITE, mode, &pages[0]);
    resolve(e, second, MMU_WRITE, mode, &pages[1]);
    for (unsigned i = 0; i < size; i++) {
        const PageAccess *page = address + i < second ? &pages[0] : &pages[1];
        page_store(e, page, page_offset(address + i), (uint8_t)(value >> (8 * i)), 1);
    }
}

/* ---- one load or store ---- */

static uint64_t load_access(Engine *e, uint64_t address, unsigned size, MMUAccess access,
                            MMUMode mode)
{
    PageAccess page;

    debug_check_data(e, address, size, false);
    if (crosses_page(address, size)) {
        return load_crossing(e, address, size, access, mode);
    }
    resolve(e, address, access, mode, &page);
    return page_load(&page, page_offset(address), size);
}

uint64_t memory_load(Engine *e, uint64_t address, unsigned size, MMUMode mode)
{
    const TLBEntry *entry = tlb_entry(e, mode, address);

    if (entry->read == ((address + size - 1) & TARGET_PAGE_MASK)) {
        return load_bytes((uint8_t *)(uintptr_t)(address + entry->addend), size);
    }
    return load_access(e, address, size, MMU_READ, mode);
}

uint64_t memory_load_for_store(Engine *e, uint64_t address, unsigned size, MMUMode mode)
{
    return load_access(e, address, size, MMU_WRITE, mode);
}

void memory_store(Engine *e, uint64_t address, uint64_t value, unsigned size, MMUMode mode)
{
    const TLBEntry *entry = tlb_entry(e, mode, address);
    PageAccess page;

    if (entry->write == ((address + size - 1) & TARGET_PAGE_MASK)) {
        store_bytes((uint8_t *)(uintptr_t)(address + entry->addend), value, size);
        return;
    }
    debug_check_data(e, address, size, true);
    if (crosses_page(address, size)) {
        store_crossing(e, address, value, size, mode);
        return;
    }
    resolve(e, address, MMU_WRITE, mode, &page);
    page_store(e, &page, page_offset(address), value, size);
    if (page.block) {
        tlb_allow_writes(e, mode, address, page.block, page.block_offset);
    }
}

/* Where all of the range is when the TLB has it for @access; NULL otherwise. */
static uint8_t *fast_range(Engine *e, uint64_t address, unsigned length, MMUAccess access,
                           MMUMode mode)
{
    const TLBEntry *entry = tlb_entry(e, mode, address);
    uint64_t tag = access == MMU_WRITE ? entry->write : entry->read;

    if (tag != ((address + length - 1) & TARGET_PAGE_MASK)) {
        return NULL;
    }
    return (uint8_t *)(uintptr_t)(address + entry->addend);
}

void memory_probe(Engine *e, uint64_t address, unsigned length, MMUAccess access, MMUMode mode)
{
    PageAccess page;

    if (access != MMU_FETCH && fast_range(e, address, length, access, mode)) {
        return;
    }
    resolve(e, address, access, mode, &page);
    if (crosses_page(address, length)) {
        resolve(e, (address | ~TARGET_PAGE_MASK) + 1, access, mode, &page);
    }
}

/* The largest power of two that divides the address and fits the length, up to 8. */
static unsigned chunk_size(uint64_t address, unsigned length)
{
    unsigned size = 8;

    while (size > length || (address & (size - 1))) {
        size /= 2;
    }
    return size;
}

void memory_read_bytes(Engine *e, uint64_t address, void *buffer, unsigned length, MMUMode mode)
{
    uint8_t *bytes = buffer;
    const uint8_t *host = fast_range(e, address, length, MMU_READ, mode);

    if (likely(host)) {
        memcpy(buffer, host, length);
        return;
    }
    if (crosses_page(address, length)) {
        memory_probe(e, address, length, MMU_READ, mode);
    }
    while (length > 0) {
        unsigned size = chunk_size(address, length);
        uint64_t value = memory_load(e, address, size, mode);
        memcpy(bytes, &value, size);
        address += size;
        bytes += size;
        length -= size;
    }
}

void memory_write_bytes(Engine *e, uint64_t address, const void *buffer, unsigned length,
                        MMUMode mode)
{
    const uint8_t *bytes = buffer;
    uint8_t *host = fast_range(e, address, length, MMU_WRITE, mode);

    if (likely(host)) {
        memcpy(host, buffer, length);
        return;
    }
    if (crosses_page(address, length)) {
        memory_probe(e, address, length, MMU_WRITE, mode);
    }
    while (length > 0) {
        unsigned size = chunk_size(address, length);
        uint64_t value = 0;
        memcpy(&value, bytes, size);
        memory_store(e, address, value, size, mode);
        address += size;
        bytes += size;
        length -= size;
    }
}

uint8_t *memory_direct(Engine *e, uint64_t address, MMUAccess access, MMUMode mode)
{
    const TLBEntry *entry = tlb_entry(e, mode, address);
    uint64_t tag = access == MMU_WRITE ? entry->write : entry->read;

    if (tag != (address & TARGET_PAGE_MASK)) {
        PageAccess page;
        resolve(e, address, access, mode, &page);
        if (!page.block || (access == MMU_WRITE && page.block->read_only)) {
            return NULL;
        }
        if (access == MMU_WRITE) {
            uint64_t index = page.block_offset >> TARGET_PAGE_BITS;
            if (!block_page_is_plain(page.block, index)) {
                return NULL;
            }
            memory_prepare_store(page.block, page.block_offset, 1);
            tlb_allow_writes(e, mode, address, page.block, page.block_offset);
        }
        tag = access == MMU_WRITE ? entry->write : entry->read;
        if (tag != (address & TARGET_PAGE_MASK)) {
            return NULL;
        }
    }
    return (uint8_t *)(uintptr_t)(address + entry->addend);
}

/* ---- for operations ---- */

uint64_t op_load_slow(Engine *e, const Op *op, uint64_t address, unsigned size)
{
    e->op = op;
    return memory_load(e, address, size, e->mmu_mode);
}

void op_store_slow(Engine *e, const Op *op, uint64_t address, uint64_t value, unsigned size)
{
    e->op = op;
    memory_store(e, address, value, size, e->mmu_mode);
}

uint64_t op_load_for_store_slow(Engine *e, const Op *op, uint64_t address, unsigned size)
{
    e->op = op;
    return memory_load_for_store(e, address, size, e->mmu_mode);
}
