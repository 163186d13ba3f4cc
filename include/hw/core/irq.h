/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Interrupt and other single-wire lines between devices. All calls need the BQL. */
#pragma once

#include <stdbool.h>

typedef void IRQHandler(void *opaque, int n, int level);

/* One input: who listens, and which of its inputs it is. */
typedef struct IRQ {
    IRQHandler *handler;
    void *opaque;
    int n;
    /* Set while a qtest client listens in (irq_intercept_in/out); gets each change of level. */
    void (*observer)(struct IRQ *irq, int level, void *opaque);
    void *observer_opaque;
    int observed_n;
    int observed_level;
} IRQ;

/* Drive a line; NULL (not connected) is harmless. */
void irq_set(IRQ *irq, int level);

static inline void irq_raise(IRQ *irq)
{
    irq_set(irq, 1);
}

static inline void irq_lower(IRQ *irq)
{
    irq_set(irq, 0);
}

static inline void irq_pulse(IRQ *irq)
{
    irq_set(irq, 1);
    irq_set(irq, 0);
}
