/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * How operations hand on to each other: no handler may leave anything on the host's stack, links
 * between blocks follow changes of code and of page tables, an exit request is seen in every kind
 * of loop, and the instruction counter is exact.
 */
#include <pthread.h>
#include <string.h>

#include "accel/accel.h"
#include "code-blob.h"
#include "guest.h"

#define CODE        GUEST_FREE
#define OTHER       (GUEST_FREE + 0x10000)
#define DATA        (GUEST_FREE + 0x20000)
#define STACK       (GUEST_FREE + 0x40000)
#define ROUNDS      300000
#define SMALL_STACK 0x20000

static Guest *prepare(const uint8_t *code, unsigned bytes)
{
    Guest *guest = guest_get();

    guest_reset(guest, 0);
    guest_code(guest, CODE, CODE, code, bytes);
    guest->state->registers[X86_RSP] = STACK;
    guest->state->registers[X86_RBX] = DATA;
    guest->state->registers[X86_RCX] = ROUNDS;
    return guest;
}

#define PREPARE(code) prepare(code, CODE_BYTES(code))

/* ---- the host's stack ---- */

/* One of every kind of handler: a leaked frame of 16 bytes a round is 4.8 MB. */
CODE64(every_kind, "1: mov %rcx, %r15\n"
                   "add %rcx, (%rbx)\n adcl $5, 8(%rbx)\n sub 16(%rbx), %rax\n"
                   "shl $3, %rax\n shld $5, %rax, 24(%rbx)\n rcl %cl, %rax\n"
                   "xchg %rax, (%rbx)\n xadd %rax, 8(%rbx)\n lock cmpxchg %rdx, (%rbx)\n"
                   "cmpxchg16b 32(%rbx)\n bts %rcx, 64(%rbx)\n bsf %rcx, %rdx\n"
                   "push %rax\n pushq (%rbx)\n popq 48(%rbx)\n pop %rax\n"
                   "pushf\n popf\n lahf\n sahf\n setz (%rbx)\n cmovc (%rbx), %rax\n"
                   "call 2f\n lea 2f(%rip), %rax\n call *%rax\n"
                   "enter $16, $1\n leave\n"
                   "lea 128(%rbx), %rdi\n mov %rbx, %rsi\n mov $16, %ecx\n rep movsb\n stosq\n"
                   "xor %edx, %edx\n mov $7, %esi\n div %rsi\n imul %rsi, %rax\n mul %rsi\n"
                   "mov %cr0, %rax\n rdtsc\n lar %cx, %eax\n mov %ds, %eax\n mov %eax, %ds\n"
                   "sgdt 160(%rbx)\n str %ax\n xlat\n cli\n cld\n clts\n swapgs\n swapgs\n"
                   "mov $0x10, %ecx\n rdmsr\n in $0x80, %al\n out %al, $0x80\n"
                   "movdqu (%rbx), %xmm0\n paddd %xmm0, %xmm1\n movdqu %xmm1, 16(%rbx)\n"
                   "fld1\n fstp %st(0)\n fxsave 512(%rbx)\n fxrstor 512(%rbx)\n"
                   "mov %r15, %rcx\n dec %rcx\n jnz 1b\n hlt\n"
                   "2: ret");

static void *run_on_small_stack(void *opaque)
{
    guest_run(opaque);
    return NULL;
}

static void test_stack(void)
{
    Guest *guest = PREPARE(every_kind);
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SMALL_STACK);
    g_assert_cmpint(pthread_create(&thread, &attributes, run_on_small_stack, guest), ==, 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    g_assert_cmpint(guest_exception(guest).vector, ==, -1);
    g_assert_cmphex(guest->state->registers[X86_RCX], ==, 0);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, STACK);
}

/* ---- links ---- */

/* Calls a function in another page, rewrites its immediate, calls it again. */
CODE64(rewrite, "mov $0x110000, %rsi\n xor %edi, %edi\n mov $100, %ecx\n"
                "1: call *%rsi\n add %rax, %rdi\n incl 1(%rsi)\n call *%rsi\n add %rax, %rdi\n"
                "dec %ecx\n jnz 1b\n hlt");
CODE64(rewritten, "mov $0, %eax\n ret");

static void test_code_store(void)
{
    Guest *guest = PREPARE(rewrite);

    guest_write(guest, OTHER, rewritten, CODE_BYTES(rewritten));
    guest_run(guest);
    /* 0 + 1, 1 + 2, ... 99 + 100 */
    g_assert_cmpuint(guest->state->registers[X86_RDI], ==, 100 * 100);
}

/* The next instruction of the running block is rewritten. */
CODE64(rewrite_ahead, "movb $5, 1f+1(%rip)\n 1: mov $3, %al\n hlt");

static void test_code_store_ahead(void)
{
    Guest *guest = PREPARE(rewrite_ahead);

    guest_run(guest);
    g_assert_cmpuint(guest->state->registers[X86_RAX] & 0xff, ==, 5);
}

/* What a device writes to a page with code is run the next time. */
CODE64(one, "mov $1, %eax\n hlt");
CODE64(two, "mov $2, %eax\n hlt");

