/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Interrupts and their shadows, debug exceptions, double and triple faults, system calls, control
 * register checks: what only privileged 64-bit code can see (Intel SDM vol. 3 chapters 5, 6, 17).
 */
#include <string.h>

#include "code-blob.h"
#include "guest.h"
#include "system/bql.h"
#include "target/i386/fpu-ops.h"

#define VECTOR_DE 0
#define VECTOR_DB 1
#define VECTOR_UD 6
#define VECTOR_NM 7
#define VECTOR_DF 8
#define VECTOR_NP 11
#define VECTOR_GP 13
#define VECTOR_MF 16

#define EXTERNAL_VECTOR 0x55

#define RFLAGS_TF 0x100u
#define RFLAGS_IF 0x200u
#define RFLAGS_RF 0x10000u

#define CR0_TS (UINT64_C(1) << 3)
#define CR0_EM (UINT64_C(1) << 2)

#define CODE          GUEST_FREE
#define USER_CODE     0x10000000u
#define USER_PHYSICAL (GUEST_FREE + 0x1000)
#define SCRATCH       (GUEST_FREE + 0x2000)

/* ---- an interrupt controller with one vector to give ---- */

static unsigned acknowledged;

static int acknowledge(void *opaque)
{
    Guest *guest = opaque;

    acknowledged++;
    vcpu_interrupt_clear(&guest->cpu->vcpu, VCPU_INTERRUPT_HARD);
    return EXTERNAL_VECTOR;
}

static uint8_t get_tpr(void *opaque)
{
    return 0;
}

static void set_tpr(void *opaque, uint8_t cr8)
{
}

static uint64_t get_base(void *opaque)
{
    return 0xfee00900;
}

static bool set_base(void *opaque, uint64_t value)
{
    return true;
}

static bool read_msr(void *opaque, uint32_t msr, uint64_t *value)
{
    return false;
}

static bool write_msr(void *opaque, uint32_t msr, uint64_t value)
{
    return false;
}

static const X86InterruptOps controller = {
    acknowledge, get_tpr, set_tpr, get_base, set_base, read_msr, write_msr,
};

static Guest *prepare(const uint8_t *code, unsigned bytes)
{
    Guest *guest = guest_get();

    guest_reset(guest, 0);
    guest->cpu->interrupt_ops = &controller;
    guest->cpu->interrupt_opaque = guest;
    vcpu_interrupt_clear(&guest->cpu->vcpu, UINT32_MAX);
    acknowledged = 0;
    guest->state->registers[X86_RSP] = GUEST_KERNEL_STACK;
    guest->state->registers[X86_RBX] = SCRATCH;
    guest_code(guest, CODE, CODE, code, bytes);
    return guest;
}

#define PREPARE(code) prepare(code, CODE_BYTES(code))

/* The same at CPL 3. */
static Guest *prepare_user(const uint8_t *code, unsigned bytes)
{
    Guest *guest = prepare(code, bytes);

    guest_reset(guest, 3);
    memset(guest->memory + GUEST_PT_FREE, 0, 0x1000);
    guest_map(guest, GUEST_PT_FREE, USER_CODE, USER_PHYSICAL, 1, PTE_U | PTE_W);
    guest_code(guest, USER_PHYSICAL, USER_CODE, code, bytes);
    guest->state->registers[X86_RSP] = USER_CODE + 0x1000;
    return guest;
}

#define PREPARE_USER(code) prepare_user(code, CODE_BYTES(code))

static void interrupt(Guest *guest)
{
    bql_lock();
    vcpu_interrupt(&guest->cpu->vcpu, VCPU_INTERRUPT_HARD);
    bql_unlock();
}

static void assert_vector(const Guest *guest, int vector, uint64_t rip)
{
    GuestException exception = guest_exception(guest);

    g_assert_cmpint(exception.vector, ==, vector);
    g_assert_cmphex(exception.rip, ==, rip);
}

static void assert_error(const Guest *guest, int vector, uint64_t rip, uint32_t error_code)
{
    assert_vector(guest, vector, rip);
    g_assert_cmphex(guest_exception(guest).error_code, ==, error_code);
}

/* ---- external interrupts ---- */

