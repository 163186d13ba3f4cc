/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The PCI bus: who is at which slot and function, and the four interrupt lines that the slots
 * share (PCI Local Bus Specification 3.0, sections 2.2.6 and 3.2.2.3).
 */
#include "hw/pci/pci-internal.h"

#include <string.h>

#include "trace-hw-pci.h"
#include "util/report.h"

#define PCI_DEVFN_COUNT    256u
#define PCI_SLOT_COUNT     32u
#define PCI_FUNCTION_COUNT 8u
#define PCI_LINE_COUNT     4u

typedef struct PCIBus {
    Bus parent;
    PCIDevice *devices[PCI_DEVFN_COUNT];
    bool driving[PCI_DEVFN_COUNT]; /* the function holds its line high */
    unsigned drivers[PCI_LINE_COUNT];
    PCISetLine *set_line;
    void *set_line_opaque;
} PCIBus;

OBJECT_DEFINE_TYPE(PCIBus, BusClass, pci_bus, TYPE_PCI_BUS, TYPE_BUS);

#define PCI_BUS(o) (G_TYPE_CHECK_INSTANCE_CAST((o), pci_bus_get_type(), PCIBus))

Bus *pci_bus_new(Device *owner, const char *name)
{
    return bus_new(TYPE_PCI_BUS, owner, name);
}

void pci_bus_connect_lines(Bus *bus, PCISetLine *set_line, void *opaque)
{
    PCI_BUS(bus)->set_line = set_line;
    PCI_BUS(bus)->set_line_opaque = opaque;
}

PCIDevice *pci_bus_device(Bus *bus, uint8_t devfn)
{
    return PCI_BUS(bus)->devices[devfn];
}

void pci_bus_foreach(Bus *bus, void (*visit)(PCIDevice *device, void *opaque), void *opaque)
{
    for (unsigned devfn = 0; devfn < PCI_DEVFN_COUNT; devfn++) {
        PCIDevice *device = PCI_BUS(bus)->devices[devfn];
        if (device) {
            visit(device, opaque);
        }
    }
}

/* ---- interrupt lines ---- */

/* Slot 1 has its pin A on line 0; from slot to slot the pins move on by one line. */
static unsigned line_of(const PCIDevice *device)
{
    unsigned pin = device->config[PCI_INTERRUPT_PIN] - 1u;

    return (pin + PCI_SLOT(device->devfn) - 1u) % PCI_LINE_COUNT;
}

void pci_bus_drive_line(PCIDevice *device, bool level, bool tell)
{
    PCIBus *bus = PCI_BUS(device->parent.parent_bus);

    if (!device->config[PCI_INTERRUPT_PIN] || bus->driving[device->devfn] == level) {
        return;
    }
    unsigned line = line_of(device);
    bool before = bus->drivers[line] > 0;
    bus->driving[device->devfn] = level;
    bus->drivers[line] += level ? 1 : -1;
    bool after = bus->drivers[line] > 0;
    trace_pci_line(PCI_SLOT(device->devfn), PCI_FUNCTION(device->devfn), line, level);
    if (tell && before != after && bus->set_line) {
        bus->set_line(bus->set_line_opaque, line, after);
    }
}

/* ---- addresses ---- */

static bool parse_hex(const char **text, unsigned maximum, unsigned *value)
{
    char *end;

    if (!g_ascii_isxdigit(**text)) {
        return false;
    }
    guint64 number = g_ascii_strtoull(*text, &end, 16);
    if (end == *text || number > maximum) {
        return false;
    }
    *text = end;
    *value = (unsigned)number;
    return true;
}

/* "SLOT[.FUNCTION]", hexadecimal with or without 0x. */
static bool parse_address(const char *text, unsigned *devfn)
{
    unsigned slot;
    unsigned function = 0;

    if (!parse_hex(&text, PCI_SLOT_COUNT - 1, &slot)) {
        return false;
    }
    if (*text == '.') {
        text++;
        if (!parse_hex(&text, PCI_FUNCTION_COUNT - 1, &function)) {
            return false;
        }
    }
    *devfn = PCI_DEVFN(slot, function);
    return *text == '\0';
}

