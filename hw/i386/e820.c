/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The e820 map of memory. */

#include "e820.h"

#include <glib.h>

#include "util/bytes.h"

void e820_add(E820Map *map, uint64_t base, uint64_t length, E820Type type)
{
    if (length == 0) {
        return;
    }
    g_assert(map->count < E820_ENTRIES_MAX);
    map->entries[map->count].base = base;
    map->entries[map->count].length = length;
    map->entries[map->count].type = type;
    map->count++;
}

void e820_store(const E820Map *map, void *table)
{
    uint8_t *p = table;

    for (unsigned i = 0; i < map->count; i++, p += E820_ENTRY_SIZE) {
        store_le64(p, map->entries[i].base);
        store_le64(p + 8, map->entries[i].length);
        store_le32(p + 16, map->entries[i].type);
    }
}
