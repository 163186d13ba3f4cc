/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Bitmaps of 64-bit words, with atomic operations for bits that several threads set. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORD_BITS 64u

static inline size_t bitmap_words(size_t bits)
{
    return (bits + BITMAP_WORD_BITS - 1) / BITMAP_WORD_BITS;
}

/* A zeroed bitmap of @bits bits; free with g_free(). */
static inline uint64_t *bitmap_new(size_t bits)
{
    return g_new0(uint64_t, bitmap_words(bits));
}

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
    uint64_t word = __atomic_load_n(&map[bit / BITMAP_WORD_BITS], __ATOMIC_RELAXED);
    return word >> (bit % BITMAP_WORD_BITS) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t bit)
{
    map[bit / BITMAP_WORD_BITS] |= UINT64_C(1) << (bit % BITMAP_WORD_BITS);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
    map[bit / BITMAP_WORD_BITS] &= ~(UINT64_C(1) << (bit % BITMAP_WORD_BITS));
}

/* Set atomically; returns whether the bit was set before. */
static inline bool bitmap_set_atomic(uint64_t *map, size_t bit)
{
    uint64_t mask = UINT64_C(1) << (bit % BITMAP_WORD_BITS);
    return __atomic_fetch_or(&map[bit / BITMAP_WORD_BITS], mask, __ATOMIC_SEQ_CST) & mask;
}

/* Clear atomically; returns whether the bit was set before. */
static inline bool bitmap_clear_atomic(uint64_t *map, size_t bit)
{
    uint64_t mask = UINT64_C(1) << (bit % BITMAP_WORD_BITS);
    return __atomic_fetch_and(&map[bit / BITMAP_WORD_BITS], ~mask, __ATOMIC_SEQ_CST) & mask;
}

/* Set bits [@first, @first + @count). */
void bitmap_set_range(uint64_t *map, size_t first, size_t count);
void bitmap_clear_range(uint64_t *map, size_t first, size_t count);

/* The first set (clear) bit at or after @start, or @bits when there is none. */
size_t bitmap_find_next(const uint64_t *map, size_t bits, size_t start);
size_t bitmap_find_next_zero(const uint64_t *map, size_t bits, size_t start);

/* How many of the first @bits bits are set. */
size_t bitmap_count(const uint64_t *map, size_t bits);
