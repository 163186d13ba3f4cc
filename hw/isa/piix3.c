/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Intel 82371SB (PIIX3), function 0: PCI interrupt routing (data sheet, "PIRQRC[A:D]") and reset
 * control ("RC"). The ISA devices themselves are others'.
 */
#include "hw/isa/piix3.h"

#include "migration/vmstate.h"
#include "system/runstate.h"
#include "trace-hw-isa.h"

enum {
    ROUTE_IRQ = 0x0f,
    ROUTE_WRITABLE = PIIX3_ROUTE_DISABLED | ROUTE_IRQ,
    /* IRQ 0, 1, 2, 8 and 13 belong to devices of the board and cannot be chosen. */
    ROUTE_IRQS = 0xffff & ~(1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | 1 << 13),

    RESET_SYSTEM = 0x02, /* hard rather than soft */
    RESET_NOW = 0x04,
};

typedef struct PIIX3 {
    PCIDevice parent;
    IRQ *irqs[ISA_IRQ_COUNT];
    MemoryRegion reset_control;
    uint8_t lines;   /* bit n: PIRQ n is asserted */
    uint16_t driven; /* ISA interrupts that are held high; follows from lines and routes */
    uint8_t reset_value;
} PIIX3;

OBJECT_DEFINE_TYPE(PIIX3, PCIDeviceClass, piix3, TYPE_PIIX3, TYPE_PCI_DEVICE);

#define PIIX3(o) (G_TYPE_CHECK_INSTANCE_CAST((o), piix3_get_type(), PIIX3))

/* ---- interrupt routing ---- */

/* Several PIRQs may share an interrupt: it is high while any of them is. */
static uint16_t routed_levels(const PIIX3 *self)
{
    uint16_t levels = 0;

    for (unsigned line = 0; line < PIIX3_ROUTE_COUNT; line++) {
        uint8_t route = self->parent.config[PIIX3_ROUTE_A + line];
        if ((self->lines >> line & 1) && !(route & PIIX3_ROUTE_DISABLED)) {
            levels |= (uint16_t)(1u << (route & ROUTE_IRQ));
        }
    }
    return levels & ROUTE_IRQS;
}

static void update_irqs(PIIX3 *self)
{
    uint16_t levels = routed_levels(self);
    uint16_t changed = levels ^ self->driven;

    self->driven = levels;
    for (unsigned irq = 0; irq < ISA_IRQ_COUNT; irq++) {
        if (changed >> irq & 1) {
            trace_piix3_irq(irq, levels >> irq & 1);
            irq_set(self->irqs[irq], levels >> irq & 1);
        }
    }
}

static void set_line(void *opaque, unsigned line, int level)
{
    PIIX3 *self = opaque;

    self->lines = (uint8_t)((self->lines & ~(1u << line)) | (level ? 1u << line : 0));
    update_irqs(self);
}

static void piix3_config_written(PCIDevice *device, unsigned offset, unsigned size)
{
    update_irqs(PIIX3(device));
}

/* ---- reset control ---- */

static uint64_t reset_control_read(void *opaque, hwaddr address, unsigned size)
{
    PIIX3 *self = opaque;

    return self->reset_value;
}

static void reset_control_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PIIX3 *self = opaque;

    trace_piix3_reset_control((uint8_t)value);
    self->reset_value = value & RESET_SYSTEM;
    if (value & RESET_NOW) {
        runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps reset_control_ops = {
    .read = reset_control_read,
    .write = reset_control_write,
    .access_min = 1,
    .access_max = 1,
};

MemoryRegion *piix3_reset_control(PCIDevice *piix3)
{
    return &PIIX3(piix3)->reset_control;
}

/* ---- life ---- */

static bool piix3_realize(PCIDevice *device, GError **error)
{
    PIIX3 *self = PIIX3(device);

    for (unsigned line = 0; line < PIIX3_ROUTE_COUNT; line++) {
        device->writable[PIIX3_ROUTE_A + line] = ROUTE_WRITABLE;
    }
    memory_region_init_io(&self->reset_control, "reset-control", &reset_control_ops, self, 1);
    pci_bus_connect_lines(device->parent.parent_bus, set_line, self);
    return true;
}

static void piix3_reset(PCIDevice *device)
{
    PIIX3 *self = PIIX3(device);

    for (unsigned line = 0; line < PIIX3_ROUTE_COUNT; line++) {
        device->config[PIIX3_ROUTE_A + line] = PIIX3_ROUTE_DISABLED;
    }
    self->reset_value = 0;
    update_irqs(self);
}

/* Interrupt controllers load the levels of their inputs themselves: nothing is driven here. */
static bool piix3_post_load(void *opaque, int version, GError **error)
{
    PIIX3 *self = opaque;

    self->lines &= (1u << PIIX3_ROUTE_COUNT) - 1;
    self->reset_value &= RESET_SYSTEM;
    self->driven = routed_levels(self);
    return true;
}

static const VMStateDescription vmstate_piix3 = {
    .name = TYPE_PIIX3,
    .version = 1,
    .minimum_version = 1,
    .post_load = piix3_post_load,
    .fields =
        (const VMStateField[]){ VMSTATE_PCI_DEVICE(parent, PIIX3), VMSTATE_UINT8(lines, PIIX3),
                                VMSTATE_UINT8(reset_value, PIIX3), VMSTATE_END },
};

static void piix3_init(PIIX3 *self)
{
}

static void piix3_class_init(PCIDeviceClass *klass)
{
    klass->parent.description = "PIIX3 ISA bridge";
    klass->parent.category = "Controller/Bridge/Hub";
    klass->parent.vmsd = &vmstate_piix3;
    klass->vendor_id = PCI_VENDOR_ID_INTEL;
    klass->device_id = PCI_DEVICE_ID_INTEL_PIIX3;
    klass->class_id = PCI_CLASS_BRIDGE_ISA;
    klass->realize = piix3_realize;
    klass->reset = piix3_reset;
    klass->config_written = piix3_config_written;
}

PCIDevice *piix3_create(Bus *bus, IRQ *const lines[ISA_IRQ_COUNT])
{
    Device *device = device_new(TYPE_PIIX3);
    PIIX3 *self = PIIX3(device);

    for (unsigned i = 0; i < ISA_IRQ_COUNT; i++) {
        self->irqs[i] = lines[i];
    }
    self->parent.multifunction = true;
    self->parent.addr_text = g_strdup("1.0");
    device_realize_or_exit(device, bus);
    return &self->parent;
}
