/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The migration state machines, inside migration/: the outgoing side (MigrationState) and the
 * incoming side (MigrationIncoming), and the door through which COLO takes over either.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "migration/arrival.h"
#include "migration/stream.h"
#include "qapi/qapi-types-migration.h"
#include "qapi/qapi-types-run-state.h"

/* ---- outgoing ---- */

typedef struct MigrationState MigrationState;

/* The outgoing migration of this process, running or last; never NULL. */
MigrationState *migration_state(void);

/* Any thread. */
MigrationStatus migration_status(MigrationState *state);
/*
 * Move from @from to @to by compare-and-exchange. False when the status was not @from any more.
 * A pair that the table of transitions does not have aborts in debug builds and is refused
 * otherwise. Traces, and sends the MIGRATION event when that capability is on. Any thread.
 */
bool migration_move(MigrationState *state, MigrationStatus from, MigrationStatus to);
/* Is that transition in the table? */
bool migration_transition_legal(MigrationStatus from, MigrationStatus to);

/* The stream to the peer; the migration thread's. */
MigrationWriter *migration_writer(MigrationState *state);
/*
 * What the peer sends on the same socket. The migration thread's once COLO runs: the return-path
 * thread has ended, having read the `shut` that reports a successful load, and nothing behind it.
 */
MigrationReader *migration_return_reader(MigrationState *state);
/* For channel_shutdown() from any thread; a new reference or NULL. */
Channel *migration_channel(MigrationState *state);

/* Remember the first error; query-migrate shows it. Copies. Any thread. */
void migration_set_error(MigrationState *state, const GError *error);
/* The run state in which the VM was when it was stopped for the switch-over. Migration thread. */
RunState migration_stopped_in(const MigrationState *state);
/* Has migrate_cancel been asked for? Any thread. */
bool migration_cancelled(MigrationState *state);

/* ---- incoming ---- */

typedef struct MigrationIncoming MigrationIncoming;

/* Never NULL. */
MigrationIncoming *migration_incoming(void);
MigrationStatus migration_incoming_status(MigrationIncoming *incoming);
bool migration_incoming_move(MigrationIncoming *incoming, MigrationStatus from, MigrationStatus to);
/* The incoming thread's. */
MigrationReader *migration_incoming_reader(MigrationIncoming *incoming);
/* Towards the source; the incoming thread's. */
MigrationWriter *migration_incoming_return_writer(MigrationIncoming *incoming);
/* For channel_shutdown() from any thread; a new reference or NULL. */
Channel *migration_incoming_channel(MigrationIncoming *incoming);
void migration_incoming_set_error(MigrationIncoming *incoming, const GError *error);

/* ---- the run state that travels with the VM ---- */

/*
 * What the `globalstate` section says next time it is saved; normally the state just before
 * the VM was stopped to be saved. BQL.
 */
void global_state_store(RunState state);
/* What the last load brought; RUN_STATE_RUNNING before any. BQL. */
RunState global_state_loaded(void);

/* ---- COLO ---- */

/* Capability x-colo (or colo, the same thing) is on. Any thread. */
bool migration_colo_enabled(void);

/*
 * What COLO hangs into migration; registered by a constructor of migration/colo.c. A build
 * without COLO registers nothing, and the capability is refused.
 */
typedef struct MigrationColoOps {
    /*
     * The migration thread, BQL not held. The first copy is complete and loaded on the other
     * side, the VM is stopped in finish-migrate, the status is `active`, the dirty bitmaps are
     * set up and clean. Runs COLO until it ends. On return the VM is in the state in which it
     * is to go on, and status `colo` (or still `active`) is moved to `completed` by the core,
     * unless an error was set with migration_set_error(): then to `failed`.
     */
    void (*primary_process)(MigrationState *state);
    /*
     * The incoming thread, BQL not held; the stream has carried the enable-COLO command and
     * has been loaded up to its end-of-file byte; the VM is in inmigrate, status `active`.
     * `shut` with success has been sent. Runs until COLO ends. On return true: the VM goes on
     * here (failover) or was left stopped on purpose, status `colo` is moved to `completed`;
     * false: status `failed`, the process goes on without starting the VM.
     */
    bool (*incoming_process)(MigrationIncoming *incoming, GError **error);
    /*
     * The enable-COLO command has arrived, before the first RAM page; BQL not held. Prepare
     * to receive (the RAM cache).
     */
    bool (*incoming_enable)(MigrationIncoming *incoming, GError **error);
    /* The process ends: make the two functions above return soon. BQL held, must not wait. */
    void (*shutdown)(void);
} MigrationColoOps;
void migration_colo_register(const MigrationColoOps *ops);
/* NULL in a build without COLO. */
const MigrationColoOps *migration_colo_ops(void);

/* ---- parameters and capabilities as the core reads them; any thread ---- */

uint64_t migration_parameter_max_bandwidth(void); /* bytes a second, 0: no limit */
uint64_t migration_parameter_downtime_limit_ms(void);
uint32_t migration_parameter_checkpoint_delay_ms(void);
MigrationAnnounce migration_parameter_announce(void); /* BQL */
COLOCheckpointMode migration_parameter_colo_mode(void);
COLOErrorPolicy migration_parameter_colo_error_policy(void);
bool migration_capability(MigrationCapability capability);
/* Call @changed (BQL) after x-checkpoint-delay was set: COLO's timer takes note. */
void migration_checkpoint_delay_notify(void (*changed)(void *opaque), void *opaque);
