/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator's core: which connection a frame belongs to, what is held, what goes out, and
 * when a checkpoint is needed.
 */
#include <string.h>

#include "net/compare.h"
#include "net/connection.h"
#include "net/datagram-compare.h"
#include "net/reassembly.h"
#include "net/tcp-compare.h"
#include "trace-net.h"

/* So many messages of one connection without a counterpart on both sides are no reordering. */
#define DATAGRAM_REORDER 8

#define REASSEMBLY_BYTES     (1024 * 1024)
#define REASSEMBLY_DATAGRAMS 64
#define REASSEMBLY_FRAGMENTS 128

typedef struct Connection {
    ConnectionEntry entry;
    FrameQueue primary, secondary; /* messages */
    TcpStream *tcp[2];             /* by direction; NULL until a segment was sent */
} Connection;

struct Comparator {
    ComparatorConfig config;
    ComparatorOps ops;
    void *opaque;
    bool running;
    bool asked; /* since the last checkpoint */
    int64_t now;
    ConnectionTable *connections;
    Reassembly *primary_fragments, *secondary_fragments;
    HeldFrame *oldest_held, *newest_held; /* of the primary, order of arrival */
    ComparatorStatistics statistics;
};

static void ask(Comparator *comparator, CheckpointReason reason)
{
    if (comparator->asked) {
        return;
    }
    comparator->asked = true;
    comparator->statistics.asked[reason]++;
    trace_comparator_ask(reason, comparator->statistics.held_frames);
    comparator->ops.checkpoint_needed(reason, comparator->opaque);
}

/* --- held frames of the primary, in order of arrival --- */

static void hold(Comparator *comparator, HeldFrame *frame)
{
    frame->next_held = NULL;
    frame->previous_held = comparator->newest_held;
    *(comparator->newest_held ? &comparator->newest_held->next_held : &comparator->oldest_held) =
        frame;
    comparator->newest_held = frame;
    comparator->statistics.held_frames++;
}

static void unhold(Comparator *comparator, HeldFrame *frame)
{
    *(frame->next_held ? &frame->next_held->previous_held : &comparator->newest_held) =
        frame->previous_held;
    *(frame->previous_held ? &frame->previous_held->next_held : &comparator->oldest_held) =
        frame->next_held;
    comparator->statistics.held_frames--;
}

static void emit(Comparator *comparator, const HeldFrame *frame)
{
    const GPtrArray *fragments = frame->fragments;

    comparator->statistics.released++;
    if (!fragments) {
        comparator->ops.release(frame->data, frame->packet.size, comparator->opaque);
        return;
    }
    for (unsigned i = 0; i < fragments->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(fragments->pdata[i], &size);
        comparator->ops.release(data, size, comparator->opaque);
    }
}

static void discard(HeldFrame *frame, void *opaque)
{
    unhold(opaque, frame);
    held_frame_free(frame);
}

static void release(HeldFrame *frame, void *opaque)
{
    emit(opaque, frame);
    discard(frame, opaque);
}

/* --- connections --- */

static size_t connection_bytes(const Connection *connection)
{
    size_t bytes = connection->primary.bytes + connection->secondary.bytes;

    for (unsigned i = 0; i < 2; i++) {
        const TcpStream *stream = connection->tcp[i];
        bytes += stream ? stream->primary.bytes + stream->secondary.bytes : 0;
    }
    return bytes;
}

static void discard_queue(Comparator *comparator, FrameQueue *queue)
{
    HeldFrame *frame;

    while ((frame = queue->head)) {
        frame_queue_remove(queue, frame);
        discard(frame, comparator);
    }
}

/* What is held was never matched: it is lost, as in a network, and only a checkpoint helps. */
static void connection_removed(ConnectionEntry *entry, void *opaque)
{
    Comparator *comparator = opaque;
    Connection *connection = (Connection *)entry;
    unsigned held = comparator->statistics.held_frames;

    comparator->statistics.held_bytes -= connection_bytes(connection);
    discard_queue(comparator, &connection->primary);
    frame_queue_clear(&connection->secondary);
    for (unsigned i = 0; i < 2; i++) {
        if (connection->tcp[i]) {
            discard_queue(comparator, &connection->tcp[i]->primary);
            tcp_stream_clear(connection->tcp[i]);
            g_free(connection->tcp[i]);
        }
    }
    held -= comparator->statistics.held_frames;
    comparator->statistics.dropped += held;
    if (held > 0 && comparator->running) {
        ask(comparator, CHECKPOINT_REASON_QUEUE_FULL);
    }
}

static Connection *connection_of(Comparator *comparator, const Packet *packet)
{
    ConnectionKey key = connection_key(packet);

    return (Connection *)connection_table_get(comparator->connections, &key);
}

