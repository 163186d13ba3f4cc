/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Translation of strings, ports and system instructions. */
#include "accel/tcg/translate-internal.h"

static unsigned operand_size(const Translator *t)
{
    return t->instruction->info.operand_width / 8;
}

/* ---- instructions without operands ---- */

/* Handlers by the parameter of translate_simple(); order of SIMPLE_* in translate-table.c. */
static OpHandler *const simple_handlers[] = {
    exec_convert_16, exec_convert_32, exec_convert_64, exec_extend_16, exec_extend_32,
    exec_extend_64,  exec_lahf,       exec_sahf,       exec_clc,       exec_stc,
    exec_cmc,        exec_cld,        exec_std,        exec_cli,       exec_sti,
    exec_clac,       exec_stac,       exec_cpuid,      exec_rdtsc,     exec_rdtscp,
    exec_rdpmc,      exec_rdmsr,      exec_wrmsr,      exec_clts,      exec_invd,
    exec_swapgs,     exec_hlt,        exec_daa,        exec_das,       exec_aaa,
    exec_aas,        exec_salc,       exec_pause,
};

bool translate_simple(Translator *t, int number)
{
    g_assert((size_t)number < G_N_ELEMENTS(simple_handlers));
    emit(t, simple_handlers[number]);
    return true;
}

/* These always go elsewhere. */
static OpHandler *const transfer_handlers[] = {
    exec_syscall,
    exec_sysenter,
    exec_int3,
    exec_int1,
};

bool translate_transfer(Translator *t, int number)
{
    g_assert((size_t)number < G_N_ELEMENTS(transfer_handlers));
    emit(t, transfer_handlers[number]);
    t->ended = true;
    return true;
}

bool translate_legacy_only(Translator *t, int parameter)
{
    emit(t, exec_into);
    return true;
}

bool translate_nop(Translator *t, int parameter)
{
    emit(t, exec_nop);
    return true;
}

bool translate_undefined(Translator *t, int parameter)
{
    emit(t, exec_undefined);
    t->ended = true;
    return true;
}

/* AAM (0) and AAD (1) with their base. */
bool translate_adjust(Translator *t, int multiply)
{
    const ZydisDecodedOperand *base = operand_at(t, 0);

    emit_imm(t, multiply ? exec_aad : exec_aam, 0,
             operand_is_immediate(base) ? base->imm.value.u & 0xff : 10);
    return true;
}

/* ---- strings and ports ---- */

static RepeatKind repeat_kind(const Translator *t, int operation)
{
    ZydisInstructionAttributes attributes = t->instruction->info.attributes;
    bool compares = operation == STRING_SCAS || operation == STRING_CMPS;

    if (attributes & ZYDIS_ATTRIB_HAS_REPNE) {
        return compares ? REPEAT_WHILE_NOT_EQUAL : REPEAT;
    }
    if (attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) {
        return compares ? REPEAT_WHILE_EQUAL : REPEAT;
    }
    return REPEAT_NONE;
}

/* The segment of the source, which a prefix can change. */
static X86SegmentIndex source_segment(const Translator *t)
{
    for (unsigned i = 0; i < t->instruction->info.operand_count; i++) {
        const ZydisDecodedOperand *operand = operand_at(t, i);
        if (operand_is_memory(operand) &&
            (operand->mem.base == ZYDIS_REGISTER_RSI || operand->mem.base == ZYDIS_REGISTER_ESI ||
             operand->mem.base == ZYDIS_REGISTER_SI)) {
            return segment_index(operand->mem.segment);
        }
    }
    return X86_DS;
}

/* @parameter: operation | bytes << 8. MOVSD and CMPSD are also names of vector instructions. */
bool translate_string(Translator *t, int parameter)
{
    unsigned operation = parameter & 0xff, size = parameter >> 8;
    ZydisInstructionCategory category = t->instruction->info.meta.category;

    if (category != ZYDIS_CATEGORY_STRINGOP && category != ZYDIS_CATEGORY_IOSTRINGOP) {
        return translate_vector(t);
    }
    emit_imm(t, exec_string[operation], 0,
             STRING_OPERANDS(size, repeat_kind(t, operation), source_segment(t),
                             t->instruction->info.address_width));
    return true;
}

