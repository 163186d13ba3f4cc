/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The PCI root bridge in the DSDT (PCI Firmware Specification 3.0, section 4; ACPI 6.4, sections
 * 6.2.13 "_PRT" and 6.2.2 "_CRS").
 *
 * Interrupts go through the links PIRQ A to D in both interrupt modes: the ISA bridge routes a
 * link to an ISA interrupt, which the PIC and the I/O APIC see under the same number.
 */
#include "acpi-pci.h"

#include "hw/acpi/aml.h"
#include "hw/isa/piix3.h"
#include "hw/pci/i440fx.h"

enum {
    SLOT_COUNT = 32,
    PIN_COUNT = 4,
    ANY_FUNCTION = 0xffff,
    ISA_BRIDGE_ADDRESS = 0x00010000, /* slot 1, function 0 */

    CONFIG_PORTS_LENGTH = 8,
    VIDEO_MEMORY = 0xa0000,
    VIDEO_MEMORY_LAST = 0xbffff,

    STATUS_ENABLED = 0x0b,
    STATUS_DISABLED = 0x09,
    ROUTE_IRQ = 0x0f,
    /* Where the number is in the resource that _CRS returns and _SRS is given. */
    LINK_NUMBER_OFFSET = 5,
};

const uint8_t acpi_pci_irqs[ACPI_PCI_IRQ_COUNT] = { 5, 10, 11 };

static const char *const link_names[PIIX3_ROUTE_COUNT] = { "LNKA", "LNKB", "LNKC", "LNKD" };
static const char *const route_names[PIIX3_ROUTE_COUNT] = { "PRQA", "PRQB", "PRQC", "PRQD" };

static void append_ranges(GByteArray *out, const PCIWindows *windows)
{
    GByteArray *resources = g_byte_array_new();

    aml_resource_bus_numbers(resources, 0, 0xff);
    aml_resource_io(resources, PCI_CONFIG_ADDRESS_PORT, CONFIG_PORTS_LENGTH);
    aml_resource_io_window(resources, 0, PCI_CONFIG_ADDRESS_PORT - 1);
    aml_resource_io_window(resources, PCI_CONFIG_ADDRESS_PORT + CONFIG_PORTS_LENGTH, 0xffff);
    aml_resource_memory_window(resources, VIDEO_MEMORY, VIDEO_MEMORY_LAST);
    aml_resource_memory_window(resources, (uint32_t)windows->low_base,
                               (uint32_t)(windows->low_base + windows->low_size - 1));
    if (windows->high_size) {
        aml_resource_memory_window_64(resources, windows->high_base,
                                      windows->high_base + windows->high_size - 1);
    }
    aml_name_resources(out, "_CRS", resources);
}

static void append_routing_table(GByteArray *out)
{
    GByteArray *table = g_byte_array_new();

    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        for (unsigned pin = 0; pin < PIN_COUNT; pin++) {
            GByteArray *entry = g_byte_array_new();
            /* The bus's own order: slot 1 has its pin A on PIRQ A. */
            unsigned line = (slot + pin + PIIX3_ROUTE_COUNT - 1) % PIIX3_ROUTE_COUNT;
            g_autofree char *link = g_strconcat("ISA.", link_names[line], NULL);
            aml_integer(entry, (uint64_t)slot << 16 | ANY_FUNCTION);
            aml_integer(entry, pin);
            aml_reference(entry, link);
            aml_integer(entry, 0);
            aml_package(table, entry, 4);
        }
    }
    aml_name_package(out, "_PRT", table, SLOT_COUNT * PIN_COUNT);
}

/* _STA: a link that is routed nowhere is disabled. */
static void append_link_status(GByteArray *out, const char *route)
{
    GByteArray *body = g_byte_array_new();
    GByteArray *disabled = g_byte_array_new();

    aml_return_integer(disabled, STATUS_DISABLED);
    aml_if_bits(body, route, PIIX3_ROUTE_DISABLED, disabled);
    aml_return_integer(body, STATUS_ENABLED);
    aml_method(out, "_STA", 0, body);
}

static void append_link_current(GByteArray *out, const char *route)
{
    GByteArray *body = g_byte_array_new();
    GByteArray *resources = g_byte_array_new();

    aml_resource_link(resources, (const uint8_t[]){ 0 }, 1);
    aml_name_resources(body, "PRR", resources);
    aml_create_dword_field(body, "PRR", LINK_NUMBER_OFFSET, "PRRI");
    aml_assign_and(body, "PRRI", route, ROUTE_IRQ);
    aml_return_object(body, "PRR");
    aml_method(out, "_CRS", 0, body);
}

static void append_link(GByteArray *out, unsigned line)
{
    const char *route = route_names[line];
    GByteArray *link = g_byte_array_new();
    GByteArray *possible = g_byte_array_new();
    GByteArray *disable = g_byte_array_new();
    GByteArray *set = g_byte_array_new();

    aml_name_eisa_id(link, "_HID", "PNP0C0F");
    aml_name_integer(link, "_UID", line + 1);
    aml_resource_link(possible, acpi_pci_irqs, ACPI_PCI_IRQ_COUNT);
    aml_name_resources(link, "_PRS", possible);
    append_link_status(link, route);
    aml_assign_or(disable, route, route, PIIX3_ROUTE_DISABLED);
    aml_method(link, "_DIS", 0, disable);
    append_link_current(link, route);
    aml_create_dword_field(set, "Arg0", LINK_NUMBER_OFFSET, "PRRI");
    aml_assign(set, route, "PRRI");
    aml_method(link, "_SRS", 1, set);
    aml_device(out, link_names[line], link);
}

static void append_isa_bridge(GByteArray *out)
{
    GByteArray *bridge = g_byte_array_new();

    aml_name_integer(bridge, "_ADR", ISA_BRIDGE_ADDRESS);
    aml_pci_config_region(bridge, "ROUT", PIIX3_ROUTE_A, PIIX3_ROUTE_COUNT);
    aml_byte_fields(bridge, "ROUT", route_names, PIIX3_ROUTE_COUNT);
    for (unsigned line = 0; line < PIIX3_ROUTE_COUNT; line++) {
        append_link(bridge, line);
    }
    aml_device(out, "ISA", bridge);
}

void acpi_pci_append(GByteArray *out, const ACPITablesConfig *config)
{
    GByteArray *root = g_byte_array_new();

    aml_name_eisa_id(root, "_HID", "PNP0A03");
    aml_name_integer(root, "_ADR", 0);
    aml_name_integer(root, "_UID", 0);
    append_ranges(root, &config->pci);
    append_isa_bridge(root);
    append_routing_table(root);
    aml_device(out, "PCI0", root);
}
