/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* virtio-net: frames in both directions, offloads, link, stopping and going on. */
#include "virtio-net-harness.h"

#include <string.h>

#include "system/cpus-internal.h"
#include "system/main-loop.h"
#include "util/bytes.h"

#define FRAME 100 /* bytes */

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };

static const uint8_t no_header[VNET_HEADER_MERGEABLE_SIZE];

static const uint8_t *test_frame(uint8_t tag)
{
    static uint8_t frame[FRAME];

    memset(frame, tag, sizeof(frame));
    return frame;
}

static void post_frame(uint8_t tag)
{
    Piece pieces[] = { { no_header, VNET_HEADER_MERGEABLE_SIZE }, { test_frame(tag), FRAME } };

    ring_post(RING_TX, pieces, G_N_ELEMENTS(pieces));
}

static const Received *received(NetHarness *harness, unsigned n)
{
    g_assert_cmpuint(n, <, harness->received->len);
    return g_ptr_array_index(harness->received, n);
}

static void expect_tags(NetHarness *harness, uint8_t first, unsigned count)
{
    g_assert_cmpuint(harness->received->len, ==, count);
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpmem(received(harness, i)->data, received(harness, i)->size,
                        test_frame((uint8_t)(first + i)), FRAME);
    }
}

static unsigned count_used(unsigned ring)
{
    uint16_t head;
    uint32_t written;
    unsigned count = 0;

    while (ring_used(ring, &head, &written)) {
        count++;
    }
    return count;
}

/* ---- from the guest ---- */

/* The header may be cut anywhere, and be in one piece with the frame. */
static void check_layouts(uint64_t features, unsigned header_size)
{
    NetHarness *harness = fresh(features);
    uint8_t whole[VNET_HEADER_MERGEABLE_SIZE + FRAME] = { 0 };
    Piece layouts[][3] = {
        { { whole, header_size }, { whole + header_size, FRAME } },
        { { whole, header_size + FRAME } },
        { { whole, 3 }, { whole + 3, header_size + 20 }, { whole + header_size + 23, FRAME - 23 } },
    };
    unsigned counts[] = { 2, 1, 3 };

    for (unsigned i = 0; i < FRAME; i++) {
        whole[header_size + i] = pattern(i);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(layouts); i++) {
        ring_post(RING_TX, layouts[i], counts[i]);
        ring_kick(RING_TX);
        g_assert_cmpmem(received(harness, i)->data, received(harness, i)->size, whole + header_size,
                        FRAME);
        g_assert_cmpuint(count_used(RING_TX), ==, 1);
    }
    g_assert_cmpuint(harness->queue_interrupts[RING_TX], ==, G_N_ELEMENTS(layouts));
}

static void test_transmit_layouts(void)
{
    check_layouts(MODERN, VNET_HEADER_MERGEABLE_SIZE);
    check_layouts(MODERN | BIT_OF(VIRTIO_NET_F_MRG_RXBUF), VNET_HEADER_MERGEABLE_SIZE);
    check_layouts(BIT_OF(VIRTIO_NET_F_MRG_RXBUF), VNET_HEADER_MERGEABLE_SIZE);
    check_layouts(0, VNET_HEADER_SIZE);
}

/* Bursts of 4: one turn of the main loop each, one interrupt each, all in order. */
static void test_transmit_bursts(void)
{
    NetHarness *harness = fresh(MODERN);

    for (uint8_t i = 0; i < 10; i++) {
        post_frame(i);
    }
    virtio_queue_notified(harness->device, RING_TX);
    g_assert_cmpuint(harness->received->len, ==, 0); /* the vCPU went on at once */
    while (harness->received->len == 0) {
        main_loop_iterate(false);
    }
    g_assert_cmpuint(harness->received->len, ==, 4);
    run_pending();
    expect_tags(harness, 0, 10);
    g_assert_cmpuint(count_used(RING_TX), ==, 10);
    g_assert_cmpuint(harness->queue_interrupts[RING_TX], ==, 3);
}

static void post_long_frame(void)
{
    g_autofree uint8_t *data = g_malloc0(5000);
    Piece pieces[] = { { no_header, VNET_HEADER_MERGEABLE_SIZE }, { data, 5000 } };

    ring_post(RING_TX, pieces, G_N_ELEMENTS(pieces));
}

