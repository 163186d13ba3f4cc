/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Included by exec-alu.c once for each operand size, with BITS defined. */

#define PASTE3_(a, b, c)                      a##b##c
#define PASTE3(a, b, c)                       PASTE3_(a, b, c)
#define NAME(name)                            PASTE3(name, _, BITS)
#define WORD                                  UINT(BITS)
#define FLAGS_OF(kind, bits, result, operand) SET_FLAGS(kind, bits, result, operand)

#define REGISTER(offset) (*(WORD *)((char *)e + (offset)))
#if BITS == 32
#define WRITE(offset, value) (R64(offset) = (uint32_t)(value))
#else
#define WRITE(offset, value) (REGISTER(offset) = (value))
#endif

/* ---- what the operations compute ---- */

ALWAYS_INLINE WORD NAME(add)(Engine *e, WORD a, WORD b, bool live)
{
    WORD result = a + b;

    if (live) {
        FLAGS_OF(ADD, BITS, result, b);
    }
    return result;
}

ALWAYS_INLINE WORD NAME(sub)(Engine *e, WORD a, WORD b, bool live)
{
    WORD result = a - b;

    if (live) {
        FLAGS_OF(SUB, BITS, result, b);
    }
    return result;
}

ALWAYS_INLINE WORD NAME(adc)(Engine *e, WORD a, WORD b, bool live)
{
    uint32_t carry = flags_carry(e);
    WORD result = a + b + carry;

    if (live) {
        FLAGS_OF(ADD, BITS, result, b);
        e->cc_op += carry * (FLAG_KIND_ADC - FLAG_KIND_ADD) * 4;
    }
    return result;
}

ALWAYS_INLINE WORD NAME(sbb)(Engine *e, WORD a, WORD b, bool live)
{
    uint32_t borrow = flags_carry(e);
    WORD result = a - b - borrow;

    if (live) {
        FLAGS_OF(SUB, BITS, result, b);
        e->cc_op += borrow * (FLAG_KIND_SBB - FLAG_KIND_SUB) * 4;
    }
    return result;
}

#define LOGIC(name, expression)                                          \
    ALWAYS_INLINE WORD NAME(name)(Engine * e, WORD a, WORD b, bool live) \
    {                                                                    \
        WORD result = expression;                                        \
        if (live) {                                                      \
            FLAGS_OF(LOGIC, BITS, result, 0);                            \
        }                                                                \
        return result;                                                   \
    }
LOGIC(and, a &b)
LOGIC(or, a | b)
LOGIC(xor, a ^ b)
#undef LOGIC

/* ---- forms ---- */

#define REGISTER_FORM(name, form, operand, live)                         \
    static const Op *NAME(form)(Engine * e, const Op *op)                \
    {                                                                    \
        WRITE(op->dst, NAME(name)(e, REGISTER(op->dst), operand, live)); \
        NEXT;                                                            \
    }

#define UPDATE_FORM(name, form, operand)                                      \
    DEFINE_MEMORY_OP_(NAME(form))                                             \
    {                                                                         \
        uint64_t address = EFFECTIVE_ADDRESS;                                 \
        WORD value, other = operand;                                          \
        LOAD_FOR_UPDATE(BITS, value, address);                                \
        /* The slow path's store can leave the block, so flags come first. */ \
        value = NAME(name)(e, value, other, true);                            \
        UPDATE(BITS, address, value);                                         \
        NEXT_AFTER_STORE;                                                     \
    }
#define DEFINE_MEMORY_OP_(name) DEFINE_MEMORY_OP(name)

