/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Address spaces against a naive map of bytes; accesses of all sizes; RAM and its dirty pages. */
#include "system/memory.h"

#include <string.h>

#include "accel/accel.h"
#include "system/bql.h"
#include "system/cpus.h"
#include "util/bitmap.h"
#include "util/bytes.h"

#define SEED          0xadd7e55u
#define MODEL_SIZE    0x300u
#define MODEL_REGIONS 10u
#define RAM_PAGES     4u

/* ---- rendering ---- */

typedef struct ModelMapping {
    hwaddr address;
    MemoryRegion *region;
    int priority;
} ModelMapping;

static ModelMapping model[MODEL_REGIONS]; /* in order of mapping */
static unsigned model_count;

static const MemoryRegionOps no_ops;

static const ModelMapping *model_at(hwaddr address)
{
    const ModelMapping *best = NULL;

    for (unsigned i = 0; i < model_count; i++) {
        const ModelMapping *entry = &model[i];
        if (address >= entry->address && address - entry->address < entry->region->size &&
            (!best || entry->priority >= best->priority)) {
            best = entry;
        }
    }
    return best;
}

static void check_address(AddressSpace *space, hwaddr address)
{
    uint64_t offset, left;
    MemoryRegion *region = address_space_find(space, address, &offset, &left);
    const ModelMapping *expected = model_at(address);

    g_assert_true(region == (expected ? expected->region : NULL));
    if (expected) {
        g_assert_cmphex(offset, ==, address - expected->address);
    }
    g_assert_cmpuint(left, >, 0);
    for (hwaddr next = address; next < address + left && next < MODEL_SIZE; next++) {
        g_assert_true(model_at(next) == expected);
    }
    if (address + left < MODEL_SIZE) {
        g_assert_true(model_at(address + left) != expected);
    }
}

static void check_range(hwaddr address, uint64_t size, MemoryRegion *region, void *opaque)
{
    hwaddr *end_of_last = opaque;

    g_assert_cmphex(address, >=, *end_of_last);
    *end_of_last = address + size;
}

static void model_unmap(AddressSpace *space, unsigned index)
{
    address_space_unmap(space, model[index].region);
    memmove(&model[index], &model[index + 1], (model_count - index - 1) * sizeof(model[0]));
    model_count--;
}

static void test_rendering(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(SEED);
    AddressSpace *space = address_space_io();
    MemoryRegion regions[MODEL_REGIONS];
    bool mapped[MODEL_REGIONS] = { false };

    for (unsigned round = 0; round < 400; round++) {
        unsigned index = (unsigned)g_rand_int_range(random, 0, MODEL_REGIONS);
        unsigned generation = address_space_generation(space);
        if (mapped[index]) {
            unsigned i = 0;
            while (model[i].region != &regions[index]) {
                i++;
            }
            model_unmap(space, i);
        } else {
            hwaddr address = (hwaddr)g_rand_int_range(random, 0, MODEL_SIZE - 1);
            uint64_t size = (uint64_t)g_rand_int_range(random, 1, (gint32)(MODEL_SIZE - address));
            int priority = g_rand_int_range(random, -1, 3);
            memory_region_init_io(&regions[index], "model", &no_ops, NULL, size);
            model[model_count++] = (ModelMapping){ address, &regions[index], priority };
            address_space_map(space, address, &regions[index], priority);
        }
        mapped[index] = !mapped[index];
        g_assert_cmpuint(address_space_generation(space), !=, generation);
        for (hwaddr address = 0; address < MODEL_SIZE; address += 1 + round % 7) {
            check_address(space, address);
        }
        hwaddr end = 0;
        address_space_foreach(space, check_range, &end);
    }
    while (model_count) {
        model_unmap(space, 0);
    }
}