/* A vCPU notifies; returns how many frames the back end had then. */
static unsigned vcpu_kicks(NetHarness *harness)
{
    static VCPU vcpu;

    vcpu_set_current(&vcpu);
    virtio_queue_notified(harness->device, RING_TX);
    vcpu_set_current(NULL);
    return harness->received->len;
}

/* A vCPU sends a few short frames itself; the main loop what is long, and what is behind it. */
static void test_transmit_by_vcpu(void)
{
    NetHarness *harness = fresh(MODERN);

    post_frame(0);
    ring_kick(RING_TX);
    g_assert_cmpuint(harness->received->len, ==, 1);
    post_frame(1);
    g_assert_cmpuint(vcpu_kicks(harness), ==, 2);
    g_assert_cmpuint(harness->queue_interrupts[RING_TX], ==, 2);
    for (uint8_t i = 2; i < 5; i++) {
        post_frame(i);
    }
    g_assert_cmpuint(vcpu_kicks(harness), ==, 4);
    post_frame(5);
    g_assert_cmpuint(vcpu_kicks(harness), ==, 4); /* not while the main loop has some to send */
    run_pending();
    expect_tags(harness, 0, 6);
    g_assert_cmpuint(count_used(RING_TX), ==, 6);

    post_long_frame();
    g_assert_cmpuint(vcpu_kicks(harness), ==, 7); /* nobody could know */
    post_long_frame();
    g_assert_cmpuint(vcpu_kicks(harness), ==, 7);
    run_pending();
    g_assert_cmpuint(harness->received->len, ==, 8);
    post_frame(0);
    g_assert_cmpuint(vcpu_kicks(harness), ==, 8);
    run_pending();
    post_frame(0);
    g_assert_cmpuint(vcpu_kicks(harness), ==, 10);
}

/* While the back end has no room one frame waits there; nothing is lost or comes twice. */
static void test_transmit_waits(void)
{
    NetHarness *harness = fresh(MODERN);

    harness->backend_full = true;
    for (uint8_t i = 0; i < 6; i++) {
        post_frame(i);
    }
    ring_kick(RING_TX);
    g_assert_cmpuint(harness->received->len, ==, 0);
    g_assert_cmpuint(count_used(RING_TX), ==, 1);
    /* The guest goes on notifying. */
    post_frame(6);
    ring_kick(RING_TX);
    g_assert_cmpuint(count_used(RING_TX), ==, 0);
    harness->backend_full = false;
    net_flush(harness->backend);
    run_pending();
    expect_tags(harness, 0, 7);
    g_assert_cmpuint(count_used(RING_TX), ==, 6);
}

static void test_transmit_waits_over_stop(void)
{
    NetHarness *harness = fresh(MODERN);

    harness->backend_full = true;
    post_frame(0);
    post_frame(1);
    ring_kick(RING_TX);
    vm_set_running(false);
    harness->backend_full = false;
    net_flush(harness->backend);
    run_pending();
    /* What was taken goes on its way; what is in the ring stays there. */
    expect_tags(harness, 0, 1);
    g_assert_cmpuint(count_used(RING_TX), ==, 1);
    vm_set_running(true);
    run_pending();
    expect_tags(harness, 0, 2);
    g_assert_cmpuint(count_used(RING_TX), ==, 1);
}

static void test_transmit_notified_before_stop(void)
{
    NetHarness *harness = fresh(MODERN);

    post_frame(0);
    virtio_queue_notified(harness->device, RING_TX);
    vm_set_running(false);
    run_pending();
    g_assert_cmpuint(harness->received->len, ==, 0);
    vm_set_running(true);
    run_pending();
    expect_tags(harness, 0, 1);
}

static void test_reset_drops_what_waits(void)
{
    NetHarness *harness = fresh(MODERN);

    harness->backend_full = true;
    post_frame(0);
    ring_kick(RING_TX);
    g_assert_cmpuint(harness->refused, >, 0);
    fresh(MODERN);
    net_flush(harness->backend);
    post_frame(1);
    ring_kick(RING_TX);
    expect_tags(harness, 1, 1);
}

