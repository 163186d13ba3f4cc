/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Mirror and redirector: what goes out, what comes in, broken peers, COLO's beginning and end. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../chardev/char-test.h"
#include "filter-bench.h"
#include "frame.h"
#include "migration/checkpoint-internal.h"
#include "util/bytes.h"

static FilterBench bench;
static int in_fd, out_fd; /* the other ends of chardevs "in" and "out" */

static void set_up(void)
{
    filter_bench_init(&bench);
    in_fd = filter_bench_chardev("in");
    out_fd = filter_bench_chardev("out");
}

static void tear_down(void)
{
    filter_bench_clear(&bench);
    must_remove("in");
    must_remove("out");
    close(in_fd);
    close(out_fd);
    run_for_ms(0);
}

static void send_both(const char *in, const char *out)
{
    fake_client_send(bench.backend, in);
    fake_client_send(bench.nic, out);
}

static void assert_got(const char *in, const char *out)
{
    filter_bench_assert_got(bench.nic, in);
    filter_bench_assert_got(bench.backend, out);
}

/* ---- the other ends ---- */

static void put_record(const char *text)
{
    uint8_t length[4];

    store_be32(length, strlen(text));
    g_assert_cmpint(write(in_fd, length, 4), ==, 4);
    g_assert_cmpint(write(in_fd, text, strlen(text)), ==, strlen(text));
}

/* What came out, as texts with a space behind each, "|" for a mark; nothing else came. */
static void assert_out(const char *expected)
{
    g_autoptr(GString) got = g_string_new(NULL);
    uint8_t byte;

    while (got->len < strlen(expected)) {
        g_autoptr(GByteArray) length = filter_bench_read(out_fd, 4);
        uint32_t size = load_be32(length->data);
        g_autoptr(GByteArray) data = filter_bench_read(out_fd, size);
        g_string_append_len(got, size ? (char *)data->data : "|", size ? size : 1);
        g_string_append_c(got, ' ');
    }
    g_assert_cmpstr(got->str, ==, expected);
    g_assert_cmpint(recv(out_fd, &byte, 1, MSG_DONTWAIT), <, 0);
}

static bool is_disconnected(const char *id)
{
    g_autofree char *filename = chardev_filename(chardev_find(id));

    return g_str_has_prefix(filename, "disconnected");
}

/* Until the filters have heard that the peer of "in" or "out" has gone. */
static void hang_up(int fd, const char *id)
{
    shutdown(fd, SHUT_RDWR);
    run_until(is_disconnected(id));
}

/* ---- mirror ---- */

static void test_mirror(void)
{
    set_up();
    filter_bench_add("filter-mirror,id=m,outdev=out,queue=tx");
    send_both("a", "A");
    send_both("b", "B");
    assert_got("a b", "A B");
    assert_out("a b ");
    filter_bench_set_status("m", false);
    send_both("c", "C");
    filter_bench_set_status("m", true);
    send_both("d", "D");
    assert_got("c d", "C D");
    assert_out("d ");
    hang_up(out_fd, "out");
    send_both("e", "E");
    assert_got("e", "E");
    filter_bench_delete("m");
    send_both("f", "F");
    assert_got("f", "F");
    tear_down();
}

