/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What tests of interrupts on machine `pc` share: the controllers in the state a test needs. */
#pragma once

#include "libqtest.h"

#define PC_ARGUMENTS "-machine pc -m 16 -nodefaults"

#define PIC_MASTER 0x20
#define PIC_SLAVE  0xa0
#define ELCR       0x4d0

#define APIC_BASE   UINT64_C(0xfee00000)
#define IOAPIC_BASE UINT64_C(0xfec00000)

/* Both controllers initialized with vectors 0x20 and 0x28, nothing masked. */
static inline void pic_initialize(QTestState *qtest)
{
    qtest_outb(qtest, PIC_MASTER, 0x11);
    qtest_outb(qtest, PIC_MASTER + 1, 0x20);
    qtest_outb(qtest, PIC_MASTER + 1, 0x04);
    qtest_outb(qtest, PIC_MASTER + 1, 0x01);
    qtest_outb(qtest, PIC_SLAVE, 0x11);
    qtest_outb(qtest, PIC_SLAVE + 1, 0x28);
    qtest_outb(qtest, PIC_SLAVE + 1, 0x02);
    qtest_outb(qtest, PIC_SLAVE + 1, 0x01);
    qtest_outb(qtest, PIC_MASTER + 1, 0x00);
    qtest_outb(qtest, PIC_SLAVE + 1, 0x00);
}

/* Acknowledge at one controller: 0x80 | input, or 0 when nothing is requested. */
static inline uint8_t pic_poll(QTestState *qtest, uint16_t base)
{
    qtest_outb(qtest, base, 0x0c);
    return qtest_inb(qtest, base);
}

static inline uint8_t pic_irr(QTestState *qtest, uint16_t base)
{
    qtest_outb(qtest, base, 0x0a);
    return qtest_inb(qtest, base);
}

static inline uint8_t pic_isr(QTestState *qtest, uint16_t base)
{
    qtest_outb(qtest, base, 0x0b);
    return qtest_inb(qtest, base);
}

static inline void pic_line(QTestState *qtest, unsigned irq, bool level)
{
    qtest_set_irq_in(qtest, irq < 8 ? "pic-master" : "pic-slave", NULL, irq % 8, level);
}

static inline uint32_t apic_read(QTestState *qtest, unsigned number)
{
    return qtest_readl(qtest, APIC_BASE + number * 0x10);
}

static inline void apic_write(QTestState *qtest, unsigned number, uint32_t value)
{
    qtest_writel(qtest, APIC_BASE + number * 0x10, value);
}

/* Has the local APIC got a request for @vector? */
static inline bool apic_requested(QTestState *qtest, uint8_t vector)
{
    return apic_read(qtest, 0x20 + vector / 32) >> (vector % 32) & 1;
}

static inline uint32_t ioapic_read(QTestState *qtest, unsigned index)
{
    qtest_writel(qtest, IOAPIC_BASE, index);
    return qtest_readl(qtest, IOAPIC_BASE + 0x10);
}

static inline void ioapic_write(QTestState *qtest, unsigned index, uint32_t value)
{
    qtest_writel(qtest, IOAPIC_BASE, index);
    qtest_writel(qtest, IOAPIC_BASE + 0x10, value);
}

/* Send pin @pin to the first local APIC. @low: low half of the redirection entry. */
static inline void ioapic_redirect(QTestState *qtest, unsigned pin, uint32_t low)
{
    ioapic_write(qtest, 0x11 + 2 * pin, 0);
    ioapic_write(qtest, 0x10 + 2 * pin, low);
}
