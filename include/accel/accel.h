/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The door to the accelerators. Nothing outside accel/ asks which one is in use.
 */
#pragma once

#include "system/cpus.h"
#include "system/memory.h"

/* Why vcpu_run() came back. */
typedef enum VCPUExit {
    VCPU_EXIT_INTERRUPTED, /* exit_request was seen (kick, pause, work) */
    VCPU_EXIT_HALTED,      /* HLT: wait for an interrupt; the caller sets vcpu->halted */
    VCPU_EXIT_YIELDED,     /* PAUSE while vcpu->contended: let another vCPU have its turn */
    VCPU_EXIT_SHUTDOWN,    /* triple fault */
    VCPU_EXIT_ERROR,       /* the engine cannot go on; it has logged why with the state */
} VCPUExit;

/* Which host threads run the vCPUs. */
typedef enum AccelThreads {
    ACCEL_THREAD_EACH, /* one for each vCPU */
    /* One for all, by turns. A turn ends only where vcpu_run() comes back, so instructions are
     * atomic as the vCPUs see each other. */
    ACCEL_THREAD_SHARED,
} AccelThreads;

typedef struct AccelOps {
    const char *name;        /* as in `-accel NAME` */
    const char *description; /* one line for `-accel help` */
    bool runs_guest_code;    /* false: qtest, the vCPU threads sleep for ever */
    AccelThreads threads;

    /* Can it be used here? May be NULL: yes. */
    bool (*available)(GError **error);
    /* Prepare; once, before vCPUs are made. @options are the key=value pairs behind the name. */
    bool (*init)(GHashTable *options, GError **error);
    /* Can it run @count vCPUs, as it was set up? Before they are made. May be NULL: any number. */
    bool (*check_vcpu_count)(unsigned count, GError **error);

    /* vCPU life; on its own thread, BQL held. May be NULL. */
    bool (*vcpu_create)(VCPU *vcpu, GError **error);
    void (*vcpu_destroy)(VCPU *vcpu);

    /*
     * Run guest code until something must be handled. Called on the vCPU's thread without the
     * BQL, vcpu->halted is false. Interrupts that are due are delivered inside (the engine takes
     * the BQL to acknowledge them at the interrupt controller, see X86InterruptOps).
     */
    VCPUExit (*vcpu_run)(VCPU *vcpu);

    /* Beyond setting exit_request: what else makes the vCPU leave (a signal). May be NULL. */
    void (*vcpu_kick)(VCPU *vcpu);

    /*
     * Copy the architectural state between the engine and the X86CPU (all of it: after
     * synchronize_state everything in X86CPU's architectural part is exact, after
     * state_changed the engine takes over whatever was written there). vCPU stopped or on its
     * own thread. May be NULL: X86CPU is always exact.
     */
    void (*synchronize_state)(VCPU *vcpu);
    void (*state_changed)(VCPU *vcpu);

    /*
     * Bits of pages were cleared: the next store to a page of @block must be reported again
     * (dirty_page_report). Called on each vCPU's thread or while that vCPU is stopped.
     */
    void (*dirty_log_cleared)(VCPU *vcpu);
    /* KVM and its like: fetch what the hardware recorded into block->dirty. May be NULL. */
    void (*dirty_log_fetch)(DirtyClient client, RAMBlock *block);
    void (*dirty_log_start)(void);
    void (*dirty_log_stop)(void);

    /*
     * Pages [first, first + count) of @block changed behind the engine's back: drop
     * translations made from them. Any thread.
     */
    void (*pages_written)(RAMBlock *block, uint64_t first, uint64_t count);

    /* Where RAM is seen has changed. On each vCPU's thread or while it is stopped. */
    void (*memory_map_changed)(VCPU *vcpu);

    /* Guest instructions run so far, all vCPUs together. May be NULL: not known. Any thread. */
    uint64_t (*instruction_count)(void);
} AccelOps;

/* Make an accelerator known; called by constructors. */
void accel_register(const AccelOps *ops);

/* Select by name with options ("tcg", "tcg,thread=single"); the error lists what exists. */
bool accel_select(const char *name_and_options, GError **error);

/* The one in use; NULL before accel_select(). */
const AccelOps *accel_ops(void);

/* Call @visit for each one in the build, in order of name. */
void accel_foreach(void (*visit)(const AccelOps *ops, void *opaque), void *opaque);

/* Guest instructions run so far by all vCPUs; 0 when the accelerator does not count. Any thread. */
uint64_t accel_instruction_count(void);
