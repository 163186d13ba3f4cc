/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * SSE floating point arithmetic and comparison (Intel SDM vol. 1 chapters 10 to 12, vol. 2), and
 * how its exceptions become visible.
 */
#include "target/i386/vector-internal.h"

#define CR4_OSXMMEXCPT (1u << 10)

/* MXCSR: a mask bit is its flag bit shifted left by this. */
#define MXCSR_MASK_SHIFT 7
/* Invalid, denormal, divide by zero: found before anything is computed. */
#define MXCSR_BEFORE    0x07u
#define MXCSR_UNDERFLOW 0x10u

static bool is_denormal_ps(uint32_t value)
{
    return !(value & 0x7f800000) && (value & 0x007fffff);
}

static bool is_denormal_pd(uint64_t value)
{
    return !(value & 0x7ff0000000000000) && (value & 0x000fffffffffffff);
}

/* A denormal result that was exact sets no flag while underflow is masked. */
static bool has_denormal_result(__m128i value, SimdResult kind)
{
    X86Vector result;

    vector_store(&result, value);
    switch (kind) {
    case SIMD_RESULT_PS:
        return is_denormal_ps(result.u32[0]) || is_denormal_ps(result.u32[1]) ||
               is_denormal_ps(result.u32[2]) || is_denormal_ps(result.u32[3]);
    case SIMD_RESULT_SS:
        return is_denormal_ps(result.u32[0]);
    case SIMD_RESULT_PD:
        return is_denormal_pd(result.u64[0]) || is_denormal_pd(result.u64[1]);
    case SIMD_RESULT_SD:
        return is_denormal_pd(result.u64[0]);
    case SIMD_RESULT_OTHER:
        break;
    }
    return false;
}

