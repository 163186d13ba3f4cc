/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames that wait for their counterpart: where they are kept, and queues of them. */
#pragma once

#include "net/net.h"
#include "net/packet.h"

typedef struct HeldFrame HeldFrame;
typedef struct HeldFrames HeldFrames;

struct HeldFrame {
    HeldFrame *next, *previous; /* of the connection's queue; the first one's previous: last */
    HeldFrame *newer, *older;   /* among all of its owner */
    HeldFrames *owner;          /* NULL: not counted yet */
    GPtrArray *fragments;       /* GBytes: what to send in its place; or NULL */
    int64_t arrived;
    VnetHeader header;
    uint32_t room; /* bytes at data */
    uint32_t left; /* bytes of payload that have left already */
    Packet packet; /* its frame is at `data + left` */
    uint8_t data[];
};

/* All frames that one side has to wait for, in order of arrival. Zeroed: none. */
struct HeldFrames {
    HeldFrame *oldest, *newest;
    unsigned count;
    size_t bytes;     /* in memory: what has left of a frame that is held counts too */
    HeldFrame *spare; /* freed ones for the next frames, linked by `newer` */
    unsigned spares;
};

/* A frame that has come in and may have to be kept. */
typedef struct ArrivedFrame {
    HeldFrames *frames; /* where to keep it */
    Packet packet;
    VnetHeader header;
    int64_t now;
    HeldFrame *gathered;  /* holds the bytes already; or NULL */
    GPtrArray *fragments; /* what to send in its place, owned; or NULL */
} ArrivedFrame;

/* Room for @size bytes; counted by @frames only when it is kept. */
HeldFrame *held_frame_alloc(HeldFrames *frames, size_t size);
/* Keep what has arrived, copying it unless it was gathered. Its fragments are taken. */
HeldFrame *arrived_frame_keep(ArrivedFrame *arrived);
/* Not kept: let go what it owns. */
void arrived_frame_clear(ArrivedFrame *arrived);

/*
 * The first @size bytes of the payload of a TCP frame have left: @frame is the rest, whose headers
 * are in place directly in front of it. It stays where it is in the order of arrival.
 */
void held_frame_take(HeldFrame *frame, uint32_t size);

void held_frame_free(HeldFrame *frame);
/* Free all of them, and the spare ones. Queues that hold them must be forgotten. */
void held_frames_clear(HeldFrames *frames);

/* Zeroed: empty. Small, since every connection has several. */
typedef struct FrameQueue {
    HeldFrame *head;
    unsigned length;
} FrameQueue;

void frame_queue_push(FrameQueue *queue, HeldFrame *frame);
/* Take @frame, which is in @queue, out of it. */
void frame_queue_remove(FrameQueue *queue, HeldFrame *frame);
/* Free all frames. */
void frame_queue_clear(FrameQueue *queue);
