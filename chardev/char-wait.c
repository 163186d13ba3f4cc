/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Waiting in a main context of its own, in which nothing but the wait and signals happen. */
#include "char-wait.h"

#include <glib-unix.h>
#include <signal.h>

#include "system/bql.h"
#include "util/report.h"

/* How soon a signal is noticed while listening. */
#define LISTEN_SLICE_MS 100

static const int wait_signals[] = { SIGINT, SIGTERM, SIGHUP };

typedef struct Wait {
    GMainContext *context;
    GSource *signals[G_N_ELEMENTS(wait_signals)];
    bool had_bql;
    bool interrupted;
    bool done;
    Channel *channel; /* results */
    GError *error;
} Wait;

static gboolean on_signal(gpointer opaque)
{
    ((Wait *)opaque)->interrupted = true;
    return G_SOURCE_CONTINUE;
}

static void wait_begin(Wait *wait)
{
    *wait = (Wait){ .context = g_main_context_new(), .had_bql = bql_locked() };
    if (wait->had_bql) {
        bql_unlock();
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wait_signals); i++) {
        wait->signals[i] = g_unix_signal_source_new(wait_signals[i]);
        g_source_set_callback(wait->signals[i], on_signal, wait, NULL);
        g_source_attach(wait->signals[i], wait->context);
    }
}

static void wait_end(Wait *wait)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wait_signals); i++) {
        g_source_destroy(wait->signals[i]);
        g_source_unref(wait->signals[i]);
    }
    g_main_context_unref(wait->context);
    if (wait->had_bql) {
        bql_lock();
    }
}

static void on_connected(Channel *channel, GError *error, void *opaque)
{
    Wait *wait = opaque;

    wait->channel = channel;
    wait->error = error;
    wait->done = true;
}

static void set_interrupted(char *address, GError **error)
{
    qc_error_set(error, "%s: interrupted while waiting for a connection", address);
    g_free(address);
}

Channel *char_wait_connect(const ChannelAddress *address, int timeout_ms, GError **error)
{
    Wait wait;

    wait_begin(&wait);
    ChannelConnecting *connecting =
        channel_connect_start(address, timeout_ms, wait.context, on_connected, &wait);
    while (!wait.done && !wait.interrupted) {
        g_main_context_iteration(wait.context, true);
    }
    if (!wait.done) {
        channel_connecting_cancel(connecting);
        set_interrupted(channel_address_to_string(address), &wait.error);
    }
    wait_end(&wait);
    if (wait.error) {
        g_propagate_error(error, wait.error);
    }
    return wait.channel;
}

Channel *char_wait_accept(ChannelListener *listener, GError **error)
{
    Channel *channel = NULL;
    Wait wait;
    int ready = 0;

    wait_begin(&wait);
    while (ready == 0 && !wait.interrupted) {
        ready = channel_listener_wait(listener, LISTEN_SLICE_MS);
        g_main_context_iteration(wait.context, false);
    }
    if (ready == 0) {
        set_interrupted(channel_listener_address(listener), error);
    } else {
        channel = channel_listener_accept(listener, -1, error);
    }
    wait_end(&wait);
    return channel;
}

ChannelListener *char_wait_listen(const ChannelAddress *address, GError **error)
{
    Wait wait;

    wait_begin(&wait);
    ChannelListener *listener = channel_listen(address, error);
    wait_end(&wait);
    return listener;
}
