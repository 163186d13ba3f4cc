/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A virtio device without a transport's registers, and the driver's side of one ring in guest
 * memory: tests write descriptors and indexes as they like.
 */
#pragma once

#include "hw/virtio/virtio-internal.h"

#define RING_SIZE 8u

/* Guest memory: RAM with everything in it, ROM, and two blocks of RAM that touch. */
#define RAM_SIZE   UINT64_C(0x100000)
#define ROM_BASE   UINT64_C(0x200000)
#define TWIN_BASE  UINT64_C(0x300000)
#define BLOCK_SIZE UINT64_C(0x10000)
#define TWIN_MID   (TWIN_BASE + BLOCK_SIZE)
#define HOLE       UINT64_C(0x800000)

#define DESCRIPTORS UINT64_C(0x1000)
#define AVAILABLE   UINT64_C(0x2000)
#define USED        UINT64_C(0x3000)
#define INDIRECT    UINT64_C(0x4000)
#define BUFFERS     UINT64_C(0x10000)

#define F_NEXT     1
#define F_WRITE    2
#define F_INDIRECT 4

#define FEATURE(bit)    (UINT64_C(1) << (bit))
#define MODERN_FEATURES (FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_INDIRECT_DESC))

typedef struct Harness {
    VirtIODevice *device;
    VirtQueue *queue;
    RAMBlock *ram, *rom, *twins[2];
    unsigned queue_interrupts, config_interrupts;
    uint16_t vector;   /* of the last one */
    unsigned handled;  /* calls of the queue's handler */
    unsigned deferred; /* and of that of queue 1, which runs in the main loop */
    uint16_t next_available;
} Harness;

/* The one harness of the process. */
Harness *harness(void);
/* Reset the device, clear RAM, negotiate @features, enable the ring at its usual place. */
Harness *fresh(uint64_t features);

void put_descriptor(uint64_t table, unsigned n, uint64_t address, uint32_t length, uint16_t flags,
                    uint16_t next);
/* The driver makes the chain that begins at @head available. */
void offer(uint16_t head);
/* One descriptor of @length bytes at BUFFERS, made available as chain @head. */
void offer_simple(uint16_t head, uint32_t length, uint16_t flags);
uint16_t used_index(void);
uint32_t used_id(unsigned slot);
uint32_t used_length(unsigned slot);
uint16_t guest_load16(uint64_t address);
void guest_store16(uint64_t address, uint16_t value);
void run_pending(void);
