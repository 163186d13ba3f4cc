/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Driver and back end of virtio-net's tests. */
#include "virtio-net-harness.h"

#include <string.h>

#include "system/main-loop.h"
#include "system/runstate.h"
#include "util/bytes.h"

#define RAM_SIZE        UINT64_C(0x800000)
#define RING_BASE(ring) (UINT64_C(0x10000) * ((ring) + 1))
#define DESCRIPTORS     0x0000
#define AVAILABLE       0x4000
#define USED            0x8000
#define DATA_BASE       UINT64_C(0x100000)
#define DATA_ALIGN      16

#define F_NEXT  1
#define F_WRITE 2

typedef struct Ring {
    uint16_t size;
    uint16_t next_descriptor, available, used;
} Ring;

static NetHarness harness;
static Ring rings[RING_COUNT];
static RAMBlock *ram;
static uint64_t next_data;

/* ---- back end ---- */

static NetResult backend_receive(NetClient *client, const NetFrame *frame)
{
    size_t size = net_frame_size(frame);

    if (harness.backend_full) {
        harness.refused++;
        return NET_PENDING;
    }
    Received *received = g_malloc(sizeof(*received) + size);
    received->header = frame->header;
    received->size = size;
    net_frame_copy(frame, 0, received->data, size);
    g_ptr_array_add(harness.received, received);
    return NET_DONE;
}

static void backend_set_offloads(NetClient *client, uint32_t offloads)
{
    harness.told_offloads = offloads;
}

static const NetClientOps backend_ops = {
    .type = "tap",
    .receive = backend_receive,
    .set_offloads = backend_set_offloads,
};

uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

void backend_send(const uint8_t destination[6], size_t size, const VnetHeader *header)
{
    g_autofree uint8_t *data = g_malloc0(size);
    struct iovec iov[] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };
    NetFrame frame = { .iov = iov, .iov_count = G_N_ELEMENTS(iov) };

    for (size_t i = 14; i < size; i++) {
        data[i] = pattern(i);
    }
    memcpy(data, destination, 6);
    memcpy(data + 6, "\x02\x00\x00\x00\x00\x01\x08\x00", 8);
    if (header) {
        frame.header = *header;
    }
    net_send(harness.backend, &frame, NULL);
}

/* ---- transport ---- */

static void notify_queue(void *opaque, uint16_t vector)
{
    g_assert_cmpuint(vector, <, RING_COUNT);
    harness.queue_interrupts[vector]++;
}

static void notify_config(void *opaque, uint16_t vector)
{
    harness.config_interrupts++;
}

static const VirtIOTransportOps transport = { notify_queue, notify_config };

/* ---- life ---- */

void run_pending(void)
{
    for (unsigned i = 0; i < 1000 && main_loop_iterate(false); i++) {
    }
}

void vm_set_running(bool running)
{
    g_autoptr(GError) error = NULL;

    if (running) {
        vm_start(&error);
        g_assert_no_error(error);
    } else {
        vm_stop(RUN_STATE_PAUSED);
    }
}

static void make_harness(void)
{
    static MemoryRegion region;
    g_autoptr(GError) error = NULL;

    main_loop_init();
    ram = ram_block_new("ram", RAM_SIZE, &error);
    g_assert_no_error(error);
    memory_region_init_ram(&region, "ram", ram, 0, RAM_SIZE);
    address_space_map(address_space_memory(), 0, &region, 0);
    vm_set_running(true);

    harness.received = g_ptr_array_new_with_free_func(g_free);
    harness.backend = net_client_new(&backend_ops, "tap", "hn0", &harness, &error);
    g_assert_no_error(error);
    harness.backend->offloads =
        NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN;
    Device *device = device_new(TYPE_VIRTIO_NET);
    harness.device = VIRTIO_DEVICE(device);
    harness.net = VIRTIO_NET(device);
    harness.device->transport_features = MODERN;
    g_object_set(device, "netdev", "hn0", "mac", "52:54:00:00:00:01", "x-txburst", 4, NULL);
    device_realize(device, NULL, &error);
    g_assert_no_error(error);
    harness.device->transport = &transport;
    run_pending();
}

NetHarness *net_harness(void)
{
    if (!harness.net) {
        make_harness();
    }
    return &harness;
}

