/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The 8259A programmable interrupt controller (Intel 8259A data sheet), twice, as the 82371AB
 * (PIIX4 data sheet, "Interrupt controller") contains it: level triggering is chosen per input
 * by the ELCR, the LTIM bit of ICW1 and buffered mode are ignored.
 *
 * An edge stays latched until it is acknowledged even when the line drops before that; a real
 * 8259A would answer with its spurious vector instead.
 */
#include "hw/intc/i8259.h"

#include "migration/vmstate.h"
#include "system/memory.h"
#include "trace-hw-intc.h"
#include "util/report.h"

#define PIC_INPUTS        8
#define PIC_CASCADE_INPUT 2
#define PIC_SPURIOUS      7

#define MASTER_BASE      0x20
#define SLAVE_BASE       0xa0
#define MASTER_ELCR      0x4d0
#define SLAVE_ELCR       0x4d1
#define MASTER_ELCR_MASK 0xf8 /* IRQ 0, 1 and 2 are always edge triggered */
#define SLAVE_ELCR_MASK  0xde /* and so are 8 and 13 */

/* ICW1 and OCW2/OCW3 are told apart by bits 4 and 3 of a write with A0 = 0. */
#define ICW1_SELECT 0x10
#define ICW1_IC4    0x01
#define ICW1_SINGLE 0x02
#define OCW3_SELECT 0x08

#define ICW4_AUTO_EOI             0x02
#define ICW4_SPECIAL_FULLY_NESTED 0x10

#define OCW3_READ_ENABLE    0x02
#define OCW3_READ_ISR       0x01
#define OCW3_POLL           0x04
#define OCW3_SPECIAL_ENABLE 0x40
#define OCW3_SPECIAL_SET    0x20

typedef enum PICInitStep {
    PIC_OPERATIONAL,
    PIC_EXPECT_ICW2,
    PIC_EXPECT_ICW3,
    PIC_EXPECT_ICW4,
} PICInitStep;

typedef struct PIC {
    Device parent;
    /* Configuration. */
    uint32_t io_base;
    uint32_t elcr_address;
    uint8_t elcr_mask;
    bool is_master;
    struct PIC *slave; /* of the master */
    IRQ *output;
    MemoryRegion registers;
    MemoryRegion elcr_register;
    /* State. Bit n is input n. */
    uint8_t lines; /* levels of the inputs */
    uint8_t latch; /* edges not acknowledged yet */
    uint8_t isr;
    uint8_t imr;
    uint8_t elcr;
    uint8_t vector_base;
    uint8_t lowest_priority; /* the input of lowest priority */
    uint8_t init_step;       /* PICInitStep */
    uint8_t icw1;
    uint8_t icw3;
    uint8_t icw4;
    bool special_mask;
    bool poll;
    bool read_isr;
    bool rotate_on_auto_eoi;
} PIC;

typedef DeviceClass PICClass;

#define PIC(o) (G_TYPE_CHECK_INSTANCE_CAST((o), pic_get_type(), PIC))

OBJECT_DEFINE_TYPE(PIC, PICClass, pic, TYPE_I8259, TYPE_DEVICE);

/* ---- requests and priorities ---- */

static uint8_t pic_irr(const PIC *pic)
{
    return pic->latch | (pic->lines & pic->elcr);
}

/* 0 is the highest; PIC_INPUTS: no bit of @inputs is set. */
static unsigned pic_priority(const PIC *pic, uint8_t inputs)
{
    for (unsigned rank = 0; rank < PIC_INPUTS; rank++) {
        unsigned input = (pic->lowest_priority + 1 + rank) % PIC_INPUTS;
        if (inputs >> input & 1) {
            return rank;
        }
    }
    return PIC_INPUTS;
}

static unsigned pic_input_of_priority(const PIC *pic, unsigned rank)
{
    return (pic->lowest_priority + 1 + rank) % PIC_INPUTS;
}

