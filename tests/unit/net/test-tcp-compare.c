/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The stream comparison: single rules, then random segmentations of one stream. */
#include <string.h>

#include "frame.h"
#include "net/tcp-compare.h"

#define LIMIT 1000

typedef struct Bench {
    TcpStream stream;
    HeldFrames frames[2]; /* of the secondary and the primary */
    GPtrArray *released;  /* Frame */
    unsigned dropped;
} Bench;

/* What has left: the packet and its bytes. */
typedef struct Frame {
    Packet packet;
    uint8_t data[];
} Frame;

static void note_released(Bench *bench, const Packet *packet)
{
    Frame *frame = g_malloc(sizeof(*frame) + packet->size);

    memcpy(frame->data, packet->frame, packet->size);
    frame->packet = *packet;
    frame->packet.frame = frame->data;
    g_ptr_array_add(bench->released, frame);
}

static void on_release(HeldFrame *frame, void *opaque)
{
    note_released(opaque, &frame->packet);
    held_frame_free(frame);
}

static Bench bench_new(void)
{
    return (Bench){ .released = g_ptr_array_new_with_free_func(g_free) };
}

/* Nothing is kept that is in no queue. */
static void assert_counts(const Bench *bench)
{
    g_assert_cmpuint(bench->frames[1].count, ==, bench->stream.primary.length);
    g_assert_cmpuint(bench->frames[0].count, >=, bench->stream.secondary.length);
    g_assert_cmpuint(bench->frames[0].count, <=, bench->stream.secondary.length + 1);
}

static void bench_clear(Bench *bench)
{
    assert_counts(bench);
    tcp_stream_clear(&bench->stream);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpuint(bench->frames[i].count, ==, 0);
        g_assert_cmpuint(bench->frames[i].bytes, ==, 0);
        held_frames_clear(&bench->frames[i]);
    }
    g_ptr_array_unref(bench->released);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

typedef struct Cut {
    uint32_t sequence, ack;
    uint8_t flags;
    const void *data;
    uint32_t size;
    const uint8_t *options;
    uint8_t options_size;
} Cut;

static TcpVerdict send_cut(Bench *bench, bool primary, const Cut *cut, unsigned limit)
{
    FrameSpec spec = { .protocol = PROTOCOL_TCP,
                       .source = 1,
                       .destination = 2,
                       .source_port = 80,
                       .destination_port = 999,
                       .sequence = cut->sequence,
                       .ack = cut->ack,
                       .flags = cut->flags,
                       .payload = cut->data,
                       .payload_size = cut->size,
                       .window = primary ? 100 : 200,
                       .ip_id = primary ? 1 : 2,
                       .options = cut->options,
                       .options_size = cut->options_size };
    g_autoptr(GByteArray) frame = frame_new(&spec);
    ArrivedFrame arrived = { .frames = &bench->frames[primary], .packet = frame_parse(frame) };
    TcpContext context = { .limit = limit, .release = on_release, .opaque = bench };

    TcpVerdict verdict = primary ? tcp_stream_primary(&bench->stream, &arrived, &context)
                                 : tcp_stream_secondary(&bench->stream, &arrived, &context);
    if (verdict == TCP_GOES) {
        g_assert_true(primary);
        note_released(bench, &arrived.packet);
        verdict = TCP_AGREES;
    }
    bench->dropped += context.dropped;
    return verdict;
}

/* As the comparator does it: the frames go, then the stream finds out. */
static void checkpoint(Bench *bench)
{
    while (bench->frames[1].oldest) {
        on_release(bench->frames[1].oldest, bench);
    }
    while (bench->frames[0].oldest) {
        held_frame_free(bench->frames[0].oldest);
    }
    tcp_stream_refresh(&bench->stream, bench->stream.epoch + 1);
}

/* Most segments of these tests are text at a position with ACK 50. */
static TcpVerdict text(Bench *bench, bool primary, uint32_t sequence, const char *data)
{
    Cut cut = {
        .sequence = sequence, .ack = 50, .flags = TCP_ACK, .data = data, .size = strlen(data)
    };
    return send_cut(bench, primary, &cut, LIMIT);
}

