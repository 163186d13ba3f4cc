/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* How exec_vector() finds its operands: in dst, src and imm of the operation behind it. */
#pragma once

#include <stdint.h>

#define VECTOR_OPERAND_NONE   UINT16_C(0xffff)
#define VECTOR_OPERAND_MEMORY UINT16_C(0xfffe)
