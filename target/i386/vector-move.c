/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Data movement of XMM registers, and the MXCSR instructions (Intel SDM vol. 2). Partial moves say
 * by their shape what becomes of the rest: a row each for register and memory sources.
 */
#include "target/i386/fpu-ops.h"
#include "target/i386/vector-internal.h"

static int vector_move_16(VECTOR_PARAMETERS)
{
    vector_store(destination, vector_load(source));
    return 0;
}

/* The low part replaced, the rest kept; also every store of a low part. */
static int vector_move_low_8(VECTOR_PARAMETERS)
{
    memcpy(destination, source, 8);
    return 0;
}

static int vector_move_low_4(VECTOR_PARAMETERS)
{
    memcpy(destination, source, 4);
    return 0;
}

/* The low part replaced, the rest of the XMM register zeroed. */
static int vector_load_zeroing_8(VECTOR_PARAMETERS)
{
    uint64_t value;

    memcpy(&value, source, 8);
    vector_store(destination, _mm_set_epi64x(0, (int64_t)value));
    return 0;
}

static int vector_load_zeroing_4(VECTOR_PARAMETERS)
{
    uint32_t value;

    memcpy(&value, source, 4);
    vector_store(destination, _mm_set_epi64x(0, value));
    return 0;
}

/* To a general register, zero extended. */
static int vector_extend_4(VECTOR_PARAMETERS)
{
    uint32_t value;

    memcpy(&value, source, 4);
    *(uint64_t *)destination = value;
    return 0;
}

static int vector_move_high_from_low(VECTOR_PARAMETERS)
{
    uint8_t value[8];

    memcpy(value, source, 8);
    memcpy((uint8_t *)destination + 8, value, 8);
    return 0;
}

static int vector_move_low_from_high(VECTOR_PARAMETERS)
{
    uint8_t value[8];

    memcpy(value, (const uint8_t *)source + 8, 8);
    memcpy(destination, value, 8);
    return 0;
}

XMM_FUNCTION(vector_MOVSLDUP, "movsldup")
XMM_FUNCTION(vector_MOVSHDUP, "movshdup")
XMM_FUNCTION(vector_MOVDDUP, "movddup")

static int vector_LDMXCSR(VECTOR_PARAMETERS)
{
    uint32_t value;

    memcpy(&value, source, 4);
    if (value & ~X86_MXCSR_MASK) {
        return X86_EXCEPTION_GP;
    }
    state->mxcsr = value;
    return 0;
}

static int vector_STMXCSR(VECTOR_PARAMETERS)
{
    memcpy(destination, &state->mxcsr, 4);
    return 0;
}

#define LOAD_ROW(M, function, feature, bytes, ...)                                         \
    ROW(M, function, feature, MEMORY, XMM, .source_bytes = bytes, .destination_bytes = 16, \
        __VA_ARGS__)
#define REGISTER_ROW(M, function, feature, ...) \
    ROW(M, function, feature, XMM, XMM, .destination_bytes = 16, __VA_ARGS__)
#define STORE_ROW(M, function, feature, bytes, ...) \
    ROW(M, function, feature, XMM, MEMORY, .destination_bytes = bytes, __VA_ARGS__)