/* What was not agreed on is not sent; the device goes on. */
static void test_transmit_header(void)
{
    uint64_t features = MODERN | BIT_OF(VIRTIO_NET_F_CSUM) | BIT_OF(VIRTIO_NET_F_HOST_TSO4);
    NetHarness *harness = fresh(features);
    uint8_t wire[VNET_HEADER_MERGEABLE_SIZE] = { 0 };
    VnetHeader header = { VNET_FLAG_NEEDS_CHECKSUM, VNET_GSO_TCPV4, 54, 1000, 34, 16 };
    Piece pieces[] = { { wire, sizeof(wire) }, { test_frame(1), FRAME } };
    static const uint8_t refused[] = {
        VNET_GSO_TCPV6, VNET_GSO_UDP, VNET_GSO_TCPV4 | VNET_GSO_ECN, 2, 5, 0x7f
    };

    vnet_header_pack(&header, wire);
    ring_post(RING_TX, pieces, 2);
    ring_kick(RING_TX);
    g_assert_cmpmem(&received(harness, 0)->header, sizeof(header), &header, sizeof(header));
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        header.gso_type = refused[i];
        vnet_header_pack(&header, wire);
        ring_post(RING_TX, pieces, 2);
    }
    ring_kick(RING_TX);
    g_assert_cmpuint(harness->received->len, ==, 1);
    g_assert_cmpuint(count_used(RING_TX), ==, 1 + G_N_ELEMENTS(refused));
    g_assert_false(harness->device->broken);

    fresh(MODERN);
    header.gso_type = VNET_GSO_NONE;
    vnet_header_pack(&header, wire);
    ring_post(RING_TX, pieces, 2);
    ring_kick(RING_TX);
    g_assert_cmpuint(harness->received->len, ==, 0);
}

static void test_transmit_sizes(void)
{
    NetHarness *harness = fresh(MODERN);
    g_autofree uint8_t *large = g_malloc0(NET_FRAME_MAX + 1);
    Piece short_frame[] = { { no_header, VNET_HEADER_MERGEABLE_SIZE }, { large, 13 } };
    Piece long_frame[] = { { no_header, VNET_HEADER_MERGEABLE_SIZE },
                           { large, NET_FRAME_MAX + 1 } };
    Piece only_header[] = { { no_header, VNET_HEADER_MERGEABLE_SIZE } };
    Piece too_short[] = { { no_header, VNET_HEADER_MERGEABLE_SIZE - 1 } };

    ring_post(RING_TX, short_frame, 2);
    ring_post(RING_TX, long_frame, 2);
    ring_post(RING_TX, only_header, 1);
    ring_kick(RING_TX);
    g_assert_cmpuint(harness->received->len, ==, 0);
    g_assert_cmpuint(count_used(RING_TX), ==, 3);
    g_assert_false(harness->device->broken);

    ring_post(RING_TX, too_short, 1);
    ring_kick(RING_TX);
    g_assert_true(harness->device->broken);
    g_assert_true(harness->device->status & VIRTIO_STATUS_NEEDS_RESET);
    /* A reset heals it. */
    fresh(MODERN);
    post_frame(3);
    ring_kick(RING_TX);
    expect_tags(harness, 3, 1);
}

/* ---- to the guest ---- */

static void check_payload(const uint8_t *data, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (from + i >= 14) {
            g_assert_cmpuint(data[i], ==, pattern(from + i));
        }
    }
}

