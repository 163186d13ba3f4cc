/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The operations that the translator can choose from, as tables of handlers. Sizes are indices
 * SIZE_INDEX_8 to SIZE_INDEX_64; [2] for addresses is without and with an index register, for
 * flags without and with setting them.
 *
 * Operands: dst and src are byte offsets into Engine.r; imm is sign-extended to 64 bits.
 */
#pragma once

#include "accel/tcg/flags.h"
#include "accel/tcg/memory.h"

typedef OpHandler *OpHandlerPtr;

/* ---- writing handlers that access memory ---- */

/*
 * Defines NAME_plain, NAME_indexed (fast, without a stack frame) and their twin NAME_slow from
 * one body. The fast forms give up to the twin, which does all of it again, before anything has
 * changed.
 */
#define DEFINE_MEMORY_OP(name)                                                    \
    ALWAYS_INLINE const Op *name##_body(Engine *e, const Op *op, const bool slow, \
                                        const bool indexed, OpHandler *twin);     \
    static COLD const Op *name##_slow(Engine *e, const Op *op)                    \
    {                                                                             \
        return name##_body(e, op, true, true, NULL);                              \
    }                                                                             \
    static const Op *name##_plain(Engine *e, const Op *op)                        \
    {                                                                             \
        return name##_body(e, op, false, false, name##_slow);                     \
    }                                                                             \
    static G_GNUC_UNUSED const Op *name##_indexed(Engine *e, const Op *op)        \
    {                                                                             \
        return name##_body(e, op, false, true, name##_slow);                      \
    }                                                                             \
    ALWAYS_INLINE const Op *name##_body(Engine *e, const Op *op, const bool slow, \
                                        const bool indexed, OpHandler *twin)
#define MEMORY_OP_PAIR(name)         \
    {                                \
        name##_plain, name##_indexed \
    }

#define EFFECTIVE_ADDRESS \
    (R64(op->base) + (int64_t)op->displacement + (indexed ? R64(op->index) << op->scale : 0))

#define UINT_(bits)  uint##bits##_t
#define UINT(bits)   UINT_(bits)
#define GUEST_(bits) guest_uint##bits##_t
#define GUEST(bits)  GUEST_(bits)
#define INT_(bits)   int##bits##_t
#define INT(bits)    INT_(bits)

#define LOAD(bits, value, address)                                     \
    do {                                                               \
        if (slow) {                                                    \
            (value) = op_load_slow(e, op, (address), (bits) / 8);      \
        } else {                                                       \
            const uint8_t *host_ = tlb_read(e, (address), (bits) / 8); \
            if (unlikely(!host_)) {                                    \
                return twin(e, op);                                    \
            }                                                          \
            (value) = *(const GUEST(bits) *)host_;                     \
        }                                                              \
    } while (0)

#define STORE(bits, address, value)                               \
    do {                                                          \
        if (slow) {                                               \
            op_store_slow(e, op, (address), (value), (bits) / 8); \
        } else {                                                  \
            uint8_t *host_ = tlb_write(e, (address), (bits) / 8); \
            if (unlikely(!host_)) {                               \
                return twin(e, op);                               \
            }                                                     \
            *(GUEST(bits) *)host_ = (value);                      \
        }                                                         \
    } while (0)

/* Load what UPDATE() then stores; all faults happen here. */
#define LOAD_FOR_UPDATE(bits, value, address)                               \
    uint8_t *update_host = NULL;                                            \
    do {                                                                    \
        if (slow) {                                                         \
            (value) = op_load_for_store_slow(e, op, (address), (bits) / 8); \
        } else {                                                            \
            update_host = tlb_write(e, (address), (bits) / 8);              \
            if (unlikely(!update_host)) {                                   \
                return twin(e, op);                                         \
            }                                                               \
            (value) = *(const GUEST(bits) *)update_host;                    \
        }                                                                   \
    } while (0)
#define UPDATE(bits, address, value)                              \
    do {                                                          \
        if (slow) {                                               \
            op_store_slow(e, op, (address), (value), (bits) / 8); \
        } else {                                                  \
            *(GUEST(bits) *)update_host = (value);                \
        }                                                         \
    } while (0)

