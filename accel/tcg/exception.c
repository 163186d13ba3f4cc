/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Raising and delivering exceptions and interrupts; see exception.h. */
#include "accel/tcg/exception.h"
#include "accel/tcg/block.h"
#include "accel/tcg/flags.h"
#include "accel/tcg/memory.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"
#include "trace-accel-tcg.h"
#include "util/report.h"

#define ERROR_CODE_IDT 2 /* the index names an IDT entry */

/* How a delivery was begun. */
typedef struct Delivery {
    unsigned vector;
    bool software; /* INT n, INT3, INTO: the gate's DPL counts */
    bool external; /* interrupt or NMI */
    bool fault;    /* RF is set in the saved flags */
    bool has_error_code;
    uint32_t error_code;
} Delivery;

/* ---- raising ---- */

static G_NORETURN void raise_pending(Engine *e, const PendingException *exception)
{
    if (e->op) {
        e->rip = op_pc(e, e->op);
        engine_uncount(e, e->op, false);
        e->op = NULL;
    }
    e->rip -= e->soft_interrupt_length;
    e->soft_interrupt_length = 0;
    e->exception = *exception;
    longjmp(e->fault, FAULT_EXCEPTION);
}

void raise_exception(Engine *e, unsigned vector)
{
    raise_pending(e, &(PendingException){ .vector = vector });
}

void raise_exception_error(Engine *e, unsigned vector, uint32_t error_code)
{
    raise_pending(e, &(PendingException){
                         .vector = vector, .has_error_code = true, .error_code = error_code });
}

void raise_page_fault(Engine *e, uint64_t address, uint32_t error_code)
{
    raise_pending(e, &(PendingException){ .vector = EXCEPTION_PF,
                                          .has_error_code = true,
                                          .error_code = error_code,
                                          .fault_address = address });
}

void engine_fail(Engine *e, const char *format, ...)
{
    va_list arguments;

    if (e->op) {
        e->rip = op_pc(e, e->op);
        e->op = NULL;
    }
    va_start(arguments, format);
    char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    report_error("CPU %u stopped at CS:RIP %04x:0x%" PRIx64 " (CR0 0x%" PRIx64 " CR3 0x%" PRIx64
                 " EFER 0x%" PRIx64 "): %s",
                 e->cpu->vcpu.index, e->state->segments[X86_CS].selector, e->rip, e->state->cr0,
                 e->state->cr3, e->state->msr.efer, text);
    g_free(text); /* the jump would skip an automatic clean-up */
    e->stop = STOP_ERROR;
    longjmp(e->fault, FAULT_STOP);
}

/* ---- delivery ---- */

static uint32_t gate_error_code(const Engine *e, unsigned vector)
{
    return vector * 8 + ERROR_CODE_IDT + (e->delivering_external ? 1 : 0);
}

static uint32_t selector_error_code(const Engine *e, uint16_t selector)
{
    return (selector & ~3u) + (e->delivering_external ? 1 : 0);
}

