/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The code cache; see block.h. */
#include "accel/tcg/block.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/memory.h"
#include "accel/tcg/translate.h"
#include "trace-accel-tcg.h"
#include <sys/mman.h>

#define CODE_CACHE_BYTES (UINT64_C(32) << 20)
#define HASH_SIZE        (1u << 15)
/* The largest block the translator makes fits into this. */
#define BLOCK_BYTES_MAX (sizeof(Block) + TRANSLATE_OPS_MAX * sizeof(Op))

/* A page of RAM from which blocks were made. */
typedef struct CodePage {
    Block *first;  /* blocks that begin here, by page_next */
    Block *second; /* blocks whose only instruction ends here, by second_page_next */
} CodePage;

struct CodeCache {
    uint8_t *memory; /* blocks, one behind the other; never freed one by one */
    size_t used;
    Block *hash[HASH_SIZE];
    GHashTable *pages; /* host address of the page -> CodePage */
    CodeCacheStatistics statistics;
};

CodeCache *code_cache_new(void)
{
    CodeCache *cache = g_new0(CodeCache, 1);

    cache->memory = mmap(NULL, CODE_CACHE_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_assert(cache->memory != MAP_FAILED);
    cache->pages = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return cache;
}

void code_cache_free(CodeCache *cache)
{
    munmap(cache->memory, CODE_CACHE_BYTES);
    g_hash_table_unref(cache->pages);
    g_free(cache);
}

static unsigned hash_of(const uint8_t *code, uint64_t pc)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)code ^ (pc >> 12)) * UINT64_C(0x9e3779b97f4a7c15);

    return mixed >> (64 - 15);
}

static const uint8_t *page_of(const uint8_t *host)
{
    return (const uint8_t *)((uintptr_t)host & TARGET_PAGE_MASK);
}

/* ---- jumps ---- */

/* A key that no address looked up at @index has (mode bits are far above the hashed ones). */
static uint64_t jump_empty_key(unsigned index)
{
    return index == 0;
}

void block_jumps_flush(Engine *e, bool keep_global)
{
    /* Odd and even numbers, so that a local link never looks like a global one. */
    e->generation_local += 2;
    if (keep_global) {
        for (unsigned i = 0; i < e->jump_local_count; i++) {
            unsigned index = e->jump_local[i];
            e->jump_cache[index] = (JumpEntry){ .key = jump_empty_key(index) };
        }
    } else {
        e->generation_global += 2;
        memset(e->jump_cache, 0, sizeof(e->jump_cache));
        e->jump_cache[0].key = jump_empty_key(0);
    }
    e->jump_local_count = 0;
}

static bool page_is_global(Engine *e, uint64_t pc)
{
    bool global;

    memory_code_page(e, e->r[SLOT_SEGMENT_BASE + X86_CS] + pc, &global);
    return global;
}

void block_cache_jump(Engine *e, uint64_t pc, const Block *block)
{
    unsigned index = jump_cache_index(pc);

    if (!page_is_global(e, pc)) {
        if (e->jump_local_count == JUMP_CACHE_SIZE) {
            block_jumps_flush(e, true);
        }
        e->jump_local[e->jump_local_count++] = index;
    }
    e->jump_cache[index] = (JumpEntry){ .key = pc ^ e->jump_key, .block = block };
}

void block_link(Engine *e, Op *op, const Block *block, bool same_page)
{
    bool lasting = (same_page && !block->code_second) || page_is_global(e, block->pc);

    op->link = block;
    op->link_generation = lasting ? e->generation_global : e->generation_local;
}

/* ---- finding ---- */

static CodePage *code_page(Engine *e, const uint8_t *host)
{
    const uint8_t *page = page_of(host);
    CodePage *result = g_hash_table_lookup(e->code->pages, page);

    if (!result) {
        result = g_new0(CodePage, 1);
        g_hash_table_insert(e->code->pages, (void *)page, result);
    }
    return result;
}

