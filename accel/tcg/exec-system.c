/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* System instructions: flags, interrupts, control registers, tables, segments. */
#include "accel/tcg/block.h"
#include "accel/tcg/control.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/exec.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"
#include "accel/tcg/transfer.h"

#define RAX e->r[X86_RAX]
#define RCX e->r[X86_RCX]
#define RDX e->r[X86_RDX]

static void require_cpl0(Engine *e)
{
    if (e->cpl != 0) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
}

static void require_protected(Engine *e)
{
    if (!engine_protected(e)) {
        raise_exception(e, EXCEPTION_UD);
    }
}

static void require_iopl(Engine *e)
{
    if (engine_protected(e) && e->cpl > (e->eflags & FLAG_IOPL) >> 12) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
}

/* Is there something to look at that IF or the TPR held back? */
static bool interrupt_waiting(const Engine *e)
{
    return vcpu_interrupts_pending(&e->cpu->vcpu) != 0;
}

const Op *exec_undefined(Engine *e, const Op *op)
{
    e->op = op;
    raise_exception(e, EXCEPTION_UD);
}

const Op *exec_protection_fault(Engine *e, const Op *op)
{
    e->op = op;
    raise_exception_error(e, EXCEPTION_GP, 0);
}

/* ---- far transfers ---- */

/* e->rip is where to go on; the mode may have changed. */
static const Op *transferred(Engine *e)
{
    e->op = NULL;
    if (unlikely((e->eflags & FLAG_TF) || e->watch_code || e->watch_data || interrupt_waiting(e))) {
        return NULL;
    }
    return engine_jump_by_loop(e, e->rip);
}

const Op *exec_far_jump(Engine *e, const Op *op)
{
    e->op = op;
    transfer_far_jump(e, e->r[SLOT_T1], e->r[SLOT_T0]);
    return transferred(e);
}

const Op *exec_far_call(Engine *e, const Op *op)
{
    e->op = op;
    transfer_far_call(e, e->r[SLOT_T1], e->r[SLOT_T0], op->imm, op_next_pc(e, op));
    return transferred(e);
}

const Op *exec_far_return(Engine *e, const Op *op)
{
    e->op = op;
    transfer_far_return(e, op->imm & 0xff, op->imm >> 8);
    return transferred(e);
}

const Op *exec_iret(Engine *e, const Op *op)
{
    e->op = op;
    transfer_interrupt_return(e, op->imm);
    return transferred(e);
}

const Op *exec_syscall(Engine *e, const Op *op)
{
    e->op = op;
    transfer_syscall(e, op_next_pc(e, op));
    return transferred(e);
}

const Op *exec_sysret(Engine *e, const Op *op)
{
    e->op = op;
    transfer_sysret(e, op->imm);
    return transferred(e);
}

const Op *exec_sysenter(Engine *e, const Op *op)
{
    e->op = op;
    transfer_sysenter(e);
    return transferred(e);
}

const Op *exec_sysexit(Engine *e, const Op *op)
{
    e->op = op;
    transfer_sysexit(e, op->imm);
    return transferred(e);
}

/* Software interrupts: on a fault while delivering, RIP must still be the instruction's. */
static const Op *soft_interrupt(Engine *e, const Op *op, unsigned vector)
{
    e->soft_interrupt_length = op->length;
    e->rip = op_next_pc(e, op);
    software_interrupt_deliver(e, vector);
    e->soft_interrupt_length = 0;
    return transferred(e);
}

const Op *exec_int(Engine *e, const Op *op)
{
    return soft_interrupt(e, op, op->imm);
}

const Op *exec_int3(Engine *e, const Op *op)
{
    return soft_interrupt(e, op, EXCEPTION_BP);
}

const Op *exec_into(Engine *e, const Op *op)
{
    if (flags_test(e, CONDITION_O)) {
        return soft_interrupt(e, op, EXCEPTION_OF);
    }
    NEXT;
}

