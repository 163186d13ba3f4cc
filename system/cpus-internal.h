/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * vCPUs and their threads among themselves: cpus.c (the vCPUs: interrupts, work, stopping),
 * vcpu-thread.c (threads, whose turn it is) and vcpu-slice.c (how long a turn lasts).
 */
#pragma once

#include "accel/accel.h"
#include "system/cpus.h"

typedef struct VCPUSlice VCPUSlice;

struct VCPUThread {
    GThread *thread;
    int id;            /* the host's number, atomic; 0: not running yet */
    GCond wake;        /* with the BQL: something for the thread to do */
    GPtrArray *vcpus;  /* that take turns, in order; fixed once the machine runs */
    unsigned position; /* in `vcpus`: whose regular turn it is. BQL */
    VCPU *running;     /* whose turn it is now, or NULL. BQL */
    bool ending;       /* BQL */
    VCPUSlice *slice;  /* NULL: a single vCPU, its turns have no end */
};

/* ---- cpus.c ---- */

/* What others want done on @vcpu's thread: work items, stopping. BQL. */
void vcpu_do_chores(VCPU *vcpu);
/* May guest code run on @vcpu now? BQL; not in its turn. */
bool vcpu_can_run(const VCPU *vcpu);
/* Act on why its turn ended. BQL. */
void vcpu_handle_exit(VCPU *vcpu, VCPUExit reason);

/* ---- vcpu-thread.c ---- */

/* Have @vcpu run by a thread of its own or by the shared one. BQL. */
void vcpu_thread_add(VCPU *vcpu);
/* Is the caller the thread that runs @vcpu? */
bool vcpu_on_own_thread(const VCPU *vcpu);
/* Declare the caller to act as @vcpu from now on. */
void vcpu_set_current(VCPU *vcpu);
/* Make the thread leave the engine, whosever turn it is. Any thread. */
void vcpu_thread_kick(VCPUThread *thread);
/* There is something to do for @vcpu: wake its thread if it sleeps. BQL. */
void vcpu_thread_wake(VCPU *vcpu);
/* End all threads, whose vCPUs are stopped, and wait for them. BQL (given up meanwhile). */
void vcpu_threads_end(void);

/* ---- vcpu-slice.c ---- */

VCPUSlice *vcpu_slice_new(VCPUThread *thread);
void vcpu_slice_free(VCPUSlice *slice);
/* A turn begins: if others wait (@wanted) it is to end with the running slice. Own thread. */
void vcpu_slice_begin(VCPUSlice *slice, bool wanted);
/* Has a slice ended since the last call? Own thread. */
bool vcpu_slice_over(VCPUSlice *slice);
