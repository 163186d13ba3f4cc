/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Announcements, as their tests see them. Need the BQL. */
#pragma once

#include "net/net.h"
#include "util/timer.h"

/* A RARP request is shorter than what Ethernet carries: padded. */
#define ANNOUNCE_FRAME_SIZE 60

typedef struct AnnounceTiming {
    unsigned initial_ms; /* between the first two rounds */
    unsigned max_ms;     /* between two rounds at most */
    unsigned rounds;
    unsigned step_ms; /* by which each wait is longer than the one before */
} AnnounceTiming;

/* Milliseconds from round @round (from 0) to the next. */
unsigned announce_wait_ms(const AnnounceTiming *timing, unsigned round);

/* The frame that tells switches where @mac is. */
void announce_frame(const uint8_t mac[6], uint8_t frame[ANNOUNCE_FRAME_SIZE]);

/*
 * Begin the series @id: its first round at once, the others by a timer on @clock. Replaces a
 * series of the same id. @interfaces: NULL-terminated names of NICs, NULL: all that there are in
 * each round.
 */
void announce_begin(const char *id, const char *const *interfaces, const AnnounceTiming *timing,
                    ClockType clock);
