/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * How the functions behind vector-ops.h are made: each runs the instruction itself on the host,
 * on operands copied to host registers, so that every result bit is the processor's own.
 *
 * Instructions beyond SSE2 are assembled whatever the compiler's target is; they are reached only
 * by guests whose CPUID promises them, and that is checked against the host
 * (x86_vector_feature_supported()).
 */
#pragma once

#include <string.h>
#include <emmintrin.h>

#include "target/i386/vector-ops.h"

#define X86_EXCEPTION_UD 6
#define X86_EXCEPTION_NM 7
#define X86_EXCEPTION_GP 13
#define X86_EXCEPTION_MF 16
#define X86_EXCEPTION_XM 19

/* The table is built from the parts that the files bring. */
typedef struct X86VectorTable {
    const X86VectorOp *ops;
    unsigned count;
} X86VectorTable;

extern const X86VectorTable x86_vector_move_table;
extern const X86VectorTable x86_vector_integer_table;
extern const X86VectorTable x86_vector_immediate_table;
extern const X86VectorTable x86_vector_float_table;
extern const X86VectorTable x86_vector_convert_table;
extern const X86VectorTable x86_vector_string_table;
extern const X86VectorTable x86_mmx_table;

#define VECTOR_PARAMETERS X86State *state, void *destination, const void *source, uint8_t immediate

static inline __m128i vector_load(const void *from)
{
    return _mm_loadu_si128(from);
}

static inline void vector_store(void *to, __m128i value)
{
    _mm_storeu_si128(to, value);
}

/* destination = destination OP source, on XMM registers, without floating point exceptions */
#define XMM_FUNCTION(name, instruction)                              \
    static int name(VECTOR_PARAMETERS)                               \
    {                                                                \
        __m128i value = vector_load(destination);                    \
        __m128i operand = vector_load(source);                       \
        __asm__(instruction " %1, %0" : "+x"(value) : "x"(operand)); \
        vector_store(destination, value);                            \
        return 0;                                                    \
    }

/* The same for instructions that take a third operand in XMM0. */
#define XMM_FUNCTION_XMM0(name, instruction)              \
    static int name(VECTOR_PARAMETERS)                    \
    {                                                     \
        __m128i value = vector_load(destination);         \
        __m128i operand = vector_load(source);            \
        __asm__(instruction " %%xmm0, %1, %0"             \
                : "+x"(value)                             \
                : "x"(operand), "Yz"(state->vectors[0])); \
        vector_store(destination, value);                 \
        return 0;                                         \
    }

/*
 * An instruction with an 8-bit immediate exists 256 times in a table of 8-byte routines that work
 * on XMM0 and XMM1 (or EAX); vector_stub() calls one. The red zone of the caller is skipped.
 */
#define VECTOR_STUBS(name, instruction, operands)                                \
    extern const uint8_t name[256][8] __attribute__((visibility("hidden")));     \
    __asm__(".pushsection .text." #name ",\"ax\",@progbits\n"                    \
            ".p2align 4\n"                                                       \
            ".globl " #name "\n"                                                 \
            ".hidden " #name "\n"                                                \
            ".type " #name ", @function\n" #name ":\n"                           \
            ".set vector_stub_immediate, 0\n"                                    \
            ".rept 256\n"                                                        \
            ".p2align 3\n" instruction " $vector_stub_immediate, " operands "\n" \
            "ret\n"                                                              \
            ".set vector_stub_immediate, vector_stub_immediate + 1\n"            \
            ".endr\n"                                                            \
            ".p2align 3\n"                                                       \
            ".size " #name ", . - " #name "\n"                                   \
            ".popsection\n")

static inline __m128i vector_stub(const uint8_t stub[8], __m128i value, __m128i operand)
{
    register __m128i xmm0 __asm__("xmm0") = value;
    register __m128i xmm1 __asm__("xmm1") = operand;

    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "call *%2\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "+x"(xmm0), "+x"(xmm1)
                     : "r"(stub)
                     : "cc", "memory");
    return xmm0;
}

/* destination = OP(destination, source, imm8) on XMM registers */
#define XMM_IMMEDIATE_FUNCTION(name, instruction)                                                \
    VECTOR_STUBS(name##_stubs, instruction, "%xmm1, %xmm0");                                     \
    static int name(VECTOR_PARAMETERS)                                                           \
    {                                                                                            \
        vector_store(destination, vector_stub(name##_stubs[immediate], vector_load(destination), \
                                              vector_load(source)));                             \
        return 0;                                                                                \
    }

/*
 * Floating point: the host's MXCSR is the guest's with every exception masked while the
 * instruction runs, and has its power-up controls again afterwards (flags left in it harm nobody).
 */
#define MXCSR_FLAGS   0x3fu
#define MXCSR_MASKS   0x1f80u
#define MXCSR_DEFAULT 0x1f80u

static inline uint32_t simd_mxcsr_get(void)
{
    uint32_t value;

    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static inline void simd_mxcsr_set(uint32_t value)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(value));
}

