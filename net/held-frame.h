/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A frame that waits for its counterpart, and queues of them. */
#pragma once

#include "net/packet.h"

typedef struct HeldFrame HeldFrame;

struct HeldFrame {
    HeldFrame *next, *previous;           /* of the connection's queue */
    HeldFrame *next_held, *previous_held; /* of all held frames, for their owner */
    GPtrArray *fragments;                 /* GBytes: what to send in its place; or NULL */
    int64_t arrived;
    Packet packet; /* its frame is `data` */
    uint8_t data[];
};

typedef struct FrameQueue {
    HeldFrame *head, *tail;
    unsigned length;
    size_t bytes; /* of the frames */
} FrameQueue;

/* A copy of @packet and its bytes. */
HeldFrame *held_frame_new(const Packet *packet, int64_t arrived);
void held_frame_free(HeldFrame *frame);

void frame_queue_push(FrameQueue *queue, HeldFrame *frame);
/* Take @frame, which is in @queue, out of it. */
void frame_queue_remove(FrameQueue *queue, HeldFrame *frame);
/* Free all frames. */
void frame_queue_clear(FrameQueue *queue);
