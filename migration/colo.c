/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * COLO: what both sides share. Mode, the way in and out, failover from the monitor's side,
 * waking the COLO thread.
 */
#include "migration/colo.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "migration/colo-failover.h"
#include "migration/colo-stats.h"
#include "qapi/qapi-commands-migration.h"
#include "qapi/qapi-events-migration.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "trace-migration.h"
#include "util/report.h"

static struct {
    /* BQL; mode is also read without it (atomic). */
    gint mode; /* COLOMode */
    COLOMode last_mode;
    COLOExitReason exit_reason;
    Channel *channel;
    bool loading;  /* the secondary is replacing the SVM's state */
    bool quitting; /* atomic */
    int wake_fd;   /* eventfd; -1 before the first COLO */
} colo = { .wake_fd = -1 };

COLOMode colo_mode(void)
{
    return (COLOMode)g_atomic_int_get(&colo.mode);
}

static CheckpointSide side_of(COLOMode mode)
{
    return mode == COLO_MODE_PRIMARY ? CHECKPOINT_PRIMARY : CHECKPOINT_SECONDARY;
}

/* ---- waking ---- */

void colo_wake(void)
{
    uint64_t one = 1;

    if (write(colo.wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
        report_error("COLO wake-up: %s", g_strerror(errno));
    }
}

static int timeout_until(gint64 deadline_us)
{
    if (deadline_us < 0) {
        return -1;
    }
    gint64 left = deadline_us - g_get_monotonic_time();
    return left <= 0 ? 0 : (int)MIN((left + 999) / 1000, G_MAXINT);
}

ColoWake colo_wait(MigrationReader *reader, Channel *channel, gint64 deadline_us)
{
    g_assert(!bql_locked());
    if (migration_reader_wait(reader, 0) != 0) {
        return COLO_WAKE_PEER;
    }
    struct pollfd fds[] = {
        { .fd = colo.wake_fd, .events = POLLIN },
        { .fd = channel_fd(channel), .events = POLLIN },
    };
    int ready = poll(fds, G_N_ELEMENTS(fds), timeout_until(deadline_us));
    if (ready > 0 && fds[0].revents) {
        uint64_t count;
        if (read(colo.wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
            report_error("COLO wake-up: %s", g_strerror(errno));
        }
        return COLO_WAKE_ASKED;
    }
    return ready > 0 ? COLO_WAKE_PEER : COLO_WAKE_TIMEOUT;
}

bool colo_quitting(void)
{
    return __atomic_load_n(&colo.quitting, __ATOMIC_ACQUIRE);
}

/* ---- begin and end ---- */

static const CheckpointListener listener = { .requested = colo_wake, .failed = colo_wake };

bool colo_begin(COLOMode mode, Channel *channel, RequestInterceptor *interceptor, GError **error)
{
    g_assert(bql_locked());
    if (colo.wake_fd < 0) {
        colo.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (colo.wake_fd < 0) {
            qc_error_set_errno(error, errno, "COLO: cannot make an event descriptor");
            return false;
        }
    }
    colo_failover_reset();
    colo_stats_reset();
    if (!checkpoint_participants_start(side_of(mode), error)) {
        return false;
    }
    colo.channel = channel_ref(channel);
    colo.exit_reason = COLO_EXIT_REASON_PROCESSING;
    g_atomic_int_set(&colo.mode, (gint)mode);
    checkpoint_activate(side_of(mode), &listener);
    runstate_set_interceptor(interceptor, NULL);
    trace_colo_begin(COLOMode_str(mode));
    return true;
}

void colo_end(COLOExitReason reason)
{
    COLOMode mode = colo_mode();
    g_autoptr(GError) error = NULL;

    g_assert(bql_locked() && mode != COLO_MODE_NONE);
    if (colo_failover_state() == COLO_FAILOVER_REQUIRE) {
        /* Asked for while we were leaving anyway: it is what happens now. */
        colo_failover_move(COLO_FAILOVER_REQUIRE, COLO_FAILOVER_ACTIVE);
    }
    if (!checkpoint_participants_failover(side_of(mode), &error)) {
        report_error("failover: %s", error->message);
    }
    checkpoint_participants_stop(side_of(mode));
    checkpoint_deactivate();
    colo_stats_ended();
    runstate_set_interceptor(NULL, NULL);
    channel_shutdown(colo.channel);
    g_clear_pointer(&colo.channel, channel_unref);
    colo.last_mode = mode;
    colo.exit_reason = reason;
    g_atomic_int_set(&colo.mode, COLO_MODE_NONE);
    if (colo_failover_state() == COLO_FAILOVER_ACTIVE) {
        colo_failover_move(COLO_FAILOVER_ACTIVE, COLO_FAILOVER_COMPLETED);
    }
    trace_colo_end(COLOMode_str(mode), COLOExitReason_str(reason));
    qapi_event_send_colo_exit(mode, reason);
}

/* ---- loss of the peer ---- */

bool colo_peer_lost(COLOMode mode, const GError *error)
{
    COLOErrorPolicy policy = migration_parameter_colo_error_policy();
    bool alone = policy == COLO_ERROR_POLICY_TAKEOVER ||
                 (policy == COLO_ERROR_POLICY_PRIMARY && mode == COLO_MODE_PRIMARY);

    if (!colo_quitting()) {
        report_error("COLO %s has lost its peer: %s; %s", COLOMode_str(mode), error->message,
                     alone ? "going on alone, unprotected" : "waiting for x-colo-lost-heartbeat");
    }
    trace_colo_peer_lost(COLOMode_str(mode), COLOErrorPolicy_str(policy), error->message);
    return alone;
}

bool colo_wait_for_failover(void)
{
    struct pollfd fd = { .fd = colo.wake_fd, .events = POLLIN };

    g_assert(!bql_locked());
    while (!colo_failover_wanted() && !colo_quitting()) {
        uint64_t count;
        if (poll(&fd, 1, -1) > 0 && read(colo.wake_fd, &count, sizeof(count)) < 0 &&
            errno != EAGAIN) {
            report_error("COLO wake-up: %s", g_strerror(errno));
        }
    }
    return !colo_quitting();
}

/* ---- failover from outside ---- */

/* Main loop: break the channel; the COLO thread then carries the failover out. */
static void failover_activate(void *opaque)
{
    if (colo_mode() == COLO_MODE_NONE || colo_failover_state() != COLO_FAILOVER_REQUIRE) {
        return;
    }
    if (colo.loading) {
        colo_failover_move(COLO_FAILOVER_REQUIRE, COLO_FAILOVER_RELAUNCH);
        return;
    }
    if (colo_failover_move(COLO_FAILOVER_REQUIRE, COLO_FAILOVER_ACTIVE)) {
        channel_shutdown(colo.channel);
        colo_wake();
    }
}

bool colo_loading_enter(void)
{
    bql_lock();
    bool may_load = !colo_failover_wanted();
    colo.loading = may_load;
    bql_unlock();
    return may_load;
}

void colo_loading_leave(void)
{
    bql_lock();
    colo.loading = false;
    if (colo_failover_state() == COLO_FAILOVER_RELAUNCH) {
        colo_failover_move(COLO_FAILOVER_RELAUNCH, COLO_FAILOVER_REQUIRE);
    }
    failover_activate(NULL);
    bql_unlock();
}

void qmp_x_colo_lost_heartbeat(GError **error)
{
    g_assert(bql_locked());
    if (colo_mode() == COLO_MODE_NONE) {
        qc_error_set(error, "VM is not in COLO mode");
        return;
    }
    if (!colo_failover_move(COLO_FAILOVER_NONE, COLO_FAILOVER_REQUIRE)) {
        qc_error_set(error, "COLO failover is already under way (state '%s')",
                     colo_failover_state_name(colo_failover_state()));
        return;
    }
    failover_activate(NULL);
}

void qmp_x_colo_checkpoint(GError **error)
{
    if (colo_mode() != COLO_MODE_PRIMARY) {
        qc_error_set(error,
                     "a checkpoint can only be asked for on the primary; this VM is in COLO "
                     "mode '%s'",
                     COLOMode_str(colo_mode()));
        return;
    }
    checkpoint_request(CHECKPOINT_REASON_REQUEST);
}

COLOStatus *qmp_query_colo_status(GError **error)
{
    COLOStatus *status = COLOStatus_new();

    status->mode = colo_mode();
    status->last_mode = colo.last_mode;
    status->reason = colo.exit_reason;
    return status;
}

COLOStats *qmp_x_query_colo_stats(GError **error)
{
    return colo_stats_report(colo_mode());
}

/* ---- registration with the migration core ---- */

static void colo_shutdown(void)
{
    g_assert(bql_locked());
    __atomic_store_n(&colo.quitting, true, __ATOMIC_RELEASE);
    if (colo.channel) {
        channel_shutdown(colo.channel);
    }
    if (colo.wake_fd >= 0) {
        colo_wake();
    }
}

static void delay_changed(void *opaque)
{
    if (colo_mode() == COLO_MODE_PRIMARY) {
        colo_wake();
    }
}

static const MigrationColoOps colo_ops = {
    .primary_process = colo_primary_process,
    .incoming_process = colo_incoming_process,
    .incoming_enable = colo_incoming_enable,
    .shutdown = colo_shutdown,
};

__attribute__((constructor)) static void colo_register(void)
{
    migration_colo_register(&colo_ops);
    migration_checkpoint_delay_notify(delay_changed, NULL);
}
