/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Debug registers (Intel SDM vol. 3, chapter 18.2). */
#pragma once

#include "accel/tcg/engine.h"

#define DR6_FIXED       UINT64_C(0xffff0ff0)
#define DR6_DETECTED    UINT64_C(0x2000)
#define DR6_SINGLE_STEP UINT64_C(0x4000)
#define DR7_DETECT      UINT64_C(0x2000)
#define DR7_FIXED       UINT64_C(0x400)

/* DR7 was written, or all state replaced. */
void debug_registers_changed(Engine *e);

/* Is an instruction breakpoint set at the linear address @address? Notes the hit in DR6. */
bool debug_code_hit(Engine *e, uint64_t address);

bool debug_page_is_watched(const Engine *e, uint64_t address);
void debug_test_data(Engine *e, uint64_t address, unsigned size, bool write);

/* Accesses to watched pages never get the TLB's fast path... */
static inline bool debug_watches_page(const Engine *e, uint64_t address)
{
    return unlikely(e->watch_data) && debug_page_is_watched(e, address);
}

/* ...so that each of them comes by here. A hit is reported after the instruction. */
static inline void debug_check_data(Engine *e, uint64_t address, unsigned size, bool write)
{
    if (unlikely(e->watch_data)) {
        debug_test_data(e, address, size, write);
    }
}
