/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The incoming migration: a thread of its own loads the stream, answers on the return path and
 * then starts the VM, or hands over to COLO. It holds the BQL only while device state is loaded
 * from memory.
 */
#include "migration/incoming.h"

#include <string.h>

#include "migration/arrival.h"
#include "migration/init.h"
#include "migration/migration.h"
#include "migration/outgoing.h"
#include "migration/ram.h"
#include "migration/savevm.h"
#include "migration/state.h"
#include "qapi/qapi-commands-migration.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "trace-migration.h"
#include "util/report.h"

/* Reading on after a failure: milliseconds, and bytes at a time. */
#define DRAIN_MS    1000
#define DRAIN_BYTES (64u * 1024)

struct MigrationIncoming {
    gint status; /* MigrationStatus, atomic */
    GThread *thread;
    bool running;  /* BQL */
    GCond ended;   /* with the BQL: `running` went false */
    bool expected; /* -incoming was given; BQL */
    bool autostart;
    bool exit_on_failure;
    ChannelListener *listener; /* waiting for the source; BQL */

    GMutex lock; /* for channel and error */
    Channel *channel;
    GError *error;

    /* The incoming thread's. */
    MigrationReader *reader;
    MigrationWriter *return_writer; /* NULL until the source opens the return path */
    bool colo;                      /* the stream asked for it */
};

static MigrationIncoming the_incoming;

MigrationIncoming *migration_incoming(void)
{
    return &the_incoming;
}

MigrationStatus migration_incoming_status(MigrationIncoming *incoming)
{
    return g_atomic_int_get(&incoming->status);
}

bool migration_incoming_move(MigrationIncoming *incoming, MigrationStatus from, MigrationStatus to)
{
    return migration_status_move(&incoming->status, "incoming", from, to);
}

MigrationReader *migration_incoming_reader(MigrationIncoming *incoming)
{
    return incoming->reader;
}

MigrationWriter *migration_incoming_return_writer(MigrationIncoming *incoming)
{
    return incoming->return_writer;
}

Channel *migration_incoming_channel(MigrationIncoming *incoming)
{
    g_mutex_lock(&incoming->lock);
    Channel *channel = incoming->channel ? channel_ref(incoming->channel) : NULL;
    g_mutex_unlock(&incoming->lock);
    return channel;
}

void migration_incoming_set_error(MigrationIncoming *incoming, const GError *error)
{
    g_mutex_lock(&incoming->lock);
    if (!incoming->error) {
        incoming->error = g_error_copy(error);
    }
    g_mutex_unlock(&incoming->lock);
}

char *migration_incoming_error_text(MigrationIncoming *incoming)
{
    g_mutex_lock(&incoming->lock);
    char *text = incoming->error ? g_strdup(incoming->error->message) : NULL;
    g_mutex_unlock(&incoming->lock);
    return text;
}

/* ---- answers ---- */

static bool send_message(MigrationIncoming *incoming, ReturnPathMessage type, uint32_t value,
                         const char *reason, GError **error)
{
    MigrationWriter *writer = incoming->return_writer;
    size_t length = reason ? MIN(strlen(reason), RETURN_PATH_REASON_MAX) : 0;
    trace_migration_return_path(type, value);
    migration_writer_put_be16(writer, type);
    migration_writer_put_be16(writer, 4 + length);
    migration_writer_put_be32(writer, value);
    migration_writer_put_bytes(writer, reason, length);
    return migration_writer_flush(writer, error);
}

/* ---- commands in the stream ---- */

static bool on_open_return_path(void *opaque, GError **error)
{
    MigrationIncoming *incoming = opaque;
    if (!migration_channel_two_way(incoming->channel)) {
        qc_error_set(error, "the source wants answers, but nothing can be sent back on '%s'",
                     channel_name(incoming->channel));
        return false;
    }
    if (!incoming->return_writer) {
        incoming->return_writer = migration_writer_new(incoming->channel);
    }
    return true;
}