static TcpVerdict control(Bench *bench, bool primary, uint32_t sequence, uint32_t ack,
                          uint8_t flags)
{
    Cut cut = { .sequence = sequence, .ack = ack, .flags = flags };
    return send_cut(bench, primary, &cut, LIMIT);
}

static void test_segmentation(void)
{
    g_auto(Bench) b = bench_new();

    g_assert_cmpint(text(&b, true, 100, "abcdef"), ==, TCP_AGREES);
    g_assert_cmpint(text(&b, false, 100, "ab"), ==, TCP_AGREES);
    g_assert_cmpuint(b.released->len, ==, 0);
    g_assert_cmpint(text(&b, false, 102, "cdefgh"), ==, TCP_AGREES);
    g_assert_cmpuint(b.released->len, ==, 1);
    g_assert_cmpint(text(&b, true, 106, "gh"), ==, TCP_AGREES);
    g_assert_cmpint(text(&b, true, 100, "abcdefgh"), ==, TCP_AGREES); /* retransmission */
    g_assert_cmpuint(b.released->len, ==, 3);
    g_assert_cmpuint(b.stream.secondary.length, ==, 0);
}

/*
 * The secondary has sent all that it may before an ACK; the ACK needs the beginning of a primary's
 * segment that ends later. What repeats the beginning goes, or both would wait for ever.
 */
static void test_repetition_passes_longer_segment(void)
{
    g_auto(Bench) b = bench_new();

    text(&b, true, 100, "abcdefgh");
    text(&b, true, 108, "ij");
    text(&b, false, 100, "ab");
    g_assert_cmpuint(b.released->len, ==, 0);
    text(&b, true, 100, "abc");
    g_assert_cmpuint(b.released->len, ==, 0);
    text(&b, false, 102, "cd");
    g_assert_cmpuint(b.released->len, ==, 1);
    text(&b, true, 100, "abcd");
    g_assert_cmpuint(b.released->len, ==, 2);
    text(&b, false, 104, "efghij");
    g_assert_cmpuint(b.released->len, ==, 4);
}

static void test_difference(void)
{
    for (int first = 0; first < 2; first++) {
        g_auto(Bench) b = bench_new();
        g_assert_cmpint(text(&b, first, 100, "abcdef"), ==, TCP_AGREES);
        g_assert_cmpint(text(&b, !first, 98, "xxabcdeF"), ==, TCP_DIFFERS);
        g_assert_cmpuint(b.released->len, ==, 0);
    }
}

static void test_ack_rule(void)
{
    g_auto(Bench) b = bench_new();

    control(&b, true, 100, 70, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 0);
    control(&b, false, 100, 69, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 0);
    control(&b, false, 100, 71, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 1);
    control(&b, true, 100, 71, TCP_ACK);
    control(&b, true, 100, 72, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 2);
}

static void test_fin(void)
{
    g_auto(Bench) alone = bench_new();
    text(&alone, true, 100, "ab");
    control(&alone, true, 102, 50, TCP_ACK | TCP_FIN);
    text(&alone, false, 100, "ab");
    g_assert_cmpuint(alone.released->len, ==, 1);
    Cut with_data = {
        .sequence = 100, .ack = 50, .flags = TCP_ACK | TCP_FIN, .data = "ab", .size = 2
    };
    g_assert_cmpint(send_cut(&alone, false, &with_data, LIMIT), ==, TCP_AGREES);
    g_assert_cmpuint(alone.released->len, ==, 2);

    for (int side = 0; side < 2; side++) {
        g_auto(Bench) b = bench_new();
        send_cut(&b, side, &with_data, LIMIT);
        g_assert_cmpint(text(&b, !side, 100, "abc"), ==, TCP_DIFFERS);
    }
}

static void test_reset(void)
{
    g_auto(Bench) b = bench_new();

    control(&b, false, 100, 50, TCP_ACK);
    control(&b, true, 100, 50, TCP_ACK | TCP_RST);
    g_assert_cmpuint(b.released->len, ==, 0);
    control(&b, false, 101, 50, TCP_ACK | TCP_RST);
    g_assert_cmpuint(b.released->len, ==, 0);
    control(&b, false, 100, 50, TCP_ACK | TCP_RST);
    g_assert_cmpuint(b.released->len, ==, 1);
}

