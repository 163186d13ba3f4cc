/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The checkpoint loop of the primary, on the migration thread.
 *
 * The PVM stops when the secondary has stopped and runs again as soon as the secondary has
 * received everything: that the secondary still has to load it concerns nobody here, so
 * `vmstate-loaded` is awaited only before the next checkpoint.
 */
#include "migration/colo.h"

#include "migration/colo-failover.h"
#include "migration/colo-fault.h"
#include "migration/colo-stats.h"
#include "migration/ram.h"
#include "migration/savevm-internal.h"
#include "migration/savevm.h"
#include "qapi/qapi-events-run-state.h"
#include "system/bql.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "trace-migration.h"
#include "util/report.h"

/* Memory that the device state buffer keeps between checkpoints, bytes. */
#define DEVICE_BUFFER_LIMIT SAVEVM_DEVICES_MAX

typedef struct Primary {
    MigrationState *migration;
    MigrationWriter *writer;
    MigrationReader *reader;
    Channel *channel;
    MigrationWriter *devices;  /* buffer, reused */
    uint64_t sequence;         /* of the checkpoint that is under way or was last */
    bool loaded_outstanding;   /* `vmstate-loaded` of that checkpoint has not come yet */
    gint64 last_checkpoint_us; /* monotonic */
} Primary;

/* What the guest has asked for while it is protected; BQL. */
static struct {
    bool reset;
    bool shutdown;
    ShutdownCause cause;
} guest_wants;

static gint64 now_us(void)
{
    return g_get_monotonic_time();
}

/* The guest resets or shuts down: it waits stopped until a checkpoint has told the secondary. */
static bool intercept_request(ShutdownCause cause, bool reset, void *opaque)
{
    guest_wants.reset |= reset;
    guest_wants.shutdown |= !reset;
    guest_wants.cause = cause;
    if (runstate_is_running()) {
        vm_stop_quietly(RUN_STATE_COLO);
    }
    trace_colo_guest_request(reset ? "reset" : "shutdown", ShutdownCause_str(cause));
    checkpoint_request(CHECKPOINT_REASON_SHUTDOWN);
    return true;
}

/* ---- one checkpoint ---- */

static bool request_checkpoint(Primary *primary, CheckpointReason reason, GError **error)
{
    gint64 begin = now_us();

    if (!colo_fault_point("primary-request", primary->channel, error) ||
        !colo_message_send(primary->writer, COLO_MESSAGE_CHECKPOINT_REQUEST, primary->sequence,
                           reason, error) ||
        !colo_message_expect(primary->reader, COLO_MESSAGE_CHECKPOINT_REPLY, primary->sequence,
                             NULL, error)) {
        return false;
    }
    colo_stats_phase(COLO_PHASE_REQUEST, now_us() - begin);
    return colo_fault_point("primary-replied", primary->channel, error);
}

static bool failover_in_the_way(GError **error)
{
    if (colo_failover_wanted()) {
        qc_error_set(error, "failover was asked for");
        return true;
    }
    return false;
}

/* Carry out a reset that the guest asked for: both sides begin anew from this checkpoint. */
static void reset_if_wanted(void)
{
    if (guest_wants.reset) {
        guest_wants.reset = false;
        reset_all();
        qapi_event_send_reset(guest_wants.cause == SHUTDOWN_CAUSE_GUEST_RESET, guest_wants.cause);
    }
}

/* Stop the PVM and put its device state into the buffer. Takes the BQL. */
static bool stop_and_save(Primary *primary, gint64 *stopped_us, GError **error)
{
    bql_lock();
    if (failover_in_the_way(error)) {
        bql_unlock();
        return false;
    }
    gint64 begin = now_us();
    global_state_store(runstate_is(RUN_STATE_COLO) ? RUN_STATE_RUNNING : runstate_get());
    vm_stop_quietly(RUN_STATE_COLO);
    *stopped_us = now_us();
    reset_if_wanted();
    bool ok = checkpoint_participants_prepare(CHECKPOINT_PRIMARY, primary->sequence, error);
    checkpoint_settle_requests();
    colo_stats_phase(COLO_PHASE_STOP, now_us() - begin);
    gint64 save_begin = now_us();
    migration_writer_reset(primary->devices);
    ok = ok && savevm_save_devices(primary->devices, error);
    savevm_put_eof(primary->devices);
    bql_unlock();
    ok = ok && migration_writer_check(primary->devices, error);
    ram_bitmaps_sync();
    colo_stats_phase(COLO_PHASE_SAVE, now_us() - save_begin);
    return ok && colo_fault_point("primary-saved", primary->channel, error);
}

/* What the secondary's guest does from this checkpoint on; the participants are to know the same.
 */
