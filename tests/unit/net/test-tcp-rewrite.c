/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The rewriter: what it learns, what it changes, that checksums stay right. */
#include "frame.h"
#include "net/checksum.h"
#include "net/tcp-rewrite.h"
#include "util/bytes.h"

#define PRIMARY   UINT32_C(0xfffffff0) /* initial numbers; the first wraps round soon */
#define SECONDARY UINT32_C(5000)

static bool v6;

/*
 * Send through the rewriter with 12 bytes of @options; returns the frame as parsed afterwards,
 * checksum verified.
 */
static PacketTcp pass_options(TcpRewriter *rewriter, bool to_guest, uint32_t sequence, uint32_t ack,
                              uint8_t flags, const uint8_t options[12])
{
    FrameSpec spec = { .ipv6 = v6,
                       .protocol = PROTOCOL_TCP,
                       .sequence = sequence,
                       .ack = ack,
                       .flags = flags,
                       .payload = "abc",
                       .payload_size = 3,
                       .options = options,
                       .options_size = 12,
                       .source = to_guest ? 1 : 2,
                       .destination = to_guest ? 2 : 1,
                       .source_port = to_guest ? 999 : 80,
                       .destination_port = to_guest ? 80 : 999 };
    g_autoptr(GByteArray) frame = frame_new(&spec);

    if (to_guest) {
        tcp_rewriter_to_guest(rewriter, frame->data, frame->len, false);
    } else {
        tcp_rewriter_from_guest(rewriter, frame->data, frame->len, false);
    }
    Packet packet = frame_parse(frame);
    g_assert_cmphex(checksum_transport(&packet, 16), ==,
                    load_be16(frame->data + packet.transport_offset + 16));
    return packet.tcp;
}

static PacketTcp pass(TcpRewriter *rewriter, bool to_guest, uint32_t sequence, uint32_t ack,
                      uint8_t flags)
{
    uint8_t options[12] = { 1, 5, 10 }; /* SACK at an odd offset */

    store_be32(options + 3, ack + 100);
    store_be32(options + 7, ack + 200);
    return pass_options(rewriter, to_guest, sequence, ack, flags, options);
}

static void check_translated(TcpRewriter *r)
{
    PacketTcp in = pass(r, true, 71, PRIMARY + 51, TCP_ACK);
    g_assert_cmpuint(in.ack, ==, SECONDARY + 51);
    g_assert_cmpuint(in.sack[0].begin, ==, SECONDARY + 151);
    g_assert_cmpuint(in.sack[0].end, ==, SECONDARY + 251);
    g_assert_cmpuint(in.sequence, ==, 71);
    PacketTcp out = pass(r, false, SECONDARY + 51, 74, TCP_ACK);
    g_assert_cmpuint(out.sequence, ==, PRIMARY + 51);
    g_assert_cmpuint(out.ack, ==, 74);
    g_assert_cmpuint(out.sack[0].begin, ==, 174);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 1);
}

static void test_passive_open(void)
{
    for (int i = 0; i < 2; i++) {
        g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);
        v6 = i;
        pass(r, true, 70, 0, TCP_SYN);
        pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
        PacketTcp ack = pass(r, true, 71, PRIMARY + 1, TCP_ACK);
        g_assert_cmpuint(ack.ack, ==, SECONDARY + 1);
        check_translated(r);
        g_assert_cmpuint(pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK).sequence, ==, PRIMARY);
    }
}

static void test_primary_ahead(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, true, 71, PRIMARY + 1, TCP_ACK);
    g_assert_cmpuint(pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK).sequence, ==, PRIMARY);
    check_translated(r);
}

static void test_active_open(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, false, SECONDARY, 0, TCP_SYN);
    g_assert_cmpuint(pass(r, true, 70, PRIMARY + 1, TCP_SYN | TCP_ACK).ack, ==, SECONDARY + 1);
    check_translated(r);
}

