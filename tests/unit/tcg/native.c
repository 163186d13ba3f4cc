/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Runs test code on the host processor, with its whole user-visible state given and taken. */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "harness.h"

G_STATIC_ASSERT(offsetof(CPUSnapshot, rflags) == 128);
G_STATIC_ASSERT(offsetof(CPUSnapshot, fx) == 160);

/* Reached from assembly. */
extern CPUSnapshot native_snapshot __attribute__((visibility("hidden")));
extern uint64_t native_host_stack __attribute__((visibility("hidden")));
extern uint64_t native_entry __attribute__((visibility("hidden")));
CPUSnapshot native_snapshot;
uint64_t native_host_stack;
uint64_t native_entry = HARNESS_CODE;

/* Linux's selectors for 32-bit and 64-bit user code. */
#define LINUX_CS_32 0x23
#define LINUX_CS_64 0x33

typedef struct FarPointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed)) FarPointer;
extern FarPointer native_entry_32 __attribute__((visibility("hidden")));
FarPointer native_entry_32 = { HARNESS_CODE, LINUX_CS_32 };

void native_enter(void);
void native_enter_32(void);
extern const uint8_t native_leave[], native_resume[];

#define LOAD_REGISTERS                      \
    "mov native_snapshot+0(%rip), %rax\n"   \
    "mov native_snapshot+8(%rip), %rcx\n"   \
    "mov native_snapshot+16(%rip), %rdx\n"  \
    "mov native_snapshot+24(%rip), %rbx\n"  \
    "mov native_snapshot+32(%rip), %rsp\n"  \
    "mov native_snapshot+40(%rip), %rbp\n"  \
    "mov native_snapshot+48(%rip), %rsi\n"  \
    "mov native_snapshot+56(%rip), %rdi\n"  \
    "mov native_snapshot+64(%rip), %r8\n"   \
    "mov native_snapshot+72(%rip), %r9\n"   \
    "mov native_snapshot+80(%rip), %r10\n"  \
    "mov native_snapshot+88(%rip), %r11\n"  \
    "mov native_snapshot+96(%rip), %r12\n"  \
    "mov native_snapshot+104(%rip), %r13\n" \
    "mov native_snapshot+112(%rip), %r14\n" \
    "mov native_snapshot+120(%rip), %r15\n"

__asm__(".pushsection .text\n"
        ".globl native_enter\n"
        "native_enter:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; pushfq\n"
        "mov %rsp, native_host_stack(%rip)\n"
        "fxrstor64 native_snapshot+160(%rip)\n"
        "pushq native_snapshot+128(%rip)\n"
        "popfq\n" LOAD_REGISTERS "jmp *native_entry(%rip)\n"
        /* 32-bit code wants data segments, which 64-bit code runs without. */
        ".globl native_enter_32\n"
        "native_enter_32:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; pushfq\n"
        "mov %rsp, native_host_stack(%rip)\n"
        "mov $0x2b, %eax\n"
        "mov %eax, %ds\n"
        "mov %eax, %es\n"
        "fxrstor64 native_snapshot+160(%rip)\n"
        "pushq native_snapshot+128(%rip)\n"
        "popfq\n" LOAD_REGISTERS "ljmpl *native_entry_32(%rip)\n"
        ".globl native_leave\n"
        "native_leave:\n"
        "mov %rax, native_snapshot+0(%rip)\n"
        "mov %rcx, native_snapshot+8(%rip)\n"
        "mov %rdx, native_snapshot+16(%rip)\n"
        "mov %rbx, native_snapshot+24(%rip)\n"
        "mov %rsp, native_snapshot+32(%rip)\n"
        "mov %rbp, native_snapshot+40(%rip)\n"
        "mov %rsi, native_snapshot+48(%rip)\n"
        "mov %rdi, native_snapshot+56(%rip)\n"
        "mov %r8, native_snapshot+64(%rip)\n"
        "mov %r9, native_snapshot+72(%rip)\n"
        "mov %r10, native_snapshot+80(%rip)\n"
        "mov %r11, native_snapshot+88(%rip)\n"
        "mov %r12, native_snapshot+96(%rip)\n"
        "mov %r13, native_snapshot+104(%rip)\n"
        "mov %r14, native_snapshot+112(%rip)\n"
        "mov %r15, native_snapshot+120(%rip)\n"
        "mov native_host_stack(%rip), %rsp\n"
        "pushfq\n"
        "popq native_snapshot+128(%rip)\n"
        "fxsave64 native_snapshot+160(%rip)\n"
        ".globl native_resume\n"
        "native_resume:\n"
        "mov native_host_stack(%rip), %rsp\n"
        "fninit\n"
        "ldmxcsr native_mxcsr(%rip)\n"
        "popfq; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".balign 4\n"
        "native_mxcsr: .long 0x1f80\n"
        ".popsection\n");

