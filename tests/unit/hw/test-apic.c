/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The local APIC as its processor and the other interrupt controllers see it: acknowledging,
 * priorities, end of interrupt, messages between processors, x2APIC. What a single processor can
 * do by memory accesses alone is in tests/qtest/test-apic.c.
 */
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "irq-board.h"
#include "util/timer.h"

#define APIC(reg)   (APIC_DEFAULT_BASE + (reg)*0x10)
#define REG_ID      0x02
#define REG_TPR     0x08
#define REG_PPR     0x0a
#define REG_EOI     0x0b
#define REG_LDR     0x0d
#define REG_DFR     0x0e
#define REG_SVR     0x0f
#define REG_ISR     0x10
#define REG_IRR     0x20
#define REG_ESR     0x28
#define REG_ICR     0x30
#define REG_ICR2    0x31
#define REG_TIMER   0x32
#define REG_LINT0   0x35
#define REG_LINT1   0x36
#define REG_ERROR   0x37
#define REG_INITIAL 0x38
#define REG_DIVIDE  0x3e

#define MSR(reg)         (0x800 + (reg))
#define MSR_SELF_IPI     0x83f
#define MSR_TSC_DEADLINE 0x6e0
#define X2APIC_ENABLE    0xc00
#define XAPIC_ENABLE     0x800

#define ICR_FIXED   0x000
#define ICR_LOWEST  0x100
#define ICR_SMI     0x200
#define ICR_NMI     0x400
#define ICR_INIT    0x500
#define ICR_SIPI    0x600
#define ICR_LOGICAL 0x800
#define ICR_ASSERT  0x4000
#define ICR_LEVEL   0x8000
#define ICR_SELF    0x40000
#define ICR_ALL     0x80000
#define ICR_OTHERS  0xc0000

#define IOAPIC_SELECT 0xfec00000
#define IOAPIC_WINDOW 0xfec00010

static IRQBoard *board;

/* ---- helpers ---- */

static bool requested(unsigned cpu, uint32_t bit)
{
    return board_requests(board, cpu) & bit;
}

/* All processors switched to x2APIC, software enabled. */
static void enter_x2apic(void)
{
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        uint64_t base = APIC_DEFAULT_BASE | X2APIC_ENABLE | (i == 0 ? 0x100 : 0);
        g_assert_true(board_set_base(board, i, base));
        g_assert_true(board_wrmsr(board, i, MSR(REG_SVR), 0x1ff));
    }
}

static void send_fixed(unsigned cpu, uint8_t vector)
{
    APICMessage message = { .destination = cpu, .vector = vector };
    g_assert_true(apic_deliver(&message));
}

static void end_of_interrupt(unsigned cpu)
{
    g_assert_true(board_wrmsr(board, cpu, MSR(REG_EOI), 0));
}

static void expect_vector(unsigned cpu, int vector)
{
    g_assert_true(requested(cpu, VCPU_INTERRUPT_HARD));
    g_assert_cmphex(board_acknowledge(board, cpu), ==, vector);
}

static uint64_t read_msr(unsigned cpu, uint32_t msr)
{
    uint64_t value = 0;
    g_assert_true(board_rdmsr(board, cpu, msr, &value));
    return value;
}

static void set_redirection(unsigned pin, uint32_t high, uint32_t low)
{
    board_store(IOAPIC_SELECT, 0x11 + 2 * pin);
    board_store(IOAPIC_WINDOW, high);
    board_store(IOAPIC_SELECT, 0x10 + 2 * pin);
    board_store(IOAPIC_WINDOW, low);
}

static uint32_t get_redirection(unsigned pin)
{
    board_store(IOAPIC_SELECT, 0x10 + 2 * pin);
    return board_load(IOAPIC_WINDOW);
}

static void set_pin(unsigned pin, bool level)
{
    irq_set(device_get_gpio_in(board->ioapic, NULL, pin), level);
}

/* ---- priorities ---- */

static void test_nesting(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_cmpint(board_acknowledge(board, 0), ==, -1);
    send_fixed(0, 0x41);
    send_fixed(0, 0x35);
    send_fixed(0, 0x45);
    expect_vector(0, 0x45);
    g_assert_cmphex(read_msr(0, MSR(REG_PPR)), ==, 0x40);
    /* Same class: waits for the end of the first. */
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    send_fixed(0, 0x50);
    expect_vector(0, 0x50);
    end_of_interrupt(0);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    end_of_interrupt(0);
    expect_vector(0, 0x41);
    end_of_interrupt(0);
    expect_vector(0, 0x35);
    end_of_interrupt(0);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_cmphex(read_msr(0, MSR(REG_PPR)), ==, 0);
}

