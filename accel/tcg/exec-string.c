/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * String instructions and port I/O. With REP the registers are exact after each element, so a
 * fault or a wish to leave can come between any two; runs within a page go at host speed.
 */
#include "accel/tcg/exception.h"
#include "accel/tcg/exec.h"
#include "accel/tcg/segment.h"

/* At most this many elements between looks at the exit request, and for device accesses 1. */
#define RUN_MAX 65536

/* A string instruction as it runs. */
typedef struct StringRun {
    unsigned size; /* of an element, bytes */
    RepeatKind repeat;
    X86SegmentIndex segment; /* of the source */
    uint64_t address_mask;
    int64_t step; /* +size or -size */
} StringRun;

static StringRun string_begin(Engine *e, const Op *op)
{
    unsigned address_bits = (op->imm >> 24) & 0xff;
    StringRun run = {
        .size = op->imm & 0xff,
        .repeat = (op->imm >> 8) & 0xff,
        .segment = (op->imm >> 16) & 0xff,
        .address_mask = UINT64_MAX >> (64 - address_bits),
    };

    e->op = op;
    run.step = e->eflags & FLAG_DF ? -(int64_t)run.size : (int64_t)run.size;
    return run;
}

static uint64_t string_register(const Engine *e, const StringRun *run, unsigned number)
{
    return e->r[number] & run->address_mask;
}

static void string_set_register(Engine *e, const StringRun *run, unsigned number, uint64_t value)
{
    if (run->address_mask == 0xffff) {
        R16(SLOT_OFFSET(number)) = value;
    } else {
        e->r[number] = value & run->address_mask;
    }
}

static void string_advance(Engine *e, const StringRun *run, unsigned number, int64_t by)
{
    string_set_register(e, run, number, e->r[number] + by);
}

static uint64_t source_address(Engine *e, const StringRun *run)
{
    return segment_linear(e, run->segment, string_register(e, run, X86_RSI), run->size, false);
}

static uint64_t destination_address(Engine *e, const StringRun *run, bool write)
{
    return segment_linear(e, X86_ES, string_register(e, run, X86_RDI), run->size, write);
}

static uint64_t count_left(const Engine *e, const StringRun *run)
{
    return run->repeat == REPEAT_NONE ? 1 : string_register(e, run, X86_RCX);
}

static void count_down(Engine *e, const StringRun *run, uint64_t elements)
{
    if (run->repeat != REPEAT_NONE) {
        string_set_register(e, run, X86_RCX, string_register(e, run, X86_RCX) - elements);
    }
}

/*
 * How many elements from @address on lie in its page and, outside 64-bit mode, need no new limit
 * check; 0 when the first crosses a page.
 */
static uint64_t elements_in_page(const StringRun *run, uint64_t address)
{
    return (TARGET_PAGE_SIZE - (address & ~TARGET_PAGE_MASK)) / run->size;
}

/* Can runs be made at all? Upwards, in flat 64-bit addresses, not single-stepping. */
static bool runs_possible(const Engine *e, const StringRun *run)
{
    return e->long_mode && run->step > 0 && run->repeat != REPEAT_NONE &&
           run->address_mask == UINT64_MAX && !(e->eflags & FLAG_TF) && !e->watch_data;
}

static void copy_elements(uint8_t *to, const uint8_t *from, uint64_t count, unsigned size)
{
    uint64_t bytes = count * size;

    if (to <= from || to >= from + bytes) {
        memmove(to, from, bytes);
        return;
    }
    /* The destination overlaps the source from above: later elements see earlier ones. */
    for (uint64_t i = 0; i < count; i++, to += size, from += size) {
        memmove(to, from, size);
    }
}

/* ---- the operations: each does 1 to @limit elements and says how many ---- */

