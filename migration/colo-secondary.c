/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The restore loop of the secondary, on the incoming thread.
 *
 * Until `vmstate-received` is sent a checkpoint may be lost without harm: its pages went to the RAM
 * cache, the SVM is untouched. From then on it is loaded whatever becomes of the primary.
 */
#include "migration/colo.h"

#include "migration/arrival.h"
#include "migration/colo-failover.h"
#include "migration/colo-fault.h"
#include "migration/colo-stats.h"
#include "migration/ram-cache.h"
#include "migration/ram.h"
#include "migration/savevm.h"
#include "qapi/qapi-events-run-state.h"
#include "system/bql.h"
#include "system/runstate.h"
#include "trace-migration.h"
#include "util/report.h"
#include "util/timer.h"

typedef struct Secondary {
    MigrationIncoming *incoming;
    MigrationReader *reader;
    MigrationWriter *writer;
    Channel *channel;
    uint64_t sequence; /* of the last checkpoint that was asked for */
    CheckpointReason reason;
    ColoSecondaryMode mode;
    uint8_t *devices; /* device state of the checkpoint being received */
    uint64_t devices_size;
    uint64_t begin_position; /* in the stream */
    gint64 stopped_us;       /* monotonic */
} Secondary;

/* Made when the stream says that COLO follows, used by the loop. The incoming thread's. */
static RAMCache *cache;

/* What the SVM has asked for by itself; the primary's checkpoint decides. BQL. */
static struct {
    bool waiting;
    bool reset;
    ShutdownCause cause;
} svm_wants;

static gint64 now_us(void)
{
    return g_get_monotonic_time();
}

/*
 * The SVM resets or shuts down. The primary's guest does the same and its next checkpoint tells
 * us; until then the SVM waits.
 */
static bool intercept_request(ShutdownCause cause, bool reset, void *opaque)
{
    svm_wants.waiting = true;
    svm_wants.reset = reset;
    svm_wants.cause = cause;
    if (runstate_is_running()) {
        vm_stop_quietly(RUN_STATE_COLO);
    }
    trace_colo_guest_request(reset ? "reset" : "shutdown", ShutdownCause_str(cause));
    return true;
}

/* ---- receiving a checkpoint ---- */

static bool stop_for_checkpoint(Secondary *secondary, GError **error)
{
    gint64 begin = now_us();

    if (!colo_fault_point("secondary-requested", secondary->channel, error)) {
        return false;
    }
    bql_lock();
    vm_stop_quietly(RUN_STATE_COLO);
    secondary->stopped_us = now_us();
    bool ok = checkpoint_participants_prepare(CHECKPOINT_SECONDARY, secondary->sequence, error);
    bql_unlock();
    colo_stats_phase(COLO_PHASE_STOP, now_us() - begin);
    return ok && colo_message_send(secondary->writer, COLO_MESSAGE_CHECKPOINT_REPLY,
                                   secondary->sequence, 0, error);
}

static bool receive_devices(Secondary *secondary, GError **error)
{
    g_clear_pointer(&secondary->devices, g_free);
    if (!colo_message_expect(secondary->reader, COLO_MESSAGE_VMSTATE_SIZE, secondary->sequence,
                             &secondary->devices_size, error)) {
        return false;
    }
    secondary->devices = g_try_malloc(MAX(secondary->devices_size, 1));
    if (!secondary->devices) {
        qc_error_set(error,
                     "no memory for the %" G_GUINT64_FORMAT
                     " bytes of device state of checkpoint %" G_GUINT64_FORMAT,
                     secondary->devices_size, secondary->sequence);
        return false;
    }
    return migration_reader_get_bytes(secondary->reader, secondary->devices,
                                      secondary->devices_size) ||
           migration_reader_check(secondary->reader, error);
}

/* RAM into the cache, device state into the buffer. */
static bool receive_state(Secondary *secondary, GError **error)
{
    uint64_t mode;

    if (!colo_message_expect(secondary->reader, COLO_MESSAGE_VMSTATE_SEND, secondary->sequence,
                             &mode, error)) {
        return false;
    }
    gint64 begin = now_us();
    secondary->mode = (ColoSecondaryMode)mode;
    if (!colo_fault_point("secondary-receiving", secondary->channel, error) ||
        !savevm_load_live(secondary->reader, error) || !receive_devices(secondary, error)) {
        return false;
    }
    colo_stats_phase(COLO_PHASE_RECEIVE, now_us() - begin);
    return colo_fault_point("secondary-received", secondary->channel, error);
}

/* ---- making it the SVM's state ---- */

static bool load_devices(Secondary *secondary, GError **error)
{
    g_autoptr(MigrationReader) reader =
        migration_reader_new_memory(secondary->devices, secondary->devices_size);

    g_assert(bql_locked());
    return savevm_load_devices(reader, error) &&
           checkpoint_participants_commit(CHECKPOINT_SECONDARY, secondary->sequence, error);
}