/* ---- SYNs ---- */

static const uint8_t mss[] = { 2, 4, 5, 180 }, other_mss[] = { 2, 4, 5, 181 };

/* What a guest says to a client's SYN with number 49 (or of its own accord, @flags without ACK). */
static TcpVerdict syn(Bench *bench, bool primary, uint32_t sequence, uint32_t ack, uint8_t flags)
{
    Cut cut = { .sequence = sequence,
                .ack = flags & TCP_ACK ? ack : 0,
                .flags = TCP_SYN | flags,
                .options = mss,
                .options_size = 4 };
    return send_cut(bench, primary, &cut, LIMIT);
}

static void test_syn_same_number(void)
{
    g_auto(Bench) b = bench_new();
    Cut other = { .sequence = 90000,
                  .ack = 50,
                  .flags = TCP_SYN | TCP_ACK,
                  .options = other_mss,
                  .options_size = 4 };

    syn(&b, true, 100, 50, TCP_ACK);
    g_assert_cmpint(syn(&b, false, 100, 50, TCP_ACK), ==, TCP_AGREES);
    g_assert_cmpuint(b.released->len, ==, 1);
    syn(&b, true, 90000, 50, TCP_ACK); /* a new connection between the same ends */
    g_assert_cmpuint(b.released->len, ==, 1);
    g_assert_cmpint(send_cut(&b, false, &other, LIMIT), ==, TCP_DIFFERS);
    g_assert_cmpuint(b.released->len, ==, 1);
}

/* Each guest has its own number, in both orders, for passive and active opens. */
static void test_syn_pairs(void)
{
    for (unsigned variant = 0; variant < 4; variant++) {
        bool first = variant & 1;
        uint8_t flags = variant & 2 ? TCP_ACK : 0;
        g_auto(Bench) b = bench_new();
        uint32_t number[2] = { 0x90000000, 100 };

        syn(&b, first, number[first], 50, flags);
        g_assert_cmpuint(b.released->len, ==, 0);
        g_assert_cmpint(syn(&b, !first, number[!first], 50, flags), ==, TCP_AGREES);
        g_assert_cmpuint(b.released->len, ==, 1);
        syn(&b, true, number[1], 50, flags); /* repetitions */
        g_assert_cmpuint(b.released->len, ==, 2);
        g_assert_cmpint(syn(&b, false, number[0], 50, flags), ==, TCP_AGREES);
        g_assert_cmpint(syn(&b, false, number[1], 50, flags), ==, TCP_AGREES); /* translated */
        g_assert_cmpuint(b.stream.secondary.length, ==, 0);
        text(&b, true, 101, "hello"); /* all that follows is translated */
        text(&b, false, 101, "hello");
        g_assert_cmpuint(b.released->len, ==, 3);
        g_assert_cmpint(text(&b, false, 106, "x"), ==, TCP_AGREES);
        g_assert_cmpint(text(&b, true, 106, "y"), ==, TCP_DIFFERS);
    }
}

static void test_syn_of_another_opening(void)
{
    g_auto(Bench) b = bench_new();

    syn(&b, true, 100, 50, TCP_ACK);
    g_assert_cmpint(syn(&b, false, 7000, 51, TCP_ACK), ==, TCP_AGREES); /* another client SYN */
    g_assert_cmpint(syn(&b, false, 7000, 0, 0), ==, TCP_AGREES);        /* the guest's own */
    g_assert_cmpuint(b.released->len, ==, 0);
    g_assert_cmpuint(b.frames[0].count, ==, 1); /* only the last is remembered */
    syn(&b, false, 8000, 50, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 1);
    g_assert_cmpuint(b.frames[0].count, ==, 0);
}

