/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Migration of the interrupt controllers, timers and clock: a guest that was moved at any moment
 * notices nothing. Random accesses bring the devices into random states; from a saved state the
 * same further accesses must see the same answers at the same times. Damaged states must be
 * refused or be harmless.
 */
#include <string.h>

#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/hpet.h"
#include "irq-board.h"
#include "migration/stream.h"
#include "migration/vmstate.h"
#include "system/object.h"
#include "util/timer.h"

#define ROUNDS         200
#define DAMAGED_STATES 400
#define BEFORE         400 /* accesses before the state is saved */
#define AFTER          400 /* and after it */

static IRQBoard *board;

/* Interrupt controllers first, as in the stream. */
static GPtrArray *devices;

/* ---- random accesses ---- */

static const uint16_t ports[] = {
    0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x40, 0x43, 0x61, 0x70, 0x71,
};

/* Any register of the memory mapped devices. */
static uint64_t random_register(GRand *random)
{
    switch (g_rand_int_range(random, 0, 3)) {
    case 0:
        return IOAPIC_DEFAULT_BASE + 0x10 * g_rand_int_range(random, 0, 5);
    case 1:
        return APIC_DEFAULT_BASE + 0x10 * g_rand_int_range(random, 0, 0x40);
    default:
        return HPET_BASE + 4 * g_rand_int_range(random, 0, 0x60);
    }
}

/* Small numbers, single bits and anything. */
static uint32_t random_value(GRand *random)
{
    switch (g_rand_int_range(random, 0, 3)) {
    case 0:
        return g_rand_int_range(random, 0, 0x400);
    case 1:
        return UINT32_C(1) << g_rand_int_range(random, 0, 32);
    default:
        return g_rand_int(random);
    }
}

static void note(GString *log, const char *what, uint64_t value)
{
    g_string_append_printf(log, "%" G_GINT64_FORMAT " %s %" G_GINT64_MODIFIER "x\n",
                           clock_get_ns(CLOCK_TYPE_VIRTUAL), what, value);
}

static void random_port(GRand *random, GString *log)
{
    uint16_t port = ports[g_rand_int_range(random, 0, G_N_ELEMENTS(ports))];
    if (g_rand_boolean(random)) {
        board_out(port, random_value(random));
    } else {
        note(log, "in", board_in(port));
    }
}

static void random_memory(GRand *random, GString *log)
{
    uint64_t address = random_register(random);
    if (g_rand_boolean(random)) {
        board_store(address, random_value(random));
    } else {
        note(log, "load", board_load(address));
    }
}

static void random_line(GRand *random)
{
    unsigned n = g_rand_int_range(random, 0, IOAPIC_PINS);
    bool level = g_rand_boolean(random);
    if (n < I8259_PAIR_LINES && n != 2) {
        irq_set(i8259_pair_line(board->pic, n), level);
    }
    irq_set(device_get_gpio_in(board->ioapic, NULL, n), level);
}

/* ---- what an operating system does ---- */

static uint8_t random_vector(GRand *random)
{
    return g_rand_int_range(random, 0x10, 0x100);
}

static void write_apic(GRand *random, unsigned number, uint32_t value)
{
    unsigned cpu = g_rand_int_range(random, 0, BOARD_CPUS);
    if (!board_wrmsr(board, cpu, 0x800 + number, value)) {
        board_store(APIC_DEFAULT_BASE + 0x10 * number, value);
    }
}

static void sensible_apic(GRand *random)
{
    switch (g_rand_int_range(random, 0, 6)) {
    case 0: /* timer, periodic or not */
        write_apic(random, 0x32, random_vector(random) | (g_rand_boolean(random) ? 0x20000 : 0));
        break;
    case 1:
        write_apic(random, 0x38, g_rand_int_range(random, 1, 20000));
        break;
    case 2:
        write_apic(random, 0x3e, g_rand_int_range(random, 0, 16) & 0xb);
        break;
    case 3: /* LINT0: ExtINT, level or edge */
        write_apic(random, 0x35,
                   g_rand_boolean(random) ? 0x700
                                          : random_vector(random) | (g_rand_int(random) & 0x8000));
        break;
    case 4: /* logical destination; model; a lower task priority */
        write_apic(random, 0x0d, g_rand_int(random));
        write_apic(random, 0x0e, g_rand_boolean(random) ? 0xffffffff : 0x0fffffff);
        write_apic(random, 0x08, g_rand_int_range(random, 0, 0x40));
        break;
    default: {
        APICMessage message = {
            .destination = g_rand_int_range(random, 0, 16),
            .logical = g_rand_boolean(random),
            .level = g_rand_boolean(random),
            .mode = g_rand_int_range(random, 0, 4) ? APIC_DELIVERY_FIXED : APIC_DELIVERY_EXTINT,
            .vector = random_vector(random),
        };
        apic_deliver(&message);
        break;
    }
    }
}

