/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Translation of moves, arithmetic, shifts and bit instructions. */
#include "accel/tcg/translate-internal.h"

#define RAX_OFFSET SLOT_OFFSET(X86_RAX)

static unsigned operand_bytes(const ZydisDecodedOperand *operand)
{
    return operand->size / 8;
}

/* ---- moves ---- */

bool translate_mov(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned size = operand_size_index(dst);

    if (operand_is_register(dst) && operand_is_register(src)) {
        emit_register(t, exec_mov_rr[size], register_offset(dst->reg.value),
                      register_offset(src->reg.value));
    } else if (operand_is_register(dst) && operand_is_immediate(src)) {
        emit_imm(t, exec_mov_ri[size], register_offset(dst->reg.value), src->imm.value.u);
    } else if (operand_is_register(dst) && operand_is_memory(src)) {
        Address address = address_prepare(t, src, operand_bytes(src), false);
        emit_memory(t, exec_load[size], &address)->dst = register_offset(dst->reg.value);
    } else if (operand_is_memory(dst) && operand_is_register(src)) {
        Address address = address_prepare(t, dst, operand_bytes(dst), true);
        emit_memory(t, exec_store[size], &address)->src = register_offset(src->reg.value);
    } else if (operand_is_memory(dst) && operand_is_immediate(src)) {
        Address address = address_prepare(t, dst, operand_bytes(dst), true);
        emit_memory(t, exec_store_imm[size], &address)->imm = src->imm.value.u;
    } else {
        return translate_mov_special(t);
    }
    return true;
}

/* MOVBE: load or store with the bytes reversed. */
bool translate_movbe(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned size = operand_size_index(dst);

    emit_register(t, exec_mov_rr[size], T2_OFFSET, operand_load(t, src, T2_OFFSET));
    if (size == SIZE_INDEX_16) {
        /* BSWAP has no 16-bit form: rotate. */
        emit_imm(t, exec_shift_imm[SHIFT_ROL][size][0], T2_OFFSET, 8);
    } else {
        emit_register(t, exec_bswap[size], T2_OFFSET, 0);
    }
    operand_store(t, dst, T2_OFFSET);
    return true;
}

static bool translate_extension(Translator *t, const OpHandlerPtr registers[3][4],
                                const OpHandlerPtr loads[3][4][2])
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned from = operand_size_index(src), to = operand_size_index(dst);
    uint16_t offset = register_offset(dst->reg.value);

    if (from >= to) {
        /* MOVSXD with a small operand size is a plain move. */
        emit_register(t, exec_mov_rr[to], offset, operand_load(t, src, T0_OFFSET));
    } else if (operand_is_register(src)) {
        emit_register(t, registers[from][to], offset, register_offset(src->reg.value));
    } else {
        Address address = address_prepare(t, src, operand_bytes(src), false);
        emit_memory(t, loads[from][to], &address)->dst = offset;
    }
    return true;
}

bool translate_movzx(Translator *t, int parameter)
{
    return translate_extension(t, exec_movzx_rr, exec_movzx_load);
}

bool translate_movsx(Translator *t, int parameter)
{
    return translate_extension(t, exec_movsx_rr, exec_movsx_load);
}

bool translate_lea(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned size = operand_size_index(dst), width = t->instruction->info.address_width;
    uint16_t offset = register_offset(dst->reg.value);
    Address address = { .base = SLOT_OFFSET(SLOT_ZERO), .index = SLOT_OFFSET(SLOT_ZERO) };
    int64_t displacement = src->mem.disp.has_displacement ? src->mem.disp.value : 0;

    if (src->mem.base == ZYDIS_REGISTER_RIP || src->mem.base == ZYDIS_REGISTER_EIP) {
        uint64_t value = displacement + t->next_pc;
        emit_imm(t, exec_mov_ri[size], offset, width == 32 ? (uint32_t)value : value);
        return true;
    }
    if (src->mem.base != ZYDIS_REGISTER_NONE) {
        address.base = register_offset(src->mem.base);
    }
    if (src->mem.index != ZYDIS_REGISTER_NONE) {
        address.index = register_offset(src->mem.index);
        address.scale = __builtin_ctz(src->mem.scale);
    }
    address.displacement = displacement;
    if (width >= (8u << size)) {
        emit_memory(t, exec_lea[size], &address)->dst = offset;
        return true;
    }
    /* The address is narrower than the register. */
    address_apply(emit(t, exec_address_compute), &address);
    unsigned from = width == 16 ? SIZE_INDEX_16 : SIZE_INDEX_32;
    emit_register(t, exec_movzx_rr[from][size], offset, SLOT_OFFSET(SLOT_ADDRESS));
    return true;
}

