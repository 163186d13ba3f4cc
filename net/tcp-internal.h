/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the parts of the TCP comparison share. */
#pragma once

#include "net/tcp-compare.h"

#define TCP_RESETS 8

/* What most streams never need. */
typedef struct TcpRare {
    HeldFrame *pending_syn; /* of the secondary, for a connection the primary has yet to begin */
    unsigned resets;        /* how many the secondary has sent */
    uint32_t reset[TCP_RESETS]; /* sequence numbers of the last ones */
} TcpRare;

TcpRare *tcp_stream_rare(TcpStream *stream);

/*
 * The first @matched positions of @frame were matched, not all: release as many whole segments of
 * them as there are, or the first @pushed, where the secondary may wait for an acknowledgement, if
 * that is more. @frame is the rest then. Nothing happens to frames that are not to be cut.
 */
void tcp_cut(HeldFrame *frame, uint32_t matched, uint32_t pushed, const TcpContext *context);

/* Forget the connection, as tcp_stream_clear() but for the epoch and a pending SYN. */
void tcp_stream_begin(TcpStream *stream, TcpContext *context);

/*
 * A SYN of the primary: begin a connection, unless it is the one that is known, and look for the
 * secondary's. False: the secondary has answered otherwise.
 */
bool tcp_pair_primary(TcpStream *stream, const Packet *packet, TcpContext *context);

typedef enum TcpPlace {
    TCP_PLACE_HERE,    /* belongs to the present connection, numbers are the primary's */
    TCP_PLACE_PENDING, /* a SYN for a connection that the primary has yet to begin */
    TCP_PLACE_STALE,   /* belongs to a connection that is over */
    TCP_PLACE_DIFFERS, /* the primary has answered otherwise */
} TcpPlace;

/* Where does @packet of the secondary belong? Its sequence number is made the primary's. */
TcpPlace tcp_pair_secondary(TcpStream *stream, Packet *packet);

/* A SYN without a place is kept until the primary begins its connection. */
void tcp_pair_keep(TcpStream *stream, ArrivedFrame *arrived);