CODE64(code_sti, "sti; nop; nop; hlt");
CODE64(code_sti_sti, "sti; sti; nop; hlt");
CODE64(code_sti_cli, "sti; cli; nop; hlt");
CODE64(code_mov_ss, "mov $0x10, %eax; sti; mov %eax, %ss; nop; nop; hlt");
CODE64(code_popf, "push $0x202; popf; nop; hlt");
CODE64(code_sti_hlt, "sti; hlt; nop; hlt");

/* STI keeps interrupts out for one more instruction. */
static void test_sti(void)
{
    Guest *guest = PREPARE(code_sti);

    interrupt(guest);
    guest_run(guest);
    assert_vector(guest, EXTERNAL_VECTOR, CODE + 2);
    g_assert_cmpuint(acknowledged, ==, 1);
    g_assert_cmphex(guest_exception(guest).rflags & RFLAGS_IF, ==, RFLAGS_IF);
    g_assert_cmphex(guest->state->rflags & RFLAGS_IF, ==, 0);

    guest = PREPARE(code_sti_sti); /* the second one changes nothing: no shadow of its own */
    interrupt(guest);
    guest_run(guest);
    assert_vector(guest, EXTERNAL_VECTOR, CODE + 2);

    guest = PREPARE(code_sti_cli);
    interrupt(guest);
    guest_run(guest);
    g_assert_cmpint(guest_exception(guest).vector, ==, -1);
    g_assert_cmpuint(acknowledged, ==, 0);
}

static void test_popf(void)
{
    Guest *guest = PREPARE(code_popf);

    interrupt(guest);
    guest_run(guest);
    assert_vector(guest, EXTERNAL_VECTOR, CODE + 6);
}

/* A load of SS with interrupts already on; the request arrives before it. */
static void test_mov_ss(void)
{
    Guest *guest = PREPARE(code_mov_ss);
    uint64_t rip;

    interrupt(guest);
    guest_run(guest);
    rip = guest_exception(guest).rip;
    g_assert_cmpint(guest_exception(guest).vector, ==, EXTERNAL_VECTOR);
    /* after MOV SS (the end of STI's shadow) or after the instruction behind it */
    g_assert_true(rip == CODE + 8 || rip == CODE + 9);
}

/* The shadow is part of the state: a vCPU that stopped in it resumes in it. */
static void test_shadow_state(void)
{
    Guest *guest = PREPARE(code_sti);

    guest->state->rip = CODE + 1;
    guest->state->rflags |= RFLAGS_IF;
    guest->state->interrupt_shadow = true;
    interrupt(guest);
    guest_run(guest);
    assert_vector(guest, EXTERNAL_VECTOR, CODE + 2);

    guest = PREPARE(code_sti);
    guest->state->rip = CODE + 1;
    guest->state->rflags |= RFLAGS_IF;
    interrupt(guest);
    guest_run(guest);
    assert_vector(guest, EXTERNAL_VECTOR, CODE + 1);
}

/* HLT right behind STI: the interrupt comes after it, not before. */
static void test_sti_hlt(void)
{
    Guest *guest = PREPARE(code_sti_hlt);

    interrupt(guest);
    guest_run(guest);
    if (guest_exception(guest).vector < 0) { /* halted; the request wakes it */
        g_assert_cmphex(guest->state->rip, ==, CODE + 2);
        g_assert_true(x86_cpu_has_work(&guest->cpu->vcpu));
        guest_run(guest);
    }
    assert_vector(guest, EXTERNAL_VECTOR, CODE + 2);
}

/* ---- exceptions and gates ---- */

CODE64(code_int_3, "int3");
CODE64(code_int_41, "int $0x41");
CODE64(code_divide, "xor %ecx, %ecx; nop; div %ecx");
CODE64(code_user_int, "int $0x20");

static void set_gate_dpl_0(Guest *guest, unsigned vector)
{
    uint64_t gate = guest_read_64(guest, GUEST_IDT + vector * 16);

    guest_write_64(guest, GUEST_IDT + vector * 16, gate & ~(UINT64_C(0x60) << 40));
}

