/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Runs test code on a vCPU of the software engine, at CPL 3, ended by INT 80h. */
#include <string.h>

#include "guest.h"
#include "harness.h"

#define CODE_PHYSICAL GUEST_FREE
#define DATA_PHYSICAL (GUEST_FREE + 0x10000)
#define CODE_TABLE    GUEST_PT_FREE
#define DATA_TABLE    (GUEST_PT_FREE + 0x1000)

#define END_VECTOR   0x80
#define DEBUG_VECTOR 1

#define RFLAGS_TF 0x100u

#define MIGRATION_PERIOD_US 50

static unsigned total_migrations;

/* More than any test program has, loops and repetitions included. */
#define STEPS_MAX 20000

static void set_up(Guest *guest)
{
    guest_reset(guest, 3);
    guest_map(guest, CODE_TABLE, HARNESS_CODE, CODE_PHYSICAL, HARNESS_CODE_BYTES / 4096,
              PTE_U | PTE_W);
    guest_map(guest, DATA_TABLE, HARNESS_DATA, DATA_PHYSICAL, HARNESS_DATA_BYTES / 4096,
              PTE_U | PTE_W);
}

static void load(Guest *guest, const TestCase *test)
{
    static const uint8_t end[] = { 0xcd, END_VECTOR };
    X86State *state = guest->state;

    if (test->code_32) {
        state->segments[X86_CS].attributes = 0xc0fb; /* D instead of L */
    }
    guest_write(guest, CODE_PHYSICAL, test->code, test->code_bytes);
    guest_write(guest, CODE_PHYSICAL + test->code_bytes, end, sizeof(end));
    guest_write(guest, DATA_PHYSICAL, test->data, HARNESS_DATA_BYTES);
    memcpy(state->registers, test->start.registers, sizeof(state->registers));
    state->rflags = test->start.rflags | 2;
    state->rip = HARNESS_CODE;
    g_assert(x86_fxrstor(state, (const uint8_t *)&test->start.fx, true, true) == 0);
}

/* What the handler's frame says of the user's state, and what no handler changes. */
static void take_result(const Guest *guest, const GuestException *exception, TestResult *result)
{
    CPUSnapshot *end = &result->end;

    memcpy(end->registers, guest->state->registers, sizeof(end->registers));
    end->registers[X86_RSP] = exception->rsp;
    end->rflags = exception->rflags;
    end->trap = exception->vector;
    end->rip = exception->rip;
    if (exception->vector == END_VECTOR) {
        end->trap = NO_TRAP;
        end->rip = 0;
    }
    x86_fxsave(guest->state, (uint8_t *)&end->fx, true, true);
    memcpy(result->data, guest->memory + DATA_PHYSICAL, HARNESS_DATA_BYTES);
}

void engine_execute(const TestCase *test, TestResult *result)
{
    Guest *guest = guest_get();
    GuestException exception;

    set_up(guest);
    load(guest, test);
    guest_run(guest);
    exception = guest_exception(guest);
    g_assert(exception.vector >= 0);
    result->end = test->start;
    take_result(guest, &exception, result);
}

void engine_execute_migrating(const TestCase *test, TestResult *result)
{
    Guest *guest = guest_get();
    GuestException exception;

    set_up(guest);
    load(guest, test);
    total_migrations += guest_run_migrating(guest, MIGRATION_PERIOD_US);
    exception = guest_exception(guest);
    g_assert(exception.vector >= 0);
    result->end = test->start;
    take_result(guest, &exception, result);
}

unsigned engine_migrations(void)
{
    return total_migrations;
}

/* Back to where the exception came from, as IRET would do it. */
static void resume(Guest *guest, const X86State *before, const GuestException *exception)
{
    X86State *state = guest->state;

    memcpy(state->segments, before->segments, sizeof(state->segments));
    state->rip = exception->rip;
    state->rflags = exception->rflags;
    state->registers[X86_RSP] = exception->rsp;
}

void engine_execute_stepped(const TestCase *test, TestResult *result)
{
    Guest *guest = guest_get();
    GuestException exception = { .vector = DEBUG_VECTOR };
    X86State before;

    set_up(guest);
    load(guest, test);
    guest->state->rflags |= RFLAGS_TF;
    before = *guest->state;
    for (unsigned i = 0; i < STEPS_MAX && exception.vector == DEBUG_VECTOR; i++) {
        guest_run(guest);
        exception = guest_exception(guest);
        if (exception.vector == DEBUG_VECTOR) {
            resume(guest, &before, &exception);
            guest_migrate(guest);
        }
    }
    g_assert(exception.vector >= 0);
    result->end = test->start;
    take_result(guest, &exception, result);
}
