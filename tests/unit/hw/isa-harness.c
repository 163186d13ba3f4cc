/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A bare ISA bus for device tests. */
#include "isa-harness.h"

#include <string.h>

#include "migration/stream.h"
#include "system/main-loop.h"
#include "util/timer.h"

#define FUZZ_SEED   0x5eed8042u
#define FUZZ_ROUNDS 2000

static ISAHarness harness;

static void record_line(void *opaque, int n, int level)
{
    if (level && !harness.level[n]) {
        harness.rises[n]++;
    }
    harness.level[n] = level;
}

static bool record_request(ShutdownCause cause, bool reset, void *opaque)
{
    if (reset) {
        harness.reset_requests++;
    } else {
        harness.shutdown_requests++;
    }
    return true;
}

ISAHarness *isa_harness(void)
{
    IRQ *lines[ISA_IRQ_COUNT];

    if (harness.bus) {
        return &harness;
    }
    main_loop_init();
    virtual_clock_set_external();
    virtual_clock_start();
    runstate_set_interceptor(record_request, NULL);
    harness.bus = isa_bus_new(NULL, "isa.0");
    for (unsigned i = 0; i < ISA_IRQ_COUNT; i++) {
        harness.lines[i] = (IRQ){ .handler = record_line, .n = (int)i };
        lines[i] = &harness.lines[i];
    }
    isa_bus_connect_irqs(harness.bus, lines);
    return &harness;
}

uint8_t port_read8(uint16_t port)
{
    return (uint8_t)address_space_load(address_space_io(), port, 1);
}

uint16_t port_read16(uint16_t port)
{
    return (uint16_t)address_space_load(address_space_io(), port, 2);
}

uint32_t port_read32(uint16_t port)
{
    return (uint32_t)address_space_load(address_space_io(), port, 4);
}

void port_write8(uint16_t port, uint8_t value)
{
    address_space_store(address_space_io(), port, value, 1);
}

void port_write16(uint16_t port, uint16_t value)
{
    address_space_store(address_space_io(), port, value, 2);
}

void clock_advance_ns(int64_t ns)
{
    virtual_clock_advance_to_ns(clock_get_ns(CLOCK_TYPE_VIRTUAL) + ns);
}

void run_pending(void)
{
    for (unsigned i = 0; i < 100 && main_loop_iterate(false); i++) {
    }
}

/* ---- saved states ---- */

static GBytes *save(Device *device)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(GError) error = NULL;
    size_t size;

    vmstate_save(writer, DEVICE_GET_CLASS(device)->vmsd, device);
    migration_writer_check(writer, &error);
    g_assert_no_error(error);
    const void *data = migration_writer_data(writer, &size);
    return g_bytes_new(data, size);
}

static bool load(Device *device, const void *data, size_t size, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);
    const VMStateDescription *description = DEVICE_GET_CLASS(device)->vmsd;

    return vmstate_load(reader, description, device, description->version, error) &&
           migration_reader_check(reader, error);
}

static void load_bytes(Device *device, GBytes *state)
{
    g_autoptr(GError) error = NULL;
    size_t size;
    const void *data = g_bytes_get_data(state, &size);
    bool ok = load(device, data, size, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void random_accesses(GRand *random, uint16_t first, uint16_t count, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint16_t port = first + (uint16_t)g_rand_int_range(random, 0, count);
        unsigned size = 1u << g_rand_int_range(random, 0, 3);
        if (g_rand_boolean(random)) {
            address_space_store(address_space_io(), port, g_rand_int(random), size);
        } else {
            address_space_load(address_space_io(), port, size);
        }
        if (g_rand_int_range(random, 0, 16) == 0) {
            clock_advance_ns(g_rand_int_range(random, 0, 10000000));
        }
    }
    run_pending();
}

void check_state_round_trip(Device *device, uint16_t first, uint16_t count)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);

    for (unsigned i = 0; i < FUZZ_ROUNDS / 10; i++) {
        random_accesses(random, first, count, 20);
        g_autoptr(GBytes) before = save(device);
        random_accesses(random, first, count, 20);
        load_bytes(device, before);
        g_autoptr(GBytes) after = save(device);
        g_assert_true(g_bytes_equal(before, after));
    }
}

void check_hostile_states(Device *device, uint16_t first, uint16_t count)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    g_autoptr(GBytes) good = save(device);
    unsigned refused = 0;

    for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
        size_t size;
        const void *data = g_bytes_get_data(good, &size);
        g_autofree uint8_t *damaged = g_memdup2(data, size);
        for (int n = g_rand_int_range(random, 1, 9); n > 0; n--) {
            damaged[g_rand_int_range(random, 0, (gint32)size)] = (uint8_t)g_rand_int(random);
        }
        size_t length = g_rand_int_range(random, 0, 8) ? size : g_rand_int(random) % size;
        g_autoptr(GError) error = NULL;
        if (!load(device, damaged, length, &error)) {
            g_assert_nonnull(error);
            refused++;
        }
        random_accesses(random, first, count, 10);
    }
    g_assert_cmpuint(refused, >, 0);
    load_bytes(device, good);
    g_autoptr(GBytes) after = save(device);
    g_assert_true(g_bytes_equal(good, after));
}
