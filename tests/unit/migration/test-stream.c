/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The migration stream's writer and reader over a socket pair and over memory. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "migration/stream.h"

#define PAGE 4096u

typedef struct Pair {
    Channel *ends[2];
} Pair;

static void pair_open(Pair *pair)
{
    int fds[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    pair->ends[0] = channel_new_fd(fds[0], "left");
    pair->ends[1] = channel_new_fd(fds[1], "right");
}

static void pair_close(Pair *pair)
{
    channel_unref(pair->ends[0]);
    channel_unref(pair->ends[1]);
}

/* ---- pages and headers as RAM sends them ---- */

#define PAGES 3000u /* more than one I/O vector holds, and more than one flush */

static uint8_t *pages_new(void)
{
    uint8_t *pages = g_malloc(PAGES * PAGE);
    for (size_t i = 0; i < PAGES * PAGE; i++) {
        pages[i] = i * 7 >> 5;
    }
    return pages;
}

/* The reader may go away early: whether all went out is what it gets that tells. */
static gpointer send_pages(gpointer opaque)
{
    Pair *pair = opaque;
    g_autofree uint8_t *pages = pages_new();
    g_autoptr(MigrationWriter) writer = migration_writer_new(pair->ends[0]);
    for (unsigned i = 0; i < PAGES; i++) {
        migration_writer_put_be64(writer, (uint64_t)i << 12);
        migration_writer_put_borrowed(writer, pages + i * PAGE, PAGE);
    }
    migration_writer_put_name(writer, "end");
    return GINT_TO_POINTER(migration_writer_flush(writer, NULL));
}

static void test_pages_over_socket(void)
{
    Pair pair;
    pair_open(&pair);
    GThread *thread = g_thread_new("send", send_pages, &pair);
    g_autofree uint8_t *expected = pages_new();
    g_autofree uint8_t *got = g_malloc0(PAGES * PAGE);
    g_autoptr(MigrationReader) reader = migration_reader_new(pair.ends[1]);
    for (unsigned i = 0; i < PAGES; i++) {
        g_assert_cmphex(migration_reader_get_be64(reader), ==, (uint64_t)i << 12);
        g_assert_true(migration_reader_get_bytes(reader, got + i * PAGE, PAGE));
    }
    g_assert_cmpmem(got, PAGES * PAGE, expected, PAGES * PAGE);
    char name[256];
    g_assert_true(migration_reader_get_name(reader, name));
    g_assert_cmpstr(name, ==, "end");
    g_assert_cmpuint(migration_reader_position(reader), ==, PAGES * (PAGE + 8) + 4);
    g_assert_true(GPOINTER_TO_INT(g_thread_join(thread)));
    pair_close(&pair);
}

/* One read that is far larger than the buffer. */
static void test_large_read(void)
{
    Pair pair;
    pair_open(&pair);
    GThread *thread = g_thread_new("send", send_pages, &pair);
    g_autofree uint8_t *got = g_malloc(PAGES * (PAGE + 8));
    g_autoptr(MigrationReader) reader = migration_reader_new(pair.ends[1]);
    g_assert_true(migration_reader_get_bytes(reader, got, PAGES * (PAGE + 8)));
    g_autofree uint8_t *expected = pages_new();
    for (unsigned i = 0; i < PAGES; i++) {
        g_assert_cmpmem(got + i * (PAGE + 8) + 8, PAGE, expected + i * PAGE, PAGE);
    }
    g_assert_cmpuint(migration_reader_get_u8(reader), ==, 3);
    g_thread_join(thread);
    pair_close(&pair);
}

/* ---- writers ---- */

static void test_values(void)
{
    static const uint8_t expected[] = "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd"
                                      "\2hixyz";
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    migration_writer_put_u8(writer, 0x01);
    migration_writer_put_be16(writer, 0x2345);
    migration_writer_put_be32(writer, 0x6789abcd);
    migration_writer_put_be64(writer, 0xef0123456789abcd);
    migration_writer_put_name(writer, "hi");
    migration_writer_put_borrowed(writer, "xyz", 3);
    size_t size;
    const void *data = migration_writer_data(writer, &size);
    g_assert_cmpmem(data, size, expected, sizeof(expected) - 1);
    migration_writer_reset(writer);
    migration_writer_data(writer, &size);
    g_assert_cmpuint(size, ==, 0);
}

static void test_buffer_limit(void)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(10);
    g_autoptr(GError) error = NULL;
    migration_writer_put_be64(writer, 1);
    g_assert_false(migration_writer_failed(writer));
    migration_writer_put_be32(writer, 1);
    g_assert_true(migration_writer_failed(writer));
    migration_writer_put_u8(writer, 1);
    size_t size;
    migration_writer_data(writer, &size);
    g_assert_cmpuint(size, ==, 8);
    g_assert_false(migration_writer_flush(writer, &error));
    g_assert_nonnull(strstr(error->message, "at most 10"));
    migration_writer_reset(writer);
    g_assert_false(migration_writer_failed(writer));
}

