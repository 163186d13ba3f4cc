/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Connection keys, and the table. With many connections nearly every frame finds its own outside
 * the processor's caches, so a look-up touches as little as it can: one slot of the hash (linear
 * probing; a slot has the hash and the entry's number), then the entry. Entries are in large
 * pieces of memory. Who makes room is found by a hand that goes round over the entries ("second
 * chance"), which costs nothing while there is room. The hash grows little by little. It is seeded,
 * because a client chooses addresses and ports.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "net/connection.h"

#define FIRST_SLOTS   64   /* a power of two */
#define CHUNK_ENTRIES 8192 /* a power of two */
#define HUGE_PAGE     (2 * 1024 * 1024)
#define CACHE_LINE    64
#define MOVE_SLOTS    8 /* at each look-up while the hash grows */
#define SLOT_GONE     UINT32_MAX

/* entry: its number + 1; 0: never used; SLOT_GONE: moved or removed while the hash grows. */
typedef struct Slot {
    uint32_t hash, entry;
} Slot;

typedef struct SlotArray {
    Slot *slots; /* NULL: none */
    uint32_t mask;
} SlotArray;

struct ConnectionTable {
    SlotArray now;
    SlotArray before; /* what has not been moved to `now` yet */
    uint32_t moved;   /* slots of `before` */
    GPtrArray *chunks;
    GArray *vacant; /* numbers of entries that were removed */
    uint32_t made;  /* numbers below were in use once */
    uint32_t hand;
    unsigned size;
    unsigned limit;
    size_t entry_size;
    uint64_t seed;
    uint64_t evictions;
    ConnectionRemoved *removed;
    void *opaque;
};

static int compare_ends(const Packet *packet)
{
    int order = memcmp(packet->source, packet->destination, sizeof(packet->source));

    return order != 0 ? order : (int)packet->source_port - (int)packet->destination_port;
}

ConnectionKey connection_key(const Packet *packet)
{
    bool low = compare_ends(packet) <= 0;
    ConnectionKey key = {
        .low_port = low ? packet->source_port : packet->destination_port,
        .high_port = low ? packet->destination_port : packet->source_port,
        .ethertype = packet->ethertype,
        .protocol = packet->protocol,
        .ip_version = packet->ip_version,
    };

    memcpy(key.low_address, low ? packet->source : packet->destination, sizeof(key.low_address));
    memcpy(key.high_address, low ? packet->destination : packet->source, sizeof(key.high_address));
    for (unsigned i = 0; i < packet->vlan_count; i++) {
        key.vlan[i] = packet->vlan_id[i] + 1;
    }
    return key;
}

bool connection_from_low(const ConnectionKey *key, const Packet *packet)
{
    return packet->source_port == key->low_port &&
           memcmp(packet->source, key->low_address, sizeof(key->low_address)) == 0;
}

static uint32_t key_hash(const ConnectionTable *table, const ConnectionKey *key)
{
    uint64_t hash = table->seed;
    uint64_t word;
    const uint8_t *bytes = (const uint8_t *)key;

    for (size_t i = 0; i + 8 <= sizeof(*key); i += 8) {
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    uint32_t rest;
    memcpy(&rest, bytes + 40, 4);
    hash = (hash ^ rest) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash >> 32;
}

static SlotArray slot_array_new(uint32_t count)
{
    return (SlotArray){ .slots = g_new0(Slot, count), .mask = count - 1 };
}

ConnectionTable *connection_table_new(size_t entry_size, unsigned limit, ConnectionRemoved *removed,
                                      void *opaque)
{
    g_assert(entry_size >= sizeof(ConnectionEntry) && limit > 0 && limit < SLOT_GONE / 2);
    ConnectionTable *table = g_new0(ConnectionTable, 1);

    table->now = slot_array_new(FIRST_SLOTS);
    table->chunks = g_ptr_array_new_with_free_func(free);
    table->vacant = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    table->limit = limit;
    table->entry_size = (entry_size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    table->seed = (uint64_t)g_random_int() << 32 | g_random_int();
    table->removed = removed;
    table->opaque = opaque;
    return table;
}

void connection_table_free(ConnectionTable *table)
{
    if (table) {
        connection_table_clear(table);
        g_free(table->now.slots);
        g_ptr_array_unref(table->chunks);
        g_array_unref(table->vacant);
        g_free(table);
    }
}

/* ---- entries ---- */

static ConnectionEntry *entry_at(const ConnectionTable *table, uint32_t number)
{
    uint8_t *chunk = table->chunks->pdata[number / CHUNK_ENTRIES];

    return (ConnectionEntry *)(chunk + number % CHUNK_ENTRIES * table->entry_size);
}

static void add_chunk(ConnectionTable *table)
{
    size_t size = CHUNK_ENTRIES * table->entry_size;
    bool many = table->chunks->len > 0;
    void *chunk = NULL;

    if (posix_memalign(&chunk, many ? HUGE_PAGE : CACHE_LINE, size) != 0) {
        g_error("no memory for %zu bytes of connections", size);
    }
    if (many) {
        madvise(chunk, size, MADV_HUGEPAGE); /* a wish: without it there are only more TLB misses */
    }
    g_ptr_array_add(table->chunks, chunk);
}

static ConnectionEntry *entry_new(ConnectionTable *table)
{
    GArray *vacant = table->vacant;
    uint32_t number = table->made;

    if (vacant->len > 0) {
        number = g_array_index(vacant, uint32_t, vacant->len - 1);
        g_array_set_size(vacant, vacant->len - 1);
    } else {
        if (number / CHUNK_ENTRIES == table->chunks->len) {
            add_chunk(table);
        }
        table->made++;
    }
    ConnectionEntry *entry = entry_at(table, number);
    memset(entry, 0, table->entry_size);
    entry->number = number;
    entry->present = true;
    return entry;
}

static void evict(ConnectionTable *table)
{
    for (;;) {
        ConnectionEntry *entry = entry_at(table, table->hand);
        table->hand = table->hand + 1 == table->made ? 0 : table->hand + 1;
        if (entry->present && !entry->used) {
            table->evictions++;
            connection_table_remove(table, entry);
            return;
        }
        entry->used = false;
    }
}

/* ---- slots ---- */

static void slot_insert(SlotArray *array, uint32_t hash, uint32_t entry)
{
    uint32_t at = hash & array->mask;

    while (array->slots[at].entry != 0) {
        at = (at + 1) & array->mask;
    }
    array->slots[at] = (Slot){ hash, entry };
}

/* Take the slot out; those behind it that would not be found any more move up. */
static void slot_remove(SlotArray *array, uint32_t at)
{
    uint32_t next = at;

    for (;;) {
        next = (next + 1) & array->mask;
        const Slot *slot = &array->slots[next];
        if (slot->entry == 0) {
            array->slots[at].entry = 0;
            return;
        }
        uint32_t home = slot->hash & array->mask;
        if (((next - home) & array->mask) >= ((next - at) & array->mask)) {
            array->slots[at] = *slot;
            at = next;
        }
    }
}

static void move_some(ConnectionTable *table)
{
    SlotArray *before = &table->before;

    for (unsigned i = 0; i < MOVE_SLOTS; i++) {
        if (table->moved > before->mask) {
            g_clear_pointer(&before->slots, g_free);
            return;
        }
        Slot *slot = &before->slots[table->moved++];
        if (slot->entry != 0 && slot->entry != SLOT_GONE) {
            slot_insert(&table->now, slot->hash, slot->entry);
            slot->entry = SLOT_GONE;
        }
    }
}

/* Never more than half full, so that chains stay short. */
static void grow_if_needed(ConnectionTable *table)
{
    if (table->size < table->now.mask / 2) {
        return;
    }
    while (table->before.slots) {
        move_some(table);
    }
    table->before = table->now;
    table->moved = 0;
    table->now = slot_array_new((table->before.mask + 1) * 2);
}

static ConnectionEntry *search(const ConnectionTable *table, const SlotArray *array, uint32_t hash,
                               const ConnectionKey *key)
{
    const Slot *slot;

    for (uint32_t at = hash & array->mask; (slot = &array->slots[at])->entry != 0;
         at = (at + 1) & array->mask) {
        if (slot->hash == hash && slot->entry != SLOT_GONE) {
            ConnectionEntry *entry = entry_at(table, slot->entry - 1);
            if (memcmp(&entry->key, key, sizeof(*key)) == 0) {
                return entry;
            }
        }
    }
    return NULL;
}

static ConnectionEntry *find(ConnectionTable *table, const ConnectionKey *key, uint32_t hash)
{
    if (table->before.slots) {
        move_some(table);
    }
    ConnectionEntry *entry = search(table, &table->now, hash, key);
    if (!entry && table->before.slots) {
        entry = search(table, &table->before, hash, key);
    }
    if (entry) {
        entry->used = true;
    }
    return entry;
}

static uint32_t slot_of(const SlotArray *array, const ConnectionEntry *entry)
{
    uint32_t at = entry->hash & array->mask;

    while (array->slots[at].entry != 0 && array->slots[at].entry != entry->number + 1) {
        at = (at + 1) & array->mask;
    }
    return at;
}

static void forget_slot(ConnectionTable *table, const ConnectionEntry *entry)
{
    uint32_t at = slot_of(&table->now, entry);

    if (table->now.slots[at].entry != 0) {
        slot_remove(&table->now, at);
    } else {
        table->before.slots[slot_of(&table->before, entry)].entry = SLOT_GONE;
    }
}

/* ---- the table ---- */

ConnectionEntry *connection_table_find(ConnectionTable *table, const ConnectionKey *key)
{
    return find(table, key, key_hash(table, key));
}

static ConnectionEntry *insert(ConnectionTable *table, const ConnectionKey *key, uint32_t hash)
{
    if (table->size == table->limit) {
        evict(table);
    }
    grow_if_needed(table);
    ConnectionEntry *entry = entry_new(table);
    entry->key = *key;
    entry->hash = hash;
    slot_insert(&table->now, hash, entry->number + 1);
    table->size++;
    return entry;
}

ConnectionEntry *connection_table_get_prepared(ConnectionTable *table,
                                               const ConnectionLookup *lookup)
{
    ConnectionEntry *entry = find(table, &lookup->key, lookup->hash);

    return entry ? entry : insert(table, &lookup->key, lookup->hash);
}

ConnectionEntry *connection_table_get(ConnectionTable *table, const ConnectionKey *key)
{
    ConnectionLookup lookup = { *key, key_hash(table, key) };

    return connection_table_get_prepared(table, &lookup);
}

static void prefetch_entry(const ConnectionTable *table, uint32_t hash)
{
    const SlotArray *now = &table->now;
    uint32_t at = hash & now->mask;

    while (now->slots[at].entry != 0 && now->slots[at].hash != hash) {
        at = (at + 1) & now->mask;
    }
    if (now->slots[at].entry == 0) {
        return;
    }
    const char *entry = (const char *)entry_at(table, now->slots[at].entry - 1);
    for (size_t line = 0; line < table->entry_size; line += CACHE_LINE) {
        __builtin_prefetch(entry + line, 1);
    }
}

/* First all slots, then all entries: the second look finds the slots there. */
void connection_table_prepare(const ConnectionTable *table, ConnectionLookup *const *lookups,
                              unsigned count)
{
    const SlotArray *now = &table->now;

    for (unsigned i = 0; i < count; i++) {
        lookups[i]->hash = key_hash(table, &lookups[i]->key);
        __builtin_prefetch(&now->slots[lookups[i]->hash & now->mask]);
    }
    for (unsigned i = 0; i < count; i++) {
        prefetch_entry(table, lookups[i]->hash);
    }
}

void connection_table_remove(ConnectionTable *table, ConnectionEntry *entry)
{
    forget_slot(table, entry);
    table->size--;
    entry->present = false;
    g_array_append_val(table->vacant, entry->number);
    if (table->removed) {
        table->removed(entry, table->opaque);
    }
}

void connection_table_foreach(const ConnectionTable *table, ConnectionVisit *visit, void *opaque)
{
    for (uint32_t number = 0; number < table->made; number++) {
        const ConnectionEntry *entry = entry_at(table, number);
        if (entry->present) {
            visit(entry, opaque);
        }
    }
}

void connection_table_clear(ConnectionTable *table)
{
    for (uint32_t number = 0; number < table->made; number++) {
        ConnectionEntry *entry = entry_at(table, number);
        if (entry->present && table->removed) {
            table->removed(entry, table->opaque);
        }
    }
    g_clear_pointer(&table->before.slots, g_free);
    g_free(table->now.slots);
    table->now = slot_array_new(FIRST_SLOTS);
    g_array_set_size(table->vacant, 0);
    table->made = table->size = table->hand = 0;
}

unsigned connection_table_size(const ConnectionTable *table)
{
    return table->size;
}

uint64_t connection_table_evictions(const ConnectionTable *table)
{
    return table->evictions;
}
