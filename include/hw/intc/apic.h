/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Local APICs (Intel SDM vol. 3, chapter "Advanced Programmable Interrupt Controller"): xAPIC
 * registers at 0xfee00000 and x2APIC MSRs. All functions need the BQL.
 */
#pragma once

#include "hw/core/device.h"
#include "target/i386/cpu.h"

/* User-visible type name. Inputs: group "lint", 0 = LINT0 (PIC), 1 = LINT1 (NMI). */
#define TYPE_APIC "apic"

#define APIC_DEFAULT_BASE UINT64_C(0xfee00000)
#define APIC_BUS_HZ       INT64_C(1000000000) /* what the timer's divider divides */

/*
 * Make @cpu's local APIC, realize it and set @cpu's interrupt_ops. Its initial ID is
 * @cpu->apic_id. Failure is fatal. Borrowed: the object tree owns it.
 */
Device *apic_create(X86CPU *cpu);

/*
 * Wire the PIC pair to the processors: the output of @master goes to LINT0 of all local APICs
 * (virtual wire mode), and an ExtINT is acknowledged at @master.
 */
void apic_connect_pic(Device *master);

typedef enum APICDeliveryMode {
    APIC_DELIVERY_FIXED = 0,
    APIC_DELIVERY_LOWEST_PRIORITY = 1,
    APIC_DELIVERY_SMI = 2,
    APIC_DELIVERY_NMI = 4,
    APIC_DELIVERY_INIT = 5,
    APIC_DELIVERY_STARTUP = 6,
    APIC_DELIVERY_EXTINT = 7,
} APICDeliveryMode;

/* A message on the bus between interrupt controllers. */
typedef struct APICMessage {
    uint32_t destination; /* xAPIC: 8 bits, 0xff = all; x2APIC: 32 bits, 0xffffffff = all */
    bool wide;            /* the destination has 32 bits (ICR of an x2APIC) */
    bool logical;
    bool level; /* level triggered: EOI is told to the I/O APIC */
    APICDeliveryMode mode;
    uint8_t vector;
} APICMessage;

/* Deliver @message; returns whether any local APIC took it. */
bool apic_deliver(const APICMessage *message);

/*
 * A message signalled interrupt: the store of @data to @address (0xfeexxxxx, SDM vol. 3,
 * "Message Signalled Interrupts"). Returns whether any local APIC took it.
 */
bool apic_send_msi(uint64_t address, uint32_t data);