/*
 * The register at @changed gets a new value before memory is stored: if the address depends on it,
 * work it out now.
 */
static void pin_address(Translator *t, Address *address, uint16_t changed)
{
    if (address->base != (changed & ~7u) && address->index != (changed & ~7u)) {
        return;
    }
    address_apply(emit(t, exec_address_compute), address);
    address->base = SLOT_OFFSET(SLOT_ADDRESS);
    address->index = SLOT_OFFSET(SLOT_ZERO);
    address->displacement = 0;
    address->scale = 0;
}

/* operand_update_begin() for instructions that also write the register at @changed. */
static uint16_t exchange_begin(Translator *t, const ZydisDecodedOperand *operand, Address *address,
                               uint16_t changed)
{
    if (operand_is_register(operand)) {
        return register_offset(operand->reg.value);
    }
    *address = address_prepare(t, operand, operand_bytes(operand), true);
    pin_address(t, address, changed);
    emit_memory(t, exec_load_for_store[operand_size_index(operand)], address)->dst = T0_OFFSET;
    return T0_OFFSET;
}

bool translate_xchg(Translator *t, int parameter)
{
    const ZydisDecodedOperand *a = operand_at(t, 0), *b = operand_at(t, 1);
    unsigned size = operand_size_index(a);
    Address address;

    if (operand_is_memory(b)) {
        const ZydisDecodedOperand *swap = a;
        a = b;
        b = swap;
    }
    uint16_t other = register_offset(b->reg.value);
    uint16_t offset = exchange_begin(t, a, &address, other);
    emit_register(t, exec_xchg_rr[size], offset, other);
    operand_update_end(t, a, T0_OFFSET, &address);
    return true;
}

bool translate_xadd(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    Address address;
    uint16_t other = register_offset(src->reg.value);
    uint16_t offset = exchange_begin(t, dst, &address, other);

    emit_register(t, exec_xadd[operand_size_index(dst)], offset, other);
    operand_update_end(t, dst, T0_OFFSET, &address);
    t->new_flags = FLAG_KIND_ADD * 4 + operand_size_index(dst);
    return true;
}

bool translate_cmpxchg(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned size = operand_size_index(dst);
    uint16_t from = register_offset(src->reg.value);
    Address address;

    t->new_flags = FLAG_KIND_SUB * 4 + size;
    if (operand_is_register(dst)) {
        emit_register(t, exec_cmpxchg_rr[size], register_offset(dst->reg.value), from);
        return true;
    }
    exchange_begin(t, dst, &address, RAX_OFFSET);
    emit_register(t, exec_cmpxchg_t0[size], 0, from);
    operand_update_end(t, dst, T0_OFFSET, &address);
    return true;
}

bool translate_cmpxchg_wide(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0);
    Address address = address_prepare(t, dst, operand_bytes(dst), true);

    address_apply(emit(t, parameter == 16 ? exec_cmpxchg16b : exec_cmpxchg8b), &address);
    return true;
}

bool translate_bswap(Translator *t, int parameter)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0);

    emit_register(t, exec_bswap[operand_size_index(dst)], register_offset(dst->reg.value), 0);
    return true;
}

bool translate_xlat(Translator *t, int parameter)
{
    emit_register(t, exec_movzx_rr[SIZE_INDEX_8][SIZE_INDEX_64], T1_OFFSET, RAX_OFFSET);
    Address address = address_prepare_indexed(t, operand_at(t, 0), 1, false, T1_OFFSET);
    emit_memory(t, exec_load[SIZE_INDEX_8], &address)->dst = T0_OFFSET;
    emit(t, exec_xlat_t0);
    return true;
}

/* ---- arithmetic and logic ---- */

static FlagKind alu_flag_kind(ALUOperation operation)
{
    static const FlagKind kinds[] = {
        [ALU_ADD] = FLAG_KIND_ADD,   [ALU_OR] = FLAG_KIND_LOGIC,  [ALU_ADC] = FLAG_KIND_ADC,
        [ALU_SBB] = FLAG_KIND_SBB,   [ALU_AND] = FLAG_KIND_LOGIC, [ALU_SUB] = FLAG_KIND_SUB,
        [ALU_XOR] = FLAG_KIND_LOGIC, [ALU_CMP] = FLAG_KIND_SUB,   [ALU_TEST] = FLAG_KIND_LOGIC,
    };

    return kinds[operation];
}

