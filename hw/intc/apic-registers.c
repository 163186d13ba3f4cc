/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The registers of the local APIC: memory mapped (xAPIC, SDM vol. 3, "Local APIC Register
 * Address Map") and as MSRs (x2APIC, "x2APIC Register Address Space"). Both number them alike:
 * MMIO offset = number * 16, MSR = 0x800 + number.
 */
#include "hw/intc/apic-internal.h"

#include "trace-hw-intc.h"
#include "util/report.h"

#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST  0x8ff

#define APIC_VERSION  0x14u
#define APIC_ID_SHIFT 24

typedef enum APICRegister {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_REMOTE_READ = 0x0c,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT_TIMER = 0x32,
    REG_LVT_ERROR = 0x37,
    REG_TIMER_INITIAL = 0x38,
    REG_TIMER_CURRENT = 0x39,
    REG_TIMER_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
} APICRegister;

/* Bits of the LVT entries that software can write. */
static const uint32_t lvt_writable[APIC_LVT_COUNT] = {
    [APIC_LVT_TIMER] = 0x000700ff,       [APIC_LVT_THERMAL] = 0x000107ff,
    [APIC_LVT_PERFORMANCE] = 0x000107ff, [APIC_LVT_LINT0] = 0x0001a7ff,
    [APIC_LVT_LINT1] = 0x0001a7ff,       [APIC_LVT_ERROR] = 0x000100ff,
};

/* Read-only bits that an MSR write may have set: delivery status, remote IRR. */
#define LVT_READ_ONLY      0x5000u
#define DELIVERY_STATUS    0x1000u /* ICR and LVT; always idle here */
#define ICR_SHORTHAND_SELF 0x40000u

static bool is_lvt(unsigned number)
{
    return number >= REG_LVT_TIMER && number <= REG_LVT_ERROR;
}

/* ---- reading ---- */

/* What both views have; false: there is no such register. */
static bool apic_read_common(APIC *apic, unsigned number, uint32_t *value)
{
    if (number >= REG_ISR && number < REG_ESR) {
        const uint32_t *set = number < REG_TMR   ? apic->isr
                              : number < REG_IRR ? apic->tmr
                                                 : apic->irr;
        *value = set[number % APIC_VECTOR_WORDS];
        return true;
    }
    if (is_lvt(number)) {
        *value = apic->lvt[number - REG_LVT_TIMER];
        return true;
    }
    switch (number) {
    case REG_VERSION:
        *value = APIC_VERSION | (APIC_LVT_COUNT - 1) << 16;
        return true;
    case REG_TPR:
        *value = apic->tpr;
        return true;
    case REG_PPR:
        *value = apic_processor_priority(apic);
        return true;
    case REG_SVR:
        *value = apic->svr;
        return true;
    case REG_ESR:
        *value = apic->esr;
        return true;
    case REG_TIMER_INITIAL:
        *value = apic->timer_initial;
        return true;
    case REG_TIMER_CURRENT:
        *value = apic_timer_current(apic);
        return true;
    case REG_TIMER_DIVIDE:
        *value = apic->timer_divide;
        return true;
    }
    return false;
}

static uint32_t apic_read_xapic(APIC *apic, unsigned number)
{
    uint32_t value = 0;
    switch (number) {
    case REG_ID:
        return (uint32_t)apic->id << APIC_ID_SHIFT;
    case REG_APR:
    case REG_EOI:
    case REG_REMOTE_READ:
        return 0;
    case REG_LDR:
        return apic->ldr;
    case REG_DFR:
        return apic->dfr;
    case REG_ICR_LOW:
        return apic->icr_low;
    case REG_ICR_HIGH:
        return apic->icr_high;
    }
    if (!apic_read_common(apic, number, &value)) {
        apic_report_error(apic, APIC_ESR_ILLEGAL_REGISTER);
    }
    return value;
}

static bool apic_read_x2apic(APIC *apic, unsigned number, uint64_t *value)
{
    uint32_t common = 0;
    switch (number) {
    case REG_ID:
        *value = apic->cpu->apic_id;
        return true;
    case REG_LDR:
        *value = apic_x2apic_ldr(apic);
        return true;
    case REG_ICR_LOW:
        *value = (uint64_t)apic->icr_high << 32 | apic->icr_low;
        return true;
    }
    bool known = apic_read_common(apic, number, &common);
    *value = common;
    return known;
}

/* ---- writing ---- */

static void apic_write_lvt(APIC *apic, APICLVTIndex entry, uint32_t value)
{
    value &= lvt_writable[entry];
    if (!apic_software_enabled(apic)) {
        value |= APIC_LVT_MASKED;
    }
    if (entry == APIC_LVT_TIMER) {
        apic_timer_write_lvt(apic, value);
        return;
    }
    if (value & APIC_LVT_LEVEL) {
        value |= apic->lvt[entry] & APIC_LVT_REMOTE_IRR;
    }
    apic->lvt[entry] = value;
    if (entry == APIC_LVT_LINT0 || entry == APIC_LVT_LINT1) {
        apic_lint_changed(apic, entry);
    }
}

static void apic_write_svr(APIC *apic, uint32_t value)
{
    apic->svr = value & APIC_SVR_VALID;
    if (!apic_software_enabled(apic)) {
        for (unsigned entry = 0; entry < APIC_LVT_COUNT; entry++) {
            apic->lvt[entry] |= APIC_LVT_MASKED;
        }
        apic_timer_rearm(apic);
    }
    apic_update(apic);
}

/* What both views have; false: there is no such register or it is read-only. */
static bool apic_write_common(APIC *apic, unsigned number, uint32_t value)
{
    if (is_lvt(number)) {
        apic_write_lvt(apic, number - REG_LVT_TIMER, value);
        return true;
    }
    switch (number) {
    case REG_TPR:
        apic->tpr = value;
        apic_update(apic);
        return true;
    case REG_EOI:
        apic_end_of_interrupt(apic);
        return true;
    case REG_SVR:
        apic_write_svr(apic, value);
        return true;
    case REG_ESR:
        apic->esr = apic->esr_pending;
        apic->esr_pending = 0;
        return true;
    case REG_TIMER_INITIAL:
        apic_timer_write_initial(apic, value);
        return true;
    case REG_TIMER_DIVIDE:
        apic_timer_write_divide(apic, value & APIC_DCR_VALID);
        return true;
    }
    return false;
}

static void apic_write_xapic(APIC *apic, unsigned number, uint32_t value)
{
    switch (number) {
    case REG_ID:
        apic->id = value >> APIC_ID_SHIFT;
        return;
    case REG_LDR:
        apic->ldr = value & 0xff000000;
        return;
    case REG_DFR:
        apic->dfr = value | 0x0fffffff;
        return;
    case REG_ICR_LOW:
        apic->icr_low = value & APIC_ICR_VALID & ~DELIVERY_STATUS;
        apic_send_ipi(apic, apic->icr_low, apic->icr_high >> APIC_ID_SHIFT);
        return;
    case REG_ICR_HIGH:
        apic->icr_high = value & 0xff000000;
        return;
    }
    if (!apic_write_common(apic, number, value)) {
        apic_report_error(apic, APIC_ESR_ILLEGAL_REGISTER);
    }
}

/* The bits that WRMSR may set in register @number; others cause #GP. */
static uint32_t apic_x2apic_valid_bits(unsigned number)
{
    if (is_lvt(number)) {
        return lvt_writable[number - REG_LVT_TIMER] | LVT_READ_ONLY;
    }
    switch (number) {
    case REG_TPR:
    case REG_SELF_IPI:
        return 0xff;
    case REG_SVR:
        return APIC_SVR_VALID;
    case REG_ICR_LOW:
        return APIC_ICR_VALID;
    case REG_TIMER_INITIAL:
        return UINT32_MAX;
    case REG_TIMER_DIVIDE:
        return APIC_DCR_VALID;
    }
    return 0; /* EOI and ESR take only zero */
}

static bool apic_write_x2apic(APIC *apic, unsigned number, uint64_t value)
{
    uint32_t low = value;
    if (low & ~apic_x2apic_valid_bits(number)) {
        return false;
    }
    if (number == REG_ICR_LOW) {
        apic->icr_low = low & ~DELIVERY_STATUS;
        apic->icr_high = value >> 32;
        apic_send_ipi(apic, apic->icr_low, apic->icr_high);
        return true;
    }
    if (value >> 32) {
        return false;
    }
    if (number == REG_SELF_IPI) {
        apic_send_ipi(apic, ICR_SHORTHAND_SELF | low, 0);
        return true;
    }
    return apic_write_common(apic, number, low);
}

/* ---- MMIO ---- */

/* Whose registers the access means: the calling processor's, or the first one's (qtest). NULL:
 * that one does not decode the access at the page of @window. */
static APIC *apic_of_access(const APIC *window)
{
    VCPU *vcpu = vcpu_current();
    APIC *apic =
        vcpu ? X86_CPU_FROM_VCPU(vcpu)->interrupt_opaque : g_ptr_array_index(apic_all(), 0);
    bool same_page = apic && !((apic->base ^ window->base) & TARGET_PAGE_MASK);
    return same_page && apic_globally_enabled(apic) && !apic_is_x2apic(apic) ? apic : NULL;
}

static uint64_t apic_mmio_read(void *opaque, hwaddr address, unsigned size)
{
    APIC *apic = apic_of_access(opaque);
    if (!apic) {
        return UINT32_MAX;
    }
    if (address & 0xf) {
        return 0;
    }
    apic_timer_catch_up(apic);
    uint32_t value = apic_read_xapic(apic, address >> 4);
    trace_apic_read(apic->cpu->apic_id, (unsigned)(address >> 4), value);
    return value;
}

static void apic_mmio_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    APIC *apic = apic_of_access(opaque);
    if (!apic || (address & 0xf)) {
        return;
    }
    trace_apic_write(apic->cpu->apic_id, (unsigned)(address >> 4), value);
    apic_timer_catch_up(apic);
    apic_write_xapic(apic, address >> 4, value);
}

