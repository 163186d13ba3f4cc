/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Multiplication, division, exchange-and-something, bit tests, decimal adjustment, flag bits. */
#include "accel/tcg/exception.h"
#include "accel/tcg/exec.h"

#define RAX e->r[X86_RAX]
#define RDX e->r[X86_RDX]
#define AL  R8(SLOT_OFFSET(X86_RAX))
#define AH  R8(SLOT_OFFSET(X86_RAX) + 1)
#define AX  R16(SLOT_OFFSET(X86_RAX))
#define DX  R16(SLOT_OFFSET(X86_RDX))
#define EAX R32(SLOT_OFFSET(X86_RAX))
#define EDX R32(SLOT_OFFSET(X86_RDX))

/* ---- MUL, IMUL with one operand ---- */

static const Op *mul_8(Engine *e, const Op *op)
{
    AX = AL * R8(op->src);
    SET_FLAGS(MUL, 8, AL, AH != 0);
    NEXT;
}

static const Op *imul_8(Engine *e, const Op *op)
{
    AX = (int8_t)AL * (int8_t)R8(op->src);
    SET_FLAGS(MUL, 8, AL, (int16_t)AX != (int8_t)AL);
    NEXT;
}

static const Op *mul_16(Engine *e, const Op *op)
{
    uint32_t product = (uint32_t)AX * R16(op->src);

    AX = product;
    DX = product >> 16;
    SET_FLAGS(MUL, 16, AX, DX != 0);
    NEXT;
}

static const Op *imul_16(Engine *e, const Op *op)
{
    int32_t product = (int32_t)(int16_t)AX * (int16_t)R16(op->src);

    AX = product;
    DX = product >> 16;
    SET_FLAGS(MUL, 16, AX, product != (int16_t)product);
    NEXT;
}

static const Op *mul_32(Engine *e, const Op *op)
{
    uint64_t product = (uint64_t)EAX * R32(op->src);

    RAX = (uint32_t)product;
    RDX = product >> 32;
    SET_FLAGS(MUL, 32, RAX, RDX != 0);
    NEXT;
}

static const Op *imul_32(Engine *e, const Op *op)
{
    int64_t product = (int64_t)(int32_t)EAX * (int32_t)R32(op->src);

    RAX = (uint32_t)product;
    RDX = (uint64_t)product >> 32;
    SET_FLAGS(MUL, 32, RAX, product != (int32_t)product);
    NEXT;
}

static const Op *mul_64(Engine *e, const Op *op)
{
    unsigned __int128 product = (unsigned __int128)RAX * R64(op->src);

    RAX = product;
    RDX = product >> 64;
    SET_FLAGS(MUL, 64, RAX, RDX != 0);
    NEXT;
}

static const Op *imul_64(Engine *e, const Op *op)
{
    __int128 product = (__int128)(int64_t)RAX * (int64_t)R64(op->src);

    RAX = product;
    RDX = product >> 64;
    SET_FLAGS(MUL, 64, RAX, product != (int64_t)product);
    NEXT;
}

#define BY_SIZE(name)                             \
    {                                             \
        name##_8, name##_16, name##_32, name##_64 \
    }
#define BY_SIZE_16(name)                      \
    {                                         \
        NULL, name##_16, name##_32, name##_64 \
    }
const OpHandlerPtr exec_mul[4] = BY_SIZE(mul);
const OpHandlerPtr exec_imul[4] = BY_SIZE(imul);

/* ---- IMUL with two and three operands ---- */

#define WRITE_16(offset, value) (R16(offset) = (value))
#define WRITE_32(offset, value) (R64(offset) = (uint32_t)(value))
#define WRITE_64(offset, value) (R64(offset) = (value))