static void test_broken_channel(void)
{
    Pair pair;
    pair_open(&pair);
    g_autoptr(MigrationWriter) writer = migration_writer_new(pair.ends[0]);
    g_autoptr(MigrationReader) reader = migration_reader_new(pair.ends[0]);
    g_autoptr(GError) error = NULL;
    migration_writer_put_u8(writer, 1);
    channel_shutdown(pair.ends[0]);
    g_assert_false(migration_writer_flush(writer, NULL));
    g_assert_false(migration_writer_flush(writer, &error));
    g_assert_nonnull(error);
    g_assert_cmpuint(migration_reader_get_u8(reader), ==, 0);
    g_assert_true(migration_reader_failed(reader));
    g_assert_cmpint(migration_reader_wait(reader, 1000), ==, -1);
    pair_close(&pair);
}

static void test_rate(void)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    static const uint8_t bytes[25000];
    g_assert_false(migration_writer_over_rate(writer));
    migration_writer_set_rate_limit(writer, 100000);
    migration_writer_put_bytes(writer, bytes, 9999);
    g_assert_false(migration_writer_over_rate(writer));
    g_assert_cmpuint(migration_writer_rate_delay_ms(writer), ==, 0);
    migration_writer_put_bytes(writer, bytes, 15001);
    g_assert_true(migration_writer_over_rate(writer));
    /* 25,000 bytes are two and a half windows: the third is half free. */
    gint64 begin = g_get_monotonic_time();
    unsigned delay, sleeps = 0;
    while ((delay = migration_writer_rate_delay_ms(writer)) > 0 ||
           migration_writer_over_rate(writer)) {
        g_usleep(delay * 1000);
        sleeps += delay > 0;
    }
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 150000);
    g_assert_cmpuint(sleeps, <=, 4);
    migration_writer_put_bytes(writer, bytes, 4999);
    g_assert_false(migration_writer_over_rate(writer));
    migration_writer_put_bytes(writer, bytes, 1);
    g_assert_true(migration_writer_over_rate(writer));
}

/* ---- readers ---- */

static void test_peek_and_skip(void)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory("abcdefgh", 8);
    char ahead[16];
    g_assert_cmpuint(migration_reader_peek(reader, ahead, 3), ==, 3);
    g_assert_cmpmem(ahead, 3, "abc", 3);
    g_assert_true(migration_reader_skip(reader, 5));
    g_assert_cmpuint(migration_reader_peek(reader, ahead, 16), ==, 3);
    g_assert_false(migration_reader_failed(reader));
    g_assert_cmpuint(migration_reader_position(reader), ==, 5);
    g_assert_cmpint(migration_reader_wait(reader, 0), ==, 1);
    g_assert_false(migration_reader_skip(reader, 4));
    g_assert_true(migration_reader_failed(reader));
}

static void assert_error(MigrationReader *reader, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(migration_reader_check(reader, &error));
    g_assert_cmpstr(error->message, ==, text);
}

