/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * MMX instructions (Intel SDM vol. 1 chapter 9, vol. 2), run on the host's MMX registers, which
 * are given back to the x87 unit (EMMS) each time.
 */
#include "target/i386/vector-internal.h"

/* X(mnemonic, instruction, feature, bytes of the memory operand): destination OP= source */
#define MMX_OPS(X)                      \
    X(PADDB, "paddb", MMX, 8)           \
    X(PADDW, "paddw", MMX, 8)           \
    X(PADDD, "paddd", MMX, 8)           \
    X(PADDQ, "paddq", SSE2, 8)          \
    X(PADDSB, "paddsb", MMX, 8)         \
    X(PADDSW, "paddsw", MMX, 8)         \
    X(PADDUSB, "paddusb", MMX, 8)       \
    X(PADDUSW, "paddusw", MMX, 8)       \
    X(PSUBB, "psubb", MMX, 8)           \
    X(PSUBW, "psubw", MMX, 8)           \
    X(PSUBD, "psubd", MMX, 8)           \
    X(PSUBQ, "psubq", SSE2, 8)          \
    X(PSUBSB, "psubsb", MMX, 8)         \
    X(PSUBSW, "psubsw", MMX, 8)         \
    X(PSUBUSB, "psubusb", MMX, 8)       \
    X(PSUBUSW, "psubusw", MMX, 8)       \
    X(PMULLW, "pmullw", MMX, 8)         \
    X(PMULHW, "pmulhw", MMX, 8)         \
    X(PMULHUW, "pmulhuw", SSE, 8)       \
    X(PMULUDQ, "pmuludq", SSE2, 8)      \
    X(PMADDWD, "pmaddwd", MMX, 8)       \
    X(PSADBW, "psadbw", SSE, 8)         \
    X(PAVGB, "pavgb", SSE, 8)           \
    X(PAVGW, "pavgw", SSE, 8)           \
    X(PMINUB, "pminub", SSE, 8)         \
    X(PMINSW, "pminsw", SSE, 8)         \
    X(PMAXUB, "pmaxub", SSE, 8)         \
    X(PMAXSW, "pmaxsw", SSE, 8)         \
    X(PAND, "pand", MMX, 8)             \
    X(PANDN, "pandn", MMX, 8)           \
    X(POR, "por", MMX, 8)               \
    X(PXOR, "pxor", MMX, 8)             \
    X(PCMPEQB, "pcmpeqb", MMX, 8)       \
    X(PCMPEQW, "pcmpeqw", MMX, 8)       \
    X(PCMPEQD, "pcmpeqd", MMX, 8)       \
    X(PCMPGTB, "pcmpgtb", MMX, 8)       \
    X(PCMPGTW, "pcmpgtw", MMX, 8)       \
    X(PCMPGTD, "pcmpgtd", MMX, 8)       \
    X(PACKSSWB, "packsswb", MMX, 8)     \
    X(PACKSSDW, "packssdw", MMX, 8)     \
    X(PACKUSWB, "packuswb", MMX, 8)     \
    X(PUNPCKLBW, "punpcklbw", MMX, 4)   \
    X(PUNPCKLWD, "punpcklwd", MMX, 4)   \
    X(PUNPCKLDQ, "punpckldq", MMX, 4)   \
    X(PUNPCKHBW, "punpckhbw", MMX, 8)   \
    X(PUNPCKHWD, "punpckhwd", MMX, 8)   \
    X(PUNPCKHDQ, "punpckhdq", MMX, 8)   \
    X(PSLLW, "psllw", MMX, 8)           \
    X(PSLLD, "pslld", MMX, 8)           \
    X(PSLLQ, "psllq", MMX, 8)           \
    X(PSRLW, "psrlw", MMX, 8)           \
    X(PSRLD, "psrld", MMX, 8)           \
    X(PSRLQ, "psrlq", MMX, 8)           \
    X(PSRAW, "psraw", MMX, 8)           \
    X(PSRAD, "psrad", MMX, 8)           \
    X(PSHUFB, "pshufb", SSSE3, 8)       \
    X(PHADDW, "phaddw", SSSE3, 8)       \
    X(PHADDD, "phaddd", SSSE3, 8)       \
    X(PHADDSW, "phaddsw", SSSE3, 8)     \
    X(PHSUBW, "phsubw", SSSE3, 8)       \
    X(PHSUBD, "phsubd", SSSE3, 8)       \
    X(PHSUBSW, "phsubsw", SSSE3, 8)     \
    X(PMADDUBSW, "pmaddubsw", SSSE3, 8) \
    X(PMULHRSW, "pmulhrsw", SSSE3, 8)   \
    X(PSIGNB, "psignb", SSSE3, 8)       \
    X(PSIGNW, "psignw", SSSE3, 8)       \
    X(PSIGND, "psignd", SSSE3, 8)       \
    X(PABSB, "pabsb", SSSE3, 8)         \
    X(PABSW, "pabsw", SSSE3, 8)         \
    X(PABSD, "pabsd", SSSE3, 8)

#define MMX_CLOBBERS \
    "mm0", "mm1", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "memory"

