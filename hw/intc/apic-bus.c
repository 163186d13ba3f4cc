/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Messages to local APICs: who is addressed, and what each kind of message does (SDM vol. 3,
 * "Issuing Interprocessor Interrupts", "Message Signalled Interrupts").
 */
#include "hw/intc/apic-internal.h"

#include "trace-hw-intc.h"
#include "util/report.h"

#define ICR_MODE_SHIFT      8
#define ICR_LOGICAL         0x800u
#define ICR_ASSERT          0x4000u
#define ICR_LEVEL           0x8000u
#define ICR_SHORTHAND_SHIFT 18

typedef enum APICShorthand {
    APIC_SHORTHAND_NONE,
    APIC_SHORTHAND_SELF,
    APIC_SHORTHAND_ALL,
    APIC_SHORTHAND_OTHERS,
} APICShorthand;

#define DFR_MODEL_SHIFT 28
#define DFR_MODEL_FLAT  0xfu
#define LDR_SHIFT       24

#define MSI_ADDRESS_PREFIX  UINT64_C(0xfee)
#define MSI_ADDRESS_LOGICAL 0x4u
#define MSI_DEST_SHIFT      12
#define MSI_DATA_LEVEL      0x8000u

/* ---- destinations ---- */

uint32_t apic_x2apic_ldr(const APIC *apic)
{
    uint32_t id = apic->cpu->apic_id;
    return (id >> 4) << 16 | UINT32_C(1) << (id & 0xf);
}

static bool apic_is_broadcast(const APICMessage *message)
{
    return message->destination == (message->wide ? APIC_BROADCAST_X2 : APIC_BROADCAST);
}

static bool apic_matches_physical(const APIC *apic, uint32_t destination)
{
    return destination == (apic_is_x2apic(apic) ? apic->cpu->apic_id : apic->id);
}

static bool apic_matches_logical(const APIC *apic, uint32_t destination)
{
    if (apic_is_x2apic(apic)) {
        uint32_t ldr = apic_x2apic_ldr(apic);
        return destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff);
    }
    uint32_t ldr = apic->ldr >> LDR_SHIFT;
    if (apic->dfr >> DFR_MODEL_SHIFT == DFR_MODEL_FLAT) {
        return destination & ldr;
    }
    return destination >> 4 == ldr >> 4 && (destination & ldr & 0xf);
}

static bool apic_is_addressed(const APIC *apic, const APICMessage *message)
{
    if (apic_is_broadcast(message)) {
        return true;
    }
    return message->logical ? apic_matches_logical(apic, message->destination)
                            : apic_matches_physical(apic, message->destination);
}

/* ---- kinds of messages ---- */

/* SIPI counts only for a processor that waits for it, or will as soon as it sees its INIT. */
static bool apic_receive_startup(APIC *apic, uint8_t vector)
{
    X86CPU *cpu = apic->cpu;
    uint32_t pending = vcpu_interrupts_pending(&cpu->vcpu);
    if ((pending & VCPU_INTERRUPT_SIPI) ||
        !(cpu->state.waiting_for_sipi || (pending & VCPU_INTERRUPT_INIT))) {
        return false;
    }
    cpu->state.sipi_vector = vector;
    vcpu_interrupt(&cpu->vcpu, VCPU_INTERRUPT_SIPI);
    return true;
}

bool apic_receive(APIC *apic, const APICMessage *message)
{
    VCPU *vcpu = &apic->cpu->vcpu;
    switch (message->mode) {
    case APIC_DELIVERY_FIXED:
    case APIC_DELIVERY_LOWEST_PRIORITY:
        return apic_accept_fixed(apic, message->vector, message->level);
    case APIC_DELIVERY_SMI:
        vcpu_interrupt(vcpu, VCPU_INTERRUPT_SMI);
        return true;
    case APIC_DELIVERY_NMI:
        vcpu_interrupt(vcpu, VCPU_INTERRUPT_NMI);
        return true;
    case APIC_DELIVERY_INIT:
        apic_init_reset(apic);
        vcpu_interrupt(vcpu, VCPU_INTERRUPT_INIT);
        return true;
    case APIC_DELIVERY_STARTUP:
        return apic_receive_startup(apic, message->vector);
    case APIC_DELIVERY_EXTINT:
        apic->extint_message = true;
        apic_update(apic);
        return true;
    }
    log_write(LOG_GUEST_ERRORS, "apic: message with the reserved delivery mode %u\n",
              message->mode);
    return false;
}

