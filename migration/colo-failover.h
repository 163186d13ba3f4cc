/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The state of a failover: asked for, being carried out, done. One per process, since a process
 * takes part in one COLO at a time.
 *
 *   none -> require        x-colo-lost-heartbeat was given
 *   require -> active      the main loop has broken the channel; the COLO thread carries it out
 *   require -> relaunch    asked while the SVM was loading: done again after the load
 *   relaunch -> require
 *   active -> completed
 *   completed -> none      COLO begins again
 *   require -> none, relaunch -> none   COLO ended by itself before
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum ColoFailoverState {
    COLO_FAILOVER_NONE,
    COLO_FAILOVER_REQUIRE,
    COLO_FAILOVER_ACTIVE,
    COLO_FAILOVER_COMPLETED,
    COLO_FAILOVER_RELAUNCH,
    COLO_FAILOVER_STATE_COUNT,
} ColoFailoverState;

/* Any thread. */
ColoFailoverState colo_failover_state(void);
const char *colo_failover_state_name(ColoFailoverState state);
bool colo_failover_transition_legal(ColoFailoverState from, ColoFailoverState to);
/*
 * Move by compare-and-exchange; false when the state was not @from any more. A transition that
 * is not in the table aborts in debug builds and is refused otherwise. Any thread.
 */
bool colo_failover_move(ColoFailoverState from, ColoFailoverState to);
/* Put it back to none when COLO begins; whatever it was. BQL held. */
void colo_failover_reset(void);
/* Has failover been asked for and not been completed? Any thread. */
bool colo_failover_wanted(void);