static uint64_t choose_secondary_mode(void)
{
    bool periodic = migration_parameter_colo_mode() == COLO_CHECKPOINT_MODE_PERIODIC;

    checkpoint_set_periodic(periodic);
    return periodic ? COLO_SECONDARY_WAITS : COLO_SECONDARY_RUNS;
}

static bool send_state(Primary *primary, GError **error)
{
    gint64 begin = now_us();
    size_t size;
    const void *data = migration_writer_data(primary->devices, &size);
    RAMBitmapSource source;

    colo_message_put(primary->writer, COLO_MESSAGE_VMSTATE_SEND, primary->sequence,
                     choose_secondary_mode());
    ram_bitmap_source_init(&source);
    if (!ram_save_checkpoint(primary->writer, &source.source, error) ||
        !colo_fault_point("primary-ram-sent", primary->channel, error)) {
        return false;
    }
    colo_message_put(primary->writer, COLO_MESSAGE_VMSTATE_SIZE, primary->sequence, size);
    migration_writer_put_borrowed(primary->writer, data, size);
    if (!migration_writer_flush(primary->writer, error)) {
        g_prefix_error(error, "cannot send checkpoint %" G_GUINT64_FORMAT ": ", primary->sequence);
        return false;
    }
    colo_stats_phase(COLO_PHASE_SEND, now_us() - begin);
    return colo_fault_point("primary-sent", primary->channel, error);
}

static bool wait_received(Primary *primary, GError **error)
{
    gint64 begin = now_us();

    if (!colo_message_expect(primary->reader, COLO_MESSAGE_VMSTATE_RECEIVED, primary->sequence,
                             NULL, error)) {
        return false;
    }
    primary->loaded_outstanding = true;
    colo_stats_phase(COLO_PHASE_CONFIRM, now_us() - begin);
    return colo_fault_point("primary-received", primary->channel, error);
}

/* The secondary has it: let the participants go on, and the PVM unless it is to end or reset. */
static bool commit(Primary *primary, GError **error)
{
    bql_lock();
    bool ok = checkpoint_participants_commit(CHECKPOINT_PRIMARY, primary->sequence, error);
    if (ok && !guest_wants.shutdown && !guest_wants.reset) {
        ok = vm_start_quietly(error);
    }
    bql_unlock();
    return ok;
}

static bool wait_loaded(Primary *primary, GError **error)
{
    if (primary->loaded_outstanding) {
        primary->loaded_outstanding = false;
        return colo_message_expect(primary->reader, COLO_MESSAGE_VMSTATE_LOADED, primary->sequence,
                                   NULL, error);
    }
    return true;
}

static bool take_checkpoint(Primary *primary, CheckpointReason reason, GError **error)
{
    gint64 stopped_us = 0;

    if (!wait_loaded(primary, error)) {
        return false;
    }
    primary->sequence++;
    trace_colo_checkpoint_begin(primary->sequence, checkpoint_reason_name(reason));
    uint64_t position = migration_writer_position(primary->writer);
    if (!request_checkpoint(primary, reason, error) ||
        !stop_and_save(primary, &stopped_us, error)) {
        return false;
    }
    uint64_t pages = ram_bitmaps_dirty_pages();
    if (!send_state(primary, error) || !wait_received(primary, error) || !commit(primary, error)) {
        return false;
    }
    gint64 pause_us = now_us() - stopped_us;
    size_t buffer_bytes;
    migration_writer_data(primary->devices, &buffer_bytes);
    uint64_t bytes = migration_writer_position(primary->writer) - position;
    colo_stats_phase(COLO_PHASE_PAUSE, pause_us);
    colo_stats_checkpoint(reason, pages, bytes, buffer_bytes);
    primary->last_checkpoint_us = now_us();
    trace_colo_checkpoint_done(primary->sequence, checkpoint_reason_name(reason), pages, bytes,
                               pause_us);
    return true;
}

/* ---- the loop ---- */

/*
 * Wait for the next reason to take a checkpoint. False with an error when the peer or a
 * participant fails, without one when COLO is to end (failover, quit).
 */
static bool wait_for_reason(Primary *primary, CheckpointReason *reason, GError **error)
{
    for (;;) {
        if (colo_failover_wanted() || colo_quitting()) {
            return false;
        }
        GError *reported = checkpoint_take_error();
        if (reported) {
            g_propagate_error(error, reported);
            return false;
        }
        if (checkpoint_take_request(reason)) {
            return true;
        }
        gint64 deadline =
            primary->last_checkpoint_us + (gint64)migration_parameter_checkpoint_delay_ms() * 1000;
        if (now_us() >= deadline) {
            *reason = CHECKPOINT_REASON_PERIODIC;
            return true;
        }
        if (colo_wait(primary->reader, primary->channel, deadline) != COLO_WAKE_PEER) {
            continue;
        }
        if (!primary->loaded_outstanding) {
            /* Nothing is due from the secondary: this is its end, or nonsense. */
            ColoMessage message;
            if (colo_message_receive(primary->reader, &message, error)) {
                qc_error_set(error, "COLO message '%s' from the secondary between checkpoints",
                             colo_message_name(message.id));
            }
            return false;
        }
        if (!wait_loaded(primary, error)) {
            return false;
        }
    }
}

