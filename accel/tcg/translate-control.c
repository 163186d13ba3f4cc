/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Translation of jumps, calls, returns and the stack. */
#include "accel/tcg/translate-internal.h"

static unsigned operand_size(const Translator *t)
{
    return t->instruction->info.operand_width / 8;
}

static uint64_t mask_to_operand(const Translator *t, uint64_t pc)
{
    if (t->wide) {
        return pc;
    }
    return operand_size(t) == 2 ? (uint16_t)pc : (uint32_t)pc;
}

/* Where the relative @operand leads. */
static uint64_t jump_target(const Translator *t, const ZydisDecodedOperand *operand)
{
    return mask_to_operand(t, t->next_pc + operand->imm.value.s);
}

/* ---- jumps ---- */

bool translate_jcc(Translator *t, int condition)
{
    emit_jump(t, exec_jcc[condition][condition_class(t, condition)],
              jump_target(t, operand_at(t, 0)));
    emit_jump(t, exec_jump, t->next_pc);
    t->ended = true;
    return true;
}

bool translate_fused(Translator *t, const DecodedInstruction *jump)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    bool test = t->instruction->info.mnemonic == ZYDIS_MNEMONIC_TEST;
    int condition;

    if ((!test && t->instruction->info.mnemonic != ZYDIS_MNEMONIC_CMP) ||
        translate_lookup(jump->info.mnemonic, &condition) != translate_jcc ||
        !operand_is_register(dst) || !(operand_is_register(src) || operand_is_immediate(src))) {
        return false;
    }
    unsigned size = operand_size_index(dst);
    if (operand_is_immediate(src)) {
        emit_imm(t, (test ? exec_test_ri_jcc : exec_cmp_ri_jcc)[condition][size],
                 register_offset(dst->reg.value), src->imm.value.u);
    } else {
        emit_register(t, (test ? exec_test_rr_jcc : exec_cmp_rr_jcc)[condition][size],
                      register_offset(dst->reg.value), register_offset(src->reg.value));
    }
    t->next_pc += jump->info.length;
    t->instruction = jump;
    if (!t->wide) {
        t->next_pc =
            (t->block->flags & BLOCK_CODE_SIZE) == 0 ? (uint16_t)t->next_pc : (uint32_t)t->next_pc;
    }
    emit_jump(t, exec_jump, jump_target(t, &jump->operands[0]));
    emit_jump(t, exec_jump, t->next_pc);
    t->ended = true;
    return true;
}

/* The target of an indirect jump or call, zero-extended, in a 64-bit slot. */
static uint16_t load_target(Translator *t, const ZydisDecodedOperand *operand)
{
    unsigned size = operand_size_index(operand);
    uint16_t from = operand_load(t, operand, T2_OFFSET);

    if (size == SIZE_INDEX_64) {
        return from;
    }
    emit_register(t, exec_movzx_rr[size][SIZE_INDEX_64], T2_OFFSET, from);
    return T2_OFFSET;
}

/* Load a far pointer: offset to T0, selector to T1. */
static void load_far_pointer(Translator *t, const ZydisDecodedOperand *operand)
{
    unsigned size = operand_size(t);

    if (operand->type == ZYDIS_OPERAND_TYPE_POINTER) {
        emit_imm(t, exec_mov_ri[SIZE_INDEX_64], T0_OFFSET, operand->ptr.offset);
        emit_imm(t, exec_mov_ri[SIZE_INDEX_64], T1_OFFSET, operand->ptr.segment);
        return;
    }
    Address address = address_prepare(t, operand, size + 2, false);
    Address selector = address;
    selector.displacement += size;
    if (size == 2) {
        emit_memory(t, exec_movzx_load[SIZE_INDEX_16][SIZE_INDEX_64], &address)->dst = T0_OFFSET;
    } else {
        unsigned index = size == 4 ? SIZE_INDEX_32 : SIZE_INDEX_64;
        emit_memory(t, exec_load[index], &address)->dst = T0_OFFSET;
    }
    emit_memory(t, exec_movzx_load[SIZE_INDEX_16][SIZE_INDEX_64], &selector)->dst = T1_OFFSET;
}