static void test_receive_one_buffer(void)
{
    static const struct {
        uint64_t features;
        unsigned header_size;
    } cases[] = { { MODERN, 12 }, { 0, 10 }, { BIT_OF(VIRTIO_NET_F_MRG_RXBUF), 12 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        NetHarness *harness = fresh(cases[i].features);
        uint16_t head;
        uint32_t written;
        post_buffers(2, 1600);
        backend_send(guest_mac, 1000, NULL);
        run_pending();
        g_assert_true(ring_used(RING_RX, &head, &written));
        g_assert_cmpuint(written, ==, cases[i].header_size + 1000);
        const uint8_t *data = chain_data(RING_RX, head, 0);
        g_assert_cmpmem(data, 10, no_header, 10);
        if (cases[i].header_size == 12) {
            g_assert_cmpuint(load_le16(data + 10), ==, 1);
        }
        g_assert_cmpmem(data + cases[i].header_size, 6, guest_mac, 6);
        check_payload(data + cases[i].header_size, 0, 1000);
        g_assert_false(ring_used(RING_RX, &head, &written));
        g_assert_cmpuint(harness->queue_interrupts[RING_RX], ==, 1);
    }
}

static void test_receive_mergeable(void)
{
    fresh(MODERN | BIT_OF(VIRTIO_NET_F_MRG_RXBUF));
    uint16_t head;
    uint32_t written;
    size_t done = 0;
    unsigned count = 0;

    post_buffers(10, 700);
    backend_send(guest_mac, 3000, NULL);
    run_pending();
    while (ring_used(RING_RX, &head, &written)) {
        const uint8_t *data = chain_data(RING_RX, head, 0);
        unsigned header = count == 0 ? VNET_HEADER_MERGEABLE_SIZE : 0;
        if (count == 0) {
            g_assert_cmpuint(load_le16(data + 10), ==, 5);
        }
        check_payload(data + header, done, written - header);
        done += written - header;
        count++;
    }
    g_assert_cmpuint(count, ==, 5);
    g_assert_cmpuint(done, ==, 3000);
}

/* Several frames, one interrupt. */
static void test_receive_coalesces(void)
{
    NetHarness *harness = fresh(MODERN);

    post_buffers(8, 1600);
    for (unsigned i = 0; i < 8; i++) {
        backend_send(guest_mac, FRAME, NULL);
    }
    run_pending();
    g_assert_cmpuint(count_used(RING_RX), ==, 8);
    g_assert_cmpuint(harness->queue_interrupts[RING_RX], ==, 1);
}

/* Buffers, but too few for the frame: it waits, and the driver is asked to tell of the next. */
static void check_waits_for_room(uint64_t features)
{
    fresh(features);
    const VirtQueue *queue = net_harness()->device->queues[RING_RX];
    const uint8_t *used = queue->used_part.host;

    post_buffers(2, 700);
    backend_send(guest_mac, 3000, NULL);
    run_pending();
    g_assert_cmpuint(count_used(RING_RX), ==, 0);
    used = queue->used_part.host;
    if (features & BIT_OF(VIRTIO_F_EVENT_IDX)) {
        g_assert_cmpuint(load_le16(used + 4 + 8 * queue->size), ==, 2);
    } else {
        g_assert_cmpuint(load_le16(used), ==, 0);
    }
    post_buffers(3, 700);
    ring_kick(RING_RX);
    g_assert_cmpuint(count_used(RING_RX), ==, 5);
}

static void test_receive_waits_for_room(void)
{
    check_waits_for_room(MODERN | BIT_OF(VIRTIO_NET_F_MRG_RXBUF));
    check_waits_for_room(MODERN | BIT_OF(VIRTIO_NET_F_MRG_RXBUF) | BIT_OF(VIRTIO_F_EVENT_IDX));
}

static void test_receive_waits_for_driver(void)
{
    NetHarness *harness = fresh(MODERN);

    virtio_set_status(harness->device, 0);
    backend_send(guest_mac, FRAME, NULL);
    driver_start(MODERN);
    g_assert_cmpuint(count_used(RING_RX), ==, 0);
    post_buffers(1, 1600);
    ring_kick(RING_RX);
    g_assert_cmpuint(count_used(RING_RX), ==, 1);
}

static void test_receive_waits_for_vm(void)
{
    fresh(MODERN);
    post_buffers(4, 1600);
    vm_set_running(false);
    backend_send(guest_mac, FRAME, NULL);
    backend_send(guest_mac, FRAME, NULL);
    run_pending();
    g_assert_cmpuint(count_used(RING_RX), ==, 0);
    vm_set_running(true);
    run_pending();
    g_assert_cmpuint(count_used(RING_RX), ==, 2);
}

/* An interrupt that is owed is not forgotten when the VM stops. */
static void test_interrupt_before_stop(void)
{
    NetHarness *harness = fresh(MODERN);

    post_buffers(1, 1600);
    backend_send(guest_mac, FRAME, NULL);
    g_assert_cmpuint(harness->queue_interrupts[RING_RX], ==, 0);
    vm_set_running(false);
    g_assert_cmpuint(harness->queue_interrupts[RING_RX], ==, 1);
    vm_set_running(true);
    run_pending();
    g_assert_cmpuint(harness->queue_interrupts[RING_RX], ==, 1);
}

/* From outside: no reason to break the device. The buffer is used for the next frame. */
static void test_receive_too_long(void)
{
    NetHarness *harness = fresh(MODERN);
    uint16_t head;
    uint32_t written;

    post_buffers(1, 500);
    backend_send(guest_mac, 1000, NULL);
    run_pending();
    g_assert_false(ring_used(RING_RX, &head, &written));
    g_assert_false(harness->device->broken);
    backend_send(guest_mac, 200, NULL);
    run_pending();
    g_assert_true(ring_used(RING_RX, &head, &written));
    g_assert_cmpuint(written, ==, 212);
}

static void test_receive_bad_buffers(void)
{
    NetHarness *harness = fresh(MODERN);
    Piece read_only[] = { { no_header, 12 } };

    post_buffers(1, 11); /* not even the header */
    backend_send(guest_mac, FRAME, NULL);
    run_pending();
    g_assert_true(harness->device->broken);

    fresh(MODERN);
    ring_post(RING_RX, read_only, 1);
    post_buffers(1, 1600);
    backend_send(guest_mac, FRAME, NULL);
    run_pending();
    g_assert_true(harness->device->broken);
    fresh(MODERN);
}

/* ---- offloads ---- */

/* A UDP datagram over IPv4 whose checksum is left to the receiver. */
static void send_without_checksum(NetHarness *harness)
{
    uint8_t data[60] = { 0 };
    struct iovec iov = { data, sizeof(data) };
    NetFrame frame = { { VNET_FLAG_NEEDS_CHECKSUM, 0, 0, 0, 34, 6 }, &iov, 1 };

    memcpy(data, guest_mac, 6);
    store_be16(data + 12, 0x0800);
    data[14] = 0x45;
    data[23] = 17;
    data[40] = 0x12; /* the pseudo-header's sum, left by the sender */
    net_send(harness->backend, &frame, NULL);
    run_pending();
}

static void test_guest_checksum(void)
{
    NetHarness *harness =
        fresh(MODERN | BIT_OF(VIRTIO_NET_F_GUEST_CSUM) | BIT_OF(VIRTIO_NET_F_CTRL_VQ) |
              BIT_OF(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT_OF(VIRTIO_NET_F_GUEST_TSO4));
    uint8_t wire[8] = { 0 };
    uint16_t head;
    uint32_t written;

    g_assert_cmphex(harness->told_offloads, ==, NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4);
    post_buffers(4, 1600);
    send_without_checksum(harness);
    g_assert_true(ring_used(RING_RX, &head, &written));
    g_assert_cmpuint(chain_data(RING_RX, head, 0)[0], ==, VNET_FLAG_NEEDS_CHECKSUM);
    g_assert_cmpuint(load_le16(chain_data(RING_RX, head, 0) + 6), ==, 34);

    /* The driver does not want it any more: it is done for it. */
    g_assert_cmpint(control(5, 0, wire, sizeof(wire)), ==, 0);
    g_assert_cmphex(harness->told_offloads, ==, 0);
    send_without_checksum(harness);
    g_assert_true(ring_used(RING_RX, &head, &written));
    const uint8_t *data = chain_data(RING_RX, head, 0);
    g_assert_cmpuint(data[0], ==, 0);
    g_assert_cmpuint(load_be16(data + 12 + 40), ==, 0xffff - 0x1200);

    /* Not what it has not agreed on; the right size. */
    wire[0] = 2;
    wire[1] = 1; /* GUEST_TSO6 */
    g_assert_cmpint(control(5, 0, wire, sizeof(wire)), ==, 1);
    wire[1] = 0;
    g_assert_cmpint(control(5, 0, wire, 7), ==, 1);
    g_assert_cmpint(control(5, 1, wire, sizeof(wire)), ==, 1);
    g_assert_cmphex(harness->told_offloads, ==, 0);
    g_assert_cmpint(control(5, 0, wire, sizeof(wire)), ==, 0);
    g_assert_cmphex(harness->told_offloads, ==, NET_OFFLOAD_CHECKSUM);
    virtio_set_status(harness->device, 0);
    g_assert_cmphex(harness->told_offloads, ==, 0);
}

/* ---- configuration, link, announcements ---- */

static void test_configuration(void)
{
    NetHarness *harness = fresh(MODERN);
    uint64_t offered = harness->device->host_features;

    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmphex(virtio_config_load(harness->device, i, 1), ==, guest_mac[i]);
    }
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==, VIRTIO_NET_STATUS_LINK_UP);
    g_assert_cmpuint(virtio_config_load(harness->device, 8, 2), ==, 1);
    g_assert_true(offered & BIT_OF(VIRTIO_NET_F_MAC));
    g_assert_true(offered & BIT_OF(VIRTIO_NET_F_HOST_TSO4));
    g_assert_false(offered & (BIT_OF(VIRTIO_NET_F_MTU) | BIT_OF(VIRTIO_NET_F_SPEED_DUPLEX) |
                              BIT_OF(VIRTIO_NET_F_GSO) | BIT_OF(VIRTIO_NET_F_HOST_UFO) |
                              BIT_OF(22 /* multiqueue */)));
}