static void clear_gate_present(Guest *guest, unsigned vector)
{
    uint64_t gate = guest_read_64(guest, GUEST_IDT + vector * 16);

    guest_write_64(guest, GUEST_IDT + vector * 16, gate & ~(UINT64_C(0x80) << 40));
}

static void test_gates(void)
{
    Guest *guest = PREPARE(code_int_3);

    guest_run(guest);
    assert_vector(guest, 3, CODE + 1);

    guest = PREPARE(code_int_41);
    guest_run(guest);
    assert_vector(guest, 0x41, CODE + 2);
    g_assert_cmphex(guest_exception(guest).rsp, ==, GUEST_KERNEL_STACK);

    guest = PREPARE(code_divide);
    guest_run(guest);
    assert_vector(guest, VECTOR_DE, CODE + 3);
    g_assert_cmphex(guest_exception(guest).rflags & RFLAGS_RF, ==, RFLAGS_RF);

    guest = PREPARE_USER(code_user_int);
    set_gate_dpl_0(guest, 0x20);
    guest_run(guest);
    assert_error(guest, VECTOR_GP, USER_CODE, 0x20 * 8 + 2);

    guest = PREPARE_USER(code_user_int);
    clear_gate_present(guest, 0x20);
    guest_run(guest);
    assert_error(guest, VECTOR_NP, USER_CODE, 0x20 * 8 + 2);

    guest = PREPARE(code_int_41); /* beyond the table */
    guest->state->idt.limit = 0x41 * 16 - 1;
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0x41 * 8 + 2);
}

/* From CPL 3: stack and selectors of the frame. */
static void test_user_frame(void)
{
    Guest *guest = PREPARE_USER(code_user_int);
    GuestException exception;

    guest_run(guest);
    exception = guest_exception(guest);
    g_assert_cmpint(exception.vector, ==, 0x20);
    g_assert_cmphex(exception.cs, ==, GUEST_USER_CS);
    g_assert_cmphex(exception.ss, ==, GUEST_USER_DS);
    g_assert_cmphex(exception.rsp, ==, USER_CODE + 0x1000);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, GUEST_KERNEL_STACK - 40);
    g_assert_cmphex(guest->state->segments[X86_CS].selector, ==, GUEST_KERNEL_CS);
    g_assert_cmphex(guest->state->segments[X86_SS].selector, ==, 0);
}

/* The gate's interrupt stack table entry replaces the stack, whatever the CPL was. */
static void test_stack_table(void)
{
    Guest *guest = PREPARE(code_int_41);
    uint64_t gate = guest_read_64(guest, GUEST_IDT + 0x41 * 16);

    guest_write_64(guest, GUEST_IDT + 0x41 * 16, gate | UINT64_C(2) << 32);
    guest_write_64(guest, GUEST_TSS + 0x24 + 8, SCRATCH + 0x808);
    guest_run(guest);
    assert_vector(guest, 0x41, CODE + 2);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, SCRATCH + 0x800 - 40);
}

/* #GP whose gate is absent: #NP while delivering #GP makes a double fault. */
static void test_double_fault(void)
{
    Guest *guest = PREPARE_USER(code_user_int);

    set_gate_dpl_0(guest, 0x20);
    clear_gate_present(guest, VECTOR_GP);
    guest_run(guest);
    assert_error(guest, VECTOR_DF, USER_CODE, 0);
}

static void test_triple_fault(void)
{
    Guest *guest = PREPARE(code_divide);

    guest->state->idt.limit = 0;
    g_assert_cmpint(guest_run_any(guest), ==, VCPU_EXIT_SHUTDOWN);
}

/* ---- single step and breakpoints ---- */

CODE64(code_steps, "nop; inc %eax; nop; hlt");
CODE64(code_watch, "nop; mov %eax, (%rbx); nop; hlt");
CODE64(code_popf_tf, "push $0x102; popf; nop; nop; hlt");

static void test_single_step(void)
{
    Guest *guest = PREPARE(code_steps);

    guest->state->rflags |= RFLAGS_TF;
    guest_run(guest);
    assert_vector(guest, VECTOR_DB, CODE + 1);
    g_assert_cmphex(guest->state->dr[6] & 0x4000, ==, 0x4000);
    g_assert_cmphex(guest->state->rflags & RFLAGS_TF, ==, 0);

    guest = PREPARE(code_popf_tf); /* the trap comes after the instruction behind POPF */
    guest_run(guest);
    assert_vector(guest, VECTOR_DB, CODE + 7);
}

