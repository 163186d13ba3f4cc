/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Debug registers; see debug.h. */
#include "accel/tcg/debug.h"
#include "accel/tcg/memory.h"

typedef enum BreakpointKind {
    BREAKPOINT_EXECUTE,
    BREAKPOINT_WRITE,
    BREAKPOINT_PORT,
    BREAKPOINT_ACCESS,
} BreakpointKind;

static bool breakpoint_enabled(const X86State *s, unsigned n)
{
    return (s->dr[7] >> (2 * n)) & 3;
}

static BreakpointKind breakpoint_kind(const X86State *s, unsigned n)
{
    return (s->dr[7] >> (16 + 4 * n)) & 3;
}

static unsigned breakpoint_length(const X86State *s, unsigned n)
{
    static const uint8_t lengths[] = { 1, 2, 8, 4 };

    return lengths[(s->dr[7] >> (18 + 4 * n)) & 3];
}

static bool is_data(BreakpointKind kind)
{
    return kind == BREAKPOINT_WRITE || kind == BREAKPOINT_ACCESS;
}

void debug_registers_changed(Engine *e)
{
    const X86State *s = e->state;
    bool watched = e->watch_data;

    e->watch_data = e->watch_code = false;
    for (unsigned n = 0; n < 4; n++) {
        if (breakpoint_enabled(s, n)) {
            e->watch_data |= is_data(breakpoint_kind(s, n));
            e->watch_code |= breakpoint_kind(s, n) == BREAKPOINT_EXECUTE;
        }
    }
    if (watched || e->watch_data) {
        tlb_flush_all(e);
    }
}

bool debug_code_hit(Engine *e, uint64_t address)
{
    X86State *s = e->state;
    bool hit = false;

    for (unsigned n = 0; n < 4; n++) {
        if (breakpoint_enabled(s, n) && breakpoint_kind(s, n) == BREAKPOINT_EXECUTE &&
            s->dr[n] == address) {
            s->dr[6] |= UINT64_C(1) << n;
            hit = true;
        }
    }
    return hit;
}

bool debug_page_is_watched(const Engine *e, uint64_t address)
{
    const X86State *s = e->state;

    for (unsigned n = 0; n < 4; n++) {
        if (breakpoint_enabled(s, n) && is_data(breakpoint_kind(s, n)) &&
            ((s->dr[n] ^ address) & TARGET_PAGE_MASK) == 0) {
            return true;
        }
    }
    return false;
}

void debug_test_data(Engine *e, uint64_t address, unsigned size, bool write)
{
    X86State *s = e->state;

    for (unsigned n = 0; n < 4; n++) {
        BreakpointKind kind = breakpoint_kind(s, n);
        if (!breakpoint_enabled(s, n) || !is_data(kind) || (kind == BREAKPOINT_WRITE && !write)) {
            continue;
        }
        unsigned length = breakpoint_length(s, n);
        uint64_t start = s->dr[n] & ~(uint64_t)(length - 1);
        if (address < start + length && start < address + size) {
            s->dr[6] |= UINT64_C(1) << n;
            e->data_breakpoint = true;
        }
    }
}
