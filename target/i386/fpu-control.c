/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * x87 instructions on the unit's own state: control and status word, environment, FNSAVE, FNINIT,
 * FNCLEX, EMMS; and the exceptions that come before any x87 instruction (Intel SDM vol. 1, 8.1 and
 * 8.7). Code and data segment selectors are deprecated and always stored as 0.
 */
#include <string.h>

#include "target/i386/fpu-internal.h"

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_NE (1u << 5)

#define RFLAGS_VM (1u << 17)

#define EXCEPTION_NM 7
#define EXCEPTION_MF 16

static int pending_exception(const X86State *state)
{
    if (!fpu_pending(&state->fpu)) {
        return 0;
    }
    return state->cr0 & CR0_NE ? EXCEPTION_MF : X86_FPU_FERR;
}

int x86_fpu_check(const X86State *state, bool waits)
{
    if (state->cr0 & (CR0_EM | CR0_TS)) {
        return EXCEPTION_NM;
    }
    return waits ? pending_exception(state) : 0;
}

int x86_fpu_check_wait(const X86State *state)
{
    if ((state->cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) {
        return EXCEPTION_NM;
    }
    return pending_exception(state);
}

void x86_fpu_emms(X86State *state)
{
    state->fpu.status &= ~FPU_STATUS_TOP;
    state->fpu.tag_valid = 0;
}

void x86_fpu_init(X86FPU *fpu)
{
    fpu->control = FPU_CONTROL_INIT;
    fpu->status = 0;
    fpu->tag_valid = 0;
    fpu->opcode = 0;
    fpu->instruction_pointer = 0;
    fpu->data_pointer = 0;
}

static void put_16(uint8_t *to, uint16_t value)
{
    memcpy(to, &value, 2);
}

static uint16_t get_16(const uint8_t *from)
{
    uint16_t value;

    memcpy(&value, from, 2);
    return value;
}

/* Two tag bits a register: 0 valid, 1 zero, 2 special (NaN, infinity, denormal, unnormal), 3 empty
 */
static unsigned register_tag(const uint8_t *value)
{
    unsigned exponent = get_16(value + 8) & 0x7fff;
    uint64_t significand;

    memcpy(&significand, value, 8);
    if (exponent == 0 && significand == 0) {
        return 1;
    }
    return exponent == 0 || exponent == 0x7fff || !(significand >> 63) ? 2 : 0;
}

static uint16_t tag_word(const X86FPU *fpu)
{
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        unsigned tag = fpu->tag_valid >> i & 1 ? register_tag(fpu->registers[i]) : 3;

        tags |= tag << (2 * i);
    }
    return tags;
}

static uint8_t tags_valid(uint16_t tags)
{
    uint8_t valid = 0;

    for (unsigned i = 0; i < 8; i++) {
        if ((tags >> (2 * i) & 3) != 3) {
            valid |= 1 << i;
        }
    }
    return valid;
}

/* An environment is seven fields of 2 or 4 bytes; the upper halves of the narrow ones are ones. */
typedef struct Environment {
    uint32_t control, status, tags;
    uint32_t instruction_offset, instruction_selector; /* selector's upper half: opcode */
    uint32_t data_offset, data_selector;
} Environment;

static bool protected_mode(const X86State *state)
{
    return (state->cr0 & CR0_PE) && !(state->rflags & RFLAGS_VM);
}

/* Real-address mode splits linear addresses: bits 15:0, and the rest from bit 12 on. */
static Environment environment_make(const X86State *state, bool wide)
{
    const X86FPU *fpu = &state->fpu;
    uint32_t ones = wide ? 0xffff0000 : 0;
    uint32_t upper = wide ? 0x0ffff000 : 0xf000;
    Environment e = {
        .control = fpu->control | ones,
        .status = fpu->status | ones,
        .tags = tag_word(fpu) | ones,
    };

    if (protected_mode(state)) {
        e.instruction_offset = fpu->instruction_pointer;
        e.instruction_selector = wide ? fpu->opcode << 16 : 0;
        e.data_offset = fpu->data_pointer;
        e.data_selector = ones;
    } else {
        e.instruction_offset = (fpu->instruction_pointer & 0xffff) | ones;
        e.instruction_selector = (fpu->instruction_pointer >> 4 & upper) | fpu->opcode;
        e.data_offset = (fpu->data_pointer & 0xffff) | ones;
        e.data_selector = fpu->data_pointer >> 4 & upper;
    }
    return e;
}

