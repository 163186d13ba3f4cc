/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Lazy arithmetic flags. An operation leaves its kind, result and one operand behind; the six
 * flags are worked out when something asks for them.
 *
 *   kind     cc_r     cc_b
 *   FLAGS    -        the flags themselves
 *   ADD      result   second operand
 *   ADC      result   second operand; the carry that went in was 1
 *   SUB      result   second operand (so the first is cc_r + cc_b)
 *   SBB      result   second operand; the borrow that went in was 1
 *   LOGIC    result   -
 *   INC/DEC  result   CF as it was (0 or 1)
 *   SHL      result   first operand shifted one bit less (CF is its top bit)
 *   SHR      result   first operand shifted one bit less (CF is its bit 0); SAR too
 *   MUL      result   CF and OF (0 or 1)
 *
 * Values are zero-extended from the operand's size. cc_op = kind * 4 + log2(bytes).
 */
#pragma once

#include "accel/tcg/engine.h"

typedef enum FlagKind {
    FLAG_KIND_FLAGS,
    FLAG_KIND_ADD,
    FLAG_KIND_ADC,
    FLAG_KIND_SUB,
    FLAG_KIND_SBB,
    FLAG_KIND_LOGIC,
    FLAG_KIND_INC,
    FLAG_KIND_DEC,
    FLAG_KIND_SHL,
    FLAG_KIND_SHR,
    FLAG_KIND_MUL,
} FlagKind;

#define SIZE_INDEX_8  0
#define SIZE_INDEX_16 1
#define SIZE_INDEX_32 2
#define SIZE_INDEX_64 3

#define CC_OP(kind, bits) (FLAG_KIND_##kind * 4 + SIZE_INDEX_##bits)
#define SET_FLAGS(kind, bits, result, operand) \
    (e->cc_op = CC_OP(kind, bits), e->cc_r = (result), e->cc_b = (operand))

/* Condition codes as in the low nibble of Jcc. */
typedef enum Condition {
    CONDITION_O,
    CONDITION_NO,
    CONDITION_B,
    CONDITION_AE,
    CONDITION_E,
    CONDITION_NE,
    CONDITION_BE,
    CONDITION_A,
    CONDITION_S,
    CONDITION_NS,
    CONDITION_P,
    CONDITION_NP,
    CONDITION_L,
    CONDITION_GE,
    CONDITION_LE,
    CONDITION_G,
} Condition;

/* The six arithmetic flags at their places in RFLAGS. */
uint32_t flags_compute(const Engine *e);
/* CF alone: 0 or 1. */
uint32_t flags_carry(const Engine *e);
bool flags_test(const Engine *e, Condition condition);

/* Take over explicit flags. */
static inline void flags_set(Engine *e, uint32_t flags)
{
    e->cc_op = FLAG_KIND_FLAGS * 4;
    e->cc_b = flags & FLAGS_ARITHMETIC;
    e->cc_r = 0;
}

/* Change ZF alone. */
static inline void flags_set_zero(Engine *e, bool zero)
{
    flags_set(e, (flags_compute(e) & ~FLAG_ZF) | (zero ? FLAG_ZF : 0));
}

/* All of RFLAGS, and setting all of it (bit 1 is forced). */
static inline uint64_t rflags_read(const Engine *e)
{
    return e->eflags | flags_compute(e) | 2;
}
static inline void rflags_write(Engine *e, uint64_t value)
{
    flags_set(e, value);
    e->eflags = (value & ~(uint64_t)FLAGS_ARITHMETIC) | 2;
}

/* Does @condition hold for these explicit flags? */
static inline bool condition_holds(Condition condition, uint32_t flags)
{
    bool sign_differs = !(flags & FLAG_SF) != !(flags & FLAG_OF);
    bool result;

    switch (condition >> 1) {
    case CONDITION_O >> 1:
        result = flags & FLAG_OF;
        break;
    case CONDITION_B >> 1:
        result = flags & FLAG_CF;
        break;
    case CONDITION_E >> 1:
        result = flags & FLAG_ZF;
        break;
    case CONDITION_BE >> 1:
        result = flags & (FLAG_CF | FLAG_ZF);
        break;
    case CONDITION_S >> 1:
        result = flags & FLAG_SF;
        break;
    case CONDITION_P >> 1:
        result = flags & FLAG_PF;
        break;
    case CONDITION_L >> 1:
        result = sign_differs;
        break;
    default:
        result = sign_differs || (flags & FLAG_ZF);
        break;
    }
    return result != (condition & 1);
}

/* The condition after left - right (both zero-extended from @bits). */
#define CONDITION_AFTER_SUB(bits)                                                          \
    ALWAYS_INLINE bool condition_after_sub##bits(Condition condition, uint##bits##_t left, \
                                                 uint##bits##_t right)                     \
    {                                                                                      \
        int##bits##_t a = (int##bits##_t)left, b = (int##bits##_t)right;                   \
        int##bits##_t difference = (int##bits##_t)(uint##bits##_t)(left - right);          \
        bool result;                                                                       \
        switch (condition >> 1) {                                                          \
        case CONDITION_O >> 1:                                                             \
            result = ((a ^ b) & (a ^ difference)) < 0;                                     \
            break;                                                                         \
        case CONDITION_B >> 1:                                                             \
            result = left < right;                                                         \
            break;                                                                         \
        case CONDITION_E >> 1:                                                             \
            result = left == right;                                                        \
            break;                                                                         \
        case CONDITION_BE >> 1:                                                            \
            result = left <= right;                                                        \
            break;                                                                         \
        case CONDITION_S >> 1:                                                             \
            result = difference < 0;                                                       \
            break;                                                                         \
        case CONDITION_P >> 1:                                                             \
            result = !__builtin_parity((uint8_t)difference);                               \
            break;                                                                         \
        case CONDITION_L >> 1:                                                             \
            result = a < b;                                                                \
            break;                                                                         \
        default:                                                                           \
            result = a <= b;                                                               \
            break;                                                                         \
        }                                                                                  \
        return result != (condition & 1);                                                  \
    }
CONDITION_AFTER_SUB(8)
CONDITION_AFTER_SUB(16)
CONDITION_AFTER_SUB(32)
CONDITION_AFTER_SUB(64)
#undef CONDITION_AFTER_SUB

/* The condition after a logical operation with this (sign-extended) result: CF = OF = 0. */
ALWAYS_INLINE bool condition_after_logic(Condition condition, int64_t value)
{
    bool result;

    switch (condition >> 1) {
    case CONDITION_O >> 1:
    case CONDITION_B >> 1:
        result = false;
        break;
    case CONDITION_E >> 1:
    case CONDITION_BE >> 1:
        result = value == 0;
        break;
    case CONDITION_S >> 1:
    case CONDITION_L >> 1:
        result = value < 0;
        break;
    case CONDITION_P >> 1:
        result = !__builtin_parity((uint8_t)value);
        break;
    default:
        result = value <= 0;
        break;
    }
    return result != (condition & 1);
}
