/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The vCPUs: interrupt requests, work items, stopping. All fields of VCPU but the atomic ones are
 * protected by the BQL. */
#include "system/bql.h"
#include "system/cpus-internal.h"
#include "system/main-loop.h"
#include "system/runstate.h"
#include "target/i386/cpu.h"
#include "trace-system.h"
#include "util/report.h"

typedef struct VCPUWork {
    VCPUFunction *function;
    void *opaque;
    bool done;
} VCPUWork;

static GPtrArray *vcpus;
static GCond stop_cond; /* a vCPU stopped or finished a work item */

unsigned vcpu_count(void)
{
    return vcpus ? vcpus->len : 0;
}

VCPU *vcpu_get(unsigned index)
{
    g_assert(index < vcpu_count());
    return g_ptr_array_index(vcpus, index);
}

/* ---- kicks and interrupts ---- */

void vcpu_kick(VCPU *vcpu)
{
    const AccelOps *ops = accel_ops();

    if (vcpu->thread) {
        vcpu_thread_kick(vcpu->thread);
    } else {
        __atomic_store_n(&vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    }
    if (ops && ops->vcpu_kick) {
        ops->vcpu_kick(vcpu);
    }
}

static void kick(void *opaque)
{
    vcpu_kick(opaque);
}

static void kick_and_wake(void *opaque)
{
    VCPU *vcpu = opaque;

    vcpu_kick(vcpu);
    vcpu_thread_wake(vcpu);
}

/*
 * A vCPU that is interrupted wants the BQL first of all, so it hears of it when that is free. The
 * main loop's thread ends those of the vCPUs, so only it may come back to one without the lock.
 */
static void tell_when_bql_is_free(void (*function)(void *opaque), VCPU *vcpu)
{
    if (main_loop_is_own_thread()) {
        bql_call_after_unlock(function, vcpu);
    } else {
        function(vcpu);
    }
}

void vcpu_interrupt(VCPU *vcpu, uint32_t requests)
{
    g_assert(bql_locked());
    __atomic_fetch_or(&vcpu->interrupt_request, requests, __ATOMIC_SEQ_CST);
    if (vcpu == vcpu_current()) {
        __atomic_store_n(&vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    } else if (!vcpu->thread) {
        vcpu_kick(vcpu);
    } else if (vcpu->thread->running == vcpu) {
        tell_when_bql_is_free(kick, vcpu);
    } else if (vcpu->halted) {
        vcpu->urgent = true;
        tell_when_bql_is_free(kick_and_wake, vcpu);
    }
    /* Otherwise it will look when its turn comes, which it waits for already. */
}

void vcpu_interrupt_clear(VCPU *vcpu, uint32_t requests)
{
    __atomic_fetch_and(&vcpu->interrupt_request, ~requests, __ATOMIC_SEQ_CST);
}

/* ---- work items ---- */

static void run_work(VCPU *vcpu)
{
    VCPUWork *work;

    while ((work = g_queue_pop_head(&vcpu->work))) {
        vcpu_set_current(vcpu);
        work->function(vcpu, work->opaque);
        vcpu_set_current(NULL);
        work->done = true;
        g_cond_broadcast(&stop_cond);
    }
}

/* Call the function at once if this is the place for it, or send @work to @vcpu's thread. */
static void send_work(VCPU *vcpu, VCPUWork *work)
{
    if (!vcpu->thread || vcpu->stopped || vcpu_on_own_thread(vcpu)) {
        work->function(vcpu, work->opaque);
        work->done = true;
        return;
    }
    g_queue_push_tail(&vcpu->work, work);
    vcpu_kick(vcpu);
    vcpu_thread_wake(vcpu);
}

static void wait_for_work(const VCPUWork *work)
{
    while (!work->done) {
        bql_wait(&stop_cond);
    }
}

void vcpu_run_on(VCPU *vcpu, VCPUFunction *function, void *opaque)
{
    VCPUWork work = { function, opaque, false };

    g_assert(bql_locked());
    send_work(vcpu, &work);
    wait_for_work(&work);
}

void vcpus_run_on_all(VCPUFunction *function, void *opaque)
{
    unsigned count = vcpu_count();
    g_autofree VCPUWork *works = g_new(VCPUWork, count);

    g_assert(bql_locked());
    for (unsigned i = 0; i < count; i++) {
        works[i] = (VCPUWork){ function, opaque, false };
        send_work(vcpu_get(i), &works[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        wait_for_work(&works[i]);
    }
}

/* ---- for the threads ---- */

bool vcpu_can_run(const VCPU *vcpu)
{
    if (!accel_ops()->runs_guest_code || vcpu->stop_requested || vcpu->stopped) {
        return false;
    }
    return !vcpu->halted || x86_cpu_has_work(vcpu);
}

void vcpu_do_chores(VCPU *vcpu)
{
    run_work(vcpu);
    if (vcpu->stop_requested && !vcpu->stopped) {
        vcpu->stopped = true;
        trace_vcpu_stopped(vcpu->index);
        g_cond_broadcast(&stop_cond);
    }
}

static void ask_to_stop(VCPU *vcpu)
{
    vcpu->stop_requested = true;
    vcpu_kick(vcpu);
    vcpu_thread_wake(vcpu);
}

static void ask_all_to_stop(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (!vcpu_get(i)->stop_requested) {
            ask_to_stop(vcpu_get(i));
        }
    }
}

void vcpu_handle_exit(VCPU *vcpu, VCPUExit reason)
{
    switch (reason) {
    case VCPU_EXIT_SHUTDOWN:
        report_info("vCPU %u: triple fault, resetting the machine", vcpu->index);
        runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        ask_all_to_stop();
        break;
    case VCPU_EXIT_ERROR:
        runstate_request_panic();
        ask_all_to_stop();
        break;
    case VCPU_EXIT_INTERRUPTED:
    case VCPU_EXIT_HALTED:
    case VCPU_EXIT_YIELDED:
        break;
    }
}

/* ---- making, stopping, ending ---- */

bool vcpu_add(VCPU *vcpu, GError **error)
{
    const AccelOps *ops = accel_ops();

    g_assert(bql_locked());
    if (!vcpus) {
        vcpus = g_ptr_array_new();
    }
    vcpu->index = vcpus->len;
    g_queue_init(&vcpu->work);
    vcpu->stopped = vcpu->stop_requested = true;
    if (ops->vcpu_create && !ops->vcpu_create(vcpu, error)) {
        return false;
    }
    g_ptr_array_add(vcpus, vcpu);
    vcpu_thread_add(vcpu);
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

/* The caller's own vCPUs run no guest code before it comes back to them. */
static void mark_own_stopped(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (vcpu_on_own_thread(vcpu_get(i))) {
            vcpu_get(i)->stopped = true;
            g_cond_broadcast(&stop_cond);
        }
    }
}

void vcpus_pause_all(void)
{
    g_assert(bql_locked());
    ask_all_to_stop();
    mark_own_stopped();
    while (!vcpus_all_stopped()) {
        bql_wait(&stop_cond);
        /* Somebody else may have paused and resumed while we waited. */
        ask_all_to_stop();
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
        vcpu_thread_wake(vcpu);
    }
    g_cond_broadcast(&stop_cond);
}

void vcpus_shutdown(void)
{
    g_assert(bql_locked() && !vcpu_current());
    vcpus_pause_all();
    vcpu_threads_end();
}
