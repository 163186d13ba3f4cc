/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The vector instructions (MMX, SSE to SSE4.2, AES, PCLMULQDQ, CRC32, LDMXCSR/STMXCSR) as a table
 * of functions on operands that somebody else has fetched (Intel SDM vol. 2).
 *
 * How an engine runs one:
 *   1. translate: op = x86_vector_op_find(); NULL: not one of these. Refuse with #UD when the CPU
 *      model lacks op->feature.
 *   2. x86_vector_check(): #UD, #NM or a pending #MF come before any memory access.
 *   3. source operand: a pointer to the register, or 16 readable bytes whose first
 *      op->source_bytes were read from memory (#GP(0) first if op->aligned and the address is
 *      not a multiple of 16; memory faults leave the state as it was).
 *   4. destination operand: a pointer to the register, or for memory a 16-byte buffer of which
 *      op->destination_bytes are stored afterwards when the function returned 0.
 *   5. call op->function; anything but 0 is the vector of the exception to raise, with nothing
 *      but the flags in MXCSR changed.
 * Register pointers are &state->vectors[n], x86_mmx_register(state, n), &state->registers[n].
 * Functions with a general register as destination write all 64 bits of it (zero extended).
 * Source and destination may be the same register, never overlap otherwise.
 */
#pragma once

#include <Zydis/Zydis.h>

#include "target/i386/cpu.h"

typedef enum X86VectorFeature {
    X86_VECTOR_MMX, /* gated by CPUID.1:EDX */
    X86_VECTOR_SSE,
    X86_VECTOR_SSE2,
    X86_VECTOR_SSE3, /* the rest by CPUID.1:ECX */
    X86_VECTOR_SSSE3,
    X86_VECTOR_SSE4_1,
    X86_VECTOR_SSE4_2,
    X86_VECTOR_AES,
    X86_VECTOR_PCLMULQDQ,
    X86_VECTOR_FEATURE_COUNT,
} X86VectorFeature;

typedef enum X86VectorOperand {
    X86_OPERAND_NONE,
    X86_OPERAND_XMM,
    X86_OPERAND_MMX,
    X86_OPERAND_GPR, /* 64-bit slot of state->registers */
    X86_OPERAND_MEMORY,
} X86VectorOperand;

/*
 * 0, or the exception vector to raise. @destination and @source as said above; @immediate is the
 * instruction's imm8 or 0.
 */
typedef int X86VectorFunction(X86State *state, void *destination, const void *source,
                              uint8_t immediate);

typedef struct X86VectorOp {
    ZydisMnemonic mnemonic;
    X86VectorFunction *function;
    X86VectorFeature feature;
    X86VectorOperand destination; /* operand 0; MEMORY: stores only, never read */
    X86VectorOperand source;      /* operand 1, when it is a register; MEMORY: only memory */
    uint8_t source_bytes;         /* read when operand 1 is memory; 0: memory is not allowed */
    uint8_t destination_bytes;    /* MEMORY: stored; otherwise bytes of the register written */
    uint8_t register_bytes;  /* operand size of a GPR source, else of a GPR destination; 0: any */
    uint8_t length_bytes;    /* PCMPESTRx: size of the implicit length registers, else 0 */
    bool aligned;            /* memory operand must be 16-byte aligned, else #GP(0) */
    bool raises_simd;        /* may return 19 (#XM) or 6 (#UD when CR4.OSXMMEXCPT is 0) */
    bool writes_flags;       /* all six status flags in state->rflags are set */
    bool implicit_registers; /* uses state->registers[] or vectors[0] beside its operands */
    bool is_general;         /* CRC32, MOVNTI: independent of CR0.EM, CR0.TS, CR4.OSFXSR */
    /* MASKMOVQ, MASKMOVDQU: destination and source here are the data and the mask register; byte n
     * of the data goes to seg:[rDI + n] where bit 7 of byte n of the mask is set. There is no
     * function: the engine stores. destination_bytes says 8 or 16. */
    bool masked_store;
} X86VectorOp;

/* What an instruction needs besides its op, found with it. */
typedef struct X86VectorForm {
    const X86VectorOp *op;
    uint8_t destination; /* index into the decoded operands; op->destination NONE: unused */
    uint8_t source;      /* the same for the source; op->source NONE: unused */
    uint8_t immediate;
} X86VectorForm;

/*
 * Find the op for a decoded instruction. @operands are all of its operands, hidden ones too.
 * False: no vector instruction of ours (VEX-coded ones, for instance). Any thread.
 */
bool x86_vector_op_find(const ZydisDecodedInstruction *instruction,
                        const ZydisDecodedOperand *operands, X86VectorForm *form);

/* Can this host run ops of @feature? CPUID must not promise what this denies. Any thread. */
bool x86_vector_feature_supported(X86VectorFeature feature);

/*
 * May @op run now? 0 or the vector of the exception: 6 (CR0.EM, CR4.OSFXSR clear), 7 (CR0.TS),
 * 16 (a pending x87 exception before MMX). Looks at the state, does not change it.
 */
int x86_vector_check(const X86State *state, const X86VectorOp *op);

/* MMX register @n: 8 bytes. Stays valid; same as the low part of physical x87 register @n. */
static inline void *x86_mmx_register(X86State *state, unsigned n)
{
    return state->fpu.registers[n];
}

/*
 * What every MMX instruction does to the x87 state (TOP 0, all tags valid); call it when the
 * memory operand has been read, for ops with an MMX operand (x86_vector_uses_mmx()).
 */
void x86_mmx_begin(X86State *state);

/* After an op that wrote MMX register @n: bits 64-79 become ones. */
void x86_mmx_written(X86State *state, unsigned n);

/* Does @op switch the x87 unit to MMX? CVTPI2PS and CVTPI2PD do not when their source is memory. */
bool x86_vector_uses_mmx(const X86VectorOp *op, bool memory_source);

/* The whole table, for tests: ops 0 to x86_vector_op_count() - 1. */
unsigned x86_vector_op_count(void);
const X86VectorOp *x86_vector_op_at(unsigned index);
