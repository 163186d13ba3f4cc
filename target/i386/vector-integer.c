/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Vector integer instructions on XMM registers without immediate: SSE2, SSSE3, SSE4.1, SSE4.2 and
 * AES, and the bitwise ones of SSE (Intel SDM vol. 2).
 */
#include "target/i386/vector-internal.h"

/* X(mnemonic, instruction, feature, bytes of the memory operand): destination OP= source */
#define INTEGER_OPS(X)                      \
    X(PADDB, "paddb", SSE2, 16)             \
    X(PADDW, "paddw", SSE2, 16)             \
    X(PADDD, "paddd", SSE2, 16)             \
    X(PADDQ, "paddq", SSE2, 16)             \
    X(PADDSB, "paddsb", SSE2, 16)           \
    X(PADDSW, "paddsw", SSE2, 16)           \
    X(PADDUSB, "paddusb", SSE2, 16)         \
    X(PADDUSW, "paddusw", SSE2, 16)         \
    X(PSUBB, "psubb", SSE2, 16)             \
    X(PSUBW, "psubw", SSE2, 16)             \
    X(PSUBD, "psubd", SSE2, 16)             \
    X(PSUBQ, "psubq", SSE2, 16)             \
    X(PSUBSB, "psubsb", SSE2, 16)           \
    X(PSUBSW, "psubsw", SSE2, 16)           \
    X(PSUBUSB, "psubusb", SSE2, 16)         \
    X(PSUBUSW, "psubusw", SSE2, 16)         \
    X(PMULLW, "pmullw", SSE2, 16)           \
    X(PMULHW, "pmulhw", SSE2, 16)           \
    X(PMULHUW, "pmulhuw", SSE2, 16)         \
    X(PMULUDQ, "pmuludq", SSE2, 16)         \
    X(PMADDWD, "pmaddwd", SSE2, 16)         \
    X(PSADBW, "psadbw", SSE2, 16)           \
    X(PAVGB, "pavgb", SSE2, 16)             \
    X(PAVGW, "pavgw", SSE2, 16)             \
    X(PMINUB, "pminub", SSE2, 16)           \
    X(PMINSW, "pminsw", SSE2, 16)           \
    X(PMAXUB, "pmaxub", SSE2, 16)           \
    X(PMAXSW, "pmaxsw", SSE2, 16)           \
    X(PAND, "pand", SSE2, 16)               \
    X(PANDN, "pandn", SSE2, 16)             \
    X(POR, "por", SSE2, 16)                 \
    X(PXOR, "pxor", SSE2, 16)               \
    X(PCMPEQB, "pcmpeqb", SSE2, 16)         \
    X(PCMPEQW, "pcmpeqw", SSE2, 16)         \
    X(PCMPEQD, "pcmpeqd", SSE2, 16)         \
    X(PCMPGTB, "pcmpgtb", SSE2, 16)         \
    X(PCMPGTW, "pcmpgtw", SSE2, 16)         \
    X(PCMPGTD, "pcmpgtd", SSE2, 16)         \
    X(PACKSSWB, "packsswb", SSE2, 16)       \
    X(PACKSSDW, "packssdw", SSE2, 16)       \
    X(PACKUSWB, "packuswb", SSE2, 16)       \
    X(PUNPCKLBW, "punpcklbw", SSE2, 16)     \
    X(PUNPCKLWD, "punpcklwd", SSE2, 16)     \
    X(PUNPCKLDQ, "punpckldq", SSE2, 16)     \
    X(PUNPCKLQDQ, "punpcklqdq", SSE2, 16)   \
    X(PUNPCKHBW, "punpckhbw", SSE2, 16)     \
    X(PUNPCKHWD, "punpckhwd", SSE2, 16)     \
    X(PUNPCKHDQ, "punpckhdq", SSE2, 16)     \
    X(PUNPCKHQDQ, "punpckhqdq", SSE2, 16)   \
    X(PSLLW, "psllw", SSE2, 16)             \
    X(PSLLD, "pslld", SSE2, 16)             \
    X(PSLLQ, "psllq", SSE2, 16)             \
    X(PSRLW, "psrlw", SSE2, 16)             \
    X(PSRLD, "psrld", SSE2, 16)             \
    X(PSRLQ, "psrlq", SSE2, 16)             \
    X(PSRAW, "psraw", SSE2, 16)             \
    X(PSRAD, "psrad", SSE2, 16)             \
    X(ANDPS, "andps", SSE, 16)              \
    X(ANDNPS, "andnps", SSE, 16)            \
    X(ORPS, "orps", SSE, 16)                \
    X(XORPS, "xorps", SSE, 16)              \
    X(ANDPD, "andpd", SSE2, 16)             \
    X(ANDNPD, "andnpd", SSE2, 16)           \
    X(ORPD, "orpd", SSE2, 16)               \
    X(XORPD, "xorpd", SSE2, 16)             \
    X(UNPCKLPS, "unpcklps", SSE, 16)        \
    X(UNPCKHPS, "unpckhps", SSE, 16)        \
    X(UNPCKLPD, "unpcklpd", SSE2, 16)       \
    X(UNPCKHPD, "unpckhpd", SSE2, 16)       \
    X(PSHUFB, "pshufb", SSSE3, 16)          \
    X(PHADDW, "phaddw", SSSE3, 16)          \
    X(PHADDD, "phaddd", SSSE3, 16)          \
    X(PHADDSW, "phaddsw", SSSE3, 16)        \
    X(PHSUBW, "phsubw", SSSE3, 16)          \
    X(PHSUBD, "phsubd", SSSE3, 16)          \
    X(PHSUBSW, "phsubsw", SSSE3, 16)        \
    X(PMADDUBSW, "pmaddubsw", SSSE3, 16)    \
    X(PMULHRSW, "pmulhrsw", SSSE3, 16)      \
    X(PSIGNB, "psignb", SSSE3, 16)          \
    X(PSIGNW, "psignw", SSSE3, 16)          \
    X(PSIGND, "psignd", SSSE3, 16)          \
    X(PABSB, "pabsb", SSSE3, 16)            \
    X(PABSW, "pabsw", SSSE3, 16)            \
    X(PABSD, "pabsd", SSSE3, 16)            \
    X(PMULLD, "pmulld", SSE4_1, 16)         \
    X(PMULDQ, "pmuldq", SSE4_1, 16)         \
    X(PMINSB, "pminsb", SSE4_1, 16)         \
    X(PMINUW, "pminuw", SSE4_1, 16)         \
    X(PMINSD, "pminsd", SSE4_1, 16)         \
    X(PMINUD, "pminud", SSE4_1, 16)         \
    X(PMAXSB, "pmaxsb", SSE4_1, 16)         \
    X(PMAXUW, "pmaxuw", SSE4_1, 16)         \
    X(PMAXSD, "pmaxsd", SSE4_1, 16)         \
    X(PMAXUD, "pmaxud", SSE4_1, 16)         \
    X(PCMPEQQ, "pcmpeqq", SSE4_1, 16)       \
    X(PACKUSDW, "packusdw", SSE4_1, 16)     \
    X(PHMINPOSUW, "phminposuw", SSE4_1, 16) \
    X(PMOVSXBW, "pmovsxbw", SSE4_1, 8)      \
    X(PMOVSXBD, "pmovsxbd", SSE4_1, 4)      \
    X(PMOVSXBQ, "pmovsxbq", SSE4_1, 2)      \
    X(PMOVSXWD, "pmovsxwd", SSE4_1, 8)      \
    X(PMOVSXWQ, "pmovsxwq", SSE4_1, 4)      \
    X(PMOVSXDQ, "pmovsxdq", SSE4_1, 8)      \
    X(PMOVZXBW, "pmovzxbw", SSE4_1, 8)      \
    X(PMOVZXBD, "pmovzxbd", SSE4_1, 4)      \
    X(PMOVZXBQ, "pmovzxbq", SSE4_1, 2)      \
    X(PMOVZXWD, "pmovzxwd", SSE4_1, 8)      \
    X(PMOVZXWQ, "pmovzxwq", SSE4_1, 4)      \
    X(PMOVZXDQ, "pmovzxdq", SSE4_1, 8)      \
    X(PCMPGTQ, "pcmpgtq", SSE4_2, 16)       \
    X(AESENC, "aesenc", AES, 16)            \
    X(AESENCLAST, "aesenclast", AES, 16)    \
    X(AESDEC, "aesdec", AES, 16)            \
    X(AESDECLAST, "aesdeclast", AES, 16)    \
    X(AESIMC, "aesimc", AES, 16)