static bool on_ping(uint32_t value, void *opaque, GError **error)
{
    MigrationIncoming *incoming = opaque;
    if (!incoming->return_writer) {
        qc_error_set(error, "ping %u, but the source has not opened the return path", value);
        return false;
    }
    return send_message(incoming, RETURN_PATH_PONG, value, NULL, error);
}

static bool on_enable_colo(void *opaque, GError **error)
{
    MigrationIncoming *incoming = opaque;
    if (!migration_colo_ops()) {
        qc_error_set(error, "the source wants COLO, which this build leaves out "
                            "(configure --disable-colo)");
        return false;
    }
    if (!incoming->return_writer) {
        qc_error_set(error, "the source wants COLO, but has not opened the return path");
        return false;
    }
    if (!incoming->colo && !migration_colo_ops()->incoming_enable(incoming, error)) {
        return false;
    }
    incoming->colo = true;
    return true;
}

static const SavevmCommandOps command_ops = {
    .open_return_path = on_open_return_path,
    .ping = on_ping,
    .enable_colo = on_enable_colo,
};

/* ---- after the load ---- */

/* Go on as the source did. */
static bool enter_loaded_state(MigrationIncoming *incoming, GError **error)
{
    RunState state = global_state_loaded();
    if (state != RUN_STATE_RUNNING) {
        return runstate_set(state);
    }
    runstate_set(RUN_STATE_PAUSED);
    return !incoming->autostart || vm_start(error);
}

static bool load_stream(MigrationIncoming *incoming, GError **error)
{
    return savevm_load_header(incoming->reader, error) &&
           savevm_load_all(incoming->reader, &command_ops, incoming, error) &&
           (!incoming->return_writer || send_message(incoming, RETURN_PATH_SHUT, 0, NULL, error));
}

/*
 * Read on until the source lets go, for a moment: closing a socket with unread data in it would
 * take away what was just sent.
 */
static void drain(MigrationIncoming *incoming)
{
    gint64 deadline = g_get_monotonic_time() + DRAIN_MS * 1000;
    g_autofree uint8_t *rest = g_malloc(DRAIN_BYTES);
    struct iovec iov = { rest, DRAIN_BYTES };
    for (gint64 left; (left = deadline - g_get_monotonic_time()) > 0;) {
        if (channel_wait_readable(incoming->channel, left / 1000 + 1) != 1 ||
            channel_readv(incoming->channel, &iov, 1, NULL) <= 0) {
            return;
        }
    }
}

static void report_failure(MigrationIncoming *incoming, const GError *error)
{
    if (main_loop_quitting()) {
        /* The process ends: nobody waits for the load any more. */
        return;
    }
    report_error("load of migration failed: %s", error->message);
    migration_incoming_set_error(incoming, error);
    /* A source that is gone cannot be told, and needs not. */
    if (incoming->return_writer &&
        send_message(incoming, RETURN_PATH_SHUT, 1, error->message, NULL)) {
        drain(incoming);
    }
}

static void move_to(MigrationIncoming *incoming, MigrationStatus to)
{
    MigrationStatus from;
    do {
        from = migration_incoming_status(incoming);
    } while (migration_transition_legal(from, to) && !migration_incoming_move(incoming, from, to));
}

/* BQL held. */
static void release(MigrationIncoming *incoming)
{
    g_clear_pointer(&incoming->reader, migration_reader_free);
    g_clear_pointer(&incoming->return_writer, migration_writer_free);
    g_mutex_lock(&incoming->lock);
    g_clear_pointer(&incoming->channel, channel_unref);
    g_mutex_unlock(&incoming->lock);
}

static gpointer incoming_thread(gpointer opaque)
{
    MigrationIncoming *incoming = opaque;
    g_autoptr(GError) error = NULL;
    incoming->reader = migration_reader_new(incoming->channel);
    bool loaded = load_stream(incoming, &error);
    bool done = loaded;
    if (!loaded) {
        report_failure(incoming, error);
    } else if (incoming->colo) {
        done = migration_colo_ops()->incoming_process(incoming, &error);
    }

    bql_lock();
    if (done && !incoming->colo) {
        done = enter_loaded_state(incoming, &error);
        if (done) {
            migration_arrived();
        }
    }
    if (!done && error) {
        migration_incoming_set_error(incoming, error);
    }
    move_to(incoming, done ? MIGRATION_STATUS_COMPLETED : MIGRATION_STATUS_FAILED);
    release(incoming);
    if (!done && !(loaded && incoming->colo) && incoming->exit_on_failure &&
        !main_loop_quitting()) {
        main_loop_quit(EXIT_FAILURE);
    }
    incoming->running = false;
    g_cond_broadcast(&incoming->ended);
    bql_unlock();
    return NULL;
}

