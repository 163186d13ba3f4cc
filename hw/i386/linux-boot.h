/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Booting a Linux kernel without firmware, by the 64-bit boot protocol (Linux,
 * Documentation/arch/x86/boot.rst, "64-bit Boot Protocol").
 */
#pragma once

#include "e820.h"
#include "system/memory.h"
#include "target/i386/cpu.h"

typedef struct LinuxBootConfig {
    const char *kernel_path;
    const char *initrd_path;  /* NULL: none */
    const char *command_line; /* NULL: empty */
    RAMBlock *ram;            /* mapped one to one from 0 to low_ram_size */
    uint64_t low_ram_size;    /* bytes */
    const E820Map *e820;
    hwaddr rsdp_address; /* of the ACPI root pointer; 0: none */
    X86CPU *cpu;         /* the processor that boots */
} LinuxBootConfig;

typedef struct LinuxBoot LinuxBoot;

/*
 * Open and check the files and lay out guest memory; nothing is loaded yet. Errors name the file
 * and what was expected.
 */
LinuxBoot *linux_boot_new(const LinuxBootConfig *config, GError **error);
void linux_boot_free(LinuxBoot *boot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LinuxBoot, linux_boot_free)

/*
 * Load kernel, initrd, command line and boot parameters into guest memory and set the processor
 * to the kernel's entry point. Its own reset has been done. BQL held, vCPUs stopped. Errors:
 * a file that cannot be read any more.
 */
bool linux_boot_load(LinuxBoot *boot, GError **error);
