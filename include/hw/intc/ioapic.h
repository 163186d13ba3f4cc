/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* I/O APIC (Intel 82093AA data sheet; version 0x20 with an EOI register). Needs the BQL. */
#pragma once

#include "hw/core/device.h"
#include "system/memory.h"

/*
 * User-visible type name. Inputs: unnamed group, 0..23. A level is "asserted" whatever the
 * polarity bit of the redirection entry says: boards drive logical levels.
 */
#define TYPE_IOAPIC "ioapic"

#define IOAPIC_PINS         24u
#define IOAPIC_DEFAULT_BASE UINT64_C(0xfec00000)
#define IOAPIC_DEFAULT_ID   0

/* Make the I/O APIC with its registers at @base. Failure is fatal. Borrowed. */
Device *ioapic_create(hwaddr base);

/* A local APIC has got an EOI for the level triggered @vector. */
void ioapic_eoi_broadcast(uint8_t vector);
