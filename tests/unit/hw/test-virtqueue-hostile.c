/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Rings that make no sense. Each kind breaks its device with a message that says why, and the
 * device works again after a reset; random rings and states break nothing else.
 */
#include <string.h>

#include "migration/stream.h"
#include "virtio-harness.h"

#define FUZZ_SEED   0x71f10u
#define FUZZ_ROUNDS 30000

/* One way to break a ring: up to three descriptors, or something else that `spoil` does. */
typedef struct BrokenRing {
    const char *name;
    const char *message; /* what the error must have in it */
    uint64_t features;   /* besides VERSION_1 */
    struct {
        uint64_t table; /* 0: the ring's own */
        unsigned n;
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    } descriptors[3];
    uint16_t head;
    void (*spoil)(Harness *h);
} BrokenRing;

static void jump(Harness *h)
{
    guest_store16(AVAILABLE + 2, RING_SIZE + 1);
}

static void go_back(Harness *h)
{
    guest_store16(AVAILABLE + 2, 0xffff);
}

static void size_zero(Harness *h)
{
    h->queue->size = 0;
}

static void size_odd(Harness *h)
{
    h->queue->size = 6;
}

static void size_large(Harness *h)
{
    h->queue->size = 16;
}

static void descriptors_misaligned(Harness *h)
{
    h->queue->descriptors += 8;
}

static void available_misaligned(Harness *h)
{
    h->queue->available += 1;
}

static void used_misaligned(Harness *h)
{
    h->queue->used += 2;
}

static void descriptors_outside(Harness *h)
{
    h->queue->descriptors = HOLE;
}

static void descriptors_at_end(Harness *h)
{
    h->queue->descriptors = RAM_SIZE - 16;
}

static void available_across_regions(Harness *h)
{
    h->queue->available = TWIN_MID - 4;
}

static void used_at_top(Harness *h)
{
    h->queue->used = UINT64_MAX - 3;
}

static void used_in_rom(Harness *h)
{
    h->queue->used = ROM_BASE;
}

/* As many chains as fit are taken, and the same ones are offered again. */
static void too_many(Harness *h)
{
    for (unsigned i = 0; i < RING_SIZE; i++) {
        put_descriptor(DESCRIPTORS, i, BUFFERS, 4, F_WRITE, 0);
        offer((uint16_t)i);
        VirtQueueElement *element = virtqueue_pop(h->queue);
        g_assert_nonnull(element);
        virtqueue_element_free(element);
    }
    offer(0);
}

/* 2000 buffers, each good. */
static void long_indirect(Harness *h)
{
    for (unsigned i = 0; i < 2000; i++) {
        put_descriptor(0x40000, i, BUFFERS, 1, F_NEXT, (uint16_t)(i + 1));
    }
    put_descriptor(0x40000, 1999, BUFFERS, 1, 0, 0);
    put_descriptor(DESCRIPTORS, 0, 0x40000, 2000 * 16, F_INDIRECT, 0);
    offer(0);
}

#define IND (UINT64_C(1) << VIRTIO_F_INDIRECT_DESC)

