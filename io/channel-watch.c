/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* GSource on a channel: readiness, hang-up, or the channel was shut down. */
#include <glib-unix.h>

#include "channel-internal.h"
#include "util/event-source.h"

typedef struct ChannelSource {
    GSource source;
    Channel *channel;
    GIOCondition wanted;
    gpointer read_tag, write_tag, wake_tag; /* of g_source_add_unix_fd(); NULL: not watched */
} ChannelSource;

static GIOCondition query(ChannelSource *self, gpointer tag)
{
    return tag ? g_source_query_unix_fd(&self->source, tag) : 0;
}

static GIOCondition source_condition(ChannelSource *self)
{
    if (channel_is_shut_down(self->channel)) {
        return G_IO_HUP;
    }
    if (!self->read_tag && !self->write_tag) {
        return self->wanted & (G_IO_IN | G_IO_OUT);
    }
    GIOCondition condition = query(self, self->read_tag) | query(self, self->write_tag);
    return condition & (self->wanted | G_IO_HUP | G_IO_ERR | G_IO_NVAL);
}

static gboolean source_prepare(GSource *source, int *timeout)
{
    ChannelSource *self = (ChannelSource *)source;
    bool has_fd = self->read_tag || self->write_tag;

    *timeout = -1;
    return channel_is_shut_down(self->channel) || (!has_fd && source_condition(self));
}

static gboolean source_check(GSource *source)
{
    return source_condition((ChannelSource *)source) != 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer opaque)
{
    ChannelSource *self = (ChannelSource *)source;
    ChannelWatch *watch = (ChannelWatch *)(void (*)(void))callback;

    return watch(self->channel, source_condition(self), opaque);
}

static void source_finalize(GSource *source)
{
    channel_unref(((ChannelSource *)source)->channel);
}

static GSourceFuncs source_funcs = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
    .finalize = source_finalize,
};

GSource *channel_create_watch(Channel *channel, GIOCondition condition, ChannelWatch *watch,
                              void *opaque)
{
    GSource *source = g_source_new(&source_funcs, sizeof(ChannelSource));
    ChannelSource *self = (ChannelSource *)source;
    int read_fd = g_atomic_int_get(&channel->read_fd);
    int write_fd = g_atomic_int_get(&channel->write_fd);

    event_source_never_nested(source);
    self->channel = channel_ref(channel);
    self->wanted = condition;
    if (read_fd >= 0 && read_fd == write_fd) {
        self->read_tag = g_source_add_unix_fd(source, read_fd, condition);
    } else {
        if (read_fd >= 0 && (condition & ~G_IO_OUT)) {
            self->read_tag = g_source_add_unix_fd(source, read_fd, condition & ~G_IO_OUT);
        }
        if (write_fd >= 0 && (condition & G_IO_OUT)) {
            self->write_tag = g_source_add_unix_fd(source, write_fd, condition & ~G_IO_IN);
        }
    }
    self->wake_tag = g_source_add_unix_fd(source, channel->wake_fd, G_IO_IN);
    g_source_set_callback(source, (GSourceFunc)(void (*)(void))watch, opaque, NULL);
    return source;
}
