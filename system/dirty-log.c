/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Dirty-page tracking.
 *
 * vCPUs set a bit on the first store to a clean page. A sync moves the bits to the consumer and
 * then waits until each vCPU has forgotten that those pages were reported; the consumer reads a
 * page's content only after that, so a store that came in between is in the content it reads.
 */
#include "accel/accel.h"
#include "system/bql.h"
#include "system/cpus.h"
#include "system/memory.h"
#include "trace-system.h"
#include "util/bitmap.h"

/* DirtyClient bits; written with the BQL, read by vCPUs. */
static unsigned tracking_clients = 1u << DIRTY_CODE;

bool dirty_log_enabled(DirtyClient client)
{
    return __atomic_load_n(&tracking_clients, __ATOMIC_RELAXED) & 1u << client;
}

static void cleared_on_vcpu(VCPU *vcpu, void *opaque)
{
    accel_ops()->dirty_log_cleared(vcpu);
}

/* Make every vCPU report the next store to each clean page. */
static void forget_reports(void)
{
    const AccelOps *ops = accel_ops();

    if (!ops || !ops->dirty_log_cleared) {
        return;
    }
    vcpus_run_on_all(cleared_on_vcpu, NULL);
}

void dirty_log_start(DirtyClient client)
{
    const AccelOps *ops = accel_ops();

    g_assert(bql_locked());
    __atomic_fetch_or(&tracking_clients, 1u << client, __ATOMIC_SEQ_CST);
    if (ops && ops->dirty_log_start) {
        ops->dirty_log_start();
    }
    forget_reports();
    trace_dirty_log_start(client);
}

void dirty_log_stop(DirtyClient client)
{
    const AccelOps *ops = accel_ops();

    g_assert(bql_locked() && client != DIRTY_CODE);
    __atomic_fetch_and(&tracking_clients, ~(1u << client), __ATOMIC_SEQ_CST);
    if (ops && ops->dirty_log_stop) {
        ops->dirty_log_stop();
    }
    trace_dirty_log_stop(client);
}

/*
 * Move the bits; *@found says whether there were any, even if none was new to @destination:
 * the vCPUs hold those pages for reported too.
 */
static uint64_t harvest(const RAMBlock *block, DirtyClient client, uint64_t *destination,
                        bool *found)
{
    uint64_t *source = block->dirty[client];
    size_t words = bitmap_words(ram_block_pages(block));
    uint64_t newly_set = 0;

    *found = false;
    for (size_t i = 0; i < words; i++) {
        if (!__atomic_load_n(&source[i], __ATOMIC_RELAXED)) {
            continue;
        }
        uint64_t bits = __atomic_exchange_n(&source[i], 0, __ATOMIC_SEQ_CST);
        *found = true;
        newly_set += (uint64_t)__builtin_popcountll(bits & ~destination[i]);
        destination[i] |= bits;
    }
    return newly_set;
}

uint64_t dirty_log_sync(DirtyClient client, RAMBlock *block, uint64_t *destination)
{
    const AccelOps *ops = accel_ops();

    g_assert(!bql_locked() || vcpus_all_stopped());
    if (ops && ops->dirty_log_fetch) {
        ops->dirty_log_fetch(client, block);
    }
    bool found;
    uint64_t newly_set = harvest(block, client, destination, &found);
    if (found) {
        bool locked = bql_locked();
        if (!locked) {
            bql_lock();
        }
        forget_reports();
        if (!locked) {
            bql_unlock();
        }
    }
    trace_dirty_log_sync(client, block->name, newly_set);
    return newly_set;
}

/* Tell those of @clients that track (DirtyClient bits) and the accelerator. */
static void note_written(RAMBlock *block, uint64_t offset, uint64_t length, unsigned clients)
{
    const AccelOps *ops = accel_ops();

    if (!length) {
        return;
    }
    clients &= __atomic_load_n(&tracking_clients, __ATOMIC_RELAXED);
    uint64_t first = offset >> TARGET_PAGE_BITS;
    uint64_t last = (offset + length - 1) >> TARGET_PAGE_BITS;
    for (int client = 0; client < DIRTY_CLIENT_COUNT; client++) {
        if (!(clients & 1u << client)) {
            continue;
        }
        for (uint64_t page = first; page <= last; page++) {
            bitmap_set_atomic(block->dirty[client], page);
        }
    }
    if (ops && ops->pages_written) {
        ops->pages_written(block, first, last - first + 1);
    }
}

void ram_block_written(RAMBlock *block, uint64_t offset, uint64_t length)
{
    note_written(block, offset, length, 1u << DIRTY_MIGRATION | 1u << DIRTY_DISPLAY);
}

void ram_block_loaded(RAMBlock *block, uint64_t offset, uint64_t length)
{
    note_written(block, offset, length, 1u << DIRTY_DISPLAY);
}

bool dirty_page_needs_report(const RAMBlock *block, uint64_t page)
{
    unsigned clients = __atomic_load_n(&tracking_clients, __ATOMIC_RELAXED);

    for (int client = 0; client < DIRTY_CLIENT_COUNT; client++) {
        if (clients & 1u << client && !bitmap_test(block->dirty[client], page)) {
            return true;
        }
    }
    return false;
}

void dirty_page_report(RAMBlock *block, uint64_t page)
{
    unsigned clients = __atomic_load_n(&tracking_clients, __ATOMIC_RELAXED);

    for (int client = 0; client < DIRTY_CLIENT_COUNT; client++) {
        if (client != DIRTY_CODE && clients & 1u << client) {
            bitmap_set_atomic(block->dirty[client], page);
        }
    }
}
