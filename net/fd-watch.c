/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A GSource whose poll condition can be changed while it stays attached. While nothing is watched
 * the descriptor is not polled at all: poll(2) reports a hang-up that nobody asked for, and the
 * main loop would spin.
 */
#include "net/fd-watch.h"

#include "util/event-source.h"

struct FdWatch {
    GSource source;
    int fd;
    gpointer tag; /* NULL while condition is 0 */
    GIOCondition condition;
    void (*readable)(void *opaque);
    void (*writable)(void *opaque);
    void *opaque;
};

static gboolean watch_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    FdWatch *watch = (FdWatch *)source;
    GIOCondition ready = watch->tag ? g_source_query_unix_fd(source, watch->tag) : 0;

    /* An error is found out by reading or writing, whichever is being waited for. */
    if (ready & (G_IO_ERR | G_IO_HUP)) {
        ready |= watch->condition;
    }
    if (ready & watch->condition & G_IO_OUT) {
        watch->writable(watch->opaque);
    }
    if (!g_source_is_destroyed(source) && (ready & watch->condition & G_IO_IN)) {
        watch->readable(watch->opaque);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_functions = { .dispatch = watch_dispatch };

FdWatch *fd_watch_new(int fd, const char *name, void (*readable)(void *opaque),
                      void (*writable)(void *opaque), void *opaque)
{
    GSource *source = g_source_new(&watch_functions, sizeof(FdWatch));
    FdWatch *watch = (FdWatch *)source;

    watch->readable = readable;
    watch->writable = writable;
    watch->opaque = opaque;
    watch->fd = fd;
    g_source_set_name(source, name);
    event_source_never_nested(source);
    g_source_attach(source, NULL);
    return watch;
}

void fd_watch_free(FdWatch *watch)
{
    if (watch) {
        g_source_destroy(&watch->source);
        g_source_unref(&watch->source);
    }
}

static void set_condition(FdWatch *watch, GIOCondition bit, bool on)
{
    GIOCondition condition = on ? watch->condition | bit : watch->condition & ~bit;

    if (condition == watch->condition) {
        return;
    }
    watch->condition = condition;
    if (condition == 0) {
        g_source_remove_unix_fd(&watch->source, g_steal_pointer(&watch->tag));
    } else if (watch->tag) {
        g_source_modify_unix_fd(&watch->source, watch->tag, condition);
    } else {
        watch->tag = g_source_add_unix_fd(&watch->source, watch->fd, condition);
    }
}

void fd_watch_read(FdWatch *watch, bool on)
{
    set_condition(watch, G_IO_IN, on);
}

void fd_watch_write(FdWatch *watch, bool on)
{
    set_condition(watch, G_IO_OUT, on);
}