const Op *exec_int1(Engine *e, const Op *op)
{
    e->rip = op_next_pc(e, op);
    trap_deliver(e, EXCEPTION_DB);
    return transferred(e);
}

/* ---- flags ---- */

const Op *exec_pushf(Engine *e, const Op *op)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    stack_push(e, &stack, rflags_read(e) & ~(uint64_t)(FLAG_RF | FLAG_VM), op->imm);
    stack_commit(e, &stack);
    return engine_next_checked(e, op);
}

const Op *exec_popf(Engine *e, const Op *op)
{
    uint64_t mask = transfer_flags_mask(e, op->imm);
    uint32_t before = e->eflags;
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    uint64_t value = stack_pop(e, &stack, op->imm);
    stack_commit(e, &stack);
    rflags_write(e, (rflags_read(e) & ~mask) | (value & mask));
    uint32_t changed = before ^ e->eflags;
    if (changed & FLAG_AC) {
        engine_update_mode(e);
    }
    if ((changed & FLAG_TF) || ((changed & e->eflags & FLAG_IF) && interrupt_waiting(e))) {
        return engine_leave(e, op);
    }
    return engine_next_checked(e, op);
}

const Op *exec_cli(Engine *e, const Op *op)
{
    e->op = op;
    require_iopl(e);
    e->eflags &= ~FLAG_IF;
    NEXT;
}

/*
 * The instruction behind STI runs before any interrupt: interrupts come between blocks, so
 * staying in the block is enough unless STI is its last instruction.
 */
const Op *exec_sti(Engine *e, const Op *op)
{
    e->op = op;
    require_iopl(e);
    if (!(e->eflags & FLAG_IF)) {
        e->eflags |= FLAG_IF;
        /* The operation at the end of a block belongs to no instruction. */
        if (interrupt_waiting(e) || op[1].length == 0) {
            e->interrupt_shadow = true;
            return engine_leave(e, op);
        }
    }
    NEXT;
}

static void set_alignment_check(Engine *e, bool on)
{
    e->eflags = on ? e->eflags | FLAG_AC : e->eflags & ~FLAG_AC;
    e->mmu_mode = engine_kernel_mode(e);
    e->tlb = e->tlbs[e->mmu_mode].entries;
}

const Op *exec_clac(Engine *e, const Op *op)
{
    if (e->cpl != 0) {
        return exec_undefined(e, op);
    }
    set_alignment_check(e, false);
    NEXT;
}

const Op *exec_stac(Engine *e, const Op *op)
{
    if (e->cpl != 0) {
        return exec_undefined(e, op);
    }
    set_alignment_check(e, true);
    NEXT;
}

const Op *exec_hlt(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    e->stop = STOP_HALT;
    return engine_leave(e, op);
}

/* Whoever spins waits for another vCPU, which needs the host's thread for that. */
const Op *exec_pause(Engine *e, const Op *op)
{
    if (unlikely(e->cpu->vcpu.contended)) {
        e->stop = STOP_YIELD;
        return engine_leave(e, op);
    }
    NEXT;
}

/* ---- identification, time, MSRs ---- */

const Op *exec_cpuid(Engine *e, const Op *op)
{
    X86CPUIDResult result = x86_cpuid(e->cpu, RAX, RCX);

    RAX = result.eax;
    e->r[X86_RBX] = result.ebx;
    RCX = result.ecx;
    RDX = result.edx;
    NEXT;
}

static void read_tsc(Engine *e, const Op *op)
{
    e->op = op;
    if ((e->state->cr4 & CR4_TSD) && e->cpl != 0) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    uint64_t value = x86_tsc_read(e->cpu);
    RAX = (uint32_t)value;
    RDX = value >> 32;
}

const Op *exec_rdtsc(Engine *e, const Op *op)
{
    read_tsc(e, op);
    NEXT;
}

const Op *exec_rdtscp(Engine *e, const Op *op)
{
    read_tsc(e, op);
    RCX = (uint32_t)e->state->msr.tsc_aux;
    NEXT;
}