/* INT n clears TF on its way into the handler: nothing is left to trap. */
static void test_step_into_interrupt(void)
{
    Guest *guest = PREPARE(code_int_41);

    guest->state->rflags |= RFLAGS_TF;
    guest_run(guest);
    assert_vector(guest, 0x41, CODE + 2);
    g_assert_cmphex(guest_exception(guest).rflags & RFLAGS_TF, ==, RFLAGS_TF);
}

static void test_code_breakpoint(void)
{
    Guest *guest = PREPARE(code_steps);

    guest->state->dr[0] = CODE + 1;
    guest->state->dr[7] = 0x401; /* execution, global or local 0 */
    guest_run(guest);
    assert_vector(guest, VECTOR_DB, CODE + 1);
    g_assert_cmphex(guest->state->dr[6] & 0xf, ==, 1);
    /* the one fault that does not push RF set (17.3.1.1): its handler does it */
    g_assert_cmphex(guest_exception(guest).rflags & RFLAGS_RF, ==, 0);

    guest = PREPARE(code_steps); /* RF lets one instruction pass */
    guest->state->dr[0] = CODE + 1;
    guest->state->dr[7] = 0x401;
    guest->state->rip = CODE + 1;
    guest->state->rflags |= RFLAGS_RF;
    guest_run(guest);
    g_assert_cmpint(guest_exception(guest).vector, ==, -1);
    g_assert_cmpuint(guest->state->registers[X86_RAX], ==, 1);
}

static void test_data_breakpoint(void)
{
    Guest *guest = PREPARE(code_watch);

    guest->state->dr[1] = SCRATCH;
    guest->state->dr[7] = 0x404 | 0xdu << 20; /* breakpoint 1: 4 bytes, stores */
    guest_run(guest);
    assert_vector(guest, VECTOR_DB, CODE + 3); /* behind the store */
    g_assert_cmphex(guest->state->dr[6] & 0xf, ==, 2);
}

/* ---- system calls ---- */

CODE64(code_syscall, "syscall; hlt");
CODE64(code_sysret, "sysretq");

#define ENTRY (GUEST_FREE + 0x4000)

static void test_syscall(void)
{
    static const uint8_t halt = 0xf4;
    Guest *guest = PREPARE_USER(code_syscall);
    X86State *state = guest->state;

    guest_write(guest, ENTRY, &halt, 1);
    state->msr.star = UINT64_C(0x08) << 32;
    state->msr.lstar = ENTRY;
    state->msr.syscall_mask = RFLAGS_IF;
    state->rflags |= RFLAGS_IF | 1;
    guest_run(guest);
    g_assert_cmphex(state->rip, ==, ENTRY + 1);
    g_assert_cmphex(state->registers[X86_RCX], ==, USER_CODE + 2);
    g_assert_cmphex(state->registers[11], ==, 0x203);
    g_assert_cmphex(state->rflags & (RFLAGS_IF | 1), ==, 1);
    g_assert_cmphex(state->segments[X86_CS].selector, ==, 0x08);
    g_assert_cmphex(state->segments[X86_SS].selector, ==, 0x10);
    g_assert_cmphex(state->registers[X86_RSP], ==, USER_CODE + 0x1000);

    guest = PREPARE_USER(code_syscall);
    guest->state->msr.efer &= ~UINT64_C(1);
    guest_run(guest);
    assert_vector(guest, VECTOR_UD, USER_CODE);
}