#define NEXT_AFTER_STORE                       \
    do {                                       \
        if (slow) {                            \
            return engine_next_checked(e, op); \
        }                                      \
        NEXT;                                  \
    } while (0)

/* The address of @op's memory operand, with or without an index. */
static inline uint64_t op_address(Engine *e, const Op *op)
{
    return R64(op->base) + (R64(op->index) << op->scale) + (int64_t)op->displacement;
}

/* Write a general register of @size bytes: 2, or 4 and 8, which fill all of it. */
static inline void op_write_sized(Engine *e, uint16_t offset, uint64_t value, unsigned size)
{
    if (size == 2) {
        R16(offset) = value;
    } else {
        R64(offset) = value;
    }
}

/* Follow the link of the jump @op. */
const Op *engine_link(Engine *e, const Op *op);
ALWAYS_INLINE const Op *engine_follow(Engine *e, const Op *op)
{
    if (likely(op->link_generation == e->generation_global ||
               op->link_generation == e->generation_local)) {
        return engine_enter(e, op->link);
    }
    return engine_link(e, op);
}

/* ---- moves and addresses (exec-move.c) ---- */

extern const OpHandlerPtr exec_mov_rr[4], exec_mov_ri[4];
extern const OpHandlerPtr exec_load[4][2], exec_store[4][2], exec_store_imm[4][2];
extern const OpHandlerPtr exec_load_for_store[4][2]; /* faults as a store would */
/* [from][to], from < to */
extern const OpHandlerPtr exec_movzx_rr[3][4], exec_movsx_rr[3][4];
extern const OpHandlerPtr exec_movzx_load[3][4][2], exec_movsx_load[3][4][2];
extern const OpHandlerPtr exec_lea[4][2]; /* [size]: SIZE_INDEX_16 to SIZE_INDEX_64 */
extern const OpHandlerPtr exec_xchg_rr[4];
extern const OpHandlerPtr exec_bswap[4];
extern const OpHandlerPtr exec_cmov_t1[4]; /* dst = src if T1 != 0; the 32-bit form zero-extends */
OpHandler exec_nop;
OpHandler exec_address_absolute; /* SLOT_ADDRESS = imm */
OpHandler exec_address_compute;  /* SLOT_ADDRESS = the operand's address, 64 bits */
OpHandler exec_address_compute32;
/* SLOT_ADDRESS = linear address in a checked segment; imm from ADDRESS_LEGACY(). */
OpHandler exec_address_legacy;
#define ADDRESS_LEGACY(segment, size, write, mask) \
    ((uint64_t)(segment) | (uint64_t)(size) << 8 | (uint64_t)(write) << 24 | (uint64_t)(mask) << 32)
OpHandler exec_convert_16, exec_convert_32, exec_convert_64; /* CBW, CWDE, CDQE */
OpHandler exec_extend_16, exec_extend_32, exec_extend_64;    /* CWD, CDQ, CQO */
OpHandler exec_xlat_t0;                                      /* AL = T0 */
OpHandler exec_lahf, exec_sahf;

/* ---- arithmetic and logic (exec-alu.c) ---- */

typedef enum ALUOperation {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP,
    ALU_TEST,
    ALU_OPERATION_COUNT,
} ALUOperation;

/* [operation][size][flags]: dst = dst OP src or imm. */
extern const OpHandlerPtr exec_alu_rr[ALU_OPERATION_COUNT][4][2];
extern const OpHandlerPtr exec_alu_ri[ALU_OPERATION_COUNT][4][2];
/* [operation][size][indexed]: dst = dst OP memory; memory = memory OP src or imm. */
extern const OpHandlerPtr exec_alu_load[ALU_OPERATION_COUNT][4][2];
extern const OpHandlerPtr exec_alu_store[ALU_OPERATION_COUNT][4][2];
extern const OpHandlerPtr exec_alu_store_imm[ALU_OPERATION_COUNT][4][2];