/* The addressed APIC with the lowest processor priority; of equal ones the first. */
static APIC *apic_arbitrate(const APICMessage *message)
{
    APIC *lowest = NULL;
    for (unsigned i = 0; i < apic_all()->len; i++) {
        APIC *apic = g_ptr_array_index(apic_all(), i);
        if (!apic_is_addressed(apic, message) || !apic_globally_enabled(apic) ||
            !apic_software_enabled(apic)) {
            continue;
        }
        if (!lowest || apic_processor_priority(apic) < apic_processor_priority(lowest)) {
            lowest = apic;
        }
    }
    return lowest;
}

bool apic_deliver(const APICMessage *message)
{
    bool taken = false;
    if (message->mode == APIC_DELIVERY_LOWEST_PRIORITY) {
        APIC *lowest = apic_arbitrate(message);
        return lowest && apic_receive(lowest, message);
    }
    for (unsigned i = 0; i < apic_all()->len; i++) {
        APIC *apic = g_ptr_array_index(apic_all(), i);
        if (apic_is_addressed(apic, message) && apic_receive(apic, message)) {
            taken = true;
        }
    }
    return taken;
}

bool apic_send_msi(uint64_t address, uint32_t data)
{
    if (address >> 20 != MSI_ADDRESS_PREFIX) {
        log_write(LOG_GUEST_ERRORS,
                  "apic: message signalled interrupt to 0x%" G_GINT64_MODIFIER
                  "x, expected 0xfeexxxxx\n",
                  address);
        return false;
    }
    APICMessage message = {
        .destination = address >> MSI_DEST_SHIFT & 0xff,
        .logical = address & MSI_ADDRESS_LOGICAL,
        .level = data & MSI_DATA_LEVEL,
        .mode = data >> 8 & 7,
        .vector = data & 0xff,
    };
    return apic_deliver(&message);
}

/* ---- interprocessor interrupts ---- */

static void apic_send_shorthand(APIC *apic, APICShorthand shorthand, const APICMessage *message)
{
    for (unsigned i = 0; i < apic_all()->len; i++) {
        APIC *target = g_ptr_array_index(apic_all(), i);
        bool is_self = target == apic;
        if (is_self ? shorthand != APIC_SHORTHAND_OTHERS : shorthand != APIC_SHORTHAND_SELF) {
            apic_receive(target, message);
        }
    }
}

void apic_send_ipi(APIC *apic, uint32_t low, uint32_t destination)
{
    APICShorthand shorthand = low >> ICR_SHORTHAND_SHIFT & 3;
    APICMessage message = {
        .destination = destination,
        .wide = apic_is_x2apic(apic),
        .logical = low & ICR_LOGICAL,
        .mode = low >> ICR_MODE_SHIFT & 7,
        .vector = low & 0xff,
    };
    trace_apic_ipi(apic->cpu->apic_id, low, destination);
    if (message.mode == APIC_DELIVERY_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT)) {
        return; /* INIT level de-assert: only set arbitration IDs, long ago */
    }
    if (message.mode <= APIC_DELIVERY_LOWEST_PRIORITY && message.vector < APIC_FIRST_VECTOR) {
        apic_report_error(apic, APIC_ESR_SEND_ILLEGAL);
    } else if (message.mode == APIC_DELIVERY_EXTINT) {
        log_write(LOG_GUEST_ERRORS, "apic: ICR with delivery mode ExtINT\n");
    } else if (shorthand == APIC_SHORTHAND_NONE) {
        apic_deliver(&message);
    } else {
        apic_send_shorthand(apic, shorthand, &message);
    }
}
