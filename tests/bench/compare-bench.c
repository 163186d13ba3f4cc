/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator alone: pairs of equal 1,460-byte TCP segments for each second of processor time,
 * for few and for many connections, beside the least that a comparison could cost: one memcpy()
 * of the frame that comes first and one memcmp() of the payload.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/compare.h"
#include "util/bytes.h"

#define HEADERS 54
#define PAYLOAD 1460
#define FRAME   (HEADERS + PAYLOAD)
#define BATCH   16 /* frames of each side that come together, as from one read of a socket */
#define PAIRS   1600000
#define ROUNDS  5

static uint64_t released;

static void on_release(const NetFrame *frame, void *opaque)
{
    released++;
}

static void on_ask(CheckpointReason reason, void *opaque)
{
    g_error("equal streams asked for a checkpoint, reason %d", reason);
}

static void make_frame(uint8_t frame[FRAME])
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

typedef struct Streams {
    Comparator *comparator;
    unsigned connections;
    unsigned next; /* pair */
    uint8_t frames[2][BATCH][FRAME];
    struct iovec iov[2][BATCH];
    NetFrame net_frames[2][BATCH];
} Streams;

static Streams *streams_new(unsigned connections)
{
    static const ComparatorOps ops = { on_release, on_ask };
    const ComparatorConfig config = { .connections = connections,
                                      .queue_frames = 1024,
                                      .held_bytes = 64 * 1024 * 1024,
                                      .timeout = 3000 };
    Streams *streams = g_new0(Streams, 1);

    streams->comparator = comparator_new(&config, &ops, NULL);
    streams->connections = connections;
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; i < BATCH; i++) {
            make_frame(streams->frames[side][i]);
            streams->iov[side][i] = (struct iovec){ streams->frames[side][i], FRAME };
            streams->net_frames[side][i] =
                (NetFrame){ .iov = &streams->iov[side][i], .iov_count = 1 };
        }
    }
    comparator_set_running(streams->comparator, true);
    return streams;
}

static void streams_free(Streams *streams)
{
    comparator_free(streams->comparator);
    g_free(streams);
}

/* One batch of the primary, then the same of the secondary. Connections take turns. */
static void run_batch(Streams *streams)
{
    for (unsigned side = 0; side < 2; side++) {
        for (unsigned i = 0; i < BATCH; i++) {
            unsigned pair = streams->next + i;
            store_be32(streams->frames[side][i] + 30, 0x0b000000 + pair % streams->connections);
            store_be32(streams->frames[side][i] + 38, pair / streams->connections * PAYLOAD);
        }
        if (side == 0) {
            comparator_primary_frames(streams->comparator, streams->net_frames[0], BATCH, 0);
        } else {
            comparator_secondary_frames(streams->comparator, streams->net_frames[1], BATCH, 0);
        }
    }
    streams->next += BATCH;
}

/* Nanoseconds for each pair. */
static double measure(Streams *streams, unsigned pairs)
{
    double begin = processor_seconds();
    uint64_t before = released;

    for (unsigned i = 0; i < pairs; i += BATCH) {
        run_batch(streams);
    }
    g_assert(released - before == pairs);
    return (processor_seconds() - begin) / pairs * 1e9;
}

static double measure_reference(void)
{
    static uint8_t frames[2][BATCH][FRAME], held[BATCH][FRAME];
    double begin = processor_seconds();

    for (unsigned pair = 0; pair < PAIRS; pair++) {
        unsigned i = pair % BATCH;
        memcpy(held[i], frames[0][i], FRAME);
        __asm__ volatile("" : : : "memory");
        if (memcmp(held[i] + HEADERS, frames[1][i] + HEADERS, PAYLOAD) != 0) {
            g_error("zeros are not zeros");
        }
    }
    return (processor_seconds() - begin) / PAIRS * 1e9;
}

static double best(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

int main(void)
{
    static const unsigned counts[] = { 10, 1000, 100000 };
    Streams *streams[G_N_ELEMENTS(counts)];
    double pair[G_N_ELEMENTS(counts)] = { 0 };
    double reference = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        streams[i] = streams_new(counts[i]);
        measure(streams[i], counts[i] / BATCH * BATCH + BATCH); /* makes the connections */
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        reference = best(reference, measure_reference());
        for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
            pair[i] = best(pair[i], measure(streams[i], PAIRS));
        }
    }
    printf("memcpy and memcmp alone: %.0f ns a pair\n", reference);
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        printf("%6u connections: %.2f million pairs per second and core, %.0f ns a pair, "
               "%.2f x the reference, %.2f x the cost with 10 connections\n",
               counts[i], 1e3 / pair[i], pair[i], pair[i] / reference, pair[i] / pair[0]);
        streams_free(streams[i]);
    }
    return 0;
}
