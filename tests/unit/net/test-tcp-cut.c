/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The matched beginning of a long held segment leaves before the rest. What the client gets is,
 * segment for segment, what it would have got of the whole.
 */
#include <string.h>

#include "frame.h"
#include "net/checksum.h"
#include "net/compare.h"
#include "util/bytes.h"

#define PAYLOAD_SIZE 5000
#define GSO_SIZE     1000
#define SEQUENCE     (UINT32_MAX - 1500) /* wraps within the frame */
#define HELD_BYTES   1000000

enum {
    TCP_CHECKSUM = 16,
    TCP_FLAG_CWR = 0x80,
};

typedef GByteArray Frame;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, g_byte_array_unref)

typedef struct Client {
    Comparator *comparator;
    GPtrArray *segments; /* Frame: what has left, cut as the card would */
    unsigned frames;     /* that it left in */
    VnetHeader header;   /* of the last one */
    unsigned asked;
} Client;

static void on_segment(const NetFrame *frame, void *opaque)
{
    Frame *bytes = g_byte_array_new();

    g_assert_true(vnet_header_is_plain(&frame->header));
    g_byte_array_set_size(bytes, net_frame_size(frame));
    net_frame_copy(frame, 0, bytes->data, bytes->len);
    g_ptr_array_add(opaque, bytes);
}

static void on_release(const NetFrame *frame, void *opaque)
{
    Client *client = opaque;

    client->frames++;
    client->header = frame->header;
    g_assert_true(net_offload_resolve(frame, 0, on_segment, client->segments));
}

static void on_ask(CheckpointReason reason, void *opaque)
{
    ((Client *)opaque)->asked++;
}

static GPtrArray *segments_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
}

static void client_init(Client *client, bool whole)
{
    static const ComparatorOps ops = { on_release, on_ask };
    const ComparatorConfig config = { .connections = 4,
                                      .queue_frames = 100,
                                      .held_bytes = HELD_BYTES,
                                      .timeout = 100,
                                      .whole = whole };

    *client = (Client){ .segments = segments_new() };
    client->comparator = comparator_new(&config, &ops, client);
    comparator_set_running(client->comparator, true);
}

static void client_clear(Client *client)
{
    comparator_free(client->comparator);
    g_ptr_array_unref(client->segments);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Client, client_clear)

static const uint8_t *payload(void)
{
    static uint8_t bytes[PAYLOAD_SIZE + 1];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 31 >> 3);
    }
    return bytes;
}

/* Timestamps, so that the TCP header has a length of its own. */
static const uint8_t options[] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };

static FrameSpec spec_of(bool ipv6, uint16_t vlan)
{
    return (FrameSpec){
        .ipv6 = ipv6,
        .vlan = vlan,
        .protocol = PROTOCOL_TCP,
        .source = 1,
        .destination = 2,
        .source_port = 80,
        .destination_port = 50000,
        .sequence = SEQUENCE,
        .ack = 77,
        .flags = TCP_ACK | TCP_PSH | TCP_FIN | TCP_FLAG_CWR,
        .options = options,
        .options_size = sizeof(options),
        .ip_id = 0xfffe,
        .payload = payload(),
        .payload_size = PAYLOAD_SIZE,
    };
}

/* As a guest leaves it to the card: a pseudo-header's sum in place of the checksum. */
static Frame *large_frame(const FrameSpec *spec, VnetHeader *header)
{
    Frame *frame = frame_new(spec);
    Packet packet = frame_parse(frame);
    size_t address = spec->ipv6 ? 16 : 4;
    uint32_t sum = checksum_add(0, packet.source, address);

    sum = checksum_add(sum, packet.destination, address);
    sum += PROTOCOL_TCP + packet.size - packet.transport_offset;
    store_be16(frame->data + packet.transport_offset + TCP_CHECKSUM, ~checksum_finish(sum));
    *header = (VnetHeader){ .flags = VNET_FLAG_NEEDS_CHECKSUM,
                            .gso_type = (spec->ipv6 ? VNET_GSO_TCPV6 : VNET_GSO_TCPV4) |
                                        (spec->flags & TCP_FLAG_CWR ? VNET_GSO_ECN : 0),
                            .header_length = 2000, /* a hint, as wrong as it may be */
                            .gso_size = GSO_SIZE,
                            .checksum_start = packet.transport_offset,
                            .checksum_offset = TCP_CHECKSUM };
    return frame;
}

