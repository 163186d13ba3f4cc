/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Interrupt controllers, timers and clock of a PC around processors that do not run. */
#pragma once

#include "hw/core/device.h"
#include "target/i386/cpu.h"

#define BOARD_CPUS 3

typedef struct IRQBoard {
    X86CPU *cpus[BOARD_CPUS];
    Device *apics[BOARD_CPUS];
    Device *pic;
    Device *ioapic;
    Device *hpet;
    Device *pit;
    Device *rtc;
} IRQBoard;

/* Build it, once a process: BQL, clocks and accelerator included. */
IRQBoard *irq_board_new(void);

/* Everything into power-on state, virtual clock included. */
void irq_board_reset(IRQBoard *board);

/* Let virtual time pass. */
void irq_board_advance(int64_t ns);

uint8_t board_in(uint16_t port);
void board_out(uint16_t port, uint8_t value);
uint32_t board_load(uint64_t address);
void board_store(uint64_t address, uint32_t value);

/* The local APIC of @cpu through the door that the processor uses. */
int board_acknowledge(IRQBoard *board, unsigned cpu);
bool board_rdmsr(IRQBoard *board, unsigned cpu, uint32_t msr, uint64_t *value);
bool board_wrmsr(IRQBoard *board, unsigned cpu, uint32_t msr, uint64_t value);
bool board_set_base(IRQBoard *board, unsigned cpu, uint64_t value);
/* The VCPU_INTERRUPT_ bits asked for since they were last cleared. */
uint32_t board_requests(IRQBoard *board, unsigned cpu);
void board_clear_requests(IRQBoard *board, unsigned cpu);
