/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What is on the PCI bus, for clients and people. */
#include "hw/pci/pci.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands-pci.h"

/* ---- query-pci ---- */

static const struct {
    uint16_t class_id;
    const char *text;
} class_names[] = {
    { PCI_CLASS_NETWORK_ETHERNET, "Ethernet controller" },
    { PCI_CLASS_BRIDGE_HOST, "Host bridge" },
    { PCI_CLASS_BRIDGE_ISA, "ISA bridge" },
    { PCI_CLASS_BRIDGE_OTHER, "Bridge" },
};

static PciDeviceClass *describe_class(uint16_t class_id)
{
    PciDeviceClass *info = PciDeviceClass_new();

    info->class = class_id;
    for (unsigned i = 0; i < G_N_ELEMENTS(class_names); i++) {
        if (class_names[i].class_id == class_id) {
            info->desc = g_strdup(class_names[i].text);
        }
    }
    return info;
}

static PciDeviceId *describe_id(const uint8_t *config)
{
    PciDeviceId *info = PciDeviceId_new();

    info->vendor = pci_get_word(config + PCI_VENDOR_ID);
    info->device = pci_get_word(config + PCI_DEVICE_ID);
    info->has_subsystem = info->has_subsystem_vendor = true;
    info->subsystem = pci_get_word(config + PCI_SUBSYSTEM_ID);
    info->subsystem_vendor = pci_get_word(config + PCI_SUBSYSTEM_VENDOR_ID);
    return info;
}

static PciMemoryRegion *describe_bar(const PCIBar *bar, unsigned n)
{
    PciMemoryRegion *info = PciMemoryRegion_new();
    bool io = bar->type & PCI_BASE_ADDRESS_SPACE_IO;

    info->bar = n;
    info->type = g_strdup(io ? "io" : "memory");
    info->address = (int64_t)bar->address; /* unmapped: -1 */
    info->size = (int64_t)bar->region->size;
    info->has_prefetch = info->has_mem_type_64 = !io;
    info->prefetch = !io && (bar->type & PCI_BASE_ADDRESS_MEM_PREFETCH);
    info->mem_type_64 = !io && (bar->type & PCI_BASE_ADDRESS_MEM_TYPE_64);
    return info;
}

static void describe_device(PCIDevice *device, void *opaque)
{
    PciDeviceInfo *info = PciDeviceInfo_new();

    info->bus = 0;
    info->slot = PCI_SLOT(device->devfn);
    info->function = PCI_FUNCTION(device->devfn);
    info->class_info = describe_class(pci_get_word(device->config + PCI_CLASS_DEVICE));
    info->id = describe_id(device->config);
    info->irq_pin = device->config[PCI_INTERRUPT_PIN];
    info->has_irq = info->irq_pin != 0;
    info->irq = device->config[PCI_INTERRUPT_LINE];
    info->qdev_id = g_strdup(device->parent.id ? device->parent.id : "");
    info->regions = PciMemoryRegion_list_new();
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        if (device->bars[n].region) {
            g_ptr_array_add(info->regions, describe_bar(&device->bars[n], n));
        }
    }
    g_ptr_array_add(opaque, info);
}

GPtrArray *qmp_query_pci(GError **error)
{
    GPtrArray *buses = PciInfo_list_new();
    Bus *bus = bus_find(TYPE_PCI_BUS, NULL);

    if (bus) {
        PciInfo *info = PciInfo_new();
        info->devices = PciDeviceInfo_list_new();
        pci_bus_foreach(bus, describe_device, info->devices);
        g_ptr_array_add(buses, info);
    }
    return buses;
}

/* ---- info pci ---- */

static void print_region(Monitor *monitor, const PciMemoryRegion *region)
{
    uint64_t first = (uint64_t)region->address;
    uint64_t last = first + (uint64_t)region->size - 1;

    if (!region->has_prefetch) {
        hmp_printf(monitor,
                   "      BAR%d: I/O at 0x%04" G_GINT64_MODIFIER "x [0x%04" G_GINT64_MODIFIER
                   "x].\n",
                   (int)region->bar, first, last);
        return;
    }
    hmp_printf(monitor,
               "      BAR%d: %d bit%s memory at 0x%08" G_GINT64_MODIFIER
               "x [0x%08" G_GINT64_MODIFIER "x].\n",
               (int)region->bar, region->mem_type_64 ? 64 : 32,
               region->prefetch ? " prefetchable" : "", first, last);
}

static void print_device(Monitor *monitor, const PciDeviceInfo *info)
{
    hmp_printf(monitor, "  Bus %2d, device %3d, function %d:\n    ", (int)info->bus,
               (int)info->slot, (int)info->function);
    if (info->class_info->desc) {
        hmp_printf(monitor, "%s", info->class_info->desc);
    } else {
        hmp_printf(monitor, "Class %04d", (int)info->class_info->class);
    }
    hmp_printf(monitor, ": PCI device %04x:%04x\n", (unsigned)info->id->vendor,
               (unsigned)info->id->device);
    if (info->id->has_subsystem && info->id->has_subsystem_vendor) {
        hmp_printf(monitor, "      PCI subsystem %04x:%04x\n", (unsigned)info->id->subsystem_vendor,
                   (unsigned)info->id->subsystem);
    }
    if (info->has_irq) {
        hmp_printf(monitor, "      IRQ %d, pin %c\n", (int)info->irq,
                   (char)('A' + info->irq_pin - 1));
    }
    for (guint i = 0; i < info->regions->len; i++) {
        print_region(monitor, g_ptr_array_index(info->regions, i));
    }
    hmp_printf(monitor, "      id \"%s\"\n", info->qdev_id);
}

static void run_info_pci(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(GPtrArray) buses = qmp_query_pci(error);

    for (guint i = 0; i < buses->len; i++) {
        const PciInfo *bus = g_ptr_array_index(buses, i);
        for (guint j = 0; j < bus->devices->len; j++) {
            print_device(monitor, g_ptr_array_index(bus->devices, j));
        }
    }
}

HMP_COMMAND(info_pci, .name = "info pci", .help = "show PCI info", .handler = run_info_pci);
