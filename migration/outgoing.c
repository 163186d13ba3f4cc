/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The outgoing migration: its state and its thread.
 *
 * The end is in two steps, so that never two VMs run: the device state and a ping go out; the
 * destination answers when it has loaded everything; only then the end-of-file byte follows,
 * which lets it run. Up to that byte cancelling and every failure leave the VM here.
 */
#include "migration/outgoing.h"

#include <string.h>

#include "migration/notifier.h"
#include "migration/ram.h"
#include "migration/savevm-internal.h"
#include "migration/state.h"
#include "qapi/qapi-events-migration.h"
#include "system/bql.h"
#include "system/runstate.h"
#include "trace-migration.h"
#include "util/report.h"

/* How long to wait for the destination's reason after the stream broke, milliseconds. */
#define REASON_WAIT_MS 1000

/* The ping behind the device state, "load". */
#define LOADED_PING 0x6c6f6164u

static MigrationState the_state;

MigrationState *migration_state(void)
{
    return &the_state;
}

MigrationStatus migration_status(MigrationState *state)
{
    return g_atomic_int_get(&state->status);
}

bool migration_move(MigrationState *state, MigrationStatus from, MigrationStatus to)
{
    return migration_status_move(&state->status, "outgoing", from, to);
}

MigrationWriter *migration_writer(MigrationState *state)
{
    return state->writer;
}

MigrationReader *migration_return_reader(MigrationState *state)
{
    return state->return_reader;
}

Channel *migration_channel(MigrationState *state)
{
    g_mutex_lock(&state->lock);
    Channel *channel = state->channel ? channel_ref(state->channel) : NULL;
    g_mutex_unlock(&state->lock);
    return channel;
}

void migration_set_error(MigrationState *state, const GError *error)
{
    g_mutex_lock(&state->lock);
    if (!state->error) {
        state->error = g_error_copy(error);
        trace_migration_error(error->message);
    }
    g_mutex_unlock(&state->lock);
}

bool migration_cancelled(MigrationState *state)
{
    return migration_status(state) == MIGRATION_STATUS_CANCELLING;
}

bool outgoing_interrupted(MigrationState *state)
{
    g_mutex_lock(&state->lock);
    bool interrupted = state->cancelled || state->error;
    g_mutex_unlock(&state->lock);
    return interrupted;
}

void outgoing_break(MigrationState *state)
{
    g_autoptr(Channel) channel = migration_channel(state);
    if (channel) {
        channel_shutdown(channel);
    }
    g_mutex_lock(&state->lock);
    g_cond_broadcast(&state->changed);
    g_mutex_unlock(&state->lock);
}

/* From whichever status it is in now. */
static void move_to(MigrationState *state, MigrationStatus to)
{
    MigrationStatus from;
    do {
        from = migration_status(state);
    } while (migration_transition_legal(from, to) && !migration_move(state, from, to));
}

static bool fail_interrupted(GError **error)
{
    qc_error_set(error, "the migration was interrupted");
    return false;
}

/* ---- setting up ---- */

static bool open_return_path(MigrationState *state, GError **error)
{
    bool two_way = migration_channel_two_way(state->channel);
    if (state->colo && !two_way) {
        qc_error_set(error, "COLO needs a channel on which the other side can answer: tcp:, unix: "
                            "or the fd: of a socket");
        return false;
    }
    if (two_way && (migration_capability(MIGRATION_CAPABILITY_RETURN_PATH) || state->colo)) {
        return_path_start(state);
    }
    return true;
}

static bool begin_stream(MigrationState *state, GError **error)
{
    if (!migration_target_open(state->target, error) || !open_return_path(state, error)) {
        return false;
    }
    state->writer = migration_writer_new(state->channel);
    /* What goes one way ends up in files, which others may want to read. */
    ram_save_set_joined(state->return_reader != NULL);
    savevm_put_header(state->writer);
    if (state->return_reader) {
        savevm_put_command(state->writer, SAVEVM_COMMAND_OPEN_RETURN_PATH, NULL, 0);
    }
    if (state->colo) {
        savevm_put_command(state->writer, SAVEVM_COMMAND_ENABLE_COLO, NULL, 0);
    }
    if (!savevm_live_setup(state->writer, error)) {
        return false;
    }
    state->setup_us = g_get_monotonic_time() - state->start_us;
    return migration_move(state, MIGRATION_STATUS_SETUP, MIGRATION_STATUS_ACTIVE) ||
           fail_interrupted(error);
}

