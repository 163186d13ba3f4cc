/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The stream container and the ram section: format, round trip, and streams that are wrong. */
#include <jansson.h>
#include <string.h>

#include "migration/ram.h"
#include "migration/savevm.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "util/bitmap.h"
#include "util/bytes.h"

#define PAGE ((size_t)TARGET_PAGE_SIZE)

typedef struct Device {
    uint32_t value;
    uint8_t array[6];
} Device;

static const VMStateField device_fields[] = {
    VMSTATE_UINT32(value, Device),
    VMSTATE_UINT8_ARRAY(array, Device),
    VMSTATE_END,
};
static const VMStateDescription device_description = {
    .name = "device", .version = 3, .minimum_version = 2, .fields = device_fields
};
static const VMStateDescription first_description = {
    .name = "first", .version = 1, .minimum_version = 1, .priority = 5, .fields = device_fields
};

static Device device_a, device_b, first;
static RAMBlock *big, *small;

/* ---- making streams ---- */

static void fill_memory(void)
{
    for (size_t i = 0; i < big->size; i++) {
        big->host[i] = i / PAGE % 3 == 1 ? 0 : i * 31 >> 3;
    }
    memset(small->host, 0, small->size);
    small->host[PAGE + 5] = 9;
}

static GByteArray *take_bytes(MigrationWriter *writer)
{
    size_t size;
    const void *data = migration_writer_data(writer, &size);
    return g_byte_array_append(g_byte_array_new(), data, size);
}

/* A whole stream; @package: device state as a package. BQL not held. */
static GByteArray *save_all(bool package)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(MigrationWriter) devices = migration_writer_new_buffer(0);
    g_autoptr(GError) error = NULL;
    savevm_put_header(writer);
    savevm_live_setup(writer, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(savevm_live_pending(true), ==, big->size + small->size);
    savevm_live_iterate(writer, &error);
    savevm_live_complete(writer, &error);
    g_assert_no_error(error);
    bql_lock();
    savevm_save_devices(package ? devices : writer, &error);
    g_assert_no_error(error);
    if (package) {
        savevm_put_eof(devices);
        savevm_put_package(writer, devices);
    }
    savevm_live_cleanup();
    bql_unlock();
    savevm_put_eof(writer);
    g_assert_false(migration_writer_failed(writer));
    return take_bytes(writer);
}

static bool load_all(const void *data, size_t size, GError **error)
{
    static const SavevmCommandOps no_commands;
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);
    return savevm_load_header(reader, error) && savevm_load_all(reader, &no_commands, NULL, error);
}

static void scramble(void)
{
    memset(big->host, 0xee, big->size);
    memset(small->host, 0xee, small->size);
    device_a = device_b = first = (Device){ 0 };
}

static void set_devices(void)
{
    device_a = (Device){ 11, "aaaaa" };
    device_b = (Device){ 22, "bbbbb" };
    first = (Device){ 33, "first" };
}

/* ---- round trips ---- */