static void test_checkpoint_and_unknown(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, false, SECONDARY, 0, TCP_SYN);
    pass(r, true, 70, PRIMARY + 1, TCP_SYN | TCP_ACK);
    tcp_rewriter_checkpoint(r, NULL);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 0);
    g_assert_cmpuint(pass(r, true, 71, PRIMARY + 1, TCP_ACK).ack, ==, PRIMARY + 1);
    g_assert_cmpuint(pass(r, false, PRIMARY + 1, 71, TCP_ACK).sequence, ==, PRIMARY + 1);
}

/* After a failover the client sees the survivor's own numbers: nothing to translate. */
static void test_open_after_failover(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    g_assert_cmpuint(pass(r, true, 71, SECONDARY + 1, TCP_ACK).ack, ==, SECONDARY + 1);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 0);
}

/* A SYN that the guest does not accept changes nothing for a translated connection. */
static void test_foreign_syn(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    pass(r, true, 71, PRIMARY + 1, TCP_ACK);
    pass(r, true, 12345, 0, TCP_SYN);
    check_translated(r);
    pass(r, true, 54321, 0, TCP_SYN);
    check_translated(r);
    pass(r, true, 54321, 999, TCP_SYN | TCP_ACK);
    check_translated(r);
    pass(r, true, 70, 0, TCP_SYN); /* the first once more, late */
    check_translated(r);
}

/* The same ends once more: the guest accepts, the numbers are others. */
static void test_port_reuse(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY - 9, 71, TCP_SYN | TCP_ACK);
    pass(r, true, 71, PRIMARY + 1000, TCP_ACK);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 1);
    pass(r, true, 5000, 0, TCP_SYN);
    g_assert_cmpuint(pass(r, false, SECONDARY, 5001, TCP_SYN | TCP_ACK).sequence, ==, SECONDARY);
    pass(r, true, 5001, PRIMARY + 1, TCP_ACK);
    check_translated(r);
}

/* After a checkpoint the guest repeats its SYN-ACK with the primary's number. */
static void test_syn_repeated_after_checkpoint(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    tcp_rewriter_checkpoint(r, NULL);
    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, PRIMARY, 71, TCP_SYN | TCP_ACK);
    g_assert_cmpuint(pass(r, true, 71, PRIMARY + 1, TCP_ACK).ack, ==, PRIMARY + 1);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 0);
    g_assert_cmpuint(pass(r, false, PRIMARY + 1, 71, TCP_ACK).sequence, ==, PRIMARY + 1);
}

/* The primary's own connection was answered before this guest opened it. */
static void test_active_open_answered_before(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, PRIMARY + 1, TCP_SYN | TCP_ACK);
    g_assert_cmpuint(pass(r, false, SECONDARY, 0, TCP_SYN).sequence, ==, PRIMARY);
    check_translated(r);
    /* The next one between the same ends. */
    pass(r, true, 90, PRIMARY + 7001, TCP_SYN | TCP_ACK);
    pass(r, false, SECONDARY + 9999, 0, TCP_SYN);
    g_assert_cmpuint(pass(r, true, 91, PRIMARY + 7001, TCP_ACK).ack, ==, SECONDARY + 10000);
}

/* A reset before anything is known teaches nothing, one later is translated. */
static void test_reset(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    pass(r, true, 71, 4711, TCP_RST | TCP_ACK);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 0);
    pass(r, true, 71, PRIMARY + 1, TCP_ACK);
    g_assert_cmpuint(pass(r, true, 71, PRIMARY + 1, TCP_RST | TCP_ACK).ack, ==, SECONDARY + 1);
    g_assert_cmpuint(pass(r, false, SECONDARY + 1, 71, TCP_RST).sequence, ==, PRIMARY + 1);
}