static bool find_free_slot(const PCIBus *bus, const char *type, unsigned *devfn, GError **error)
{
    for (unsigned slot = 0; slot < PCI_SLOT_COUNT; slot++) {
        if (!bus->devices[PCI_DEVFN(slot, 0)]) {
            *devfn = PCI_DEVFN(slot, 0);
            return true;
        }
    }
    qc_error_set(error, "PCI: no slot/function available for %s, all in use or reserved", type);
    return false;
}

static bool choose_address(const PCIBus *bus, const PCIDevice *device, unsigned *devfn,
                           GError **error)
{
    const char *type = object_type_name(G_OBJECT_TYPE(device));

    if (!device->addr_text) {
        return find_free_slot(bus, type, devfn, error);
    }
    if (!parse_address(device->addr_text, devfn)) {
        qc_error_set(error, "Property '%s.addr' doesn't take value '%s'", type, device->addr_text);
        return false;
    }
    const PCIDevice *there = bus->devices[*devfn];
    if (there) {
        qc_error_set(error, "PCI: slot %u function %u not available for %s, in use by %s,id=%s",
                     PCI_SLOT(*devfn), PCI_FUNCTION(*devfn), type,
                     object_type_name(G_OBJECT_TYPE(there)),
                     there->parent.id ? there->parent.id : "(null)");
        return false;
    }
    return true;
}

/* Software looks at functions 1 to 7 only where function 0 says that there are several. */
static bool check_functions(const PCIBus *bus, const PCIDevice *device, unsigned devfn,
                            GError **error)
{
    unsigned slot = PCI_SLOT(devfn);
    const PCIDevice *first = bus->devices[PCI_DEVFN(slot, 0)];

    if (PCI_FUNCTION(devfn) != 0) {
        if (first && !first->multifunction) {
            qc_error_set(error, "PCI: single function device can't be populated in function %x.%x",
                         slot, PCI_FUNCTION(devfn));
            return false;
        }
        return true;
    }
    for (unsigned function = 1; !device->multifunction && function < PCI_FUNCTION_COUNT;
         function++) {
        if (bus->devices[PCI_DEVFN(slot, function)]) {
            qc_error_set(error,
                         "PCI: %x.0 indicates single function, but %x.%x is already populated.",
                         slot, slot, function);
            return false;
        }
    }
    return true;
}

static bool pci_bus_plug(Bus *bus, Device *device, GError **error)
{
    PCIBus *self = PCI_BUS(bus);
    PCIDevice *pci = PCI_DEVICE(device);
    unsigned devfn;

    if (!choose_address(self, pci, &devfn, error) || !check_functions(self, pci, devfn, error)) {
        return false;
    }
    pci->devfn = (uint8_t)devfn;
    self->devices[devfn] = pci;
    trace_pci_plug(object_type_name(G_OBJECT_TYPE(device)), PCI_SLOT(devfn), PCI_FUNCTION(devfn));
    return true;
}

static void pci_bus_unplug(Bus *bus, Device *device)
{
    PCI_BUS(bus)->devices[PCI_DEVICE(device)->devfn] = NULL;
}

static char *pci_bus_device_path(Bus *bus, Device *device)
{
    uint8_t devfn = PCI_DEVICE(device)->devfn;

    return g_strdup_printf("0000:00:%02x.%x", PCI_SLOT(devfn), PCI_FUNCTION(devfn));
}

PCIDevice *pci_create_simple(Bus *bus, uint8_t devfn, const char *type_name)
{
    PCIDevice *device = PCI_DEVICE(device_new(type_name));

    g_free(device->addr_text);
    device->addr_text = g_strdup_printf("%x.%x", PCI_SLOT(devfn), PCI_FUNCTION(devfn));
    device_realize_or_exit(&device->parent, bus);
    return device;
}

static void pci_bus_init(PCIBus *self)
{
}

static void pci_bus_class_init(BusClass *klass)
{
    klass->plug = pci_bus_plug;
    klass->unplug = pci_bus_unplug;
    klass->device_path = pci_bus_device_path;
}
