/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The PCI bus: configuration space, BARs, addresses of devices, interrupt lines and their routes.
 */
#include "hw/i386/pci-setup.h"
#include "hw/isa/piix3.h"
#include "hw/pci/i440fx.h"
#include "pci-double.h"
#include "system/reset.h"

#define BAR(n) (PCI_BASE_ADDRESS_0 + 4u * (n))

static PCIBoard *board;

static uint64_t in(uint16_t port, unsigned size)
{
    return address_space_load(address_space_io(), port, size);
}

static void out(uint16_t port, uint32_t value, unsigned size)
{
    address_space_store(address_space_io(), port, value, size);
}

/* What is seen at @address of @space. */
static MemoryRegion *seen_at(AddressSpace *space, uint64_t address)
{
    uint64_t offset, left;

    return address_space_find(space, address, &offset, &left);
}

static PCIDevice *fresh_double(void)
{
    pci_board_clear(board);
    return pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"4\"}");
}

/* ---- configuration space ---- */

static void test_identity(void)
{
    uint8_t devfn = fresh_double()->devfn;

    g_assert_cmphex(devfn, ==, PCI_DEVFN(4, 0));
    g_assert_cmphex(config_in(devfn, PCI_VENDOR_ID, 4), ==, 0x00051b36);
    g_assert_cmphex(config_in(devfn, PCI_REVISION_ID, 4), ==, 0x00ff0007);
    g_assert_cmphex(config_in(devfn, PCI_SUBSYSTEM_VENDOR_ID, 4), ==, 0x11001af4);
    g_assert_cmphex(config_in(devfn, PCI_INTERRUPT_PIN, 1), ==, 1);
    g_assert_cmphex(config_in(devfn, PCI_HEADER_TYPE, 1), ==, 0);
    g_assert_cmphex(config_in(PCI_DEVFN(1, 0), PCI_HEADER_TYPE, 1), ==, 0x80);
    g_assert_cmphex(config_in(PCI_DEVFN(0, 0), PCI_VENDOR_ID, 4), ==, 0x12378086);
    /* Nobody there. */
    g_assert_cmphex(config_in(PCI_DEVFN(5, 0), PCI_VENDOR_ID, 4), ==, 0xffffffff);
    g_assert_cmphex(config_in(PCI_DEVFN(4, 1), PCI_VENDOR_ID, 2), ==, 0xffff);
}

static void test_masks(void)
{
    PCIDevice *device = fresh_double();
    uint8_t devfn = device->devfn;
    unsigned calls = PCI_DOUBLE(device)->config_writes;

    config_out(devfn, PCI_VENDOR_ID, 0xffffffff, 4);
    g_assert_cmphex(config_in(devfn, PCI_VENDOR_ID, 4), ==, 0x00051b36);
    config_out(devfn, PCI_INTERRUPT_LINE, 0xffff, 2); /* the pin is read-only */
    g_assert_cmphex(config_in(devfn, PCI_INTERRUPT_LINE, 2), ==, 0x01ff);
    config_out(devfn, PCI_COMMAND, 0xffff, 2);
    g_assert_cmphex(config_in(devfn, PCI_COMMAND, 2), ==, 0x0547);
    config_out(devfn, PCI_COMMAND + 1, 0, 1);
    g_assert_cmphex(config_in(devfn, PCI_COMMAND, 2), ==, 0x0047);
    pci_set_word(device->config + PCI_STATUS, 0x2010); /* a master abort happened */
    config_out(devfn, PCI_STATUS, 0xd000, 2);
    g_assert_cmphex(config_in(devfn, PCI_STATUS, 2), ==, 0x2010);
    config_out(devfn, PCI_STATUS, 0x2010, 2);
    g_assert_cmphex(config_in(devfn, PCI_STATUS, 2), ==, 0x0010);
    g_assert_cmpuint(PCI_DOUBLE(device)->config_writes, ==, calls + 6);
    config_out(devfn, PCI_COMMAND, 0, 2);
}

