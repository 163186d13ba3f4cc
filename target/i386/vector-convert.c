/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Conversions between floating point formats and integers in XMM, MMX and general registers (Intel
 * SDM vol. 2). A conversion to MMX is the XMM one on the elements that count.
 */
#include "target/i386/vector-internal.h"

/* X(mnemonic, instruction, feature, bytes of the memory operand, kind of result) */
#define CONVERT_OPS(X)                         \
    X(CVTPS2PD, "cvtps2pd", SSE2, 8, OTHER)    \
    X(CVTPD2PS, "cvtpd2ps", SSE2, 16, PS)      \
    X(CVTSS2SD, "cvtss2sd", SSE2, 4, OTHER)    \
    X(CVTSD2SS, "cvtsd2ss", SSE2, 8, SS)       \
    X(CVTDQ2PS, "cvtdq2ps", SSE2, 16, OTHER)   \
    X(CVTPS2DQ, "cvtps2dq", SSE2, 16, OTHER)   \
    X(CVTTPS2DQ, "cvttps2dq", SSE2, 16, OTHER) \
    X(CVTPD2DQ, "cvtpd2dq", SSE2, 16, OTHER)   \
    X(CVTTPD2DQ, "cvttpd2dq", SSE2, 16, OTHER)

#define DEFINE_CONVERT(M, instruction, feature, bytes, kind) \
    SIMD_FUNCTION(vector_##M, instruction, SIMD_RESULT_##kind)
CONVERT_OPS(DEFINE_CONVERT)

/* Exact for every integer: no exceptions. */
XMM_FUNCTION(vector_CVTDQ2PD, "cvtdq2pd")

/* X(mnemonic, instruction, feature): low element from a general register */
#define FROM_INTEGER_OPS(X)      \
    X(CVTSI2SS, "cvtsi2ss", SSE) \
    X(CVTSI2SD, "cvtsi2sd", SSE2)

#define FROM_INTEGER_FUNCTION(name, instruction, type)                        \
    static int name(VECTOR_PARAMETERS)                                        \
    {                                                                         \
        __m128i value = vector_load(destination);                             \
        type integer;                                                         \
        int exception;                                                        \
                                                                              \
        memcpy(&integer, source, sizeof(integer));                            \
        simd_begin(state);                                                    \
        __asm__ volatile(instruction " %1, %0" : "+x"(value) : "r"(integer)); \
        exception = simd_end(state, value, SIMD_RESULT_OTHER);                \
        if (!exception) {                                                     \
            vector_store(destination, value);                                 \
        }                                                                     \
        return exception;                                                     \
    }
#define DEFINE_FROM_INTEGER(M, instruction, feature)                 \
    FROM_INTEGER_FUNCTION(vector_##M##_4, instruction "l", uint32_t) \
    FROM_INTEGER_FUNCTION(vector_##M##_8, instruction "q", uint64_t)
FROM_INTEGER_OPS(DEFINE_FROM_INTEGER)

/* X(mnemonic, instruction, feature, bytes of the memory operand): to a general register */
#define TO_INTEGER_OPS(X)             \
    X(CVTSS2SI, "cvtss2si", SSE, 4)   \
    X(CVTTSS2SI, "cvttss2si", SSE, 4) \
    X(CVTSD2SI, "cvtsd2si", SSE2, 8)  \
    X(CVTTSD2SI, "cvttsd2si", SSE2, 8)

#define TO_INTEGER_FUNCTION(name, instruction, type)                            \
    static int name(VECTOR_PARAMETERS)                                          \
    {                                                                           \
        __m128i operand = vector_load(source);                                  \
        type integer;                                                           \
        int exception;                                                          \
                                                                                \
        simd_begin(state);                                                      \
        __asm__ volatile(instruction " %1, %0" : "=r"(integer) : "x"(operand)); \
        exception = simd_end(state, operand, SIMD_RESULT_OTHER);                \
        if (!exception) {                                                       \
            *(uint64_t *)destination = integer;                                 \
        }                                                                       \
        return exception;                                                       \
    }
#define DEFINE_TO_INTEGER(M, instruction, feature, bytes)      \
    TO_INTEGER_FUNCTION(vector_##M##_4, instruction, uint32_t) \
    TO_INTEGER_FUNCTION(vector_##M##_8, instruction, uint64_t)
TO_INTEGER_OPS(DEFINE_TO_INTEGER)

/* Two 32-bit integers from memory or an MMX register to an XMM register. */
static int vector_CVTPI2PS(VECTOR_PARAMETERS)
{
    __m128i value = _mm_loadl_epi64(source);
    int exception;

    simd_begin(state);
    __asm__ volatile("cvtdq2ps %0, %0" : "+x"(value));
    exception = simd_end(state, value, SIMD_RESULT_OTHER);
    if (!exception) {
        _mm_storel_epi64(destination, value);
    }
    return exception;
}

/* To two 32-bit integers in an MMX register; single precision takes the low two elements only. */
#define TO_MMX_FUNCTION(name, instruction, load)               \
    static int name(VECTOR_PARAMETERS)                         \
    {                                                          \
        __m128i value = load(source);                          \
        int exception;                                         \
                                                               \
        simd_begin(state);                                     \
        __asm__ volatile(instruction " %0, %0" : "+x"(value)); \
        exception = simd_end(state, value, SIMD_RESULT_OTHER); \
        if (!exception) {                                      \
            _mm_storel_epi64(destination, value);              \
        }                                                      \
        return exception;                                      \
    }
TO_MMX_FUNCTION(vector_CVTPS2PI, "cvtps2dq", _mm_loadl_epi64)
TO_MMX_FUNCTION(vector_CVTTPS2PI, "cvttps2dq", _mm_loadl_epi64)
TO_MMX_FUNCTION(vector_CVTPD2PI, "cvtpd2dq", vector_load)
TO_MMX_FUNCTION(vector_CVTTPD2PI, "cvttpd2dq", vector_load)

#define CONVERT_ROW(M, instruction, feature, bytes, kind) \
    ROW_XMM(M, vector_##M, feature, bytes, .raises_simd = true),
#define FROM_INTEGER_ROWS(M, instruction, feature)                                            \
    ROW(M, vector_##M##_4, feature, GPR, XMM, .source_bytes = 4, .destination_bytes = 16,     \
        .register_bytes = 4, .raises_simd = true),                                            \
        ROW(M, vector_##M##_8, feature, GPR, XMM, .source_bytes = 8, .destination_bytes = 16, \
            .register_bytes = 8, .raises_simd = true),
#define TO_INTEGER_ROWS(M, instruction, feature, bytes)                                          \
    ROW(M, vector_##M##_4, feature, XMM, GPR, .source_bytes = bytes, .destination_bytes = 8,     \
        .register_bytes = 4, .raises_simd = true),                                               \
        ROW(M, vector_##M##_8, feature, XMM, GPR, .source_bytes = bytes, .destination_bytes = 8, \
            .register_bytes = 8, .raises_simd = true),
#define TO_MMX_ROW(M, feature, bytes, ...)                                               \
    ROW(M, vector_##M, feature, XMM, MMX, .source_bytes = bytes, .destination_bytes = 8, \
        .raises_simd = true, __VA_ARGS__)

static const X86VectorOp ops[] = {
    CONVERT_OPS(CONVERT_ROW) FROM_INTEGER_OPS(FROM_INTEGER_ROWS) TO_INTEGER_OPS(TO_INTEGER_ROWS)
        ROW_XMM(CVTDQ2PD, vector_CVTDQ2PD, SSE2, 8, ),
    ROW(CVTPI2PS, vector_CVTPI2PS, SSE, MMX, XMM, .source_bytes = 8, .destination_bytes = 8,
        .raises_simd = true),
    ROW(CVTPI2PD, vector_CVTDQ2PD, SSE2, MMX, XMM, .source_bytes = 8, .destination_bytes = 16),
    TO_MMX_ROW(CVTPS2PI, SSE, 8, ),
    TO_MMX_ROW(CVTTPS2PI, SSE, 8, ),
    TO_MMX_ROW(CVTPD2PI, SSE2, 16, .aligned = true),
    TO_MMX_ROW(CVTTPD2PI, SSE2, 16, .aligned = true),
};

const X86VectorTable x86_vector_convert_table = { ops, G_N_ELEMENTS(ops) };
