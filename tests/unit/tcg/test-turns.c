/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Several vCPUs of the software engine: start-up by INIT and SIPI, whose turn it is, and what one
 * of them must see of the others' stores. The guest is real-mode code, as after a SIPI (Intel SDM
 * vol. 3, "MP Initialization Protocol").
 */
#include <string.h>

#include "accel/accel.h"
#include "code-blob.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "target/i386/cpu.h"

#define CPUS      3
#define RAM_BYTES 0x100000u

/* Guest memory, all below 64 KiB, where DS = 0 reaches it. */
#define VARIABLE(n)    (0x600u + 8 * (n))
#define MARK           VARIABLE(0)
#define COUNTER        VARIABLE(1)
#define PLAIN          VARIABLE(2)
#define LOCK_WORD      VARIABLE(3)
#define DONE           VARIABLE(4)
#define CODE_PAGE(cpu) (0x1000u + 0x1000u * (cpu))
#define SHARED_CODE    0x8000u
#define WAKE_VECTOR    0x40

/* A test that takes longer than this hangs. */
#define PATIENCE_S 60

static RAMBlock *ram;
static MemoryRegion ram_region;
static X86CPU *cpus[CPUS];

/* ---- an interrupt controller that has one vector to give ---- */

static int acknowledge(void *opaque)
{
    X86CPU *cpu = opaque;

    vcpu_interrupt_clear(&cpu->vcpu, VCPU_INTERRUPT_HARD);
    return WAKE_VECTOR;
}

static const X86InterruptOps controller = { .acknowledge = acknowledge };

/* ---- the guest ---- */

static void make_guest(void)
{
    static const CPUTopology topology = { 1, 1, CPUS, 1 };
    GError *error = NULL;

    main_loop_init();
    g_assert_true(accel_select("tcg", &error));
    ram = ram_block_new("test.ram", RAM_BYTES, &error);
    g_assert_no_error(error);
    memory_region_init_ram(&ram_region, "test.ram", ram, 0, RAM_BYTES);
    address_space_map(address_space_memory(), 0, &ram_region, 0);
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i] = x86_cpu_new("max", &topology, i, &error);
        g_assert_no_error(error);
    }
}

static void store(uint32_t address, const void *bytes, unsigned count)
{
    memcpy(ram->host + address, bytes, count);
    ram_block_written(ram, address, count);
}

static uint32_t load(uint32_t address)
{
    uint32_t value;

    memcpy(&value, ram->host + address, sizeof(value));
    return value;
}

/* All wait for SIPI, variables are 0. BQL, vCPUs stopped. */
static void reset(void)
{
    static const uint8_t zeros[0x100];

    g_assert_true(vcpus_all_stopped());
    for (unsigned i = 0; i < CPUS; i++) {
        x86_cpu_reset(cpus[i], false);
        cpus[i]->state.waiting_for_sipi = true;
        cpus[i]->vcpu.halted = true;
        cpus[i]->interrupt_ops = &controller;
        cpus[i]->interrupt_opaque = cpus[i];
    }
    store(VARIABLE(0), zeros, sizeof(zeros));
}

static void send_sipi(unsigned cpu, uint8_t vector)
{
    cpus[cpu]->state.sipi_vector = vector;
    vcpu_interrupt(&cpus[cpu]->vcpu, VCPU_INTERRUPT_SIPI);
}

/* Let @cpu begin with @code, as soon as vCPUs run. */
static void start(unsigned cpu, const uint8_t *code, unsigned bytes)
{
    store(CODE_PAGE(cpu), code, bytes);
    send_sipi(cpu, CODE_PAGE(cpu) >> 12);
}

#define START(cpu, code) start(cpu, code, CODE_BYTES(code))

/* Run all until @finished says so, looked at while they are stopped. */
static void run_until(bool (*finished)(void))
{
    gint64 end = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;

    do {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        vcpus_resume_all();
        bql_unlock();
        g_usleep(1000);
        bql_lock();
        vcpus_pause_all();
    } while (!finished());
}

/* .. and have acted on all that was sent to them. */
static bool all_halted(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        if (!cpus[i]->vcpu.halted || vcpu_interrupts_pending(&cpus[i]->vcpu)) {
            return false;
        }
    }
    return true;
}

