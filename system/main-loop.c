/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The main loop: the default GMainContext with the big lock released around each poll. */
#include "system/main-loop.h"

#include <stdlib.h>

#include "system/bottom-half.h"
#include "system/bql.h"
#include "util/timer.h"

static struct {
    gint quitting;
    gint status;
    bool skipped; /* the last turn did not look for events */
} loop;

static _Thread_local bool own_thread;

typedef struct ScheduledCall {
    void (*function)(void *opaque);
    void *opaque;
    /* Set when somebody waits. */
    GMutex *lock;
    GCond *done_cond;
    bool *done;
} ScheduledCall;

/* Bottom halves come before events, but not twice in a row. */
static bool skip_poll(GPollFD *fds, guint count)
{
    loop.skipped = !loop.skipped && bottom_halves_pending();
    for (guint i = 0; loop.skipped && i < count; i++) {
        fds[i].revents = 0;
    }
    return loop.skipped;
}

static gint poll_without_bql(GPollFD *fds, guint count, gint timeout)
{
    if (skip_poll(fds, count)) {
        return 0;
    }
    bottom_halves_set_asleep(true);
    if (bottom_halves_pending()) {
        timeout = 0;
    }
    /* GLib keeps time in milliseconds; the timers have their own descriptors. */
    bql_unlock();
    gint ready = g_poll(fds, count, timeout);
    bottom_halves_set_asleep(false);
    bql_lock();
    return ready;
}

bool main_loop_is_own_thread(void)
{
    return own_thread;
}

void main_loop_init(void)
{
    own_thread = true;
    bql_lock();
    g_main_context_set_poll_func(g_main_context_default(), poll_without_bql);
    /* The first thread owns the default context from now on. */
    g_main_context_acquire(g_main_context_default());
    timers_init(g_main_context_default());
}

bool main_loop_iterate(bool blocking)
{
    g_assert(g_main_depth() == 0); /* see event_source_never_nested() */
    return g_main_context_iteration(g_main_context_default(), blocking);
}

void main_loop_run(void)
{
    while (!main_loop_quitting()) {
        main_loop_iterate(true);
    }
}

void main_loop_quit(int status)
{
    __atomic_store_n(&loop.status, status, __ATOMIC_RELAXED);
    __atomic_store_n(&loop.quitting, 1, __ATOMIC_RELEASE);
    g_main_context_wakeup(g_main_context_default());
}

int main_loop_exit_status(void)
{
    return __atomic_load_n(&loop.status, __ATOMIC_RELAXED);
}

bool main_loop_quitting(void)
{
    return __atomic_load_n(&loop.quitting, __ATOMIC_ACQUIRE);
}

static gboolean run_scheduled(gpointer data)
{
    g_autofree ScheduledCall *call = data;

    call->function(call->opaque);
    if (call->done) {
        g_mutex_lock(call->lock);
        *call->done = true;
        g_cond_signal(call->done_cond);
        g_mutex_unlock(call->lock);
    }
    return G_SOURCE_REMOVE;
}

static void schedule_call(ScheduledCall *call)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, run_scheduled, call, NULL);
    g_source_attach(source, g_main_context_default());
}

void main_loop_schedule(void (*function)(void *opaque), void *opaque)
{
    ScheduledCall *call = g_new0(ScheduledCall, 1);

    call->function = function;
    call->opaque = opaque;
    schedule_call(call);
}

void main_loop_run_and_wait(void (*function)(void *opaque), void *opaque)
{
    GMutex lock;
    GCond cond;
    bool done = false;
    ScheduledCall *call = g_new0(ScheduledCall, 1);

    g_assert(!bql_locked());
    g_mutex_init(&lock);
    g_cond_init(&cond);
    *call = (ScheduledCall){ function, opaque, &lock, &cond, &done };
    schedule_call(call);
    g_mutex_lock(&lock);
    while (!done) {
        g_cond_wait(&cond, &lock);
    }
    g_mutex_unlock(&lock);
    g_mutex_clear(&lock);
    g_cond_clear(&cond);
}