static void test_task_priority(void)
{
    X86CPU *cpu = board->cpus[0];
    irq_board_reset(board);
    enter_x2apic();
    cpu->interrupt_ops->set_tpr(cpu->interrupt_opaque, 5);
    g_assert_cmphex(read_msr(0, MSR(REG_TPR)), ==, 0x50);
    send_fixed(0, 0x5f);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_cmpint(board_acknowledge(board, 0), ==, -1);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_TPR), 0x4f));
    g_assert_cmpuint(cpu->interrupt_ops->get_tpr(cpu->interrupt_opaque), ==, 4);
    g_assert_cmphex(read_msr(0, MSR(REG_PPR)), ==, 0x4f);
    expect_vector(0, 0x5f);
    g_assert_cmphex(read_msr(0, MSR(REG_PPR)), ==, 0x50);
    end_of_interrupt(0);
    /* A request that goes away because the priority rises. */
    send_fixed(0, 0x61);
    g_assert_true(requested(0, VCPU_INTERRUPT_HARD));
    cpu->interrupt_ops->set_tpr(cpu->interrupt_opaque, 15);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
}

/* ---- PIC and I/O APIC ---- */

static void initialize_pics(void)
{
    static const uint8_t words[][2] = {
        { 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0x00 },
        { 0xa0, 0x11 }, { 0xa1, 0x28 }, { 0xa1, 0x02 }, { 0xa1, 0x01 }, { 0xa1, 0x00 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        board_out(words[i][0], words[i][1]);
    }
}

static void test_virtual_wire(void)
{
    irq_board_reset(board);
    initialize_pics();
    irq_raise(i8259_pair_line(board->pic, 4));
    g_assert_false(requested(1, VCPU_INTERRUPT_HARD)); /* only the bootstrap processor */
    expect_vector(0, 0x24);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    irq_raise(i8259_pair_line(board->pic, 12));
    expect_vector(0, 0x2c);
    irq_lower(i8259_pair_line(board->pic, 12));
    board_out(0xa0, 0x20);
    board_out(0x20, 0x20);
    board_out(0x20, 0x20);
    irq_lower(i8259_pair_line(board->pic, 4));
    /* Masked at LINT0, the request stays at the PIC. */
    board_store(APIC(REG_LINT0), 0x10700);
    irq_raise(i8259_pair_line(board->pic, 4));
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    board_store(APIC(REG_LINT0), 0x700);
    expect_vector(0, 0x24);
}

static void test_apic_switched_off(void)
{
    irq_board_reset(board);
    initialize_pics();
    g_assert_true(board_set_base(board, 0, APIC_DEFAULT_BASE | 0x100));
    g_assert_cmphex(board_load(APIC(REG_SVR)), ==, 0xffffffff);
    irq_raise(i8259_pair_line(board->pic, 3));
    expect_vector(0, 0x23);
    irq_raise(device_get_gpio_in(board->apics[0], "lint", 1));
    g_assert_true(requested(0, VCPU_INTERRUPT_NMI));
    irq_lower(device_get_gpio_in(board->apics[0], "lint", 1));
    g_assert_true(board_set_base(board, 0, APIC_DEFAULT_BASE | 0x100 | XAPIC_ENABLE));
    g_assert_cmphex(board_load(APIC(REG_SVR)), ==, 0xff);
}

static void test_level_from_ioapic(void)
{
    irq_board_reset(board);
    enter_x2apic();
    set_redirection(9, 0x01000000, 0x8059);
    set_pin(9, true);
    expect_vector(1, 0x59);
    g_assert_cmphex(get_redirection(9), ==, 0xc059);
    set_pin(9, false);
    set_pin(9, true); /* remote IRR holds it back */
    g_assert_false(requested(1, VCPU_INTERRUPT_HARD));
    end_of_interrupt(1);
    expect_vector(1, 0x59); /* still asserted */
    set_pin(9, false);
    end_of_interrupt(1);
    g_assert_false(requested(1, VCPU_INTERRUPT_HARD));
    g_assert_cmphex(get_redirection(9), ==, 0x8059);
}

static void test_edge_from_ioapic(void)
{
    irq_board_reset(board);
    enter_x2apic();
    set_redirection(4, 0, 0x10041);
    set_pin(4, true);
    set_redirection(4, 0, 0x00041); /* an edge while masked is lost */
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    set_pin(4, false);
    set_pin(4, true);
    expect_vector(0, 0x41);
    end_of_interrupt(0);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    /* Nobody there: a level waits until it can be delivered. */
    set_redirection(4, 0x07000000, 0x08041);
    g_assert_cmphex(get_redirection(4), ==, 0x08041);
    set_redirection(4, 0x00000000, 0x08041);
    expect_vector(0, 0x41);
}

static void test_lint_level(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_true(board_wrmsr(board, 0, MSR(REG_LINT0), 0x8062));
    irq_raise(device_get_gpio_in(board->apics[0], "lint", 0));
    expect_vector(0, 0x62);
    g_assert_cmphex(read_msr(0, MSR(REG_LINT0)), ==, 0xc062);
    end_of_interrupt(0);
    expect_vector(0, 0x62);
    irq_lower(device_get_gpio_in(board->apics[0], "lint", 0));
    end_of_interrupt(0);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_true(board_wrmsr(board, 0, MSR(REG_LINT1), 0x400));
    irq_raise(device_get_gpio_in(board->apics[0], "lint", 1));
    g_assert_true(requested(0, VCPU_INTERRUPT_NMI));
    irq_lower(device_get_gpio_in(board->apics[0], "lint", 1));
}

/* ---- messages ---- */

static void test_shorthands(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_true(board_wrmsr(board, 1, MSR(REG_ICR), ICR_ALL | 0x71));
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        expect_vector(i, 0x71);
        end_of_interrupt(i);
    }
    g_assert_true(board_wrmsr(board, 1, MSR(REG_ICR), ICR_OTHERS | ICR_NMI));
    g_assert_true(requested(0, VCPU_INTERRUPT_NMI));
    g_assert_false(requested(1, VCPU_INTERRUPT_NMI));
    g_assert_true(requested(2, VCPU_INTERRUPT_NMI));
    g_assert_true(board_wrmsr(board, 2, MSR(REG_ICR), ICR_SELF | 0x72));
    expect_vector(2, 0x72);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_true(board_wrmsr(board, 1, MSR_SELF_IPI, 0x73));
    expect_vector(1, 0x73);
}