static void test_syn_other_options(void)
{
    for (int first = 0; first < 2; first++) {
        g_auto(Bench) b = bench_new();
        Cut cut = { .sequence = 7000,
                    .ack = 50,
                    .flags = TCP_SYN | TCP_ACK,
                    .options = other_mss,
                    .options_size = 4 };
        if (first) {
            syn(&b, true, 100, 50, TCP_ACK);
            g_assert_cmpint(send_cut(&b, false, &cut, LIMIT), ==, TCP_DIFFERS);
        } else {
            send_cut(&b, false, &cut, LIMIT);
            g_assert_cmpint(syn(&b, true, 100, 50, TCP_ACK), ==, TCP_DIFFERS);
        }
        g_assert_cmpuint(b.released->len, ==, 0);
    }
}

/* One answers the client's SYN, the other refuses it. */
static void test_syn_refused(void)
{
    for (int side = 0; side < 2; side++) {
        for (int first = 0; first < 2; first++) {
            g_auto(Bench) b = bench_new();
            if (first) {
                syn(&b, side, 100, 50, TCP_ACK);
                g_assert_cmpint(control(&b, !side, 0, 50, TCP_RST | TCP_ACK), ==, TCP_DIFFERS);
            } else {
                control(&b, !side, 0, 50, TCP_RST | TCP_ACK);
                syn(&b, side, 100, 50, TCP_ACK);
            }
            g_assert_cmpuint(b.released->len, ==, 0);
        }
    }
}

/* The client uses the four numbers again while the primary, or the secondary, is behind. */
static void test_syn_reuse(void)
{
    g_auto(Bench) b = bench_new();

    syn(&b, true, 100, 50, TCP_ACK);
    syn(&b, false, 7000, 50, TCP_ACK);
    text(&b, true, 101, "old");
    text(&b, false, 101, "old");
    g_assert_cmpuint(b.released->len, ==, 2);

    /* the secondary is ahead: what the primary still says belongs to the old connection */
    control(&b, false, 104, 50, TCP_FIN | TCP_ACK);
    syn(&b, false, 9000, 800, TCP_ACK);
    control(&b, true, 104, 50, TCP_FIN | TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 3);
    syn(&b, true, 300, 800, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 4);
    Cut cut = { .sequence = 301, .ack = 800, .flags = TCP_ACK, .data = "new", .size = 3 };
    send_cut(&b, true, &cut, LIMIT);
    send_cut(&b, false, &cut, LIMIT);
    g_assert_cmpuint(b.released->len, ==, 5);

    /* the primary is ahead, with something held that nobody waits for any more */
    control(&b, true, 304, 801, TCP_ACK);
    syn(&b, true, 500, 2000, TCP_ACK);
    g_assert_cmpuint(b.dropped, ==, 1);
    control(&b, false, 304, 5000, TCP_ACK); /* the secondary's last word on the old one */
    g_assert_cmpint(text(&b, false, 501, "zzz"), ==, TCP_AGREES);
    g_assert_cmpuint(b.released->len, ==, 5);
    syn(&b, false, 12345, 2000, TCP_ACK);
    g_assert_cmpuint(b.released->len, ==, 6);
    g_assert_false(b.stream.has_secondary_ack && b.stream.secondary_ack != 2000);
}

static void test_syn_and_checkpoint(void)
{
    g_auto(Bench) b = bench_new();

    syn(&b, false, 7000, 50, TCP_ACK);
    syn(&b, true, 100, 50, TCP_ACK);
    syn(&b, false, 9000, 60, TCP_ACK); /* is forgotten */
    checkpoint(&b);
    syn(&b, false, 100, 50, TCP_ACK); /* the secondary has the primary's number now */
    syn(&b, true, 100, 50, TCP_ACK);
    text(&b, true, 101, "hello");
    text(&b, false, 101, "hello");
    g_assert_cmpuint(b.released->len, ==, 3);
    g_assert_cmpuint(b.frames[0].count, ==, 0);

    g_auto(Bench) unpaired = bench_new(); /* released by the checkpoint itself */
    syn(&unpaired, true, 100, 50, TCP_ACK);
    checkpoint(&unpaired);
    g_assert_cmpuint(unpaired.released->len, ==, 1);
    text(&unpaired, false, 101, "hello");
    text(&unpaired, true, 101, "hello");
    g_assert_cmpuint(unpaired.released->len, ==, 2);
}

