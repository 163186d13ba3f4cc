/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Ways between privilege levels other than exceptions in 64-bit code, and what is refused below
 * level 0 (Intel SDM vol. 3 chapters 5 to 7, 17, 20; vol. 1 chapter 19 for ports).
 */
#include <string.h>

#include "code-blob.h"
#include "guest.h"
#include "system/bql.h"

#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_UD  6
#define VECTOR_DF  8
#define VECTOR_GP  13
#define VECTOR_PF  14

#define CR0_PG       (UINT64_C(1) << 31)
#define CR4_TSD      (UINT64_C(1) << 2)
#define CR4_UMIP     (UINT64_C(1) << 11)
#define CR4_FSGSBASE (UINT64_C(1) << 16)
#define CR4_SMAP     (UINT64_C(1) << 21)

#define RFLAGS_IF 0x200u

#define CODE          GUEST_FREE
#define USER_CODE     0x10000000u
#define USER_PHYSICAL (GUEST_FREE + 0x1000)
#define ENTRY         (GUEST_FREE + 0x4000)

static Guest *prepare(unsigned cpl, const uint8_t *code, unsigned bytes)
{
    Guest *guest = guest_get();

    guest_reset(guest, cpl);
    vcpu_interrupt_clear(&guest->cpu->vcpu, UINT32_MAX);
    memset(guest->memory + GUEST_PT_FREE, 0, 0x1000);
    guest_map(guest, GUEST_PT_FREE, USER_CODE, USER_PHYSICAL, 1, PTE_U | PTE_W);
    guest_write(guest, ENTRY, (uint8_t[]){ 0xf4 }, 1);
    if (cpl == 3) {
        guest_code(guest, USER_PHYSICAL, USER_CODE, code, bytes);
        guest->state->registers[X86_RSP] = USER_CODE + 0x1000;
    } else {
        guest_code(guest, CODE, CODE, code, bytes);
        guest->state->registers[X86_RSP] = GUEST_KERNEL_STACK;
    }
    return guest;
}

#define PREPARE(cpl, code) prepare(cpl, code, CODE_BYTES(code))

static void assert_vector(const Guest *guest, int vector, uint64_t rip)
{
    GuestException exception = guest_exception(guest);

    g_assert_cmpint(exception.vector, ==, vector);
    g_assert_cmphex(exception.rip, ==, rip);
}

/* ---- SYSENTER, SYSEXIT ---- */

CODE64(code_sysenter, "sysenter");
CODE64(code_sysexit, "sysexitq");
CODE64(code_user_end, "int $0x30");

static void test_sysenter(void)
{
    Guest *guest = PREPARE(3, code_sysenter);
    X86State *state = guest->state;

    state->msr.sysenter_cs = GUEST_KERNEL_CS;
    state->msr.sysenter_eip = ENTRY;
    state->msr.sysenter_esp = GUEST_KERNEL_STACK - 0x100;
    state->rflags |= RFLAGS_IF;
    guest_run(guest);
    g_assert_cmphex(state->rip, ==, ENTRY + 1);
    g_assert_cmphex(state->registers[X86_RSP], ==, GUEST_KERNEL_STACK - 0x100);
    g_assert_cmphex(state->segments[X86_CS].selector, ==, GUEST_KERNEL_CS);
    g_assert_cmphex(state->segments[X86_SS].selector, ==, GUEST_KERNEL_CS + 8);
    g_assert_cmphex(state->rflags & RFLAGS_IF, ==, 0);

    guest = PREPARE(3, code_sysenter);
    guest_run(guest);
    assert_vector(guest, VECTOR_GP, USER_CODE); /* no selector set */
}