static uint64_t movs_step(Engine *e, const StringRun *run, uint64_t limit)
{
    uint64_t from = source_address(e, run), to = destination_address(e, run, true);
    uint64_t count = 1;

    if (limit > 1) {
        count = MIN(limit, MIN(elements_in_page(run, from), elements_in_page(run, to)));
        const uint8_t *source = count > 0 ? memory_direct(e, from, MMU_READ, e->mmu_mode) : NULL;
        uint8_t *destination = source ? memory_direct(e, to, MMU_WRITE, e->mmu_mode) : NULL;
        if (destination) {
            copy_elements(destination, source, count, run->size);
            return count;
        }
        count = 1;
    }
    uint64_t value = memory_load(e, from, run->size, e->mmu_mode);
    memory_store(e, to, value, run->size, e->mmu_mode);
    return count;
}

static void fill(uint8_t *to, uint64_t value, uint64_t count, unsigned size)
{
    if (size == 1 || value == 0) {
        memset(to, (int)value, count * size);
        return;
    }
    for (uint64_t i = 0; i < count; i++, to += size) {
        memcpy(to, &value, size);
    }
}

static uint64_t stos_step(Engine *e, const StringRun *run, uint64_t limit)
{
    uint64_t to = destination_address(e, run, true);
    uint64_t value = e->r[X86_RAX] & (UINT64_MAX >> (64 - 8 * run->size));

    if (limit > 1) {
        uint64_t count = MIN(limit, elements_in_page(run, to));
        uint8_t *host = count > 0 ? memory_direct(e, to, MMU_WRITE, e->mmu_mode) : NULL;
        if (host) {
            fill(host, value, count, run->size);
            return count;
        }
    }
    memory_store(e, to, value, run->size, e->mmu_mode);
    return 1;
}

static void write_accumulator(Engine *e, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        R8(SLOT_OFFSET(X86_RAX)) = value;
        break;
    case 2:
        R16(SLOT_OFFSET(X86_RAX)) = value;
        break;
    default:
        e->r[X86_RAX] = value;
        break;
    }
}

/* ---- the loop ---- */

/* One look at exit request and single-stepping between elements; true: leave at this pc. */
static bool string_must_leave(Engine *e, const StringRun *run)
{
    return count_left(e, run) > 0 && (engine_exit_requested(e) || e->code_changed ||
                                      (e->eflags & FLAG_TF) || e->data_breakpoint);
}

/* Go on behind the instruction, or leave in the middle of it with everything exact. */
static const Op *string_end(Engine *e, const Op *op, const StringRun *run, bool finished)
{
    if (!finished && count_left(e, run) > 0) {
        engine_uncount(e, op, false);
        e->rip = op_pc(e, op);
        return NULL;
    }
    return engine_next_checked(e, op);
}

static const Op *string_movs(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);
    uint64_t limit = runs_possible(e, &run) ? RUN_MAX : 1;

    while (count_left(e, &run) > 0) {
        uint64_t done = movs_step(e, &run, MIN(limit, count_left(e, &run)));
        string_advance(e, &run, X86_RSI, run.step * (int64_t)done);
        string_advance(e, &run, X86_RDI, run.step * (int64_t)done);
        count_down(e, &run, done);
        if (run.repeat == REPEAT_NONE || string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, run.repeat == REPEAT_NONE);
}

static const Op *string_stos(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);
    uint64_t limit = runs_possible(e, &run) ? RUN_MAX : 1;

    while (count_left(e, &run) > 0) {
        uint64_t done = stos_step(e, &run, MIN(limit, count_left(e, &run)));
        string_advance(e, &run, X86_RDI, run.step * (int64_t)done);
        count_down(e, &run, done);
        if (run.repeat == REPEAT_NONE || string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, run.repeat == REPEAT_NONE);
}

static const Op *string_lods(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);

    while (count_left(e, &run) > 0) {
        uint64_t value = memory_load(e, source_address(e, &run), run.size, e->mmu_mode);
        write_accumulator(e, value, run.size);
        string_advance(e, &run, X86_RSI, run.step);
        count_down(e, &run, 1);
        if (run.repeat == REPEAT_NONE || string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, run.repeat == REPEAT_NONE);
}

