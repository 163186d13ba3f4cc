/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Stacks and the task state segment (Intel SDM vol. 3, chapter 8). */
#include "accel/tcg/exception.h"
#include "accel/tcg/memory.h"
#include "accel/tcg/segment.h"

static uint64_t stack_mask(const Engine *e, const X86Segment *segment)
{
    if (e->long_mode) {
        return UINT64_MAX;
    }
    return segment->attributes & SEGMENT_BIG ? UINT32_MAX : 0xffff;
}

void stack_begin(Engine *e, Stack *stack)
{
    *stack = (Stack){
        .pointer = e->r[X86_RSP],
        .segment = e->state->segments[X86_SS],
        .mode = e->mmu_mode,
        .flat = e->long_mode,
    };
    stack->mask = stack_mask(e, &stack->segment);
}

static uint64_t stack_linear(Engine *e, const Stack *stack, uint64_t offset, unsigned size)
{
    if (stack->flat) {
        return offset;
    }
    bool expand_down =
        (stack->segment.attributes & (SEGMENT_CODE | SEGMENT_EXPAND)) == SEGMENT_EXPAND;
    bool bad =
        expand_down ? offset <= stack->segment.limit : offset + size - 1 > stack->segment.limit;
    if (bad) {
        raise_exception_error(e, EXCEPTION_SS, 0);
    }
    return (uint32_t)(stack->segment.base + offset);
}

static void check_canonical(Engine *e, const Stack *stack, uint64_t offset)
{
    if (stack->flat && (uint64_t)((int64_t)(offset << 16) >> 16) != offset) {
        raise_exception_error(e, EXCEPTION_SS, 0);
    }
}

void stack_push(Engine *e, Stack *stack, uint64_t value, unsigned size)
{
    uint64_t offset = (stack->pointer - size) & stack->mask;

    check_canonical(e, stack, offset);
    memory_store(e, stack_linear(e, stack, offset, size), value, size, stack->mode);
    stack->pointer = offset;
}

uint64_t stack_pop(Engine *e, Stack *stack, unsigned size)
{
    uint64_t offset = stack->pointer & stack->mask;

    check_canonical(e, stack, offset);
    uint64_t value = memory_load(e, stack_linear(e, stack, offset, size), size, stack->mode);
    stack->pointer = (offset + size) & stack->mask;
    return value;
}

void stack_commit(Engine *e, const Stack *stack)
{
    uint64_t kept = stack->mask == 0xffff ? e->r[X86_RSP] & ~stack->mask : 0;

    e->r[X86_RSP] = kept | (stack->pointer & stack->mask);
}

/* ---- task state segment ---- */

static uint64_t task_load(Engine *e, uint32_t offset, unsigned size)
{
    const X86Segment *task = &e->state->task;

    if ((uint64_t)offset + size - 1 > task->limit) {
        raise_exception_error(e, EXCEPTION_TS, task->selector & ~3u);
    }
    return memory_load(e, task->base + offset, size, MMU_KERNEL);
}

void task_read_stack(Engine *e, unsigned level, uint16_t *selector, uint64_t *pointer)
{
    if (e->state->task.attributes & 8) {
        *pointer = task_load(e, 4 + level * 8, 4);
        *selector = task_load(e, 8 + level * 8, 2);
    } else {
        *pointer = task_load(e, 2 + level * 4, 2);
        *selector = task_load(e, 4 + level * 4, 2);
    }
}

uint64_t task_read_rsp(Engine *e, unsigned level)
{
    return task_load(e, 4 + level * 8, 8);
}

uint64_t task_read_ist(Engine *e, unsigned index)
{
    return task_load(e, 28 + index * 8, 8);
}

void task_check_ports(Engine *e, uint16_t port, unsigned size)
{
    const X86Segment *task = &e->state->task;

    if (!engine_protected(e) || e->cpl <= (e->eflags & FLAG_IOPL) >> 12) {
        return;
    }
    if (!(task->attributes & SEGMENT_PRESENT) || !(task->attributes & 8) || task->limit < 103) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    uint32_t map = memory_load(e, task->base + 102, 2, MMU_KERNEL);
    uint32_t byte = map + port / 8;
    if (byte + 1 > task->limit) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    uint32_t bits = memory_load(e, task->base + byte, 2, MMU_KERNEL) >> (port % 8);
    if (bits & ((1u << size) - 1)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
}
