/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The code cache: finding blocks by where their code is, dropping them when it changes, and the
 * jumps between them.
 *
 * A block is found by the host address of its code, its RIP and its mode flags, so it stays good
 * across changes of page tables and across loads of a checkpoint that leave its page alone. What
 * depends on page tables are the ways to it: links in jumps and the jump cache. They are dropped
 * with the TLB.
 */
#pragma once

#include "accel/tcg/engine.h"
#include "util/bitmap.h"

CodeCache *code_cache_new(void);
void code_cache_free(CodeCache *cache);

/* The block at @pc for the current mode, translated if need be. Raises faults of the fetch. */
const Block *block_find(Engine *e, uint64_t pc);
/* The same limited to one instruction, for single-stepping. */
const Block *block_find_single(Engine *e, uint64_t pc);

/* Remember @block for indirect jumps to @pc. */
void block_cache_jump(Engine *e, uint64_t pc, const Block *block);

/* Point the jump @op at @block; good while the target's mapping is (@same_page: for ever). */
void block_link(Engine *e, Op *op, const Block *block, bool same_page);

/* Drop links and jump cache: all, or only those to pages that are not global. */
void block_jumps_flush(Engine *e, bool keep_global);

/* Does no vCPU hold translations of code in this page? */
static inline bool block_page_is_plain(const RAMBlock *block, uint64_t page)
{
    return bitmap_test(block->dirty[DIRTY_CODE], page);
}

/* A vCPU stores to a page with code: drop the blocks of all vCPUs that the bytes belong to. */
void block_store_to_code(RAMBlock *block, uint64_t offset, unsigned length);

/* Drop all blocks of a page, of all vCPUs. */
void block_drop_page(RAMBlock *block, uint64_t page);
/* Drop all blocks of one vCPU. Not while it runs one. */
void block_drop_all(Engine *e);

/* Counters for tests and statistics. */
typedef struct CodeCacheStatistics {
    uint64_t blocks_translated;
    uint64_t instructions_translated;
    uint64_t flushes; /* because the cache was full */
    size_t bytes_used;
} CodeCacheStatistics;
void code_cache_statistics(const CodeCache *cache, CodeCacheStatistics *statistics);
