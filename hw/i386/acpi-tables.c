/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * ACPI tables (ACPI 6.4, chapter 5.2): RSDP, XSDT, FADT with FACS and DSDT, MADT, HPET. They lie
 * one behind the other; addresses are known as soon as a table is begun.
 */

#include "acpi-tables.h"

#include <string.h>

#include "acpi-dsdt.h"
#include "acpi-pci.h"
#include "hw/acpi/pm.h"
#include "hw/intc/apic.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/hpet.h"
#include "util/bytes.h"

#define OEM_ID          "QCOLO "
#define OEM_TABLE_ID    "QCOLOPC "
#define CREATOR_ID      "QCOL"
#define HEADER_SIZE     36u
#define RSDP_SIZE       36u
#define RSDP_V1_SIZE    20u
#define FACS_SIZE       64u
#define FADT_SIZE       276u
#define TABLE_ALIGNMENT 16u
#define FACS_ALIGNMENT  64u
#define XSDT_TABLES     3u

/* Generic address structure. */
enum {
    GAS_MEMORY = 0,
    GAS_IO = 1,
    GAS_SIZE = 12,
    GAS_ACCESS_BYTE = 1,
    GAS_ACCESS_WORD = 2,
    GAS_ACCESS_DWORD = 3,
};

/* Offsets in the FADT, section 5.2.9. */
enum {
    FADT_FACS = 36,
    FADT_DSDT = 40,
    FADT_SCI_INTERRUPT = 46,
    FADT_SMI_PORT = 48,
    FADT_ACPI_ENABLE = 52,
    FADT_ACPI_DISABLE = 53,
    FADT_PM1A_EVENT = 56,
    FADT_PM1A_CONTROL = 64,
    FADT_PM_TIMER = 76,
    FADT_PM1_EVENT_LENGTH = 88,
    FADT_PM1_CONTROL_LENGTH = 89,
    FADT_PM_TIMER_LENGTH = 91,
    FADT_C2_LATENCY = 96,
    FADT_C3_LATENCY = 98,
    FADT_CENTURY = 108,
    FADT_BOOT_ARCHITECTURE = 109,
    FADT_FLAGS = 112,
    FADT_RESET_REGISTER = 116,
    FADT_RESET_VALUE = 128,
    FADT_MINOR_VERSION = 131,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_EVENT = 148,
    FADT_X_PM1A_CONTROL = 172,
    FADT_X_PM_TIMER = 208,

    FADT_REVISION = 6,
    FADT_MINOR = 4,
    C_STATE_UNSUPPORTED = 0xfff,
    RTC_CENTURY_INDEX = 0x32,

    BOOT_LEGACY_DEVICES = 1 << 0,
    BOOT_8042 = 1 << 1,
    BOOT_NO_VGA = 1 << 2,

    FLAG_WBINVD = 1 << 0,
    FLAG_PROC_C1 = 1 << 2,
    FLAG_NO_SLEEP_BUTTON = 1 << 5,
    FLAG_NO_FIXED_RTC = 1 << 6,
    FLAG_RESET_REGISTER = 1 << 10,
};

/* MADT entries, section 5.2.12. */
enum {
    MADT_REVISION = 5,
    MADT_PCAT_COMPATIBLE = 1,
    MADT_LOCAL_APIC = 0,
    MADT_LOCAL_APIC_SIZE = 8,
    MADT_IO_APIC = 1,
    MADT_IO_APIC_SIZE = 12,
    MADT_OVERRIDE = 2,
    MADT_OVERRIDE_SIZE = 10,
    MADT_LOCAL_NMI = 4,
    MADT_LOCAL_NMI_SIZE = 6,
    MADT_ENABLED = 1,
    MADT_ALL_PROCESSORS = 0xff,
    MADT_ACTIVE_HIGH_LEVEL = 0x0d,
    PIT_GSI = 2,
};

typedef struct Builder {
    const ACPITablesConfig *config;
    GByteArray *bytes;
} Builder;

static uint64_t address_of(const Builder *builder, guint offset)
{
    return builder->config->address + offset;
}

/* Append @size zero bytes at a multiple of @alignment; returns their offset. */
static guint reserve(Builder *builder, guint size, guint alignment)
{
    guint offset = (builder->bytes->len + alignment - 1) / alignment * alignment;
    guint old = builder->bytes->len;

    g_byte_array_set_size(builder->bytes, offset + size);
    memset(builder->bytes->data + old, 0, offset + size - old);
    return offset;
}

static void set_checksum(uint8_t *table, size_t size, size_t position)
{
    uint8_t sum = 0;

    table[position] = 0;
    for (size_t i = 0; i < size; i++) {
        sum += table[i];
    }
    table[position] = (uint8_t)-sum;
}

