/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * SYNs of two guests that chose different initial sequence numbers. The client's answer to the
 * primary's SYN is what tells the secondary's rewriter the primary's number; until then the
 * secondary's SYN, and repetitions of it, come with its own. So two SYNs belong together when
 * they open the connection in the same way: without ACK both, or acknowledging the same SYN of the
 * client, with the same options. Everything behind the SYN comes with the primary's numbers.
 */
#include <string.h>

#include "net/tcp-internal.h"

TcpRare *tcp_stream_rare(TcpStream *stream)
{
    if (!stream->rare) {
        stream->rare = g_new0(TcpRare, 1);
    }
    return stream->rare;
}

/* Do both open a connection with the same SYN of the client, or without one? */
static bool same_opening(const PacketTcp *a, const PacketTcp *b)
{
    return (a->flags & TCP_ACK) == (b->flags & TCP_ACK) &&
           (!(a->flags & TCP_ACK) || a->ack == b->ack);
}

/* One has answered the client's SYN, the other has refused it. */
static bool refuses(const PacketTcp *reset, const PacketTcp *syn)
{
    return (reset->flags & TCP_RST) && (reset->flags & syn->flags & TCP_ACK) &&
           reset->ack == syn->ack;
}

static void drop_pending(TcpStream *stream)
{
    if (stream->rare && stream->rare->pending_syn) {
        held_frame_free(g_steal_pointer(&stream->rare->pending_syn));
    }
}

static void pair(TcpStream *stream, uint32_t secondary_initial)
{
    stream->paired = true;
    stream->secondary_initial = secondary_initial;
}

/* The primary's SYN, which is held for as long as it is without a counterpart. */
static const PacketTcp *opening_of(const TcpStream *stream)
{
    const HeldFrame *first = stream->primary.head;

    return first && (first->packet.tcp.flags & TCP_SYN) ? &first->packet.tcp : NULL;
}

/* ---- the primary ---- */

/* The connection has begun; a SYN of the secondary that was early belongs to it or does not. */
static void take_pending(TcpStream *stream, const PacketTcp *tcp)
{
    HeldFrame *pending = stream->rare ? stream->rare->pending_syn : NULL;

    if (!pending || !same_opening(tcp, &pending->packet.tcp)) {
        return;
    }
    pair(stream, pending->packet.tcp.sequence);
    pending->packet.tcp.sequence = tcp->sequence;
    if ((tcp->flags & TCP_ACK) && !stream->has_secondary_ack) {
        stream->has_secondary_ack = true;
        stream->secondary_ack = tcp->ack;
    }
    stream->rare->pending_syn = NULL;
    frame_queue_push(&stream->secondary, pending);
}

bool tcp_pair_primary(TcpStream *stream, const Packet *packet, TcpContext *context)
{
    const PacketTcp *tcp = &packet->tcp;

    if (!(tcp->flags & TCP_SYN)) {
        const HeldFrame *pending = stream->rare ? stream->rare->pending_syn : NULL;
        return !pending || !refuses(tcp, &pending->packet.tcp);
    }
    if (!stream->has_initial || stream->initial != tcp->sequence) {
        if (stream->has_primary) {
            tcp_stream_begin(stream, context);
        }
        stream->has_initial = true;
        stream->initial = tcp->sequence;
        take_pending(stream, tcp);
    }
    return true;
}

/* ---- the secondary ---- */

static TcpPlace place_syn(TcpStream *stream, PacketTcp *tcp)
{
    const PacketTcp *opening = opening_of(stream);

    if (stream->paired &&
        (tcp->sequence == stream->secondary_initial || tcp->sequence == stream->initial)) {
        tcp->sequence = stream->initial; /* a repetition, translated meanwhile or not */
        return TCP_PLACE_HERE;
    }
    if (stream->has_initial && !stream->paired && opening && same_opening(opening, tcp)) {
        drop_pending(stream);
        pair(stream, tcp->sequence);
        tcp->sequence = stream->initial;
        return TCP_PLACE_HERE;
    }
    return TCP_PLACE_PENDING;
}

TcpPlace tcp_pair_secondary(TcpStream *stream, Packet *packet)
{
    PacketTcp *tcp = &packet->tcp;

    if (tcp->flags & TCP_SYN) {
        return place_syn(stream, tcp);
    }
    if (stream->has_initial && !stream->paired) {
        const PacketTcp *opening = opening_of(stream);
        return opening && refuses(tcp, opening) ? TCP_PLACE_DIFFERS : TCP_PLACE_STALE;
    }
    if (stream->has_primary && stream->rare && stream->rare->pending_syn) {
        return TCP_PLACE_STALE;
    }
    /* A reset behind nothing but the SYN can come before there is a translation, too. */
    if (stream->paired && (tcp->flags & TCP_RST) &&
        tcp->sequence == stream->secondary_initial + 1) {
        tcp->sequence = stream->initial + 1;
    }
    return TCP_PLACE_HERE;
}

void tcp_pair_keep(TcpStream *stream, ArrivedFrame *arrived)
{
    drop_pending(stream);
    tcp_stream_rare(stream)->pending_syn = arrived_frame_keep(arrived);
}
