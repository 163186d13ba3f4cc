/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The DSDT: processors, fixed ISA devices and the soft-off state. */

#include "acpi-dsdt.h"

#include "acpi-pci.h"
#include "hw/acpi/aml.h"
#include "hw/acpi/pm.h"
#include "hw/timer/hpet.h"

#define HPET_LENGTH 0x400u

#define IO_MAX  5
#define IRQ_MAX 2

/* A device with fixed resources; unused ports have length 0, unused interrupts are 0. */
typedef struct FixedDevice {
    char name[5];
    char hardware_id[8];
    uint8_t unique_id;
    struct {
        uint16_t base;
        uint8_t length;
    } ports[IO_MAX];
    uint8_t irqs[IRQ_MAX];
} FixedDevice;

static const FixedDevice fixed_devices[] = {
    { "PIC", "PNP0000", 0, { { 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 } }, { 2 } },
    { "RTC", "PNP0B00", 0, { { 0x70, 8 } }, { 8 } },
    { "SPKR", "PNP0800", 0, { { 0x61, 1 } }, { 0 } },
    { "KBD", "PNP0303", 0, { { 0x60, 1 }, { 0x64, 1 } }, { 1 } },
    { "MOU", "PNP0F13", 0, { { 0 } }, { 12 } },
    /* The power management registers belong to their PCI function. */
    { "SYSR",
      "PNP0C02",
      0,
      { { 0x92, 1 }, { ACPI_PM_SMI_PORT, 2 }, { ACPI_PM_RESET_PORT, 1 } },
      { 0 } },
};

static const FixedDevice serial_devices[ACPI_SERIAL_PORTS] = {
    { "COM1", "PNP0501", 1, { { 0x3f8, 8 } }, { 4 } },
    { "COM2", "PNP0501", 2, { { 0x2f8, 8 } }, { 3 } },
};

static void append_fixed_device(GByteArray *out, const FixedDevice *device)
{
    GByteArray *body = g_byte_array_new();
    GByteArray *resources = g_byte_array_new();

    aml_name_eisa_id(body, "_HID", device->hardware_id);
    if (device->unique_id) {
        aml_name_integer(body, "_UID", device->unique_id);
    }
    for (unsigned i = 0; i < IO_MAX && device->ports[i].length; i++) {
        aml_resource_io(resources, device->ports[i].base, device->ports[i].length);
    }
    for (unsigned i = 0; i < IRQ_MAX && device->irqs[i]; i++) {
        aml_resource_irq(resources, device->irqs[i]);
    }
    aml_name_resources(body, "_CRS", resources);
    aml_device(out, device->name, body);
}

static void append_hpet(GByteArray *out)
{
    GByteArray *body = g_byte_array_new();
    GByteArray *resources = g_byte_array_new();

    aml_name_eisa_id(body, "_HID", "PNP0103");
    aml_resource_memory(resources, (uint32_t)HPET_BASE, HPET_LENGTH);
    aml_name_resources(body, "_CRS", resources);
    aml_device(out, "HPET", body);
}

static void append_processor(GByteArray *out, unsigned number)
{
    GByteArray *body = g_byte_array_new();
    g_autofree char *name = g_strdup_printf("C%03X", number);

    aml_name_string(body, "_HID", "ACPI0007");
    aml_name_integer(body, "_UID", number);
    aml_device(out, name, body);
}

void acpi_dsdt_append(GByteArray *out, const ACPITablesConfig *config)
{
    static const uint64_t soft_off[] = { ACPI_PM_SLEEP_TYPE_S5, ACPI_PM_SLEEP_TYPE_S5, 0, 0 };
    GByteArray *system_bus = g_byte_array_new();

    for (unsigned i = 0; i < config->cpu_count; i++) {
        append_processor(system_bus, i);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fixed_devices); i++) {
        append_fixed_device(system_bus, &fixed_devices[i]);
    }
    for (unsigned i = 0; i < ACPI_SERIAL_PORTS; i++) {
        if (config->serial[i]) {
            append_fixed_device(system_bus, &serial_devices[i]);
        }
    }
    append_hpet(system_bus);
    acpi_pci_append(system_bus, config);
    aml_scope(out, "\\_SB", system_bus);
    aml_name_integer_package(out, "\\_S5", soft_off, G_N_ELEMENTS(soft_off));
}
