/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The local APIC (Intel SDM vol. 3, chapter "Advanced Programmable Interrupt Controller"): the
 * device, interrupt priorities and the door to the processor.
 */
#include "hw/intc/apic-internal.h"

#include <string.h>

#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "trace-hw-intc.h"
#include "util/report.h"

#define APIC_REGION_SIZE     0x1000
#define APIC_WINDOW_PRIORITY 1
#define APIC_LINT_COUNT      2
#define APIC_DFR_FLAT        0xffffffffu
#define APIC_SVR_RESET       0xffu

typedef DeviceClass APICClass;

OBJECT_DEFINE_TYPE(APIC, APICClass, apic, TYPE_APIC, TYPE_DEVICE);

/* ---- sets of vectors ---- */

static bool vector_test(const uint32_t *set, uint8_t vector)
{
    return set[vector / 32] >> (vector % 32) & 1;
}

static void vector_assign(uint32_t *set, uint8_t vector, bool value)
{
    uint32_t bit = UINT32_C(1) << (vector % 32);
    set[vector / 32] = value ? set[vector / 32] | bit : set[vector / 32] & ~bit;
}

/* The highest vector of @set, or -1. */
static int vector_highest(const uint32_t *set)
{
    for (int word = APIC_VECTOR_WORDS - 1; word >= 0; word--) {
        if (set[word]) {
            return word * 32 + 31 - __builtin_clz(set[word]);
        }
    }
    return -1;
}

/* ---- priorities ---- */

/* SDM vol. 3, "Task and Processor Priorities". */
uint8_t apic_processor_priority(const APIC *apic)
{
    int in_service = vector_highest(apic->isr);
    int isr_class = in_service < 0 ? 0 : in_service & 0xf0;
    return (apic->tpr & 0xf0) >= isr_class ? apic->tpr : isr_class;
}

/* The vector that may interrupt the processor now, or -1. */
static int apic_deliverable_vector(const APIC *apic)
{
    int vector = vector_highest(apic->irr);
    if (vector < 0 || (vector & 0xf0) <= (apic_processor_priority(apic) & 0xf0)) {
        return -1;
    }
    return vector;
}

static unsigned apic_lvt_mode(uint32_t lvt)
{
    return lvt >> APIC_LVT_MODE_SHIFT & 7;
}

/* Does the PIC's request reach the processor (virtual wire, or APIC switched off)? */
static bool apic_extint_pending(const APIC *apic)
{
    bool asserted = apic->lint_levels & 1;
    uint32_t lvt = apic->lvt[APIC_LVT_LINT0];
    if (!apic_globally_enabled(apic)) {
        return asserted;
    }
    return apic->extint_message ||
           (asserted && !(lvt & APIC_LVT_MASKED) && apic_lvt_mode(lvt) == APIC_DELIVERY_EXTINT);
}

void apic_update(APIC *apic)
{
    VCPU *vcpu = &apic->cpu->vcpu;
    bool wanted = apic_extint_pending(apic) ||
                  (apic_globally_enabled(apic) && apic_deliverable_vector(apic) >= 0);
    bool raised = vcpu_interrupts_pending(vcpu) & VCPU_INTERRUPT_HARD;
    if (wanted && !raised) {
        vcpu_interrupt(vcpu, VCPU_INTERRUPT_HARD);
    } else if (!wanted && raised) {
        vcpu_interrupt_clear(vcpu, VCPU_INTERRUPT_HARD);
    }
}

bool apic_accept_fixed(APIC *apic, uint8_t vector, bool level)
{
    if (!apic_globally_enabled(apic) || !apic_software_enabled(apic)) {
        return false;
    }
    if (vector < APIC_FIRST_VECTOR) {
        apic_report_error(apic, APIC_ESR_RECEIVE_ILLEGAL);
        return true;
    }
    trace_apic_accept(apic->cpu->apic_id, vector, level);
    vector_assign(apic->irr, vector, true);
    vector_assign(apic->tmr, vector, level);
    apic_update(apic);
    return true;
}

void apic_report_error(APIC *apic, uint32_t esr_bit)
{
    if (apic->esr_pending & esr_bit) {
        return;
    }
    apic->esr_pending |= esr_bit;
    trace_apic_error(apic->cpu->apic_id, esr_bit);
    apic_local_interrupt(apic, APIC_LVT_ERROR);
}

void apic_local_interrupt(APIC *apic, APICLVTIndex entry)
{
    uint32_t lvt = apic->lvt[entry];
    if (!(lvt & APIC_LVT_MASKED)) {
        apic_accept_fixed(apic, lvt & APIC_LVT_VECTOR, false);
    }
}

