/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator's core: which connection a frame belongs to, what is held, what goes out, and
 * when a checkpoint is needed.
 *
 * A checkpoint only counts an epoch up; each connection finds out by its next frame.
 */
#include "net/compare.h"

#include <string.h>

#include "net/connection.h"
#include "net/datagram-compare.h"
#include "net/epoch-gate.h"
#include "net/reassembly.h"
#include "net/tcp-compare.h"
#include "trace-net.h"

/* So many messages of one connection without a counterpart on both sides are no reordering. */
#define DATAGRAM_REORDER 8

#define GROUP_FRAMES 16 /* that wait for memory together */

#define REASSEMBLY_BYTES     (1024 * 1024)
#define REASSEMBLY_DATAGRAMS 64
#define REASSEMBLY_FRAGMENTS 128

/* The key says which of the two it is. */
typedef struct Connection {
    ConnectionEntry entry;
    union {
        struct {
            FrameQueue primary, secondary;
            uint32_t epoch;
        } messages;
        TcpStream tcp[2]; /* by direction */
    };
} Connection;

struct Comparator {
    ComparatorConfig config;
    ComparatorOps ops;
    void *opaque;
    bool running;
    bool asked; /* since the last checkpoint */
    uint32_t epoch;
    int64_t now;
    ConnectionTable *connections;
    HeldFrames primary_held, secondary_held;
    Reassembly *primary_fragments, *secondary_fragments;
    EpochGate primary_gate, secondary_gate;
    bool checkpoint_waits; /* for the primary's mark */
    bool alone;            /* there is no secondary */
    ComparatorStatistics statistics;
};

static void ask(Comparator *comparator, CheckpointReason reason)
{
    if (comparator->asked) {
        return;
    }
    comparator->asked = true;
    comparator->statistics.asked[reason]++;
    trace_comparator_ask(reason, comparator->primary_held.count);
    comparator->ops.checkpoint_needed(reason, comparator->opaque);
}

static size_t held_bytes(const Comparator *comparator)
{
    return comparator->primary_held.bytes + comparator->secondary_held.bytes;
}

/* --- on their way out --- */

static void emit(Comparator *comparator, const NetFrame *frame)
{
    comparator->statistics.released++;
    comparator->ops.release(frame, comparator->opaque);
}

static void emit_fragments(Comparator *comparator, const GPtrArray *fragments)
{
    for (unsigned i = 0; i < fragments->len; i++) {
        gsize size;
        const void *data = g_bytes_get_data(fragments->pdata[i], &size);
        struct iovec iov = { (void *)data, size };
        emit(comparator, &(NetFrame){ .iov = &iov, .iov_count = 1 });
    }
}

static void emit_held(Comparator *comparator, HeldFrame *held)
{
    struct iovec iov = { (void *)held->packet.frame, held->packet.size };

    if (held->fragments) {
        emit_fragments(comparator, held->fragments);
    } else {
        emit(comparator, &(NetFrame){ .header = held->header, .iov = &iov, .iov_count = 1 });
    }
}

static void release_matched(HeldFrame *held, void *opaque)
{
    Comparator *comparator = opaque;

    comparator->statistics.matched++;
    emit_held(comparator, held);
    held_frame_free(held);
}

static void release_part(const NetFrame *frame, void *opaque)
{
    Comparator *comparator = opaque;

    comparator->statistics.cut++;
    comparator->ops.release(frame, comparator->opaque);
}

/* --- connections --- */

/* What was held before the last checkpoint is gone already. */
static void refresh_messages(const Comparator *comparator, Connection *connection)
{
    if (connection->messages.epoch != comparator->epoch) {
        connection->messages.primary = connection->messages.secondary = (FrameQueue){ 0 };
        connection->messages.epoch = comparator->epoch;
    }
}