static void test_destinations_x2apic(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_cmphex(read_msr(2, MSR(REG_LDR)), ==, 0x4);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(2) << 32 | 0x81));
    expect_vector(2, 0x81);
    end_of_interrupt(2);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(6) << 32 | ICR_LOGICAL | 0x82));
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    expect_vector(1, 0x82);
    expect_vector(2, 0x82);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(0xffffffff) << 32 | ICR_SMI));
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        g_assert_true(requested(i, VCPU_INTERRUPT_SMI));
    }
    /* 0xff names everybody only in messages with an 8-bit destination. */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(0xff) << 32 | 0x83));
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_true(apic_send_msi(0xfeeff000, 0x84));
    expect_vector(0, 0x84);
}

/* The others stay in xAPIC mode, where only the first can be reached by MMIO here. */
static void test_destinations_xapic(void)
{
    APICMessage message = { .logical = true, .vector = 0x91 };
    irq_board_reset(board);
    board_store(APIC(REG_SVR), 0x1ff);
    board_store(APIC(REG_LINT0), 0x10000);
    board_store(APIC(REG_LDR), 0x05000000);
    message.destination = 0x04;
    g_assert_true(apic_deliver(&message));
    expect_vector(0, 0x91);
    board_store(APIC(REG_EOI), 0);
    message.destination = 0x0a;
    g_assert_false(apic_deliver(&message));
    board_store(APIC(REG_DFR), 0x00000000);
    g_assert_cmphex(board_load(APIC(REG_DFR)), ==, 0x0fffffff);
    board_store(APIC(REG_LDR), 0x25000000);
    message.destination = 0x24;
    g_assert_true(apic_deliver(&message));
    message.destination = 0x14;
    g_assert_false(apic_deliver(&message));
    message.destination = 0x22;
    g_assert_false(apic_deliver(&message));
    /* The ID can be changed. */
    board_store(APIC(REG_ID), 0x5a000000);
    message = (APICMessage){ .destination = 0x5a, .vector = 0xa1 };
    g_assert_true(apic_deliver(&message));
    expect_vector(0, 0xa1);
}

static void test_lowest_priority(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_true(board_wrmsr(board, 0, MSR(REG_TPR), 0x30));
    g_assert_true(board_wrmsr(board, 1, MSR(REG_TPR), 0x20));
    g_assert_true(board_wrmsr(board, 2, MSR(REG_TPR), 0x40));
    g_assert_true(
        board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(7) << 32 | ICR_LOGICAL | ICR_LOWEST | 0x95));
    expect_vector(1, 0x95);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    g_assert_false(requested(2, VCPU_INTERRUPT_HARD));
}

