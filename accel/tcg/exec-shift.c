/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Shifts, rotates, double shifts and bit scans (Intel SDM vol. 2). */
#include "accel/tcg/exec.h"

#define CL R8(SLOT_OFFSET(X86_RCX))

#define BITS 8
#include "accel/tcg/exec-shift-template.h"
#define BITS 16
#include "accel/tcg/exec-shift-template.h"
#define BITS 32
#include "accel/tcg/exec-shift-template.h"
#define BITS 64
#include "accel/tcg/exec-shift-template.h"

#define FLAG_PAIRS(name)                                              \
    {                                                                 \
        { name##_quiet_8, name##_8 }, { name##_quiet_16, name##_16 }, \
            { name##_quiet_32, name##_32 },                           \
        {                                                             \
            name##_quiet_64, name##_64                                \
        }                                                             \
    }
#define BY_SIZE(name)                             \
    {                                             \
        name##_8, name##_16, name##_32, name##_64 \
    }
#define BY_SIZE_16(name)                      \
    {                                         \
        NULL, name##_16, name##_32, name##_64 \
    }
#define ALL_SHIFTS(table, form)                                           \
    {                                                                     \
        [SHIFT_ROL] = table(rol_##form), [SHIFT_ROR] = table(ror_##form), \
        [SHIFT_RCL] = table(rcl_##form), [SHIFT_RCR] = table(rcr_##form), \
        [SHIFT_SHL] = table(shl_##form), [SHIFT_SHR] = table(shr_##form), \
        [SHIFT_SAR] = table(sar_##form),                                  \
    }
const OpHandlerPtr exec_shift_imm[SHIFT_OPERATION_COUNT][4][2] = ALL_SHIFTS(FLAG_PAIRS, imm);
const OpHandlerPtr exec_shift_cl[SHIFT_OPERATION_COUNT][4] = ALL_SHIFTS(BY_SIZE, cl);
const OpHandlerPtr exec_double_shift_imm[2][4] = { BY_SIZE_16(shld_imm), BY_SIZE_16(shrd_imm) };
const OpHandlerPtr exec_double_shift_cl[2][4] = { BY_SIZE_16(shld_cl), BY_SIZE_16(shrd_cl) };
const OpHandlerPtr exec_bsf[4] = BY_SIZE_16(bsf);
const OpHandlerPtr exec_bsr[4] = BY_SIZE_16(bsr);
const OpHandlerPtr exec_popcnt[4] = BY_SIZE_16(popcnt);