static TcpStream *refreshed_stream(const Comparator *comparator, Connection *connection, bool low)
{
    TcpStream *stream = &connection->tcp[low];

    if (stream->epoch != comparator->epoch) {
        tcp_stream_refresh(stream, comparator->epoch);
    }
    return stream;
}

/* What is held was never matched: it is lost, as in a network, and only a checkpoint helps. */
static void connection_removed(ConnectionEntry *entry, void *opaque)
{
    Comparator *comparator = opaque;
    Connection *connection = (Connection *)entry;
    unsigned held = comparator->primary_held.count;

    if (entry->key.protocol == PROTOCOL_TCP) {
        for (unsigned i = 0; i < 2; i++) {
            tcp_stream_clear(refreshed_stream(comparator, connection, i));
        }
    } else {
        refresh_messages(comparator, connection);
        frame_queue_clear(&connection->messages.primary);
        frame_queue_clear(&connection->messages.secondary);
    }
    held -= comparator->primary_held.count;
    comparator->statistics.dropped += held;
    if (held > 0 && comparator->running) {
        ask(comparator, CHECKPOINT_REASON_QUEUE_FULL);
    }
}

/* A frame that was understood, and the connection that it may belong to. */
typedef struct Arrival {
    ArrivedFrame frame;
    ConnectionLookup lookup; /* not for fragments */
    const NetFrame *original;
} Arrival;

static Connection *connection_of(Comparator *comparator, const Arrival *arrival)
{
    return (Connection *)connection_table_get_prepared(comparator->connections, &arrival->lookup);
}

static TcpStream *stream_of(Comparator *comparator, const Arrival *arrival)
{
    Connection *connection = connection_of(comparator, arrival);

    return refreshed_stream(comparator, connection,
                            connection_from_low(&connection->entry.key, &arrival->frame.packet));
}

static Connection *messages_of(Comparator *comparator, const Arrival *arrival)
{
    Connection *connection = connection_of(comparator, arrival);

    refresh_messages(comparator, connection);
    return connection;
}

/* --- one frame --- */

static bool has_room(const Comparator *comparator, const ArrivedFrame *arrived)
{
    return held_bytes(comparator) + arrived->packet.size <= comparator->config.held_bytes;
}

static TcpVerdict check_reordering(const Connection *connection)
{
    return connection->messages.primary.length >= DATAGRAM_REORDER &&
                   connection->messages.secondary.length >= DATAGRAM_REORDER
               ? TCP_DIFFERS
               : TCP_AGREES;
}

static TcpVerdict primary_message(Comparator *comparator, Arrival *arrival)
{
    ArrivedFrame *arrived = &arrival->frame;
    Connection *connection = messages_of(comparator, arrival);
    HeldFrame *other =
        datagram_find(&connection->messages.secondary, &arrived->packet, &arrived->header);

    if (other) {
        frame_queue_remove(&connection->messages.secondary, other);
        held_frame_free(other);
        return TCP_GOES;
    }
    if (connection->messages.primary.length >= comparator->config.queue_frames) {
        return TCP_QUEUE_FULL;
    }
    frame_queue_push(&connection->messages.primary, arrived_frame_keep(arrived));
    return check_reordering(connection);
}

static TcpVerdict secondary_message(Comparator *comparator, Arrival *arrival)
{
    ArrivedFrame *arrived = &arrival->frame;
    Connection *connection = messages_of(comparator, arrival);
    HeldFrame *other =
        datagram_find(&connection->messages.primary, &arrived->packet, &arrived->header);

    if (other) {
        frame_queue_remove(&connection->messages.primary, other);
        release_matched(other, comparator);
        return TCP_AGREES;
    }
    if (connection->messages.secondary.length >= comparator->config.queue_frames) {
        return TCP_QUEUE_FULL;
    }
    frame_queue_push(&connection->messages.secondary, arrived_frame_keep(arrived));
    return check_reordering(connection);
}