/* The guest has ended and the secondary has its last state: tell it and end COLO. */
static bool finish_guest(Primary *primary, GError **error)
{
    return wait_loaded(primary, error) &&
           colo_message_send(primary->writer, COLO_MESSAGE_GUEST_SHUTDOWN, primary->sequence,
                             guest_wants.cause, error);
}

static bool guest_shutdown_due(void)
{
    bql_lock();
    bool due = guest_wants.shutdown;
    bql_unlock();
    return due;
}

/* Until failover, quit, an error, or the end of the guest (true). */
static bool checkpoint_loop(Primary *primary, GError **error)
{
    CheckpointReason reason = CHECKPOINT_REASON_PERIODIC;

    if (!colo_message_expect(primary->reader, COLO_MESSAGE_CHECKPOINT_READY, 0, NULL, error)) {
        return false;
    }
    do {
        if (!take_checkpoint(primary, reason, error)) {
            return false;
        }
        if (guest_shutdown_due()) {
            return finish_guest(primary, error);
        }
    } while (wait_for_reason(primary, &reason, error));
    return false;
}

/* ---- the way in and out ---- */

/* After the switch-over: the PVM goes on as it was before. BQL held. */
static bool leave_finish_migrate(const Primary *primary, GError **error)
{
    RunState before = migration_stopped_in(primary->migration);

    return before == RUN_STATE_RUNNING ? vm_start(error) : runstate_set(before);
}

static bool primary_begin(Primary *primary, GError **error)
{
    bql_lock();
    guest_wants.reset = guest_wants.shutdown = false;
    choose_secondary_mode();
    bool ok = colo_begin(COLO_MODE_PRIMARY, primary->channel, intercept_request, error) &&
              leave_finish_migrate(primary, error);
    bql_unlock();
    return ok && migration_move(primary->migration, MIGRATION_STATUS_ACTIVE, MIGRATION_STATUS_COLO);
}

/* Give back to the guest what it asked for while it was protected, or let it run. */
static void primary_resume_alone(const Primary *primary)
{
    g_autoptr(GError) error = NULL;

    if (guest_wants.reset || guest_wants.shutdown) {
        if (guest_wants.reset) {
            runstate_request_reset(guest_wants.cause);
        } else {
            runstate_request_shutdown(guest_wants.cause);
        }
        guest_wants.reset = guest_wants.shutdown = false;
    }
    bool ok = !runstate_is(RUN_STATE_FINISH_MIGRATE) || leave_finish_migrate(primary, &error);
    ok = ok && (!runstate_is(RUN_STATE_COLO) || vm_start_quietly(&error));
    if (!ok) {
        report_error("the VM cannot go on after COLO: %s", error->message);
    }
}

/*
 * End COLO. @error: what broke it, NULL when nothing broke. Returns whether somebody had asked for
 * the end, so that the error is of no interest.
 */
static bool primary_end(const Primary *primary, const GError *error, bool guest_ended)
{
    bool asked = guest_ended || colo_failover_wanted();

    if (error && !asked && !colo_quitting() && !colo_peer_lost(COLO_MODE_PRIMARY, error)) {
        bql_lock();
        vm_stop_quietly(RUN_STATE_COLO);
        bql_unlock();
        asked = colo_wait_for_failover();
    }
    bql_lock();
    if (colo_mode() == COLO_MODE_PRIMARY) {
        vm_stop_quietly(RUN_STATE_COLO);
        colo_end(asked ? COLO_EXIT_REASON_REQUEST : COLO_EXIT_REASON_ERROR);
    }
    if (!colo_quitting()) {
        primary_resume_alone(primary);
    }
    bql_unlock();
    return asked || colo_quitting();
}

void colo_primary_process(MigrationState *state)
{
    g_autoptr(GError) error = NULL;
    Primary primary = {
        .migration = state,
        .writer = migration_writer(state),
        .reader = migration_return_reader(state),
        .channel = migration_channel(state),
        .devices = migration_writer_new_buffer(DEVICE_BUFFER_LIMIT),
    };

    bool guest_ended = primary_begin(&primary, &error) && checkpoint_loop(&primary, &error);
    if (!primary_end(&primary, error, guest_ended) && error) {
        migration_set_error(state, error);
    }
    migration_writer_free(primary.devices);
    channel_unref(primary.channel);
}
