/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Keyboard controller of the PC (Intel 8042 with the PS/2 program: IBM PS/2 Hardware Interface
 * Technical Reference, "Keyboard/Auxiliary Device Controller"), with keyboard and mouse behind.
 */

#include "hw/input/i8042.h"

#include <string.h>

#include "hw/input/ps2.h"
#include "hw/isa/isa.h"
#include "system/runstate.h"
#include "trace-hw-input.h"
#include "util/report.h"

enum {
    DATA_PORT = 0x60,
    COMMAND_PORT = 0x64,
    KEYBOARD_IRQ = 1,
    MOUSE_IRQ = 12,

    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08, /* the last write went to the command port */
    STATUS_UNLOCKED = 0x10,
    STATUS_MOUSE_DATA = 0x20,

    MODE_KEYBOARD_IRQ = 0x01,
    MODE_MOUSE_IRQ = 0x02,
    MODE_SYSTEM = 0x04,
    MODE_KEYBOARD_OFF = 0x10,
    MODE_MOUSE_OFF = 0x20,
    MODE_TRANSLATE = 0x40,
    /* As firmware leaves it: drivers take a keyboard without translation for an odd one. */
    MODE_RESET = MODE_KEYBOARD_IRQ | MODE_MOUSE_IRQ | MODE_SYSTEM | MODE_TRANSLATE,

    OUTPUT_NOT_RESET = 0x01,
    OUTPUT_A20 = 0x02,
    OUTPUT_KEYBOARD_FULL = 0x10,
    OUTPUT_MOUSE_FULL = 0x20,
    OUTPUT_KEPT = 0xcf,

    COMMAND_READ_MODE = 0x20,
    COMMAND_WRITE_MODE = 0x60,
    COMMAND_PASSWORD_TEST = 0xa4,
    COMMAND_MOUSE_OFF = 0xa7,
    COMMAND_MOUSE_ON = 0xa8,
    COMMAND_TEST_MOUSE_PORT = 0xa9,
    COMMAND_SELF_TEST = 0xaa,
    COMMAND_TEST_KEYBOARD_PORT = 0xab,
    COMMAND_KEYBOARD_OFF = 0xad,
    COMMAND_KEYBOARD_ON = 0xae,
    COMMAND_READ_INPUT = 0xc0,
    COMMAND_READ_OUTPUT = 0xd0,
    COMMAND_WRITE_OUTPUT = 0xd1,
    COMMAND_ANSWER_AS_KEYBOARD = 0xd2,
    COMMAND_ANSWER_AS_MOUSE = 0xd3,
    COMMAND_WRITE_MOUSE = 0xd4,
    COMMAND_A20_OFF = 0xdd,
    COMMAND_A20_ON = 0xdf,
    COMMAND_PULSE_FIRST = 0xf0, /* to 0xff: pulses low the output bits that are 0 in bits 3:0 */

    ANSWER_NO_PASSWORD = 0xf1,
    ANSWER_SELF_TEST_PASSED = 0x55,
    ANSWER_PORT_GOOD = 0x00,
    INPUT_PORT_UNLOCKED = 0x80,
};

#define ANSWERS_MAX 8u

typedef struct I8042 {
    Device parent;
    MemoryRegion data_port, command_port;
    IRQ *irq[2]; /* keyboard, mouse */
    IRQ *a20;
    PS2Keyboard keyboard;
    PS2Mouse mouse;
    uint8_t status;
    uint8_t mode;
    uint8_t output_port;
    uint8_t command; /* waits for its data byte; 0: none */
    uint8_t output;  /* the output buffer */
    /* The controller's own answers, oldest first, which go before those of the devices. */
    uint32_t answer_count;
    uint8_t answers[ANSWERS_MAX];
    uint8_t answer_from_mouse[ANSWERS_MAX]; /* 0 or 1 */
    uint32_t wire_answer_count;             /* as it travels; counts only once it was checked */
} I8042;

OBJECT_DEFINE_TYPE(I8042, DeviceClass, i8042, TYPE_I8042, TYPE_DEVICE);

