/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The packet path through the host's kernel. On the primary the guest's packets and those of the
 * other host's guest come from two kernel queues into one comparator; each packet of ours gets its
 * verdict when that releases it, the others are dropped once they were compared. On the
 * secondary the kernel carries everything and only sequence numbers are translated here.
 *
 * Everything runs in the main loop: the comparator needs no lock, and a release is a verdict.
 */
#include "net/colo-nic.h"

#include <netlink/route/link.h>
#include <string.h>

#include "migration/checkpoint.h"
#include "net/colo-gate.h"
#include "net/compare.h"
#include "net/kernel-queue.h"
#include "net/tap-script.h"
#include "system/bql.h"
#include "system/object.h"
#include "trace-net.h"
#include "util/bytes.h"
#include "util/report.h"
#include "util/timer.h"

#define EXPIRE_MS       100  /* how often waiting packets are looked at */
#define TIMEOUT_MS      1000 /* a packet without its counterpart waits no longer */
#define QUEUE_LIMIT     4096 /* packets in a kernel queue */
#define CONNECTIONS_MAX 4096
#define HELD_FRAMES_MAX 1024 /* of a connection */
#define HELD_BYTES_MAX  ((size_t)64 * 1024 * 1024)

/* Which kernel queue: that of the guest here, that of the guest on the other host. */
typedef enum QueueSide {
    QUEUE_PRIMARY,
    QUEUE_SECONDARY,
    QUEUE_SIDES,
} QueueSide;

struct ColoNic {
    NetClient *backend;
    char *tap, *physical, *script;
    unsigned index;
    bool installed; /* the script has run */
    CheckpointSide side;
    GPid undoing; /* the script's uninstall that still runs, 0: none */
    guint undo_watch;
    KernelQueue *queues[QUEUE_SIDES]; /* primary, while COLO runs */
    Comparator *comparator;
    Timer *expire;
    GObject *rewriter; /* secondary; in the object tree */
};

static ColoNic *nics[COLO_NIC_MAX]; /* by index; BQL */

/* ---- packets ---- */

/*
 * Queued packets have no Ethernet addresses for us, and the comparator does not look at them: the
 * packet's number takes their place, and comes back with the frame.
 */
static void on_primary_packet(uint32_t id, uint8_t *frame, size_t size, void *opaque)
{
    ColoNic *nic = opaque;
    struct iovec iov = { frame, size };

    store_be32(frame, id);
    NetFrame whole = { .iov = &iov, .iov_count = 1 };
    comparator_primary_frames(nic->comparator, &whole, 1, clock_get_ms(CLOCK_TYPE_REALTIME));
}

static void on_secondary_packet(uint32_t id, uint8_t *frame, size_t size, void *opaque)
{
    ColoNic *nic = opaque;
    struct iovec iov = { frame, size };
    NetFrame whole = { .iov = &iov, .iov_count = 1 };

    comparator_secondary_frames(nic->comparator, &whole, 1, clock_get_ms(CLOCK_TYPE_REALTIME));
    kernel_queue_verdict(nic->queues[QUEUE_SECONDARY], id, false);
}

static void on_release(const NetFrame *frame, void *opaque)
{
    ColoNic *nic = opaque;
    uint8_t number[4];

    if (net_frame_copy(frame, 0, number, sizeof(number)) == sizeof(number)) {
        kernel_queue_verdict(nic->queues[QUEUE_PRIMARY], load_be32(number), true);
    }
}

static void on_checkpoint_needed(CheckpointReason reason, void *opaque)
{
    checkpoint_request(reason);
}

/* What the kernel dropped was lost on the way to one of us: they may differ now. */
static void on_lost(void *opaque)
{
    checkpoint_request(CHECKPOINT_REASON_QUEUE_FULL);
}

static void on_expire(void *opaque)
{
    ColoNic *nic = opaque;

    comparator_expire(nic->comparator, clock_get_ms(CLOCK_TYPE_REALTIME));
    timer_mod_ns(nic->expire,
                 clock_get_ns(CLOCK_TYPE_REALTIME) + EXPIRE_MS * NANOSECONDS_PER_MILLISECOND);
}

static const ComparatorOps comparator_ops = {
    .release = on_release,
    .checkpoint_needed = on_checkpoint_needed,
};

static const KernelQueueOps queue_ops[QUEUE_SIDES] = {
    [QUEUE_PRIMARY] = { .packet = on_primary_packet, .lost = on_lost },
    [QUEUE_SECONDARY] = { .packet = on_secondary_packet, .lost = on_lost },
};

/* ---- the script ---- */

typedef struct ScriptCall {
    char number[16];
    const char *argv[7];
} ScriptCall;

