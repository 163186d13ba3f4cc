/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The I/O APIC (Intel 82093AA data sheet), version 0x20: with the EOI register of its successors
 * (ICH data sheets, "EOI register").
 *
 * As the data sheet says, an edge on a masked pin is lost, while an asserted level waits.
 */
#include "hw/intc/ioapic.h"

#include "hw/intc/apic.h"
#include "migration/vmstate.h"
#include "trace-hw-intc.h"
#include "util/report.h"

#define IOAPIC_SIZE    0x1000
#define IOAPIC_VERSION 0x20

/* Memory mapped registers. */
#define IOREGSEL 0x00
#define IOWIN    0x10
#define IOEOI    0x40

/* Indexed registers. */
#define INDEX_ID          0x00
#define INDEX_VERSION     0x01
#define INDEX_ARBITRATION 0x02
#define INDEX_REDIRECTION 0x10

#define ID_MASK  0x0f000000u
#define ID_SHIFT 24

/* Redirection entries. */
#define ENTRY_VECTOR        UINT64_C(0xff)
#define ENTRY_MODE_SHIFT    8
#define ENTRY_LOGICAL       (UINT64_C(1) << 11)
#define ENTRY_REMOTE_IRR    (UINT64_C(1) << 14)
#define ENTRY_LEVEL         (UINT64_C(1) << 15)
#define ENTRY_MASKED        (UINT64_C(1) << 16)
#define ENTRY_DEST_SHIFT    56
#define ENTRY_LOW_WRITABLE  UINT64_C(0x0001afff)
#define ENTRY_HIGH_WRITABLE UINT64_C(0xff000000)
#define ENTRY_VALID         (ENTRY_HIGH_WRITABLE << 32 | ENTRY_LOW_WRITABLE | ENTRY_REMOTE_IRR)

typedef struct IOAPIC {
    Device parent;
    uint64_t base;
    MemoryRegion region;
    uint32_t lines; /* levels of the inputs */
    uint32_t id;    /* register 0 */
    uint8_t select; /* IOREGSEL */
    uint64_t entries[IOAPIC_PINS];
} IOAPIC;

typedef DeviceClass IOAPICClass;

#define IOAPIC(o) (G_TYPE_CHECK_INSTANCE_CAST((o), ioapic_get_type(), IOAPIC))

OBJECT_DEFINE_TYPE(IOAPIC, IOAPICClass, ioapic, TYPE_IOAPIC, TYPE_DEVICE);

/* The I/O APICs that local APICs tell about EOIs. */
static GPtrArray *ioapic_list;

/* Only fixed and lowest priority interrupts can be level triggered. */
static bool ioapic_entry_is_level(uint64_t entry)
{
    unsigned mode = entry >> ENTRY_MODE_SHIFT & 7;
    return (entry & ENTRY_LEVEL) &&
           (mode == APIC_DELIVERY_FIXED || mode == APIC_DELIVERY_LOWEST_PRIORITY);
}

static bool ioapic_send(IOAPIC *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entries[pin];
    APICMessage message = {
        .destination = entry >> ENTRY_DEST_SHIFT,
        .logical = entry & ENTRY_LOGICAL,
        .level = ioapic_entry_is_level(entry),
        .mode = entry >> ENTRY_MODE_SHIFT & 7,
        .vector = entry & ENTRY_VECTOR,
    };
    bool taken = apic_deliver(&message);
    trace_ioapic_send(pin, message.vector, message.mode, message.destination, taken);
    return taken;
}

/* Send the level of @pin when it is asserted, unmasked and not in service. */
static void ioapic_service_level(IOAPIC *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entries[pin];
    bool asserted = ioapic->lines >> pin & 1;
    if (!asserted || (entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) || !ioapic_entry_is_level(entry)) {
        return;
    }
    if (ioapic_send(ioapic, pin)) {
        ioapic->entries[pin] |= ENTRY_REMOTE_IRR;
    }
}

static void ioapic_set_line(void *opaque, int n, int level)
{
    IOAPIC *ioapic = opaque;
    uint32_t bit = UINT32_C(1) << n;
    bool was_high = ioapic->lines & bit;
    if (was_high == !!level) {
        return;
    }
    trace_ioapic_set_line(n, level);
    ioapic->lines ^= bit;
    if (!level) {
        return;
    }
    if (ioapic_entry_is_level(ioapic->entries[n])) {
        ioapic_service_level(ioapic, n);
    } else if (!(ioapic->entries[n] & ENTRY_MASKED)) {
        ioapic_send(ioapic, n);
    }
}

static void ioapic_end_of_interrupt(IOAPIC *ioapic, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t *entry = &ioapic->entries[pin];
        if ((*entry & ENTRY_VECTOR) == vector && (*entry & ENTRY_REMOTE_IRR)) {
            trace_ioapic_eoi(pin, vector);
            *entry &= ~ENTRY_REMOTE_IRR;
            ioapic_service_level(ioapic, pin);
        }
    }
}

void ioapic_eoi_broadcast(uint8_t vector)
{
    for (unsigned i = 0; ioapic_list && i < ioapic_list->len; i++) {
        ioapic_end_of_interrupt(g_ptr_array_index(ioapic_list, i), vector);
    }
}

/* ---- registers ---- */

