/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Connections and the bounded table of them. Both directions of a conversation are one
 * connection; one that was not used for long makes room for a new one.
 */
#pragma once

#include "net/packet.h"

/* Compared byte by byte: no padding, unused bytes are zero. "low" is the smaller end. */
typedef struct ConnectionKey {
    uint8_t low_address[16];
    uint8_t high_address[16];
    uint16_t low_port;
    uint16_t high_port;
    uint16_t vlan[PACKET_MAX_VLANS]; /* identifier + 1; 0: no tag */
    uint16_t ethertype;
    uint8_t protocol;
    uint8_t ip_version;
} ConnectionKey;

G_STATIC_ASSERT(sizeof(ConnectionKey) == 44);

/* The key of a parsed packet. */
ConnectionKey connection_key(const Packet *packet);

/* Does @packet come from the end that the key calls low? */
bool connection_from_low(const ConnectionKey *key, const Packet *packet);

/* First member of every entry of a table; its fields belong to the table. */
typedef struct ConnectionEntry {
    ConnectionKey key;
    uint32_t hash;
    uint32_t number; /* place among the entries */
    bool present;
    bool used; /* again since it was made, or since the hand has passed */
} ConnectionEntry;

/* Called when an entry leaves the table, just before its memory is used again. */
typedef void ConnectionRemoved(ConnectionEntry *entry, void *opaque);

typedef struct ConnectionTable ConnectionTable;

/*
 * A table of at most @limit entries (1 or more) of @entry_size bytes, zeroed behind the
 * ConnectionEntry. @removed may be NULL. Entries do not move. Not thread-safe: one thread at a
 * time uses a table.
 */
ConnectionTable *connection_table_new(size_t entry_size, unsigned limit, ConnectionRemoved *removed,
                                      void *opaque);
void connection_table_free(ConnectionTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConnectionTable, connection_table_free)

/* The entry of @key, which counts as used; or NULL. */
ConnectionEntry *connection_table_find(ConnectionTable *table, const ConnectionKey *key);

/*
 * The same; a new entry is made when there is none. In a full table one that was not used for long
 * makes room: those that were never used again go first, in order of age.
 */
ConnectionEntry *connection_table_get(ConnectionTable *table, const ConnectionKey *key);

/* A look-up in two steps, so that several at once wait for memory together. */
typedef struct ConnectionLookup {
    ConnectionKey key; /* the caller's */
    uint32_t hash;     /* the table's */
} ConnectionLookup;

/* Have what looking up @count keys needs in the processor's cache. */
void connection_table_prepare(const ConnectionTable *table, ConnectionLookup *const *lookups,
                              unsigned count);
/* connection_table_get() of a prepared key. */
ConnectionEntry *connection_table_get_prepared(ConnectionTable *table,
                                               const ConnectionLookup *lookup);

/* Call @visit for each entry, in no particular order; it must not change the table. */
typedef void ConnectionVisit(const ConnectionEntry *entry, void *opaque);
void connection_table_foreach(const ConnectionTable *table, ConnectionVisit *visit, void *opaque);

void connection_table_remove(ConnectionTable *table, ConnectionEntry *entry);
void connection_table_clear(ConnectionTable *table);

unsigned connection_table_size(const ConnectionTable *table);
/* How many entries had to make room since the table was made. */
uint64_t connection_table_evictions(const ConnectionTable *table);