const Op *exec_rdpid(Engine *e, const Op *op)
{
    R64(op->dst) = e->state->msr.tsc_aux;
    NEXT;
}

/* There are no performance counters. */
const Op *exec_rdpmc(Engine *e, const Op *op)
{
    return exec_protection_fault(e, op);
}

const Op *exec_rdmsr(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    if (!msr_read(e, RCX, &e->r[SLOT_T0])) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    RAX = (uint32_t)e->r[SLOT_T0];
    RDX = e->r[SLOT_T0] >> 32;
    NEXT;
}

const Op *exec_wrmsr(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    if (!msr_write(e, RCX, RDX << 32 | (uint32_t)RAX)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    return engine_leave(e, op);
}

/* ---- control and debug registers ---- */

const Op *exec_mov_from_cr(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    R64(op->dst) = control_register_read(e, op->imm);
    NEXT;
}

const Op *exec_mov_to_cr(Engine *e, const Op *op)
{
    uint64_t value = R64(op->src);

    e->op = op;
    require_cpl0(e);
    control_register_write(e, op->imm, e->long_mode ? value : (uint32_t)value);
    return engine_leave(e, op);
}

const Op *exec_mov_from_dr(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    R64(op->dst) = debug_register_read(e, op->imm);
    NEXT;
}

const Op *exec_mov_to_dr(Engine *e, const Op *op)
{
    uint64_t value = R64(op->src);

    e->op = op;
    require_cpl0(e);
    debug_register_write(e, op->imm, e->long_mode ? value : (uint32_t)value);
    return engine_leave(e, op);
}

const Op *exec_lmsw(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    /* LMSW can set PE but not clear it. */
    uint64_t keep = (e->state->cr0 & ~UINT64_C(0xe));
    control_register_write(e, 0, keep | (R16(op->src) & 0xf));
    return engine_leave(e, op);
}

static void check_user_instructions(Engine *e, const Op *op)
{
    e->op = op;
    if ((e->state->cr4 & CR4_UMIP) && e->cpl != 0) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
}

const Op *exec_smsw(Engine *e, const Op *op)
{
    check_user_instructions(e, op);
    e->r[SLOT_T0] = e->state->cr0;
    NEXT;
}

const Op *exec_clts(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    e->state->cr0 &= ~CR0_TS;
    NEXT;
}

const Op *exec_invlpg(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    uint64_t address = op_address(e, op);
    tlb_flush_page(e, e->long_mode ? address : (uint32_t)address);
    return engine_leave(e, op);
}

/* Caches are not modelled. */
const Op *exec_invd(Engine *e, const Op *op)
{
    e->op = op;
    require_cpl0(e);
    NEXT;
}

/* ---- descriptor tables ---- */

static void load_table(Engine *e, const Op *op, X86DescriptorTable *table)
{
    uint64_t address = op_address(e, op);

    e->op = op;
    require_cpl0(e);
    uint16_t limit = memory_load(e, address, 2, e->mmu_mode);
    unsigned size = op->imm >> 32 ? 8 : 4;
    uint64_t base = memory_load(e, address + 2, size, e->mmu_mode);
    if (size == 8 && !mmu_canonical(base)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    table->limit = limit;
    table->base = base & (op->imm >> 32 ? UINT64_MAX : (uint32_t)op->imm);
}

const Op *exec_lgdt(Engine *e, const Op *op)
{
    load_table(e, op, &e->state->gdt);
    NEXT;
}

const Op *exec_lidt(Engine *e, const Op *op)
{
    load_table(e, op, &e->state->idt);
    NEXT;
}

static const Op *store_table(Engine *e, const Op *op, const X86DescriptorTable *table)
{
    uint64_t address = op_address(e, op);
    unsigned size = op->imm >> 32 ? 8 : 4;

    check_user_instructions(e, op);
    memory_probe(e, address, 2 + size, MMU_WRITE, e->mmu_mode);
    memory_store(e, address, table->limit, 2, e->mmu_mode);
    memory_store(e, address + 2, table->base, size, e->mmu_mode);
    return engine_next_checked(e, op);
}

const Op *exec_sgdt(Engine *e, const Op *op)
{
    return store_table(e, op, &e->state->gdt);
}

const Op *exec_sidt(Engine *e, const Op *op)
{
    return store_table(e, op, &e->state->idt);
}

const Op *exec_lldt(Engine *e, const Op *op)
{
    e->op = op;
    require_protected(e);
    require_cpl0(e);
    segment_load_ldt(e, R16(op->src));
    NEXT;
}

const Op *exec_ltr(Engine *e, const Op *op)
{
    e->op = op;
    require_protected(e);
    require_cpl0(e);
    segment_load_task(e, R16(op->src));
    NEXT;
}

const Op *exec_sldt(Engine *e, const Op *op)
{
    e->op = op;
    require_protected(e);
    check_user_instructions(e, op);
    e->r[SLOT_T0] = e->state->ldt.selector;
    NEXT;
}

const Op *exec_str(Engine *e, const Op *op)
{
    e->op = op;
    require_protected(e);
    check_user_instructions(e, op);
    e->r[SLOT_T0] = e->state->task.selector;
    NEXT;
}

/* ---- looking at descriptors ---- */

/* Is the segment visible at the current privilege and the selector's? */
static bool descriptor_visible(Engine *e, uint16_t selector, uint64_t *descriptor,
                               X86Segment *segment)
{
    if (!descriptor_read(e, selector, descriptor)) {
        return false;
    }
    segment_unpack(*descriptor, selector, segment);
    unsigned attributes = segment->attributes;
    bool conforming =
        (attributes & SEGMENT_S) && (attributes & SEGMENT_CODE) && (attributes & SEGMENT_EXPAND);
    unsigned dpl = SEGMENT_DPL(attributes);
    return conforming || (dpl >= e->cpl && dpl >= (selector & 3u));
}

static bool lar_type_valid(const Engine *e, const X86Segment *segment)
{
    static const uint16_t legacy = 0x1a3e /* 1-5, 9, 11, 12 */, wide = 0x1a04 /* 2, 9, 11, 12 */;

    if (segment->attributes & SEGMENT_S) {
        return true;
    }
    uint16_t valid = e->state->msr.efer & EFER_LMA ? wide : legacy;
    return (valid >> (segment->attributes & SEGMENT_TYPE)) & 1;
}

static bool lsl_type_valid(const Engine *e, const X86Segment *segment)
{
    static const uint16_t legacy = 0x0a0e /* 1-3, 9, 11 */, wide = 0x0a04 /* 2, 9, 11 */;

    if (segment->attributes & SEGMENT_S) {
        return true;
    }
    uint16_t valid = e->state->msr.efer & EFER_LMA ? wide : legacy;
    return (valid >> (segment->attributes & SEGMENT_TYPE)) & 1;
}

const Op *exec_lar(Engine *e, const Op *op)
{
    X86Segment segment;
    uint64_t descriptor;

    e->op = op;
    require_protected(e);
    bool good =
        descriptor_visible(e, R16(op->src), &descriptor, &segment) && lar_type_valid(e, &segment);
    if (good) {
        op_write_sized(e, op->dst, (descriptor >> 32) & 0xffff00, op->imm);
    }
    flags_set_zero(e, good);
    NEXT_BY_LOOP;
}

const Op *exec_lsl(Engine *e, const Op *op)
{
    X86Segment segment;
    uint64_t descriptor;

    e->op = op;
    require_protected(e);
    bool good =
        descriptor_visible(e, R16(op->src), &descriptor, &segment) && lsl_type_valid(e, &segment);
    if (good) {
        op_write_sized(e, op->dst, segment.limit, op->imm);
    }
    flags_set_zero(e, good);
    NEXT_BY_LOOP;
}

const Op *exec_verr(Engine *e, const Op *op)
{
    X86Segment segment;
    uint64_t descriptor;

    e->op = op;
    require_protected(e);
    bool good = descriptor_visible(e, R16(op->src), &descriptor, &segment) &&
                (segment.attributes & SEGMENT_S) &&
                (!(segment.attributes & SEGMENT_CODE) || (segment.attributes & SEGMENT_WRITABLE));
    flags_set_zero(e, good);
    NEXT_BY_LOOP;
}

const Op *exec_verw(Engine *e, const Op *op)
{
    X86Segment segment;
    uint64_t descriptor;

    e->op = op;
    require_protected(e);
    bool good = descriptor_visible(e, R16(op->src), &descriptor, &segment) &&
                (segment.attributes & (SEGMENT_S | SEGMENT_CODE | SEGMENT_WRITABLE)) ==
                    (SEGMENT_S | SEGMENT_WRITABLE);
    flags_set_zero(e, good);
    NEXT_BY_LOOP;
}

/* T0: destination selector, adjusted to the RPL of src; the translator stores it. */
const Op *exec_arpl(Engine *e, const Op *op)
{
    uint16_t destination = e->r[SLOT_T0], source = R16(op->src);

    e->op = op;
    require_protected(e);
    bool adjust = (destination & 3) < (source & 3);
    if (adjust) {
        e->r[SLOT_T0] = (destination & ~3u) | (source & 3);
    }
    flags_set_zero(e, adjust);
    NEXT;
}

/* ---- segment registers ---- */

const Op *exec_mov_from_segment(Engine *e, const Op *op)
{
    R64(op->dst) = e->state->segments[op->imm].selector;
    NEXT;
}

const Op *exec_mov_to_segment(Engine *e, const Op *op)
{
    e->op = op;
    segment_load(e, op->imm, R16(op->src));
    if (op->imm == X86_SS) {
        e->interrupt_shadow = true;
        return engine_leave(e, op);
    }
    NEXT;
}

const Op *exec_load_far_pointer(Engine *e, const Op *op)
{
    uint64_t address = op_address(e, op);
    unsigned segment = op->imm & 0xff, size = op->imm >> 8;

    e->op = op;
    uint64_t offset = memory_load(e, address, size, e->mmu_mode);
    uint16_t selector = memory_load(e, address + size, 2, e->mmu_mode);
    segment_load(e, segment, selector);
    op_write_sized(e, op->dst, offset, size);
    if (segment == X86_SS) {
        e->interrupt_shadow = true;
    }
    return engine_leave(e, op);
}

const Op *exec_swapgs(Engine *e, const Op *op)
{
    X86State *s = e->state;

    e->op = op;
    require_cpl0(e);
    uint64_t base = s->segments[X86_GS].base;
    s->segments[X86_GS].base = s->msr.kernel_gs_base;
    e->r[SLOT_SEGMENT_BASE + X86_GS] = s->msr.kernel_gs_base;
    s->msr.kernel_gs_base = base;
    NEXT;
}

/* imm: segment | 8-byte form << 8 */
const Op *exec_rdfsbase(Engine *e, const Op *op)
{
    if (!(e->state->cr4 & CR4_FSGSBASE)) {
        return exec_undefined(e, op);
    }
    uint64_t base = e->state->segments[op->imm & 0xff].base;
    R64(op->dst) = op->imm >> 8 ? base : (uint32_t)base;
    NEXT;
}

const Op *exec_wrfsbase(Engine *e, const Op *op)
{
    if (!(e->state->cr4 & CR4_FSGSBASE)) {
        return exec_undefined(e, op);
    }
    uint64_t base = op->imm >> 8 ? R64(op->src) : R32(op->src);
    if (!mmu_canonical(base)) {
        return exec_protection_fault(e, op);
    }
    e->state->segments[op->imm & 0xff].base = base;
    e->r[SLOT_SEGMENT_BASE + (op->imm & 0xff)] = base;
    NEXT;
}