/* No vCPU stores to the page at @host unseen from now on. */
static void protect_everywhere(const uint8_t *host)
{
    for (unsigned i = 0; i < engines_all()->len; i++) {
        tlb_protect_host_page(g_ptr_array_index(engines_all(), i), host);
    }
}

/* Stores to the page of @host must be noticed from now on. */
static void protect_page(const uint8_t *host)
{
    GPtrArray *blocks = ram_blocks();

    for (unsigned i = 0; i < blocks->len; i++) {
        RAMBlock *block = g_ptr_array_index(blocks, i);
        if (host >= block->host && host < block->host + block->size) {
            uint64_t page = (host - block->host) >> TARGET_PAGE_BITS;
            if (block_page_is_plain(block, page)) {
                bitmap_clear_atomic(block->dirty[DIRTY_CODE], page);
                protect_everywhere(page_of(host));
            }
            return;
        }
    }
    g_assert_not_reached();
}

static void insert_block(Engine *e, Block *block)
{
    unsigned hash = hash_of(block->code, block->pc);
    CodePage *page = code_page(e, block->code);

    block->hash_next = e->code->hash[hash];
    e->code->hash[hash] = block;
    block->page_next = page->first;
    page->first = block;
    if (block->code_second) {
        CodePage *second = code_page(e, block->code_second);
        block->second_page_next = second->second;
        second->second = block;
    }
}

static Block *translate_new(Engine *e, const uint8_t *code, uint64_t pc, uint8_t flags)
{
    CodeCache *cache = e->code;

    if (cache->used + BLOCK_BYTES_MAX > CODE_CACHE_BYTES) {
        cache->statistics.flushes++;
        trace_engine_code_cache_full(cache->statistics.blocks_translated);
        block_drop_all(e);
    }
    /* Before the bytes are read, so that no store to them goes unseen. */
    protect_page(code);
    Block *block = (Block *)(cache->memory + cache->used);
    size_t bytes = translate_block(e, block, code, pc, flags);
    cache->used += (bytes + 63) & ~(size_t)63;
    cache->statistics.blocks_translated++;
    cache->statistics.instructions_translated += block->instructions;
    if (block->code_second) {
        protect_page(block->code_second);
    }
    insert_block(e, block);
    return block;
}

/* How many bytes of code the segment has from @pc on; faults when there are none. */
static uint64_t code_left(Engine *e, uint64_t pc)
{
    if (e->long_mode) {
        return UINT64_MAX;
    }
    if (pc > e->code_limit) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    return e->code_limit - pc + 1;
}

/*
 * What is in use is found first. Each block on the way there is memory outside the processor's
 * caches, and most of them belong to programs that have ended: a new process has new addresses.
 */
static void move_to_front(Block **bucket, Block **link)
{
    Block *block = *link;

    *link = block->hash_next;
    block->hash_next = *bucket;
    *bucket = block;
}

static const Block *find(Engine *e, uint64_t pc, uint8_t flags)
{
    bool global;
    uint64_t linear = e->r[SLOT_SEGMENT_BASE + X86_CS] + pc;
    uint64_t left = code_left(e, pc);

    if ((flags & BLOCK_CODE_SIZE) != 2) {
        linear = (uint32_t)linear;
    }
    const uint8_t *code = memory_code_page(e, linear, &global) + (linear & ~TARGET_PAGE_MASK);
    Block **bucket = &e->code->hash[hash_of(code, pc)];
    for (Block **link = bucket; *link; link = &(*link)->hash_next) {
        Block *block = *link;
        if (block->code != code || block->pc != pc || block->flags != flags ||
            block->bytes > left) {
            continue;
        }
        if (!block->code_second) {
            move_to_front(bucket, link);
            return block;
        }
        /* The walk to that page can drop blocks: the bucket keeps its order here. */
        uint64_t next = (linear | ~TARGET_PAGE_MASK) + 1;
        if (memory_code_page(e, next, &global) == block->code_second) {
            return block;
        }
    }
    return translate_new(e, code, pc, flags);
}

const Block *block_find(Engine *e, uint64_t pc)
{
    return find(e, pc, e->block_flags);
}

