/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The software TLB and the caches of code addresses that live and die with it: filling, flushing,
 * taking away the right to store unseen.
 */
#include "accel/tcg/tlb.h"
#include "accel/tcg/block.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/memory.h"
#include "util/report.h"

static bool stores_unseen(const RAMBlock *block, uint64_t offset)
{
    uint64_t page = offset >> TARGET_PAGE_BITS;

    return !block->read_only && !dirty_page_needs_report(block, page) &&
           block_page_is_plain(block, page);
}

/* ---- sets of pages ---- */

#define LARGE_PAGE_BITS 21
#define HUGE_PAGE_BITS  30

static unsigned filter_hash(uint64_t address, unsigned bits)
{
    uint64_t page = address >> bits;

    return (page ^ (page >> 12)) % (PAGE_FILTER_WORDS * 64);
}

static void filter_add(uint64_t *filter, uint64_t address, unsigned bits)
{
    unsigned hash = filter_hash(address, bits);

    filter[hash / 64] |= UINT64_C(1) << (hash % 64);
}

static bool filter_has(const uint64_t *filter, uint64_t address, unsigned bits)
{
    unsigned hash = filter_hash(address, bits);

    return (filter[hash / 64] >> (hash % 64)) & 1;
}

/* INVLPG on any address of a large page drops all of it, which is many entries here. */
static void note_large_page(Engine *e, uint64_t address, unsigned bits)
{
    if (likely(bits <= TARGET_PAGE_BITS)) {
        return;
    }
    if (bits >= HUGE_PAGE_BITS) {
        filter_add(e->huge_pages_seen, address, HUGE_PAGE_BITS);
        return;
    }
    uint64_t size = UINT64_C(1) << LARGE_PAGE_BITS;
    filter_add(e->large_pages_seen, address, LARGE_PAGE_BITS);
    if (bits > LARGE_PAGE_BITS) {
        /* The other half of 4 MiB. */
        filter_add(e->large_pages_seen, address ^ size, LARGE_PAGE_BITS);
    }
}

void tlb_fill(Engine *e, MMUMode mode, uint64_t address, const RAMBlock *block, uint64_t offset,
              const MMUPage *page)
{
    unsigned index = tlb_index(address);
    TLB *tlb = &e->tlbs[mode];
    uint64_t tag = address & TARGET_PAGE_MASK;

    tlb->entries[index] = (TLBEntry){
        .read = tag,
        .write = page->writable && page->dirty && stores_unseen(block, offset) ? tag : TLB_INVALID,
        .addend = (uint64_t)(uintptr_t)(block->host + offset) - tag,
        .global = page->global,
    };
    tlb->used[index / 64] |= UINT64_C(1) << (index % 64);
    note_large_page(e, address, page->bits);
}

void tlb_allow_writes(Engine *e, MMUMode mode, uint64_t address, const RAMBlock *block,
                      uint64_t offset)
{
    TLBEntry *entry = tlb_entry(e, mode, address);
    uint64_t tag = address & TARGET_PAGE_MASK;

    if (entry->read == tag && stores_unseen(block, offset)) {
        entry->write = tag;
    }
}

static void entry_clear(TLBEntry *entry)
{
    entry->read = TLB_INVALID;
    entry->write = TLB_INVALID;
}

/* Call for each entry of @tlb that may be valid. */
#define FOREACH_USED(tlb, index)                             \
    for (unsigned word_ = 0; word_ < TLB_SIZE / 64; word_++) \
        for (uint64_t bits_ = (tlb)->used[word_], index;     \
             bits_ && (index = word_ * 64 + __builtin_ctzll(bits_), 1); bits_ &= bits_ - 1)

static void flush_data(Engine *e, bool keep_global)
{
    for (unsigned mode = 0; mode < MMU_MODE_COUNT; mode++) {
        TLB *tlb = &e->tlbs[mode];
        FOREACH_USED(tlb, index)
        {
            TLBEntry *entry = &tlb->entries[index];
            if (!keep_global || !entry->global) {
                entry_clear(entry);
                tlb->used[index / 64] &= ~(UINT64_C(1) << (index % 64));
            }
        }
    }
}

