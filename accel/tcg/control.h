/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Control registers, debug registers by number, model specific registers. */
#pragma once

#include "accel/tcg/engine.h"

/* Raise #GP(0) or #UD for values and numbers that the processor refuses; e->op is set. */
uint64_t control_register_read(Engine *e, unsigned number);
void control_register_write(Engine *e, unsigned number, uint64_t value);
uint64_t debug_register_read(Engine *e, unsigned number);
void debug_register_write(Engine *e, unsigned number, uint64_t value);

/* False: no such MSR or a value it refuses. */
bool msr_read(Engine *e, uint32_t number, uint64_t *value);
bool msr_write(Engine *e, uint32_t number, uint64_t value);