static void send_primary(Client *client, const Frame *frame, const VnetHeader *header)
{
    struct iovec iov = { frame->data, frame->len };

    comparator_primary_frames(client->comparator,
                              &(NetFrame){ .header = *header, .iov = &iov, .iov_count = 1 }, 1, 0);
}

/*
 * The secondary's guest says the bytes [from, to) of the same stream; @change one of them. Its
 * @flags count; a FIN only behind the last byte.
 */
static void send_secondary(Client *client, FrameSpec spec, uint32_t from, uint32_t to, bool change)
{
    g_autofree uint8_t *bytes = g_memdup2(payload() + from, to - from);

    bytes[0] ^= change;
    spec.sequence += from;
    spec.payload = bytes;
    spec.payload_size = to - from;
    spec.flags &= to == PAYLOAD_SIZE ? 0xff : ~TCP_FIN;
    g_autoptr(Frame) frame = frame_new(&spec);
    struct iovec iov = { frame->data, frame->len };
    comparator_secondary_frames(client->comparator, &(NetFrame){ .iov = &iov, .iov_count = 1 }, 1,
                                0);
}

/* The segments from @first on are those that the card would have made of @whole. */
static void assert_cut_as(const Client *client, unsigned first, const Frame *whole,
                          const VnetHeader *header)
{
    g_autoptr(GPtrArray) expected = segments_new();
    struct iovec iov = { whole->data, whole->len };

    g_assert_true(net_offload_resolve(&(NetFrame){ *header, &iov, 1 }, 0, on_segment, expected));
    g_assert_cmpuint(client->segments->len, ==, first + expected->len);
    for (unsigned i = 0; i < expected->len; i++) {
        const Frame *segment = client->segments->pdata[first + i];
        const Frame *other = expected->pdata[i];
        Packet packet = frame_parse(segment);
        g_assert_cmpmem(segment->data, segment->len, other->data, other->len);
        g_assert_cmphex(load_be16(segment->data + packet.transport_offset + TCP_CHECKSUM), ==,
                        checksum_transport(&packet, TCP_CHECKSUM));
    }
}

static void assert_nothing_held(const Client *client)
{
    ComparatorStatistics statistics = comparator_statistics(client->comparator);

    g_assert_cmpuint(statistics.held_frames, ==, 0);
    g_assert_cmpuint(statistics.held_bytes, ==, 0);
}

/* ---- rules ---- */

/* One frame of the primary, and the client that is to get it. */
typedef struct Case {
    Client client;
    FrameSpec spec;
    VnetHeader header;
    Frame *frame;
} Case;

static void case_init(Case *self, bool ipv6, uint16_t vlan)
{
    client_init(&self->client, false);
    self->spec = spec_of(ipv6, vlan);
    self->frame = large_frame(&self->spec, &self->header);
}

static void case_clear(Case *self)
{
    client_clear(&self->client);
    g_byte_array_unref(self->frame);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, case_clear)

static void primary(Case *self)
{
    send_primary(&self->client, self->frame, &self->header);
}

static void secondary(Case *self, uint32_t from, uint32_t to)
{
    FrameSpec spec = self->spec;

    spec.flags &= ~TCP_PSH;
    send_secondary(&self->client, spec, from, to, false);
}

static void assert_segments(const Case *self, unsigned count)
{
    g_assert_cmpuint(self->client.segments->len, ==, count);
}

/* All has left, as the card would have cut it. */
static void assert_all(const Case *self)
{
    assert_cut_as(&self->client, 0, self->frame, &self->header);
    assert_nothing_held(&self->client);
}

static void check_parts(bool ipv6, uint16_t vlan)
{
    g_auto(Case) t;
    const VnetHeader *header = &t.client.header;

    case_init(&t, ipv6, vlan);
    primary(&t);
    secondary(&t, 0, 999);
    assert_segments(&t, 0); /* less than one segment */
    secondary(&t, 999, 1500);
    assert_segments(&t, 1);
    g_assert_cmpint(header->gso_type, ==, VNET_GSO_NONE);
    g_assert_cmpint(header->flags, ==, VNET_FLAG_NEEDS_CHECKSUM);
    secondary(&t, 1500, 3100);
    assert_segments(&t, 3);
    g_assert_cmpint(header->gso_type, ==, ipv6 ? VNET_GSO_TCPV6 : VNET_GSO_TCPV4);
    g_assert_cmpuint(header->header_length, <, 200);
    ComparatorStatistics statistics = comparator_statistics(t.client.comparator);
    g_assert_cmpuint(statistics.held_bytes, >=, t.frame->len);
    g_assert_cmpuint(statistics.matched, ==, 0);
    secondary(&t, 3100, PAYLOAD_SIZE);
    assert_all(&t);
    g_assert_cmpuint(t.client.frames, ==, 3);
    g_assert_cmpuint(t.client.asked, ==, 0);
    statistics = comparator_statistics(t.client.comparator);
    g_assert_cmpuint(statistics.cut, ==, 2);
    g_assert_cmpuint(statistics.matched, ==, 1);
}

