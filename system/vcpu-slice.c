/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Time slices for vCPUs that share a thread: a ticker that ends the current turn at regular
 * moments while more than one of them wants to run. It needs no big lock, so that a guest which
 * spins goes on even while somebody holds that for long. With nobody waiting it sleeps.
 */
#include "system/cpus-internal.h"

/*
 * A vCPU that waits for an answer of another one may wait for as many slices as there are vCPUs;
 * each costs two changes of thread.
 */
#define SLICE_US 1000

struct VCPUSlice {
    VCPUThread *owner;
    bool was_wanted; /* owner's thread only: what `wanted` is */
    uint32_t over;   /* atomic */
    GThread *ticker;
    GMutex lock;
    GCond cond;
    /* Under `lock`. */
    bool wanted;
    bool asleep; /* without an end, until it is wanted */
    bool ending;
};

/* Wait for the end of a slice, or until there is nothing to wait for. */
static void wait_for_tick(VCPUSlice *slice)
{
    gint64 end = g_get_monotonic_time() + SLICE_US;

    while (!slice->ending && g_cond_wait_until(&slice->cond, &slice->lock, end)) {
    }
}

static gpointer slice_ticker(gpointer data)
{
    VCPUSlice *slice = data;

    g_mutex_lock(&slice->lock);
    while (!slice->ending) {
        slice->asleep = !slice->wanted;
        if (slice->asleep) {
            g_cond_wait(&slice->cond, &slice->lock);
            continue;
        }
        wait_for_tick(slice);
        if (slice->wanted) {
            __atomic_store_n(&slice->over, 1, __ATOMIC_SEQ_CST);
            vcpu_thread_kick(slice->owner);
        }
    }
    g_mutex_unlock(&slice->lock);
    return NULL;
}

VCPUSlice *vcpu_slice_new(VCPUThread *thread)
{
    VCPUSlice *slice = g_new0(VCPUSlice, 1);

    slice->owner = thread;
    g_mutex_init(&slice->lock);
    g_cond_init(&slice->cond);
    slice->ticker = g_thread_new("vCPU slices", slice_ticker, slice);
    return slice;
}

void vcpu_slice_free(VCPUSlice *slice)
{
    g_mutex_lock(&slice->lock);
    slice->ending = true;
    g_cond_signal(&slice->cond);
    g_mutex_unlock(&slice->lock);
    g_thread_join(slice->ticker);
    g_mutex_clear(&slice->lock);
    g_cond_clear(&slice->cond);
    g_free(slice);
}

void vcpu_slice_begin(VCPUSlice *slice, bool wanted)
{
    if (wanted == slice->was_wanted) {
        return;
    }
    slice->was_wanted = wanted;
    g_mutex_lock(&slice->lock);
    slice->wanted = wanted;
    if (wanted && slice->asleep) {
        g_cond_signal(&slice->cond);
    }
    g_mutex_unlock(&slice->lock);
}

bool vcpu_slice_over(VCPUSlice *slice)
{
    return __atomic_exchange_n(&slice->over, 0, __ATOMIC_SEQ_CST);
}
