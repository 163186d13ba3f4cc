/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Reassembly: any order gives the whole frame, and nothing grows without bounds. */
#include "frame.h"
#include "net/checksum.h"
#include "net/reassembly.h"
#include "util/bytes.h"

typedef GByteArray Frame;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, g_byte_array_unref)

static const ReassemblyLimits limits = {
    .bytes = 20000, .datagrams = 4, .fragments = 16, .timeout = 100
};

typedef struct Drops {
    unsigned count;
    unsigned frames;
    ReassemblyResult reason;
} Drops;

static void on_drop(const GPtrArray *frames, ReassemblyResult reason, void *opaque)
{
    Drops *drops = opaque;

    drops->count++;
    drops->frames += frames->len;
    drops->reason = reason;
}

static Frame *whole_frame(bool ipv6, unsigned size)
{
    g_autofree uint8_t *payload = g_malloc(size);
    for (unsigned i = 0; i < size; i++) {
        payload[i] = i * 7;
    }
    FrameSpec spec = { .ipv6 = ipv6,
                       .protocol = PROTOCOL_UDP,
                       .source = 1,
                       .destination = 2,
                       .source_port = 5,
                       .destination_port = 6,
                       .payload = payload,
                       .payload_size = size };
    return frame_new(&spec);
}

/* Cut and add; REASSEMBLY_COMPLETE frees what comes out after comparing it with @whole. */
static ReassemblyResult add(Reassembly *r, const Frame *whole, uint32_t id, uint32_t offset,
                            uint32_t size, bool more, int64_t now)
{
    g_autoptr(Frame) cut = frame_fragment(whole, id, offset, size, more);
    Packet packet = frame_parse(cut);
    GByteArray *result = NULL;
    GPtrArray *frames = NULL;
    ReassemblyResult status = reassembly_add(r, &packet, now, &result, &frames);

    if (status == REASSEMBLY_COMPLETE) {
        if (whole->data[12] == 8) {
            store_be16(whole->data + 18, id);
            store_be16(whole->data + 24, 0);
            uint16_t checksum = checksum_finish(checksum_add(0, whole->data + 14, 20));
            store_be16(whole->data + 24, checksum);
        }
        g_assert_cmpmem(result->data, result->len, whole->data, whole->len);
        g_byte_array_unref(result);
        g_ptr_array_unref(frames);
    }
    return status;
}

static void test_any_order(void)
{
    static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (int v6 = 0; v6 < 2; v6++) {
        g_autoptr(Reassembly) r = reassembly_new(&limits, NULL, NULL);
        for (unsigned o = 0; o < 6; o++) {
            g_autoptr(Frame) whole = whole_frame(v6, 1000);
            for (unsigned i = 0; i < 3; i++) {
                unsigned n = orders[o][i];
                ReassemblyResult status = add(r, whole, 9, n * 400, n == 2 ? 208 : 400, n != 2, 0);
                g_assert_cmpint(status, ==, i == 2 ? REASSEMBLY_COMPLETE : REASSEMBLY_WAITING);
            }
            g_assert_cmpuint(reassembly_bytes(r), ==, 0);
        }
    }
}

static void test_repetition(void)
{
    g_autoptr(Reassembly) r = reassembly_new(&limits, NULL, NULL);
    g_autoptr(Frame) whole = whole_frame(false, 1000);

    g_assert_cmpint(add(r, whole, 9, 0, 400, true, 0), ==, REASSEMBLY_WAITING);
    g_assert_cmpint(add(r, whole, 9, 0, 400, true, 0), ==, REASSEMBLY_WAITING);
    g_assert_cmpint(add(r, whole, 9, 400, 608, false, 0), ==, REASSEMBLY_COMPLETE);
}

