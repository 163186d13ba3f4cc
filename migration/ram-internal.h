/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The format of the `ram` section and what its saver and loader share. */
#pragma once

#include "migration/ram.h"
#include "migration/savevm.h"

#define RAM_SECTION_NAME    "ram"
#define RAM_SECTION_VERSION 4

/* Flags in the low bits of a page's address word. */
#define RAM_FLAG_ZERO     0x02u  /* a page of one repeated byte: the byte follows */
#define RAM_FLAG_SIZE     0x04u  /* total size; the list of blocks follows */
#define RAM_FLAG_PAGE     0x08u  /* the page's content follows */
#define RAM_FLAG_END      0x10u  /* end of the section */
#define RAM_FLAG_CONTINUE 0x20u  /* same block as before; else the block's name follows */
#define RAM_FLAG_RUN      0x400u /* only where a peer of ours reads: be64 pages, their content */
#define RAM_FLAGS_MASK    (TARGET_PAGE_SIZE - 1)

extern const SavevmLiveOps ram_live_ops;

bool ram_load(MigrationReader *reader, int version, void *opaque, GError **error);

/* Counters, see RAMStatistics; relaxed atomics. */
extern RAMStatistics ram_statistics;

static inline void ram_statistics_add(uint64_t *counter, uint64_t amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

static inline void ram_statistics_set(uint64_t *counter, uint64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}