const MemoryRegionOps apic_mmio_ops = {
    .read = apic_mmio_read,
    .write = apic_mmio_write,
    .access_min = 4,
    .access_max = 4,
};

/* ---- MSRs ---- */

bool apic_msr_read(APIC *apic, uint32_t msr, uint64_t *value)
{
    bool valid = false;
    apic_timer_catch_up(apic);
    if (msr == MSR_TSC_DEADLINE) {
        *value = apic->tsc_deadline;
        valid = true;
    } else if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST && apic_is_x2apic(apic)) {
        valid = apic_read_x2apic(apic, msr - MSR_X2APIC_FIRST, value);
    }
    trace_apic_read(apic->cpu->apic_id, msr, valid ? *value : 0);
    return valid;
}

bool apic_msr_write(APIC *apic, uint32_t msr, uint64_t value)
{
    trace_apic_write(apic->cpu->apic_id, msr, value);
    apic_timer_catch_up(apic);
    if (msr == MSR_TSC_DEADLINE) {
        apic_timer_write_deadline(apic, value);
        return true;
    }
    return msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST && apic_is_x2apic(apic) &&
           apic_write_x2apic(apic, msr - MSR_X2APIC_FIRST, value);
}

/* ---- IA32_APIC_BASE ---- */

/* SDM vol. 3, "x2APIC State Transitions". */
static bool apic_base_transition_is_legal(uint64_t from, uint64_t to)
{
    const uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    if ((to & mode) == APIC_BASE_X2APIC) {
        return false;
    }
    if ((from & mode) == mode && (to & mode) == APIC_BASE_ENABLE) {
        return false;
    }
    return (from & mode) != 0 || (to & mode) != mode;
}

bool apic_set_base(APIC *apic, uint64_t value)
{
    uint64_t old = apic->base;
    if ((value & ~APIC_BASE_VALID) || !apic_base_transition_is_legal(old, value)) {
        return false;
    }
    trace_apic_set_base(apic->cpu->apic_id, value);
    apic_timer_catch_up(apic);
    apic->base = value;
    if (!apic_globally_enabled(apic) && (old & APIC_BASE_ENABLE)) {
        apic_init_reset(apic);
    }
    if (apic_is_x2apic(apic) && !(old & APIC_BASE_X2APIC)) {
        apic->icr_high = 0;
    }
    apic_remap();
    apic_update(apic);
    return true;
}
