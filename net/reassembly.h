/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * IP fragments put together, so that two guests that fragment alike or not are compared by what
 * they say. RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722 (no overlaps).
 */
#pragma once

#include "net/packet.h"

typedef struct ReassemblyLimits {
    size_t bytes;       /* of all fragments held, frames with their headers */
    unsigned datagrams; /* incomplete ones */
    unsigned fragments; /* of one datagram, repetitions included */
    int64_t timeout;    /* from the first fragment on, in the caller's unit of time */
} ReassemblyLimits;

typedef enum ReassemblyResult {
    REASSEMBLY_WAITING,
    REASSEMBLY_COMPLETE,
    /* The whole datagram is given up: */
    REASSEMBLY_OVERLAP,
    REASSEMBLY_CONFLICTING_END, /* two last fragments, or data behind the last */
    REASSEMBLY_TOO_MANY_FRAGMENTS,
    REASSEMBLY_TOO_LONG, /* header and data are more than 65535 bytes */
    REASSEMBLY_TOO_MANY_BYTES,
    /* Given to the callback only: */
    REASSEMBLY_TIMEOUT,
    REASSEMBLY_TOO_MANY_DATAGRAMS,
    REASSEMBLY_RESULT_COUNT,
} ReassemblyResult;

/*
 * A datagram is given up. @frames: its fragments as GBytes, in order of arrival, borrowed. Must
 * not call into the Reassembly.
 */
typedef void ReassemblyDropped(const GPtrArray *frames, ReassemblyResult reason, void *opaque);

typedef struct Reassembly Reassembly;

/* All limits are at least 1. @dropped may be NULL. One thread uses a Reassembly. */
Reassembly *reassembly_new(const ReassemblyLimits *limits, ReassemblyDropped *dropped,
                           void *opaque);

/* Forgets what is held without a word to the callback. */
void reassembly_free(Reassembly *reassembly);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reassembly, reassembly_free)

/*
 * Take in a copy of @fragment, a PACKET_FRAGMENT. With REASSEMBLY_COMPLETE *@whole is the frame
 * as if it had never been cut (transport checksum as sent, IPv4 header checksum made anew) and
 * *@frames are the fragments as GBytes in order of arrival; the caller owns both. @now never
 * goes back.
 */
ReassemblyResult reassembly_add(Reassembly *reassembly, const Packet *fragment, int64_t now,
                                GByteArray **whole, GPtrArray **frames);

/* Give up the datagrams whose time is over. */
void reassembly_expire(Reassembly *reassembly, int64_t now);

void reassembly_set_timeout(Reassembly *reassembly, int64_t timeout);

/* Forget what is held without a word to the callback. */
void reassembly_clear(Reassembly *reassembly);

size_t reassembly_bytes(const Reassembly *reassembly);
unsigned reassembly_datagrams(const Reassembly *reassembly);
const char *reassembly_result_text(ReassemblyResult result);
