/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Frames that wait for a client, in order, bounded in number and bytes. A queue also keeps a
 * receiver from being entered again while it receives: what is sent to it then waits until it has
 * returned. BQL.
 */
#pragma once

#include "net/net.h"

#define NET_QUEUE_FRAMES_MAX 1024
#define NET_QUEUE_BYTES_MAX  (16 * 1024 * 1024)

typedef struct NetQueue NetQueue;

NetQueue *net_queue_new(NetClient *receiver);
/*
 * The receiver goes: nothing reaches it any more. Senders that wait are told, as if their frames
 * had been taken.
 */
void net_queue_close(NetQueue *queue);

/* Deliver now, or keep a copy; see net_send() for the result. Offloads are as the receiver wants.
 */
NetResult net_queue_send(NetQueue *queue, NetClient *sender, const NetFrame *frame, NetSent *sent);
/* The receiver may have room: deliver until it has none. */
void net_queue_flush(NetQueue *queue);
/* Drop what @sender has sent; @tell: call its `sent` functions. */
void net_queue_purge(NetQueue *queue, NetClient *sender, bool tell);
/* How many frames wait. */
unsigned net_queue_length(const NetQueue *queue);
