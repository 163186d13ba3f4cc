/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * How operations hand on to each other: no handler may leave anything on the host's stack (20000
 * frames of 16 bytes are more than the small stack here), links
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
#define ROUNDS      20000
#define SMALL_STACK 0x20000

static gint exits_wanted;

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

/* Loops around one kind of handler each; R15 is the counter, and RCX where the text allows. */
#define LOOP(name, text) CODE64(name, "1: mov %r15, %rcx\n " text "\n dec %r15\n jnz 1b\n hlt")
LOOP(loop_of_alu_store, "add %rcx, (%rbx)");
LOOP(loop_of_alu_load, "sub 16(%rbx), %rax");
LOOP(loop_of_carry, "adcl $5, 8(%rbx)");
LOOP(loop_of_shift, "shl $3, %rax");
LOOP(loop_of_double_shift, "shld $5, %rax, 24(%rbx)");
LOOP(loop_of_rotate, "rcl $3, %rax");
LOOP(loop_of_exchange, "xchg %rax, (%rbx)");
LOOP(loop_of_exchange_add, "xadd %rax, 8(%rbx)");
LOOP(loop_of_compare_exchange, "lock cmpxchg %rdx, (%rbx)");
LOOP(loop_of_compare_exchange_16, "cmpxchg16b 32(%rbx)");
LOOP(loop_of_bits, "bts %rcx, 64(%rbx)");
LOOP(loop_of_scan, "bsf %rcx, %rdx");
LOOP(loop_of_stack, "push %rax\n pop %rax");
LOOP(loop_of_push_memory, "pushq (%rbx)\n add $8, %rsp");
LOOP(loop_of_pop_memory, "push %rax\n popq 48(%rbx)");
LOOP(loop_of_push_flags, "pushf\n add $8, %rsp");
LOOP(loop_of_pop_flags, "push $2\n popf");
LOOP(loop_of_flags_to_ah, "lahf\n sahf");
LOOP(loop_of_condition, "setz (%rbx)\n cmovc (%rbx), %rax");
LOOP(loop_of_call, "call 2f\n jmp 3f\n 2: ret\n 3:");
LOOP(loop_of_call_indirect, "lea 2f(%rip), %rax\n call *%rax\n jmp 3f\n 2: ret\n 3:");
LOOP(loop_of_jump_indirect, "lea 2f(%rip), %rax\n jmp *%rax\n 2:");
LOOP(loop_of_loop, "mov $1, %ecx\n loop 2f\n 2: mov %r15, %rcx");
LOOP(loop_of_frame_enter, "enter $16, $1\n mov %rbp, %rsp\n pop %rbp");
LOOP(loop_of_frame_leave, "push %rbp\n mov %rsp, %rbp\n leave");
LOOP(loop_of_string, "mov %rbx, %rdi\n stosq");
LOOP(loop_of_string_repeated,
     "lea 128(%rbx), %rdi\n mov %rbx, %rsi\n mov $16, %ecx\n rep movsb\n mov %r15, %rcx");
