/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Global system interrupts (ACPI 6, section 5.2.13): see hw/intc/gsi.h. It only passes levels
 * on and has no state of its own.
 */
#include "hw/intc/gsi.h"

#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

#define GSI_TIMER        0
#define GSI_CASCADE      2
#define IOAPIC_TIMER_PIN 2

struct GSIRouter {
    IRQ inputs[GSI_COUNT];
    IRQ *pic[GSI_COUNT];
    IRQ *ioapic[GSI_COUNT];
};

G_STATIC_ASSERT(GSI_COUNT == IOAPIC_PINS);

static void gsi_set(void *opaque, int n, int level)
{
    GSIRouter *router = opaque;
    irq_set(router->pic[n], level);
    irq_set(router->ioapic[n], level);
}

GSIRouter *gsi_router_new(Device *pic_master, Device *ioapic)
{
    GSIRouter *router = g_new0(GSIRouter, 1);
    for (unsigned gsi = 0; gsi < GSI_COUNT; gsi++) {
        unsigned pin = gsi == GSI_TIMER ? IOAPIC_TIMER_PIN : gsi;
        router->inputs[gsi] = (IRQ){ .handler = gsi_set, .opaque = router, .n = gsi };
        router->ioapic[gsi] = device_get_gpio_in(ioapic, NULL, pin);
        if (gsi < I8259_PAIR_LINES && gsi != GSI_CASCADE) {
            router->pic[gsi] = i8259_pair_line(pic_master, gsi);
        }
    }
    return router;
}

IRQ *gsi_router_line(GSIRouter *router, unsigned gsi)
{
    g_assert(gsi < GSI_COUNT);
    return &router->inputs[gsi];
}
