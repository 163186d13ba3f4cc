/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The host bridge of the board: Intel 440FX (82441FX PMC data sheet). Needs the BQL. */
#pragma once

#include "hw/pci/pci.h"

/* User-visible type names: what the processor sees, and the function at 00.0. */
#define TYPE_I440FX_HOST "i440FX-pcihost"
#define TYPE_I440FX      "i440FX"

#define PCI_CONFIG_ADDRESS_PORT 0xcf8
#define PCI_CONFIG_DATA_PORT    0xcfc

/* Make it with its bus "pci.0" and the function 00.0. Failure is fatal. Borrowed: the bus. */
Bus *i440fx_create(void);
/*
 * What answers single bytes at port cf9, which the configuration address register hides from
 * dword accesses only. @region, of one byte, is the owner's.
 */
void i440fx_set_reset_control(Bus *bus, MemoryRegion *region);
