/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The x87 instructions (opcodes D8 to DF, FWAIT, EMMS) and FXSAVE/FXRSTOR (Intel SDM vol. 1
 * chapters 8 and 10, vol. 2).
 *
 * How an engine runs one:
 *   1. translate: x86_fpu_op_describe() with the opcode and ModRM byte; false: #UD.
 *   2. x86_fpu_check(): #NM or #MF come before any memory access.
 *   3. op->memory_read: read op->memory_bytes into a buffer. op->memory_written: make sure that
 *      op->memory_bytes can be written, so that the store below cannot fault.
 *   4. op->reads_flags: bring state->rflags up to date.
 *   5. x86_fpu_execute(); store the buffer if it says so; op->writes_flags: the six status flags
 *      in state->rflags are new. FNSTSW AX changes the low 16 bits of RAX in place.
 * x87 exceptions are never raised by the instruction that meets them: the next one that waits
 * raises #MF (x86_fpu_check()).
 */
#pragma once

#include <stdint.h>

#include "target/i386/cpu.h"

/* The largest x87 memory operand: FNSAVE in its 32-bit form. */
#define X86_FPU_MEMORY_MAX 108

/* FXSAVE area, bytes; the address must be a multiple of 16 (#GP(0)). */
#define X86_FXSAVE_BYTES 512

typedef struct X86FPUOp {
    uint8_t opcode; /* D8 to DF */
    uint8_t modrm;  /* as decoded; only mod == 3, reg and (for mod == 3) rm matter */
    uint8_t memory_bytes;
    bool memory_read;
    bool memory_written;
    bool waits;        /* a pending exception is raised before it (all but the FN... forms) */
    bool is_control;   /* leaves the saved instruction and data pointers alone */
    bool wide;         /* environment images in their 32-bit form */
    bool reads_flags;  /* FCMOVcc */
    bool writes_flags; /* FCOMI and its sisters */
} X86FPUOp;

/*
 * Describe the instruction with these opcode bytes. @operand_bits (16, 32, 64) is the operand
 * size in force, which selects the form of FNSTENV, FLDENV, FNSAVE and FRSTOR. False: undefined.
 */
bool x86_fpu_op_describe(X86FPUOp *op, uint8_t opcode, uint8_t modrm, unsigned operand_bits);

/*
 * May an x87 instruction run now? 0 or an exception vector: 7 (#NM: CR0.EM or CR0.TS), 16 (#MF:
 * @waits and an unmasked exception is pending). With CR0.NE clear a pending exception is reported
 * to the outside (FERR#, IRQ 13) rather than by #MF: X86_FPU_FERR.
 * FWAIT: use x86_fpu_check_wait().
 */
#define X86_FPU_FERR 256
int x86_fpu_check(const X86State *state, bool waits);
int x86_fpu_check_wait(const X86State *state); /* #NM only when both CR0.MP and CR0.TS are set */

/*
 * Run @op. @memory has op->memory_bytes of the operand (any alignment), or NULL.
 * @data_offset: effective address of the memory operand; state->rip is the instruction's own
 * address. Returns whether @memory must be stored (an unmasked exception suppresses it).
 */
bool x86_fpu_execute(X86State *state, const X86FPUOp *op, void *memory, uint64_t data_offset);

/* EMMS: all x87 registers empty. */
void x86_fpu_emms(X86State *state);

/* FNINIT's state. */
void x86_fpu_init(X86FPU *fpu);

/*
 * FXSAVE to @image. @wide: form with REX.W (64-bit pointers); @long_mode: 64-bit code, all 16 XMM
 * registers are written, otherwise 8. Bytes that the instruction does not write keep their value:
 * read the area first, or store only x86_fxsave_bytes() of it.
 */
void x86_fxsave(const X86State *state, uint8_t image[X86_FXSAVE_BYTES], bool wide, bool long_mode);
unsigned x86_fxsave_bytes(bool long_mode);

/* FXRSTOR. 0, or 13 (#GP) with nothing changed when MXCSR has reserved bits set. */
int x86_fxrstor(X86State *state, const uint8_t image[X86_FXSAVE_BYTES], bool wide, bool long_mode);

/* The bits of MXCSR that may be set. */
#define X86_MXCSR_MASK 0xffffu
#define X86_MXCSR_INIT 0x1f80u
