/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object colo-compare: both wirings, its part in checkpoints, its life. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "chardev/char.h"
#include "filter-bench.h"
#include "frame.h"
#include "migration/checkpoint-internal.h"
#include "net/frame-channel.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "util/bytes.h"
#include "util/keyval.h"

#define WAIT_MS 20000

/* ---- the other ends ---- */

static gint asked; /* atomic */

static void on_asked(void)
{
    g_atomic_int_inc(&asked);
}

static void on_failed(void)
{
    g_error("a participant has failed");
}

typedef struct Bench {
    int primary, secondary, out; /* -1: none */
    FrameReader *reader;         /* of out */
    GPtrArray *received;         /* GBytes */
} Bench;

static void keep(const NetFrame *frame, void *opaque)
{
    size_t size = net_frame_size(frame);
    g_autofree uint8_t *data = g_malloc(size);

    net_frame_copy(frame, 0, data, size);
    g_ptr_array_add(((Bench *)opaque)->received, g_bytes_new(data, size));
}

static bool try_add(const char *options, GError **error)
{
    json_t *properties = keyval_parse(options, NULL, error);

    g_assert_nonnull(properties);
    bool ok = object_user_create("colo-compare", "c0", properties, error);
    json_decref(properties);
    return ok;
}

static void add(const char *options)
{
    g_autoptr(GError) error = NULL;

    try_add(options, &error);
    g_assert_no_error(error);
}

static void delete_object(const char *id)
{
    g_autoptr(GError) error = NULL;

    object_user_delete(id, &error);
    g_assert_no_error(error);
}

static void bench_init(Bench *bench, const char *options)
{
    static const FrameReaderOps ops = { .frame = keep };
    g_autofree char *all =
        g_strconcat("primary_in=p,secondary_in=s,outdev=o,expired_scan_cycle=10", options, NULL);

    bench->primary = filter_bench_chardev("p");
    bench->secondary = filter_bench_chardev("s");
    bench->out = filter_bench_chardev("o");
    bench->reader = frame_reader_new(false, &ops, bench);
    bench->received = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    add(all);
}

static void close_peer(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void bench_clear(Bench *bench)
{
    static const char *const ids[] = { "p", "s", "o" };

    if (object_tree_find("/objects/c0")) {
        delete_object("c0");
    }
    close_peer(&bench->primary);
    close_peer(&bench->secondary);
    close_peer(&bench->out);
    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autoptr(GError) error = NULL;
        chardev_remove(ids[i], &error);
        g_assert_no_error(error);
    }
    frame_reader_free(bench->reader);
    g_ptr_array_unref(bench->received);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static void send_all(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)data + done, size - done);
        if (n < 0 && errno == EAGAIN) {
            g_usleep(100);
            continue;
        }
        g_assert_cmpint(n, >, 0);
        done += n;
    }
}

static void send_record(int fd, const void *data, size_t size)
{
    g_autofree uint8_t *record = g_malloc(4 + size);

    store_be32(record, size);
    memcpy(record + 4, data, size);
    send_all(fd, record, 4 + size);
}

static void send_mark(int fd)
{
    send_record(fd, "", 0);
}

static GByteArray *text_frame(uint16_t port, const char *text)
{
    FrameSpec spec = { .protocol = PROTOCOL_UDP,
                       .source = 1,
                       .destination = 2,
                       .source_port = port,
                       .destination_port = 6,
                       .payload = text,
                       .payload_size = strlen(text) };
    return frame_new(&spec);
}

static void send_text(int fd, const char *text)
{
    g_autoptr(GByteArray) frame = text_frame(5, text);

    send_record(fd, frame->data, frame->len);
}

/* ---- looking ---- */

/* One turn of the main loop that does not stay long. */
static void turn(void)
{
    while (main_loop_iterate(false)) {
    }
    bql_unlock();
    g_usleep(500);
    bql_lock();
}