static TcpStream *stream_of(Connection *connection, const Packet *packet)
{
    TcpStream **stream = &connection->tcp[connection_from_low(&connection->entry.key, packet)];

    if (!*stream) {
        *stream = g_new0(TcpStream, 1);
    }
    return *stream;
}

/* --- one frame --- */

static TcpVerdict primary_datagram(Comparator *comparator, Connection *connection, HeldFrame *frame)
{
    HeldFrame *other = datagram_find(&connection->secondary, &frame->packet);

    if (other) {
        frame_queue_remove(&connection->secondary, other);
        held_frame_free(other);
        release(frame, comparator);
        return TCP_AGREES;
    }
    frame_queue_push(&connection->primary, frame);
    return TCP_AGREES;
}

static TcpVerdict secondary_datagram(Comparator *comparator, Connection *connection,
                                     const Packet *packet)
{
    HeldFrame *other = datagram_find(&connection->primary, packet);

    if (other) {
        frame_queue_remove(&connection->primary, other);
        release(other, comparator);
        return TCP_AGREES;
    }
    if (connection->secondary.length >= comparator->config.queue_frames) {
        return TCP_QUEUE_FULL;
    }
    frame_queue_push(&connection->secondary, held_frame_new(packet, comparator->now));
    return TCP_AGREES;
}

static bool reordered_too_far(const Connection *connection)
{
    return connection->primary.length >= DATAGRAM_REORDER &&
           connection->secondary.length >= DATAGRAM_REORDER;
}

static void settle(Comparator *comparator, const Connection *connection, size_t bytes_before,
                   TcpVerdict verdict)
{
    comparator->statistics.held_bytes += connection_bytes(connection) - bytes_before;
    if (verdict == TCP_QUEUE_FULL) {
        ask(comparator, CHECKPOINT_REASON_QUEUE_FULL);
    } else if (verdict == TCP_DIFFERS || reordered_too_far(connection)) {
        ask(comparator, CHECKPOINT_REASON_MISCOMPARE);
    }
}

static bool has_room(Comparator *comparator, const FrameQueue *queue, const Packet *packet)
{
    return queue->length < comparator->config.queue_frames &&
           comparator->statistics.held_bytes + packet->size <= comparator->config.held_bytes;
}

/* @fragments: what to send in the packet's place, taken; or NULL. */
static void primary_packet(Comparator *comparator, const Packet *packet, GPtrArray *fragments)
{
    Connection *connection = connection_of(comparator, packet);
    TcpStream *stream = packet->kind == PACKET_TCP ? stream_of(connection, packet) : NULL;
    size_t before = connection_bytes(connection);
    TcpVerdict verdict;

    if (!has_room(comparator, stream ? &stream->primary : &connection->primary, packet)) {
        comparator->statistics.dropped++;
        g_clear_pointer(&fragments, g_ptr_array_unref);
        ask(comparator, CHECKPOINT_REASON_QUEUE_FULL);
        return;
    }
    HeldFrame *frame = held_frame_new(packet, comparator->now);
    frame->fragments = fragments;
    hold(comparator, frame);
    if (stream) {
        verdict =
            tcp_stream_primary(stream, frame, comparator->config.queue_frames, release, comparator);
    } else {
        verdict = primary_datagram(comparator, connection, frame);
    }
    settle(comparator, connection, before, verdict);
}

static void secondary_packet(Comparator *comparator, const Packet *packet)
{
    Connection *connection = connection_of(comparator, packet);
    size_t before = connection_bytes(connection);
    TcpVerdict verdict;

    if (comparator->statistics.held_bytes + packet->size > comparator->config.held_bytes) {
        ask(comparator, CHECKPOINT_REASON_QUEUE_FULL);
        return;
    }
    if (packet->kind == PACKET_TCP) {
        verdict = tcp_stream_secondary(stream_of(connection, packet), packet,
                                       comparator->config.queue_frames, release, comparator);
    } else {
        verdict = secondary_datagram(comparator, connection, packet);
    }
    settle(comparator, connection, before, verdict);
}

static Packet opaque_packet(const uint8_t *frame, size_t size)
{
    return (Packet){ .frame = frame, .size = size, .payload_size = size };
}

/* Parse; a frame that is refused, or is too long to be one, counts as it is. */
static Packet understand(Comparator *comparator, const uint8_t *frame, size_t size)
{
    Packet packet;
    PacketStatus status = packet_parse(&packet, frame, size);

    if (status == PACKET_OK) {
        return packet;
    }
    comparator->statistics.refused++;
    trace_comparator_refused(size, packet_status_text(status));
    return opaque_packet(frame, size);
}

/* --- fragments --- */

