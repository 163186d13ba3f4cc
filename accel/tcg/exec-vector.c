/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Running vector and x87 instructions: operands are fetched and stored here, what they mean is in
 * target/i386/vector-ops.h and fpu-ops.h.
 */
#include "accel/tcg/exec-vector.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/exec.h"
#include "accel/tcg/memory.h"
#include "target/i386/fpu-ops.h"
#include "target/i386/vector-ops.h"

static G_NORETURN void raise_vector(Engine *e, int vector)
{
    if (vector == EXCEPTION_GP) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    raise_exception(e, vector);
}

/* ---- vector ---- */

static void *register_operand(Engine *e, X86VectorOperand kind, unsigned number)
{
    if (number >= VECTOR_OPERAND_MEMORY) {
        return NULL;
    }
    switch (kind) {
    case X86_OPERAND_XMM:
        return &e->state->vectors[number];
    case X86_OPERAND_MMX:
        return x86_mmx_register(e->state, number);
    case X86_OPERAND_GPR:
        return (char *)e + number; /* AH to BH are bytes of their own */
    default:
        return NULL;
    }
}

static void masked_store(Engine *e, const Op *op, const X86VectorOp *vector, const uint8_t *data,
                         const uint8_t *mask)
{
    uint64_t address = op_address(e, op);

    for (unsigned i = 0; i < vector->destination_bytes; i++) {
        if (mask[i] & 0x80) {
            memory_probe(e, address + i, 1, MMU_WRITE, e->mmu_mode);
        }
    }
    for (unsigned i = 0; i < vector->destination_bytes; i++) {
        if (mask[i] & 0x80) {
            memory_store(e, address + i, data[i], 1, e->mmu_mode);
        }
    }
}

/* Registers that the function reads beside its operands live in the engine. */
static void registers_to_state(Engine *e, const X86VectorOp *vector)
{
    if (vector->implicit_registers) {
        memcpy(e->state->registers, e->r, sizeof(e->state->registers));
    }
}

static void registers_from_state(Engine *e, const X86VectorOp *vector)
{
    if (vector->implicit_registers) {
        memcpy(e->r, e->state->registers, sizeof(e->state->registers));
    }
    if (vector->writes_flags) {
        flags_set(e, e->state->rflags);
    }
}