static void read_output(Bench *bench)
{
    uint8_t buffer[65536];
    g_autoptr(GError) error = NULL;
    struct pollfd fd = { .fd = bench->out, .events = POLLIN };

    while (poll(&fd, 1, 0) > 0) {
        ssize_t n = read(bench->out, buffer, sizeof(buffer));
        if (n <= 0) {
            return;
        }
        g_assert_true(frame_reader_feed(bench->reader, buffer, n, &error));
    }
}

#define wait_until(condition)                                                     \
    do {                                                                          \
        gint64 end_ = g_get_monotonic_time() + WAIT_MS * G_TIME_SPAN_MILLISECOND; \
        while (!(condition)) {                                                    \
            g_assert_cmpint(g_get_monotonic_time(), <, end_);                     \
            turn();                                                               \
        }                                                                         \
    } while (0)

static bool has_received(Bench *bench, unsigned count)
{
    read_output(bench);
    return bench->received->len >= count;
}

/* What has left since the last time: texts with a space between. */
static void assert_left(Bench *bench, const char *expected)
{
    g_autoptr(GString) got = g_string_new(NULL);
    g_auto(GStrv) words = g_strsplit(expected, " ", -1);

    wait_until(has_received(bench, *expected ? g_strv_length(words) : 0));
    for (unsigned i = 0; i < bench->received->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(bench->received->pdata[i], &size);
        Packet packet;
        g_assert_cmpint(packet_parse(&packet, data, size), ==, PACKET_OK);
        g_string_append(got, i ? " " : "");
        g_string_append_len(got, (const char *)packet_payload(&packet), packet.payload_size);
    }
    g_assert_cmpstr(got->str, ==, expected);
    g_ptr_array_set_size(bench->received, 0);
}

static void copy_packets(const CheckpointPackets *packets, void *opaque)
{
    *(CheckpointPackets *)opaque = *packets;
    ((CheckpointPackets *)opaque)->name = NULL;
}

static CheckpointPackets figures(void)
{
    CheckpointPackets packets = { 0 };

    checkpoint_foreach_packets(copy_packets, &packets);
    return packets;
}

/* ---- COLO's part ---- */

static uint64_t sequence;

static void colo_begin_here(void)
{
    static const CheckpointListener listener = { on_asked, on_failed };
    g_autoptr(GError) error = NULL;

    g_atomic_int_set(&asked, 0);
    g_assert_true(checkpoint_participants_start(CHECKPOINT_PRIMARY, &error));
    checkpoint_activate(CHECKPOINT_PRIMARY, &listener);
}

static void prepare(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_PRIMARY, ++sequence, &error));
    checkpoint_settle_requests();
}

static void commit(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(checkpoint_participants_commit(CHECKPOINT_PRIMARY, sequence, &error));
}

static void colo_end_here(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(checkpoint_participants_failover(CHECKPOINT_PRIMARY, &error));
    checkpoint_participants_stop(CHECKPOINT_PRIMARY);
    checkpoint_deactivate();
}

/* ---- tests ---- */

