/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* PS/2 mouse: its command set, with the wheel and five-button extensions (IntelliMouse). */

#include "hw/input/ps2.h"

#include <string.h>

#include "trace-hw-input.h"
#include "util/report.h"

enum {
    COMMAND_SCALING_1_1 = 0xe6,
    COMMAND_SCALING_2_1 = 0xe7,
    COMMAND_RESOLUTION = 0xe8,
    COMMAND_STATUS = 0xe9,
    COMMAND_STREAM = 0xea,
    COMMAND_READ_DATA = 0xeb,
    COMMAND_END_WRAP = 0xec,
    COMMAND_WRAP = 0xee,
    COMMAND_REMOTE = 0xf0,
    COMMAND_IDENTIFY = 0xf2,
    COMMAND_SAMPLE_RATE = 0xf3,
    COMMAND_ENABLE = 0xf4,
    COMMAND_DISABLE = 0xf5,
    COMMAND_DEFAULTS = 0xf6,
    COMMAND_RESEND = 0xfe,
    COMMAND_RESET = 0xff,

    ANSWER_ACKNOWLEDGE = 0xfa,
    ANSWER_ERROR = 0xfc,
    ANSWER_SELF_TEST_PASSED = 0xaa,

    STATUS_REMOTE = 0x40,
    STATUS_ENABLED = 0x20,
    STATUS_SCALING_2_1 = 0x10,
    PACKET_ALWAYS_ONE = 0x08,

    ID_STANDARD = 0,
    ID_WHEEL = 3,
    ID_FIVE_BUTTONS = 4,

    DEFAULT_RESOLUTION = 2, /* 4 counts a millimetre */
    RESOLUTION_LAST = 3,
    DEFAULT_RATE = 100,
};

static void set_defaults(PS2Mouse *mouse)
{
    mouse->command = 0;
    mouse->resolution = DEFAULT_RESOLUTION;
    mouse->mode = PS2_MOUSE_STREAM;
    mouse->double_scaling = false;
    mouse->enabled = false;
    memset(mouse->rates, 0, sizeof(mouse->rates));
    mouse->rates[0] = DEFAULT_RATE;
}

void ps2_mouse_reset(PS2Mouse *mouse)
{
    set_defaults(mouse);
    mouse->queue.count = 0;
    mouse->queue.last = 0;
    mouse->id = ID_STANDARD;
    mouse->mode_before_wrap = PS2_MOUSE_STREAM;
}

static void answer(PS2Mouse *mouse, uint8_t value)
{
    ps2_queue_put(&mouse->queue, value);
}

/* Certain sequences of sample rates are the knock that switches extensions on. */
static void set_sample_rate(PS2Mouse *mouse, uint8_t rate)
{
    mouse->rates[2] = mouse->rates[1];
    mouse->rates[1] = mouse->rates[0];
    mouse->rates[0] = rate;
    if (mouse->rates[2] != 200 || rate != 80) {
        return;
    }
    if (mouse->rates[1] == 100) {
        mouse->id = ID_WHEEL;
    } else if (mouse->rates[1] == 200 && mouse->id == ID_WHEEL) {
        mouse->id = ID_FIVE_BUTTONS;
    }
}

static void write_argument(PS2Mouse *mouse, uint8_t value)
{
    uint8_t command = mouse->command;

    mouse->command = 0;
    if (command == COMMAND_SAMPLE_RATE) {
        set_sample_rate(mouse, value);
    } else if (value <= RESOLUTION_LAST) {
        mouse->resolution = value;
    } else {
        answer(mouse, ANSWER_ERROR);
        return;
    }
    answer(mouse, ANSWER_ACKNOWLEDGE);
}

static void answer_status(PS2Mouse *mouse)
{
    answer(mouse, (mouse->mode == PS2_MOUSE_REMOTE ? STATUS_REMOTE : 0) |
                      (mouse->enabled ? STATUS_ENABLED : 0) |
                      (mouse->double_scaling ? STATUS_SCALING_2_1 : 0));
    answer(mouse, mouse->resolution);
    answer(mouse, mouse->rates[0]);
}

/* A packet without motion and without buttons. */
static void answer_packet(PS2Mouse *mouse)
{
    answer(mouse, PACKET_ALWAYS_ONE);
    answer(mouse, 0);
    answer(mouse, 0);
    if (mouse->id != ID_STANDARD) {
        answer(mouse, 0);
    }
}

static void set_mode(PS2Mouse *mouse, PS2MouseMode mode)
{
    if (mode == PS2_MOUSE_WRAP) {
        mouse->mode_before_wrap = mouse->mode;
    }
    mouse->mode = (uint8_t)mode;
}

