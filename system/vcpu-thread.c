/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The threads that run vCPUs: one for each, or one for all of them by turns.
 *
 * Turns go round in order. A turn ends when the vCPU halts, when it spins (PAUSE), or with the
 * time slice; with nobody else to run it does not end. A vCPU that an interrupt wakes from halt
 * does not wait for its place in the row: it runs at once, within the slice of the one that it
 * displaces, which goes on afterwards.
 */
#include "system/bql.h"
#include "system/cpus-internal.h"
#include "trace-system.h"

static GPtrArray *threads; /* VCPUThread */
static _Thread_local VCPUThread *own;
static _Thread_local VCPU *current;

VCPU *vcpu_current(void)
{
    return current;
}

void vcpu_set_current(VCPU *vcpu)
{
    current = vcpu;
}

int vcpu_thread_id(const VCPU *vcpu)
{
    return vcpu->thread ? __atomic_load_n(&vcpu->thread->id, __ATOMIC_RELAXED) : 0;
}

bool vcpu_on_own_thread(const VCPU *vcpu)
{
    return own && vcpu->thread == own;
}

static VCPU *vcpu_at(const VCPUThread *thread, unsigned position)
{
    return g_ptr_array_index(thread->vcpus, position % thread->vcpus->len);
}

/* ---- waking and interrupting ---- */

/* Each vCPU clears its own request when its turn begins, so no turn can miss it. */
void vcpu_thread_kick(VCPUThread *thread)
{
    for (unsigned i = 0; i < thread->vcpus->len; i++) {
        __atomic_store_n(&vcpu_at(thread, i)->exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

void vcpu_thread_wake(VCPU *vcpu)
{
    if (vcpu->thread) {
        g_cond_signal(&vcpu->thread->wake);
    }
}

/* ---- whose turn it is ---- */

static VCPU *take_urgent(VCPUThread *thread)
{
    for (unsigned i = 0; i < thread->vcpus->len; i++) {
        VCPU *vcpu = vcpu_at(thread, i);
        if (vcpu->urgent) {
            vcpu->urgent = false;
            if (vcpu_can_run(vcpu)) {
                return vcpu;
            }
        }
    }
    return NULL;
}

/* The next one in the row. */
static VCPU *take_regular(VCPUThread *thread)
{
    for (unsigned i = 0; i < thread->vcpus->len; i++) {
        VCPU *vcpu = vcpu_at(thread, thread->position + i);
        if (vcpu_can_run(vcpu)) {
            thread->position = (thread->position + i) % thread->vcpus->len;
            return vcpu;
        }
    }
    return NULL;
}

static bool others_wait(const VCPUThread *thread, const VCPU *vcpu)
{
    for (unsigned i = 0; i < thread->vcpus->len; i++) {
        const VCPU *other = vcpu_at(thread, i);
        if (other != vcpu && vcpu_can_run(other)) {
            return true;
        }
    }
    return false;
}

/* Sleep until one of the vCPUs can run: it is its turn. NULL: the thread is to end. */
static VCPU *wait_for_turn(VCPUThread *thread)
{
    for (;;) {
        for (unsigned i = 0; i < thread->vcpus->len; i++) {
            vcpu_do_chores(vcpu_at(thread, i));
        }
        if (thread->ending) {
            return NULL;
        }
        VCPU *vcpu = take_urgent(thread);
        if (!vcpu) {
            vcpu = take_regular(thread);
        }
        if (vcpu) {
            return vcpu;
        }
        bql_wait(&thread->wake);
    }
}

static void begin_turn(VCPUThread *thread, VCPU *vcpu)
{
    thread->running = current = vcpu;
    vcpu->halted = false;
    vcpu->contended = others_wait(thread, vcpu);
    if (thread->slice) {
        vcpu_slice_begin(thread->slice, vcpu->contended);
    }
    __atomic_store_n(&vcpu->exit_request, 0, __ATOMIC_SEQ_CST);
}

/* Who is next? @vcpu itself, if it had to leave only for a moment. */
static void end_turn(VCPUThread *thread, VCPU *vcpu, VCPUExit reason)
{
    bool regular = vcpu_at(thread, thread->position) == vcpu;
    bool slice_over = thread->slice && vcpu_slice_over(thread->slice);
    bool goes_on = reason == VCPU_EXIT_INTERRUPTED && !slice_over;

    trace_vcpu_turn_ended(vcpu->index, reason, slice_over);
    thread->running = current = NULL;
    if (reason == VCPU_EXIT_HALTED) {
        vcpu->halted = true;
    }
    if (slice_over || (regular && !goes_on)) {
        thread->position = (thread->position + 1) % thread->vcpus->len;
    } else if (goes_on && !regular) {
        vcpu->urgent = true;
    }
}

static gpointer thread_main(gpointer data)
{
    VCPUThread *thread = data;
    const AccelOps *ops = accel_ops();
    VCPU *vcpu;

    own = thread;
    __atomic_store_n(&thread->id, gettid(), __ATOMIC_RELAXED);
    bql_lock();
    while ((vcpu = wait_for_turn(thread))) {
        begin_turn(thread, vcpu);
        bql_unlock();
        VCPUExit reason = ops->vcpu_run(vcpu);
        bql_lock();
        end_turn(thread, vcpu, reason);
        vcpu_handle_exit(vcpu, reason);
    }
    for (unsigned i = 0; ops->vcpu_destroy && i < thread->vcpus->len; i++) {
        ops->vcpu_destroy(vcpu_at(thread, i));
    }
    bql_unlock();
    return NULL;
}

/* ---- making and ending threads ---- */

static VCPUThread *thread_new(VCPU *vcpu, bool shared)
{
    VCPUThread *thread = g_new0(VCPUThread, 1);
    g_autofree char *name = shared ? g_strdup_printf("all CPUs/%s", accel_ops()->name)
                                   : g_strdup_printf("CPU %u/%s", vcpu->index, accel_ops()->name);

    g_cond_init(&thread->wake);
    thread->vcpus = g_ptr_array_new();
    g_ptr_array_add(thread->vcpus, vcpu);
    g_ptr_array_add(threads, thread);
    /* It waits for the BQL before it looks at anything. */
    thread->thread = g_thread_new(name, thread_main, thread);
    return thread;
}

void vcpu_thread_add(VCPU *vcpu)
{
    bool shared = accel_ops()->threads == ACCEL_THREAD_SHARED;

    if (!threads) {
        threads = g_ptr_array_new();
    }
    if (!shared || threads->len == 0) {
        vcpu->thread = thread_new(vcpu, shared);
        return;
    }
    vcpu->thread = g_ptr_array_index(threads, 0);
    g_ptr_array_add(vcpu->thread->vcpus, vcpu);
    if (!vcpu->thread->slice) {
        vcpu->thread->slice = vcpu_slice_new(vcpu->thread);
    }
}

static void thread_end(VCPUThread *thread)
{
    thread->ending = true;
    g_cond_signal(&thread->wake);
    bql_unlock();
    g_thread_join(thread->thread);
    bql_lock();
    if (thread->slice) {
        vcpu_slice_free(thread->slice);
    }
    for (unsigned i = 0; i < thread->vcpus->len; i++) {
        vcpu_at(thread, i)->thread = NULL;
    }
    g_ptr_array_unref(thread->vcpus);
    g_cond_clear(&thread->wake);
    g_free(thread);
}

void vcpu_threads_end(void)
{
    while (threads && threads->len > 0) {
        thread_end(g_ptr_array_steal_index(threads, 0));
    }
}
