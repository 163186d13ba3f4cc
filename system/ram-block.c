/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* RAM blocks: the memory that guests see and that migration copies. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system/bql.h"
#include "system/memory.h"
#include "util/bitmap.h"
#include "util/report.h"

static GPtrArray *block_list;

GPtrArray *ram_blocks(void)
{
    if (!block_list) {
        block_list = g_ptr_array_new();
    }
    return block_list;
}

RAMBlock *ram_block_find(const char *name)
{
    GPtrArray *blocks = ram_blocks();

    for (guint i = 0; i < blocks->len; i++) {
        RAMBlock *block = g_ptr_array_index(blocks, i);
        if (!strcmp(block->name, name)) {
            return block;
        }
    }
    return NULL;
}

uint64_t ram_total_bytes(void)
{
    GPtrArray *blocks = ram_blocks();
    uint64_t total = 0;

    for (guint i = 0; i < blocks->len; i++) {
        total += ((RAMBlock *)g_ptr_array_index(blocks, i))->size;
    }
    return total;
}

static uint8_t *map_anonymous(const char *name, uint64_t size, GError **error)
{
    void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (host == MAP_FAILED) {
        qc_error_set_errno(error, errno,
                           "cannot set up guest memory '%s' of %" G_GUINT64_FORMAT " bytes", name,
                           size);
        return NULL;
    }
    return host;
}

RAMBlock *ram_block_new(const char *name, uint64_t size, GError **error)
{
    g_assert(bql_locked());
    if (!*name || strlen(name) > RAM_BLOCK_NAME_MAX) {
        qc_error_set(error, "memory block name '%s': expected 1 to %d characters", name,
                     RAM_BLOCK_NAME_MAX);
        return NULL;
    }
    if (ram_block_find(name)) {
        qc_error_set(error, "memory block '%s' exists already", name);
        return NULL;
    }
    size = (size + TARGET_PAGE_SIZE - 1) & TARGET_PAGE_MASK;
    uint8_t *host = map_anonymous(name, size, error);
    if (!host) {
        return NULL;
    }
    RAMBlock *block = g_new0(RAMBlock, 1);
    block->name = g_strdup(name);
    block->host = host;
    block->size = size;
    block->fd = -1;
    for (int client = 0; client < DIRTY_CLIENT_COUNT; client++) {
        block->dirty[client] = bitmap_new(ram_block_pages(block));
        bitmap_set_range(block->dirty[client], 0, ram_block_pages(block));
    }
    g_ptr_array_add(ram_blocks(), block);
    return block;
}

void ram_block_free(RAMBlock *block)
{
    g_assert(bql_locked());
    g_ptr_array_remove(ram_blocks(), block);
    munmap(block->host, block->size);
    if (block->fd >= 0) {
        close(block->fd);
    }
    for (int client = 0; client < DIRTY_CLIENT_COUNT; client++) {
        g_free(block->dirty[client]);
    }
    g_free(block->name);
    g_free(block);
}