static void test_sysexit(void)
{
    Guest *guest = PREPARE(0, code_sysexit);
    X86State *state = guest->state;
    GuestException exception;

    guest_write(guest, USER_PHYSICAL, code_user_end, CODE_BYTES(code_user_end));
    state->msr.sysenter_cs = 0; /* must not be null, so #GP first */
    guest_run(guest);
    assert_vector(guest, VECTOR_GP, CODE);

    guest = PREPARE(0, code_sysexit);
    guest_write(guest, USER_PHYSICAL, code_user_end, CODE_BYTES(code_user_end));
    state->msr.sysenter_cs = 0x100; /* 64-bit code at +32, stack at +40; no descriptor is read */
    state->registers[X86_RDX] = USER_CODE;
    state->registers[X86_RCX] = 0x1234;
    guest_run(guest);
    exception = guest_exception(guest);
    g_assert_cmpint(exception.vector, ==, 0x30);
    g_assert_cmphex(exception.cs, ==, 0x123);
    g_assert_cmphex(exception.ss, ==, 0x12b);
    g_assert_cmphex(exception.rsp, ==, 0x1234);
}

/* ---- NMI ---- */

CODE64(code_nops, "nop; nop; nop; hlt");
CODE64(code_iret_only, "iretq");

static void nmi(Guest *guest)
{
    bql_lock();
    vcpu_interrupt(&guest->cpu->vcpu, VCPU_INTERRUPT_NMI);
    bql_unlock();
}

/* Not masked by IF; blocks the next one until IRET. */
static void test_nmi(void)
{
    Guest *guest = PREPARE(0, code_nops);

    nmi(guest);
    guest_run(guest);
    assert_vector(guest, VECTOR_NMI, CODE);
    g_assert_true(guest->state->nmi_blocked);

    guest = PREPARE(0, code_nops);
    guest->state->nmi_blocked = true;
    nmi(guest);
    guest_run(guest);
    g_assert_cmpint(guest_exception(guest).vector, ==, -1);

    guest = PREPARE(0, code_nops); /* the handler is IRETQ: the second request comes then */
    guest_write(guest, GUEST_HANDLERS + VECTOR_NMI * 16, code_iret_only, 2);
    nmi(guest);
    guest_run(guest);
    g_assert_cmphex(guest->state->rip, ==, CODE + 4);
    g_assert_false(guest->state->nmi_blocked);
}

/* ---- exceptions while one is delivered ---- */

CODE64(code_user_int, "int $0x20");
CODE64(code_ud2, "ud2");

static void use_stack_table(Guest *guest, unsigned vector, unsigned index, uint64_t stack)
{
    uint64_t gate = guest_read_64(guest, GUEST_IDT + vector * 16);

    guest_write_64(guest, GUEST_IDT + vector * 16, gate | (uint64_t)index << 32);
    guest_write_64(guest, GUEST_TSS + 0x24 + (index - 1) * 8, stack);
}

/* The kernel stack is missing: #PF, whose handler has none either, so #DF on its own stack. */
static void test_fault_in_delivery(void)
{
    Guest *guest = PREPARE(3, code_ud2);

    guest_write_64(guest, GUEST_TSS + 4, 0x30000000);
    use_stack_table(guest, VECTOR_DF, 1, GUEST_KERNEL_STACK);
    guest_run(guest);
    assert_vector(guest, VECTOR_DF, USER_CODE);
    g_assert_cmphex(guest_exception(guest).error_code, ==, 0);

    guest = PREPARE(3, code_ud2); /* #PF has a stack: it is a page fault of the supervisor */
    guest_write_64(guest, GUEST_TSS + 4, 0x30001000);
    use_stack_table(guest, VECTOR_PF, 1, GUEST_KERNEL_STACK);
    guest_run(guest);
    assert_vector(guest, VECTOR_PF, USER_CODE);
    g_assert_cmphex(guest->state->cr2, ==, 0x30000ff8);
    g_assert_cmphex(guest_exception(guest).error_code, ==, 2);
}

/* ---- refused below level 0, or by a control bit ---- */

CODE64(code_rdtsc, "rdtsc; int $0x30");
CODE64(code_sgdt, "sgdt 0x800(%rip); int $0x30");
CODE64(code_stac, "stac; int $0x30");
CODE64(code_rdfsbase, "rdfsbase %rax; int $0x30");
CODE64(code_out, "out %al, $0x80; int $0x30");
CODE64(code_cpuid, "cpuid; int $0x30");
CODE64(code_smsw, "smsw %eax; int $0x30");
CODE64(code_lmsw, "lmsw %ax; int $0x30");
CODE64(code_rdpmc, "rdpmc; int $0x30");