static void flush_code_tlb(Engine *e, bool keep_global)
{
    for (unsigned i = 0; i < CODE_TLB_SIZE; i++) {
        if (!keep_global || !e->code_tlb[i].global) {
            e->code_tlb[i].tag = TLB_INVALID;
        }
    }
}

void tlb_flush_all(Engine *e)
{
    flush_data(e, false);
    flush_code_tlb(e, false);
    memset(e->code_pages_seen, 0, sizeof(e->code_pages_seen));
    memset(e->large_pages_seen, 0, sizeof(e->large_pages_seen));
    memset(e->huge_pages_seen, 0, sizeof(e->huge_pages_seen));
    block_jumps_flush(e, false);
}

void tlb_flush_local(Engine *e)
{
    flush_data(e, true);
    flush_code_tlb(e, true);
    block_jumps_flush(e, true);
}

void tlb_flush_page(Engine *e, uint64_t address)
{
    uint64_t tag = address & TARGET_PAGE_MASK;

    if (filter_has(e->large_pages_seen, address, LARGE_PAGE_BITS) ||
        filter_has(e->huge_pages_seen, address, HUGE_PAGE_BITS)) {
        tlb_flush_all(e);
        return;
    }
    for (unsigned mode = 0; mode < MMU_MODE_COUNT; mode++) {
        TLBEntry *entry = tlb_entry(e, mode, address);
        if (entry->read == tag) {
            entry_clear(entry);
        }
    }
    if (filter_has(e->code_pages_seen, address, TARGET_PAGE_BITS)) {
        flush_code_tlb(e, false);
        memset(e->code_pages_seen, 0, sizeof(e->code_pages_seen));
        block_jumps_flush(e, false);
    }
}

void tlb_protect_all(Engine *e)
{
    for (unsigned mode = 0; mode < MMU_MODE_COUNT; mode++) {
        TLB *tlb = &e->tlbs[mode];
        FOREACH_USED(tlb, index)
        {
            tlb->entries[index].write = TLB_INVALID;
        }
    }
}

void tlb_protect_host_page(Engine *e, const uint8_t *host)
{
    for (unsigned mode = 0; mode < MMU_MODE_COUNT; mode++) {
        TLB *tlb = &e->tlbs[mode];
        FOREACH_USED(tlb, index)
        {
            TLBEntry *entry = &tlb->entries[index];
            if (entry->read + entry->addend == (uint64_t)(uintptr_t)host) {
                entry->write = TLB_INVALID;
            }
        }
    }
}

const uint8_t *memory_code_page(Engine *e, uint64_t address, bool *global)
{
    bool user = e->cpl == 3;
    uint64_t tag = (address & TARGET_PAGE_MASK) | (user ? 2 : 0);
    CodeTLBEntry *entry = &e->code_tlb[(address >> TARGET_PAGE_BITS) % CODE_TLB_SIZE];
    uint32_t error_code;
    MMUPage page;

    if (entry->tag == tag) {
        *global = entry->global;
        return entry->host;
    }
    if (!mmu_canonical(address)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    if (!mmu_walk(e, address, MMU_FETCH, user ? MMU_USER : MMU_KERNEL, &page, &error_code)) {
        raise_page_fault(e, address, error_code);
    }
    const PhysicalRange *range = physical_find(e, page.physical);
    if (!range) {
        /* A hole reads as ones, and FF FF is no instruction. Nor do devices hold code. */
        log_write(LOG_GUEST_ERRORS, "code at physical address 0x%" PRIx64 ": no memory there\n",
                  page.physical | (address & ~TARGET_PAGE_MASK));
        raise_exception(e, EXCEPTION_UD);
    }
    *entry = (CodeTLBEntry){
        .tag = tag,
        .host = physical_host(range, page.physical),
        .global = page.global,
    };
    filter_add(e->code_pages_seen, address, TARGET_PAGE_BITS);
    note_large_page(e, address, page.bits);
    *global = entry->global;
    return entry->host;
}