static void test_sysret(void)
{
    Guest *guest = PREPARE(code_sysret);
    X86State *state = guest->state;
    static const uint8_t user[] = { 0xcd, 0x30 };
    GuestException exception;

    memset(guest->memory + GUEST_PT_FREE, 0, 0x1000);
    guest_map(guest, GUEST_PT_FREE, USER_CODE, USER_PHYSICAL, 1, PTE_U | PTE_W);
    guest_write(guest, USER_PHYSICAL, user, sizeof(user));
    state->msr.star = UINT64_C(0x10) << 48; /* CS = 0x10 + 16, SS = 0x10 + 8, both RPL 3 */
    state->registers[X86_RCX] = USER_CODE;
    state->registers[11] = 0x202;
    guest_run(guest);
    exception = guest_exception(guest);
    g_assert_cmpint(exception.vector, ==, 0x30);
    g_assert_cmphex(exception.cs, ==, GUEST_USER_CS);
    g_assert_cmphex(exception.ss, ==, GUEST_USER_DS);
    g_assert_cmphex(exception.rflags & 0x3fffff, ==, 0x202);
    g_assert_cmphex(exception.rip, ==, USER_CODE + 2);
}

CODE64(code_swapgs, "swapgs; mov %gs:0, %eax; hlt");

static void test_swapgs(void)
{
    Guest *guest = PREPARE(code_swapgs);

    guest_write_64(guest, SCRATCH, 0x12345678);
    guest->state->msr.kernel_gs_base = SCRATCH;
    guest->state->segments[X86_GS].base = 0x77777000;
    guest_run(guest);
    g_assert_cmphex(guest->state->registers[X86_RAX], ==, 0x12345678);
    g_assert_cmphex(guest->state->msr.kernel_gs_base, ==, 0x77777000);
    g_assert_cmphex(guest->state->segments[X86_GS].base, ==, SCRATCH);
}

/* ---- IRET ---- */

CODE64(code_iret, "iretq");

static void push_frame(Guest *guest, uint64_t rip, uint64_t cs, uint64_t rflags, uint64_t rsp,
                       uint64_t ss)
{
    uint64_t frame[] = { rip, cs, rflags, rsp, ss };

    guest->state->registers[X86_RSP] = GUEST_KERNEL_STACK - sizeof(frame);
    guest_write(guest, GUEST_KERNEL_STACK - sizeof(frame), frame, sizeof(frame));
}

static void test_iret(void)
{
    static const uint8_t user[] = { 0xcd, 0x30 };
    Guest *guest = PREPARE(code_iret);

    memset(guest->memory + GUEST_PT_FREE, 0, 0x1000);
    guest_map(guest, GUEST_PT_FREE, USER_CODE, USER_PHYSICAL, 1, PTE_U | PTE_W);
    guest_write(guest, USER_PHYSICAL, user, sizeof(user));
    push_frame(guest, USER_CODE, GUEST_USER_CS, 0x202, 0x1234, GUEST_USER_DS);
    guest_run(guest);
    assert_vector(guest, 0x30, USER_CODE + 2);
    g_assert_cmphex(guest_exception(guest).rsp, ==, 0x1234);

    guest = PREPARE(code_iret); /* RPL 3 on a kernel segment */
    push_frame(guest, CODE, GUEST_KERNEL_CS | 3, 0x202, 0x1234, GUEST_USER_DS);
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, GUEST_KERNEL_CS);

    guest = PREPARE(code_iret); /* selector beyond the table */
    push_frame(guest, CODE, 0x1000, 0x202, 0x1234, GUEST_KERNEL_DS);
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0x1000);
}

/* ---- control registers and the FPU's gate ---- */

CODE64(code_cr4, "mov %rax, %cr4; hlt");
CODE64(code_cr0, "mov %rax, %cr0; hlt");
CODE64(code_wrmsr, "wrmsr; hlt");
CODE64(code_fld1, "fld1; hlt");
CODE64(code_movaps, "movaps %xmm0, %xmm1; hlt");
CODE64(code_paddb, "paddb %mm0, %mm1; hlt");
CODE64(code_fdiv, "fldz; fld1; fdivp; fwait; hlt");