/* The input whose request is to be served, or -1. */
static int pic_pending_input(const PIC *pic)
{
    uint8_t in_service = pic->special_mask ? pic->isr & ~pic->imr : pic->isr;
    unsigned request = pic_priority(pic, pic_irr(pic) & ~pic->imr);
    unsigned current = pic_priority(pic, in_service);
    if (request == PIC_INPUTS) {
        return -1;
    }
    int input = pic_input_of_priority(pic, request);
    if (request < current) {
        return input;
    }
    bool nested_cascade = pic->is_master && (pic->icw4 & ICW4_SPECIAL_FULLY_NESTED) &&
                          request == current && input == PIC_CASCADE_INPUT;
    return nested_cascade ? input : -1;
}

static void pic_update(PIC *pic)
{
    irq_set(pic->output, pic_pending_input(pic) >= 0);
}

static void pic_set_line(void *opaque, int n, int level)
{
    PIC *pic = opaque;
    uint8_t bit = 1u << n;
    bool was_high = pic->lines & bit;
    if (was_high == !!level) {
        return;
    }
    trace_pic_set_line(pic->is_master, n, level);
    pic->lines ^= bit;
    if (level && !(pic->elcr & bit)) {
        pic->latch |= bit;
    }
    pic_update(pic);
}

/* First half of the acknowledge cycle: @input goes into service. */
static void pic_take(PIC *pic, unsigned input)
{
    uint8_t bit = 1u << input;
    pic->latch &= ~bit;
    if (!(pic->icw4 & ICW4_AUTO_EOI)) {
        pic->isr |= bit;
    } else if (pic->rotate_on_auto_eoi) {
        pic->lowest_priority = input;
    }
}

/* Acknowledge at one controller; returns the input, or -1 when there is none. */
static int pic_acknowledge(PIC *pic)
{
    int input = pic_pending_input(pic);
    if (input >= 0) {
        pic_take(pic, input);
        pic_update(pic);
    }
    return input;
}

/* ---- command words ---- */

static void pic_icw1(PIC *pic, uint8_t value)
{
    pic->icw1 = value;
    pic->latch = 0;
    pic->isr = 0;
    pic->imr = 0;
    pic->lowest_priority = PIC_INPUTS - 1;
    pic->special_mask = false;
    pic->poll = false;
    pic->read_isr = false;
    pic->rotate_on_auto_eoi = false;
    if (!(value & ICW1_IC4)) {
        pic->icw4 = 0;
    }
    pic->init_step = PIC_EXPECT_ICW2;
}

static void pic_end_of_interrupt(PIC *pic, unsigned input, bool rotate)
{
    pic->isr &= ~(1u << input);
    if (rotate) {
        pic->lowest_priority = input;
    }
}

/* The non-specific EOI ends what has the highest priority of those in service. */
static void pic_nonspecific_eoi(PIC *pic, bool rotate)
{
    uint8_t in_service = pic->special_mask ? pic->isr & ~pic->imr : pic->isr;
    unsigned rank = pic_priority(pic, in_service);
    if (rank < PIC_INPUTS) {
        pic_end_of_interrupt(pic, pic_input_of_priority(pic, rank), rotate);
    }
}

static void pic_ocw2(PIC *pic, uint8_t value)
{
    unsigned input = value & 7;
    switch (value >> 5) {
    case 0: /* rotate in automatic EOI mode: clear, set */
    case 4:
        pic->rotate_on_auto_eoi = value >> 5 == 4;
        break;
    case 1: /* non-specific EOI, without and with rotation */
    case 5:
        pic_nonspecific_eoi(pic, value >> 5 == 5);
        break;
    case 3: /* specific EOI, without and with rotation */
    case 7:
        pic_end_of_interrupt(pic, input, value >> 5 == 7);
        break;
    case 6: /* set priority */
        pic->lowest_priority = input;
        break;
    default: /* 2: no operation */
        break;
    }
}

static void pic_ocw3(PIC *pic, uint8_t value)
{
    pic->poll = value & OCW3_POLL;
    if (value & OCW3_READ_ENABLE) {
        pic->read_isr = value & OCW3_READ_ISR;
    }
    if (value & OCW3_SPECIAL_ENABLE) {
        pic->special_mask = value & OCW3_SPECIAL_SET;
    }
}

