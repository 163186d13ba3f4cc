/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Two random TCP stacks say the same: each cuts, repeats and reorders the stream as it likes, adds
 * its own options, its IP may fragment, and it may leave long segments to its card to cut. The
 * comparator must let everything out and ask for nothing. With one byte changed on one side it must
 * ask, and the changed byte must never leave.
 */
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "net/checksum.h"
#include "net/compare.h"
#include "net/net.h"
#include "util/bytes.h"

/* COLO_TEST_SEED has another one; `random`: one that is different each time. */
#define FIRST_SEED 1

#define CONNECTIONS 3
#define ROUNDS      150

#define TCP_CHECKSUM 16 /* its offset in the header */

typedef GByteArray Frame;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, g_byte_array_unref)

/* What one side's guest sends on one connection, both sides agree about it. */
typedef struct Stream {
    FrameSpec spec; /* addresses, ports, VLAN, version */
    uint8_t *bytes;
    uint32_t size;
    uint32_t initial[2];         /* of the secondary and the primary; the wire has the latter */
    uint32_t ack_base, ack_size; /* what the client has said meanwhile */
    bool fragments;              /* this path's MTU is small */
} Stream;

typedef struct World {
    GRand *rand;
    uint32_t fragment_id;
    Comparator *comparator;
    Stream streams[CONNECTIONS];
    GPtrArray *queue[2][CONNECTIONS]; /* Frame, what a side has still to send */
    unsigned sent, received;          /* frames of the primary */
    unsigned asked;
    bool bad; /* the changed byte has left */
    unsigned changed_stream;
    uint32_t changed; /* its offset; UINT32_MAX: none */
} World;

/* ---- what a stack sends ---- */

static unsigned below(World *world, unsigned limit)
{
    return g_rand_int(world->rand) % limit;
}

/* MIN() would draw twice. */
static uint32_t at_most(uint32_t limit, uint32_t value)
{
    return value < limit ? value : limit;
}

static void push_frame(World *world, bool primary, unsigned number, const FrameSpec *spec)
{
    const Stream *stream = &world->streams[number];
    GPtrArray *queue = world->queue[primary][number];
    Frame *whole = frame_new(spec);
    uint32_t size = whole->len - 14 - (spec->ipv6 ? 40 : 20);

    if (!stream->fragments || size < 64 || below(world, 2)) {
        g_ptr_array_add(queue, whole);
        return;
    }
    /* As stacks count: two datagrams on their way at once never share a number. */
    uint32_t id = world->fragment_id++ & 0xffff;
    for (uint32_t at = 0; at < size;) {
        uint32_t part = at_most(size - at, 8 * (1 + below(world, 40)));
        g_ptr_array_add(queue, frame_fragment(whole, id, at, part, at + part < size));
        at += part;
    }
    g_byte_array_unref(whole);
}

/* Options that two guests may set differently: timestamps, and SACK where there is one. */
static void add_options(World *world, FrameSpec *spec, uint8_t options[40])
{
    uint8_t at = 0;

    memcpy(options, (uint8_t[]){ 1, 1, 8, 10 }, 4);
    store_be32(options + 4, g_rand_int(world->rand));
    store_be32(options + 8, g_rand_int(world->rand));
    at = 12;
    if (below(world, 4) == 0) {
        memcpy(options + at, (uint8_t[]){ 1, 1, 5, 10 }, 4);
        store_be32(options + at + 4, spec->ack + 1000);
        store_be32(options + at + 8, spec->ack + 2000);
        at += 12;
    }
    spec->options = options;
    spec->options_size = at;
}

/* The positions [from, to) behind the SYN; the FIN goes with the last byte or alone. */
static void push_segment(World *world, bool primary, unsigned number, uint32_t from, uint32_t to,
                         uint8_t flags)
{
    const Stream *stream = &world->streams[number];
    FrameSpec spec = stream->spec;
    uint8_t options[40];

    spec.sequence = stream->initial[1] + 1 + from;
    spec.ack = stream->ack_base + (uint64_t)stream->ack_size * from / stream->size;
    spec.flags = TCP_ACK | flags;
    spec.window = g_rand_int(world->rand);
    spec.ip_id = g_rand_int(world->rand);
    spec.payload = stream->bytes + from;
    spec.payload_size = to - from;
    add_options(world, &spec, options);
    push_frame(world, primary, number, &spec);
}

