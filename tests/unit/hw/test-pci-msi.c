/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* MSI of a PCI device: messages, masks, the pin meanwhile, and its part of the migrated state. */
#include <string.h>

#include "hw/intc/apic.h"
#include "hw/isa/piix3.h"
#include "irq-board.h"
#include "pci-double.h"
#include "system/reset.h"

#define FIRST_IRQ 0x60u
#define ROUTE     11
#define FUZZ_SEED 0x351u
#define ACCESSES  20000

static PCIBoard *board;
static PCIDevice *device;
static unsigned capability;

static void write_register(unsigned offset, uint32_t value, unsigned size)
{
    config_out(device->devfn, capability + offset, value, size);
}

static uint32_t read_register(unsigned offset, unsigned size)
{
    return config_in(device->devfn, capability + offset, size);
}

/* @granted: the logarithm of how many messages. */
static void enable(unsigned granted)
{
    write_register(PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE | granted << PCI_MSI_FLAGS_GRANTED_SHIFT, 2);
}

static void master(bool on)
{
    config_out(device->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0), 2);
}

/* Message n of the device is interrupt FIRST_IRQ + n of the first processor. */
static void fresh(unsigned vectors, bool maskable)
{
    g_autofree char *options =
        g_strdup_printf("{\"driver\": \"test-pci\", \"addr\": \"4\", \"no-msix\": true, "
                        "\"msi\": %u, \"msi-maskable\": %s}",
                        vectors, maskable ? "true" : "false");

    pci_board_clear(board);
    device = pci_board_add_ok(options);
    reset_all();
    board_store(APIC_DEFAULT_BASE + 0xf0, 0x1ff);
    capability = device->config[PCI_CAPABILITY_LIST];
    g_assert_cmphex(read_register(0, 1), ==, PCI_CAP_ID_MSI);
    config_out(PCI_DEVFN(1, 0), PIIX3_ROUTE_A + 3, ROUTE, 1);
    master(true);
    write_register(PCI_MSI_ADDRESS, APIC_DEFAULT_BASE, 4);
    write_register(PCI_MSI_DATA, FIRST_IRQ, 2);
}

/* The number of the message that came, of several the highest; -1: none. */
static int received(void)
{
    int vector = pci_board_receive(board);

    return vector < 0 ? -1 : vector - (int)FIRST_IRQ;
}

static void test_layout(void)
{
    fresh(8, true);
    g_assert_cmphex(read_register(PCI_MSI_FLAGS, 2), ==, 0x0186);
    g_assert_false(pci_msi_enabled(device));
    g_assert_cmpuint(pci_msi_vectors(device), ==, 0);
    write_register(PCI_MSI_FLAGS, 0xffff, 2);
    g_assert_cmphex(read_register(PCI_MSI_FLAGS, 2), ==, 0x01f7);
    g_assert_true(pci_msi_enabled(device));
    /* More than the device has. */
    g_assert_cmpuint(pci_msi_vectors(device), ==, 8);
    write_register(PCI_MSI_ADDRESS, 0xffffffff, 4);
    write_register(PCI_MSI_ADDRESS + 4, 0xffffffff, 4);
    write_register(PCI_MSI_DATA, 0xffff, 4);
    write_register(PCI_MSI_MASK, 0xffffffff, 4);
    write_register(PCI_MSI_PENDING, 0xffffffff, 4);
    g_assert_cmphex(read_register(PCI_MSI_ADDRESS, 4), ==, 0xfffffffc);
    g_assert_cmphex(read_register(PCI_MSI_ADDRESS + 4, 4), ==, 0xffffffff);
    g_assert_cmphex(read_register(PCI_MSI_DATA, 4), ==, 0xffff);
    g_assert_cmphex(read_register(PCI_MSI_MASK, 4), ==, 0xff);
    g_assert_cmphex(read_register(PCI_MSI_PENDING, 4), ==, 0);
    reset_all();
    g_assert_cmphex(read_register(PCI_MSI_FLAGS, 2), ==, 0x0186);
    g_assert_cmphex(read_register(PCI_MSI_ADDRESS, 4), ==, 0);
    g_assert_cmphex(read_register(PCI_MSI_MASK, 4), ==, 0);

    fresh(1, false);
    g_assert_cmphex(read_register(PCI_MSI_FLAGS, 2), ==, 0x0080);
    fresh(32, true);
    write_register(PCI_MSI_MASK, 0xffffffff, 4);
    g_assert_cmphex(read_register(PCI_MSI_MASK, 4), ==, 0xffffffff);
}

