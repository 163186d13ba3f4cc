/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Segments: descriptors, loading, limits (Intel SDM vol. 3, chapters 3 and 5). */
#pragma once

#include "accel/tcg/engine.h"

/* X86Segment.attributes. */
#define SEGMENT_TYPE            0x000f
#define SEGMENT_ACCESSED        0x0001
#define SEGMENT_WRITABLE        0x0002 /* data; code: readable */
#define SEGMENT_EXPAND          0x0004 /* data: expand down; code: conforming */
#define SEGMENT_CODE            0x0008
#define SEGMENT_S               0x0010 /* code or data, not a system descriptor */
#define SEGMENT_DPL(attributes) (((attributes) >> 5) & 3)
#define SEGMENT_DPL_SHIFT       5
#define SEGMENT_PRESENT         0x0080
#define SEGMENT_LONG            0x2000
#define SEGMENT_BIG             0x4000
#define SEGMENT_GRANULAR        0x8000

/* System descriptor types. */
#define SYSTEM_TSS16       1
#define SYSTEM_LDT         2
#define SYSTEM_TSS16_BUSY  3
#define SYSTEM_CALL_GATE16 4
#define SYSTEM_TASK_GATE   5
#define SYSTEM_INTERRUPT16 6
#define SYSTEM_TRAP16      7
#define SYSTEM_TSS         9
#define SYSTEM_TSS_BUSY    11
#define SYSTEM_CALL_GATE   12
#define SYSTEM_INTERRUPT   14
#define SYSTEM_TRAP        15

static inline bool segment_is_system(const X86Segment *segment, unsigned type)
{
    return (segment->attributes & (SEGMENT_S | SEGMENT_TYPE)) == type;
}

static inline bool engine_protected(const Engine *e)
{
    return e->state->cr0 & CR0_PE;
}

/* The mode in which supervisor code at the current EFLAGS.AC accesses data explicitly. */
MMUMode engine_kernel_mode(const Engine *e);

/* Recompute everything that is derived from control registers, EFER, CS, SS and EFLAGS. */
void engine_update_mode(Engine *e);

/*
 * Read the 8 bytes that @selector names. False when they lie beyond the table's limit or the
 * selector is null. Supervisor access; may raise page faults.
 */
bool descriptor_read(Engine *e, uint16_t selector, uint64_t *descriptor);
/* The same into a segment, raising @vector(selector) when there is none. */
void descriptor_load(Engine *e, uint16_t selector, unsigned vector, X86Segment *segment);
/* Unpack @descriptor. */
void segment_unpack(uint64_t descriptor, uint16_t selector, X86Segment *segment);
/* Set the accessed bit (@bits = 1) or the busy bit (2) of the descriptor in memory. */
void descriptor_set_type_bits(Engine *e, uint16_t selector, uint8_t bits);
/* Bits 63:32 of the base of a 16-byte system descriptor. */
uint32_t descriptor_read_high(Engine *e, uint16_t selector, unsigned vector);

/* MOV/POP to a segment register other than CS, LxS: all checks, then the load. */
void segment_load(Engine *e, X86SegmentIndex index, uint16_t selector);
/* Install a checked segment. */
void segment_set(Engine *e, X86SegmentIndex index, const X86Segment *segment);
/* Real-address mode form of a selector (base = selector << 4, the rest unchanged). */
void segment_set_real(Engine *e, X86SegmentIndex index, uint16_t selector);
/* Check @selector as a stack segment for privilege @cpl; raises @vector(selector). */
void segment_check_stack(Engine *e, uint16_t selector, unsigned cpl, unsigned vector,
                         X86Segment *segment);
/* After a return to outer privilege: null the data segments that it may not keep. */
void segment_drop_privileged(Engine *e);

void segment_load_ldt(Engine *e, uint16_t selector);
void segment_load_task(Engine *e, uint16_t selector);

/*
 * Linear address of @size bytes at @offset of segment @index, with the checks that the mode
 * demands (limit, type, present); raises #SS(0) for SS, #GP(0) otherwise.
 */
uint64_t segment_linear(Engine *e, X86SegmentIndex index, uint64_t offset, unsigned size,
                        bool write);

/* ---- stacks ---- */

/* A stack being pushed to or popped from; RSP itself changes only when the caller commits it. */
typedef struct Stack {
    uint64_t pointer;
    uint64_t mask; /* of the pointer: 16, 32 or 64 bits */
    X86Segment segment;
    MMUMode mode;
    bool flat; /* 64-bit mode: no base, no limit */
} Stack;

void stack_begin(Engine *e, Stack *stack);
void stack_push(Engine *e, Stack *stack, uint64_t value, unsigned size);
uint64_t stack_pop(Engine *e, Stack *stack, unsigned size);
/* Store the pointer to RSP (its low bits as the mask says). */
void stack_commit(Engine *e, const Stack *stack);

/* Ring @level stack from the task state segment; raises #TS. */
void task_read_stack(Engine *e, unsigned level, uint16_t *selector, uint64_t *pointer);
/* Interrupt stack table entry 1..7, or RSP of a level (64-bit TSS). */
uint64_t task_read_rsp(Engine *e, unsigned level);
uint64_t task_read_ist(Engine *e, unsigned index);
/* May the current privilege use the ports [@port, @port + @size)? Raises #GP(0) if not. */
void task_check_ports(Engine *e, uint16_t port, unsigned size);