int simd_end_unmasked(X86State *state, uint32_t raised, __m128i value, SimdResult kind)
{
    uint32_t unmasked = ~(state->mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;

    /*
     * PE may come out set beside an unmasked OE or UE whose result would have been exact with an
     * unbounded exponent; only the instruction's own masked response is known here.
     */
    if ((unmasked & MXCSR_UNDERFLOW) && has_denormal_result(value, kind)) {
        raised |= MXCSR_UNDERFLOW;
    }
    /* SDM vol. 1, 11.5.3: such an exception keeps the instruction from computing anything. */
    if (raised & unmasked & MXCSR_BEFORE) {
        raised &= MXCSR_BEFORE;
    }
    state->mxcsr |= raised;
    if (raised & unmasked) {
        return state->cr4 & CR4_OSXMMEXCPT ? X86_EXCEPTION_XM : X86_EXCEPTION_UD;
    }
    return 0;
}

/* X(mnemonic, instruction, feature, bytes of the memory operand, kind of result) */
#define FLOAT_OPS(X)                      \
    X(ADDPS, "addps", SSE, 16, PS)        \
    X(ADDSS, "addss", SSE, 4, SS)         \
    X(ADDPD, "addpd", SSE2, 16, PD)       \
    X(ADDSD, "addsd", SSE2, 8, SD)        \
    X(SUBPS, "subps", SSE, 16, PS)        \
    X(SUBSS, "subss", SSE, 4, SS)         \
    X(SUBPD, "subpd", SSE2, 16, PD)       \
    X(SUBSD, "subsd", SSE2, 8, SD)        \
    X(MULPS, "mulps", SSE, 16, PS)        \
    X(MULSS, "mulss", SSE, 4, SS)         \
    X(MULPD, "mulpd", SSE2, 16, PD)       \
    X(MULSD, "mulsd", SSE2, 8, SD)        \
    X(DIVPS, "divps", SSE, 16, PS)        \
    X(DIVSS, "divss", SSE, 4, SS)         \
    X(DIVPD, "divpd", SSE2, 16, PD)       \
    X(DIVSD, "divsd", SSE2, 8, SD)        \
    X(MINPS, "minps", SSE, 16, OTHER)     \
    X(MINSS, "minss", SSE, 4, OTHER)      \
    X(MINPD, "minpd", SSE2, 16, OTHER)    \
    X(MINSD, "minsd", SSE2, 8, OTHER)     \
    X(MAXPS, "maxps", SSE, 16, OTHER)     \
    X(MAXSS, "maxss", SSE, 4, OTHER)      \
    X(MAXPD, "maxpd", SSE2, 16, OTHER)    \
    X(MAXSD, "maxsd", SSE2, 8, OTHER)     \
    X(SQRTPS, "sqrtps", SSE, 16, OTHER)   \
    X(SQRTSS, "sqrtss", SSE, 4, OTHER)    \
    X(SQRTPD, "sqrtpd", SSE2, 16, OTHER)  \
    X(SQRTSD, "sqrtsd", SSE2, 8, OTHER)   \
    X(HADDPS, "haddps", SSE3, 16, PS)     \
    X(HADDPD, "haddpd", SSE3, 16, PD)     \
    X(HSUBPS, "hsubps", SSE3, 16, PS)     \
    X(HSUBPD, "hsubpd", SSE3, 16, PD)     \
    X(ADDSUBPS, "addsubps", SSE3, 16, PS) \
    X(ADDSUBPD, "addsubpd", SSE3, 16, PD)

/* The same with an immediate. */
#define FLOAT_IMMEDIATE_OPS(X)               \
    X(CMPPS, "cmpps", SSE, 16, OTHER)        \
    X(CMPSS, "cmpss", SSE, 4, OTHER)         \
    X(CMPPD, "cmppd", SSE2, 16, OTHER)       \
    X(CMPSD, "cmpsd", SSE2, 8, OTHER)        \
    X(ROUNDPS, "roundps", SSE4_1, 16, OTHER) \
    X(ROUNDSS, "roundss", SSE4_1, 4, OTHER)  \
    X(ROUNDPD, "roundpd", SSE4_1, 16, OTHER) \
    X(ROUNDSD, "roundsd", SSE4_1, 8, OTHER)  \
    X(DPPS, "dpps", SSE4_1, 16, PS)          \
    X(DPPD, "dppd", SSE4_1, 16, PD)

/* Approximations raise nothing; X(mnemonic, instruction, feature, bytes of the memory operand) */
#define APPROXIMATION_OPS(X)       \
    X(RCPPS, "rcpps", SSE, 16)     \
    X(RCPSS, "rcpss", SSE, 4)      \
    X(RSQRTPS, "rsqrtps", SSE, 16) \
    X(RSQRTSS, "rsqrtss", SSE, 4)

/* Compare and set ZF, PF, CF; the other status flags are cleared. */
#define COMPARE_OPS(X)            \
    X(COMISS, "comiss", SSE, 4)   \
    X(UCOMISS, "ucomiss", SSE, 4) \
    X(COMISD, "comisd", SSE2, 8)  \
    X(UCOMISD, "ucomisd", SSE2, 8)

#define STATUS_FLAGS 0x8d5u /* OF SF ZF AF PF CF */

#define COMPARE_FUNCTION(name, instruction)                                                  \
    static int name(VECTOR_PARAMETERS)                                                       \
    {                                                                                        \
        __m128i value = vector_load(destination);                                            \
        __m128i operand = vector_load(source);                                               \
        bool zero, parity, carry;                                                            \
        int exception;                                                                       \
                                                                                             \
        simd_begin(state);                                                                   \
        __asm__ volatile(instruction " %4, %3"                                               \
                         : "=@ccz"(zero), "=@ccp"(parity), "=@ccc"(carry)                    \
                         : "x"(value), "x"(operand));                                        \
        exception = simd_end(state, value, SIMD_RESULT_OTHER);                               \
        if (!exception) {                                                                    \
            state->rflags =                                                                  \
                (state->rflags & ~(uint64_t)STATUS_FLAGS) | carry | parity << 2 | zero << 6; \
        }                                                                                    \
        return exception;                                                                    \
    }

#define DEFINE_FLOAT(M, instruction, feature, bytes, kind) \
    SIMD_FUNCTION(vector_##M, instruction, SIMD_RESULT_##kind)
#define DEFINE_FLOAT_IMMEDIATE(M, instruction, feature, bytes, kind) \
    SIMD_IMMEDIATE_FUNCTION(vector_##M, instruction, SIMD_RESULT_##kind)
#define DEFINE_APPROXIMATION(M, instruction, feature, bytes) XMM_FUNCTION(vector_##M, instruction)

#define DEFINE_COMPARE(M, instruction, feature, bytes) COMPARE_FUNCTION(vector_##M, instruction)
FLOAT_OPS(DEFINE_FLOAT)
FLOAT_IMMEDIATE_OPS(DEFINE_FLOAT_IMMEDIATE)
APPROXIMATION_OPS(DEFINE_APPROXIMATION)
COMPARE_OPS(DEFINE_COMPARE)

#define FLOAT_ROW(M, instruction, feature, bytes, kind) \
    ROW_XMM(M, vector_##M, feature, bytes, .raises_simd = true),
#define APPROXIMATION_ROW(M, instruction, feature, bytes) ROW_XMM(M, vector_##M, feature, bytes, ),
#define COMPARE_ROW(M, instruction, feature, bytes) \
    ROW_XMM(M, vector_##M, feature, bytes, .raises_simd = true, .writes_flags = true),

static const X86VectorOp ops[] = { FLOAT_OPS(FLOAT_ROW) FLOAT_IMMEDIATE_OPS(
    FLOAT_ROW) APPROXIMATION_OPS(APPROXIMATION_ROW) COMPARE_OPS(COMPARE_ROW) };

const X86VectorTable x86_vector_float_table = { ops, G_N_ELEMENTS(ops) };
