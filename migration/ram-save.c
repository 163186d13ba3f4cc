/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Sending guest RAM: the `ram` section, version 4. Pages leave as references to where they lie;
 * nothing is copied on the way to the socket.
 */
#include <isa-l.h>
#include <string.h>

#include "migration/ram-internal.h"
#include "system/bql.h"
#include "trace-migration.h"

/* Pages taken from the source at a time while the VM runs. */
#define ITERATE_PAGES 64u
/* After so long the caller of iterate gets to look around. */
#define ITERATE_US 50000
/* Pages taken from the source at a time in a checkpoint: 4 MiB. */
#define CHECKPOINT_PAGES 1024u

RAMStatistics ram_statistics;

void ram_statistics_get(RAMStatistics *statistics)
{
    const uint64_t *from = (const uint64_t *)&ram_statistics;
    uint64_t *to = (uint64_t *)statistics;
    for (size_t i = 0; i < sizeof(RAMStatistics) / sizeof(uint64_t); i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

/* Where the first copy is in the bitmaps, and its form; the migration thread's. */
static RAMBitmapSource first_copy_source;
static bool first_copy_joined;

void ram_save_set_joined(bool joined)
{
    first_copy_joined = joined;
}

/* ---- records ---- */

/* One section being written. */
typedef struct RAMSection {
    MigrationWriter *writer;
    const RAMBlock *block; /* of the last record, NULL before the first */
} RAMSection;

static bool page_is_zero(const uint8_t *data)
{
    return isal_zero_detect((void *)data, TARGET_PAGE_SIZE) == 0;
}

static void put_address(RAMSection *section, const RAMBlock *block, uint64_t page, unsigned flags)
{
    bool same = section->block == block;
    migration_writer_put_be64(section->writer,
                              page << TARGET_PAGE_BITS | flags | (same ? RAM_FLAG_CONTINUE : 0));
    if (!same) {
        migration_writer_put_name(section->writer, block->name);
        section->block = block;
    }
}

static void put_zero_page(RAMSection *section, const RAMBlock *block, uint64_t page)
{
    put_address(section, block, page, RAM_FLAG_ZERO);
    migration_writer_put_u8(section->writer, 0);
    ram_statistics_add(&ram_statistics.zero_pages, 1);
}

/* Each page a record of its own. */
static void put_run_as_pages(RAMSection *section, const RAMPageRun *run)
{
    const uint8_t *data = run->data;
    for (uint64_t page = run->page; page < run->page + run->count; page++) {
        if (page_is_zero(data)) {
            put_zero_page(section, run->block, page);
        } else {
            put_address(section, run->block, page, RAM_FLAG_PAGE);
            migration_writer_put_borrowed(section->writer, data, TARGET_PAGE_SIZE);
            ram_statistics_add(&ram_statistics.normal_pages, 1);
        }
        data += TARGET_PAGE_SIZE;
    }
}

/* Neighbouring pages that are not zero as one record. */
static void put_run_joined(RAMSection *section, const RAMPageRun *run)
{
    uint64_t i = 0;
    while (i < run->count) {
        const uint8_t *data = run->data + (i << TARGET_PAGE_BITS);
        if (page_is_zero(data)) {
            put_zero_page(section, run->block, run->page + i);
            i++;
            continue;
        }
        uint64_t count = 1;
        while (i + count < run->count && !page_is_zero(data + (count << TARGET_PAGE_BITS))) {
            count++;
        }
        put_address(section, run->block, run->page + i, RAM_FLAG_RUN);
        migration_writer_put_be64(section->writer, count);
        migration_writer_put_borrowed(section->writer, data, count << TARGET_PAGE_BITS);
        ram_statistics_add(&ram_statistics.normal_pages, count);
        i += count;
    }
}

static void put_run(RAMSection *section, const RAMPageRun *run)
{
    if (first_copy_joined) {
        put_run_joined(section, run);
    } else {
        put_run_as_pages(section, run);
    }
}

static void put_end(RAMSection *section)
{
    migration_writer_put_be64(section->writer, RAM_FLAG_END);
}

/* ---- the first copy ---- */

static bool ram_save_setup(MigrationWriter *writer, void *opaque, GError **error)
{
    memset(&ram_statistics, 0, sizeof(ram_statistics));
    bql_lock();
    bool ready = ram_bitmaps_setup(true, error);
    bql_unlock();
    if (!ready) {
        return false;
    }
    ram_bitmaps_sync();
    ram_bitmap_source_init(&first_copy_source);

    migration_writer_put_be64(writer, ram_total_bytes() | RAM_FLAG_SIZE);
    for (unsigned i = 0; i < ram_blocks()->len; i++) {
        const RAMBlock *block = g_ptr_array_index(ram_blocks(), i);
        migration_writer_put_name(writer, block->name);
        migration_writer_put_be64(writer, block->size);
    }
    RAMSection section = { .writer = writer };
    put_end(&section);
    return true;
}

static bool ram_save_iterate(MigrationWriter *writer, void *opaque, GError **error)
{
    RAMSection section = { .writer = writer };
    RAMPageRun run;
    uint64_t begin = migration_writer_position(writer);
    gint64 deadline = g_get_monotonic_time() + ITERATE_US;
    while (!migration_writer_over_rate(writer) && !migration_writer_failed(writer) &&
           g_get_monotonic_time() < deadline &&
           first_copy_source.source.next(&first_copy_source.source, ITERATE_PAGES, &run)) {
        put_run(&section, &run);
    }
    put_end(&section);
    ram_statistics_set(&ram_statistics.remaining_pages, ram_bitmaps_dirty_pages());
    ram_statistics_add(&ram_statistics.transferred_bytes,
                       migration_writer_position(writer) - begin);
    return true;
}

static uint64_t ram_save_pending(bool exact, void *opaque)
{
    if (exact) {
        ram_bitmaps_sync();
        ram_bitmap_source_init(&first_copy_source);
    }
    return ram_bitmaps_dirty_pages() << TARGET_PAGE_BITS;
}

static bool ram_save_complete(MigrationWriter *writer, void *opaque, GError **error)
{
    RAMSection section = { .writer = writer };
    RAMPageRun run;
    uint64_t begin = migration_writer_position(writer);
    ram_bitmaps_sync();
    ram_bitmap_source_init(&first_copy_source);
    while (!migration_writer_failed(writer) &&
           first_copy_source.source.next(&first_copy_source.source, CHECKPOINT_PAGES, &run)) {
        put_run(&section, &run);
    }
    put_end(&section);
    uint64_t bytes = migration_writer_position(writer) - begin;
    ram_statistics_set(&ram_statistics.remaining_pages, 0);
    ram_statistics_add(&ram_statistics.transferred_bytes, bytes);
    ram_statistics_set(&ram_statistics.downtime_bytes, bytes);
    return true;
}

static void ram_save_cleanup(void *opaque)
{
    ram_bitmaps_cleanup();
}

const SavevmLiveOps ram_live_ops = {
    .setup = ram_save_setup,
    .iterate = ram_save_iterate,
    .pending = ram_save_pending,
    .complete = ram_save_complete,
    .cleanup = ram_save_cleanup,
    .load = ram_load,
};

void ram_migration_init(void)
{
    savevm_register_live(RAM_SECTION_NAME, RAM_SECTION_VERSION, &ram_live_ops, NULL);
}

/* ---- checkpoints ---- */

bool ram_save_checkpoint(MigrationWriter *writer, RAMPageSource *source, GError **error)
{
    RAMSection section = { .writer = writer };
    RAMPageRun run;
    uint64_t begin = migration_writer_position(writer);
    savevm_begin_live_section(writer, SAVEVM_SECTION_END, RAM_SECTION_NAME);
    while (!migration_writer_failed(writer) && source->next(source, CHECKPOINT_PAGES, &run)) {
        put_run_joined(&section, &run);
    }
    put_end(&section);
    savevm_end_live_section(writer, RAM_SECTION_NAME);
    savevm_put_eof(writer);
    uint64_t bytes = migration_writer_position(writer) - begin;
    ram_statistics_add(&ram_statistics.transferred_bytes, bytes);
    trace_ram_save_checkpoint(bytes);
    return migration_writer_check(writer, error);
}
