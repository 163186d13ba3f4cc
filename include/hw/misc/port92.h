/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* System control port A (82371AB, "Fast A20 and fast init"): port 92. Needs the BQL. */
#pragma once

#include "hw/core/device.h"

/* User-visible type name. Output: unnamed group, 0 (A20 address line). */
#define TYPE_PORT92 "port92"

/* Make it on @isa_bus with its A20 output on @a20. Failure is fatal. Borrowed. */
Device *port92_create(Bus *isa_bus, IRQ *a20);
