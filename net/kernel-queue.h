/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Packets that the host's kernel has queued for us (libnetfilter_queue): each waits in the kernel
 * for a verdict. One thread uses a queue: the one that runs its context. No lock needed.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the Ethernet header that is put in front of queued packets, which begin with IP. */
#define KERNEL_QUEUE_HEADER 14

typedef struct KernelQueue KernelQueue;

typedef struct KernelQueueOps {
    /*
     * A packet as a frame, its addresses zero: it needs a verdict, now or later. Borrowed, and
     * may be changed. Must not free the queue.
     */
    void (*packet)(uint32_t id, uint8_t *frame, size_t size, void *opaque);
    /* The kernel had to drop packets: the queue was full. */
    void (*lost)(void *opaque);
} KernelQueueOps;

/*
 * Take packets of queue @number (of this network namespace), at most @limit at a time in the
 * kernel. Errors: no permission, the queue has a listener already.
 */
KernelQueue *kernel_queue_new(uint16_t number, unsigned limit, GMainContext *context,
                              const KernelQueueOps *ops, void *opaque, GError **error);
/* Close: what waits for a verdict gets what the rule says (bypass: accepted). */
void kernel_queue_free(KernelQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KernelQueue, kernel_queue_free)
/* Take what is there already, without waiting. */
void kernel_queue_drain(KernelQueue *queue);
/* Let the packet @id go, or drop it. */
void kernel_queue_verdict(KernelQueue *queue, uint32_t id, bool accept);
