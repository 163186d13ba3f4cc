/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Bottom halves: a queue that the main loop looks at in each turn. */
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

bool bottom_halves_run(void)
{
    BottomHalf *half;
    bool any = false;

    g_assert(bql_locked());
    g_mutex_lock(&halves.lock);
    halves.turn++;
    g_mutex_unlock(&halves.lock);
    while ((half = take_first())) {
        half->function(half->opaque);
        any = true;
    }
    return any;
}

/* ---- the halves ---- */

BottomHalf *bottom_half_new(void (*function)(void *opaque), void *opaque)
{
    BottomHalf *half = g_new0(BottomHalf, 1);

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
