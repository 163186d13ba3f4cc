/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames that wait: filter-buffer, and COLO's gate before the wire. */
#include <string.h>

#include "filter-bench.h"
#include "migration/checkpoint-internal.h"
#include "net/colo-gate.h"
#include "net/filter-buffer.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "util/timer.h"

static FilterBench bench;

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

/* ---- filter-buffer ---- */

static void test_demand(void)
{
    filter_bench_init(&bench);
    NetFilter *filter = filter_bench_add("filter-buffer,id=f,interval=0");
    send_both("a", "A");
    send_both("b", "B");
    virtual_clock_advance_to_ns(clock_get_ns(CLOCK_TYPE_VIRTUAL) + NANOSECONDS_PER_SECOND);
    assert_got("", "");
    net_filter_buffer_release(filter);
    assert_got("a b", "A B");
    net_filter_buffer_release(filter);
    assert_got("", "");
    filter_bench_clear(&bench);
}

static void advance_us(int64_t us)
{
    virtual_clock_advance_to_ns(clock_get_ns(CLOCK_TYPE_VIRTUAL) +
                                us * NANOSECONDS_PER_MICROSECOND);
}

static void test_interval(void)
{
    filter_bench_init(&bench);
    filter_bench_add("filter-buffer,id=f,interval=1000,queue=rx");
    send_both("a", "A");
    assert_got("a", "");
    advance_us(999);
    assert_got("", "");
    advance_us(1);
    assert_got("", "A");
    fake_client_send(bench.nic, "B");
    advance_us(1000);
    assert_got("", "B");
    /* It can be changed while frames wait. */
    fake_client_send(bench.nic, "C");
    json_t *ten = json_integer(10);
    object_set_json(object_tree_find("/objects/f"), "interval", ten, NULL);
    json_decref(ten);
    advance_us(10);
    assert_got("", "C");
    filter_bench_clear(&bench);
}

/* Nothing is lost with the filter, and what it held goes only through those behind it. */
static void test_end(void)
{
    filter_bench_init(&bench);
    filter_bench_add("filter-buffer,id=f,interval=0");
    filter_bench_add("filter-buffer,id=g,interval=0,queue=tx");
    send_both("a", "A");
    filter_bench_delete("f");
    assert_got("", "A");
    filter_bench_set_status("g", false);
    assert_got("a", "");
    send_both("b", "B");
    assert_got("b", "B");
    filter_bench_set_status("g", true);
    send_both("c", "C");
    assert_got("", "C");
    net_client_free(bench.backend->client);
    assert_got("c", "");
    filter_bench_clear(&bench);
}

static void test_missing_interval(void)
{
    filter_bench_init(&bench);
    g_autofree char *error = filter_bench_error("filter-buffer,id=f");
    g_assert_cmpstr(error, ==, "Parameter 'interval' is missing");
    filter_bench_clear(&bench);
}

/* Send @count frames of @size bytes from the guest. */
static void send_large(unsigned count, size_t size)
{
    g_autofree uint8_t *data = g_malloc0(size);

    for (unsigned i = 0; i < count; i++) {
        net_send_buffer(bench.nic->client, data, size, NULL);
    }
}

#define LARGE ((size_t)65536)

static void test_bound(void)
{
    unsigned fits = NET_FILTER_BUFFER_BYTES_MAX / LARGE;

    filter_bench_init(&bench);
    NetFilter *filter = filter_bench_add("filter-buffer,id=f,interval=0");
    send_large(fits + 5, LARGE);
    net_filter_buffer_release(filter);
    g_assert_cmpuint(bench.backend->frames->len, <=, fits);
    g_assert_cmpuint(bench.backend->frames->len, >, fits - 3);
    g_ptr_array_set_size(bench.backend->frames, 0);
    fake_client_send(bench.nic, "A");
    net_filter_buffer_release(filter);
    assert_got("", "A");
    filter_bench_clear(&bench);
}

/* ---- the gate ---- */

static unsigned requests;

static void count_request(void)
{
    requests++;
}

static const CheckpointListener listener = { count_request, count_request };

static void colo_start(CheckpointSide side, bool periodic)
{
    requests = 0;
    checkpoint_set_periodic(periodic);
    g_assert_true(checkpoint_participants_start(side, NULL));
    checkpoint_activate(side, &listener);
}

static void colo_checkpoint(CheckpointSide side)
{
    g_assert_true(checkpoint_participants_prepare(side, 1, NULL));
    assert_got("", "");
    g_assert_true(checkpoint_participants_commit(side, 1, NULL));
}

