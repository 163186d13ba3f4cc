/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A driver for virtio devices on PCI, for tests over the qtest protocol. */
#pragma once

#include "libqtest.h"

enum {
    QVIRTIO_ACKNOWLEDGE = 1,
    QVIRTIO_DRIVER = 2,
    QVIRTIO_DRIVER_OK = 4,
    QVIRTIO_FEATURES_OK = 8,
    QVIRTIO_NEEDS_RESET = 64,
};

enum {
    QVIRTIO_F_NEXT = 1,
    QVIRTIO_F_WRITE = 2,
};

typedef struct QVirtIO {
    QTestState *qtest;
    uint8_t devfn;
    bool legacy;                     /* which interface is driven */
    uint16_t ports;                  /* BAR 0 */
    uint64_t memory;                 /* BAR 4 */
    uint64_t msix;                   /* BAR 1 */
    uint8_t msix_capability, window; /* in configuration space; 0: none */
    uint64_t common, isr, config, notify;
    uint32_t notify_multiplier;
} QVirtIO;

typedef struct QVirtQueue {
    QVirtIO *device;
    uint16_t index, size;
    uint64_t descriptors, available, used;
    uint16_t offered, next_descriptor;
} QVirtQueue;

uint32_t qpci_config_read(QTestState *qtest, uint8_t devfn, uint8_t offset);
void qpci_config_write(QTestState *qtest, uint8_t devfn, uint8_t offset, uint32_t value);

/* Find the function's BARs and capabilities and let it work. */
QVirtIO qvirtio_find(QTestState *qtest, uint8_t devfn, bool legacy);
uint8_t qvirtio_status(const QVirtIO *device);
void qvirtio_set_status(const QVirtIO *device, uint8_t status);
uint64_t qvirtio_offered(const QVirtIO *device);
/* Up to FEATURES_OK where there is such a thing; returns the status then. */
uint8_t qvirtio_negotiate(const QVirtIO *device, uint64_t features);
void qvirtio_driver_ok(const QVirtIO *device);
/* Read the interrupt status, which acknowledges. */
uint8_t qvirtio_isr(const QVirtIO *device);
/* Enable MSI-X with @vector of @device sent as interrupt @interrupt to processor 0. */
void qvirtio_enable_msix(const QVirtIO *device, unsigned vector, uint8_t interrupt);

/* Set up queue @index with its memory from @address on (16 KiB), interrupts by @vector. */
QVirtQueue qvirtio_queue(QVirtIO *device, uint16_t index, uint64_t address, uint16_t vector);
/* One chain of one buffer; returns its head. Not notified. */
uint16_t qvirtio_offer(QVirtQueue *queue, uint64_t address, uint32_t length, uint16_t flags);
void qvirtio_notify(const QVirtQueue *queue);
uint16_t qvirtio_used_index(const QVirtQueue *queue);
/* Length in used entry @n (counted from 0, without end). */
uint32_t qvirtio_used_length(const QVirtQueue *queue, uint16_t n);
