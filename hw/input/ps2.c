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

const VMStateDescription vmstate_ps2_queue = {
    .name = "ps2-queue",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32(count, PS2Queue),
            VMSTATE_VARRAY_UINT8(data, PS2Queue, count),
            VMSTATE_UINT8(last, PS2Queue),
            VMSTATE_END,
        },
};