/* ---- copying while the VM runs ---- */

/* The throughput of the last window. */
typedef struct Meter {
    gint64 begin_us;
    uint64_t begin_bytes;
    uint64_t begin_pages;
} Meter;

static uint64_t pages_sent(void)
{
    RAMStatistics ram;
    ram_statistics_get(&ram);
    return ram.normal_pages + ram.zero_pages;
}

static void meter_begin(Meter *meter, const MigrationState *state)
{
    meter->begin_us = g_get_monotonic_time();
    meter->begin_bytes = migration_writer_position(state->writer);
    meter->begin_pages = pages_sent();
}

static void meter_update(Meter *meter, MigrationState *state, uint64_t pending)
{
    gint64 elapsed_us = g_get_monotonic_time() - meter->begin_us;
    if (elapsed_us < MIGRATION_WINDOW_MS * 1000) {
        return;
    }
    uint64_t bytes = migration_writer_position(state->writer) - meter->begin_bytes;
    uint64_t bandwidth = bytes * G_USEC_PER_SEC / elapsed_us;
    __atomic_store_n(&state->bandwidth, bandwidth, __ATOMIC_RELAXED);
    __atomic_store_n(&state->pages_per_second,
                     (pages_sent() - meter->begin_pages) * G_USEC_PER_SEC / elapsed_us,
                     __ATOMIC_RELAXED);
    if (bandwidth > 0) {
        __atomic_store_n(&state->expected_downtime_ms, pending * 1000 / bandwidth,
                         __ATOMIC_RELAXED);
    }
    trace_migration_window(bandwidth, pending);
    meter_begin(meter, state);
}

/* Bytes that can be sent within the downtime limit at the measured bandwidth. */
static uint64_t downtime_bytes(const MigrationState *state)
{
    double bytes =
        (double)state->bandwidth * (double)migration_parameter_downtime_limit_ms() / 1000;
    return bytes < (double)INT64_MAX ? (uint64_t)bytes : INT64_MAX;
}

static void send_pass_event(void)
{
    if (migration_capability(MIGRATION_CAPABILITY_EVENTS)) {
        RAMStatistics ram;
        ram_statistics_get(&ram);
        qapi_event_send_migration_pass(ram.dirty_sync_count);
    }
}

/* Sleep out the window when its bytes are spent; cancelling wakes. */
static void keep_rate(MigrationState *state)
{
    migration_writer_set_rate_limit(state->writer, migration_parameter_max_bandwidth());
    unsigned delay_ms;
    while ((delay_ms = migration_writer_rate_delay_ms(state->writer)) > 0 &&
           !outgoing_interrupted(state)) {
        gint64 deadline = g_get_monotonic_time() + delay_ms * 1000;
        g_mutex_lock(&state->lock);
        if (!state->cancelled && !state->error) {
            g_cond_wait_until(&state->changed, &state->lock, deadline);
        }
        g_mutex_unlock(&state->lock);
    }
}

/* Until what is left can be sent within the downtime limit. */
static bool copy_live(MigrationState *state, GError **error)
{
    Meter meter;
    meter_begin(&meter, state);
    send_pass_event();
    for (;;) {
        if (outgoing_interrupted(state)) {
            return fail_interrupted(error);
        }
        uint64_t pending = savevm_live_pending(false);
        meter_update(&meter, state, pending);
        if (pending <= downtime_bytes(state)) {
            pending = savevm_live_pending(true);
            if (pending <= downtime_bytes(state)) {
                trace_migration_converged(pending);
                return true;
            }
            send_pass_event();
        }
        keep_rate(state);
        if (!savevm_live_iterate(state->writer, error)) {
            return false;
        }
    }
}

/* ---- the end ---- */

RunState migration_stopped_in(const MigrationState *state)
{
    return state->stopped_in;
}

/*
 * Stop the VM, and once more if it was reset or shut down in its last moment: then it travels in
 * that state.
 */