static void sensible_ioapic(GRand *random)
{
    unsigned pin = g_rand_int_range(random, 0, IOAPIC_PINS);
    board_store(IOAPIC_DEFAULT_BASE, 0x11 + 2 * pin);
    board_store(IOAPIC_DEFAULT_BASE + 0x10, (uint32_t)g_rand_int_range(random, 0, 4) << 24);
    board_store(IOAPIC_DEFAULT_BASE, 0x10 + 2 * pin);
    board_store(IOAPIC_DEFAULT_BASE + 0x10,
                random_vector(random) | (g_rand_boolean(random) ? 0x8000 : 0));
}

static void sensible_hpet(GRand *random)
{
    unsigned timer = g_rand_int_range(random, 0, 3);
    uint64_t base = HPET_BASE + 0x100 + 0x20 * timer;
    uint32_t counter = board_load(HPET_BASE + 0xf0);
    bool periodic = g_rand_boolean(random);
    uint32_t level = g_rand_boolean(random) ? 0x2 : 0;
    board_store(base, 0x404 | level | (periodic ? 0x48 : 0) | (g_rand_int(random) & 0x100));
    board_store(base + 8, counter + g_rand_int_range(random, 1, 5000));
    if (periodic) {
        board_store(base + 8, g_rand_int_range(random, 1, 5000));
    }
    if (!g_rand_int_range(random, 0, 8)) { /* set the counter, as before sleeping */
        board_store(HPET_BASE + 0x10, 0);
        board_store(HPET_BASE + 0xf0, g_rand_int(random));
        board_store(HPET_BASE + 0x10, g_rand_int_range(random, 1, 4));
    }
}

static void sensible_pics(GRand *random)
{
    board_out(0x20, 0x11);
    board_out(0x21, 0x20);
    board_out(0x21, 0x04);
    board_out(0x21, g_rand_boolean(random) ? 0x01 : 0x03);
    board_out(0xa0, 0x11);
    board_out(0xa1, 0x28);
    board_out(0xa1, 0x02);
    board_out(0xa1, g_rand_boolean(random) ? 0x01 : 0x03);
    board_out(0x20, g_rand_boolean(random) ? 0x80 : 0x20);
    board_out(0xa0, g_rand_boolean(random) ? 0x80 : 0x20);
}

static void sensible_rtc(GRand *random)
{
    board_out(0x70, g_rand_int_range(random, 0x0a, 0x0c));
    board_out(0x71, g_rand_boolean(random) ? 0x26 : 0x20 | (g_rand_int(random) & 0x7f));
    board_out(0x70, 0x0c);
}

static void sensible_access(GRand *random)
{
    switch (g_rand_int_range(random, 0, 8)) {
    case 0:
    case 1:
    case 2:
        sensible_apic(random);
        break;
    case 3:
    case 4:
        sensible_hpet(random);
        break;
    case 5:
        sensible_ioapic(random);
        break;
    case 6:
        sensible_pics(random);
        break;
    default:
        sensible_rtc(random);
        break;
    }
}

static void random_processor(GRand *random, GString *log)
{
    unsigned cpu = g_rand_int_range(random, 0, BOARD_CPUS);
    uint32_t msr = 0x800 + g_rand_int_range(random, 0, 0x40);
    uint64_t value = 0;
    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        note(log, "acknowledge", board_acknowledge(board, cpu));
        break;
    case 1:
        note(log, "wrmsr", board_wrmsr(board, cpu, msr, random_value(random)));
        break;
    case 2:
        note(log, "rdmsr", board_rdmsr(board, cpu, msr, &value));
        note(log, "rdmsr", value);
        break;
    default:
        board_wrmsr(board, cpu, 0x80b, 0);
        break;
    }
    note(log, "requests", board_requests(board, cpu));
}

