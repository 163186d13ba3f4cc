/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The PCI device `edu`: registers to learn writing drivers with (docs/system/edu.md). It computes
 * factorials and copies memory, both in virtual time, and interrupts by its pin or by MSI.
 */
#include <string.h>

#include "hw/pci/pci.h"
#include "trace-hw-misc.h"
#include "util/report.h"
#include "util/timer.h"

#define TYPE_EDU       "edu"
#define REGION_SIZE    (1024 * 1024)
#define BUFFER_ADDRESS 0x40000u /* of the copying engine's own memory, as it sees it */
#define BUFFER_SIZE    4096
#define WORK_NS        (100 * NANOSECONDS_PER_MICROSECOND)
#define ADDRESS_BITS   28

enum {
    REG_IDENTIFICATION = 0x00,
    REG_LIVENESS = 0x04,
    REG_FACTORIAL = 0x08,
    REG_STATUS = 0x20,
    REG_INTERRUPT_STATUS = 0x24,
    REG_INTERRUPT_RAISE = 0x60,
    REG_INTERRUPT_ACKNOWLEDGE = 0x64,
    REG_WIDE = 0x80, /* from here on also 8 bytes at a time */
    REG_DMA_SOURCE = 0x80,
    REG_DMA_DESTINATION = 0x88,
    REG_DMA_COUNT = 0x90,
    REG_DMA_COMMAND = 0x98,

    IDENTIFICATION = 0x010000ed,
    STATUS_COMPUTING = 0x01,
    STATUS_INTERRUPT = 0x80,
    COMMAND_RUN = 1,
    COMMAND_TO_MEMORY = 2,
    COMMAND_INTERRUPT = 4,
    COMMAND_BITS = 7,
    INTERRUPT_FACTORIAL = 0x001,
    INTERRUPT_DMA = 0x100,
};

typedef struct Edu {
    PCIDevice parent;
    uint64_t address_mask; /* property "dma_mask" */
    MemoryRegion registers;
    Timer *factorial_timer, *dma_timer;
    uint32_t liveness, factorial, status, interrupts;
    uint64_t source, destination, count, command;
    uint8_t buffer[BUFFER_SIZE];
} Edu;

OBJECT_DEFINE_TYPE(Edu, PCIDeviceClass, edu, TYPE_EDU, TYPE_PCI_DEVICE);

#define EDU(o) (G_TYPE_CHECK_INSTANCE_CAST((o), edu_get_type(), Edu))

/* ---- interrupts ---- */

static void raise_interrupt(Edu *self, uint32_t reasons)
{
    self->interrupts |= reasons;
    if (self->interrupts) {
        pci_set_irq(&self->parent, 1);
        pci_msi_notify(&self->parent, 0);
    }
}

static void acknowledge(Edu *self, uint32_t reasons)
{
    self->interrupts &= ~reasons;
    pci_set_irq(&self->parent, self->interrupts != 0);
}

/* ---- factorials ---- */

static void start_factorial(Edu *self, uint32_t number)
{
    if (!(self->status & STATUS_COMPUTING)) {
        self->factorial = number;
        self->status |= STATUS_COMPUTING;
        timer_mod_ns(self->factorial_timer, clock_get_ns(CLOCK_TYPE_VIRTUAL) + WORK_NS);
    }
}

/* Modulo 2^32, so from 34 on there is nothing left. */
static uint32_t factorial_of(uint32_t number)
{
    uint32_t product = 1;

    for (uint32_t factor = 2; factor <= number && product; factor++) {
        product *= factor;
    }
    return product;
}

static void factorial_done(void *opaque)
{
    Edu *self = opaque;
    uint32_t factorial = factorial_of(self->factorial);

    trace_edu_factorial(self->factorial, factorial);
    self->factorial = factorial;
    self->status &= ~(uint32_t)STATUS_COMPUTING;
    if (self->status & STATUS_INTERRUPT) {
        raise_interrupt(self, INTERRUPT_FACTORIAL);
    }
}

/* ---- copying ---- */

static void start_dma(Edu *self, uint64_t command)
{
    self->command = command & COMMAND_BITS;
    if (self->command & COMMAND_RUN) {
        timer_mod_ns(self->dma_timer, clock_get_ns(CLOCK_TYPE_VIRTUAL) + WORK_NS);
    }
}

static bool copy(Edu *self)
{
    bool to_memory = self->command & COMMAND_TO_MEMORY;
    uint64_t own = to_memory ? self->source : self->destination;
    uint64_t memory = (to_memory ? self->destination : self->source) & self->address_mask;

    if (own < BUFFER_ADDRESS || self->count > BUFFER_SIZE ||
        own - BUFFER_ADDRESS > BUFFER_SIZE - self->count) {
        return false;
    }
    uint8_t *at = self->buffer + (own - BUFFER_ADDRESS);
    return to_memory ? pci_dma_write(&self->parent, memory, at, self->count)
                     : pci_dma_read(&self->parent, memory, at, self->count);
}

