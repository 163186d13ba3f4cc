/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Segments; see segment.h. */
#include "accel/tcg/segment.h"
#include "accel/tcg/block.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/memory.h"

MMUMode engine_kernel_mode(const Engine *e)
{
    return (e->state->cr4 & CR4_SMAP) && !(e->eflags & FLAG_AC) ? MMU_KERNEL_SMAP : MMU_KERNEL;
}

static uint8_t derive_block_flags(const Engine *e)
{
    const X86State *s = e->state;
    uint8_t flags = e->cpl == 3 ? BLOCK_USER : 0;

    if (e->long_mode) {
        return flags | 2;
    }
    if (s->segments[X86_CS].attributes & SEGMENT_BIG) {
        flags |= 1;
    }
    if (s->segments[X86_SS].attributes & SEGMENT_BIG) {
        flags |= BLOCK_STACK_32;
    }
    return flags;
}

void engine_update_mode(Engine *e)
{
    X86State *s = e->state;
    uint64_t old_base = e->r[SLOT_SEGMENT_BASE + X86_CS];
    uint32_t old_limit = e->code_limit;

    e->long_mode = (s->msr.efer & EFER_LMA) && (s->segments[X86_CS].attributes & SEGMENT_LONG);
    e->cpl = (s->cr0 & CR0_PE) ? s->segments[X86_CS].selector & 3 : 0;
    e->block_flags = derive_block_flags(e);
    e->jump_key = e->block_flags == 2 ? 0 : (uint64_t)(e->block_flags + 1) << 50;
    e->mmu_mode = e->cpl == 3 ? MMU_USER : engine_kernel_mode(e);
    e->tlb = e->tlbs[e->mmu_mode].entries;
    e->physical_mask = s->a20_enabled ? UINT64_MAX : ~(UINT64_C(1) << 20);
    for (unsigned i = 0; i < X86_SEGMENT_COUNT; i++) {
        bool ignored = e->long_mode && i != X86_FS && i != X86_GS;
        e->r[SLOT_SEGMENT_BASE + i] = ignored ? 0 : s->segments[i].base;
    }
    if (!e->long_mode) {
        e->code_limit = s->segments[X86_CS].limit;
    }
    /* Ways between blocks were found with the old base, and checked against the old limit. */
    if (e->r[SLOT_SEGMENT_BASE + X86_CS] != old_base || e->code_limit != old_limit) {
        block_jumps_flush(e, false);
    }
}

/* ---- descriptors ---- */

static bool descriptor_address(Engine *e, uint16_t selector, uint64_t *address)
{
    const X86State *s = e->state;
    uint64_t base = s->gdt.base, limit = s->gdt.limit;

    if (selector & 4) {
        if (!(s->ldt.attributes & SEGMENT_PRESENT)) {
            return false;
        }
        base = s->ldt.base;
        limit = s->ldt.limit;
    }
    if ((uint64_t)(selector | 7) > limit) {
        return false;
    }
    *address = base + (selector & ~7u);
    return true;
}

bool descriptor_read(Engine *e, uint16_t selector, uint64_t *descriptor)
{
    uint64_t address;

    if (!(selector & ~3u) || !descriptor_address(e, selector, &address)) {
        return false;
    }
    *descriptor = memory_load(e, address, 8, MMU_KERNEL);
    return true;
}

void segment_unpack(uint64_t descriptor, uint16_t selector, X86Segment *segment)
{
    uint32_t limit = (descriptor & 0xffff) | ((descriptor >> 32) & 0xf0000);

    segment->selector = selector;
    segment->attributes = (descriptor >> 40) & 0xf0ff;
    segment->base = ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000);
    segment->limit = segment->attributes & SEGMENT_GRANULAR ? (limit << 12) | 0xfff : limit;
}

void descriptor_load(Engine *e, uint16_t selector, unsigned vector, X86Segment *segment)
{
    uint64_t descriptor;

    if (!descriptor_read(e, selector, &descriptor)) {
        raise_exception_error(e, vector, selector & ~3u);
    }
    segment_unpack(descriptor, selector, segment);
}