static void random_access(GRand *random, GString *log)
{
    switch (g_rand_int_range(random, 0, 12)) {
    case 0:
    case 1:
        random_port(random, log);
        break;
    case 2:
        random_memory(random, log);
        break;
    case 3:
    case 4:
    case 5:
        sensible_access(random);
        break;
    case 6:
    case 7:
    case 8:
        if (g_rand_boolean(random)) {
            irq_board_advance(g_rand_int_range(random, 0, 100000));
        } else {
            random_line(random);
        }
        break;
    default:
        random_processor(random, log);
        break;
    }
}

static void random_accesses(GRand *random, GString *log, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        random_access(random, log);
    }
}

/* Devices set up as an operating system would, some processors in x2APIC mode. */
static void begin_round(GRand *random)
{
    irq_board_reset(board);
    irq_board_advance(g_rand_int_range(random, 0, 1000000));
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        if (g_rand_boolean(random)) {
            board_set_base(board, i, APIC_DEFAULT_BASE | 0xc00);
            board_wrmsr(board, i, 0x80f, 0x1ff);
        }
    }
    board_store(APIC_DEFAULT_BASE + 0xf0, 0x1ff);
    board_store(HPET_BASE + 0x10, g_rand_int_range(random, 1, 4));
    board_out(0x43, 0x34);
    board_out(0x40, 0x9c);
    board_out(0x40, 0x2e);
}

/* ---- states ---- */

typedef struct Snapshot {
    int64_t now;
    uint32_t requests[BOARD_CPUS]; /* the processors' own part */
    uint8_t sipi_vectors[BOARD_CPUS];
    GByteArray *state[16]; /* of each of `devices` */
} Snapshot;

static GByteArray *save_device(Device *device)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    GByteArray *bytes = g_byte_array_new();
    size_t size;
    vmstate_save(writer, DEVICE_GET_CLASS(device)->vmsd, device);
    const void *data = migration_writer_data(writer, &size);
    g_byte_array_append(bytes, data, size);
    return bytes;
}

static bool load_device(Device *device, const GByteArray *bytes, GError **error)
{
    const VMStateDescription *description = DEVICE_GET_CLASS(device)->vmsd;
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes->data, bytes->len);
    return vmstate_load(reader, description, device, description->version, error);
}

static void snapshot_save(Snapshot *snapshot)
{
    snapshot->now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    for (unsigned i = 0; i < devices->len; i++) {
        snapshot->state[i] = save_device(g_ptr_array_index(devices, i));
    }
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        snapshot->requests[i] = board_requests(board, i) & ~VCPU_INTERRUPT_HARD;
        snapshot->sipi_vectors[i] = board->cpus[i]->state.sipi_vector;
    }
}

static void snapshot_load(const Snapshot *snapshot)
{
    virtual_clock_set_ns(snapshot->now);
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        board->cpus[i]->vcpu.interrupt_request = snapshot->requests[i];
        board->cpus[i]->state.sipi_vector = snapshot->sipi_vectors[i];
    }
    for (unsigned i = 0; i < devices->len; i++) {
        g_autoptr(GError) error = NULL;
        load_device(g_ptr_array_index(devices, i), snapshot->state[i], &error);
        g_assert_no_error(error);
    }
}

static void snapshot_clear(Snapshot *snapshot)
{
    for (unsigned i = 0; i < devices->len; i++) {
        g_byte_array_unref(snapshot->state[i]);
    }
}

static void assert_same_state(const Snapshot *a, const Snapshot *b)
{
    for (unsigned i = 0; i < devices->len; i++) {
        const GByteArray *first = a->state[i];
        const GByteArray *second = b->state[i];
        g_assert_cmpmem(first->data, first->len, second->data, second->len);
    }
}

