/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The rewriter as a filter: both ways, offloads, checkpoints, failover. */
#include "filter-bench.h"
#include "frame.h"
#include "migration/checkpoint-internal.h"
#include "migration/savevm.h"
#include "migration/stream.h"
#include "net/checksum.h"
#include "system/main-loop.h"
#include "util/bytes.h"

#define PRIMARY   UINT32_C(1000000)
#define SECONDARY UINT32_C(5000)

static FilterBench bench;
static bool v6;
static bool partial; /* checksums are left to the card */

static void set_up(void)
{
    filter_bench_init(&bench);
    filter_bench_add("filter-rewriter,id=rew,vnet_hdr_support=on");
}

static void send_segment(bool to_guest, uint32_t sequence, uint32_t ack, uint8_t flags)
{
    FrameSpec spec = { .ipv6 = v6,
                       .protocol = PROTOCOL_TCP,
                       .sequence = sequence,
                       .ack = ack,
                       .flags = flags,
                       .payload = "abc",
                       .payload_size = 3,
                       .source = to_guest ? 1 : 2,
                       .destination = to_guest ? 2 : 1,
                       .source_port = to_guest ? 999 : 80,
                       .destination_port = to_guest ? 80 : 999 };
    g_autoptr(GByteArray) bytes = frame_new(&spec);
    struct iovec iov[2] = { { bytes->data, 40 }, { bytes->data + 40, bytes->len - 40 } };
    NetFrame frame = { .iov = iov, .iov_count = 2 };

    if (partial) {
        uint16_t start = v6 ? 54 : 34;
        store_be16(bytes->data + start + TCP_CHECKSUM_AT, 0xabcd);
        frame.header = (VnetHeader){ .flags = VNET_FLAG_NEEDS_CHECKSUM,
                                     .checksum_start = start,
                                     .checksum_offset = TCP_CHECKSUM_AT };
    }
    net_send((to_guest ? bench.backend : bench.nic)->client, &frame, NULL);
}

/* The segment that arrived, alone, with a right checksum or one that is left to the card. */
static PacketTcp take_segment(bool to_guest)
{
    FakeClient *receiver = to_guest ? bench.nic : bench.backend;
    Packet packet;
    gsize size;

    g_assert_cmpuint(receiver->frames->len, ==, 1);
    const uint8_t *data = g_bytes_get_data(receiver->frames->pdata[0], &size);
    g_assert_cmpint(packet_parse(&packet, data, size - 1), ==, PACKET_OK);
    uint16_t checksum = load_be16(data + packet.transport_offset + TCP_CHECKSUM_AT);
    g_assert_cmphex(checksum, ==, partial ? 0xabcd : checksum_transport(&packet, TCP_CHECKSUM_AT));
    g_assert_cmpuint(g_array_index(receiver->headers, VnetHeader, 0).flags, ==,
                     partial ? VNET_FLAG_NEEDS_CHECKSUM : 0);
    g_ptr_array_set_size(receiver->frames, 0);
    g_array_set_size(receiver->headers, 0);
    return packet.tcp;
}

static PacketTcp pass(bool to_guest, uint32_t sequence, uint32_t ack, uint8_t flags)
{
    send_segment(to_guest, sequence, ack, flags);
    return take_segment(to_guest);
}

static void open_connection(void)
{
    pass(true, 70, 0, TCP_SYN);
    pass(false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    pass(true, 71, PRIMARY + 1, TCP_ACK);
}

static void check_translated(void)
{
    g_assert_cmpuint(pass(true, 71, PRIMARY + 51, TCP_ACK).ack, ==, SECONDARY + 51);
    g_assert_cmpuint(pass(false, SECONDARY + 51, 74, TCP_ACK).sequence, ==, PRIMARY + 51);
}

static void test_translates(void)
{
    for (int i = 0; i < 4; i++) {
        v6 = i & 1;
        partial = i & 2;
        set_up();
        open_connection();
        check_translated();
        filter_bench_clear(&bench);
    }
    v6 = partial = false;
}

static void start(void)
{
    set_up();
    open_connection();
    g_assert_true(checkpoint_participants_start(CHECKPOINT_SECONDARY, NULL));
}

static void end(void)
{
    g_assert_true(checkpoint_participants_failover(CHECKPOINT_SECONDARY, NULL));
    checkpoint_participants_stop(CHECKPOINT_SECONDARY);
}

/* What comes while the guest is replaced is for the new one. */
static void test_checkpoint(void)
{
    start();
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_SECONDARY, 1, NULL));
    send_segment(true, 71, PRIMARY + 51, TCP_ACK);
    g_assert_cmpuint(bench.nic->frames->len, ==, 0);
    g_assert_true(checkpoint_participants_commit(CHECKPOINT_SECONDARY, 1, NULL));
    g_assert_cmpuint(take_segment(true).ack, ==, PRIMARY + 51);
    g_assert_cmpuint(pass(true, 71, PRIMARY + 52, TCP_ACK).ack, ==, PRIMARY + 52);
    end();
    g_assert_cmpuint(pass(false, PRIMARY + 52, 74, TCP_ACK).sequence, ==, PRIMARY + 52);
    filter_bench_clear(&bench);
}

/* The primary dies in the middle of a checkpoint: the old guest goes on, translated. */
static void test_failover(void)
{
    start();
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_SECONDARY, 1, NULL));
    send_segment(true, 71, PRIMARY + 51, TCP_ACK);
    end();
    g_assert_cmpuint(take_segment(true).ack, ==, SECONDARY + 51);
    check_translated();
    filter_bench_clear(&bench);
}