/* Commands that only change a setting; false: none of them. */
static bool write_setting(PS2Mouse *mouse, uint8_t value)
{
    switch (value) {
    case COMMAND_SCALING_1_1:
    case COMMAND_SCALING_2_1:
        mouse->double_scaling = value == COMMAND_SCALING_2_1;
        break;
    case COMMAND_RESOLUTION:
    case COMMAND_SAMPLE_RATE:
        mouse->command = value;
        break;
    case COMMAND_STREAM:
        set_mode(mouse, PS2_MOUSE_STREAM);
        break;
    case COMMAND_REMOTE:
        set_mode(mouse, PS2_MOUSE_REMOTE);
        break;
    case COMMAND_WRAP:
        set_mode(mouse, PS2_MOUSE_WRAP);
        break;
    case COMMAND_END_WRAP:
        break;
    case COMMAND_ENABLE:
    case COMMAND_DISABLE:
        mouse->enabled = value == COMMAND_ENABLE;
        break;
    case COMMAND_DEFAULTS:
        set_defaults(mouse);
        break;
    default:
        return false;
    }
    answer(mouse, ANSWER_ACKNOWLEDGE);
    return true;
}

/* Commands that ask for data; false: none of them. */
static bool write_query(PS2Mouse *mouse, uint8_t value)
{
    switch (value) {
    case COMMAND_STATUS:
        answer(mouse, ANSWER_ACKNOWLEDGE);
        answer_status(mouse);
        return true;
    case COMMAND_READ_DATA:
        answer(mouse, ANSWER_ACKNOWLEDGE);
        answer_packet(mouse);
        return true;
    case COMMAND_IDENTIFY:
        answer(mouse, ANSWER_ACKNOWLEDGE);
        answer(mouse, mouse->id);
        return true;
    case COMMAND_RESEND:
        answer(mouse, mouse->queue.last);
        return true;
    case COMMAND_RESET:
        ps2_mouse_reset(mouse);
        answer(mouse, ANSWER_ACKNOWLEDGE);
        answer(mouse, ANSWER_SELF_TEST_PASSED);
        answer(mouse, mouse->id);
        return true;
    default:
        return false;
    }
}

void ps2_mouse_write(PS2Mouse *mouse, uint8_t value)
{
    trace_ps2_mouse_write(mouse->command, value);
    if (mouse->mode == PS2_MOUSE_WRAP && value != COMMAND_END_WRAP && value != COMMAND_RESET) {
        answer(mouse, value);
        return;
    }
    if (mouse->mode == PS2_MOUSE_WRAP && value == COMMAND_END_WRAP) {
        set_mode(mouse, mouse->mode_before_wrap);
    }
    if (mouse->command) {
        write_argument(mouse, value);
    } else if (!write_setting(mouse, value) && !write_query(mouse, value)) {
        answer(mouse, ANSWER_ERROR);
    }
}

static bool mouse_post_load(void *opaque, int version, GError **error)
{
    PS2Mouse *mouse = opaque;

    if (mouse->mode > PS2_MOUSE_WRAP || mouse->mode_before_wrap > PS2_MOUSE_REMOTE ||
        mouse->resolution > RESOLUTION_LAST ||
        (mouse->id != ID_STANDARD && mouse->id != ID_WHEEL && mouse->id != ID_FIVE_BUTTONS)) {
        qc_error_set(error,
                     "ps2-mouse: mode %u (before wrap %u), resolution %u, id %u do not exist",
                     mouse->mode, mouse->mode_before_wrap, mouse->resolution, mouse->id);
        return false;
    }
    if (mouse->command && mouse->command != COMMAND_RESOLUTION &&
        mouse->command != COMMAND_SAMPLE_RATE) {
        qc_error_set(error, "ps2-mouse: command 0x%02x takes no argument", mouse->command);
        return false;
    }
    return true;
}

const VMStateDescription vmstate_ps2_mouse = {
    .name = "ps2-mouse",
    .version = 1,
    .minimum_version = 1,
    .post_load = mouse_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_STRUCT(queue, PS2Mouse, vmstate_ps2_queue, PS2Queue),
            VMSTATE_UINT8(command, PS2Mouse),
            VMSTATE_UINT8(id, PS2Mouse),
            VMSTATE_UINT8(resolution, PS2Mouse),
            VMSTATE_UINT8_ARRAY(rates, PS2Mouse),
            VMSTATE_UINT8(mode, PS2Mouse),
            VMSTATE_UINT8(mode_before_wrap, PS2Mouse),
            VMSTATE_BOOL(double_scaling, PS2Mouse),
            VMSTATE_BOOL(enabled, PS2Mouse),
            VMSTATE_END,
        },
};
