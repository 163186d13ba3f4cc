/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The return path as the source sees it: a thread that reads the destination's messages up to
 * the `shut` that ends them. Behind that COLO reads from the same reader.
 */
#include <string.h>

#include "migration/migration.h"
#include "migration/outgoing.h"
#include "trace-migration.h"
#include "util/bytes.h"
#include "util/report.h"

/* Longest data of any message. */
#define MESSAGE_MAX (4 + RETURN_PATH_REASON_MAX)

/* How long the destination may take to say that it has started, milliseconds. */
#define FINISH_MS 10000

/* One message's data, of a length that the type allows; the reader's error otherwise. */
static bool read_message(MigrationReader *reader, uint16_t *type, uint8_t *data, uint16_t *length)
{
    *type = migration_reader_get_be16(reader);
    *length = migration_reader_get_be16(reader);
    if (migration_reader_failed(reader)) {
        return false;
    }
    if (*type != RETURN_PATH_SHUT && *type != RETURN_PATH_PONG) {
        return migration_reader_fail(reader, "return path: unknown message type %u", *type);
    }
    uint16_t maximum = *type == RETURN_PATH_SHUT ? MESSAGE_MAX : 4;
    if (*length < 4 || *length > maximum) {
        return migration_reader_fail(reader,
                                     "return path: message type %u of %u bytes, 4 to %u "
                                     "expected",
                                     *type, *length, maximum);
    }
    return migration_reader_get_bytes(reader, data, *length);
}

/* `shut` with a value other than 0: why, as far as the destination says. */
static void fail_from_shut(MigrationState *state, uint32_t value, const uint8_t *reason,
                           size_t length)
{
    g_autofree char *text = g_strndup((const char *)reason, length);
    g_autofree char *printable = g_strescape(text, NULL);
    g_autoptr(GError) error = NULL;
    qc_error_set(&error, "the destination failed with error %u%s%s", value, *printable ? ": " : "",
                 printable);
    migration_set_error(state, error);
}

/* Handle messages until `shut` (true) or an error. */
static bool handle_messages(MigrationState *state)
{
    uint8_t data[MESSAGE_MAX];
    uint16_t type, length;
    while (read_message(state->return_reader, &type, data, &length)) {
        uint32_t value = load_be32(data);
        trace_migration_return_path(type, value);
        if (type == RETURN_PATH_SHUT) {
            if (value != 0) {
                fail_from_shut(state, value, data + 4, length - 4);
                return false;
            }
            return true;
        }
        g_mutex_lock(&state->lock);
        state->pong = value;
        g_cond_broadcast(&state->changed);
        g_mutex_unlock(&state->lock);
    }
    return false;
}

static gpointer return_path_thread(gpointer opaque)
{
    MigrationState *state = opaque;
    bool loaded = handle_messages(state);
    if (!loaded) {
        g_autoptr(GError) error = NULL;
        if (!migration_reader_check(state->return_reader, &error)) {
            g_prefix_error(&error, "return path: ");
            migration_set_error(state, error);
        }
        outgoing_break(state);
    }
    g_mutex_lock(&state->lock);
    state->loaded = loaded;
    state->return_ended = true;
    g_cond_broadcast(&state->changed);
    g_mutex_unlock(&state->lock);
    return NULL;
}

void return_path_start(MigrationState *state)
{
    state->return_reader = migration_reader_new(state->channel);
    state->return_thread = g_thread_new("return-path", return_path_thread, state);
}

bool return_path_wait_pong(MigrationState *state, uint32_t value, GError **error)
{
    g_mutex_lock(&state->lock);
    while (state->pong != value && !state->return_ended) {
        g_cond_wait(&state->changed, &state->lock);
    }
    bool came = state->pong == value && !state->cancelled;
    g_mutex_unlock(&state->lock);
    if (!came) {
        qc_error_set(error, "the destination has not answered that it loaded the state");
    }
    return came;
}

void return_path_wait_end(MigrationState *state, unsigned timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * 1000;
    g_mutex_lock(&state->lock);
    while (state->return_thread && !state->return_ended && !state->cancelled &&
           g_cond_wait_until(&state->changed, &state->lock, deadline)) {
    }
    g_mutex_unlock(&state->lock);
}

bool return_path_finish(MigrationState *state, GError **error)
{
    return_path_wait_end(state, FINISH_MS);
    g_mutex_lock(&state->lock);
    bool loaded = state->loaded;
    g_mutex_unlock(&state->lock);
    if (!loaded) {
        outgoing_break(state);
        qc_error_set(error, "the destination has not answered that it goes on");
    }
    g_thread_join(g_steal_pointer(&state->return_thread));
    return loaded;
}