/* Legacy drivers change the address by writing it. */
static void test_mac_by_configuration(void)
{
    NetHarness *harness = fresh(0);

    virtio_config_store(harness->device, 5, 0x77, 1);
    g_assert_cmphex(virtio_config_load(harness->device, 5, 1), ==, 0x77);
    g_assert_cmphex(harness->net->client->mac[5], ==, 0x77);
    fresh(MODERN);
    g_assert_cmphex(virtio_config_load(harness->device, 5, 1), ==, 1);
    virtio_config_store(harness->device, 5, 0x77, 1);
    g_assert_cmphex(virtio_config_load(harness->device, 5, 1), ==, 1);
}

static void set_link(NetHarness *harness, bool down)
{
    harness->backend->link_down = down;
    harness->net->client->ops->link_changed(harness->net->client);
}

static void test_link(void)
{
    NetHarness *harness = fresh(MODERN | BIT_OF(VIRTIO_NET_F_STATUS));

    set_link(harness, true);
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==, 0);
    g_assert_cmpuint(harness->config_interrupts, ==, 1);
    set_link(harness, true);
    g_assert_cmpuint(harness->config_interrupts, ==, 1);
    set_link(harness, false);
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==, VIRTIO_NET_STATUS_LINK_UP);
    g_assert_cmpuint(harness->config_interrupts, ==, 2);
}

