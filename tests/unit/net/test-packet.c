/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The frame parser: what is understood, what is refused and why, nothing read out of bounds. */
#include <string.h>

#include "frame.h"
#include "net/checksum.h"
#include "util/bytes.h"

typedef GByteArray Frame;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, g_byte_array_unref)

static const uint8_t tcp_options[] = { 2, 4, 5, 0xb4, 3, 3, 7, 1, 8, 10, 0, 0,  1, 2, 0, 0,
                                       3, 4, 5, 10,   0, 0, 0, 9, 0, 0,  0, 12, 0, 0, 0, 0 };
static const FrameSpec tcp4 = { .protocol = PROTOCOL_TCP,
                                .source = 1,
                                .destination = 2,
                                .source_port = 80,
                                .destination_port = 40000,
                                .sequence = 7,
                                .ack = 9,
                                .flags = TCP_ACK,
                                .window = 512,
                                .payload = "hello",
                                .payload_size = 5 };

static PacketStatus status_of(const Frame *frame)
{
    /* A copy of the exact size, so that a sanitizer sees a read past the end. */
    g_autofree uint8_t *copy = g_memdup2(frame->data, frame->len);
    Packet packet;
    return packet_parse(&packet, copy, frame->len);
}

static void assert_refused(const Frame *frame, PacketStatus expected)
{
    g_assert_cmpstr(packet_status_text(status_of(frame)), ==, packet_status_text(expected));
}

static void test_tcp(void)
{
    for (int v6 = 0; v6 < 2; v6++) {
        FrameSpec spec = tcp4;
        spec.ipv6 = v6;
        spec.vlan = 5;
        spec.options = tcp_options;
        spec.options_size = sizeof(tcp_options);
        g_autoptr(Frame) frame = frame_new(&spec);
        Packet p = frame_parse(frame);
        g_assert_cmpint(p.kind, ==, PACKET_TCP);
        g_assert_cmpint(p.ip_version, ==, v6 ? 6 : 4);
        g_assert_cmpint(p.vlan_count, ==, 1);
        g_assert_cmpint(p.vlan_id[0], ==, 5);
        g_assert_cmpint(p.source[v6 ? 15 : 3], ==, 1);
        g_assert_cmpint(p.destination_port, ==, 40000);
        g_assert_cmpuint(p.tcp.sequence, ==, 7);
        g_assert_cmpuint(p.tcp.mss, ==, 0x5b4);
        g_assert_cmpuint(p.tcp.window_scale, ==, 7);
        g_assert_cmpuint(p.tcp.timestamp_echo, ==, 0x304);
        g_assert_cmpuint(p.tcp.sack_count, ==, 1);
        g_assert_cmpuint(p.tcp.sack[0].end, ==, 12);
        g_assert_cmpmem(packet_payload(&p), p.payload_size, "hello", 5);
    }
}

static void test_padding_is_no_payload(void)
{
    g_autoptr(Frame) frame = frame_new(&tcp4);
    g_byte_array_append(frame, (const uint8_t *)"\0\0\0\0", 4);
    Packet p = frame_parse(frame);
    g_assert_cmpmem(packet_payload(&p), p.payload_size, "hello", 5);
}

static void test_udp_and_icmp(void)
{
    FrameSpec spec = tcp4;
    spec.protocol = PROTOCOL_UDP;
    g_autoptr(Frame) udp = frame_new(&spec);
    Packet p = frame_parse(udp);
    g_assert_cmpint(p.kind, ==, PACKET_UDP);
    g_assert_cmpmem(packet_payload(&p), p.payload_size, "hello", 5);

    spec.protocol = PROTOCOL_ICMP;
    spec.payload = "\x08\0\0\0\x12\x34\0\1ping";
    spec.payload_size = 12;
    g_autoptr(Frame) icmp = frame_new(&spec);
    p = frame_parse(icmp);
    g_assert_cmpint(p.kind, ==, PACKET_ICMP);
    g_assert_cmpint(p.source_port, ==, 0x1234);
    g_assert_cmpint(p.payload_size, ==, 12);
}

static void test_ipv6_extensions(void)
{
    /* Hop-by-hop, then an atomic fragment header, then UDP. */
    static const uint8_t chain[] = { 44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0,  0,
                                     0,  0, 1, 0, 7, 0, 8, 0, 9,  0, 0, 'x' };
    FrameSpec spec = {
        .ipv6 = true, .protocol = 0, .payload = chain, .payload_size = sizeof(chain)
    };
    g_autoptr(Frame) frame = frame_new(&spec);
    Packet p = frame_parse(frame);
    g_assert_cmpint(p.kind, ==, PACKET_UDP);
    g_assert_cmpint(p.destination_port, ==, 8);
    g_assert_cmpmem(packet_payload(&p), p.payload_size, "x", 1);

    frame->data[14 + 40 + 8 + 3] = 1; /* now more fragments follow; 9 bytes are no multiple of 8 */
    assert_refused(frame, PACKET_FRAGMENT_ALIGNMENT);
    g_byte_array_set_size(frame, frame->len - 1);
    store_be16(frame->data + 18, sizeof(chain) - 1);
    p = frame_parse(frame);
    g_assert_cmpint(p.kind, ==, PACKET_FRAGMENT);
    g_assert_cmpuint(p.fragment.id, ==, 1);
    g_assert_cmpuint(p.fragment.next_header_offset, ==, 14 + 40);
}

