/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The smallest engine: one vector or x87 instruction in 64-bit code, run through the tables of
 * target/i386 as their headers say. It tests the semantics without any accelerator.
 */
#include <string.h>

#include "harness.h"
#include "target/i386/vector-ops.h"

#define CR0_PE         (1u << 0)
#define CR0_NE         (1u << 5)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)

/* The instruction under test and what it works on. */
typedef struct Direct {
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    X86State state;
    uint8_t *data; /* HARNESS_DATA_BYTES at guest address HARNESS_DATA */
} Direct;

static void load_state(Direct *direct, const CPUSnapshot *start)
{
    X86State *state = &direct->state;

    memset(state, 0, sizeof(*state));
    memcpy(state->registers, start->registers, sizeof(state->registers));
    state->rflags = start->rflags;
    state->rip = HARNESS_CODE;
    state->cr0 = CR0_PE | CR0_NE;
    state->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    g_assert(x86_fxrstor(state, (const uint8_t *)&start->fx, true, true) == 0);
}

static void store_state(const Direct *direct, CPUSnapshot *end)
{
    memcpy(end->registers, direct->state.registers, sizeof(end->registers));
    end->rflags = direct->state.rflags;
    x86_fxsave(&direct->state, (uint8_t *)&end->fx, true, true);
}

static unsigned register_index(ZydisRegister value)
{
    return (unsigned)ZydisRegisterGetId(value);
}

static uint8_t *data_at(Direct *direct, uint64_t address, unsigned bytes)
{
    g_assert(address >= HARNESS_DATA && address + bytes <= HARNESS_DATA + HARNESS_DATA_BYTES);
    return direct->data + (address - HARNESS_DATA);
}

static uint64_t effective_address(const Direct *direct, const ZydisDecodedOperand *operand)
{
    uint64_t address = operand->mem.disp.value;

    if (operand->mem.base != ZYDIS_REGISTER_NONE) {
        address += direct->state.registers[register_index(operand->mem.base)];
    }
    if (operand->mem.index != ZYDIS_REGISTER_NONE) {
        address += direct->state.registers[register_index(operand->mem.index)] * operand->mem.scale;
    }
    return address;
}

static void *register_pointer(Direct *direct, const ZydisDecodedOperand *operand)
{
    unsigned index = register_index(operand->reg.value);

    switch (ZydisRegisterGetClass(operand->reg.value)) {
    case ZYDIS_REGCLASS_XMM:
        return &direct->state.vectors[index];
    case ZYDIS_REGCLASS_MMX:
        return x86_mmx_register(&direct->state, index);
    case ZYDIS_REGCLASS_GPR8: /* AL CL DL BL, AH to BH, SPL and so on */
        if (index >= 4 && index < 8) {
            return (uint8_t *)&direct->state.registers[index - 4] + 1;
        }
        return &direct->state.registers[index < 4 ? index : index - 4];
    default:
        return &direct->state.registers[index];
    }
}

static int masked_store(Direct *direct, const X86VectorForm *form)
{
    const uint8_t *value = register_pointer(direct, &direct->operands[form->destination]);
    const uint8_t *mask = register_pointer(direct, &direct->operands[form->source]);

    for (unsigned i = 0; i < form->op->destination_bytes; i++) {
        if (mask[i] & 0x80) {
            *data_at(direct, direct->state.registers[X86_RDI] + i, 1) = value[i];
        }
    }
    return 0;
}