/* The peer gets segments, or one frame with its header; the receiver gets what was sent. */
static void test_mirror_offloads(void)
{
    uint8_t payload[3000] = { 0 };
    FrameSpec spec = { .protocol = PROTOCOL_TCP,
                       .flags = TCP_ACK,
                       .payload = payload,
                       .payload_size = sizeof(payload) };
    g_autoptr(GByteArray) large = frame_new(&spec);
    struct iovec iov = { large->data, large->len };
    NetFrame frame = { .header = { .flags = VNET_FLAG_NEEDS_CHECKSUM,
                                   .gso_type = VNET_GSO_TCPV4,
                                   .gso_size = 1000,
                                   .header_length = 54,
                                   .checksum_start = 34,
                                   .checksum_offset = 16 },
                       .iov = &iov,
                       .iov_count = 1 };

    set_up();
    filter_bench_add("filter-mirror,id=m,outdev=out");
    net_send(bench.backend->client, &frame, NULL);
    for (int i = 0; i < 3; i++) {
        g_autoptr(GByteArray) record = filter_bench_read(out_fd, 4 + 54 + 1000);
        g_assert_cmpuint(load_be32(record->data), ==, 54 + 1000);
    }
    filter_bench_delete("m");
    filter_bench_add("filter-mirror,id=m,outdev=out,vnet_hdr_support=on");
    net_send(bench.backend->client, &frame, NULL);
    g_autoptr(GByteArray) record = filter_bench_read(out_fd, 8 + 12 + large->len);
    g_assert_cmpuint(load_be32(record->data), ==, 12 + large->len);
    g_assert_cmpuint(load_be32(record->data + 4), ==, 12);
    g_assert_cmpuint(record->data[8 + 1], ==, VNET_GSO_TCPV4);
    g_assert_cmpmem(record->data + 20, large->len, large->data, large->len);
    g_assert_cmpuint(bench.nic->frames->len, ==, 2);
    g_assert_cmpuint(g_array_index(bench.nic->headers, VnetHeader, 0).gso_size, ==, 1000);
    tear_down();
}

/* ---- redirector ---- */

static void test_out(void)
{
    set_up();
    filter_bench_add("filter-redirector,id=r,outdev=out,queue=rx");
    send_both("a", "A");
    send_both("b", "B");
    assert_got("a b", "");
    assert_out("A B ");
    filter_bench_set_status("r", false);
    send_both("c", "C");
    assert_got("c", "C");
    tear_down();
}

static void wait_got(guint in, guint out)
{
    run_until(bench.nic->frames->len >= in && bench.backend->frames->len >= out);
}

static void test_in(void)
{
    set_up();
    /* Frames begin behind the redirector: only the buffers beyond it see them. */
    filter_bench_add("filter-buffer,id=h,interval=0,queue=tx");
    filter_bench_add("filter-redirector,id=r,indev=in,queue=tx");
    put_record("a");
    wait_got(1, 0);
    assert_got("a", "");
    filter_bench_delete("r");
    filter_bench_add("filter-redirector,id=r,indev=in,queue=rx");
    put_record("B");
    wait_got(0, 1);
    assert_got("", "B");
    filter_bench_delete("r");
    filter_bench_add("filter-redirector,id=r,indev=in");
    put_record("c");
    wait_got(1, 1);
    assert_got("c", "c");
    /* While it is off its peer waits. */
    filter_bench_set_status("r", false);
    put_record("d");
    run_for_ms(20);
    assert_got("", "");
    filter_bench_set_status("r", true);
    wait_got(1, 1);
    assert_got("d", "d");
    tear_down();
}

static void test_garbage(void)
{
    static const uint8_t garbage[] = "GET / HTTP/1.0\r\n\r\n";

    set_up();
    filter_bench_add("filter-redirector,id=r,indev=in,queue=tx");
    put_record("a");
    g_assert_cmpint(write(in_fd, garbage, sizeof(garbage)), ==, sizeof(garbage));
    run_until(is_disconnected("in"));
    send_both("b", "B");
    assert_got("a b", "B");
    tear_down();
}

static NetFilter *suicide;

static void delete_redirector(FakeClient *client)
{
    if (suicide) {
        suicide = NULL;
        filter_bench_delete("r");
    }
}

/* The first frame that it brings ends it, with others behind in the same read. */
static void test_deleted_while_it_reads(void)
{
    set_up();
    suicide = filter_bench_add("filter-redirector,id=r,indev=in,queue=tx");
    bench.nic->on_receive = delete_redirector;
    put_record("a");
    put_record("b");
    wait_got(1, 0);
    run_for_ms(20);
    assert_got("a", "");
    tear_down();
}