#define I8042(o) (G_TYPE_CHECK_INSTANCE_CAST((o), i8042_get_type(), I8042))

/* Scan codes of set 2 in set 1; the codes from 0x80 on translate to themselves but for two. */
static const uint8_t translation[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

static uint8_t translate(const I8042 *self, uint8_t value)
{
    if (!(self->mode & MODE_TRANSLATE)) {
        return value;
    }
    switch (value) {
    case 0x83: /* F7 */
        return 0x41;
    case 0x84: /* Alt-SysRq */
        return 0x54;
    default:
        return value < G_N_ELEMENTS(translation) ? translation[value] : value;
    }
}

/* ---- the output buffer ---- */

static void update_irqs(I8042 *self)
{
    bool full = self->status & STATUS_OUTPUT_FULL;
    bool mouse = self->status & STATUS_MOUSE_DATA;

    irq_set(self->irq[0], full && !mouse && (self->mode & MODE_KEYBOARD_IRQ));
    irq_set(self->irq[1], full && mouse && (self->mode & MODE_MOUSE_IRQ));
}

static void fill_output(I8042 *self, uint8_t value, bool from_mouse)
{
    self->output = value;
    self->status |= STATUS_OUTPUT_FULL;
    self->status &= ~STATUS_MOUSE_DATA;
    self->status |= from_mouse ? STATUS_MOUSE_DATA : 0;
}

static void take_answer(I8042 *self)
{
    fill_output(self, self->answers[0], self->answer_from_mouse[0]);
    self->answer_count--;
    memmove(self->answers, self->answers + 1, self->answer_count);
    memmove(self->answer_from_mouse, self->answer_from_mouse + 1, self->answer_count);
}

/* Let the next byte into the output buffer when that is empty. */
static void advance(I8042 *self)
{
    if (!(self->status & STATUS_OUTPUT_FULL)) {
        if (self->answer_count > 0) {
            take_answer(self);
        } else if (self->keyboard.queue.count > 0 && !(self->mode & MODE_KEYBOARD_OFF)) {
            fill_output(self, translate(self, ps2_queue_take(&self->keyboard.queue)), false);
        } else if (self->mouse.queue.count > 0 && !(self->mode & MODE_MOUSE_OFF)) {
            fill_output(self, ps2_queue_take(&self->mouse.queue), true);
        }
    }
    update_irqs(self);
}

static void answer(I8042 *self, uint8_t value, bool from_mouse)
{
    if (self->answer_count == ANSWERS_MAX) {
        log_write(LOG_GUEST_ERRORS, "i8042: too many commands without reading the answers\n");
        return;
    }
    self->answers[self->answer_count] = value;
    self->answer_from_mouse[self->answer_count] = from_mouse;
    self->answer_count++;
}

/* ---- the output port: A20 and reset ---- */

static void set_output_port(I8042 *self, uint8_t value)
{
    self->output_port = value & OUTPUT_KEPT;
    irq_set(self->a20, value & OUTPUT_A20 ? 1 : 0);
    if (!(value & OUTPUT_NOT_RESET)) {
        runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static uint8_t get_output_port(const I8042 *self)
{
    uint8_t value = self->output_port;

    if (self->status & STATUS_OUTPUT_FULL) {
        value |= self->status & STATUS_MOUSE_DATA ? OUTPUT_MOUSE_FULL : OUTPUT_KEYBOARD_FULL;
    }
    return value;
}

/* ---- ports ---- */

static void set_mode(I8042 *self, uint8_t mode)
{
    self->mode = mode;
    self->status &= ~STATUS_SYSTEM;
    self->status |= mode & MODE_SYSTEM ? STATUS_SYSTEM : 0;
}

/* Commands that take effect at once; false: none of them. */
static bool run_setting(I8042 *self, uint8_t command)
{
    switch (command) {
    case COMMAND_MOUSE_OFF:
        self->mode |= MODE_MOUSE_OFF;
        return true;
    case COMMAND_MOUSE_ON:
        self->mode &= ~MODE_MOUSE_OFF;
        return true;
    case COMMAND_KEYBOARD_OFF:
        self->mode |= MODE_KEYBOARD_OFF;
        return true;
    case COMMAND_KEYBOARD_ON:
        self->mode &= ~MODE_KEYBOARD_OFF;
        return true;
    case COMMAND_A20_OFF:
        set_output_port(self, self->output_port & ~OUTPUT_A20);
        return true;
    case COMMAND_A20_ON:
        set_output_port(self, self->output_port | OUTPUT_A20);
        return true;
    case COMMAND_WRITE_MODE:
    case COMMAND_WRITE_OUTPUT:
    case COMMAND_ANSWER_AS_KEYBOARD:
    case COMMAND_ANSWER_AS_MOUSE:
    case COMMAND_WRITE_MOUSE:
        self->command = command;
        return true;
    default:
        return false;
    }
}

/* Commands with an answer; false: none of them. */
static bool run_query(I8042 *self, uint8_t command)
{
    switch (command) {
    case COMMAND_READ_MODE:
        answer(self, self->mode, false);
        return true;
    case COMMAND_PASSWORD_TEST:
        answer(self, ANSWER_NO_PASSWORD, false);
        return true;
    case COMMAND_SELF_TEST:
        self->status |= STATUS_SYSTEM;
        answer(self, ANSWER_SELF_TEST_PASSED, false);
        return true;
    case COMMAND_TEST_MOUSE_PORT:
    case COMMAND_TEST_KEYBOARD_PORT:
        answer(self, ANSWER_PORT_GOOD, false);
        return true;
    case COMMAND_READ_INPUT:
        answer(self, INPUT_PORT_UNLOCKED, false);
        return true;
    case COMMAND_READ_OUTPUT:
        answer(self, get_output_port(self), false);
        return true;
    default:
        return false;
    }
}

static void command_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    I8042 *self = opaque;
    uint8_t command = (uint8_t)value;

    trace_i8042_command(command);
    self->status |= STATUS_COMMAND;
    self->command = 0;
    if (command >= COMMAND_PULSE_FIRST) {
        if (!(command & OUTPUT_NOT_RESET)) {
            runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        }
    } else if (!run_setting(self, command) && !run_query(self, command)) {
        log_write(LOG_GUEST_ERRORS, "i8042: unknown command 0x%02x\n", command);
    }
    advance(self);
}

static uint64_t command_read(void *opaque, hwaddr address, unsigned size)
{
    I8042 *self = opaque;

    return self->status;
}

static void data_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    I8042 *self = opaque;
    uint8_t command = self->command;
    uint8_t data = (uint8_t)value;

    trace_i8042_data_write(command, data);
    self->status &= ~STATUS_COMMAND;
    self->command = 0;
    switch (command) {
    case COMMAND_WRITE_MODE:
        set_mode(self, data);
        break;
    case COMMAND_WRITE_OUTPUT:
        set_output_port(self, data);
        break;
    case COMMAND_ANSWER_AS_KEYBOARD:
        answer(self, data, false);
        break;
    case COMMAND_ANSWER_AS_MOUSE:
        answer(self, data, true);
        break;
    case COMMAND_WRITE_MOUSE:
        self->mode &= ~MODE_MOUSE_OFF;
        ps2_mouse_write(&self->mouse, data);
        break;
    default:
        self->mode &= ~MODE_KEYBOARD_OFF;
        ps2_keyboard_write(&self->keyboard, data);
    }
    advance(self);
}

static uint64_t data_read(void *opaque, hwaddr address, unsigned size)
{
    I8042 *self = opaque;
    uint8_t value = self->output;

    if (self->status & STATUS_OUTPUT_FULL) {
        self->status &= ~(STATUS_OUTPUT_FULL | STATUS_MOUSE_DATA);
        update_irqs(self);
        advance(self);
    }
    trace_i8042_data_read(value);
    return value;
}

static const MemoryRegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .access_min = 1,
    .access_max = 1,
};

