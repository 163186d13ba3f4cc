/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Vector integer instructions with an 8-bit immediate on XMM registers: shuffles, blends, shifts
 * by a constant, insertion and extraction, PCLMULQDQ, AESKEYGENASSIST (Intel SDM vol. 2).
 */
#include "target/i386/vector-internal.h"

/* X(mnemonic, instruction, feature, bytes of the memory operand) */
#define IMMEDIATE_OPS(X)                     \
    X(PSHUFD, "pshufd", SSE2, 16)            \
    X(PSHUFHW, "pshufhw", SSE2, 16)          \
    X(PSHUFLW, "pshuflw", SSE2, 16)          \
    X(SHUFPS, "shufps", SSE, 16)             \
    X(SHUFPD, "shufpd", SSE2, 16)            \
    X(PALIGNR, "palignr", SSSE3, 16)         \
    X(BLENDPS, "blendps", SSE4_1, 16)        \
    X(BLENDPD, "blendpd", SSE4_1, 16)        \
    X(PBLENDW, "pblendw", SSE4_1, 16)        \
    X(MPSADBW, "mpsadbw", SSE4_1, 16)        \
    X(PCLMULQDQ, "pclmulqdq", PCLMULQDQ, 16) \
    X(AESKEYGENASSIST, "aeskeygenassist", AES, 16)

#define DEFINE_IMMEDIATE(M, instruction, feature, bytes) \
    XMM_IMMEDIATE_FUNCTION(vector_##M, instruction)
IMMEDIATE_OPS(DEFINE_IMMEDIATE)

XMM_IMMEDIATE_FUNCTION(vector_INSERTPS, "insertps")

/* From memory there is only one element to choose. */
static int vector_INSERTPS_memory(VECTOR_PARAMETERS)
{
    return vector_INSERTPS(state, destination, source, immediate & 0x3f);
}

/* X(mnemonic, instruction): elements shifted by a constant */
#define SHIFT_OPS(X)  \
    X(PSLLW, "psllw") \
    X(PSLLD, "pslld") \
    X(PSLLQ, "psllq") \
    X(PSRLW, "psrlw") \
    X(PSRLD, "psrld") \
    X(PSRLQ, "psrlq") \
    X(PSRAW, "psraw") \
    X(PSRAD, "psrad")

#define DEFINE_SHIFT(M, instruction)                               \
    static int vector_##M##_immediate(VECTOR_PARAMETERS)           \
    {                                                              \
        __m128i value = vector_load(destination);                  \
        __m128i count = _mm_cvtsi32_si128(immediate);              \
                                                                   \
        __asm__(instruction " %1, %0" : "+x"(value) : "x"(count)); \
        vector_store(destination, value);                          \
        return 0;                                                  \
    }
SHIFT_OPS(DEFINE_SHIFT)

/* The whole register shifted by bytes: an unaligned load from a padded copy. */
static int vector_PSLLDQ(VECTOR_PARAMETERS)
{
    uint8_t padded[32] = { 0 };

    memcpy(padded + 16, destination, 16);
    memcpy(destination, padded + 16 - MIN(immediate, 16), 16);
    return 0;
}

static int vector_PSRLDQ(VECTOR_PARAMETERS)
{
    uint8_t padded[32] = { 0 };

    memcpy(padded, destination, 16);
    memcpy(destination, padded + MIN(immediate, 16), 16);
    return 0;
}

/* Element (immediate modulo their number) of the XMM register: insert and extract. */
#define DEFINE_INSERT(M, type)                                       \
    static int vector_##M(VECTOR_PARAMETERS)                         \
    {                                                                \
        unsigned element = immediate % (16 / sizeof(type));          \
                                                                     \
        memcpy((type *)destination + element, source, sizeof(type)); \
        return 0;                                                    \
    }
DEFINE_INSERT(PINSRB, uint8_t)
DEFINE_INSERT(PINSRW, uint16_t)
DEFINE_INSERT(PINSRD, uint32_t)
DEFINE_INSERT(PINSRQ, uint64_t)

#define DEFINE_EXTRACT(M, type)                                                                 \
    static int vector_##M(VECTOR_PARAMETERS)                                                    \
    {                                                                                           \
        type element;                                                                           \
        uint64_t extended;                                                                      \
                                                                                                \
        memcpy(&element, (const type *)source + immediate % (16 / sizeof(type)), sizeof(type)); \
        extended = element;                                                                     \
        memcpy(destination, &extended, sizeof(extended));                                       \
        return 0;                                                                               \
    }
DEFINE_EXTRACT(PEXTRB, uint8_t)
DEFINE_EXTRACT(PEXTRW, uint16_t)
DEFINE_EXTRACT(PEXTRD, uint32_t)
DEFINE_EXTRACT(PEXTRQ, uint64_t)

#define IMMEDIATE_ROW(M, instruction, feature, bytes) ROW_XMM(M, vector_##M, feature, bytes, ),
#define SHIFT_ROW(M, instruction) \
    ROW(M, vector_##M##_immediate, SSE2, NONE, XMM, .destination_bytes = 16),
#define INSERT_ROW(M, feature, bytes) \
    ROW(M, vector_##M, feature, GPR, XMM, .source_bytes = bytes, .destination_bytes = 16)
#define EXTRACT_ROWS(M, function, feature, store_feature, bytes) \
    ROW(M, function, feature, XMM, GPR, .destination_bytes = 8), \
        ROW(M, function, store_feature, XMM, MEMORY, .destination_bytes = bytes)

static const X86VectorOp ops[] = {
    IMMEDIATE_OPS(IMMEDIATE_ROW) SHIFT_OPS(SHIFT_ROW)
        ROW(INSERTPS, vector_INSERTPS_memory, SSE4_1, MEMORY, XMM, .source_bytes = 4,
            .destination_bytes = 16),
    ROW(INSERTPS, vector_INSERTPS, SSE4_1, XMM, XMM, .destination_bytes = 16),
    ROW(PSLLDQ, vector_PSLLDQ, SSE2, NONE, XMM, .destination_bytes = 16),
    ROW(PSRLDQ, vector_PSRLDQ, SSE2, NONE, XMM, .destination_bytes = 16),
    INSERT_ROW(PINSRB, SSE4_1, 1),
    INSERT_ROW(PINSRW, SSE2, 2),
    INSERT_ROW(PINSRD, SSE4_1, 4),
    INSERT_ROW(PINSRQ, SSE4_1, 8),
    EXTRACT_ROWS(PEXTRB, vector_PEXTRB, SSE4_1, SSE4_1, 1),
    EXTRACT_ROWS(PEXTRW, vector_PEXTRW, SSE2, SSE4_1, 2),
    EXTRACT_ROWS(PEXTRD, vector_PEXTRD, SSE4_1, SSE4_1, 4),
    EXTRACT_ROWS(PEXTRQ, vector_PEXTRQ, SSE4_1, SSE4_1, 8),
    EXTRACT_ROWS(EXTRACTPS, vector_PEXTRD, SSE4_1, SSE4_1, 4),
};

const X86VectorTable x86_vector_immediate_table = { ops, G_N_ELEMENTS(ops) };