static int run_vector(Direct *direct, const X86VectorForm *form)
{
    const X86VectorOp *op = form->op;
    const ZydisDecodedOperand *to = &direct->operands[form->destination];
    const ZydisDecodedOperand *from = &direct->operands[form->source];
    bool memory_source = op->source != X86_OPERAND_NONE && from->type == ZYDIS_OPERAND_TYPE_MEMORY;
    bool memory_destination = op->destination == X86_OPERAND_MEMORY;
    X86Vector fetched = { 0 }, stored = { 0 };
    const void *source = NULL;
    void *destination = NULL;
    int exception = x86_vector_check(&direct->state, op);

    if (exception) {
        return exception;
    }
    if (memory_source || memory_destination) {
        uint64_t address = effective_address(direct, memory_source ? from : to);

        if (op->aligned && address % 16 != 0) {
            return 13;
        }
    }
    if (memory_source) {
        memcpy(&fetched, data_at(direct, effective_address(direct, from), op->source_bytes),
               op->source_bytes);
        source = &fetched;
    } else if (op->source != X86_OPERAND_NONE) {
        source = register_pointer(direct, from);
    }
    if (memory_destination) {
        destination = &stored;
    } else if (op->destination != X86_OPERAND_NONE) {
        destination = register_pointer(direct, to);
    }
    if (x86_vector_uses_mmx(op, memory_source)) {
        x86_mmx_begin(&direct->state);
    }
    if (op->masked_store) {
        return masked_store(direct, form);
    }
    exception = op->function(&direct->state, destination, source, form->immediate);
    if (exception) {
        return exception;
    }
    if (op->destination == X86_OPERAND_MMX) {
        x86_mmx_written(&direct->state, register_index(to->reg.value));
    }
    if (memory_destination) {
        memcpy(data_at(direct, effective_address(direct, to), op->destination_bytes), &stored,
               op->destination_bytes);
    }
    return 0;
}

static int run_fpu(Direct *direct, const X86FPUOp *op)
{
    uint8_t memory[X86_FPU_MEMORY_MAX] = { 0 };
    uint64_t address = 0;
    int exception = x86_fpu_check(&direct->state, op->waits);

    if (exception) {
        return exception;
    }
    if (op->memory_bytes != 0) {
        address = effective_address(direct, &direct->operands[op->memory_read ? 1 : 0]);
        for (unsigned i = 0; i < direct->instruction.operand_count; i++) {
            if (direct->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY) {
                address = effective_address(direct, &direct->operands[i]);
            }
        }
    }
    if (op->memory_read) {
        memcpy(memory, data_at(direct, address, op->memory_bytes), op->memory_bytes);
    }
    if (x86_fpu_execute(&direct->state, op, memory, address)) {
        memcpy(data_at(direct, address, op->memory_bytes), memory, op->memory_bytes);
    }
    return 0;
}

static int run(Direct *direct)
{
    const ZydisDecodedInstruction *instruction = &direct->instruction;
    X86VectorForm form;
    X86FPUOp op;

    if (x86_vector_op_find(instruction, direct->operands, &form)) {
        return run_vector(direct, &form);
    }
    if (instruction->mnemonic == ZYDIS_MNEMONIC_EMMS) {
        x86_fpu_emms(&direct->state);
        return 0;
    }
    if (instruction->mnemonic == ZYDIS_MNEMONIC_FWAIT) {
        return x86_fpu_check_wait(&direct->state);
    }
    if (x86_fpu_op_describe(&op, instruction->opcode,
                            instruction->raw.modrm.mod << 6 | instruction->raw.modrm.reg << 3 |
                                instruction->raw.modrm.rm,
                            instruction->operand_width)) {
        return run_fpu(direct, &op);
    }
    g_test_message("%s is in no table", ZydisMnemonicGetString(instruction->mnemonic));
    return 6;
}

void direct_execute(const TestCase *test, TestResult *result)
{
    static Direct direct;
    ZydisDecoder decoder;
    int exception;

    g_assert(
        ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
    g_assert(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, test->code, test->code_bytes,
                                                 &direct.instruction, direct.operands)));
    g_assert(direct.instruction.length == test->code_bytes);
    load_state(&direct, &test->start);
    memcpy(result->data, test->data, HARNESS_DATA_BYTES);
    direct.data = result->data;
    exception = run(&direct);
    result->end = test->start;
    store_state(&direct, &result->end);
    result->end.trap = exception ? exception : NO_TRAP;
    result->end.rip = exception ? HARNESS_CODE : 0;
}
