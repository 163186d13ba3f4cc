/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The migration dirty bitmaps and the default source of pages, which walks them. */
#include <string.h>

#include "migration/ram-internal.h"
#include "system/bql.h"
#include "system/cpus.h"
#include "trace-migration.h"
#include "util/bitmap.h"
#include "util/report.h"

/* By position in ram_blocks(); NULL while not set up. */
static uint64_t **bitmaps;
static unsigned bitmap_blocks;
static gint64 last_sync_us;

static RAMBlock *block_at(unsigned index)
{
    return g_ptr_array_index(ram_blocks(), index);
}

static void free_bitmaps(void)
{
    for (unsigned i = 0; bitmaps && i < bitmap_blocks; i++) {
        g_free(bitmaps[i]);
    }
    g_clear_pointer(&bitmaps, g_free);
    bitmap_blocks = 0;
}

static bool allocate_bitmaps(GError **error)
{
    bitmap_blocks = ram_blocks()->len;
    bitmaps = g_new0(uint64_t *, bitmap_blocks + 1); /* not NULL for a machine without memory */
    for (unsigned i = 0; i < bitmap_blocks; i++) {
        size_t words = bitmap_words(ram_block_pages(block_at(i)));
        bitmaps[i] = g_try_new0(uint64_t, words);
        if (!bitmaps[i]) {
            qc_error_set(error, "no memory for the dirty bitmap of '%s', %zu bytes",
                         block_at(i)->name, words * sizeof(uint64_t));
            free_bitmaps();
            return false;
        }
    }
    return true;
}

bool ram_bitmaps_setup(bool all_dirty, GError **error)
{
    g_assert(bql_locked());
    g_assert(all_dirty || vcpus_all_stopped());
    if (bitmaps) {
        return true;
    }
    if (!allocate_bitmaps(error)) {
        return false;
    }
    dirty_log_start(DIRTY_MIGRATION);
    for (unsigned i = 0; i < bitmap_blocks; i++) {
        uint64_t pages = ram_block_pages(block_at(i));
        if (all_dirty) {
            bitmap_set_range(bitmaps[i], 0, pages);
        } else {
            /* What tracking had found when it last ended. */
            dirty_log_sync(DIRTY_MIGRATION, block_at(i), bitmaps[i]);
            bitmap_clear_range(bitmaps[i], 0, pages);
        }
    }
    last_sync_us = g_get_monotonic_time();
    return true;
}

void ram_bitmaps_cleanup(void)
{
    g_assert(bql_locked());
    if (bitmaps) {
        dirty_log_stop(DIRTY_MIGRATION);
        free_bitmaps();
    }
}

uint64_t *ram_bitmap(const RAMBlock *block)
{
    for (unsigned i = 0; bitmaps && i < bitmap_blocks; i++) {
        if (block_at(i) == block) {
            return bitmaps[i];
        }
    }
    return NULL;
}

uint64_t ram_bitmaps_dirty_pages(void)
{
    uint64_t pages = 0;
    for (unsigned i = 0; bitmaps && i < bitmap_blocks; i++) {
        pages += bitmap_count(bitmaps[i], ram_block_pages(block_at(i)));
    }
    return pages;
}

static void count_sync(uint64_t newly_dirty)
{
    gint64 now = g_get_monotonic_time();
    gint64 elapsed_us = now - last_sync_us;
    if (elapsed_us >= 1000) {
        ram_statistics_set(&ram_statistics.dirty_pages_rate,
                           newly_dirty * G_USEC_PER_SEC / elapsed_us);
    }
    last_sync_us = now;
    ram_statistics_add(&ram_statistics.dirty_sync_count, 1);
}

uint64_t ram_bitmaps_sync(void)
{
    g_assert(bitmaps);
    uint64_t newly_dirty = 0;
    for (unsigned i = 0; i < bitmap_blocks; i++) {
        newly_dirty += dirty_log_sync(DIRTY_MIGRATION, block_at(i), bitmaps[i]);
    }
    count_sync(newly_dirty);
    uint64_t pages = ram_bitmaps_dirty_pages();
    ram_statistics_set(&ram_statistics.remaining_pages, pages);
    trace_ram_bitmaps_sync(newly_dirty, pages);
    return pages;
}

/* ---- the default source of pages ---- */

static bool bitmap_source_next(RAMPageSource *base, uint64_t max_pages, RAMPageRun *run)
{
    RAMBitmapSource *source = (RAMBitmapSource *)base;
    for (; source->block < bitmap_blocks; source->block++, source->page = 0) {
        RAMBlock *block = block_at(source->block);
        uint64_t *bitmap = bitmaps[source->block];
        uint64_t pages = ram_block_pages(block);
        uint64_t first = bitmap_find_next(bitmap, pages, source->page);
        if (first >= pages) {
            continue;
        }
        uint64_t limit = first + MIN(max_pages, pages - first);
        uint64_t end = bitmap_find_next_zero(bitmap, limit, first);
        bitmap_clear_range(bitmap, first, end - first);
        source->page = end;
        *run = (RAMPageRun){ block, first, end - first, block->host + (first << TARGET_PAGE_BITS) };
        return true;
    }
    return false;
}

void ram_bitmap_source_init(RAMBitmapSource *source)
{
    *source = (RAMBitmapSource){ .source = { bitmap_source_next } };
}