static void test_reset_behind_syn(void)
{
    g_auto(Bench) b = bench_new();

    syn(&b, true, 100, 50, TCP_ACK);
    syn(&b, false, 7000, 50, TCP_ACK);
    control(&b, true, 101, 50, TCP_RST);
    g_assert_cmpuint(b.released->len, ==, 1);
    control(&b, false, 7001, 50, TCP_RST); /* not translated: the client has said nothing yet */
    g_assert_cmpuint(b.released->len, ==, 2);
}

/* Several stale segments get an answer each. */
static void test_several_resets(void)
{
    g_auto(Bench) b = bench_new();

    for (unsigned i = 0; i < 8; i++) {
        control(&b, false, 1000 * i, 0, TCP_RST);
    }
    for (unsigned i = 0; i < 8; i++) {
        control(&b, true, 1000 * i, 0, TCP_RST);
    }
    g_assert_cmpuint(b.released->len, ==, 8);
    control(&b, true, 5, 0, TCP_RST);
    g_assert_cmpuint(b.released->len, ==, 8);
}

static void test_checkpoint(void)
{
    g_auto(Bench) b = bench_new();

    control(&b, false, 100, 50, TCP_ACK);
    text(&b, true, 100, "abc");
    text(&b, true, 103, "def");
    text(&b, false, 120, "later");
    checkpoint(&b);
    g_assert_cmpuint(b.released->len, ==, 2);
    g_assert_cmpuint(b.stream.secondary.length, ==, 0);
    text(&b, true, 103, "def"); /* what was sent before is common knowledge now */
    g_assert_cmpuint(b.released->len, ==, 3);
    text(&b, true, 106, "g");
    g_assert_cmpuint(b.released->len, ==, 3);
    text(&b, false, 103, "defg");
    g_assert_cmpuint(b.released->len, ==, 4);
}

static void test_bounds(void)
{
    for (int side = 0; side < 2; side++) {
        g_auto(Bench) b = bench_new();
        Cut cut = { .ack = 50, .flags = TCP_ACK, .data = "x", .size = 1 };
        for (cut.sequence = 0; cut.sequence < 20; cut.sequence += 2) {
            g_assert_cmpint(send_cut(&b, side, &cut, 10), ==, TCP_AGREES);
        }
        g_assert_cmpint(send_cut(&b, side, &cut, 10), ==, TCP_QUEUE_FULL);
        g_assert_cmpuint(side ? b.stream.primary.length : b.stream.secondary.length, ==, 10);
    }
}

/* Positions run past 2^32 and 2^31 bytes long without the sets growing or forgetting the end. */
static void test_set_wraps(void)
{
    SequenceSet set = { 0 };
    uint32_t position = UINT32_MAX - 5;

    for (unsigned i = 0; i < 70000; i++) {
        sequence_set_add(&set, position, position + 65000);
        position += 65000;
        g_assert_cmpuint(set.count, ==, 1);
        g_assert_true(sequence_set_covers(&set, position - 65000, position));
        g_assert_false(sequence_set_covers(&set, position - 1, position + 1));
    }
    for (unsigned i = 0; i < 100; i++) {
        sequence_set_add(&set, position + 10 * i + 5, position + 10 * i + 7);
    }
    g_assert_cmpuint(set.count, ==, SEQUENCE_SET_RANGES);
    g_assert_true(sequence_set_covers(&set, position + 995, position + 997));
    g_assert_false(sequence_set_covers(&set, position + 5, position + 7));
    sequence_set_add(&set, position, position + 2000); /* all of them become one again */
    g_assert_cmpuint(set.count, ==, 1);
    g_assert_null(set.many);
}

/* --- random segmentations --- */

typedef struct Stream {
    uint8_t *bytes;
    uint32_t size;    /* without SYN and FIN */
    uint32_t initial; /* position of the SYN */
    uint32_t ack_base, ack_size;
    bool open; /* begins with a SYN, ends with a FIN */
} Stream;