static const BrokenRing broken_rings[] = {
    { "head", "chain begins at descriptor 8 of 8", .head = 8 },
    { "next", "next descriptor 9 of 8", 0, { { 0, 0, BUFFERS, 4, F_NEXT, 9 } } },
    { "loop", "form a loop", 0, { { 0, 0, BUFFERS, 4, F_NEXT, 0 } } },
    { "loop-of-two",
      "form a loop",
      0,
      { { 0, 0, BUFFERS, 4, F_NEXT, 3 }, { 0, 3, BUFFERS, 4, F_NEXT, 0 } } },
    { "zero-length", "zero length", 0, { { 0, 0, BUFFERS, 0, F_WRITE, 0 } } },
    { "hole", "0x800000 of 4 bytes is not in RAM", 0, { { 0, 0, HOLE, 4, 0, 0 } } },
    { "end-of-ram", "is not in writable RAM", 0, { { 0, 0, RAM_SIZE - 2, 4, F_WRITE, 0 } } },
    { "write-to-rom", "is not in writable RAM", 0, { { 0, 0, ROM_BASE, 4, F_WRITE, 0 } } },
    { "address-wraps", "is not in RAM", 0, { { 0, 0, UINT64_MAX - 1, 4, 0, 0 } } },
    { "readable-behind-writable",
      "readable buffer behind a writable one",
      0,
      { { 0, 0, BUFFERS, 4, F_WRITE | F_NEXT, 1 }, { 0, 1, BUFFERS, 4, 0, 0 } } },
    { "longer-than-ram", "is not in RAM", 0, { { 0, 0, BUFFERS, UINT32_MAX, 0, 0 } } },
    { "indirect-not-negotiated",
      "not negotiated",
      0,
      { { 0, 0, INDIRECT, 16, F_INDIRECT, 0 }, { INDIRECT, 0, BUFFERS, 4, 0, 0 } } },
    { "indirect-nested",
      "indirect descriptor in an indirect table",
      IND,
      { { 0, 0, INDIRECT, 16, F_INDIRECT, 0 }, { INDIRECT, 0, INDIRECT, 16, F_INDIRECT, 0 } } },
    { "indirect-size", "table of 24 bytes", IND, { { 0, 0, INDIRECT, 24, F_INDIRECT, 0 } } },
    { "indirect-empty", "table of 0 bytes", IND, { { 0, 0, INDIRECT, 0, F_INDIRECT, 0 } } },
    { "indirect-hole",
      "table at 0x800000 of 16 bytes is not in RAM",
      IND,
      { { 0, 0, HOLE, 16, F_INDIRECT, 0 } } },
    { "indirect-across-regions",
      "bytes is not in RAM",
      IND,
      { { 0, 0, TWIN_MID - 16, 32, F_INDIRECT, 0 } } },
    { "indirect-with-next",
      "with a next one",
      IND,
      { { 0, 0, INDIRECT, 16, F_INDIRECT | F_NEXT, 1 } } },
    { "indirect-next",
      "next descriptor 2 of 2",
      IND,
      { { 0, 0, INDIRECT, 32, F_INDIRECT, 0 }, { INDIRECT, 0, BUFFERS, 4, F_NEXT, 2 } } },
    { "indirect-loop",
      "form a loop",
      IND,
      { { 0, 0, INDIRECT, 32, F_INDIRECT, 0 },
        { INDIRECT, 0, BUFFERS, 4, F_NEXT, 1 },
        { INDIRECT, 1, BUFFERS, 4, F_NEXT, 0 } } },
    { "indirect-long", "more than 1024 buffers", IND, .spoil = long_indirect },
    { "too-many", "more chains than its 8 descriptors", .spoil = too_many },
    { "available-jumps", "moved from 0 to 9, more than its size 8", .spoil = jump },
    { "available-goes-back", "moved from 0 to 65535", .spoil = go_back },
    { "size-zero", "size 0 is not a power of two up to 8", .spoil = size_zero },
    { "size-odd", "size 6 is not a power of two", .spoil = size_odd },
    { "size-large", "size 16 is not a power of two up to 8", .spoil = size_large },
    { "descriptors-misaligned", "descriptor ring at 0x1008", .spoil = descriptors_misaligned },
    { "available-misaligned", "available ring at 0x2001", .spoil = available_misaligned },
    { "used-misaligned", "used ring at 0x3002 is not aligned to 4", .spoil = used_misaligned },
    { "descriptors-outside", "descriptor ring at 0x800000", .spoil = descriptors_outside },
    { "descriptors-at-end", "descriptor ring at 0xffff0", .spoil = descriptors_at_end },
    { "available-across-regions", "available ring at", .spoil = available_across_regions },
    { "used-at-top", "used ring at 0xfffffffffffffffc", .spoil = used_at_top },
    { "used-in-rom", "used ring at 0x200000", .spoil = used_in_rom },
};

static void expect_working(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    offer_simple(1, 10, F_WRITE);
    VirtQueueElement *element = virtqueue_pop(h->queue);
    g_assert_nonnull(element);
    virtqueue_push(h->queue, element, 10);
    virtqueue_element_free(element);
    g_assert_cmpuint(used_index(), ==, 1);
    g_assert_false(h->device->broken);
}

static void spoil(Harness *h, const BrokenRing *ring)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ring->descriptors); i++) {
        uint64_t table = ring->descriptors[i].table ? ring->descriptors[i].table : DESCRIPTORS;
        if (ring->descriptors[i].address) {
            put_descriptor(table, ring->descriptors[i].n, ring->descriptors[i].address,
                           ring->descriptors[i].length, ring->descriptors[i].flags,
                           ring->descriptors[i].next);
        }
    }
    if (ring->spoil) {
        ring->spoil(h);
    } else {
        offer(ring->head);
    }
}

static void expect_broken(Harness *h, const char *message)
{
    g_assert_true(h->device->broken);
    g_assert_nonnull(h->device->error);
    if (!strstr(h->device->error, message)) {
        g_error("expected '%s' in '%s'", message, h->device->error);
    }
    g_assert_cmphex(h->device->status & VIRTIO_STATUS_NEEDS_RESET, ==, VIRTIO_STATUS_NEEDS_RESET);
    g_assert_cmpuint(h->config_interrupts, ==, 1);
    g_assert_false(virtqueue_ready(h->queue));
}

