/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Finding the op for a decoded vector instruction, and what comes before and after it. */
#include "target/i386/fpu-ops.h"
#include "target/i386/vector-internal.h"

#define CR0_EM       (1u << 2)
#define CR0_TS       (1u << 3)
#define CR4_OSFXSR   (1u << 9)
#define FPU_TOP_MASK 0x3800

static const X86VectorTable *const tables[] = {
    &x86_vector_move_table,  &x86_vector_integer_table, &x86_vector_immediate_table,
    &x86_vector_float_table, &x86_vector_convert_table, &x86_vector_string_table,
    &x86_mmx_table,
};

/* A mnemonic's ops are at order[first[mnemonic]] up to order[first[mnemonic + 1]]. */
static uint16_t first[ZYDIS_MNEMONIC_MAX_VALUE + 2];
static const X86VectorOp **order;

unsigned x86_vector_op_count(void)
{
    unsigned count = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        count += tables[i]->count;
    }
    return count;
}

const X86VectorOp *x86_vector_op_at(unsigned index)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (index < tables[i]->count) {
            return &tables[i]->ops[index];
        }
        index -= tables[i]->count;
    }
    g_assert_not_reached();
}

/* Counting sort by mnemonic, before any thread exists. */
static void __attribute__((constructor)) index_ops(void)
{
    unsigned count = x86_vector_op_count();
    uint16_t next[ZYDIS_MNEMONIC_MAX_VALUE + 2];

    for (unsigned i = 0; i < count; i++) {
        first[x86_vector_op_at(i)->mnemonic + 1]++;
    }
    for (unsigned i = 1; i < G_N_ELEMENTS(first); i++) {
        first[i] += first[i - 1];
    }
    memcpy(next, first, sizeof(next));
    order = g_new(const X86VectorOp *, count);
    for (unsigned i = 0; i < count; i++) {
        const X86VectorOp *op = x86_vector_op_at(i);

        order[next[op->mnemonic]++] = op;
    }
}

static X86VectorOperand operand_class(const ZydisDecodedOperand *operand)
{
    if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        return X86_OPERAND_MEMORY;
    }
    if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER) {
        return X86_OPERAND_NONE;
    }
    switch (ZydisRegisterGetClass(operand->reg.value)) {
    case ZYDIS_REGCLASS_XMM:
        return X86_OPERAND_XMM;
    case ZYDIS_REGCLASS_MMX:
        return X86_OPERAND_MMX;
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        return X86_OPERAND_GPR;
    default:
        return X86_OPERAND_NONE;
    }
}

static bool source_matches(const X86VectorOp *op, const ZydisDecodedOperand *operand)
{
    X86VectorOperand found = operand ? operand_class(operand) : X86_OPERAND_NONE;

    if (found == X86_OPERAND_MEMORY) {
        return op->source_bytes != 0 &&
               (op->source != X86_OPERAND_GPR || operand->size == op->source_bytes * 8);
    }
    if (found != op->source) {
        return false;
    }
    return found != X86_OPERAND_GPR || op->register_bytes == 0 ||
           operand->size == op->register_bytes * 8;
}

static bool destination_matches(const X86VectorOp *op, const ZydisDecodedOperand *operand)
{
    X86VectorOperand found = operand ? operand_class(operand) : X86_OPERAND_NONE;

    if (found != op->destination) {
        return false;
    }
    return found != X86_OPERAND_GPR || op->source == X86_OPERAND_GPR || op->register_bytes == 0 ||
           operand->size == op->register_bytes * 8;
}

/* PCMPESTRx has a form with 32-bit and one with 64-bit lengths, in hidden operands. */
static bool length_matches(const X86VectorOp *op, const ZydisDecodedInstruction *instruction,
                           const ZydisDecodedOperand *operands)
{
    for (unsigned i = 0; op->length_bytes != 0 && i < instruction->operand_count; i++) {
        if (operands[i].visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
            operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (operands[i].reg.value == ZYDIS_REGISTER_RAX ||
             operands[i].reg.value == ZYDIS_REGISTER_EAX)) {
            return operands[i].size == op->length_bytes * 8;
        }
    }
    return op->length_bytes == 0;
}

