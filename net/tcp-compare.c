/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The stream comparison of TCP. SYN and FIN occupy a sequence position each (RFC 9293, section
 * 3.4), so they are compared like bytes: a FIN in a segment of its own agrees with one behind
 * data. Positions that were compared once are not compared again: a TCP must repeat what it sent.
 */
#include <string.h>

#include "net/tcp-compare.h"

/* The sequence positions of a segment: [begin, data) SYN, [data, data_end) bytes, then FIN. */
typedef struct Segment {
    uint32_t begin, data, data_end, end;
    const uint8_t *bytes;
} Segment;

static Segment segment_of(const Packet *packet)
{
    const PacketTcp *tcp = &packet->tcp;
    uint32_t data = tcp->sequence + (tcp->flags & TCP_SYN ? 1 : 0);

    if (tcp->flags & TCP_RST) { /* what it may carry is a text for people, not stream */
        return (Segment){ data, data, data, data, NULL };
    }
    return (Segment){
        .begin = tcp->sequence,
        .data = data,
        .data_end = data + packet->payload_size,
        .end = data + packet->payload_size + (tcp->flags & TCP_FIN ? 1 : 0),
        .bytes = packet_payload(packet),
    };
}

/* The common part of [a, a_end) and [b, b_end), relative to a; the length is 0 without one. */
static uint32_t overlap(uint32_t a, uint32_t a_end, uint32_t b, uint32_t b_end, uint32_t *offset)
{
    int32_t distance = tcp_sequence_difference(b, a);
    uint32_t begin = distance > 0 ? b : a;
    uint32_t skip_a = begin - a;
    uint32_t skip_b = begin - b;

    if (skip_a >= a_end - a || skip_b >= b_end - b) {
        return 0;
    }
    *offset = skip_a;
    return MIN(a_end - begin, b_end - begin);
}

static bool bytes_agree(const Segment *a, const Segment *b)
{
    uint32_t offset;
    uint32_t length = overlap(a->data, a->data_end, b->data, b->data_end, &offset);

    return length == 0 ||
           memcmp(a->bytes + offset, b->bytes + (a->data + offset - b->data), length) == 0;
}

static bool within(uint32_t position, uint32_t begin, uint32_t end)
{
    return position - begin < end - begin;
}

/* Where @a has a SYN or FIN and @b says anything at that position, @b has the same. */
static bool control_agrees(const Segment *a, const Segment *b)
{
    bool a_syn = a->begin != a->data;
    bool a_fin = a->data_end != a->end;

    if (a_syn && within(a->begin, b->begin, b->end) &&
        !(b->begin != b->data && b->begin == a->begin)) {
        return false;
    }
    return !a_fin || !within(a->data_end, b->begin, b->end) ||
           (b->data_end != b->end && b->data_end == a->data_end);
}

/* The client takes these from the primary's SYN; a survivor with others could not go on. */
static bool syn_options_agree(const PacketTcp *a, const PacketTcp *b)
{
    return a->has_mss == b->has_mss && a->mss == b->mss &&
           a->has_window_scale == b->has_window_scale && a->window_scale == b->window_scale &&
           a->has_timestamps == b->has_timestamps;
}

/* Compare what both segments say and note what agrees. */
static bool match(TcpStream *stream, const Packet *primary, const Packet *secondary)
{
    Segment a = segment_of(primary);
    Segment b = segment_of(secondary);
    uint32_t offset;
    uint32_t length = overlap(a.begin, a.end, b.begin, b.end, &offset);

    if (length == 0) {
        return true;
    }
    if (!bytes_agree(&a, &b) || !control_agrees(&a, &b) || !control_agrees(&b, &a)) {
        return false;
    }
    if ((primary->tcp.flags & secondary->tcp.flags & TCP_SYN) &&
        !syn_options_agree(&primary->tcp, &secondary->tcp)) {
        return false;
    }
    sequence_set_add(&stream->matched, a.begin + offset, a.begin + offset + length);
    return true;
}

static bool is_matched(const TcpStream *stream, const Packet *packet)
{
    Segment segment = segment_of(packet);

    return sequence_set_covers(&stream->matched, segment.begin, segment.end);
}

/* May this segment of the primary go out? */
static bool may_go(const TcpStream *stream, const Packet *packet)
{
    const PacketTcp *tcp = &packet->tcp;

    if ((tcp->flags & TCP_ACK) && (!stream->has_secondary_ack ||
                                   tcp_sequence_difference(tcp->ack, stream->secondary_ack) > 0)) {
        return false;
    }
    if (tcp->flags & TCP_RST) {
        return stream->has_reset && stream->reset_sequence == tcp->sequence;
    }
    return is_matched(stream, packet);
}