static void test_broken_ring(gconstpointer data)
{
    const BrokenRing *ring = data;
    Harness *h = fresh(FEATURE(VIRTIO_F_VERSION_1) | ring->features);

    spoil(h, ring);
    g_assert_null(virtqueue_pop(h->queue));
    expect_broken(h, ring->message);
    /* Broken: nothing works, nothing more is said, and the driver cannot talk it out of it. */
    unsigned errors = h->device->error_count;
    g_assert_null(virtqueue_pop(h->queue));
    g_assert_false(virtqueue_has_room(h->queue, 1));
    virtqueue_notify(h->queue);
    virtio_queue_notified(h->device, 0);
    g_assert_cmpuint(h->device->error_count, ==, errors);
    g_assert_cmpuint(h->queue_interrupts, ==, 0);
    g_assert_cmpuint(h->handled, ==, 0);
    virtio_set_status(h->device, VIRTIO_STATUS_DRIVER);
    g_assert_true(h->device->status & VIRTIO_STATUS_NEEDS_RESET);
    expect_working();
}

/* The same by the way that looks for room. */
static void test_broken_ring_room(gconstpointer data)
{
    const BrokenRing *ring = data;
    Harness *h = fresh(FEATURE(VIRTIO_F_VERSION_1) | ring->features);

    spoil(h, ring);
    g_assert_false(virtqueue_has_room(h->queue, SIZE_MAX));
    if (h->device->broken) { /* what only counts when it is taken is found then */
        expect_broken(h, ring->message);
    }
    expect_working();
}

/* A legacy driver knows no NEEDS_RESET. */
static void test_legacy_broken(void)
{
    Harness *h = fresh(0);

    offer(RING_SIZE);
    g_assert_null(virtqueue_pop(h->queue));
    g_assert_true(h->device->broken);
    g_assert_cmphex(h->device->status & VIRTIO_STATUS_NEEDS_RESET, ==, 0);
    g_assert_cmpuint(h->config_interrupts, ==, 0);
    expect_working();
}

/* A guest must not be able to fill the host's log. */
static void test_messages_are_bounded(void)
{
    Harness *h = fresh(MODERN_FEATURES);

    for (unsigned i = 0; i < 100; i++) {
        unsigned errors = h->device->error_count;
        fresh(MODERN_FEATURES);
        h->device->error_count = errors;
        offer(RING_SIZE);
        g_assert_null(virtqueue_pop(h->queue));
    }
    g_assert_cmpuint(h->device->error_count, ==, 16);
}

/* RAM that goes away: looked-up rings are not used any more. */
static void test_map_changes(void)
{
    Harness *h = fresh(MODERN_FEATURES);
    static MemoryRegion cover;
    static const MemoryRegionOps ops;

    offer_simple(0, 4, F_WRITE);
    g_assert_false(virtqueue_empty(h->queue));
    memory_region_init_io(&cover, "cover", &ops, NULL, 0x1000);
    address_space_map(address_space_memory(), USED, &cover, 1);
    g_assert_null(virtqueue_pop(h->queue));
    expect_broken(h, "used ring at 0x3000");
    address_space_unmap(address_space_memory(), &cover);
    expect_working();
}

/* ---- random rings ---- */

static uint64_t random_address(GRand *random)
{
    static const uint64_t places[] = { 0,        DESCRIPTORS, AVAILABLE, USED,          INDIRECT,
                                       BUFFERS,  ROM_BASE,    TWIN_MID,  RAM_SIZE - 64, HOLE,
                                       TWIN_BASE };

    return places[g_rand_int_range(random, 0, G_N_ELEMENTS(places))] +
           (uint64_t)g_rand_int_range(random, -32, 64);
}

static void random_descriptor(GRand *random, uint64_t table, unsigned n)
{
    uint32_t length = g_rand_int_range(random, 0, 8) ? (uint32_t)g_rand_int_range(random, 0, 300)
                                                     : g_rand_int(random);

    if (g_rand_boolean(random)) {
        length &= ~15u;
    }
    put_descriptor(table, n, random_address(random), length,
                   (uint16_t)g_rand_int_range(random, 0, 8),
                   (uint16_t)g_rand_int_range(random, 0, RING_SIZE + 2));
}