static void dma_done(void *opaque)
{
    Edu *self = opaque;

    trace_edu_dma(self->source, self->destination, self->count, self->command);
    if (!copy(self)) {
        log_write(LOG_GUEST_ERRORS,
                  "edu: cannot copy 0x%" PRIx64 " bytes from 0x%" PRIx64 " to 0x%" PRIx64 "\n",
                  self->count, self->source, self->destination);
    }
    self->command &= ~(uint64_t)COMMAND_RUN;
    if (self->command & COMMAND_INTERRUPT) {
        raise_interrupt(self, INTERRUPT_DMA);
    }
}

/* ---- registers ---- */

static uint64_t edu_read(void *opaque, hwaddr address, unsigned size)
{
    Edu *self = opaque;

    if (address < REG_WIDE && size != 4) {
        return UINT64_MAX;
    }
    switch (address) {
    case REG_IDENTIFICATION:
        return IDENTIFICATION;
    case REG_LIVENESS:
        return self->liveness;
    case REG_FACTORIAL:
        return self->factorial;
    case REG_STATUS:
        return self->status;
    case REG_INTERRUPT_STATUS:
        return self->interrupts;
    case REG_DMA_SOURCE:
        return self->source;
    case REG_DMA_DESTINATION:
        return self->destination;
    case REG_DMA_COUNT:
        return self->count;
    case REG_DMA_COMMAND:
        return self->command;
    default:
        return UINT64_MAX;
    }
}

static void write_dma(Edu *self, hwaddr address, uint64_t value)
{
    if (self->command & COMMAND_RUN) {
        return;
    }
    switch (address) {
    case REG_DMA_SOURCE:
        self->source = value;
        break;
    case REG_DMA_DESTINATION:
        self->destination = value;
        break;
    case REG_DMA_COUNT:
        self->count = value;
        break;
    case REG_DMA_COMMAND:
        start_dma(self, value);
        break;
    default:
        break;
    }
}

static void edu_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    Edu *self = opaque;

    if (address >= REG_WIDE) {
        write_dma(self, address, value);
        return;
    }
    if (size != 4) {
        return;
    }
    switch (address) {
    case REG_LIVENESS:
        self->liveness = ~(uint32_t)value;
        break;
    case REG_FACTORIAL:
        start_factorial(self, (uint32_t)value);
        break;
    case REG_STATUS:
        self->status = (self->status & STATUS_COMPUTING) | (value & STATUS_INTERRUPT);
        break;
    case REG_INTERRUPT_RAISE:
        raise_interrupt(self, (uint32_t)value);
        break;
    case REG_INTERRUPT_ACKNOWLEDGE:
        acknowledge(self, (uint32_t)value);
        break;
    default:
        break;
    }
}

static const MemoryRegionOps edu_ops = {
    .read = edu_read,
    .write = edu_write,
    .access_min = 4,
    .access_max = 8,
};

/* ---- device ---- */

static bool edu_realize(PCIDevice *device, GError **error)
{
    Edu *self = EDU(device);

    pci_set_interrupt_pin(device, 1);
    if (!pci_msi_init(device, 1, false, error)) {
        return false;
    }
    memory_region_init_io(&self->registers, "edu-mmio", &edu_ops, self, REGION_SIZE);
    pci_register_bar(device, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &self->registers);
    self->factorial_timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, factorial_done, self);
    self->dma_timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, dma_done, self);
    return true;
}

static void edu_reset(PCIDevice *device)
{
    Edu *self = EDU(device);

    timer_del(self->factorial_timer);
    timer_del(self->dma_timer);
    self->liveness = self->factorial = self->status = self->interrupts = 0;
    self->source = self->destination = self->count = self->command = 0;
    memset(self->buffer, 0, sizeof(self->buffer));
}

static const VMStateDescription vmstate_edu = {
    .name = TYPE_EDU,
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_PCI_DEVICE(parent, Edu),
            VMSTATE_TIMER_PTR(factorial_timer, Edu),
            VMSTATE_TIMER_PTR(dma_timer, Edu),
            VMSTATE_UINT32(liveness, Edu),
            VMSTATE_UINT32(factorial, Edu),
            VMSTATE_UINT32(status, Edu),
            VMSTATE_UINT32(interrupts, Edu),
            VMSTATE_UINT64(source, Edu),
            VMSTATE_UINT64(destination, Edu),
            VMSTATE_UINT64(count, Edu),
            VMSTATE_UINT64(command, Edu),
            VMSTATE_BUFFER(buffer, Edu),
            VMSTATE_END,
        },
};

static const DeviceProperty edu_properties[] = {
    { "dma_mask", "bits of a memory address that the device drives", DEVICE_PROPERTY_UINT64,
      offsetof(Edu, address_mask), (UINT64_C(1) << ADDRESS_BITS) - 1 },
};

static void edu_init(Edu *self)
{
}

static void edu_class_init(PCIDeviceClass *klass)
{
    klass->parent.description = "educational device";
    klass->parent.category = "Misc";
    klass->parent.user_creatable = true;
    klass->parent.vmsd = &vmstate_edu;
    klass->vendor_id = PCI_VENDOR_ID_QEMU;
    klass->device_id = PCI_DEVICE_ID_EDU;
    klass->revision = 0x10;
    klass->class_id = PCI_CLASS_OTHERS;
    klass->realize = edu_realize;
    klass->reset = edu_reset;
    device_class_set_properties(&klass->parent, edu_properties, G_N_ELEMENTS(edu_properties));
}