/* Run one vCPU on the test's own thread until it comes back for another reason than a kick. */
static VCPUExit run_directly(unsigned cpu)
{
    VCPU *vcpu = &cpus[cpu]->vcpu;
    VCPUExit reason;

    vcpu->halted = false;
    bql_unlock();
    do {
        __atomic_store_n(&vcpu->exit_request, 0, __ATOMIC_SEQ_CST);
        reason = accel_ops()->vcpu_run(vcpu);
    } while (reason == VCPU_EXIT_INTERRUPTED);
    bql_lock();
    return reason;
}

/* ---- start-up ---- */

#define BEGIN "xor %ax, %ax\n mov %ax, %ds\n"
#define END   "cli\n 9: hlt\n jmp 9b\n"

CODE16(code_mark, BEGIN "mov %cs, 0x600\n mov %sp, 0x602\n lock incw 0x608\n" END);

static void test_sipi(void)
{
    reset();
    START(1, code_mark);
    run_until(all_halted);
    g_assert_cmphex(load(MARK), ==, CODE_PAGE(1) >> 4);
    g_assert_cmpuint(load(COUNTER), ==, 1);
    g_assert_cmphex(cpus[1]->state.segments[X86_CS].base, ==, CODE_PAGE(1));
    g_assert_false(cpus[1]->state.waiting_for_sipi);
    g_assert_true(cpus[0]->state.waiting_for_sipi && cpus[2]->state.waiting_for_sipi);

    /* A second one is for a processor that waits for it, which this one does not. */
    send_sipi(1, CODE_PAGE(0) >> 12);
    run_until(all_halted);
    g_assert_cmpuint(load(COUNTER), ==, 1);
}

/* INIT takes a running processor back to waiting; then it can be started somewhere else. */
CODE16(code_spin, "1: jmp 1b\n");

static bool second_waits(void)
{
    return cpus[1]->state.waiting_for_sipi;
}

static bool second_runs(void)
{
    return !second_waits();
}

static void test_init_and_sipi(void)
{
    reset();
    START(1, code_spin);
    run_until(second_runs);
    cpus[1]->state.msr.pat = 0x0606060606060606;
    cpus[1]->state.tsc_offset = 12345;
    vcpu_interrupt(&cpus[1]->vcpu, VCPU_INTERRUPT_INIT);
    run_until(second_waits);
    g_assert_true(cpus[1]->vcpu.halted);
    g_assert_cmphex(cpus[1]->state.msr.pat, ==, 0x0606060606060606);
    g_assert_cmpint(cpus[1]->state.tsc_offset, ==, 12345);
    START(1, code_mark);
    run_until(all_halted);
    g_assert_cmpuint(load(COUNTER), ==, 1);

    /* Both at once: in that order. */
    vcpu_interrupt(&cpus[1]->vcpu, VCPU_INTERRUPT_INIT);
    START(1, code_mark);
    run_until(all_halted);
    g_assert_cmpuint(load(COUNTER), ==, 2);
}

/* ---- turns ---- */

/* Count for ever, without giving way. */
CODE16(code_count_0, BEGIN "1: incl 0x600\n jmp 1b\n");
CODE16(code_count_1, BEGIN "1: incl 0x608\n jmp 1b\n");
CODE16(code_count_2, BEGIN "1: incl 0x610\n jmp 1b\n");

static bool all_counted(void)
{
    return load(VARIABLE(0)) > 1000 && load(VARIABLE(1)) > 1000 && load(VARIABLE(2)) > 1000;
}

static void test_slices(void)
{
    reset();
    START(0, code_count_0);
    START(1, code_count_1);
    START(2, code_count_2);
    run_until(all_counted);
    for (unsigned i = 0; i < CPUS; i++) { /* and again, each from where it was */
        store(VARIABLE(i), &(uint32_t){ 0 }, 4);
    }
    run_until(all_counted);
}

CODE16(code_pause, BEGIN "pause\n movw $1, 0x600\n hlt\n");

