/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The stream comparison of TCP. SYN and FIN occupy a sequence position each (RFC 9293, section
 * 3.4), so they are compared like bytes: a FIN in a segment of its own agrees with one behind
 * data. Positions that were compared once are not compared again: a TCP must repeat what it sent.
 */
#include <string.h>

#include "net/tcp-internal.h"

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

static bool was_reset_at(const TcpStream *stream, uint32_t sequence)
{
    const TcpRare *rare = stream->rare;

    for (unsigned i = 0; rare && i < MIN(rare->resets, TCP_RESETS); i++) {
        if (rare->reset[i] == sequence) {
            return true;
        }
    }
    return false;
}

/* Has the secondary acknowledged all that the segment acknowledges? */
static bool ack_may_go(const TcpStream *stream, const PacketTcp *tcp)
{
    return !(tcp->flags & TCP_ACK) ||
           (stream->has_secondary_ack &&
            tcp_sequence_difference(tcp->ack, stream->secondary_ack) <= 0);
}

/* May this segment of the primary go out? */
static bool may_go(const TcpStream *stream, const Packet *packet)
{
    const PacketTcp *tcp = &packet->tcp;

    if (!ack_may_go(stream, tcp)) {
        return false;
    }
    if (tcp->flags & TCP_RST) {
        return was_reset_at(stream, tcp->sequence);
    }
    return is_matched(stream, packet);
}

/* It may not go whole; its beginning goes as soon as it can. */
static void release_beginning(const TcpStream *stream, HeldFrame *frame, const TcpContext *context)
{
    Segment segment = segment_of(&frame->packet);
    uint32_t matched = sequence_set_prefix(&stream->matched, segment.begin, segment.end);
    uint32_t pushed = stream->has_pushed ? stream->pushed - segment.begin : 0;

    if (ack_may_go(stream, &frame->packet.tcp)) {
        tcp_cut(frame, matched, pushed <= matched ? pushed : 0, context);
    }
}

/*
 * Does it repeat what the held segment @head begins with, or what is before that? It then goes out
 * without waiting for @head, whose end the secondary may be unable to send before the client has
 * acknowledged what was lost.
 */
