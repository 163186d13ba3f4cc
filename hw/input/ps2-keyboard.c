/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* PS/2 keyboard: its command set. */

#include "hw/input/ps2.h"

#include <string.h>

#include "trace-hw-input.h"
#include "util/report.h"

enum {
    COMMAND_LEDS = 0xed,
    COMMAND_ECHO = 0xee,
    COMMAND_SCANCODE_SET = 0xf0,
    COMMAND_IDENTIFY = 0xf2,
    COMMAND_RATE = 0xf3,
    COMMAND_ENABLE = 0xf4,
    COMMAND_DISABLE = 0xf5,
    COMMAND_DEFAULTS = 0xf6,
    COMMAND_ALL_KEYS_FIRST = 0xf7, /* to 0xfa: make/break/typematic for all keys, set 3 */
    COMMAND_ALL_KEYS_LAST = 0xfa,
    COMMAND_RESEND = 0xfe,
    COMMAND_RESET = 0xff,

    ANSWER_ID_FIRST = 0xab,
    ANSWER_ID_SECOND = 0x83,
    ANSWER_SELF_TEST_PASSED = 0xaa,
    ANSWER_ACKNOWLEDGE = 0xfa,
    ANSWER_RESEND = 0xfe,

    DEFAULT_RATE = 0x2b, /* 10.9 characters a second after 500 ms */
    DEFAULT_SCANCODE_SET = 2,
};

static void set_defaults(PS2Keyboard *keyboard)
{
    keyboard->queue.count = 0;
    keyboard->command = 0;
    keyboard->rate = DEFAULT_RATE;
    keyboard->scancode_set = DEFAULT_SCANCODE_SET;
}

void ps2_keyboard_reset(PS2Keyboard *keyboard)
{
    set_defaults(keyboard);
    keyboard->queue.last = 0;
    keyboard->leds = 0;
    keyboard->enabled = true;
}

static void answer(PS2Keyboard *keyboard, uint8_t value)
{
    ps2_queue_put(&keyboard->queue, value);
}

static void write_argument(PS2Keyboard *keyboard, uint8_t value)
{
    uint8_t command = keyboard->command;

    keyboard->command = 0;
    if (command == COMMAND_LEDS) {
        keyboard->leds = value & 0x07;
    } else if (command == COMMAND_RATE) {
        keyboard->rate = value & 0x7f;
    } else if (value > 3) {
        answer(keyboard, ANSWER_RESEND);
        return;
    } else if (value > 0) {
        keyboard->scancode_set = value;
    }
    answer(keyboard, ANSWER_ACKNOWLEDGE);
    if (command == COMMAND_SCANCODE_SET && value == 0) {
        answer(keyboard, keyboard->scancode_set);
    }
}

/* Commands that change what the keyboard does; false: none of them. */
static bool write_mode_command(PS2Keyboard *keyboard, uint8_t value)
{
    switch (value) {
    case COMMAND_ENABLE:
        keyboard->queue.count = 0;
        keyboard->enabled = true;
        break;
    case COMMAND_DISABLE:
        set_defaults(keyboard);
        keyboard->enabled = false;
        break;
    case COMMAND_DEFAULTS:
        set_defaults(keyboard);
        keyboard->enabled = true;
        break;
    case COMMAND_LEDS:
    case COMMAND_SCANCODE_SET:
    case COMMAND_RATE:
        keyboard->command = value;
        break;
    default:
        if (value < COMMAND_ALL_KEYS_FIRST || value > COMMAND_ALL_KEYS_LAST) {
            return false;
        }
    }
    answer(keyboard, ANSWER_ACKNOWLEDGE);
    return true;
}

void ps2_keyboard_write(PS2Keyboard *keyboard, uint8_t value)
{
    trace_ps2_keyboard_write(keyboard->command, value);
    if (keyboard->command && value < COMMAND_LEDS) {
        write_argument(keyboard, value);
        return;
    }
    keyboard->command = 0;
    if (write_mode_command(keyboard, value)) {
        return;
    }
    switch (value) {
    case COMMAND_ECHO:
        answer(keyboard, COMMAND_ECHO);
        break;
    case COMMAND_IDENTIFY:
        answer(keyboard, ANSWER_ACKNOWLEDGE);
        answer(keyboard, ANSWER_ID_FIRST);
        answer(keyboard, ANSWER_ID_SECOND);
        break;
    case COMMAND_RESEND:
        answer(keyboard, keyboard->queue.last);
        break;
    case COMMAND_RESET:
        ps2_keyboard_reset(keyboard);
        answer(keyboard, ANSWER_ACKNOWLEDGE);
        answer(keyboard, ANSWER_SELF_TEST_PASSED);
        break;
    default:
        answer(keyboard, ANSWER_RESEND);
    }
}

static bool keyboard_post_load(void *opaque, int version, GError **error)
{
    PS2Keyboard *keyboard = opaque;

    if (keyboard->scancode_set < 1 || keyboard->scancode_set > 3) {
        qc_error_set(error, "ps2-keyboard: scancode set %u, expected 1 to 3",
                     keyboard->scancode_set);
        return false;
    }
    if (keyboard->command && keyboard->command != COMMAND_LEDS &&
        keyboard->command != COMMAND_RATE && keyboard->command != COMMAND_SCANCODE_SET) {
        qc_error_set(error, "ps2-keyboard: command 0x%02x takes no argument", keyboard->command);
        return false;
    }
    return true;
}

const VMStateDescription vmstate_ps2_keyboard = {
    .name = "ps2-keyboard",
    .version = 1,
    .minimum_version = 1,
    .post_load = keyboard_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_STRUCT(queue, PS2Keyboard, vmstate_ps2_queue, PS2Queue),
            VMSTATE_UINT8(command, PS2Keyboard),
            VMSTATE_UINT8(leds, PS2Keyboard),
            VMSTATE_UINT8(rate, PS2Keyboard),
            VMSTATE_UINT8(scancode_set, PS2Keyboard),
            VMSTATE_BOOL(enabled, PS2Keyboard),
            VMSTATE_END,
        },
};
