/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames over a character device: cut anywhere, garbage, limits, peers that do not read. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../chardev/char-test.h"
#include "filter-bench.h"
#include "net/frame-channel.h"
#include "util/bytes.h"

/* ---- reading ---- */

typedef struct Sink {
    GString *got; /* "text/gso_type " for frames, "| " for marks */
    FrameReader *reader;
    bool resets; /* the reader, at each frame */
} Sink;

static void on_frame(const NetFrame *frame, void *opaque)
{
    Sink *sink = opaque;
    char text[32] = "";
    size_t size = net_frame_size(frame);

    net_frame_copy(frame, 0, text, MIN(size, sizeof(text) - 1));
    if (size < sizeof(text)) {
        g_string_append_printf(sink->got, "%s/%u ", text, frame->header.gso_type);
    } else {
        g_string_append_printf(sink->got, "%zu ", size);
    }
    if (sink->resets) {
        frame_reader_reset(sink->reader);
    }
}

static void on_mark(void *opaque)
{
    g_string_append(((Sink *)opaque)->got, "| ");
}

static const FrameReaderOps ops = { on_frame, on_mark };

static void sink_init(Sink *sink, bool vnet)
{
    *sink = (Sink){ .got = g_string_new(NULL) };
    sink->reader = frame_reader_new(vnet, &ops, sink);
}

static void sink_clear(Sink *sink)
{
    frame_reader_free(sink->reader);
    g_string_free(sink->got, TRUE);
}

static void sink_assert(Sink *sink, const char *expected)
{
    g_assert_cmpstr(sink->got->str, ==, expected);
    g_string_truncate(sink->got, 0);
}

static void feed(Sink *sink, const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(frame_reader_feed(sink->reader, data, size, &error));
    g_assert_no_error(error);
}

static void append32(GByteArray *bytes, uint32_t value)
{
    uint8_t wire[4];

    store_be32(wire, value);
    g_byte_array_append(bytes, wire, 4);
}

/* A record as the wire has it; @vnet_size < 0: without a vnet header. */
static void append_record(GByteArray *bytes, const char *text, int vnet_size, uint8_t gso_type)
{
    uint8_t header[VNET_HEADER_MERGEABLE_SIZE] = { 0, gso_type };

    append32(bytes, strlen(text) + MAX(vnet_size, 0));
    if (vnet_size >= 0) {
        append32(bytes, vnet_size);
        g_byte_array_append(bytes, header, vnet_size);
    }
    g_byte_array_append(bytes, (const uint8_t *)text, strlen(text));
}

static void check_splits(bool vnet, const GByteArray *bytes, const char *expected)
{
    Sink sink;

    sink_init(&sink, vnet);
    for (guint cut = 0; cut <= bytes->len; cut++) {
        feed(&sink, bytes->data, cut);
        feed(&sink, bytes->data + cut, bytes->len - cut);
        sink_assert(&sink, expected);
    }
    for (guint i = 0; i < bytes->len; i++) {
        feed(&sink, bytes->data + i, 1);
    }
    sink_assert(&sink, expected);
    sink_clear(&sink);
}

static void test_splits(void)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    g_autoptr(GByteArray) vnet = g_byte_array_new();

    append_record(plain, "first", -1, 0);
    append_record(plain, "", -1, 0);
    append_record(plain, "2", -1, 0);
    append_record(plain, "the third", -1, 0);
    check_splits(false, plain, "first/0 | 2/0 the third/0 ");
    append_record(vnet, "first", 10, 1);
    append_record(vnet, "", 0, 0);
    append_record(vnet, "2", 12, 4);
    append_record(vnet, "", 12, 0);
    append_record(vnet, "the third", 0, 0);
    check_splits(true, vnet, "first/1 | 2/4 | the third/0 ");
}

/* ---- broken peers ---- */

static void check_refused(bool vnet, uint32_t length, uint32_t vnet_length, const char *what)
{
    g_autoptr(GByteArray) bad = g_byte_array_new();
    g_autoptr(GByteArray) good = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    Sink sink;

    append32(bad, length);
    append32(bad, vnet_length);
    sink_init(&sink, vnet);
    g_assert_false(frame_reader_feed(sink.reader, bad->data, bad->len, &error));
    g_assert_nonnull(strstr(error->message, what));
    /* In pieces, too. */
    feed(&sink, bad->data, 3);
    g_clear_error(&error);
    g_assert_false(frame_reader_feed(sink.reader, bad->data + 3, bad->len - 3, &error));
    /* Then it is as new. */
    append_record(good, "good", vnet ? 12 : -1, 0);
    feed(&sink, good->data, good->len);
    sink_assert(&sink, "good/0 ");
    sink_clear(&sink);
}

