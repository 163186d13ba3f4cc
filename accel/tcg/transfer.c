/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Far transfers (Intel SDM vol. 2: JMP, CALL, RET, IRET, SYSCALL...); see transfer.h. */
#include "accel/tcg/transfer.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/flags.h"
#include "accel/tcg/memory.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"

static G_NORETURN void protection_fault(Engine *e, uint16_t selector)
{
    raise_exception_error(e, EXCEPTION_GP, selector & ~3u);
}

static bool is_code(const X86Segment *segment)
{
    return (segment->attributes & (SEGMENT_S | SEGMENT_CODE)) == (SEGMENT_S | SEGMENT_CODE);
}

static void check_present(Engine *e, const X86Segment *segment)
{
    if (!(segment->attributes & SEGMENT_PRESENT)) {
        raise_exception_error(e, EXCEPTION_NP, segment->selector & ~3u);
    }
}

/* L and D together are not a code segment in long mode. */
static void check_code_size(Engine *e, const X86Segment *code)
{
    if ((e->state->msr.efer & EFER_LMA) && (code->attributes & SEGMENT_LONG) &&
        (code->attributes & SEGMENT_BIG)) {
        protection_fault(e, code->selector);
    }
}

static bool is_long_code(const Engine *e, const X86Segment *code)
{
    return (e->state->msr.efer & EFER_LMA) && (code->attributes & SEGMENT_LONG);
}

/* The target offset must lie within the segment. */
static void check_offset(Engine *e, const X86Segment *code, uint64_t offset)
{
    bool bad = is_long_code(e, code) ? !mmu_canonical(offset) : offset > code->limit;

    if (bad) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
}

/* The descriptor is used now. The store can fault, so it comes before anything has changed. */
static void mark_accessed(Engine *e, X86Segment *code)
{
    descriptor_set_type_bits(e, code->selector, SEGMENT_ACCESSED);
    code->attributes |= SEGMENT_ACCESSED;
}

/* Load CS for a transfer without a gate: same privilege. */
static void check_direct_code(Engine *e, X86Segment *code)
{
    unsigned dpl = SEGMENT_DPL(code->attributes);

    check_code_size(e, code);
    if (code->attributes & SEGMENT_EXPAND) {
        if (dpl > e->cpl) {
            protection_fault(e, code->selector);
        }
    } else if ((code->selector & 3u) > e->cpl || dpl != e->cpl) {
        protection_fault(e, code->selector);
    }
    check_present(e, code);
    mark_accessed(e, code);
}

static void install_code(Engine *e, X86Segment *code, unsigned cpl, uint64_t offset)
{
    code->selector = (code->selector & ~3u) | cpl;
    e->state->segments[X86_CS] = *code;
    e->rip = offset;
    engine_update_mode(e);
}

/* ---- call gates ---- */

typedef struct CallGate {
    uint16_t selector;
    uint64_t offset;
    unsigned parameters;
    unsigned size; /* bytes of a stack slot: 2, 4 or 8 */
} CallGate;

static void read_call_gate(Engine *e, uint64_t descriptor, const X86Segment *segment,
                           CallGate *gate)
{
    unsigned type = segment->attributes & (SEGMENT_TYPE | SEGMENT_S);
    bool wide = e->state->msr.efer & EFER_LMA;

    if (!wide && (type == SYSTEM_TASK_GATE || type == SYSTEM_TSS || type == SYSTEM_TSS16)) {
        engine_fail(e,
                    "far transfer to selector 0x%04x would switch tasks: hardware task "
                    "switches are not supported",
                    segment->selector);
    }
    if (type != SYSTEM_CALL_GATE && (wide || type != SYSTEM_CALL_GATE16)) {
        protection_fault(e, segment->selector);
    }
    unsigned dpl = SEGMENT_DPL(segment->attributes);
    if (dpl < e->cpl || dpl < (segment->selector & 3u)) {
        protection_fault(e, segment->selector);
    }
    check_present(e, segment);
    *gate = (CallGate){
        .selector = descriptor >> 16,
        .offset = (descriptor & 0xffff) | ((descriptor >> 32) & 0xffff0000),
        .parameters = (descriptor >> 32) & 0x1f,
        .size = wide                       ? 8
                : type == SYSTEM_CALL_GATE ? 4
                                           : 2,
    };
    if (wide) {
        uint64_t high = descriptor_read_high(e, segment->selector, EXCEPTION_GP);
        gate->offset |= high << 32;
        gate->parameters = 0;
    } else if (gate->size == 2) {
        gate->offset &= 0xffff;
    }
}

