/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Connection keys, and the table: chained hash that doubles as it fills, and a list in the order
 * of use. The hash is seeded, because a client chooses addresses and ports.
 */
#include <string.h>

#include "net/connection.h"

#define FIRST_BUCKETS 64 /* a power of two */

struct ConnectionTable {
    ConnectionEntry **buckets;
    unsigned bucket_count;
    unsigned size;
    unsigned limit;
    size_t entry_size;
    uint64_t seed;
    uint64_t evictions;
    ConnectionEntry *newest, *oldest;
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

ConnectionTable *connection_table_new(size_t entry_size, unsigned limit, ConnectionRemoved *removed,
                                      void *opaque)
{
    g_assert(entry_size >= sizeof(ConnectionEntry) && limit > 0);
    ConnectionTable *table = g_new0(ConnectionTable, 1);

    table->bucket_count = FIRST_BUCKETS;
    table->buckets = g_new0(ConnectionEntry *, table->bucket_count);
    table->limit = limit;
    table->entry_size = entry_size;
    table->seed = (uint64_t)g_random_int() << 32 | g_random_int();
    table->removed = removed;
    table->opaque = opaque;
    return table;
}

void connection_table_free(ConnectionTable *table)
{
    if (table) {
        connection_table_clear(table);
        g_free(table->buckets);
        g_free(table);
    }
}

static void list_unlink(ConnectionTable *table, ConnectionEntry *entry)
{
    *(entry->newer ? &entry->newer->older : &table->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &table->oldest) = entry->newer;
}

static void list_push(ConnectionTable *table, ConnectionEntry *entry)
{
    entry->newer = NULL;
    entry->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = entry;
    table->newest = entry;
}

static ConnectionEntry **bucket_of(ConnectionTable *table, uint32_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void grow(ConnectionTable *table)
{
    g_free(table->buckets);
    table->bucket_count *= 2;
    table->buckets = g_new0(ConnectionEntry *, table->bucket_count);
    for (ConnectionEntry *entry = table->oldest; entry; entry = entry->newer) {
        ConnectionEntry **bucket = bucket_of(table, entry->hash);
        entry->chain = *bucket;
        *bucket = entry;
    }
}

static ConnectionEntry *lookup(ConnectionTable *table, const ConnectionKey *key, uint32_t hash)
{
    ConnectionEntry *entry = *bucket_of(table, hash);

    while (entry && (entry->hash != hash || memcmp(&entry->key, key, sizeof(*key)) != 0)) {
        entry = entry->chain;
    }
    if (entry && entry != table->newest) {
        list_unlink(table, entry);
        list_push(table, entry);
    }
    return entry;
}

ConnectionEntry *connection_table_find(ConnectionTable *table, const ConnectionKey *key)
{
    return lookup(table, key, key_hash(table, key));
}

static ConnectionEntry *insert(ConnectionTable *table, const ConnectionKey *key, uint32_t hash)
{
    if (table->size == table->limit) {
        table->evictions++;
        connection_table_remove(table, table->oldest);
    }
    if (table->size == table->bucket_count) {
        grow(table);
    }
    ConnectionEntry *entry = g_malloc0(table->entry_size);
    ConnectionEntry **bucket = bucket_of(table, hash);
    entry->key = *key;
    entry->hash = hash;
    entry->chain = *bucket;
    *bucket = entry;
    list_push(table, entry);
    table->size++;
    return entry;
}

ConnectionEntry *connection_table_get(ConnectionTable *table, const ConnectionKey *key)
{
    uint32_t hash = key_hash(table, key);
    ConnectionEntry *entry = lookup(table, key, hash);

    return entry ? entry : insert(table, key, hash);
}

void connection_table_remove(ConnectionTable *table, ConnectionEntry *entry)
{
    ConnectionEntry **link = bucket_of(table, entry->hash);

    while (*link != entry) {
        link = &(*link)->chain;
    }
    *link = entry->chain;
    list_unlink(table, entry);
    table->size--;
    if (table->removed) {
        table->removed(entry, table->opaque);
    }
    g_free(entry);
}

void connection_table_clear(ConnectionTable *table)
{
    while (table->oldest) {
        connection_table_remove(table, table->oldest);
    }
}

ConnectionEntry *connection_table_oldest(ConnectionTable *table)
{
    return table->oldest;
}

unsigned connection_table_size(const ConnectionTable *table)
{
    return table->size;
}

uint64_t connection_table_evictions(const ConnectionTable *table)
{
    return table->evictions;
}