static void test_garbage(void)
{
    check_refused(false, NET_FRAME_MAX + 1, 0, "longer than any");
    check_refused(false, UINT32_MAX, 0, "longer than any");
    check_refused(true, NET_FRAME_MAX + 13, 12, "longer than any");
    check_refused(true, NET_FRAME_MAX + 1, 0, "longer than any");
    check_refused(true, 100, 11, "does not exist");
    check_refused(true, 100, UINT32_MAX, "does not exist");
    check_refused(true, 9, 10, "longer than its frame");
}

static void test_longest(void)
{
    g_autofree uint8_t *data = g_malloc0(4 + NET_FRAME_MAX);
    Sink sink;

    store_be32(data, NET_FRAME_MAX);
    sink_init(&sink, false);
    feed(&sink, data, 4 + NET_FRAME_MAX);
    sink_assert(&sink, "69632 ");
    sink_clear(&sink);
}

/* What a handler drops with the peer is dropped, whether a record came whole or not. */
static void test_reset_within(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Sink sink;

    append_record(bytes, "one", -1, 0);
    append_record(bytes, "two", -1, 0);
    sink_init(&sink, false);
    sink.resets = true;
    feed(&sink, bytes->data, bytes->len);
    sink_assert(&sink, "one/0 ");
    feed(&sink, bytes->data, 5);
    feed(&sink, bytes->data + 5, bytes->len - 5);
    sink_assert(&sink, "one/0 ");
    sink.resets = false;
    feed(&sink, bytes->data, 5);
    frame_reader_reset(sink.reader);
    feed(&sink, bytes->data, bytes->len);
    sink_assert(&sink, "one/0 two/0 ");
    sink_clear(&sink);
}

/* ---- writing ---- */

typedef struct Wire {
    int fd;
    CharFrontend frontend;
    FrameWriter *writer;
} Wire;

static void wire_init(Wire *wire, bool vnet, size_t limit)
{
    g_autoptr(GError) error = NULL;

    wire->fd = filter_bench_chardev("wire");
    g_assert_true(char_frontend_init(&wire->frontend, chardev_find("wire"), &error));
    wire->writer = frame_writer_new(&wire->frontend, vnet, limit);
}

static void wire_clear(Wire *wire)
{
    frame_writer_free(wire->writer);
    char_frontend_deinit(&wire->frontend);
    must_remove("wire");
    close(wire->fd);
    run_for_ms(0);
}

static bool send_size(Wire *wire, size_t size, uint8_t fill)
{
    g_autofree uint8_t *data = g_malloc(size);
    struct iovec iov[2] = { { data, size / 2 }, { data + size / 2, size - size / 2 } };
    NetFrame frame = { .iov = iov, .iov_count = 2 };

    memset(data, fill, size);
    return frame_writer_send(wire->writer, &frame);
}

static void test_write(void)
{
    static const uint8_t plain[] = { 0, 0, 0, 3, 7, 7, 7, 0, 0, 0, 0 };
    static const uint8_t vnet[4 + 4 + 12 + 3 + 8] = {
        [3] = 15, [7] = 12, [20] = 7, [21] = 7, [22] = 7
    };

    for (int i = 0; i < 2; i++) {
        Wire wire;
        wire_init(&wire, i, 1000);
        g_assert_true(send_size(&wire, 3, 7));
        g_assert_true(frame_writer_mark(wire.writer));
        g_assert_cmpuint(frame_writer_waiting(wire.writer), ==, 0);
        size_t size = i ? sizeof(vnet) : sizeof(plain);
        g_autoptr(GByteArray) got = filter_bench_read(wire.fd, size);
        g_assert_cmpmem(got->data, got->len, i ? vnet : plain, size);
        wire_clear(&wire);
    }
}

/* What is held leaves in order when it is let go, at once when it is much, and is never lost. */
static void test_hold(void)
{
    static const uint8_t held[] = { 0, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 2, 9, 9 };
    Wire wire;

    wire_init(&wire, false, 1000);
    frame_writer_hold(wire.writer);
    g_assert_true(send_size(&wire, 1, 8));
    g_assert_true(frame_writer_mark(wire.writer));
    g_assert_true(send_size(&wire, 2, 9));
    g_assert_cmpuint(frame_writer_waiting(wire.writer), ==, sizeof(held));
    frame_writer_release(wire.writer);
    g_assert_cmpuint(frame_writer_waiting(wire.writer), ==, 0);
    g_autoptr(GByteArray) got = filter_bench_read(wire.fd, sizeof(held));
    g_assert_cmpmem(got->data, got->len, held, sizeof(held));

    /* The limit is for a peer that does not read. */
    frame_writer_hold(wire.writer);
    for (int i = 0; i < 3; i++) {
        g_assert_true(send_size(&wire, 900, (uint8_t)i));
    }
    frame_writer_release(wire.writer);
    g_autoptr(GByteArray) more = filter_bench_read(wire.fd, 3 * 904);
    g_assert_cmpuint(more->data[2 * 904 + 4], ==, 2);
    g_assert_cmpuint(frame_writer_dropped(wire.writer), ==, 0);

    frame_writer_hold(wire.writer);
    g_assert_true(send_size(&wire, 40000, 1));
    g_assert_cmpuint(frame_writer_waiting(wire.writer), ==, 40004);
    wire_clear(&wire);

    wire_init(&wire, false, 1000000);
    frame_writer_hold(wire.writer);
    g_assert_true(send_size(&wire, 40000, 1));
    g_assert_true(send_size(&wire, 40000, 2));
    g_assert_cmpuint(frame_writer_waiting(wire.writer), ==, 0);
    frame_writer_release(wire.writer);
    wire_clear(&wire);
}

