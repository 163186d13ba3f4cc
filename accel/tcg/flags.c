/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Working out lazy flags; see flags.h. Definitions of the flags: Intel SDM vol. 1, 3.4.3.1. */
#include "accel/tcg/flags.h"

/* Zero, sign and parity come from the result alone, whatever the kind. */
static inline uint32_t result_flags(uint64_t result, unsigned bits)
{
    uint32_t flags = __builtin_parity((uint8_t)result) ? 0 : FLAG_PF;

    if (result == 0) {
        flags |= FLAG_ZF;
    }
    if ((result >> (bits - 1)) & 1) {
        flags |= FLAG_SF;
    }
    return flags;
}

/* CF, OF and AF of r = a + b + carry; a is worked back. */
static inline uint32_t add_flags(uint64_t r, uint64_t b, unsigned carry, unsigned bits)
{
    uint64_t mask = UINT64_MAX >> (64 - bits);
    uint64_t a = (r - b - carry) & mask;
    uint64_t carries = (a & b) | ((a | b) & ~r);
    uint32_t flags = (a ^ b ^ r) & FLAG_AF;

    if ((carries >> (bits - 1)) & 1) {
        flags |= FLAG_CF;
    }
    if (((a ^ r) & (b ^ r)) >> (bits - 1) & 1) {
        flags |= FLAG_OF;
    }
    return flags;
}

static inline uint32_t sub_flags(uint64_t r, uint64_t b, unsigned borrow, unsigned bits)
{
    uint64_t mask = UINT64_MAX >> (64 - bits);
    uint64_t a = (r + b + borrow) & mask;
    uint64_t borrows = (~a & b) | ((~a | b) & r);
    uint32_t flags = (a ^ b ^ r) & FLAG_AF;

    if ((borrows >> (bits - 1)) & 1) {
        flags |= FLAG_CF;
    }
    if (((a ^ b) & (a ^ r)) >> (bits - 1) & 1) {
        flags |= FLAG_OF;
    }
    return flags;
}

static inline uint32_t inc_flags(uint64_t r, uint64_t carry, unsigned bits)
{
    return (carry ? FLAG_CF : 0) | ((r & 0xf) == 0 ? FLAG_AF : 0) |
           (r == UINT64_C(1) << (bits - 1) ? FLAG_OF : 0);
}

static inline uint32_t dec_flags(uint64_t r, uint64_t carry, unsigned bits)
{
    return (carry ? FLAG_CF : 0) | ((r & 0xf) == 0xf ? FLAG_AF : 0) |
           (r == (UINT64_C(1) << (bits - 1)) - 1 ? FLAG_OF : 0);
}

static inline uint32_t shift_flags(uint64_t r, uint64_t b, unsigned carry_bit, unsigned bits)
{
    return ((b >> carry_bit) & 1 ? FLAG_CF : 0) | (((r ^ b) >> (bits - 1)) & 1 ? FLAG_OF : 0);
}

uint32_t flags_compute(const Engine *e)
{
    unsigned bits = 8u << (e->cc_op & 3);
    uint64_t r = e->cc_r, b = e->cc_b;

    switch ((FlagKind)(e->cc_op >> 2)) {
    case FLAG_KIND_FLAGS:
        return b;
    case FLAG_KIND_ADD:
        return result_flags(r, bits) | add_flags(r, b, 0, bits);
    case FLAG_KIND_ADC:
        return result_flags(r, bits) | add_flags(r, b, 1, bits);
    case FLAG_KIND_SUB:
        return result_flags(r, bits) | sub_flags(r, b, 0, bits);
    case FLAG_KIND_SBB:
        return result_flags(r, bits) | sub_flags(r, b, 1, bits);
    case FLAG_KIND_LOGIC:
        return result_flags(r, bits);
    case FLAG_KIND_INC:
        return result_flags(r, bits) | inc_flags(r, b, bits);
    case FLAG_KIND_DEC:
        return result_flags(r, bits) | dec_flags(r, b, bits);
    case FLAG_KIND_SHL:
        return result_flags(r, bits) | shift_flags(r, b, bits - 1, bits);
    case FLAG_KIND_SHR:
        return result_flags(r, bits) | shift_flags(r, b, 0, bits);
    case FLAG_KIND_MUL:
        return result_flags(r, bits) | (b ? FLAG_CF | FLAG_OF : 0);
    }
    g_assert_not_reached();
}

uint32_t flags_carry(const Engine *e)
{
    unsigned bits = 8u << (e->cc_op & 3);
    uint64_t mask = UINT64_MAX >> (64 - bits);

    switch ((FlagKind)(e->cc_op >> 2)) {
    case FLAG_KIND_ADD:
        return e->cc_r < e->cc_b;
    case FLAG_KIND_ADC:
        return e->cc_r <= e->cc_b;
    case FLAG_KIND_SUB:
        return ((e->cc_r + e->cc_b) & mask) < e->cc_b;
    case FLAG_KIND_LOGIC:
        return 0;
    case FLAG_KIND_INC:
    case FLAG_KIND_DEC:
    case FLAG_KIND_MUL:
        return e->cc_b != 0;
    case FLAG_KIND_SHL:
        return (e->cc_b >> (bits - 1)) & 1;
    case FLAG_KIND_SHR:
        return e->cc_b & 1;
    default:
        return flags_compute(e) & FLAG_CF;
    }
}

bool flags_test(const Engine *e, Condition condition)
{
    unsigned shift = 64 - (8u << (e->cc_op & 3));

    switch ((FlagKind)(e->cc_op >> 2)) {
    case FLAG_KIND_SUB: {
        /* At the top of a 64-bit word every size compares alike. */
        uint64_t right = e->cc_b << shift;
        uint64_t left = (e->cc_r << shift) + right;
        if (condition >> 1 != CONDITION_P >> 1) {
            return condition_after_sub64(condition, left, right);
        }
        break;
    }
    case FLAG_KIND_LOGIC:
        if (condition >> 1 != CONDITION_P >> 1) {
            return condition_after_logic(condition, (int64_t)(e->cc_r << shift));
        }
        break;
    default:
        break;
    }
    return condition_holds(condition, flags_compute(e));
}