/* The SVM becomes what the PVM was. Its own wishes are forgotten. */
static bool load_state(Secondary *secondary, uint64_t *pages, GError **error)
{
    gint64 begin = now_us();

    ram_bitmaps_sync();
    *pages = ram_cache_flush(cache);
    colo_stats_phase(COLO_PHASE_FLUSH, now_us() - begin);
    begin = now_us();
    bql_lock();
    bool ok = load_devices(secondary, error);
    svm_wants.waiting = false;
    bql_unlock();
    colo_stats_phase(COLO_PHASE_LOAD, now_us() - begin);
    return ok;
}

/*
 * The PVM has been running since @pvm_runs_us. The SVM's clock catches up: a guest that tells the
 * time (HTTP's Date, for instance) would otherwise say something else by the time that loading
 * took.
 */
static bool resume_svm(Secondary *secondary, gint64 pvm_runs_us, GError **error)
{
    bool ok = true;

    bql_lock();
    if (secondary->mode == COLO_SECONDARY_RUNS && global_state_loaded() == RUN_STATE_RUNNING) {
        virtual_clock_skip_ns((now_us() - pvm_runs_us) * 1000);
        ok = vm_start_quietly(error);
    }
    bql_unlock();
    return ok;
}

/*
 * The state is here whole. From the moment we say so it is loaded even if the primary dies. A
 * failure to load leaves no usable SVM: *@broken.
 */
static bool commit(Secondary *secondary, bool *broken, GError **error)
{
    uint64_t pages;

    if (!colo_loading_enter()) {
        qc_error_set(error, "failover was asked for");
        return false;
    }
    g_autoptr(GError) send_error = NULL;
    bool told = colo_message_send(secondary->writer, COLO_MESSAGE_VMSTATE_RECEIVED,
                                  secondary->sequence, 0, &send_error);
    gint64 told_us = now_us();
    bool ok = colo_fault_point("secondary-committed", secondary->channel, error) &&
              load_state(secondary, &pages, error);
    *broken = !ok;
    ok = ok && resume_svm(secondary, told_us, error);
    colo_loading_leave();
    if (!ok) {
        return false;
    }
    gint64 pause_us = now_us() - secondary->stopped_us;
    uint64_t bytes = migration_reader_position(secondary->reader) - secondary->begin_position;
    colo_stats_phase(COLO_PHASE_PAUSE, pause_us);
    colo_stats_checkpoint(secondary->reason, pages, bytes,
                          secondary->devices_size + ram_cache_bytes(cache));
    trace_colo_checkpoint_done(secondary->sequence, checkpoint_reason_name(secondary->reason),
                               pages, bytes, pause_us);
    if (!told) {
        g_propagate_error(error, g_steal_pointer(&send_error));
        return false;
    }
    return colo_message_send(secondary->writer, COLO_MESSAGE_VMSTATE_LOADED, secondary->sequence, 0,
                             error) &&
           colo_fault_point("secondary-loaded", secondary->channel, error);
}

/* ---- the loop ---- */

typedef enum LoopEnd {
    LOOP_PEER_LOST,   /* the error says how; or failover, or quit */
    LOOP_GUEST_ENDED, /* the primary's guest has shut down */
    LOOP_BROKEN,      /* the SVM could not be loaded and must not run */
} LoopEnd;

/* Wait for what the primary wants next. False with an error when it is gone or talks nonsense. */
static bool receive_request(Secondary *secondary, ColoMessage *message, GError **error)
{
    secondary->begin_position = migration_reader_position(secondary->reader);
    if (!colo_message_receive(secondary->reader, message, error)) {
        return false;
    }
    uint64_t expected = secondary->sequence;
    if (message->id == COLO_MESSAGE_CHECKPOINT_REQUEST) {
        expected++;
    } else if (message->id != COLO_MESSAGE_GUEST_SHUTDOWN) {
        qc_error_set(error, "COLO message '%s' where '%s' or '%s' was expected",
                     colo_message_name(message->id),
                     colo_message_name(COLO_MESSAGE_CHECKPOINT_REQUEST),
                     colo_message_name(COLO_MESSAGE_GUEST_SHUTDOWN));
        return false;
    }
    if (message->sequence != expected) {
        qc_error_set(error,
                     "COLO message '%s' of checkpoint %" G_GUINT64_FORMAT
                     " where checkpoint %" G_GUINT64_FORMAT " was expected",
                     colo_message_name(message->id), message->sequence, expected);
        return false;
    }
    return true;
}

