/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Giving guest memory its pages while an incoming migration is awaited. Taken one by one as
 * their content arrives, they cost more time than the content itself.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "migration/ram.h"
#include "system/bql.h"
#include "trace-migration.h"
#include "util/report.h"

/* Bytes between two looks at `stop`. */
#define POPULATE_CHUNK (UINT64_C(4) << 20)

static GThread *thread; /* BQL */
static bool stop;       /* atomic */

/* Content stays as it is, whoever writes meanwhile. 0 or an errno value. */
static int populate_chunk(const RAMBlock *block, uint64_t offset)
{
    uint64_t length = MIN(POPULATE_CHUNK, block->size - offset);
    return madvise(block->host + offset, length, MADV_POPULATE_WRITE) == 0 ? 0 : errno;
}

static gpointer populate_thread(gpointer opaque)
{
    GPtrArray *blocks = opaque;
    uint64_t bytes = 0;
    int errnum = 0;
    for (unsigned i = 0; i < blocks->len; i++) {
        const RAMBlock *block = g_ptr_array_index(blocks, i);
        for (uint64_t offset = 0; offset < block->size && errnum == 0; offset += POPULATE_CHUNK) {
            if (__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
                return NULL;
            }
            errnum = populate_chunk(block, offset);
            bytes += errnum == 0 ? MIN(POPULATE_CHUNK, block->size - offset) : 0;
        }
    }
    trace_ram_populate(bytes, errnum);
    /* EINVAL: a kernel before 5.14; then pages come as they are needed. */
    if (errnum != 0 && errnum != EINVAL) {
        report_warning("guest memory has %" G_GUINT64_FORMAT " bytes that the host cannot provide "
                       "now (%s); the incoming migration may fail",
                       ram_total_bytes() - bytes, g_strerror(errnum));
    }
    return NULL;
}

void ram_populate_start(void)
{
    g_assert(bql_locked());
    if (!thread) {
        __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
        thread = g_thread_new("ram-populate", populate_thread, ram_blocks());
    }
}

void ram_populate_stop(void)
{
    g_assert(bql_locked());
    if (thread) {
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        g_thread_join(g_steal_pointer(&thread));
    }
}