/* Flags of left - right. */
static void compare_elements(Engine *e, uint64_t left, uint64_t right, unsigned size)
{
    uint64_t mask = UINT64_MAX >> (64 - 8 * size);

    e->cc_op = FLAG_KIND_SUB * 4 + __builtin_ctz(size);
    e->cc_r = (left - right) & mask;
    e->cc_b = right & mask;
}

/* REPE stops at a difference, REPNE at a match. */
static bool compare_stops(const Engine *e, const StringRun *run)
{
    bool equal = e->cc_r == 0;

    return run->repeat == REPEAT_NONE || equal == (run->repeat == REPEAT_WHILE_NOT_EQUAL);
}

static const Op *string_scas(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);
    bool finished = false;

    while (!finished && count_left(e, &run) > 0) {
        uint64_t value = memory_load(e, destination_address(e, &run, false), run.size, e->mmu_mode);
        compare_elements(e, e->r[X86_RAX], value, run.size);
        string_advance(e, &run, X86_RDI, run.step);
        count_down(e, &run, 1);
        finished = compare_stops(e, &run);
        if (!finished && string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, finished);
}

static const Op *string_cmps(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);
    bool finished = false;

    while (!finished && count_left(e, &run) > 0) {
        uint64_t left = memory_load(e, source_address(e, &run), run.size, e->mmu_mode);
        uint64_t right = memory_load(e, destination_address(e, &run, false), run.size, e->mmu_mode);
        compare_elements(e, left, right, run.size);
        string_advance(e, &run, X86_RSI, run.step);
        string_advance(e, &run, X86_RDI, run.step);
        count_down(e, &run, 1);
        finished = compare_stops(e, &run);
        if (!finished && string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, finished);
}

/* ---- ports ---- */

static uint16_t port_number(const Engine *e)
{
    return e->r[X86_RDX];
}

static const Op *string_ins(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);

    while (count_left(e, &run) > 0) {
        uint16_t port = port_number(e);
        task_check_ports(e, port, run.size);
        uint64_t address = destination_address(e, &run, true);
        memory_probe(e, address, run.size, MMU_WRITE, e->mmu_mode);
        uint64_t value = address_space_load(address_space_io(), port, run.size);
        memory_store(e, address, value, run.size, e->mmu_mode);
        string_advance(e, &run, X86_RDI, run.step);
        count_down(e, &run, 1);
        if (run.repeat == REPEAT_NONE || string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, run.repeat == REPEAT_NONE);
}

static const Op *string_outs(Engine *e, const Op *op)
{
    StringRun run = string_begin(e, op);

    while (count_left(e, &run) > 0) {
        uint16_t port = port_number(e);
        task_check_ports(e, port, run.size);
        uint64_t value = memory_load(e, source_address(e, &run), run.size, e->mmu_mode);
        address_space_store(address_space_io(), port, value, run.size);
        string_advance(e, &run, X86_RSI, run.step);
        count_down(e, &run, 1);
        if (run.repeat == REPEAT_NONE || string_must_leave(e, &run)) {
            break;
        }
    }
    return string_end(e, op, &run, run.repeat == REPEAT_NONE);
}

const OpHandlerPtr exec_string[7] = { string_movs, string_stos, string_lods, string_scas,
                                      string_cmps, string_ins,  string_outs };

static uint16_t io_port(const Engine *e, const Op *op)
{
    return op->imm & IO_PORT_DX ? port_number(e) : (op->imm >> 8) & 0xff;
}

const Op *exec_in(Engine *e, const Op *op)
{
    unsigned size = op->imm & 0xff;
    uint16_t port = io_port(e, op);

    e->op = op;
    task_check_ports(e, port, size);
    write_accumulator(e, address_space_load(address_space_io(), port, size), size);
    return engine_next_checked(e, op);
}

const Op *exec_out(Engine *e, const Op *op)
{
    unsigned size = op->imm & 0xff;
    uint16_t port = io_port(e, op);

    e->op = op;
    task_check_ports(e, port, size);
    address_space_store(address_space_io(), port, e->r[X86_RAX] & (UINT64_MAX >> (64 - 8 * size)),
                        size);
    return engine_next_checked(e, op);
}