/* The positions [from, to) behind the SYN; the FIN goes with the last. */
static Cut cut_at(const Stream *stream, uint32_t from, uint32_t to, uint32_t ack)
{
    bool fin = stream->open && to == stream->size;

    return (Cut){ .sequence = stream->initial + 1 + from,
                  .ack = stream->ack_base + ack,
                  .flags = TCP_ACK | (fin ? TCP_FIN : 0),
                  .data = stream->bytes + from,
                  .size = to - from };
}

static void shuffle_near(GRand *rand, GArray *cuts, unsigned first)
{
    for (unsigned i = first; i + 1 < cuts->len; i++) {
        if (g_rand_int_range(rand, 0, 3) == 0) {
            unsigned other = i + g_rand_int_range(rand, 1, 5);
            other = MIN(cuts->len - 1, other);
            Cut cut = g_array_index(cuts, Cut, i);
            g_array_index(cuts, Cut, i) = g_array_index(cuts, Cut, other);
            g_array_index(cuts, Cut, other) = cut;
        }
    }
}

static GArray *random_cuts(GRand *rand, const Stream *stream)
{
    GArray *cuts = g_array_new(false, false, sizeof(Cut));
    uint32_t at = 0;

    if (stream->open) {
        Cut syn = { .sequence = stream->initial,
                    .ack = stream->ack_base,
                    .flags = TCP_SYN | TCP_ACK };
        g_array_append_val(cuts, syn);
    }
    while (at < stream->size) {
        uint32_t ack = (uint64_t)stream->ack_size * at / stream->size;
        uint32_t length = g_rand_int_range(rand, 1, 200);
        uint32_t next = MIN(stream->size, at + length);
        Cut cut = cut_at(stream, at, next, ack);
        g_array_append_val(cuts, cut);
        if (g_rand_int_range(rand, 0, 4) == 0) { /* some of it once more, cut otherwise */
            uint32_t from = g_rand_int(rand) % next;
            Cut again = cut_at(stream, from, from + 1 + g_rand_int(rand) % (next - from), ack);
            g_array_append_val(cuts, again);
        }
        if (g_rand_int_range(rand, 0, 4) == 0) {
            Cut pure = { .sequence = stream->initial + 1 + next,
                         .ack = stream->ack_base + ack,
                         .flags = TCP_ACK };
            g_array_append_val(cuts, pure);
        }
        at = next;
    }
    shuffle_near(rand, cuts, stream->open);
    Cut last = { .sequence = stream->initial + 1 + stream->size + stream->open,
                 .ack = stream->ack_base + stream->ack_size,
                 .flags = TCP_ACK };
    g_array_append_val(cuts, last);
    return cuts;
}

/* Send both sides' segments, interleaved at random. False when a difference was found. */
static bool run(GRand *rand, Bench *bench, const Stream *primary, const Stream *secondary,
                unsigned *sent)
{
    g_autoptr(GArray) secondary_cuts = random_cuts(rand, secondary);
    g_autoptr(GArray) primary_cuts = random_cuts(rand, primary);
    GArray *cuts[2] = { secondary_cuts, primary_cuts };
    unsigned at[2] = { 0, 0 };
    uint32_t secondary_initial = g_rand_int(rand);
    bool agrees = true;

    while (at[0] < cuts[0]->len || at[1] < cuts[1]->len) {
        bool side = g_rand_boolean(rand);
        side = at[side] < cuts[side]->len ? side : !side;
        Cut cut = g_array_index(cuts[side], Cut, at[side]++);
        if (!side && (cut.flags & TCP_SYN)) { /* the one thing that comes with its own number */
            cut.sequence = secondary_initial;
        }
        TcpVerdict verdict = send_cut(bench, side, &cut, LIMIT);
        g_assert_cmpint(verdict, !=, TCP_QUEUE_FULL);
        agrees = agrees && verdict == TCP_AGREES;
        for (unsigned i = 0; i < bench->released->len; i++) {
            const Frame *frame = bench->released->pdata[i];
            g_assert_cmpint((int32_t)(frame->packet.tcp.ack - bench->stream.secondary_ack), <=, 0);
        }
    }
    *sent = cuts[1]->len;
    return agrees;
}

