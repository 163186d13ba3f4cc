/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The chain of filters: order, position, status, and what changes while a frame is on its way. */
#include <string.h>

#include "filter-bench.h"
#include "frame.h"
#include "net/packet.h"
#include "qapi/qapi-commands-qom.h"
#include "system/bql.h"
#include "system/main-loop.h"

/* ---- a filter that writes down what it sees ---- */

typedef struct Probe {
    NetFilter parent;
} Probe;

typedef struct ProbeClass {
    NetFilterClass parent;
} ProbeClass;

OBJECT_DEFINE_TYPE(Probe, ProbeClass, probe, "test-probe", TYPE_NET_FILTER);

static FilterBench bench;
static GString *visits;                       /* ids in the order of visits */
static void (*on_visit)(const char *id);      /* within receive() */
static NetVerdict verdict = NET_VERDICT_PASS; /* of all */
static unsigned status_changes, cleanups;

static const char *id_of(void *filter)
{
    static char id[16];
    g_autofree char *path = object_tree_path(filter);

    g_strlcpy(id, path ? strrchr(path, '/') + 1 : "gone", sizeof(id));
    return id;
}

static NetVerdict probe_receive(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                                const NetFrame *frame)
{
    g_autofree char *id = g_strdup(id_of(filter));
    bool to_guest = direction == NET_FILTER_QUEUE_TX;

    g_assert_true(sender == (to_guest ? bench.backend : bench.nic)->client);
    g_string_append(visits, id);
    if (on_visit) {
        on_visit(id);
    }
    return verdict;
}

static void probe_status_changed(NetFilter *filter)
{
    status_changes++;
}

static void probe_cleanup(NetFilter *filter)
{
    cleanups++;
}

static void probe_init(Probe *self)
{
}

static void probe_class_init(ProbeClass *klass)
{
    klass->parent.receive = probe_receive;
    klass->parent.status_changed = probe_status_changed;
    klass->parent.cleanup = probe_cleanup;
}

/* ---- setting up ---- */

/* Filters a, b, c from head to tail. */
static void set_up(void)
{
    filter_bench_init(&bench);
    visits = g_string_new(NULL);
    on_visit = NULL;
    verdict = NET_VERDICT_PASS;
    status_changes = cleanups = 0;
    filter_bench_add("test-probe,id=a");
    filter_bench_add("test-probe,id=b");
    filter_bench_add("test-probe,id=c");
}

static void tear_down(void)
{
    on_visit = NULL;
    filter_bench_clear(&bench);
    g_string_free(visits, TRUE);
}

static void assert_visits(const char *expected)
{
    g_assert_cmpstr(visits->str, ==, expected);
    g_string_truncate(visits, 0);
}

/* Send a frame each way and compare who saw it. */
static void check_ways(const char *to_guest, const char *from_guest)
{
    fake_client_send(bench.backend, "in");
    assert_visits(to_guest);
    fake_client_send(bench.nic, "out");
    assert_visits(from_guest);
}

/* ---- tests ---- */

static void test_order(void)
{
    set_up();
    check_ways("abc", "cba");
    filter_bench_assert_got(bench.nic, "in");
    filter_bench_assert_got(bench.backend, "out");
    verdict = NET_VERDICT_TAKE;
    check_ways("a", "c");
    filter_bench_assert_got(bench.nic, "");
    filter_bench_assert_got(bench.backend, "");
    tear_down();
}

static void test_position(void)
{
    set_up();
    filter_bench_add("test-probe,id=h,position=head");
    filter_bench_add("test-probe,id=t,position=tail");
    filter_bench_add("test-probe,id=x,position=id=b");
    filter_bench_add("test-probe,id=y,position=id=b,insert=before");
    filter_bench_add("test-probe,id=z,position=id=h,insert=before");
    check_ways("zhaybxct", "tcxbyahz");
    filter_bench_delete("b");
    filter_bench_delete("z");
    check_ways("hayxct", "tcxyah");
    tear_down();
}

static void test_queue_and_status(void)
{
    set_up();
    filter_bench_add("test-probe,id=i,queue=tx");
    filter_bench_add("test-probe,id=o,queue=rx");
    filter_bench_add("test-probe,id=n,status=off");
    check_ways("abci", "ocba");
    g_assert_cmpuint(status_changes, ==, 0);
    filter_bench_set_status("b", false);
    filter_bench_set_status("n", true);
    filter_bench_set_status("n", true);
    g_assert_cmpuint(status_changes, ==, 2);
    check_ways("acin", "noca");
    tear_down();
}