static TcpContext tcp_context(Comparator *comparator)
{
    return (TcpContext){ .limit = comparator->config.queue_frames,
                         .release = release_matched,
                         .release_part = comparator->config.whole ? NULL : release_part,
                         .opaque = comparator };
}

static void settle(Comparator *comparator, TcpVerdict verdict)
{
    if (verdict == TCP_QUEUE_FULL) {
        ask(comparator, CHECKPOINT_REASON_QUEUE_FULL);
    } else if (verdict == TCP_DIFFERS) {
        ask(comparator, CHECKPOINT_REASON_MISCOMPARE);
    }
}

static void ask_if_alone(Comparator *comparator)
{
    if (comparator->alone && comparator->primary_held.count > 0) {
        ask(comparator, CHECKPOINT_REASON_TIMEOUT);
    }
}

static void emit_at_once(Comparator *comparator, const Arrival *arrival)
{
    comparator->statistics.matched++;
    if (arrival->frame.fragments) {
        emit_fragments(comparator, arrival->frame.fragments);
    } else {
        emit(comparator, arrival->original);
    }
}

static void primary_arrived(Comparator *comparator, Arrival *arrival)
{
    TcpVerdict verdict = TCP_QUEUE_FULL;

    if (!has_room(comparator, &arrival->frame)) {
        comparator->statistics.dropped++;
        settle(comparator, verdict);
        return;
    }
    if (arrival->frame.packet.kind == PACKET_TCP) {
        TcpContext context = tcp_context(comparator);
        TcpStream *stream = stream_of(comparator, arrival);
        verdict = tcp_stream_primary(stream, &arrival->frame, &context);
        comparator->statistics.dropped += context.dropped;
    } else {
        verdict = primary_message(comparator, arrival);
    }
    if (verdict == TCP_GOES) {
        emit_at_once(comparator, arrival);
    }
    comparator->statistics.dropped += verdict == TCP_QUEUE_FULL;
    settle(comparator, verdict);
    ask_if_alone(comparator);
}

static void secondary_arrived(Comparator *comparator, Arrival *arrival)
{
    TcpVerdict verdict = TCP_QUEUE_FULL;

    if (has_room(comparator, &arrival->frame)) {
        TcpContext context = tcp_context(comparator);
        verdict =
            arrival->frame.packet.kind == PACKET_TCP
                ? tcp_stream_secondary(stream_of(comparator, arrival), &arrival->frame, &context)
                : secondary_message(comparator, arrival);
    }
    settle(comparator, verdict);
}

/* --- what it is --- */

static Packet opaque_packet(const uint8_t *frame, size_t size)
{
    return (Packet){ .frame = frame, .size = size, .payload_size = size };
}

/* Parse; a frame that is refused, or is too long to be one, counts as it is. */
static void understand(Comparator *comparator, Packet *packet, const uint8_t *frame, size_t size)
{
    PacketStatus status = packet_parse(packet, frame, size);

    if (status != PACKET_OK) {
        comparator->statistics.refused++;
        trace_comparator_refused(size, packet_status_text(status));
        *packet = opaque_packet(frame, size);
    }
}

/* A fragment with work left to do on it is none that could be put together. */
static void refuse_odd_fragment(Comparator *comparator, ArrivedFrame *arrived)
{
    Packet *packet = &arrived->packet;

    if (packet->kind == PACKET_FRAGMENT && !vnet_header_is_plain(&arrived->header)) {
        comparator->statistics.refused++;
        *packet = opaque_packet(packet->frame, packet->size);
    }
}

