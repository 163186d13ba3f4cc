/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The parts of the local APIC among themselves: apic.c (device, priorities, delivery to the
 * processor), apic-registers.c (MMIO and MSRs), apic-bus.c (messages between APICs) and
 * apic-timer.c.
 */
#pragma once

#include "hw/intc/apic.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "util/timer.h"

#define APIC_VECTOR_WORDS 8
#define APIC_FIRST_VECTOR 16 /* 0..15 are illegal on the bus */
#define APIC_BROADCAST    0xffu
#define APIC_BROADCAST_X2 0xffffffffu

/* IA32_APIC_BASE */
#define APIC_BASE_BSP    (UINT64_C(1) << 8)
#define APIC_BASE_X2APIC (UINT64_C(1) << 10)
#define APIC_BASE_ENABLE (UINT64_C(1) << 11)
/* The window can be anywhere in the 40 bits of physical address that all CPU models have. */
#define APIC_BASE_VALID \
    (((UINT64_C(1) << 40) - TARGET_PAGE_SIZE) | APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE)

/* Spurious interrupt vector register */
#define APIC_SVR_ENABLE 0x100u
#define APIC_SVR_VALID  0x3ffu

/* Local vector table */
#define APIC_LVT_VECTOR     0xffu
#define APIC_LVT_MODE_SHIFT 8
#define APIC_LVT_REMOTE_IRR 0x4000u
#define APIC_LVT_LEVEL      0x8000u
#define APIC_LVT_MASKED     0x10000u
#define APIC_LVT_TIMER_MODE 0x60000u
#define APIC_LVT_PERIODIC   0x20000u
#define APIC_LVT_DEADLINE   0x40000u

/* Error status register */
#define APIC_ESR_SEND_ILLEGAL     0x20u
#define APIC_ESR_RECEIVE_ILLEGAL  0x40u
#define APIC_ESR_ILLEGAL_REGISTER 0x80u
#define APIC_ESR_VALID            0xefu

/* The longest count at the lowest rate; the start of a count may lie that far before time 0. */
#define APIC_TIMER_LONGEST_NS (INT64_C(1) << 39)

#define APIC_ICR_VALID 0x000ccfffu
#define APIC_DCR_VALID 0xbu

typedef enum APICLVTIndex {
    APIC_LVT_TIMER,
    APIC_LVT_THERMAL,
    APIC_LVT_PERFORMANCE,
    APIC_LVT_LINT0,
    APIC_LVT_LINT1,
    APIC_LVT_ERROR,
    APIC_LVT_COUNT,
} APICLVTIndex;

typedef struct APIC {
    Device parent;
    X86CPU *cpu;
    MemoryRegion region;
    bool mapped; /* this APIC's region is the one that is mapped, at mapped_at */
    uint64_t mapped_at;
    /* State. */
    uint64_t base; /* IA32_APIC_BASE */
    uint8_t id;    /* xAPIC ID; the x2APIC ID is cpu->apic_id */
    uint8_t tpr;
    uint32_t ldr; /* xAPIC: bits 31:24 */
    uint32_t dfr;
    uint32_t svr;
    uint32_t esr;
    uint32_t esr_pending; /* errors since the last write of the ESR */
    uint32_t icr_low;
    uint32_t icr_high;
    uint32_t isr[APIC_VECTOR_WORDS];
    uint32_t tmr[APIC_VECTOR_WORDS];
    uint32_t irr[APIC_VECTOR_WORDS];
    uint32_t lvt[APIC_LVT_COUNT];
    uint8_t lint_levels; /* bit n: LINTn is asserted */
    bool extint_message; /* an ExtINT came as a message and was not acknowledged yet */
    uint32_t timer_initial;
    uint32_t timer_divide;  /* DCR */
    int64_t timer_start_ns; /* virtual time at which the count was (re)started */
    uint64_t tsc_deadline;
    Timer *timer;
} APIC;

GType apic_get_type(void);
#define APIC(o) (G_TYPE_CHECK_INSTANCE_CAST((o), apic_get_type(), APIC))

static inline bool apic_globally_enabled(const APIC *apic)
{
    return apic->base & APIC_BASE_ENABLE;
}

static inline bool apic_is_x2apic(const APIC *apic)
{
    return apic->base & APIC_BASE_X2APIC;
}

static inline bool apic_software_enabled(const APIC *apic)
{
    return apic->svr & APIC_SVR_ENABLE;
}

/* ---- apic.c ---- */

/* All local APICs in order of creation; the first belongs to the bootstrap processor. */
GPtrArray *apic_all(void);

/* Ask the processor to acknowledge, or withdraw that, as the state says. */
void apic_update(APIC *apic);
/* Take the fixed interrupt @vector; false when it was refused. */
bool apic_accept_fixed(APIC *apic, uint8_t vector, bool level);
/* Raise the interrupt of @entry, unless it is masked. */
void apic_local_interrupt(APIC *apic, APICLVTIndex entry);
void apic_report_error(APIC *apic, uint32_t esr_bit);
void apic_end_of_interrupt(APIC *apic);
uint8_t apic_processor_priority(const APIC *apic);
/* A LINT entry was rewritten: its line may be asserted already. */
void apic_lint_changed(APIC *apic, APICLVTIndex entry);
/* State after INIT (SDM vol. 3, "Local APIC State After It Receives an INIT-Deassert IPI"). */
void apic_init_reset(APIC *apic);
/* Move the MMIO window to where the bases of all APICs say. */
void apic_remap(void);

/* ---- apic-registers.c ---- */

extern const MemoryRegionOps apic_mmio_ops;
bool apic_set_base(APIC *apic, uint64_t value);
bool apic_msr_read(APIC *apic, uint32_t msr, uint64_t *value);
bool apic_msr_write(APIC *apic, uint32_t msr, uint64_t value);

/* ---- apic-bus.c ---- */

/* One APIC receives @message, whoever it was for; false when it was refused. */
bool apic_receive(APIC *apic, const APICMessage *message);
/* A write of the interrupt command register: @low has command bits, @destination as wide as the
 * mode of @apic says. */
void apic_send_ipi(APIC *apic, uint32_t low, uint32_t destination);
/* The logical x2APIC ID (SDM vol. 3, "Logical Destination Mode in x2APIC Mode"). */
uint32_t apic_x2apic_ldr(const APIC *apic);

/* ---- apic-timer.c ---- */

void apic_timer_init(APIC *apic);
void apic_timer_reset(APIC *apic);
/* Fire what is due by now; call before the timer's registers are looked at or changed. */
void apic_timer_catch_up(APIC *apic);
void apic_timer_write_lvt(APIC *apic, uint32_t value);
void apic_timer_write_initial(APIC *apic, uint32_t value);
void apic_timer_write_divide(APIC *apic, uint32_t value);
uint32_t apic_timer_current(const APIC *apic);
uint64_t apic_timer_read_deadline(APIC *apic);
void apic_timer_write_deadline(APIC *apic, uint64_t value);
/* Software enable or mask changed: arm or disarm. */
void apic_timer_rearm(APIC *apic);