LOOP(loop_of_divide, "xor %edx, %edx\n mov $7, %esi\n div %rsi");
LOOP(loop_of_multiply, "imul %rsi, %rax\n mul %rsi");
LOOP(loop_of_from_control, "mov %cr0, %rax");
LOOP(loop_of_to_control, "mov $0x80000031, %eax\n mov %rax, %cr0");
LOOP(loop_of_from_debug, "mov %dr0, %rax");
LOOP(loop_of_to_debug, "mov %rax, %dr0");
LOOP(loop_of_time, "rdtsc");
LOOP(loop_of_time_auxiliary, "rdtscp");
LOOP(loop_of_identify, "cpuid\n mov %r15, %rcx\n mov %r14, %rbx");
LOOP(loop_of_descriptor_rights, "lar %dx, %eax");
LOOP(loop_of_descriptor_limit, "lsl %dx, %eax");
LOOP(loop_of_descriptor_read, "verr %dx");
LOOP(loop_of_descriptor_write, "verw %dx");
LOOP(loop_of_from_segment, "mov %ds, %eax");
LOOP(loop_of_to_segment, "mov $0x10, %eax\n mov %eax, %ds");
LOOP(loop_of_push_segment, "push %fs\n add $8, %rsp");
LOOP(loop_of_pop_segment, "push $0\n pop %fs");
LOOP(loop_of_store_table, "sgdt 160(%rbx)");
LOOP(loop_of_load_table, "sgdt 160(%rbx)\n lgdt 160(%rbx)");
LOOP(loop_of_store_task, "str %ax");
LOOP(loop_of_store_ldt, "sldt %ax");
LOOP(loop_of_store_status, "smsw %ax");
LOOP(loop_of_translate, "mov $0, %al\n xlat");
LOOP(loop_of_interrupt_flag, "cli\n sti\n cli");
LOOP(loop_of_flag_bits, "cld\n clc\n stc\n cmc\n clts");
LOOP(loop_of_swap, "swapgs\n swapgs");
LOOP(loop_of_msr, "mov $0x10, %ecx\n rdmsr\n mov %r15, %rcx");
LOOP(loop_of_port_in, "in $0x80, %al");
LOOP(loop_of_port_out, "out %al, $0x80");
LOOP(loop_of_page, "invlpg (%rbx)");
LOOP(loop_of_vector_load, "movdqu (%rbx), %xmm0");
LOOP(loop_of_vector_add, "paddd %xmm0, %xmm1");
LOOP(loop_of_vector_store, "movdqu %xmm1, 16(%rbx)");
LOOP(loop_of_x87, "fninit");
LOOP(loop_of_x87_wait, "fwait");
LOOP(loop_of_fx_save, "fxsave 512(%rbx)");
LOOP(loop_of_fx_restore, "fxsave 512(%rbx)\n fxrstor 512(%rbx)");
LOOP(loop_of_far_return, "pushq $8\n lea 2f(%rip), %rax\n push %rax\n lretq\n 2:");
LOOP(loop_of_interrupt_return, "mov %rsp, %rax\n pushq $0x10\n push %rax\n pushf\n pushq $8\n lea "
                               "2f(%rip), %rax\n push %rax\n iretq\n 2:");
LOOP(loop_of_store_to_code, "movb $0x90, 2f(%rip)\n 2: nop");

typedef struct Kind {
    const char *name;
    const uint8_t *code, *end;
} Kind;

#define KIND(name)                                  \
    {                                               \
#name, loop_of_##name, loop_of_##name##_end \
    }
static const Kind kinds[] = {
    KIND(alu_store),
    KIND(alu_load),
    KIND(carry),
    KIND(shift),
    KIND(double_shift),
    KIND(rotate),
    KIND(exchange),
    KIND(exchange_add),
    KIND(compare_exchange),
    KIND(compare_exchange_16),
    KIND(bits),
    KIND(scan),
    KIND(stack),
    KIND(push_memory),
    KIND(pop_memory),
    KIND(push_flags),
    KIND(pop_flags),
    KIND(flags_to_ah),
    KIND(condition),
    KIND(call),
    KIND(call_indirect),
    KIND(jump_indirect),
    KIND(loop),
    KIND(frame_enter),
    KIND(frame_leave),
    KIND(string),
    KIND(string_repeated),
    KIND(divide),
    KIND(multiply),
    KIND(from_control),
    KIND(to_control),
    KIND(from_debug),
    KIND(to_debug),
    KIND(time),
    KIND(time_auxiliary),
    KIND(identify),
    KIND(descriptor_rights),
    KIND(descriptor_limit),
    KIND(descriptor_read),
    KIND(descriptor_write),
    KIND(from_segment),
    KIND(to_segment),
    KIND(push_segment),
    KIND(pop_segment),
    KIND(store_table),
    KIND(load_table),
    KIND(store_task),
    KIND(store_ldt),
    KIND(store_status),
    KIND(translate),
    KIND(interrupt_flag),
    KIND(flag_bits),
    KIND(swap),
    KIND(msr),
    KIND(port_in),
    KIND(port_out),
    KIND(page),
    KIND(vector_load),
    KIND(vector_add),
    KIND(vector_store),
    KIND(x87),
    KIND(x87_wait),
    KIND(fx_save),
    KIND(fx_restore),
    KIND(far_return),
    KIND(interrupt_return),
    KIND(store_to_code),
};

static void *run_on_small_stack(void *opaque)
{
    guest_run(opaque);
    return NULL;
}

