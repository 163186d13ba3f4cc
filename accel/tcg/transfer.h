/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Transfers of control that change more than RIP: far jumps, calls and returns, IRET, SYSCALL and
 * SYSENTER. Each sets e->rip and the mode; on a fault nothing has changed. @size: operand size in
 * bytes. The caller has set e->op; @next is the address behind the instruction.
 */
#pragma once

#include "accel/tcg/engine.h"

void transfer_far_jump(Engine *e, uint16_t selector, uint64_t offset);
void transfer_far_call(Engine *e, uint16_t selector, uint64_t offset, unsigned size, uint64_t next);
/* @release: bytes of parameters to drop. */
void transfer_far_return(Engine *e, unsigned size, unsigned release);
void transfer_interrupt_return(Engine *e, unsigned size);
void transfer_syscall(Engine *e, uint64_t next);
void transfer_sysret(Engine *e, unsigned size);
void transfer_sysenter(Engine *e);
void transfer_sysexit(Engine *e, unsigned size);

/* Bits of RFLAGS that POPF or IRET of operand size @size may change at this privilege. */
uint64_t transfer_flags_mask(const Engine *e, unsigned size);