static void push_syn(World *world, bool primary, unsigned number)
{
    static const uint8_t options[] = { 2, 4, 5, 180, 1, 3, 3, 7 };
    const Stream *stream = &world->streams[number];
    FrameSpec spec = stream->spec;

    spec.sequence = stream->initial[primary];
    spec.ack = stream->ack_base;
    spec.flags = TCP_SYN | TCP_ACK;
    spec.options = options;
    spec.options_size = sizeof(options);
    push_frame(world, primary, number, &spec);
}

static void push_last(World *world, bool primary, unsigned number)
{
    const Stream *stream = &world->streams[number];
    FrameSpec spec = stream->spec;

    spec.sequence = stream->initial[1] + 2 + stream->size;
    spec.ack = stream->ack_base + stream->ack_size;
    spec.flags = TCP_ACK;
    push_frame(world, primary, number, &spec);
}

static void reorder(World *world, GPtrArray *queue, unsigned first)
{
    for (unsigned i = first; i + 1 < queue->len; i++) {
        if (below(world, 4) == 0) {
            unsigned other = at_most(queue->len - 1, i + 1 + below(world, 6));
            gpointer frame = queue->pdata[i];
            queue->pdata[i] = queue->pdata[other];
            queue->pdata[other] = frame;
        }
    }
}

static void make_side(World *world, bool primary, unsigned number)
{
    const Stream *stream = &world->streams[number];
    GPtrArray *queue = world->queue[primary][number];
    uint32_t largest = 1 + below(world, 600);

    push_syn(world, primary, number);
    if (below(world, 3) == 0) {
        push_syn(world, primary, number);
    }
    unsigned first = queue->len;
    for (uint32_t at = 0; at < stream->size;) {
        uint32_t next = at_most(stream->size, at + 1 + below(world, largest));
        bool fin = next == stream->size && below(world, 2);
        push_segment(world, primary, number, at, next, TCP_PSH * below(world, 2) | TCP_FIN * fin);
        if (below(world, 5) == 0) { /* some of it once more, cut otherwise */
            uint32_t from = below(world, next);
            push_segment(world, primary, number, from, from + 1 + below(world, next - from), 0);
        }
        if (below(world, 5) == 0) { /* a pure ACK */
            push_segment(world, primary, number, next, next, 0);
        }
        if (next == stream->size && !fin) {
            push_segment(world, primary, number, next, next, TCP_FIN);
        }
        at = next;
    }
    reorder(world, queue, first);
    push_last(world, primary, number);
}

/* ---- the client ---- */

/* Has the frame the byte that the two sides disagree about? Whole segments only. */
static bool has_changed_byte(const World *world, const Packet *packet)
{
    const Stream *stream = &world->streams[world->changed_stream];
    uint32_t position = stream->initial[1] + 1 + world->changed;

    return packet->kind == PACKET_TCP && packet->source_port == stream->spec.source_port &&
           !(packet->tcp.flags & TCP_SYN) && position - packet->tcp.sequence < packet->payload_size;
}

/* What a card has made of it. */
static void on_wire(const NetFrame *frame, void *opaque)
{
    World *world = opaque;
    Packet packet;
    uint8_t data[8192];
    size_t size = net_frame_copy(frame, 0, data, sizeof(data));

    g_assert_cmpint(packet_parse(&packet, data, size), ==, PACKET_OK);
    if (packet.kind == PACKET_TCP) {
        g_assert_cmphex(load_be16(data + packet.transport_offset + TCP_CHECKSUM), ==,
                        checksum_transport(&packet, TCP_CHECKSUM));
    }
    world->bad = world->bad || (world->changed != UINT32_MAX && has_changed_byte(world, &packet));
}