static void test_arp_and_other(void)
{
    static const uint8_t arp[42] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };
    Packet p;
    g_assert_cmpint(packet_parse(&p, arp, sizeof(arp)), ==, PACKET_OK);
    g_assert_cmpint(p.kind, ==, PACKET_ARP);
    g_assert_cmpint(packet_parse(&p, arp, sizeof(arp) - 1), ==, PACKET_ARP_SHORT);

    static const uint8_t lldp[20] = { [12] = 0x88, 0xcc, 1, 2 };
    g_assert_cmpint(packet_parse(&p, lldp, sizeof(lldp)), ==, PACKET_OK);
    g_assert_cmpint(p.kind, ==, PACKET_OTHER);
    g_assert_cmpuint(p.payload_size, ==, 6);
}

typedef struct Damage {
    unsigned offset;
    uint8_t value;
    PacketStatus expected;
} Damage;

static void check_damage(const FrameSpec *spec, const Damage *damages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_autoptr(Frame) frame = frame_new(spec);
        g_assert_cmpint(status_of(frame), ==, PACKET_OK);
        frame->data[damages[i].offset] = damages[i].value;
        assert_refused(frame, damages[i].expected);
    }
}

static void test_refusals(void)
{
    static const Damage ipv4[] = {
        { 14, 0x65, PACKET_IPV4_VERSION },       { 14, 0x44, PACKET_IPV4_HEADER_LENGTH },
        { 17, 19, PACKET_IPV4_TOTAL_LENGTH },    { 16, 1, PACKET_IPV4_TRUNCATED },
        { 14, 0x46, PACKET_IPV4_OPTION },        { 17, 20 + 19, PACKET_TCP_SHORT },
        { 46, 0x40, PACKET_TCP_HEADER_LENGTH },  { 46, 0xf0, PACKET_TCP_HEADER_LENGTH },
        { 20, 0x20, PACKET_FRAGMENT_ALIGNMENT },
    };
    FrameSpec spec = tcp4;
    spec.source_port = 0x0700; /* as an IPv4 option: record route without a length */
    check_damage(&spec, ipv4, G_N_ELEMENTS(ipv4));

    spec.options = tcp_options;
    spec.options_size = sizeof(tcp_options);
    static const Damage options[] = { { 55, 1, PACKET_TCP_OPTION },
                                      { 55, 5, PACKET_TCP_OPTION },
                                      { 59, 4, PACKET_TCP_OPTION },
                                      { 63, 200, PACKET_TCP_OPTION },
                                      { 73, 11, PACKET_TCP_SACK } };
    check_damage(&spec, options, G_N_ELEMENTS(options));

    static const Damage ipv6[] = { { 14, 0x40, PACKET_IPV6_VERSION },
                                   { 18, 1, PACKET_IPV6_TRUNCATED },
                                   { 20, 60, PACKET_IPV6_EXTENSION_SHORT } };
    spec = tcp4;
    spec.ipv6 = true;
    spec.source_port = 0x06ff;
    check_damage(&spec, ipv6, G_N_ELEMENTS(ipv6));

    spec = tcp4;
    spec.protocol = PROTOCOL_UDP;
    static const Damage udp[] = { { 17, 27, PACKET_UDP_SHORT },
                                  { 39, 7, PACKET_UDP_LENGTH },
                                  { 39, 14, PACKET_UDP_LENGTH },
                                  { 20, 0x3f, PACKET_FRAGMENT_ALIGNMENT } };
    check_damage(&spec, udp, G_N_ELEMENTS(udp));
}

static void test_short_and_long(void)
{
    g_autofree uint8_t *bytes = g_malloc0(PACKET_MAX_SIZE + 1);
    Packet p;
    g_assert_cmpint(packet_parse(&p, bytes, 13), ==, PACKET_ETHERNET_SHORT);
    g_assert_cmpint(packet_parse(&p, bytes, PACKET_MAX_SIZE + 1), ==, PACKET_FRAME_TOO_LONG);
    g_assert_cmpint(packet_parse(&p, bytes, PACKET_MAX_SIZE), ==, PACKET_OK);
    for (unsigned i = 12; i < 24; i += 4) {
        store_be16(bytes + i, ETHERTYPE_VLAN_VALUE);
    }
    g_assert_cmpint(packet_parse(&p, bytes, 17), ==, PACKET_VLAN_SHORT);
    g_assert_cmpint(packet_parse(&p, bytes, 60), ==, PACKET_VLAN_DEPTH);

    /* A last fragment at the highest offset with more than 7 bytes. */
    g_autoptr(Frame) whole = frame_new(&tcp4);
    g_autoptr(Frame) last = frame_fragment(whole, 1, 0, 8, false);
    store_be16(last->data + 20, 0x1fff);
    assert_refused(last, PACKET_FRAGMENT_RANGE);
    store_be16(last->data + 16, 20);
    assert_refused(last, PACKET_FRAGMENT_EMPTY);
}

