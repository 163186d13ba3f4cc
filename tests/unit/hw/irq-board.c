/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Interrupt controllers, timers and clock of a PC around processors that do not run. */
#include "irq-board.h"

#include "accel/accel.h"
#include "hw/intc/apic.h"
#include "hw/intc/gsi.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/isa.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "system/reset.h"
#include "util/timer.h"

static void make_timers(IRQBoard *board, Bus *isa_bus, GSIRouter *router)
{
    board->hpet = hpet_create(router);
    board->pit = i8254_create(isa_bus, device_get_gpio_in(board->hpet, "legacy", HPET_INPUT_PIT));
    board->rtc =
        mc146818_create(isa_bus, device_get_gpio_in(board->hpet, "legacy", HPET_INPUT_RTC));
}

IRQBoard *irq_board_new(void)
{
    IRQBoard *board = g_new0(IRQBoard, 1);
    GError *error = NULL;
    main_loop_init();
    accel_select("qtest", &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        board->cpus[i] = g_new0(X86CPU, 1);
        board->cpus[i]->apic_id = i;
        board->cpus[i]->vcpu.index = i;
        board->apics[i] = apic_create(board->cpus[i]);
    }
    Bus *isa_bus = isa_bus_new(NULL, "isa.0");
    board->pic = i8259_pair_create(isa_bus);
    apic_connect_pic(board->pic);
    board->ioapic = ioapic_create(IOAPIC_DEFAULT_BASE);
    make_timers(board, isa_bus, gsi_router_new(board->pic, board->ioapic));
    return board;
}

void irq_board_reset(IRQBoard *board)
{
    reset_all();
    for (unsigned i = 0; i < BOARD_CPUS; i++) {
        X86CPU *cpu = board->cpus[i];
        cpu->state.waiting_for_sipi = i > 0;
        board_clear_requests(board, i);
    }
    for (unsigned n = 0; n < 2 * 8; n++) {
        if (n != 2) {
            irq_lower(i8259_pair_line(board->pic, n));
        }
    }
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        irq_lower(device_get_gpio_in(board->ioapic, NULL, pin));
    }
}

void irq_board_advance(int64_t ns)
{
    virtual_clock_advance_to_ns(clock_get_ns(CLOCK_TYPE_VIRTUAL) + ns);
}

uint8_t board_in(uint16_t port)
{
    return address_space_load(address_space_io(), port, 1);
}

void board_out(uint16_t port, uint8_t value)
{
    address_space_store(address_space_io(), port, value, 1);
}

uint32_t board_load(uint64_t address)
{
    return address_space_load(address_space_memory(), address, 4);
}

void board_store(uint64_t address, uint32_t value)
{
    address_space_store(address_space_memory(), address, value, 4);
}

int board_acknowledge(IRQBoard *board, unsigned cpu)
{
    X86CPU *x86 = board->cpus[cpu];
    return x86->interrupt_ops->acknowledge(x86->interrupt_opaque);
}

bool board_rdmsr(IRQBoard *board, unsigned cpu, uint32_t msr, uint64_t *value)
{
    X86CPU *x86 = board->cpus[cpu];
    return x86->interrupt_ops->read_msr(x86->interrupt_opaque, msr, value);
}

bool board_wrmsr(IRQBoard *board, unsigned cpu, uint32_t msr, uint64_t value)
{
    X86CPU *x86 = board->cpus[cpu];
    return x86->interrupt_ops->write_msr(x86->interrupt_opaque, msr, value);
}

bool board_set_base(IRQBoard *board, unsigned cpu, uint64_t value)
{
    X86CPU *x86 = board->cpus[cpu];
    return x86->interrupt_ops->set_base(x86->interrupt_opaque, value);
}

uint32_t board_requests(IRQBoard *board, unsigned cpu)
{
    return vcpu_interrupts_pending(&board->cpus[cpu]->vcpu);
}

void board_clear_requests(IRQBoard *board, unsigned cpu)
{
    VCPU *vcpu = &board->cpus[cpu]->vcpu;
    vcpu_interrupt_clear(vcpu, board_requests(board, cpu) & ~VCPU_INTERRUPT_HARD);
}