/* Begin a table of @size bytes so far; fill it in, append to it, then end it. */
static guint begin_table(Builder *builder, const char *signature, uint8_t revision, guint size)
{
    guint offset = reserve(builder, size, TABLE_ALIGNMENT);
    uint8_t *header = builder->bytes->data + offset;

    memcpy(header, signature, 4);
    header[8] = revision;
    memcpy(header + 10, OEM_ID, 6);
    memcpy(header + 16, OEM_TABLE_ID, 8);
    store_le32(header + 24, 1);
    memcpy(header + 28, CREATOR_ID, 4);
    store_le32(header + 32, 1);
    return offset;
}

static void end_table(Builder *builder, guint offset)
{
    uint8_t *header = builder->bytes->data + offset;
    guint size = builder->bytes->len - offset;

    store_le32(header + 4, size);
    set_checksum(header, size, 9);
}

static void store_gas(uint8_t *gas, uint8_t space, uint8_t bits, uint8_t access, uint64_t address)
{
    gas[0] = space;
    gas[1] = bits;
    gas[2] = 0;
    gas[3] = access;
    store_le64(gas + 4, address);
}

static uint64_t build_dsdt(Builder *builder)
{
    guint offset = begin_table(builder, "DSDT", 2, HEADER_SIZE);

    acpi_dsdt_append(builder->bytes, builder->config);
    end_table(builder, offset);
    return address_of(builder, offset);
}

static uint64_t build_facs(Builder *builder)
{
    guint offset = reserve(builder, FACS_SIZE, FACS_ALIGNMENT);
    uint8_t *facs = builder->bytes->data + offset;

    memcpy(facs, "FACS", 4);
    store_le32(facs + 4, FACS_SIZE);
    facs[32] = 2; /* version */
    return address_of(builder, offset);
}

static void fill_fadt_registers(uint8_t *fadt)
{
    store_le32(fadt + FADT_PM1A_EVENT, ACPI_PM_EVENT_PORT);
    store_le32(fadt + FADT_PM1A_CONTROL, ACPI_PM_CONTROL_PORT);
    store_le32(fadt + FADT_PM_TIMER, ACPI_PM_TIMER_PORT);
    fadt[FADT_PM1_EVENT_LENGTH] = ACPI_PM_EVENT_LENGTH;
    fadt[FADT_PM1_CONTROL_LENGTH] = ACPI_PM_CONTROL_LENGTH;
    fadt[FADT_PM_TIMER_LENGTH] = ACPI_PM_TIMER_LENGTH;
    store_gas(fadt + FADT_X_PM1A_EVENT, GAS_IO, 8 * ACPI_PM_EVENT_LENGTH, GAS_ACCESS_WORD,
              ACPI_PM_EVENT_PORT);
    store_gas(fadt + FADT_X_PM1A_CONTROL, GAS_IO, 8 * ACPI_PM_CONTROL_LENGTH, GAS_ACCESS_WORD,
              ACPI_PM_CONTROL_PORT);
    store_gas(fadt + FADT_X_PM_TIMER, GAS_IO, 8 * ACPI_PM_TIMER_LENGTH, GAS_ACCESS_DWORD,
              ACPI_PM_TIMER_PORT);
    store_gas(fadt + FADT_RESET_REGISTER, GAS_IO, 8, GAS_ACCESS_BYTE, ACPI_PM_RESET_PORT);
    fadt[FADT_RESET_VALUE] = ACPI_PM_RESET_VALUE;
}

static uint64_t build_fadt(Builder *builder)
{
    uint64_t dsdt = build_dsdt(builder);
    uint64_t facs = build_facs(builder);
    guint offset = begin_table(builder, "FACP", FADT_REVISION, FADT_SIZE);
    uint8_t *fadt = builder->bytes->data + offset;

    store_le32(fadt + FADT_FACS, (uint32_t)facs);
    store_le32(fadt + FADT_DSDT, (uint32_t)dsdt);
    store_le64(fadt + FADT_X_DSDT, dsdt);
    store_le16(fadt + FADT_SCI_INTERRUPT, ACPI_PM_SCI_IRQ);
    store_le32(fadt + FADT_SMI_PORT, ACPI_PM_SMI_PORT);
    fadt[FADT_ACPI_ENABLE] = ACPI_PM_ENABLE_VALUE;
    fadt[FADT_ACPI_DISABLE] = ACPI_PM_DISABLE_VALUE;
    store_le16(fadt + FADT_C2_LATENCY, C_STATE_UNSUPPORTED);
    store_le16(fadt + FADT_C3_LATENCY, C_STATE_UNSUPPORTED);
    fadt[FADT_CENTURY] = RTC_CENTURY_INDEX;
    store_le16(fadt + FADT_BOOT_ARCHITECTURE, BOOT_LEGACY_DEVICES | BOOT_8042 | BOOT_NO_VGA);
    store_le32(fadt + FADT_FLAGS, FLAG_WBINVD | FLAG_PROC_C1 | FLAG_NO_SLEEP_BUTTON |
                                      FLAG_NO_FIXED_RTC | FLAG_RESET_REGISTER);
    fadt[FADT_MINOR_VERSION] = FADT_MINOR;
    fill_fadt_registers(fadt);
    end_table(builder, offset);
    return address_of(builder, offset);
}

