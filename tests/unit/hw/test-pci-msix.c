/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* MSI-X of a PCI device, and the migrated state of PCI devices. */
#include <string.h>

#include "hw/intc/apic.h"
#include "hw/isa/piix3.h"
#include "irq-board.h"
#include "pci-double.h"
#include "system/reset.h"

#define TABLE     UINT64_C(0xe0000000)
#define PBA       (TABLE + DOUBLE_PBA)
#define FIRST_IRQ 0x40u
#define FUZZ_SEED 0x9c1u
#define DAMAGED   2000

static PCIBoard *board;
static PCIDevice *device;
static unsigned flags; /* offset of the capability's flags */

static void set_flags(uint16_t value)
{
    config_out(device->devfn, flags, value, 2);
}

static uint64_t entry(unsigned vector)
{
    return TABLE + DOUBLE_TABLE + vector * PCI_MSIX_ENTRY_SIZE;
}

static void store(uint64_t address, uint64_t value, unsigned size)
{
    address_space_store(address_space_memory(), address, value, size);
}

static uint64_t load(uint64_t address, unsigned size)
{
    return address_space_load(address_space_memory(), address, size);
}

/* Vector n of the device is interrupt FIRST_IRQ + n of the first processor. */
static void fresh(void)
{
    pci_board_clear(board);
    device = pci_board_add_ok("{\"driver\": \"test-pci\", \"addr\": \"4\"}");
    reset_all();
    board_store(APIC_DEFAULT_BASE + 0xf0, 0x1ff);
    flags = device->config[PCI_CAPABILITY_LIST] + PCI_MSIX_FLAGS;
    config_out(device->devfn, PCI_BASE_ADDRESS_0 + 4 * DOUBLE_BAR_MSIX, (uint32_t)TABLE, 4);
    config_out(device->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    for (unsigned vector = 0; vector < DOUBLE_VECTORS; vector++) {
        store(entry(vector), APIC_DEFAULT_BASE, 8);
        store(entry(vector) + 8, FIRST_IRQ + vector, 8);
    }
    set_flags(PCI_MSIX_FLAGS_ENABLE);
}

/* The vector whose message came, of several the highest; -1: none. */
static int received(void)
{
    int vector = pci_board_receive(board);

    return vector < 0 ? -1 : vector - (int)FIRST_IRQ;
}

static void test_layout(void)
{
    fresh();
    g_assert_cmphex(config_in(device->devfn, flags, 2), ==,
                    PCI_MSIX_FLAGS_ENABLE | (DOUBLE_VECTORS - 1));
    g_assert_cmphex(config_in(device->devfn, flags + 2, 4), ==, DOUBLE_TABLE | DOUBLE_BAR_MSIX);
    g_assert_cmphex(config_in(device->devfn, flags + 6, 4), ==, DOUBLE_PBA | DOUBLE_BAR_MSIX);
    g_assert_cmpuint(pci_msix_vectors(device), ==, DOUBLE_VECTORS);
    g_assert_true(pci_msix_enabled(device));
    g_assert_cmpuint(device->bars[DOUBLE_BAR_MSIX].region->size, ==, 4096);
    set_flags(0xffff); /* the size is read-only */
    g_assert_cmphex(config_in(device->devfn, flags, 2), ==, 0xc000 | (DOUBLE_VECTORS - 1));
}

static void test_table_accesses(void)
{
    fresh();
    g_assert_cmphex(load(entry(3), 8), ==, APIC_DEFAULT_BASE);
    g_assert_cmphex(load(entry(3) + 8, 4), ==, FIRST_IRQ + 3);
    store(entry(3), UINT64_C(0x1122334455667788 | 3), 8);
    g_assert_cmphex(load(entry(3), 4), ==, 0x55667788); /* a message is a dword */
    g_assert_cmphex(load(entry(3) + 4, 4), ==, 0x11223344);
    store(entry(3) + 8, UINT64_C(0xffffffffcafebabe), 8);
    g_assert_cmphex(load(entry(3) + 8, 8), ==, UINT64_C(0x00000001cafebabe));
    store(PBA, UINT64_MAX, 8); /* read-only */
    g_assert_cmphex(load(PBA, 8), ==, 0);
    store(TABLE + 0xff8, UINT64_MAX, 8); /* nothing there */
    g_assert_cmphex(load(TABLE + 0xff8, 8), ==, 0);
    reset_all();
    config_out(device->devfn, PCI_BASE_ADDRESS_0 + 4 * DOUBLE_BAR_MSIX, (uint32_t)TABLE, 4);
    config_out(device->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(load(entry(3), 8), ==, 0);
    g_assert_cmphex(load(entry(3) + 8, 8), ==, UINT64_C(0x0000000100000000)); /* masked */
}

static void test_messages(void)
{
    fresh();
    pci_msix_notify(device, 5);
    g_assert_cmpint(received(), ==, 5);
    g_assert_cmpint(received(), ==, -1);
    pci_msix_notify(device, DOUBLE_VECTORS - 1);
    g_assert_cmpint(received(), ==, DOUBLE_VECTORS - 1);
    pci_msix_notify(device, DOUBLE_VECTORS);
    pci_msix_notify(device, 0xffff);
    g_assert_cmpint(received(), ==, -1);
    store(entry(5), 0x1000, 8); /* to memory: goes nowhere */
    pci_msix_notify(device, 5);
    g_assert_cmpint(received(), ==, -1);
    set_flags(0);
    pci_msix_notify(device, 6);
    g_assert_cmphex(load(PBA, 8), ==, 0); /* off is not masked */
}

static void test_vector_mask(void)
{
    fresh();
    store(entry(66) + 12, PCI_MSIX_ENTRY_MASKED, 4);
    pci_msix_notify(device, 66);
    pci_msix_notify(device, 66);
    g_assert_cmpint(received(), ==, -1);
    g_assert_cmphex(load(PBA, 8), ==, 0);
    g_assert_cmphex(load(PBA + 8, 8), ==, 4);
    g_assert_cmphex(load(PBA + 8, 4), ==, 4);
    pci_msix_notify(device, 65);
    g_assert_cmpint(received(), ==, 65);
    /* Data changed while masked: the message goes out with what is there now. */
    store(entry(66) + 8, FIRST_IRQ + 10, 8);
    g_assert_cmpint(received(), ==, 10);
    g_assert_cmphex(load(PBA + 8, 8), ==, 0);
    g_assert_cmpint(received(), ==, -1);
}

static void test_function_mask(void)
{
    fresh();
    set_flags(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_FUNCTION_MASK);
    store(entry(2) + 12, PCI_MSIX_ENTRY_MASKED, 4);
    pci_msix_notify(device, 2);
    pci_msix_notify(device, 33);
    pci_msix_notify(device, 1);
    g_assert_cmpint(received(), ==, -1);
    store(entry(33) + 12, 0, 4); /* not while the function is masked */
    g_assert_cmpint(received(), ==, -1);
    config_out(device->devfn, flags + 1, PCI_MSIX_FLAGS_ENABLE >> 8, 1);
    g_assert_cmpint(received(), ==, 33);
    g_assert_cmpint(received(), ==, 1);
    g_assert_cmpint(received(), ==, -1);
    g_assert_cmphex(load(PBA, 8), ==, 4);
    store(entry(2) + 12, 0, 4);
    g_assert_cmpint(received(), ==, 2);
}

/* A message is a write to memory: it waits until the function may master the bus. */
static void test_bus_master(void)
{
    fresh();
    config_out(device->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    pci_msix_notify(device, 7);
    g_assert_cmpint(received(), ==, -1);
    config_out(device->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    g_assert_cmpint(received(), ==, 7);
}

static void test_refused_layouts(void)
{
    static const struct {
        unsigned vectors;
        uint32_t table, pba;
        const char *message;
    } bad[] = {
        { 0, 0, 0x800, "test-pci: 0 MSI-X vectors, expected 1 to 2048" },
        { 2049, 0, 0x10000, "test-pci: 2049 MSI-X vectors, expected 1 to 2048" },
        { 129, 0, 0x800,
          "test-pci: the MSI-X table of 129 vectors at 0x0 overlaps the pending bits at 0x800" },
        { 65, 0x8, 0x0,
          "test-pci: the MSI-X table of 65 vectors at 0x8 overlaps the pending bits at 0x0" },
    };

    pci_board_clear(board);
    device = pci_board_add_ok("{\"driver\": \"test-pci\", \"no-msix\": true}");
    pci_msix_notify(device, 0);
    g_assert_false(pci_msix_enabled(device));
    g_assert_cmpuint(pci_msix_vectors(device), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(pci_msix_init(device, bad[i].vectors, 1, bad[i].table, bad[i].pba, &error));
        g_assert_cmpstr(error->message, ==, bad[i].message);
    }
    g_autoptr(GError) error = NULL;
    g_assert_true(pci_msix_init(device, 2048, 1, 0, 0x8000, &error));
    g_assert_cmpuint(device->bars[1].region->size, ==, 0x10000);
}

/* ---- migration ---- */

static void load_bytes(PCIDevice *which, GBytes *state)
{
    g_autoptr(GError) error = NULL;
    size_t size;
    const void *data = g_bytes_get_data(state, &size);

    pci_board_load(which, data, size, &error);
    g_assert_no_error(error);
}

static void test_state(void)
{
    fresh();
    config_out(PCI_DEVFN(1, 0), PIIX3_ROUTE_A + 3, 11, 1);
    store(entry(9) + 12, PCI_MSIX_ENTRY_MASKED, 4);
    pci_msix_notify(device, 9);
    pci_set_irq(device, 1);
    g_assert_cmpint(board->level[11], ==, 1);
    g_autoptr(GBytes) state = pci_board_save(device);
    g_autoptr(GBytes) bridge = pci_board_save(board->bridge);
    reset_all();
    g_assert_cmpint(board->level[11], ==, 0);
    board_store(APIC_DEFAULT_BASE + 0xf0, 0x1ff);

    load_bytes(board->bridge, bridge);
    load_bytes(device, state);
    /* Levels of lines come with the interrupt controllers' own state: nobody is driven. */
    g_assert_cmpint(board->level[11], ==, 0);
    g_autoptr(GBytes) again = pci_board_save(device);
    g_assert_true(g_bytes_equal(state, again));
    g_assert_cmphex(load(entry(8), 8), ==, APIC_DEFAULT_BASE); /* the BAR is where it was */
    g_assert_cmphex(load(PBA, 8), ==, 1 << 9);
    g_assert_cmpint(received(), ==, -1);
    store(entry(9) + 12, 0, 4);
    g_assert_cmpint(received(), ==, 9);
    board->level[11] = 1; /* as the interrupt controller has loaded it */
    pci_set_irq(device, 0);
    g_assert_cmpint(board->level[11], ==, 0);
}

static void expect_load_error(GBytes *state, size_t offset, uint8_t value, size_t cut,
                              const char *part)
{
    g_autoptr(GError) error = NULL;
    size_t size;
    const void *data = g_bytes_get_data(state, &size);
    g_autofree uint8_t *changed = g_memdup2(data, size);

    changed[offset] = value;
    g_assert_false(pci_board_load(device, changed, size - cut, &error));
    if (!strstr(error->message, part)) {
        g_error("expected \"%s\" in \"%s\"", part, error->message);
    }
}

static void test_wrong_states(void)
{
    fresh();
    g_autoptr(GBytes) state = pci_board_save(device);
    size_t head = PCI_CONFIG_SIZE + 1;
    size_t subsection = g_bytes_get_size(state) - head;

    expect_load_error(state, PCI_DEVICE_ID, 0x99, 0,
                      "PCI configuration space at 0x02 is 0x99 in the stream and 0x05 here, where "
                      "bits 0xff must agree");
    expect_load_error(state, PCI_BASE_ADDRESS_0, 0x00, 0, "space at 0x10 is 0x00");
    expect_load_error(state, PCI_BASE_ADDRESS_0 + 4, 0x08, 0, "space at 0x14 is 0x08");
    expect_load_error(state, PCI_CAPABILITY_LIST, 0xfe, 0, "space at 0x34 is 0xfe");
    expect_load_error(state, PCI_INTERRUPT_PIN, 0x04, 0, "space at 0x3d is 0x04");
    expect_load_error(state, flags, 0xff, 0, "PCI configuration space at");
    expect_load_error(state, 0, 0x36, subsection, "the stream has no MSI-X table");
    /* Type, length byte, name and version of the subsection; then the number of vectors. */
    expect_load_error(state, head + 2 + strlen("PCIDevice/msix") + 4 + 3, 71, 0,
                      "the stream has 71, this virtual machine is configured with 70");
    /* What was refused has changed nothing in configuration space. */
    g_assert_cmphex(config_in(device->devfn, PCI_VENDOR_ID, 4), ==, 0x00051b36);
    load_bytes(device, state);
}

static void random_accesses(GRand *random)
{
    for (unsigned i = 0; i < 10; i++) {
        unsigned offset = (unsigned)g_rand_int_range(random, 0, 64) * 4;
        store(TABLE + (uint64_t)g_rand_int_range(random, 0, 1024) * 4, g_rand_int(random), 4);
        config_out(device->devfn, offset, g_rand_int(random), 4);
        pci_msix_notify(device, (unsigned)g_rand_int_range(random, 0, 80));
        pci_set_irq(device, g_rand_boolean(random));
    }
}

static void test_damaged_states(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    unsigned refused = 0;
    size_t size;

    fresh();
    g_autoptr(GBytes) good = pci_board_save(device);
    const void *data = g_bytes_get_data(good, &size);
    for (unsigned i = 0; i < DAMAGED; i++) {
        g_autofree uint8_t *damaged = g_memdup2(data, size);
        g_autoptr(GError) error = NULL;
        for (int n = g_rand_int_range(random, 1, 9); n > 0; n--) {
            damaged[g_rand_int_range(random, 0, (gint32)size)] = (uint8_t)g_rand_int(random);
        }
        size_t length = g_rand_int_range(random, 0, 8) ? size : g_rand_int(random) % size;
        if (!pci_board_load(device, damaged, length, &error)) {
            g_assert_nonnull(error);
            refused++;
        }
        random_accesses(random);
    }
    g_assert_cmpuint(refused, >, 0);
    load_bytes(device, good);
    g_autoptr(GBytes) after = pci_board_save(device);
    g_assert_true(g_bytes_equal(good, after));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    board = pci_board_new();
    g_test_add_func("/pci-msix/layout", test_layout);
    g_test_add_func("/pci-msix/table-accesses", test_table_accesses);
    g_test_add_func("/pci-msix/messages", test_messages);
    g_test_add_func("/pci-msix/vector-mask", test_vector_mask);
    g_test_add_func("/pci-msix/function-mask", test_function_mask);
    g_test_add_func("/pci-msix/bus-master", test_bus_master);
    g_test_add_func("/pci-msix/refused-layouts", test_refused_layouts);
    g_test_add_func("/pci-msix/state", test_state);
    g_test_add_func("/pci-msix/wrong-states", test_wrong_states);
    g_test_add_func("/pci-msix/damaged-states", test_damaged_states);
    return g_test_run();
}
