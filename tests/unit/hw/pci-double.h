/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A PCI device with one of everything, and a board with a bus to put it on. */
#pragma once

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
#include "irq-board.h"

#define TYPE_PCI_DOUBLE "test-pci"

#define DOUBLE_VECTORS     70u
#define DOUBLE_TABLE       0x0000u
#define DOUBLE_PBA         0x0800u
#define DOUBLE_IO_SIZE     32u
#define DOUBLE_MEMORY_SIZE 0x4000u

enum {
    DOUBLE_BAR_IO = 0,
    DOUBLE_BAR_MSIX = 1,
    DOUBLE_BAR_MEMORY = 4, /* 64 bit, prefetchable */
};

typedef struct PCIDouble {
    PCIDevice parent;
    MemoryRegion io, memory;
    uint64_t last_write;    /* address << 32 | value of the last access to `memory` or `io` */
    unsigned config_writes; /* calls of config_written */
    unsigned resets;
    bool fail; /* property: realize fails when everything was made */
    bool no_msix;
    uint32_t msi; /* vectors, 0: no such capability */
    bool msi_maskable;
} PCIDouble;

#define PCI_DOUBLE(o) ((PCIDouble *)(o))

typedef struct PCIBoard {
    Bus *bus;
    PCIDevice *bridge;
    IRQBoard *processors;
    IRQ lines[ISA_IRQ_COUNT];
    int level[ISA_IRQ_COUNT];
} PCIBoard;

/* Host bridge, ISA bridge and processors with local APICs; once a process. */
PCIBoard *pci_board_new(void);

/* As -device does; @options is JSON. */
Device *pci_board_add(const char *options, GError **error);
/* The same, which must succeed. */
PCIDevice *pci_board_add_ok(const char *options);
/* All of them go, but for the board's own. */
void pci_board_clear(PCIBoard *board);

/* The vector that the first processor is interrupted by, the highest of several; -1: none. */
int pci_board_receive(PCIBoard *board);
/* The state of @device as it migrates. */
GBytes *pci_board_save(PCIDevice *device);
bool pci_board_load(PCIDevice *device, const void *state, size_t size, GError **error);

/* Through the ports of configuration mechanism 1. */
uint32_t config_in(uint8_t devfn, unsigned offset, unsigned size);
void config_out(uint8_t devfn, unsigned offset, uint32_t value, unsigned size);
