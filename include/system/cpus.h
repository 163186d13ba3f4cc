/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Virtual CPUs as the rest of the system sees them: threads, stopping, kicking, work items and
 * interrupt requests. The architectural state is in target/i386/cpu.h, the engine behind
 * accel/accel.h.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Bits of VCPU.interrupt_request. */
typedef enum VCPUInterrupt {
    VCPU_INTERRUPT_HARD = 1 << 0, /* an interrupt controller wants to deliver a vector */
    VCPU_INTERRUPT_NMI = 1 << 1,
    VCPU_INTERRUPT_INIT = 1 << 2,
    VCPU_INTERRUPT_SIPI = 1 << 3,
    VCPU_INTERRUPT_SMI = 1 << 4,
    VCPU_INTERRUPT_RESET = 1 << 5, /* triple fault or reset asked for: leave the run loop */
} VCPUInterrupt;

typedef struct VCPUWork VCPUWork;

typedef struct VCPU {
    unsigned index;
    GThread *thread;
    int thread_id;              /* the host's number of the thread, for clients */
    GCond wake;                 /* with the BQL: something for the vCPU thread to do */
    uint32_t interrupt_request; /* VCPUInterrupt bits, atomic */
    /*
     * Atomic; non-zero makes the engine leave vcpu_run() before the next block. Chained blocks
     * check it, so a vCPU leaves within microseconds. vcpu_kick() sets it, the vCPU thread
     * clears it before it calls vcpu_run().
     */
    uint32_t exit_request;
    bool halted;         /* in HLT or waiting for SIPI; BQL or own thread */
    bool stop_requested; /* BQL */
    bool stopped;        /* BQL */
    bool unplug;         /* BQL: the thread is to end */
    GQueue work;         /* VCPUWork items, BQL */
} VCPU;

/* The vCPUs, by index. Fixed once the machine runs. */
unsigned vcpu_count(void);
VCPU *vcpu_get(unsigned index);
/* The vCPU whose thread is calling, or NULL. */
VCPU *vcpu_current(void);

/* Add @vcpu (embedded in the architecture's CPU) and start its thread, stopped. Needs the BQL. */
bool vcpu_add(VCPU *vcpu, GError **error);

/* Raise or drop interrupt requests. Any thread; wakes a halted vCPU. Takes no lock itself but
 * needs the BQL held so that a vCPU going to sleep does not miss it. */
void vcpu_interrupt(VCPU *vcpu, uint32_t requests);
void vcpu_interrupt_clear(VCPU *vcpu, uint32_t requests);

static inline uint32_t vcpu_interrupts_pending(const VCPU *vcpu)
{
    return __atomic_load_n(&vcpu->interrupt_request, __ATOMIC_ACQUIRE);
}

/* Make @vcpu leave the engine soon. Any thread. */
void vcpu_kick(VCPU *vcpu);

/*
 * Stop all vCPUs and wait until they have, giving up the BQL meanwhile; start them again.
 * Need the BQL. From a vCPU thread, pause stops the others and marks the caller.
 * Use vm_stop() and vm_start() of system/runstate.h, which call these.
 */
void vcpus_pause_all(void);
void vcpus_resume_all(void);
bool vcpus_all_stopped(void);

/* End all vCPU threads and wait for them. Needs the BQL (given up meanwhile). */
void vcpus_shutdown(void);

/*
 * Run @function on @vcpu's thread, between two blocks of guest code, with the BQL held; wait
 * until it is done (giving up the BQL meanwhile). Caller must hold the BQL. On the vCPU's own
 * thread it is called at once. When the vCPU is stopped it runs all the same.
 */
void vcpu_run_on(VCPU *vcpu, void (*function)(VCPU *vcpu, void *opaque), void *opaque);
