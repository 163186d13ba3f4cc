/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Configuration space (PCI Local Bus Specification 3.0, chapter 6, appendix H). */
#pragma once

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION_ID = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CLASS_DEVICE = 0x0a,
    PCI_CACHE_LINE_SIZE = 0x0c,
    PCI_LATENCY_TIMER = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BASE_ADDRESS_0 = 0x10,
    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_ROM_ADDRESS = 0x30,
    PCI_CAPABILITY_LIST = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    PCI_CONFIG_HEADER_SIZE = 0x40,
};

enum {
    PCI_COMMAND_IO = 0x0001,
    PCI_COMMAND_MEMORY = 0x0002,
    PCI_COMMAND_MASTER = 0x0004,
    PCI_COMMAND_PARITY = 0x0040,
    PCI_COMMAND_SERR = 0x0100,
    PCI_COMMAND_INTX_DISABLE = 0x0400,
    PCI_STATUS_INTERRUPT = 0x0008,
    PCI_STATUS_CAP_LIST = 0x0010,
    PCI_HEADER_TYPE_MULTI_FUNCTION = 0x80,
};

enum {
    PCI_BASE_ADDRESS_SPACE_MEMORY = 0x00,
    PCI_BASE_ADDRESS_SPACE_IO = 0x01,
    PCI_BASE_ADDRESS_MEM_TYPE_64 = 0x04,
    PCI_BASE_ADDRESS_MEM_PREFETCH = 0x08,
};

enum {
    PCI_CAP_ID_MSI = 0x05,
    PCI_CAP_ID_VENDOR = 0x09,
    PCI_CAP_ID_MSIX = 0x11,
};

/* MSI capability with 64 bit address: message control, address, data, mask and pending bits. */
enum {
    PCI_MSI_FLAGS = 2,
    PCI_MSI_ADDRESS = 4,
    PCI_MSI_DATA = 12,
    PCI_MSI_MASK = 16,
    PCI_MSI_PENDING = 20,
    PCI_MSI_SIZE = 14,
    PCI_MSI_SIZE_MASKABLE = 24,
    PCI_MSI_FLAGS_ENABLE = 0x0001,
    PCI_MSI_FLAGS_CAPABLE_SHIFT = 1,
    PCI_MSI_FLAGS_GRANTED_SHIFT = 4,
    PCI_MSI_FLAGS_COUNT_MASK = 7,
    PCI_MSI_FLAGS_64BIT = 0x0080,
    PCI_MSI_FLAGS_MASKABLE = 0x0100,
};

/* MSI-X capability: message control, table, pending bit array. */
enum {
    PCI_MSIX_FLAGS = 2,
    PCI_MSIX_TABLE = 4,
    PCI_MSIX_PBA = 8,
    PCI_MSIX_SIZE = 12,
    PCI_MSIX_FLAGS_FUNCTION_MASK = 0x4000,
    PCI_MSIX_FLAGS_ENABLE = 0x8000,
    PCI_MSIX_ENTRY_SIZE = 16,
    PCI_MSIX_ENTRY_MASKED = 1,
};
