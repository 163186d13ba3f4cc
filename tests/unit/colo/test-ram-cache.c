/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The RAM cache: nothing reaches guest memory before the flush, then exactly what differs. */
#include <string.h>

#include "migration/ram-cache.h"
#include "migration/ram.h"
#include "migration/savevm.h"
#include "system/bql.h"
#include "util/bitmap.h"

#define PAGES 64u

static RAMBlock *block;

static uint8_t *guest_page(unsigned page)
{
    return block->host + page * TARGET_PAGE_SIZE;
}

static void set_up(void)
{
    bql_lock();
    block = ram_block_new("test.ram", PAGES * TARGET_PAGE_SIZE, NULL);
    for (unsigned page = 0; page < PAGES; page++) {
        memset(guest_page(page), page % 3 ? (int)page : 0, TARGET_PAGE_SIZE);
    }
    g_assert_true(ram_bitmaps_setup(false, NULL));
    bql_unlock();
}

static void tear_down(void)
{
    bql_lock();
    ram_bitmaps_cleanup();
    ram_block_free(block);
    bql_unlock();
}

/* The SVM writes to its own page, through the dirty log. */
static void svm_writes(unsigned page, int value)
{
    memset(guest_page(page), value, TARGET_PAGE_SIZE);
    ram_block_written(block, page * TARGET_PAGE_SIZE, 1);
}

static void test_flush_restores_dirtied(void)
{
    set_up();
    g_autoptr(RAMCache) cache = ram_cache_new(NULL);
    ram_cache_fill(cache);
    ram_bitmaps_sync(); /* what dirtied the blocks while they were made */
    ram_cache_flush(cache);

    svm_writes(0, 0x55);
    svm_writes(5, 0x66);
    svm_writes(63, 0x77);
    ram_bitmaps_sync();
    g_assert_cmpuint(ram_cache_flush(cache), ==, 3);
    for (unsigned page = 0; page < PAGES; page++) {
        g_assert_cmpint(guest_page(page)[100], ==, page % 3 ? (int)page : 0);
    }
    /* All bits are clear again, and the flush itself has dirtied nothing. */
    ram_bitmaps_sync();
    g_assert_cmpuint(ram_cache_flush(cache), ==, 0);
    g_clear_pointer(&cache, ram_cache_free);
    tear_down();
}

/* What the first copy does: the loader learns which section is `ram`. */
static void start_stream(void)
{
    static const SavevmCommandOps no_commands;
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(GError) error = NULL;
    size_t size;

    savevm_put_header(writer);
    savevm_live_setup(writer, &error);
    g_assert_no_error(error);
    savevm_live_complete(writer, &error);
    g_assert_no_error(error);
    bql_lock();
    savevm_save_devices(writer, &error);
    bql_unlock();
    g_assert_no_error(error);
    savevm_put_eof(writer);
    const void *data = migration_writer_data(writer, &size);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);
    savevm_load_header(reader, &error);
    g_assert_no_error(error);
    savevm_load_all(reader, &no_commands, NULL, &error);
    g_assert_no_error(error);
}

/* Feed one `ram` checkpoint through the real loader. */
static void send_pages(const unsigned *pages, size_t count, int value)
{
    uint8_t *saved = g_memdup2(block->host, block->size);
    uint64_t *bitmap = ram_bitmap(block);
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    RAMBitmapSource source;
    size_t size;

    for (size_t i = 0; i < count; i++) {
        memset(guest_page(pages[i]), value, TARGET_PAGE_SIZE);
        bitmap_set(bitmap, pages[i]);
    }
    ram_bitmap_source_init(&source);
    g_assert_true(ram_save_checkpoint(writer, &source.source, NULL));
    memcpy(block->host, saved, block->size);
    g_free(saved);
    const void *data = migration_writer_data(writer, &size);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);
    g_autoptr(GError) error = NULL;
    savevm_load_live(reader, &error);
    g_assert_no_error(error);
}

static void test_received_pages_wait(void)
{
    static const unsigned pages[] = { 1, 2, 3, 40 };

    set_up();
    start_stream();
    g_autoptr(RAMCache) cache = ram_cache_new(NULL);
    ram_cache_fill(cache);
    ram_bitmaps_sync();
    ram_cache_flush(cache);
    ram_cache_receive(cache);
    send_pages(pages, G_N_ELEMENTS(pages), 0xab);
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        g_assert_cmpint(guest_page(pages[i])[0], !=, 0xab);
    }
    g_assert_cmpuint(ram_cache_flush(cache), ==, G_N_ELEMENTS(pages));
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        g_assert_cmpint(guest_page(pages[i])[0], ==, 0xab);
        g_assert_cmpint(guest_page(pages[i])[TARGET_PAGE_SIZE - 1], ==, 0xab);
    }
    ram_cache_receive(NULL);
    g_clear_pointer(&cache, ram_cache_free);
    tear_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    ram_migration_init();
    bql_unlock();
    g_test_add_func("/ram-cache/flush-restores-dirtied", test_flush_restores_dirtied);
    g_test_add_func("/ram-cache/received-pages-wait", test_received_pages_wait);
    return g_test_run();
}