#define IMUL(bits, wide)                                                                        \
    static const Op *imul_rr_##bits(Engine *e, const Op *op)                                    \
    {                                                                                           \
        wide product = (wide)(int##bits##_t)R##bits(op->dst) * (int##bits##_t)R##bits(op->src); \
        WRITE_##bits(op->dst, product);                                                         \
        SET_FLAGS(MUL, bits, (uint##bits##_t)product, product != (int##bits##_t)product);       \
        NEXT;                                                                                   \
    }                                                                                           \
    static const Op *imul_rr_quiet_##bits(Engine *e, const Op *op)                              \
    {                                                                                           \
        WRITE_##bits(op->dst, (uint64_t)R##bits(op->dst) * R##bits(op->src));                   \
        NEXT;                                                                                   \
    }                                                                                           \
    static const Op *imul_rri_##bits(Engine *e, const Op *op)                                   \
    {                                                                                           \
        wide product = (wide)(int##bits##_t)R##bits(op->src) * (int##bits##_t)op->imm;          \
        WRITE_##bits(op->dst, product);                                                         \
        SET_FLAGS(MUL, bits, (uint##bits##_t)product, product != (int##bits##_t)product);       \
        NEXT;                                                                                   \
    }
IMUL(16, int32_t)
IMUL(32, int64_t)
IMUL(64, __int128)
const OpHandlerPtr exec_imul_rr[4][2] = { { NULL, NULL },
                                          { imul_rr_quiet_16, imul_rr_16 },
                                          { imul_rr_quiet_32, imul_rr_32 },
                                          { imul_rr_quiet_64, imul_rr_64 } };
const OpHandlerPtr exec_imul_rri[4] = BY_SIZE_16(imul_rri);

/* ---- division: #DE when the quotient does not fit; flags are left alone ---- */

static COLD void divide_error(Engine *e, const Op *op)
{
    e->op = op;
    raise_exception(e, EXCEPTION_DE);
}

static const Op *div_8(Engine *e, const Op *op)
{
    unsigned divisor = R8(op->src), dividend = AX;

    if (divisor == 0 || dividend / divisor > UINT8_MAX) {
        divide_error(e, op);
    }
    AL = dividend / divisor;
    AH = dividend % divisor;
    NEXT;
}

static const Op *idiv_8(Engine *e, const Op *op)
{
    int divisor = (int8_t)R8(op->src), dividend = (int16_t)AX;

    if (divisor == 0 || dividend / divisor != (int8_t)(dividend / divisor)) {
        divide_error(e, op);
    }
    AL = dividend / divisor;
    AH = dividend % divisor;
    NEXT;
}

static const Op *div_16(Engine *e, const Op *op)
{
    uint32_t divisor = R16(op->src), dividend = (uint32_t)DX << 16 | AX;

    if (divisor == 0 || dividend / divisor > UINT16_MAX) {
        divide_error(e, op);
    }
    AX = dividend / divisor;
    DX = dividend % divisor;
    NEXT;
}

static const Op *idiv_16(Engine *e, const Op *op)
{
    int64_t divisor = (int16_t)R16(op->src), dividend = (int32_t)((uint32_t)DX << 16 | AX);

    if (divisor == 0 || dividend / divisor != (int16_t)(dividend / divisor)) {
        divide_error(e, op);
    }
    AX = dividend / divisor;
    DX = dividend % divisor;
    NEXT;
}

static const Op *div_32(Engine *e, const Op *op)
{
    uint64_t divisor = R32(op->src), dividend = (uint64_t)EDX << 32 | EAX;

    if (divisor <= EDX) {
        divide_error(e, op);
    }
    RAX = (uint32_t)(dividend / divisor);
    RDX = (uint32_t)(dividend % divisor);
    NEXT;
}

static const Op *idiv_32(Engine *e, const Op *op)
{
    int64_t divisor = (int32_t)R32(op->src);
    int64_t dividend = (int64_t)((uint64_t)EDX << 32 | EAX);

    /* INT64_MIN / -1 would overflow on the host, too. */
    if (divisor == 0 || (divisor == -1 && dividend == INT64_MIN) ||
        dividend / divisor != (int32_t)(dividend / divisor)) {
        divide_error(e, op);
    }
    RAX = (uint32_t)(dividend / divisor);
    RDX = (uint32_t)(dividend % divisor);
    NEXT;
}

static const Op *div_64(Engine *e, const Op *op)
{
    uint64_t divisor = R64(op->src), high = RDX;

    if (divisor <= high) {
        divide_error(e, op);
    }
    if (high == 0) {
        uint64_t dividend = RAX;
        RAX = dividend / divisor;
        RDX = dividend % divisor;
    } else {
        unsigned __int128 dividend = (unsigned __int128)high << 64 | RAX;
        RAX = dividend / divisor;
        RDX = dividend % divisor;
    }
    NEXT;
}

/* |dividend| / |divisor| with the signs put back; false when the quotient does not fit. */
static bool divide_signed_128(uint64_t high, uint64_t low, int64_t divisor, uint64_t *quotient,
                              uint64_t *remainder)
{
    unsigned __int128 magnitude = (unsigned __int128)high << 64 | low;
    uint64_t by = divisor < 0 ? -(uint64_t)divisor : (uint64_t)divisor;
    bool negative = (int64_t)high < 0;

    if (negative) {
        magnitude = -magnitude;
    }
    if (by == 0 || magnitude >> 64 >= by) {
        return false;
    }
    uint64_t result = magnitude / by, rest = magnitude % by;
    bool negative_result = negative != (divisor < 0);
    if (result > (uint64_t)INT64_MAX + negative_result) {
        return false;
    }
    *quotient = negative_result ? -result : result;
    *remainder = negative ? -rest : rest;
    return true;
}

static const Op *idiv_64(Engine *e, const Op *op)
{
    if (!divide_signed_128(RDX, RAX, R64(op->src), &e->r[SLOT_T0], &e->r[SLOT_T1])) {
        divide_error(e, op);
    }
    RAX = e->r[SLOT_T0];
    RDX = e->r[SLOT_T1];
    NEXT;
}

const OpHandlerPtr exec_div[4] = BY_SIZE(div);
const OpHandlerPtr exec_idiv[4] = BY_SIZE(idiv);

/* ---- XADD, CMPXCHG ---- */

#define WRITE_8(offset, value) (R8(offset) = (value))
#define EXCHANGES(bits)                                                                    \
    static const Op *xadd_##bits(Engine *e, const Op *op)                                  \
    {                                                                                      \
        uint##bits##_t a = R##bits(op->dst), b = R##bits(op->src), sum = a + b;            \
        WRITE_##bits(op->src, a);                                                          \
        WRITE_##bits(op->dst, sum);                                                        \
        SET_FLAGS(ADD, bits, sum, b);                                                      \
        NEXT;                                                                              \
    }                                                                                      \
    static const Op *cmpxchg_t0_##bits(Engine *e, const Op *op)                            \
    {                                                                                      \
        uint##bits##_t expected = R##bits(SLOT_OFFSET(X86_RAX)), found = e->r[SLOT_T0];    \
        if (expected == found) {                                                           \
            e->r[SLOT_T0] = R##bits(op->src);                                              \
        } else {                                                                           \
            WRITE_##bits(SLOT_OFFSET(X86_RAX), found);                                     \
        }                                                                                  \
        SET_FLAGS(SUB, bits, (uint##bits##_t)(expected - found), found);                   \
        NEXT;                                                                              \
    }                                                                                      \
    static const Op *cmpxchg_rr_##bits(Engine *e, const Op *op)                            \
    {                                                                                      \
        uint##bits##_t expected = R##bits(SLOT_OFFSET(X86_RAX)), found = R##bits(op->dst); \
        if (expected == found) {                                                           \
            WRITE_##bits(op->dst, R##bits(op->src));                                       \
        } else {                                                                           \
            WRITE_##bits(SLOT_OFFSET(X86_RAX), found);                                     \
        }                                                                                  \
        SET_FLAGS(SUB, bits, (uint##bits##_t)(expected - found), found);                   \
        NEXT;                                                                              \
    }
EXCHANGES(8)
EXCHANGES(16)
EXCHANGES(32)
EXCHANGES(64)
const OpHandlerPtr exec_xadd[4] = BY_SIZE(xadd);
const OpHandlerPtr exec_cmpxchg_t0[4] = BY_SIZE(cmpxchg_t0);
const OpHandlerPtr exec_cmpxchg_rr[4] = BY_SIZE(cmpxchg_rr);

const Op *exec_cmpxchg8b(Engine *e, const Op *op)
{
    uint64_t address = op_address(e, op);
    uint64_t expected = (uint64_t)EDX << 32 | EAX;

    e->op = op;
    uint64_t found = memory_load_for_store(e, address, 8, e->mmu_mode);
    bool equal = found == expected;
    uint64_t replacement = e->r[X86_RCX] << 32 | R32(SLOT_OFFSET(X86_RBX));
    if (!equal) {
        RAX = (uint32_t)found;
        RDX = found >> 32;
    }
    flags_set_zero(e, equal);
    memory_store(e, address, equal ? replacement : found, 8, e->mmu_mode);
    return engine_next_checked(e, op);
}

const Op *exec_cmpxchg16b(Engine *e, const Op *op)
{
    uint64_t address = op_address(e, op);

    e->op = op;
    if (address & 15) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    uint64_t low = memory_load_for_store(e, address, 8, e->mmu_mode);
    uint64_t high = memory_load_for_store(e, address + 8, 8, e->mmu_mode);
    bool equal = low == RAX && high == RDX;
    if (!equal) {
        RAX = low;
        RDX = high;
    }
    flags_set_zero(e, equal);
    memory_store(e, address, equal ? e->r[X86_RBX] : low, 8, e->mmu_mode);
    memory_store(e, address + 8, equal ? e->r[X86_RCX] : high, 8, e->mmu_mode);
    return engine_next_checked(e, op);
}

/* ---- bit tests: CF is the bit, the other flags stay ---- */

static inline void set_carry(Engine *e, bool carry)
{
    flags_set(e, (flags_compute(e) & ~FLAG_CF) | (carry ? FLAG_CF : 0));
}

#define BIT_FORM(name, bits, form, number, result)                                            \
    static const Op *name##_##form##_##bits(Engine *e, const Op *op)                          \
    {                                                                                         \
        unsigned bit = (number) & (bits - 1);                                                 \
        uint##bits##_t value = R##bits(op->dst), mask = (uint##bits##_t)(UINT64_C(1) << bit); \
        set_carry(e, value &mask);                                                            \
        WRITE_##bits(op->dst, result);                                                        \
        NEXT;                                                                                 \
    }
#define BIT_TEST_FORM(bits, form, number)                                \
    static const Op *bt_##form##_##bits(Engine *e, const Op *op)         \
    {                                                                    \
        set_carry(e, (R##bits(op->dst) >> ((number) & (bits - 1))) & 1); \
        NEXT;                                                            \
    }
#define BIT_FORMS(bits)                                                                        \
    BIT_TEST_FORM(bits, rr, R8(op->src))                                                       \
    BIT_TEST_FORM(bits, ri, op->imm)                                                           \
    BIT_FORM(bts, bits, rr, R8(op->src), value | mask)                                         \
    BIT_FORM(bts, bits, ri, op->imm, value | mask)                                             \
    BIT_FORM(btr, bits, rr, R8(op->src), value & ~mask)                                        \
    BIT_FORM(btr, bits, ri, op->imm, value & ~mask)                                            \
    BIT_FORM(btc, bits, rr, R8(op->src), value ^ mask)                                         \
    BIT_FORM(btc, bits, ri, op->imm, value ^ mask)                                             \
    static const Op *bit_address_##bits(Engine *e, const Op *op)                               \
    {                                                                                          \
        int64_t number = (int##bits##_t)R##bits(op->src);                                      \
        e->r[SLOT_ADDRESS] = op_address(e, op) + (number >> __builtin_ctz(bits)) * (bits / 8); \
        NEXT;                                                                                  \
    }
BIT_FORMS(16)
BIT_FORMS(32)
BIT_FORMS(64)
const OpHandlerPtr exec_bit_rr[BIT_OPERATION_COUNT][4] = { BY_SIZE_16(bt_rr), BY_SIZE_16(bts_rr),
                                                           BY_SIZE_16(btr_rr), BY_SIZE_16(btc_rr) };
const OpHandlerPtr exec_bit_ri[BIT_OPERATION_COUNT][4] = { BY_SIZE_16(bt_ri), BY_SIZE_16(bts_ri),
                                                           BY_SIZE_16(btr_ri), BY_SIZE_16(btc_ri) };
const OpHandlerPtr exec_bit_address[4] = BY_SIZE_16(bit_address);

/* ---- flag bits ---- */

const Op *exec_clc(Engine *e, const Op *op)
{
    set_carry(e, false);
    NEXT;
}

const Op *exec_stc(Engine *e, const Op *op)
{
    set_carry(e, true);
    NEXT;
}

const Op *exec_cmc(Engine *e, const Op *op)
{
    set_carry(e, !flags_carry(e));
    NEXT;
}

const Op *exec_cld(Engine *e, const Op *op)
{
    e->eflags &= ~FLAG_DF;
    NEXT;
}

const Op *exec_std(Engine *e, const Op *op)
{
    e->eflags |= FLAG_DF;
    NEXT;
}

/* ---- decimal adjustment (outside 64-bit mode) ---- */

static uint32_t result_flags_8(uint8_t value)
{
    return (value == 0 ? FLAG_ZF : 0) | (value & 0x80 ? FLAG_SF : 0) |
           (__builtin_parity(value) ? 0 : FLAG_PF);
}

static void decimal_adjust(Engine *e, int sign)
{
    uint32_t flags = flags_compute(e);
    uint8_t before = AL;
    bool carry = flags & FLAG_CF, half = (before & 15) > 9 || (flags & FLAG_AF);
    bool carry_out = false;

    if (half) {
        int adjusted = before + sign * 6;
        AL = adjusted;
        carry_out = carry || adjusted < 0 || adjusted > 0xff;
    }
    if (before > 0x99 || carry) {
        AL += sign * 0x60;
        carry_out = true;
    }
    flags_set(e, result_flags_8(AL) | (carry_out ? FLAG_CF : 0) | (half ? FLAG_AF : 0));
}

const Op *exec_daa(Engine *e, const Op *op)
{
    decimal_adjust(e, 1);
    NEXT;
}

const Op *exec_das(Engine *e, const Op *op)
{
    decimal_adjust(e, -1);
    NEXT;
}

static void ascii_adjust(Engine *e, int sign)
{
    bool adjust = (AL & 15) > 9 || (flags_compute(e) & FLAG_AF);

    if (adjust) {
        AX += sign * 6;
        AH += sign;
    }
    AL &= 15;
    flags_set(e, result_flags_8(AL) | (adjust ? FLAG_CF | FLAG_AF : 0));
}

const Op *exec_aaa(Engine *e, const Op *op)
{
    ascii_adjust(e, 1);
    NEXT;
}

const Op *exec_aas(Engine *e, const Op *op)
{
    ascii_adjust(e, -1);
    NEXT;
}

const Op *exec_aam(Engine *e, const Op *op)
{
    uint8_t divisor = op->imm;

    if (divisor == 0) {
        divide_error(e, op);
    }
    uint8_t value = AL;
    AH = value / divisor;
    AL = value % divisor;
    flags_set(e, result_flags_8(AL));
    NEXT;
}

const Op *exec_aad(Engine *e, const Op *op)
{
    AX = (uint8_t)(AL + AH * (uint8_t)op->imm);
    flags_set(e, result_flags_8(AL));
    NEXT;
}

const Op *exec_salc(Engine *e, const Op *op)
{
    AL = flags_carry(e) ? 0xff : 0;
    NEXT;
}