static const X86VectorOp ops[] = {
    /* Whole registers. */
    ROW_XMM(MOVAPS, vector_move_16, SSE, 16, ),
    ROW_XMM(MOVAPD, vector_move_16, SSE2, 16, ),
    ROW_XMM(MOVDQA, vector_move_16, SSE2, 16, ),
    STORE_ROW(MOVAPS, vector_move_16, SSE, 16, .aligned = true),
    STORE_ROW(MOVAPD, vector_move_16, SSE2, 16, .aligned = true),
    STORE_ROW(MOVDQA, vector_move_16, SSE2, 16, .aligned = true),
    LOAD_ROW(MOVUPS, vector_move_16, SSE, 16, ),
    LOAD_ROW(MOVUPD, vector_move_16, SSE2, 16, ),
    LOAD_ROW(MOVDQU, vector_move_16, SSE2, 16, ),
    LOAD_ROW(LDDQU, vector_move_16, SSE3, 16, ),
    LOAD_ROW(MOVNTDQA, vector_move_16, SSE4_1, 16, .aligned = true),
    REGISTER_ROW(MOVUPS, vector_move_16, SSE, ),
    REGISTER_ROW(MOVUPD, vector_move_16, SSE2, ),
    REGISTER_ROW(MOVDQU, vector_move_16, SSE2, ),
    STORE_ROW(MOVUPS, vector_move_16, SSE, 16, ),
    STORE_ROW(MOVUPD, vector_move_16, SSE2, 16, ),
    STORE_ROW(MOVDQU, vector_move_16, SSE2, 16, ),
    STORE_ROW(MOVNTPS, vector_move_16, SSE, 16, .aligned = true),
    STORE_ROW(MOVNTPD, vector_move_16, SSE2, 16, .aligned = true),
    STORE_ROW(MOVNTDQ, vector_move_16, SSE2, 16, .aligned = true),

    /* Scalars: loads zero the rest, moves between registers keep it. */
    LOAD_ROW(MOVSS, vector_load_zeroing_4, SSE, 4, ),
    LOAD_ROW(MOVSD, vector_load_zeroing_8, SSE2, 8, ),
    REGISTER_ROW(MOVSS, vector_move_low_4, SSE, ),
    REGISTER_ROW(MOVSD, vector_move_low_8, SSE2, ),
    STORE_ROW(MOVSS, vector_move_low_4, SSE, 4, ),
    STORE_ROW(MOVSD, vector_move_low_8, SSE2, 8, ),
    LOAD_ROW(MOVQ, vector_load_zeroing_8, SSE2, 8, ),
    REGISTER_ROW(MOVQ, vector_load_zeroing_8, SSE2, ),
    STORE_ROW(MOVQ, vector_move_low_8, SSE2, 8, ),

    /* Halves: the other half is kept. */
    LOAD_ROW(MOVLPS, vector_move_low_8, SSE, 8, ),
    LOAD_ROW(MOVLPD, vector_move_low_8, SSE2, 8, ),
    LOAD_ROW(MOVHPS, vector_move_high_from_low, SSE, 8, ),
    LOAD_ROW(MOVHPD, vector_move_high_from_low, SSE2, 8, ),
    STORE_ROW(MOVLPS, vector_move_low_8, SSE, 8, ),
    STORE_ROW(MOVLPD, vector_move_low_8, SSE2, 8, ),
    STORE_ROW(MOVHPS, vector_move_low_from_high, SSE, 8, ),
    STORE_ROW(MOVHPD, vector_move_low_from_high, SSE2, 8, ),
    REGISTER_ROW(MOVHLPS, vector_move_low_from_high, SSE, ),
    REGISTER_ROW(MOVLHPS, vector_move_high_from_low, SSE, ),

    /* Duplicated elements. */
    ROW_XMM(MOVSLDUP, vector_MOVSLDUP, SSE3, 16, ),
    ROW_XMM(MOVSHDUP, vector_MOVSHDUP, SSE3, 16, ),
    ROW_XMM(MOVDDUP, vector_MOVDDUP, SSE3, 8, ),

    /* General registers. */
    ROW(MOVD, vector_load_zeroing_4, SSE2, GPR, XMM, .source_bytes = 4, .destination_bytes = 16),
    ROW(MOVQ, vector_load_zeroing_8, SSE2, GPR, XMM, .destination_bytes = 16),
    ROW(MOVD, vector_extend_4, SSE2, XMM, GPR, .destination_bytes = 8),
    ROW(MOVQ, vector_move_low_8, SSE2, XMM, GPR, .destination_bytes = 8),
    STORE_ROW(MOVD, vector_move_low_4, SSE2, 4, ),
    ROW(MOVNTI, vector_move_low_4, SSE2, GPR, MEMORY, .destination_bytes = 4, .register_bytes = 4,
        .is_general = true),
    ROW(MOVNTI, vector_move_low_8, SSE2, GPR, MEMORY, .destination_bytes = 8, .register_bytes = 8,
        .is_general = true),

    /* Between the MMX and the XMM registers. */
    ROW(MOVDQ2Q, vector_move_low_8, SSE2, XMM, MMX, .destination_bytes = 8),
    ROW(MOVQ2DQ, vector_load_zeroing_8, SSE2, MMX, XMM, .destination_bytes = 16),

    ROW(MASKMOVDQU, NULL, SSE2, XMM, XMM, .destination_bytes = 16, .masked_store = true),
    ROW(LDMXCSR, vector_LDMXCSR, SSE, MEMORY, NONE, .source_bytes = 4),
    ROW(STMXCSR, vector_STMXCSR, SSE, NONE, MEMORY, .destination_bytes = 4),
};

const X86VectorTable x86_vector_move_table = { ops, G_N_ELEMENTS(ops) };
