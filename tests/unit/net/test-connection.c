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

static void test_oldest_out(void)
{
    g_autoptr(GArray) removed = g_array_new(false, false, sizeof(unsigned));
    g_autoptr(ConnectionTable) table =
        connection_table_new(sizeof(TestEntry), 3, count_removed, removed);

    get(table, 1);
    get(table, 2);
    get(table, 3);
    g_assert_true(has(table, 1)); /* used again: 2 is the oldest now */
    get(table, 4);
    g_assert_cmpuint(removed->len, ==, 1);
    g_assert_cmpuint(g_array_index(removed, unsigned, 0), ==, 2);
    g_assert_false(has(table, 2));
    g_assert_cmpuint(((TestEntry *)connection_table_oldest(table))->number, ==, 3);
    g_assert_cmpuint(connection_table_evictions(table), ==, 1);

    connection_table_clear(table);
    g_assert_cmpuint(removed->len, ==, 4);
    g_assert_cmpuint(connection_table_size(table), ==, 0);
    g_assert_null(connection_table_oldest(table));
}

/* Random use against a plain model: position in `order` is the age. */
static void test_against_model(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GQueue) order = g_queue_new();
    g_autoptr(ConnectionTable) table = connection_table_new(sizeof(TestEntry), 100, NULL, NULL);

    for (unsigned round = 0; round < 30000; round++) {
        unsigned number = g_rand_int_range(rand, 1, 300);
        void *item = GUINT_TO_POINTER(number);
        bool known = g_queue_remove(order, item);
        g_assert_cmpint(has(table, number), ==, known);
        if (known && g_rand_int_range(rand, 0, 4) == 0) {
            connection_table_remove(table, &get(table, number)->entry);
            continue;
        }
        get(table, number);
        g_queue_push_tail(order, item);
        if (g_queue_get_length(order) > 100) {
            g_queue_pop_head(order);
        }
        g_assert_cmpuint(connection_table_size(table), ==, g_queue_get_length(order));
        g_assert_cmpuint(((TestEntry *)connection_table_oldest(table))->number, ==,
                         GPOINTER_TO_UINT(g_queue_peek_head(order)));
    }
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
    g_test_add_func("/net/connection/oldest-out", test_oldest_out);
    g_test_add_func("/net/connection/model", test_against_model);
    g_test_add_func("/net/connection/many", test_many);
    return g_test_run();
}