static void test_stack(gconstpointer opaque)
{
    const Kind *kind = opaque;
    Guest *guest = prepare(kind->code, kind->end - kind->code);
    pthread_attr_t attributes;
    pthread_t thread;

    guest->state->registers[X86_R15] = ROUNDS;
    guest->state->registers[X86_R15 - 1] = DATA;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SMALL_STACK);
    g_assert_cmpint(pthread_create(&thread, &attributes, run_on_small_stack, guest), ==, 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    g_assert_cmpint(guest_exception(guest).vector, ==, -1);
    g_assert_cmphex(guest->state->registers[X86_R15], ==, 0);
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

/* ---- taking the state out and putting it back ---- */

/* A checksum that depends on flags kept across blocks, strings, vectors and the x87 stack. */
CODE64(checksum, "mov $200000, %r15\n xor %eax, %eax\n fldz\n fld1\n"
                 "1: lea 64(%rbx), %rdi\n mov %rbx, %rsi\n mov $24, %ecx\n rep movsb\n"
                 "add %r15, (%rbx)\n jmp 2f\n 2: adc %r15, 8(%rbx)\n call 3f\n"
                 "ror $7, %rax\n cmovc %r15, %rdx\n xor (%rbx), %rax\n"
                 "movq %rax, %xmm1\n paddq %xmm1, %xmm0\n fadd %st, %st(1)\n"
                 "dec %r15\n jnz 1b\n"
                 "fistpq 128(%rbx)\n fistpq 136(%rbx)\n movdqu %xmm0, 144(%rbx)\n hlt\n"
                 "3: jc 4f\n sbb $3, %rax\n ret\n 4: sbb $5, %rax\n ret");

static gpointer request_exits(gpointer opaque)
{
    VCPU *vcpu = opaque;

    while (g_atomic_int_get(&exits_wanted)) {
        g_usleep(20);
        __atomic_store_n(&vcpu->exit_request, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* Move the state away, make another of it, bring it back: what a migration does. */
static void move_state(Guest *guest)
{
    X86State kept, other = { .rflags = 2, .cr0 = 0x10 };

    accel_ops()->synchronize_state(&guest->cpu->vcpu);
    kept = *guest->state;
    memset(other.registers, 0x5a, sizeof(other.registers));
    *guest->state = other;
    accel_ops()->state_changed(&guest->cpu->vcpu);
    *guest->state = kept;
    accel_ops()->state_changed(&guest->cpu->vcpu);
}

static Guest *prepare_checksum(void)
{
    Guest *guest = PREPARE(checksum);

    memset(guest->memory + DATA, 0, 256);
    return guest;
}

static void test_moved(void)
{
    Guest *guest = prepare_checksum();
    VCPU *vcpu = &guest->cpu->vcpu;
    VCPUExit reason = VCPU_EXIT_INTERRUPTED;
    uint8_t expected[256];
    unsigned moves = 0;

    guest_run(guest);
    uint64_t rax = guest->state->registers[X86_RAX];
    memcpy(expected, guest->memory + DATA, sizeof(expected));

    guest = prepare_checksum();
    accel_ops()->state_changed(vcpu);
    g_atomic_int_set(&exits_wanted, 1);
    GThread *thread = g_thread_new("exits", request_exits, vcpu);
    for (; reason == VCPU_EXIT_INTERRUPTED; moves++) {
        __atomic_store_n(&vcpu->exit_request, 0, __ATOMIC_SEQ_CST);
        reason = accel_ops()->vcpu_run(vcpu);
        move_state(guest);
    }
    g_atomic_int_set(&exits_wanted, 0);
    g_thread_join(thread);
    g_test_message("%u moves", moves);
    g_assert_cmpint(reason, ==, VCPU_EXIT_HALTED);
    g_assert_cmpuint(moves, >, 3);
    g_assert_cmphex(guest->state->registers[X86_RAX], ==, rax);
    g_assert_cmpmem(guest->memory + DATA, sizeof(expected), expected, sizeof(expected));
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
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/dispatch/stack/%s", kinds[i].name);
        g_test_add_data_func(path, &kinds[i], test_stack);
    }
    g_test_add_func("/dispatch/code-store", test_code_store);
    g_test_add_func("/dispatch/code-store-ahead", test_code_store_ahead);
    g_test_add_func("/dispatch/code-written-by-device", test_code_written_by_device);
    g_test_add_func("/dispatch/remap", test_remap);
    g_test_add_func("/dispatch/exit-request", test_exit_request);
    g_test_add_func("/dispatch/moved", test_moved);
    g_test_add_func("/dispatch/counting", test_counting);
    return g_test_run();
}
