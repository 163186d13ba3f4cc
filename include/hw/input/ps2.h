/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * PS/2 keyboard and mouse as their controller sees them (IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard" and "Auxiliary device"): bytes go in, answers queue up. Need the BQL.
 */
#pragma once

#include "migration/vmstate.h"

#define PS2_QUEUE_SIZE 32u

/* Bytes on their way from a device to the controller, oldest first. */
typedef struct PS2Queue {
    uint32_t count;
    uint8_t data[PS2_QUEUE_SIZE];
    uint32_t wire_count; /* `count` as it travels; counts only once it was checked */
    uint8_t last;        /* the byte taken last, for "resend" */
} PS2Queue;

/* Append; a full queue drops the byte. */
void ps2_queue_put(PS2Queue *queue, uint8_t value);
/* Take the oldest byte; asserts that there is one. */
uint8_t ps2_queue_take(PS2Queue *queue);

extern const VMStateDescription vmstate_ps2_queue;

typedef struct PS2Keyboard {
    PS2Queue queue;
    uint8_t command; /* waits for its argument; 0: none */
    uint8_t leds;
    uint8_t rate;
    uint8_t scancode_set; /* 1, 2, 3 */
    bool enabled;
} PS2Keyboard;

void ps2_keyboard_reset(PS2Keyboard *keyboard);
void ps2_keyboard_write(PS2Keyboard *keyboard, uint8_t value);

extern const VMStateDescription vmstate_ps2_keyboard;

typedef enum PS2MouseMode {
    PS2_MOUSE_STREAM,
    PS2_MOUSE_REMOTE,
    PS2_MOUSE_WRAP,
} PS2MouseMode;

typedef struct PS2Mouse {
    PS2Queue queue;
    uint8_t command; /* waits for its argument; 0: none */
    uint8_t id;      /* 0 standard, 3 with wheel, 4 with five buttons */
    uint8_t resolution;
    uint8_t rates[3]; /* the last sample rates that were set, newest first */
    uint8_t mode;     /* PS2MouseMode */
    uint8_t mode_before_wrap;
    bool double_scaling;
    bool enabled;
} PS2Mouse;

void ps2_mouse_reset(PS2Mouse *mouse);
void ps2_mouse_write(PS2Mouse *mouse, uint8_t value);

extern const VMStateDescription vmstate_ps2_mouse;