void descriptor_set_type_bits(Engine *e, uint16_t selector, uint8_t bits)
{
    uint64_t address;

    if (!descriptor_address(e, selector, &address)) {
        return;
    }
    uint8_t type = memory_load(e, address + 5, 1, MMU_KERNEL);
    if ((type & bits) != bits) {
        memory_store(e, address + 5, type | bits, 1, MMU_KERNEL);
    }
}

uint32_t descriptor_read_high(Engine *e, uint16_t selector, unsigned vector)
{
    uint64_t address;

    if (!descriptor_address(e, (selector & ~7u) + 8 + (selector & 4), &address)) {
        raise_exception_error(e, vector, selector & ~3u);
    }
    return memory_load(e, address, 4, MMU_KERNEL);
}

/* ---- loading ---- */

void segment_set(Engine *e, X86SegmentIndex index, const X86Segment *segment)
{
    e->state->segments[index] = *segment;
    engine_update_mode(e);
}

void segment_set_real(Engine *e, X86SegmentIndex index, uint16_t selector)
{
    X86Segment *segment = &e->state->segments[index];

    segment->selector = selector;
    segment->base = (uint32_t)selector << 4;
    if (index == X86_CS) {
        segment->attributes = SEGMENT_PRESENT | SEGMENT_S | SEGMENT_WRITABLE | SEGMENT_ACCESSED |
                              SEGMENT_CODE | (segment->attributes & SEGMENT_BIG);
    }
    engine_update_mode(e);
}

