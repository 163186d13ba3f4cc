/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator alone: pairs of equal 1,460-byte TCP segments for each second of processor time,
 * for few and for many connections.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/compare.h"
#include "util/bytes.h"

#define HEADERS 54
#define PAYLOAD 1460
#define PAIRS   1000000

static uint64_t released;

static void on_release(const uint8_t *frame, size_t size, void *opaque)
{
    released++;
}

static void on_ask(CheckpointReason reason, void *opaque)
{
    g_error("equal streams asked for a checkpoint, reason %d", reason);
}

static void make_frame(uint8_t frame[HEADERS + PAYLOAD])
{
    memset(frame, 0, HEADERS);
    store_be16(frame + 12, ETHERTYPE_IPV4_VALUE);
    frame[14] = 0x45;
    store_be16(frame + 16, 40 + PAYLOAD);
    frame[23] = PROTOCOL_TCP;
    store_be32(frame + 26, 0x0a000001);
    store_be16(frame + 34, 80);
    frame[46] = 0x50;
    frame[47] = TCP_ACK;
    memset(frame + HEADERS, 'x', PAYLOAD);
}

static double processor_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void run(unsigned connections)
{
    static const ComparatorOps ops = { on_release, on_ask };
    const ComparatorConfig config = { .connections = connections,
                                      .queue_frames = 1024,
                                      .held_bytes = 64 * 1024 * 1024,
                                      .timeout = 3000 };
    g_autoptr(Comparator) comparator = comparator_new(&config, &ops, NULL);
    uint8_t frame[HEADERS + PAYLOAD];
    double begin = 0;

    make_frame(frame);
    comparator_set_running(comparator, true);
    released = 0;
    /* The first round makes the connections and does not count. */
    for (unsigned i = 0; i < connections + PAIRS; i++) {
        if (i == connections) {
            begin = processor_seconds();
        }
        store_be32(frame + 30, 0x0b000000 + i % connections);
        store_be32(frame + 38, i / connections * PAYLOAD);
        comparator_primary_frame(comparator, frame, sizeof(frame), 0);
        comparator_secondary_frame(comparator, frame, sizeof(frame), 0);
    }
    double seconds = processor_seconds() - begin;
    g_assert(released == connections + PAIRS);
    printf("%6u connections: %.2f million pairs per second and core, %.0f ns a pair\n", connections,
           PAIRS / seconds / 1e6, seconds / PAIRS * 1e9);
}

int main(void)
{
    run(10);
    run(100000);
    return 0;
}