bool translate_alu(Translator *t, int operation)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned size = operand_size_index(dst);
    bool compares = operation == ALU_CMP || operation == ALU_TEST;
    unsigned live = flags_live(t) || compares;

    t->new_flags = live ? (int)(alu_flag_kind(operation) * 4 + size) : FLAGS_KIND_UNKNOWN;
    if (operand_is_memory(dst)) {
        Address address = address_prepare(t, dst, operand_bytes(dst), !compares);
        if (operand_is_immediate(src)) {
            emit_memory(t, exec_alu_store_imm[operation][size], &address)->imm = src->imm.value.u;
        } else {
            emit_memory(t, exec_alu_store[operation][size], &address)->src =
                register_offset(src->reg.value);
        }
        if (!compares) {
            t->new_flags = (int)(alu_flag_kind(operation) * 4 + size);
        }
        return true;
    }
    uint16_t offset = register_offset(dst->reg.value);
    if (operand_is_memory(src)) {
        Address address = address_prepare(t, src, operand_bytes(src), false);
        emit_memory(t, exec_alu_load[operation][size], &address)->dst = offset;
        t->new_flags = (int)(alu_flag_kind(operation) * 4 + size);
    } else if (operand_is_immediate(src)) {
        emit_imm(t, exec_alu_ri[operation][size][live], offset, src->imm.value.u);
    } else {
        emit_register(t, exec_alu_rr[operation][size][live], offset,
                      register_offset(src->reg.value));
    }
    return true;
}

/* INC or DEC with live flags: the best form for what is known of CF. */
static OpHandler *step_handler(const Translator *t, UnaryOperation operation, unsigned size)
{
    unsigned down = operation == UNARY_DEC;

    switch (t->known_flags < 0 ? FLAG_KIND_FLAGS : (FlagKind)(t->known_flags >> 2)) {
    case FLAG_KIND_LOGIC:
        return exec_step[down][STEP_CARRY_CLEAR][size];
    case FLAG_KIND_INC:
    case FLAG_KIND_DEC:
        return exec_step[down][STEP_CARRY_KEEP][size];
    default:
        return exec_unary[operation][size][1];
    }
}

bool translate_unary(Translator *t, int operation)
{
    static const FlagKind kinds[] = {
        [UNARY_INC] = FLAG_KIND_INC, [UNARY_DEC] = FLAG_KIND_DEC, [UNARY_NEG] = FLAG_KIND_SUB
    };
    const ZydisDecodedOperand *dst = operand_at(t, 0);
    unsigned size = operand_size_index(dst);
    bool in_memory = operand_is_memory(dst);

    if (in_memory) {
        Address address = address_prepare(t, dst, operand_bytes(dst), true);
        emit_memory(t, exec_unary_store[operation][size], &address);
    } else {
        bool steps = flags_live(t) && operation <= UNARY_DEC;
        emit_register(t,
                      steps ? step_handler(t, operation, size)
                            : exec_unary[operation][size][flags_live(t)],
                      register_offset(dst->reg.value), 0);
    }
    if (operation != UNARY_NOT) {
        t->new_flags =
            in_memory || flags_live(t) ? (int)(kinds[operation] * 4 + size) : FLAGS_KIND_UNKNOWN;
    }
    return true;
}

/* ---- shifts ---- */

static void shift_flags(Translator *t, ShiftOperation operation, unsigned size)
{
    switch (operation) {
    case SHIFT_SHL:
        flags_become(t, FLAG_KIND_SHL, size);
        break;
    case SHIFT_SHR:
    case SHIFT_SAR:
        flags_become(t, FLAG_KIND_SHR, size);
        break;
    default:
        t->new_flags = FLAGS_KIND_UNKNOWN;
        break;
    }
}

bool translate_shift(Translator *t, int operation)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *by = operand_at(t, 1);
    unsigned size = operand_size_index(dst);
    Address address;
    uint16_t offset = operand_update_begin(t, dst, T0_OFFSET, &address);

    if (operand_is_immediate(by)) {
        unsigned count = by->imm.value.u & (size == SIZE_INDEX_64 ? 63 : 31);
        if (count == 0) {
            emit_register(t, exec_mov_rr[size], offset, offset);
            t->new_flags = t->known_flags;
        } else {
            emit_imm(t, exec_shift_imm[operation][size][flags_live(t)], offset, count);
            shift_flags(t, operation, size);
        }
    } else {
        emit_register(t, exec_shift_cl[operation][size], offset, 0);
    }
    operand_update_end(t, dst, T0_OFFSET, &address);
    return true;
}

bool translate_double_shift(Translator *t, int right)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    const ZydisDecodedOperand *by = operand_at(t, 2);
    unsigned size = operand_size_index(dst);
    Address address;
    uint16_t offset = operand_update_begin(t, dst, T0_OFFSET, &address);
    Op *op;

    if (operand_is_immediate(by)) {
        op = emit(t, exec_double_shift_imm[right][size]);
        op->imm = by->imm.value.u & (size == SIZE_INDEX_64 ? 63 : 31);
    } else {
        op = emit(t, exec_double_shift_cl[right][size]);
    }
    op->dst = offset;
    op->src = register_offset(src->reg.value);
    operand_update_end(t, dst, T0_OFFSET, &address);
    return true;
}

