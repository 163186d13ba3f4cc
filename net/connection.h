/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Connections and the bounded table of them. Both directions of a conversation are one
 * connection; the least recently used one makes room for a new one.
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

/* First member of every entry of a table. The table owns the links. */
typedef struct ConnectionEntry {
    ConnectionKey key;
    uint32_t hash;
    struct ConnectionEntry *chain;         /* same bucket */
    struct ConnectionEntry *newer, *older; /* order of use */
} ConnectionEntry;

/* Called when an entry leaves the table, just before its memory is freed. */
typedef void ConnectionRemoved(ConnectionEntry *entry, void *opaque);

typedef struct ConnectionTable ConnectionTable;

/*
 * A table of at most @limit entries (1 or more) of @entry_size bytes, zeroed behind the
 * ConnectionEntry. @removed may be NULL. Not thread-safe: one thread uses a table.
 */
ConnectionTable *connection_table_new(size_t entry_size, unsigned limit, ConnectionRemoved *removed,
                                      void *opaque);
void connection_table_free(ConnectionTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConnectionTable, connection_table_free)

/* The entry of @key, which becomes the most recently used one; or NULL. */
ConnectionEntry *connection_table_find(ConnectionTable *table, const ConnectionKey *key);

/* The same; a new entry is made when there is none, and the oldest one leaves a full table. */
ConnectionEntry *connection_table_get(ConnectionTable *table, const ConnectionKey *key);

void connection_table_remove(ConnectionTable *table, ConnectionEntry *entry);
void connection_table_clear(ConnectionTable *table);

/* The least recently used entry, NULL in an empty table; walk on with ->newer. */
ConnectionEntry *connection_table_oldest(ConnectionTable *table);

unsigned connection_table_size(const ConnectionTable *table);
/* How many entries had to make room since the table was made. */
uint64_t connection_table_evictions(const ConnectionTable *table);
