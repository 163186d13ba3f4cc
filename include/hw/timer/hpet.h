/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * High precision event timers (IA-PC HPET specification 1.0a): 100 MHz, 64-bit main counter.
 * Needs the BQL.
 *
 * The timer of the PIT and the RTC's interrupt pass through: while the guest has legacy
 * replacement on, comparators 0 and 1 take over GSI 0 and 8 and these inputs are ignored.
 */
#pragma once

#include "hw/core/device.h"
#include "hw/intc/gsi.h"

/* User-visible type name. Properties: timers (3..32), hpet-intcap, msi. Inputs: "legacy", 0
 * from the PIT, 1 from the RTC. Outputs: unnamed group, a line for each GSI. */
#define TYPE_HPET "hpet"

#define HPET_BASE      UINT64_C(0xfed00000)
#define HPET_PERIOD_FS 10000000u /* femtoseconds a tick */
#define HPET_INPUT_PIT 0
#define HPET_INPUT_RTC 1

/* Make it at HPET_BASE with outputs to all lines of @router. Failure is fatal. Borrowed. */
Device *hpet_create(GSIRouter *router);

/* The value of the ACPI HPET table's "event timer block id" field. */
uint32_t hpet_block_id(Device *hpet);