/* However many connections the survivor gets, the old ones stay. */
static void test_failover(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(1);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    pass(r, true, 71, PRIMARY + 1, TCP_ACK);
    tcp_rewriter_failover(r);
    FrameSpec other = { .protocol = PROTOCOL_TCP, .flags = TCP_SYN, .source = 9 };
    g_autoptr(GByteArray) frame = frame_new(&other);
    g_assert_false(tcp_rewriter_to_guest(r, frame->data, frame->len, false));
    check_translated(r);
    tcp_rewriter_checkpoint(r, NULL);
    g_assert_false(tcp_rewriter_to_guest(r, frame->data, frame->len, false));
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 0);
}

/* ---- a survivor that is protected again ---- */

/* What the primary's rewriter does, done by one on the new secondary. */
static TcpRewriter *new_secondary(const TcpRewriter *primary)
{
    TcpRewriter *secondary = tcp_rewriter_new(10);
    g_autoptr(GArray) translations = tcp_rewriter_translations(primary);

    tcp_rewriter_checkpoint(secondary, translations);
    return secondary;
}

static TcpRewriter *survivor(void)
{
    TcpRewriter *r = tcp_rewriter_new(10);

    pass(r, true, 70, 0, TCP_SYN);
    pass(r, false, SECONDARY, 71, TCP_SYN | TCP_ACK);
    pass(r, true, 71, PRIMARY + 1, TCP_ACK);
    tcp_rewriter_failover(r);
    return r;
}

/* Both guests are one, so both need the same translation, and so does the next survivor. */
static void test_inherited(void)
{
    for (int i = 0; i < 2; i++) {
        v6 = i;
        g_autoptr(TcpRewriter) first = survivor();
        g_autoptr(TcpRewriter) second = new_secondary(first);
        check_translated(first);
        check_translated(second);
        tcp_rewriter_failover(second);
        check_translated(second);
        g_autoptr(TcpRewriter) third = new_secondary(second);
        check_translated(third);
        tcp_rewriter_checkpoint(third, NULL);
        g_assert_cmpuint(tcp_rewriter_translated(third), ==, 0);
    }
    v6 = false;
}

/* What ends an inherited translation is what ends any other. */
static void test_inherited_reopened(void)
{
    g_autoptr(TcpRewriter) first = survivor();
    g_autoptr(TcpRewriter) second = new_secondary(first);

    pass(second, true, 900, 0, TCP_SYN); /* anybody's */
    check_translated(second);
    pass(second, true, 900, 0, TCP_SYN);
    pass(second, false, 7000, 901, TCP_SYN | TCP_ACK);
    g_assert_cmpuint(pass(second, true, 901, 3001, TCP_ACK).ack, ==, 7001);

    /* The guest opens it; the primary's SYN was answered before. */
    g_autoptr(TcpRewriter) third = new_secondary(first);
    pass(third, true, 500, 3001, TCP_SYN | TCP_ACK);
    g_assert_cmpuint(pass(third, false, 7000, 0, TCP_SYN).sequence, ==, 3000);
    g_assert_cmpuint(pass(third, true, 501, 3001, TCP_ACK).ack, ==, 7001);
}

static void test_inherited_too_many(void)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(2);
    g_autoptr(GArray) translations = g_array_new(FALSE, FALSE, sizeof(TcpTranslation));

    for (uint16_t i = 1; i <= 3; i++) {
        TcpTranslation translation = { .key = { .low_port = i }, .delta = i };
        g_array_append_val(translations, translation);
    }
    tcp_rewriter_checkpoint(r, translations);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 2);
    g_autoptr(GArray) kept = tcp_rewriter_translations(r);
    g_assert_cmpuint(kept->len, ==, 2);
    g_assert_cmpuint(g_array_index(kept, TcpTranslation, 0).delta, ==, 1);
}

/* ---- timestamps ---- */

#define PRIMARY_CLOCK   UINT32_C(0xffffff00)
#define SECONDARY_CLOCK UINT32_C(7000)

