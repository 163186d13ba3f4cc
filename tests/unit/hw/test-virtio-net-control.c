/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* virtio-net: receive filter, control queue, saved state, what monitors are told, wild drivers. */
#include "virtio-net-harness.h"

#include <string.h>

#include "migration/stream.h"
#include "qapi/event.h"
#include "qapi/qapi-commands-net.h"
#include "util/bytes.h"

#define FUZZ_SEED   0x5eed0e7u
#define FUZZ_ROUNDS 20000

#define CONTROL_FEATURES                                                     \
    (MODERN | BIT_OF(VIRTIO_NET_F_CTRL_VQ) | BIT_OF(VIRTIO_NET_F_CTRL_RX) |  \
     BIT_OF(VIRTIO_NET_F_CTRL_RX_EXTRA) | BIT_OF(VIRTIO_NET_F_CTRL_VLAN) |   \
     BIT_OF(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT_OF(VIRTIO_NET_F_STATUS) |      \
     BIT_OF(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT_OF(VIRTIO_NET_F_GUEST_CSUM) | \
     BIT_OF(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) | BIT_OF(VIRTIO_NET_F_MRG_RXBUF))

enum { PROMISCUOUS, ALL_MULTICAST, ALL_UNICAST, NO_MULTICAST, NO_UNICAST, NO_BROADCAST };

static const uint8_t guest_mac[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const uint8_t other_mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };
static const uint8_t group_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- filter ---- */

static bool accepts(const RxFilter *filter, const uint8_t destination[6], int vlan)
{
    uint8_t head[RX_FILTER_HEAD_SIZE] = { 0 };

    memcpy(head, destination, 6);
    store_be16(head + 12, vlan < 0 ? 0x0800 : 0x8100);
    if (vlan >= 0) {
        store_be16(head + 14, (uint16_t)(0xe000 | vlan)); /* with a priority */
    }
    return rx_filter_accepts(filter, head);
}

static void test_filter_modes(void)
{
    RxFilter filter;

    rx_filter_reset(&filter, guest_mac);
    g_assert_true(accepts(&filter, other_mac, -1));
    filter.promiscuous = false;
    g_assert_true(accepts(&filter, guest_mac, -1));
    g_assert_false(accepts(&filter, other_mac, -1));
    g_assert_false(accepts(&filter, group_mac, -1));
    g_assert_true(accepts(&filter, broadcast, -1));
    filter.no_broadcast = true;
    g_assert_false(accepts(&filter, broadcast, -1));
    filter.all_multicast = true;
    g_assert_true(accepts(&filter, group_mac, -1));
    g_assert_false(accepts(&filter, broadcast, -1));
    filter.no_multicast = true;
    g_assert_false(accepts(&filter, group_mac, -1));
    filter.all_unicast = true;
    g_assert_true(accepts(&filter, other_mac, -1));
    filter.no_unicast = true;
    g_assert_false(accepts(&filter, other_mac, -1));
    g_assert_false(accepts(&filter, guest_mac, -1));
    filter.promiscuous = true;
    g_assert_true(accepts(&filter, guest_mac, -1));
}

static void test_filter_tables(void)
{
    RxFilter filter;

    rx_filter_reset(&filter, guest_mac);
    filter.promiscuous = false;
    rx_filter_set_table(&filter, &other_mac, 1, &group_mac, 1);
    g_assert_true(accepts(&filter, other_mac, -1));
    g_assert_true(accepts(&filter, group_mac, -1));
    g_assert_true(accepts(&filter, guest_mac, -1));
    rx_filter_set_table(&filter, NULL, 0, &group_mac, 1);
    g_assert_true(accepts(&filter, (const uint8_t[6]){ 2 }, -1));
    g_assert_false(accepts(&filter, (const uint8_t[6]){ 3 }, -1));
    rx_filter_set_table(&filter, &other_mac, 1, NULL, 0);
    g_assert_false(accepts(&filter, (const uint8_t[6]){ 2 }, -1));
    g_assert_true(accepts(&filter, (const uint8_t[6]){ 3 }, -1));
    /* A multicast address in the unicast list is none that passes. */
    rx_filter_set_table(&filter, &group_mac, 1, &other_mac, 1);
    g_assert_false(accepts(&filter, group_mac, -1));
    g_assert_false(accepts(&filter, other_mac, -1));
}

static void test_filter_vlans(void)
{
    RxFilter filter;

    rx_filter_reset(&filter, guest_mac);
    filter.promiscuous = false;
    g_assert_true(accepts(&filter, guest_mac, 7));
    rx_filter_set_all_vlans(&filter, false);
    g_assert_true(accepts(&filter, guest_mac, -1));
    for (int vlan = 0; vlan < 4096; vlan += 31) {
        g_assert_false(accepts(&filter, guest_mac, vlan));
        rx_filter_set_vlan(&filter, (uint16_t)vlan, true);
        g_assert_true(accepts(&filter, guest_mac, vlan));
        g_assert_false(accepts(&filter, guest_mac, vlan + 1));
        rx_filter_set_vlan(&filter, (uint16_t)vlan, false);
    }
    g_assert_false(accepts(&filter, guest_mac, 0));
}

/* ---- control queue ---- */

static bool comes_through(const uint8_t destination[6])
{
    uint16_t head;
    uint32_t written;

    post_buffers(1, 1600);
    backend_send(destination, 100, NULL);
    run_pending();
    return ring_used(RING_RX, &head, &written);
}

static void test_control_modes(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    static const uint8_t off = 0, on = 1;
    uint8_t two[2] = { 1, 1 };

    g_assert_true(comes_through(other_mac));
    g_assert_cmpint(control(0, PROMISCUOUS, &off, 1), ==, 0);
    g_assert_false(comes_through(other_mac));
    g_assert_cmpint(control(0, ALL_UNICAST, &on, 1), ==, 0);
    g_assert_true(comes_through(other_mac));
    for (uint8_t mode = PROMISCUOUS; mode <= NO_BROADCAST; mode++) {
        g_assert_cmpint(control(0, mode, two, 2), ==, 1);
        g_assert_cmpint(control(0, mode, NULL, 0), ==, 1);
    }
    g_assert_cmpint(control(0, NO_BROADCAST + 1, &on, 1), ==, 1);
    g_assert_false(harness->net->filter.promiscuous);

    fresh(CONTROL_FEATURES & ~BIT_OF(VIRTIO_NET_F_CTRL_RX_EXTRA));
    g_assert_cmpint(control(0, ALL_MULTICAST, &on, 1), ==, 0);
    g_assert_cmpint(control(0, ALL_UNICAST, &on, 1), ==, 1);
    fresh(MODERN | BIT_OF(VIRTIO_NET_F_CTRL_VQ));
    g_assert_cmpint(control(0, PROMISCUOUS, &off, 1), ==, 1);
}

static GByteArray *table_command(unsigned unicast, unsigned multicast)
{
    GByteArray *data = g_byte_array_new();
    uint8_t count[4];

    store_le32(count, unicast);
    g_byte_array_append(data, count, 4);
    for (unsigned i = 0; i < unicast; i++) {
        g_byte_array_append(data, (const uint8_t[6]){ 2, 0, 0, 0, 0, (uint8_t)i }, 6);
    }
    store_le32(count, multicast);
    g_byte_array_append(data, count, 4);
    for (unsigned i = 0; i < multicast; i++) {
        g_byte_array_append(data, (const uint8_t[6]){ 1, 0, 0, 0, 0, (uint8_t)i }, 6);
    }
    return data;
}

static int set_table(unsigned unicast, unsigned multicast)
{
    g_autoptr(GByteArray) data = table_command(unicast, multicast);

    return control(1, 0, data->data, data->len);
}

static void test_control_table(void)
{
    const RxFilter *filter = &fresh(CONTROL_FEATURES)->net->filter;
    static const struct {
        unsigned unicast, multicast;
        bool unicast_overflow, multicast_overflow;
    } cases[] = {
        { 0, 0, false, false },  { 64, 0, false, false }, { 0, 64, false, false },
        { 60, 4, false, false }, { 60, 5, false, true },  { 65, 3, true, false },
        { 65, 64, true, false }, { 65, 65, true, true },  { 300, 500, true, true },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(set_table(cases[i].unicast, cases[i].multicast), ==, 0);
        g_assert_cmpint(filter->unicast_overflow, ==, cases[i].unicast_overflow);
        g_assert_cmpint(filter->multicast_overflow, ==, cases[i].multicast_overflow);
        g_assert_cmpuint(filter->unicast_count, ==,
                         cases[i].unicast_overflow ? 0 : cases[i].unicast);
        g_assert_cmpuint(filter->multicast_count, ==,
                         cases[i].multicast_overflow ? 0 : cases[i].multicast);
    }
}

/* Counts that do not agree with the length change nothing. */
static void test_control_table_lengths(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    g_autoptr(GByteArray) data = table_command(2, 3);

    g_assert_cmpint(set_table(1, 1), ==, 0);
    for (unsigned length = 0; length < data->len; length++) {
        g_assert_cmpint(control(1, 0, data->data, length), ==, 1);
    }
    store_le32(data->data, UINT32_MAX);
    g_assert_cmpint(control(1, 0, data->data, data->len), ==, 1);
    store_le32(data->data, 0x2aaaaaab); /* times 6 is 2 in 32 bits */
    g_assert_cmpint(control(1, 0, data->data, data->len), ==, 1);
    store_le32(data->data, 1);
    g_assert_cmpint(control(1, 0, data->data, data->len), ==, 1);
    g_assert_cmpuint(harness->net->filter.unicast_count, ==, 1);
    g_assert_cmpuint(harness->net->filter.multicast_count, ==, 1);
}

static void test_control_mac(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    static const uint8_t off = 0;

    g_assert_cmpint(control(0, PROMISCUOUS, &off, 1), ==, 0);
    g_assert_cmpint(control(1, 1, other_mac, 5), ==, 1);
    g_assert_cmpint(control(1, 1, other_mac, 6), ==, 0);
    g_assert_true(comes_through(other_mac));
    g_assert_false(comes_through(guest_mac));
    g_assert_cmpmem(harness->net->client->mac, 6, other_mac, 6);
    g_assert_cmpint(control(1, 2, other_mac, 6), ==, 1);
    fresh(CONTROL_FEATURES);
    g_assert_cmpmem(harness->net->client->mac, 6, guest_mac, 6);
}

static void test_control_vlan(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    uint8_t vlan[2] = { 0x34, 0x02 };
    static const uint8_t beyond[2] = { 0x00, 0x10 };

    g_assert_false(rx_filter_vlan_passes(&harness->net->filter, 0x234));
    g_assert_cmpint(control(2, 0, vlan, 2), ==, 0);
    g_assert_true(rx_filter_vlan_passes(&harness->net->filter, 0x234));
    g_assert_cmpint(control(2, 0, beyond, 2), ==, 1);
    g_assert_cmpint(control(2, 0, vlan, 1), ==, 1);
    g_assert_cmpint(control(2, 2, vlan, 2), ==, 1);
    g_assert_cmpint(control(2, 1, vlan, 2), ==, 0);
    g_assert_false(rx_filter_vlan_passes(&harness->net->filter, 0x234));
    /* Who cannot set the filter does not want one. */
    fresh(CONTROL_FEATURES & ~BIT_OF(VIRTIO_NET_F_CTRL_VLAN));
    g_assert_true(rx_filter_vlan_passes(&harness->net->filter, 0x234));
    g_assert_cmpint(control(2, 1, vlan, 2), ==, 1);
}

static void test_control_bad(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    static const uint8_t head[2] = { 0, 0 };
    Piece no_answer[] = { { head, 2 } };
    Piece short_head[] = { { head, 1 }, { NULL, 1 } };

    g_assert_cmpint(control(4, 0, head, 2), ==, 1); /* queue pairs */
    g_assert_cmpint(control(77, 0, NULL, 0), ==, 1);
    ring_post(RING_CONTROL, no_answer, 1);
    ring_kick(RING_CONTROL);
    g_assert_true(harness->device->broken);
    fresh(CONTROL_FEATURES);
    ring_post(RING_CONTROL, short_head, 2);
    ring_kick(RING_CONTROL);
    g_assert_true(harness->device->broken);
    fresh(CONTROL_FEATURES);
}

/* ---- saved state ---- */

static GBytes *save(NetHarness *harness)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(GError) error = NULL;
    size_t size;

    vmstate_save(writer, &vmstate_virtio_net, harness->net);
    migration_writer_check(writer, &error);
    g_assert_no_error(error);
    const void *data = migration_writer_data(writer, &size);
    return g_bytes_new(data, size);
}

static bool load(NetHarness *harness, const void *data, size_t size, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(data, size);

    return vmstate_load(reader, &vmstate_virtio_net, harness->net, 1, error) &&
           migration_reader_check(reader, error);
}

static bool load_bytes(NetHarness *harness, GBytes *state, GError **error)
{
    size_t size;
    const void *data = g_bytes_get_data(state, &size);

    return load(harness, data, size, error);
}

static void configure(NetHarness *harness)
{
    static const uint8_t off = 0;
    static const uint8_t vlan[2] = { 9, 0 };

    g_assert_cmpint(control(0, PROMISCUOUS, &off, 1), ==, 0);
    g_assert_cmpint(set_table(2, 65), ==, 0);
    g_assert_cmpint(control(1, 1, other_mac, 6), ==, 0);
    g_assert_cmpint(control(2, 0, vlan, 2), ==, 0);
    harness->net->client->ops->announce(harness->net->client);
}

/* Both hosts have the same memory; the device takes up where it was, and tells its back end. */
static void test_state(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    g_autoptr(GError) error = NULL;

    configure(harness);
    vm_set_running(false);
    g_autoptr(GBytes) state = save(harness);
    virtio_reset(harness->device);
    g_assert_cmphex(harness->told_offloads, ==, 0);
    g_assert_true(load_bytes(harness, state, &error));
    g_assert_no_error(error);
    g_assert_cmphex(harness->told_offloads, ==, NET_OFFLOAD_CHECKSUM);
    g_assert_cmpmem(harness->net->client->mac, 6, other_mac, 6);
    g_autoptr(GBytes) again = save(harness);
    g_assert_true(g_bytes_equal(state, again));

    vm_set_running(true);
    run_pending();
    const RxFilter *filter = &harness->net->filter;
    g_assert_true(filter->multicast_overflow && !filter->unicast_overflow && !filter->promiscuous);
    g_assert_cmpuint(filter->unicast_count, ==, 2);
    g_assert_true(rx_filter_vlan_passes(filter, 9) && !rx_filter_vlan_passes(filter, 8));
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==,
                    VIRTIO_NET_STATUS_LINK_UP | VIRTIO_NET_STATUS_ANNOUNCE);
    g_assert_cmpint(control(3, 0, NULL, 0), ==, 0);
    g_assert_true(comes_through(other_mac));
    g_assert_false(comes_through(guest_mac));
}