static void test_refusals(void)
{
    Drops drops = { 0 };
    g_autoptr(Reassembly) r = reassembly_new(&limits, on_drop, &drops);
    g_autoptr(Frame) whole = whole_frame(true, 1000);

    add(r, whole, 1, 0, 400, true, 0);
    g_assert_cmpint(add(r, whole, 1, 392, 400, true, 0), ==, REASSEMBLY_OVERLAP);
    g_assert_cmpuint(drops.count, ==, 1);
    g_assert_cmpuint(drops.frames, ==, 2);
    g_assert_cmpuint(reassembly_bytes(r), ==, 0);

    add(r, whole, 2, 400, 400, true, 0);
    g_assert_cmpint(add(r, whole, 2, 0, 408, true, 0), ==, REASSEMBLY_OVERLAP);

    add(r, whole, 3, 800, 208, false, 0);
    g_assert_cmpint(add(r, whole, 3, 400, 400, false, 0), ==, REASSEMBLY_CONFLICTING_END);
    add(r, whole, 4, 800, 200, true, 0);
    g_assert_cmpint(add(r, whole, 4, 400, 400, false, 0), ==, REASSEMBLY_CONFLICTING_END);

    /* Same place, other bytes: an overlap. */
    add(r, whole, 5, 0, 400, true, 0);
    whole->data[70] ^= 1;
    g_assert_cmpint(add(r, whole, 5, 0, 400, true, 0), ==, REASSEMBLY_OVERLAP);
}

static void test_bounds(void)
{
    Drops drops = { 0 };
    g_autoptr(Reassembly) r = reassembly_new(&limits, on_drop, &drops);
    g_autoptr(Frame) whole = whole_frame(false, 9000);

    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmpint(add(r, whole, 1, i * 8, 8, true, 0), ==, REASSEMBLY_WAITING);
    }
    g_assert_cmpint(add(r, whole, 1, 800, 8, true, 0), ==, REASSEMBLY_TOO_MANY_FRAGMENTS);

    g_assert_cmpint(add(r, whole, 2, 0, 8000, true, 0), ==, REASSEMBLY_WAITING);
    g_assert_cmpint(add(r, whole, 3, 0, 8000, true, 0), ==, REASSEMBLY_WAITING);
    g_assert_cmpint(add(r, whole, 4, 0, 8000, true, 0), ==, REASSEMBLY_TOO_MANY_BYTES);
    g_assert_cmpuint(reassembly_bytes(r), <=, limits.bytes);

    drops.count = 0;
    for (unsigned i = 5; i < 8; i++) {
        add(r, whole, i, 0, 8, true, 1);
    }
    g_assert_cmpuint(drops.count, ==, 1);
    g_assert_cmpint(drops.reason, ==, REASSEMBLY_TOO_MANY_DATAGRAMS);
    g_assert_cmpuint(reassembly_datagrams(r), ==, limits.datagrams);

    reassembly_expire(r, 100);
    g_assert_cmpint(drops.reason, ==, REASSEMBLY_TIMEOUT);
    g_assert_cmpuint(reassembly_datagrams(r), ==, 3); /* those of time 1 are left */
    reassembly_expire(r, 101);
    g_assert_cmpuint(reassembly_datagrams(r), ==, 0);
}

static void test_too_long(void)
{
    const ReassemblyLimits wide = { .bytes = 200000, .datagrams = 1, .fragments = 9, .timeout = 1 };
    g_autoptr(Reassembly) r = reassembly_new(&wide, NULL, NULL);
    g_autoptr(Frame) whole = whole_frame(false, 60000);

    g_assert_cmpint(add(r, whole, 1, 0, 60000, true, 0), ==, REASSEMBLY_WAITING);
    g_autoptr(Frame) tail = frame_fragment(whole, 1, 0, 5532, false);
    store_be16(tail->data + 20, 60000 / 8);
    Packet packet = frame_parse(tail);
    GByteArray *result = NULL;
    GPtrArray *frames = NULL;
    g_assert_cmpint(reassembly_add(r, &packet, 0, &result, &frames), ==, REASSEMBLY_TOO_LONG);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/reassembly/any-order", test_any_order);
    g_test_add_func("/net/reassembly/repetition", test_repetition);
    g_test_add_func("/net/reassembly/refusals", test_refusals);
    g_test_add_func("/net/reassembly/bounds", test_bounds);
    g_test_add_func("/net/reassembly/too-long", test_too_long);
    return g_test_run();
}