static void on_release(const NetFrame *frame, void *opaque)
{
    World *world = opaque;

    world->received++;
    g_assert_true(net_offload_resolve(frame, 0, on_wire, world));
}

static void on_ask(CheckpointReason reason, void *opaque)
{
    ((World *)opaque)->asked++;
}

/* ---- one round ---- */

static void make_stream(World *world, unsigned number, bool fragments)
{
    Stream *stream = &world->streams[number];
    bool wraps = below(world, 2);

    stream->spec = (FrameSpec){ .ipv6 = number % 2,
                                .vlan = fragments || below(world, 2) ? 0 : 1 + below(world, 4000),
                                .protocol = PROTOCOL_TCP,
                                .source = 1,
                                .destination = 2,
                                .source_port = 80 + number,
                                .destination_port = 1024 + below(world, 60000) };
    stream->fragments = fragments;
    stream->size = 1 + below(world, 6000);
    stream->initial[0] = g_rand_int(world->rand);
    stream->initial[1] = wraps ? -below(world, 6000) : g_rand_int(world->rand);
    stream->ack_base = wraps ? -below(world, 6000) : g_rand_int(world->rand);
    stream->ack_size = below(world, 9000);
    stream->bytes = g_malloc(stream->size);
    for (uint32_t i = 0; i < stream->size; i++) {
        stream->bytes[i] = g_rand_int(world->rand);
    }
}

static void world_init(World *world, uint32_t seed, bool fragments)
{
    static const ComparatorOps ops = { on_release, on_ask };
    static const ComparatorConfig config = {
        .connections = 100, .queue_frames = 100000, .held_bytes = 1 << 30, .timeout = 1000000
    };

    *world = (World){ .rand = g_rand_new_with_seed(seed), .changed = UINT32_MAX };
    world->comparator = comparator_new(&config, &ops, world);
    comparator_set_running(world->comparator, true);
    for (unsigned number = 0; number < CONNECTIONS; number++) {
        make_stream(world, number, fragments);
        for (unsigned side = 0; side < 2; side++) {
            world->queue[side][number] =
                g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
        }
    }
}