/* What DF may not be set for: flags cleared on entry. */
static void enter_handler(Engine *e, bool interrupt_gate)
{
    e->eflags &= ~(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
    e->handler_entered = true;
    if (interrupt_gate) {
        e->eflags &= ~FLAG_IF;
    }
}

static uint64_t saved_flags(const Engine *e, const Delivery *delivery)
{
    return rflags_read(e) | (delivery->fault ? FLAG_RF : 0);
}

/* Real-address mode: the interrupt vector table. */
static void deliver_real(Engine *e, const Delivery *delivery)
{
    X86State *s = e->state;
    Stack stack;

    if (delivery->vector * 4 + 3 > s->idt.limit) {
        raise_exception_error(e, EXCEPTION_GP, gate_error_code(e, delivery->vector));
    }
    uint32_t entry = memory_load(e, s->idt.base + delivery->vector * 4, 4, MMU_KERNEL);
    stack_begin(e, &stack);
    stack_push(e, &stack, rflags_read(e), 2);
    stack_push(e, &stack, s->segments[X86_CS].selector, 2);
    stack_push(e, &stack, e->rip, 2);
    stack_commit(e, &stack);
    enter_handler(e, true);
    e->eflags &= ~FLAG_AC;
    segment_set_real(e, X86_CS, entry >> 16);
    e->rip = entry & 0xffff;
}

/* A gate of the IDT. */
typedef struct Gate {
    uint16_t selector;
    uint8_t type;
    uint8_t ist;
    uint64_t offset;
} Gate;

static void read_gate(Engine *e, const Delivery *delivery, Gate *gate)
{
    X86State *s = e->state;
    bool wide = s->msr.efer & EFER_LMA;
    unsigned size = wide ? 16 : 8;
    uint32_t code = gate_error_code(e, delivery->vector);

    if (delivery->vector * size + size - 1 > s->idt.limit) {
        raise_exception_error(e, EXCEPTION_GP, code);
    }
    uint64_t address = s->idt.base + delivery->vector * size;
    uint64_t low = memory_load(e, address, 8, MMU_KERNEL);
    uint64_t high = wide ? memory_load(e, address + 8, 8, MMU_KERNEL) : 0;
    unsigned access = (low >> 40) & 0xff;
    *gate = (Gate){
        .selector = low >> 16,
        .type = access & 0x1f,
        .ist = wide ? (low >> 32) & 7 : 0,
        .offset = (low & 0xffff) | ((low >> 32) & 0xffff0000) | (high << 32),
    };
    if (gate->type == SYSTEM_TASK_GATE && !wide) {
        engine_fail(e,
                    "vector %u goes through a task gate: hardware task switches are not "
                    "supported",
                    delivery->vector);
    }
    bool known = gate->type == SYSTEM_INTERRUPT || gate->type == SYSTEM_TRAP ||
                 (!wide && (gate->type == SYSTEM_INTERRUPT16 || gate->type == SYSTEM_TRAP16));
    if (!known || (delivery->software && SEGMENT_DPL(access) < e->cpl)) {
        raise_exception_error(e, EXCEPTION_GP, code);
    }
    if (!(access & SEGMENT_PRESENT)) {
        raise_exception_error(e, EXCEPTION_NP, code);
    }
    if (gate->type == SYSTEM_INTERRUPT16 || gate->type == SYSTEM_TRAP16) {
        gate->offset &= 0xffff;
    }
}

/* The code segment that @gate leads to. Returns the new privilege level. */
static unsigned read_target(Engine *e, const Gate *gate, X86Segment *code)
{
    uint32_t error_code = selector_error_code(e, gate->selector);
    uint64_t descriptor;

    if (!(gate->selector & ~3u)) {
        raise_exception_error(e, EXCEPTION_GP, e->delivering_external ? 1 : 0);
    }
    if (!descriptor_read(e, gate->selector, &descriptor)) {
        raise_exception_error(e, EXCEPTION_GP, error_code);
    }
    segment_unpack(descriptor, gate->selector, code);
    unsigned dpl = SEGMENT_DPL(code->attributes);
    if ((code->attributes & (SEGMENT_S | SEGMENT_CODE)) != (SEGMENT_S | SEGMENT_CODE) ||
        dpl > e->cpl) {
        raise_exception_error(e, EXCEPTION_GP, error_code);
    }
    if ((e->state->msr.efer & EFER_LMA) &&
        (code->attributes & (SEGMENT_LONG | SEGMENT_BIG)) != SEGMENT_LONG) {
        raise_exception_error(e, EXCEPTION_GP, error_code);
    }
    if (!(code->attributes & SEGMENT_PRESENT)) {
        raise_exception_error(e, EXCEPTION_NP, error_code);
    }
    return code->attributes & SEGMENT_EXPAND ? e->cpl : dpl;
}

static void install_code(Engine *e, X86Segment *code, unsigned cpl)
{
    descriptor_set_type_bits(e, code->selector, SEGMENT_ACCESSED);
    code->attributes |= SEGMENT_ACCESSED;
    code->selector = (code->selector & ~3u) | cpl;
    e->state->segments[X86_CS] = *code;
}

static void deliver_long(Engine *e, const Delivery *delivery)
{
    X86State *s = e->state;
    X86Segment code;
    Gate gate;

    read_gate(e, delivery, &gate);
    unsigned cpl = read_target(e, &gate, &code);
    uint64_t pointer = e->r[X86_RSP];
    if (gate.ist) {
        pointer = task_read_ist(e, gate.ist);
    } else if (cpl != e->cpl) {
        pointer = task_read_rsp(e, cpl);
    }
    Stack stack = {
        .pointer = pointer & ~UINT64_C(15),
        .mask = UINT64_MAX,
        .mode = cpl == 3 ? MMU_USER : engine_kernel_mode(e),
        .flat = true,
    };
    stack_push(e, &stack, s->segments[X86_SS].selector, 8);
    stack_push(e, &stack, e->r[X86_RSP], 8);
    stack_push(e, &stack, saved_flags(e, delivery), 8);
    stack_push(e, &stack, s->segments[X86_CS].selector, 8);
    stack_push(e, &stack, e->rip, 8);
    if (delivery->has_error_code) {
        stack_push(e, &stack, delivery->error_code, 8);
    }
    install_code(e, &code, cpl);
    if (cpl != e->cpl) {
        s->segments[X86_SS] =
            (X86Segment){ .selector = cpl, .attributes = cpl << SEGMENT_DPL_SHIFT };
    }
    e->r[X86_RSP] = stack.pointer;
    e->rip = gate.offset;
    enter_handler(e, gate.type == SYSTEM_INTERRUPT);
    engine_update_mode(e);
}

static void deliver_protected(Engine *e, const Delivery *delivery)
{
    X86State *s = e->state;
    X86Segment code;
    Stack stack;
    Gate gate;

    read_gate(e, delivery, &gate);
    unsigned cpl = read_target(e, &gate, &code);
    unsigned size = gate.type & 8 ? 4 : 2;
    stack_begin(e, &stack);
    if (cpl != e->cpl) {
        uint16_t selector;
        task_read_stack(e, cpl, &selector, &stack.pointer);
        segment_check_stack(e, selector, cpl, EXCEPTION_TS, &stack.segment);
        stack.mask = stack.segment.attributes & SEGMENT_BIG ? UINT32_MAX : 0xffff;
        stack.mode = engine_kernel_mode(e);
        stack_push(e, &stack, s->segments[X86_SS].selector, size);
        stack_push(e, &stack, e->r[X86_RSP], size);
    }
    stack_push(e, &stack, saved_flags(e, delivery), size);
    stack_push(e, &stack, s->segments[X86_CS].selector, size);
    stack_push(e, &stack, e->rip, size);
    if (delivery->has_error_code) {
        stack_push(e, &stack, delivery->error_code, size);
    }
    install_code(e, &code, cpl);
    s->segments[X86_SS] = stack.segment;
    stack_commit(e, &stack);
    e->rip = gate.offset;
    enter_handler(e, gate.type == SYSTEM_INTERRUPT || gate.type == SYSTEM_INTERRUPT16);
    engine_update_mode(e);
}

static void deliver(Engine *e, const Delivery *delivery)
{
    e->op = NULL;
    log_write(LOG_INTERRUPTS,
              "CPU %u: vector 0x%02x error %d:0x%x at %04x:%016" PRIx64 " CPL %u RSP %016" PRIx64
              " CR2 %016" PRIx64 "\n",
              e->cpu->vcpu.index, delivery->vector, delivery->has_error_code, delivery->error_code,
              e->state->segments[X86_CS].selector, e->rip, e->cpl, e->r[X86_RSP], e->state->cr2);
    trace_engine_deliver(delivery->vector, delivery->error_code, e->rip);
    /* Faults on the way of an interrupt are not double faults, whatever its number. */
    e->delivering = delivery->software || delivery->external ? -1 : (int)delivery->vector;
    if (!engine_protected(e)) {
        deliver_real(e, delivery);
    } else if (e->state->msr.efer & EFER_LMA) {
        deliver_long(e, delivery);
    } else {
        deliver_protected(e, delivery);
    }
    e->delivering = -1;
    e->delivering_external = false;
}

/* ---- exceptions while delivering exceptions (SDM vol. 3, table 6-5) ---- */

static bool is_contributory(unsigned vector)
{
    return vector == EXCEPTION_DE || (vector >= EXCEPTION_TS && vector <= EXCEPTION_GP);
}

/* Make e->exception what two exceptions at once amount to. */
static void combine(Engine *e, unsigned first)
{
    unsigned second = e->exception.vector;
    bool second_bad = is_contributory(second) || second == EXCEPTION_PF;

    if (first == EXCEPTION_DF && second_bad) {
        log_write(LOG_INTERRUPTS | LOG_CPU_RESET, "CPU %u: triple fault at RIP 0x%" PRIx64 "\n",
                  e->cpu->vcpu.index, e->rip);
        trace_engine_triple_fault(e->rip);
        e->stop = STOP_SHUTDOWN;
        e->delivering = -1;
        longjmp(e->fault, FAULT_STOP);
    }
    if ((is_contributory(first) && is_contributory(second)) ||
        (first == EXCEPTION_PF && second_bad)) {
        e->exception = (PendingException){ .vector = EXCEPTION_DF, .has_error_code = true };
    }
}

void exception_deliver(Engine *e)
{
    if (e->delivering >= 0) {
        combine(e, e->delivering);
    }
    const PendingException *exception = &e->exception;
    if (exception->vector == EXCEPTION_PF) {
        e->state->cr2 = exception->fault_address;
    }
    /* Real mode has no error codes. */
    Delivery delivery = {
        .vector = exception->vector,
        .fault = exception->vector != EXCEPTION_DB,
        .has_error_code = exception->has_error_code && engine_protected(e),
        .error_code = exception->error_code,
    };
    e->delivering_external = true;
    deliver(e, &delivery);
}

void software_interrupt_deliver(Engine *e, unsigned vector)
{
    e->delivering_external = false;
    deliver(e, &(Delivery){ .vector = vector, .software = true });
}

void trap_deliver(Engine *e, unsigned vector)
{
    e->delivering_external = true;
    deliver(e, &(Delivery){ .vector = vector });
}

void external_interrupt_deliver(Engine *e, unsigned vector)
{
    e->delivering_external = true;
    deliver(e, &(Delivery){ .vector = vector, .external = true });
}