/* Explicit operands in order; the destination may be missing (LDMXCSR), the source too. */
static bool form_matches(const X86VectorOp *op, const ZydisDecodedInstruction *instruction,
                         const ZydisDecodedOperand *operands, X86VectorForm *form)
{
    unsigned next = 0;
    unsigned visible = instruction->operand_count_visible;

    form->op = op;
    form->destination = next;
    if (op->destination != X86_OPERAND_NONE) {
        if (next >= visible || !destination_matches(op, &operands[next])) {
            return false;
        }
        next++;
    }
    form->source = next;
    if (op->source != X86_OPERAND_NONE) {
        if (next >= visible || !source_matches(op, &operands[next])) {
            return false;
        }
        next++;
    }
    form->immediate = 0;
    if (next < visible && operands[next].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        form->immediate = (uint8_t)operands[next++].imm.value.u;
    }
    /* What is left is the XMM0 that BLENDVPS and its sisters spell out. */
    return (next == visible || op->implicit_registers) && length_matches(op, instruction, operands);
}

bool x86_vector_op_find(const ZydisDecodedInstruction *instruction,
                        const ZydisDecodedOperand *operands, X86VectorForm *form)
{
    if (instruction->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) {
        return false;
    }
    for (unsigned i = first[instruction->mnemonic]; i < first[instruction->mnemonic + 1]; i++) {
        if (form_matches(order[i], instruction, operands, form)) {
            return true;
        }
    }
    return false;
}

bool x86_vector_feature_supported(X86VectorFeature feature)
{
    switch (feature) {
    case X86_VECTOR_MMX:
    case X86_VECTOR_SSE:
    case X86_VECTOR_SSE2:
        return true; /* part of x86-64 */
    case X86_VECTOR_SSE3:
        return __builtin_cpu_supports("sse3");
    case X86_VECTOR_SSSE3:
        return __builtin_cpu_supports("ssse3");
    case X86_VECTOR_SSE4_1:
        return __builtin_cpu_supports("sse4.1");
    case X86_VECTOR_SSE4_2:
        return __builtin_cpu_supports("sse4.2");
    case X86_VECTOR_AES:
        return __builtin_cpu_supports("aes");
    case X86_VECTOR_PCLMULQDQ:
        return __builtin_cpu_supports("pclmul");
    case X86_VECTOR_FEATURE_COUNT:
        break;
    }
    return false;
}

static bool has_operand(const X86VectorOp *op, X86VectorOperand operand)
{
    return op->destination == operand || op->source == operand;
}

int x86_vector_check(const X86State *state, const X86VectorOp *op)
{
    bool mmx_only = has_operand(op, X86_OPERAND_MMX) && !has_operand(op, X86_OPERAND_XMM);

    if (op->is_general) {
        return 0;
    }
    if ((state->cr0 & CR0_EM) || (!mmx_only && !(state->cr4 & CR4_OSFXSR))) {
        return X86_EXCEPTION_UD;
    }
    if (state->cr0 & CR0_TS) {
        return X86_EXCEPTION_NM;
    }
    return has_operand(op, X86_OPERAND_MMX) && x86_fpu_check(state, true) ? X86_EXCEPTION_MF : 0;
}

bool x86_vector_uses_mmx(const X86VectorOp *op, bool memory_source)
{
    return op->destination == X86_OPERAND_MMX || (op->source == X86_OPERAND_MMX && !memory_source);
}

void x86_mmx_begin(X86State *state)
{
    state->fpu.status &= ~FPU_TOP_MASK;
    state->fpu.tag_valid = 0xff;
}

void x86_mmx_written(X86State *state, unsigned n)
{
    memset(state->fpu.registers[n] + 8, 0xff, 2);
}