static unsigned read_gate_target(Engine *e, const CallGate *gate, X86Segment *code)
{
    if (!(gate->selector & ~3u)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    descriptor_load(e, gate->selector, EXCEPTION_GP, code);
    unsigned dpl = SEGMENT_DPL(code->attributes);
    if (!is_code(code) || dpl > e->cpl || (gate->size == 8 && !is_long_code(e, code))) {
        protection_fault(e, gate->selector);
    }
    check_code_size(e, code);
    check_present(e, code);
    mark_accessed(e, code);
    return code->attributes & SEGMENT_EXPAND ? e->cpl : dpl;
}

/* Copy @gate's parameters from the old stack to the new one. */
static void copy_parameters(Engine *e, const CallGate *gate, Stack *from, Stack *to)
{
    uint64_t values[32];

    for (unsigned i = 0; i < gate->parameters; i++) {
        values[i] = stack_pop(e, from, gate->size);
    }
    for (unsigned i = gate->parameters; i-- > 0;) {
        stack_push(e, to, values[i], gate->size);
    }
}

static void call_inner(Engine *e, const CallGate *gate, X86Segment *code, unsigned cpl,
                       uint64_t next)
{
    X86State *s = e->state;
    X86Segment stack_segment = { .selector = cpl, .attributes = cpl << SEGMENT_DPL_SHIFT };
    Stack old, stack;

    stack_begin(e, &old);
    stack = old;
    if (gate->size == 8) {
        stack.pointer = task_read_rsp(e, cpl);
        stack.mask = UINT64_MAX;
        stack.flat = true;
    } else {
        uint16_t selector;
        task_read_stack(e, cpl, &selector, &stack.pointer);
        segment_check_stack(e, selector, cpl, EXCEPTION_TS, &stack_segment);
        stack.segment = stack_segment;
        stack.mask = stack_segment.attributes & SEGMENT_BIG ? UINT32_MAX : 0xffff;
    }
    stack.mode = engine_kernel_mode(e);
    stack_push(e, &stack, s->segments[X86_SS].selector, gate->size);
    stack_push(e, &stack, e->r[X86_RSP], gate->size);
    copy_parameters(e, gate, &old, &stack);
    stack_push(e, &stack, s->segments[X86_CS].selector, gate->size);
    stack_push(e, &stack, next, gate->size);
    s->segments[X86_SS] = stack_segment;
    stack_commit(e, &stack);
    install_code(e, code, cpl, gate->offset);
}

static void call_through_gate(Engine *e, const CallGate *gate, uint64_t next)
{
    X86Segment code;
    unsigned cpl = read_gate_target(e, gate, &code);
    Stack stack;

    if (cpl != e->cpl) {
        call_inner(e, gate, &code, cpl, next);
        return;
    }
    stack_begin(e, &stack);
    stack_push(e, &stack, e->state->segments[X86_CS].selector, gate->size);
    stack_push(e, &stack, next, gate->size);
    check_offset(e, &code, gate->offset);
    stack_commit(e, &stack);
    install_code(e, &code, cpl, gate->offset);
}

/* ---- jumps and calls ---- */

/* Read the descriptor of a far transfer; null is #GP(0). */
static uint64_t read_far_descriptor(Engine *e, uint16_t selector, X86Segment *segment)
{
    uint64_t descriptor;

    if (!(selector & ~3u)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    if (!descriptor_read(e, selector, &descriptor)) {
        protection_fault(e, selector);
    }
    segment_unpack(descriptor, selector, segment);
    return descriptor;
}

void transfer_far_jump(Engine *e, uint16_t selector, uint64_t offset)
{
    X86Segment segment;

    if (!engine_protected(e)) {
        segment_set_real(e, X86_CS, selector);
        e->rip = offset;
        return;
    }
    uint64_t descriptor = read_far_descriptor(e, selector, &segment);
    if (!(segment.attributes & SEGMENT_S)) {
        CallGate gate;
        X86Segment code;
        read_call_gate(e, descriptor, &segment, &gate);
        unsigned cpl = read_gate_target(e, &gate, &code);
        if (cpl != e->cpl) {
            protection_fault(e, gate.selector);
        }
        check_offset(e, &code, gate.offset);
        install_code(e, &code, cpl, gate.offset);
        return;
    }
    if (!is_code(&segment)) {
        protection_fault(e, selector);
    }
    check_direct_code(e, &segment);
    check_offset(e, &segment, offset);
    install_code(e, &segment, e->cpl, offset);
}

static void push_return(Engine *e, Stack *stack, unsigned size, uint64_t next)
{
    stack_begin(e, stack);
    stack_push(e, stack, e->state->segments[X86_CS].selector, size);
    stack_push(e, stack, next, size);
}

void transfer_far_call(Engine *e, uint16_t selector, uint64_t offset, unsigned size, uint64_t next)
{
    X86Segment segment;
    Stack stack;

    if (!engine_protected(e)) {
        push_return(e, &stack, size, next);
        stack_commit(e, &stack);
        segment_set_real(e, X86_CS, selector);
        e->rip = offset;
        return;
    }
    uint64_t descriptor = read_far_descriptor(e, selector, &segment);
    if (!(segment.attributes & SEGMENT_S)) {
        CallGate gate;
        read_call_gate(e, descriptor, &segment, &gate);
        call_through_gate(e, &gate, next);
        return;
    }
    if (!is_code(&segment)) {
        protection_fault(e, selector);
    }
    check_direct_code(e, &segment);
    push_return(e, &stack, size, next);
    check_offset(e, &segment, offset);
    stack_commit(e, &stack);
    install_code(e, &segment, e->cpl, offset);
}

/* ---- returns ---- */

/* Check CS of a return to @selector. */
static void read_return_code(Engine *e, uint16_t selector, X86Segment *code)
{
    unsigned rpl = selector & 3;

    read_far_descriptor(e, selector, code);
    unsigned dpl = SEGMENT_DPL(code->attributes);
    bool conforming = code->attributes & SEGMENT_EXPAND;
    if (!is_code(code) || rpl < e->cpl || (conforming ? dpl > rpl : dpl != rpl)) {
        protection_fault(e, selector);
    }
    check_code_size(e, code);
    check_present(e, code);
    mark_accessed(e, code);
}

/* SS of a return to outer privilege @cpl; may be null when returning to 64-bit code below 3. */
static void read_return_stack(Engine *e, uint16_t selector, unsigned cpl, bool to_long,
                              X86Segment *segment)
{
    if (!(selector & ~3u) && to_long && cpl != 3) {
        if ((selector & 3u) != cpl) {
            raise_exception_error(e, EXCEPTION_GP, 0);
        }
        *segment = (X86Segment){ .selector = selector, .attributes = cpl << SEGMENT_DPL_SHIFT };
        return;
    }
    segment_check_stack(e, selector, cpl, EXCEPTION_GP, segment);
}

/* Set RSP to @pointer as the new stack segment's size demands. */
static void set_return_stack(Engine *e, const X86Segment *segment, bool to_long, uint64_t pointer)
{
    e->state->segments[X86_SS] = *segment;
    if (to_long) {
        e->r[X86_RSP] = pointer;
    } else if (segment->attributes & SEGMENT_BIG) {
        e->r[X86_RSP] = (uint32_t)pointer;
    } else {
        e->r[X86_RSP] = (e->r[X86_RSP] & ~UINT64_C(0xffff)) | (pointer & 0xffff);
    }
}

void transfer_far_return(Engine *e, unsigned size, unsigned release)
{
    X86Segment code, segment;
    Stack stack;

    stack_begin(e, &stack);
    uint64_t offset = stack_pop(e, &stack, size);
    uint16_t selector = stack_pop(e, &stack, size);
    if (!engine_protected(e)) {
        stack.pointer += release;
        stack_commit(e, &stack);
        segment_set_real(e, X86_CS, selector);
        e->rip = offset;
        return;
    }
    read_return_code(e, selector, &code);
    check_offset(e, &code, offset);
    stack.pointer += release;
    unsigned cpl = selector & 3;
    if (cpl == e->cpl) {
        stack_commit(e, &stack);
        install_code(e, &code, cpl, offset);
        return;
    }
    bool to_long = is_long_code(e, &code);
    uint64_t pointer = stack_pop(e, &stack, size);
    uint16_t stack_selector = stack_pop(e, &stack, size);
    read_return_stack(e, stack_selector, cpl, to_long, &segment);
    install_code(e, &code, cpl, offset);
    set_return_stack(e, &segment, to_long, pointer + release);
    segment_drop_privileged(e);
}

uint64_t transfer_flags_mask(const Engine *e, unsigned size)
{
    uint64_t mask = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;

    if (size > 2) {
        mask |= FLAG_AC | FLAG_ID;
    }
    if (!engine_protected(e) || e->cpl == 0) {
        mask |= FLAG_IOPL | FLAG_IF;
    } else if (e->cpl <= (e->eflags & FLAG_IOPL) >> 12) {
        mask |= FLAG_IF;
    }
    return mask;
}

static void restore_flags(Engine *e, uint64_t flags, uint64_t mask)
{
    rflags_write(e, (rflags_read(e) & ~mask) | (flags & mask));
}

static void interrupt_return_real(Engine *e, unsigned size)
{
    Stack stack;

    stack_begin(e, &stack);
    uint64_t offset = stack_pop(e, &stack, size);
    uint16_t selector = stack_pop(e, &stack, size);
    uint64_t flags = stack_pop(e, &stack, size);
    stack_commit(e, &stack);
    restore_flags(e, flags, transfer_flags_mask(e, size));
    segment_set_real(e, X86_CS, selector);
    e->rip = offset;
}

/* The flags that IRET restores, judged by the privilege it starts from. */
static void check_return_flags(Engine *e, uint64_t flags, unsigned size)
{
    bool to_v86 = size == 4 && (flags & FLAG_VM) && e->cpl == 0 && !(e->state->msr.efer & EFER_LMA);

    if (to_v86) {
        engine_fail(e, "IRET to virtual-8086 mode: that mode is not supported");
    }
}

void transfer_interrupt_return(Engine *e, unsigned size)
{
    X86Segment code, segment;
    Stack stack;

    e->state->nmi_blocked = false;
    if (!engine_protected(e)) {
        interrupt_return_real(e, size);
        return;
    }
    if (e->eflags & FLAG_NT) {
        if (e->state->msr.efer & EFER_LMA) {
            raise_exception_error(e, EXCEPTION_GP, 0);
        }
        engine_fail(e, "IRET with NT set: hardware task switches are not supported");
    }
    bool from_long = e->long_mode;
    stack_begin(e, &stack);
    uint64_t offset = stack_pop(e, &stack, size);
    uint16_t selector = stack_pop(e, &stack, size);
    uint64_t flags = stack_pop(e, &stack, size);
    check_return_flags(e, flags, size);
    read_return_code(e, selector, &code);
    check_offset(e, &code, offset);
    unsigned cpl = selector & 3;
    bool to_long = is_long_code(e, &code);
    uint64_t mask = transfer_flags_mask(e, size);
    bool pops_stack = from_long || cpl != e->cpl, outer = cpl != e->cpl;
    if (pops_stack) {
        uint64_t pointer = stack_pop(e, &stack, size);
        uint16_t stack_selector = stack_pop(e, &stack, size);
        read_return_stack(e, stack_selector, cpl, to_long, &segment);
        install_code(e, &code, cpl, offset);
        set_return_stack(e, &segment, to_long, pointer);
    } else {
        stack_commit(e, &stack);
        install_code(e, &code, cpl, offset);
    }
    restore_flags(e, flags, mask);
    if (outer) {
        segment_drop_privileged(e);
    } else {
        engine_update_mode(e);
    }
}

/* ---- fast system calls ---- */

static void set_flat(X86Segment *segment, uint16_t selector, unsigned attributes)
{
    *segment = (X86Segment){
        .selector = selector,
        .attributes = attributes | SEGMENT_PRESENT | SEGMENT_S | SEGMENT_GRANULAR |
                      SEGMENT_ACCESSED | SEGMENT_WRITABLE,
        .limit = UINT32_MAX,
    };
}

static void set_flat_pair(Engine *e, uint16_t code, uint16_t stack, unsigned cpl, bool wide)
{
    unsigned dpl = cpl << SEGMENT_DPL_SHIFT;

    set_flat(&e->state->segments[X86_CS], code,
             SEGMENT_CODE | dpl | (wide ? SEGMENT_LONG : SEGMENT_BIG));
    set_flat(&e->state->segments[X86_SS], stack, SEGMENT_BIG | dpl);
}

void transfer_syscall(Engine *e, uint64_t next)
{
    X86State *s = e->state;
    uint16_t selector = (s->msr.star >> 32) & 0xfffc;

    if (!(s->msr.efer & EFER_SCE) || !engine_protected(e)) {
        raise_exception(e, EXCEPTION_UD);
    }
    uint64_t flags = rflags_read(e);
    e->r[X86_RCX] = next;
    if (s->msr.efer & EFER_LMA) {
        e->r[X86_R8 + 3] = flags & ~(uint64_t)FLAG_RF;
        e->rip = e->long_mode ? s->msr.lstar : s->msr.cstar;
        set_flat_pair(e, selector, selector + 8, 0, true);
        rflags_write(e, flags & ~(s->msr.syscall_mask | FLAG_RF));
        e->handler_entered = !(e->eflags & FLAG_TF);
    } else {
        e->rip = (uint32_t)s->msr.star;
        set_flat_pair(e, selector, selector + 8, 0, false);
        rflags_write(e, flags & ~(uint64_t)(FLAG_IF | FLAG_VM | FLAG_RF));
    }
    engine_update_mode(e);
}

void transfer_sysret(Engine *e, unsigned size)
{
    X86State *s = e->state;
    uint16_t selector = s->msr.star >> 48;

    if (!(s->msr.efer & EFER_SCE) || !engine_protected(e)) {
        raise_exception(e, EXCEPTION_UD);
    }
    if (e->cpl != 0) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    bool wide = size == 8;
    uint64_t target = wide ? e->r[X86_RCX] : (uint32_t)e->r[X86_RCX];
    if (wide && !mmu_canonical(target)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    uint64_t flags = rflags_read(e);
    if (s->msr.efer & EFER_LMA) {
        uint64_t settable = FLAGS_ARITHMETIC | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT |
                            FLAG_AC | FLAG_ID;
        flags = e->r[X86_R8 + 3] & settable;
    } else {
        flags |= FLAG_IF;
    }
    set_flat_pair(e, (wide ? selector + 16 : selector) | 3, (selector + 8) | 3, 3, wide);
    rflags_write(e, flags);
    e->rip = target;
    engine_update_mode(e);
}

void transfer_sysenter(Engine *e)
{
    X86State *s = e->state;
    uint16_t selector = s->msr.sysenter_cs & 0xfffc;
    bool wide = s->msr.efer & EFER_LMA;

    if (!engine_protected(e) || !selector) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    set_flat_pair(e, selector, selector + 8, 0, wide);
    e->eflags &= ~(FLAG_IF | FLAG_VM | FLAG_RF);
    e->r[X86_RSP] = wide ? s->msr.sysenter_esp : (uint32_t)s->msr.sysenter_esp;
    e->rip = wide ? s->msr.sysenter_eip : (uint32_t)s->msr.sysenter_eip;
    engine_update_mode(e);
}

void transfer_sysexit(Engine *e, unsigned size)
{
    uint16_t selector = e->state->msr.sysenter_cs & 0xfffc;
    bool wide = size == 8;

    if (!engine_protected(e) || !selector || e->cpl != 0) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    uint64_t target = e->r[X86_RDX], pointer = e->r[X86_RCX];
    if (wide && (!mmu_canonical(target) || !mmu_canonical(pointer))) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    unsigned code = wide ? selector + 32 : selector + 16;
    set_flat_pair(e, code | 3, (code + 8) | 3, 3, wide);
    e->rip = wide ? target : (uint32_t)target;
    e->r[X86_RSP] = wide ? pointer : (uint32_t)pointer;
    engine_update_mode(e);
}