static void load_null(Engine *e, X86SegmentIndex index, uint16_t selector)
{
    X86Segment *segment = &e->state->segments[index];

    if (index == X86_SS && (!e->long_mode || e->cpl == 3 || (selector & 3) != e->cpl)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    segment->selector = selector;
    segment->attributes = index == X86_SS ? e->cpl << SEGMENT_DPL_SHIFT : 0;
    segment->base = 0;
    segment->limit = 0;
    engine_update_mode(e);
}

void segment_check_stack(Engine *e, uint16_t selector, unsigned cpl, unsigned vector,
                         X86Segment *segment)
{
    if (!(selector & ~3u)) {
        raise_exception_error(e, vector, 0);
    }
    descriptor_load(e, selector, vector, segment);
    unsigned wanted = SEGMENT_S | SEGMENT_WRITABLE;
    if ((segment->attributes & (SEGMENT_S | SEGMENT_CODE | SEGMENT_WRITABLE)) != wanted ||
        (selector & 3) != cpl || SEGMENT_DPL(segment->attributes) != cpl) {
        raise_exception_error(e, vector, selector & ~3u);
    }
    if (!(segment->attributes & SEGMENT_PRESENT)) {
        raise_exception_error(e, EXCEPTION_SS, selector & ~3u);
    }
    descriptor_set_type_bits(e, selector, SEGMENT_ACCESSED);
    segment->attributes |= SEGMENT_ACCESSED;
}

static void check_data(Engine *e, uint16_t selector, X86Segment *segment)
{
    descriptor_load(e, selector, EXCEPTION_GP, segment);
    unsigned attributes = segment->attributes, dpl = SEGMENT_DPL(attributes);
    bool code = attributes & SEGMENT_CODE;
    bool conforming = code && (attributes & SEGMENT_EXPAND);

    if (!(attributes & SEGMENT_S) || (code && !(attributes & SEGMENT_WRITABLE)) ||
        (!conforming && (dpl < e->cpl || dpl < (selector & 3u)))) {
        raise_exception_error(e, EXCEPTION_GP, selector & ~3u);
    }
    if (!(attributes & SEGMENT_PRESENT)) {
        raise_exception_error(e, EXCEPTION_NP, selector & ~3u);
    }
    descriptor_set_type_bits(e, selector, SEGMENT_ACCESSED);
    segment->attributes |= SEGMENT_ACCESSED;
}

void segment_load(Engine *e, X86SegmentIndex index, uint16_t selector)
{
    X86Segment segment;

    if (!engine_protected(e)) {
        segment_set_real(e, index, selector);
        return;
    }
    if (!(selector & ~3u)) {
        load_null(e, index, selector);
        return;
    }
    if (index == X86_SS) {
        segment_check_stack(e, selector, e->cpl, EXCEPTION_GP, &segment);
    } else {
        check_data(e, selector, &segment);
    }
    segment_set(e, index, &segment);
}

void segment_drop_privileged(Engine *e)
{
    static const X86SegmentIndex indices[] = { X86_ES, X86_DS, X86_FS, X86_GS };

    for (unsigned i = 0; i < G_N_ELEMENTS(indices); i++) {
        X86Segment *segment = &e->state->segments[indices[i]];
        unsigned attributes = segment->attributes;
        bool conforming =
            (attributes & (SEGMENT_CODE | SEGMENT_EXPAND)) == (SEGMENT_CODE | SEGMENT_EXPAND);
        /* A null segment stays as it is: FS and GS can have a base all the same. */
        if ((segment->selector & ~3u) && !conforming && SEGMENT_DPL(attributes) < e->cpl) {
            segment->selector = 0;
            segment->attributes = 0;
            segment->base = 0;
        }
    }
    engine_update_mode(e);
}

/* ---- system segments ---- */

static void load_system(Engine *e, uint16_t selector, X86Segment *segment)
{
    if (selector & 4) {
        raise_exception_error(e, EXCEPTION_GP, selector & ~3u);
    }
    descriptor_load(e, selector, EXCEPTION_GP, segment);
    if (e->state->msr.efer & EFER_LMA) {
        uint64_t high = descriptor_read_high(e, selector, EXCEPTION_GP);
        segment->base |= high << 32;
    }
}

void segment_load_ldt(Engine *e, uint16_t selector)
{
    X86Segment segment = { .selector = selector };

    if (selector & ~3u) {
        load_system(e, selector, &segment);
        if (!segment_is_system(&segment, SYSTEM_LDT)) {
            raise_exception_error(e, EXCEPTION_GP, selector & ~3u);
        }
        if (!(segment.attributes & SEGMENT_PRESENT)) {
            raise_exception_error(e, EXCEPTION_NP, selector & ~3u);
        }
    }
    e->state->ldt = segment;
}

void segment_load_task(Engine *e, uint16_t selector)
{
    X86Segment segment;

    if (!(selector & ~3u)) {
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
    load_system(e, selector, &segment);
    bool small = segment_is_system(&segment, SYSTEM_TSS16) && !(e->state->msr.efer & EFER_LMA);
    if (!small && !segment_is_system(&segment, SYSTEM_TSS)) {
        raise_exception_error(e, EXCEPTION_GP, selector & ~3u);
    }
    if (!(segment.attributes & SEGMENT_PRESENT)) {
        raise_exception_error(e, EXCEPTION_NP, selector & ~3u);
    }
    descriptor_set_type_bits(e, selector, 2);
    segment.attributes |= 2;
    e->state->task = segment;
}

/* ---- linear addresses ---- */

static bool within_limit(const X86Segment *segment, uint64_t offset, unsigned size)
{
    bool expand_down = (segment->attributes & (SEGMENT_CODE | SEGMENT_EXPAND | SEGMENT_S)) ==
                       (SEGMENT_EXPAND | SEGMENT_S);
    uint64_t last = offset + size - 1;

    if (!expand_down) {
        return last <= segment->limit;
    }
    uint64_t top = segment->attributes & SEGMENT_BIG ? UINT32_MAX : 0xffff;
    return offset > segment->limit && last <= top;
}

static bool type_allows(const Engine *e, const X86Segment *segment, bool write)
{
    if (!engine_protected(e)) {
        return true;
    }
    if (!(segment->attributes & SEGMENT_PRESENT)) {
        return false;
    }
    bool code = segment->attributes & SEGMENT_CODE;
    if (write) {
        return !code && (segment->attributes & SEGMENT_WRITABLE);
    }
    return !code || (segment->attributes & SEGMENT_WRITABLE);
}

uint64_t segment_linear(Engine *e, X86SegmentIndex index, uint64_t offset, unsigned size,
                        bool write)
{
    const X86Segment *segment = &e->state->segments[index];

    if (e->long_mode) {
        return e->r[SLOT_SEGMENT_BASE + index] + offset;
    }
    if (!within_limit(segment, offset, size) || !type_allows(e, segment, write)) {
        raise_exception_error(e, index == X86_SS ? EXCEPTION_SS : EXCEPTION_GP, 0);
    }
    return (uint32_t)(segment->base + offset);
}