/* What waits is not lost with the filter. */
static void test_end(void)
{
    start();
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_SECONDARY, 1, NULL));
    send_segment(true, 71, PRIMARY + 51, TCP_ACK);
    filter_bench_delete("rew");
    g_assert_cmpuint(take_segment(true).ack, ==, SECONDARY + 51);
    end();
    filter_bench_clear(&bench);
}

/* A checkpoint of the primary's is none of its business. */
static void test_primary(void)
{
    set_up();
    open_connection();
    g_assert_true(checkpoint_participants_start(CHECKPOINT_PRIMARY, NULL));
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_PRIMARY, 1, NULL));
    g_assert_true(checkpoint_participants_commit(CHECKPOINT_PRIMARY, 1, NULL));
    check_translated();
    checkpoint_participants_stop(CHECKPOINT_PRIMARY);
    filter_bench_clear(&bench);
}

/* ---- the state of the virtual machine ---- */

static GByteArray *save(void)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    size_t size;

    g_assert_true(savevm_save_devices(writer, NULL));
    savevm_put_eof(writer);
    const void *data = migration_writer_data(writer, &size);
    GByteArray *bytes = g_byte_array_new();
    return g_byte_array_append(bytes, data, size);
}

static bool load(const GByteArray *bytes, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes->data, bytes->len);

    return savevm_load_devices(reader, error);
}

/* A connection that is translated: saved, and gone with its filter. */
static GByteArray *save_translated(void)
{
    set_up();
    open_connection();
    GByteArray *bytes = save();
    filter_bench_clear(&bench);
    return bytes;
}

static void test_moves(void)
{
    g_autoptr(GByteArray) bytes = save_translated();

    set_up();
    g_assert_true(load(bytes, NULL));
    check_translated();
    g_autoptr(GByteArray) again = save();
    g_assert_cmpmem(again->data, again->len, bytes->data, bytes->len);
    filter_bench_clear(&bench);
}

/* Each connection is translated once, however many rewriters there are. */
static void test_moves_to_two(void)
{
    g_autoptr(GByteArray) bytes = save_translated();

    set_up();
    filter_bench_add("filter-rewriter,id=rew2");
    g_assert_true(load(bytes, NULL));
    check_translated();
    filter_bench_delete("rew2");
    filter_bench_clear(&bench);
}

/* The primary is a survivor: the guest of the checkpoint is translated as it is there. */
static void test_checkpoint_translated(void)
{
    g_autoptr(GByteArray) bytes = save_translated();

    set_up();
    g_assert_true(checkpoint_participants_start(CHECKPOINT_SECONDARY, NULL));
    g_assert_true(checkpoint_participants_prepare(CHECKPOINT_SECONDARY, 1, NULL));
    send_segment(true, 71, PRIMARY + 51, TCP_ACK);
    g_assert_true(load(bytes, NULL));
    g_assert_cmpuint(bench.nic->frames->len, ==, 0);
    g_assert_true(checkpoint_participants_commit(CHECKPOINT_SECONDARY, 1, NULL));
    g_assert_cmpuint(take_segment(true).ack, ==, SECONDARY + 51);
    end();
    check_translated();
    filter_bench_clear(&bench);
}

/* The guest goes on without its old connections, and the user is told. */
static void test_moves_without_rewriter(void)
{
    if (g_test_subprocess()) {
        g_autoptr(GByteArray) bytes = save_translated();
        filter_bench_init(&bench);
        g_assert_true(load(bytes, NULL));
        g_assert_true(load(bytes, NULL));
        filter_bench_clear(&bench);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*netdev * has no filter-rewriter: 1 TCP connections of the guest "
                              "cannot go on here\n");
    g_test_trap_assert_stderr_unmatched("*warning*warning*");
}

/* Any changed or missing byte of the section leads to an error or to another state, no more. */
static void test_bad_state(void)
{
    g_autoptr(GByteArray) bytes = save_translated();
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    set_up();
    for (guint size = 0; size < bytes->len; size++) {
        g_autoptr(GByteArray) part = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        g_byte_array_append(part, bytes->data, size);
        g_assert_false(load(part, &error));
        g_assert_nonnull(error);
    }
    for (int round = 0; round < 3000; round++) {
        g_autoptr(GByteArray) bad = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        g_byte_array_append(bad, bytes->data, bytes->len);
        bad->data[g_rand_int_range(rand, 0, bad->len)] ^= 1 << g_rand_int_range(rand, 0, 8);
        g_assert_true(load(bad, &error) == (error == NULL));
    }
    filter_bench_clear(&bench);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/filter-rewriter/translates", test_translates);
    g_test_add_func("/net/filter-rewriter/checkpoint", test_checkpoint);
    g_test_add_func("/net/filter-rewriter/failover", test_failover);
    g_test_add_func("/net/filter-rewriter/end", test_end);
    g_test_add_func("/net/filter-rewriter/primary", test_primary);
    g_test_add_func("/net/filter-rewriter/moves", test_moves);
    g_test_add_func("/net/filter-rewriter/moves-to-two", test_moves_to_two);
    g_test_add_func("/net/filter-rewriter/checkpoint-translated", test_checkpoint_translated);
    g_test_add_func("/net/filter-rewriter/moves-without-rewriter", test_moves_without_rewriter);
    g_test_add_func("/net/filter-rewriter/bad-state", test_bad_state);
    return g_test_run();
}