typedef enum UnaryOperation {
    UNARY_INC,
    UNARY_DEC,
    UNARY_NEG,
    UNARY_NOT,
    UNARY_OPERATION_COUNT,
} UnaryOperation;
extern const OpHandlerPtr exec_unary[UNARY_OPERATION_COUNT][4][2]; /* [operation][size][flags] */
extern const OpHandlerPtr exec_unary_store[UNARY_OPERATION_COUNT][4][2]; /* ...[indexed] */

/* INC (0) and DEC (1) of a register, flags included, where what CF was is known in advance. */
typedef enum StepCarry {
    STEP_CARRY_CLEAR,
    STEP_CARRY_KEEP, /* cc_b is 0 or 1 and says it */
    STEP_CARRY_COUNT,
} StepCarry;
extern const OpHandlerPtr exec_step[2][STEP_CARRY_COUNT][4];

/* ---- shifts (exec-shift.c) ---- */

typedef enum ShiftOperation {
    SHIFT_ROL,
    SHIFT_ROR,
    SHIFT_RCL,
    SHIFT_RCR,
    SHIFT_SHL,
    SHIFT_SHR,
    SHIFT_SAR,
    SHIFT_OPERATION_COUNT,
} ShiftOperation;
/* dst shifted by imm (masked, not 0) [operation][size][flags]; by CL. */
extern const OpHandlerPtr exec_shift_imm[SHIFT_OPERATION_COUNT][4][2];
extern const OpHandlerPtr exec_shift_cl[SHIFT_OPERATION_COUNT][4];
/* [right][size]: dst with src, by imm (masked, may be 0) or by CL. */
extern const OpHandlerPtr exec_double_shift_imm[2][4], exec_double_shift_cl[2][4];
/* BSF, BSR, POPCNT [size]: dst from src. */
extern const OpHandlerPtr exec_bsf[4], exec_bsr[4], exec_popcnt[4];

/* ---- multiplication and other arithmetic (exec-arith.c) ---- */

extern const OpHandlerPtr exec_mul[4], exec_imul[4], exec_div[4], exec_idiv[4]; /* by src */
extern const OpHandlerPtr exec_imul_rr[4][2]; /* dst *= src [size][flags] */
extern const OpHandlerPtr exec_imul_rri[4];   /* dst = src * imm */
extern const OpHandlerPtr exec_xadd[4];       /* dst, src = dst + src, dst */
/* T0 is the destination's value: T0 = src or as it was, the accumulator = T0 if they differ. */
extern const OpHandlerPtr exec_cmpxchg_t0[4], exec_cmpxchg_rr[4];
OpHandler exec_cmpxchg8b, exec_cmpxchg16b; /* memory operand */
/* BT, BTS, BTR, BTC of dst; bit number in src or imm (masked by the operand size). */
typedef enum BitOperation {
    BIT_TEST,
    BIT_SET,
    BIT_RESET,
    BIT_COMPLEMENT,
    BIT_OPERATION_COUNT
} BitOperation;
extern const OpHandlerPtr exec_bit_rr[BIT_OPERATION_COUNT][4], exec_bit_ri[BIT_OPERATION_COUNT][4];
/* SLOT_ADDRESS = address of the word of a bit string that bit src of the operand lies in. */
extern const OpHandlerPtr exec_bit_address[4];
OpHandler exec_clc, exec_stc, exec_cmc, exec_cld, exec_std;
OpHandler exec_daa, exec_das, exec_aaa, exec_aas, exec_aam, exec_aad, exec_salc;

/* ---- conditions (exec-branch.c) ---- */

