/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Announcements, on a clock that the test moves. */
#include "net/announce-internal.h"

#include <string.h>

#include "qapi/qapi-commands-net.h"
#include "system/main-loop.h"

typedef struct End {
    NetClient *nic, *backend;
    unsigned frames; /* that the back end got */
    unsigned asked;  /* times that the NIC was to let its guest announce */
    uint8_t last[ANNOUNCE_FRAME_SIZE];
} End;

static End ends[2];

/* ---- clients ---- */

static NetResult nic_receive(NetClient *client, const NetFrame *frame)
{
    return NET_DONE;
}

static void nic_announce(NetClient *client)
{
    ((End *)client->opaque)->asked++;
}

static NetResult backend_receive(NetClient *client, const NetFrame *frame)
{
    End *end = client->opaque;

    g_assert_cmpuint(net_frame_size(frame), ==, ANNOUNCE_FRAME_SIZE);
    g_assert_true(vnet_header_is_plain(&frame->header));
    net_frame_copy(frame, 0, end->last, sizeof(end->last));
    end->frames++;
    return NET_DONE;
}

static const NetClientOps nic_ops = { .type = "nic",
                                      .receive = nic_receive,
                                      .announce = nic_announce };
static const NetClientOps old_nic_ops = { .type = "nic", .receive = nic_receive };
static const NetClientOps backend_ops = { .type = "tap", .receive = backend_receive };

static void make_end(End *end, const NetClientOps *ops, const char *nic, const char *backend,
                     uint8_t last_byte)
{
    g_autoptr(GError) error = NULL;

    end->nic = net_client_new(ops, "test", nic, end, &error);
    end->backend = net_client_new(&backend_ops, "tap", backend, end, &error);
    g_assert_no_error(error);
    memcpy(end->nic->mac, (const uint8_t[6]){ 0x52, 0x54, 0, 0x12, 0x34, last_byte }, 6);
    net_client_connect(end->nic, end->backend);
}

static void forget(void)
{
    ends[0].frames = ends[1].frames = ends[0].asked = ends[1].asked = 0;
}

static void expect_frames(unsigned first, unsigned second)
{
    g_assert_cmpuint(ends[0].frames, ==, first);
    g_assert_cmpuint(ends[1].frames, ==, second);
}

static void advance_ms(int64_t ms)
{
    virtual_clock_advance_to_ns(clock_get_ns(CLOCK_TYPE_VIRTUAL) +
                                ms * NANOSECONDS_PER_MILLISECOND);
}

/* ---- tests ---- */

static void test_frame(void)
{
    /* RFC 903: Ethernet, IPv4, "request reverse", the same address as sender and as target. */
    static const uint8_t expected[ANNOUNCE_FRAME_SIZE] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x80,
        0x35, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x03, 0x52, 0x54, 0x00, 0x12,
        0x34, 0x56, 0x00, 0x00, 0x00, 0x00, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56,
    };
    uint8_t frame[ANNOUNCE_FRAME_SIZE];

    announce_frame((const uint8_t[6]){ 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 }, frame);
    g_assert_cmpmem(frame, sizeof(frame), expected, sizeof(expected));
}

static void test_waits(void)
{
    const AnnounceTiming timing = { .initial_ms = 50, .max_ms = 550, .rounds = 9, .step_ms = 100 };
    const AnnounceTiming extreme = { UINT32_MAX, 100, 2, UINT32_MAX };
    static const unsigned expected[] = { 50, 150, 250, 350, 450, 550, 550, 550 };

    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_assert_cmpuint(announce_wait_ms(&timing, i), ==, expected[i]);
    }
    g_assert_cmpuint(announce_wait_ms(&extreme, UINT32_MAX), ==, 100);
}

static void test_rounds(void)
{
    const AnnounceTiming timing = { .initial_ms = 50, .max_ms = 200, .rounds = 4, .step_ms = 100 };
    uint8_t frame[ANNOUNCE_FRAME_SIZE];

    forget();
    announce_begin("", NULL, &timing, CLOCK_TYPE_VIRTUAL);
    expect_frames(1, 1);
    advance_ms(49);
    expect_frames(1, 1);
    advance_ms(1);
    expect_frames(2, 2);
    advance_ms(149);
    expect_frames(2, 2);
    advance_ms(1);
    expect_frames(3, 3);
    advance_ms(199);
    expect_frames(3, 3);
    advance_ms(1);
    expect_frames(4, 4);
    advance_ms(100000);
    expect_frames(4, 4);
    /* The guest is asked where its driver can. */
    g_assert_cmpuint(ends[0].asked, ==, 4);
    g_assert_cmpuint(ends[1].asked, ==, 0);
    announce_frame(ends[1].nic->mac, frame);
    g_assert_cmpmem(ends[1].last, sizeof(ends[1].last), frame, sizeof(frame));
}