/* Understand @frame in place, or gather its pieces first. */
static void arrive(Comparator *comparator, HeldFrames *frames, const NetFrame *frame,
                   Arrival *arrival)
{
    ArrivedFrame *arrived = &arrival->frame;
    const uint8_t *data = frame->iov->iov_base;
    size_t size = frame->iov->iov_len;

    arrival->original = frame;
    arrived->frames = frames;
    arrived->header = frame->header;
    arrived->now = comparator->now;
    arrived->fragments = NULL;
    arrived->gathered = NULL;
    if (frame->iov_count != 1) {
        size = net_frame_size(frame);
        arrived->gathered = held_frame_alloc(frames, size);
        net_frame_copy(frame, 0, arrived->gathered->data, size);
        data = arrived->gathered->data;
    }
    understand(comparator, &arrived->packet, data, size);
    refuse_odd_fragment(comparator, arrived);
    if (arrived->packet.kind != PACKET_FRAGMENT) {
        arrival->lookup.key = connection_key(&arrived->packet);
    }
}

/* --- fragments --- */

typedef void ArrivedFunction(Comparator *comparator, Arrival *arrival);

/* Look up the key that is in it, and go on. */
static void look_up_and(ArrivedFunction *function, Comparator *comparator, Arrival *arrival)
{
    ConnectionLookup *lookup = &arrival->lookup;

    lookup->key = connection_key(&arrival->frame.packet);
    connection_table_prepare(comparator->connections, &lookup, 1);
    function(comparator, arrival);
}

static void each_as_it_is(Comparator *comparator, HeldFrames *frames, const GPtrArray *fragments,
                          ReassemblyResult reason, ArrivedFunction *function)
{
    trace_comparator_fragments_dropped(fragments->len, reassembly_result_text(reason));
    for (unsigned i = 0; i < fragments->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(fragments->pdata[i], &size);
        struct iovec iov = { (void *)data, size };
        NetFrame original = { .iov = &iov, .iov_count = 1 };
        Arrival arrival = { .original = &original };
        arrival.frame.frames = frames;
        arrival.frame.packet = opaque_packet(data, size);
        arrival.frame.now = comparator->now;
        look_up_and(function, comparator, &arrival);
    }
}

static void primary_fragments_dropped(const GPtrArray *frames, ReassemblyResult reason,
                                      void *opaque)
{
    Comparator *comparator = opaque;

    each_as_it_is(comparator, &comparator->primary_held, frames, reason, primary_arrived);
}

static void secondary_fragments_dropped(const GPtrArray *frames, ReassemblyResult reason,
                                        void *opaque)
{
    Comparator *comparator = opaque;

    each_as_it_is(comparator, &comparator->secondary_held, frames, reason, secondary_arrived);
}

/* Put a fragment with the others of its datagram, and go on with that when it is whole. */
static void reassemble_and(ArrivedFunction *function, Comparator *comparator,
                           Reassembly *reassembly, Arrival *arrival)
{
    ArrivedFrame *arrived = &arrival->frame;
    g_autoptr(GByteArray) whole = NULL;
    GPtrArray *fragments = NULL;

    reassembly_add(reassembly, &arrived->packet, comparator->now, &whole, &fragments);
    arrived_frame_clear(arrived);
    if (whole) {
        arrived->fragments = fragments;
        understand(comparator, &arrived->packet, whole->data, whole->len);
        look_up_and(function, comparator, arrival);
    }
}

static void one_arrived(ArrivedFunction *function, Comparator *comparator, Reassembly *reassembly,
                        Arrival *arrival)
{
    if (arrival->frame.packet.kind == PACKET_FRAGMENT) {
        reassemble_and(function, comparator, reassembly, arrival);
    } else {
        function(comparator, arrival);
    }
    arrived_frame_clear(&arrival->frame);
}

/* --- the public face --- */

Comparator *comparator_new(const ComparatorConfig *config, const ComparatorOps *ops, void *opaque)
{
    const ReassemblyLimits limits = { .bytes = REASSEMBLY_BYTES,
                                      .datagrams = REASSEMBLY_DATAGRAMS,
                                      .fragments = REASSEMBLY_FRAGMENTS,
                                      .timeout = config->timeout };
    Comparator *comparator = g_new0(Comparator, 1);

    comparator->config = *config;
    comparator->ops = *ops;
    comparator->opaque = opaque;
    comparator->connections = connection_table_new(sizeof(Connection), config->connections,
                                                   connection_removed, comparator);
    comparator->primary_fragments = reassembly_new(&limits, primary_fragments_dropped, comparator);
    comparator->secondary_fragments =
        reassembly_new(&limits, secondary_fragments_dropped, comparator);
    return comparator;
}