/* What is known of the flags when a condition is tested. */
typedef enum ConditionClass {
    CONDITION_CLASS_ANY,
    CONDITION_CLASS_SUB, /* + size */
    CONDITION_CLASS_LOGIC = CONDITION_CLASS_SUB + 4,
    CONDITION_CLASS_COUNT = CONDITION_CLASS_LOGIC + 4,
} ConditionClass;
extern const OpHandlerPtr exec_jcc[16][CONDITION_CLASS_COUNT];
extern const OpHandlerPtr exec_setcc[16][CONDITION_CLASS_COUNT]; /* byte at dst */
/* Compare or test dst with src or imm, then jump: the two jumps behind it, taken and not. */
extern const OpHandlerPtr exec_cmp_rr_jcc[16][4], exec_cmp_ri_jcc[16][4]; /* [condition][size] */
extern const OpHandlerPtr exec_test_rr_jcc[16][4], exec_test_ri_jcc[16][4];
OpHandler exec_jump;     /* to the link */
OpHandler exec_jump_src; /* to r[src] */
OpHandler exec_call64, exec_call64_src, exec_ret64;
OpHandler exec_call_legacy, exec_call_legacy_src, exec_ret_legacy;
OpHandler exec_loop;
typedef enum LoopKind { LOOP_ALWAYS, LOOP_WHILE_EQUAL, LOOP_WHILE_NOT_EQUAL, LOOP_JCXZ } LoopKind;
OpHandler exec_end; /* leave the block; RIP is this operation's */
OpHandler exec_push64, exec_push64_imm, exec_pop64;
/* Any mode; imm: bytes. */
OpHandler exec_push_legacy, exec_pop_legacy;
OpHandler exec_pop_memory; /* to the memory operand, whose address uses RSP as it will be */
OpHandler exec_pop_segment;
OpHandler exec_pusha, exec_popa, exec_enter, exec_leave64, exec_leave_legacy;
OpHandler exec_bound;

/* ---- strings and ports (exec-string.c) ---- */

typedef enum StringOperation {
    STRING_MOVS,
    STRING_STOS,
    STRING_LODS,
    STRING_SCAS,
    STRING_CMPS,
    STRING_INS,
    STRING_OUTS,
} StringOperation;
typedef enum RepeatKind {
    REPEAT_NONE,
    REPEAT,
    REPEAT_WHILE_EQUAL,
    REPEAT_WHILE_NOT_EQUAL
} RepeatKind;
extern const OpHandlerPtr exec_string[7];
/* imm of a string operation. */
#define STRING_OPERANDS(size, repeat, segment, address_bits)                  \
    ((uint64_t)(size) | (uint64_t)(repeat) << 8 | (uint64_t)(segment) << 16 | \
     (uint64_t)(address_bits) << 24)
OpHandler exec_in, exec_out; /* imm: bytes | port << 8, or IO_PORT_DX */
#define IO_PORT_DX (UINT64_C(1) << 32)

/* ---- exceptions, system (exec-system.c, exec-control.c) ---- */

OpHandler exec_undefined;
OpHandler exec_protection_fault;
OpHandler exec_far_jump, exec_far_call; /* pointer in T0 (offset) and T1 (selector); imm: bytes */
OpHandler exec_far_return, exec_iret;   /* imm: bytes | release << 8 */
OpHandler exec_syscall, exec_sysret, exec_sysenter, exec_sysexit;
OpHandler exec_int, exec_int3, exec_into, exec_int1;
OpHandler exec_hlt, exec_pause, exec_pushf, exec_popf, exec_cli, exec_sti, exec_clac, exec_stac;
OpHandler exec_cpuid, exec_rdtsc, exec_rdtscp, exec_rdpmc, exec_rdmsr, exec_wrmsr;
OpHandler exec_mov_from_cr, exec_mov_to_cr, exec_mov_from_dr, exec_mov_to_dr;
OpHandler exec_lmsw, exec_smsw, exec_clts, exec_invlpg, exec_invd;
OpHandler exec_lgdt, exec_lidt, exec_sgdt, exec_sidt; /* memory operand; imm: 2 + 4 or 2 + 8 */
OpHandler exec_lldt, exec_ltr, exec_sldt, exec_str;
OpHandler exec_lar, exec_lsl, exec_verr, exec_verw, exec_arpl;
OpHandler exec_mov_from_segment; /* dst (64 bits) = selector imm */
OpHandler exec_mov_to_segment;   /* segment imm = src */
OpHandler exec_load_far_pointer; /* LDS...: memory; imm: segment | bytes << 8; dst */
OpHandler exec_swapgs, exec_rdfsbase, exec_wrfsbase, exec_rdpid;

/* ---- vector and x87 (exec-vector.c, exec-fpu.c) ---- */

OpHandler exec_vector, exec_vector_registers, exec_vector_load, exec_vector_store, exec_fpu,
    exec_fwait, exec_emms, exec_fxsave, exec_fxrstor;
