/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Lines between devices. */
#include "hw/core/irq.h"

#include <stddef.h>

void irq_set(IRQ *irq, int level)
{
    if (!irq) {
        return;
    }
    if (irq->observer && irq->observed_level != level) {
        irq->observed_level = level;
        irq->observer(irq, level, irq->observer_opaque);
    }
    irq->handler(irq->opaque, irq->n, level);
}