static const MemoryRegionOps command_ops = {
    .read = command_read,
    .write = command_write,
    .access_min = 1,
    .access_max = 1,
};

/* ---- life ---- */

static bool i8042_realize(Device *device, GError **error)
{
    I8042 *self = I8042(device);

    if (!isa_device_get_irq(device, KEYBOARD_IRQ, &self->irq[0], error) ||
        !isa_device_get_irq(device, MOUSE_IRQ, &self->irq[1], error)) {
        return false;
    }
    memory_region_init_io(&self->data_port, "i8042-data", &data_ops, self, 1);
    memory_region_init_io(&self->command_port, "i8042-command", &command_ops, self, 1);
    isa_device_map_ports(device, DATA_PORT, &self->data_port);
    isa_device_map_ports(device, COMMAND_PORT, &self->command_port);
    return true;
}

static void i8042_reset(Device *device)
{
    I8042 *self = I8042(device);

    self->status = STATUS_COMMAND | STATUS_UNLOCKED;
    set_mode(self, MODE_RESET);
    self->command = 0;
    self->output = 0;
    self->answer_count = 0;
    ps2_keyboard_reset(&self->keyboard);
    ps2_mouse_reset(&self->mouse);
    set_output_port(self, OUTPUT_NOT_RESET | OUTPUT_A20);
    update_irqs(self);
}