static void find_device(const char *path)
{
    Device *device = DEVICE(object_tree_find(path));
    g_assert_nonnull(device);
    g_ptr_array_add(devices, device);
}

static void find_devices(void)
{
    static const char *const paths[] = {
        "/machine/apic[0]",    "/machine/apic[1]",   "/machine/apic[2]", "/machine/ioapic",
        "/machine/pic-master", "/machine/pic-slave", "/machine/hpet",    "/machine/pit",
        "/machine/pcspk",      "/machine/rtc",
    };
    devices = g_ptr_array_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        find_device(paths[i]);
    }
}

/* ---- tests ---- */

/* Saving twice gives the same bytes; loading and saving, too. */
static void test_round_trip(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(8259);
    g_autoptr(GString) log = g_string_new(NULL);
    for (unsigned round = 0; round < ROUNDS; round++) {
        Snapshot first, second;
        begin_round(random);
        random_accesses(random, log, BEFORE);
        snapshot_save(&first);
        random_accesses(random, log, AFTER);
        snapshot_load(&first);
        snapshot_save(&second);
        assert_same_state(&first, &second);
        snapshot_clear(&first);
        snapshot_clear(&second);
    }
}

/* The accesses after a move see what they would have seen without it. */
static void test_same_future(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(8254);
    for (unsigned round = 0; round < ROUNDS; round++) {
        g_autoptr(GString) before = g_string_new(NULL);
        g_autoptr(GString) stayed = g_string_new(NULL);
        g_autoptr(GString) moved = g_string_new(NULL);
        Snapshot start, end_stayed, end_moved;
        begin_round(random);
        random_accesses(random, before, BEFORE);
        snapshot_save(&start);
        g_autoptr(GRand) again = g_rand_copy(random);
        random_accesses(random, stayed, AFTER);
        snapshot_save(&end_stayed);
        snapshot_load(&start);
        random_accesses(again, moved, AFTER);
        snapshot_save(&end_moved);
        g_assert_cmpstr(moved->str, ==, stayed->str);
        assert_same_state(&end_stayed, &end_moved);
        snapshot_clear(&start);
        snapshot_clear(&end_stayed);
        snapshot_clear(&end_moved);
    }
}

/* Every bit of a state may be wrong. */
static void test_damaged(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(146818);
    g_autoptr(GString) log = g_string_new(NULL);
    unsigned refused = 0;
    for (unsigned round = 0; round < DAMAGED_STATES; round++) {
        begin_round(random);
        random_accesses(random, log, 50);
        Device *device = g_ptr_array_index(devices, g_rand_int_range(random, 0, devices->len));
        g_autoptr(GByteArray) bytes = save_device(device);
        g_autoptr(GError) error = NULL;
        for (unsigned flips = g_rand_int_range(random, 1, 20); flips; flips--) {
            bytes->data[g_rand_int_range(random, 0, bytes->len)] = g_rand_int(random);
        }
        if (!load_device(device, bytes, &error)) {
            g_assert_nonnull(error);
            irq_board_reset(board); /* nobody runs a machine whose state was refused */
            refused++;
        }
        random_accesses(random, log, 100);
    }
    g_assert_cmpuint(refused, >, DAMAGED_STATES / 10);
    g_assert_cmpuint(refused, <, DAMAGED_STATES);
    irq_board_reset(board);
}

static void test_truncated(void)
{
    for (unsigned i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);
        g_autoptr(GByteArray) bytes = save_device(device);
        for (; bytes->len > 0; g_byte_array_set_size(bytes, bytes->len - 1)) {
            g_autoptr(GByteArray) part = g_byte_array_new();
            g_autoptr(GError) error = NULL;
            g_byte_array_append(part, bytes->data, bytes->len - 1);
            g_assert_false(load_device(device, part, &error));
            g_assert_nonnull(error);
        }
    }
    irq_board_reset(board);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    board = irq_board_new();
    find_devices();
    g_test_add_func("/irq-migration/round-trip", test_round_trip);
    g_test_add_func("/irq-migration/same-future", test_same_future);
    g_test_add_func("/irq-migration/damaged", test_damaged);
    g_test_add_func("/irq-migration/truncated", test_truncated);
    return g_test_run();
}
