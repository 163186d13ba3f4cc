/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* QMP commands of the outgoing migration, and what happens at start-up and exit. */
#include <string.h>

#include "migration/global-state.h"
#include "migration/incoming.h"
#include "migration/init.h"
#include "migration/migration.h"
#include "migration/notifier.h"
#include "migration/outgoing.h"
#include "migration/ram.h"
#include "migration/savevm.h"
#include "migration/state.h"
#include "qapi/qapi-commands-migration.h"
#include "system/bql.h"
#include "system/exit-notifier.h"
#include "system/runstate.h"
#include "util/report.h"

/* How long the process waits for migration threads when it ends, milliseconds. */
#define EXIT_WAIT_MS 500

bool migration_in_progress(void)
{
    MigrationStatus in = migration_incoming_status(migration_incoming());
    return migration_status_in_progress(migration_status(migration_state())) ||
           in == MIGRATION_STATUS_ACTIVE || in == MIGRATION_STATUS_COLO;
}

/* ---- migrate ---- */

static bool check_possible(GError **error)
{
    if (migration_in_progress()) {
        qc_error_set(error, "There's a migration process in progress");
        return false;
    }
    if (runstate_is(RUN_STATE_INMIGRATE)) {
        qc_error_set(error, "Guest is waiting for an incoming migration");
        return false;
    }
    if (runstate_is(RUN_STATE_POSTMIGRATE)) {
        qc_error_set(error, "Can't migrate the vm that was paused due to previous migration");
        return false;
    }
    return savevm_check_migratable(error) && migration_blockers_check(error);
}

/* Forget the last migration, whose thread has ended. */
static void reset_state(MigrationState *state)
{
    if (state->thread) {
        g_thread_join(g_steal_pointer(&state->thread));
    }
    g_clear_error(&state->error);
    state->cancelled = false;
    state->committed = false;
    state->continue_requested = false;
    state->pong = 0;
    state->return_ended = false;
    state->loaded = false;
    state->stopped = false;
    state->requests_held = false;
    state->peer_may_run = false;
    state->setup_us = 0;
    state->end_us = 0;
    state->downtime_us = 0;
    state->bandwidth = 0;
    state->pages_per_second = 0;
    state->expected_downtime_ms = migration_parameter_downtime_limit_ms();
    state->colo = migration_colo_enabled();
    state->start_us = g_get_monotonic_time();
}

bool outgoing_begin(const char *uri, GError **error)
{
    MigrationState *state = migration_state();
    g_assert(bql_locked());
    if (!check_possible(error)) {
        return false;
    }
    g_autoptr(MigrationTarget) target = migration_target_new(uri, error);
    if (!target || !migration_notify(MIGRATION_STAGE_SETUP, error)) {
        return false;
    }
    reset_state(state);
    state->channel = target->channel;
    state->target = g_steal_pointer(&target);
    state->running = true;
    migration_move(state, migration_status(state), MIGRATION_STATUS_SETUP);
    state->thread = g_thread_new("migration", outgoing_thread, state);
    return true;
}

void qmp_migrate(const char *uri, bool has_blk, bool blk, bool has_inc, bool inc, bool has_detach,
                 bool detach, bool has_resume, bool resume, GError **error)
{
    if ((has_blk && blk) || (has_inc && inc)) {
        qc_error_set(error,
                     "argument '%s': migration does not copy disks; mirror them with a "
                     "block job",
                     has_blk && blk ? "blk" : "inc");
        return;
    }
    if (has_resume && resume) {
        qc_error_set(error, "argument 'resume': only a postcopy migration can be resumed, and "
                            "postcopy is not supported");
        return;
    }
    outgoing_begin(uri, error);
}

/* ---- migrate_cancel, migrate-continue ---- */

bool outgoing_cancel(GError **error)
{
    MigrationState *state = migration_state();
    MigrationStatus status = migration_status(state);
    if (status == MIGRATION_STATUS_COLO) {
        qc_error_set(error, "COLO is running and cannot be cancelled; 'x-colo-lost-heartbeat' ends "
                            "it");
        return false;
    }
    g_mutex_lock(&state->lock);
    bool too_late = state->committed || !migration_status_in_progress(status);
    if (!too_late) {
        state->cancelled = true;
    }
    g_mutex_unlock(&state->lock);
    if (too_late) {
        return true;
    }
    do {
        status = migration_status(state);
    } while (migration_transition_legal(status, MIGRATION_STATUS_CANCELLING) &&
             !migration_move(state, status, MIGRATION_STATUS_CANCELLING));
    outgoing_break(state);
    return true;
}

void qmp_migrate_cancel(GError **error)
{
    outgoing_cancel(error);
}