static void test_whole_space(void)
{
    AddressSpace *space = address_space_memory();
    MemoryRegion last;
    uint64_t offset, left;

    g_assert_null(address_space_find(space, 0, &offset, &left));
    g_assert_cmphex(left, ==, UINT64_MAX);
    memory_region_init_io(&last, "last", &no_ops, NULL, 0x1000);
    address_space_map(space, UINT64_MAX - 0xfff, &last, 0);
    g_assert_true(address_space_find(space, UINT64_MAX, &offset, &left) == &last);
    g_assert_cmphex(offset, ==, 0xfff);
    g_assert_cmphex(left, ==, 1);
    g_assert_null(address_space_find(space, 0x1000, &offset, &left));
    g_assert_cmphex(left, ==, UINT64_MAX - 0xfff - 0x1000);
    address_space_unmap(space, &last);
}

/* ---- readers without the lock ---- */

#define READER_THREADS 3
#define MAP_CHANGES    20000

typedef struct ReaderTest {
    AddressSpace *space;
    MemoryRegion fixed, moving;
    int stop;      /* atomic */
    int reading;   /* atomic: threads that have begun */
    unsigned seen; /* atomic: how often the moving region was found */
} ReaderTest;

/* Whatever the map is at the moment, what is found is one of the two, and where it can be. */
static gpointer read_map(gpointer data)
{
    ReaderTest *test = data;

    g_atomic_int_inc(&test->reading);
    while (!g_atomic_int_get(&test->stop)) {
        for (hwaddr address = 0; address < 0x10000; address += 0x800) {
            uint64_t offset, left;
            MemoryRegion *region = address_space_find(test->space, address, &offset, &left);
            if (region == &test->moving) {
                g_atomic_int_inc(&test->seen);
                g_assert_cmphex((address - offset) % 0x1000, ==, 0);
            } else if (region) {
                g_assert_true(region == &test->fixed && address - offset == 0x8000);
            }
            g_assert_cmpuint(left, >, 0);
        }
    }
    return NULL;
}

/* A guest that moves a BAR for ever must not cost memory, nor take views from under readers. */
static void test_readers(void)
{
    ReaderTest test = { .space = address_space_io() };
    GThread *threads[READER_THREADS];

    memory_region_init_io(&test.fixed, "fixed", &no_ops, NULL, 0x1000);
    memory_region_init_io(&test.moving, "moving", &no_ops, NULL, 0x1000);
    address_space_map(test.space, 0x8000, &test.fixed, 1);
    for (unsigned i = 0; i < READER_THREADS; i++) {
        threads[i] = g_thread_new("reader", read_map, &test);
    }
    while (g_atomic_int_get(&test.reading) < READER_THREADS) {
        g_thread_yield();
    }
    for (unsigned i = 0; i < MAP_CHANGES || !g_atomic_int_get(&test.seen); i++) {
        address_space_map(test.space, (i % 16) * 0x1000, &test.moving, 0);
        g_assert_cmpuint(address_space_retired_views(test.space), <=, READER_THREADS);
        address_space_unmap(test.space, &test.moving);
        g_assert_cmpuint(address_space_retired_views(test.space), <=, READER_THREADS);
    }
    g_atomic_int_set(&test.stop, 1);
    for (unsigned i = 0; i < READER_THREADS; i++) {
        g_thread_join(threads[i]);
    }
    address_space_unmap(test.space, &test.fixed);
    g_assert_cmpuint(address_space_retired_views(test.space), ==, 0);
}

/* ---- who is told ---- */

static unsigned map_changes;

static void count_map_change(VCPU *vcpu)
{
    map_changes++;
}

static const AccelOps counting_accel = {
    .name = "counting",
    .memory_map_changed = count_map_change,
};

