/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * MSI (PCI Local Bus Specification 3.0, section 6.8.1). All of it lives in configuration space,
 * where the pending bits change by themselves.
 */
#include "hw/intc/apic.h"
#include "hw/pci/pci-internal.h"
#include "trace-hw-pci.h"
#include "util/report.h"

enum {
    VECTORS_MAX = 32,
    FLAGS_WRITABLE = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_COUNT_MASK << PCI_MSI_FLAGS_GRANTED_SHIFT,
};

static uint8_t *register_at(PCIDevice *device, unsigned offset)
{
    return device->config + device->msi + offset;
}

static uint16_t flags(const PCIDevice *device)
{
    return pci_get_word(device->config + device->msi + PCI_MSI_FLAGS);
}

/* A number of messages as the capability tells it: its logarithm. */
static unsigned count_at(const PCIDevice *device, unsigned shift)
{
    return 1u << (flags(device) >> shift & PCI_MSI_FLAGS_COUNT_MASK);
}

bool pci_msi_enabled(const PCIDevice *device)
{
    return device->msi && (flags(device) & PCI_MSI_FLAGS_ENABLE);
}

unsigned pci_msi_vectors(const PCIDevice *device)
{
    return pci_msi_enabled(device) ? MIN(count_at(device, PCI_MSI_FLAGS_GRANTED_SHIFT),
                                         count_at(device, PCI_MSI_FLAGS_CAPABLE_SHIFT))
                                   : 0;
}

static bool maskable(const PCIDevice *device)
{
    return flags(device) & PCI_MSI_FLAGS_MASKABLE;
}

static unsigned capability_size(bool with_masks)
{
    return with_masks ? PCI_MSI_SIZE_MASKABLE : PCI_MSI_SIZE;
}

/* A message tells its number by the low bits of its data. */
static void send(PCIDevice *device, unsigned vector)
{
    uint64_t address = (uint64_t)pci_get_long(register_at(device, PCI_MSI_ADDRESS + 4)) << 32 |
                       pci_get_long(register_at(device, PCI_MSI_ADDRESS));
    uint32_t data = pci_get_word(register_at(device, PCI_MSI_DATA));

    data = (data & ~(pci_msi_vectors(device) - 1)) | vector;
    trace_pci_msi_send(PCI_SLOT(device->devfn), PCI_FUNCTION(device->devfn), vector, address, data);
    apic_send_msi(address, data);
}

/* Without bits to mask it by, a message that the function may not send is lost. */
void pci_msi_notify(PCIDevice *device, unsigned vector)
{
    if (!pci_msi_enabled(device)) {
        return;
    }
    g_assert(vector < count_at(device, PCI_MSI_FLAGS_CAPABLE_SHIFT));
    vector &= pci_msi_vectors(device) - 1;
    if (maskable(device)) {
        uint8_t *pending = register_at(device, PCI_MSI_PENDING);
        pci_set_long(pending, pci_get_long(pending) | 1u << vector);
        pci_msi_update(device);
    } else if (pci_bus_master_enabled(device)) {
        send(device, vector);
    }
}

void pci_msi_update(PCIDevice *device)
{
    if (!pci_msi_enabled(device) || !maskable(device) || !pci_bus_master_enabled(device)) {
        return;
    }
    uint32_t pending = pci_get_long(register_at(device, PCI_MSI_PENDING));
    uint32_t masked = pci_get_long(register_at(device, PCI_MSI_MASK));

    pci_set_long(register_at(device, PCI_MSI_PENDING), pending & masked);
    for (uint32_t bits = pending & ~masked; bits; bits &= bits - 1) {
        send(device, (unsigned)__builtin_ctz(bits) & (pci_msi_vectors(device) - 1));
    }
}

bool pci_msi_touched(const PCIDevice *device, unsigned offset, unsigned size)
{
    return device->msi && offset < device->msi + capability_size(maskable(device)) &&
           device->msi + (unsigned)PCI_MSI_FLAGS < offset + size;
}

/* ---- life ---- */

bool pci_msi_init(PCIDevice *device, unsigned vectors, bool maskable, GError **error)
{
    uint16_t kind = PCI_MSI_FLAGS_64BIT | (maskable ? PCI_MSI_FLAGS_MASKABLE : 0);

    g_assert(!device->msi);
    if (vectors < 1 || vectors > VECTORS_MAX || (vectors & (vectors - 1))) {
        qc_error_set(error, "%s: %u MSI vectors, expected a power of two, 1 to %u",
                     object_type_name(G_OBJECT_TYPE(device)), vectors, VECTORS_MAX);
        return false;
    }
    device->msi =
        pci_add_capability(device, PCI_CAP_ID_MSI, (uint8_t)capability_size(maskable), error);
    if (!device->msi) {
        return false;
    }
    uint8_t *writable = device->writable + device->msi;
    unsigned capable = (unsigned)__builtin_ctz(vectors);
    pci_set_word(register_at(device, PCI_MSI_FLAGS),
                 (uint16_t)(kind | capable << PCI_MSI_FLAGS_CAPABLE_SHIFT));
    pci_set_word(writable + PCI_MSI_FLAGS, FLAGS_WRITABLE);
    pci_set_long(writable + PCI_MSI_ADDRESS, ~3u);
    pci_set_long(writable + PCI_MSI_ADDRESS + 4, ~0u);
    pci_set_word(writable + PCI_MSI_DATA, 0xffff);
    if (maskable) {
        pci_set_long(writable + PCI_MSI_MASK, ~0u >> (VECTORS_MAX - vectors));
    }
    return true;
}

void pci_msi_reset(PCIDevice *device)
{
    if (device->msi && maskable(device)) {
        pci_set_long(register_at(device, PCI_MSI_PENDING), 0);
    }
}

uint8_t pci_msi_pending_bits(const PCIDevice *device, unsigned offset)
{
    unsigned pending = device->msi + (unsigned)PCI_MSI_PENDING;

    /* Those vectors can be pending that can be masked. */
    return device->msi && maskable(device) && offset >= pending && offset < pending + 4
               ? device->writable[offset - PCI_MSI_PENDING + PCI_MSI_MASK]
               : 0;
}