static void test_code_written_by_device(void)
{
    Guest *guest = PREPARE(one);

    guest_run(guest);
    g_assert_cmpuint(guest->state->registers[X86_RAX], ==, 1);
    guest_write(guest, CODE, two, CODE_BYTES(two));
    guest->state->rip = CODE;
    guest_run(guest);
    g_assert_cmpuint(guest->state->registers[X86_RAX], ==, 2);
}

/* A direct call to a page that is mapped elsewhere in between: the link must not be followed. */
#define WINDOW 0x3f000000u
#define TABLE  GUEST_PT_FREE
CODE64(remap, "call *%rsi\n mov %eax, %edi\n mov %r8, (%r9)\n invlpg (%rsi)\n call *%rsi\n hlt");
CODE64(remap_by_cr3, "call *%rsi\n mov %eax, %edi\n mov %r8, (%r9)\n mov %cr3, %rax\n"
                     "mov %rax, %cr3\n call *%rsi\n hlt");
CODE64(target_one, "jmp 1f\n 1: mov $1, %eax\n ret");
CODE64(target_two, "jmp 1f\n 1: mov $2, %eax\n ret");

static void check_remap(const uint8_t *code, unsigned bytes)
{
    Guest *guest = prepare(code, bytes);

    guest_write(guest, OTHER, target_one, CODE_BYTES(target_one));
    guest_write(guest, OTHER + 0x1000, target_two, CODE_BYTES(target_two));
    guest_map(guest, TABLE, WINDOW, OTHER, 1, PTE_W);
    guest->state->registers[X86_RSI] = WINDOW;
    guest->state->registers[X86_R8] = (OTHER + 0x1000) | PTE_W | PTE_P;
    guest->state->registers[X86_R8 + 1] = TABLE + ((WINDOW >> 12) & 0x1ff) * 8;
    guest_run(guest);
    g_assert_cmpuint(guest->state->registers[X86_RDI], ==, 1);
    g_assert_cmpuint(guest->state->registers[X86_RAX], ==, 2);
}

static void test_remap(void)
{
    check_remap(remap, CODE_BYTES(remap));
    check_remap(remap_by_cr3, CODE_BYTES(remap_by_cr3));
}

/* ---- exit requests ---- */

CODE64(loop_direct, "1: jmp 1b");
CODE64(loop_indirect, "1: lea 1b(%rip), %rax\n jmp *%rax");
CODE64(loop_call, "1: call 2f\n jmp 1b\n 2: ret");
CODE64(loop_string, "1: mov $0x1000, %ecx\n mov %rbx, %rdi\n rep stosb\n jmp 1b");
/* RSI goes down from the data to 0 and stays mapped for long enough. */
CODE64(loop_lods, "std\n 1: mov $0x8000, %ecx\n mov %rbx, %rsi\n rep lodsb\n jmp 1b");

static gpointer request_exit(gpointer opaque)
{
    VCPU *vcpu = opaque;

    g_usleep(2000);
    __atomic_store_n(&vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void check_exit(const uint8_t *code, unsigned bytes)
{
    Guest *guest = prepare(code, bytes);
    VCPU *vcpu = &guest->cpu->vcpu;

    accel_ops()->state_changed(vcpu);
    vcpu->exit_request = 0;
    GThread *thread = g_thread_new("exit", request_exit, vcpu);
    VCPUExit reason = accel_ops()->vcpu_run(vcpu);
    g_thread_join(thread);
    g_assert_cmpint(reason, ==, VCPU_EXIT_INTERRUPTED);
    accel_ops()->synchronize_state(vcpu);
    g_assert_cmphex(guest->state->rip & ~UINT64_C(0xff), ==, CODE);
}

static void test_exit_request(void)
{
    check_exit(loop_direct, CODE_BYTES(loop_direct));
    check_exit(loop_indirect, CODE_BYTES(loop_indirect));
    check_exit(loop_call, CODE_BYTES(loop_call));
    check_exit(loop_string, CODE_BYTES(loop_string));
    check_exit(loop_lods, CODE_BYTES(loop_lods));
}

/* ---- counting ---- */

CODE64(counted, "mov $100, %ecx\n 1: add %rcx, %rax\n mov %rax, (%rbx)\n dec %ecx\n jnz 1b\n hlt");
CODE64(counted_fault, "inc %eax\n inc %eax\n mov 0x3ffff000, %rdx\n inc %eax\n hlt");

static uint64_t count_run(Guest *guest)
{
    uint64_t before = accel_instruction_count();

    guest_run(guest);
    return accel_instruction_count() - before;
}

static void test_counting(void)
{
    g_assert_cmpuint(count_run(PREPARE(counted)), ==, 1 + 100 * 4 + 1);
    /* Two before the fault, and the handler's HLT. */
    g_assert_cmpuint(count_run(PREPARE(counted_fault)), ==, 2 + 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dispatch/stack", test_stack);
    g_test_add_func("/dispatch/code-store", test_code_store);
    g_test_add_func("/dispatch/code-store-ahead", test_code_store_ahead);
    g_test_add_func("/dispatch/code-written-by-device", test_code_written_by_device);
    g_test_add_func("/dispatch/remap", test_remap);
    g_test_add_func("/dispatch/exit-request", test_exit_request);
    g_test_add_func("/dispatch/counting", test_counting);
    return g_test_run();
}