/* The link is down where the guest has come to: it hears of it once it runs. */
static void test_state_other_link(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    g_autoptr(GError) error = NULL;

    vm_set_running(false);
    g_autoptr(GBytes) state = save(harness);
    harness->backend->link_down = true;
    g_assert_true(load_bytes(harness, state, &error));
    g_assert_cmpuint(harness->config_interrupts, ==, 0);
    vm_set_running(true);
    g_assert_cmpuint(harness->config_interrupts, ==, 1);
    g_assert_cmphex(virtio_config_load(harness->device, 6, 2), ==, 0);
    harness->backend->link_down = false;
    run_pending();
}

/* A secondary at a checkpoint: what its guest sent into the dead end of its own time is dropped. */
static void test_state_replaces_guest(void)
{
    NetHarness *harness = fresh(MODERN);
    static const uint8_t frame[VNET_HEADER_MERGEABLE_SIZE + 60];
    Piece piece = { frame, sizeof(frame) };
    g_autoptr(GError) error = NULL;

    vm_set_running(false);
    g_autoptr(GBytes) state = save(harness);
    vm_set_running(true);
    harness->backend_full = true;
    ring_post(RING_TX, &piece, 1);
    ring_kick(RING_TX);
    g_assert_true(harness->net->transmit_waiting);
    vm_set_running(false);
    g_assert_true(load_bytes(harness, state, &error));
    harness->backend_full = false;
    net_flush(harness->backend);
    g_assert_cmpuint(harness->received->len, ==, 0);
    /* The ring of the loaded state has it still. */
    vm_set_running(true);
    run_pending();
    g_assert_cmpuint(harness->received->len, ==, 1);
}