static void test_control_registers(void)
{
    Guest *guest = PREPARE(code_cr4);

    guest->state->registers[X86_RAX] = guest->state->cr4 | UINT64_C(1) << 40;
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0);

    guest = PREPARE(code_cr4); /* PAE cannot go in long mode */
    guest->state->registers[X86_RAX] = guest->state->cr4 & ~UINT64_C(0x20);
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0);

    guest = PREPARE(code_cr0); /* PG without PE */
    guest->state->registers[X86_RAX] = guest->state->cr0 & ~UINT64_C(1);
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0);

    guest = PREPARE(code_cr0); /* NW without CD */
    guest->state->registers[X86_RAX] = guest->state->cr0 | UINT64_C(0x20000000);
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0);

    guest = PREPARE(code_wrmsr); /* LSTAR must be canonical */
    guest->state->registers[X86_RCX] = 0xc0000082;
    guest->state->registers[X86_RDX] = 0x80000000;
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0);

    guest = PREPARE(code_wrmsr); /* EFER: reserved bit */
    guest->state->registers[X86_RCX] = 0xc0000080;
    guest->state->registers[X86_RAX] = 0xd01 | 0x80000000;
    guest_run(guest);
    assert_error(guest, VECTOR_GP, CODE, 0);
}

static void check_gate(const uint8_t *code, unsigned bytes, uint64_t cr0, uint64_t cr4_cleared,
                       int vector)
{
    Guest *guest = prepare(code, bytes);

    guest->state->cr0 |= cr0;
    guest->state->cr4 &= ~cr4_cleared;
    guest_run(guest);
    if (vector < 0) {
        g_assert_cmpint(guest_exception(guest).vector, ==, -1);
    } else {
        assert_vector(guest, vector, CODE);
    }
}

#define CHECK_GATE(code, cr0, cr4, vector) check_gate(code, CODE_BYTES(code), cr0, cr4, vector)

static void test_fpu_gates(void)
{
    CHECK_GATE(code_fld1, 0, 0, -1);
    CHECK_GATE(code_fld1, CR0_TS, 0, VECTOR_NM);
    CHECK_GATE(code_fld1, CR0_EM, 0, VECTOR_NM);
    CHECK_GATE(code_movaps, 0, 0, -1);
    CHECK_GATE(code_movaps, CR0_TS, 0, VECTOR_NM);
    CHECK_GATE(code_movaps, CR0_EM, 0, VECTOR_UD);
    CHECK_GATE(code_movaps, 0, 0x200, VECTOR_UD);
    CHECK_GATE(code_paddb, CR0_TS, 0, VECTOR_NM);
    CHECK_GATE(code_paddb, CR0_EM, 0, VECTOR_UD);
    CHECK_GATE(code_paddb, 0, 0x200, -1);
}

/* An unmasked division by zero is raised by the FWAIT behind it. */
static void test_fpu_exception(void)
{
    Guest *guest = PREPARE(code_fdiv);

    x86_fpu_init(&guest->state->fpu);
    guest->state->fpu.control = 0x37b;
    guest_run(guest);
    assert_vector(guest, VECTOR_MF, CODE + 6);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/interrupts/sti", test_sti);
    g_test_add_func("/interrupts/popf", test_popf);
    g_test_add_func("/interrupts/mov-ss", test_mov_ss);
    g_test_add_func("/interrupts/shadow-state", test_shadow_state);
    g_test_add_func("/interrupts/sti-hlt", test_sti_hlt);
    g_test_add_func("/interrupts/gates", test_gates);
    g_test_add_func("/interrupts/user-frame", test_user_frame);
    g_test_add_func("/interrupts/stack-table", test_stack_table);
    g_test_add_func("/interrupts/double-fault", test_double_fault);
    g_test_add_func("/interrupts/triple-fault", test_triple_fault);
    g_test_add_func("/debug/single-step", test_single_step);
    g_test_add_func("/debug/step-into-interrupt", test_step_into_interrupt);
    g_test_add_func("/debug/code-breakpoint", test_code_breakpoint);
    g_test_add_func("/debug/data-breakpoint", test_data_breakpoint);
    g_test_add_func("/calls/syscall", test_syscall);
    g_test_add_func("/calls/sysret", test_sysret);
    g_test_add_func("/calls/swapgs", test_swapgs);
    g_test_add_func("/calls/iret", test_iret);
    g_test_add_func("/control/registers", test_control_registers);
    g_test_add_func("/control/fpu-gates", test_fpu_gates);
    g_test_add_func("/control/fpu-exception", test_fpu_exception);
    return g_test_run();
}