/* All exceptions masked in the guest, as in nearly every program: flags only accumulate. */
static inline bool simd_all_masked(const X86State *state)
{
    return (state->mxcsr & MXCSR_MASKS) == MXCSR_MASKS;
}

static inline void simd_begin(const X86State *state)
{
    uint32_t wanted = state->mxcsr | MXCSR_MASKS;

    if (!simd_all_masked(state)) {
        wanted &= ~MXCSR_FLAGS; /* simd_end() must see which ones this instruction sets */
    }
    simd_mxcsr_set(wanted); /* cheaper than looking whether it is needed */
}

/* What a result may be checked for when underflow is unmasked: it signals even when exact. */
typedef enum SimdResult {
    SIMD_RESULT_OTHER, /* cannot underflow */
    SIMD_RESULT_PS,
    SIMD_RESULT_SS,
    SIMD_RESULT_PD,
    SIMD_RESULT_SD,
} SimdResult;

/* The unmasked case: which flags become visible, and which exception, if any. */
int simd_end_unmasked(X86State *state, uint32_t raised, __m128i value, SimdResult kind);

static inline int simd_end(X86State *state, __m128i value, SimdResult kind)
{
    uint32_t after = simd_mxcsr_get();

    if ((after & ~MXCSR_FLAGS) != MXCSR_DEFAULT) {
        simd_mxcsr_set(MXCSR_DEFAULT);
    }
    if (simd_all_masked(state)) {
        state->mxcsr |= after & MXCSR_FLAGS;
        return 0;
    }
    return simd_end_unmasked(state, after & MXCSR_FLAGS, value, kind);
}

/* destination = destination OP source with exceptions */
#define SIMD_FUNCTION(name, instruction, kind)                                \
    static int name(VECTOR_PARAMETERS)                                        \
    {                                                                         \
        __m128i value = vector_load(destination);                             \
        __m128i operand = vector_load(source);                                \
        int exception;                                                        \
                                                                              \
        simd_begin(state);                                                    \
        __asm__ volatile(instruction " %1, %0" : "+x"(value) : "x"(operand)); \
        exception = simd_end(state, value, kind);                             \
        if (!exception) {                                                     \
            vector_store(destination, value);                                 \
        }                                                                     \
        return exception;                                                     \
    }

/* The same with an immediate. */
#define SIMD_IMMEDIATE_FUNCTION(name, instruction, kind)              \
    VECTOR_STUBS(name##_stubs, instruction, "%xmm1, %xmm0");          \
    static int name(VECTOR_PARAMETERS)                                \
    {                                                                 \
        __m128i value = vector_load(destination);                     \
        __m128i operand = vector_load(source);                        \
        int exception;                                                \
                                                                      \
        simd_begin(state);                                            \
        value = vector_stub(name##_stubs[immediate], value, operand); \
        exception = simd_end(state, value, kind);                     \
        if (!exception) {                                             \
            vector_store(destination, value);                         \
        }                                                             \
        return exception;                                             \
    }

/* Table rows. */
#define ROW_XMM(M, F, feature_, bytes, ...)                                               \
    {                                                                                     \
        .mnemonic = ZYDIS_MNEMONIC_##M, .function = F, .feature = X86_VECTOR_##feature_,  \
        .destination = X86_OPERAND_XMM, .source = X86_OPERAND_XMM, .source_bytes = bytes, \
        .destination_bytes = 16, .aligned = (bytes) == 16, __VA_ARGS__                    \
    }
#define ROW_MMX(M, F, feature_, bytes, ...)                                               \
    {                                                                                     \
        .mnemonic = ZYDIS_MNEMONIC_##M, .function = F, .feature = X86_VECTOR_##feature_,  \
        .destination = X86_OPERAND_MMX, .source = X86_OPERAND_MMX, .source_bytes = bytes, \
        .destination_bytes = 8, __VA_ARGS__                                               \
    }
/* Any other shape; the rest of the fields by name. */
#define ROW(M, F, feature_, from, to, ...)                                               \
    {                                                                                    \
        .mnemonic = ZYDIS_MNEMONIC_##M, .function = F, .feature = X86_VECTOR_##feature_, \
        .source = X86_OPERAND_##from, .destination = X86_OPERAND_##to, __VA_ARGS__       \
    }
