/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What firmware does with the PCI bus before the kernel starts. Needs the BQL. */
#pragma once

#include "hw/pci/pci.h"

/* Memory that the host bridge hands on to the bus; BARs of ports begin at PCI_SETUP_IO_BASE. */
typedef struct PCIWindows {
    uint64_t low_base, low_size;   /* below 4 GiB */
    uint64_t high_base, high_size; /* for 64-bit BARs that do not fit below; size 0: none */
} PCIWindows;

#define PCI_SETUP_IO_BASE 0xc000u
#define PCI_SETUP_IO_END  0x10000u

/*
 * Give each BAR of @bus an address and have it decoded, route the interrupt lines, tell functions
 * their interrupt, put the power management registers at their ports. The result depends on
 * nothing but the devices and where they are. A BAR that does not fit anywhere stays off.
 */
void pci_setup(Bus *bus, const PCIWindows *windows);