static void test_too_many_extensions(void)
{
    uint8_t chain[8 * (PACKET_MAX_EXTENSIONS + 1)] = { 0 };
    for (unsigned i = 0; i < sizeof(chain); i += 8) {
        chain[i] = 60;
    }
    FrameSpec spec = {
        .ipv6 = true, .protocol = 60, .payload = chain, .payload_size = sizeof(chain)
    };
    g_autoptr(Frame) frame = frame_new(&spec);
    assert_refused(frame, PACKET_IPV6_EXTENSION_COUNT);
}

static void test_every_status_has_its_text(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (PacketStatus i = 0; i < PACKET_STATUS_COUNT; i++) {
        g_assert_true(g_hash_table_add(seen, (void *)packet_status_text(i)));
    }
}

static void assert_within(const Packet *p)
{
    g_assert_cmpuint(p->network_offset, <=, p->size);
    g_assert_cmpuint(p->payload_offset, <=, p->size);
    g_assert_cmpuint(p->payload_size, <=, p->size - p->payload_offset);
    for (unsigned i = 0; i < p->tcp.sack_count; i++) {
        g_assert_cmpuint(p->tcp.sack[i].offset + 8, <=, p->payload_offset);
    }
}

/* Damaged and cut frames: either refused, or all that is said of them lies in the frame. */
static void test_damaged_frames(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20240);
    unsigned accepted = 0;

    for (unsigned round = 0; round < 60000; round++) {
        FrameSpec spec = tcp4;
        spec.ipv6 = round & 1;
        spec.protocol =
            (const uint8_t[]){ 6, 17, 1, 58, 0, 44, 60, 43 }[g_rand_int_range(rand, 0, 8)];
        spec.options = tcp_options;
        spec.options_size = spec.protocol == 6 ? sizeof(tcp_options) : 0;
        g_autoptr(Frame) frame = frame_new(&spec);
        for (int i = g_rand_int_range(rand, 0, 6); i > 0; i--) {
            frame->data[g_rand_int_range(rand, 12, frame->len)] = g_rand_int(rand);
        }
        size_t size = g_rand_boolean(rand) ? frame->len : g_rand_int(rand) % frame->len;
        g_autofree uint8_t *copy = g_memdup2(frame->data, size);
        Packet p;
        if (packet_parse(&p, copy, size) == PACKET_OK) {
            accepted++;
            assert_within(&p);
        }
    }
    g_assert_cmpuint(accepted, >, 5000);
}

static void test_checksum_known(void)
{
    /* RFC 1071, section 3. */
    static const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
    g_assert_cmphex(checksum_finish(checksum_add(0, example, 8)), ==, 0x220d);
    /* RFC 1624, section 4: the case that the older equation gets wrong. */
    g_assert_cmphex(checksum_update16(0xdd2f, 0x5555, 0x3285), ==, 0x0000);
}

static void test_checksum_incremental(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1624);

    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        for (unsigned i = 0; i < sizeof(bytes); i++) {
            bytes[i] = g_rand_int(rand);
        }
        uint16_t before = checksum_finish(checksum_add(0, bytes, sizeof(bytes)));
        unsigned at = g_rand_int_range(rand, 0, 37);
        uint32_t old = load_be32(bytes + at);
        uint32_t value = g_rand_int(rand);
        store_be32(bytes + at, value);
        uint16_t after = checksum_finish(checksum_add(0, bytes, sizeof(bytes)));
        g_assert_cmphex(checksum_update32_at(before, old, value, at), ==, after);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/packet/tcp", test_tcp);
    g_test_add_func("/net/packet/padding", test_padding_is_no_payload);
    g_test_add_func("/net/packet/udp-icmp", test_udp_and_icmp);
    g_test_add_func("/net/packet/ipv6-extensions", test_ipv6_extensions);
    g_test_add_func("/net/packet/arp-other", test_arp_and_other);
    g_test_add_func("/net/packet/refusals", test_refusals);
    g_test_add_func("/net/packet/short-long", test_short_and_long);
    g_test_add_func("/net/packet/extension-count", test_too_many_extensions);
    g_test_add_func("/net/packet/texts", test_every_status_has_its_text);
    g_test_add_func("/net/packet/damaged", test_damaged_frames);
    g_test_add_func("/net/checksum/known", test_checksum_known);
    g_test_add_func("/net/checksum/incremental", test_checksum_incremental);
    return g_test_run();
}