static void test_init_and_startup(void)
{
    irq_board_reset(board);
    enter_x2apic();
    send_fixed(1, 0x51);
    g_assert_true(
        board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(1) << 32 | ICR_INIT | ICR_ASSERT | ICR_LEVEL));
    g_assert_true(requested(1, VCPU_INTERRUPT_INIT));
    g_assert_false(requested(1, VCPU_INTERRUPT_HARD));
    g_assert_cmphex(read_msr(1, MSR(REG_SVR)), ==, 0xff);
    /* De-assert does nothing. */
    board_clear_requests(board, 1);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(1) << 32 | ICR_INIT | ICR_LEVEL));
    g_assert_cmphex(board_requests(board, 1), ==, 0);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(1) << 32 | ICR_SIPI | 0x9a));
    g_assert_true(requested(1, VCPU_INTERRUPT_SIPI));
    g_assert_cmphex(board->cpus[1]->state.sipi_vector, ==, 0x9a);
    /* Only the first counts. */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), UINT64_C(1) << 32 | ICR_SIPI | 0x55));
    g_assert_cmphex(board->cpus[1]->state.sipi_vector, ==, 0x9a);
    /* A running processor does not listen. */
    g_assert_true(board_wrmsr(board, 1, MSR(REG_ICR), ICR_SIPI | 0x33));
    g_assert_false(requested(0, VCPU_INTERRUPT_SIPI));
}

static void test_errors(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ERROR), 0xfe));
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ICR), ICR_SELF | 0x0f));
    expect_vector(0, 0xfe);
    g_assert_cmphex(read_msr(0, MSR(REG_ESR)), ==, 0);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ESR), 0));
    g_assert_cmphex(read_msr(0, MSR(REG_ESR)), ==, 0x20);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ESR), 0));
    g_assert_cmphex(read_msr(0, MSR(REG_ESR)), ==, 0);
    /* An error interrupt that is itself illegal must not go round in circles. */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ERROR), 0x01));
    send_fixed(0, 0x02);
    g_assert_true(board_wrmsr(board, 0, MSR(REG_ESR), 0));
    g_assert_cmphex(read_msr(0, MSR(REG_ESR)), ==, 0x40);
    /* Software disabled: takes nothing, masks everything. */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_SVR), 0xff));
    g_assert_cmphex(read_msr(0, MSR(REG_LINT0)) & 0x10000, ==, 0x10000);
    APICMessage message = { .destination = 0, .vector = 0x77 };
    g_assert_false(apic_deliver(&message));
    g_assert_true(board_wrmsr(board, 0, MSR(REG_TIMER), 0x30));
    g_assert_cmphex(read_msr(0, MSR(REG_TIMER)), ==, 0x10030);
}

/* ---- MSRs ---- */

static void test_msr_faults(void)
{
    static const struct {
        uint32_t msr;
        uint64_t value;
    } refused[] = {
        { MSR(REG_ID), 0 },
        { MSR(REG_LDR), 0 },
        { MSR(REG_DFR), 0 },
        { MSR(REG_PPR), 0 },
        { MSR(REG_ISR), 0 },
        { MSR(REG_IRR), 0 },
        { MSR(REG_ICR2), 0 },
        { MSR(REG_EOI), 1 },
        { MSR(REG_ESR), 1 },
        { MSR(REG_TPR), 0x100 },
        { MSR(REG_SVR), 0x1000 },
        { MSR(REG_TIMER), 0x100 },
        { MSR(REG_DIVIDE), 0x10 },
        { MSR_SELF_IPI, 0x100 },
        { MSR(REG_ICR), 0x100000 },
        { MSR(0x39), 0 },
        { MSR(0x2f), 0 },
        { MSR(0xff), 0 },
        { MSR(REG_INITIAL), UINT64_C(1) << 32 },
    };
    uint64_t value;
    irq_board_reset(board);
    g_assert_false(board_rdmsr(board, 0, MSR(REG_ID), &value)); /* not in x2APIC mode */
    enter_x2apic();
    g_assert_cmphex(board_load(APIC(REG_ID)), ==, 0xffffffff); /* and no MMIO in it */
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (board_wrmsr(board, 0, refused[i].msr, refused[i].value)) {
            g_error("WRMSR 0x%x of 0x%" G_GINT64_MODIFIER "x was taken", refused[i].msr,
                    refused[i].value);
        }
    }
    g_assert_false(board_rdmsr(board, 0, MSR(REG_EOI), &value));
    g_assert_false(board_rdmsr(board, 0, MSR_SELF_IPI, &value));
    g_assert_false(board_rdmsr(board, 0, MSR(REG_DFR), &value));
    g_assert_false(board_rdmsr(board, 0, 0x7ff, &value));
    g_assert_cmphex(read_msr(2, MSR(REG_ID)), ==, 2);
    g_assert_cmphex(read_msr(0, MSR(3)), ==, 0x50014);
}

