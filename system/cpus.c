/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* vCPU threads: running, sleeping, stopping, work items. All fields of VCPU but the atomic ones
 * are protected by the BQL. */
#include "system/cpus.h"

#include "accel/accel.h"
#include "system/bql.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"
#include "trace-system.h"
#include "util/report.h"

struct VCPUWork {
    void (*function)(VCPU *vcpu, void *opaque);
    void *opaque;
    bool done;
};

static GPtrArray *vcpus;
static GCond stop_cond; /* a vCPU stopped or finished a work item */
static _Thread_local VCPU *current;

unsigned vcpu_count(void)
{
    return vcpus ? vcpus->len : 0;
}

VCPU *vcpu_get(unsigned index)
{
    g_assert(index < vcpu_count());
    return g_ptr_array_index(vcpus, index);
}

VCPU *vcpu_current(void)
{
    return current;
}

void vcpu_kick(VCPU *vcpu)
{
    __atomic_store_n(&vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    const AccelOps *ops = accel_ops();
    if (ops && ops->vcpu_kick) {
        ops->vcpu_kick(vcpu);
    }
}

void vcpu_interrupt(VCPU *vcpu, uint32_t requests)
{
    g_assert(bql_locked());
    __atomic_fetch_or(&vcpu->interrupt_request, requests, __ATOMIC_SEQ_CST);
    if (vcpu != current) {
        vcpu_kick(vcpu);
        g_cond_signal(&vcpu->wake);
    } else {
        __atomic_store_n(&vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

void vcpu_interrupt_clear(VCPU *vcpu, uint32_t requests)
{
    __atomic_fetch_and(&vcpu->interrupt_request, ~requests, __ATOMIC_SEQ_CST);
}

static void run_work(VCPU *vcpu)
{
    VCPUWork *work;

    while ((work = g_queue_pop_head(&vcpu->work))) {
        work->function(vcpu, work->opaque);
        work->done = true;
        g_cond_broadcast(&stop_cond);
    }
}

void vcpu_run_on(VCPU *vcpu, void (*function)(VCPU *vcpu, void *opaque), void *opaque)
{
    VCPUWork work = { function, opaque, false };

    g_assert(bql_locked());
    if (vcpu == current || vcpu->stopped || !vcpu->thread) {
        function(vcpu, opaque);
        return;
    }
    g_queue_push_tail(&vcpu->work, &work);
    vcpu_kick(vcpu);
    g_cond_signal(&vcpu->wake);
    while (!work.done) {
        bql_wait(&stop_cond);
    }
}

/* May guest code run on @vcpu now? */
static bool vcpu_can_run(VCPU *vcpu)
{
    if (!accel_ops()->runs_guest_code || vcpu->stop_requested || vcpu->stopped) {
        return false;
    }
    return !vcpu->halted || x86_cpu_has_work(vcpu);
}

/* Sleep until there is something to do. Stops when asked to. */
static void vcpu_wait(VCPU *vcpu)
{
    for (;;) {
        run_work(vcpu);
        if (vcpu->stop_requested && !vcpu->stopped) {
            vcpu->stopped = true;
            trace_vcpu_stopped(vcpu->index);
            g_cond_broadcast(&stop_cond);
        }
        if (vcpu->unplug || vcpu_can_run(vcpu)) {
            return;
        }
        bql_wait(&vcpu->wake);
    }
}

static void vcpu_handle_exit(VCPU *vcpu, VCPUExit reason)
{
    switch (reason) {
    case VCPU_EXIT_SHUTDOWN:
        report_info("vCPU %u: triple fault, resetting the machine", vcpu->index);
        runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        vcpu->stop_requested = true;
        break;
    case VCPU_EXIT_ERROR:
        runstate_request_panic();
        vcpu->stop_requested = true;
        break;
    case VCPU_EXIT_INTERRUPTED:
    case VCPU_EXIT_HALTED:
        break;
    }
}

static gpointer vcpu_thread(gpointer data)
{
    VCPU *vcpu = data;
    const AccelOps *ops = accel_ops();

    current = vcpu;
    bql_lock();
    vcpu->thread_id = gettid();
    for (;;) {
        vcpu_wait(vcpu);
        if (vcpu->unplug) {
            break;
        }
        __atomic_store_n(&vcpu->exit_request, 0, __ATOMIC_SEQ_CST);
        bql_unlock();
        VCPUExit reason = ops->vcpu_run(vcpu);
        bql_lock();
        vcpu_handle_exit(vcpu, reason);
    }
    if (ops->vcpu_destroy) {
        ops->vcpu_destroy(vcpu);
    }
    bql_unlock();
    return NULL;
}

bool vcpu_add(VCPU *vcpu, GError **error)
{
    const AccelOps *ops = accel_ops();
    g_autofree char *name = g_strdup_printf("CPU %u/%s", vcpu_count(), ops->name);

    g_assert(bql_locked());
    if (!vcpus) {
        vcpus = g_ptr_array_new();
    }
    vcpu->index = vcpus->len;
    g_cond_init(&vcpu->wake);
    g_queue_init(&vcpu->work);
    vcpu->stopped = vcpu->stop_requested = true;
    if (ops->vcpu_create && !ops->vcpu_create(vcpu, error)) {
        return false;
    }
    g_ptr_array_add(vcpus, vcpu);
    vcpu->thread = g_thread_new(name, vcpu_thread, vcpu);
    return true;
}

bool vcpus_all_stopped(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (!vcpu_get(i)->stopped) {
            return false;
        }
    }
    return true;
}

static void ask_to_stop(VCPU *vcpu)
{
    vcpu->stop_requested = true;
    if (vcpu == current) {
        vcpu->stopped = true;
    }
    vcpu_kick(vcpu);
    g_cond_signal(&vcpu->wake);
}

void vcpus_pause_all(void)
{
    g_assert(bql_locked());
    for (unsigned i = 0; i < vcpu_count(); i++) {
        ask_to_stop(vcpu_get(i));
    }
    while (!vcpus_all_stopped()) {
        bql_wait(&stop_cond);
        /* Somebody else may have paused and resumed while we waited: ask again. */
        for (unsigned i = 0; i < vcpu_count(); i++) {
            if (!vcpu_get(i)->stop_requested) {
                ask_to_stop(vcpu_get(i));
            }
        }
    }
    for (unsigned i = 0; accel_ops() && accel_ops()->synchronize_state && i < vcpu_count(); i++) {
        accel_ops()->synchronize_state(vcpu_get(i));
    }
}

void vcpus_resume_all(void)
{
    g_assert(bql_locked());
    for (unsigned i = 0; i < vcpu_count(); i++) {
        VCPU *vcpu = vcpu_get(i);
        vcpu->stop_requested = vcpu->stopped = false;
        g_cond_signal(&vcpu->wake);
    }
    g_cond_broadcast(&stop_cond);
}

void vcpus_shutdown(void)
{
    g_assert(bql_locked() && !current);
    vcpus_pause_all();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        VCPU *vcpu = vcpu_get(i);
        vcpu->unplug = true;
        g_cond_signal(&vcpu->wake);
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        VCPU *vcpu = vcpu_get(i);
        if (vcpu->thread) {
            bql_unlock();
            g_thread_join(vcpu->thread);
            bql_lock();
            vcpu->thread = NULL;
        }
    }
}