static void i8042_pre_save(void *opaque)
{
    I8042 *self = opaque;

    self->wire_answer_count = self->answer_count;
}

static bool i8042_post_load(void *opaque, int version, GError **error)
{
    I8042 *self = opaque;

    self->status &=
        STATUS_OUTPUT_FULL | STATUS_SYSTEM | STATUS_COMMAND | STATUS_MOUSE_DATA | STATUS_UNLOCKED;
    self->output_port &= OUTPUT_KEPT;
    for (unsigned i = 0; i < ANSWERS_MAX; i++) {
        self->answer_from_mouse[i] &= 1;
    }
    if (self->wire_answer_count > ANSWERS_MAX) {
        qc_error_set(error, "i8042: %u answers wait, expected at most %u", self->wire_answer_count,
                     ANSWERS_MAX);
        return false;
    }
    self->answer_count = self->wire_answer_count;
    return true;
}

static const VMStateDescription vmstate_i8042 = {
    .name = TYPE_I8042,
    .version = 1,
    .minimum_version = 1,
    .pre_save = i8042_pre_save,
    .post_load = i8042_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT8(status, I8042),
            VMSTATE_UINT8(mode, I8042),
            VMSTATE_UINT8(output_port, I8042),
            VMSTATE_UINT8(command, I8042),
            VMSTATE_UINT8(output, I8042),
            VMSTATE_UINT32(wire_answer_count, I8042),
            VMSTATE_UINT8_ARRAY(answers, I8042),
            VMSTATE_UINT8_ARRAY(answer_from_mouse, I8042),
            VMSTATE_STRUCT(keyboard, I8042, vmstate_ps2_keyboard, PS2Keyboard),
            VMSTATE_STRUCT(mouse, I8042, vmstate_ps2_mouse, PS2Mouse),
            VMSTATE_END,
        },
};

static void i8042_init(I8042 *self)
{
    device_init_gpio_out(DEVICE(self), "a20", &self->a20, 1);
}

static void i8042_class_init(DeviceClass *klass)
{
    klass->description = "PS/2 keyboard and mouse controller";
    klass->category = "Input";
    klass->bus_type = TYPE_ISA_BUS;
    klass->vmsd = &vmstate_i8042;
    klass->realize = i8042_realize;
    klass->reset = i8042_reset;
}

Device *i8042_create(Bus *isa_bus, IRQ *a20)
{
    Device *device = device_new(TYPE_I8042);

    device_connect_gpio_out(device, "a20", 0, a20);
    device_realize_named_or_exit(device, isa_bus, "i8042");
    return device;
}
