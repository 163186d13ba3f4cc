/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * 8254 interval timer (Intel 8254 data sheet) at ports 40-43 and the speaker port 61
 * (82371AB, "NMI status and control"). Needs the BQL.
 */
#pragma once

#include "hw/core/device.h"

/* User-visible type names. Output of the timer: unnamed group, 0 (OUT of counter 0). */
#define TYPE_I8254 "isa-pit"
#define TYPE_PCSPK "isa-pcspk"

#define I8254_HZ INT64_C(1193182)

/* Make timer and speaker port on @isa_bus; OUT0 drives @irq. Failure is fatal. Borrowed. */
Device *i8254_create(Bus *isa_bus, IRQ *irq);

/* The port 61 of @pit; i8254_create() has made it. */
Device *pcspk_create(Bus *isa_bus, Device *pit);

/* Counter 2 as port 61 sees it. */
void i8254_set_gate2(Device *pit, bool level);
bool i8254_get_gate2(Device *pit);
bool i8254_get_out2(Device *pit);
