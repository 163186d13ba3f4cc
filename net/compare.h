/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator without its channels: frames of two guests go in, the primary's come out once
 * the secondary has sent the same, and a checkpoint is asked for when it has not.
 */
#pragma once

#include "migration/checkpoint.h"
#include "net/net.h"
#include "net/packet.h"

typedef struct ComparatorConfig {
    unsigned connections;  /* most that are followed */
    unsigned queue_frames; /* most that are held of one connection, for each side */
    size_t held_bytes;     /* most that are held of all */
    int64_t timeout;       /* a primary frame waits no longer than this; unit of `now` */
    bool whole;            /* the owner can only send what came, never a part of it */
} ComparatorConfig;

/* None of these may call into the comparator. */
typedef struct ComparatorOps {
    /*
     * Send @frame, which is borrowed, to the client. It is the very frame that was given to
     * comparator_primary_frames() when that one can go at once. A long segment may leave in
     * parts, unless `whole` forbids it.
     */
    void (*release)(const NetFrame *frame, void *opaque);
    /* A checkpoint is needed; asked once until comparator_checkpoint(). */
    void (*checkpoint_needed)(CheckpointReason reason, void *opaque);
} ComparatorOps;

typedef struct ComparatorStatistics {
    uint64_t primary_frames, secondary_frames; /* all that came in */
    uint64_t compared;                         /* of the primary, while running */
    uint64_t matched;                          /* left because the secondary sent the same */
    uint64_t released;                         /* left: matched, at a checkpoint, uncompared */
    uint64_t cut;                              /* parts that left before the rest: not in these */
    uint64_t dropped;                          /* primary frames, for lack of room or of use */
    uint64_t late;                             /* of the secondary, from before a checkpoint */
    uint64_t refused;                          /* by the parser: compared as they are */
    uint64_t checkpoints;
    uint64_t asked[CHECKPOINT_REASON_COUNT];
    size_t held_bytes;    /* of both sides */
    unsigned held_frames; /* of the primary */
    unsigned connections;
} ComparatorStatistics;

typedef struct Comparator Comparator;

/* All limits are at least 1. One thread at a time uses a comparator. It begins stopped. */
Comparator *comparator_new(const ComparatorConfig *config, const ComparatorOps *ops, void *opaque);

/* Held frames are freed, not released. */
void comparator_free(Comparator *comparator);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Comparator, comparator_free)

/* Change limits; the number of connections stays. */
void comparator_set_queue_frames(Comparator *comparator, unsigned queue_frames);
void comparator_set_timeout(Comparator *comparator, int64_t timeout);

/*
 * While stopped, primary frames pass at once and secondary ones are dropped. Stopping releases
 * what is held and forgets all connections.
 */
void comparator_set_running(Comparator *comparator, bool running);
bool comparator_running(const Comparator *comparator);

/*
 * Frames of either guest, borrowed, in order. @now never goes back. Several at once are faster
 * when there are many connections.
 */
void comparator_primary_frames(Comparator *comparator, const NetFrame *frames, unsigned count,
                               int64_t now);
void comparator_secondary_frames(Comparator *comparator, const NetFrame *frames, unsigned count,
                                 int64_t now);

/* Ask for a checkpoint if a frame has waited too long. To be called now and then. */
void comparator_expire(Comparator *comparator, int64_t now);

/*
 * The primary has stopped for a checkpoint: whatever is held or comes until then is settled by it,
 * so nothing is asked for any more.
 */
void comparator_checkpoint_begins(Comparator *comparator);

/*
 * The secondary has the primary's state: release what is held in order of arrival, drop what
 * the secondary sent. Takes time in proportion to what is held, not to the connections. Where
 * the primary's channel has marks and that of this checkpoint has not come yet, frames that the
 * primary sent before are still on their way: then it happens when the mark comes.
 */
void comparator_checkpoint(Comparator *comparator);

/*
 * A mark has come (net/frame-channel.h): what its guest sent before the last checkpoint, or the
 * next if there was none since the last mark, has all come. After a checkpoint frames of the
 * secondary are dropped until its mark. Channels on which no mark ever came have none.
 */
void comparator_primary_mark(Comparator *comparator);
void comparator_secondary_mark(Comparator *comparator);
/* The channel has a new peer. */
void comparator_primary_opened(Comparator *comparator);
void comparator_secondary_opened(Comparator *comparator);

/*
 * Without a secondary nothing can match, so a checkpoint is asked for as soon as a frame is held.
 * It is present at first.
 */
void comparator_set_secondary_present(Comparator *comparator, bool present);

ComparatorStatistics comparator_statistics(const Comparator *comparator);
/* The same as COLO shows it; leaves the name alone. */
void comparator_statistics_report(const ComparatorStatistics *statistics,
                                  CheckpointPackets *packets);