/* The kernel's numbering of registers in the order of enum X86Register. */
static const int signal_registers[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static volatile bool native_running;

static void on_signal(int number, siginfo_t *info, void *opaque)
{
    ucontext_t *context = opaque;
    greg_t *registers = context->uc_mcontext.gregs;

    if (!native_running) {
        signal(number, SIG_DFL); /* a crash of the test program itself: die of it */
        return;
    }
    for (unsigned i = 0; i < 16; i++) {
        native_snapshot.registers[i] = registers[signal_registers[i]];
    }
    native_snapshot.rflags = registers[REG_EFL];
    native_snapshot.rip = registers[REG_RIP];
    native_snapshot.trap = registers[REG_TRAPNO];
    memcpy(&native_snapshot.fx, context->uc_mcontext.fpregs, sizeof(native_snapshot.fx));
    registers[REG_RIP] = (greg_t)(uintptr_t)native_resume;
    /* Some processors do not return to a stack pointer that is not canonical. */
    registers[REG_RSP] = (greg_t)native_host_stack;
    registers[REG_CSGSFS] = (registers[REG_CSGSFS] & ~(greg_t)0xffff) | LINUX_CS_64;
    registers[REG_EFL] &= ~(greg_t)(FLAG_DF | 0x100);
}

static void *map_fixed(uintptr_t address, size_t bytes, int protection)
{
    void *mapped = mmap((void *)address, bytes, protection,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (mapped != (void *)address) {
        g_error("cannot map %zu bytes of test memory at 0x%" G_GINTPTR_MODIFIER "x", bytes,
                address);
    }
    return mapped;
}

static void __attribute__((constructor)) native_init(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    static uint8_t signal_stack[65536];
    stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    map_fixed(HARNESS_CODE, HARNESS_CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    map_fixed(HARNESS_DATA, HARNESS_DATA_BYTES, PROT_READ | PROT_WRITE);
    g_assert(sigaltstack(&stack, NULL) == 0);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_assert(sigaction(signals[i], &action, NULL) == 0);
    }
}

/* jmp *0(%rip) to native_leave: behind 64-bit code, or where 32-bit code jumps to. */
static void put_exit(uint8_t *at)
{
    static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
    uint64_t leave = (uintptr_t)native_leave;

    memcpy(at, jump, sizeof(jump));
    memcpy(at + sizeof(jump), &leave, sizeof(leave));
}

static void install_code(const TestCase *test)
{
    static const FarPointer landing = { HARNESS_CODE + HARNESS_CODE_BYTES / 2, LINUX_CS_64 };
    uint8_t *code = (uint8_t *)(uintptr_t)HARNESS_CODE;

    memcpy(code, test->code, test->code_bytes);
    if (!test->code_32) {
        put_exit(code + test->code_bytes);
        return;
    }
    code[test->code_bytes] = 0xea; /* far jump */
    memcpy(code + test->code_bytes + 1, &landing, sizeof(landing));
    put_exit((uint8_t *)(uintptr_t)landing.offset);
}

void native_execute(const TestCase *test, TestResult *result)
{
    install_code(test);
    memcpy((void *)(uintptr_t)HARNESS_DATA, test->data, HARNESS_DATA_BYTES);
    native_snapshot = test->start;
    native_snapshot.trap = NO_TRAP;
    native_snapshot.rip = 0;
    native_running = true;
    if (test->code_32) {
        native_enter_32();
    } else {
        native_enter();
    }
    native_running = false;
    result->end = native_snapshot;
    memcpy(result->data, (void *)(uintptr_t)HARNESS_DATA, HARNESS_DATA_BYTES);
}

bool native_runs_32(void)
{
    static TestCase test;
    static TestResult result;

    test_case_init_32(&test);
    test.code[0] = 0x90;
    test.code_bytes = 1;
    native_execute(&test, &result);
    return result.end.trap == NO_TRAP;
}