static void test_mechanism(void)
{
    uint8_t devfn = fresh_double()->devfn;

    out(0xcf8, 0xffffffff, 4);
    g_assert_cmphex(in(0xcf8, 4), ==, 0x80fffffc);
    g_assert_cmphex(in(0xcfc, 4), ==, 0xffffffff); /* bus 255 */
    out(0xcf8, 0x80000000, 4);
    out(0xcf8, 0, 1); /* not the address register */
    out(0xcfa, 0, 2);
    g_assert_cmphex(in(0xcf8, 4), ==, 0x80000000);
    g_assert_cmphex(in(0xcfc, 4), ==, 0x12378086);
    g_assert_cmphex(in(0xcfe, 2), ==, 0x1237);
    g_assert_cmphex(in(0xcff, 1), ==, 0x12);
    out(0xcf8, (uint32_t)devfn << 8, 4); /* not enabled */
    g_assert_cmphex(in(0xcfc, 4), ==, 0xffffffff);
    out(0xcf8, 0x80000000 | (uint32_t)devfn << 8 | 0xfc, 4);
    g_assert_cmphex(in(0xcfd, 4), ==, 0xff000000); /* runs over the end of the ports */
    /* The reset control is a byte in the middle of the address register. */
    out(0xcf9, 0x02, 1);
    g_assert_cmphex(in(0xcf9, 1), ==, 0x02);
    g_assert_cmphex(in(0xcf8, 4), ==, 0x800020fc);
}

/* ---- BARs ---- */

static void test_bar_sizes(void)
{
    uint8_t devfn = fresh_double()->devfn;

    config_out(devfn, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        config_out(devfn, BAR(n), 0xffffffff, 4);
    }
    g_assert_cmphex(config_in(devfn, BAR(DOUBLE_BAR_IO), 4), ==, 0xffffffe1);
    g_assert_cmphex(config_in(devfn, BAR(DOUBLE_BAR_MSIX), 4), ==, 0xfffff000);
    g_assert_cmphex(config_in(devfn, BAR(2), 4), ==, 0);
    g_assert_cmphex(config_in(devfn, BAR(DOUBLE_BAR_MEMORY), 4), ==, 0xffffc00c);
    g_assert_cmphex(config_in(devfn, BAR(DOUBLE_BAR_MEMORY + 1), 4), ==, 0xffffffff);
    /* What is there only to read the size back is mapped nowhere. */
    g_assert_null(seen_at(address_space_memory(), 0xfffff000));
    g_assert_null(seen_at(address_space_memory(), UINT64_MAX));
    g_assert_null(seen_at(address_space_io(), 0xffe0));
}