/* vCPUs cache where RAM is and nothing else: moving registers must not flush them. */
static void test_notification(void)
{
    g_autoptr(GError) error = NULL;
    AddressSpace *space = address_space_memory();
    RAMBlock *block = ram_block_new("notification", 0x4000, &error);
    MemoryRegion ram, registers;
    static VCPU vcpu;

    g_assert_no_error(error);
    accel_register(&counting_accel);
    g_assert_true(accel_select("counting", &error));
    g_assert_true(vcpu_add(&vcpu, &error));
    memory_region_init_ram(&ram, "ram", block, 0, block->size);
    memory_region_init_io(&registers, "registers", &no_ops, NULL, 0x1000);
    address_space_map(space, 0, &ram, 0);
    g_assert_cmpuint(map_changes, ==, 1);
    address_space_map(space, 0x8000, &registers, 0);
    address_space_unmap(space, &registers);
    address_space_map(space, 0x1000, &registers, -1); /* behind the RAM */
    address_space_unmap(space, &registers);
    g_assert_cmpuint(map_changes, ==, 1);
    address_space_map(space, 0x1000, &registers, 1); /* in front of it */
    g_assert_cmpuint(map_changes, ==, 2);
    address_space_unmap(space, &registers);
    g_assert_cmpuint(map_changes, ==, 3);
    address_space_unmap(space, &ram);
    g_assert_cmpuint(map_changes, ==, 4);
    address_space_map(space, 0x4000, &ram, 0);
    g_assert_cmpuint(map_changes, ==, 5);
    address_space_unmap(space, &ram);
    address_space_synchronize();
    vcpus_shutdown();
    ram_block_free(block);
}

/* ---- accesses ---- */

typedef struct Registers {
    uint8_t bytes[16];
    GString *calls; /* "r4@8 w1@3 " */
} Registers;

static uint64_t registers_read(void *opaque, hwaddr address, unsigned size)
{
    Registers *registers = opaque;
    uint64_t value = 0;

    g_assert_true(bql_locked());
    g_string_append_printf(registers->calls, "r%u@%u ", size, (unsigned)address);
    g_assert_cmpuint(address + size, <=, sizeof(registers->bytes));
    memcpy(&value, registers->bytes + address, size);
    return value;
}

static void registers_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    Registers *registers = opaque;

    g_string_append_printf(registers->calls, "w%u@%u=%x ", size, (unsigned)address,
                           (unsigned)value);
    g_assert_cmpuint(address + size, <=, sizeof(registers->bytes));
    memcpy(registers->bytes + address, &value, size);
}

static const struct {
    unsigned access_min, access_max;
    hwaddr address;
    unsigned size;
    const char *calls;
} loads[] = {
    { 0, 0, 8, 8, "r8@8 " },
    { 1, 4, 8, 8, "r4@8 r4@12 " },
    { 1, 1, 4, 4, "r1@4 r1@5 r1@6 r1@7 " },
    { 1, 4, 5, 4, "r1@5 r1@6 r1@7 r1@8 " },
    { 1, 4, 6, 4, "r2@6 r2@8 " },
    { 2, 4, 6, 4, "r2@6 r2@8 " },
    { 4, 4, 5, 1, "r4@4 " },
    { 4, 4, 6, 2, "r4@4 " },
    { 4, 4, 7, 2, "r4@4 r4@8 " }, /* crosses into the next register */
    { 4, 4, 6, 4, "r4@4 r4@8 " },
    { 4, 4, 2, 8, "r4@0 r4@4 r4@8 " },
    { 4, 8, 4, 8, "r4@4 r4@8 " },
    { 4, 8, 8, 8, "r8@8 " },
    { 2, 2, 3, 1, "r2@2 " },
    { 0, 0, 14, 4, "r1@14 r1@15 " }, /* the end of the region: then a hole */
    { 0, 0, 16, 4, "" },
};

static void test_load_sizes(void)
{
    AddressSpace *space = address_space_memory();
    Registers registers = { .calls = g_string_new(NULL) };

    for (unsigned i = 0; i < sizeof(registers.bytes); i++) {
        registers.bytes[i] = (uint8_t)(0x10 + i);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(loads); i++) {
        MemoryRegionOps ops = { registers_read, registers_write, loads[i].access_min,
                                loads[i].access_max };
        MemoryRegion region;
        uint8_t expected[8] = { 0 };
        memory_region_init_io(&region, "registers", &ops, &registers, sizeof(registers.bytes));
        address_space_map(space, 0, &region, 0);
        for (unsigned byte = 0; byte < loads[i].size; byte++) {
            hwaddr address = loads[i].address + byte;
            expected[byte] = address < 16 ? registers.bytes[address] : 0xff;
        }
        uint64_t value = address_space_load(space, loads[i].address, loads[i].size);
        g_assert_cmpstr(registers.calls->str, ==, loads[i].calls);
        g_assert_cmphex(value, ==, load_le64(expected));
        g_string_truncate(registers.calls, 0);
        address_space_unmap(space, &region);
    }
    g_string_free(registers.calls, TRUE);
}