static void test_errors(void)
{
    static const struct {
        const char *options, *error;
    } cases[] = {
        { "test-probe,id=f,netdev=", "Parameter 'netdev' is missing" },
        { "test-probe,id=f,netdev=no", "Parameter 'netdev' expects a network backend id" },
        { "test-probe,id=f,netdev=nic", "Parameter 'netdev' expects a network backend id" },
        { "test-probe,id=f,position=middle",
          "Parameter 'position' expects 'head', 'tail' or 'id=<id>'" },
        { "test-probe,id=f,position=id=no", "filter 'no' not found" },
        { "test-probe,id=f,position=id=/", "filter '/' not found" },
        { "test-probe,id=f,position=id=far", "filter 'far' belongs to a different netdev" },
        { "test-probe,id=f,queue=up", "Parameter 'queue' expects one of 'all', 'rx', 'tx'" },
        { "test-probe,id=f,status=up", "Parameter 'status' expects one of 'off', 'on'" },
        { "test-probe,id=f,insert=up", "Parameter 'insert' expects one of 'behind', 'before'" },
        { "filter-replay,id=f",
          "filter-replay is of use only for record/replay, which is not supported" },
        { "netfilter,id=f", "invalid object type: netfilter" },
    };

    set_up();
    FakeClient *other = fake_client_new(false, "hn1", 0);
    filter_bench_add("test-probe,id=far,netdev=hn1");
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *error = filter_bench_error(cases[i].options);
        g_assert_cmpstr(error, ==, cases[i].error);
    }
    check_ways("abc", "cba");
    fake_client_free(other);
    tear_down();
}

static void set(const char *property, const char *text, GError **error)
{
    json_t *value = json_string(text);

    qmp_qom_set("/objects/a", property, value, error);
    json_decref(value);
}

/* What a filter is built of stays; only what can change while frames flow may be set. */
static void test_set_later(void)
{
    static const char *const fixed[] = { "netdev", "queue", "position", "insert" };
    static const char *const values[] = { "hn0", "tx", "head", "before" };

    set_up();
    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++) {
        g_autoptr(GError) error = NULL;
        set(fixed[i], values[i], &error);
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, fixed[i]));
    }
    g_autoptr(GError) error = NULL;
    set("status", "off", &error);
    g_assert_no_error(error);
    check_ways("bc", "cb");
    tear_down();
}

/* ---- while a frame is on its way ---- */

static const char *actor;  /* the filter in whose receive() it happens, once */
static const char *victim; /* what is deleted */
static const char *addition;

static void act(const char *id)
{
    if (!actor || strcmp(id, actor)) {
        return;
    }
    actor = NULL;
    if (victim) {
        filter_bench_delete(victim);
    }
    if (addition) {
        filter_bench_add(addition);
    }
}

typedef struct ChangeCase {
    const char *actor, *victim, *addition;
    const char *to_guest, *from_guest; /* the visits of the frame on its way */
} ChangeCase;

/* Who is deleted is not visited any more, everybody else exactly once. */
static void test_change_in_flight(void)
{
    static const ChangeCase cases[] = {
        { "a", "a", NULL, "abc", "cba" },
        { "b", "b", NULL, "abc", "cba" },
        { "c", "c", NULL, "abc", "cba" },
        { "b", "a", NULL, "abc", "cb" },
        { "b", "c", NULL, "ab", "cba" },
        { "a", "b", NULL, "ac", "cba" },
        { "c", "b", NULL, "abc", "ca" },
        { "b", NULL, "test-probe,id=n,position=head", "abc", "cban" },
        { "b", NULL, "test-probe,id=n,position=tail", "abcn", "cba" },
        { "b", NULL, "test-probe,id=n,position=id=b", "abnc", "cba" },
        { "b", NULL, "test-probe,id=n,position=id=b,insert=before", "abc", "cbna" },
        { "b", "b", "test-probe,id=n,position=id=a", NULL, NULL },
    };

    for (guint i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        const ChangeCase *change = &cases[i / 2];
        bool to_guest = i % 2;

        set_up();
        actor = change->actor;
        victim = change->victim;
        addition = change->addition;
        on_visit = act;
        fake_client_send(to_guest ? bench.backend : bench.nic, "frame");
        g_test_message("case %u %s", i / 2, to_guest ? "to the guest" : "from the guest");
        if (change->victim && change->addition) {
            /* Where the new one lies relative to the deleted one is anybody's choice. */
            g_assert_true(g_str_has_prefix(visits->str, to_guest ? "ab" : "cb"));
            g_string_truncate(visits, 0);
        } else {
            assert_visits(to_guest ? change->to_guest : change->from_guest);
        }
        g_assert_cmpuint(cleanups, ==, change->victim != NULL);
        filter_bench_assert_got(to_guest ? bench.nic : bench.backend, "frame");
        tear_down();
    }
}

static void free_backend(const char *id)
{
    if (!strcmp(id, "b")) {
        net_client_free(bench.backend->client);
    }
}