static void test_announce(void)
{
    NetHarness *harness = fresh(MODERN | BIT_OF(VIRTIO_NET_F_STATUS) |
                                BIT_OF(VIRTIO_NET_F_CTRL_VQ) | BIT_OF(VIRTIO_NET_F_GUEST_ANNOUNCE));
    NetClient *client = harness->net->client;

    g_assert_cmpint(control(3, 0, NULL, 0), ==, 1); /* nobody asked */
    client->ops->announce(client);
    g_assert_cmpuint(harness->config_interrupts, ==, 1);
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==,
                    VIRTIO_NET_STATUS_LINK_UP | VIRTIO_NET_STATUS_ANNOUNCE);
    g_assert_cmpint(control(3, 0, NULL, 0), ==, 0);
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==, VIRTIO_NET_STATUS_LINK_UP);

    fresh(MODERN | BIT_OF(VIRTIO_NET_F_STATUS));
    client->ops->announce(client);
    g_assert_cmpuint(harness->config_interrupts, ==, 0);
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==, VIRTIO_NET_STATUS_LINK_UP);
}

/* ---- properties ---- */

static void check_refused(const char *property, const char *value, const char *expected)
{
    g_autoptr(GError) error = NULL;
    Device *device = device_new(TYPE_VIRTIO_NET);
    json_t *json = json_string(value);

    g_assert_true(object_set_json(G_OBJECT(device), property, json, &error));
    json_decref(json);
    g_assert_false(device_realize(device, NULL, &error));
    g_assert_nonnull(strstr(error->message, expected));
}

