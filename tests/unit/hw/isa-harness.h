/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A bare ISA bus for device tests: ports are accessed directly, lines are recorded, time stands
 * still until it is moved. */
#pragma once

#include "hw/isa/isa.h"
#include "migration/vmstate.h"
#include "system/runstate.h"

typedef struct ISAHarness {
    Bus *bus;
    IRQ lines[ISA_IRQ_COUNT];
    int level[ISA_IRQ_COUNT];
    unsigned rises[ISA_IRQ_COUNT]; /* how often the line went up */
    unsigned reset_requests, shutdown_requests;
} ISAHarness;

/* The one harness of the process; made by the first call. */
ISAHarness *isa_harness(void);

uint8_t port_read8(uint16_t port);
uint16_t port_read16(uint16_t port);
uint32_t port_read32(uint16_t port);
void port_write8(uint16_t port, uint8_t value);
void port_write16(uint16_t port, uint16_t value);

/* Let the virtual clock go on. */
void clock_advance_ns(int64_t ns);
/* Run what the main loop has to do now. */
void run_pending(void);

/*
 * Save @device, change its registers by random accesses to [@first, @first + @count), load what
 * was saved: saving again must give the same bytes.
 */
void check_state_round_trip(Device *device, uint16_t first, uint16_t count);
/*
 * Load random and damaged states, use the ports, load again: nothing may crash, and the good state
 * must load afterwards.
 */
void check_hostile_states(Device *device, uint16_t first, uint16_t count);