static bool stop_vm(MigrationState *state, GError **error)
{
    bql_lock();
    state->downtime_begin_us = g_get_monotonic_time();
    state->stopped_in = runstate_get();
    state->stopped = true;
    vm_stop(RUN_STATE_FINISH_MIGRATE);
    bql_unlock();
    if (!outgoing_requests_settle(state, error)) {
        return false;
    }
    bql_lock();
    if (!runstate_is(RUN_STATE_FINISH_MIGRATE) && !runstate_is(RUN_STATE_PRELAUNCH)) {
        state->stopped_in = runstate_get();
    }
    vm_stop(RUN_STATE_FINISH_MIGRATE);
    outgoing_requests_hold();
    state->requests_held = true;
    bql_unlock();
    return true;
}

/* Take the device state into memory; describe it where nobody answers. */
static bool save_devices(MigrationState *state, GError **error)
{
    bql_lock();
    global_state_store(state->stopped_in);
    bool saved = savevm_save_devices(state->devices, error);
    savevm_put_eof(state->devices);
    if (saved && !state->return_reader) {
        savevm_put_description(state->devices);
    }
    bql_unlock();
    return saved && migration_writer_check(state->devices, error);
}

static bool pause_before_switchover(MigrationState *state, GError **error)
{
    if (!migration_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER)) {
        return true;
    }
    g_mutex_lock(&state->lock);
    state->continue_requested = false;
    g_mutex_unlock(&state->lock);
    migration_move(state, MIGRATION_STATUS_ACTIVE, MIGRATION_STATUS_PRE_SWITCHOVER);
    g_mutex_lock(&state->lock);
    while (!state->continue_requested && !state->cancelled && !state->error) {
        g_cond_wait(&state->changed, &state->lock);
    }
    g_mutex_unlock(&state->lock);
    return migration_move(state, MIGRATION_STATUS_PRE_SWITCHOVER, MIGRATION_STATUS_DEVICE) ||
           fail_interrupted(error);
}

/* From here on the VM is the other side's. False when cancelling came first. */
static bool commit(MigrationState *state, GError **error)
{
    g_mutex_lock(&state->lock);
    bool committed = !state->cancelled;
    state->committed = committed;
    g_mutex_unlock(&state->lock);
    return committed || fail_interrupted(error);
}

static bool hand_over_one_way(MigrationState *state, GError **error)
{
    size_t size;
    const void *data = migration_writer_data(state->devices, &size);
    if (!migration_writer_flush(state->writer, error) || !commit(state, error)) {
        return false;
    }
    migration_writer_put_borrowed(state->writer, data, size);
    return migration_writer_flush(state->writer, error);
}

static bool hand_over_with_answer(MigrationState *state, GError **error)
{
    static const uint8_t ping[4] = { LOADED_PING >> 24, LOADED_PING >> 16 & 0xff,
                                     LOADED_PING >> 8 & 0xff, LOADED_PING & 0xff };
    savevm_put_package(state->writer, state->devices);
    savevm_put_command(state->writer, SAVEVM_COMMAND_PING, ping, sizeof(ping));
    if (!migration_writer_flush(state->writer, error) ||
        !return_path_wait_pong(state, LOADED_PING, error) || !commit(state, error)) {
        return false;
    }
    /* With COLO it does not: it waits for the first checkpoint, or to be told to take over. */
    state->peer_may_run = !state->colo;
    savevm_put_eof(state->writer);
    return migration_writer_flush(state->writer, error) && return_path_finish(state, error);
}

static bool complete(MigrationState *state, GError **error)
{
    if (!stop_vm(state, error) || !save_devices(state, error) ||
        !pause_before_switchover(state, error) || !savevm_live_complete(state->writer, error)) {
        return false;
    }
    bool done = state->return_reader ? hand_over_with_answer(state, error)
                                     : hand_over_one_way(state, error);
    if (done) {
        state->downtime_us = g_get_monotonic_time() - state->downtime_begin_us;
    }
    return done;
}

/* ---- afterwards ---- */

/* The VM stays here: go on as before. */
static void resume_here(MigrationState *state)
{
    /* prelaunch: it was reset meanwhile. */
    if (!state->stopped ||
        !(runstate_is(RUN_STATE_FINISH_MIGRATE) || runstate_is(RUN_STATE_PRELAUNCH))) {
        return;
    }
    if (state->stopped_in != RUN_STATE_RUNNING) {
        runstate_set(state->stopped_in);
        return;
    }
    g_autoptr(GError) error = NULL;
    if (!vm_start(&error)) {
        report_error("the virtual machine cannot go on after the failed migration: %s",
                     error->message);
    }
}