#define DEFINE_MMX(M, instruction, feature, bytes)                              \
    static int mmx_##M(VECTOR_PARAMETERS)                                       \
    {                                                                           \
        __asm__ volatile("movq (%0), %%mm0\n\t"                                 \
                         "movq (%1), %%mm1\n\t" instruction " %%mm1, %%mm0\n\t" \
                         "movq %%mm0, (%0)\n\t"                                 \
                         "emms"                                                 \
                         :                                                      \
                         : "r"(destination), "r"(source)                        \
                         : MMX_CLOBBERS);                                       \
        return 0;                                                               \
    }
MMX_OPS(DEFINE_MMX)

/* X(mnemonic): elements shifted by a constant; the count is an operand like any other */
#define MMX_SHIFT_OPS(X) \
    X(PSLLW)             \
    X(PSLLD)             \
    X(PSLLQ)             \
    X(PSRLW)             \
    X(PSRLD)             \
    X(PSRLQ)             \
    X(PSRAW)             \
    X(PSRAD)

#define DEFINE_MMX_SHIFT(M)                            \
    static int mmx_##M##_immediate(VECTOR_PARAMETERS)  \
    {                                                  \
        uint64_t count = immediate;                    \
                                                       \
        return mmx_##M(state, destination, &count, 0); \
    }
MMX_SHIFT_OPS(DEFINE_MMX_SHIFT)

static int mmx_PSHUFW(VECTOR_PARAMETERS)
{
    uint16_t from[4], to[4];

    memcpy(from, source, 8);
    for (unsigned i = 0; i < 4; i++) {
        to[i] = from[immediate >> (2 * i) & 3];
    }
    memcpy(destination, to, 8);
    return 0;
}

static int mmx_PALIGNR(VECTOR_PARAMETERS)
{
    uint8_t pair[32] = { 0 };

    memcpy(pair, source, 8);
    memcpy(pair + 8, destination, 8);
    memcpy(destination, pair + MIN(immediate, 16), 8);
    return 0;
}

static int mmx_PINSRW(VECTOR_PARAMETERS)
{
    memcpy((uint16_t *)destination + (immediate & 3), source, 2);
    return 0;
}

static int mmx_PEXTRW(VECTOR_PARAMETERS)
{
    uint16_t element;

    memcpy(&element, (const uint16_t *)source + (immediate & 3), 2);
    *(uint64_t *)destination = element;
    return 0;
}

static int mmx_PMOVMSKB(VECTOR_PARAMETERS)
{
    *(uint64_t *)destination = (unsigned)_mm_movemask_epi8(_mm_loadl_epi64(source));
    return 0;
}

static int mmx_move_8(VECTOR_PARAMETERS)
{
    uint64_t value;

    memcpy(&value, source, 8);
    memcpy(destination, &value, 8);
    return 0;
}

/* Also to a general register: zero extended. */
static int mmx_extend_4(VECTOR_PARAMETERS)
{
    uint32_t value;
    uint64_t extended;

    memcpy(&value, source, 4);
    extended = value;
    memcpy(destination, &extended, 8);
    return 0;
}

#define MMX_ROW(M, instruction, feature, bytes) ROW_MMX(M, mmx_##M, feature, bytes, ),

#define MMX_SHIFT_ROW(M) ROW(M, mmx_##M##_immediate, MMX, NONE, MMX, .destination_bytes = 8),

static const X86VectorOp ops[] = {
    MMX_OPS(MMX_ROW) MMX_SHIFT_OPS(MMX_SHIFT_ROW) ROW_MMX(PSHUFW, mmx_PSHUFW, SSE, 8, ),
    ROW_MMX(PALIGNR, mmx_PALIGNR, SSSE3, 8, ),
    ROW(PINSRW, mmx_PINSRW, SSE, GPR, MMX, .source_bytes = 2, .destination_bytes = 8),
    ROW(PEXTRW, mmx_PEXTRW, SSE, MMX, GPR, .destination_bytes = 8),
    ROW(PMOVMSKB, mmx_PMOVMSKB, SSE, MMX, GPR, .destination_bytes = 8),
    ROW_MMX(MOVQ, mmx_move_8, MMX, 8, ),
    ROW(MOVQ, mmx_move_8, MMX, MMX, MEMORY, .destination_bytes = 8),
    ROW(MOVQ, mmx_move_8, MMX, GPR, MMX, .destination_bytes = 8),
    ROW(MOVQ, mmx_move_8, MMX, MMX, GPR, .destination_bytes = 8),
    ROW(MOVD, mmx_extend_4, MMX, GPR, MMX, .source_bytes = 4, .destination_bytes = 8),
    ROW(MOVD, mmx_extend_4, MMX, MMX, GPR, .destination_bytes = 8),
    ROW(MOVD, mmx_extend_4, MMX, MMX, MEMORY, .destination_bytes = 4),
    ROW(MOVNTQ, mmx_move_8, SSE, MMX, MEMORY, .destination_bytes = 8),
    ROW(MASKMOVQ, NULL, SSE, MMX, MMX, .destination_bytes = 8, .masked_store = true),
};

const X86VectorTable x86_mmx_table = { ops, G_N_ELEMENTS(ops) };