/* In order of arrival, so that the comparison never reorders a connection. */
static void release_ready(TcpStream *stream, TcpRelease *release, void *opaque)
{
    HeldFrame *frame;

    while ((frame = stream->primary.head) && may_go(stream, &frame->packet)) {
        frame_queue_remove(&stream->primary, frame);
        release(frame, opaque);
    }
}

static void drop_matched_secondary(TcpStream *stream)
{
    HeldFrame *next;

    for (HeldFrame *frame = stream->secondary.head; frame; frame = next) {
        next = frame->next;
        if (is_matched(stream, &frame->packet)) {
            frame_queue_remove(&stream->secondary, frame);
            held_frame_free(frame);
        }
    }
}

static void advance(uint32_t *furthest, bool *known, uint32_t position)
{
    if (!*known || tcp_sequence_difference(position, *furthest) > 0) {
        *furthest = position;
    }
    *known = true;
}

void tcp_stream_clear(TcpStream *stream)
{
    frame_queue_clear(&stream->primary);
    frame_queue_clear(&stream->secondary);
    memset(stream, 0, sizeof(*stream));
}

/*
 * A SYN with another sequence number begins a new connection between the same ends. False while
 * segments of the one before it are held: then the two sides do not agree about it.
 */
static bool begin_connection(TcpStream *stream, const Packet *packet)
{
    uint32_t sequence = packet->tcp.sequence;

    if (!(packet->tcp.flags & TCP_SYN) ||
        (stream->has_initial && stream->initial_sequence == sequence)) {
        return true;
    }
    if (stream->primary.length > 0) {
        return false;
    }
    tcp_stream_clear(stream);
    stream->has_initial = true;
    stream->initial_sequence = sequence;
    return true;
}

static void note_primary(TcpStream *stream, const Packet *packet)
{
    Segment segment = segment_of(packet);

    advance(&stream->primary_end, &stream->has_primary, segment.end);
    if (packet->tcp.flags & TCP_ACK) {
        advance(&stream->primary_ack, &stream->has_primary_ack, packet->tcp.ack);
    }
}

TcpVerdict tcp_stream_primary(TcpStream *stream, HeldFrame *frame, unsigned limit,
                              TcpRelease *release, void *opaque)
{
    const Packet *packet = &frame->packet;

    if (stream->primary.length >= limit) {
        held_frame_free(frame);
        return TCP_QUEUE_FULL;
    }
    bool agrees = begin_connection(stream, packet);
    note_primary(stream, packet);
    frame_queue_push(&stream->primary, frame);
    for (HeldFrame *other = stream->secondary.head; other && agrees; other = other->next) {
        agrees = match(stream, packet, &other->packet);
    }
    if (!agrees) {
        return TCP_DIFFERS;
    }
    if (stream->secondary.length > 0) {
        drop_matched_secondary(stream);
    }
    release_ready(stream, release, opaque);
    return TCP_AGREES;
}

static void note_secondary(TcpStream *stream, const Packet *packet)
{
    if (packet->tcp.flags & TCP_ACK) {
        advance(&stream->secondary_ack, &stream->has_secondary_ack, packet->tcp.ack);
    }
    if (packet->tcp.flags & TCP_RST) {
        stream->has_reset = true;
        stream->reset_sequence = packet->tcp.sequence;
    }
}

TcpVerdict tcp_stream_secondary(TcpStream *stream, const Packet *packet, unsigned limit,
                                TcpRelease *release, void *opaque)
{
    if (!begin_connection(stream, packet)) {
        return TCP_DIFFERS;
    }
    for (HeldFrame *other = stream->primary.head; other; other = other->next) {
        if (!match(stream, &other->packet, packet)) {
            return TCP_DIFFERS;
        }
    }
    bool keep = !is_matched(stream, packet);
    if (keep && stream->secondary.length >= limit) {
        return TCP_QUEUE_FULL;
    }
    if (keep) {
        frame_queue_push(&stream->secondary, held_frame_new(packet, 0));
    }
    note_secondary(stream, packet);
    release_ready(stream, release, opaque);
    return TCP_AGREES;
}

void tcp_stream_checkpoint(TcpStream *stream, TcpRelease *release, void *opaque)
{
    HeldFrame *frame;

    while ((frame = stream->primary.head)) {
        frame_queue_remove(&stream->primary, frame);
        release(frame, opaque);
    }
    frame_queue_clear(&stream->secondary);
    stream->matched.count = 0;
    if (stream->has_primary) {
        uint32_t end = stream->primary_end;
        sequence_set_add(&stream->matched, end - SEQUENCE_SET_SPAN, end);
    }
    stream->has_secondary_ack = stream->has_primary_ack;
    stream->secondary_ack = stream->primary_ack;
    stream->has_reset = false;
}