static void test_selection(void)
{
    const AnnounceTiming timing = { .initial_ms = 10, .max_ms = 10, .rounds = 2, .step_ms = 0 };
    static const char *const second[] = { "nic1", NULL };
    static const char *const none[] = { NULL };

    forget();
    announce_begin("", second, &timing, CLOCK_TYPE_VIRTUAL);
    advance_ms(100);
    expect_frames(0, 2);
    announce_begin("", none, &timing, CLOCK_TYPE_VIRTUAL);
    advance_ms(100);
    expect_frames(0, 2);
}

/* Series of different names go on beside each other, one of the same name replaces the old one. */
static void test_series(void)
{
    const AnnounceTiming timing = { .initial_ms = 10, .max_ms = 10, .rounds = 10, .step_ms = 0 };
    const AnnounceTiming stop = { .rounds = 0 };

    forget();
    announce_begin("a", NULL, &timing, CLOCK_TYPE_VIRTUAL);
    announce_begin("b", NULL, &timing, CLOCK_TYPE_VIRTUAL);
    expect_frames(2, 2);
    advance_ms(10);
    expect_frames(4, 4);
    announce_begin("b", NULL, &timing, CLOCK_TYPE_VIRTUAL);
    expect_frames(5, 5);
    advance_ms(10);
    expect_frames(7, 7);
    announce_begin("a", NULL, &stop, CLOCK_TYPE_VIRTUAL);
    advance_ms(10);
    expect_frames(8, 8);
    announce_begin("b", NULL, &stop, CLOCK_TYPE_VIRTUAL);
    advance_ms(1000);
    expect_frames(8, 8);
}

/* A link that is down carries nothing; the series goes on. */
static void test_link_down(void)
{
    const AnnounceTiming timing = { .initial_ms = 10, .max_ms = 10, .rounds = 3, .step_ms = 0 };

    forget();
    ends[0].nic->link_down = true;
    announce_begin("", NULL, &timing, CLOCK_TYPE_VIRTUAL);
    expect_frames(0, 1);
    ends[0].nic->link_down = false;
    advance_ms(10);
    expect_frames(1, 2);
    advance_ms(1000);
    expect_frames(2, 3);
}

static void check_command(int64_t initial, int64_t max, int64_t rounds, int64_t step,
                          const char *interface, const char *expected)
{
    g_autoptr(AnnounceParameters) parameters = AnnounceParameters_new();
    g_autoptr(GError) error = NULL;

    forget();
    parameters->initial = initial;
    parameters->max = max;
    parameters->rounds = rounds;
    parameters->step = step;
    if (interface) {
        parameters->interfaces = qapi_str_list_new();
        g_ptr_array_add(parameters->interfaces, g_strdup(interface));
    }
    qmp_announce_self(parameters, &error);
    if (expected) {
        g_assert_cmpstr(error->message, ==, expected);
        expect_frames(0, 0);
    } else {
        g_assert_no_error(error);
    }
}

static void test_command(void)
{
    check_command(50, 550, 1, 50, NULL, NULL);
    expect_frames(1, 1);
    check_command(50, 550, 1, 50, "nic0", NULL);
    expect_frames(1, 0);
    check_command(-1, 550, 1, 50, NULL, "Parameter 'initial' is -1, expected 0 to 100000");
    check_command(0, 100001, 1, 50, NULL, "Parameter 'max' is 100001, expected 0 to 100000");
    check_command(0, 0, 1001, 50, NULL, "Parameter 'rounds' is 1001, expected 0 to 1000");
    check_command(0, 0, 1, -5, NULL, "Parameter 'step' is -5, expected 0 to 10000");
    check_command(0, 0, 1, 0, "hn0", "Parameter 'interfaces': there is no network device 'hn0'");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    virtual_clock_set_external();
    virtual_clock_start();
    make_end(&ends[0], &nic_ops, "nic0", "hn0", 0x56);
    make_end(&ends[1], &old_nic_ops, "nic1", "hn1", 0x57);
    g_test_add_func("/announce/frame", test_frame);
    g_test_add_func("/announce/waits", test_waits);
    g_test_add_func("/announce/rounds", test_rounds);
    g_test_add_func("/announce/selection", test_selection);
    g_test_add_func("/announce/series", test_series);
    g_test_add_func("/announce/link-down", test_link_down);
    g_test_add_func("/announce/command", test_command);
    return g_test_run();
}
