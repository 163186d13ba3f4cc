/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT in all forms and sizes. */
#include "accel/tcg/exec.h"

#define BITS 8
#include "accel/tcg/exec-alu-template.h"
#define BITS 16
#include "accel/tcg/exec-alu-template.h"
#define BITS 32
#include "accel/tcg/exec-alu-template.h"
#define BITS 64
#include "accel/tcg/exec-alu-template.h"

#define FLAG_PAIR(name, bits)              \
    {                                      \
        name##_quiet_##bits, name##_##bits \
    }
#define FLAG_PAIRS(name)                                                                  \
    {                                                                                     \
        FLAG_PAIR(name, 8), FLAG_PAIR(name, 16), FLAG_PAIR(name, 32), FLAG_PAIR(name, 64) \
    }
#define MEMORY_PAIRS(name)                                                              \
    {                                                                                   \
        MEMORY_OP_PAIR(name##_8), MEMORY_OP_PAIR(name##_16), MEMORY_OP_PAIR(name##_32), \
            MEMORY_OP_PAIR(name##_64)                                                   \
    }
#define ALL_OPERATIONS(table, compare, form)                                                       \
    {                                                                                              \
        [ALU_ADD] = table(add_##form), [ALU_OR] = table(or_##form), [ALU_ADC] = table(adc_##form), \
        [ALU_SBB] = table(sbb_##form), [ALU_AND] = table(and_##form),                              \
        [ALU_SUB] = table(sub_##form), [ALU_XOR] = table(xor_##form),                              \
        [ALU_CMP] = compare(cmp_##form), [ALU_TEST] = compare(test_##form),                        \
    }
/* CMP and TEST exist for their flags alone. */
#define COMPARE_PAIRS(name)                                           \
    {                                                                 \
        { NULL, name##_8 }, { NULL, name##_16 }, { NULL, name##_32 }, \
        {                                                             \
            NULL, name##_64                                           \
        }                                                             \
    }

const OpHandlerPtr exec_alu_rr[ALU_OPERATION_COUNT][4][2] =
    ALL_OPERATIONS(FLAG_PAIRS, COMPARE_PAIRS, rr);
const OpHandlerPtr exec_alu_ri[ALU_OPERATION_COUNT][4][2] =
    ALL_OPERATIONS(FLAG_PAIRS, COMPARE_PAIRS, ri);
const OpHandlerPtr exec_alu_load[ALU_OPERATION_COUNT][4][2] =
    ALL_OPERATIONS(MEMORY_PAIRS, MEMORY_PAIRS, load);
const OpHandlerPtr exec_alu_store[ALU_OPERATION_COUNT][4][2] =
    ALL_OPERATIONS(MEMORY_PAIRS, MEMORY_PAIRS, store);
const OpHandlerPtr exec_alu_store_imm[ALU_OPERATION_COUNT][4][2] =
    ALL_OPERATIONS(MEMORY_PAIRS, MEMORY_PAIRS, store_imm);

#define UNARY_TABLE(table, form)                                          \
    {                                                                     \
        [UNARY_INC] = table(inc_##form), [UNARY_DEC] = table(dec_##form), \
        [UNARY_NEG] = table(neg_##form), [UNARY_NOT] = table(not_##form), \
    }
const OpHandlerPtr exec_unary[UNARY_OPERATION_COUNT][4][2] = UNARY_TABLE(FLAG_PAIRS, r);
const OpHandlerPtr exec_unary_store[UNARY_OPERATION_COUNT][4][2] = UNARY_TABLE(MEMORY_PAIRS, store);

#define STEP_SIZES(name)                          \
    {                                             \
        name##_8, name##_16, name##_32, name##_64 \
    }
const OpHandlerPtr exec_step[2][STEP_CARRY_COUNT][4] = {
    { STEP_SIZES(inc_clear), STEP_SIZES(inc_keep) },
    { STEP_SIZES(dec_clear), STEP_SIZES(dec_keep) },
};