static bool repeats_before(const Packet *packet, const Packet *head)
{
    return !(packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
           tcp_sequence_difference(segment_of(packet).begin, segment_of(head).begin) <= 0;
}

static void release_whole(TcpStream *stream, HeldFrame *frame, const TcpContext *context)
{
    frame_queue_remove(&stream->primary, frame);
    context->release(frame, context->opaque);
}

/* In order of arrival, so that the comparison never reorders a connection; but see above. */
static void release_ready(TcpStream *stream, const TcpContext *context)
{
    HeldFrame *frame, *next;

    while ((frame = stream->primary.head) && may_go(stream, &frame->packet)) {
        release_whole(stream, frame, context);
    }
    if (!frame) {
        return;
    }
    release_beginning(stream, frame, context);
    for (frame = frame->next; frame; frame = next) {
        next = frame->next;
        if (!repeats_before(&frame->packet, &stream->primary.head->packet)) {
            continue;
        }
        if (may_go(stream, &frame->packet)) {
            release_whole(stream, frame, context);
        } else {
            release_beginning(stream, frame, context);
        }
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

/* ---- life ---- */

static void forget_rare(TcpStream *stream)
{
    if (stream->rare && stream->rare->pending_syn) {
        stream->rare->resets = 0;
    } else {
        g_clear_pointer(&stream->rare, g_free);
    }
}

void tcp_stream_begin(TcpStream *stream, TcpContext *context)
{
    context->dropped += stream->primary.length;
    frame_queue_clear(&stream->primary);
    frame_queue_clear(&stream->secondary);
    sequence_set_clear(&stream->matched);
    forget_rare(stream);
    stream->has_primary = stream->has_primary_ack = stream->has_secondary_ack = false;
    stream->has_initial = stream->has_pushed = stream->paired = false;
}

void tcp_stream_clear(TcpStream *stream)
{
    frame_queue_clear(&stream->primary);
    frame_queue_clear(&stream->secondary);
    sequence_set_clear(&stream->matched);
    if (stream->rare && stream->rare->pending_syn) {
        held_frame_free(stream->rare->pending_syn);
    }
    g_free(stream->rare);
    memset(stream, 0, sizeof(*stream));
}

void tcp_stream_refresh(TcpStream *stream, uint32_t epoch)
{
    stream->epoch = epoch;
    stream->primary = stream->secondary = (FrameQueue){ 0 };
    g_clear_pointer(&stream->rare, g_free);
    sequence_set_clear(&stream->matched);
    if (stream->has_primary) {
        uint32_t end = stream->primary_end;
        sequence_set_add(&stream->matched, end - SEQUENCE_SET_SPAN, end);
    }
    stream->has_pushed = false;
    stream->has_secondary_ack = stream->has_primary_ack;
    stream->secondary_ack = stream->primary_ack;
    stream->paired = stream->has_initial;
    stream->secondary_initial = stream->initial;
}

/* ---- segments ---- */

static void advance(uint32_t *furthest, bool known, uint32_t position)
{
    if (!known || tcp_sequence_difference(position, *furthest) > 0) {
        *furthest = position;
    }
}

static void note_primary(TcpStream *stream, const Packet *packet)
{
    Segment segment = segment_of(packet);

    advance(&stream->primary_end, stream->has_primary, segment.end);
    stream->has_primary = true;
    if (packet->tcp.flags & TCP_ACK) {
        advance(&stream->primary_ack, stream->has_primary_ack, packet->tcp.ack);
        stream->has_primary_ack = true;
    }
}

TcpVerdict tcp_stream_primary(TcpStream *stream, ArrivedFrame *arrived, TcpContext *context)
{
    const Packet *packet = &arrived->packet;
    bool agrees = tcp_pair_primary(stream, packet, context);

    if (stream->primary.length >= context->limit) {
        return TCP_QUEUE_FULL;
    }
    note_primary(stream, packet);
    for (HeldFrame *other = stream->secondary.head; other && agrees; other = other->next) {
        agrees = match(stream, packet, &other->packet);
    }
    if (agrees && stream->secondary.length > 0) {
        drop_matched_secondary(stream);
    }
    if (agrees && stream->primary.length == 0 && may_go(stream, packet)) {
        return TCP_GOES;
    }
    frame_queue_push(&stream->primary, arrived_frame_keep(arrived));
    if (!agrees) {
        return TCP_DIFFERS;
    }
    release_ready(stream, context);
    return TCP_AGREES;
}

/* Does it end with less than a whole segment, so that Nagle's algorithm may hold the next back? */
static bool is_short(const Packet *packet, const VnetHeader *header)
{
    return (packet->tcp.flags & TCP_PSH) && packet->payload_size > 0 &&
           (header->gso_size == 0 || packet->payload_size % header->gso_size != 0);
}

static void note_secondary(TcpStream *stream, const ArrivedFrame *arrived)
{
    const Packet *packet = &arrived->packet;
    const PacketTcp *tcp = &packet->tcp;

    if (is_short(packet, &arrived->header)) {
        advance(&stream->pushed, stream->has_pushed, segment_of(packet).data_end);
        stream->has_pushed = true;
    }
    if (tcp->flags & TCP_ACK) {
        advance(&stream->secondary_ack, stream->has_secondary_ack, tcp->ack);
        stream->has_secondary_ack = true;
    }
    if ((tcp->flags & TCP_RST) && !was_reset_at(stream, tcp->sequence)) {
        TcpRare *rare = tcp_stream_rare(stream);
        rare->reset[rare->resets++ % TCP_RESETS] = tcp->sequence;
    }
}

/* A segment of the present connection, with the primary's numbers. */
static TcpVerdict compare_secondary(TcpStream *stream, ArrivedFrame *arrived, TcpContext *context)
{
    const Packet *packet = &arrived->packet;
    uint32_t held = stream->secondary.length;

    for (HeldFrame *other = stream->primary.head; other; other = other->next) {
        if (!match(stream, &other->packet, packet)) {
            return TCP_DIFFERS;
        }
    }
    bool keep = !is_matched(stream, packet);
    if (keep && held >= context->limit) {
        return TCP_QUEUE_FULL;
    }
    note_secondary(stream, arrived);
    if (keep) {
        frame_queue_push(&stream->secondary, arrived_frame_keep(arrived));
    }
    release_ready(stream, context);
    return TCP_AGREES;
}

TcpVerdict tcp_stream_secondary(TcpStream *stream, ArrivedFrame *arrived, TcpContext *context)
{
    switch (tcp_pair_secondary(stream, &arrived->packet)) {
    case TCP_PLACE_HERE:
        return compare_secondary(stream, arrived, context);
    case TCP_PLACE_PENDING:
        tcp_pair_keep(stream, arrived);
        return TCP_AGREES;
    case TCP_PLACE_STALE:
        return TCP_AGREES;
    case TCP_PLACE_DIFFERS:
        return TCP_DIFFERS;
    }
    g_assert_not_reached();
}
