/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Frames that wait, and queues of them. Ordinary frames come and go with every packet, so the room
 * of those that are let go is used again.
 */
#include <string.h>

#include "net/held-frame.h"

#define SPARE_ROOM  1600 /* bytes: an Ethernet frame with tags */
#define SPARES_KEPT 256

HeldFrame *held_frame_alloc(HeldFrames *frames, size_t size)
{
    HeldFrame *frame = frames->spare;

    if (size <= SPARE_ROOM && frame) {
        frames->spare = frame->newer;
        frames->spares--;
    } else {
        size_t room = MAX(size, SPARE_ROOM);
        frame = g_malloc(sizeof(*frame) + room);
        frame->room = room;
    }
    frame->owner = NULL;
    frame->left = 0;
    frame->fragments = NULL;
    return frame;
}

static void let_go(HeldFrames *frames, HeldFrame *frame)
{
    g_clear_pointer(&frame->fragments, g_ptr_array_unref);
    if (frame->room == SPARE_ROOM && frames->spares < SPARES_KEPT) {
        frame->newer = frames->spare;
        frames->spare = frame;
        frames->spares++;
    } else {
        g_free(frame);
    }
}

static void count(HeldFrames *frames, HeldFrame *frame)
{
    frame->owner = frames;
    frame->newer = NULL;
    frame->older = frames->newest;
    *(frames->newest ? &frames->newest->newer : &frames->oldest) = frame;
    frames->newest = frame;
    frames->count++;
    frames->bytes += frame->packet.size;
}

HeldFrame *arrived_frame_keep(ArrivedFrame *arrived)
{
    HeldFrame *frame = g_steal_pointer(&arrived->gathered);

    if (!frame) {
        frame = held_frame_alloc(arrived->frames, arrived->packet.size);
        memcpy(frame->data, arrived->packet.frame, arrived->packet.size);
    }
    frame->packet = arrived->packet;
    frame->packet.frame = frame->data;
    frame->header = arrived->header;
    frame->arrived = arrived->now;
    frame->fragments = g_steal_pointer(&arrived->fragments);
    count(arrived->frames, frame);
    return frame;
}

void arrived_frame_clear(ArrivedFrame *arrived)
{
    g_clear_pointer(&arrived->fragments, g_ptr_array_unref);
    if (arrived->gathered) {
        let_go(arrived->frames, g_steal_pointer(&arrived->gathered));
    }
}

void held_frame_take(HeldFrame *frame, uint32_t size)
{
    Packet *packet = &frame->packet;

    frame->left += size;
    packet->frame += size;
    packet->size -= size;
    packet->payload_size -= size;
    packet->tcp.sequence += size;
}

void held_frame_free(HeldFrame *frame)
{
    HeldFrames *frames = frame->owner;

    *(frame->newer ? &frame->newer->older : &frames->newest) = frame->older;
    *(frame->older ? &frame->older->newer : &frames->oldest) = frame->newer;
    frames->count--;
    frames->bytes -= frame->left + frame->packet.size;
    let_go(frames, frame);
}

void held_frames_clear(HeldFrames *frames)
{
    HeldFrame *frame;

    while (frames->oldest) {
        held_frame_free(frames->oldest);
    }
    while ((frame = frames->spare)) {
        frames->spare = frame->newer;
        g_free(frame);
    }
    frames->spares = 0;
}

void frame_queue_push(FrameQueue *queue, HeldFrame *frame)
{
    frame->next = NULL;
    if (queue->head) {
        frame->previous = queue->head->previous;
        frame->previous->next = frame;
        queue->head->previous = frame;
    } else {
        frame->previous = frame;
        queue->head = frame;
    }
    queue->length++;
}

void frame_queue_remove(FrameQueue *queue, HeldFrame *frame)
{
    if (frame == queue->head) {
        queue->head = frame->next;
    } else {
        frame->previous->next = frame->next;
    }
    if (frame->next) {
        frame->next->previous = frame->previous;
    } else if (queue->head) {
        queue->head->previous = frame->previous;
    }
    queue->length--;
}

void frame_queue_clear(FrameQueue *queue)
{
    HeldFrame *frame;

    while ((frame = queue->head)) {
        frame_queue_remove(queue, frame);
        held_frame_free(frame);
    }
}
