/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Translation of vector and x87 instructions, whose semantics are in target/i386/. */
#include "accel/tcg/exec-vector.h"
#include "accel/tcg/translate-internal.h"
#include "target/i386/fpu-ops.h"
#include "target/i386/vector-ops.h"

/* ---- vector ---- */

static bool cpu_has_vector_feature(const X86CPU *cpu, X86VectorFeature feature)
{
    static const char *const names[] = {
        [X86_VECTOR_MMX] = "mmx",
        [X86_VECTOR_SSE] = "sse",
        [X86_VECTOR_SSE2] = "sse2",
        [X86_VECTOR_SSE3] = "pni",
        [X86_VECTOR_SSSE3] = "ssse3",
        [X86_VECTOR_SSE4_1] = "sse4.1",
        [X86_VECTOR_SSE4_2] = "sse4.2",
        [X86_VECTOR_AES] = "aes",
        [X86_VECTOR_PCLMULQDQ] = "pclmulqdq",
    };

    return x86_cpu_has_feature(cpu, names[feature]);
}

static uint16_t vector_operand_number(const ZydisDecodedOperand *operand)
{
    if (operand_is_memory(operand)) {
        return VECTOR_OPERAND_MEMORY;
    }
    return ZydisRegisterGetId(operand->reg.value);
}

/* General registers by their offset, whatever their size's numbering. */
static uint16_t operand_number(X86VectorOperand kind, const ZydisDecodedOperand *operand)
{
    if (kind == X86_OPERAND_GPR && !operand_is_memory(operand)) {
        return register_offset(operand->reg.value);
    }
    return vector_operand_number(operand);
}

/* MASKMOVQ and MASKMOVDQU store to seg:[rDI]. */
static const ZydisDecodedOperand *hidden_memory(const Translator *t)
{
    for (unsigned i = 0; i < t->instruction->info.operand_count; i++) {
        if (operand_is_memory(operand_at(t, i))) {
            return operand_at(t, i);
        }
    }
    return NULL;
}

static bool usual_size(unsigned bytes)
{
    return bytes == 4 || bytes == 8 || bytes == 16;
}

/* Which handler will do: see exec-vector.c. */
static OpHandler *vector_handler(const X86VectorOp *vector, uint16_t destination, uint16_t source)
{
    bool to_xmm = vector->destination == X86_OPERAND_XMM;

    if (vector->implicit_registers || vector->writes_flags || vector->masked_store) {
        return exec_vector;
    }
    if (to_xmm && source == VECTOR_OPERAND_MEMORY && usual_size(vector->source_bytes)) {
        return exec_vector_load;
    }
    if (to_xmm && source != VECTOR_OPERAND_MEMORY && vector->source == X86_OPERAND_XMM) {
        return exec_vector_registers;
    }
    if (destination == VECTOR_OPERAND_MEMORY && vector->source == X86_OPERAND_XMM &&
        usual_size(vector->destination_bytes)) {
        return exec_vector_store;
    }
    return exec_vector;
}

bool translate_vector(Translator *t)
{
    const DecodedInstruction *instruction = t->instruction;
    Address address = { .base = SLOT_OFFSET(SLOT_ZERO), .index = SLOT_OFFSET(SLOT_ZERO) };
    uint16_t destination = VECTOR_OPERAND_NONE, source = VECTOR_OPERAND_NONE;
    X86VectorForm form;

    if (!x86_vector_op_find(&instruction->info, instruction->operands, &form) ||
        !cpu_has_vector_feature(t->e->cpu, form.op->feature)) {
        return false;
    }
    const X86VectorOp *vector = form.op;
    if (vector->destination != X86_OPERAND_NONE) {
        destination = operand_number(vector->destination, operand_at(t, form.destination));
    }
    if (vector->source != X86_OPERAND_NONE) {
        source = operand_number(vector->source, operand_at(t, form.source));
    }
    const ZydisDecodedOperand *memory = hidden_memory(t);
    if (memory) {
        bool writes = destination == VECTOR_OPERAND_MEMORY || vector->masked_store;
        unsigned size = writes ? vector->destination_bytes : vector->source_bytes;
        address = address_prepare(t, memory, size, writes);
    }
    Op *op = emit(t, vector_handler(vector, destination, source));
    address_apply(op, &address);
    op->pointer = vector;
    Op *operands = emit(t, exec_nop);
    operands->dst = destination;
    operands->src = source;
    operands->imm = form.immediate;
    return true;
}

/* ---- x87 ---- */

/* Every opcode, ModRM byte and operand width, described when first met. */
static X86FPUOp fpu_ops[2][8][256];
static uint8_t fpu_known[2][8]
                        [256]; /* 0: not looked at, 1: good, 2: undefined; same value always */

static const X86FPUOp *fpu_op(uint8_t opcode, uint8_t modrm, unsigned bits)
{
    unsigned wide = bits != 16;
    X86FPUOp *op = &fpu_ops[wide][opcode & 7][modrm];
    uint8_t *known = &fpu_known[wide][opcode & 7][modrm];

    if (!__atomic_load_n(known, __ATOMIC_ACQUIRE)) {
        X86FPUOp described;
        bool good = x86_fpu_op_describe(&described, opcode, modrm, wide ? 32 : 16);
        if (good) {
            *op = described;
        }
        __atomic_store_n(known, good ? 1 : 2, __ATOMIC_RELEASE);
    }
    return *known == 1 ? op : NULL;
}

bool translate_fpu(Translator *t)
{
    const ZydisDecodedInstruction *info = &t->instruction->info;
    Address address = { .base = SLOT_OFFSET(SLOT_ZERO), .index = SLOT_OFFSET(SLOT_ZERO) };

    if (info->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
        info->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT || (info->opcode & 0xf8) != 0xd8) {
        return false;
    }
    uint8_t modrm = info->raw.modrm.mod << 6 | info->raw.modrm.reg << 3 | info->raw.modrm.rm;
    const X86FPUOp *fpu = fpu_op(info->opcode, modrm, info->operand_width);
    if (!fpu) {
        return false;
    }
    const ZydisDecodedOperand *memory = hidden_memory(t);
    if (memory && info->raw.modrm.mod != 3) {
        address = address_prepare(t, memory, fpu->memory_bytes, fpu->memory_written);
    }
    Op *op = emit(t, exec_fpu);
    address_apply(op, &address);
    op->pointer = fpu;
    return true;
}

/* FXSAVE, FXSAVE64, FXRSTOR, FXRSTOR64. imm: 64-bit form. */
bool translate_fxsave(Translator *t, int number)
{
    bool restores = number >= 2;
    Address address = address_prepare(t, operand_at(t, 0), X86_FXSAVE_BYTES, !restores);
    Op *op = emit(t, restores ? exec_fxrstor : exec_fxsave);

    address_apply(op, &address);
    op->imm = number & 1;
    return true;
}

/* FWAIT (0), EMMS (1). */
bool translate_fwait(Translator *t, int emms)
{
    emit(t, emms ? exec_emms : exec_fwait);
    return true;
}