static void world_clear(World *world)
{
    comparator_free(world->comparator);
    for (unsigned number = 0; number < CONNECTIONS; number++) {
        g_free(world->streams[number].bytes);
        g_ptr_array_unref(world->queue[0][number]);
        g_ptr_array_unref(world->queue[1][number]);
    }
    g_rand_free(world->rand);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

/* May a card have to cut this frame? */
static VnetHeader random_header(World *world, const Frame *frame)
{
    Packet packet = frame_parse(frame);

    if (packet.kind != PACKET_TCP || packet.payload_size < 2 || below(world, 2)) {
        return (VnetHeader){ 0 };
    }
    return (VnetHeader){ .flags = VNET_FLAG_NEEDS_CHECKSUM,
                         .gso_type = packet.ip_version == 4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6,
                         .gso_size = 1 + below(world, packet.payload_size),
                         .checksum_start = packet.transport_offset,
                         .checksum_offset = TCP_CHECKSUM };
}

/* The next frames of one side, from any connection, in one to three pieces each. */
static void send_some(World *world, bool primary, unsigned at[2][CONNECTIONS])
{
    NetFrame frames[40];
    struct iovec iov[40][2];
    unsigned count = 0;

    for (unsigned i = 1 + below(world, 40); i > 0; i--) {
        unsigned number = below(world, CONNECTIONS);
        GPtrArray *queue = world->queue[primary][number];
        if (at[primary][number] == queue->len) {
            continue;
        }
        const Frame *frame = queue->pdata[at[primary][number]++];
        uint32_t split = below(world, frame->len);
        bool pieces = below(world, 3) == 0;
        iov[count][0] = (struct iovec){ frame->data, pieces ? split : frame->len };
        iov[count][1] = (struct iovec){ frame->data + split, frame->len - split };
        frames[count] = (NetFrame){ .header = random_header(world, frame),
                                    .iov = iov[count],
                                    .iov_count = pieces ? 2 : 1 };
        count++;
    }
    if (primary) {
        world->sent += count;
        comparator_primary_frames(world->comparator, frames, count, 0);
    } else {
        comparator_secondary_frames(world->comparator, frames, count, 0);
    }
}

static bool is_done(const World *world, unsigned at[2][CONNECTIONS])
{
    for (unsigned i = 0; i < 2 * CONNECTIONS; i++) {
        if (at[i % 2][i / 2] < world->queue[i % 2][i / 2]->len) {
            return false;
        }
    }
    return true;
}

static void run(World *world)
{
    unsigned at[2][CONNECTIONS] = { 0 };

    while (!is_done(world, at)) {
        send_some(world, below(world, 2), at);
    }
}

/* ---- tests ---- */

/* COLO_TEST_SEED repeats a run; each round has a seed of its own that failures name. */
static uint32_t first_seed(void)
{
    const char *text = g_getenv("COLO_TEST_SEED");
    uint32_t seed = FIRST_SEED;

    if (text) {
        seed = strcmp(text, "random") ? (uint32_t)g_ascii_strtoull(text, NULL, 0) : g_random_int();
    }

    g_test_message("COLO_TEST_SEED=%u", seed);
    return seed;
}

static void check(bool condition, uint32_t seed, const char *what)
{
    if (!condition) {
        g_error("%s; repeat it with COLO_TEST_SEED=%u", what, seed);
    }
}

static void same_streams(bool fragments)
{
    uint32_t seed = first_seed();
    uint64_t cut = 0;

    for (unsigned round = 0; round < ROUNDS; round++, seed++) {
        g_auto(World) world;
        world_init(&world, seed, fragments);
        for (unsigned number = 0; number < CONNECTIONS; number++) {
            make_side(&world, true, number);
            make_side(&world, false, number);
        }
        run(&world);
        ComparatorStatistics statistics = comparator_statistics(world.comparator);
        check(world.asked == 0, seed, "equal streams asked for a checkpoint");
        check(world.received == world.sent + statistics.cut, seed, "not every frame has left");
        cut += statistics.cut;
        check(statistics.held_frames == 0, seed, "frames are held");
        check(statistics.held_bytes == 0, seed, "bytes are held");
        check(statistics.dropped == 0, seed, "frames were dropped");
        check(statistics.refused == 0, seed, "frames were refused");
    }
    g_assert_cmpuint(cut, >, ROUNDS);
}

static void changed_streams(bool fragments)
{
    uint32_t seed = first_seed();

    for (unsigned round = 0; round < ROUNDS; round++, seed++) {
        g_auto(World) world;
        world_init(&world, seed, fragments);
        world.changed_stream = below(&world, CONNECTIONS);
        for (unsigned number = 0; number < CONNECTIONS; number++) {
            Stream *stream = &world.streams[number];
            make_side(&world, true, number);
            if (number == world.changed_stream) {
                world.changed = below(&world, stream->size);
                stream->bytes[world.changed] ^= 1 << below(&world, 8);
            }
            make_side(&world, false, number);
        }
        run(&world);
        check(world.asked == 1, seed, "a changed byte did not ask for a checkpoint");
        check(!world.bad, seed, "the changed byte has left");
        world.changed = UINT32_MAX; /* a checkpoint may let it out */
        comparator_checkpoint(world.comparator);
        ComparatorStatistics statistics = comparator_statistics(world.comparator);
        check(world.received == world.sent + statistics.cut, seed,
              "not every frame left with the checkpoint");
        check(statistics.held_bytes == 0, seed, "bytes are held");
    }
}

static void test_same(void)
{
    same_streams(false);
}

static void test_same_fragments(void)
{
    same_streams(true);
}

static void test_changed(void)
{
    changed_streams(false);
}

static void test_changed_fragments(void)
{
    changed_streams(true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/compare-streams/same", test_same);
    g_test_add_func("/net/compare-streams/same-fragments", test_same_fragments);
    g_test_add_func("/net/compare-streams/changed", test_changed);
    g_test_add_func("/net/compare-streams/changed-fragments", test_changed_fragments);
    return g_test_run();
}