static void environment_load(X86State *state, const Environment *e, bool wide)
{
    X86FPU *fpu = &state->fpu;

    fpu->status = e->status;
    fpu->tag_valid = tags_valid(e->tags);
    fpu_set_control(fpu, e->control);
    fpu->opcode = 0;
    fpu->instruction_pointer = e->instruction_offset;
    fpu->data_pointer = e->data_offset;
    if (protected_mode(state)) {
        if (wide) {
            fpu->opcode = e->instruction_selector >> 16 & 0x7ff;
        }
        return;
    }
    fpu->opcode = e->instruction_selector & 0x7ff;
    fpu->instruction_pointer =
        (e->instruction_offset & 0xffff) | (e->instruction_selector & 0x0ffff000) << 4;
    fpu->data_pointer = (e->data_offset & 0xffff) | (e->data_selector & 0x0ffff000) << 4;
}

#define ENVIRONMENT_FIELDS 7

static unsigned environment_bytes(bool wide)
{
    return ENVIRONMENT_FIELDS * (wide ? 4 : 2);
}

static void environment_store(const X86State *state, uint8_t *memory, bool wide)
{
    Environment e = environment_make(state, wide);
    uint32_t fields[ENVIRONMENT_FIELDS];

    memcpy(fields, &e, sizeof(fields));
    for (unsigned i = 0; i < ENVIRONMENT_FIELDS; i++) {
        if (wide) {
            memcpy(memory + 4 * i, &fields[i], 4);
        } else {
            put_16(memory + 2 * i, fields[i]);
        }
    }
}

static void environment_fetch(X86State *state, const uint8_t *memory, bool wide)
{
    uint32_t fields[ENVIRONMENT_FIELDS] = { 0 };
    Environment e;

    for (unsigned i = 0; i < ENVIRONMENT_FIELDS; i++) {
        if (wide) {
            memcpy(&fields[i], memory + 4 * i, 4);
        } else {
            fields[i] = get_16(memory + 2 * i);
        }
    }
    memcpy(&e, fields, sizeof(e));
    environment_load(state, &e, wide);
}

/* FNSTENV masks everything behind itself, so that its handler can compute. */
static void store_environment(X86State *state, uint8_t *memory, bool wide)
{
    environment_store(state, memory, wide);
    fpu_set_control(&state->fpu, state->fpu.control | FPU_CONTROL_MASKS);
}

static void save(X86State *state, uint8_t *memory, bool wide)
{
    environment_store(state, memory, wide);
    memory += environment_bytes(wide);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(memory + i * FPU_REGISTER_BYTES, fpu_st(&state->fpu, i), FPU_REGISTER_BYTES);
    }
    x86_fpu_init(&state->fpu);
}

static void restore(X86State *state, const uint8_t *memory, bool wide)
{
    environment_fetch(state, memory, wide);
    memory += environment_bytes(wide);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(fpu_st(&state->fpu, i), memory + i * FPU_REGISTER_BYTES, FPU_REGISTER_BYTES);
    }
}

static void execute_register(X86State *state, const X86FPUOp *op)
{
    X86FPU *fpu = &state->fpu;

    if (op->opcode == 0xdf) { /* FNSTSW AX */
        state->registers[X86_RAX] = (state->registers[X86_RAX] & ~0xffffull) | fpu->status;
    } else if (op->modrm == 0xe2) { /* FNCLEX */
        fpu->status &= ~(FPU_STATUS_EXCEPTIONS | FPU_STATUS_SF | FPU_STATUS_ES | FPU_STATUS_B);
    } else if (op->modrm == 0xe3) { /* FNINIT */
        x86_fpu_init(fpu);
    }
    /* FENI, FDISI and FSETPM do nothing since the 80387. */
}

void fpu_execute_control(X86State *state, const X86FPUOp *op, void *memory)
{
    unsigned which = (op->opcode & 7) << 3 | (op->modrm >> 3 & 7);

    if (op->modrm >= 0xc0) {
        execute_register(state, op);
        return;
    }
    switch (which) {
    case 014: /* FLDENV */
        environment_fetch(state, memory, op->wide);
        break;
    case 015: /* FLDCW */
        fpu_set_control(&state->fpu, get_16(memory));
        break;
    case 016: /* FNSTENV */
        store_environment(state, memory, op->wide);
        break;
    case 017: /* FNSTCW */
        put_16(memory, state->fpu.control);
        break;
    case 054: /* FRSTOR */
        restore(state, memory, op->wide);
        break;
    case 056: /* FNSAVE */
        save(state, memory, op->wide);
        break;
    case 057: /* FNSTSW */
        put_16(memory, state->fpu.status);
        break;
    default:
        g_assert_not_reached();
    }
}