static void check_state_refused(NetHarness *harness, GBytes *good, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bad = save(harness);

    g_assert_false(load_bytes(harness, bad, &error));
    g_assert_nonnull(strstr(error->message, expected));
    g_clear_error(&error);
    g_assert_true(load_bytes(harness, good, &error));
}

static void test_state_checked(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);

    vm_set_running(false);
    g_autoptr(GBytes) good = save(harness);
    harness->net->guest_offloads |= BIT_OF(VIRTIO_NET_F_GUEST_TSO4);
    check_state_refused(harness, good, "offloads");
    harness->net->link_status = 4;
    check_state_refused(harness, good, "status");
    harness->net->filter.unicast_count = 60;
    harness->net->filter.multicast_count = 5;
    check_state_refused(harness, good, "at most 64");
    harness->net->filter.multicast_count = UINT32_MAX - 10;
    check_state_refused(harness, good, "at most 64");
    vm_set_running(true);
}

static void test_state_damaged(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    unsigned refused = 0;
    size_t size;

    vm_set_running(false);
    g_autoptr(GBytes) good = save(harness);
    const void *data = g_bytes_get_data(good, &size);
    for (unsigned i = 0; i < FUZZ_ROUNDS / 10; i++) {
        g_autofree uint8_t *damaged = g_memdup2(data, size);
        g_autoptr(GError) error = NULL;
        for (int n = g_rand_int_range(random, 1, 5); n > 0; n--) {
            damaged[g_rand_int_range(random, 0, (gint32)size)] = (uint8_t)g_rand_int(random);
        }
        size_t length = g_rand_boolean(random) ? size : (size_t)g_rand_int(random) % size;
        refused += !load(harness, damaged, length, &error);
    }
    g_assert_cmpuint(refused, >, 0);
    g_autoptr(GError) error = NULL;
    g_assert_true(load_bytes(harness, good, &error));
    vm_set_running(true);
    run_pending();
}