static void test_parts(void)
{
    for (unsigned variant = 0; variant < 4; variant++) {
        check_parts(variant & 1, variant & 2 ? 7 : 0);
    }
}

/* The secondary was first: the beginning leaves when the primary's frame comes. */
static void test_secondary_first(void)
{
    g_auto(Case) t;

    case_init(&t, false, 0);
    secondary(&t, 0, 2500);
    primary(&t);
    assert_segments(&t, 2);
    secondary(&t, 2500, PAYLOAD_SIZE);
    assert_all(&t);
}

/* A FIN that was not matched keeps the last segment, which is to carry it. */
static void test_fin_stays_with_data(void)
{
    g_auto(Case) t;

    case_init(&t, true, 0);
    primary(&t);
    t.spec.flags &= ~TCP_FIN;
    secondary(&t, 0, PAYLOAD_SIZE);
    assert_segments(&t, 4);
    t.spec.flags |= TCP_FIN;
    secondary(&t, PAYLOAD_SIZE - 1, PAYLOAD_SIZE);
    assert_all(&t);
}

static void test_ack_rule(void)
{
    g_auto(Case) t;

    case_init(&t, false, 0);
    primary(&t);
    t.spec.ack--;
    secondary(&t, 0, 3000);
    assert_segments(&t, 0);
    t.spec.ack++;
    secondary(&t, 0, 1);
    assert_segments(&t, 3);
}

/* What differs behind the part that has left is found, and a checkpoint lets the rest go. */
static void test_difference_in_rest(void)
{
    g_auto(Case) t;

    case_init(&t, false, 0);
    primary(&t);
    secondary(&t, 0, 2000);
    assert_segments(&t, 2);
    send_secondary(&t.client, t.spec, 2000, 3000, true);
    secondary(&t, 3000, PAYLOAD_SIZE);
    g_assert_cmpuint(t.client.asked, ==, 1);
    assert_segments(&t, 2);
    comparator_checkpoint(t.client.comparator);
    assert_all(&t);
    g_assert_cmpuint(t.client.frames, ==, 2);
}

/* A retransmission of what has left goes, and takes along what was matched behind it. */
static void test_repetition(void)
{
    g_auto(Case) t;
    FrameSpec spec;
    VnetHeader header;

    case_init(&t, false, 0);
    primary(&t);
    secondary(&t, 0, 2000);
    assert_segments(&t, 2);
    spec = t.spec;
    spec.payload_size = 1500;
    spec.flags = TCP_ACK;
    g_autoptr(Frame) matched = large_frame(&spec, &header);
    send_primary(&t.client, matched, &header);
    assert_cut_as(&t.client, 2, matched, &header);
    spec.payload_size = 2500;
    g_autoptr(Frame) longer = large_frame(&spec, &header);
    send_primary(&t.client, longer, &header);
    assert_segments(&t, 6);
    secondary(&t, 2000, PAYLOAD_SIZE);
    assert_segments(&t, 10);
    assert_nothing_held(&t.client);
}

static void test_timeout_counts_from_arrival(void)
{
    g_auto(Case) t;

    case_init(&t, false, 0);
    primary(&t);
    comparator_expire(t.client.comparator, 99);
    secondary(&t, 0, 2000);
    g_assert_cmpuint(t.client.asked, ==, 0);
    comparator_expire(t.client.comparator, 100);
    g_assert_cmpuint(t.client.asked, ==, 1);
}

/*
 * The secondary ends a short segment, behind which Nagle's algorithm may make it wait: it leaves,
 * of long frames and of others, whoever is to compute the checksum.
 */