/* ---- multiplication, division ---- */

typedef enum MultiplyKind { MULTIPLY_MUL, MULTIPLY_DIV, MULTIPLY_IDIV } MultiplyKind;

bool translate_multiply(Translator *t, int kind)
{
    static const OpHandlerPtr *const tables[] = {
        [MULTIPLY_MUL] = exec_mul, [MULTIPLY_DIV] = exec_div, [MULTIPLY_IDIV] = exec_idiv
    };
    const ZydisDecodedOperand *src = operand_at(t, 0);
    unsigned size = operand_size_index(src);

    emit_register(t, tables[kind][size], 0, operand_load(t, src, T0_OFFSET));
    if (kind != MULTIPLY_MUL) {
        t->new_flags = t->known_flags;
    }
    return true;
}

bool translate_imul(Translator *t, int parameter)
{
    unsigned visible = t->instruction->info.operand_count_visible;
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    unsigned size = operand_size_index(dst);

    if (visible == 1) {
        emit_register(t, exec_imul[size], 0, operand_load(t, dst, T0_OFFSET));
        return true;
    }
    uint16_t from = operand_load(t, src, T0_OFFSET);
    uint16_t offset = register_offset(dst->reg.value);
    if (visible == 2) {
        emit_register(t, exec_imul_rr[size][flags_live(t)], offset, from);
    } else {
        emit_register(t, exec_imul_rri[size], offset, from)->imm = operand_at(t, 2)->imm.value.u;
    }
    return true;
}

/* ---- bits ---- */

/* The operand of a bit instruction in memory with the number in a register: a bit string. */
static void apply_bit_string(Translator *t, Address *address, unsigned size, uint16_t number)
{
    Op *op = emit(t, exec_bit_address[size]);

    address_apply(op, address);
    op->src = number;
    *address = (Address){ .base = SLOT_OFFSET(SLOT_ADDRESS), .index = SLOT_OFFSET(SLOT_ZERO) };
}

bool translate_bit(Translator *t, int operation)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *number = operand_at(t, 1);
    unsigned size = operand_size_index(dst);
    bool writes = operation != BIT_TEST, immediate = operand_is_immediate(number);
    uint16_t offset = T0_OFFSET;
    Address address;

    if (operand_is_register(dst)) {
        offset = register_offset(dst->reg.value);
    } else {
        address = address_prepare(t, dst, operand_bytes(dst), writes);
        if (!immediate) {
            apply_bit_string(t, &address, size, register_offset(number->reg.value));
        }
        const OpHandlerPtr *load = writes ? exec_load_for_store[size] : exec_load[size];
        emit_memory(t, load, &address)->dst = T0_OFFSET;
    }
    if (immediate) {
        emit_imm(t, exec_bit_ri[operation][size], offset, number->imm.value.u);
    } else {
        emit_register(t, exec_bit_rr[operation][size], offset, register_offset(number->reg.value));
    }
    if (writes) {
        operand_update_end(t, dst, T0_OFFSET, &address);
    }
    return true;
}

typedef enum ScanKind { SCAN_BSF, SCAN_BSR, SCAN_POPCNT } ScanKind;

bool translate_scan(Translator *t, int kind)
{
    static const OpHandlerPtr *const tables[] = { exec_bsf, exec_bsr, exec_popcnt };
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    uint16_t from = operand_load(t, src, T0_OFFSET);

    emit_register(t, tables[kind][operand_size_index(dst)], register_offset(dst->reg.value), from);
    return true;
}

/* ---- conditions ---- */

bool translate_setcc(Translator *t, int condition)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0);
    OpHandler *handler = exec_setcc[condition][condition_class(t, condition)];

    if (operand_is_register(dst)) {
        emit_register(t, handler, register_offset(dst->reg.value), 0);
    } else {
        /* T0 and T1 can be needed for the address. */
        emit_register(t, handler, T2_OFFSET, 0);
        operand_store(t, dst, T2_OFFSET);
    }
    return true;
}

bool translate_cmovcc(Translator *t, int condition)
{
    const ZydisDecodedOperand *dst = operand_at(t, 0), *src = operand_at(t, 1);
    uint16_t from = operand_load(t, src, T0_OFFSET);

    emit_register(t, exec_setcc[condition][condition_class(t, condition)], T1_OFFSET, 0);
    emit_register(t, exec_cmov_t1[operand_size_index(dst)], register_offset(dst->reg.value), from);
    return true;
}
