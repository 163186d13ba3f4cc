/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The ACPI tables of the board (ACPI 6.4). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "pci-setup.h"

#define ACPI_SERIAL_PORTS 2u

typedef struct ACPITablesConfig {
    uint64_t address;               /* guest physical address of the first byte, 64-byte aligned */
    unsigned cpu_count;             /* local APIC ids 0 to cpu_count - 1 */
    uint32_t hpet_block_id;         /* of the HPET table */
    PCIWindows pci;                 /* what the root bridge hands on */
    bool serial[ACPI_SERIAL_PORTS]; /* COM1, COM2 exist */
} ACPITablesConfig;

/* RSDP first, then all tables, to be placed at @config->address. Take over the result. */
GByteArray *acpi_tables_build(const ACPITablesConfig *config);
