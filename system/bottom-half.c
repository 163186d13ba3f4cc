/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Bottom halves: one source of the main loop runs them all. */
#include "system/bottom-half.h"

#include "system/bql.h"

struct BottomHalf {
    void (*function)(void *opaque);
    void *opaque;
    bool scheduled; /* these three: under `halves.lock` */
    unsigned turn;  /* in which it was scheduled */
    BottomHalf *next;
};

static struct {
    GMutex lock;
    BottomHalf *first; /* changed under `lock`; whether there is one, any thread may read */
    BottomHalf **end;
    unsigned turn;
    gint asleep; /* the main loop; atomic */
} halves = { .end = &halves.first, .asleep = 1 };

bool bottom_halves_pending(void)
{
    return __atomic_load_n(&halves.first, __ATOMIC_SEQ_CST) != NULL;
}

void bottom_halves_set_asleep(bool asleep)
{
    __atomic_store_n(&halves.asleep, asleep, __ATOMIC_SEQ_CST);
}

static bool is_asleep(void)
{
    return __atomic_load_n(&halves.asleep, __ATOMIC_SEQ_CST);
}

static void wake_main_loop(void *opaque)
{
    if (is_asleep()) {
        g_main_context_wakeup(g_main_context_default());
    }
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
static void remove_half(BottomHalf *half)
{
    BottomHalf **link = &halves.first;

    while (*link != half) {
        link = &(*link)->next;
    }
    if (halves.end == &half->next) {
        halves.end = link;
    }
    __atomic_store_n(link, half->next, __ATOMIC_SEQ_CST);
    half->next = NULL;
    half->scheduled = false;
}

/* Take the first one that was scheduled before this turn. */
static BottomHalf *take_first(void)
{
    g_mutex_lock(&halves.lock);
    BottomHalf *half = halves.first;
    if (half && half->turn == halves.turn) {
        half = NULL;
    }
    if (half) {
        remove_half(half);
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
    bool wake;

    g_mutex_lock(&halves.lock);
    wake = !half->scheduled;
    if (!half->scheduled) {
        half->scheduled = true;
        half->turn = halves.turn;
        __atomic_store_n(halves.end, half, __ATOMIC_SEQ_CST);
        halves.end = &half->next;
    }
    g_mutex_unlock(&halves.lock);
    if (!wake || !is_asleep()) {
        return;
    }
    if (bql_locked()) {
        bql_call_after_unlock(wake_main_loop, NULL);
    } else {
        wake_main_loop(NULL);
    }
}

void bottom_half_cancel(BottomHalf *half)
{
    g_assert(bql_locked());
    g_mutex_lock(&halves.lock);
    if (half->scheduled) {
        remove_half(half);
    }
    g_mutex_unlock(&halves.lock);
}