static void test_messages(void)
{
    fresh(4, false);
    pci_msi_notify(device, 0); /* not enabled */
    g_assert_cmpint(received(), ==, -1);
    enable(2);
    pci_msi_notify(device, 0);
    pci_msi_notify(device, 3);
    g_assert_cmpint(received(), ==, 3);
    g_assert_cmpint(received(), ==, 0);
    g_assert_cmpint(received(), ==, -1);
    /* The low bits of the data are the device's to fill in. */
    write_register(PCI_MSI_DATA, FIRST_IRQ | 3, 2);
    pci_msi_notify(device, 1);
    g_assert_cmpint(received(), ==, 1);
    /* With fewer granted than there are, they share. */
    enable(1);
    g_assert_cmpuint(pci_msi_vectors(device), ==, 2);
    write_register(PCI_MSI_DATA, FIRST_IRQ, 2);
    pci_msi_notify(device, 3);
    g_assert_cmpint(received(), ==, 1);
    enable(0);
    write_register(PCI_MSI_DATA, FIRST_IRQ + 5, 2);
    pci_msi_notify(device, 2);
    g_assert_cmpint(received(), ==, 5);
    /* A function that may not master the bus cannot write; nothing remembers this message. */
    master(false);
    pci_msi_notify(device, 0);
    master(true);
    g_assert_cmpint(received(), ==, -1);
    /* Nobody listens at any other address. */
    write_register(PCI_MSI_ADDRESS + 4, 1, 4);
    pci_msi_notify(device, 0);
    g_assert_cmpint(received(), ==, -1);
}

static void test_masks(void)
{
    fresh(4, true);
    enable(2);
    write_register(PCI_MSI_MASK, 0x6, 4);
    pci_msi_notify(device, 1);
    pci_msi_notify(device, 2);
    pci_msi_notify(device, 2);
    pci_msi_notify(device, 3);
    g_assert_cmphex(read_register(PCI_MSI_PENDING, 4), ==, 0x6);
    g_assert_cmpint(received(), ==, 3);
    g_assert_cmpint(received(), ==, -1);
    write_register(PCI_MSI_MASK, 0x2, 1);
    g_assert_cmphex(read_register(PCI_MSI_PENDING, 4), ==, 0x2);
    g_assert_cmpint(received(), ==, 2);
    g_assert_cmpint(received(), ==, -1);
    /* Bus mastering holds messages back like a mask. */
    master(false);
    pci_msi_notify(device, 0);
    write_register(PCI_MSI_MASK, 0, 4);
    g_assert_cmphex(read_register(PCI_MSI_PENDING, 4), ==, 0x3);
    g_assert_cmpint(received(), ==, -1);
    master(true);
    g_assert_cmphex(read_register(PCI_MSI_PENDING, 4), ==, 0);
    g_assert_cmpint(received(), ==, 1);
    g_assert_cmpint(received(), ==, 0);
    write_register(PCI_MSI_MASK, 0xf, 4);
    pci_msi_notify(device, 0);
    reset_all();
    g_assert_cmphex(read_register(PCI_MSI_PENDING, 4), ==, 0);
}