static void check_short(bool large, bool partial, bool secondary_first)
{
    g_auto(Case) t;

    case_init(&t, false, 0);
    t.header.gso_type = large ? VNET_GSO_TCPV4 : VNET_GSO_NONE;
    t.header.flags = partial ? VNET_FLAG_NEEDS_CHECKSUM : 0;
    if (!secondary_first) {
        primary(&t);
    }
    send_secondary(&t.client, t.spec, 0, 1201, false);
    if (secondary_first) {
        primary(&t);
    }
    assert_segments(&t, large ? 2 : 1);
    secondary(&t, 1201, PAYLOAD_SIZE);
    assert_segments(&t, large ? 6 : 2);
    uint32_t at = 0;
    for (unsigned i = 0; i < t.client.segments->len; i++) {
        const Frame *segment = t.client.segments->pdata[i];
        Packet packet = frame_parse(segment);
        bool last = i + 1 == t.client.segments->len;
        g_assert_cmpuint(packet.tcp.sequence, ==, (uint32_t)(SEQUENCE + at));
        g_assert_cmpmem(packet_payload(&packet), packet.payload_size, payload() + at,
                        packet.payload_size);
        g_assert_cmphex(load_be16(segment->data + packet.transport_offset + TCP_CHECKSUM), ==,
                        checksum_transport(&packet, TCP_CHECKSUM));
        g_assert_cmphex(load_be16(segment->data + packet.network_offset + 4), ==,
                        (uint16_t)(0xfffe + i));
        g_assert_cmpint(!!(packet.tcp.flags & TCP_FIN), ==, last);
        g_assert_cmpint(!!(packet.tcp.flags & TCP_PSH), ==, last);
        at += packet.payload_size;
    }
    g_assert_cmpuint(at, ==, PAYLOAD_SIZE);
    assert_nothing_held(&t.client);
}

static void test_short(void)
{
    for (unsigned first = 0; first < 2; first++) {
        check_short(true, true, first);
        check_short(false, true, first);
        check_short(false, false, first);
    }
}

/* Frames that stay whole: the owner wants it, or the vnet header is not as it should be. */
static void test_whole(void)
{
    FrameSpec spec = spec_of(false, 0);
    VnetHeader right;
    g_autoptr(Frame) large = large_frame(&spec, &right);

    for (unsigned variant = 0; variant < 8; variant++) {
        g_auto(Client) c;
        VnetHeader header = right;
        spec.flags = TCP_ACK | (variant == 4 ? TCP_URG : 0);
        g_autoptr(Frame) frame = frame_new(&spec);
        header.flags = variant == 1 ? 0 : header.flags;
        header.gso_type = variant == 2 ? VNET_GSO_TCPV6 : header.gso_type;
        header.gso_size = variant == 3 ? 0 : header.gso_size;
        header.checksum_start += variant == 5;
        header.checksum_offset -= variant == 6;
        header.gso_type = variant == 7 ? VNET_GSO_NONE : header.gso_type;
        client_init(&c, variant == 0);
        send_primary(&c, frame, &header);
        spec.flags = variant == 7 ? TCP_ACK : TCP_ACK | TCP_PSH;
        send_secondary(&c, spec, 0, 4999, false);
        g_assert_cmpuint(c.frames, ==, 0);
        g_assert_cmpuint(comparator_statistics(c.comparator).held_frames, ==, 1);
    }
}

/* ---- two stacks that wait for acknowledgements ---- */

#define STREAM 200000 /* bytes */

/* Bytes of the stream. A stack may be `window` ahead of what the client has acknowledged. */
typedef struct Stack {
    uint32_t written, sent, window, largest;
    uint32_t short_end; /* of the last segment that was no whole one */
} Stack;

typedef struct Flow {
    Client client;
    GRand *rand;
    Stack stacks[2]; /* of the secondary and the primary */
    const uint8_t *bytes;
    uint32_t received; /* by the client, in order */
    uint32_t message;  /* the end of what may be written before the client has all of it */
} Flow;

/* The programs write what there is, each in pieces of its own. */
static void write_some(Flow *flow, Stack *stack)
{
    uint32_t size = g_rand_int_range(flow->rand, 1, 70000);

    stack->written += MIN(size, flow->message - stack->written);
}

/* What may be sent now: whole segments, and less than one when no such is unacknowledged. */
static uint32_t sendable(const Flow *flow, const Stack *stack)
{
    uint32_t window = flow->received + stack->window;
    uint32_t size = MIN(stack->written, window) - stack->sent;
    bool short_waits = stack->short_end > flow->received;

    return window < stack->written || short_waits ? size / GSO_SIZE * GSO_SIZE : size;
}

