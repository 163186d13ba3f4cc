/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* COLO's control messages: what is accepted, and what each refusal says. */
#include <string.h>

#include "migration/colo-message.h"
#include "util/bytes.h"

#define MESSAGE_BYTES 20

/* The bytes of one message as the facts describe them. */
static void encode(uint8_t bytes[MESSAGE_BYTES], uint32_t id, uint64_t sequence, uint64_t value)
{
    store_be32(bytes, id);
    store_be64(bytes + 4, sequence);
    store_be64(bytes + 12, value);
}

static bool receive(uint32_t id, uint64_t sequence, uint64_t value, ColoMessage *message,
                    GError **error)
{
    uint8_t bytes[MESSAGE_BYTES];

    encode(bytes, id, sequence, value);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes, sizeof(bytes));
    return colo_message_receive(reader, message, error);
}

static void test_wire_format(void)
{
    static const uint8_t expected[MESSAGE_BYTES] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 0,
                                                     1, 2, 0, 0, 0, 0, 0, 0, 3, 4 };
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    size_t size;

    colo_message_put(writer, COLO_MESSAGE_VMSTATE_SIZE, 0x102, 0x304);
    const void *data = migration_writer_data(writer, &size);
    g_assert_cmpmem(data, size, expected, sizeof(expected));
}

static void test_round_trip(void)
{
    for (uint32_t id = 0; id < COLO_MESSAGE_COUNT; id++) {
        ColoMessage message;
        g_autoptr(GError) error = NULL;
        g_assert_true(receive(id, UINT64_MAX - id, 0, &message, &error));
        g_assert_no_error(error);
        g_assert_cmpint(message.id, ==, id);
        g_assert_cmpuint(message.sequence, ==, UINT64_MAX - id);
    }
}

static void assert_says(GError *error, const char *text)
{
    g_assert_nonnull(error);
    if (!strstr(error->message, text)) {
        g_test_message("\"%s\" does not say \"%s\"", error->message, text);
        g_test_fail();
    }
}

static void test_unknown_id(void)
{
    ColoMessage message;
    g_autoptr(GError) error = NULL;

    g_assert_false(receive(COLO_MESSAGE_COUNT, 1, 0, &message, &error));
    assert_says(error, "unknown id 8");
}

static void test_value_range(void)
{
    static const struct {
        ColoMessageId id;
        uint64_t value;
    } bad[] = {
        { COLO_MESSAGE_CHECKPOINT_READY, 1 },
        { COLO_MESSAGE_CHECKPOINT_REQUEST, 1000 },
        { COLO_MESSAGE_CHECKPOINT_REPLY, 1 },
        { COLO_MESSAGE_VMSTATE_SEND, COLO_SECONDARY_MODE_COUNT },
        { COLO_MESSAGE_VMSTATE_SIZE, UINT64_MAX },
        { COLO_MESSAGE_VMSTATE_RECEIVED, 1 },
        { COLO_MESSAGE_VMSTATE_LOADED, UINT64_MAX },
        { COLO_MESSAGE_GUEST_SHUTDOWN, 1000 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        ColoMessage message;
        g_autoptr(GError) error = NULL;
        g_assert_false(receive(bad[i].id, 1, bad[i].value, &message, &error));
        assert_says(error, colo_message_name(bad[i].id));
        assert_says(error, "expected at most");
    }
}

static void test_truncated(void)
{
    uint8_t bytes[MESSAGE_BYTES];

    encode(bytes, COLO_MESSAGE_CHECKPOINT_REPLY, 7, 0);
    for (size_t size = 0; size < sizeof(bytes); size++) {
        g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes, size);
        g_autoptr(GError) error = NULL;
        g_assert_false(colo_message_expect(reader, COLO_MESSAGE_CHECKPOINT_REPLY, 7, NULL, &error));
        assert_says(error, "checkpoint-reply");
    }
}

static void test_wrong_order(void)
{
    uint8_t bytes[MESSAGE_BYTES];
    g_autoptr(GError) error = NULL;

    encode(bytes, COLO_MESSAGE_VMSTATE_LOADED, 7, 0);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes, sizeof(bytes));
    g_assert_false(colo_message_expect(reader, COLO_MESSAGE_VMSTATE_RECEIVED, 7, NULL, &error));
    assert_says(error, "'vmstate-loaded' of checkpoint 7");
    assert_says(error, "'vmstate-received' of checkpoint 7 was expected");
}

static void test_wrong_sequence(void)
{
    uint8_t bytes[MESSAGE_BYTES];
    g_autoptr(GError) error = NULL;

    encode(bytes, COLO_MESSAGE_VMSTATE_RECEIVED, 6, 0);
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes, sizeof(bytes));
    g_assert_false(colo_message_expect(reader, COLO_MESSAGE_VMSTATE_RECEIVED, 7, NULL, &error));
    assert_says(error, "checkpoint 6");
    assert_says(error, "checkpoint 7 was expected");
}

/* Random bytes are refused or are a message in range; nothing else happens. */
static void test_garbage(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(0xc010);

    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[MESSAGE_BYTES];
        ColoMessage message;
        g_autoptr(GError) error = NULL;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)g_rand_int_range(random, 0, 4);
        }
        g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes, sizeof(bytes));
        if (colo_message_receive(reader, &message, &error)) {
            g_assert_cmpint(message.id, <, COLO_MESSAGE_COUNT);
            g_assert_no_error(error);
        } else {
            g_assert_nonnull(error);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/colo-message/wire-format", test_wire_format);
    g_test_add_func("/colo-message/round-trip", test_round_trip);
    g_test_add_func("/colo-message/unknown-id", test_unknown_id);
    g_test_add_func("/colo-message/value-range", test_value_range);
    g_test_add_func("/colo-message/truncated", test_truncated);
    g_test_add_func("/colo-message/wrong-order", test_wrong_order);
    g_test_add_func("/colo-message/wrong-sequence", test_wrong_sequence);
    g_test_add_func("/colo-message/garbage", test_garbage);
    return g_test_run();
}
