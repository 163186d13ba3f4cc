/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the x87 files share: names of bits, and the control instructions. */
#pragma once

#include "target/i386/fpu-ops.h"

/* Status word (SDM vol. 1, 8.1.3) */
#define FPU_STATUS_IE         0x0001u
#define FPU_STATUS_OE         0x0008u
#define FPU_STATUS_UE         0x0010u
#define FPU_STATUS_EXCEPTIONS 0x003fu
#define FPU_STATUS_SF         0x0040u
#define FPU_STATUS_ES         0x0080u
#define FPU_STATUS_TOP        0x3800u
#define FPU_STATUS_TOP_SHIFT  11
#define FPU_STATUS_B          0x8000u

/* Control word: the masks are in the place of the exception flags; bit 6 is always set. */
#define FPU_CONTROL_MASKS    0x003fu
#define FPU_CONTROL_RESERVED 0x0040u
#define FPU_CONTROL_WRITABLE 0x1f3fu
#define FPU_CONTROL_INIT     0x037fu

#define FPU_REGISTER_BYTES 10

static inline unsigned fpu_top(const X86FPU *fpu)
{
    return (fpu->status & FPU_STATUS_TOP) >> FPU_STATUS_TOP_SHIFT;
}

/* ST(@i) as a physical register. */
static inline uint8_t *fpu_st(X86FPU *fpu, unsigned i)
{
    return fpu->registers[(fpu_top(fpu) + i) & 7];
}

/* Unmasked exceptions whose flag is set. */
static inline unsigned fpu_pending(const X86FPU *fpu)
{
    return fpu->status & ~fpu->control & FPU_STATUS_EXCEPTIONS;
}

/* ES and B follow from the flags and their masks; call after either changed. */
static inline void fpu_update_summary(X86FPU *fpu)
{
    fpu->status &= ~(FPU_STATUS_ES | FPU_STATUS_B);
    if (fpu_pending(fpu)) {
        fpu->status |= FPU_STATUS_ES | FPU_STATUS_B;
    }
}

static inline void fpu_set_control(X86FPU *fpu, uint16_t value)
{
    fpu->control = (value & FPU_CONTROL_WRITABLE) | FPU_CONTROL_RESERVED;
    fpu_update_summary(fpu);
}

/* The instructions that move the unit's own state; @op->is_control. */
void fpu_execute_control(X86State *state, const X86FPUOp *op, void *memory);
