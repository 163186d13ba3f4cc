/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A bounded set of TCP sequence positions, as ranges in order. All arithmetic is modulo 2^32;
 * what is more than 1 GiB (the largest window) behind the end of a range is forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SEQUENCE_SET_RANGES 32
#define SEQUENCE_SET_SPAN   (UINT32_C(1) << 30)

typedef struct SequenceRange {
    uint32_t begin, end; /* end is exclusive */
} SequenceRange;

/* Zeroed: empty. One range, the usual case, needs no memory of its own. */
typedef struct SequenceSet {
    SequenceRange *many; /* SEQUENCE_SET_RANGES of them; NULL: `one` is meant */
    SequenceRange one;
    unsigned count;
} SequenceSet;

void sequence_set_clear(SequenceSet *set);

/* Add [begin, end). The range with the lowest positions makes room in a full set. */
void sequence_set_add(SequenceSet *set, uint32_t begin, uint32_t end);

/* How many positions of [begin, end) are in the set before the first one that is not? */
uint32_t sequence_set_prefix(const SequenceSet *set, uint32_t begin, uint32_t end);

/* Is all of [begin, end) in the set? An empty range always is. */
static inline bool sequence_set_covers(const SequenceSet *set, uint32_t begin, uint32_t end)
{
    return sequence_set_prefix(set, begin, end) == end - begin;
}
