/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The PCI part of the DSDT, and the interrupts that the links can be set to. */
#pragma once

#include <glib.h>

#include "acpi-tables.h"

#define ACPI_PCI_IRQ_COUNT 3u

/* ISA interrupts that PCI may use: level triggered, active high, also at the I/O APIC. */
extern const uint8_t acpi_pci_irqs[ACPI_PCI_IRQ_COUNT];

/* The root bridge with its ranges, the ISA bridge and the interrupt links. */
void acpi_pci_append(GByteArray *out, const ACPITablesConfig *config);
