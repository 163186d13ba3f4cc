/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The sockets of the network in user space in the main loop. Slirp tells before each poll which
 * descriptors it waits for; as these hardly change from one to the next, the source keeps its
 * descriptors and only corrects what differs.
 */
#include "net/user-internal.h"
#include "system/runstate.h"
#include "util/event-source.h"

#define STOPPED_INTERVAL_MS 500

typedef struct PolledDescriptor {
    int fd;
    GIOCondition events;
    gpointer tag;
} PolledDescriptor;

typedef struct UserPollSource {
    GSource source;
    UserNet *user;
    GArray *descriptors; /* PolledDescriptor, at the index that slirp knows */
    guint filled;        /* while slirp tells */
    gint64 deadline_us;  /* when slirp wants to be called at the latest; -1: never */
} UserPollSource;

static const struct {
    int slirp;
    GIOCondition glib;
} event_names[] = {
    { SLIRP_POLL_IN, G_IO_IN },   { SLIRP_POLL_OUT, G_IO_OUT }, { SLIRP_POLL_PRI, G_IO_PRI },
    { SLIRP_POLL_ERR, G_IO_ERR }, { SLIRP_POLL_HUP, G_IO_HUP },
};

static GIOCondition glib_events(int events)
{
    GIOCondition result = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(event_names); i++) {
        result |= events & event_names[i].slirp ? event_names[i].glib : 0;
    }
    return result;
}

static int slirp_events(GIOCondition events)
{
    int result = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(event_names); i++) {
        result |= events & event_names[i].glib ? event_names[i].slirp : 0;
    }
    return result;
}

static int add_poll(int fd, int slirp_wants, void *opaque)
{
    UserPollSource *self = opaque;
    GIOCondition events = glib_events(slirp_wants);
    guint index = self->filled++;

    if (index == self->descriptors->len) {
        PolledDescriptor added = { fd, events, g_source_add_unix_fd(&self->source, fd, events) };
        g_array_append_val(self->descriptors, added);
        return (int)index;
    }
    PolledDescriptor *polled = &g_array_index(self->descriptors, PolledDescriptor, index);
    if (polled->fd != fd) {
        g_source_remove_unix_fd(&self->source, polled->tag);
        *polled = (PolledDescriptor){ fd, events, g_source_add_unix_fd(&self->source, fd, events) };
    } else if (polled->events != events) {
        g_source_modify_unix_fd(&self->source, polled->tag, events);
        polled->events = events;
    }
    return (int)index;
}

static int get_events(int index, void *opaque)
{
    UserPollSource *self = opaque;

    if (index < 0 || (guint)index >= self->descriptors->len) {
        return 0;
    }
    gpointer tag = g_array_index(self->descriptors, PolledDescriptor, index).tag;
    return slirp_events(g_source_query_unix_fd(&self->source, tag));
}

static gboolean source_prepare(GSource *source, gint *timeout_ms)
{
    UserPollSource *self = (UserPollSource *)source;
    uint32_t wanted_ms = UINT32_MAX;

    self->filled = 0;
    slirp_pollfds_fill(self->user->slirp, &wanted_ms, add_poll, self);
    for (guint i = self->filled; i < self->descriptors->len; i++) {
        g_source_remove_unix_fd(source, g_array_index(self->descriptors, PolledDescriptor, i).tag);
    }
    g_array_set_size(self->descriptors, self->filled);
    if (!runstate_is_running()) {
        /* Slirp's clock stands still: what it waits for does not come. */
        wanted_ms = MAX(wanted_ms, STOPPED_INTERVAL_MS);
    }
    /* Slirp tells an interval, again and again: it runs from the first time. */
    gint64 now_us = g_get_monotonic_time();
    if (wanted_ms == UINT32_MAX) {
        self->deadline_us = -1;
    } else if (self->deadline_us < 0) {
        self->deadline_us = now_us + (gint64)wanted_ms * 1000;
    } else {
        self->deadline_us = MIN(self->deadline_us, now_us + (gint64)wanted_ms * 1000);
    }
    gint64 left_us = self->deadline_us < 0 ? -1 : MAX(self->deadline_us - now_us, 0);
    *timeout_ms = left_us < 0 ? -1 : (gint)MIN((left_us + 999) / 1000, G_MAXINT);
    return left_us == 0;
}

static gboolean source_check(GSource *source)
{
    UserPollSource *self = (UserPollSource *)source;

    if (self->deadline_us >= 0 && g_get_monotonic_time() >= self->deadline_us) {
        return TRUE;
    }
    for (guint i = 0; i < self->descriptors->len; i++) {
        if (get_events((int)i, self)) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    UserPollSource *self = (UserPollSource *)source;

    self->deadline_us = -1;
    slirp_pollfds_poll(self->user->slirp, 0, get_events, self);
    user_guest_forwards_accept_input(self->user);
    return G_SOURCE_CONTINUE;
}

static void source_finalize(GSource *source)
{
    g_array_unref(((UserPollSource *)source)->descriptors);
}

GSource *user_poll_source_new(UserNet *user)
{
    static GSourceFuncs functions = {
        .prepare = source_prepare,
        .check = source_check,
        .dispatch = source_dispatch,
        .finalize = source_finalize,
    };
    GSource *source = g_source_new(&functions, sizeof(UserPollSource));
    UserPollSource *self = (UserPollSource *)source;

    self->user = user;
    self->descriptors = g_array_new(FALSE, FALSE, sizeof(PolledDescriptor));
    self->deadline_us = -1;
    g_source_set_static_name(source, "user network");
    event_source_never_nested(source);
    g_source_attach(source, NULL);
    return source;
}
