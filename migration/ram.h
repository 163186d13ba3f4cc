/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Guest RAM in the migration stream: the migration dirty bitmaps, which pages go out with
 * which content, the `ram` section, and statistics.
 *
 * The bitmaps are set up once and then serve the first copy, every checkpoint on the primary,
 * and, on the secondary, to record pages that have been received or that the SVM has dirtied.
 */
#pragma once

#include "migration/stream.h"
#include "system/memory.h"

/* Numbers of one migration; written by the migration thread, read by any (atomic 64-bit). */
typedef struct RAMStatistics {
    uint64_t zero_pages;
    uint64_t normal_pages;
    uint64_t transferred_bytes; /* of the RAM sections */
    uint64_t dirty_sync_count;
    uint64_t dirty_pages_rate; /* pages a second that the guest dirtied, between syncs */
    uint64_t pages_per_second;
    uint64_t remaining_pages;
    uint64_t downtime_bytes; /* sent while the VM was stopped for the end */
} RAMStatistics;

/* Register the `ram` section. BQL, once. */
void ram_migration_init(void);

/*
 * From the next migration on, send neighbouring pages as one record: twice as fast to receive,
 * but not what stream analyzers know. The migration thread.
 */
void ram_save_set_joined(bool joined);

/* A copy of the counters. Any thread. */
void ram_statistics_get(RAMStatistics *statistics);

/* ---- the migration dirty bitmaps ---- */

/*
 * Allocate a bitmap for each block and start DIRTY_MIGRATION tracking. All pages count as
 * dirty when @all_dirty, none otherwise, which needs a stopped VM. Idempotent (then @all_dirty
 * is not looked at). BQL held. Error: no memory.
 */
bool ram_bitmaps_setup(bool all_dirty, GError **error);
/* Stop tracking and free. BQL held. */
void ram_bitmaps_cleanup(void);
/* One bit a page, or NULL when not set up. Belongs to the thread that migrates. */
uint64_t *ram_bitmap(const RAMBlock *block);
/*
 * Add what was written since the last sync to the bitmaps. Not with the BQL held unless the VM
 * is stopped (see dirty_log_sync()). Returns the number of set bits afterwards, all blocks.
 */
uint64_t ram_bitmaps_sync(void);
/* Bits set in all bitmaps, as of the last sync and what was sent since. */
uint64_t ram_bitmaps_dirty_pages(void);

/* ---- which pages, with which content ---- */

typedef struct RAMPageRun {
    RAMBlock *block;
    uint64_t page;       /* first page number in the block */
    uint64_t count;      /* pages, at least 1 */
    const uint8_t *data; /* content of the first; the others follow it */
} RAMPageRun;

/*
 * Source of the pages to send. `next` hands out the next run of at most @max_pages and takes
 * it from what is to be sent; false at the end. The content stays valid until the writer's
 * next flush. The default source walks the dirty bitmaps and lends guest memory itself.
 */
typedef struct RAMPageSource RAMPageSource;
struct RAMPageSource {
    bool (*next)(RAMPageSource *source, uint64_t max_pages, RAMPageRun *run);
};

/* Walks the dirty bitmaps in order of block and page, clearing the bits it hands out. */
typedef struct RAMBitmapSource {
    RAMPageSource source;
    unsigned block;
    uint64_t page;
} RAMBitmapSource;
void ram_bitmap_source_init(RAMBitmapSource *source);

/* ---- checkpoints ---- */

/*
 * Send everything @source holds as one `ram` section and the end-of-file byte; read by
 * savevm_load_live(). Runs of pages travel as one record (docs/devel/migration.md). Does not
 * flush. BQL not held.
 */
bool ram_save_checkpoint(MigrationWriter *writer, RAMPageSource *source, GError **error);

/* ---- loading ---- */

/*
 * Begin to give guest memory its pages, in a thread; for a VM that waits for its state. Stopping
 * takes milliseconds. BQL.
 */
void ram_populate_start(void);
void ram_populate_stop(void);

/*
 * Where the loader puts [@offset, @offset + @length) of @block: called before each run of
 * pages with a range that has been checked to lie within the block and is page aligned.
 * NULL is an error (then @error is set).
 */
typedef uint8_t *RAMLoadDestination(RAMBlock *block, uint64_t offset, uint64_t length, void *opaque,
                                    GError **error);
/*
 * Send received pages to @destination instead of guest memory (NULL: guest memory again).
 * Guest memory is announced with ram_block_written(), other destinations are not.
 * The incoming thread only, between sections.
 */
void ram_load_set_destination(RAMLoadDestination *destination, void *opaque);