/* More than any socket takes: the guest goes on, whole frames arrive in order. */
static void test_stalled_peer(void)
{
    enum { FRAMES = 10000, SIZE = 1400 };
    uint8_t data[SIZE] = { 0 };
    uint32_t last = 0;
    unsigned received = 0;

    set_up();
    filter_bench_add("filter-redirector,id=r,outdev=out,queue=rx");
    for (unsigned i = 1; i <= FRAMES; i++) {
        store_be32(data, i);
        net_send_buffer(bench.nic->client, data, SIZE, NULL);
    }
    filter_bench_delete("r"); /* what waits is lost, so what is there is all there is */
    int pending = 1;
    uint8_t record[4 + SIZE];
    while (pending > 0) {
        pending = (int)recv(out_fd, record, sizeof(record), MSG_DONTWAIT | MSG_PEEK);
        if (pending < (int)sizeof(record)) {
            break; /* the last one was cut */
        }
        g_assert_cmpint(recv(out_fd, record, sizeof(record), MSG_DONTWAIT), ==, sizeof(record));
        g_assert_cmpuint(load_be32(record), ==, SIZE);
        g_assert_cmpuint(load_be32(record + 4), ==, ++last);
        received++;
    }
    g_assert_cmpuint(received, >, 0);
    g_assert_cmpuint(received, <, FRAMES);
    send_both("b", "B");
    assert_got("b", "B");
    tear_down();
}

static void test_errors(void)
{
    static const struct {
        const char *options, *error;
    } cases[] = {
        { "filter-redirector,id=r",
          "filter redirector needs 'indev' or 'outdev' at least one property set" },
        { "filter-redirector,id=r,indev=in,outdev=in",
          "'indev' and 'outdev' could not be same for filter redirector" },
        { "filter-redirector,id=r,indev=no", "IN Device 'no' not found" },
        { "filter-redirector,id=r,indev=in,outdev=no", "OUT Device 'no' not found" },
        { "filter-redirector,id=r,indev=in,outdev=taken", "Device 'taken' is in use" },
        { "filter-mirror,id=r", "Parameter 'outdev' is missing" },
        { "filter-mirror,id=r,outdev=no", "Device 'no' not found" },
        { "filter-mirror,id=r,outdev=taken", "Device 'taken' is in use" },
    };

    set_up();
    int fd = filter_bench_chardev("taken");
    filter_bench_add("filter-mirror,id=m,outdev=taken");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *error = filter_bench_error(cases[i].options);
        g_assert_cmpstr(error, ==, cases[i].error);
        g_assert_false(chardev_has_frontend(chardev_find("in")));
    }
    filter_bench_delete("m");
    must_remove("taken");
    close(fd);
    tear_down();
}

/* ---- COLO ---- */

static unsigned wakes;

static void count_wake(void)
{
    wakes++;
}

static const CheckpointListener listener = { count_wake, count_wake };

static void colo_start(CheckpointSide side)
{
    checkpoint_set_periodic(false);
    g_assert_true(checkpoint_participants_start(side, NULL));
    checkpoint_activate(side, &listener);
}

static void colo_end(CheckpointSide side)
{
    g_assert_true(checkpoint_participants_failover(side, NULL));
    checkpoint_participants_stop(side);
    checkpoint_deactivate();
}

/* The documented set-up of the secondary. */
static void test_secondary(void)
{
    set_up();
    filter_bench_add("filter-redirector,id=f1,indev=in,queue=tx");
    filter_bench_add("filter-redirector,id=f2,outdev=out,queue=rx");
    colo_start(CHECKPOINT_SECONDARY);
    send_both("wire", "A");
    put_record("client");
    wait_got(1, 0);
    assert_got("client", "");
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_SECONDARY, 1, NULL));
    g_assert_true(checkpoint_participants_commit(CHECKPOINT_SECONDARY, 1, NULL));
    send_both("wire", "B");
    assert_out("A | B ");
    assert_got("", "");
    /* Once it is alone its packets flow, and the mirror's are not wanted any more. */
    colo_end(CHECKPOINT_SECONDARY);
    put_record("late");
    run_for_ms(20);
    send_both("wire", "C");
    assert_got("wire", "C");
    assert_out("");
    tear_down();
}