const Block *block_find_single(Engine *e, uint64_t pc)
{
    return find(e, pc, e->block_flags | BLOCK_SINGLE);
}

/* ---- dropping ---- */

static void unhash(CodeCache *cache, Block *block)
{
    Block **link = &cache->hash[hash_of(block->code, block->pc)];

    while (*link != block) {
        link = &(*link)->hash_next;
    }
    *link = block->hash_next;
}

static void unlink_first(CodeCache *cache, Block *block)
{
    CodePage *page = g_hash_table_lookup(cache->pages, page_of(block->code));
    Block **link = &page->first;

    while (*link != block) {
        link = &(*link)->page_next;
    }
    *link = block->page_next;
}

static void unlink_second(CodeCache *cache, Block *block)
{
    CodePage *page = g_hash_table_lookup(cache->pages, block->code_second);
    Block **link = &page->second;

    while (*link != block) {
        link = &(*link)->second_page_next;
    }
    *link = block->second_page_next;
}

/* The caller flushes jumps afterwards. */
static void drop(Engine *e, Block *block)
{
    unhash(e->code, block);
    unlink_first(e->code, block);
    if (block->code_second) {
        unlink_second(e->code, block);
    }
    if (block == e->block) {
        e->code_changed = true;
    }
}

/* Drop what overlaps [@start, @end) of the page; true when anything was. */
static bool drop_range(Engine *e, CodePage *page, const uint8_t *start, const uint8_t *end)
{
    bool dropped = false;
    Block *next;

    for (Block *block = page->first; block; block = next) {
        next = block->page_next;
        if (block->code < end && block->code + block->bytes > start) {
            drop(e, block);
            dropped = true;
        }
    }
    for (Block *block = page->second; block; block = next) {
        next = block->second_page_next;
        unsigned in_first = TARGET_PAGE_SIZE - ((uintptr_t)block->code & ~TARGET_PAGE_MASK);
        if (block->code_second + (block->bytes - in_first) > start) {
            drop(e, block);
            dropped = true;
        }
    }
    return dropped;
}

/* Drop what @e has of [@start, @end) of the page at @host; true when it has other blocks there. */
static bool drop_in_engine(Engine *e, const uint8_t *host, const uint8_t *start, const uint8_t *end)
{
    CodePage *page = g_hash_table_lookup(e->code->pages, host);

    if (!page) {
        return false;
    }
    if (drop_range(e, page, start, end)) {
        block_jumps_flush(e, false);
    }
    if (page->first || page->second) {
        return true;
    }
    g_hash_table_remove(e->code->pages, host);
    return false;
}

static void drop_in_page(RAMBlock *block, uint64_t index, const uint8_t *start, const uint8_t *end)
{
    const uint8_t *host = block->host + (index << TARGET_PAGE_BITS);
    bool blocks_left = false;

    for (unsigned i = 0; i < engines_all()->len; i++) {
        blocks_left |= drop_in_engine(g_ptr_array_index(engines_all(), i), host, start, end);
    }
    if (!blocks_left) {
        bitmap_set_atomic(block->dirty[DIRTY_CODE], index);
    }
}

void block_store_to_code(RAMBlock *block, uint64_t offset, unsigned length)
{
    const uint8_t *start = block->host + offset;

    trace_engine_store_to_code(offset, length);
    drop_in_page(block, offset >> TARGET_PAGE_BITS, start, start + length);
}

void block_drop_page(RAMBlock *block, uint64_t page)
{
    const uint8_t *host = block->host + (page << TARGET_PAGE_BITS);

    drop_in_page(block, page, host, host + TARGET_PAGE_SIZE);
}

void block_drop_all(Engine *e)
{
    memset(e->code->hash, 0, sizeof(e->code->hash));
    g_hash_table_remove_all(e->code->pages);
    e->code->used = 0;
    block_jumps_flush(e, false);
}

void code_cache_statistics(const CodeCache *cache, CodeCacheStatistics *statistics)
{
    *statistics = cache->statistics;
    statistics->bytes_used = cache->used;
}
