/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The translator's frame: blocks, operands, addresses. */
#include "accel/tcg/translate-internal.h"
#include "trace-accel-tcg.h"
#include "util/report.h"

/* ---- emitting ---- */

Op *emit(Translator *t, OpHandler *handler)
{
    Op *op = t->next++;

    *op = (Op){
        .handler = handler,
        .base = SLOT_OFFSET(SLOT_ZERO),
        .index = SLOT_OFFSET(SLOT_ZERO),
        .length = t->instruction->info.length,
        .pc_offset = t->instruction->pc_offset,
    };
    return op;
}

Op *emit_register(Translator *t, OpHandler *handler, uint16_t dst, uint16_t src)
{
    Op *op = emit(t, handler);

    op->dst = dst;
    op->src = src;
    return op;
}

Op *emit_imm(Translator *t, OpHandler *handler, uint16_t dst, uint64_t imm)
{
    Op *op = emit(t, handler);

    op->dst = dst;
    op->imm = imm;
    return op;
}

Op *emit_jump(Translator *t, OpHandler *handler, uint64_t target)
{
    Op *op = emit(t, handler);

    op->link_generation = 0;
    op->link = NULL;
    op->displacement = (int32_t)(target - t->block->pc);
    return op;
}

/* ---- registers ---- */

bool register_is_general(ZydisRegister reg)
{
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return true;
    default:
        return false;
    }
}

uint16_t register_offset(ZydisRegister reg)
{
    if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
        return SLOT_OFFSET(reg - ZYDIS_REGISTER_AH) + 1;
    }
    switch (ZydisRegisterGetClass(reg)) {
    case ZYDIS_REGCLASS_GPR8:
        /* AL..BL, AH..BH, SPL.., so that SPL is number 8. */
        return SLOT_OFFSET(reg < ZYDIS_REGISTER_AH ? reg - ZYDIS_REGISTER_AL
                                                   : reg - ZYDIS_REGISTER_SPL + X86_RSP);
    case ZYDIS_REGCLASS_GPR16:
        return SLOT_OFFSET(reg - ZYDIS_REGISTER_AX);
    case ZYDIS_REGCLASS_GPR32:
        return SLOT_OFFSET(reg - ZYDIS_REGISTER_EAX);
    default:
        g_assert(ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_GPR64);
        return SLOT_OFFSET(reg - ZYDIS_REGISTER_RAX);
    }
}

X86SegmentIndex segment_index(ZydisRegister reg)
{
    switch (reg) {
    case ZYDIS_REGISTER_ES:
        return X86_ES;
    case ZYDIS_REGISTER_CS:
        return X86_CS;
    case ZYDIS_REGISTER_SS:
        return X86_SS;
    case ZYDIS_REGISTER_FS:
        return X86_FS;
    case ZYDIS_REGISTER_GS:
        return X86_GS;
    default:
        return X86_DS;
    }
}

/* ---- addresses ---- */

static bool fits_displacement(int64_t value)
{
    return value == (int32_t)value;
}

static Address address_of_slot(uint16_t slot)
{
    return (Address){ .base = SLOT_OFFSET(slot), .index = SLOT_OFFSET(SLOT_ZERO) };
}

void address_apply(Op *op, const Address *address)
{
    op->base = address->base;
    op->index = address->index;
    op->displacement = address->displacement;
    op->scale = address->scale;
    op->flags = address->flags;
}

/* Base, index, scale and displacement as the instruction says, without its segment. */
static Address address_offset(Translator *t, const ZydisDecodedOperand *operand, uint16_t extra)
{
    ZydisRegister base = operand->mem.base, index = operand->mem.index;
    int64_t displacement = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;
    Address address = address_of_slot(SLOT_ZERO);

    if (base == ZYDIS_REGISTER_RIP) {
        displacement += t->next_pc;
    } else if (base == ZYDIS_REGISTER_EIP) {
        displacement = (uint32_t)(displacement + t->next_pc);
    } else if (base != ZYDIS_REGISTER_NONE) {
        address.base = register_offset(base);
    }
    if (index != ZYDIS_REGISTER_NONE) {
        address.index = register_offset(index);
        address.scale = __builtin_ctz(operand->mem.scale);
    } else if (extra) {
        address.index = extra;
    }
    if (fits_displacement(displacement)) {
        address.displacement = displacement;
    } else {
        /* Nothing else takes part in such an address (RIP-relative, MOV with an offset). */
        emit_imm(t, exec_address_absolute, 0, displacement);
        address.base = SLOT_OFFSET(SLOT_ADDRESS);
    }
    return address;
}

