/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * MSI-X (PCI Local Bus Specification 3.0, section 6.8.2): the capability, the table of messages
 * and the pending bits in a BAR of their own.
 */
#include <string.h>

#include "hw/intc/apic.h"
#include "hw/pci/pci-internal.h"
#include "trace-hw-pci.h"
#include "util/report.h"

enum {
    VECTORS_MAX = 2048,
    BAR_SIZE_MIN = 4096,
    ENTRY_WORDS = PCI_MSIX_ENTRY_SIZE / 4,
    STRUCTURE_ALIGNMENT = 8,
    BITS_PER_WORD = 32,
};

/* Words of a table entry. */
enum {
    WORD_ADDRESS_LOW,
    WORD_ADDRESS_HIGH,
    WORD_DATA,
    WORD_CONTROL,
};

struct PCIMsix {
    PCIDevice *device;
    MemoryRegion region;
    uint8_t capability; /* its offset in configuration space */
    uint32_t table_offset, pending_offset;
    uint32_t vectors;
    uint32_t table_words, pending_words;
    uint32_t *table;   /* ENTRY_WORDS each */
    uint32_t *pending; /* a bit each */
    bool loaded;
};

/* ---- messages ---- */

static uint16_t flags(const PCIDevice *device)
{
    return pci_get_word(device->config + device->msix->capability + PCI_MSIX_FLAGS);
}

bool pci_msix_enabled(const PCIDevice *device)
{
    return device->msix && (flags(device) & PCI_MSIX_FLAGS_ENABLE);
}

unsigned pci_msix_vectors(const PCIDevice *device)
{
    return device->msix ? device->msix->vectors : 0;
}

/* Messages are writes to memory, so the function must be allowed to master the bus. */
static bool may_send(const PCIDevice *device)
{
    return pci_msix_enabled(device) && !(flags(device) & PCI_MSIX_FLAGS_FUNCTION_MASK) &&
           pci_bus_master_enabled(device);
}

static bool vector_masked(const PCIMsix *msix, unsigned vector)
{
    return msix->table[vector * ENTRY_WORDS + WORD_CONTROL] & PCI_MSIX_ENTRY_MASKED;
}

static void send(const PCIDevice *device, unsigned vector)
{
    const uint32_t *entry = &device->msix->table[vector * ENTRY_WORDS];
    uint64_t address = (uint64_t)entry[WORD_ADDRESS_HIGH] << 32 | entry[WORD_ADDRESS_LOW];

    trace_pci_msix_send(PCI_SLOT(device->devfn), PCI_FUNCTION(device->devfn), vector, address,
                        entry[WORD_DATA]);
    apic_send_msi(address, entry[WORD_DATA]);
}

void pci_msix_notify(PCIDevice *device, unsigned vector)
{
    PCIMsix *msix = device->msix;

    if (!pci_msix_enabled(device)) {
        return;
    }
    if (vector >= msix->vectors) {
        log_write(LOG_GUEST_ERRORS, "%s: MSI-X vector %u of %u\n",
                  object_type_name(G_OBJECT_TYPE(device)), vector, msix->vectors);
        return;
    }
    if (may_send(device) && !vector_masked(msix, vector)) {
        send(device, vector);
    } else {
        msix->pending[vector / BITS_PER_WORD] |= 1u << vector % BITS_PER_WORD;
    }
}

static void send_if_pending(PCIDevice *device, unsigned vector)
{
    PCIMsix *msix = device->msix;
    uint32_t *word = &msix->pending[vector / BITS_PER_WORD];
    uint32_t bit = 1u << vector % BITS_PER_WORD;

    if ((*word & bit) && !vector_masked(msix, vector)) {
        *word &= ~bit;
        send(device, vector);
    }
}

void pci_msix_update(PCIDevice *device)
{
    PCIMsix *msix = device->msix;

    if (!msix || !may_send(device)) {
        return;
    }
    for (unsigned word = 0; word < msix->pending_words; word++) {
        for (uint32_t bits = msix->pending[word]; bits; bits &= bits - 1) {
            send_if_pending(device, word * BITS_PER_WORD + (unsigned)__builtin_ctz(bits));
        }
    }
}

