/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What may reach the wire, and come from it, while COLO runs. */
#include "net/colo-gate.h"

#include "migration/checkpoint.h"
#include "net/frame-store.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

typedef enum GateState {
    GATE_OPEN,
    GATE_HOLDS, /* primary, periodic mode */
    GATE_SHUT,  /* secondary */
} GateState;

/* Output of one back end that waits. */
typedef struct HeldOutput {
    FrameStore *store;
    bool asked;  /* for a checkpoint, since the last */
    bool warned; /* that frames are dropped, since the last checkpoint */
} HeldOutput;

static GateState state;             /* BQL */
static GHashTable *held;            /* NetClient * to HeldOutput *; BQL */
static GHashTable *exempt_backends; /* NetClient *; BQL */

static void held_output_free(gpointer data)
{
    HeldOutput *output = data;

    frame_store_free(output->store);
    g_free(output);
}

static HeldOutput *output_of(NetClient *backend)
{
    if (!held) {
        held = g_hash_table_new_full(NULL, NULL, NULL, held_output_free);
    }
    HeldOutput *output = g_hash_table_lookup(held, backend);
    if (!output) {
        output = g_new0(HeldOutput, 1);
        output->store = frame_store_new(NET_COLO_GATE_BYTES_MAX);
        g_hash_table_insert(held, backend, output);
    }
    return output;
}

/* A checkpoint lets it go: ask for one before frames must be dropped. */
static void hold(NetClient *backend, const NetFrame *frame)
{
    HeldOutput *output = output_of(backend);
    bool kept = frame_store_put(output->store, NET_FILTER_QUEUE_RX, frame);

    if (!output->asked && frame_store_bytes(output->store) > NET_COLO_GATE_BYTES_MAX / 2) {
        output->asked = true;
        checkpoint_request(CHECKPOINT_REASON_QUEUE_FULL);
    }
    if (!kept && !output->warned) {
        output->warned = true;
        report_warning("netdev '%s': %u frames (%zu bytes) wait for the next checkpoint; further "
                       "ones are dropped until then",
                       backend->name, frame_store_count(output->store),
                       frame_store_bytes(output->store));
    }
}

static bool brings_client_frames(const NetFilter *filter)
{
    NetFilterClass *klass = NET_FILTER_GET_CLASS(filter);

    return filter->on && klass->feeds_guest && klass->feeds_guest(filter);
}

static bool has_client_frames(const NetClient *backend)
{
    for (guint i = 0; backend->filters && i < backend->filters->len; i++) {
        if (brings_client_frames(g_ptr_array_index(backend->filters, i))) {
            return true;
        }
    }
    return false;
}

static bool is_exempt(NetClient *backend)
{
    return exempt_backends && g_hash_table_contains(exempt_backends, backend);
}

void net_colo_gate_exempt(NetClient *backend, bool exempt)
{
    g_assert(bql_locked());
    if (!exempt_backends) {
        exempt_backends = g_hash_table_new(NULL, NULL);
    }
    if (exempt) {
        g_hash_table_add(exempt_backends, backend);
    } else {
        g_hash_table_remove(exempt_backends, backend);
    }
}

bool net_colo_gate_is_open(void)
{
    return state == GATE_OPEN;
}

NetVerdict net_colo_gate_ask(NetClient *backend, NetFilterQueue direction, const NetFrame *frame)
{
    bool out = direction == NET_FILTER_QUEUE_RX;

    if (state == GATE_HOLDS && out) {
        hold(backend, frame);
        return NET_VERDICT_TAKE;
    }
    if (state == GATE_SHUT && !is_exempt(backend) && (out || has_client_frames(backend))) {
        trace_net_colo_gate_dropped(backend->name, out ? "out" : "in");
        return NET_VERDICT_TAKE;
    }
    return NET_VERDICT_PASS;
}

void net_colo_gate_forget(NetClient *backend)
{
    net_colo_gate_exempt(backend, false);
    if (held) {
        g_hash_table_remove(held, backend);
    }
}

/* ---- at checkpoints ---- */

static void let_out(NetFilterQueue direction, const NetFrame *frame, void *opaque)
{
    NetClient *backend = opaque;

    if (backend->peer && net_link_up(backend)) {
        net_deliver(backend->peer, backend, frame, NULL);
    }
}

static void release(NetClient *backend, HeldOutput *output)
{
    output->asked = output->warned = false;
    trace_net_colo_gate_release(backend->name, frame_store_count(output->store),
                                frame_store_bytes(output->store));
    frame_store_drain(output->store, let_out, backend);
}

/* Whoever gets these frames may send others, so the table may grow meanwhile. */
static void release_all(void)
{
    g_autoptr(GList) backends = held ? g_hash_table_get_keys(held) : NULL;

    for (GList *item = backends; item; item = item->next) {
        HeldOutput *output = g_hash_table_lookup(held, item->data);
        if (output) {
            release(item->data, output);
        }
    }
}

static void set_state(GateState next)
{
    if (state != next) {
        trace_net_colo_gate_state(state, next);
        state = next;
    }
}

static GateState primary_state(void)
{
    return checkpoint_periodic() ? GATE_HOLDS : GATE_OPEN;
}

static bool gate_start(void *opaque, CheckpointSide side, GError **error)
{
    set_state(side == CHECKPOINT_PRIMARY ? primary_state() : GATE_SHUT);
    return true;
}

/* The secondary has all that led to this output. The mode may have changed with the checkpoint. */
static bool gate_commit(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    if (side == CHECKPOINT_PRIMARY) {
        release_all();
        set_state(primary_state());
    }
    return true;
}

static void gate_stop(void *opaque, CheckpointSide side)
{
    set_state(GATE_OPEN);
    release_all();
}

static bool gate_failover(void *opaque, CheckpointSide side, GError **error)
{
    gate_stop(opaque, side);
    return true;
}

static const CheckpointOps gate_ops = {
    .name = "network output",
    .start = gate_start,
    .commit = gate_commit,
    .failover = gate_failover,
    .stop = gate_stop,
};

__attribute__((constructor)) static void gate_register(void)
{
    bql_lock();
    checkpoint_participant_add(&gate_ops, NULL);
    bql_unlock();
}