/* A write with A0 = 1: the next initialization word, or the mask. */
static void pic_write_data(PIC *pic, uint8_t value)
{
    switch ((PICInitStep)pic->init_step) {
    case PIC_OPERATIONAL:
        pic->imr = value;
        return;
    case PIC_EXPECT_ICW2:
        pic->vector_base = value & 0xf8;
        if (!(pic->icw1 & ICW1_SINGLE)) {
            pic->init_step = PIC_EXPECT_ICW3;
            return;
        }
        break;
    case PIC_EXPECT_ICW3:
        pic->icw3 = value;
        break;
    case PIC_EXPECT_ICW4:
        pic->icw4 = value;
        pic->init_step = PIC_OPERATIONAL;
        return;
    }
    pic->init_step = pic->icw1 & ICW1_IC4 ? PIC_EXPECT_ICW4 : PIC_OPERATIONAL;
}

static void pic_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PIC *pic = opaque;
    trace_pic_write(pic->is_master, (unsigned)address, (unsigned)value);
    if (address & 1) {
        pic_write_data(pic, value);
    } else if (value & ICW1_SELECT) {
        pic_icw1(pic, value);
    } else if (value & OCW3_SELECT) {
        pic_ocw3(pic, value);
    } else {
        pic_ocw2(pic, value);
    }
    pic_update(pic);
}

static uint64_t pic_read_poll(PIC *pic)
{
    pic->poll = false;
    int input = pic_acknowledge(pic);
    return input >= 0 ? 0x80 | input : 0;
}

static uint64_t pic_read(void *opaque, hwaddr address, unsigned size)
{
    PIC *pic = opaque;
    uint8_t value;
    if (pic->poll) {
        value = pic_read_poll(pic);
    } else if (address & 1) {
        value = pic->imr;
    } else {
        value = pic->read_isr ? pic->isr : pic_irr(pic);
    }
    trace_pic_read(pic->is_master, (unsigned)address, value);
    return value;
}

static uint64_t pic_read_elcr(void *opaque, hwaddr address, unsigned size)
{
    PIC *pic = opaque;
    return pic->elcr;
}

static void pic_write_elcr(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PIC *pic = opaque;
    pic->elcr = value & pic->elcr_mask;
    pic->latch &= ~pic->elcr;
    pic_update(pic);
}

static const MemoryRegionOps pic_ops = {
    .read = pic_read,
    .write = pic_write,
    .access_max = 1,
};

static const MemoryRegionOps pic_elcr_ops = {
    .read = pic_read_elcr,
    .write = pic_write_elcr,
    .access_max = 1,
};

/* ---- the device ---- */

static void pic_reset(Device *device)
{
    PIC *pic = PIC(device);
    pic_icw1(pic, 0);
    pic->elcr = 0;
    pic->vector_base = 0;
    pic->icw3 = 0;
    pic->init_step = PIC_OPERATIONAL;
    pic_update(pic);
}

static bool pic_realize(Device *device, GError **error)
{
    PIC *pic = PIC(device);
    if (pic->io_base > UINT16_MAX - 1 || pic->elcr_address > UINT16_MAX) {
        qc_error_set(error, TYPE_I8259 ": iobase and elcr_addr must be I/O ports (0..0xffff)");
        return false;
    }
    memory_region_init_io(&pic->registers, "pic", &pic_ops, pic, 2);
    address_space_map(address_space_io(), pic->io_base, &pic->registers, 0);
    memory_region_init_io(&pic->elcr_register, "elcr", &pic_elcr_ops, pic, 1);
    address_space_map(address_space_io(), pic->elcr_address, &pic->elcr_register, 0);
    return true;
}

static bool pic_post_load(void *opaque, int version, GError **error)
{
    PIC *pic = opaque;
    if (pic->lowest_priority >= PIC_INPUTS || pic->init_step > PIC_EXPECT_ICW4 ||
        (pic->elcr & ~pic->elcr_mask)) {
        qc_error_set(error,
                     TYPE_I8259 ": lowest_priority %u (at most 7), init_step %u (at most 3) or "
                                "elcr 0x%x (bits 0x%x) out of range",
                     pic->lowest_priority, pic->init_step, pic->elcr, pic->elcr_mask);
        return false;
    }
    return true;
}