static void round_trip(bool package)
{
    set_devices();
    fill_memory();
    g_autofree uint8_t *big_copy = g_memdup2(big->host, big->size);
    g_autofree uint8_t *small_copy = g_memdup2(small->host, small->size);
    g_autoptr(GByteArray) bytes = save_all(package);
    g_autoptr(GError) error = NULL;
    scramble();
    load_all(bytes->data, bytes->len, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(big->host, big->size, big_copy, big->size);
    g_assert_cmpmem(small->host, small->size, small_copy, small->size);
    g_assert_cmpuint(device_a.value, ==, 11);
    g_assert_cmpuint(device_b.value, ==, 22);
    g_assert_cmpstr((char *)first.array, ==, "first");
}

static void test_round_trip(void)
{
    round_trip(false);
}

static void test_round_trip_package(void)
{
    round_trip(true);
}

static void test_container_format(void)
{
    set_devices();
    fill_memory();
    g_autoptr(GByteArray) bytes = save_all(false);
    ByteCursor cursor = byte_cursor(bytes->data, bytes->len);
    g_assert_cmphex(byte_cursor_be32(&cursor), ==, 0x5145564d);
    g_assert_cmpuint(byte_cursor_be32(&cursor), ==, 3);
    g_assert_cmphex(byte_cursor_u8(&cursor), ==, 0x07);
    g_assert_cmpuint(byte_cursor_be32(&cursor), ==, 4);
    g_assert_cmpmem(byte_cursor_take(&cursor, 4), 4, "none", 4);
    /* ram starts: number, name, instance, version; the list of blocks; footer */
    g_assert_cmphex(byte_cursor_u8(&cursor), ==, 0x01);
    uint32_t section = byte_cursor_be32(&cursor);
    g_assert_cmpmem(byte_cursor_take(&cursor, 4), 4, "\3ram", 4);
    g_assert_cmpuint(byte_cursor_be32(&cursor), ==, 0);
    g_assert_cmpuint(byte_cursor_be32(&cursor), ==, 4);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, (big->size + small->size) | 0x04);
    g_assert_cmpmem(byte_cursor_take(&cursor, 4), 4, "\3big", 4);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, big->size);
    g_assert_cmpmem(byte_cursor_take(&cursor, 6), 6, "\5small", 6);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, small->size);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, 0x10);
    g_assert_cmphex(byte_cursor_u8(&cursor), ==, 0x7e);
    g_assert_cmpuint(byte_cursor_be32(&cursor), ==, section);
    /* a part: page 0 of big with its name, page 1 is zero and of the same block */
    g_assert_cmphex(byte_cursor_u8(&cursor), ==, 0x02);
    g_assert_cmpuint(byte_cursor_be32(&cursor), ==, section);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, 0x08);
    g_assert_cmpmem(byte_cursor_take(&cursor, 4), 4, "\3big", 4);
    g_assert_cmpmem(byte_cursor_take(&cursor, PAGE), PAGE, big->host, PAGE);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, PAGE | 0x20 | 0x02);
    g_assert_cmpuint(byte_cursor_u8(&cursor), ==, 0);
    /* the last section, full: device instance 1, version 3 */
    static const uint8_t tail[] = "\6device\0\0\0\1\0\0\0\3\0\0\0\x16"
                                  "bbbbb\0\x7e";
    const uint8_t *end = bytes->data + bytes->len - 1 - 4 - (sizeof(tail) - 1);
    g_assert_cmpmem(end, sizeof(tail) - 1, tail, sizeof(tail) - 1);
    g_assert_cmphex(bytes->data[bytes->len - 1], ==, 0);
}

static void test_description(void)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    bql_lock();
    savevm_put_description(writer);
    bql_unlock();
    g_autoptr(GByteArray) bytes = take_bytes(writer);
    g_assert_cmphex(bytes->data[0], ==, 0x06);
    g_assert_cmpuint(load_be32(bytes->data + 1), ==, bytes->len - 5);
    json_t *document = json_loadb((char *)bytes->data + 5, bytes->len - 5, 0, NULL);
    json_t *devices = json_object_get(document, "devices");
    g_assert_cmpuint(json_array_size(devices), ==, 4); /* ours, and what rewriters do */
    json_t *device = json_array_get(devices, 0);
    g_assert_cmpstr(json_string_value(json_object_get(device, "name")), ==, "bus/first");
    json_decref(document);
}

/* ---- wrong streams ---- */

static void test_truncation_at_every_offset(void)
{
    set_devices();
    fill_memory();
    for (int package = 0; package < 2; package++) {
        g_autoptr(GByteArray) bytes = save_all(package);
        for (size_t size = 0; size < bytes->len; size++) {
            g_autoptr(GError) error = NULL;
            g_assert_false(load_all(bytes->data, size, &error));
            g_assert_nonnull(error);
            g_assert_nonnull(strstr(error->message, "at offset "));
        }
    }
}

static void test_corruption(void)
{
    set_devices();
    fill_memory();
    g_autoptr(GRand) rand = g_rand_new_with_seed(2026);
    g_autoptr(GByteArray) bytes = save_all(true);
    for (int round = 0; round < 5000; round++) {
        g_autofree uint8_t *bad = g_memdup2(bytes->data, bytes->len);
        for (int flips = g_rand_int_range(rand, 1, 8); flips > 0; flips--) {
            bad[g_rand_int_range(rand, 0, bytes->len)] ^= 1u << g_rand_int_range(rand, 0, 8);
        }
        /* Aim at the head of the stream and at the devices half of the time. */
        size_t place = round % 2 ? (size_t)g_rand_int_range(rand, 0, 80)
                                 : bytes->len - g_rand_int_range(rand, 1, 120);
        bad[place] = g_rand_int_range(rand, 0, 256);
        g_autoptr(GError) error = NULL;
        bool loaded = load_all(bad, bytes->len, &error);
        g_assert_true(loaded == (error == NULL));
    }
}

