/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * On the secondary: TCP sequence numbers between two guests that chose different initial ones.
 * delta = initial number of the secondary's guest - that of the primary's, for each connection; the
 * same for the clocks of TCP timestamps.
 */
#pragma once

#include "net/connection.h"

typedef struct TcpRewriter TcpRewriter;

/* What is done for one connection; not both numbers are 0. */
typedef struct TcpTranslation {
    ConnectionKey key;
    uint32_t delta;
    uint32_t timestamp_delta;
} TcpTranslation;

/* Follows at most @limit connections (1 or more), the least recently used one goes. */
TcpRewriter *tcp_rewriter_new(unsigned limit);
void tcp_rewriter_free(TcpRewriter *rewriter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TcpRewriter, tcp_rewriter_free)

/*
 * A frame on its way to the guest (ACK, SACK and echo += delta) or from it (sequence and
 * timestamp -= delta), changed in place with its checksum. @partial: the checksum is left to the
 * card and covers only the pseudo-header yet, so it stays. What is no TCP segment, or is a
 * fragment, is left alone. Returns whether the frame was changed.
 */
bool tcp_rewriter_to_guest(TcpRewriter *rewriter, uint8_t *frame, size_t size, bool partial);
bool tcp_rewriter_from_guest(TcpRewriter *rewriter, uint8_t *frame, size_t size, bool partial);

/*
 * The guest now is a copy of the primary's, and @translations (TcpTranslation, or NULL for none)
 * are those that the primary's own rewriter does for it: those of a survivor that is protected
 * again. All others are forgotten. What the limit has no room for is left out.
 */
void tcp_rewriter_checkpoint(TcpRewriter *rewriter, const GArray *translations);

/* What is done at present: an array of TcpTranslation that the caller owns. */
GArray *tcp_rewriter_translations(const TcpRewriter *rewriter);

/*
 * The other guest is gone. Connections that are known are translated until they end, new ones need
 * no translation and are not followed, so they cannot push the old ones out of the table.
 */
void tcp_rewriter_failover(TcpRewriter *rewriter);

/* How many connections have a delta other than 0. */
unsigned tcp_rewriter_translated(const TcpRewriter *rewriter);