static void script_call_init(ScriptCall *call, const ColoNic *nic, const char *action)
{
    const char *side = nic->side == CHECKPOINT_PRIMARY ? "master" : "slave";
    const char *const argv[] = { nic->script, side,         action, nic->physical,
                                 nic->tap,    call->number, NULL };

    g_snprintf(call->number, sizeof(call->number), "%u", nic->index);
    memcpy(call->argv, argv, sizeof(argv));
}

/* Gives up the BQL while the script runs. */
static bool install(ColoNic *nic, GError **error)
{
    ScriptCall call;

    if (nic->undoing) {
        qc_error_set(error, "netdev '%s': '%s' is still undoing the packet path of the last time",
                     nic->backend->name, nic->script);
        return false;
    }
    if (nic->script) {
        script_call_init(&call, nic, "install");
        if (!net_script_run(call.argv, error)) {
            g_prefix_error(error, "netdev '%s': colo_script: ", nic->backend->name);
            return false;
        }
    }
    nic->installed = true;
    return true;
}

static void on_undone(GPid pid, gint status, gpointer opaque)
{
    ColoNic *nic = opaque;
    g_autoptr(GError) error = NULL;

    nic->undoing = 0;
    nic->undo_watch = 0;
    g_spawn_close_pid(pid);
    if (!g_spawn_check_wait_status(status, &error)) {
        report_error("netdev '%s': colo_script '%s' could not undo the packet path: %s",
                     nic->backend->name, nic->script, error->message);
    }
    trace_colo_nic_undone(nic->backend->name, status);
}

/* Start to undo it; nobody waits, since this is the moment of a failover. */
static void uninstall(ColoNic *nic)
{
    g_autoptr(GError) error = NULL;
    ScriptCall call;

    if (!nic->installed) {
        return;
    }
    nic->installed = false;
    if (!nic->script) {
        return;
    }
    script_call_init(&call, nic, "uninstall");
    if (!g_spawn_async(NULL, (char **)call.argv, NULL,
                       G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &nic->undoing,
                       &error)) {
        nic->undoing = 0;
        report_error("netdev '%s': colo_script: %s", nic->backend->name, error->message);
        return;
    }
    nic->undo_watch = g_child_watch_add(nic->undoing, on_undone, nic);
}

/* ---- COLO ---- */

static void close_queues(ColoNic *nic)
{
    for (unsigned side = 0; side < QUEUE_SIDES; side++) {
        g_clear_pointer(&nic->queues[side], kernel_queue_free);
    }
    g_clear_pointer(&nic->comparator, comparator_free);
    timer_del(nic->expire);
}

static bool open_queues(ColoNic *nic, GError **error)
{
    ComparatorConfig config = {
        .connections = CONNECTIONS_MAX,
        .queue_frames = HELD_FRAMES_MAX,
        .held_bytes = HELD_BYTES_MAX,
        .timeout = TIMEOUT_MS,
        .whole = true, /* the kernel has the packet, and takes a verdict */
    };

    nic->comparator = comparator_new(&config, &comparator_ops, nic);
    for (unsigned side = 0; side < QUEUE_SIDES; side++) {
        nic->queues[side] = kernel_queue_new((uint16_t)(2 * nic->index + side), QUEUE_LIMIT, NULL,
                                             &queue_ops[side], nic, error);
        if (!nic->queues[side]) {
            g_prefix_error(error, "netdev '%s': ", nic->backend->name);
            close_queues(nic);
            return false;
        }
    }
    comparator_set_running(nic->comparator, !checkpoint_periodic());
    on_expire(nic);
    return true;
}

/* The secondary's guest chose its own sequence numbers; what leaves it is translated here. */
static bool add_rewriter(ColoNic *nic, GError **error)
{
    g_autofree char *id = g_strdup_printf("colo-nic%u-rewriter", nic->index);

    if (nic->rewriter) {
        return true;
    }
    json_t *properties =
        json_pack("{s:s, s:b}", "netdev", nic->backend->name, "vnet_hdr_support", 1);
    GObject *rewriter = object_user_create("filter-rewriter", id, properties, error);
    json_decref(properties);
    if (!rewriter) {
        return false;
    }
    nic->rewriter = g_object_ref(rewriter);
    return true;
}

static bool colo_nic_start(void *opaque, CheckpointSide side, GError **error)
{
    ColoNic *nic = opaque;

    nic->side = side;
    if (!install(nic, error)) {
        return false;
    }
    net_colo_gate_exempt(nic->backend, true);
    bool ok = side == CHECKPOINT_PRIMARY ? open_queues(nic, error) : add_rewriter(nic, error);
    if (!ok) {
        uninstall(nic);
    }
    trace_colo_nic_start(nic->backend->name, side == CHECKPOINT_PRIMARY, ok);
    return ok;
}