static PacketTcp pass_stamped(TcpRewriter *rewriter, bool to_guest, uint32_t sequence, uint32_t ack,
                              uint8_t flags, uint32_t timestamp, uint32_t echo)
{
    uint8_t options[12] = { 1, 8, 10 }; /* at an odd offset */

    store_be32(options + 3, timestamp);
    store_be32(options + 7, echo);
    return pass_options(rewriter, to_guest, sequence, ack, flags, options);
}

/*
 * A client sees the primary's clock go on: its echoes reach the guest on the guest's own clock.
 * With @secondary equal to @primary only the clocks differ.
 */
static void check_timestamps(uint32_t primary, uint32_t secondary)
{
    g_autoptr(TcpRewriter) r = tcp_rewriter_new(10);

    pass_stamped(r, true, 70, 0, TCP_SYN, 1, 0);
    pass_stamped(r, false, secondary, 71, TCP_SYN | TCP_ACK, SECONDARY_CLOCK, 1);
    PacketTcp in = pass_stamped(r, true, 71, primary + 1, TCP_ACK, 2, PRIMARY_CLOCK);
    g_assert_cmpuint(in.ack, ==, secondary + 1);
    g_assert_cmpuint(in.timestamp, ==, 2);
    g_assert_cmpuint(in.timestamp_echo, ==, SECONDARY_CLOCK);
    PacketTcp out = pass_stamped(r, false, secondary + 1, 74, TCP_ACK, SECONDARY_CLOCK + 300, 2);
    g_assert_cmpuint(out.sequence, ==, primary + 1);
    g_assert_cmpuint(out.timestamp, ==, PRIMARY_CLOCK + 300);
    g_assert_cmpuint(out.timestamp_echo, ==, 2);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 1);
    g_autoptr(TcpRewriter) second = new_secondary(r);
    out = pass_stamped(second, false, secondary + 1, 74, TCP_ACK, SECONDARY_CLOCK + 300, 2);
    g_assert_cmpuint(out.timestamp, ==, PRIMARY_CLOCK + 300);
    tcp_rewriter_checkpoint(r, NULL);
    out = pass_stamped(r, false, primary + 4, 74, TCP_ACK, PRIMARY_CLOCK + 301, 2);
    g_assert_cmpuint(out.timestamp, ==, PRIMARY_CLOCK + 301);
    g_assert_cmpuint(tcp_rewriter_translated(r), ==, 0);
}

static void test_timestamps(void)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        v6 = ipv6;
        check_timestamps(PRIMARY, SECONDARY);
        check_timestamps(PRIMARY, PRIMARY);
    }
    v6 = false;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/tcp-rewrite/passive", test_passive_open);
    g_test_add_func("/net/tcp-rewrite/primary-ahead", test_primary_ahead);
    g_test_add_func("/net/tcp-rewrite/active", test_active_open);
    g_test_add_func("/net/tcp-rewrite/checkpoint", test_checkpoint_and_unknown);
    g_test_add_func("/net/tcp-rewrite/after-failover", test_open_after_failover);
    g_test_add_func("/net/tcp-rewrite/foreign-syn", test_foreign_syn);
    g_test_add_func("/net/tcp-rewrite/port-reuse", test_port_reuse);
    g_test_add_func("/net/tcp-rewrite/syn-repeated-after-checkpoint",
                    test_syn_repeated_after_checkpoint);
    g_test_add_func("/net/tcp-rewrite/active-answered-before", test_active_open_answered_before);
    g_test_add_func("/net/tcp-rewrite/reset", test_reset);
    g_test_add_func("/net/tcp-rewrite/failover", test_failover);
    g_test_add_func("/net/tcp-rewrite/inherited", test_inherited);
    g_test_add_func("/net/tcp-rewrite/inherited-reopened", test_inherited_reopened);
    g_test_add_func("/net/tcp-rewrite/inherited-too-many", test_inherited_too_many);
    g_test_add_func("/net/tcp-rewrite/timestamps", test_timestamps);
    return g_test_run();
}