/* ---- the pins LINT0 and LINT1 ---- */

static APICLVTIndex apic_lint_entry(unsigned pin)
{
    return pin == 0 ? APIC_LVT_LINT0 : APIC_LVT_LINT1;
}

static bool apic_lint_asserted(const APIC *apic, APICLVTIndex entry)
{
    return apic->lint_levels >> (entry - APIC_LVT_LINT0) & 1;
}

/* LINT1 is always edge triggered (SDM vol. 3, "Local Vector Table", trigger mode). */
static bool apic_lint_is_level(uint32_t lvt, APICLVTIndex entry)
{
    return entry == APIC_LVT_LINT0 && (lvt & APIC_LVT_LEVEL) &&
           apic_lvt_mode(lvt) == APIC_DELIVERY_FIXED;
}

/* Send a fixed, level triggered LINT0 unless it is in service. */
static void apic_lint_service_level(APIC *apic, APICLVTIndex entry)
{
    uint32_t lvt = apic->lvt[entry];
    if ((lvt & (APIC_LVT_MASKED | APIC_LVT_REMOTE_IRR)) || !apic_lint_asserted(apic, entry) ||
        !apic_lint_is_level(lvt, entry)) {
        return;
    }
    if (apic_accept_fixed(apic, lvt & APIC_LVT_VECTOR, true)) {
        apic->lvt[entry] |= APIC_LVT_REMOTE_IRR;
    }
}

static void apic_lint_edge(APIC *apic, APICLVTIndex entry)
{
    uint32_t lvt = apic->lvt[entry];
    if (!apic_globally_enabled(apic)) {
        if (entry == APIC_LVT_LINT1) {
            vcpu_interrupt(&apic->cpu->vcpu, VCPU_INTERRUPT_NMI);
        }
        return;
    }
    if (lvt & APIC_LVT_MASKED) {
        return;
    }
    if (apic_lint_is_level(lvt, entry)) {
        apic_lint_service_level(apic, entry);
    } else if (apic_lvt_mode(lvt) != APIC_DELIVERY_EXTINT) {
        APICMessage message = { .mode = apic_lvt_mode(lvt), .vector = lvt & APIC_LVT_VECTOR };
        apic_receive(apic, &message);
    }
}

static void apic_set_lint(void *opaque, int n, int level)
{
    APIC *apic = opaque;
    uint8_t bit = 1u << n;
    bool was_high = apic->lint_levels & bit;
    if (was_high == !!level) {
        return;
    }
    apic->lint_levels ^= bit;
    trace_apic_lint(apic->cpu->apic_id, n, level);
    if (level) {
        apic_lint_edge(apic, apic_lint_entry(n));
    }
    apic_update(apic);
}

void apic_lint_changed(APIC *apic, APICLVTIndex entry)
{
    apic_lint_service_level(apic, entry);
    apic_update(apic);
}

void apic_end_of_interrupt(APIC *apic)
{
    int vector = vector_highest(apic->isr);
    if (vector < 0) {
        return;
    }
    trace_apic_eoi(apic->cpu->apic_id, vector);
    vector_assign(apic->isr, vector, false);
    if (vector_test(apic->tmr, vector)) {
        uint32_t *lvt = &apic->lvt[APIC_LVT_LINT0];
        if ((*lvt & APIC_LVT_VECTOR) == (unsigned)vector) {
            *lvt &= ~APIC_LVT_REMOTE_IRR;
            apic_lint_service_level(apic, APIC_LVT_LINT0);
        }
        ioapic_eoi_broadcast(vector);
    }
    apic_update(apic);
}

/* ---- what the processor asks ---- */

static Device *apic_pic; /* the master that acknowledges an ExtINT */

static int apic_acknowledge(void *opaque)
{
    APIC *apic = opaque;
    int vector = -1;
    if (apic_extint_pending(apic) && apic_pic) {
        apic->extint_message = false;
        vector = i8259_pair_acknowledge(apic_pic);
    } else if (apic_globally_enabled(apic)) {
        vector = apic_deliverable_vector(apic);
        if (vector >= 0) {
            vector_assign(apic->irr, vector, false);
            vector_assign(apic->isr, vector, true);
        }
    }
    apic_update(apic);
    trace_apic_acknowledge(apic->cpu->apic_id, vector);
    return vector;
}