/* The error for query-migrate. What the destination itself said comes before a broken pipe. */
static void record_failure(MigrationState *state, const GError *error)
{
    return_path_wait_end(state, REASON_WAIT_MS);
    migration_set_error(state, error);
    if (!state->peer_may_run) {
        return;
    }
    g_mutex_lock(&state->lock);
    g_autoptr(GError) reason = g_steal_pointer(&state->error);
    qc_error_set(&state->error,
                 "contact was lost after the destination was told to go on (%s): the virtual "
                 "machine is left stopped here because it may run there; 'cont' if it does not",
                 reason->message);
    g_mutex_unlock(&state->lock);
}

/*
 * Let go of the peer. A failed migration's channel is broken, which ends the return-path thread;
 * otherwise that thread has ended, and closing the channel lets the reader have everything.
 */
static void release(MigrationState *state, bool done)
{
    if (!done) {
        outgoing_break(state);
    }
    if (state->return_thread) {
        g_thread_join(g_steal_pointer(&state->return_thread));
    }
    g_clear_pointer(&state->writer, migration_writer_free);
    g_clear_pointer(&state->devices, migration_writer_free);
    g_clear_pointer(&state->return_reader, migration_reader_free);
    g_mutex_lock(&state->lock);
    state->channel = NULL;
    g_mutex_unlock(&state->lock);
    g_clear_pointer(&state->target, migration_target_free);
}

/* BQL held. */
static void release_requests(MigrationState *state, bool here)
{
    if (state->requests_held) {
        state->requests_held = false;
        outgoing_requests_release(here);
    }
}

typedef enum Outcome {
    OUTCOME_MOVED,      /* the other side has the VM */
    OUTCOME_COLO_ENDED, /* COLO has left the VM as it is to go on */
    OUTCOME_FAILED,
} Outcome;

/* BQL held. */
static void conclude(MigrationState *state, Outcome outcome)
{
    bool leave_stopped =
        outcome == OUTCOME_MOVED || (outcome == OUTCOME_FAILED && state->peer_may_run);
    if (leave_stopped && runstate_is(RUN_STATE_FINISH_MIGRATE)) {
        runstate_set(RUN_STATE_POSTMIGRATE);
    } else if (outcome == OUTCOME_FAILED) {
        resume_here(state);
    }
    release_requests(state, !leave_stopped);
    migration_notify(outcome == OUTCOME_MOVED ? MIGRATION_STAGE_DONE : MIGRATION_STAGE_FAILED,
                     NULL);
    if (outcome != OUTCOME_FAILED) {
        move_to(state, MIGRATION_STATUS_COMPLETED);
    } else if (migration_cancelled(state)) {
        move_to(state, MIGRATION_STATUS_CANCELLED);
    } else {
        move_to(state, MIGRATION_STATUS_FAILED);
    }
}

static void finish(MigrationState *state, Outcome outcome)
{
    release(state, outcome == OUTCOME_MOVED);
    __atomic_store_n(&state->end_us, g_get_monotonic_time(), __ATOMIC_RELAXED);
    bql_lock();
    savevm_live_cleanup();
    conclude(state, outcome);
    state->running = false;
    g_cond_broadcast(&state->ended);
    bql_unlock();
}

/* COLO, which goes on until it ends. */
static Outcome run_colo(MigrationState *state)
{
    /* It decides itself where the VM goes on. */
    state->peer_may_run = false;
    bql_lock();
    release_requests(state, true);
    bql_unlock();
    migration_colo_ops()->primary_process(state);
    g_mutex_lock(&state->lock);
    bool failed = state->error != NULL;
    g_mutex_unlock(&state->lock);
    return failed ? OUTCOME_FAILED : OUTCOME_COLO_ENDED;
}

gpointer outgoing_thread(gpointer opaque)
{
    MigrationState *state = opaque;
    g_autoptr(GError) error = NULL;
    Outcome outcome = OUTCOME_FAILED;
    state->devices = migration_writer_new_buffer(SAVEVM_DEVICES_MAX);
    if (!begin_stream(state, &error) || !copy_live(state, &error) || !complete(state, &error)) {
        record_failure(state, error);
    } else if (state->colo) {
        outcome = run_colo(state);
    } else {
        outcome = OUTCOME_MOVED;
    }
    finish(state, outcome);
    return NULL;
}
