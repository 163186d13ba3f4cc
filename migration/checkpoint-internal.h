/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The other end of include/migration/checkpoint.h: what COLO does with its participants. */
#pragma once

#include "migration/checkpoint.h"

/* "periodic", "request" and so on. */
const char *checkpoint_reason_name(CheckpointReason reason);

/* What becomes of requests and errors while COLO runs. Called on any thread, must not wait. */
typedef struct CheckpointListener {
    void (*requested)(void);
    void (*failed)(void);
} CheckpointListener;

/*
 * COLO begins and ends: from now on requests and errors count. Ending forgets those that are
 * outstanding. BQL held.
 */
void checkpoint_activate(CheckpointSide side, const CheckpointListener *listener);
void checkpoint_deactivate(void);

/* What checkpoint_periodic() answers from now on. Any thread. */
void checkpoint_set_periodic(bool periodic);

/* Call all participants in order of registration; the error names the participant. BQL held. */
bool checkpoint_participants_start(CheckpointSide side, GError **error);
bool checkpoint_participants_prepare(CheckpointSide side, uint64_t sequence, GError **error);
bool checkpoint_participants_commit(CheckpointSide side, uint64_t sequence, GError **error);
/* All of them, whatever fails; the first error is reported. BQL held. */
bool checkpoint_participants_failover(CheckpointSide side, GError **error);
/* Those that were started. BQL held. */
void checkpoint_participants_stop(CheckpointSide side);

/* Has anybody asked since the last checkpoint_take_request()? Any thread. */
bool checkpoint_request_pending(void);
/* Take what was asked for so far; false when nothing was. The first reason asked for wins. */
bool checkpoint_take_request(CheckpointReason *reason);
/* The VM has stopped: what packets before have asked for is settled by this checkpoint. */
void checkpoint_settle_requests(void);
/* Call @visit for each participant that compares packets. BQL held. */
void checkpoint_foreach_packets(void (*visit)(const CheckpointPackets *packets, void *opaque),
                                void *opaque);
/* The error that a participant reported, or NULL; the caller frees. */
GError *checkpoint_take_error(void);