static void vector_run(Engine *e, const Op *op, const X86VectorOp *vector, const Op *operands)
{
    X86Vector source_buffer, destination_buffer;
    bool memory_source = operands->src == VECTOR_OPERAND_MEMORY;
    bool memory_destination = operands->dst == VECTOR_OPERAND_MEMORY;
    uint64_t address = op_address(e, op);
    const void *source = register_operand(e, vector->source, operands->src);
    void *destination = register_operand(e, vector->destination, operands->dst);

    if (vector->aligned && (memory_source || memory_destination) && (address & 15)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    if (memory_source) {
        memory_read_bytes(e, address, &source_buffer, vector->source_bytes, e->mmu_mode);
        source = &source_buffer;
    }
    if (memory_destination) {
        memory_probe(e, address, vector->destination_bytes, MMU_WRITE, e->mmu_mode);
        destination = &destination_buffer;
    }
    if (x86_vector_uses_mmx(vector, memory_source)) {
        x86_mmx_begin(e->state);
    }
    if (vector->masked_store) {
        masked_store(e, op, vector, destination, source);
        return;
    }
    registers_to_state(e, vector);
    int exception = vector->function(e->state, destination, source, operands->imm);
    if (exception) {
        raise_vector(e, exception);
    }
    registers_from_state(e, vector);
    if (memory_destination) {
        memory_write_bytes(e, address, destination, vector->destination_bytes, e->mmu_mode);
    } else if (vector->destination == X86_OPERAND_MMX) {
        x86_mmx_written(e->state, operands->dst);
    }
}

const Op *exec_vector(Engine *e, const Op *op)
{
    const X86VectorOp *vector = op->pointer;

    e->op = op;
    int exception = x86_vector_check(e->state, vector);
    if (unlikely(exception)) {
        raise_vector(e, exception);
    }
    vector_run(e, op, vector, op + 1);
    return engine_next_checked(e, op + 1);
}

/*
 * The usual cases: XMM registers, or one and memory that the TLB has in one piece. Everything else,
 * faults included, is left to exec_vector().
 */

ALWAYS_INLINE bool sse_usable(const Engine *e)
{
    return likely(!(e->state->cr0 & (CR0_EM | CR0_TS)) && (e->state->cr4 & CR4_OSFXSR));
}

ALWAYS_INLINE const Op *run_usual(Engine *e, const Op *op, void *destination, const void *source)
{
    const X86VectorOp *vector = op->pointer;
    int exception = vector->function(e->state, destination, source, op[1].imm);

    if (unlikely(exception)) {
        e->op = op;
        raise_vector(e, exception);
    }
    DISPATCH(op + 2);
}

const Op *exec_vector_registers(Engine *e, const Op *op)
{
    if (!sse_usable(e)) {
        return exec_vector(e, op);
    }
    return run_usual(e, op, &e->state->vectors[op[1].dst], &e->state->vectors[op[1].src]);
}

const Op *exec_vector_load(Engine *e, const Op *op)
{
    const X86VectorOp *vector = op->pointer;
    uint64_t address = op_address(e, op);
    const uint8_t *host = tlb_read(e, address, vector->source_bytes);

    if (unlikely(!host) || !sse_usable(e) || (vector->aligned && (address & 15))) {
        return exec_vector(e, op);
    }
    if (vector->source_bytes == 8) {
        memcpy(&e->vector_operand, host, 8);
        host = e->vector_operand.u8;
    } else if (vector->source_bytes == 4) {
        memcpy(&e->vector_operand, host, 4);
        host = e->vector_operand.u8;
    }
    return run_usual(e, op, &e->state->vectors[op[1].dst], host);
}

/* The function stores; nothing of it can fail. */
const Op *exec_vector_store(Engine *e, const Op *op)
{
    const X86VectorOp *vector = op->pointer;
    uint64_t address = op_address(e, op);
    uint8_t *host = tlb_write(e, address, vector->destination_bytes);
    const X86Vector *stored = &e->vector_operand;

    if (unlikely(!host) || !sse_usable(e) || (vector->aligned && (address & 15))) {
        return exec_vector(e, op);
    }
    vector->function(e->state, &e->vector_operand, &e->state->vectors[op[1].src], op[1].imm);
    if (vector->destination_bytes == 16) {
        memcpy(host, stored, 16);
    } else if (vector->destination_bytes == 8) {
        memcpy(host, stored, 8);
    } else {
        memcpy(host, stored, 4);
    }
    DISPATCH(op + 2);
}

/* ---- x87 ---- */

static void check_fpu(Engine *e, int exception)
{
    if (likely(exception == 0)) {
        return;
    }
    if (exception == X86_FPU_FERR) {
        /* CR0.NE clear: the error goes out by FERR#, which nothing on this board listens to. */
        return;
    }
    raise_exception(e, exception);
}

static void fpu_run(Engine *e, const Op *op, const X86FPUOp *fpu)
{
    X86State *s = e->state;
    uint8_t buffer[X86_FPU_MEMORY_MAX];
    uint64_t address = op_address(e, op);

    if (fpu->memory_read) {
        memory_read_bytes(e, address, buffer, fpu->memory_bytes, e->mmu_mode);
    }
    if (fpu->memory_written) {
        memory_probe(e, address, fpu->memory_bytes, MMU_WRITE, e->mmu_mode);
    }
    if (fpu->reads_flags) {
        s->rflags = rflags_read(e);
    }
    s->rip = op_pc(e, op);
    /* FNSTSW AX is the one instruction with a general register. */
    s->registers[X86_RAX] = e->r[X86_RAX];
    bool store = x86_fpu_execute(s, fpu, buffer, address);
    e->r[X86_RAX] = s->registers[X86_RAX];
    if (store && fpu->memory_written) {
        memory_write_bytes(e, address, buffer, fpu->memory_bytes, e->mmu_mode);
    }
    if (fpu->writes_flags) {
        flags_set(e, s->rflags);
    }
}

const Op *exec_fpu(Engine *e, const Op *op)
{
    const X86FPUOp *fpu = op->pointer;

    e->op = op;
    check_fpu(e, x86_fpu_check(e->state, fpu->waits));
    fpu_run(e, op, fpu);
    return engine_next_checked(e, op);
}

const Op *exec_fwait(Engine *e, const Op *op)
{
    e->op = op;
    check_fpu(e, x86_fpu_check_wait(e->state));
    NEXT;
}

const Op *exec_emms(Engine *e, const Op *op)
{
    e->op = op;
    if (e->state->cr0 & CR0_EM) {
        raise_exception(e, EXCEPTION_UD);
    }
    check_fpu(e, x86_fpu_check(e->state, true));
    x86_fpu_emms(e->state);
    NEXT;
}

/* ---- FXSAVE, FXRSTOR ---- */

static uint64_t fx_address(Engine *e, const Op *op)
{
    uint64_t address = op_address(e, op);

    e->op = op;
    if (e->state->cr0 & (CR0_EM | CR0_TS)) {
        raise_exception(e, EXCEPTION_NM);
    }
    if (address & 15) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    return address;
}

const Op *exec_fxsave(Engine *e, const Op *op)
{
    uint8_t image[X86_FXSAVE_BYTES] = { 0 };
    uint64_t address = fx_address(e, op);
    unsigned bytes = x86_fxsave_bytes(e->long_mode);

    memory_probe(e, address, bytes, MMU_WRITE, e->mmu_mode);
    memory_read_bytes(e, address, image, bytes, e->mmu_mode);
    x86_fxsave(e->state, image, op->imm, e->long_mode);
    memory_write_bytes(e, address, image, bytes, e->mmu_mode);
    return engine_next_checked(e, op);
}

const Op *exec_fxrstor(Engine *e, const Op *op)
{
    uint8_t image[X86_FXSAVE_BYTES];
    uint64_t address = fx_address(e, op);

    memory_read_bytes(e, address, image, sizeof(image), e->mmu_mode);
    int exception = x86_fxrstor(e->state, image, op->imm, e->long_mode);
    if (exception) {
        raise_vector(e, exception);
    }
    return engine_next_checked(e, op);
}
