/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The map of memory that firmware hands to the guest (ACPI 6.4, chapter 15, "INT 15H, E820H"). */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum E820Type {
    E820_RAM = 1,
    E820_RESERVED = 2,
} E820Type;

#define E820_ENTRY_SIZE  20u /* bytes in the table: base, length, type, little endian, packed */
#define E820_ENTRIES_MAX 16u

typedef struct E820Map {
    unsigned count;
    struct {
        uint64_t base, length; /* bytes */
        E820Type type;
    } entries[E820_ENTRIES_MAX];
} E820Map;

/* Append a range; asserts that there is room. An empty range is left out. */
void e820_add(E820Map *map, uint64_t base, uint64_t length, E820Type type);

/* Write the table of @map->count * E820_ENTRY_SIZE bytes. */
void e820_store(const E820Map *map, void *table);