/* ---- monitors ---- */

static unsigned events;

static void on_event(const char *name, json_t *event)
{
    events += strcmp(name, "NIC_RX_FILTER_CHANGED") == 0;
    json_decref(event);
}

static GPtrArray *query(const char *name, const char *expected_error)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *list = qmp_query_rx_filter(name, &error);

    if (expected_error) {
        g_assert_null(list);
        g_assert_cmpstr(error->message, ==, expected_error);
    } else {
        g_assert_no_error(error);
    }
    return list;
}

static void test_query(void)
{
    NetHarness *harness = fresh(CONTROL_FEATURES);

    configure(harness);
    g_autoptr(GPtrArray) list = query(NULL, NULL);
    g_assert_cmpuint(list->len, ==, 1);
    const RxFilterInfo *info = g_ptr_array_index(list, 0);
    g_assert_cmpstr(info->name, ==, "virtio-net-device.0");
    g_assert_cmpstr(info->main_mac, ==, "52:54:00:00:00:02");
    g_assert_false(info->promiscuous);
    g_assert_true(info->broadcast_allowed && info->multicast_overflow && !info->unicast_overflow);
    g_assert_cmpint(info->unicast, ==, RX_STATE_NORMAL);
    g_assert_cmpint(info->vlan, ==, RX_STATE_NORMAL);
    g_assert_cmpuint(info->vlan_table->len, ==, 1);
    g_assert_cmpint(g_array_index(info->vlan_table, int64_t, 0), ==, 9);
    g_assert_cmpuint(info->unicast_table->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(info->unicast_table, 1), ==, "02:00:00:00:00:01");
    g_assert_cmpuint(info->multicast_table->len, ==, 0);
    query("foo", "invalid net client name: foo");
    query("hn0", "net client(hn0) isn't a NIC");
}

