/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * ISA bridge of the PIIX3 (Intel 82371SB data sheet): routes the four PCI interrupt lines to ISA
 * interrupts and has the reset control register. Needs the BQL.
 */
#pragma once

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

#define TYPE_PIIX3 "PIIX3" /* user-visible type name */

/* Route registers of PIRQ A to D: bit 7 off, bits 3:0 the ISA interrupt. */
enum {
    PIIX3_ROUTE_A = 0x60,
    PIIX3_ROUTE_COUNT = 4,
    PIIX3_ROUTE_DISABLED = 0x80,
};

#define PIIX3_RESET_PORT 0xcf9

/*
 * Make it at 01.0 of @bus, whose lines it takes, with @lines for the ISA interrupts. Failure is
 * fatal. Borrowed.
 */
PCIDevice *piix3_create(Bus *bus, IRQ *const lines[ISA_IRQ_COUNT]);
/* The reset control register, one byte, to be seen at PIIX3_RESET_PORT. */
MemoryRegion *piix3_reset_control(PCIDevice *piix3);
