/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What PS/2 devices have in common: the queue of bytes to the controller. */

#include "hw/input/ps2.h"

#include <string.h>

#include "trace-hw-input.h"

void ps2_queue_put(PS2Queue *queue, uint8_t value)
{
    if (queue->count == PS2_QUEUE_SIZE) {
        trace_ps2_queue_full(value);
        return;
    }
    queue->data[queue->count++] = value;
}

uint8_t ps2_queue_take(PS2Queue *queue)
{
    g_assert(queue->count > 0);
    queue->last = queue->data[0];
    queue->count--;
    memmove(queue->data, queue->data + 1, queue->count);
    return queue->last;
}

static void queue_pre_save(void *opaque)
{
    PS2Queue *queue = opaque;

    queue->wire_count = queue->count;
}

static bool queue_post_load(void *opaque, int version, GError **error)
{
    PS2Queue *queue = opaque;

    queue->count = queue->wire_count;
    return true;
}

const VMStateDescription vmstate_ps2_queue = {
    .name = "ps2-queue",
    .version = 1,
    .minimum_version = 1,
    .pre_save = queue_pre_save,
    .post_load = queue_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32(wire_count, PS2Queue),
            VMSTATE_VARRAY_UINT8(data, PS2Queue, wire_count),
            VMSTATE_UINT8(last, PS2Queue),
            VMSTATE_END,
        },
};
