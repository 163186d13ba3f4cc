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

static SequenceRange *ranges_of(SequenceSet *set)
{
    return set->many ? set->many : &set->one;
}

static void remove_at(SequenceSet *set, unsigned at, unsigned count)
{
    SequenceRange *ranges = ranges_of(set);

    memmove(&ranges[at], &ranges[at + count], (set->count - at - count) * sizeof(ranges[0]));
    set->count -= count;
}

static void insert_at(SequenceSet *set, unsigned at, SequenceRange range)
{
    if (set->count == 1 && !set->many) {
        set->many = g_new(SequenceRange, SEQUENCE_SET_RANGES);
        set->many[0] = set->one;
    }
    if (set->count == SEQUENCE_SET_RANGES) {
        remove_at(set, 0, 1);
        at -= at > 0;
    }
    SequenceRange *ranges = ranges_of(set);
    memmove(&ranges[at + 1], &ranges[at], (set->count - at) * sizeof(ranges[0]));
    ranges[at] = range;
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
    SequenceRange *ranges = ranges_of(set);
    uint32_t end = ranges[set->count - 1].end;

    while (set->count > 1 && end - ranges[0].begin > SEQUENCE_SET_SPAN) {
        remove_at(set, 0, 1);
    }
}

static void shrink(SequenceSet *set)
{
    if (set->count == 1 && set->many) {
        set->one = set->many[0];
        g_clear_pointer(&set->many, g_free);
    }
}

/* Grow the only range, if that is all there is to do. */
static bool extend_one(SequenceSet *set, uint32_t begin, uint32_t end)
{
    SequenceRange *one = &set->one;

    if (set->count != 1 || set->many || before(begin, one->begin) || before(one->end, begin)) {
        return false;
    }
    one->end = before(one->end, end) ? end : one->end;
    limit_span(one);
    return true;
}

void sequence_set_clear(SequenceSet *set)
{
    g_clear_pointer(&set->many, g_free);
    set->count = 0;
}

void sequence_set_add(SequenceSet *set, uint32_t begin, uint32_t end)
{
    unsigned at = 0;
    unsigned last;
    SequenceRange *ranges = ranges_of(set);

    if (extend_one(set, begin, end)) {
        return;
    }
    while (at < set->count && before(ranges[at].end, begin)) {
        at++;
    }
    for (last = at; last < set->count && !before(end, ranges[last].begin); last++) {
        begin = before(ranges[last].begin, begin) ? ranges[last].begin : begin;
        end = before(end, ranges[last].end) ? ranges[last].end : end;
    }
    SequenceRange range = { begin, end };
    limit_span(&range);
    if (last > at) {
        ranges[at] = range;
        remove_at(set, at + 1, last - at - 1);
    } else {
        insert_at(set, at, range);
    }
    forget_far(set);
    shrink(set);
}

uint32_t sequence_set_prefix(const SequenceSet *set, uint32_t begin, uint32_t end)
{
    const SequenceRange *ranges = set->many ? set->many : &set->one;

    for (unsigned i = 0; i < set->count; i++) {
        if (begin - ranges[i].begin < ranges[i].end - ranges[i].begin) {
            return MIN(ranges[i].end - begin, end - begin);
        }
    }
    return 0;
}
