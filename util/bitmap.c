/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Searches and ranges in bitmaps of 64-bit words. */
#include "util/bitmap.h"

/* The bits of the word that holds @first which belong to [@first, @end). */
static uint64_t range_mask(size_t first, size_t end)
{
    size_t shift = first % BITMAP_WORD_BITS;
    size_t length = MIN(end - first, BITMAP_WORD_BITS - shift);

    return (length == BITMAP_WORD_BITS ? ~UINT64_C(0) : (UINT64_C(1) << length) - 1) << shift;
}

void bitmap_set_range(uint64_t *map, size_t first, size_t count)
{
    size_t end = first + count;

    while (first < end) {
        map[first / BITMAP_WORD_BITS] |= range_mask(first, end);
        first = (first / BITMAP_WORD_BITS + 1) * BITMAP_WORD_BITS;
    }
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t count)
{
    size_t end = first + count;

    while (first < end) {
        map[first / BITMAP_WORD_BITS] &= ~range_mask(first, end);
        first = (first / BITMAP_WORD_BITS + 1) * BITMAP_WORD_BITS;
    }
}

/* The first bit at or after @start that is set once each word is XOR-ed with @flip. */
static size_t find_next(const uint64_t *map, size_t bits, size_t start, uint64_t flip)
{
    if (start >= bits) {
        return bits;
    }
    size_t index = start / BITMAP_WORD_BITS;
    uint64_t word = (__atomic_load_n(&map[index], __ATOMIC_RELAXED) ^ flip) &
                    (~UINT64_C(0) << (start % BITMAP_WORD_BITS));

    while (!word) {
        if (++index >= bitmap_words(bits)) {
            return bits;
        }
        word = __atomic_load_n(&map[index], __ATOMIC_RELAXED) ^ flip;
    }
    return MIN(bits, index * BITMAP_WORD_BITS + (size_t)__builtin_ctzll(word));
}

size_t bitmap_find_next(const uint64_t *map, size_t bits, size_t start)
{
    return find_next(map, bits, start, 0);
}

size_t bitmap_find_next_zero(const uint64_t *map, size_t bits, size_t start)
{
    return find_next(map, bits, start, ~UINT64_C(0));
}

size_t bitmap_count(const uint64_t *map, size_t bits)
{
    size_t count = 0;
    size_t whole = bits / BITMAP_WORD_BITS;

    for (size_t i = 0; i < whole; i++) {
        count += (size_t)__builtin_popcountll(map[i]);
    }
    if (bits % BITMAP_WORD_BITS) {
        count += (size_t)__builtin_popcountll(map[whole] & range_mask(0, bits % BITMAP_WORD_BITS));
    }
    return count;
}