static uint64_t port_operand(unsigned bytes, const ZydisDecodedOperand *port)
{
    if (operand_is_immediate(port)) {
        return bytes | (port->imm.value.u & 0xff) << 8;
    }
    return bytes | IO_PORT_DX;
}

bool translate_in(Translator *t, int parameter)
{
    emit_imm(t, exec_in, 0, port_operand(operand_at(t, 0)->size / 8, operand_at(t, 1)));
    return true;
}

bool translate_out(Translator *t, int parameter)
{
    emit_imm(t, exec_out, 0, port_operand(operand_at(t, 1)->size / 8, operand_at(t, 0)));
    return true;
}

/* ---- control, debug and segment registers ---- */

static bool translate_mov_segment(Translator *t, const ZydisDecodedOperand *dst,
                                  const ZydisDecodedOperand *src)
{
    if (dst->type == ZYDIS_OPERAND_TYPE_REGISTER &&
        ZydisRegisterGetClass(dst->reg.value) == ZYDIS_REGCLASS_SEGMENT) {
        if (dst->reg.value == ZYDIS_REGISTER_CS) {
            return false;
        }
        uint16_t from = operand_load(t, src, T2_OFFSET);
        emit_imm(t, exec_mov_to_segment, 0, segment_index(dst->reg.value))->src = from;
        return true;
    }
    emit_imm(t, exec_mov_from_segment, T2_OFFSET, segment_index(src->reg.value));
    if (operand_is_register(dst)) {
        unsigned size = operand_size_index(dst);
        emit_register(t, exec_mov_rr[size], register_offset(dst->reg.value), T2_OFFSET);
    } else {
        operand_store(t, dst, T2_OFFSET);
    }
    return true;
}

bool translate_mov_special(Translator *t)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    ZydisRegisterClass to = dst->type == ZYDIS_OPERAND_TYPE_REGISTER
                                ? ZydisRegisterGetClass(dst->reg.value)
                                : ZYDIS_REGCLASS_INVALID;
    ZydisRegisterClass from = src->type == ZYDIS_OPERAND_TYPE_REGISTER
                                  ? ZydisRegisterGetClass(src->reg.value)
                                  : ZYDIS_REGCLASS_INVALID;

    if (to == ZYDIS_REGCLASS_SEGMENT || from == ZYDIS_REGCLASS_SEGMENT) {
        return translate_mov_segment(t, dst, src);
    }
    if (to == ZYDIS_REGCLASS_CONTROL || to == ZYDIS_REGCLASS_DEBUG) {
        bool control = to == ZYDIS_REGCLASS_CONTROL;
        Op *op = emit(t, control ? exec_mov_to_cr : exec_mov_to_dr);
        op->imm = ZydisRegisterGetId(dst->reg.value);
        op->src = register_offset(src->reg.value);
        return true;
    }
    if (from == ZYDIS_REGCLASS_CONTROL || from == ZYDIS_REGCLASS_DEBUG) {
        bool control = from == ZYDIS_REGCLASS_CONTROL;
        emit_imm(t, control ? exec_mov_from_cr : exec_mov_from_dr, register_offset(dst->reg.value),
                 ZydisRegisterGetId(src->reg.value));
        return true;
    }
    return false;
}

bool translate_lmsw(Translator *t, int parameter)
{
    emit_register(t, exec_lmsw, 0, operand_load(t, operand_at(t, 0), T0_OFFSET));
    return true;
}

/* ---- descriptor tables ---- */