/* A function that sends messages does not use its pin. */
static void test_pin(void)
{
    fresh(1, false);
    pci_set_irq(device, 1);
    g_assert_cmpint(board->level[ROUTE], ==, 1);
    enable(0);
    g_assert_cmpint(board->level[ROUTE], ==, 0);
    pci_set_irq(device, 0);
    pci_set_irq(device, 1);
    g_assert_cmpint(board->level[ROUTE], ==, 0);
    write_register(PCI_MSI_FLAGS, 0, 2);
    g_assert_cmpint(board->level[ROUTE], ==, 1);
    pci_set_irq(device, 0);
    g_assert_cmpint(board->level[ROUTE], ==, 0);
}

static void test_refused(void)
{
    static const struct {
        unsigned vectors;
        const char *message;
    } bad[] = {
        { 3, "test-pci: 3 MSI vectors, expected a power of two, 1 to 32" },
        { 64, "test-pci: 64 MSI vectors, expected a power of two, 1 to 32" },
    };

    pci_board_clear(board);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *options =
            g_strdup_printf("{\"driver\": \"test-pci\", \"msi\": %u}", bad[i].vectors);
        g_assert_null(pci_board_add(options, &error));
        g_assert_nonnull(strstr(error->message, bad[i].message));
    }
    fresh(1, false);
    device->capability_end = 0xf4;
    device->msi = 0;
    g_autoptr(GError) error = NULL;
    g_assert_false(pci_msi_init(device, 1, false, &error));
    g_assert_cmpstr(error->message, ==,
                    "test-pci: no room for 14 bytes of capability 0x05 in configuration space, 8 "
                    "are left");
    device->msi = (uint8_t)capability;
}

/* ---- migration ---- */

static void test_state(void)
{
    g_autoptr(GError) error = NULL;
    size_t size;

    fresh(4, true);
    enable(2);
    write_register(PCI_MSI_MASK, 0x4, 4);
    pci_msi_notify(device, 2);
    pci_set_irq(device, 1);
    g_autoptr(GBytes) state = pci_board_save(device);
    g_autofree uint8_t *data = g_bytes_unref_to_data(g_bytes_ref(state), &size);
    reset_all();
    board_store(APIC_DEFAULT_BASE + 0xf0, 0x1ff);
    pci_board_load(device, data, size, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) again = pci_board_save(device);
    g_assert_true(g_bytes_equal(state, again));
    g_assert_cmpint(board->level[ROUTE], ==, 0);
    g_assert_cmpint(received(), ==, -1);
    write_register(PCI_MSI_MASK, 0, 4);
    g_assert_cmpint(received(), ==, 2);

    /* A vector that this device does not have cannot be pending. */
    data[capability + PCI_MSI_PENDING] |= 0x10;
    g_assert_false(pci_board_load(device, data, size, &error));
    g_assert_nonnull(strstr(error->message, "bits 0xf0 must agree"));
}

/* Whatever the guest writes: no vector beyond the device's, nothing pending without a mask. */
static void test_random_accesses(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);

    fresh(8, true);
    for (unsigned i = 0; i < ACCESSES; i++) {
        unsigned size = 1u << g_rand_int_range(random, 0, 3);
        unsigned offset = (unsigned)g_rand_int_range(random, 0, PCI_MSI_SIZE_MASKABLE / 4) * 4;
        write_register(offset, g_rand_int(random), size);
        pci_msi_notify(device, (unsigned)g_rand_int_range(random, 0, 8));
        uint32_t pending = read_register(PCI_MSI_PENDING, 4);
        g_assert_cmphex(pending & ~0xffu, ==, 0);
        if (pci_msi_enabled(device)) {
            g_assert_cmphex(pending & ~read_register(PCI_MSI_MASK, 4), ==, 0);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    board = pci_board_new();
    g_test_add_func("/pci-msi/layout", test_layout);
    g_test_add_func("/pci-msi/messages", test_messages);
    g_test_add_func("/pci-msi/masks", test_masks);
    g_test_add_func("/pci-msi/pin", test_pin);
    g_test_add_func("/pci-msi/refused", test_refused);
    g_test_add_func("/pci-msi/state", test_state);
    g_test_add_func("/pci-msi/random-accesses", test_random_accesses);
    return g_test_run();
}