/* What happens at CPL 3 with bits of CR4 set. */
typedef struct UserCase {
    const char *name;
    const uint8_t *code, *code_end;
    uint64_t cr4;
    int vector; /* 0x30: nothing */
} UserCase;

#define USER_CASE(name, code, cr4, vector)  \
    {                                       \
        name, code, code##_end, cr4, vector \
    }

static const UserCase user_cases[] = {
    USER_CASE("rdtsc", code_rdtsc, 0, 0x30),
    USER_CASE("rdtsc, TSD", code_rdtsc, CR4_TSD, VECTOR_GP),
    USER_CASE("sgdt", code_sgdt, 0, 0x30),
    USER_CASE("sgdt, UMIP", code_sgdt, CR4_UMIP, VECTOR_GP),
    USER_CASE("smsw, UMIP", code_smsw, CR4_UMIP, VECTOR_GP),
    USER_CASE("smsw", code_smsw, 0, 0x30),
    USER_CASE("lmsw", code_lmsw, 0, VECTOR_GP),
    USER_CASE("stac", code_stac, CR4_SMAP, VECTOR_UD),
    USER_CASE("rdfsbase", code_rdfsbase, CR4_FSGSBASE, 0x30),
    USER_CASE("rdfsbase, not enabled", code_rdfsbase, 0, VECTOR_UD),
    USER_CASE("out", code_out, 0, VECTOR_GP),
    USER_CASE("cpuid", code_cpuid, 0, 0x30),
    USER_CASE("rdpmc", code_rdpmc, 0, VECTOR_GP),
};

static void test_user(gconstpointer opaque)
{
    const UserCase *test = opaque;
    Guest *guest = prepare(3, test->code, test->code_end - test->code);

    guest->state->cr4 |= test->cr4;
    guest_run(guest);
    g_assert_cmpint(guest_exception(guest).vector, ==, test->vector);
}

/* IOPL lets a program at its ports, and so does a clear bit in the TSS's bitmap. */
static void test_ports(void)
{
    Guest *guest = PREPARE(3, code_out);

    guest->state->rflags |= 0x3000;
    guest_run(guest);
    assert_vector(guest, 0x30, USER_CODE + 4);

    guest = PREPARE(3, code_out);
    guest_write(guest, GUEST_TSS + 0x66, (uint8_t[]){ 0x68, 0 }, 2);
    memset(guest->memory + GUEST_TSS + 0x68, 0xff, 0x20);
    guest->memory[GUEST_TSS + 0x68 + 0x80 / 8] = 0xfe;
    guest->state->task.limit = 0x68 + 0x1f;
    guest_run(guest);
    assert_vector(guest, 0x30, USER_CODE + 4);

    guest = PREPARE(3, code_out); /* the bit is set */
    memset(guest->memory + GUEST_TSS + 0x68, 0xff, 0x20);
    guest->state->task.limit = 0x68 + 0x1f;
    guest_run(guest);
    assert_vector(guest, VECTOR_GP, USER_CODE);
}

/* DR7.GD guards the debug registers, once. */
CODE64(code_mov_dr, "mov %rax, %dr0; hlt");

static void test_general_detect(void)
{
    Guest *guest = PREPARE(0, code_mov_dr);

    guest->state->dr[7] = 0x2400;
    guest_run(guest);
    assert_vector(guest, VECTOR_DB, CODE);
    g_assert_cmphex(guest->state->dr[6] & 0x2000, ==, 0x2000);
    g_assert_cmphex(guest->state->dr[7] & 0x2000, ==, 0);
}

/* ---- 32-bit protected mode: from ring 3 to ring 0 by interrupt and by call gate ---- */

CODE32(code32_int, "int $0x20");
CODE32(code32_gate, "lcall $0x3b, $0");
CODE32(code32_halt, "hlt");

#define GATE_SELECTOR   0x38u
#define USER_CS_32      0x43u
#define GDT_BYTES       0x48u
#define USER_STACK_32   (GUEST_FREE + 0x8000)
#define KERNEL_STACK_32 (GUEST_KERNEL_STACK - 0x400)