static uint8_t apic_get_tpr(void *opaque)
{
    APIC *apic = opaque;
    return apic->tpr >> 4;
}

static void apic_set_tpr(void *opaque, uint8_t cr8)
{
    APIC *apic = opaque;
    apic->tpr = (cr8 & 0xf) << 4;
    apic_update(apic);
}

static uint64_t apic_get_base(void *opaque)
{
    APIC *apic = opaque;
    return apic->base;
}

static bool apic_set_base_from_cpu(void *opaque, uint64_t value)
{
    return apic_set_base(opaque, value);
}

static bool apic_read_msr_from_cpu(void *opaque, uint32_t msr, uint64_t *value)
{
    return apic_msr_read(opaque, msr, value);
}

static bool apic_write_msr_from_cpu(void *opaque, uint32_t msr, uint64_t value)
{
    return apic_msr_write(opaque, msr, value);
}

static const X86InterruptOps apic_interrupt_ops = {
    .acknowledge = apic_acknowledge,
    .get_tpr = apic_get_tpr,
    .set_tpr = apic_set_tpr,
    .get_base = apic_get_base,
    .set_base = apic_set_base_from_cpu,
    .read_msr = apic_read_msr_from_cpu,
    .write_msr = apic_write_msr_from_cpu,
};

/* ---- the window at 0xfee00000 ---- */

GPtrArray *apic_all(void)
{
    static GPtrArray *all;
    if (!all) {
        all = g_ptr_array_new();
    }
    return all;
}

/* The first APIC with a base maps its region there; the handlers ask who is calling. */
static bool apic_owns_window(const APIC *apic)
{
    for (unsigned i = 0; i < apic_all()->len; i++) {
        const APIC *other = g_ptr_array_index(apic_all(), i);
        if ((other->base & TARGET_PAGE_MASK) == (apic->base & TARGET_PAGE_MASK)) {
            return other == apic;
        }
    }
    return false;
}

static void apic_unmap_stale(APIC *apic)
{
    bool moved = apic->mapped_at != (apic->base & TARGET_PAGE_MASK);
    if (apic->mapped && (moved || !apic_owns_window(apic))) {
        address_space_unmap(address_space_memory(), &apic->region);
        apic->mapped = false;
    }
}

static void apic_map_missing(APIC *apic)
{
    if (!apic->mapped && apic_owns_window(apic)) {
        apic->mapped_at = apic->base & TARGET_PAGE_MASK;
        address_space_map(address_space_memory(), apic->mapped_at, &apic->region,
                          APIC_WINDOW_PRIORITY);
        apic->mapped = true;
    }
}

void apic_remap(void)
{
    for (unsigned i = 0; i < apic_all()->len; i++) {
        apic_unmap_stale(g_ptr_array_index(apic_all(), i));
    }
    for (unsigned i = 0; i < apic_all()->len; i++) {
        apic_map_missing(g_ptr_array_index(apic_all(), i));
    }
}

/* ---- the device ---- */

static bool apic_is_bootstrap(const APIC *apic)
{
    return apic_all()->len > 0 && g_ptr_array_index(apic_all(), 0) == apic;
}

void apic_init_reset(APIC *apic)
{
    apic->tpr = 0;
    apic->ldr = 0;
    apic->dfr = APIC_DFR_FLAT;
    apic->svr = APIC_SVR_RESET;
    apic->esr = 0;
    apic->esr_pending = 0;
    apic->icr_low = 0;
    apic->icr_high = 0;
    memset(apic->isr, 0, sizeof(apic->isr));
    memset(apic->tmr, 0, sizeof(apic->tmr));
    memset(apic->irr, 0, sizeof(apic->irr));
    for (unsigned entry = 0; entry < APIC_LVT_COUNT; entry++) {
        apic->lvt[entry] = APIC_LVT_MASKED;
    }
    apic->extint_message = false;
    apic_timer_reset(apic);
    apic_update(apic);
}

static void apic_reset(Device *device)
{
    APIC *apic = APIC(device);
    apic->base = APIC_DEFAULT_BASE | APIC_BASE_ENABLE;
    apic->id = apic->cpu->apic_id;
    if (apic_is_bootstrap(apic)) {
        apic->base |= APIC_BASE_BSP;
    }
    apic_remap();
    apic_init_reset(apic);
    if (apic_is_bootstrap(apic)) {
        /* Firmware hands over in virtual wire mode (MultiProcessor Specification 1.4, section
         * 3.6.2.2); a kernel that is started without firmware relies on it. */
        apic->lvt[APIC_LVT_LINT0] = APIC_DELIVERY_EXTINT << APIC_LVT_MODE_SHIFT;
        apic->lvt[APIC_LVT_LINT1] = APIC_DELIVERY_NMI << APIC_LVT_MODE_SHIFT;
        apic->svr |= APIC_SVR_ENABLE;
    }
    apic_update(apic);
}