/* Without a filter that brings the client's frames the guest hears the wire. */
static void test_secondary_without_mirror(void)
{
    set_up();
    filter_bench_add("filter-redirector,id=f1,indev=in,queue=tx,status=off");
    filter_bench_add("filter-redirector,id=f2,outdev=out,queue=rx");
    colo_start(CHECKPOINT_SECONDARY);
    send_both("wire", "A");
    assert_got("wire", "");
    assert_out("A ");
    hang_up(out_fd, "out");
    send_both("wire", "B");
    assert_got("wire", "");
    colo_end(CHECKPOINT_SECONDARY);
    send_both("wire", "C");
    assert_got("wire", "C");
    tear_down();
}

static void test_primary(void)
{
    g_autoptr(GError) error = NULL;

    set_up();
    filter_bench_add("filter-redirector,id=r1,indev=in,queue=rx");
    filter_bench_add("filter-redirector,id=r2,outdev=out,queue=rx");
    colo_start(CHECKPOINT_PRIMARY);
    send_both("a", "A");
    put_record("A");
    wait_got(0, 1);
    assert_got("a", "A");
    assert_out("A ");
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_PRIMARY, 1, NULL));
    send_both("a", "B");
    assert_got("a", "");
    assert_out("| B ");
    /* The comparator goes: nothing leaves uncompared, and COLO hears of it once. */
    wakes = 0;
    hang_up(out_fd, "out");
    send_both("b", "B");
    send_both("c", "C");
    assert_got("b c", "");
    g_assert_cmpuint(wakes, ==, 1);
    error = checkpoint_take_error();
    g_assert_nonnull(strstr(error->message, "'r2'"));
    g_assert_nonnull(strstr(error->message, "'out'"));
    colo_end(CHECKPOINT_PRIMARY);
    send_both("d", "D");
    assert_got("d", "D");
    tear_down();
}

static void test_primary_without_comparator(void)
{
    g_autoptr(GError) error = NULL;

    set_up();
    filter_bench_add("filter-redirector,id=r2,outdev=out,queue=rx");
    hang_up(out_fd, "out");
    send_both("a", "A");
    assert_got("a", "A");
    g_assert_false(checkpoint_participants_start(CHECKPOINT_PRIMARY, &error));
    g_assert_nonnull(strstr(error->message, "chardev 'out' has no peer"));
    send_both("b", "B");
    assert_got("b", "B");
    tear_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/filter-mirror/copies", test_mirror);
    g_test_add_func("/net/filter-mirror/offloads", test_mirror_offloads);
    g_test_add_func("/net/filter-redirector/out", test_out);
    g_test_add_func("/net/filter-redirector/in", test_in);
    g_test_add_func("/net/filter-redirector/garbage", test_garbage);
    g_test_add_func("/net/filter-redirector/deleted-while-it-reads", test_deleted_while_it_reads);
    g_test_add_func("/net/filter-redirector/stalled-peer", test_stalled_peer);
    g_test_add_func("/net/filter-redirector/errors", test_errors);
    g_test_add_func("/net/filter-redirector/secondary", test_secondary);
    g_test_add_func("/net/filter-redirector/secondary-without-mirror",
                    test_secondary_without_mirror);
    g_test_add_func("/net/filter-redirector/primary", test_primary);
    g_test_add_func("/net/filter-redirector/primary-without-comparator",
                    test_primary_without_comparator);
    return g_test_run();
}
