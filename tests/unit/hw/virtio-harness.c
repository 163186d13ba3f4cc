/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
#include "virtio-harness.h"

#include <string.h>

#include "system/main-loop.h"
#include "util/bytes.h"
#include "util/report.h"

static Harness the;
static MemoryRegion ram_region, rom_region, twin_regions[2];

/* ---- a device with two queues ---- */

typedef VirtIODevice TestVirtIO;
typedef VirtIODeviceClass TestVirtIOClass;

OBJECT_DEFINE_TYPE(TestVirtIO, TestVirtIOClass, test_virtio, "test-virtio", TYPE_VIRTIO_DEVICE);

static void handle_first(VirtIODevice *device, VirtQueue *queue)
{
    the.handled++;
}

static void handle_second(VirtIODevice *device, VirtQueue *queue)
{
    the.deferred++;
}

static bool test_virtio_realize(VirtIODevice *device, GError **error)
{
    virtio_add_queue(device, RING_SIZE, handle_first);
    virtio_add_queue_deferred(device, RING_SIZE, handle_second);
    return true;
}

static uint64_t test_virtio_features(VirtIODevice *device, uint64_t features)
{
    return features | 1;
}

static const VMStateDescription vmstate_test_virtio = {
    .name = "test-virtio",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            {
                .name = "virtio",
                .size = sizeof(VirtIODevice),
                .flags = VMSTATE_FIELD_STRUCT,
                .vmsd = &vmstate_virtio_device,
            },
            VMSTATE_END,
        },
};

static void test_virtio_init(TestVirtIO *self)
{
}

static void test_virtio_class_init(TestVirtIOClass *klass)
{
    klass->device_type = VIRTIO_ID_RNG;
    klass->realize = test_virtio_realize;
    klass->get_features = test_virtio_features;
    klass->parent.vmsd = &vmstate_test_virtio;
}

static void note_queue_interrupt(void *opaque, uint16_t vector)
{
    the.queue_interrupts++;
    the.vector = vector;
}

static void note_config_interrupt(void *opaque, uint16_t vector)
{
    the.config_interrupts++;
    the.vector = vector;
}

static const VirtIOTransportOps transport = {
    .notify_queue = note_queue_interrupt,
    .notify_config = note_config_interrupt,
};

/* ---- set up ---- */

static RAMBlock *map_block(MemoryRegion *region, const char *name, uint64_t address, uint64_t size)
{
    GError *error = NULL;
    RAMBlock *block = ram_block_new(name, size, &error);

    g_assert_no_error(error);
    memory_region_init_ram(region, name, block, 0, size);
    address_space_map(address_space_memory(), address, region, 0);
    return block;
}

Harness *harness(void)
{
    GError *error = NULL;

    if (the.device) {
        return &the;
    }
    main_loop_init();
    the.ram = map_block(&ram_region, "ram", 0, RAM_SIZE);
    the.rom = map_block(&rom_region, "rom", ROM_BASE, BLOCK_SIZE);
    the.rom->read_only = true;
    the.twins[0] = map_block(&twin_regions[0], "twin0", TWIN_BASE, BLOCK_SIZE);
    the.twins[1] = map_block(&twin_regions[1], "twin1", TWIN_MID, BLOCK_SIZE);
    the.device = VIRTIO_DEVICE(device_new("test-virtio"));
    the.device->transport = &transport;
    the.device->transport_features = FEATURE(VIRTIO_F_VERSION_1);
    device_realize(DEVICE(the.device), bus_new(TYPE_VIRTIO_BUS, NULL, "virtio-bus"), &error);
    g_assert_no_error(error);
    the.queue = the.device->queues[0];
    virtio_vm_state_changed(the.device, true);
    return &the;
}

static void place_ring(VirtQueue *queue, uint64_t offset)
{
    queue->descriptors = DESCRIPTORS + offset;
    queue->available = AVAILABLE + offset;
    queue->used = USED + offset;
    queue->enabled = true;
}

Harness *fresh(uint64_t features)
{
    Harness *h = harness();

    run_pending();
    virtio_set_status(h->device, 0);
    memset(h->ram->host, 0, h->ram->size);
    g_assert_true(virtio_set_guest_features(h->device, features));
    virtio_set_status(h->device, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
                                     VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
    place_ring(h->device->queues[0], 0);
    place_ring(h->device->queues[1], 0x400);
    h->queue_interrupts = h->config_interrupts = h->handled = h->deferred = 0;
    h->next_available = 0;
    h->device->error_count = 0;
    return h;
}

/* ---- the driver ---- */

void put_descriptor(uint64_t table, unsigned n, uint64_t address, uint32_t length, uint16_t flags,
                    uint16_t next)
{
    uint8_t *p = the.ram->host + table + 16 * (uint64_t)n;

    store_le64(p, address);
    store_le32(p + 8, length);
    store_le16(p + 12, flags);
    store_le16(p + 14, next);
}

uint16_t guest_load16(uint64_t address)
{
    return load_le16(the.ram->host + address);
}

void guest_store16(uint64_t address, uint16_t value)
{
    store_le16(the.ram->host + address, value);
}

void offer(uint16_t head)
{
    guest_store16(AVAILABLE + 4 + 2 * (the.next_available % RING_SIZE), head);
    guest_store16(AVAILABLE + 2, ++the.next_available);
}

void offer_simple(uint16_t head, uint32_t length, uint16_t flags)
{
    put_descriptor(DESCRIPTORS, head, BUFFERS, length, flags, 0);
    offer(head);
}

uint16_t used_index(void)
{
    return guest_load16(USED + 2);
}

uint32_t used_id(unsigned slot)
{
    return load_le32(the.ram->host + USED + 4 + 8 * (uint64_t)slot);
}

uint32_t used_length(unsigned slot)
{
    return load_le32(the.ram->host + USED + 8 + 8 * (uint64_t)slot);
}

void run_pending(void)
{
    for (unsigned i = 0; i < 100 && main_loop_iterate(false); i++) {
    }
}
