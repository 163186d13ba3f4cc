/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Included by exec-shift.c once for each operand size, with BITS defined. */

#define PASTE3_(a, b, c)                      a##b##c
#define PASTE3(a, b, c)                       PASTE3_(a, b, c)
#define NAME(name)                            PASTE3(name, _, BITS)
#define WORD                                  UINT(BITS)
#define REGISTER(offset)                      (*(WORD *)((char *)e + (offset)))
#define FLAGS_OF(kind, bits, result, operand) SET_FLAGS(kind, bits, result, operand)
#define COUNT_MASK                            (BITS == 64 ? 63 : 31)
#if BITS == 32
#define WRITE(offset, value) (R64(offset) = (uint32_t)(value))
#else
#define WRITE(offset, value) (REGISTER(offset) = (value))
#endif

/*
 * @count is masked and not 0. For 8 and 16 bits it can exceed the operand's size, so the work is
 * done on wider words.
 */
ALWAYS_INLINE WORD NAME(shl)(Engine *e, WORD a, unsigned count, bool live)
{
    WORD before = (WORD)((uint64_t)a << (count - 1));
    WORD result = (WORD)(before << 1);

    if (live) {
        FLAGS_OF(SHL, BITS, result, before);
    }
    return result;
}

ALWAYS_INLINE WORD NAME(shr)(Engine *e, WORD a, unsigned count, bool live)
{
    WORD before = (WORD)((uint64_t)a >> (count - 1));
    WORD result = (WORD)(before >> 1);

    if (live) {
        FLAGS_OF(SHR, BITS, result, before);
    }
    return result;
}

ALWAYS_INLINE WORD NAME(sar)(Engine *e, WORD a, unsigned count, bool live)
{
    INT(BITS) before = (INT(BITS))((int64_t)(INT(BITS))a >> (count - 1));
    WORD result = (WORD)(before >> 1);

    if (live) {
        FLAGS_OF(SHR, BITS, result, (WORD)before);
    }
    return result;
}

/* Rotates change CF and OF alone. */
static inline void NAME(rotate_flags)(Engine *e, unsigned carry, unsigned overflow)
{
    uint32_t flags = flags_compute(e) & ~(FLAG_CF | FLAG_OF);

    flags_set(e, flags | (carry ? FLAG_CF : 0) | (overflow ? FLAG_OF : 0));
}

ALWAYS_INLINE WORD NAME(rol)(Engine *e, WORD a, unsigned count, bool live)
{
    unsigned by = count % BITS;
    WORD result = by ? (WORD)((WORD)(a << by) | (a >> (BITS - by))) : a;

    if (live) {
        unsigned carry = result & 1;
        NAME(rotate_flags)(e, carry, ((result >> (BITS - 1)) & 1) ^ carry);
    }
    return result;
}

ALWAYS_INLINE WORD NAME(ror)(Engine *e, WORD a, unsigned count, bool live)
{
    unsigned by = count % BITS;
    WORD result = by ? (WORD)((a >> by) | (WORD)(a << (BITS - by))) : a;

    if (live) {
        unsigned carry = (result >> (BITS - 1)) & 1;
        NAME(rotate_flags)(e, carry, carry ^ ((result >> (BITS - 2)) & 1));
    }
    return result;
}

ALWAYS_INLINE WORD NAME(rcl)(Engine *e, WORD a, unsigned count, bool live)
{
    unsigned carry = flags_carry(e);

    count %= BITS + 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned out = (a >> (BITS - 1)) & 1;
        a = (WORD)(a << 1) | carry;
        carry = out;
    }
    NAME(rotate_flags)(e, carry, ((a >> (BITS - 1)) & 1) ^ carry);
    return a;
}

ALWAYS_INLINE WORD NAME(rcr)(Engine *e, WORD a, unsigned count, bool live)
{
    unsigned carry = flags_carry(e);

    count %= BITS + 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned out = a & 1;
        a = (WORD)(a >> 1) | ((WORD)carry << (BITS - 1));
        carry = out;
    }
    NAME(rotate_flags)(e, carry, ((a >> (BITS - 1)) ^ (a >> (BITS - 2))) & 1);
    return a;
}

