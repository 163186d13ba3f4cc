/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What COLO counts and measures. Written by the COLO thread, read by any. */
#pragma once

#include "migration/checkpoint.h"
#include "qapi/qapi-types-migration.h"

/* The parts of a checkpoint that are timed, on whichever side they happen. */
typedef enum ColoPhase {
    COLO_PHASE_PAUSE,   /* vCPUs stopped to vCPUs running */
    COLO_PHASE_REQUEST, /* primary: request sent to reply received, the PVM still running */
    COLO_PHASE_STOP,    /* stopping the vCPUs, participants */
    COLO_PHASE_SAVE,    /* primary: device state into the buffer, dirty bitmap synced */
    COLO_PHASE_SEND,    /* primary: RAM and device state handed to the socket */
    COLO_PHASE_CONFIRM, /* primary: waiting for vmstate-received */
    COLO_PHASE_RECEIVE, /* secondary: RAM into the cache, device state into the buffer */
    COLO_PHASE_FLUSH,   /* secondary: cache into guest memory */
    COLO_PHASE_LOAD,    /* secondary: devices */
    COLO_PHASE_COUNT,
} ColoPhase;

/* COLO begins: forget what was. */
void colo_stats_reset(void);
/* One phase took @microseconds. */
void colo_stats_phase(ColoPhase phase, int64_t microseconds);
/* A checkpoint is done. @buffer_bytes: device state buffer and RAM cache held now. */
void colo_stats_checkpoint(CheckpointReason reason, uint64_t pages, uint64_t bytes,
                           uint64_t buffer_bytes);
/* COLO has ended: its buffers are gone. What was counted stays. */
void colo_stats_ended(void);
/* Everything, for x-query-colo-stats; free with COLOStats_free(). */
COLOStats *colo_stats_report(COLOMode mode);