/* Send one frame, if the stack may. */
static bool send_next(Flow *flow, bool primary)
{
    Stack *stack = &flow->stacks[primary];
    uint32_t most = sendable(flow, stack);
    uint32_t size = MIN(most, stack->largest);
    FrameSpec spec = spec_of(false, 0);
    VnetHeader header;

    if (size == 0) {
        return false;
    }
    spec.sequence += stack->sent;
    spec.flags = TCP_ACK | (stack->sent + size == stack->written ? TCP_PSH : 0);
    spec.payload = flow->bytes + stack->sent;
    spec.payload_size = size;
    stack->sent += size;
    stack->short_end = size % GSO_SIZE ? stack->sent : stack->short_end;
    g_autoptr(Frame) frame = large_frame(&spec, &header);
    if (size <= GSO_SIZE) {
        header.gso_type = VNET_GSO_NONE;
        header.gso_size = 0;
    }
    struct iovec iov = { frame->data, frame->len };
    NetFrame net_frame = { header, &iov, 1 };
    if (primary) {
        comparator_primary_frames(flow->client.comparator, &net_frame, 1, 0);
    } else {
        comparator_secondary_frames(flow->client.comparator, &net_frame, 1, 0);
    }
    return true;
}

/* The client takes what has left: no gap, nothing twice, nothing else. */
static void receive_all(Flow *flow)
{
    for (unsigned i = 0; i < flow->client.segments->len; i++) {
        Packet packet = frame_parse(flow->client.segments->pdata[i]);
        g_assert_cmpuint(packet.tcp.sequence, ==, (uint32_t)(SEQUENCE + flow->received));
        g_assert_cmpmem(packet_payload(&packet), packet.payload_size, flow->bytes + flow->received,
                        packet.payload_size);
        flow->received += packet.payload_size;
    }
    g_ptr_array_set_size(flow->client.segments, 0);
}

/* One message of the server; neither stack may ever have to wait for a timeout. */
static void run_message(Flow *flow)
{
    while (flow->received < flow->message) {
        Stack *stacks = flow->stacks;
        bool first = g_rand_boolean(flow->rand);
        bool done = stacks[0].written == flow->message && stacks[1].written == flow->message;
        if (g_rand_int_range(flow->rand, 0, 3) == 0) {
            write_some(flow, &stacks[first]);
        }
        bool sent = send_next(flow, first) || send_next(flow, !first);
        receive_all(flow);
        if (done && !sent && flow->received < flow->message) {
            g_error("nobody can go on: %u received, %u and %u of %u sent", flow->received,
                    stacks[1].sent, stacks[0].sent, flow->message);
        }
    }
}

static void run_flow(Flow *flow)
{
    while (flow->received < STREAM) {
        uint32_t size = g_rand_int_range(flow->rand, 1, g_rand_boolean(flow->rand) ? 5000 : STREAM);
        flow->message = MIN(STREAM, flow->received + size);
        run_message(flow);
    }
}

static void test_windows(void)
{
    g_autofree uint8_t *bytes = g_malloc(STREAM);
    g_autoptr(GRand) rand = g_rand_new_with_seed(33);

    for (uint32_t i = 0; i < STREAM; i++) {
        bytes[i] = g_rand_int(rand);
    }
    for (unsigned round = 0; round < 40; round++) {
        Flow flow = { .rand = rand, .bytes = bytes };
        client_init(&flow.client, false);
        for (unsigned side = 0; side < 2; side++) {
            flow.stacks[side].window = g_rand_int_range(rand, GSO_SIZE, 70000);
            flow.stacks[side].largest = g_rand_int_range(rand, 1, 65) * GSO_SIZE;
        }
        run_flow(&flow);
        g_assert_cmpuint(flow.client.asked, ==, 0);
        assert_nothing_held(&flow.client);
        client_clear(&flow.client);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net/tcp-cut/parts", test_parts);
    g_test_add_func("/net/tcp-cut/secondary-first", test_secondary_first);
    g_test_add_func("/net/tcp-cut/fin-stays-with-data", test_fin_stays_with_data);
    g_test_add_func("/net/tcp-cut/ack-rule", test_ack_rule);
    g_test_add_func("/net/tcp-cut/difference-in-rest", test_difference_in_rest);
    g_test_add_func("/net/tcp-cut/repetition", test_repetition);
    g_test_add_func("/net/tcp-cut/timeout", test_timeout_counts_from_arrival);
    g_test_add_func("/net/tcp-cut/short", test_short);
    g_test_add_func("/net/tcp-cut/whole", test_whole);
    g_test_add_func("/net/tcp-cut/windows", test_windows);
    return g_test_run();
}
