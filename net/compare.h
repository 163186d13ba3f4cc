/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator without its channels: frames of two guests go in, the primary's come out once
 * the secondary has sent the same, and a checkpoint is asked for when it has not.
 */
#pragma once

#include "migration/checkpoint.h"
#include "net/packet.h"

typedef struct ComparatorConfig {
    unsigned connections;  /* most that are followed */
    unsigned queue_frames; /* most that are held of one connection, for each side */
    size_t held_bytes;     /* most that are held of all */
    int64_t timeout;       /* a primary frame waits no longer than this; unit of `now` */
} ComparatorConfig;

/* None of these may call into the comparator. */
typedef struct ComparatorOps {
    /* Send @frame, which is borrowed, to the client. */
    void (*release)(const uint8_t *frame, size_t size, void *opaque);
    /* A checkpoint is needed; asked once until comparator_checkpoint(). */
    void (*checkpoint_needed)(CheckpointReason reason, void *opaque);
} ComparatorOps;

typedef struct ComparatorStatistics {
    uint64_t primary_frames, secondary_frames;
    uint64_t released; /* matched, or at a checkpoint */
    uint64_t dropped;  /* primary frames, for lack of room */
    uint64_t refused;  /* by the parser: compared as they are */
    uint64_t checkpoints;
    uint64_t asked[CHECKPOINT_REASON_COUNT];
    size_t held_bytes;
    unsigned held_frames; /* of the primary */
    unsigned connections;
} ComparatorStatistics;

typedef struct Comparator Comparator;

/* All limits are at least 1. One thread uses a comparator. It begins stopped. */
Comparator *comparator_new(const ComparatorConfig *config, const ComparatorOps *ops, void *opaque);

/* Held frames are freed, not released. */
void comparator_free(Comparator *comparator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Comparator, comparator_free)

/*
 * While stopped, primary frames pass at once and secondary ones are dropped. Stopping releases
 * what is held and forgets all connections.
 */
void comparator_set_running(Comparator *comparator, bool running);

/* A frame of either guest, borrowed. @now never goes back. */
void comparator_primary_frame(Comparator *comparator, const uint8_t *frame, size_t size,
                              int64_t now);
void comparator_secondary_frame(Comparator *comparator, const uint8_t *frame, size_t size,
                                int64_t now);

/* Ask for a checkpoint if a frame has waited too long. To be called now and then. */
void comparator_expire(Comparator *comparator, int64_t now);

/*
 * The secondary has the primary's state: release what is held in order of arrival, drop what
 * the secondary sent.
 */
void comparator_checkpoint(Comparator *comparator);

ComparatorStatistics comparator_statistics(const Comparator *comparator);