static void primary_fragments_dropped(const GPtrArray *frames, ReassemblyResult reason,
                                      void *opaque)
{
    trace_comparator_fragments_dropped(frames->len, reassembly_result_text(reason));
    for (unsigned i = 0; i < frames->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(frames->pdata[i], &size);
        Packet packet = opaque_packet(data, size);
        primary_packet(opaque, &packet, NULL);
    }
}

static void secondary_fragments_dropped(const GPtrArray *frames, ReassemblyResult reason,
                                        void *opaque)
{
    trace_comparator_fragments_dropped(frames->len, reassembly_result_text(reason));
    for (unsigned i = 0; i < frames->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(frames->pdata[i], &size);
        Packet packet = opaque_packet(data, size);
        secondary_packet(opaque, &packet);
    }
}

/* The whole datagram of which @packet is the last missing part; or NULL. */
static GByteArray *reassemble(Comparator *comparator, Reassembly *reassembly, const Packet *packet,
                              GPtrArray **fragments)
{
    GByteArray *whole = NULL;

    reassembly_add(reassembly, packet, comparator->now, &whole, fragments);
    return whole;
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
        g_free(comparator);
    }
}

void comparator_primary_frame(Comparator *comparator, const uint8_t *frame, size_t size,
                              int64_t now)
{
    comparator->now = now;
    comparator->statistics.primary_frames++;
    if (!comparator->running) {
        comparator->ops.release(frame, size, comparator->opaque);
        return;
    }
    Packet packet = understand(comparator, frame, size);
    if (packet.kind != PACKET_FRAGMENT) {
        primary_packet(comparator, &packet, NULL);
        return;
    }
    GPtrArray *fragments = NULL;
    g_autoptr(GByteArray) whole =
        reassemble(comparator, comparator->primary_fragments, &packet, &fragments);
    if (whole) {
        packet = understand(comparator, whole->data, whole->len);
        primary_packet(comparator, &packet, fragments);
    }
}

void comparator_secondary_frame(Comparator *comparator, const uint8_t *frame, size_t size,
                                int64_t now)
{
    comparator->now = now;
    comparator->statistics.secondary_frames++;
    if (!comparator->running) {
        return;
    }
    Packet packet = understand(comparator, frame, size);
    if (packet.kind != PACKET_FRAGMENT) {
        secondary_packet(comparator, &packet);
        return;
    }
    g_autoptr(GPtrArray) fragments = NULL;
    g_autoptr(GByteArray) whole =
        reassemble(comparator, comparator->secondary_fragments, &packet, &fragments);
    if (whole) {
        packet = understand(comparator, whole->data, whole->len);
        secondary_packet(comparator, &packet);
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
    oldest = comparator->oldest_held;
    if (oldest && now - oldest->arrived >= comparator->config.timeout) {
        ask(comparator, CHECKPOINT_REASON_TIMEOUT);
    }
}

static void checkpoint_connection(Comparator *comparator, Connection *connection)
{
    size_t before = connection_bytes(connection);

    discard_queue(comparator, &connection->primary);
    frame_queue_clear(&connection->secondary);
    for (unsigned i = 0; i < 2; i++) {
        if (connection->tcp[i]) {
            tcp_stream_checkpoint(connection->tcp[i], discard, comparator);
        }
    }
    comparator->statistics.held_bytes += connection_bytes(connection) - before;
}

/* Everything out in order of arrival, across connections; incomplete datagrams come last. */
static void release_all(Comparator *comparator)
{
    comparator->asked = true; /* no new asks from what is given up here */
    reassembly_expire(comparator->primary_fragments, INT64_MAX);
    reassembly_clear(comparator->secondary_fragments);
    for (HeldFrame *frame = comparator->oldest_held; frame; frame = frame->next_held) {
        emit(comparator, frame);
    }
    for (ConnectionEntry *entry = connection_table_oldest(comparator->connections); entry;
         entry = entry->newer) {
        checkpoint_connection(comparator, (Connection *)entry);
    }
    comparator->asked = false;
}

void comparator_checkpoint(Comparator *comparator)
{
    if (comparator->running) {
        comparator->statistics.checkpoints++;
        trace_comparator_checkpoint(comparator->statistics.held_frames);
        release_all(comparator);
    }
}

void comparator_set_running(Comparator *comparator, bool running)
{
    if (comparator->running && !running) {
        release_all(comparator);
        connection_table_clear(comparator->connections);
    }
    comparator->running = running;
    comparator->asked = false;
}

ComparatorStatistics comparator_statistics(const Comparator *comparator)
{
    ComparatorStatistics statistics = comparator->statistics;

    statistics.connections = connection_table_size(comparator->connections);
    return statistics;
}