static void test_pause(void)
{
    VCPU *vcpu = &cpus[0]->vcpu;

    reset();
    START(0, code_pause);
    vcpu->contended = true;
    g_assert_cmpint(run_directly(0), ==, VCPU_EXIT_YIELDED);
    g_assert_cmpuint(load(MARK), ==, 0);
    g_assert_cmpuint(cpus[0]->state.rip, ==, 6);
    g_assert_cmpint(run_directly(0), ==, VCPU_EXIT_HALTED);
    g_assert_cmpuint(load(MARK), ==, 1);

    reset();
    START(0, code_pause);
    vcpu->contended = false;
    g_assert_cmpint(run_directly(0), ==, VCPU_EXIT_HALTED);
    g_assert_cmpuint(load(MARK), ==, 1);
}

/* Two that wait for each other by spinning, 5000 times; the third does not give way. */
CODE16(code_ping, BEGIN "mov $5000, %cx\n"
                        "1: movb $1, 0x600\n 2: pause\n cmpb $1, 0x600\n je 2b\n loop 1b\n" END);
CODE16(code_pong, BEGIN "mov $5000, %cx\n"
                        "1: pause\n cmpb $0, 0x600\n je 1b\n movb $0, 0x600\n loop 1b\n" END);

static void test_spinning(void)
{
    reset();
    START(0, code_ping);
    START(1, code_pong);
    run_until(all_halted);
    g_assert_cmpuint(load(MARK), ==, 0);
    g_assert_cmpuint(cpus[0]->state.registers[X86_RCX] & 0xffff, ==, 0);
    g_assert_cmpuint(cpus[1]->state.registers[X86_RCX] & 0xffff, ==, 0);
}

/* An interrupt wakes a halted one while another spins. The handler counts. */
CODE16(code_sleep, BEGIN "mov %ax, %ss\n mov $0x3ff0, %sp\n"
                         "lea handler - code_sleep, %ax\n mov %ax, 0x100\n mov %cs, 0x102\n"
                         "sti\n 1: hlt\n jmp 1b\n"
                         ".globl handler\n handler: incl 0x608\n iret\n");

static bool sleeps(void)
{
    return cpus[1]->vcpu.halted && !cpus[1]->state.waiting_for_sipi;
}

static bool woken(void)
{
    return load(COUNTER) > 0 && cpus[1]->vcpu.halted;
}

static void test_wake(void)
{
    reset();
    START(0, code_count_0);
    START(1, code_sleep);
    run_until(sleeps);
    for (unsigned i = 0; i < 20; i++) {
        store(COUNTER, &(uint32_t){ 0 }, 4);
        vcpu_interrupt(&cpus[1]->vcpu, VCPU_INTERRUPT_HARD);
        run_until(woken);
        g_assert_cmpuint(load(COUNTER), ==, 1);
    }
}

/* ---- what they see of each other ---- */

/* LOCK INC, a lock word with XCHG around a plain INC, LOCK XADD; 20000 times. */
CODE16(code_atomics, BEGIN "mov $20000, %cx\n"
                           "1: lock incl 0x608\n"
                           "2: mov $1, %al\n xchg %al, 0x618\n test %al, %al\n jz 3f\n pause\n"
                           "jmp 2b\n"
                           "3: incl 0x610\n movb $0, 0x618\n"
                           "mov $2, %eax\n lock xadd %eax, 0x608\n"
                           "loop 1b\n" END);

static void test_atomics(void)
{
    reset();
    for (unsigned i = 0; i < CPUS; i++) {
        START(i, code_atomics);
    }
    run_until(all_halted);
    g_assert_cmpuint(load(COUNTER), ==, 3 * CPUS * 20000);
    g_assert_cmpuint(load(PLAIN), ==, CPUS * 20000);
    g_assert_cmpuint(load(LOCK_WORD), ==, 0);
}

/* A function that others overwrite: mov ax, VERSION; lret. Callers store what they get. */
CODE16(code_call, BEGIN "mov %ax, %ss\n mov $0x3ff0, %sp\n"
                        "1: lcall $0, $0x8010\n mov %ax, 0x600\n hlt\n jmp 1b\n");
CODE16(far_function, "mov $1, %ax\n lret\n");
CODE16(code_patch, BEGIN "1: incw 0x8011\n hlt\n jmp 1b\n");

/*
 * The patching vCPU may store to the page unseen when the caller has translated nothing from it
 * yet; from then on it must not.
 */