bool pci_msix_flags_touched(const PCIDevice *device, unsigned offset, unsigned size)
{
    if (!device->msix) {
        return false;
    }
    unsigned first = device->msix->capability + PCI_MSIX_FLAGS;
    return offset < first + 2 && first < offset + size;
}

/* ---- registers ---- */

static uint64_t msix_read(void *opaque, hwaddr address, unsigned size)
{
    PCIMsix *msix = opaque;

    if (address - msix->table_offset < 4 * msix->table_words) {
        return msix->table[(address - msix->table_offset) / 4];
    }
    if (address - msix->pending_offset < 4 * msix->pending_words) {
        return msix->pending[(address - msix->pending_offset) / 4];
    }
    return 0;
}

static void msix_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PCIMsix *msix = opaque;

    if (address - msix->table_offset >= 4 * msix->table_words) {
        return; /* pending bits are read-only, the rest is reserved */
    }
    unsigned word = (unsigned)((address - msix->table_offset) / 4);
    switch (word % ENTRY_WORDS) {
    case WORD_ADDRESS_LOW:
        msix->table[word] = (uint32_t)value & ~3u;
        break;
    case WORD_CONTROL:
        msix->table[word] = (uint32_t)value & PCI_MSIX_ENTRY_MASKED;
        if (may_send(msix->device)) {
            send_if_pending(msix->device, word / ENTRY_WORDS);
        }
        break;
    default:
        msix->table[word] = (uint32_t)value;
        break;
    }
}

/* Software uses dwords and qwords; the core splits the latter. */
static const MemoryRegionOps msix_ops = {
    .read = msix_read,
    .write = msix_write,
    .access_min = 4,
    .access_max = 4,
};

/* ---- life ---- */

static bool check_layout(const PCIDevice *device, unsigned vectors, uint32_t table_offset,
                         uint32_t pba_offset, GError **error)
{
    uint64_t table_end = (uint64_t)table_offset + vectors * PCI_MSIX_ENTRY_SIZE;
    uint64_t pba_end = (uint64_t)pba_offset + (vectors + 63) / 64 * 8;

    if (vectors < 1 || vectors > VECTORS_MAX) {
        qc_error_set(error, "%s: %u MSI-X vectors, expected 1 to %u",
                     object_type_name(G_OBJECT_TYPE(device)), vectors, VECTORS_MAX);
        return false;
    }
    g_assert(table_offset % STRUCTURE_ALIGNMENT == 0 && pba_offset % STRUCTURE_ALIGNMENT == 0);
    if (table_offset < pba_end && pba_offset < table_end) {
        qc_error_set(error,
                     "%s: the MSI-X table of %u vectors at 0x%x overlaps the pending bits at 0x%x",
                     object_type_name(G_OBJECT_TYPE(device)), vectors, table_offset, pba_offset);
        return false;
    }
    return true;
}

static uint64_t bar_size(const PCIMsix *msix)
{
    uint64_t end = MAX((uint64_t)msix->table_offset + 4 * msix->table_words,
                       (uint64_t)msix->pending_offset + 4 * msix->pending_words);
    uint64_t size = BAR_SIZE_MIN;

    while (size < end) {
        size *= 2;
    }
    return size;
}