static void free_nic(const char *id)
{
    if (!strcmp(id, "b")) {
        net_client_free(bench.nic->client);
    }
}

static void test_end_goes_in_flight(void)
{
    set_up();
    on_visit = free_backend;
    fake_client_send(bench.nic, "out");
    assert_visits("cb");
    g_assert_cmpuint(cleanups, ==, 3);
    tear_down();

    set_up();
    on_visit = free_backend;
    fake_client_send(bench.backend, "in");
    assert_visits("ab");
    filter_bench_assert_got(bench.nic, "");
    tear_down();

    set_up();
    on_visit = free_nic;
    fake_client_send(bench.nic, "out");
    assert_visits("cb");
    filter_bench_assert_got(bench.backend, "");
    tear_down();
}

/* ---- frames that begin at a filter ---- */

static NetResult pass_on(NetFilter *filter, NetFilterQueue direction, const char *text)
{
    struct iovec iov = { (void *)text, strlen(text) };
    NetFrame frame = { .iov = &iov, .iov_count = 1 };

    return net_filter_pass_on(filter, direction, NULL, &frame);
}

static void test_pass_on(void)
{
    set_up();
    NetFilter *b = NET_FILTER(object_tree_find("/objects/b"));
    pass_on(b, NET_FILTER_QUEUE_TX, "in");
    assert_visits("c");
    filter_bench_assert_got(bench.nic, "in");
    pass_on(b, NET_FILTER_QUEUE_RX, "out");
    assert_visits("a");
    filter_bench_assert_got(bench.backend, "out");

    bench.nic->client->link_down = true;
    pass_on(b, NET_FILTER_QUEUE_TX, "in");
    pass_on(b, NET_FILTER_QUEUE_RX, "out");
    filter_bench_assert_got(bench.nic, "");
    filter_bench_assert_got(bench.backend, "");

    net_client_free(bench.nic->client);
    pass_on(b, NET_FILTER_QUEUE_TX, "in");
    pass_on(b, NET_FILTER_QUEUE_RX, "out");
    filter_bench_assert_got(bench.backend, "");
    net_client_free(bench.backend->client);
    g_assert_null(b->netdev);
    g_assert_cmpint(pass_on(b, NET_FILTER_QUEUE_TX, "in"), ==, NET_DONE);
    tear_down();
}

/* Where a hub connects back ends with each other a frame passes the filters of both. */
static void test_back_ends_as_peers(void)
{
    FakeClient *port = fake_client_new(false, "port", 0);

    set_up();
    net_client_free(bench.nic->client);
    net_client_connect(port->client, bench.backend->client);
    FakeClient *nic = bench.nic;
    bench.nic = port;
    filter_bench_add("filter-buffer,id=p,interval=0,queue=rx,netdev=port");
    fake_client_send(bench.backend, "to the port");
    assert_visits("abc");
    filter_bench_assert_got(port, "");
    filter_bench_delete("p");
    filter_bench_assert_got(port, "to the port");
    fake_client_send(port, "from the port");
    assert_visits("cba");
    filter_bench_assert_got(bench.backend, "from the port");
    pass_on(NET_FILTER(object_tree_find("/objects/b")), NET_FILTER_QUEUE_TX, "further");
    assert_visits("c");
    filter_bench_assert_got(port, "further");
    tear_down();
    fake_client_free(nic);
}

/* ---- offloads ---- */

/* A segment that is three segments on the wire. */
static void test_offloads(void)
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
    NET_FILTER(object_tree_find("/objects/a"))->vnet_header = true;
    net_send(bench.backend->client, &frame, NULL);
    assert_visits("abcbcbc");
    g_assert_cmpuint(bench.nic->frames->len, ==, 3);
    net_send(bench.nic->client, &frame, NULL);
    assert_visits("cbacbacba");
    filter_bench_delete("b");
    filter_bench_delete("c");
    g_ptr_array_set_size(bench.nic->frames, 0);
    net_send(bench.backend->client, &frame, NULL);
    assert_visits("a");
    g_assert_cmpuint(bench.nic->frames->len, ==, 1);
    tear_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/filter/order", test_order);
    g_test_add_func("/net/filter/position", test_position);
    g_test_add_func("/net/filter/queue-status", test_queue_and_status);
    g_test_add_func("/net/filter/errors", test_errors);
    g_test_add_func("/net/filter/set-later", test_set_later);
    g_test_add_func("/net/filter/change-in-flight", test_change_in_flight);
    g_test_add_func("/net/filter/end-goes-in-flight", test_end_goes_in_flight);
    g_test_add_func("/net/filter/pass-on", test_pass_on);
    g_test_add_func("/net/filter/back-ends-as-peers", test_back_ends_as_peers);
    g_test_add_func("/net/filter/offloads", test_offloads);
    return g_test_run();
}