#define SHIFT_FORMS(name)                                                                   \
    static const Op *NAME(name##_imm)(Engine * e, const Op *op)                             \
    {                                                                                       \
        WRITE(op->dst, NAME(name)(e, REGISTER(op->dst), op->imm, true));                    \
        NEXT;                                                                               \
    }                                                                                       \
    static const Op *NAME(name##_imm_quiet)(Engine * e, const Op *op)                       \
    {                                                                                       \
        WRITE(op->dst, NAME(name)(e, REGISTER(op->dst), op->imm, false));                   \
        NEXT;                                                                               \
    }                                                                                       \
    static const Op *NAME(name##_cl)(Engine * e, const Op *op)                              \
    {                                                                                       \
        unsigned count = CL & COUNT_MASK;                                                   \
        WORD value = REGISTER(op->dst);                                                     \
        /* A 32-bit destination is written (and zero-extended) even when the count is 0. */ \
        WRITE(op->dst, count ? NAME(name)(e, value, count, true) : value);                  \
        NEXT;                                                                               \
    }
SHIFT_FORMS(shl)
SHIFT_FORMS(shr)
SHIFT_FORMS(sar)
SHIFT_FORMS(rol)
SHIFT_FORMS(ror)
SHIFT_FORMS(rcl)
SHIFT_FORMS(rcr)

#if BITS > 8

/* 16-bit counts beyond 16 are undefined; processors go on with the pair src:dst:src. */
ALWAYS_INLINE WORD NAME(shld)(Engine *e, WORD a, WORD b, unsigned count)
{
#if BITS == 16
    uint64_t wide = ((uint64_t)a << 32) | ((uint64_t)b << 16) | a;
    WORD before = (WORD)(wide >> (32 - (count - 1)));
    WORD result = (WORD)(wide >> (32 - count));
#else
    WORD before = count > 1 ? (a << (count - 1)) | (b >> (BITS - (count - 1))) : a;
    WORD result = (a << count) | (b >> (BITS - count));
#endif

    FLAGS_OF(SHL, BITS, result, before);
    return result;
}

ALWAYS_INLINE WORD NAME(shrd)(Engine *e, WORD a, WORD b, unsigned count)
{
#if BITS == 16
    uint64_t wide = ((uint64_t)a << 32) | ((uint64_t)b << 16) | a;
    WORD before = (WORD)(wide >> (count - 1));
    WORD result = (WORD)(wide >> count);
#else
    WORD before = count > 1 ? (a >> (count - 1)) | (b << (BITS - (count - 1))) : a;
    WORD result = (a >> count) | (b << (BITS - count));
#endif

    FLAGS_OF(SHR, BITS, result, before);
    return result;
}

#define DOUBLE_SHIFT_FORMS(name)                                                            \
    static const Op *NAME(name##_imm)(Engine * e, const Op *op)                             \
    {                                                                                       \
        WORD value = REGISTER(op->dst);                                                     \
        WRITE(op->dst, op->imm ? NAME(name)(e, value, REGISTER(op->src), op->imm) : value); \
        NEXT;                                                                               \
    }                                                                                       \
    static const Op *NAME(name##_cl)(Engine * e, const Op *op)                              \
    {                                                                                       \
        unsigned count = CL & COUNT_MASK;                                                   \
        WORD value = REGISTER(op->dst);                                                     \
        WRITE(op->dst, count ? NAME(name)(e, value, REGISTER(op->src), count) : value);     \
        NEXT;                                                                               \
    }
DOUBLE_SHIFT_FORMS(shld)
DOUBLE_SHIFT_FORMS(shrd)
#undef DOUBLE_SHIFT_FORMS

/* ---- bit scans: a zero source leaves the destination alone and sets ZF ---- */

static const Op *NAME(bsf)(Engine *e, const Op *op)
{
    WORD source = REGISTER(op->src);

    if (source) {
        WRITE(op->dst, (WORD)__builtin_ctzll(source));
    }
    flags_set(e, source ? 0 : FLAG_ZF | FLAG_PF);
    NEXT;
}

static const Op *NAME(bsr)(Engine *e, const Op *op)
{
    WORD source = REGISTER(op->src);

    if (source) {
        WRITE(op->dst, (WORD)(63 - __builtin_clzll(source)));
    }
    flags_set(e, source ? 0 : FLAG_ZF | FLAG_PF);
    NEXT;
}

static const Op *NAME(popcnt)(Engine *e, const Op *op)
{
    WORD source = REGISTER(op->src);

    WRITE(op->dst, (WORD)__builtin_popcountll(source));
    flags_set(e, source ? 0 : FLAG_ZF);
    NEXT;
}

#endif

#undef SHIFT_FORMS
#undef WRITE
#undef COUNT_MASK
#undef FLAGS_OF
#undef REGISTER
#undef WORD
#undef NAME
#undef PASTE3
#undef PASTE3_
#undef BITS
