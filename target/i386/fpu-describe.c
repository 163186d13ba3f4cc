/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The x87 opcode map (Intel SDM vol. 2, appendix A.5) as tables of operand shapes. */
#include "target/i386/fpu-internal.h"

/* Memory forms: what becomes of the operand. */
typedef enum FPUAccess {
    FPU_UNDEFINED,
    FPU_READ,
    FPU_WRITE,
    FPU_READ_CONTROL,      /* FLDCW */
    FPU_WRITE_CONTROL,     /* FNSTCW, FNSTSW */
    FPU_READ_ENVIRONMENT,  /* FLDENV, FRSTOR: the size depends on the operand size */
    FPU_WRITE_ENVIRONMENT, /* FNSTENV, FNSAVE */
} FPUAccess;

typedef struct FPUMemoryForm {
    uint8_t bytes; /* environments: those of the 32-bit form */
    uint8_t access;
} FPUMemoryForm;

#define ALL(bytes)                                                                          \
    {                                                                                       \
        { bytes, FPU_READ }, { bytes, FPU_READ }, { bytes, FPU_READ }, { bytes, FPU_READ }, \
            { bytes, FPU_READ }, { bytes, FPU_READ }, { bytes, FPU_READ },                  \
        {                                                                                   \
            bytes, FPU_READ                                                                 \
        }                                                                                   \
    }

#define ENVIRONMENT_BYTES 28
#define SAVE_BYTES        108

/* [opcode & 7][ModRM.reg] */
static const FPUMemoryForm memory_forms[8][8] = {
    ALL(4),
    { { 4, FPU_READ },
      { 0, FPU_UNDEFINED },
      { 4, FPU_WRITE },
      { 4, FPU_WRITE },
      { ENVIRONMENT_BYTES, FPU_READ_ENVIRONMENT },
      { 2, FPU_READ_CONTROL },
      { ENVIRONMENT_BYTES, FPU_WRITE_ENVIRONMENT },
      { 2, FPU_WRITE_CONTROL } },
    ALL(4),
    { { 4, FPU_READ },
      { 4, FPU_WRITE },
      { 4, FPU_WRITE },
      { 4, FPU_WRITE },
      { 0, FPU_UNDEFINED },
      { 10, FPU_READ },
      { 0, FPU_UNDEFINED },
      { 10, FPU_WRITE } },
    ALL(8),
    { { 8, FPU_READ },
      { 8, FPU_WRITE },
      { 8, FPU_WRITE },
      { 8, FPU_WRITE },
      { SAVE_BYTES, FPU_READ_ENVIRONMENT },
      { 0, FPU_UNDEFINED },
      { SAVE_BYTES, FPU_WRITE_ENVIRONMENT },
      { 2, FPU_WRITE_CONTROL } },
    ALL(2),
    { { 2, FPU_READ },
      { 2, FPU_WRITE },
      { 2, FPU_WRITE },
      { 2, FPU_WRITE },
      { 10, FPU_READ },
      { 8, FPU_READ },
      { 10, FPU_WRITE },
      { 8, FPU_WRITE } },
};

/*
 * Register forms: [opcode & 7], bit n: ModRM C0 + n exists. The doubles that processors have
 * always executed without documentation (FSTP at D9 D8, FFREEP, ...) are among them.
 */
static const uint64_t register_forms[8] = {
    0xffffffffffffffff, /* D8 */
    0xffff7f33ff01ffff, /* D9: not D1-D7, E2, E3, E6, E7, EF */
    0x00000200ffffffff, /* DA: FCMOVcc, FUCOMPP */
    0x00ffff1fffffffff, /* DB: FCMOVNcc, E0-E4, FUCOMI, FCOMI */
    0xffffffffffffffff, /* DC */
    0x0000ffffffffffff, /* DD: FFREE, FXCH, FST, FSTP, FUCOM, FUCOMP */
    0xffffffff02ffffff, /* DE: FADDP, FMULP, FCOMP, FCOMPP, FSUBRP ... FDIVP */
    0x00ffff01ffffffff, /* DF: FFREEP, FXCH, FSTP, FNSTSW AX, FUCOMIP, FCOMIP */
};

static bool describe_memory(X86FPUOp *op, unsigned operand_bits)
{
    const FPUMemoryForm *form = &memory_forms[op->opcode & 7][op->modrm >> 3 & 7];
    bool environment =
        form->access == FPU_READ_ENVIRONMENT || form->access == FPU_WRITE_ENVIRONMENT;

    op->memory_bytes = form->bytes;
    op->wide = operand_bits != 16;
    if (environment && !op->wide) {
        op->memory_bytes -= ENVIRONMENT_BYTES / 2;
    }
    op->memory_read = form->access == FPU_READ || form->access == FPU_READ_CONTROL ||
                      form->access == FPU_READ_ENVIRONMENT;
    op->memory_written = form->access != FPU_UNDEFINED && !op->memory_read;
    op->is_control = form->access != FPU_READ && form->access != FPU_WRITE;
    op->waits = !(op->is_control && op->memory_written);
    return form->access != FPU_UNDEFINED;
}

static bool describe_register(X86FPUOp *op)
{
    unsigned row = op->opcode & 7;
    unsigned group = op->modrm >> 3 & 7;

    /* FENI, FDISI, FNCLEX, FNINIT, FSETPM; FNSTSW AX */
    op->is_control = (row == 3 && group == 4) || (row == 7 && op->modrm == 0xe0);
    op->waits = !op->is_control;
    op->reads_flags = (row == 2 || row == 3) && group < 4;
    op->writes_flags = (row == 3 || row == 7) && (group == 5 || group == 6);
    return register_forms[row] >> (op->modrm & 0x3f) & 1;
}

bool x86_fpu_op_describe(X86FPUOp *op, uint8_t opcode, uint8_t modrm, unsigned operand_bits)
{
    *op = (X86FPUOp){ .opcode = opcode, .modrm = modrm };
    if (opcode < 0xd8 || opcode > 0xdf) {
        return false;
    }
    return modrm >= 0xc0 ? describe_register(op) : describe_memory(op, operand_bits);
}