static void assert_refused(const char *options, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(try_add(options, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_null(object_tree_find("/objects/c0"));
}

static void test_refused(void)
{
    int fd = filter_bench_chardev("p");

    assert_refused("primary_in=p", "Parameter 'secondary_in' is missing");
    assert_refused("secondary_in=p", "Parameter 'primary_in' is missing");
    assert_refused("primary_in=p,secondary_in=s", "Parameter 'outdev' is missing");
    assert_refused("primary_in=p,secondary_in=s,outdev=o",
                   "outdev: character device 'o' not found");
    assert_refused("primary_in=x,secondary_in=s,outdev=p",
                   "primary_in: character device 'x' not found");
    assert_refused("primary_in=p,secondary_in=p,outdev=p", "primary_in: Device 'p' is in use");
    assert_refused("netdev=hn0,secondary_in=p,outdev=o",
                   "'netdev' takes the place of 'primary_in' and 'outdev': there can be no "
                   "'outdev' besides");
    assert_refused("netdev=hn0,secondary_in=p", "Parameter 'netdev' expects a network backend id");
    assert_refused("primary_in=p,secondary_in=s,outdev=o,iothread=io9", "Device 'io9' not found");
    assert_refused("compare_timeout=0",
                   "Property 'colo-compare.compare_timeout' doesn't take value 0 (minimum: 1, "
                   "maximum: 9223372036854775807)");
    close(fd);
    g_autoptr(GError) error = NULL;
    chardev_remove("p", &error); /* nobody has kept it */
    g_assert_no_error(error);
}

static void test_passes_without_colo(void)
{
    g_auto(Bench) b;

    bench_init(&b, "");
    send_text(b.primary, "one");
    send_text(b.primary, "two");
    send_text(b.secondary, "three");
    assert_left(&b, "one two");
}

static void test_compares(void)
{
    g_auto(Bench) b;

    bench_init(&b, "");
    colo_begin_here();
    send_text(b.primary, "one");
    send_text(b.primary, "two");
    wait_until(figures().held == 2);
    send_text(b.secondary, "two");
    assert_left(&b, "two");
    send_text(b.secondary, "one");
    assert_left(&b, "one");
    send_text(b.primary, "three");
    wait_until(figures().held == 1);
    prepare();
    commit();
    assert_left(&b, "three");
    g_assert_cmpint(g_atomic_int_get(&asked), ==, 0);
    send_text(b.primary, "four");
    wait_until(figures().held == 1);
    colo_end_here();
    assert_left(&b, "four");
    send_text(b.primary, "five");
    assert_left(&b, "five");
    CheckpointPackets packets = figures();
    g_assert_cmpuint(packets.compared, ==, 4);
    g_assert_cmpuint(packets.matched, ==, 2);
    g_assert_cmpuint(packets.released, ==, 5);
    g_assert_cmpuint(packets.dropped, ==, 0);
}

/* A frame that waits too long asks once; settled by the checkpoint, then asks again. */
static void test_timeout(void)
{
    g_auto(Bench) b;

    bench_init(&b, ",compare_timeout=3600000");
    colo_begin_here();
    send_text(b.primary, "one");
    wait_until(figures().held == 1);
    json_t *timeout = json_integer(1);
    g_autoptr(GError) error = NULL;
    GObject *object = object_tree_find("/objects/c0");
    g_assert_true(object_set_json(object, "compare_timeout", timeout, &error));
    json_decref(timeout);
    wait_until(g_atomic_int_get(&asked) == 1);
    g_assert_true(checkpoint_request_pending());
    prepare();
    g_assert_false(checkpoint_request_pending());
    commit();
    assert_left(&b, "one");
    g_assert_cmpuint(figures().asked[CHECKPOINT_REASON_TIMEOUT], ==, 1);
    send_text(b.primary, "two");
    wait_until(g_atomic_int_get(&asked) == 2);
    colo_end_here();
}

/* A request of somebody else stays when packets' requests are settled. */
static void test_settling(void)
{
    CheckpointReason reason;

    colo_begin_here();
    checkpoint_request(CHECKPOINT_REASON_MISCOMPARE);
    checkpoint_request(CHECKPOINT_REASON_REQUEST);
    checkpoint_request(CHECKPOINT_REASON_TIMEOUT);
    g_assert_cmpint(g_atomic_int_get(&asked), ==, 1);
    checkpoint_settle_requests();
    g_assert_true(checkpoint_take_request(&reason));
    g_assert_cmpint(reason, ==, CHECKPOINT_REASON_REQUEST);
    g_assert_false(checkpoint_take_request(&reason));
    checkpoint_request(CHECKPOINT_REASON_QUEUE_FULL);
    g_assert_true(checkpoint_take_request(&reason));
    g_assert_cmpint(reason, ==, CHECKPOINT_REASON_QUEUE_FULL);
    colo_end_here();
}

/* What the secondary sent before a checkpoint must not count behind it. */
static void test_late_secondary(void)
{
    g_auto(Bench) b;

    bench_init(&b, "");
    colo_begin_here();
    for (unsigned round = 0; round < 3; round++) {
        prepare();
        commit();
        if (round > 0) { /* only now it is known that there are marks */
            send_text(b.secondary, "late");
            wait_until(figures().late == round);
            send_text(b.primary, "late");
            wait_until(figures().held == 1);
        }
        send_mark(b.secondary);
        send_text(b.secondary, "good");
        send_text(b.primary, "good");
        assert_left(&b, "good");
        if (round > 0) {
            send_text(b.secondary, "late");
            assert_left(&b, "late");
        }
    }
    g_assert_cmpint(g_atomic_int_get(&asked), ==, 0);
    colo_end_here();
}

/* What the primary sent before a checkpoint leaves with it, however long it is on its way. */
static void test_late_primary(void)
{
    g_auto(Bench) b;

    bench_init(&b, "");
    colo_begin_here();
    send_mark(b.primary);
    send_text(b.primary, "before");
    wait_until(figures().held == 1);
    prepare();
    commit();
    assert_left(&b, "before");
    prepare();
    commit(); /* the mark is not there yet */
    send_text(b.primary, "late");
    wait_until(figures().held == 1);
    send_mark(b.primary);
    assert_left(&b, "late");
    send_text(b.primary, "after");
    wait_until(figures().held == 1);
    send_text(b.secondary, "after");
    assert_left(&b, "after");
    g_assert_cmpint(g_atomic_int_get(&asked), ==, 0);
    colo_end_here();
}

static void test_nonsense(void)
{
    for (unsigned side = 0; side < 2; side++) {
        g_auto(Bench) b;
        char byte;

        bench_init(&b, "");
        int fd = side ? b.secondary : b.primary;
        send_all(fd, "GET / HTTP/1.1\r\n", 16);
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        wait_until(poll(&poll_fd, 1, 0) > 0 && read(fd, &byte, 1) <= 0);
    }
}

/* Without a secondary nothing can match: no frame waits for a timeout. */
static void test_secondary_lost(void)
{
    g_auto(Bench) b;

    bench_init(&b, "");
    colo_begin_here();
    close_peer(&b.secondary);
    send_text(b.primary, "one");
    wait_until(g_atomic_int_get(&asked) == 1);
    prepare();
    commit();
    assert_left(&b, "one");
    send_text(b.primary, "two");
    wait_until(g_atomic_int_get(&asked) == 2);
    colo_end_here();
    assert_left(&b, "two");
    g_autoptr(GError) error = NULL;
    g_assert_false(checkpoint_participants_start(CHECKPOINT_PRIMARY, &error));
    g_assert_nonnull(strstr(error->message, "chardev 's' has no peer"));
}

static void test_delete_while_held(void)
{
    g_auto(Bench) b;
    g_autoptr(GError) error = NULL;

    json_t *nothing = json_object();
    object_user_create("iothread", "io1", nothing, &error);
    json_decref(nothing);
    g_assert_no_error(error);
    bench_init(&b, ",iothread=io1");
    colo_begin_here();
    send_text(b.primary, "one");
    send_text(b.primary, "two");
    wait_until(figures().held == 2);
    g_assert_false(object_user_delete("io1", &error));
    g_assert_cmpstr(error->message, ==, "object 'io1' is in use, can not be deleted");
    delete_object("c0");
    assert_left(&b, "one two");
    delete_object("io1");
    prepare();
    commit();
    colo_end_here();
}

static void test_notify(void)
{
    g_auto(Bench) b;
    int notify = filter_bench_chardev("n");

    bench_init(&b, ",notify_dev=n,compare_timeout=1");
    colo_begin_here(); /* none of its business */
    send_text(b.primary, "one");
    assert_left(&b, "one");
    send_record(notify, "COLO_USERSPACE_PROXY_INIT", 25);
    g_autoptr(GByteArray) answer = filter_bench_read(notify, 29);
    g_assert_cmpmem(answer->data, answer->len,
                    "\0\0\0\x19"
                    "COLO_COMPARE_GET_XEN_INIT",
                    29);
    send_text(b.primary, "two");
    g_autoptr(GByteArray) demand = filter_bench_read(notify, 17);
    g_assert_cmpmem(demand->data, demand->len,
                    "\0\0\0\x0d"
                    "DO_CHECKPOINT",
                    17);
    assert_left(&b, "");
    send_record(notify, "COLO_CHECKPOINT", 15);
    assert_left(&b, "two");
    g_assert_cmpint(g_atomic_int_get(&asked), ==, 0);
    colo_end_here();
    delete_object("c0");
    close(notify);
    g_autoptr(GError) error = NULL;
    chardev_remove("n", &error);
    g_assert_no_error(error);
}

/* ---- as a filter of the netdev ---- */

static void nic_send(FilterBench *net, const char *text, uint8_t flags)
{
    g_autoptr(GByteArray) frame = text_frame(5, text);
    struct iovec iov[2] = { { frame->data, 20 }, { frame->data + 20, frame->len - 20 } };
    NetFrame net_frame = { .header.flags = flags, .iov = iov, .iov_count = 2 };

    g_assert_cmpint(net_send(net->nic->client, &net_frame, NULL), ==, NET_DONE);
}

static void assert_backend_got(FilterBench *net, const char *expected)
{
    g_autoptr(GString) got = g_string_new(NULL);
    g_auto(GStrv) words = g_strsplit(expected, " ", -1);

    wait_until(net->backend->frames->len >= (*expected ? g_strv_length(words) : 0));
    for (unsigned i = 0; i < net->backend->frames->len; i++) {
        gsize size;
        const uint8_t *data = g_bytes_get_data(net->backend->frames->pdata[i], &size);
        Packet packet;
        g_assert_cmpint(packet_parse(&packet, data, size), ==, PACKET_OK);
        g_string_append(got, i ? " " : "");
        g_string_append_len(got, (const char *)packet_payload(&packet), packet.payload_size);
    }
    g_assert_cmpstr(got->str, ==, expected);
    g_ptr_array_set_size(net->backend->frames, 0);
}

static void test_netdev(void)
{
    FilterBench net;
    int secondary = filter_bench_chardev("s");
    g_autoptr(GError) error = NULL;

    filter_bench_init(&net);
    filter_bench_add("filter-rewriter,id=rew0");
    add("netdev=hn0,secondary_in=s");
    /* It compares what leaves: behind all others on the way out. */
    g_assert_cmpstr(G_OBJECT_TYPE_NAME(net.backend->client->filters->pdata[0]), ==,
                    "colo-compare-tap");
    filter_bench_delete("rew0");
    nic_send(&net, "one", 0);
    assert_backend_got(&net, "one");
    colo_begin_here();
    nic_send(&net, "two", VNET_FLAG_NEEDS_CHECKSUM);
    nic_send(&net, "three", 0);
    assert_backend_got(&net, "");
    send_text(secondary, "two");
    assert_backend_got(&net, "two");
    send_text(secondary, "three");
    send_text(secondary, "four");
    assert_backend_got(&net, "three");
    nic_send(&net, "four", 0); /* the secondary was first */
    assert_backend_got(&net, "four");
    nic_send(&net, "five", 0);
    prepare();
    commit();
    assert_backend_got(&net, "five"); /* without a turn of the main loop */
    nic_send(&net, "six", 0);
    delete_object("c0");
    assert_backend_got(&net, "six");
    nic_send(&net, "seven", 0);
    assert_backend_got(&net, "seven");
    colo_end_here();

    add("netdev=hn0,secondary_in=s");
    colo_begin_here();
    nic_send(&net, "eight", 0);
    net_client_free(g_steal_pointer(&net.backend->client)); /* the netdev goes first */
    prepare();
    commit();
    colo_end_here();
    delete_object("c0");
    filter_bench_clear(&net);
    close(secondary);
    chardev_remove("s", &error);
    g_assert_no_error(error);
}

/* ---- everything at once ---- */

typedef struct Sender {
    int fd;
    GPtrArray *frames; /* GByteArray */
    uint32_t seed;
} Sender;

/* Texts "0", "1", ... on a port of their own each, so that order does not matter. */
static GPtrArray *make_numbers(unsigned count)
{
    GPtrArray *frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);

    for (unsigned i = 0; i < count; i++) {
        g_autofree char *text = g_strdup_printf("%u", i);
        g_ptr_array_add(frames, text_frame(1 + i, text));
    }
    return frames;
}

static gpointer send_numbers(gpointer opaque)
{
    const Sender *sender = opaque;
    g_autoptr(GRand) rand = g_rand_new_with_seed(sender->seed);

    for (unsigned i = 0; i < sender->frames->len; i++) {
        const GByteArray *frame = sender->frames->pdata[i];
        send_record(sender->fd, frame->data, frame->len);
        if (g_rand_int_range(rand, 0, 50) == 0) {
            g_usleep(100);
        }
    }
    return NULL;
}

/* Both guests send the same while checkpoints are taken: every frame leaves exactly once. */
static void test_traffic(void)
{
    enum { COUNT = 3000 };
    g_auto(Bench) b;
    g_autofree uint8_t *seen = g_malloc0(COUNT);
    g_autoptr(GPtrArray) frames = make_numbers(COUNT);
    unsigned turns = 0;

    bench_init(&b, "");
    colo_begin_here();
    Sender senders[2] = { { b.primary, frames, 1 }, { b.secondary, frames, 2 } };
    GThread *threads[2];
    for (unsigned i = 0; i < 2; i++) {
        threads[i] = g_thread_new("sender", send_numbers, &senders[i]);
    }
    gint64 end = g_get_monotonic_time() + WAIT_MS * G_TIME_SPAN_MILLISECOND;
    while (!has_received(&b, COUNT)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        turn();
        if (++turns % 5 == 0) {
            prepare();
            commit();
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        g_thread_join(threads[i]);
    }
    g_assert_cmpuint(b.received->len, ==, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        gsize size;
        Packet packet;
        const uint8_t *data = g_bytes_get_data(b.received->pdata[i], &size);
        g_assert_cmpint(packet_parse(&packet, data, size), ==, PACKET_OK);
        g_assert_cmpuint(seen[packet.source_port - 1]++, ==, 0);
    }
    colo_end_here();
}

/* The object goes while frames come; whatever it had taken leaves. */
static void test_delete_in_traffic(void)
{
    g_autoptr(GPtrArray) frames = make_numbers(200);

    for (unsigned round = 0; round < 5; round++) {
        g_auto(Bench) b;

        bench_init(&b, "");
        colo_begin_here();
        Sender sender = { b.primary, frames, round };
        GThread *thread = g_thread_new("sender", send_numbers, &sender);
        wait_until(figures().compared > 10 * round);
        delete_object("c0");
        g_thread_join(thread);
        read_output(&b);
        g_assert_cmpuint(b.received->len, >, 10 * round);
        colo_end_here();
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/colo-compare/refused", test_refused);
    g_test_add_func("/net/colo-compare/passes-without-colo", test_passes_without_colo);
    g_test_add_func("/net/colo-compare/compares", test_compares);
    g_test_add_func("/net/colo-compare/timeout", test_timeout);
    g_test_add_func("/net/colo-compare/settling", test_settling);
    g_test_add_func("/net/colo-compare/late-secondary", test_late_secondary);
    g_test_add_func("/net/colo-compare/late-primary", test_late_primary);
    g_test_add_func("/net/colo-compare/nonsense", test_nonsense);
    g_test_add_func("/net/colo-compare/secondary-lost", test_secondary_lost);
    g_test_add_func("/net/colo-compare/delete-while-held", test_delete_while_held);
    g_test_add_func("/net/colo-compare/notify", test_notify);
    g_test_add_func("/net/colo-compare/netdev", test_netdev);
    g_test_add_func("/net/colo-compare/traffic", test_traffic);
    g_test_add_func("/net/colo-compare/delete-in-traffic", test_delete_in_traffic);
    return g_test_run();
}
