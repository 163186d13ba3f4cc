/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Receiving guest RAM. Page contents are read from the stream straight to their destination.
 * All addresses and sizes come from outside and are checked in validate_*() below.
 */
#include <isa-l.h>
#include <string.h>

#include "migration/ram-internal.h"
#include "trace-migration.h"
#include "util/report.h"

static RAMLoadDestination *destination_function;
static void *destination_opaque;

void ram_load_set_destination(RAMLoadDestination *destination, void *opaque)
{
    destination_function = destination;
    destination_opaque = opaque;
}

/* One section being read. */
typedef struct RAMLoad {
    MigrationReader *reader;
    RAMBlock *block; /* of the last record, NULL before the first */
    /* A stretch of guest memory that was written and has not been announced yet. */
    RAMBlock *written_block;
    uint64_t written_offset;
    uint64_t written_length;
} RAMLoad;

static void announce_written(RAMLoad *load)
{
    if (load->written_length > 0) {
        ram_block_written(load->written_block, load->written_offset, load->written_length);
        load->written_length = 0;
    }
}

static void note_written(RAMLoad *load, uint64_t offset, uint64_t length)
{
    if (load->written_length > 0 && load->written_block == load->block &&
        load->written_offset + load->written_length == offset) {
        load->written_length += length;
        return;
    }
    announce_written(load);
    load->written_block = load->block;
    load->written_offset = offset;
    load->written_length = length;
}

/* ---- validation ---- */

/* The block that the record at hand belongs to. */
static bool validate_block(RAMLoad *load, unsigned flags)
{
    if (flags & RAM_FLAG_CONTINUE) {
        return load->block ||
               migration_reader_fail(load->reader, "a page without a RAM block to belong to");
    }
    char name[256];
    if (!migration_reader_get_name(load->reader, name)) {
        return false;
    }
    load->block = ram_block_find(name);
    return load->block || migration_reader_fail(load->reader, "unknown RAM block '%s'", name);
}

static bool validate_range(RAMLoad *load, uint64_t offset, uint64_t pages)
{
    uint64_t size = load->block->size;
    if (offset >= size || pages == 0 || pages > (size - offset) >> TARGET_PAGE_BITS) {
        return migration_reader_fail(load->reader,
                                     "%" G_GUINT64_FORMAT " pages at 0x%" G_GINT64_MODIFIER
                                     "x of RAM block '%s', which has 0x%" G_GINT64_MODIFIER
                                     "x bytes",
                                     pages, offset, load->block->name, size);
    }
    return true;
}

static bool validate_block_size(RAMLoad *load, const char *name, uint64_t size)
{
    const RAMBlock *block = ram_block_find(name);
    if (!block) {
        return migration_reader_fail(
            load->reader, "unknown RAM block '%s' of %" G_GUINT64_FORMAT " bytes", name, size);
    }
    if (block->size != size) {
        return migration_reader_fail(load->reader,
                                     "size mismatch: RAM block '%s' has %" G_GUINT64_FORMAT
                                     " bytes in the stream and %" G_GUINT64_FORMAT " here",
                                     name, size, block->size);
    }
    return true;
}

/* ---- records ---- */

/* The list of blocks must be ours: each once, sizes that add up to @total. */
static bool load_sizes(RAMLoad *load, uint64_t total, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    uint64_t sum = 0;
    while (sum < total && !migration_reader_failed(load->reader)) {
        char name[256];
        if (!migration_reader_get_name(load->reader, name)) {
            break;
        }
        uint64_t size = migration_reader_get_be64(load->reader);
        if (migration_reader_failed(load->reader) || !validate_block_size(load, name, size)) {
            break;
        }
        if (!g_hash_table_add(seen, g_strdup(name))) {
            migration_reader_fail(load->reader, "RAM block '%s' twice", name);
        }
        sum += size;
    }
    if (!migration_reader_failed(load->reader) && (sum != total || total != ram_total_bytes())) {
        migration_reader_fail(load->reader,
                              "%" G_GUINT64_FORMAT " bytes of RAM in the stream, %" G_GUINT64_FORMAT
                              " here",
                              MAX(sum, total), ram_total_bytes());
    }
    return migration_reader_check(load->reader, error);
}

static uint8_t *find_destination(RAMLoad *load, uint64_t offset, uint64_t pages, GError **error)
{
    uint64_t length = pages << TARGET_PAGE_BITS;
    if (destination_function) {
        return destination_function(load->block, offset, length, destination_opaque, error);
    }
    note_written(load, offset, length);
    return load->block->host + offset;
}

/* Memory that holds the value already is left alone, so that untouched pages stay unallocated. */
static void fill_page(uint8_t *page, uint8_t value)
{
    if (value != 0 || isal_zero_detect(page, TARGET_PAGE_SIZE) != 0) {
        memset(page, value, TARGET_PAGE_SIZE);
    }
}

/* A record of pages: one of zero (flag ZERO), one (PAGE) or several (RUN). */
static bool load_pages(RAMLoad *load, uint64_t offset, unsigned flags, GError **error)
{
    if (!validate_block(load, flags)) {
        return migration_reader_check(load->reader, error);
    }
    uint64_t pages = flags & RAM_FLAG_RUN ? migration_reader_get_be64(load->reader) : 1;
    uint8_t fill = flags & RAM_FLAG_ZERO ? migration_reader_get_u8(load->reader) : 0;
    if (migration_reader_failed(load->reader) || !validate_range(load, offset, pages)) {
        return migration_reader_check(load->reader, error);
    }
    uint8_t *destination = find_destination(load, offset, pages, error);
    if (!destination) {
        return false;
    }
    if (flags & RAM_FLAG_ZERO) {
        fill_page(destination, fill);
        return true;
    }
    return migration_reader_get_bytes(load->reader, destination, pages << TARGET_PAGE_BITS) ||
           migration_reader_check(load->reader, error);
}

/* One record. Returns false at the section's end (*@ended) and after an error. */
static bool load_record(RAMLoad *load, bool *ended, GError **error)
{
    uint64_t word = migration_reader_get_be64(load->reader);
    uint64_t address = word & ~(uint64_t)RAM_FLAGS_MASK;
    unsigned flags = word & RAM_FLAGS_MASK;
    if (!migration_reader_check(load->reader, error)) {
        return false;
    }
    switch (flags & ~RAM_FLAG_CONTINUE) {
    case RAM_FLAG_END:
        *ended = true;
        return false;
    case RAM_FLAG_SIZE:
        return load_sizes(load, address, error);
    case RAM_FLAG_ZERO:
    case RAM_FLAG_PAGE:
    case RAM_FLAG_RUN:
        return load_pages(load, address, flags, error);
    default:
        migration_reader_fail(load->reader, "unknown RAM record flags 0x%03x", flags);
        return migration_reader_check(load->reader, error);
    }
}

bool ram_load(MigrationReader *reader, int version, void *opaque, GError **error)
{
    RAMLoad load = { .reader = reader };
    bool ended = false;
    uint64_t records = 0;
    while (load_record(&load, &ended, error)) {
        records++;
    }
    announce_written(&load);
    trace_ram_load(records, ended);
    return ended;
}