static void test_event(void)
{
    static const uint8_t on = 1;

    fresh(CONTROL_FEATURES);
    g_ptr_array_unref(query(NULL, NULL));
    qapi_event_set_emitter(on_event);
    g_assert_cmpint(control(0, ALL_MULTICAST, &on, 1), ==, 0);
    g_assert_cmpint(control(0, ALL_UNICAST, &on, 1), ==, 0);
    g_assert_cmpint(set_table(1, 1), ==, 0);
    g_assert_cmpuint(events, ==, 1);
    g_ptr_array_unref(query("virtio-net-device.0", NULL));
    g_assert_cmpuint(events, ==, 1);
    g_assert_cmpint(control(1, 1, other_mac, 6), ==, 0);
    g_assert_cmpint(control(1, 1, guest_mac, 6), ==, 0);
    g_assert_cmpuint(events, ==, 2);
    qapi_event_set_emitter(NULL);
}

/* ---- wild drivers ---- */

static void random_chain(GRand *random)
{
    uint8_t data[64];
    Piece pieces[5];
    unsigned count = (unsigned)g_rand_int_range(random, 1, G_N_ELEMENTS(pieces) + 1);

    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(g_rand_int(random) % (i < 14 ? 7 : 256));
    }
    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (Piece){ g_rand_boolean(random) ? data : NULL,
                             (uint32_t)g_rand_int_range(random, 1, sizeof(data)) };
    }
    ring_post((unsigned)g_rand_int_range(random, 0, RING_COUNT), pieces, count);
}

