/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Sets of TCP sequence positions. */
#include <string.h>

#include "net/packet.h"
#include "net/sequence-set.h"

static bool before(uint32_t a, uint32_t b)
{
    return tcp_sequence_difference(a, b) < 0;
}

static void remove_at(SequenceSet *set, unsigned at, unsigned count)
{
    memmove(&set->ranges[at], &set->ranges[at + count],
            (set->count - at - count) * sizeof(set->ranges[0]));
    set->count -= count;
}

static void insert_at(SequenceSet *set, unsigned at, SequenceRange range)
{
    if (set->count == SEQUENCE_SET_RANGES) {
        remove_at(set, 0, 1);
        at -= at > 0;
    }
    memmove(&set->ranges[at + 1], &set->ranges[at], (set->count - at) * sizeof(set->ranges[0]));
    set->ranges[at] = range;
    set->count++;
}

static void limit_span(SequenceRange *range)
{
    if (range->end - range->begin > SEQUENCE_SET_SPAN) {
        range->begin = range->end - SEQUENCE_SET_SPAN;
    }
}

/* Forget the ranges that the stream has left so far behind that the order could turn round. */
static void forget_far(SequenceSet *set)
{
    uint32_t end = set->ranges[set->count - 1].end;

    while (set->count > 1 && end - set->ranges[0].begin > SEQUENCE_SET_SPAN) {
        remove_at(set, 0, 1);
    }
}

void sequence_set_add(SequenceSet *set, uint32_t begin, uint32_t end)
{
    unsigned at = 0;
    unsigned last;

    while (at < set->count && before(set->ranges[at].end, begin)) {
        at++;
    }
    for (last = at; last < set->count && !before(end, set->ranges[last].begin); last++) {
        begin = before(set->ranges[last].begin, begin) ? set->ranges[last].begin : begin;
        end = before(end, set->ranges[last].end) ? set->ranges[last].end : end;
    }
    SequenceRange range = { begin, end };
    limit_span(&range);
    if (last > at) {
        set->ranges[at] = range;
        remove_at(set, at + 1, last - at - 1);
    } else {
        insert_at(set, at, range);
    }
    forget_far(set);
}

bool sequence_set_covers(const SequenceSet *set, uint32_t begin, uint32_t end)
{
    if (begin == end) {
        return true;
    }
    for (unsigned i = 0; i < set->count; i++) {
        const SequenceRange *range = &set->ranges[i];
        if (begin - range->begin < range->end - range->begin &&
            end - range->begin <= range->end - range->begin) {
            return true;
        }
    }
    return false;
}