static LoopEnd restore_loop(Secondary *secondary, ShutdownCause *cause, GError **error)
{
    ColoMessage message;
    bool broken = false;

    if (!colo_message_send(secondary->writer, COLO_MESSAGE_CHECKPOINT_READY, 0, 0, error)) {
        return LOOP_PEER_LOST;
    }
    while (receive_request(secondary, &message, error)) {
        if (message.id == COLO_MESSAGE_GUEST_SHUTDOWN) {
            *cause = (ShutdownCause)message.value;
            return LOOP_GUEST_ENDED;
        }
        secondary->sequence = message.sequence;
        secondary->reason = (CheckpointReason)message.value;
        trace_colo_checkpoint_begin(secondary->sequence, checkpoint_reason_name(secondary->reason));
        if (!stop_for_checkpoint(secondary, error) || !receive_state(secondary, error) ||
            !commit(secondary, &broken, error)) {
            break;
        }
    }
    return broken ? LOOP_BROKEN : LOOP_PEER_LOST;
}

/* ---- the way in and out ---- */

bool colo_incoming_enable(MigrationIncoming *incoming, GError **error)
{
    g_clear_pointer(&cache, ram_cache_free); /* of a migration that failed before */
    cache = ram_cache_new(error);
    return cache != NULL;
}

static bool secondary_begin(Secondary *secondary, GError **error)
{
    ram_cache_fill(cache);
    bql_lock();
    svm_wants.waiting = false;
    bool ok = ram_bitmaps_setup(false, error) &&
              colo_begin(COLO_MODE_SECONDARY, secondary->channel, intercept_request, error);
    if (ok) {
        vm_stop_quietly(RUN_STATE_COLO);
    }
    bql_unlock();
    if (!ok) {
        return false;
    }
    ram_cache_receive(cache);
    return migration_incoming_move(secondary->incoming, MIGRATION_STATUS_ACTIVE,
                                   MIGRATION_STATUS_COLO);
}

/* The SVM takes over: it runs, or does what it had asked for. */
static bool take_over(GError **error)
{
    if (svm_wants.waiting) {
        svm_wants.waiting = false;
        if (svm_wants.reset) {
            runstate_request_reset(svm_wants.cause);
        } else {
            runstate_request_shutdown(svm_wants.cause);
        }
    }
    if (global_state_loaded() == RUN_STATE_PAUSED) {
        return runstate_set(RUN_STATE_PAUSED);
    }
    if (!vm_start_quietly(error)) {
        return false;
    }
    /* From here on this is the VM that the world sees. */
    qapi_event_send_resume();
    migration_arrived();
    return true;
}

/* End COLO and go on as @end says. Returns false when there is no VM to go on with. */
static bool secondary_end(LoopEnd end, ShutdownCause cause, GError **error)
{
    bool ok = end != LOOP_BROKEN;

    bql_lock();
    bool asked = end == LOOP_GUEST_ENDED || colo_failover_wanted();
    vm_stop_quietly(RUN_STATE_COLO);
    colo_end(asked ? COLO_EXIT_REASON_REQUEST : COLO_EXIT_REASON_ERROR);
    if (end == LOOP_GUEST_ENDED) {
        runstate_request_shutdown(cause);
    } else if (!ok) {
        runstate_set(RUN_STATE_INTERNAL_ERROR);
    } else if (!colo_quitting()) {
        ok = take_over(error);
    }
    ram_bitmaps_cleanup();
    bql_unlock();
    ram_cache_receive(NULL);
    return ok;
}

static void secondary_clear(Secondary *secondary)
{
    g_clear_pointer(&cache, ram_cache_free);
    g_free(secondary->devices);
    channel_unref(secondary->channel);
}

bool colo_incoming_process(MigrationIncoming *incoming, GError **error)
{
    g_autoptr(GError) lost = NULL;
    ShutdownCause cause = SHUTDOWN_CAUSE_NONE;
    Secondary secondary = {
        .incoming = incoming,
        .reader = migration_incoming_reader(incoming),
        .writer = migration_incoming_return_writer(incoming),
        .channel = migration_incoming_channel(incoming),
        .mode = COLO_SECONDARY_WAITS,
    };

    if (!secondary_begin(&secondary, error)) {
        secondary_clear(&secondary);
        return false;
    }
    LoopEnd end = restore_loop(&secondary, &cause, &lost);
    if (lost) {
        trace_colo_loop_left(COLOMode_str(COLO_MODE_SECONDARY), lost->message);
    }
    if (end == LOOP_PEER_LOST && !colo_failover_wanted() && !colo_quitting() &&
        !colo_peer_lost(COLO_MODE_SECONDARY, lost)) {
        colo_wait_for_failover();
    }
    bool ok = secondary_end(end, cause, error);
    if (end == LOOP_BROKEN && lost) {
        g_propagate_error(error, g_steal_pointer(&lost));
    }
    secondary_clear(&secondary);
    return ok;
}
