/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A full copy of guest memory, the simplest cache there is. */
#include "migration/ram-cache.h"

#include <errno.h>
#include <isa-l/mem_routines.h>
#include <string.h>
#include <sys/mman.h>

#include "migration/ram.h"
#include "system/memory.h"
#include "trace-migration.h"
#include "util/bitmap.h"
#include "util/report.h"

typedef struct CachedBlock {
    RAMBlock *block;
    uint8_t *copy; /* mapping of block->size bytes */
} CachedBlock;

struct RAMCache {
    GArray *blocks; /* CachedBlock, in the order of ram_blocks() */
    CachedBlock *last_hit;
};

static void copy_non_zero_pages(const CachedBlock *cached)
{
    for (uint64_t page = 0; page < ram_block_pages(cached->block); page++) {
        uint64_t offset = page << TARGET_PAGE_BITS;
        if (isal_zero_detect(cached->block->host + offset, TARGET_PAGE_SIZE) != 0) {
            memcpy(cached->copy + offset, cached->block->host + offset, TARGET_PAGE_SIZE);
        }
    }
}

static bool add_block(RAMCache *cache, RAMBlock *block, GError **error)
{
    void *copy = mmap(NULL, block->size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (copy == MAP_FAILED) {
        qc_error_set_errno(error, errno,
                           "cannot set up the RAM cache of memory block '%s', %" G_GUINT64_FORMAT
                           " bytes",
                           block->name, block->size);
        return false;
    }
    CachedBlock cached = { block, copy };
    g_array_append_val(cache->blocks, cached);
    return true;
}

RAMCache *ram_cache_new(GError **error)
{
    g_autoptr(RAMCache) cache = g_new0(RAMCache, 1);
    GPtrArray *blocks = ram_blocks();

    cache->blocks = g_array_new(FALSE, FALSE, sizeof(CachedBlock));
    for (guint i = 0; i < blocks->len; i++) {
        if (!add_block(cache, g_ptr_array_index(blocks, i), error)) {
            return NULL;
        }
    }
    trace_ram_cache_new(ram_cache_bytes(cache));
    return g_steal_pointer(&cache);
}

void ram_cache_fill(RAMCache *cache)
{
    for (guint i = 0; i < cache->blocks->len; i++) {
        copy_non_zero_pages(&g_array_index(cache->blocks, CachedBlock, i));
    }
}

void ram_cache_free(RAMCache *cache)
{
    if (!cache) {
        return;
    }
    for (guint i = 0; i < cache->blocks->len; i++) {
        CachedBlock *cached = &g_array_index(cache->blocks, CachedBlock, i);
        munmap(cached->copy, cached->block->size);
    }
    g_array_free(cache->blocks, TRUE);
    g_free(cache);
}

static CachedBlock *find_block(RAMCache *cache, const RAMBlock *block)
{
    if (cache->last_hit && cache->last_hit->block == block) {
        return cache->last_hit;
    }
    for (guint i = 0; i < cache->blocks->len; i++) {
        CachedBlock *cached = &g_array_index(cache->blocks, CachedBlock, i);
        if (cached->block == block) {
            cache->last_hit = cached;
            return cached;
        }
    }
    return NULL;
}

static uint8_t *receive_destination(RAMBlock *block, uint64_t offset, uint64_t length, void *opaque,
                                    GError **error)
{
    CachedBlock *cached = find_block(opaque, block);

    if (!cached) {
        qc_error_set(error, "memory block '%s' is not in the RAM cache", block->name);
        return NULL;
    }
    bitmap_set_range(ram_bitmap(block), offset >> TARGET_PAGE_BITS, length >> TARGET_PAGE_BITS);
    return cached->copy + offset;
}

void ram_cache_receive(RAMCache *cache)
{
    ram_load_set_destination(cache ? receive_destination : NULL, cache);
}

static uint64_t flush_block(const CachedBlock *cached)
{
    uint64_t *bitmap = ram_bitmap(cached->block);
    size_t pages = ram_block_pages(cached->block);
    uint64_t flushed = 0;
    size_t first = bitmap_find_next(bitmap, pages, 0);

    while (first < pages) {
        size_t end = bitmap_find_next_zero(bitmap, pages, first);
        uint64_t offset = (uint64_t)first << TARGET_PAGE_BITS;
        uint64_t length = (uint64_t)(end - first) << TARGET_PAGE_BITS;
        memcpy(cached->block->host + offset, cached->copy + offset, length);
        ram_block_loaded(cached->block, offset, length);
        bitmap_clear_range(bitmap, first, end - first);
        flushed += end - first;
        first = bitmap_find_next(bitmap, pages, end);
    }
    return flushed;
}

uint64_t ram_cache_flush(RAMCache *cache)
{
    uint64_t flushed = 0;

    for (guint i = 0; i < cache->blocks->len; i++) {
        flushed += flush_block(&g_array_index(cache->blocks, CachedBlock, i));
    }
    trace_ram_cache_flush(flushed);
    return flushed;
}

uint64_t ram_cache_bytes(const RAMCache *cache)
{
    uint64_t total = 0;

    for (guint i = 0; i < cache->blocks->len; i++) {
        total += g_array_index(cache->blocks, CachedBlock, i).block->size;
    }
    return total;
}