/* 16-bit registers in an address: use their low halves. */
static void narrow_registers(Translator *t, Address *address)
{
    static const uint16_t temporaries[] = { T0_OFFSET, T1_OFFSET };
    uint16_t *parts[] = { &address->base, &address->index };

    for (unsigned i = 0; i < 2; i++) {
        if (*parts[i] < SLOT_OFFSET(SLOT_ZERO)) {
            emit_register(t, exec_movzx_rr[SIZE_INDEX_16][SIZE_INDEX_64], temporaries[i],
                          *parts[i]);
            *parts[i] = temporaries[i];
        }
    }
}

/* Outside 64-bit mode each address goes through its segment. */
static Address address_legacy(Translator *t, const ZydisDecodedOperand *operand, Address offset,
                              unsigned size, bool write)
{
    unsigned width = t->instruction->info.address_width;
    uint64_t mask = width == 16 ? 0xffff : UINT32_MAX;
    X86SegmentIndex segment = segment_index(operand->mem.segment);
    if (width == 16) {
        narrow_registers(t, &offset);
    }
    Op *op = emit(t, exec_address_legacy);
    address_apply(op, &offset);
    op->imm = ADDRESS_LEGACY(segment, size, write, mask);
    return address_of_slot(SLOT_ADDRESS);
}

Address address_prepare_indexed(Translator *t, const ZydisDecodedOperand *operand, unsigned size,
                                bool write, uint16_t index)
{
    Address address = address_offset(t, operand, index);
    X86SegmentIndex segment = segment_index(operand->mem.segment);
    ZydisRegister base = operand->mem.base;

    if (!t->wide) {
        return address_legacy(t, operand, address, size, write);
    }
    if (t->instruction->info.address_width == 32) {
        address_apply(emit(t, exec_address_compute32), &address);
        address = address_of_slot(SLOT_ADDRESS);
    }
    if (segment == X86_FS || segment == X86_GS) {
        if (address.index != SLOT_OFFSET(SLOT_ZERO)) {
            address_apply(emit(t, exec_address_compute), &address);
            address = address_of_slot(SLOT_ADDRESS);
        }
        address.index = SLOT_OFFSET(SLOT_SEGMENT_BASE + segment);
        address.scale = 0;
        /* With the segment as the only register the cheaper form will do. */
        if (address.base == SLOT_OFFSET(SLOT_ZERO)) {
            address.base = address.index;
            address.index = SLOT_OFFSET(SLOT_ZERO);
        }
    } else if (base == ZYDIS_REGISTER_RSP || base == ZYDIS_REGISTER_RBP) {
        address.flags = OP_STACK_SEGMENT;
    }
    return address;
}

Address address_prepare(Translator *t, const ZydisDecodedOperand *operand, unsigned size,
                        bool write)
{
    return address_prepare_indexed(t, operand, size, write, 0);
}

Op *emit_memory(Translator *t, const OpHandlerPtr pair[2], const Address *address)
{
    Op *op = emit(t, pair[address->index != SLOT_OFFSET(SLOT_ZERO)]);

    address_apply(op, address);
    return op;
}

/* ---- operands ---- */

const ZydisDecodedOperand *operand_at(const Translator *t, unsigned n)
{
    return &t->instruction->operands[n];
}

bool operand_is_register(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && register_is_general(operand->reg.value);
}