static const VMStateDescription pic_vmstate = {
    .name = "i8259",
    .version = 1,
    .minimum_version = 1,
    .priority = VMSTATE_PRIORITY_IRQCHIP,
    .post_load = pic_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT8(lines, PIC),
            VMSTATE_UINT8(latch, PIC),
            VMSTATE_UINT8(isr, PIC),
            VMSTATE_UINT8(imr, PIC),
            VMSTATE_UINT8(elcr, PIC),
            VMSTATE_UINT8(vector_base, PIC),
            VMSTATE_UINT8(lowest_priority, PIC),
            VMSTATE_UINT8(init_step, PIC),
            VMSTATE_UINT8(icw1, PIC),
            VMSTATE_UINT8(icw3, PIC),
            VMSTATE_UINT8(icw4, PIC),
            VMSTATE_BOOL(special_mask, PIC),
            VMSTATE_BOOL(poll, PIC),
            VMSTATE_BOOL(read_isr, PIC),
            VMSTATE_BOOL(rotate_on_auto_eoi, PIC),
            VMSTATE_END,
        },
};

static const DeviceProperty pic_properties[] = {
    { "iobase", "first of the two I/O ports", DEVICE_PROPERTY_UINT32, offsetof(PIC, io_base),
      UINT32_MAX },
    { "elcr-addr", "I/O port of the edge/level control register", DEVICE_PROPERTY_UINT32,
      offsetof(PIC, elcr_address), UINT32_MAX },
    { "elcr-mask", "inputs that may be level triggered", DEVICE_PROPERTY_UINT8,
      offsetof(PIC, elcr_mask), UINT8_MAX },
    { "master", "the controller that is wired to the processor", DEVICE_PROPERTY_BOOL,
      offsetof(PIC, is_master) },
};

static void pic_init(PIC *pic)
{
    device_init_gpio_in(&pic->parent, NULL, pic_set_line, PIC_INPUTS);
    device_init_gpio_out(&pic->parent, NULL, &pic->output, 1);
}

static void pic_class_init(PICClass *klass)
{
    klass->description = "8259A interrupt controller";
    klass->category = "Misc";
    klass->bus_type = "ISA";
    klass->realize = pic_realize;
    klass->reset = pic_reset;
    klass->vmsd = &pic_vmstate;
    device_class_set_properties(klass, pic_properties, G_N_ELEMENTS(pic_properties));
}

/* ---- the pair ---- */

static PIC *pic_create(Bus *isa_bus, bool is_master)
{
    Device *device = device_new(TYPE_I8259);
    PIC *pic = PIC(device);
    pic->is_master = is_master;
    pic->io_base = is_master ? MASTER_BASE : SLAVE_BASE;
    pic->elcr_address = is_master ? MASTER_ELCR : SLAVE_ELCR;
    pic->elcr_mask = is_master ? MASTER_ELCR_MASK : SLAVE_ELCR_MASK;
    device_realize_named_or_exit(device, isa_bus, is_master ? "pic-master" : "pic-slave");
    return pic;
}

Device *i8259_pair_create(Bus *isa_bus)
{
    PIC *master = pic_create(isa_bus, true);
    master->slave = pic_create(isa_bus, false);
    device_connect_gpio_out(&master->slave->parent, NULL, 0,
                            device_get_gpio_in(&master->parent, NULL, PIC_CASCADE_INPUT));
    return &master->parent;
}

IRQ *i8259_pair_line(Device *master, unsigned irq)
{
    g_assert(irq < I8259_PAIR_LINES && irq != PIC_CASCADE_INPUT);
    if (irq < PIC_INPUTS) {
        return device_get_gpio_in(master, NULL, irq);
    }
    return device_get_gpio_in(&PIC(master)->slave->parent, NULL, irq - PIC_INPUTS);
}

uint8_t i8259_pair_acknowledge(Device *master)
{
    PIC *pic = PIC(master);
    int input = pic_acknowledge(pic);
    if (input == PIC_CASCADE_INPUT && pic->slave) {
        pic = pic->slave;
        input = pic_acknowledge(pic);
    }
    uint8_t vector = pic->vector_base + (input >= 0 ? input : PIC_SPURIOUS);
    trace_pic_acknowledge(vector, input < 0);
    return vector;
}