#define STALL_LIMIT 20000
#define STALL_SIZE  1500

/* Frames of growing fill until one is dropped; returns how many went. */
static unsigned send_until_full(Wire *wire)
{
    unsigned sent = 0;

    while (send_size(wire, STALL_SIZE, (uint8_t)sent)) {
        sent++;
        g_assert_cmpuint(sent, <, 100000);
    }
    return sent;
}

static void assert_frames(const GByteArray *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *record = bytes->data + i * (4 + STALL_SIZE);
        g_assert_cmpuint(load_be32(record), ==, STALL_SIZE);
        g_assert_cmpuint(record[4], ==, (uint8_t)i);
        g_assert_cmpuint(record[3 + STALL_SIZE], ==, (uint8_t)i);
    }
}

static void test_stall(void)
{
    Wire wire;

    wire_init(&wire, false, STALL_LIMIT);
    unsigned sent = send_until_full(&wire);
    g_assert_cmpuint(frame_writer_dropped(wire.writer), ==, 1);
    g_assert_cmpuint(frame_writer_waiting(wire.writer), <=, STALL_LIMIT);
    g_assert_cmpuint(frame_writer_waiting(wire.writer), >, STALL_LIMIT - STALL_SIZE - 4);
    g_assert_false(send_size(&wire, STALL_SIZE, 0));
    /* A mark finds room nevertheless. */
    g_assert_true(frame_writer_mark(wire.writer));
    g_autoptr(GByteArray) got = filter_bench_read(wire.fd, sent * (4 + STALL_SIZE) + 4);
    assert_frames(got, sent);
    g_assert_cmpuint(load_be32(got->data + got->len - 4), ==, 0);
    run_until(frame_writer_waiting(wire.writer) == 0);
    g_assert_true(send_size(&wire, STALL_SIZE, 0));
    g_assert_cmpuint(frame_writer_dropped(wire.writer), ==, 2);
    wire_clear(&wire);
}

static void test_marks_are_bounded(void)
{
    Wire wire;
    unsigned marks = 0;

    wire_init(&wire, false, STALL_LIMIT);
    send_until_full(&wire);
    while (frame_writer_mark(wire.writer)) {
        marks++;
        g_assert_cmpuint(marks, <, 100000);
    }
    g_assert_cmpuint(marks, >, 100);
    wire_clear(&wire);
}

static void test_forget(void)
{
    Wire wire;

    wire_init(&wire, false, STALL_LIMIT);
    send_until_full(&wire);
    frame_writer_reset(wire.writer);
    g_assert_cmpuint(frame_writer_waiting(wire.writer), ==, 0);
    send_until_full(&wire);
    /* A writer may go while it waits. */
    wire_clear(&wire);
}

static void test_peer_goes(void)
{
    Wire wire;

    wire_init(&wire, false, STALL_LIMIT);
    send_until_full(&wire);
    shutdown(wire.fd, SHUT_RDWR);
    run_until(frame_writer_waiting(wire.writer) == 0);
    g_assert_true(send_size(&wire, STALL_SIZE, 0));
    wire_clear(&wire);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/frame-channel/splits", test_splits);
    g_test_add_func("/net/frame-channel/garbage", test_garbage);
    g_test_add_func("/net/frame-channel/longest", test_longest);
    g_test_add_func("/net/frame-channel/reset-within", test_reset_within);
    g_test_add_func("/net/frame-channel/write", test_write);
    g_test_add_func("/net/frame-channel/hold", test_hold);
    g_test_add_func("/net/frame-channel/stall", test_stall);
    g_test_add_func("/net/frame-channel/marks-are-bounded", test_marks_are_bounded);
    g_test_add_func("/net/frame-channel/forget", test_forget);
    g_test_add_func("/net/frame-channel/peer-goes", test_peer_goes);
    return g_test_run();
}
