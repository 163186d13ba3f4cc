/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Global system interrupts: one line for each interrupt source of the board, which fans out to
 * the PIC pair and to the I/O APIC. Lines 0..15 are the ISA interrupts; line 0 (timer) reaches
 * pin 2 of the I/O APIC (ACPI: interrupt source override 0 -> 2), all others the pin of their
 * own number; lines 2 and 16..23 reach the I/O APIC only. Need the BQL.
 */
#pragma once

#include "hw/core/device.h"

#define GSI_COUNT 24u

typedef struct GSIRouter GSIRouter;

/* Lines to @pic_master and @ioapic, which must outlive it. Free with g_free(). */
GSIRouter *gsi_router_new(Device *pic_master, Device *ioapic);

/* The input for @gsi, 0..23; asserts the range. Lives as long as the router. */
IRQ *gsi_router_line(GSIRouter *router, unsigned gsi);