void comparator_free(Comparator *comparator)
{
    if (comparator) {
        comparator->running = false; /* nobody is to be asked any more */
        connection_table_free(comparator->connections);
        reassembly_free(comparator->primary_fragments);
        reassembly_free(comparator->secondary_fragments);
        held_frames_clear(&comparator->primary_held);
        held_frames_clear(&comparator->secondary_held);
        g_free(comparator);
    }
}

void comparator_set_queue_frames(Comparator *comparator, unsigned queue_frames)
{
    comparator->config.queue_frames = queue_frames;
}

void comparator_set_timeout(Comparator *comparator, int64_t timeout)
{
    comparator->config.timeout = timeout;
    reassembly_set_timeout(comparator->primary_fragments, timeout);
    reassembly_set_timeout(comparator->secondary_fragments, timeout);
}

/*
 * At most GROUP_FRAMES. Each step is done for all before the next begins, so that the memory of
 * their connections is fetched at the same time.
 */
static void compare_group(Comparator *comparator, bool primary, const NetFrame *frames,
                          unsigned count)
{
    Arrival arrivals[GROUP_FRAMES];
    ConnectionLookup *lookups[GROUP_FRAMES];
    HeldFrames *held = primary ? &comparator->primary_held : &comparator->secondary_held;
    unsigned keys = 0;

    for (unsigned i = 0; i < count; i++) {
        arrive(comparator, held, &frames[i], &arrivals[i]);
        if (arrivals[i].frame.packet.kind != PACKET_FRAGMENT) {
            lookups[keys++] = &arrivals[i].lookup;
        }
    }
    connection_table_prepare(comparator->connections, lookups, keys);
    for (unsigned i = 0; i < count; i++) {
        one_arrived(primary ? primary_arrived : secondary_arrived, comparator,
                    primary ? comparator->primary_fragments : comparator->secondary_fragments,
                    &arrivals[i]);
    }
}

static void compare_all(Comparator *comparator, bool primary, const NetFrame *frames,
                        unsigned count)
{
    while (count > 0) {
        unsigned group = MIN(count, GROUP_FRAMES);
        compare_group(comparator, primary, frames, group);
        frames += group;
        count -= group;
    }
}

void comparator_primary_frames(Comparator *comparator, const NetFrame *frames, unsigned count,
                               int64_t now)
{
    comparator->now = now;
    comparator->statistics.primary_frames += count;
    if (comparator->running) {
        comparator->statistics.compared += count;
        compare_all(comparator, true, frames, count);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        emit(comparator, &frames[i]);
    }
}

void comparator_secondary_frames(Comparator *comparator, const NetFrame *frames, unsigned count,
                                 int64_t now)
{
    comparator->now = now;
    comparator->statistics.secondary_frames += count;
    if (!comparator->running) {
        return;
    }
    if (epoch_gate_is_open(&comparator->secondary_gate)) {
        compare_all(comparator, false, frames, count);
    } else {
        comparator->statistics.late += count;
    }
}

void comparator_expire(Comparator *comparator, int64_t now)
{
    const HeldFrame *oldest;

    comparator->now = now;
    if (!comparator->running) {
        return;
    }
    reassembly_expire(comparator->primary_fragments, now);
    reassembly_expire(comparator->secondary_fragments, now);
    oldest = comparator->primary_held.oldest;
    if (oldest && now - oldest->arrived >= comparator->config.timeout) {
        ask(comparator, CHECKPOINT_REASON_TIMEOUT);
    }
}