/* Put @size bytes at @place of a good stream and load it. */
static void assert_patched_refused(size_t place, const void *patch, size_t size, const char *part)
{
    g_autoptr(GByteArray) bytes = save_all(false);
    g_autoptr(GError) error = NULL;
    memcpy(bytes->data + place, patch, size);
    g_assert_false(load_all(bytes->data, bytes->len, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, part));
}

static void test_refusals(void)
{
    set_devices();
    fill_memory();
    assert_patched_refused(0, "X", 1, "not a migration stream: magic 0x5845564d");
    assert_patched_refused(7, "\2", 1, "unsupported migration stream version 2, 3 expected");
    assert_patched_refused(13, "some", 4, "machine type received is 'some' and local is 'none'");
    /* The start section: type at 17, number, name at 22, version at 30, sizes from 34 on. */
    assert_patched_refused(17, "\x33", 1, "unknown section type 0x33");
    assert_patched_refused(23, "rom", 3, "section 'rom' instance 0 is unknown");
    assert_patched_refused(33, "\3", 1, "section 'ram' has version 3, 4 expected");
    assert_patched_refused(43, "bog", 3, "unknown RAM block 'bog'");
    assert_patched_refused(46, "\1", 1,
                           "RAM block 'big' has 72057594037968896 bytes in the stream "
                           "and 40960 here");
    /* The first page of the first part: section type at 81, its word at 86. */
    assert_patched_refused(86, "\1", 1, "of RAM block 'big', which has 0xa000 bytes");
    assert_patched_refused(92, "\x0f", 1, "unknown RAM record flags 0xf08");
    assert_patched_refused(95, "bog", 3, "section 'ram' instance 0: migration stream at offset");
}

static void test_missing_device(void)
{
    static Device extra;
    set_devices();
    fill_memory();
    g_autoptr(GByteArray) bytes = save_all(false);
    g_autoptr(GError) error = NULL;
    bql_lock();
    vmstate_register(NULL, 9, &device_description, &extra);
    bql_unlock();
    g_assert_false(load_all(bytes->data, bytes->len, &error));
    g_assert_nonnull(strstr(error->message, "ends without section 'device' instance 9"));
    bql_lock();
    vmstate_unregister(&device_description, &extra);
    bql_unlock();
}

/* ---- RAM ---- */