/* The guest has stopped: what it sent is in the kernel's queue, and is to be in the comparator. */
static bool colo_nic_prepare(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    ColoNic *nic = opaque;

    if (nic->comparator) {
        kernel_queue_drain(nic->queues[QUEUE_PRIMARY]);
        comparator_checkpoint_begins(nic->comparator);
    }
    return true;
}

static bool colo_nic_commit(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    ColoNic *nic = opaque;

    if (nic->comparator) {
        kernel_queue_drain(nic->queues[QUEUE_SECONDARY]);
        comparator_checkpoint(nic->comparator);
        comparator_set_running(nic->comparator, !checkpoint_periodic());
    }
    return true;
}

/* Also after a failover: packets flow at once, the path is undone behind our back. */
static void colo_nic_stop(void *opaque, CheckpointSide side)
{
    ColoNic *nic = opaque;

    net_colo_gate_exempt(nic->backend, false);
    if (nic->comparator) {
        comparator_set_running(nic->comparator, false);
        close_queues(nic);
    }
    uninstall(nic);
}

static bool colo_nic_failover(void *opaque, CheckpointSide side, GError **error)
{
    colo_nic_stop(opaque, side);
    return true;
}

static void colo_nic_packets(void *opaque, CheckpointPackets *packets)
{
    ColoNic *nic = opaque;

    packets->name = g_strdup(nic->backend->name);
    if (nic->comparator) {
        ComparatorStatistics statistics = comparator_statistics(nic->comparator);
        comparator_statistics_report(&statistics, packets);
    }
}

static const CheckpointOps colo_nic_ops = {
    .name = "colo-nic",
    .start = colo_nic_start,
    .prepare = colo_nic_prepare,
    .commit = colo_nic_commit,
    .failover = colo_nic_failover,
    .stop = colo_nic_stop,
    .packets = colo_nic_packets,
};

/* ---- life ---- */

static bool check_interface(const char *name, GError **error)
{
    struct nl_sock *socket = nl_socket_alloc();
    struct rtnl_link *link = NULL;
    int status = socket ? nl_connect(socket, NETLINK_ROUTE) : -NLE_NOMEM;

    if (status == 0) {
        status = rtnl_link_get_kernel(socket, 0, name, &link);
    }
    if (status < 0) {
        qc_error_set(error, "colo_nicname '%s': %s", name, nl_geterror(status));
    }
    rtnl_link_put(link);
    nl_socket_free(socket);
    return status == 0;
}

static bool take_index(ColoNic *nic, GError **error)
{
    for (unsigned i = 0; i < COLO_NIC_MAX; i++) {
        if (!nics[i]) {
            nics[i] = nic;
            nic->index = i;
            return true;
        }
    }
    qc_error_set(error, "colo_nicname: at most %d taps can have one", COLO_NIC_MAX);
    return false;
}

ColoNic *colo_nic_new(NetClient *backend, const char *tap, const char *physical, const char *script,
                      GError **error)
{
    g_assert(bql_locked());
    if (!check_interface(physical, error)) {
        return NULL;
    }
    ColoNic *nic = g_new0(ColoNic, 1);
    if (!take_index(nic, error)) {
        g_free(nic);
        return NULL;
    }
    nic->backend = backend;
    nic->tap = g_strdup(tap);
    nic->physical = g_strdup(physical);
    nic->script = g_strdup(script);
    nic->expire = timer_new_ns(CLOCK_TYPE_REALTIME, on_expire, nic);
    checkpoint_participant_add(&colo_nic_ops, nic);
    return nic;
}

/* The tap goes for good: here the script is waited for. */
static void uninstall_and_wait(ColoNic *nic)
{
    g_autoptr(GError) error = NULL;
    ScriptCall call;

    g_clear_handle_id(&nic->undo_watch, g_source_remove);
    if (!nic->script || !(nic->installed || nic->undoing)) {
        return;
    }
    script_call_init(&call, nic, "uninstall");
    if (!net_script_run(call.argv, &error)) {
        report_error("netdev '%s': colo_script: %s", nic->backend->name, error->message);
    }
}

void colo_nic_free(ColoNic *nic)
{
    g_autoptr(GError) error = NULL;

    g_assert(bql_locked());
    checkpoint_participant_remove(&colo_nic_ops, nic);
    close_queues(nic);
    uninstall_and_wait(nic);
    if (nic->rewriter) {
        g_autofree char *id = g_strdup_printf("colo-nic%u-rewriter", nic->index);
        if (!object_user_delete(id, &error)) {
            trace_colo_nic_rewriter_kept(id, error->message);
        }
        g_object_unref(nic->rewriter);
    }
    nics[nic->index] = NULL;
    timer_free(nic->expire);
    g_free(nic->tap);
    g_free(nic->physical);
    g_free(nic->script);
    g_free(nic);
}
