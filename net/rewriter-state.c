/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * On the wire: the number of netdevs; for each its id, the number of its translations, and each of
 * these as the fields of the key and the two deltas, all big-endian.
 */
#include "net/rewriter-state.h"

#include <string.h>

#include "migration/stream.h"
#include "net/tcp-rewrite.h"
#include "util/report.h"

#define NETDEVS_MAX      1024
#define TRANSLATIONS_MAX (1024 * 1024)

GHashTable *rewriter_state_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
}

/* ---- saving ---- */

static void put_translation(MigrationWriter *writer, const TcpTranslation *translation)
{
    const ConnectionKey *key = &translation->key;

    migration_writer_put_u8(writer, key->ip_version);
    migration_writer_put_be16(writer, key->ethertype);
    for (unsigned i = 0; i < PACKET_MAX_VLANS; i++) {
        migration_writer_put_be16(writer, key->vlan[i]);
    }
    migration_writer_put_bytes(writer, key->low_address, sizeof(key->low_address));
    migration_writer_put_bytes(writer, key->high_address, sizeof(key->high_address));
    migration_writer_put_be16(writer, key->low_port);
    migration_writer_put_be16(writer, key->high_port);
    migration_writer_put_be32(writer, translation->delta);
    migration_writer_put_be32(writer, translation->timestamp_delta);
}

static void put_translations(MigrationWriter *writer, const void *element, size_t size,
                             const VMStateField *field)
{
    GHashTable *netdevs = *(GHashTable *const *)element;
    GHashTableIter iter;
    gpointer id, value;

    migration_writer_put_be32(writer, g_hash_table_size(netdevs));
    g_hash_table_iter_init(&iter, netdevs);
    while (g_hash_table_iter_next(&iter, &id, &value)) {
        const GArray *translations = value;
        migration_writer_put_name(writer, id);
        migration_writer_put_be32(writer, translations->len);
        for (guint i = 0; i < translations->len; i++) {
            put_translation(writer, &g_array_index(translations, TcpTranslation, i));
        }
    }
}

/* ---- loading ---- */

static TcpTranslation get_translation(MigrationReader *reader)
{
    TcpTranslation translation = { .key.protocol = PROTOCOL_TCP };
    ConnectionKey *key = &translation.key;

    key->ip_version = migration_reader_get_u8(reader);
    key->ethertype = migration_reader_get_be16(reader);
    for (unsigned i = 0; i < PACKET_MAX_VLANS; i++) {
        key->vlan[i] = migration_reader_get_be16(reader);
    }
    migration_reader_get_bytes(reader, key->low_address, sizeof(key->low_address));
    migration_reader_get_bytes(reader, key->high_address, sizeof(key->high_address));
    key->low_port = migration_reader_get_be16(reader);
    key->high_port = migration_reader_get_be16(reader);
    translation.delta = migration_reader_get_be32(reader);
    translation.timestamp_delta = migration_reader_get_be32(reader);
    return translation;
}

/* A count, which must be at most @limit. Returns 0 and fails the reader when it is not. */
static uint32_t get_count(MigrationReader *reader, uint32_t limit, const char *what)
{
    uint32_t count = migration_reader_get_be32(reader);

    if (count > limit) {
        migration_reader_fail(reader, "%u %s, %u is the limit", count, what, limit);
        return 0;
    }
    return count;
}

static void get_netdev(MigrationReader *reader, GHashTable *netdevs)
{
    GArray *translations = g_array_new(FALSE, FALSE, sizeof(TcpTranslation));
    char id[256];

    migration_reader_get_name(reader, id);
    uint32_t count = get_count(reader, TRANSLATIONS_MAX, "translated connections");
    for (uint32_t i = 0; i < count && !migration_reader_failed(reader); i++) {
        TcpTranslation translation = get_translation(reader);
        uint8_t version = translation.key.ip_version;
        if (!migration_reader_failed(reader) && version != 4 && version != 6) {
            migration_reader_fail(reader, "a translated connection of netdev '%s' over IPv%u", id,
                                  version);
        }
        g_array_append_val(translations, translation);
    }
    g_hash_table_replace(netdevs, g_strdup(id), translations);
}

static bool get_translations(MigrationReader *reader, void *element, size_t size,
                             const VMStateField *field, GError **error)
{
    GHashTable *netdevs = *(GHashTable **)element;
    uint32_t count = get_count(reader, NETDEVS_MAX, "netdevs with translated connections");

    g_hash_table_remove_all(netdevs);
    for (uint32_t i = 0; i < count && !migration_reader_failed(reader); i++) {
        get_netdev(reader, netdevs);
    }
    return migration_reader_check(reader, error);
}

const VMStateType vmstate_type_tcp_translations = { "tcp-translations", get_translations,
                                                    put_translations };