static void test_errors_name_the_offset(void)
{
    char name[256];
    g_autoptr(MigrationReader) reader = migration_reader_new_memory("abcdef", 6);
    migration_reader_get_be32(reader);
    g_assert_cmphex(migration_reader_get_be64(reader), ==, 0);
    /* The first error stays. */
    migration_reader_fail(reader, "another");
    assert_error(reader, "migration stream at offset 4: the stream ends where 6 bytes more were "
                         "expected");

    g_autoptr(MigrationReader) empty_name = migration_reader_new_memory("\0", 1);
    g_assert_false(migration_reader_get_name(empty_name, name));
    assert_error(empty_name, "migration stream at offset 1: a name of length 0");

    g_autoptr(MigrationReader) bad_name = migration_reader_new_memory("\3a\nb", 4);
    g_assert_false(migration_reader_get_name(bad_name, name));
    g_assert_cmpstr(name, ==, "");
    assert_error(bad_name, "migration stream at offset 4: a name with the byte 0x0a in it");

    g_autoptr(MigrationReader) moved = migration_reader_new_memory("", 0);
    migration_reader_set_position(moved, 1000);
    migration_reader_get_u8(moved);
    assert_error(moved, "migration stream at offset 1000: the stream ends where 1 bytes more were "
                        "expected");
}

static void test_read_to_end(void)
{
    Pair pair;
    pair_open(&pair);
    GThread *thread = g_thread_new("send", send_pages, &pair);
    g_autoptr(MigrationReader) reader = migration_reader_new(pair.ends[1]);
    migration_reader_get_be64(reader);
    g_assert_false(migration_reader_read_to_end(reader, 1024 * 1024));
    assert_error(reader, "migration stream at offset 8: more than 1048576 bytes to the end of the "
                         "stream");
    channel_shutdown(pair.ends[1]);
    g_assert_false(GPOINTER_TO_INT(g_thread_join(thread)));
    pair_close(&pair);
}

static void test_read_small_to_end(void)
{
    Pair pair;
    pair_open(&pair);
    g_autoptr(MigrationWriter) writer = migration_writer_new(pair.ends[0]);
    static const uint8_t bytes[100000] = { [99999] = 0x77 };
    migration_writer_put_bytes(writer, bytes, sizeof(bytes));
    g_assert_true(migration_writer_flush(writer, NULL));
    g_autoptr(MigrationReader) reader = migration_reader_new(pair.ends[1]);
    g_assert_cmpint(migration_reader_wait(reader, 1000), ==, 1);
    migration_writer_free(g_steal_pointer(&writer));
    g_clear_pointer(&pair.ends[0], channel_unref);
    g_assert_true(migration_reader_read_to_end(reader, 200000));
    g_assert_true(migration_reader_skip(reader, 99999));
    g_assert_cmphex(migration_reader_get_u8(reader), ==, 0x77);
    g_assert_cmpuint(migration_reader_peek(reader, (char[1]){ 0 }, 1), ==, 0);
    pair_close(&pair);
}

static void test_wait_times_out(void)
{
    Pair pair;
    pair_open(&pair);
    g_autoptr(MigrationReader) reader = migration_reader_new(pair.ends[1]);
    g_assert_cmpint(migration_reader_wait(reader, 10), ==, 0);
    pair_close(&pair);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream/pages", test_pages_over_socket);
    g_test_add_func("/stream/large-read", test_large_read);
    g_test_add_func("/stream/values", test_values);
    g_test_add_func("/stream/buffer-limit", test_buffer_limit);
    g_test_add_func("/stream/broken-channel", test_broken_channel);
    g_test_add_func("/stream/rate", test_rate);
    g_test_add_func("/stream/peek-skip", test_peek_and_skip);
    g_test_add_func("/stream/errors", test_errors_name_the_offset);
    g_test_add_func("/stream/read-to-end-limit", test_read_to_end);
    g_test_add_func("/stream/read-to-end", test_read_small_to_end);
    g_test_add_func("/stream/wait", test_wait_times_out);
    return g_test_run();
}
