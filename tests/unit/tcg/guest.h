/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A guest for tests: some RAM and one vCPU of the software engine. The vCPU's thread stays stopped:
 * the test's own thread runs the guest.
 * It is brought into long mode with a GDT, an IDT whose handlers halt, a TSS and 4-level paging;
 * tests change what they are about.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "target/i386/cpu.h"

/* Guest physical memory map. */
#define GUEST_RAM_BYTES    0x1000000u
#define GUEST_GDT          0x1000u
#define GUEST_IDT          0x2000u
#define GUEST_TSS          0x3000u
#define GUEST_HANDLERS     0x4000u /* handler of vector n: HLT at 16 * n */
#define GUEST_KERNEL_STACK 0x9000u /* top; used when the vCPU comes from CPL 3 */
#define GUEST_PML4         0x10000u
#define GUEST_PDPT         0x11000u
#define GUEST_PD           0x12000u /* entry 0: the first 2 MiB, supervisor, identity */
#define GUEST_PT_FREE      0x13000u /* page tables from here on are the test's own */
#define GUEST_FREE         0x100000u

#define GUEST_KERNEL_CS 0x08
#define GUEST_KERNEL_DS 0x10
#define GUEST_USER_DS   0x1b
#define GUEST_USER_CS   0x23
#define GUEST_TR        0x28

#define PTE_P  0x001u
#define PTE_W  0x002u
#define PTE_U  0x004u
#define PTE_A  0x020u
#define PTE_D  0x040u
#define PTE_PS 0x080u
#define PTE_G  0x100u
#define PTE_NX (UINT64_C(1) << 63)

typedef struct Guest {
    X86CPU *cpu;
    X86State *state; /* exact between guest_run() calls */
    RAMBlock *ram;
    uint8_t *memory; /* RAM as the host sees it, from guest physical address 0 */
} Guest;

/* The one guest of the program; made by the first call. */
Guest *guest_get(void);

/* Back to long mode at @cpl (0 or 3) with the tables above; registers and RFLAGS zero, all memory
 * from GUEST_FREE on left as it is. */
void guest_reset(Guest *guest, unsigned cpl);

/* Store to guest memory as another device would. */
void guest_write(Guest *guest, uint64_t address, const void *bytes, uint64_t count);
uint64_t guest_read_64(const Guest *guest, uint64_t address);
void guest_write_64(Guest *guest, uint64_t address, uint64_t value);

/*
 * Map @pages pages of 4 KiB at @linear to @physical through the page table at @table (a physical
 * page of the test's own), with @bits (PTE_...) besides PTE_P. @linear lies below 1 GiB.
 */
void guest_map(Guest *guest, uint64_t table, uint64_t linear, uint64_t physical, unsigned pages,
               uint64_t bits);

/* Put @count bytes of code at @physical and RIP at @linear. */
void guest_code(Guest *guest, uint64_t physical, uint64_t linear, const uint8_t *code,
                unsigned count);

/* Run until HLT. Fails the test when the vCPU stops for another reason or not at all. */
void guest_run(Guest *guest);

/* Run until the vCPU stops by itself, and say why. Fails the test when it does not. */
VCPUExit guest_run_any(Guest *guest);

/*
 * guest_run(), but whenever the vCPU was made to leave the engine it migrates (guest_migrate()),
 * and a timer makes it leave every @period_us. Returns how often.
 */
unsigned guest_run_migrating(Guest *guest, unsigned period_us);

/* Send the vCPU through its migration description and wipe what was there before it comes back. */
void guest_migrate(Guest *guest);

/* What guest_run() ended in, when it was in an exception or interrupt handler. */
typedef struct GuestException {
    int vector; /* or -1: HLT somewhere else */
    uint32_t error_code;
    uint64_t rip, rflags, rsp;
    uint16_t cs, ss;
} GuestException;
GuestException guest_exception(const Guest *guest);
