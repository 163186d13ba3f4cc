/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The pair of 8259A interrupt controllers (Intel 8259A data sheet; ELCR: 82371AB). Needs the BQL.
 */
#pragma once

#include "hw/core/device.h"

/*
 * User-visible type name of one controller. Inputs: unnamed group, 0..7. Output: unnamed, 0
 * (INT).
 */
#define TYPE_I8259 "isa-i8259"

#define I8259_PAIR_LINES 16u

/*
 * Make master (ports 20, 21, 4d0) and slave (a0, a1, 4d1) on @isa_bus, the slave's output on
 * the master's input 2. Failure is fatal. Returns the master, borrowed; its output is to be
 * connected, see apic_connect_pic().
 */
Device *i8259_pair_create(Bus *isa_bus);

/* ISA interrupt line @irq, 0..15 but not 2, of the pair. Borrowed. */
IRQ *i8259_pair_line(Device *master, unsigned irq);

/*
 * The processor's interrupt acknowledge cycles: the vector to be delivered. When the request
 * went away meanwhile it is the spurious vector, number 7 of the controller.
 */
uint8_t i8259_pair_acknowledge(Device *master);
