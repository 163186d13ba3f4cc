/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames that wait, and queues of them. */
#include <string.h>

#include "net/held-frame.h"

HeldFrame *held_frame_new(const Packet *packet, int64_t arrived)
{
    HeldFrame *frame = g_malloc(sizeof(*frame) + packet->size);

    memset(frame, 0, offsetof(HeldFrame, packet));
    frame->arrived = arrived;
    frame->packet = *packet;
    frame->packet.frame = frame->data;
    memcpy(frame->data, packet->frame, packet->size);
    return frame;
}

void held_frame_free(HeldFrame *frame)
{
    if (frame) {
        g_clear_pointer(&frame->fragments, g_ptr_array_unref);
        g_free(frame);
    }
}

void frame_queue_push(FrameQueue *queue, HeldFrame *frame)
{
    frame->next = NULL;
    frame->previous = queue->tail;
    *(queue->tail ? &queue->tail->next : &queue->head) = frame;
    queue->tail = frame;
    queue->length++;
    queue->bytes += frame->packet.size;
}

void frame_queue_remove(FrameQueue *queue, HeldFrame *frame)
{
    *(frame->next ? &frame->next->previous : &queue->tail) = frame->previous;
    *(frame->previous ? &frame->previous->next : &queue->head) = frame->next;
    frame->next = frame->previous = NULL;
    queue->length--;
    queue->bytes -= frame->packet.size;
}

void frame_queue_clear(FrameQueue *queue)
{
    HeldFrame *frame;

    while ((frame = queue->head)) {
        frame_queue_remove(queue, frame);
        held_frame_free(frame);
    }
}
