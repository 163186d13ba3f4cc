/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Participants of COLO checkpoints: parts outside migration/ that must act at each checkpoint
 * (comparator, packet buffer, replicated disk, kernel packet path). The checkpoint code knows
 * them only through this table.
 *
 * Order at a checkpoint: prepare (both sides, VM stopped) -> state travels -> commit (primary:
 * the secondary has it; secondary: before it is loaded) -> VMs run.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum CheckpointSide {
    CHECKPOINT_PRIMARY,
    CHECKPOINT_SECONDARY,
} CheckpointSide;

/* Why a checkpoint is taken. */
typedef enum CheckpointReason {
    CHECKPOINT_REASON_PERIODIC,
    CHECKPOINT_REASON_REQUEST,
    CHECKPOINT_REASON_MISCOMPARE,
    CHECKPOINT_REASON_TIMEOUT,
    CHECKPOINT_REASON_QUEUE_FULL,
    CHECKPOINT_REASON_SHUTDOWN, /* the guest shuts down or resets */
    CHECKPOINT_REASON_COUNT,
} CheckpointReason;

/* What a participant that compares packets has done since it was made. */
typedef struct CheckpointPackets {
    char *name; /* newly allocated */
    uint64_t compared, matched, released, dropped, late;
    uint64_t held, held_bytes, connections; /* now */
    uint64_t asked[CHECKPOINT_REASON_COUNT];
} CheckpointPackets;

typedef struct CheckpointOps {
    const char *name; /* for errors and traces */
    /* COLO begins. BQL held, VM stopped. An error ends COLO before it starts. */
    bool (*start)(void *opaque, CheckpointSide side, GError **error);
    /* The VM has stopped for checkpoint @sequence. BQL held. */
    bool (*prepare)(void *opaque, CheckpointSide side, uint64_t sequence, GError **error);
    /* Checkpoint @sequence is the truth now. BQL held. */
    bool (*commit)(void *opaque, CheckpointSide side, uint64_t sequence, GError **error);
    /* The peer is gone, this side goes on alone. BQL held, VM stopped. Must not wait. */
    bool (*failover)(void *opaque, CheckpointSide side, GError **error);
    /* COLO ended (after failover too); undo start. BQL held. */
    void (*stop)(void *opaque, CheckpointSide side);
    /* For statistics; at any time. BQL held. */
    void (*packets)(void *opaque, CheckpointPackets *packets);
} CheckpointOps;

/* Take part from the next start on. All functions of @ops may be NULL. BQL. */
void checkpoint_participant_add(const CheckpointOps *ops, void *opaque);
void checkpoint_participant_remove(const CheckpointOps *ops, void *opaque);

/*
 * Ask for a checkpoint. Any thread, never waits; asks during a checkpoint lead to one more
 * after it, many asks to one. What packets asked for (miscompare, timeout, queue full) before the
 * VM has stopped for a checkpoint is settled by that one; participants ask for no more of it
 * between prepare and commit. Ignored where COLO does not run as primary.
 */
void checkpoint_request(CheckpointReason reason);

/*
 * A participant has failed in a way that breaks protection: COLO treats it as a broken peer.
 * Any thread. Takes a copy of @error.
 */
void checkpoint_report_error(const CheckpointOps *ops, const GError *error);

/*
 * Primary: does the secondary's guest wait from the last checkpoint on (x-colo-mode=periodic), so
 * that there is nothing to compare with? A change of the mode shows at the next checkpoint, from
 * `commit` on. Valid in `start` and after. Any thread.
 */
bool checkpoint_periodic(void);

/* Is COLO running, and as what? Any thread. */
bool checkpoint_active(CheckpointSide *side);
