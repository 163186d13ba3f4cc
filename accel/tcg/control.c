/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Control and debug registers (Intel SDM vol. 3, 2.5 and 18.2). */
#include "accel/tcg/control.h"
#include "accel/tcg/debug.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/memory.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"
#include "system/bql.h"

#define CR0_WRITABLE \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR4_WRITABLE                                                                             \
    (UINT64_C(0x3) | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | UINT64_C(0x40) | CR4_PGE | CR4_PCE | \
     CR4_OSFXSR | CR4_OSXMMEXCPT)
#define CR4_TRANSLATION (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP)

static G_NORETURN void refuse(Engine *e)
{
    raise_exception_error(e, EXCEPTION_GP, 0);
}

/* PG and LME together switch long mode on and off. */
static void switch_long_mode(Engine *e, uint64_t cr0)
{
    X86State *s = e->state;
    bool on = cr0 & CR0_PG;

    if (!(s->msr.efer & EFER_LME) || on == ((s->cr0 & CR0_PG) != 0)) {
        return;
    }
    if (on) {
        if (!(s->cr4 & CR4_PAE) || (s->segments[X86_CS].attributes & SEGMENT_LONG)) {
            refuse(e);
        }
        s->msr.efer |= EFER_LMA;
    } else {
        if (e->long_mode) {
            refuse(e);
        }
        s->msr.efer &= ~EFER_LMA;
    }
}

static void write_cr0(Engine *e, uint64_t value)
{
    X86State *s = e->state;

    if ((value >> 32) || ((value & CR0_PG) && !(value & CR0_PE)) ||
        ((value & CR0_NW) && !(value & CR0_CD))) {
        refuse(e);
    }
    value = (value & CR0_WRITABLE) | CR0_ET;
    switch_long_mode(e, value);
    bool flush = (s->cr0 ^ value) & (CR0_PG | CR0_WP | CR0_PE);
    s->cr0 = value;
    if (flush) {
        tlb_flush_all(e);
    }
    engine_update_mode(e);
}

static void write_cr3(Engine *e, uint64_t value)
{
    if (e->state->msr.efer & EFER_LMA) {
        if (value >> 52) {
            refuse(e);
        }
    } else {
        value = (uint32_t)value;
    }
    e->state->cr3 = value;
    tlb_flush_local(e);
}

/* The bits that may be set: those of optional features only if the CPU model has them. */
static uint64_t cr4_writable(const X86CPU *cpu)
{
    static const struct {
        const char *feature;
        uint64_t bit;
    } optional[] = { { "umip", CR4_UMIP },
                     { "fsgsbase", CR4_FSGSBASE },
                     { "smep", CR4_SMEP },
                     { "smap", CR4_SMAP } };
    uint64_t bits = CR4_WRITABLE;

    for (unsigned i = 0; i < G_N_ELEMENTS(optional); i++) {
        if (x86_cpu_has_feature(cpu, optional[i].feature)) {
            bits |= optional[i].bit;
        }
    }
    return bits;
}

static void write_cr4(Engine *e, uint64_t value)
{
    X86State *s = e->state;

    if ((value & ~cr4_writable(e->cpu)) || ((s->msr.efer & EFER_LMA) && !(value & CR4_PAE))) {
        refuse(e);
    }
    bool flush = (s->cr4 ^ value) & CR4_TRANSLATION;
    s->cr4 = value;
    if (flush) {
        tlb_flush_all(e);
    }
    engine_update_mode(e);
}

static uint64_t read_cr8(Engine *e)
{
    const X86InterruptOps *ops = e->cpu->interrupt_ops;

    if (!ops) {
        return 0;
    }
    bql_lock();
    uint64_t value = ops->get_tpr(e->cpu->interrupt_opaque);
    bql_unlock();
    return value;
}

static void write_cr8(Engine *e, uint64_t value)
{
    const X86InterruptOps *ops = e->cpu->interrupt_ops;

    if (value > 15) {
        refuse(e);
    }
    if (ops) {
        bql_lock();
        ops->set_tpr(e->cpu->interrupt_opaque, value);
        bql_unlock();
    }
}

uint64_t control_register_read(Engine *e, unsigned number)
{
    switch (number) {
    case 0:
        return e->state->cr0;
    case 2:
        return e->state->cr2;
    case 3:
        return e->state->cr3;
    case 4:
        return e->state->cr4;
    case 8:
        return read_cr8(e);
    default:
        raise_exception(e, EXCEPTION_UD);
    }
}

void control_register_write(Engine *e, unsigned number, uint64_t value)
{
    switch (number) {
    case 0:
        write_cr0(e, value);
        break;
    case 2:
        e->state->cr2 = value;
        break;
    case 3:
        write_cr3(e, value);
        break;
    case 4:
        write_cr4(e, value);
        break;
    case 8:
        write_cr8(e, value);
        break;
    default:
        raise_exception(e, EXCEPTION_UD);
    }
}

/* General detect: a debugger wants to know of accesses to its registers. */
static void check_general_detect(Engine *e)
{
    if (e->state->dr[7] & DR7_DETECT) {
        e->state->dr[7] &= ~DR7_DETECT;
        e->state->dr[6] |= DR6_DETECTED;
        raise_exception(e, EXCEPTION_DB);
    }
}

/* 4 and 5 are other names of 6 and 7, unless CR4.DE forbids it. */
static unsigned debug_register_number(Engine *e, unsigned number)
{
    if (number == 4 || number == 5) {
        if (e->state->cr4 & CR4_DE) {
            raise_exception(e, EXCEPTION_UD);
        }
        return number + 2;
    }
    return number;
}

uint64_t debug_register_read(Engine *e, unsigned number)
{
    number = debug_register_number(e, number);
    check_general_detect(e);
    switch (number) {
    case 6:
        return e->state->dr[6] | DR6_FIXED;
    case 7:
        return e->state->dr[7] | DR7_FIXED;
    default:
        return e->state->dr[number];
    }
}

void debug_register_write(Engine *e, unsigned number, uint64_t value)
{
    number = debug_register_number(e, number);
    check_general_detect(e);
    if (number >= 6 && (value >> 32)) {
        refuse(e);
    }
    e->state->dr[number] = value;
    debug_registers_changed(e);
}