/* The mask is XMM0. */
#define BLEND_OPS(X)                    \
    X(PBLENDVB, "pblendvb", SSE4_1, 16) \
    X(BLENDVPS, "blendvps", SSE4_1, 16) \
    X(BLENDVPD, "blendvpd", SSE4_1, 16)

#define DEFINE_INTEGER(M, instruction, feature, bytes) XMM_FUNCTION(vector_##M, instruction)
#define DEFINE_BLEND(M, instruction, feature, bytes)   XMM_FUNCTION_XMM0(vector_##M, instruction)
INTEGER_OPS(DEFINE_INTEGER)
BLEND_OPS(DEFINE_BLEND)

#define STATUS_FLAGS 0x8d5u /* OF SF ZF AF PF CF */

static int vector_PTEST(VECTOR_PARAMETERS)
{
    __m128i value = vector_load(destination);
    __m128i operand = vector_load(source);
    uint64_t flags;

    __asm__("lea -128(%%rsp), %%rsp\n\t"
            "ptest %2, %1\n\t"
            "pushfq\n\t"
            "pop %0\n\t"
            "lea 128(%%rsp), %%rsp"
            : "=r"(flags)
            : "x"(value), "x"(operand)
            : "cc", "memory");
    state->rflags = (state->rflags & ~(uint64_t)STATUS_FLAGS) | (flags & STATUS_FLAGS);
    return 0;
}

