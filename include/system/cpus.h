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

/* A host thread that runs one vCPU, or several by turns (system/vcpu-thread.c). */
typedef struct VCPUThread VCPUThread;

typedef struct VCPU {
    unsigned index;
    VCPUThread *thread;         /* NULL: nobody runs it (tests) */
    uint32_t interrupt_request; /* VCPUInterrupt bits, atomic */
    /*
     * Atomic; non-zero makes the engine leave vcpu_run() before the next block. Chained blocks
     * check it, so a vCPU leaves within microseconds. vcpu_kick() sets it, the vCPU thread
     * clears it before it calls vcpu_run().
     */
    uint32_t exit_request;
    bool halted;         /* BQL: in HLT or waiting for SIPI */
    bool contended;      /* own thread, set for a turn: another vCPU waits for this one to end */
    bool urgent;         /* BQL: woken from halt, it is to run before those in the row */
    bool stop_requested; /* BQL */
    bool stopped;        /* BQL */
    GQueue work;         /* of system/cpus.c, BQL */
} VCPU;

/* The vCPUs, by index. Fixed once the machine runs. */
unsigned vcpu_count(void);
VCPU *vcpu_get(unsigned index);
/* The vCPU whose turn it is on the calling thread, or NULL. */
VCPU *vcpu_current(void);
/* The host's number of the thread that runs @vcpu, for clients; 0: it has not begun yet. BQL. */
int vcpu_thread_id(const VCPU *vcpu);

/* Add @vcpu (embedded in the architecture's CPU), stopped, to a thread of its own or to the one
 * that all share, as the accelerator wants it. Needs the BQL. */
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

typedef void VCPUFunction(VCPU *vcpu, void *opaque);

/*
 * Run @function on @vcpu's thread, between two blocks of guest code, with the BQL held; wait
 * until it is done (giving up the BQL meanwhile). Caller must hold the BQL. On the vCPU's own
 * thread it is called at once. When the vCPU is stopped it runs all the same.
 */
void vcpu_run_on(VCPU *vcpu, VCPUFunction *function, void *opaque);
/* The same for every vCPU; they are asked together and waited for together. */
void vcpus_run_on_all(VCPUFunction *function, void *opaque);