#define ALL_FORMS(name)                                                \
    REGISTER_FORM(name, name##_rr, REGISTER(op->src), true)            \
    REGISTER_FORM(name, name##_rr_quiet, REGISTER(op->src), false)     \
    REGISTER_FORM(name, name##_ri, (WORD)op->imm, true)                \
    REGISTER_FORM(name, name##_ri_quiet, (WORD)op->imm, false)         \
    DEFINE_MEMORY_OP_(NAME(name##_load))                               \
    {                                                                  \
        uint64_t address = EFFECTIVE_ADDRESS;                          \
        WORD value;                                                    \
        LOAD(BITS, value, address);                                    \
        WRITE(op->dst, NAME(name)(e, REGISTER(op->dst), value, true)); \
        NEXT;                                                          \
    }                                                                  \
    UPDATE_FORM(name, name##_store, REGISTER(op->src))                 \
    UPDATE_FORM(name, name##_store_imm, (WORD)op->imm)

ALL_FORMS(add)
ALL_FORMS(or)
ALL_FORMS(adc)
ALL_FORMS(sbb)
ALL_FORMS(and)
ALL_FORMS(sub)
ALL_FORMS(xor)

/* CMP and TEST write nothing back. */
#define COMPARE_REGISTER(name, form, operand)             \
    static const Op *NAME(form)(Engine * e, const Op *op) \
    {                                                     \
        NAME(name)(e, REGISTER(op->dst), operand, true);  \
        NEXT;                                             \
    }
#define COMPARE_MEMORY(name, form, left, right) \
    DEFINE_MEMORY_OP_(NAME(form))               \
    {                                           \
        uint64_t address = EFFECTIVE_ADDRESS;   \
        WORD value;                             \
        LOAD(BITS, value, address);             \
        NAME(name)(e, left, right, true);       \
        NEXT;                                   \
    }
#define COMPARE_FORMS(name, compute)                                \
    COMPARE_REGISTER(compute, name##_rr, REGISTER(op->src))         \
    COMPARE_REGISTER(compute, name##_ri, (WORD)op->imm)             \
    COMPARE_MEMORY(compute, name##_load, REGISTER(op->dst), value)  \
    COMPARE_MEMORY(compute, name##_store, value, REGISTER(op->src)) \
    COMPARE_MEMORY(compute, name##_store_imm, value, (WORD)op->imm)
COMPARE_FORMS(cmp, sub)
COMPARE_FORMS(test, and)

/* ---- one operand ---- */

ALWAYS_INLINE WORD NAME(inc)(Engine *e, WORD a, bool live)
{
    WORD result = a + 1;

    if (live) {
        uint32_t carry = flags_carry(e);
        FLAGS_OF(INC, BITS, result, carry);
    }
    return result;
}

ALWAYS_INLINE WORD NAME(dec)(Engine *e, WORD a, bool live)
{
    WORD result = a - 1;

    if (live) {
        uint32_t carry = flags_carry(e);
        FLAGS_OF(DEC, BITS, result, carry);
    }
    return result;
}

/* INC and DEC where CF is known when the block is made: clear, or what cc_b says already. */
#define STEP_FORMS(name, kind, change)                            \
    static const Op *NAME(name##_clear)(Engine * e, const Op *op) \
    {                                                             \
        WORD result = REGISTER(op->dst) change;                   \
        WRITE(op->dst, result);                                   \
        FLAGS_OF(kind, BITS, result, 0);                          \
        NEXT;                                                     \
    }                                                             \
    static const Op *NAME(name##_keep)(Engine * e, const Op *op)  \
    {                                                             \
        WORD result = REGISTER(op->dst) change;                   \
        WRITE(op->dst, result);                                   \
        FLAGS_OF(kind, BITS, result, e->cc_b);                    \
        NEXT;                                                     \
    }
STEP_FORMS(inc, INC, +1)
STEP_FORMS(dec, DEC, -1)
#undef STEP_FORMS

ALWAYS_INLINE WORD NAME(neg)(Engine *e, WORD a, bool live)
{
    return NAME(sub)(e, 0, a, live);
}

ALWAYS_INLINE WORD NAME(not )(Engine *e, WORD a, bool live)
{
    return ~a;
}

#define UNARY_FORMS(name)                                           \
    static const Op *NAME(name##_r)(Engine * e, const Op *op)       \
    {                                                               \
        WRITE(op->dst, NAME(name)(e, REGISTER(op->dst), true));     \
        NEXT;                                                       \
    }                                                               \
    static const Op *NAME(name##_r_quiet)(Engine * e, const Op *op) \
    {                                                               \
        WRITE(op->dst, NAME(name)(e, REGISTER(op->dst), false));    \
        NEXT;                                                       \
    }                                                               \
    DEFINE_MEMORY_OP_(NAME(name##_store))                           \
    {                                                               \
        uint64_t address = EFFECTIVE_ADDRESS;                       \
        WORD value;                                                 \
        LOAD_FOR_UPDATE(BITS, value, address);                      \
        value = NAME(name)(e, value, true);                         \
        UPDATE(BITS, address, value);                               \
        NEXT_AFTER_STORE;                                           \
    }
UNARY_FORMS(inc)
UNARY_FORMS(dec)
UNARY_FORMS(neg)
UNARY_FORMS(not )

#undef UNARY_FORMS
#undef COMPARE_FORMS
#undef COMPARE_MEMORY
#undef COMPARE_REGISTER
#undef ALL_FORMS
#undef DEFINE_MEMORY_OP_
#undef UPDATE_FORM
#undef REGISTER_FORM
#undef WRITE
#undef REGISTER
#undef FLAGS_OF
#undef WORD
#undef NAME
#undef PASTE3
#undef PASTE3_
#undef BITS
