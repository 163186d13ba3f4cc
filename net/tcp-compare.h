/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * One direction of a TCP connection as sent by two guests. What counts is the stream: the same
 * bytes, SYN and FIN at the same sequence positions, however they are cut into segments.
 * Sequence numbers of the two sides are comparable; making them so is the rewriter's work.
 */
#pragma once

#include "net/held-frame.h"
#include "net/sequence-set.h"

typedef enum TcpVerdict {
    TCP_AGREES,     /* so far */
    TCP_DIFFERS,    /* only a checkpoint helps */
    TCP_QUEUE_FULL, /* the frame was dropped, as a network may; a checkpoint makes room */
} TcpVerdict;

/* Takes @frame, which may go out now. Must not call into the stream. */
typedef void TcpRelease(HeldFrame *frame, void *opaque);

typedef struct TcpStream {
    FrameQueue primary;   /* not yet released, order of arrival */
    FrameQueue secondary; /* not yet matched entirely */
    SequenceSet matched;  /* positions at which both sides sent the same */
    uint32_t primary_end; /* the furthest position that the primary sent, when has_primary */
    uint32_t primary_ack, secondary_ack;
    uint32_t initial_sequence; /* of the SYN, when has_initial */
    uint32_t reset_sequence;   /* of the secondary's RST */
    bool has_primary, has_primary_ack, has_secondary_ack, has_initial, has_reset;
} TcpStream;

/* A zeroed TcpStream is a valid one of which nothing is known. */
void tcp_stream_clear(TcpStream *stream);

/*
 * A segment of the primary; takes @frame. Frames that may go out are given to @release, in
 * order of arrival. Each queue holds at most @limit frames.
 */
TcpVerdict tcp_stream_primary(TcpStream *stream, HeldFrame *frame, unsigned limit,
                              TcpRelease *release, void *opaque);

/* A segment of the secondary; a copy is made if it must be kept. */
TcpVerdict tcp_stream_secondary(TcpStream *stream, const Packet *packet, unsigned limit,
                                TcpRelease *release, void *opaque);

/*
 * The secondary now is a copy of the primary: all frames are given to @release, everything the
 * primary sent or acknowledged counts as sent and acknowledged by the secondary too.
 */
void tcp_stream_checkpoint(TcpStream *stream, TcpRelease *release, void *opaque);
