/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * One direction of a TCP connection as sent by two guests. What counts is the stream: the same
 * bytes, SYN and FIN at the same sequence positions, however they are cut into segments.
 *
 * The secondary's rewriter makes sequence numbers of the two sides comparable, but for its SYNs:
 * they leave before it can know the primary's number. They are paired here (tcp-pairing.c).
 */
#pragma once

#include "net/held-frame.h"
#include "net/sequence-set.h"

typedef enum TcpVerdict {
    TCP_AGREES,     /* so far; a primary's frame is held */
    TCP_GOES,       /* primary: the frame may leave at once, and was not kept */
    TCP_DIFFERS,    /* only a checkpoint helps; a primary's frame is held */
    TCP_QUEUE_FULL, /* the frame was dropped, as a network may; a checkpoint makes room */
} TcpVerdict;

/* Takes @frame, which may go out now. Must not call into the stream. */
typedef void TcpRelease(HeldFrame *frame, void *opaque);

/* The beginning of a held frame, borrowed, as a frame of its own; the rest comes later. */
typedef void TcpReleasePart(const NetFrame *frame, void *opaque);

typedef struct TcpContext {
    unsigned limit; /* frames in each queue */
    TcpRelease *release;
    TcpReleasePart *release_part; /* NULL: frames leave whole */
    void *opaque;
    unsigned dropped; /* counts held frames of the primary whose connection is over */
} TcpContext;

typedef struct TcpStream {
    FrameQueue primary;   /* not yet released, order of arrival */
    FrameQueue secondary; /* not yet matched entirely */
    SequenceSet matched;  /* positions at which both sides sent the same */
    struct TcpRare *rare; /* what most streams never need; or NULL */
    uint32_t primary_end; /* the furthest position that the primary sent, when has_primary */
    uint32_t primary_ack, secondary_ack;
    uint32_t initial;           /* of the primary's SYN, when has_initial */
    uint32_t secondary_initial; /* of the secondary's SYN, when paired */
    uint32_t epoch;             /* of the last checkpoint that it knows of */
    uint32_t pushed; /* the furthest end of a short segment of the secondary, when has_pushed */
    bool has_primary : 1, has_primary_ack : 1, has_secondary_ack : 1;
    bool has_initial : 1; /* the primary's SYN was seen */
    bool has_pushed : 1;
    bool paired : 1; /* and the secondary's that belongs to it */
} TcpStream;

/* A zeroed TcpStream is a valid one of which nothing is known. */
void tcp_stream_clear(TcpStream *stream);

/* A segment of the primary. Frames that may go out are given to release, in order of arrival. */
TcpVerdict tcp_stream_primary(TcpStream *stream, ArrivedFrame *arrived, TcpContext *context);

/* A segment of the secondary; it is kept if it must be. */
TcpVerdict tcp_stream_secondary(TcpStream *stream, ArrivedFrame *arrived, TcpContext *context);

/*
 * There were checkpoints since the stream was used last: the secondary now is a copy of the
 * primary, so everything that the primary sent or acknowledged counts as sent and acknowledged by
 * both. The frames that were held are gone already.
 */
void tcp_stream_refresh(TcpStream *stream, uint32_t epoch);