static void colo_end(CheckpointSide side)
{
    g_assert_true(checkpoint_participants_failover(side, NULL));
    checkpoint_participants_stop(side);
    checkpoint_deactivate();
}

static void test_gate_periodic(void)
{
    filter_bench_init(&bench);
    send_both("a", "A");
    assert_got("a", "A");
    colo_start(CHECKPOINT_PRIMARY, true);
    send_both("b", "B");
    fake_client_send(bench.nic, "C");
    assert_got("b", "");
    colo_checkpoint(CHECKPOINT_PRIMARY);
    assert_got("", "B C");
    fake_client_send(bench.nic, "D");
    assert_got("", "");
    colo_end(CHECKPOINT_PRIMARY);
    assert_got("", "D");
    send_both("e", "E");
    assert_got("e", "E");
    filter_bench_clear(&bench);
}

/* The mode changes with a checkpoint. */
static void test_gate_modes(void)
{
    filter_bench_init(&bench);
    colo_start(CHECKPOINT_PRIMARY, false);
    fake_client_send(bench.nic, "A");
    assert_got("", "A");
    checkpoint_set_periodic(true);
    colo_checkpoint(CHECKPOINT_PRIMARY);
    fake_client_send(bench.nic, "B");
    assert_got("", "");
    checkpoint_set_periodic(false);
    colo_checkpoint(CHECKPOINT_PRIMARY);
    assert_got("", "B");
    fake_client_send(bench.nic, "C");
    assert_got("", "C");
    colo_end(CHECKPOINT_PRIMARY);
    filter_bench_clear(&bench);
}

/* It lies behind all filters, and asks for a checkpoint before it must drop anything. */
static void test_gate_with_filters(void)
{
    filter_bench_init(&bench);
    colo_start(CHECKPOINT_PRIMARY, true);
    NetFilter *filter = filter_bench_add("filter-buffer,id=f,interval=0,queue=rx");
    fake_client_send(bench.nic, "A");
    net_filter_buffer_release(filter);
    colo_checkpoint(CHECKPOINT_PRIMARY);
    assert_got("", "A");
    filter_bench_delete("f");
    g_assert_cmpuint(requests, ==, 0);
    send_large(2 * NET_COLO_GATE_BYTES_MAX / LARGE, LARGE);
    g_assert_cmpuint(requests, ==, 1);
    CheckpointReason reason;
    g_assert_true(checkpoint_take_request(&reason));
    g_assert_cmpint(reason, ==, CHECKPOINT_REASON_QUEUE_FULL);
    colo_checkpoint(CHECKPOINT_PRIMARY);
    g_assert_cmpuint(bench.backend->frames->len, <=, NET_COLO_GATE_BYTES_MAX / LARGE);
    g_assert_cmpuint(bench.backend->frames->len, >, NET_COLO_GATE_BYTES_MAX / LARGE / 2);
    /* What waits for a back end goes with it. */
    fake_client_send(bench.nic, "B");
    net_client_free(bench.backend->client);
    colo_end(CHECKPOINT_PRIMARY);
    filter_bench_clear(&bench);
}

static void test_gate_secondary(void)
{
    filter_bench_init(&bench);
    colo_start(CHECKPOINT_SECONDARY, false);
    send_both("a", "A");
    assert_got("a", "");
    colo_checkpoint(CHECKPOINT_SECONDARY);
    send_both("b", "B");
    assert_got("b", "");
    colo_end(CHECKPOINT_SECONDARY);
    assert_got("", "");
    send_both("c", "C");
    assert_got("c", "C");
    filter_bench_clear(&bench);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    virtual_clock_set_external();
    virtual_clock_start();
    g_test_add_func("/net/filter-buffer/demand", test_demand);
    g_test_add_func("/net/filter-buffer/interval", test_interval);
    g_test_add_func("/net/filter-buffer/end", test_end);
    g_test_add_func("/net/filter-buffer/missing-interval", test_missing_interval);
    g_test_add_func("/net/filter-buffer/bound", test_bound);
    g_test_add_func("/net/colo-gate/periodic", test_gate_periodic);
    g_test_add_func("/net/colo-gate/modes", test_gate_modes);
    g_test_add_func("/net/colo-gate/with-filters", test_gate_with_filters);
    g_test_add_func("/net/colo-gate/secondary", test_gate_secondary);
    return g_test_run();
}