/* LGDT, LIDT, SGDT, SIDT. imm: mask of the base in the low half, 64-bit form above. */
bool translate_table(Translator *t, int number)
{
    static OpHandler *const handlers[] = { exec_lgdt, exec_lidt, exec_sgdt, exec_sidt };
    bool stores = number >= 2;
    Address address = address_prepare(t, operand_at(t, 0), t->wide ? 10 : 6, stores);
    Op *op = emit(t, handlers[number]);

    address_apply(op, &address);
    uint64_t mask = operand_size(t) == 2 && !t->wide ? 0xffffff : UINT32_MAX;
    op->imm = mask | (uint64_t)t->wide << 32;
    return true;
}

/* LLDT, LTR, VERR, VERW: a word to look at. */
bool translate_segment_word(Translator *t, int number)
{
    static OpHandler *const handlers[] = { exec_lldt, exec_ltr, exec_verr, exec_verw };

    emit_register(t, handlers[number], 0, operand_load(t, operand_at(t, 0), T0_OFFSET));
    return true;
}

/* SLDT, STR, SMSW: the word comes in T0 and is moved to T2, as the address may need T0. */
bool translate_store_word(Translator *t, int number)
{
    static OpHandler *const handlers[] = { exec_sldt, exec_str, exec_smsw };

    emit(t, handlers[number]);
    emit_register(t, exec_mov_rr[SIZE_INDEX_64], T2_OFFSET, T0_OFFSET);
    operand_store(t, operand_at(t, 0), T2_OFFSET);
    return true;
}

/* LAR, LSL. */
bool translate_descriptor_query(Translator *t, int limit)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    uint16_t from = T0_OFFSET;

    if (operand_is_register(src)) {
        from = register_offset(src->reg.value);
    } else {
        Address address = address_prepare(t, src, 2, false);
        emit_memory(t, exec_load[SIZE_INDEX_16], &address)->dst = T0_OFFSET;
    }
    Op *op = emit_register(t, limit ? exec_lsl : exec_lar, register_offset(dst->reg.value), from);
    op->imm = dst->size / 8;
    return true;
}

bool translate_arpl(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    Address address;
    uint16_t offset = operand_update_begin(t, dst, T0_OFFSET, &address);

    if (offset != T0_OFFSET) {
        emit_register(t, exec_mov_rr[SIZE_INDEX_16], T0_OFFSET, offset);
    }
    emit_register(t, exec_arpl, 0, register_offset(src->reg.value));
    if (offset != T0_OFFSET) {
        emit_register(t, exec_mov_rr[SIZE_INDEX_16], offset, T0_OFFSET);
    }
    operand_update_end(t, dst, T0_OFFSET, &address);
    return true;
}

/* LES, LDS, LSS, LFS, LGS. */
bool translate_far_pointer(Translator *t, int segment)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0);
    unsigned size = operand_size(t);
    Address address = address_prepare(t, operand_at(t, 1), size + 2, false);
    Op *op = emit(t, exec_load_far_pointer);

    address_apply(op, &address);
    op->dst = register_offset(dst->reg.value);
    op->imm = (uint64_t)segment | (uint64_t)size << 8;
    return true;
}

bool translate_invlpg(Translator *t, int parameter)
{
    Address address = address_prepare(t, operand_at(t, 0), 1, false);

    address_apply(emit(t, exec_invlpg), &address);
    return true;
}

/* @parameter: segment | writes << 8 */
bool translate_fsbase(Translator *t, int parameter)
{
    const ZydisDecodedOperand *operand = operand_at(t, 0);
    uint16_t offset = register_offset(operand->reg.value);
    Op *op = emit(t, parameter >> 8 ? exec_wrfsbase : exec_rdfsbase);

    op->dst = offset;
    op->src = offset;
    op->imm = (parameter & 0xff) | (operand->size == 64 ? 0x100 : 0);
    return true;
}

bool translate_rdpid(Translator *t, int parameter)
{
    emit_register(t, exec_rdpid, register_offset(operand_at(t, 0)->reg.value), 0);
    return true;
}
