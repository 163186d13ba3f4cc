/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * COLO inside migration/: what the two sides share. colo.c owns it; colo-primary.c and
 * colo-secondary.c are the loops that the migration thread and the incoming thread run.
 */
#pragma once

#include "io/channel.h"
#include "migration/checkpoint-internal.h"
#include "migration/colo-message.h"
#include "migration/migration.h"
#include "system/runstate.h"

/*
 * Begin COLO on this side: mode, failover state, statistics, participants; requests of the
 * guest to shut down or reset go to @interceptor from now on. @channel: to be broken by a
 * failover. BQL held, VM stopped.
 */
bool colo_begin(COLOMode mode, Channel *channel, RequestInterceptor *interceptor, GError **error);

/*
 * End COLO, whatever the reason: a failover (asked for, or by policy after @broken) or the end of
 * the guest. Lets the participants go, sends COLO_EXIT. BQL held, VM stopped. The caller starts
 * the VM afterwards.
 */
void colo_end(COLOExitReason reason);

COLOMode colo_mode(void);

/* ---- waking the COLO thread ---- */

/*
 * Wait until the peer has sent something or hung up, or colo_wake() was called, or @deadline_us
 * (monotonic, -1: none) has passed. Not with the BQL. @reader's buffered bytes count as sent.
 */
typedef enum ColoWake {
    COLO_WAKE_TIMEOUT,
    COLO_WAKE_PEER,  /* something to read, or the end of the stream */
    COLO_WAKE_ASKED, /* colo_wake() */
} ColoWake;
ColoWake colo_wait(MigrationReader *reader, Channel *channel, gint64 deadline_us);
/* Any thread. */
void colo_wake(void);

/* Is the process on its way out? Then the COLO thread returns without starting anything. */
bool colo_quitting(void);

/*
 * The peer is lost (@error says how) and nobody has asked for a failover: what this side's policy
 * says. Returns true when it is to go on alone at once, false when it is to wait for
 * x-colo-lost-heartbeat. Reports the error. Any thread.
 */
bool colo_peer_lost(COLOMode mode, const GError *error);
/* Wait for x-colo-lost-heartbeat; false when the process ends instead. Not with the BQL. */
bool colo_wait_for_failover(void);

/* ---- the secondary is loading: no failover in between ---- */

/* Enter and leave. Enter fails when a failover was asked for before. Take the BQL. */
bool colo_loading_enter(void);
void colo_loading_leave(void);

/* The two loops. */
void colo_primary_process(MigrationState *state);
bool colo_incoming_enable(MigrationIncoming *incoming, GError **error);
bool colo_incoming_process(MigrationIncoming *incoming, GError **error);
