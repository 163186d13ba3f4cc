/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Give two captures of the same TCP transfer to a comparator, one as what the primary sent, the
 * other as what the secondary sent, and print what came of it. Both are pcap files of an Ethernet
 * interface of the sending host; each has one connection, in which that host's port is PORT. What
 * the secondary's rewriter does is done here: behind the SYN its sequence numbers are made the
 * primary's; the client's ones, which were others in the other transfer, are so everywhere.
 *
 *     compare-captures PRIMARY SECONDARY PORT SEED [CHANGED-OFFSET]
 *
 * With CHANGED-OFFSET the byte at that offset of the stream is another one on the secondary.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/compare.h"
#include "util/bytes.h"
#include "util/report.h"

#define FILE_HEADER   24
#define RECORD_HEADER 16
#define LINK_ETHERNET 1

typedef struct Capture {
    GPtrArray *frames; /* GByteArray, sent by the host */
    uint32_t initial;  /* of the host's SYN */
    uint32_t client_initial;
    uint16_t client_port;
    bool has_syn;
} Capture;

static struct {
    unsigned asked, released;
    uint32_t changed; /* sequence number; nothing is when !watch */
    bool watch, left;
} result;

/* ---- reading ---- */

static void take_frame(Capture *capture, const uint8_t *data, uint32_t size, uint16_t port)
{
    Packet packet;

    if (packet_parse(&packet, data, size) != PACKET_OK || packet.kind != PACKET_TCP ||
        packet.source_port != port) {
        return;
    }
    if (!capture->has_syn && (packet.tcp.flags & TCP_SYN)) {
        capture->has_syn = true;
        capture->initial = packet.tcp.sequence;
        capture->client_initial = packet.tcp.ack - 1;
        capture->client_port = packet.destination_port;
    }
    GByteArray *frame = g_byte_array_new();
    g_byte_array_append(frame, data, size);
    g_ptr_array_add(capture->frames, frame);
}

static Capture read_capture(const char *path, uint16_t port)
{
    Capture capture = { .frames = g_ptr_array_new() };
    GError *error = NULL;
    char *data;
    gsize size;

    if (!g_file_get_contents(path, &data, &size, &error)) {
        report_fatal(error, NULL);
    }
    ByteCursor cursor = byte_cursor(data, size);
    const uint8_t *header = byte_cursor_take(&cursor, FILE_HEADER);
    if (!header || load_le32(header) != 0xa1b2c3d4 || load_le32(header + 20) != LINK_ETHERNET) {
        g_error("%s is no pcap file of an Ethernet interface", path);
    }
    const uint8_t *record;
    while ((record = byte_cursor_take(&cursor, RECORD_HEADER))) {
        uint32_t length = load_le32(record + 8);
        const uint8_t *frame = byte_cursor_take(&cursor, length);
        if (!frame || length != load_le32(record + 12)) {
            g_error("%s has a frame that was cut", path);
        }
        take_frame(&capture, frame, length, port);
    }
    g_free(data);
    if (!capture.has_syn) {
        g_error("%s has no SYN from port %u", path, port);
    }
    return capture;
}

/* ---- what the rewriter does ---- */

static void translate(GByteArray *frame, const Capture *from, const Capture *to)
{
    Packet packet;

    packet_parse(&packet, frame->data, frame->len);
    uint8_t *tcp = frame->data + packet.transport_offset;
    store_be16(tcp + 2, to->client_port);
    store_be32(tcp + 8, packet.tcp.ack - from->client_initial + to->client_initial);
    if (!(packet.tcp.flags & TCP_SYN)) {
        store_be32(tcp + 4, packet.tcp.sequence - from->initial + to->initial);
    }
}

static void change(GByteArray *frame, uint32_t position)
{
    Packet packet;

    packet_parse(&packet, frame->data, frame->len);
    uint32_t offset = position - packet.tcp.sequence;
    if (!(packet.tcp.flags & TCP_SYN) && offset < packet.payload_size) {
        frame->data[packet.payload_offset + offset] ^= 1;
    }
}

/* ---- comparing ---- */

static void on_release(const NetFrame *net_frame, void *opaque)
{
    g_autofree uint8_t *data = g_malloc(PACKET_MAX_SIZE);
    size_t size = net_frame_copy(net_frame, 0, data, PACKET_MAX_SIZE);
    Packet packet;

    packet_parse(&packet, data, size);
    result.released++;
    result.left |= result.watch && !(packet.tcp.flags & TCP_SYN) &&
                   result.changed - packet.tcp.sequence < packet.payload_size;
}

static void on_ask(CheckpointReason reason, void *opaque)
{
    result.asked++;
}

static void give(Comparator *comparator, bool primary, const GByteArray *frame)
{
    struct iovec iov = { frame->data, frame->len };
    NetFrame net_frame = { .iov = &iov, .iov_count = 1 };

    if (primary) {
        comparator_primary_frames(comparator, &net_frame, 1, 0);
    } else {
        comparator_secondary_frames(comparator, &net_frame, 1, 0);
    }
}

/* Both guests get on at about the same pace, one of them ahead at any time. */
static void run(Comparator *comparator, const Capture sides[2], uint32_t seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    unsigned at[2] = { 0, 0 };

    while (at[0] < sides[0].frames->len || at[1] < sides[1].frames->len) {
        double behind[2] = { (double)at[0] / sides[0].frames->len,
                             (double)at[1] / sides[1].frames->len };
        bool side = behind[1] < behind[0] || at[0] == sides[0].frames->len;
        if (g_rand_int_range(rand, 0, 4) == 0 && at[!side] < sides[!side].frames->len) {
            side = !side;
        }
        give(comparator, side, sides[side].frames->pdata[at[side]++]);
    }
}

int main(int argc, char **argv)
{
    static const ComparatorOps ops = { on_release, on_ask };
    static const ComparatorConfig config = {
        .connections = 10, .queue_frames = 1000000, .held_bytes = 1 << 30, .timeout = 1000
    };

    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: %s PRIMARY SECONDARY PORT SEED [CHANGED-OFFSET]\n", argv[0]);
        return 2;
    }
    uint16_t port = atoi(argv[3]);
    /* By index as elsewhere: 1 is the primary. */
    Capture sides[2] = { read_capture(argv[2], port), read_capture(argv[1], port) };
    result.watch = argc == 6;
    result.changed = sides[1].initial + 1 + (argc == 6 ? strtoul(argv[5], NULL, 0) : 0);
    for (unsigned i = 0; i < sides[0].frames->len; i++) {
        translate(sides[0].frames->pdata[i], &sides[0], &sides[1]);
        if (result.watch) {
            change(sides[0].frames->pdata[i], result.changed);
        }
    }
    g_autoptr(Comparator) comparator = comparator_new(&config, &ops, NULL);
    comparator_set_running(comparator, true);
    run(comparator, sides, strtoul(argv[4], NULL, 0));
    ComparatorStatistics statistics = comparator_statistics(comparator);
    printf("primary %u secondary %u released %u cut %u held %u dropped %u asked %u left %d\n",
           sides[1].frames->len, sides[0].frames->len, result.released, (unsigned)statistics.cut,
           statistics.held_frames, (unsigned)statistics.dropped, result.asked, result.left);
    return 0;
}