static void test_bar_mapping(void)
{
    PCIDevice *device = fresh_double();
    PCIDouble *self = PCI_DOUBLE(device);
    uint8_t devfn = device->devfn;
    AddressSpace *memory = address_space_memory();

    config_out(devfn, BAR(DOUBLE_BAR_MEMORY), 0xe0004000, 4);
    config_out(devfn, BAR(DOUBLE_BAR_MEMORY + 1), 0x12, 4);
    config_out(devfn, BAR(DOUBLE_BAR_IO), 0xc020, 4);
    g_assert_null(seen_at(memory, UINT64_C(0x12e0004000)));
    config_out(devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_true(seen_at(memory, UINT64_C(0x12e0004000)) == &self->memory);
    g_assert_null(seen_at(address_space_io(), 0xc020));
    address_space_store(memory, UINT64_C(0x12e0004010), 0x1234, 4);
    g_assert_cmphex(self->last_write, ==, UINT64_C(0x1000001234));
    config_out(devfn, PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_null(seen_at(memory, UINT64_C(0x12e0004000)));
    g_assert_cmphex(in(0xc023, 1), ==, 0x53);
    config_out(devfn, BAR(DOUBLE_BAR_IO), 0xd000, 4);
    g_assert_null(seen_at(address_space_io(), 0xc020));
    g_assert_true(seen_at(address_space_io(), 0xd01f) == &self->io);
    g_assert_null(seen_at(address_space_io(), 0xd020));
    /* No port, and the address of nothing. */
    config_out(devfn, BAR(DOUBLE_BAR_IO), 0x1d000, 4);
    g_assert_cmphex(self->parent.bars[DOUBLE_BAR_IO].address, ==, PCI_BAR_UNMAPPED);
    config_out(devfn, BAR(DOUBLE_BAR_IO), 0, 4);
    g_assert_cmphex(self->parent.bars[DOUBLE_BAR_IO].address, ==, PCI_BAR_UNMAPPED);
    config_out(devfn, PCI_COMMAND, 0, 2);
}

/* What is seen where things overlap does not depend on what was mapped first. */
static void test_bar_overlap(void)
{
    PCIDouble *low = PCI_DOUBLE(fresh_double());
    PCIDouble *high = PCI_DOUBLE(pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"5\"}"));
    MemoryRegion board_ports;

    memory_region_init_io(&board_ports, "board", low->io.ops, low, 4);
    address_space_map(address_space_io(), 0xc008, &board_ports, 0);
    for (unsigned order = 0; order < 2; order++) {
        PCIDouble *first = order ? low : high;
        PCIDouble *second = order ? high : low;
        config_out(first->parent.devfn, BAR(DOUBLE_BAR_IO), 0xc000, 4);
        config_out(first->parent.devfn, PCI_COMMAND, PCI_COMMAND_IO, 2);
        config_out(second->parent.devfn, BAR(DOUBLE_BAR_IO), 0xc000, 4);
        config_out(second->parent.devfn, PCI_COMMAND, PCI_COMMAND_IO, 2);
        g_assert_true(seen_at(address_space_io(), 0xc000) == &low->io);
        g_assert_true(seen_at(address_space_io(), 0xc008) == &board_ports);
        config_out(low->parent.devfn, PCI_COMMAND, 0, 2);
        g_assert_true(seen_at(address_space_io(), 0xc000) == &high->io);
        config_out(high->parent.devfn, PCI_COMMAND, 0, 2);
    }
    address_space_unmap(address_space_io(), &board_ports);
}

static void test_many_moves(void)
{
    uint8_t devfn = fresh_double()->devfn;

    config_out(devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    for (uint32_t i = 0; i < 50000; i++) {
        config_out(devfn, BAR(DOUBLE_BAR_MEMORY), 0xe0000000 + (i << 14), 4);
    }
    g_assert_cmpuint(address_space_retired_views(address_space_memory()), ==, 0);
    config_out(devfn, PCI_COMMAND, 0, 2);
}

static void test_reset(void)
{
    PCIDevice *device = fresh_double();
    uint8_t devfn = device->devfn;

    config_out(devfn, BAR(DOUBLE_BAR_IO), 0xc000, 4);
    config_out(devfn, PCI_COMMAND, 0x0547, 2);
    config_out(devfn, PCI_INTERRUPT_LINE, 11, 1);
    reset_all();
    g_assert_cmpuint(PCI_DOUBLE(device)->resets, ==, 2); /* one at power-on */
    g_assert_cmphex(config_in(devfn, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(config_in(devfn, BAR(DOUBLE_BAR_IO), 4), ==, PCI_BASE_ADDRESS_SPACE_IO);
    g_assert_cmphex(config_in(devfn, PCI_INTERRUPT_LINE, 1), ==, 0);
    g_assert_null(seen_at(address_space_io(), 0xc000));
}

/* ---- addresses ---- */

static void expect_refusal(const char *options, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(pci_board_add(options, &error));
    g_assert_cmpstr(error->message, ==, message);
}

static void test_addresses(void)
{
    static const struct {
        const char *text;
        unsigned devfn;
    } good[] = { { "0x4", PCI_DEVFN(4, 0) },   { "04.0", PCI_DEVFN(4, 0) },
                 { "1F", PCI_DEVFN(31, 0) },   { "4.1", PCI_DEVFN(4, 1) },
                 { "1e.7", PCI_DEVFN(30, 7) }, { "0x2.0x3", PCI_DEVFN(2, 3) } };
    static const char *const bad[] = { "",     "zz", "20",  "4.8", "4.",
                                       "4.0x", "-1", "4,1", " 4",  "100000000000000004" };

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *options =
            g_strdup_printf("{\"driver\": \"test-pci\", \"addr\": \"%s\"}", good[i].text);
        pci_board_clear(board);
        g_assert_cmphex(pci_board_add_ok(options)->devfn, ==, good[i].devfn);
    }
    pci_board_clear(board);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *options =
            g_strdup_printf("{\"driver\": \"test-pci\", \"addr\": \"%s\"}", bad[i]);
        g_autofree char *message =
            g_strdup_printf("Property 'test-pci.addr' doesn't take value '%s'", bad[i]);
        expect_refusal(options, message);
    }
}

static void test_conflicts(void)
{
    pci_board_clear(board);
    g_assert_cmphex(pci_board_add_ok("{\"driver\": \"test-pci\"}")->devfn, ==, PCI_DEVFN(2, 0));
    pci_board_add_ok("{\"driver\": \"test-pci\", \"id\": \"a\", \"addr\": \"4\"}");
    expect_refusal("{\"driver\": \"test-pci\", \"addr\": \"4\"}",
                   "PCI: slot 4 function 0 not available for test-pci, in use by test-pci,id=a");
    expect_refusal("{\"driver\": \"test-pci\", \"addr\": \"1\"}",
                   "PCI: slot 1 function 0 not available for test-pci, in use by PIIX3,id=(null)");
    expect_refusal("{\"driver\": \"test-pci\", \"addr\": \"4.1\"}",
                   "PCI: single function device can't be populated in function 4.1");
    pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"5.1\"}");
    expect_refusal("{\"driver\": \"test-pci\", \"addr\": \"5\"}",
                   "PCI: 5.0 indicates single function, but 5.1 is already populated.");
    pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"5\", \"multifunction\": true}");
    g_assert_cmphex(config_in(PCI_DEVFN(5, 0), PCI_HEADER_TYPE, 1), ==, 0x80);
    expect_refusal("{\"driver\": \"test-pci\", \"bus\": \"pci.7\"}", "Bus 'pci.7' not found");
    expect_refusal("{\"driver\": \"test-pci\", \"bus\": \"isa.0\"}",
                   "Device 'test-pci' can't go on ISA bus");
}

