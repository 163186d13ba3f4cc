/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Real time clock with CMOS memory (Motorola MC146818 data sheet) at ports 70 and 71. Needs
 * the BQL.
 *
 * Its time is the virtual clock plus an offset that migrates: it stands still while the VM is
 * stopped. The host's clock is read only once, when the machine is made.
 */
#pragma once

#include <jansson.h>

#include "hw/core/device.h"

/* User-visible type name. Output: unnamed group, 0 (IRQ 8). */
#define TYPE_MC146818 "mc146818rtc"

/*
 * Take over the options of `-rtc`: base=utc|localtime|YYYY-MM-DD[THH:MM:SS], clock=vm,
 * driftfix=none. Before the machine is made. Errors name the option, the value and what was
 * expected.
 */
bool mc146818_configure(json_t *options, GError **error);

/* Make it on @isa_bus with its interrupt on @irq. Failure is fatal. Borrowed. */
Device *mc146818_create(Bus *isa_bus, IRQ *irq);

/* Tell the firmware (CMOS 15-18, 30-31, 34-35, 5b-5d) how much memory there is, in bytes. */
void mc146818_set_memory_size(Device *rtc, uint64_t below_4g, uint64_t above_4g);

/* Byte @index (0x0e..0x7f) of the CMOS memory. */
void mc146818_set_cmos(Device *rtc, uint8_t index, uint8_t value);
uint8_t mc146818_get_cmos(Device *rtc, uint8_t index);
