/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * ACPI fixed hardware of the PIIX4 kind (ACPI 6.4, chapter 4.8; Intel 82371AB, "Power
 * Management"): event and control registers, PM timer, the APM ports that switch ACPI mode on.
 * Needs the BQL.
 */
#pragma once

#include "hw/core/device.h"

/* User-visible type names. Output of the first: unnamed group, 0 (SCI, active while it is due). */
#define TYPE_ACPI_PM  "acpi-pm"
#define TYPE_PIIX4_PM "PIIX4_PM" /* the PCI function that says where its registers are */

/* I/O ports, and what the tables say about them. */
#define ACPI_PM_BASE           0x600
#define ACPI_PM_EVENT_PORT     (ACPI_PM_BASE + 0) /* status, enable: 2 bytes each */
#define ACPI_PM_CONTROL_PORT   (ACPI_PM_BASE + 4)
#define ACPI_PM_TIMER_PORT     (ACPI_PM_BASE + 8)
#define ACPI_PM_EVENT_LENGTH   4
#define ACPI_PM_CONTROL_LENGTH 2
#define ACPI_PM_TIMER_LENGTH   4
#define ACPI_PM_SMI_PORT       0xb2
#define ACPI_PM_ENABLE_VALUE   0xf1
#define ACPI_PM_DISABLE_VALUE  0xf0
#define ACPI_PM_RESET_PORT     0xcf9 /* the ISA bridge's reset control */
#define ACPI_PM_RESET_VALUE    0x06
#define ACPI_PM_SCI_IRQ        9

/* SLP_TYP of soft off. */
#define ACPI_PM_SLEEP_TYPE_S5 0

/* Configuration registers of the PCI function: base address, and whether it is decoded. */
enum {
    ACPI_PM_PCI_BASE = 0x40,
    ACPI_PM_PCI_MISC = 0x80,
    ACPI_PM_PCI_MISC_ENABLE = 0x01,
};

/* Make it with the SCI on @sci, its registers not mapped yet. Failure is fatal. Borrowed. */
Device *acpi_pm_create(IRQ *sci);
/* Show the registers at port @base, a multiple of 64; 0: nowhere. */
void acpi_pm_map(Device *device, uint16_t base);

/* The PCI function at @devfn of @bus for @registers, an acpi-pm device. Failure is fatal. */
void piix4_pm_create(Bus *bus, uint8_t devfn, Device *registers);