static void test_full_bus(void)
{
    pci_board_clear(board);
    for (unsigned slot = 2; slot < 32; slot++) {
        pci_board_add_ok("{\"driver\": \"test-pci\"}");
    }
    expect_refusal("{\"driver\": \"test-pci\"}",
                   "PCI: no slot/function available for test-pci, all in use or reserved");
    device_unplug(&pci_bus_device(board->bus, PCI_DEVFN(9, 0))->parent);
    g_assert_cmphex(pci_board_add_ok("{\"driver\": \"test-pci\"}")->devfn, ==, PCI_DEVFN(9, 0));
    pci_board_clear(board);
}

/* A device that fails late leaves nothing behind. */
static void test_failed_realize(void)
{
    pci_board_clear(board);
    expect_refusal("{\"driver\": \"test-pci\", \"addr\": \"4\", \"fail\": true}",
                   "the double fails");
    g_assert_null(pci_bus_device(board->bus, PCI_DEVFN(4, 0)));
    fresh_double();
}

static void test_capabilities(void)
{
    PCIDevice *device = fresh_double();
    g_autoptr(GError) error = NULL;
    unsigned count = 0;

    uint8_t first = pci_add_capability(device, PCI_CAP_ID_VENDOR, 17, &error);
    g_assert_no_error(error);
    uint8_t second = pci_add_capability(device, PCI_CAP_ID_VENDOR, 16, &error);
    g_assert_cmphex(second - first, ==, 20);
    g_assert_cmphex(config_in(device->devfn, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, !=, 0);
    for (uint8_t at = device->config[PCI_CAPABILITY_LIST]; at; at = device->config[at + 1]) {
        g_assert_cmphex(at % 4, ==, 0);
        count++;
    }
    g_assert_cmpuint(count, ==, 3); /* MSI-X too */
    g_assert_cmphex(pci_add_capability(device, PCI_CAP_ID_VENDOR, 200, &error), ==, 0);
    g_assert_nonnull(error);
}

static void test_dma(void)
{
    PCIDevice *device = fresh_double();
    g_autoptr(GError) error = NULL;
    RAMBlock *block = ram_block_new("dma", TARGET_PAGE_SIZE, &error);
    MemoryRegion ram;
    uint32_t value = 0x12345678;

    g_assert_no_error(error);
    memory_region_init_ram(&ram, "dma", block, 0, block->size);
    address_space_map(address_space_memory(), 0, &ram, 0);
    g_assert_false(pci_dma_write(device, 16, &value, sizeof(value))); /* no bus master */
    config_out(device->devfn, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    g_assert_true(pci_dma_write(device, 16, &value, sizeof(value)));
    value = 0;
    g_assert_true(pci_dma_read(device, 16, &value, sizeof(value)));
    g_assert_cmphex(value, ==, 0x12345678);
    g_assert_false(pci_dma_read(device, TARGET_PAGE_SIZE - 2, &value, sizeof(value)));
    address_space_unmap(address_space_memory(), &ram);
    ram_block_free(block);
}

/* ---- interrupts ---- */

static void route(unsigned line, uint8_t value)
{
    config_out(PCI_DEVFN(1, 0), PIIX3_ROUTE_A + line, value, 1);
}

static void test_interrupt_pin(void)
{
    PCIDevice *device = fresh_double(); /* slot 4: pin A is PIRQ D */
    uint8_t devfn = device->devfn;

    reset_all();
    pci_set_irq(device, 1);
    g_assert_cmphex(config_in(devfn, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    g_assert_cmpint(board->level[11], ==, 0); /* not routed */
    route(3, 11);
    g_assert_cmpint(board->level[11], ==, 1);
    route(3, 10);
    g_assert_cmpint(board->level[11], ==, 0);
    g_assert_cmpint(board->level[10], ==, 1);
    config_out(devfn, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(board->level[10], ==, 0);
    g_assert_cmphex(config_in(devfn, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    config_out(devfn, PCI_COMMAND, 0, 2);
    g_assert_cmpint(board->level[10], ==, 1);
    pci_set_irq(device, 0);
    g_assert_cmpint(board->level[10], ==, 0);
    g_assert_cmphex(config_in(devfn, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, 0);
    /* Interrupts of the board's own devices cannot be chosen. */
    pci_set_irq(device, 1);
    route(3, 0);
    route(3, 13);
    g_assert_cmpint(board->level[0] | board->level[13], ==, 0);
    route(3, 0x80 | 11);
    g_assert_cmpint(board->level[11], ==, 0);
}

static void test_shared_lines(void)
{
    PCIDevice *first = fresh_double();
    PCIDevice *same_line = pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"8\"}");
    PCIDevice *same_irq = pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"3\"}");

    reset_all();
    route(3, 11);
    route(2, 11);
    pci_set_irq(first, 1);
    pci_set_irq(same_line, 1);
    pci_set_irq(same_irq, 1);
    pci_set_irq(first, 0);
    g_assert_cmpint(board->level[11], ==, 1);
    pci_set_irq(same_line, 0);
    g_assert_cmpint(board->level[11], ==, 1);
    pci_set_irq(same_irq, 0);
    g_assert_cmpint(board->level[11], ==, 0);
    /* Who goes away lets go of its line. */
    pci_set_irq(same_irq, 1);
    device_unplug(&same_irq->parent);
    g_assert_cmpint(board->level[11], ==, 0);
}

/* ---- firmware's part ---- */

static const PCIWindows windows = { 0xe0000000, 0x1ec00000, UINT64_C(0x100000000),
                                    UINT64_C(0x40000000) };

typedef struct Extent {
    uint64_t start, end;
    bool io;
} Extent;

static void collect_extents(PCIDevice *device, void *opaque)
{
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        const PCIBar *bar = &device->bars[n];
        if (bar->region) {
            Extent extent = { bar->address, bar->address + bar->region->size,
                              bar->type & PCI_BASE_ADDRESS_SPACE_IO };
            g_array_append_val((GArray *)opaque, extent);
        }
    }
}

static void test_setup(void)
{
    g_autoptr(GArray) first = g_array_new(FALSE, FALSE, sizeof(Extent));
    g_autoptr(GArray) second = g_array_new(FALSE, FALSE, sizeof(Extent));

    pci_board_clear(board);
    for (unsigned i = 0; i < 5; i++) {
        pci_board_add_ok("{\"driver\": \"test-pci\"}");
    }
    reset_all();
    pci_setup(board->bus, &windows);
    pci_bus_foreach(board->bus, collect_extents, first);
    g_assert_cmpuint(first->len, ==, 15);
    for (guint i = 0; i < first->len; i++) {
        const Extent *extent = &g_array_index(first, Extent, i);
        g_assert_cmphex(extent->start, >=, extent->io ? PCI_SETUP_IO_BASE : windows.low_base);
        g_assert_cmphex(extent->end, <=,
                        extent->io ? PCI_SETUP_IO_END : windows.low_base + windows.low_size);
        for (guint j = 0; j < i; j++) {
            const Extent *other = &g_array_index(first, Extent, j);
            g_assert_true(extent->io != other->io || extent->start >= other->end ||
                          other->start >= extent->end);
        }
    }
    g_assert_cmpuint(config_in(PCI_DEVFN(2, 0), PCI_INTERRUPT_LINE, 1), ==, 10);
    g_assert_cmpuint(config_in(PCI_DEVFN(4, 0), PCI_INTERRUPT_LINE, 1), ==, 11);
    g_assert_cmphex(config_in(PCI_DEVFN(1, 0), PIIX3_ROUTE_A, 4), ==, 0x0b0b0a0a);
    g_assert_cmphex(in(0x4d1, 1), ==, 0x0c);
    reset_all();
    pci_setup(board->bus, &windows);
    pci_bus_foreach(board->bus, collect_extents, second);
    g_assert_cmpmem(first->data, first->len * sizeof(Extent), second->data,
                    second->len * sizeof(Extent));
}

/* Without room below 4 GiB, 64-bit BARs go up; what cannot is left out and said so. */
static void test_setup_tight(void)
{
    const PCIWindows tight = { 0xe0000000, 0x2000, UINT64_C(0x200000000), 0x4000 };
    PCIDevice *device = fresh_double();
    PCIDevice *other = pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"5\"}");

    reset_all();
    pci_setup(board->bus, &tight);
    g_assert_cmphex(device->bars[DOUBLE_BAR_MEMORY].address, ==, UINT64_C(0x200000000));
    g_assert_cmphex(device->bars[DOUBLE_BAR_MSIX].address, ==, 0xe0000000);
    g_assert_cmphex(other->bars[DOUBLE_BAR_MSIX].address, ==, 0xe0001000);
    g_assert_cmphex(other->bars[DOUBLE_BAR_MEMORY].address, ==, PCI_BAR_UNMAPPED);
}

/* ---- a guest that writes anything anywhere ---- */

#define RANDOM_SEED   0x9c10u
#define RANDOM_ROUNDS 20000

static void random_access(GRand *random)
{
    static const uint8_t devfns[] = { PCI_DEVFN(0, 0), PCI_DEVFN(1, 0), PCI_DEVFN(4, 0),
                                      PCI_DEVFN(5, 0), PCI_DEVFN(6, 0) };
    uint8_t devfn = devfns[g_rand_int_range(random, 0, G_N_ELEMENTS(devfns))];
    unsigned size = 1u << g_rand_int_range(random, 0, 3);
    unsigned offset = (unsigned)g_rand_int_range(random, 0, 0x60);

    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        config_out(devfn, offset, g_rand_int(random), size);
        break;
    case 1:
        config_in(devfn, offset, size);
        break;
    case 2: /* BARs and commands that make a difference */
        config_out(devfn, PCI_COMMAND, (uint32_t)g_rand_int_range(random, 0, 8), 2);
        config_out(devfn, BAR(g_rand_int_range(random, 0, 6)),
                   0x1000u << g_rand_int_range(random, 0, 20), 4);
        break;
    default:
        out((uint16_t)g_rand_int_range(random, 0xc00, 0xffff), g_rand_int(random), size);
        address_space_store(address_space_memory(), 0x1000u << g_rand_int_range(random, 0, 20),
                            g_rand_int(random), size);
        break;
    }
}

static void test_random_guest(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(RANDOM_SEED);
    PCIDevice *devices[2] = { fresh_double() };

    devices[1] = pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"5\"}");
    for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
        random_access(random);
        pci_set_irq(devices[i % 2], g_rand_boolean(random));
    }
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmphex(config_in(devices[i]->devfn, PCI_VENDOR_ID, 4), ==, 0x00051b36);
        pci_set_irq(devices[i], 0);
    }
    for (unsigned irq = 0; irq < ISA_IRQ_COUNT; irq++) {
        g_assert_cmpint(board->level[irq], ==, 0);
    }
    pci_board_clear(board);
    g_assert_cmpuint(address_space_retired_views(address_space_memory()), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    board = pci_board_new();
    g_test_add_func("/pci/identity", test_identity);
    g_test_add_func("/pci/masks", test_masks);
    g_test_add_func("/pci/mechanism", test_mechanism);
    g_test_add_func("/pci/bar-sizes", test_bar_sizes);
    g_test_add_func("/pci/bar-mapping", test_bar_mapping);
    g_test_add_func("/pci/bar-overlap", test_bar_overlap);
    g_test_add_func("/pci/many-moves", test_many_moves);
    g_test_add_func("/pci/reset", test_reset);
    g_test_add_func("/pci/addresses", test_addresses);
    g_test_add_func("/pci/conflicts", test_conflicts);
    g_test_add_func("/pci/full-bus", test_full_bus);
    g_test_add_func("/pci/failed-realize", test_failed_realize);
    g_test_add_func("/pci/capabilities", test_capabilities);
    g_test_add_func("/pci/dma", test_dma);
    g_test_add_func("/pci/interrupt-pin", test_interrupt_pin);
    g_test_add_func("/pci/shared-lines", test_shared_lines);
    g_test_add_func("/pci/setup", test_setup);
    g_test_add_func("/pci/setup-tight", test_setup_tight);
    g_test_add_func("/pci/random-guest", test_random_guest);
    return g_test_run();
}