bool operand_is_memory(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

bool operand_is_immediate(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

unsigned operand_size_index(const ZydisDecodedOperand *operand)
{
    return __builtin_ctz(operand->size / 8) & 3;
}

uint16_t operand_load(Translator *t, const ZydisDecodedOperand *operand, uint16_t temporary)
{
    if (operand_is_register(operand)) {
        return register_offset(operand->reg.value);
    }
    Address address = address_prepare(t, operand, operand->size / 8, false);
    emit_memory(t, exec_load[operand_size_index(operand)], &address)->dst = temporary;
    return temporary;
}

uint16_t operand_update_begin(Translator *t, const ZydisDecodedOperand *operand, uint16_t temporary,
                              Address *address)
{
    if (operand_is_register(operand)) {
        return register_offset(operand->reg.value);
    }
    *address = address_prepare(t, operand, operand->size / 8, true);
    emit_memory(t, exec_load_for_store[operand_size_index(operand)], address)->dst = temporary;
    return temporary;
}

void operand_update_end(Translator *t, const ZydisDecodedOperand *operand, uint16_t temporary,
                        const Address *address)
{
    if (operand_is_memory(operand)) {
        emit_memory(t, exec_store[operand_size_index(operand)], address)->src = temporary;
    }
}

void operand_store(Translator *t, const ZydisDecodedOperand *operand, uint16_t offset)
{
    unsigned size = operand_size_index(operand);

    if (operand_is_register(operand)) {
        emit_register(t, exec_mov_rr[size], register_offset(operand->reg.value), offset);
        return;
    }
    Address address = address_prepare(t, operand, operand->size / 8, true);
    emit_memory(t, exec_store[size], &address)->src = offset;
}

/* ---- conditions ---- */

ConditionClass condition_class(const Translator *t, Condition condition)
{
    if (t->known_flags < 0) {
        return CONDITION_CLASS_ANY;
    }
    unsigned size = t->known_flags & 3;
    switch ((FlagKind)(t->known_flags >> 2)) {
    case FLAG_KIND_SUB:
        return CONDITION_CLASS_SUB + size;
    case FLAG_KIND_LOGIC:
        return CONDITION_CLASS_LOGIC + size;
    case FLAG_KIND_FLAGS:
        return CONDITION_CLASS_ANY;
    default:
        break;
    }
    /* Zero, sign and parity are in the result of every other kind, too. */
    switch (condition >> 1) {
    case CONDITION_E >> 1:
    case CONDITION_S >> 1:
    case CONDITION_P >> 1:
        return CONDITION_CLASS_LOGIC + size;
    default:
        return CONDITION_CLASS_ANY;
    }
}

/* ---- blocks ---- */

static bool writes_flags(const DecodedInstruction *instruction)
{
    const ZydisAccessedFlags *flags = instruction->info.cpu_flags;

    return !flags ||
           ((flags->modified | flags->set_0 | flags->set_1 | flags->undefined) & FLAGS_ARITHMETIC);
}

static void translate_instruction(Translator *t)
{
    const DecodedInstruction *instruction = t->instruction;
    Op *first = t->next;
    int parameter = 0;

    if (instruction->status != DECODE_OK) {
        emit(t, instruction->status == DECODE_UNDEFINED ? exec_undefined : exec_protection_fault);
        t->ended = true;
        return;
    }
    TranslateFunction *function = translate_lookup(instruction->info.mnemonic, &parameter);
    bool known = function ? function(t, parameter) : translate_vector(t) || translate_fpu(t);
    if (!known) {
        log_write(LOG_UNIMPLEMENTED, "undefined instruction %s at 0x%" PRIx64 "\n",
                  ZydisMnemonicGetString(instruction->info.mnemonic),
                  t->next_pc - instruction->info.length);
        t->next = first;
        emit(t, exec_undefined);
        t->ended = true;
    }
    g_assert(t->next - first <= TRANSLATE_OPS_PER_INSTRUCTION);
}

static uint64_t mask_pc(uint8_t flags, uint64_t pc)
{
    switch (flags & BLOCK_CODE_SIZE) {
    case 0:
        return (uint16_t)pc;
    case 1:
        return (uint32_t)pc;
    default:
        return pc;
    }
}

/* One instruction, or two that are fused. Returns how many. */
static unsigned translate_next(Translator *t, const DecodedBlock *decoded, unsigned i)
{
    t->instruction = &decoded->instructions[i];
    t->next_pc = mask_pc(t->block->flags,
                         t->block->pc + t->instruction->pc_offset + t->instruction->info.length);
    t->new_flags = FLAGS_KIND_KEEP;
    if (i + 1 < decoded->count && t->instruction->status == DECODE_OK &&
        decoded->instructions[i + 1].status == DECODE_OK &&
        translate_fused(t, &decoded->instructions[i + 1])) {
        return 2;
    }
    translate_instruction(t);
    if (t->new_flags != FLAGS_KIND_KEEP) {
        t->known_flags = t->new_flags;
    } else if (writes_flags(t->instruction)) {
        t->known_flags = FLAGS_KIND_UNKNOWN;
    }
    return 1;
}

/* Where the block goes on when its last instruction says nothing about it. */
static void translate_end(Translator *t, const DecodedBlock *decoded)
{
    uint64_t pc = mask_pc(t->block->flags, t->block->pc + decoded->bytes);
    Op *op = t->block->flags & BLOCK_SINGLE ? emit(t, exec_end) : emit_jump(t, exec_jump, pc);

    op->pc_offset = decoded->bytes;
    op->length = 0;
}

size_t translate_block(Engine *e, Block *block, const uint8_t *code, uint64_t pc, uint8_t flags)
{
    DecodedBlock *decoded = e->decoded;
    Translator t = {
        .e = e,
        .block = block,
        .next = block->ops,
        .wide = (flags & BLOCK_CODE_SIZE) == 2,
        .known_flags = FLAGS_KIND_UNKNOWN,
    };

    decode_block(e, decoded, code, pc, flags);
    *block = (Block){
        .pc = pc,
        .code = code,
        .code_second = decoded->second_page,
        .flags = flags,
        .bytes = decoded->bytes,
        .instructions = decoded->count,
    };
    for (unsigned i = 0; i < decoded->count;) {
        i += translate_next(&t, decoded, i);
    }
    if (!t.ended) {
        translate_end(&t, decoded);
    }
    trace_engine_translate(pc, flags, decoded->count, t.next - block->ops);
    return (uint8_t *)t.next - (uint8_t *)block;
}