static void test_properties(void)
{
    net_harness();
    check_refused("rx_queue_size", "100", "Invalid rx_queue_size (= 100)");
    check_refused("rx_queue_size", "2048", "between 256 and 1024");
    check_refused("rx_queue_size", "300", "power of 2");
    check_refused("tx_queue_size", "512", "Invalid tx_queue_size (= 512)");
    check_refused("mq", "on", "'mq=on' is not supported");
    check_refused("host_ufo", "on", "'host_ufo=on' is not supported");
    check_refused("tx", "timer", "'tx=timer' is not supported");
    check_refused("duplex", "both", "'duplex' must be 'half' or 'full'");
    check_refused("speed", "-2", "'speed' must be between 0 and INT_MAX");
    check_refused("x-txburst", "0", "x-txburst");
    check_refused("host_mtu", "67", "'host_mtu' is 67");
    check_refused("netdev", "hn0", "in use");
    check_refused("netdev", "hn7", "hn7");
    check_refused("mac", "52:54", "52:54");
}

static void test_optional_configuration(void)
{
    g_autoptr(GError) error = NULL;

    net_harness();
    Device *device = device_new(TYPE_VIRTIO_NET);
    VirtIODevice *virtio = VIRTIO_DEVICE(device);
    g_object_set(device, "host_mtu", 1400, "speed", 10000, "duplex", "full", "ctrl_vq", FALSE,
                 "csum", FALSE, NULL);
    g_assert_true(device_realize(device, NULL, &error));
    g_assert_true(virtio->host_features & BIT_OF(VIRTIO_NET_F_MTU));
    g_assert_true(virtio->host_features & BIT_OF(VIRTIO_NET_F_SPEED_DUPLEX));
    g_assert_cmpuint(virtio_config_load(virtio, 10, 2), ==, 1400);
    g_assert_cmpuint(virtio_config_load(virtio, 12, 4), ==, 10000);
    g_assert_cmpuint(virtio_config_load(virtio, 16, 1), ==, 1);
    /* What needs the control queue, or checksums, goes with them. */
    g_assert_false(virtio->host_features &
                   (BIT_OF(VIRTIO_NET_F_CTRL_VLAN) | BIT_OF(VIRTIO_NET_F_GUEST_ANNOUNCE) |
                    BIT_OF(VIRTIO_NET_F_HOST_TSO4)));
    device_unplug(device);
    run_pending();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-net/transmit/layouts", test_transmit_layouts);
    g_test_add_func("/virtio-net/transmit/bursts", test_transmit_bursts);
    g_test_add_func("/virtio-net/transmit/by-vcpu", test_transmit_by_vcpu);
    g_test_add_func("/virtio-net/transmit/waits", test_transmit_waits);
    g_test_add_func("/virtio-net/transmit/waits-over-stop", test_transmit_waits_over_stop);
    g_test_add_func("/virtio-net/transmit/notified-before-stop",
                    test_transmit_notified_before_stop);
    g_test_add_func("/virtio-net/transmit/reset", test_reset_drops_what_waits);
    g_test_add_func("/virtio-net/transmit/header", test_transmit_header);
    g_test_add_func("/virtio-net/transmit/sizes", test_transmit_sizes);
    g_test_add_func("/virtio-net/receive/one-buffer", test_receive_one_buffer);
    g_test_add_func("/virtio-net/receive/mergeable", test_receive_mergeable);
    g_test_add_func("/virtio-net/receive/coalesces", test_receive_coalesces);
    g_test_add_func("/virtio-net/receive/waits-for-room", test_receive_waits_for_room);
    g_test_add_func("/virtio-net/receive/waits-for-driver", test_receive_waits_for_driver);
    g_test_add_func("/virtio-net/receive/waits-for-vm", test_receive_waits_for_vm);
    g_test_add_func("/virtio-net/receive/interrupt-before-stop", test_interrupt_before_stop);
    g_test_add_func("/virtio-net/receive/too-long", test_receive_too_long);
    g_test_add_func("/virtio-net/receive/bad-buffers", test_receive_bad_buffers);
    g_test_add_func("/virtio-net/offloads/guest-checksum", test_guest_checksum);
    g_test_add_func("/virtio-net/configuration/fields", test_configuration);
    g_test_add_func("/virtio-net/configuration/mac", test_mac_by_configuration);
    g_test_add_func("/virtio-net/configuration/optional", test_optional_configuration);
    g_test_add_func("/virtio-net/link", test_link);
    g_test_add_func("/virtio-net/announce", test_announce);
    g_test_add_func("/virtio-net/properties", test_properties);
    return g_test_run();
}