static const struct {
    unsigned access_min, access_max;
    hwaddr address;
    uint64_t value;
    unsigned size;
    const char *calls;
} stores[] = {
    { 1, 4, 4, 0x11223344, 4, "w4@4=11223344 " },
    { 1, 2, 4, 0x11223344, 4, "w2@4=3344 w2@6=1122 " },
    { 1, 4, 5, 0x2233, 2, "w1@5=33 w1@6=22 " },
    { 4, 4, 4, 0x33, 1, "w4@4=33 " },
    { 4, 4, 6, 0x33, 1, "w4@4=330000 " },
    { 4, 4, 6, 0x11223344, 4, "w4@4=33440000 w4@8=1122 " },
    { 0, 0, 15, 0x2233, 2, "w1@15=33 " },
    { 0, 0, 4, 0xffffff55, 1, "w1@4=55 " }, /* only the bytes that were stored */
    { 0, 0, 20, 1, 4, "" },
};

static void test_store_sizes(void)
{
    AddressSpace *space = address_space_memory();
    Registers registers = { .calls = g_string_new(NULL) };

    for (size_t i = 0; i < G_N_ELEMENTS(stores); i++) {
        MemoryRegionOps ops = { registers_read, registers_write, stores[i].access_min,
                                stores[i].access_max };
        MemoryRegion region;
        memory_region_init_io(&region, "registers", &ops, &registers, sizeof(registers.bytes));
        address_space_map(space, 0, &region, 0);
        address_space_store(space, stores[i].address, stores[i].value, stores[i].size);
        g_assert_cmpstr(registers.calls->str, ==, stores[i].calls);
        g_string_truncate(registers.calls, 0);
        address_space_unmap(space, &region);
    }
    g_string_free(registers.calls, TRUE);
}

/* ---- RAM ---- */