static bool is_far(const Translator *t)
{
    return t->instruction->info.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

bool translate_jmp(Translator *t, int parameter)
{
    const ZydisDecodedOperand *operand = operand_at(t, 0);

    t->ended = true;
    if (is_far(t)) {
        load_far_pointer(t, operand);
        emit_imm(t, exec_far_jump, 0, operand_size(t));
    } else if (operand_is_immediate(operand)) {
        emit_jump(t, exec_jump, jump_target(t, operand));
    } else {
        emit_register(t, exec_jump_src, 0, load_target(t, operand));
    }
    return true;
}

bool translate_call(Translator *t, int parameter)
{
    const ZydisDecodedOperand *operand = operand_at(t, 0);

    t->ended = true;
    if (is_far(t)) {
        load_far_pointer(t, operand);
        emit_imm(t, exec_far_call, 0, operand_size(t));
    } else if (operand_is_immediate(operand)) {
        emit_jump(t, t->wide ? exec_call64 : exec_call_legacy, jump_target(t, operand));
        emit_imm(t, exec_end, 0, operand_size(t));
    } else {
        uint16_t target = load_target(t, operand);
        emit_register(t, t->wide ? exec_call64_src : exec_call_legacy_src, 0, target)->imm =
            operand_size(t);
    }
    return true;
}

bool translate_ret(Translator *t, int parameter)
{
    const ZydisDecodedOperand *operand = operand_at(t, 0);
    uint64_t release = operand_is_immediate(operand) ? operand->imm.value.u & 0xffff : 0;

    t->ended = true;
    if (is_far(t)) {
        emit_imm(t, exec_far_return, 0, operand_size(t) | release << 8);
    } else if (t->wide && operand_size(t) == 8) {
        emit_imm(t, exec_ret64, 0, release)->flags = OP_STACK_SEGMENT;
    } else {
        emit_imm(t, exec_ret_legacy, 0, operand_size(t) | release << 8);
    }
    return true;
}

bool translate_iret(Translator *t, int parameter)
{
    emit_imm(t, exec_iret, 0, operand_size(t));
    t->ended = true;
    return true;
}

bool translate_sysret(Translator *t, int parameter)
{
    emit_imm(t, exec_sysret, 0, operand_size(t) == 8 ? 8 : 4);
    t->ended = true;
    return true;
}

bool translate_sysexit(Translator *t, int parameter)
{
    emit_imm(t, exec_sysexit, 0, operand_size(t) == 8 ? 8 : 4);
    t->ended = true;
    return true;
}

bool translate_loop(Translator *t, int kind)
{
    emit_jump(t, exec_loop, jump_target(t, operand_at(t, 0)));
    emit_jump(t, exec_jump, t->next_pc);
    emit_imm(t, exec_end, 0, kind)->src = t->instruction->info.address_width;
    t->ended = true;
    return true;
}

bool translate_int(Translator *t, int parameter)
{
    emit_imm(t, exec_int, 0, operand_at(t, 0)->imm.value.u & 0xff);
    t->ended = true;
    return true;
}

/* ---- the stack ---- */

/* 64-bit pushes and pops of 64-bit code have forms of their own. */
static bool is_plain_stack(const Translator *t)
{
    return t->wide && operand_size(t) == 8;
}

static void emit_push(Translator *t, uint16_t src)
{
    if (is_plain_stack(t)) {
        emit_register(t, exec_push64, 0, src)->flags = OP_STACK_SEGMENT;
    } else {
        emit_register(t, exec_push_legacy, 0, src)->imm = operand_size(t);
    }
}

bool translate_push(Translator *t, int parameter)
{
    const ZydisDecodedOperand *operand = operand_at(t, 0);

    if (operand_is_immediate(operand)) {
        if (is_plain_stack(t)) {
            emit_imm(t, exec_push64_imm, 0, operand->imm.value.u)->flags = OP_STACK_SEGMENT;
            return true;
        }
        emit_imm(t, exec_mov_ri[SIZE_INDEX_64], T0_OFFSET, operand->imm.value.u);
        emit_push(t, T0_OFFSET);
    } else if (operand_is_register(operand) || operand_is_memory(operand)) {
        emit_push(t, operand_load(t, operand, T2_OFFSET));
    } else {
        emit_imm(t, exec_mov_from_segment, T0_OFFSET, segment_index(operand->reg.value));
        emit_push(t, T0_OFFSET);
    }
    return true;
}

static void emit_pop_memory(Translator *t, const ZydisDecodedOperand *operand)
{
    unsigned width = t->instruction->info.address_width;
    uint64_t mask = width == 16 ? 0xffff : UINT32_MAX;
    Op *op = emit(t, exec_pop_memory);

    if (operand->mem.base == ZYDIS_REGISTER_RIP) {
        op->displacement = operand->mem.disp.value;
        op->flags = OP_ADDRESS_RIP;
    } else {
        if (operand->mem.base != ZYDIS_REGISTER_NONE) {
            op->base = register_offset(operand->mem.base);
        }
        if (operand->mem.disp.has_displacement) {
            op->displacement = operand->mem.disp.value;
        }
    }
    if (operand->mem.index != ZYDIS_REGISTER_NONE) {
        op->index = register_offset(operand->mem.index);
        op->scale = __builtin_ctz(operand->mem.scale);
    }
    if (width == 32) {
        op->flags |= OP_ADDRESS_32;
    }
    op->imm = operand_size(t) | (uint64_t)segment_index(operand->mem.segment) << 8 | mask << 32;
}

bool translate_pop(Translator *t, int parameter)
{
    const ZydisDecodedOperand *operand = operand_at(t, 0);

    if (operand_is_memory(operand)) {
        emit_pop_memory(t, operand);
    } else if (!operand_is_register(operand)) {
        emit_imm(t, exec_pop_segment, 0,
                 segment_index(operand->reg.value) | (uint64_t)operand_size(t) << 8);
    } else if (is_plain_stack(t)) {
        emit_register(t, exec_pop64, register_offset(operand->reg.value), 0)->flags =
            OP_STACK_SEGMENT;
    } else {
        emit_imm(t, exec_pop_legacy, register_offset(operand->reg.value), operand_size(t));
    }
    return true;
}

bool translate_pushf(Translator *t, int parameter)
{
    emit_imm(t, exec_pushf, 0, operand_size(t));
    return true;
}

bool translate_popf(Translator *t, int parameter)
{
    emit_imm(t, exec_popf, 0, operand_size(t));
    return true;
}

bool translate_pusha(Translator *t, int parameter)
{
    emit_imm(t, exec_pusha, 0, operand_size(t));
    return true;
}

bool translate_popa(Translator *t, int parameter)
{
    emit_imm(t, exec_popa, 0, operand_size(t));
    return true;
}

bool translate_enter(Translator *t, int parameter)
{
    emit_imm(t, exec_enter, 0,
             (operand_at(t, 0)->imm.value.u & 0xffff) | (operand_at(t, 1)->imm.value.u & 31) << 16 |
                 (uint64_t)operand_size(t) << 32);
    return true;
}

bool translate_leave(Translator *t, int parameter)
{
    if (is_plain_stack(t)) {
        emit(t, exec_leave64)->flags = OP_STACK_SEGMENT;
    } else {
        emit_imm(t, exec_leave_legacy, 0, operand_size(t));
    }
    return true;
}

bool translate_bound(Translator *t, int parameter)
{
    const ZydisDecodedOperand *limits = operand_at(t, 1);
    unsigned size = operand_size(t);
    Address address = address_prepare(t, limits, 2 * size, false);
    Op *op = emit(t, exec_bound);

    address_apply(op, &address);
    op->dst = register_offset(operand_at(t, 0)->reg.value);
    op->imm = size;
    return true;
}
