/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Guest bytes to decoded instructions. */
#pragma once

#include "accel/tcg/engine.h"
#include <Zydis/Zydis.h>

#define BLOCK_INSTRUCTIONS_MAX 32

typedef enum DecodeStatus {
    DECODE_OK,
    DECODE_UNDEFINED,    /* #UD */
    DECODE_TOO_LONG,     /* #GP(0) */
    DECODE_BEYOND_LIMIT, /* #GP(0) */
} DecodeStatus;

typedef struct DecodedInstruction {
    DecodeStatus status;
    uint16_t pc_offset; /* from the block's start */
    bool flags_live;    /* somebody may look at the arithmetic flags that it writes */
    ZydisDecodedInstruction info;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
} DecodedInstruction;

struct DecodedBlock {
    unsigned count;
    unsigned bytes;
    const uint8_t *second_page; /* when the only instruction crosses a page */
    bool ends_with_transfer;    /* the last instruction always goes elsewhere */
    DecodedInstruction instructions[BLOCK_INSTRUCTIONS_MAX];
};

DecodedBlock *decoded_block_new(void);
void decoded_block_free(DecodedBlock *decoded);

/*
 * Decode from @code (RIP @pc, mode @flags) to the first instruction that ends a block, the page's
 * end, or as many as fit. At least one; the first alone may cross into the next page, whose
 * fetch can fault.
 */
void decode_block(Engine *e, DecodedBlock *decoded, const uint8_t *code, uint64_t pc,
                  uint8_t flags);
