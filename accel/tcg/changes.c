/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Pages that change behind the engines' back; see changes.h. */
#include "accel/tcg/changes.h"

#include "accel/tcg/block.h"
#include "accel/tcg/memory.h"

/* More pages than this: all translations go. */
#define CHANGES_MAX 4096

/* Pages [first, first + count) of `block`. */
typedef struct PageRange {
    RAMBlock *block;
    uint64_t first, count;
} PageRange;

static GMutex lock;
static PageRange ranges[CHANGES_MAX]; /* under `lock` */
static unsigned range_count;
static bool too_many;
static uint32_t pending; /* atomic: there is something under `lock` */

static void note(const PageRange *range)
{
    g_mutex_lock(&lock);
    if (range_count < CHANGES_MAX) {
        ranges[range_count++] = *range;
    } else {
        too_many = true;
    }
    g_mutex_unlock(&lock);
    __atomic_store_n(&pending, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < engines_all()->len; i++) {
        const Engine *engine = g_ptr_array_index(engines_all(), i);
        vcpu_kick(&engine->cpu->vcpu);
    }
}

/* Only the stretches with code in them matter; mostly there are none. */
void changes_note_written(RAMBlock *block, uint64_t first, uint64_t count)
{
    uint64_t end = first + count;

    for (;;) {
        first = bitmap_find_next_zero(block->dirty[DIRTY_CODE], end, first);
        if (first >= end) {
            return;
        }
        uint64_t after = MIN(bitmap_find_next(block->dirty[DIRTY_CODE], end, first), end);
        PageRange range = { block, first, after - first };
        note(&range);
        first = after;
    }
}

static void drop_everything(void)
{
    for (unsigned i = 0; i < engines_all()->len; i++) {
        Engine *engine = g_ptr_array_index(engines_all(), i);
        block_drop_all(engine);
        tlb_protect_all(engine);
    }
}

static void drop_range(const PageRange *range)
{
    for (uint64_t page = range->first; page < range->first + range->count; page++) {
        if (!block_page_is_plain(range->block, page)) {
            block_drop_page(range->block, page);
        }
    }
}

void changes_take(void)
{
    if (!__atomic_exchange_n(&pending, 0, __ATOMIC_SEQ_CST)) {
        return;
    }
    g_mutex_lock(&lock);
    if (too_many) {
        drop_everything();
    } else {
        for (unsigned i = 0; i < range_count; i++) {
            drop_range(&ranges[i]);
        }
    }
    range_count = 0;
    too_many = false;
    g_mutex_unlock(&lock);
}
