/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Intel 82371AB (PIIX4), function 3, power management: where the registers of hw/acpi/pm.c are
 * seen (data sheet, "PMBASE", "PMREGMISC"). There is no SMBus controller behind it.
 */
#include "hw/acpi/pm.h"
#include "hw/pci/pci.h"
#include "migration/vmstate.h"

enum {
    REGISTER_PM_BASE = ACPI_PM_PCI_BASE,
    PM_BASE_ADDRESS = 0xffc0,
    PM_BASE_IO = 0x01,
    REGISTER_MISC = ACPI_PM_PCI_MISC,
    MISC_ENABLE = ACPI_PM_PCI_MISC_ENABLE,
    PIN_A = 1,
    PIIX4_REVISION = 3,
};

typedef struct PIIX4PM {
    PCIDevice parent;
    Device *registers; /* the acpi-pm device */
} PIIX4PM;

OBJECT_DEFINE_TYPE(PIIX4PM, PCIDeviceClass, piix4_pm, TYPE_PIIX4_PM, TYPE_PCI_DEVICE);

#define PIIX4_PM(o) (G_TYPE_CHECK_INSTANCE_CAST((o), piix4_pm_get_type(), PIIX4PM))

/* Base 0 is where nobody puts them: the same as off. */
static void update_ports(PIIX4PM *self)
{
    const uint8_t *config = self->parent.config;
    bool enabled = config[REGISTER_MISC] & MISC_ENABLE;

    acpi_pm_map(self->registers,
                enabled ? pci_get_word(config + REGISTER_PM_BASE) & PM_BASE_ADDRESS : 0);
}

static void piix4_pm_config_written(PCIDevice *device, unsigned offset, unsigned size)
{
    update_ports(PIIX4_PM(device));
}

static bool piix4_pm_realize(PCIDevice *device, GError **error)
{
    pci_set_interrupt_pin(device, PIN_A);
    device->config[REGISTER_PM_BASE] = PM_BASE_IO;
    pci_set_word(device->writable + REGISTER_PM_BASE, PM_BASE_ADDRESS);
    device->writable[REGISTER_MISC] = MISC_ENABLE;
    return true;
}

static void piix4_pm_reset(PCIDevice *device)
{
    update_ports(PIIX4_PM(device));
}

static bool piix4_pm_post_load(void *opaque, int version, GError **error)
{
    update_ports(opaque);
    return true;
}

static const VMStateDescription vmstate_piix4_pm = {
    .name = TYPE_PIIX4_PM,
    .version = 1,
    .minimum_version = 1,
    .post_load = piix4_pm_post_load,
    .fields = (const VMStateField[]){ VMSTATE_PCI_DEVICE(parent, PIIX4PM), VMSTATE_END },
};

static void piix4_pm_init(PIIX4PM *self)
{
}

static void piix4_pm_class_init(PCIDeviceClass *klass)
{
    klass->parent.description = "PIIX4 power management";
    klass->parent.category = "Controller/Bridge/Hub";
    klass->parent.vmsd = &vmstate_piix4_pm;
    klass->vendor_id = PCI_VENDOR_ID_INTEL;
    klass->device_id = PCI_DEVICE_ID_INTEL_PIIX4PM;
    klass->class_id = PCI_CLASS_BRIDGE_OTHER;
    klass->revision = PIIX4_REVISION;
    klass->realize = piix4_pm_realize;
    klass->reset = piix4_pm_reset;
    klass->config_written = piix4_pm_config_written;
}

void piix4_pm_create(Bus *bus, uint8_t devfn, Device *registers)
{
    Device *device = device_new(TYPE_PIIX4_PM);
    PIIX4PM *self = PIIX4_PM(device);

    self->registers = registers;
    self->parent.addr_text = g_strdup_printf("%x.%x", PCI_SLOT(devfn), PCI_FUNCTION(devfn));
    device_realize_or_exit(device, bus);
}
