/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What firmware does with the PCI bus: addresses for BARs, large ones first, so that alignment
 * leaves no holes; interrupt routes as PC firmware sets them.
 */
#include "pci-setup.h"

#include "hw/acpi/pm.h"
#include "hw/isa/piix3.h"
#include "trace-hw-i386.h"
#include "util/report.h"

#define ELCR_PORT 0x4d0

/* ISA interrupts of PIRQ A to D. */
static const uint8_t routes[PIIX3_ROUTE_COUNT] = { 10, 10, 11, 11 };

typedef struct Window {
    uint64_t next, end;
} Window;

/* One BAR that wants an address. */
typedef struct Wish {
    PCIDevice *device;
    unsigned bar;
} Wish;

static void collect_wishes(PCIDevice *device, void *opaque)
{
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        if (device->bars[n].region) {
            Wish wish = { device, n };
            g_array_append_val((GArray *)opaque, wish);
        }
    }
}

static const PCIBar *wished_bar(const Wish *wish)
{
    return &wish->device->bars[wish->bar];
}

/* Falling size; where that is equal, by place on the bus. */
static gint compare_wishes(gconstpointer a, gconstpointer b)
{
    const Wish *first = a;
    const Wish *second = b;
    uint64_t first_size = wished_bar(first)->region->size;
    uint64_t second_size = wished_bar(second)->region->size;

    if (first_size != second_size) {
        return first_size > second_size ? -1 : 1;
    }
    if (first->device->devfn != second->device->devfn) {
        return first->device->devfn < second->device->devfn ? -1 : 1;
    }
    return (gint)first->bar - (gint)second->bar;
}

/* @size bytes at a multiple of @size; false when the window is full. */
static bool window_take(Window *window, uint64_t size, uint64_t *address)
{
    uint64_t start = (window->next + size - 1) & ~(size - 1);

    if (start < window->next || start > window->end || size > window->end - start) {
        return false;
    }
    window->next = start + size;
    *address = start;
    return true;
}

static bool choose_address(const PCIBar *bar, Window *io, Window *low, Window *high,
                           uint64_t *address)
{
    uint64_t size = bar->region->size;

    if (bar->type & PCI_BASE_ADDRESS_SPACE_IO) {
        return window_take(io, size, address);
    }
    return window_take(low, size, address) ||
           ((bar->type & PCI_BASE_ADDRESS_MEM_TYPE_64) && window_take(high, size, address));
}

static void grant(const Wish *wish, uint64_t address)
{
    const PCIBar *bar = wished_bar(wish);
    unsigned offset = PCI_BASE_ADDRESS_0 + 4 * wish->bar;
    uint16_t decode = bar->type & PCI_BASE_ADDRESS_SPACE_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

    trace_pci_setup_bar(wish->device->devfn, wish->bar, address, bar->region->size);
    pci_config_write(wish->device, offset, (uint32_t)address, 4);
    if (bar->type & PCI_BASE_ADDRESS_MEM_TYPE_64) {
        pci_config_write(wish->device, offset + 4, (uint32_t)(address >> 32), 4);
    }
    pci_config_write(wish->device, PCI_COMMAND,
                     pci_config_read(wish->device, PCI_COMMAND, 2) | decode, 2);
}

static void assign_addresses(Bus *bus, const PCIWindows *windows)
{
    g_autoptr(GArray) wishes = g_array_new(FALSE, FALSE, sizeof(Wish));
    Window io = { PCI_SETUP_IO_BASE, PCI_SETUP_IO_END };
    Window low = { windows->low_base, windows->low_base + windows->low_size };
    Window high = { windows->high_base, windows->high_base + windows->high_size };

    pci_bus_foreach(bus, collect_wishes, wishes);
    g_array_sort(wishes, compare_wishes);
    for (guint i = 0; i < wishes->len; i++) {
        const Wish *wish = &g_array_index(wishes, Wish, i);
        uint64_t address;
        if (choose_address(wished_bar(wish), &io, &low, &high, &address)) {
            grant(wish, address);
        } else {
            report_warning("no room for BAR %u of %s at %02x.%x, %" G_GUINT64_FORMAT
                           " bytes: the guest will not see it",
                           wish->bar, object_type_name(G_OBJECT_TYPE(wish->device)),
                           PCI_SLOT(wish->device->devfn), PCI_FUNCTION(wish->device->devfn),
                           wished_bar(wish)->region->size);
        }
    }
}

/* ---- interrupts ---- */

static bool is_power_management(const PCIDevice *device)
{
    return G_OBJECT_TYPE(device) == object_type_find(TYPE_PIIX4_PM);
}

static uint8_t interrupt_of(const PCIDevice *device, uint8_t pin)
{
    if (is_power_management(device)) {
        return ACPI_PM_SCI_IRQ; /* its pin is wired to the SCI */
    }
    return routes[(PCI_SLOT(device->devfn) + pin - 2u) % PIIX3_ROUTE_COUNT];
}

static void tell_interrupt(PCIDevice *device, void *opaque)
{
    uint8_t pin = device->config[PCI_INTERRUPT_PIN];

    if (pin) {
        pci_config_write(device, PCI_INTERRUPT_LINE, interrupt_of(device, pin), 1);
    }
}

static void route_interrupts(Bus *bus)
{
    PCIDevice *bridge = pci_bus_device(bus, PCI_DEVFN(1, 0));
    uint16_t level_triggered = 0;

    for (unsigned line = 0; line < PIIX3_ROUTE_COUNT; line++) {
        level_triggered |= (uint16_t)(1u << routes[line]);
        pci_config_write(bridge, PIIX3_ROUTE_A + line, routes[line], 1);
    }
    address_space_store(address_space_io(), ELCR_PORT, level_triggered & 0xff, 1);
    address_space_store(address_space_io(), ELCR_PORT + 1, level_triggered >> 8, 1);
    pci_bus_foreach(bus, tell_interrupt, NULL);
}

/* ---- power management ---- */

static void place_power_management(PCIDevice *device, void *opaque)
{
    if (is_power_management(device)) {
        pci_config_write(device, ACPI_PM_PCI_BASE, ACPI_PM_BASE, 4);
        pci_config_write(device, ACPI_PM_PCI_MISC, ACPI_PM_PCI_MISC_ENABLE, 1);
        pci_config_write(device, PCI_COMMAND, PCI_COMMAND_IO, 2);
    }
}

void pci_setup(Bus *bus, const PCIWindows *windows)
{
    assign_addresses(bus, windows);
    route_interrupts(bus);
    pci_bus_foreach(bus, place_power_management, NULL);
}