/* Bit n of the general register: sign of element n. */
#define MASK_FUNCTION(name, instruction)                                        \
    static int name(VECTOR_PARAMETERS)                                          \
    {                                                                           \
        uint32_t mask;                                                          \
                                                                                \
        __asm__(instruction " %1, %0" : "=r"(mask) : "x"(vector_load(source))); \
        *(uint64_t *)destination = mask;                                        \
        return 0;                                                               \
    }

MASK_FUNCTION(vector_PMOVMSKB, "pmovmskb")
MASK_FUNCTION(vector_MOVMSKPS, "movmskps")
MASK_FUNCTION(vector_MOVMSKPD, "movmskpd")

#define INTEGER_ROW(M, instruction, feature, bytes) ROW_XMM(M, vector_##M, feature, bytes, ),
#define BLEND_ROW(M, instruction, feature, bytes) \
    ROW_XMM(M, vector_##M, feature, bytes, .implicit_registers = true),

static const X86VectorOp ops[] = {
    INTEGER_OPS(INTEGER_ROW) BLEND_OPS(BLEND_ROW)
        ROW_XMM(PTEST, vector_PTEST, SSE4_1, 16, .writes_flags = true),
    ROW(PMOVMSKB, vector_PMOVMSKB, SSE2, XMM, GPR, .destination_bytes = 8),
    ROW(MOVMSKPS, vector_MOVMSKPS, SSE, XMM, GPR, .destination_bytes = 8),
    ROW(MOVMSKPD, vector_MOVMSKPD, SSE2, XMM, GPR, .destination_bytes = 8),
};

const X86VectorTable x86_vector_integer_table = { ops, G_N_ELEMENTS(ops) };