static void test_random_chains(void)
{
    static const uint64_t features[] = {
        CONTROL_FEATURES, MODERN, 0, BIT_OF(VIRTIO_NET_F_CSUM) | BIT_OF(VIRTIO_NET_F_HOST_TSO4)
    };
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    unsigned broken = 0, sent = 0;

    for (unsigned i = 0; i < FUZZ_ROUNDS / 20; i++) {
        NetHarness *harness = fresh(features[i % G_N_ELEMENTS(features)]);
        for (unsigned n = 0; n < 20; n++) {
            random_chain(random);
            if (g_rand_int(random) % 4 == 0) {
                backend_send(guest_mac, (size_t)g_rand_int_range(random, 14, 300), NULL);
            }
            ring_kick((unsigned)g_rand_int_range(random, 0, RING_COUNT));
        }
        broken += harness->device->broken;
        sent += harness->received->len;
    }
    g_assert_cmpuint(broken, >, 0);
    g_assert_cmpuint(sent, >, 0);
    fresh(MODERN);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    net_harness();
    g_test_add_func("/virtio-net/filter/modes", test_filter_modes);
    g_test_add_func("/virtio-net/filter/tables", test_filter_tables);
    g_test_add_func("/virtio-net/filter/vlans", test_filter_vlans);
    g_test_add_func("/virtio-net/control/modes", test_control_modes);
    g_test_add_func("/virtio-net/control/table", test_control_table);
    g_test_add_func("/virtio-net/control/table-lengths", test_control_table_lengths);
    g_test_add_func("/virtio-net/control/mac", test_control_mac);
    g_test_add_func("/virtio-net/control/vlan", test_control_vlan);
    g_test_add_func("/virtio-net/control/bad", test_control_bad);
    g_test_add_func("/virtio-net/state/round-trip", test_state);
    g_test_add_func("/virtio-net/state/other-link", test_state_other_link);
    g_test_add_func("/virtio-net/state/replaces-guest", test_state_replaces_guest);
    g_test_add_func("/virtio-net/state/checked", test_state_checked);
    g_test_add_func("/virtio-net/state/damaged", test_state_damaged);
    g_test_add_func("/virtio-net/monitor/query", test_query);
    g_test_add_func("/virtio-net/monitor/event", test_event);
    g_test_add_func("/virtio-net/random-chains", test_random_chains);
    return g_test_run();
}