static RAMBlock *make_block(const char *name)
{
    g_autoptr(GError) error = NULL;
    RAMBlock *block = ram_block_new(name, RAM_PAGES * TARGET_PAGE_SIZE - 1, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(block->size, ==, RAM_PAGES * TARGET_PAGE_SIZE);
    return block;
}

static void test_block_names(void)
{
    RAMBlock *block = make_block("ram");
    g_autofree char *long_name = g_strnfill(RAM_BLOCK_NAME_MAX + 1, 'n');
    g_autoptr(GError) taken = NULL;
    g_autoptr(GError) empty = NULL;
    g_autoptr(GError) too_long = NULL;
    g_autoptr(GError) too_large = NULL;

    g_assert_true(ram_block_find("ram") == block);
    g_assert_null(ram_block_new("ram", 4096, &taken));
    g_assert_cmpstr(taken->message, ==, "memory block 'ram' exists already");
    g_assert_null(ram_block_new("", 4096, &empty));
    g_assert_cmpstr(empty->message, ==, "memory block name '': expected 1 to 255 characters");
    g_assert_null(ram_block_new(long_name, 4096, &too_long));
    g_assert_nonnull(too_long);
    g_assert_null(ram_block_new("large", UINT64_C(1) << 60, &too_large));
    g_assert_true(g_str_has_prefix(too_large->message,
                                   "cannot set up guest memory 'large' of 1152921504606846976 "));
    g_assert_cmpuint(ram_total_bytes(), ==, block->size);
    ram_block_free(block);
    g_assert_null(ram_block_find("ram"));
}

static void test_ram_transfers(void)
{
    AddressSpace *space = address_space_memory();
    RAMBlock *ram = make_block("ram");
    RAMBlock *rom = make_block("rom");
    MemoryRegion ram_region, rom_region;
    uint8_t buffer[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    rom->read_only = true;
    memory_region_init_ram(&ram_region, "ram", ram, 0x1000, 0x2000);
    memory_region_init_ram(&rom_region, "rom", rom, 0, 0x1000);
    address_space_map(space, 0x10000, &ram_region, 0);
    address_space_map(space, 0x12000, &rom_region, 0);

    g_assert_true(address_space_write(space, 0x11ff8, buffer, 8));
    g_assert_cmpmem(ram->host + 0x2ff8, 8, buffer, 8);
    g_assert_false(address_space_write(space, 0x11ffc, buffer, 8)); /* runs into the ROM */
    g_assert_cmpint(rom->host[0], ==, 0);
    address_space_store(space, 0x12000, 0xff, 1);
    g_assert_cmpint(rom->host[0], ==, 0);
    rom->host[0] = 0xaa;
    g_assert_true(address_space_read(space, 0x11ffc, buffer, 8));
    g_assert_cmpint(buffer[4], ==, 0xaa);
    g_assert_false(address_space_read(space, 0x12ffc, buffer, 8)); /* then a hole */
    /* An access that crosses from RAM to ROM. */
    g_assert_cmphex(address_space_load(space, 0x11ffe, 4), ==, 0x00aa0403);
    address_space_unmap(space, &ram_region);
    address_space_unmap(space, &rom_region);
    ram_block_free(ram);
    ram_block_free(rom);
}

static uint64_t dirty_pages(RAMBlock *block, DirtyClient client)
{
    uint64_t bits = 0;

    dirty_log_sync(client, block, &bits);
    return bits;
}

static void test_dirty_clients(void)
{
    RAMBlock *block = make_block("ram");

    /* All pages of a new block count as written. */
    g_assert_cmphex(dirty_pages(block, DIRTY_MIGRATION), ==, 0xf);
    g_assert_cmphex(dirty_pages(block, DIRTY_DISPLAY), ==, 0xf);
    ram_block_written(block, 0, 1); /* nobody tracks */
    g_assert_cmphex(dirty_pages(block, DIRTY_MIGRATION), ==, 0);

    dirty_log_start(DIRTY_MIGRATION);
    g_assert_true(dirty_page_needs_report(block, 1));
    ram_block_written(block, TARGET_PAGE_SIZE - 1, 2);
    g_assert_cmphex(dirty_pages(block, DIRTY_DISPLAY), ==, 0);
    dirty_log_start(DIRTY_DISPLAY);
    ram_block_loaded(block, 3 * TARGET_PAGE_SIZE, TARGET_PAGE_SIZE);
    dirty_page_report(block, 2);
    ram_block_written(block, 5, 0); /* nothing */
    g_assert_cmphex(dirty_pages(block, DIRTY_DISPLAY), ==, 0xc);
    g_assert_cmphex(dirty_pages(block, DIRTY_MIGRATION), ==, 0x7);
    g_assert_cmphex(dirty_pages(block, DIRTY_MIGRATION), ==, 0);

    dirty_log_stop(DIRTY_DISPLAY);
    g_assert_true(dirty_log_enabled(DIRTY_MIGRATION));
    g_assert_false(dirty_log_enabled(DIRTY_DISPLAY));
    dirty_page_report(block, 0);
    g_assert_cmphex(dirty_pages(block, DIRTY_DISPLAY), ==, 0);
    uint64_t pages = 0x2;
    ram_block_written(block, TARGET_PAGE_SIZE, 1);
    g_assert_cmpuint(dirty_log_sync(DIRTY_MIGRATION, block, &pages), ==, 1); /* page 1 was known */
    g_assert_cmphex(pages, ==, 0x3);
    dirty_log_stop(DIRTY_MIGRATION);
    ram_block_free(block);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    g_test_add_func("/memory/rendering", test_rendering);
    g_test_add_func("/memory/whole-space", test_whole_space);
    g_test_add_func("/memory/readers", test_readers);
    g_test_add_func("/memory/load-sizes", test_load_sizes);
    g_test_add_func("/memory/store-sizes", test_store_sizes);
    g_test_add_func("/memory/block-names", test_block_names);
    g_test_add_func("/memory/ram-transfers", test_ram_transfers);
    g_test_add_func("/memory/dirty-clients", test_dirty_clients);
    g_test_add_func("/memory/notification", test_notification);
    return g_test_run();
}
