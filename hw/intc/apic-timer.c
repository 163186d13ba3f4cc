/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The timer of the local APIC (SDM vol. 3, "APIC Timer"): one-shot, periodic and TSC-deadline
 * mode on the virtual clock. The count is never kept: it follows from when it was started.
 */
#include "hw/intc/apic-internal.h"

#include "hw/timer/period.h"
#include "trace-hw-intc.h"

G_STATIC_ASSERT(APIC_BUS_HZ == 1000000000); /* a bus tick is a nanosecond */

/* A tick of the counter is 1 << shift bus ticks. Bits 3, 1 and 0 of DCR: 0 divides by 2, ...,
 * 6 by 128, 7 by 1. */
static unsigned apic_timer_shift(uint32_t divide)
{
    return (((divide & 8) >> 1 | (divide & 3)) + 1) & 7;
}

static uint32_t apic_timer_mode(const APIC *apic)
{
    return apic->lvt[APIC_LVT_TIMER] & APIC_LVT_TIMER_MODE;
}

static int64_t apic_timer_period_ns(const APIC *apic)
{
    return (int64_t)apic->timer_initial << apic_timer_shift(apic->timer_divide);
}

static int64_t apic_timer_elapsed_ns(const APIC *apic)
{
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    return now > apic->timer_start_ns ? now - apic->timer_start_ns : 0;
}

uint32_t apic_timer_current(const APIC *apic)
{
    if (apic->timer_initial == 0 || apic_timer_mode(apic) == APIC_LVT_DEADLINE) {
        return 0;
    }
    uint64_t ticks = apic_timer_elapsed_ns(apic) >> apic_timer_shift(apic->timer_divide);
    if (apic_timer_mode(apic) == APIC_LVT_PERIODIC) {
        return apic->timer_initial - ticks % apic->timer_initial;
    }
    return ticks < apic->timer_initial ? apic->timer_initial - ticks : 0;
}

/* Not before @earliest_ns, so that rounding cannot make it fire again and again. */
static void apic_timer_arm_deadline(APIC *apic, int64_t earliest_ns)
{
    if (apic->tsc_deadline) {
        int64_t expire = x86_tsc_to_virtual_ns(apic->cpu, apic->tsc_deadline);
        timer_mod_ns(apic->timer, MAX(expire, earliest_ns));
    } else {
        timer_del(apic->timer);
    }
}

static void apic_timer_arm_count(APIC *apic)
{
    int64_t period = apic_timer_period_ns(apic);
    bool periodic = apic_timer_mode(apic) == APIC_LVT_PERIODIC;
    bool expired = !periodic && apic_timer_elapsed_ns(apic) >= period;
    if (period == 0 || expired || (apic->lvt[APIC_LVT_TIMER] & APIC_LVT_MASKED)) {
        timer_del(apic->timer);
        return;
    }
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    timer_mod_ns(apic->timer, periodic ? period_next_ns(apic->timer_start_ns, period, now)
                                       : apic->timer_start_ns + period);
}

void apic_timer_rearm(APIC *apic)
{
    if (apic_timer_mode(apic) == APIC_LVT_DEADLINE) {
        apic_timer_arm_deadline(apic, 0);
    } else {
        apic_timer_arm_count(apic);
    }
}

static void apic_timer_fire(void *opaque)
{
    APIC *apic = opaque;
    if (apic_timer_mode(apic) == APIC_LVT_DEADLINE) {
        /* The TSC may have been set back since the deadline was translated. */
        if (apic->tsc_deadline == 0 || x86_tsc_read(apic->cpu) < apic->tsc_deadline) {
            apic_timer_arm_deadline(apic, clock_get_ns(CLOCK_TYPE_VIRTUAL) + 1);
            return;
        }
        apic->tsc_deadline = 0;
    }
    trace_apic_timer_fire(apic->cpu->apic_id, apic->lvt[APIC_LVT_TIMER]);
    apic_local_interrupt(apic, APIC_LVT_TIMER);
    apic_timer_rearm(apic);
}

void apic_timer_catch_up(APIC *apic)
{
    if (timer_pending(apic->timer) &&
        timer_expire_time_ns(apic->timer) <= clock_get_ns(CLOCK_TYPE_VIRTUAL)) {
        timer_del(apic->timer);
        apic_timer_fire(apic);
    }
}

void apic_timer_write_lvt(APIC *apic, uint32_t value)
{
    bool was_deadline = apic_timer_mode(apic) == APIC_LVT_DEADLINE;
    apic->lvt[APIC_LVT_TIMER] = value;
    if (was_deadline != (apic_timer_mode(apic) == APIC_LVT_DEADLINE)) {
        apic->timer_initial = 0;
        apic->tsc_deadline = 0;
    }
    apic_timer_rearm(apic);
}

void apic_timer_write_initial(APIC *apic, uint32_t value)
{
    if (apic_timer_mode(apic) == APIC_LVT_DEADLINE) {
        return;
    }
    apic->timer_initial = value;
    apic->timer_start_ns = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    apic_timer_rearm(apic);
}

/* The count goes on from where it is, at the new rate. */
void apic_timer_write_divide(APIC *apic, uint32_t value)
{
    int64_t counted = apic->timer_initial - apic_timer_current(apic);
    int64_t elapsed = counted << apic_timer_shift(value);
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    apic->timer_divide = value;
    if (apic->timer_initial) {
        apic->timer_start_ns = now - elapsed;
    }
    apic_timer_rearm(apic);
}

uint64_t apic_timer_read_deadline(APIC *apic)
{
    apic_timer_catch_up(apic);
    return apic->tsc_deadline;
}

void apic_timer_write_deadline(APIC *apic, uint64_t value)
{
    apic_timer_catch_up(apic);
    if (apic_timer_mode(apic) == APIC_LVT_DEADLINE) {
        apic->tsc_deadline = value;
        apic_timer_arm_deadline(apic, 0);
    }
}

void apic_timer_reset(APIC *apic)
{
    timer_del(apic->timer);
    apic->timer_initial = 0;
    apic->timer_divide = 0;
    apic->timer_start_ns = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    apic->tsc_deadline = 0;
}

void apic_timer_init(APIC *apic)
{
    apic->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, apic_timer_fire, apic);
}
