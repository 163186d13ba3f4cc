/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Bottom halves: one source of the main loop runs them all. */
#include "system/bottom-half.h"

#include "system/bql.h"
#include "system/main-loop.h"

struct BottomHalf {
    void (*function)(void *opaque);
    void *opaque;
    /* Under `halves.lock`: */
    bool scheduled;
    unsigned turn; /* in which it was scheduled */
    GList link;    /* in `halves.queue`; its data is this */
};

static struct {
    GMutex lock;
    GQueue queue;
    unsigned turn;
} halves = { .queue = G_QUEUE_INIT };

bool bottom_halves_pending(void)
{
    g_mutex_lock(&halves.lock);
    bool pending = !g_queue_is_empty(&halves.queue);
    g_mutex_unlock(&halves.lock);
    return pending;
}

/* ---- the source ---- */

static gboolean prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return bottom_halves_pending();
}

static gboolean check(GSource *source)
{
    return bottom_halves_pending();
}

/* Lock held. */
static void unschedule(BottomHalf *half)
{
    g_queue_unlink(&halves.queue, &half->link);
    half->scheduled = false;
}

/* Take the first one that was scheduled before this turn. */
static BottomHalf *take_first(void)
{
    g_mutex_lock(&halves.lock);
    BottomHalf *half = g_queue_peek_head(&halves.queue);
    if (half && half->turn == halves.turn) {
        half = NULL;
    }
    if (half) {
        unschedule(half);
    }
    g_mutex_unlock(&halves.lock);
    return half;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    BottomHalf *half;

    g_mutex_lock(&halves.lock);
    halves.turn++;
    g_mutex_unlock(&halves.lock);
    while ((half = take_first())) {
        half->function(half->opaque);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = { .prepare = prepare, .check = check, .dispatch = dispatch };

static void attach_source(void)
{
    static gsize attached;

    if (g_once_init_enter(&attached)) {
        GSource *source = g_source_new(&functions, sizeof(GSource));
        g_source_set_static_name(source, "bottom halves");
        g_source_attach(source, g_main_context_default());
        g_source_unref(source);
        g_once_init_leave(&attached, 1);
    }
}

/* ---- the halves ---- */

BottomHalf *bottom_half_new(void (*function)(void *opaque), void *opaque)
{
    BottomHalf *half = g_new0(BottomHalf, 1);

    attach_source();
    half->function = function;
    half->opaque = opaque;
    half->link.data = half;
    return half;
}

void bottom_half_free(BottomHalf *half)
{
    if (half) {
        bottom_half_cancel(half);
        g_free(half);
    }
}

void bottom_half_schedule(BottomHalf *half)
{
    g_mutex_lock(&halves.lock);
    bool fresh = !half->scheduled;
    if (fresh) {
        half->scheduled = true;
        half->turn = halves.turn;
        g_queue_push_tail_link(&halves.queue, &half->link);
    }
    g_mutex_unlock(&halves.lock);
    if (fresh) {
        main_loop_wake();
    }
}

void bottom_half_cancel(BottomHalf *half)
{
    g_assert(bql_locked());
    g_mutex_lock(&halves.lock);
    if (half->scheduled) {
        unschedule(half);
    }
    g_mutex_unlock(&halves.lock);
}