static uint32_t ioapic_read_indexed(IOAPIC *ioapic)
{
    unsigned index = ioapic->select;
    switch (index) {
    case INDEX_ID:
    case INDEX_ARBITRATION:
        return ioapic->id;
    case INDEX_VERSION:
        return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
    }
    if (index < INDEX_REDIRECTION || index >= INDEX_REDIRECTION + 2 * IOAPIC_PINS) {
        log_write(LOG_GUEST_ERRORS, "ioapic: read of register 0x%x, which does not exist\n", index);
        return 0;
    }
    uint64_t entry = ioapic->entries[(index - INDEX_REDIRECTION) / 2];
    return index & 1 ? entry >> 32 : entry;
}

static void ioapic_write_entry(IOAPIC *ioapic, unsigned pin, bool high, uint32_t value)
{
    uint64_t *entry = &ioapic->entries[pin];
    if (high) {
        *entry = (*entry & UINT32_MAX) | (value & ENTRY_HIGH_WRITABLE) << 32;
    } else {
        *entry = (*entry & ~ENTRY_LOW_WRITABLE) | (value & ENTRY_LOW_WRITABLE);
    }
    if (!ioapic_entry_is_level(*entry)) {
        *entry &= ~ENTRY_REMOTE_IRR;
    }
    ioapic_service_level(ioapic, pin);
}

static void ioapic_write_indexed(IOAPIC *ioapic, uint32_t value)
{
    unsigned index = ioapic->select;
    if (index == INDEX_ID) {
        ioapic->id = value & ID_MASK;
    } else if (index >= INDEX_REDIRECTION && index < INDEX_REDIRECTION + 2 * IOAPIC_PINS) {
        ioapic_write_entry(ioapic, (index - INDEX_REDIRECTION) / 2, index & 1, value);
    } else {
        log_write(LOG_GUEST_ERRORS, "ioapic: write of 0x%x to read-only register 0x%x\n", value,
                  index);
    }
}

static uint64_t ioapic_read(void *opaque, hwaddr address, unsigned size)
{
    IOAPIC *ioapic = opaque;
    uint32_t value = 0;
    if (address == IOREGSEL) {
        value = ioapic->select;
    } else if (address == IOWIN && size == 4) {
        value = ioapic_read_indexed(ioapic);
    }
    trace_ioapic_read((unsigned)address, ioapic->select, value);
    return value;
}

static void ioapic_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    IOAPIC *ioapic = opaque;
    trace_ioapic_write((unsigned)address, ioapic->select, (uint32_t)value);
    if (address == IOREGSEL) {
        ioapic->select = value;
    } else if (address == IOWIN && size == 4) {
        ioapic_write_indexed(ioapic, value);
    } else if (address == IOEOI) {
        ioapic_end_of_interrupt(ioapic, value);
    }
}

static const MemoryRegionOps ioapic_ops = {
    .read = ioapic_read,
    .write = ioapic_write,
    .access_max = 4,
};

/* ---- the device ---- */

static void ioapic_reset(Device *device)
{
    IOAPIC *ioapic = IOAPIC(device);
    ioapic->id = IOAPIC_DEFAULT_ID << ID_SHIFT;
    ioapic->select = 0;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        ioapic->entries[pin] = ENTRY_MASKED;
    }
}

static bool ioapic_realize(Device *device, GError **error)
{
    IOAPIC *ioapic = IOAPIC(device);
    memory_region_init_io(&ioapic->region, "ioapic", &ioapic_ops, ioapic, IOAPIC_SIZE);
    address_space_map(address_space_memory(), ioapic->base, &ioapic->region, 0);
    if (!ioapic_list) {
        ioapic_list = g_ptr_array_new();
    }
    g_ptr_array_add(ioapic_list, ioapic);
    return true;
}

static bool ioapic_post_load(void *opaque, int version, GError **error)
{
    IOAPIC *ioapic = opaque;
    if ((ioapic->id & ~ID_MASK) || ioapic->lines >> IOAPIC_PINS) {
        qc_error_set(error, "ioapic: id 0x%x or lines 0x%x have bits that do not exist", ioapic->id,
                     ioapic->lines);
        return false;
    }
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if (ioapic->entries[pin] & ~ENTRY_VALID) {
            qc_error_set(error,
                         "ioapic: redirection entry %u is 0x%" G_GINT64_MODIFIER
                         "x, which has bits that do not exist",
                         pin, ioapic->entries[pin]);
            return false;
        }
    }
    return true;
}

static const VMStateDescription ioapic_vmstate = {
    .name = "ioapic",
    .version = 1,
    .minimum_version = 1,
    .priority = VMSTATE_PRIORITY_IRQCHIP,
    .post_load = ioapic_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32(lines, IOAPIC),
            VMSTATE_UINT32(id, IOAPIC),
            VMSTATE_UINT8(select, IOAPIC),
            VMSTATE_UINT64_ARRAY(entries, IOAPIC),
            VMSTATE_END,
        },
};

static void ioapic_init(IOAPIC *ioapic)
{
    device_init_gpio_in(&ioapic->parent, NULL, ioapic_set_line, IOAPIC_PINS);
}

static void ioapic_class_init(IOAPICClass *klass)
{
    klass->description = "I/O APIC";
    klass->category = "Misc";
    klass->realize = ioapic_realize;
    klass->reset = ioapic_reset;
    klass->vmsd = &ioapic_vmstate;
}

Device *ioapic_create(hwaddr base)
{
    Device *device = device_new(TYPE_IOAPIC);
    IOAPIC(device)->base = base;
    device_realize_named_or_exit(device, NULL, "ioapic");
    return device;
}
