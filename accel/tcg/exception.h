/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Exceptions and interrupts: raising and delivering (Intel SDM vol. 3, chapter 6). */
#pragma once

#include "accel/tcg/engine.h"
#include <inttypes.h>

/* Raise a fault at the current instruction (e->op, or e->rip when that is NULL). */
G_NORETURN void raise_exception(Engine *e, unsigned vector);
G_NORETURN void raise_exception_error(Engine *e, unsigned vector, uint32_t error_code);
G_NORETURN void raise_page_fault(Engine *e, uint64_t address, uint32_t error_code);

/* The engine cannot go on: say why with the state, stop the vCPU. */
G_NORETURN void engine_fail(Engine *e, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* What longjmp() to Engine.fault brings. */
enum {
    FAULT_EXCEPTION = 1, /* deliver e->exception */
    FAULT_STOP = 2,      /* e->stop says why */
};

/* Deliver e->exception, raised at e->rip; handles double and triple faults. */
void exception_deliver(Engine *e);

/* INT n, INT3, INTO: deliver @vector with the return address e->rip, checking the gate's DPL. */
void software_interrupt_deliver(Engine *e, unsigned vector);
/* A trap (single step, data breakpoint, INT1): the return address is e->rip. */
void trap_deliver(Engine *e, unsigned vector);
/* External interrupt or NMI between instructions. */
void external_interrupt_deliver(Engine *e, unsigned vector);