bool pci_msix_init(PCIDevice *device, unsigned vectors, unsigned bar, uint32_t table_offset,
                   uint32_t pba_offset, GError **error)
{
    g_assert(!device->msix && bar < PCI_BAR_COUNT);
    if (!check_layout(device, vectors, table_offset, pba_offset, error)) {
        return false;
    }
    uint8_t capability = pci_add_capability(device, PCI_CAP_ID_MSIX, PCI_MSIX_SIZE, error);
    if (!capability) {
        return false;
    }
    PCIMsix *msix = g_new0(PCIMsix, 1);
    msix->device = device;
    msix->capability = capability;
    msix->vectors = vectors;
    msix->table_offset = table_offset;
    msix->table_words = vectors * ENTRY_WORDS;
    msix->pending_offset = pba_offset;
    msix->pending_words = (vectors + 63) / 64 * 2;
    msix->table = g_new0(uint32_t, msix->table_words);
    msix->pending = g_new0(uint32_t, msix->pending_words);
    device->msix = msix;

    uint8_t *config = device->config + capability;
    pci_set_word(config + PCI_MSIX_FLAGS, (uint16_t)(vectors - 1));
    pci_set_long(config + PCI_MSIX_TABLE, table_offset | bar);
    pci_set_long(config + PCI_MSIX_PBA, pba_offset | bar);
    pci_set_word(device->writable + capability + PCI_MSIX_FLAGS,
                 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_FUNCTION_MASK);
    memory_region_init_io(&msix->region, "msix", &msix_ops, msix, bar_size(msix));
    pci_register_bar(device, bar, PCI_BASE_ADDRESS_SPACE_MEMORY, &msix->region);
    return true;
}

void pci_msix_cleanup(PCIDevice *device)
{
    PCIMsix *msix = g_steal_pointer(&device->msix);

    if (!msix) {
        return;
    }
    for (unsigned n = 0; n < PCI_BAR_COUNT; n++) {
        if (device->bars[n].region == &msix->region) {
            g_assert(device->bars[n].address == PCI_BAR_UNMAPPED);
            device->bars[n].region = NULL;
        }
    }
    g_free(msix->table);
    g_free(msix->pending);
    g_free(msix);
}

void pci_msix_reset(PCIDevice *device)
{
    PCIMsix *msix = device->msix;

    if (!msix) {
        return;
    }
    memset(msix->table, 0, 4 * msix->table_words);
    memset(msix->pending, 0, 4 * msix->pending_words);
    for (unsigned vector = 0; vector < msix->vectors; vector++) {
        msix->table[vector * ENTRY_WORDS + WORD_CONTROL] = PCI_MSIX_ENTRY_MASKED;
    }
}

/* ---- migration ---- */

void pci_msix_begin_load(PCIDevice *device)
{
    if (device->msix) {
        device->msix->loaded = false;
    }
}

bool pci_msix_check_loaded(const PCIDevice *device, GError **error)
{
    if (device->msix && !device->msix->loaded) {
        qc_error_set(error, "the stream has no MSI-X table, this device has one");
        return false;
    }
    return true;
}

static bool msix_post_load(void *opaque, int version, GError **error)
{
    PCIMsix *msix = opaque;

    for (unsigned vector = 0; vector < msix->vectors; vector++) {
        uint32_t *entry = &msix->table[vector * ENTRY_WORDS];
        entry[WORD_ADDRESS_LOW] &= ~3u;
        entry[WORD_CONTROL] &= PCI_MSIX_ENTRY_MASKED;
    }
    for (unsigned bit = msix->vectors; bit < msix->pending_words * BITS_PER_WORD; bit++) {
        msix->pending[bit / BITS_PER_WORD] &= ~(1u << bit % BITS_PER_WORD);
    }
    msix->loaded = true;
    return true;
}

/* An array behind a pointer, with as many elements as this device has. */
#define MSIX_WORDS(field_, count_field, maximum)                                         \
    {                                                                                    \
        .name = #field_, .offset = VMSTATE_OFFSET(PCIMsix, field_, uint32_t *),          \
        .size = sizeof(uint32_t), .count = (maximum),                                    \
        .count_offset = VMSTATE_OFFSET(PCIMsix, count_field, uint32_t),                  \
        .flags = VMSTATE_FIELD_POINTER | VMSTATE_FIELD_VARRAY, .type = &vmstate_type_u32 \
    }

const VMStateDescription vmstate_pci_msix = {
    .name = "msix",
    .version = 1,
    .minimum_version = 1,
    .post_load = msix_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(vectors, PCIMsix),
            MSIX_WORDS(table, table_words, VECTORS_MAX *ENTRY_WORDS),
            MSIX_WORDS(pending, pending_words, VECTORS_MAX / BITS_PER_WORD),
            VMSTATE_END,
        },
};