static void start_queue(unsigned i)
{
    VirtQueue *queue = harness.device->queues[i];

    rings[i] = (Ring){ .size = queue->maximum };
    queue->descriptors = RING_BASE(i) + DESCRIPTORS;
    queue->available = RING_BASE(i) + AVAILABLE;
    queue->used = RING_BASE(i) + USED;
    queue->vector = (uint16_t)i;
    queue->enabled = true;
}

NetHarness *fresh(uint64_t features)
{
    net_harness();
    run_pending();
    harness.backend_full = false;
    virtio_set_status(harness.device, 0);
    memset(ram->host, 0, RAM_SIZE);
    next_data = DATA_BASE;
    virtio_set_status(harness.device, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    g_assert_true(virtio_set_guest_features(harness.device, features));
    for (unsigned i = 0; i < RING_COUNT; i++) {
        start_queue(i);
    }
    virtio_set_status(harness.device, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
                                          VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
    run_pending();
    g_ptr_array_set_size(harness.received, 0);
    harness.refused = 0;
    harness.config_interrupts = 0;
    memset(harness.queue_interrupts, 0, sizeof(harness.queue_interrupts));
    return &harness;
}

/* ---- rings ---- */

static uint8_t *at(uint64_t address)
{
    return ram->host + address;
}

static uint8_t *descriptor_at(unsigned ring, unsigned n)
{
    return at(RING_BASE(ring) + DESCRIPTORS + 16 * (n % rings[ring].size));
}

uint16_t ring_post(unsigned ring, const Piece *pieces, unsigned count)
{
    Ring *self = &rings[ring];
    uint16_t head = self->next_descriptor % self->size;

    for (unsigned i = 0; i < count; i++) {
        uint8_t *descriptor = descriptor_at(ring, self->next_descriptor);
        g_assert_cmpuint(next_data + pieces[i].size, <=, RAM_SIZE);
        store_le64(descriptor, next_data);
        store_le32(descriptor + 8, pieces[i].size);
        store_le16(descriptor + 12,
                   (uint16_t)((pieces[i].data ? 0 : F_WRITE) | (i + 1 < count ? F_NEXT : 0)));
        store_le16(descriptor + 14, (uint16_t)((self->next_descriptor + 1) % self->size));
        if (pieces[i].data) {
            memcpy(at(next_data), pieces[i].data, pieces[i].size);
        }
        next_data += (pieces[i].size + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN;
        self->next_descriptor++;
    }
    uint8_t *available = at(RING_BASE(ring) + AVAILABLE);
    store_le16(available + 4 + 2 * (self->available % self->size), head);
    self->available++;
    store_le16(available + 2, self->available);
    return head;
}

void post_buffers(unsigned count, uint32_t size)
{
    Piece piece = { NULL, size };

    for (unsigned i = 0; i < count; i++) {
        ring_post(RING_RX, &piece, 1);
    }
}

void ring_kick(unsigned ring)
{
    virtio_queue_notified(harness.device, ring);
    run_pending();
}

bool ring_used(unsigned ring, uint16_t *head, uint32_t *written)
{
    Ring *self = &rings[ring];
    const uint8_t *used = at(RING_BASE(ring) + USED);

    if (load_le16(used + 2) == self->used) {
        return false;
    }
    const uint8_t *entry = used + 4 + 8 * (self->used % self->size);
    *head = (uint16_t)load_le32(entry);
    *written = load_le32(entry + 4);
    self->used++;
    return true;
}

const uint8_t *chain_data(unsigned ring, uint16_t head, unsigned n)
{
    return at(load_le64(descriptor_at(ring, head + n)));
}

int control(uint8_t class, uint8_t command, const void *data, uint32_t size)
{
    uint8_t header[2] = { class, command };
    Piece pieces[] = { { header, 2 }, { data, size }, { NULL, 1 } };
    Piece bare[] = { { header, 2 }, { NULL, 1 } };
    uint16_t head = size ? ring_post(RING_CONTROL, pieces, 3) : ring_post(RING_CONTROL, bare, 2);
    uint16_t used;
    uint32_t written;

    ring_kick(RING_CONTROL);
    if (!ring_used(RING_CONTROL, &used, &written)) {
        return -1;
    }
    g_assert_cmpuint(used, ==, head);
    g_assert_cmpuint(written, ==, 1);
    return *chain_data(RING_CONTROL, head, size ? 2 : 1);
}