static void test_code_of_another(void)
{
    reset();
    store(SHARED_CODE + 0x10, far_function, CODE_BYTES(far_function));
    START(0, code_call);
    START(1, code_patch);
    g_assert_cmpint(run_directly(1), ==, VCPU_EXIT_HALTED);
    for (uint32_t version = 2; version < 10; version++) {
        g_assert_cmpint(run_directly(0), ==, VCPU_EXIT_HALTED);
        g_assert_cmpuint(load(MARK), ==, version);
        g_assert_cmpint(run_directly(1), ==, VCPU_EXIT_HALTED);
    }
}

/* Two have translated it; one store drops both. */
static void test_code_of_two(void)
{
    reset();
    store(SHARED_CODE + 0x10, far_function, CODE_BYTES(far_function));
    START(0, code_call);
    START(1, code_patch);
    START(2, code_call);
    for (uint32_t version = 1; version < 10; version++) {
        for (unsigned cpu = 0; cpu < CPUS; cpu += 2) {
            store(MARK, &(uint32_t){ 0 }, 4);
            g_assert_cmpint(run_directly(cpu), ==, VCPU_EXIT_HALTED);
            g_assert_cmpuint(load(MARK), ==, version);
        }
        g_assert_cmpint(run_directly(1), ==, VCPU_EXIT_HALTED);
    }
}

/* A device overwrites it: whoever runs first must not take the news away from the others. */
static void test_code_by_device(void)
{
    uint8_t patched[8];

    reset();
    memcpy(patched, far_function, CODE_BYTES(far_function));
    START(0, code_call);
    START(2, code_call);
    for (uint8_t version = 1; version < 10; version++) {
        patched[1] = version;
        store(SHARED_CODE + 0x10, patched, CODE_BYTES(far_function));
        for (unsigned cpu = 0; cpu < CPUS; cpu += 2) {
            store(MARK, &(uint32_t){ 0 }, 4);
            g_assert_cmpint(run_directly(cpu), ==, VCPU_EXIT_HALTED);
            g_assert_cmpuint(load(MARK), ==, version);
        }
    }
}

/* ---- work and stopping ---- */

static void note_call(VCPU *vcpu, void *opaque)
{
    unsigned *calls = opaque;

    g_assert_true(bql_locked());
    calls[vcpu->index]++;
}

static void test_work(void)
{
    unsigned calls[CPUS] = { 0 };

    reset();
    START(0, code_count_0);
    START(1, code_count_1);
    vcpus_resume_all();
    for (unsigned i = 0; i < 100; i++) {
        vcpus_run_on_all(note_call, calls);
        vcpu_run_on(&cpus[2]->vcpu, note_call, calls);
    }
    vcpus_pause_all();
    g_assert_true(vcpus_all_stopped());
    vcpus_run_on_all(note_call, calls); /* stopped ones, too */
    g_assert_cmpuint(calls[0], ==, 101);
    g_assert_cmpuint(calls[1], ==, 101);
    g_assert_cmpuint(calls[2], ==, 201);
    uint32_t counted = load(VARIABLE(0));
    bql_unlock();
    g_usleep(2000);
    bql_lock();
    g_assert_cmpuint(load(VARIABLE(0)), ==, counted);
}

/* One that cannot go on (no IDT, no stack) is reset with the whole machine: all stop. */
CODE16(code_triple_fault, BEGIN "lidt 0x640\n int3\n");

static void test_triple_fault(void)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_S * G_TIME_SPAN_SECOND;

    reset();
    START(0, code_count_0);
    START(1, code_triple_fault);
    vcpus_resume_all();
    while (!vcpus_all_stopped()) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        bql_unlock();
        g_usleep(1000);
        bql_lock();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    make_guest();
    g_test_add_func("/turns/sipi", test_sipi);
    g_test_add_func("/turns/init", test_init_and_sipi);
    g_test_add_func("/turns/slices", test_slices);
    g_test_add_func("/turns/pause", test_pause);
    g_test_add_func("/turns/spinning", test_spinning);
    g_test_add_func("/turns/wake", test_wake);
    g_test_add_func("/turns/atomics", test_atomics);
    g_test_add_func("/turns/code-of-another", test_code_of_another);
    g_test_add_func("/turns/code-of-two", test_code_of_two);
    g_test_add_func("/turns/code-by-device", test_code_by_device);
    g_test_add_func("/turns/work", test_work);
    g_test_add_func("/turns/triple-fault", test_triple_fault);
    int result = g_test_run();
    vcpus_shutdown();
    return result;
}
