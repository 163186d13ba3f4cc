/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The PC's keyboard controller with a PS/2 keyboard and mouse, ports 60 and 64. Needs the BQL. */
#pragma once

#include "hw/core/device.h"

/* User-visible type name; takes IRQ 1 and IRQ 12. Output: group "a20", 0 (A20 address line). */
#define TYPE_I8042 "i8042"

/* Make it on @isa_bus with its A20 output on @a20. Failure is fatal. Borrowed. */
Device *i8042_create(Bus *isa_bus, IRQ *a20);
