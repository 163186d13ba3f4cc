/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A virtio-net device between a driver that writes its rings in guest memory, without PCI, and a
 * back end that records what it gets.
 */
#pragma once

#include "hw/net/virtio-net-internal.h"
#include "hw/virtio/virtio-internal.h"

#define BIT_OF(feature) (UINT64_C(1) << (feature))
#define MODERN          BIT_OF(VIRTIO_F_VERSION_1)

enum { RING_RX, RING_TX, RING_CONTROL, RING_COUNT };

/* A piece of a chain: what the driver wrote, or room for the device. */
typedef struct Piece {
    const void *data; /* NULL: for the device to write */
    uint32_t size;
} Piece;

/* A frame that the back end got. */
typedef struct Received {
    VnetHeader header;
    size_t size;
    uint8_t data[];
} Received;

typedef struct NetHarness {
    VirtIONet *net;
    VirtIODevice *device;
    NetClient *backend;
    GPtrArray *received; /* Received */
    bool backend_full;   /* it takes nothing */
    unsigned refused;    /* frames that it did not take */
    uint32_t told_offloads;
    unsigned queue_interrupts[RING_COUNT];
    unsigned config_interrupts;
} NetHarness;

/* The one harness of the process; its VM runs. */
NetHarness *net_harness(void);
/* Reset the device, clear memory, negotiate @features and start the driver. */
NetHarness *fresh(uint64_t features);

/* Make a chain of @pieces available; returns its number. No notification. */
uint16_t ring_post(unsigned ring, const Piece *pieces, unsigned count);
void ring_kick(unsigned ring);
/* The next used chain: its number and length; false: there is none. */
bool ring_used(unsigned ring, uint16_t *head, uint32_t *written);
/* Where the data of piece @n of chain @head lies. */
const uint8_t *chain_data(unsigned ring, uint16_t head, unsigned n);
/* Room for the device of @size bytes in each of @count chains. */
void post_buffers(unsigned count, uint32_t size);

/* Run what the main loop has to do now. */
void run_pending(void);

/* A command on the control queue; returns the answer, -1: none came. */
int control(uint8_t class, uint8_t command, const void *data, uint32_t size);

/* Send @size bytes, of which the first 14 are an Ethernet header to @destination. */
void backend_send(const uint8_t destination[6], size_t size, const VnetHeader *header);
/* Byte @i of what backend_send() sends behind the Ethernet header. */
uint8_t pattern(size_t i);

void vm_set_running(bool running);
