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
    gint asleep; /* atomic; also before the first turn */
} loop = { .asleep = 1 };

static _Thread_local bool own_thread;

typedef struct ScheduledCall {
    BottomHalf *half;
    void (*function)(void *opaque);
    void *opaque;
    /* Set when somebody waits. */
    GMutex *lock;
    GCond *done_cond;
    bool *done;
} ScheduledCall;

static gint poll_without_bql(GPollFD *fds, guint count, gint timeout)
{
    /* Asleep from here on: whoever schedules a bottom half after this look wakes us. */
    __atomic_store_n(&loop.asleep, 1, __ATOMIC_SEQ_CST);
    if (bottom_halves_pending()) {
        timeout = 0;
    }
    /* GLib keeps time in milliseconds; the timers have their own descriptors. */
    bql_unlock();
    gint ready = g_poll(fds, count, timeout);
    __atomic_store_n(&loop.asleep, 0, __ATOMIC_SEQ_CST);
    bql_lock();
    return ready;
}

static bool is_asleep(void)
{
    return __atomic_load_n(&loop.asleep, __ATOMIC_SEQ_CST);
}

static void wake(void *opaque)
{
    if (is_asleep()) {
        g_main_context_wakeup(g_main_context_default());
    }
}

void main_loop_wake(void)
{
    if (is_asleep() && bql_locked()) {
        bql_call_after_unlock(wake, NULL);
    } else {
        wake(NULL);
    }
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
    /* By itself GLib would go through all its sources once more for what the events have led to. */
    bool events = g_main_context_iteration(g_main_context_default(), blocking);
    return bottom_halves_run() || events;
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

static void run_scheduled(void *opaque)
{
    g_autofree ScheduledCall *call = opaque;

    bottom_half_free(call->half);
    call->function(call->opaque);
    if (call->done) {
        g_mutex_lock(call->lock);
        *call->done = true;
        g_cond_signal(call->done_cond);
        g_mutex_unlock(call->lock);
    }
}

static void schedule_call(ScheduledCall *call)
{
    call->half = bottom_half_new(run_scheduled, call);
    bottom_half_schedule(call->half);
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
    *call = (ScheduledCall){
        .function = function, .opaque = opaque, .lock = &lock, .done_cond = &cond, .done = &done
    };
    schedule_call(call);
    g_mutex_lock(&lock);
    while (!done) {
        g_cond_wait(&cond, &lock);
    }
    g_mutex_unlock(&lock);
    g_mutex_clear(&lock);
    g_cond_clear(&cond);
}
