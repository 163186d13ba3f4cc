/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * 16550A serial ports (National Semiconductor PC16550D data sheet). All functions need the BQL.
 */
#pragma once

#include "chardev/char.h"
#include "hw/core/device.h"
#include "hw/char/char-output.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "util/timer.h"

/* User-visible type name. Properties: index (0..3), iobase, irq, chardev. */
#define TYPE_ISA_SERIAL "isa-serial"

#define ISA_SERIAL_COUNT 4u /* how many have a traditional address */

/*
 * Make COM@index+1 (0..3) at its traditional address with @chardev behind it (NULL: output
 * vanishes). Failure is fatal. Borrowed.
 */
Device *isa_serial_create(Bus *isa_bus, unsigned index, Chardev *chardev);

#define SERIAL_FIFO_SIZE 16u

/* The chip itself, embedded in the device that gives it an address and an interrupt. */
typedef struct Serial {
    MemoryRegion ports; /* eight of them */
    IRQ *irq;
    CharFrontend frontend;
    CharOutput output; /* behind the transmitter: what is on its way to the back end */
    Timer *receive_timeout;
    int64_t character_ns; /* time of one character on the line */

    uint16_t divisor;
    uint8_t interrupt_enable;
    uint8_t fifo_control;
    uint8_t line_control;
    uint8_t modem_control;
    uint8_t modem_status;
    uint8_t scratch;
    uint8_t line_errors; /* overrun, parity, framing, break bits of the line status */
    bool transmitter_empty_pending;
    bool receive_timeout_pending;

    /* Oldest first. Errors belong to the character of the same place. */
    uint32_t receive_count;
    uint8_t receive_data[SERIAL_FIFO_SIZE];
    uint8_t receive_errors[SERIAL_FIFO_SIZE];
    uint32_t transmit_count;
    uint8_t transmit_data[SERIAL_FIFO_SIZE];
    /* The counts as they travel; they count only once they were checked. */
    uint32_t wire_receive_count, wire_transmit_count;
} Serial;

/* Connect the chip's line to @chardev (may be NULL). It lives as long as the process. */
bool serial_realize(Serial *serial, Chardev *chardev, GError **error);
void serial_reset(Serial *serial);

extern const VMStateDescription vmstate_serial;