static void use_random(GRand *random, Harness *h)
{
    uint8_t data[256] = { 0 };
    VirtQueueElement *element = virtqueue_pop(h->queue);

    if (!element) {
        return;
    }
    virtqueue_element_read(element, (size_t)g_rand_int_range(random, 0, 300), data, sizeof(data));
    size_t written = virtqueue_element_write(element, (size_t)g_rand_int_range(random, 0, 300),
                                             data, sizeof(data));
    if (g_rand_int_range(random, 0, 4) == 0) {
        virtqueue_unpop(h->queue, element);
        return;
    }
    virtqueue_push(h->queue, element, (uint32_t)written);
    virtqueue_element_free(element);
    virtqueue_notify(h->queue);
}

static void random_steps(GRand *random, Harness *h)
{
    for (unsigned i = 0; i < 12; i++) {
        switch (g_rand_int_range(random, 0, 5)) {
        case 0:
            guest_store16(AVAILABLE + 2, (uint16_t)(h->queue->last_available +
                                                    g_rand_int_range(random, 0, RING_SIZE + 1)));
            break;
        case 1:
            guest_store16(AVAILABLE + 4 + 2 * (uint64_t)g_rand_int_range(random, 0, RING_SIZE),
                          (uint16_t)g_rand_int_range(random, 0, RING_SIZE));
            break;
        case 2:
            virtqueue_has_room(h->queue, (size_t)g_rand_int_range(random, 0, 2000));
            break;
        default:
            use_random(random, h);
            break;
        }
    }
}

static void test_random_rings(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    unsigned broken = 0;

    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        uint64_t features = MODERN_FEATURES;
        if (g_rand_boolean(random)) {
            features |= FEATURE(VIRTIO_F_EVENT_IDX);
        }
        Harness *h = fresh(features);
        h->device->error_count = 16; /* no need to print them */
        h->queue->size = (uint16_t)(1u << g_rand_int_range(random, 0, 4));
        if (g_rand_int_range(random, 0, 4) == 0) {
            h->queue->used = random_address(random) & ~UINT64_C(3);
        }
        for (unsigned i = 0; i < RING_SIZE; i++) {
            random_descriptor(random, DESCRIPTORS, i);
            random_descriptor(random, INDIRECT, i);
        }
        random_steps(random, h);
        broken += h->device->broken;
    }
    g_assert_cmpuint(broken, >, FUZZ_ROUNDS / 10);
    g_assert_cmpuint(broken, <, FUZZ_ROUNDS);
    expect_working();
}

/* ---- random states ---- */

static bool load(const void *data, size_t size, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);

    return vmstate_load(reader, &vmstate_virtio_device, harness()->device, 1, error) &&
           migration_reader_check(reader, error);
}

static void test_random_states(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    Harness *h = fresh(MODERN_FEATURES);
    unsigned refused = 0;
    size_t size;

    offer_simple(0, 4, F_WRITE);
    vmstate_save(writer, &vmstate_virtio_device, h->device);
    const void *good = migration_writer_data(writer, &size);
    for (unsigned round = 0; round < FUZZ_ROUNDS / 10; round++) {
        g_autofree uint8_t *bad = g_memdup2(good, size);
        g_autoptr(GError) error = NULL;
        for (int n = g_rand_int_range(random, 1, 6); n > 0; n--) {
            bad[g_rand_int_range(random, 0, (gint32)size)] = (uint8_t)g_rand_int(random);
        }
        fresh(MODERN_FEATURES);
        h->device->error_count = 16;
        refused += !load(bad, g_rand_int_range(random, 0, 8) ? size : size / 2, &error);
        random_steps(random, h);
        virtqueue_enable_notification(h->queue);
        virtio_queue_notified(h->device, 0);
        run_pending();
    }
    g_assert_cmpuint(refused, >, 0);
    expect_working();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(broken_rings); i++) {
        g_autofree char *pop = g_strdup_printf("/virtqueue/hostile/%s", broken_rings[i].name);
        g_autofree char *room = g_strdup_printf("/virtqueue/hostile-room/%s", broken_rings[i].name);
        g_test_add_data_func(pop, &broken_rings[i], test_broken_ring);
        g_test_add_data_func(room, &broken_rings[i], test_broken_ring_room);
    }
    g_test_add_func("/virtqueue/legacy-broken", test_legacy_broken);
    g_test_add_func("/virtqueue/messages-are-bounded", test_messages_are_bounded);
    g_test_add_func("/virtqueue/map-changes", test_map_changes);
    g_test_add_func("/virtqueue/random-rings", test_random_rings);
    g_test_add_func("/virtqueue/random-states", test_random_states);
    return g_test_run();
}