static bool apic_realize(Device *device, GError **error)
{
    APIC *apic = APIC(device);
    memory_region_init_io(&apic->region, "apic", &apic_mmio_ops, apic, APIC_REGION_SIZE);
    g_ptr_array_add(apic_all(), apic);
    apic->cpu->interrupt_ops = &apic_interrupt_ops;
    apic->cpu->interrupt_opaque = apic;
    return true;
}

static bool apic_post_load(void *opaque, int version, GError **error)
{
    APIC *apic = opaque;
    bool x2apic_off = (apic->base & (APIC_BASE_X2APIC | APIC_BASE_ENABLE)) == APIC_BASE_X2APIC;
    if (x2apic_off || (apic->base & ~APIC_BASE_VALID)) {
        qc_error_set(error, "apic: base 0x%" G_GINT64_MODIFIER "x is not a valid IA32_APIC_BASE",
                     apic->base);
        return false;
    }
    if (apic->timer_start_ns < -APIC_TIMER_LONGEST_NS || apic->timer_start_ns > G_MAXINT64 / 2 ||
        (apic->timer_divide & ~APIC_DCR_VALID) || apic->lint_levels >> APIC_LINT_COUNT) {
        qc_error_set(error,
                     "apic: timer_start_ns %" G_GINT64_FORMAT ", timer_divide 0x%x (bits 0xb) or "
                     "lint_levels 0x%x (bits 3) out of range",
                     apic->timer_start_ns, apic->timer_divide, apic->lint_levels);
        return false;
    }
    apic_remap();
    apic_update(apic);
    return true;
}

static const VMStateDescription apic_vmstate = {
    .name = "apic",
    .version = 1,
    .minimum_version = 1,
    .priority = VMSTATE_PRIORITY_IRQCHIP,
    .post_load = apic_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT64(base, APIC),
            VMSTATE_UINT8(id, APIC),
            VMSTATE_UINT8(tpr, APIC),
            VMSTATE_UINT32(ldr, APIC),
            VMSTATE_UINT32(dfr, APIC),
            VMSTATE_UINT32(svr, APIC),
            VMSTATE_UINT32(esr, APIC),
            VMSTATE_UINT32(esr_pending, APIC),
            VMSTATE_UINT32(icr_low, APIC),
            VMSTATE_UINT32(icr_high, APIC),
            VMSTATE_UINT32_ARRAY(isr, APIC),
            VMSTATE_UINT32_ARRAY(tmr, APIC),
            VMSTATE_UINT32_ARRAY(irr, APIC),
            VMSTATE_UINT32_ARRAY(lvt, APIC),
            VMSTATE_UINT8(lint_levels, APIC),
            VMSTATE_BOOL(extint_message, APIC),
            VMSTATE_UINT32(timer_initial, APIC),
            VMSTATE_UINT32(timer_divide, APIC),
            VMSTATE_INT64(timer_start_ns, APIC),
            VMSTATE_UINT64(tsc_deadline, APIC),
            VMSTATE_TIMER_PTR(timer, APIC),
            VMSTATE_END,
        },
};

static void apic_init(APIC *apic)
{
    device_init_gpio_in(&apic->parent, "lint", apic_set_lint, APIC_LINT_COUNT);
    apic_timer_init(apic);
}

static void apic_class_init(APICClass *klass)
{
    klass->description = "local APIC of a processor";
    klass->category = "Misc";
    klass->realize = apic_realize;
    klass->reset = apic_reset;
    klass->vmsd = &apic_vmstate;
}

Device *apic_create(X86CPU *cpu)
{
    Device *device = device_new(TYPE_APIC);
    APIC(device)->cpu = cpu;
    device_realize_named_or_exit(device, NULL, "apic[*]");
    return device;
}

static void apic_pic_output(void *opaque, int n, int level)
{
    for (unsigned i = 0; i < apic_all()->len; i++) {
        apic_set_lint(g_ptr_array_index(apic_all(), i), 0, level);
    }
}

void apic_connect_pic(Device *master)
{
    static IRQ output = { .handler = apic_pic_output };
    apic_pic = master;
    device_connect_gpio_out(master, NULL, 0, &output);
}