void qmp_migrate_continue(MigrationStatus status, GError **error)
{
    MigrationState *state = migration_state();
    if (status != migration_status(state) || status != MIGRATION_STATUS_PRE_SWITCHOVER) {
        qc_error_set(error, "Migration not in expected state: %s",
                     MigrationStatus_str(migration_status(state)));
        return;
    }
    g_mutex_lock(&state->lock);
    state->continue_requested = true;
    g_cond_broadcast(&state->changed);
    g_mutex_unlock(&state->lock);
}

/* ---- query-migrate ---- */

static MigrationStats *ram_info(MigrationState *state, int64_t elapsed_us)
{
    RAMStatistics ram;
    ram_statistics_get(&ram);
    MigrationStats *info = MigrationStats_new();
    info->transferred = ram.transferred_bytes;
    info->remaining = ram.remaining_pages << TARGET_PAGE_BITS;
    info->total = ram_total_bytes();
    info->duplicate = ram.zero_pages;
    info->normal = ram.normal_pages;
    info->normal_bytes = ram.normal_pages << TARGET_PAGE_BITS;
    info->dirty_pages_rate = ram.dirty_pages_rate;
    uint64_t bandwidth = __atomic_load_n(&state->bandwidth, __ATOMIC_RELAXED);
    if (bandwidth == 0 && elapsed_us > 0) {
        bandwidth = ram.transferred_bytes * G_USEC_PER_SEC / elapsed_us;
    }
    info->mbps = (double)bandwidth * 8 / 1e6;
    info->dirty_sync_count = ram.dirty_sync_count;
    info->page_size = TARGET_PAGE_SIZE;
    info->pages_per_second = __atomic_load_n(&state->pages_per_second, __ATOMIC_RELAXED);
    info->downtime_bytes = ram.downtime_bytes;
    info->precopy_bytes = ram.transferred_bytes - MIN(ram.downtime_bytes, ram.transferred_bytes);
    return info;
}

static void fill_outgoing(MigrationInfo *info, MigrationState *state)
{
    info->has_status = true;
    info->status = migration_status(state);
    int64_t end_us = __atomic_load_n(&state->end_us, __ATOMIC_RELAXED);
    int64_t elapsed_us = (end_us ? end_us : g_get_monotonic_time()) - state->start_us;
    if (info->status != MIGRATION_STATUS_SETUP) {
        info->has_total_time = true;
        info->total_time = elapsed_us / 1000;
        info->has_setup_time = true;
        info->setup_time = state->setup_us / 1000;
        info->ram = ram_info(state, elapsed_us);
    }
    if (info->status == MIGRATION_STATUS_COMPLETED) {
        info->has_downtime = true;
        info->downtime = state->downtime_us / 1000;
    } else if (migration_status_in_progress(info->status)) {
        info->has_expected_downtime = true;
        info->expected_downtime = __atomic_load_n(&state->expected_downtime_ms, __ATOMIC_RELAXED);
    } else if (info->status == MIGRATION_STATUS_FAILED) {
        g_mutex_lock(&state->lock);
        info->error_desc = state->error ? g_strdup(state->error->message) : NULL;
        g_mutex_unlock(&state->lock);
    }
}

MigrationInfo *qmp_query_migrate(GError **error)
{
    MigrationInfo *info = MigrationInfo_new();
    MigrationState *state = migration_state();
    MigrationStatus in = migration_incoming_status(migration_incoming());
    if (migration_status(state) != MIGRATION_STATUS_NONE) {
        fill_outgoing(info, state);
    } else if (in != MIGRATION_STATUS_NONE) {
        info->has_status = true;
        info->status = in;
        if (in == MIGRATION_STATUS_FAILED) {
            info->error_desc = migration_incoming_error_text(migration_incoming());
        }
    }
    info->blocked_reasons = migration_blocker_reasons();
    return info;
}

/* ---- the process ---- */

void migration_join_ended(GThread **thread, bool running)
{
    g_assert(bql_locked());
    if (*thread && !running) {
        GThread *ended = g_steal_pointer(thread);
        bql_unlock();
        g_thread_join(ended);
        bql_lock();
    }
}

static void on_exit_process(void *opaque)
{
    MigrationState *state = migration_state();
    gint64 deadline = g_get_monotonic_time() + EXIT_WAIT_MS * 1000;
    if (migration_colo_ops()) {
        migration_colo_ops()->shutdown();
    }
    outgoing_cancel(NULL);
    outgoing_break(state);
    while (state->running && bql_wait_until(&state->ended, deadline)) {
    }
    if (state->thread && !state->running) {
        g_thread_join(g_steal_pointer(&state->thread));
    }
    migration_join_ended(&state->thread, state->running);
    migration_incoming_shutdown(deadline);
}

void migration_init(void)
{
    ram_migration_init();
    global_state_init();
    exit_notifier_add(on_exit_process, NULL);
}