static void test_base(void)
{
    irq_board_reset(board);
    X86CPU *cpu = board->cpus[0];
    g_assert_cmphex(cpu->interrupt_ops->get_base(cpu->interrupt_opaque), ==, 0xfee00900);
    g_assert_false(board_set_base(board, 0, 0xfee00d00 & ~0x800)); /* x2APIC but not enabled */
    g_assert_false(board_set_base(board, 0, 0xfee00901));
    g_assert_false(board_set_base(board, 0, UINT64_C(1) << 60 | 0xfee00900));
    g_assert_true(board_set_base(board, 0, 0xfee00d00));
    g_assert_false(board_set_base(board, 0, 0xfee00900)); /* x2APIC to xAPIC */
    g_assert_true(board_set_base(board, 0, 0xfee00100));
    g_assert_false(board_set_base(board, 0, 0xfee00d00)); /* off to x2APIC */
    g_assert_true(board_set_base(board, 0, 0xfee00900));
    /* The window moves. */
    g_assert_true(board_set_base(board, 0, 0xfef00900));
    g_assert_cmphex(board_load(0xfef00030), ==, 0x50014);
    g_assert_cmphex(board_load(APIC(3)), ==, 0xffffffff);
    irq_board_reset(board);
    g_assert_cmphex(board_load(APIC(3)), ==, 0x50014);
}

/* ---- timer ---- */

static void test_timer(void)
{
    irq_board_reset(board);
    enter_x2apic();
    g_assert_true(board_wrmsr(board, 0, MSR(REG_DIVIDE), 0xb));    /* by 1 */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_TIMER), 0x20030)); /* periodic */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_INITIAL), 1000000));
    for (unsigned i = 0; i < 5; i++) {
        irq_board_advance(999999);
        g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
        irq_board_advance(1);
        expect_vector(0, 0x30);
        end_of_interrupt(0);
    }
    g_assert_true(board_wrmsr(board, 0, MSR(REG_TIMER), 0x30));
    g_assert_true(board_wrmsr(board, 0, MSR(REG_INITIAL), 5000));
    irq_board_advance(4000);
    g_assert_cmphex(read_msr(0, MSR(0x39)), ==, 1000);
    g_assert_true(
        board_wrmsr(board, 0, MSR(REG_DIVIDE), 0x0)); /* by 2: what is left counts slower */
    irq_board_advance(1999);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    irq_board_advance(1);
    expect_vector(0, 0x30);
    irq_board_advance(NANOSECONDS_PER_SECOND);
    g_assert_false(requested(0, VCPU_INTERRUPT_HARD));
    /* Counts of 1 tick must not keep the main loop busy. */
    g_assert_true(board_wrmsr(board, 0, MSR(REG_DIVIDE), 0xb));
    g_assert_true(board_wrmsr(board, 0, MSR(REG_TIMER), 0x20031));
    g_assert_true(board_wrmsr(board, 0, MSR(REG_INITIAL), 1));
    g_assert_cmpint(virtual_clock_deadline_ns() - clock_get_ns(CLOCK_TYPE_VIRTUAL), ==, 10000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    board = irq_board_new();
    g_test_add_func("/apic/nesting", test_nesting);
    g_test_add_func("/apic/task-priority", test_task_priority);
    g_test_add_func("/apic/virtual-wire", test_virtual_wire);
    g_test_add_func("/apic/switched-off", test_apic_switched_off);
    g_test_add_func("/apic/ioapic-level", test_level_from_ioapic);
    g_test_add_func("/apic/ioapic-edge", test_edge_from_ioapic);
    g_test_add_func("/apic/lint", test_lint_level);
    g_test_add_func("/apic/shorthands", test_shorthands);
    g_test_add_func("/apic/destinations-x2apic", test_destinations_x2apic);
    g_test_add_func("/apic/destinations-xapic", test_destinations_xapic);
    g_test_add_func("/apic/lowest-priority", test_lowest_priority);
    g_test_add_func("/apic/init-startup", test_init_and_startup);
    g_test_add_func("/apic/errors", test_errors);
    g_test_add_func("/apic/msr-faults", test_msr_faults);
    g_test_add_func("/apic/base", test_base);
    g_test_add_func("/apic/timer", test_timer);
    return g_test_run();
}
