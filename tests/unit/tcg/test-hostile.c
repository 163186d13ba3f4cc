/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A guest that does anything: random bytes as code in every mode and at both privileges, with
 * random control state. The engine must come back each time, whatever the guest does to itself.
 */
#include "guest.h"
#include "system/bql.h"

#include <string.h>

#define CODE_BYTES_COUNT 0x20000u
#define SLICES_MAX       4 /* looks at a guest that runs on */
#define SLICE_US         500

/* Vectors with error codes get "add $8, %rsp" first; all skip a byte and go on. */
static const uint8_t handler_plain[] = { 0x48, 0xff, 0x04, 0x24, 0x48, 0xcf };
static const uint8_t handler_error[] = {
    0x48, 0x83, 0xc4, 0x08, 0x48, 0xff, 0x04, 0x24, 0x48, 0xcf
};

typedef struct Alarm {
    VCPU *vcpu;
    gint stop;
} Alarm;

static uint64_t random_64(void)
{
    return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static unsigned random_below(unsigned limit)
{
    return (uint32_t)g_test_rand_int() % limit;
}

/* Small numbers, addresses of the guest's memory, anything. */
static uint64_t random_value(void)
{
    switch (random_below(4)) {
    case 0:
        return random_below(256);
    case 1:
        return GUEST_FREE + random_below(CODE_BYTES_COUNT);
    case 2:
        return (int64_t)(int32_t)g_test_rand_int();
    default:
        return random_64();
    }
}

static gpointer alarm_thread(gpointer opaque)
{
    Alarm *alarm = opaque;

    while (!g_atomic_int_get(&alarm->stop)) {
        g_usleep(SLICE_US);
        __atomic_store_n(&alarm->vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void fill_code(Guest *guest)
{
    static uint8_t bytes[CODE_BYTES_COUNT];
    /* What random bytes rarely are: prefixes, two-byte opcodes, string and system instructions. */
    static const uint8_t spice[] = { 0x0f, 0x66, 0x67, 0xf2, 0xf3, 0x48, 0xf0, 0x65,
                                     0xa4, 0xaa, 0xd9, 0xdd, 0xff, 0xc7, 0x8e, 0x0f };

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = random_below(3) ? g_test_rand_int() : spice[random_below(sizeof(spice))];
    }
    guest_write(guest, GUEST_FREE, bytes, sizeof(bytes));
}

static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* The handlers of guest_reset() halt: let them go on, so that more of the code is met. */
static void write_handlers(Guest *guest)
{
    for (unsigned vector = 0; vector < 32; vector++) {
        bool error = has_error_code(vector);
        guest_write(guest, GUEST_HANDLERS + vector * 16, error ? handler_error : handler_plain,
                    error ? sizeof(handler_error) : sizeof(handler_plain));
    }
}

static void narrow_mode(X86State *state)
{
    bool wide = random_below(2);

    state->msr.efer = random_below(2) ? 0x800 : 0;
    state->cr0 &= ~UINT64_C(0x80000000);
    if (random_below(2)) {
        state->cr0 &= ~UINT64_C(1);
    }
    state->segments[X86_CS].attributes = wide ? 0xc09b : 0x809b;
    state->segments[X86_SS].attributes = random_below(2) ? 0xc093 : 0x8093;
    state->segments[X86_CS].base = wide ? 0 : GUEST_FREE;
}

static void random_state(Guest *guest)
{
    X86State *state = guest->state;

    for (unsigned i = 0; i < X86_REGISTER_COUNT; i++) {
        state->registers[i] = random_value();
    }
    state->registers[X86_RSP] = GUEST_FREE + CODE_BYTES_COUNT / 2;
    state->rflags = 2 | (random_64() & 0x247fd5 & ~UINT64_C(0x24000));
    state->rip = GUEST_FREE + random_below(CODE_BYTES_COUNT / 2);
    for (unsigned i = 0; i < 4; i++) {
        state->dr[i] = GUEST_FREE + random_below(CODE_BYTES_COUNT);
    }
    state->dr[7] = random_below(4) ? 0x400 : 0x400 | (random_64() & 0xffff00ff);
    state->cr4 ^= random_below(4) ? 0 : random_64() & 0x310684;
}

static void run_for_a_while(Guest *guest)
{
    VCPU *vcpu = &guest->cpu->vcpu;
    VCPUExit reason = VCPU_EXIT_INTERRUPTED;

    bql_lock();
    vcpu->halted = false;
    bql_unlock();
    accel_ops()->state_changed(vcpu);
    for (unsigned i = 0; i < SLICES_MAX && reason == VCPU_EXIT_INTERRUPTED; i++) {
        __atomic_store_n(&vcpu->exit_request, 0, __ATOMIC_SEQ_CST);
        reason = accel_ops()->vcpu_run(vcpu);
    }
    accel_ops()->synchronize_state(vcpu);
    g_assert_cmpint(reason, <=, VCPU_EXIT_ERROR);
}

static void run_cases(unsigned cases, unsigned cpl, bool narrow)
{
    Guest *guest = guest_get();
    Alarm alarm = { .vcpu = &guest->cpu->vcpu };
    GThread *thread = g_thread_new("alarm", alarm_thread, &alarm);

    for (unsigned i = 0; i < cases; i++) {
        guest_reset(guest, cpl);
        guest_write_64(guest, GUEST_PD, PTE_PS | PTE_U | PTE_W | PTE_P);
        write_handlers(guest);
        fill_code(guest);
        random_state(guest);
        if (narrow) {
            narrow_mode(guest->state);
        }
        run_for_a_while(guest);
    }
    g_atomic_int_set(&alarm.stop, 1);
    g_thread_join(thread);
}

static void test_kernel(void)
{
    run_cases(200, 0, false);
}

static void test_user(void)
{
    run_cases(200, 3, false);
}

static void test_narrow(void)
{
    run_cases(600, 0, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile/kernel", test_kernel);
    g_test_add_func("/hostile/user", test_user);
    g_test_add_func("/hostile/narrow", test_narrow);
    return g_test_run();
}