static uint8_t *append_madt_entry(Builder *builder, uint8_t type, uint8_t size)
{
    guint offset = reserve(builder, size, 1);
    uint8_t *entry = builder->bytes->data + offset;

    entry[0] = type;
    entry[1] = size;
    return entry;
}

static void append_override(Builder *builder, uint8_t isa_irq, uint32_t gsi, uint16_t flags)
{
    uint8_t *entry = append_madt_entry(builder, MADT_OVERRIDE, MADT_OVERRIDE_SIZE);

    entry[3] = isa_irq;
    store_le32(entry + 4, gsi);
    store_le16(entry + 8, flags);
}

static uint64_t build_madt(Builder *builder)
{
    guint offset = begin_table(builder, "APIC", MADT_REVISION, HEADER_SIZE + 8);
    uint8_t *entry = builder->bytes->data + offset;

    store_le32(entry + HEADER_SIZE, (uint32_t)APIC_DEFAULT_BASE);
    store_le32(entry + HEADER_SIZE + 4, MADT_PCAT_COMPATIBLE);
    for (unsigned i = 0; i < builder->config->cpu_count; i++) {
        entry = append_madt_entry(builder, MADT_LOCAL_APIC, MADT_LOCAL_APIC_SIZE);
        entry[2] = (uint8_t)i; /* _UID of the processor's object */
        entry[3] = (uint8_t)i; /* local APIC ID */
        store_le32(entry + 4, MADT_ENABLED);
    }
    entry = append_madt_entry(builder, MADT_IO_APIC, MADT_IO_APIC_SIZE);
    entry[2] = IOAPIC_DEFAULT_ID;
    store_le32(entry + 4, (uint32_t)IOAPIC_DEFAULT_BASE);
    append_override(builder, 0, PIT_GSI, 0);
    append_override(builder, ACPI_PM_SCI_IRQ, ACPI_PM_SCI_IRQ, MADT_ACTIVE_HIGH_LEVEL);
    for (unsigned i = 0; i < ACPI_PCI_IRQ_COUNT; i++) {
        append_override(builder, acpi_pci_irqs[i], acpi_pci_irqs[i], MADT_ACTIVE_HIGH_LEVEL);
    }
    entry = append_madt_entry(builder, MADT_LOCAL_NMI, MADT_LOCAL_NMI_SIZE);
    entry[2] = MADT_ALL_PROCESSORS;
    entry[5] = 1; /* LINT1 */
    end_table(builder, offset);
    return address_of(builder, offset);
}

/* IA-PC HPET specification 1.0a, section 3.2.4. */
static uint64_t build_hpet(Builder *builder)
{
    guint offset = begin_table(builder, "HPET", 1, HEADER_SIZE + 20);
    uint8_t *hpet = builder->bytes->data + offset;

    store_le32(hpet + HEADER_SIZE, builder->config->hpet_block_id);
    store_gas(hpet + HEADER_SIZE + 4, GAS_MEMORY, 64, 0, HPET_BASE);
    end_table(builder, offset);
    return address_of(builder, offset);
}

static uint64_t build_xsdt(Builder *builder)
{
    uint64_t tables[XSDT_TABLES] = { build_fadt(builder), build_madt(builder),
                                     build_hpet(builder) };
    guint offset = begin_table(builder, "XSDT", 1, HEADER_SIZE + 8 * XSDT_TABLES);
    uint8_t *xsdt = builder->bytes->data + offset;

    for (unsigned i = 0; i < XSDT_TABLES; i++) {
        store_le64(xsdt + HEADER_SIZE + 8 * i, tables[i]);
    }
    end_table(builder, offset);
    return address_of(builder, offset);
}

GByteArray *acpi_tables_build(const ACPITablesConfig *config)
{
    Builder builder = { .config = config, .bytes = g_byte_array_new() };

    g_assert(config->address % FACS_ALIGNMENT == 0);
    reserve(&builder, RSDP_SIZE, TABLE_ALIGNMENT);
    uint64_t xsdt = build_xsdt(&builder);
    uint8_t *rsdp = builder.bytes->data;
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, OEM_ID, 6);
    rsdp[15] = 2; /* revision */
    store_le32(rsdp + 20, RSDP_SIZE);
    store_le64(rsdp + 24, xsdt);
    set_checksum(rsdp, RSDP_V1_SIZE, 8);
    set_checksum(rsdp, RSDP_SIZE, 32);
    return builder.bytes;
}