static Stream random_stream(GRand *rand)
{
    Stream stream = { .size = g_rand_int_range(rand, 1, 3000),
                      .initial = g_rand_int(rand),
                      .ack_base = g_rand_int(rand),
                      .ack_size = g_rand_int_range(rand, 0, 5000),
                      .open = g_rand_boolean(rand) };

    if (g_rand_boolean(rand)) { /* across the end of the sequence numbers */
        stream.initial = -g_rand_int_range(rand, 0, 3000);
        stream.ack_base = -g_rand_int_range(rand, 0, 3000);
    }
    stream.bytes = g_malloc(stream.size);
    for (uint32_t i = 0; i < stream.size; i++) {
        stream.bytes[i] = g_rand_int(rand);
    }
    return stream;
}

static void test_same_stream_always_matches(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(31);

    for (unsigned round = 0; round < 600; round++) {
        Stream stream = random_stream(rand);
        g_auto(Bench) b = bench_new();
        unsigned sent;
        g_assert_true(run(rand, &b, &stream, &stream, &sent));
        g_assert_cmpuint(b.released->len, ==, sent);
        g_assert_cmpuint(b.stream.primary.length, ==, 0);
        g_assert_cmpuint(b.stream.secondary.length, ==, 0);
        g_free(stream.bytes);
    }
}

static void test_changed_byte_never_passes(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(32);

    for (unsigned round = 0; round < 600; round++) {
        Stream stream = random_stream(rand);
        Stream changed = stream;
        g_autofree uint8_t *copy = g_memdup2(stream.bytes, stream.size);
        uint32_t at = g_rand_int(rand) % stream.size;
        changed.bytes = copy;
        copy[at] ^= 1 << g_rand_int_range(rand, 0, 8);
        g_auto(Bench) b = bench_new();
        unsigned sent;
        g_assert_false(run(rand, &b, &stream, &changed, &sent));
        for (unsigned i = 0; i < b.released->len; i++) {
            const Packet *packet = &((Frame *)b.released->pdata[i])->packet;
            uint32_t distance = stream.initial + 1 + at - packet->tcp.sequence;
            g_assert_false(distance < packet->payload_size);
        }
        g_free(stream.bytes);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/tcp-compare/segmentation", test_segmentation);
    g_test_add_func("/net/tcp-compare/repetition-passes-longer-segment",
                    test_repetition_passes_longer_segment);
    g_test_add_func("/net/tcp-compare/difference", test_difference);
    g_test_add_func("/net/tcp-compare/ack-rule", test_ack_rule);
    g_test_add_func("/net/tcp-compare/fin", test_fin);
    g_test_add_func("/net/tcp-compare/reset", test_reset);
    g_test_add_func("/net/tcp-compare/several-resets", test_several_resets);
    g_test_add_func("/net/tcp-compare/reset-behind-syn", test_reset_behind_syn);
    g_test_add_func("/net/tcp-compare/syn-same-number", test_syn_same_number);
    g_test_add_func("/net/tcp-compare/syn-pairs", test_syn_pairs);
    g_test_add_func("/net/tcp-compare/syn-of-another-opening", test_syn_of_another_opening);
    g_test_add_func("/net/tcp-compare/syn-other-options", test_syn_other_options);
    g_test_add_func("/net/tcp-compare/syn-refused", test_syn_refused);
    g_test_add_func("/net/tcp-compare/syn-reuse", test_syn_reuse);
    g_test_add_func("/net/tcp-compare/syn-and-checkpoint", test_syn_and_checkpoint);
    g_test_add_func("/net/tcp-compare/checkpoint", test_checkpoint);
    g_test_add_func("/net/tcp-compare/bounds", test_bounds);
    g_test_add_func("/net/tcp-compare/set-wraps", test_set_wraps);
    g_test_add_func("/net/tcp-compare/same-stream", test_same_stream_always_matches);
    g_test_add_func("/net/tcp-compare/changed-byte", test_changed_byte_never_passes);
    return g_test_run();
}
