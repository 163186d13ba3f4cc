/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the translator's files share. */
#pragma once

#include "accel/tcg/exec.h"
#include "accel/tcg/translate.h"

#define FLAGS_KIND_UNKNOWN (-1)
#define FLAGS_KIND_KEEP    (-2)

typedef struct Translator {
    Engine *e;
    Block *block;
    Op *next; /* where the next operation goes */
    const DecodedInstruction *instruction;
    uint64_t next_pc; /* behind the instruction */
    bool wide;        /* 64-bit code */
    /* cc_op as it will be when the instruction begins, or FLAGS_KIND_UNKNOWN. */
    int known_flags;
    /* What the instruction says of it; KEEP: nothing, decide by Zydis' flag tables. */
    int new_flags;
    bool ended; /* the last operation goes elsewhere in any case */
} Translator;

/* Emits the operations of one instruction; false: there is no such instruction (#UD). */
typedef bool TranslateFunction(Translator *t, int parameter);

/* The function for @mnemonic with its parameter, or NULL. */
TranslateFunction *translate_lookup(ZydisMnemonic mnemonic, int *parameter);

/* ---- emitting (translate.c) ---- */

Op *emit(Translator *t, OpHandler *handler);
Op *emit_register(Translator *t, OpHandler *handler, uint16_t dst, uint16_t src);
Op *emit_imm(Translator *t, OpHandler *handler, uint16_t dst, uint64_t imm);
/* A jump operation to @target, not linked yet. */
Op *emit_jump(Translator *t, OpHandler *handler, uint64_t target);

typedef struct Address {
    uint16_t base, index;
    int32_t displacement;
    uint8_t scale, flags;
} Address;

/* Emit what is needed to have the address of @operand (@size bytes, @write) in an Address. */
Address address_prepare(Translator *t, const ZydisDecodedOperand *operand, unsigned size,
                        bool write);
/* The same with @index added to the address (XLAT). */
Address address_prepare_indexed(Translator *t, const ZydisDecodedOperand *operand, unsigned size,
                                bool write, uint16_t index);
void address_apply(Op *op, const Address *address);
/* An operation of a plain/indexed pair on @address. */
Op *emit_memory(Translator *t, const OpHandlerPtr pair[2], const Address *address);

/* ---- operands ---- */

const ZydisDecodedOperand *operand_at(const Translator *t, unsigned n);
bool operand_is_register(const ZydisDecodedOperand *operand);
bool operand_is_memory(const ZydisDecodedOperand *operand);
bool operand_is_immediate(const ZydisDecodedOperand *operand);
/* SIZE_INDEX_* of the operand. */
unsigned operand_size_index(const ZydisDecodedOperand *operand);
/* Offset of a general register in Engine.r. */
uint16_t register_offset(ZydisRegister reg);
bool register_is_general(ZydisRegister reg);
X86SegmentIndex segment_index(ZydisRegister reg);

/* The register's offset, or @temporary after loading memory into it. */
uint16_t operand_load(Translator *t, const ZydisDecodedOperand *operand, uint16_t temporary);
/*
 * For read-modify-write forms: the register's offset, or @temporary after loading memory that can
 * be stored to; operand_update_end() stores it back.
 */
uint16_t operand_update_begin(Translator *t, const ZydisDecodedOperand *operand, uint16_t temporary,
                              Address *address);
void operand_update_end(Translator *t, const ZydisDecodedOperand *operand, uint16_t temporary,
                        const Address *address);
/* Store the register at @offset to a register or memory operand. */
void operand_store(Translator *t, const ZydisDecodedOperand *operand, uint16_t offset);

static inline bool flags_live(const Translator *t)
{
    return t->instruction->flags_live;
}

/* The flags' kind after this instruction, for operand size @size. */
static inline void flags_become(Translator *t, FlagKind kind, unsigned size)
{
    t->new_flags = flags_live(t) ? (int)(kind * 4 + size) : FLAGS_KIND_UNKNOWN;
}

ConditionClass condition_class(const Translator *t, Condition condition);

#define T0_OFFSET SLOT_OFFSET(SLOT_T0)
#define T1_OFFSET SLOT_OFFSET(SLOT_T1)
#define T2_OFFSET SLOT_OFFSET(SLOT_T2)

/* ---- the instructions ---- */

/* translate-integer.c */
TranslateFunction translate_mov, translate_alu, translate_unary, translate_shift,
    translate_double_shift, translate_movzx, translate_movsx, translate_lea, translate_xchg,
    translate_xadd, translate_cmpxchg, translate_cmpxchg_wide, translate_multiply, translate_imul,
    translate_bit, translate_scan, translate_bswap, translate_setcc, translate_cmovcc,
    translate_xlat, translate_movbe;
/* translate-control.c */
TranslateFunction translate_jcc, translate_jmp, translate_call, translate_ret, translate_iret,
    translate_loop, translate_int, translate_push, translate_pop, translate_pushf, translate_popf,
    translate_pusha, translate_popa, translate_enter, translate_leave, translate_bound,
    translate_sysret, translate_sysexit;
/* translate-system.c */
TranslateFunction translate_simple, translate_transfer, translate_legacy_only, translate_string,
    translate_in, translate_out, translate_table, translate_segment_word, translate_store_word,
    translate_descriptor_query, translate_arpl, translate_far_pointer, translate_invlpg,
    translate_fsbase, translate_rdpid, translate_nop, translate_undefined, translate_adjust,
    translate_lmsw;
bool translate_mov_special(Translator *t);
/* translate-vector.c */
bool translate_vector(Translator *t);
bool translate_fpu(Translator *t);
TranslateFunction translate_fxsave, translate_fwait;

/* Fuse CMP or TEST with the conditional jump @jump behind it; false when the forms do not allow. */
bool translate_fused(Translator *t, const DecodedInstruction *jump);
