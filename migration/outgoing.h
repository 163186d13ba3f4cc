/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The outgoing migration from inside; for the files that implement it. */
#pragma once

#include "migration/migration.h"
#include "migration/notifier.h"
#include "migration/uri.h"

struct MigrationState {
    gint status;     /* MigrationStatus, atomic; changed by migration_move() */
    GThread *thread; /* of the running or the last migration; BQL */
    bool running;    /* the thread has work to do; BQL */
    GCond ended;     /* with the BQL: `running` went false */

    GMutex lock;      /* for what follows, up to the next comment */
    GCond changed;    /* with `lock`: any of these changed */
    Channel *channel; /* NULL outside a migration */
    GError *error;    /* the first */
    bool cancelled;
    bool committed;          /* the other side may run the VM from here on */
    bool continue_requested; /* migrate-continue */
    uint32_t pong;           /* the last that came, 0: none */
    bool settled;            /* the main loop has done what was asked before the VM stopped */
    bool return_ended;       /* the return-path thread reads no more */
    bool loaded;             /* `shut` with success came */

    /* The migration thread's. */
    bool colo; /* the capability, as it was at the start */
    MigrationTarget *target;
    MigrationWriter *writer;
    MigrationWriter *devices;       /* device state, a buffer */
    MigrationReader *return_reader; /* NULL without a return path */
    GThread *return_thread;
    bool requests_held;
    bool stopped;        /* we have stopped the VM, which was in */
    RunState stopped_in; /* this state */
    bool peer_may_run;   /* failed in a way that leaves open whether the other side runs */

    /* For query-migrate; atomic. */
    int64_t start_us;
    int64_t setup_us;
    int64_t end_us; /* 0 while running */
    int64_t downtime_begin_us;
    int64_t downtime_us;
    uint64_t bandwidth; /* bytes a second, measured */
    uint64_t pages_per_second;
    uint64_t expected_downtime_ms;
};

/* Has cancelling or the end of the process been asked for? */
bool outgoing_interrupted(MigrationState *state);
/* Break whatever the migration waits for. Any thread. */
void outgoing_break(MigrationState *state);

/* The migration thread's function. */
gpointer outgoing_thread(gpointer opaque);

/* ---- return-path.c ---- */

/* Start to read what the other side sends. */
void return_path_start(MigrationState *state);
/* Wait for pong @value; false with an error when the return path ends or the migration does. */
bool return_path_wait_pong(MigrationState *state, uint32_t value, GError **error);
/* Wait for the final `shut` and for the thread; false unless it reported success. */
bool return_path_finish(MigrationState *state, GError **error);

/* Wait until the return path has ended, at most @timeout_ms; not when cancelled. */
void return_path_wait_end(MigrationState *state, unsigned timeout_ms);

/* Return-path messages: be16 type, be16 length, data. */
typedef enum ReturnPathMessage {
    RETURN_PATH_SHUT = 1, /* be32: 0 loaded; else failed, followed by the reason */
    RETURN_PATH_PONG = 2, /* be32: the ping's value */
} ReturnPathMessage;
#define RETURN_PATH_REASON_MAX 1024u

/* ---- outgoing-requests.c ---- */

/*
 * The VM has stopped: wait until the main loop has carried out the resets and shutdowns that were
 * asked for before. False when interrupted. BQL not held.
 */
bool outgoing_requests_settle(MigrationState *state, GError **error);
/* Hold back such requests from now on. BQL. */
void outgoing_requests_hold(void);
/* No more; those that came happen now when the VM goes on @here. BQL. */
void outgoing_requests_release(bool here);

/* ---- qmp-migration.c ---- */

/* Begin; what QMP migrate does. BQL. */
bool outgoing_begin(const char *uri, GError **error);
/* What QMP migrate_cancel does. BQL. */
bool outgoing_cancel(GError **error);
/*
 * Take leave of a migration's thread that has said it is done (not @running). BQL, given up
 * meanwhile.
 */
void migration_join_ended(GThread **thread, bool running);
/* Is a migration, in whichever direction, under way? BQL. */
bool migration_in_progress(void);

/* ---- blocker.c, notifier.c ---- */

/* False with the first reason when there is one. BQL. */
bool migration_blockers_check(GError **error);
/* The reasons as strings, or NULL when there are none. BQL. */
GPtrArray *migration_blocker_reasons(void);
/* All, in order; on SETUP stops at the first that refuses. BQL. */
bool migration_notify(MigrationStage stage, GError **error);

/* ---- options.c ---- */
bool migration_capability_supported(MigrationCapability capability);
