/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Connection keys and the bounded table. */
#include "frame.h"
#include "net/connection.h"
#include "util/bytes.h"

typedef struct TestEntry {
    ConnectionEntry entry;
    unsigned number;
} TestEntry;

static ConnectionKey key_of(const FrameSpec *spec)
{
    g_autoptr(GByteArray) frame = frame_new(spec);
    Packet packet = frame_parse(frame);
    return connection_key(&packet);
}

static ConnectionKey numbered_key(unsigned number)
{
    ConnectionKey key = { .ethertype = ETHERTYPE_IPV4_VALUE, .protocol = 6, .ip_version = 4 };

    store_be32(key.low_address, number >> 8);
    key.low_port = number;
    return key;
}

static void test_directions(void)
{
    for (int same_address = 0; same_address < 2; same_address++) {
        FrameSpec spec = { .protocol = PROTOCOL_UDP,
                           .source = 1,
                           .destination = same_address ? 1 : 2,
                           .source_port = 9,
                           .destination_port = 4 };
        FrameSpec back = spec;
        back.source = spec.destination;
        back.destination = spec.source;
        back.source_port = spec.destination_port;
        back.destination_port = spec.source_port;
        ConnectionKey a = key_of(&spec);
        ConnectionKey b = key_of(&back);
        g_assert_cmpmem(&a, sizeof(a), &b, sizeof(b));

        g_autoptr(GByteArray) forth_frame = frame_new(&spec);
        g_autoptr(GByteArray) back_frame = frame_new(&back);
        Packet p = frame_parse(forth_frame);
        Packet q = frame_parse(back_frame);
        g_assert_true(connection_from_low(&a, &p) != connection_from_low(&a, &q));
    }
}

static void test_differences(void)
{
    const FrameSpec spec = { .protocol = PROTOCOL_UDP,
                             .source = 1,
                             .destination = 2,
                             .source_port = 9,
                             .destination_port = 4 };
    FrameSpec other[5] = { spec, spec, spec, spec, spec };
    ConnectionKey key = key_of(&spec);

    other[0].vlan = 7;
    other[1].protocol = PROTOCOL_TCP;
    other[2].source_port = 10;
    other[3].destination = 3;
    other[4].ipv6 = true;
    for (unsigned i = 0; i < 5; i++) {
        ConnectionKey different = key_of(&other[i]);
        g_assert_cmpint(memcmp(&key, &different, sizeof(key)), !=, 0);
    }
}

static void count_removed(ConnectionEntry *entry, void *opaque)
{
    g_array_append_val((GArray *)opaque, ((TestEntry *)entry)->number);
}

static TestEntry *get(ConnectionTable *table, unsigned number)
{
    ConnectionKey key = numbered_key(number);
    TestEntry *entry = (TestEntry *)connection_table_get(table, &key);
    entry->number = number;
    return entry;
}

static bool has(ConnectionTable *table, unsigned number)
{
    ConnectionKey key = numbered_key(number);
    TestEntry *entry = (TestEntry *)connection_table_find(table, &key);
    return entry && entry->number == number;
}

static void test_unused_out(void)
{
    g_autoptr(GArray) removed = g_array_new(false, false, sizeof(unsigned));
    g_autoptr(ConnectionTable) table =
        connection_table_new(sizeof(TestEntry), 3, count_removed, removed);

    get(table, 1);
    get(table, 2);
    get(table, 3);
    g_assert_true(has(table, 1)); /* used again: 2 is the first that was not */
    get(table, 4);
    g_assert_cmpuint(removed->len, ==, 1);
    g_assert_cmpuint(g_array_index(removed, unsigned, 0), ==, 2);
    g_assert_false(has(table, 2));
    g_assert_cmpuint(connection_table_evictions(table), ==, 1);
    for (unsigned i = 5; i < 50; i++) { /* whoever is used now and then stays */
        get(table, i);
        g_assert_true(has(table, 1));
    }

    connection_table_clear(table);
    g_assert_cmpuint(removed->len, ==, 49);
    g_assert_cmpuint(connection_table_size(table), ==, 0);
    g_assert_false(has(table, 1));
    get(table, 1);
    g_assert_true(has(table, 1));
}

/* Random use against a plain model; entries stay where they are. */
static void test_against_model(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GHashTable) model = g_hash_table_new(NULL, NULL);
    g_autoptr(ConnectionTable) table = connection_table_new(sizeof(TestEntry), 5000, NULL, NULL);

    for (unsigned round = 0; round < 100000; round++) {
        unsigned number = g_rand_int_range(rand, 1, 4000);
        void *item = GUINT_TO_POINTER(number);
        TestEntry *known = g_hash_table_lookup(model, item);
        g_assert_cmpint(has(table, number), ==, known != NULL);
        if (known && g_rand_int_range(rand, 0, 3) == 0) {
            connection_table_remove(table, &known->entry);
            g_hash_table_remove(model, item);
        } else {
            TestEntry *entry = get(table, number);
            g_assert_true(!known || entry == known);
            g_hash_table_insert(model, item, entry);
        }
        if (round % 64 == 0) {
            ConnectionLookup lookups[2] = { { .key = numbered_key(number) },
                                            { .key = numbered_key(9999) } };
            connection_table_prepare(table, (ConnectionLookup *[]){ &lookups[0], &lookups[1] }, 2);
            if (g_hash_table_lookup(model, item)) {
                g_assert_true((void *)connection_table_get_prepared(table, &lookups[0]) ==
                              g_hash_table_lookup(model, item));
            }
        }
        g_assert_cmpuint(connection_table_size(table), ==, g_hash_table_size(model));
    }
    g_assert_cmpuint(connection_table_evictions(table), ==, 0);
}

static void test_many(void)
{
    g_autoptr(ConnectionTable) table = connection_table_new(sizeof(TestEntry), 100000, NULL, NULL);

    for (unsigned i = 0; i < 150000; i++) {
        get(table, i);
    }
    g_assert_cmpuint(connection_table_size(table), ==, 100000);
    g_assert_cmpuint(connection_table_evictions(table), ==, 50000);
    for (unsigned i = 0; i < 150000; i++) {
        g_assert_cmpint(has(table, i), ==, i >= 50000);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/connection/directions", test_directions);
    g_test_add_func("/net/connection/differences", test_differences);
    g_test_add_func("/net/connection/unused-out", test_unused_out);
    g_test_add_func("/net/connection/model", test_against_model);
    g_test_add_func("/net/connection/many", test_many);
    return g_test_run();
}