static Guest *prepare_32(const uint8_t *code, unsigned bytes)
{
    Guest *guest = guest_get();
    X86State *state;

    guest_reset(guest, 3);
    state = guest->state;
    state->cr0 &= ~CR0_PG;
    state->msr.efer = 0;
    for (unsigned vector = 0; vector < 256; vector++) {
        guest_write_64(guest, GUEST_IDT + vector * 8,
                       (GUEST_HANDLERS + vector * 16) | GUEST_KERNEL_CS << 16 |
                           UINT64_C(0xee) << 40);
    }
    guest_write_64(guest, GUEST_GDT + GUEST_KERNEL_CS, 0x00cf9a000000ffff);
    guest_write_64(guest, GUEST_GDT + GATE_SELECTOR, /* two parameters */
                   (ENTRY & 0xffff) | GUEST_KERNEL_CS << 16 | UINT64_C(0xec02) << 32 |
                       (uint64_t)(ENTRY >> 16) << 48);
    guest_write_64(guest, GUEST_GDT + (USER_CS_32 & ~3u), 0x00cffa000000ffff);
    state->gdt.limit = GDT_BYTES - 1;
    state->segments[X86_CS].selector = USER_CS_32;
    state->segments[X86_CS].attributes = 0xc0fb;
    guest_write_64(guest, GUEST_TSS + 4, KERNEL_STACK_32 | (uint64_t)GUEST_KERNEL_DS << 32);
    guest_write(guest, ENTRY, code32_halt, 1);
    state->registers[X86_RSP] = USER_STACK_32;
    guest_code(guest, CODE, CODE, code, bytes);
    return guest;
}

static void assert_words(const Guest *guest, uint32_t address, const uint32_t *expected,
                         unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t value;

        memcpy(&value, guest->memory + address + 4 * i, sizeof(value));
        g_assert_cmphex(value, ==, expected[i]);
    }
}

static void test_interrupt_32(void)
{
    Guest *guest = prepare_32(code32_int, CODE_BYTES(code32_int));
    const uint32_t frame[] = { CODE + 2, USER_CS_32, 2, USER_STACK_32, GUEST_USER_DS };

    guest_run(guest);
    g_assert_cmphex(guest->state->rip, ==, GUEST_HANDLERS + 0x20 * 16 + 1);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, KERNEL_STACK_32 - sizeof(frame));
    g_assert_cmphex(guest->state->segments[X86_SS].selector, ==, GUEST_KERNEL_DS);
    assert_words(guest, KERNEL_STACK_32 - sizeof(frame), frame, G_N_ELEMENTS(frame));
}

static void test_call_gate(void)
{
    Guest *guest = prepare_32(code32_gate, CODE_BYTES(code32_gate));
    const uint32_t parameters[] = { 0x11111111, 0x22222222 };
    const uint32_t frame[] = { CODE + 7,      USER_CS_32,    parameters[0],
                               parameters[1], USER_STACK_32, GUEST_USER_DS };

    guest_write(guest, USER_STACK_32, parameters, sizeof(parameters));
    guest_run(guest);
    g_assert_cmphex(guest->state->rip, ==, ENTRY + 1);
    g_assert_cmphex(guest->state->segments[X86_CS].selector, ==, GUEST_KERNEL_CS);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, KERNEL_STACK_32 - sizeof(frame));
    assert_words(guest, KERNEL_STACK_32 - sizeof(frame), frame, G_N_ELEMENTS(frame));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (unsigned i = 0; i < G_N_ELEMENTS(user_cases); i++) {
        g_autofree char *path = g_strdup_printf("/privilege/user/%s", user_cases[i].name);

        g_test_add_data_func(path, &user_cases[i], test_user);
    }
    g_test_add_func("/privilege/sysenter", test_sysenter);
    g_test_add_func("/privilege/sysexit", test_sysexit);
    g_test_add_func("/privilege/nmi", test_nmi);
    g_test_add_func("/privilege/fault-in-delivery", test_fault_in_delivery);
    g_test_add_func("/privilege/ports", test_ports);
    g_test_add_func("/privilege/general-detect", test_general_detect);
    g_test_add_func("/privilege/interrupt-32", test_interrupt_32);
    g_test_add_func("/privilege/call-gate", test_call_gate);
    return g_test_run();
}