/* ---- beginning ---- */

static void start_loading(MigrationIncoming *incoming, Channel *channel)
{
    trace_migration_incoming_start(channel_name(channel));
    if (incoming->thread) {
        g_thread_join(incoming->thread);
    }
    incoming->colo = false;
    incoming->running = true;
    g_mutex_lock(&incoming->lock);
    incoming->channel = channel;
    g_clear_error(&incoming->error);
    g_mutex_unlock(&incoming->lock);
    migration_incoming_move(incoming, MIGRATION_STATUS_SETUP, MIGRATION_STATUS_ACTIVE);
    incoming->thread = g_thread_new("incoming", incoming_thread, incoming);
}

static void free_listener(void *opaque)
{
    channel_listener_free(opaque);
}

/* The source has come; nobody else may. */
static void on_accepted(Channel *channel, void *opaque)
{
    MigrationIncoming *incoming = opaque;
    ChannelListener *listener = g_steal_pointer(&incoming->listener);
    channel_listener_set_callback(listener, NULL, NULL);
    /* Not from within the listener's own callback. */
    main_loop_schedule(free_listener, listener);
    start_loading(incoming, channel);
}

static bool start_from_uri(MigrationIncoming *incoming, const char *uri, GError **error)
{
    GError *local_error = NULL;
    ChannelListener *listener = NULL;
    Channel *channel = migration_source_open(uri, &listener, &local_error);
    if (local_error) {
        g_propagate_error(error, local_error);
        return false;
    }
    MigrationStatus from = migration_incoming_status(incoming);
    migration_incoming_move(incoming, from, MIGRATION_STATUS_SETUP);
    if (channel) {
        start_loading(incoming, channel);
        return true;
    }
    g_autofree char *address = channel_listener_address(listener);
    trace_migration_incoming_listen(address);
    incoming->listener = listener;
    channel_listener_set_callback(listener, on_accepted, incoming);
    return true;
}

bool migration_incoming_begin(const char *uri, bool autostart, GError **error)
{
    MigrationIncoming *incoming = migration_incoming();
    g_assert(bql_locked());
    incoming->expected = true;
    incoming->autostart = autostart;
    incoming->exit_on_failure = strcmp(uri, "defer") != 0;
    runstate_set(RUN_STATE_INMIGRATE);
    ram_populate_start();
    return !incoming->exit_on_failure || start_from_uri(incoming, uri, error);
}

void qmp_migrate_incoming(const char *uri, GError **error)
{
    MigrationIncoming *incoming = migration_incoming();
    if (!incoming->expected) {
        qc_error_set(error, "'-incoming' was not specified on the command line");
        return;
    }
    if (incoming->exit_on_failure || !runstate_is(RUN_STATE_INMIGRATE) || incoming->running ||
        incoming->listener) {
        qc_error_set(error, "The incoming migration has already been started");
        return;
    }
    start_from_uri(incoming, uri, error);
}

/* ---- the end of the process ---- */

void migration_incoming_shutdown(gint64 deadline_us)
{
    MigrationIncoming *incoming = migration_incoming();
    ram_populate_stop();
    g_clear_pointer(&incoming->listener, channel_listener_free);
    g_autoptr(Channel) channel = migration_incoming_channel(incoming);
    if (channel) {
        channel_shutdown(channel);
    }
    while (incoming->running && bql_wait_until(&incoming->ended, deadline_us)) {
    }
    if (incoming->thread && !incoming->running) {
        g_thread_join(g_steal_pointer(&incoming->thread));
    }
    migration_join_ended(&incoming->thread, incoming->running);
}
