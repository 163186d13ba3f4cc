/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Decoded instructions to operations. */
#pragma once

#include "accel/tcg/decode.h"

/* An instruction becomes at most this many operations. */
#define TRANSLATE_OPS_PER_INSTRUCTION 8
#define TRANSLATE_OPS_MAX             (BLOCK_INSTRUCTIONS_MAX * TRANSLATE_OPS_PER_INSTRUCTION + 2)

/*
 * Make the block at @code (RIP @pc, mode @flags) in @block's memory, which holds
 * TRANSLATE_OPS_MAX operations. Returns the bytes used. May raise faults of the fetch.
 */
size_t translate_block(Engine *e, Block *block, const uint8_t *code, uint64_t pc, uint8_t flags);
