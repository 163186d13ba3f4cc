/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The board's differentiated definition block: which devices there are and where. */
#pragma once

#include "acpi-tables.h"

/* Append the definition block's AML (without table header) to @out. */
void acpi_dsdt_append(GByteArray *out, const ACPITablesConfig *config);