/*
 * Everything out in order of arrival, across connections; incomplete datagrams come last. The
 * queues of the connections are not touched: the new epoch says that they are empty.
 */
static void release_all(Comparator *comparator)
{
    HeldFrame *held;

    comparator->asked = true; /* no new asks from what is given up here */
    reassembly_expire(comparator->primary_fragments, INT64_MAX);
    reassembly_clear(comparator->secondary_fragments);
    while ((held = comparator->primary_held.oldest)) {
        emit_held(comparator, held);
        held_frame_free(held);
    }
    while ((held = comparator->secondary_held.oldest)) {
        held_frame_free(held);
    }
    comparator->epoch++;
    comparator->asked = false;
}

static void carry_out_checkpoint(Comparator *comparator)
{
    comparator->checkpoint_waits = false;
    comparator->statistics.checkpoints++;
    trace_comparator_checkpoint(comparator->primary_held.count);
    release_all(comparator);
    epoch_gate_checkpoint(&comparator->secondary_gate);
}

void comparator_checkpoint_begins(Comparator *comparator)
{
    if (comparator->checkpoint_waits) { /* the mark never came */
        carry_out_checkpoint(comparator);
    }
    comparator->asked = true;
}

void comparator_checkpoint(Comparator *comparator)
{
    if (!comparator->running) {
        return;
    }
    epoch_gate_checkpoint(&comparator->primary_gate);
    if (epoch_gate_is_open(&comparator->primary_gate)) {
        carry_out_checkpoint(comparator);
    } else {
        comparator->checkpoint_waits = true;
    }
}

void comparator_primary_mark(Comparator *comparator)
{
    if (!comparator->running) {
        return;
    }
    epoch_gate_mark(&comparator->primary_gate);
    if (comparator->checkpoint_waits && epoch_gate_is_open(&comparator->primary_gate)) {
        carry_out_checkpoint(comparator);
    }
}

void comparator_secondary_mark(Comparator *comparator)
{
    if (comparator->running) {
        epoch_gate_mark(&comparator->secondary_gate);
    }
}

void comparator_primary_opened(Comparator *comparator)
{
    epoch_gate_reset(&comparator->primary_gate);
    if (comparator->checkpoint_waits) {
        carry_out_checkpoint(comparator);
    }
}

void comparator_secondary_opened(Comparator *comparator)
{
    epoch_gate_reset(&comparator->secondary_gate);
}

void comparator_set_secondary_present(Comparator *comparator, bool present)
{
    comparator->alone = !present;
    if (comparator->running) {
        ask_if_alone(comparator);
    }
}

void comparator_set_running(Comparator *comparator, bool running)
{
    if (running == comparator->running) {
        return;
    }
    if (running) {
        comparator->primary_gate = comparator->secondary_gate = (EpochGate){ 0 };
    } else {
        release_all(comparator);
        connection_table_clear(comparator->connections);
    }
    comparator->running = running;
    comparator->asked = comparator->checkpoint_waits = false;
}

bool comparator_running(const Comparator *comparator)
{
    return comparator->running;
}

ComparatorStatistics comparator_statistics(const Comparator *comparator)
{
    ComparatorStatistics statistics = comparator->statistics;

    statistics.held_bytes = held_bytes(comparator);
    statistics.held_frames = comparator->primary_held.count;
    statistics.connections = connection_table_size(comparator->connections);
    return statistics;
}

void comparator_statistics_report(const ComparatorStatistics *statistics,
                                  CheckpointPackets *packets)
{
    packets->compared = statistics->compared;
    packets->matched = statistics->matched;
    packets->released = statistics->released;
    packets->dropped = statistics->dropped;
    packets->late = statistics->late;
    packets->held = statistics->held_frames;
    packets->held_bytes = statistics->held_bytes;
    packets->connections = statistics->connections;
    memcpy(packets->asked, statistics->asked, sizeof(packets->asked));
}