static void test_dirty_pages_only(void)
{
    fill_memory();
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(GError) error = NULL;
    savevm_live_setup(writer, &error);
    savevm_live_iterate(writer, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(savevm_live_pending(true), ==, 0);
    ram_block_written(big, 3 * PAGE + 7, 2 * PAGE);
    ram_block_written(small, 0, 1);
    g_assert_cmpuint(savevm_live_pending(false), ==, 0);
    g_assert_cmpuint(savevm_live_pending(true), ==, 4 * PAGE);
    g_assert_true(bitmap_test(ram_bitmap(big), 5));
    g_assert_false(bitmap_test(ram_bitmap(big), 6));

    migration_writer_reset(writer);
    savevm_live_complete(writer, &error);
    g_assert_no_error(error);
    RAMStatistics statistics;
    ram_statistics_get(&statistics);
    g_assert_cmpuint(statistics.remaining_pages, ==, 0);
    bql_lock();
    savevm_live_cleanup();
    bql_unlock();
    g_assert_null(ram_bitmap(big));
    g_assert_false(dirty_log_enabled(DIRTY_MIGRATION));
}

static uint8_t *cache_big;

static uint8_t *to_cache(RAMBlock *block, uint64_t offset, uint64_t length, void *opaque,
                         GError **error)
{
    g_assert_true(block == big);
    *(uint64_t *)opaque += length / PAGE;
    return cache_big + offset;
}

/* A checkpoint: runs of dirty pages into a cache, guest memory untouched. */
static void test_checkpoint_to_cache(void)
{
    fill_memory();
    set_devices();
    g_autoptr(GByteArray) first_copy = save_all(true);
    g_autoptr(GError) error = NULL;
    load_all(first_copy->data, first_copy->len, &error);
    g_assert_no_error(error);

    bql_lock();
    g_assert_true(ram_bitmaps_setup(false, &error));
    bql_unlock();
    g_assert_cmpuint(ram_bitmaps_sync(), ==, 0);
    memset(big->host + 4 * PAGE, 0x44, 3 * PAGE);
    memset(big->host + 5 * PAGE, 0, PAGE);
    ram_block_written(big, 4 * PAGE, 3 * PAGE);
    ram_block_written(big, 9 * PAGE, 1);
    g_assert_cmpuint(ram_bitmaps_sync(), ==, 4);

    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    RAMBitmapSource source;
    ram_bitmap_source_init(&source);
    g_assert_true(ram_save_checkpoint(writer, &source.source, &error));
    g_assert_cmpuint(ram_bitmaps_dirty_pages(), ==, 0);
    g_autoptr(GByteArray) bytes = take_bytes(writer);

    uint64_t pages = 0;
    cache_big = g_malloc(big->size);
    memset(cache_big, 0xcc, big->size);
    ram_load_set_destination(to_cache, &pages);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes->data, bytes->len);
    savevm_load_live(reader, &error);
    g_assert_no_error(error);
    ram_load_set_destination(NULL, NULL);
    g_assert_cmpuint(pages, ==, 4);
    g_assert_cmpmem(cache_big + 4 * PAGE, 3 * PAGE, big->host + 4 * PAGE, 3 * PAGE);
    g_assert_cmpmem(cache_big + 9 * PAGE, PAGE, big->host + 9 * PAGE, PAGE);
    g_assert_cmphex(cache_big[8 * PAGE], ==, 0xcc);
    /* Nothing was announced as written to guest memory. */
    g_assert_cmpuint(ram_bitmaps_sync(), ==, 0);

    for (size_t size = 0; size < bytes->len; size++) {
        g_autoptr(GError) bad = NULL;
        g_autoptr(MigrationReader) cut = migration_reader_new_memory(bytes->data, size);
        ram_load_set_destination(to_cache, &pages);
        g_assert_false(savevm_load_live(cut, &bad));
        g_assert_nonnull(strstr(bad->message, "at offset "));
    }
    ram_load_set_destination(NULL, NULL);
    g_free(cache_big);
    bql_lock();
    ram_bitmaps_cleanup();
    bql_unlock();
}

/* A run that reaches past the end of its block. */
static void test_run_too_long(void)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(GError) error = NULL;
    savevm_begin_live_section(writer, SAVEVM_SECTION_END, "ram");
    migration_writer_put_be64(writer, 8 * PAGE | 0x400);
    migration_writer_put_name(writer, "big");
    migration_writer_put_be64(writer, UINT64_MAX / PAGE);
    g_autoptr(GByteArray) bytes = take_bytes(writer);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes->data, bytes->len);
    g_assert_false(savevm_load_live(reader, &error));
    g_assert_nonnull(strstr(error->message, "4503599627370495 pages at 0x8000 of RAM block 'big'"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    big = ram_block_new("big", 10 * PAGE, NULL);
    small = ram_block_new("small", 2 * PAGE, NULL);
    ram_migration_init();
    vmstate_register(NULL, -1, &device_description, &device_a);
    vmstate_register(NULL, -1, &device_description, &device_b);
    vmstate_register("bus", 0, &first_description, &first);
    bql_unlock();
    g_test_add_func("/savevm/round-trip", test_round_trip);
    g_test_add_func("/savevm/round-trip-package", test_round_trip_package);
    g_test_add_func("/savevm/format", test_container_format);
    g_test_add_func("/savevm/description", test_description);
    g_test_add_func("/savevm/truncation", test_truncation_at_every_offset);
    g_test_add_func("/savevm/corruption", test_corruption);
    g_test_add_func("/savevm/refusals", test_refusals);
    g_test_add_func("/savevm/missing-device", test_missing_device);
    g_test_add_func("/ram/dirty-pages", test_dirty_pages_only);
    g_test_add_func("/ram/checkpoint", test_checkpoint_to_cache);
    g_test_add_func("/ram/run-too-long", test_run_too_long);
    return g_test_run();
}
