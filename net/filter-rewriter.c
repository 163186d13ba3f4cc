/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object `filter-rewriter`: translates TCP sequence numbers between the secondary's guest and
 * the clients, who speak with the primary's. After a failover it goes on for the connections that
 * need it. At each checkpoint the guest gets the primary's connections, and the translations that
 * the primary itself does for them: none, unless it is a survivor that is protected again.
 */
#include "migration/checkpoint.h"
#include "net/filter-internal.h"
#include "net/frame-store.h"
#include "net/rewriter-state.h"
#include "net/tcp-rewrite.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

/* Bytes for the guest that wait while a checkpoint is taken; what is beyond is dropped. */
#define WAITING_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* Connections that are followed; the least recently used ones go first. */
#define CONNECTIONS_MAX 65536

typedef struct RewriterFilter {
    NetFilter parent;
    bool vnet_hdr_support;
    TcpRewriter *rewriter;
    FrameStore *waiting; /* for the guest, while it is unknown which guest it will be */
    bool holds;
} RewriterFilter;

typedef struct RewriterFilterClass {
    NetFilterClass parent;
} RewriterFilterClass;

enum { PROPERTY_VNET_HDR_SUPPORT = 1 };

OBJECT_DEFINE_TYPE(RewriterFilter, RewriterFilterClass, rewriter_filter, "filter-rewriter",
                   TYPE_NET_FILTER);

static GList *rewriters; /* complete ones; BQL */

static RewriterFilter *to_rewriter(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, rewriter_filter_get_type(), RewriterFilter);
}

/* The frame is borrowed, so what changes is a copy; most frames do not change. */
static NetVerdict rewrite(RewriterFilter *self, NetFilterQueue direction, const NetFrame *frame)
{
    bool partial = frame->header.flags & VNET_FLAG_NEEDS_CHECKSUM;
    size_t size = net_frame_size(frame);

    if (size > NET_FRAME_MAX) { /* the receiver will not take it either */
        return NET_VERDICT_PASS;
    }
    g_autofree uint8_t *copy = g_malloc(size);
    net_frame_copy(frame, 0, copy, size);
    bool changed = direction == NET_FILTER_QUEUE_TX
                       ? tcp_rewriter_to_guest(self->rewriter, copy, size, partial)
                       : tcp_rewriter_from_guest(self->rewriter, copy, size, partial);
    if (!changed) {
        return NET_VERDICT_PASS;
    }
    struct iovec iov = { copy, size };
    NetFrame rewritten = { .header = frame->header, .iov = &iov, .iov_count = 1 };
    net_filter_pass_on(&self->parent, direction, NULL, &rewritten);
    return NET_VERDICT_TAKE;
}

static NetVerdict rewriter_receive(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                                   const NetFrame *frame)
{
    RewriterFilter *self = to_rewriter(filter);

    if (!self->holds || direction == NET_FILTER_QUEUE_RX) {
        return rewrite(self, direction, frame);
    }
    if (!frame_store_put(self->waiting, direction, frame)) {
        trace_filter_rewriter_dropped(net_filter_name(filter), net_frame_size(frame));
    }
    return NET_VERDICT_TAKE;
}

static void let_go(NetFilterQueue direction, const NetFrame *frame, void *opaque)
{
    RewriterFilter *self = opaque;

    if (rewrite(self, direction, frame) == NET_VERDICT_PASS) {
        net_filter_pass_on(&self->parent, direction, NULL, frame);
    }
}

static void stop_holding(RewriterFilter *self)
{
    self->holds = false;
    frame_store_drain(self->waiting, let_go, self);
}

/* ---- the state of the virtual machine ---- */

/* What is saved, or came last. BQL. */
static struct RewriterState {
    GHashTable *netdevs; /* rewriter_state_new() */
    unsigned without_rewriter;
} state;

static RewriterFilter *rewriter_of(const char *netdev)
{
    for (GList *item = rewriters; item; item = item->next) {
        if (!strcmp(((RewriterFilter *)item->data)->parent.netdev_id, netdev)) {
            return item->data;
        }
    }
    return NULL;
}

static void collect_translations(void *opaque)
{
    g_hash_table_remove_all(state.netdevs);
    for (GList *item = rewriters; item; item = item->next) {
        RewriterFilter *self = item->data;
        if (self->parent.on && tcp_rewriter_translated(self->rewriter) > 0) {
            g_hash_table_replace(state.netdevs, g_strdup(self->parent.netdev_id),
                                 tcp_rewriter_translations(self->rewriter));
        }
    }
}

/* The first rewriter of a netdev does it: twice would be wrong. */
static void adopt_translations(RewriterFilter *self)
{
    const char *netdev = self->parent.netdev_id;
    const GArray *translations =
        self == rewriter_of(netdev) ? g_hash_table_lookup(state.netdevs, netdev) : NULL;

    tcp_rewriter_checkpoint(self->rewriter, translations);
    trace_filter_rewriter_adopted(net_filter_name(&self->parent),
                                  tcp_rewriter_translated(self->rewriter));
}

/* The connections end here; a checkpoint a second need not say so each time. */
static void warn_without_rewriter(void)
{
    unsigned count = 0;
    const char *example = NULL;
    GHashTableIter iter;
    gpointer id, value;

    g_hash_table_iter_init(&iter, state.netdevs);
    while (g_hash_table_iter_next(&iter, &id, &value)) {
        if (!rewriter_of(id)) {
            count += ((const GArray *)value)->len;
            example = id;
        }
    }
    if (count > state.without_rewriter) {
        report_warning("netdev '%s' has no filter-rewriter: %u TCP connections of the guest cannot "
                       "go on here",
                       example, count);
    }
    state.without_rewriter = count;
}

/* In a checkpoint that is committed afterwards; otherwise the guest has moved here for good. */
static bool translations_loaded(void *opaque, int version, GError **error)
{
    warn_without_rewriter();
    for (GList *item = rewriters; item; item = item->next) {
        if (!((RewriterFilter *)item->data)->holds) {
            adopt_translations(item->data);
        }
    }
    return true;
}

static const VMStateDescription vmstate_rewriter = {
    .name = "filter-rewriter",
    .version = 1,
    .minimum_version = 1,
    .pre_save = collect_translations,
    .post_load = translations_loaded,
    .fields =
        (const VMStateField[]){
            VMSTATE_SINGLE(netdevs, struct RewriterState, 0, NULL, vmstate_type_tcp_translations,
                           GHashTable *),
            VMSTATE_END,
        },
};

/* ---- checkpoints ---- */

/*
 * The guest stands still. What comes for it from now on is read by the guest of the checkpoint,
 * whose numbers are the primary's, or, when the primary dies now, by the present one.
 */
static bool rewriters_prepare(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    for (GList *item = rewriters; side == CHECKPOINT_SECONDARY && item; item = item->next) {
        ((RewriterFilter *)item->data)->holds = true;
    }
    return true;
}

static bool rewriters_commit(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    for (GList *item = rewriters; side == CHECKPOINT_SECONDARY && item; item = item->next) {
        RewriterFilter *self = item->data;
        trace_filter_rewriter_checkpoint(net_filter_name(&self->parent),
                                         tcp_rewriter_translated(self->rewriter));
        adopt_translations(self);
        stop_holding(self);
    }
    return true;
}

static void rewriters_stop(void *opaque, CheckpointSide side)
{
    for (GList *item = rewriters; side == CHECKPOINT_SECONDARY && item; item = item->next) {
        RewriterFilter *self = item->data;
        tcp_rewriter_failover(self->rewriter);
        stop_holding(self);
    }
}

static bool rewriters_failover(void *opaque, CheckpointSide side, GError **error)
{
    rewriters_stop(opaque, side);
    return true;
}

static const CheckpointOps rewriter_ops = {
    .name = "filter-rewriter",
    .prepare = rewriters_prepare,
    .commit = rewriters_commit,
    .failover = rewriters_failover,
    .stop = rewriters_stop,
};

__attribute__((constructor)) static void rewriter_register(void)
{
    bql_lock();
    state.netdevs = rewriter_state_new();
    vmstate_register(NULL, 0, &vmstate_rewriter, &state);
    checkpoint_participant_add(&rewriter_ops, NULL);
    bql_unlock();
}

/* ---- life ---- */

static bool rewriter_setup(NetFilter *filter, GError **error)
{
    rewriters = g_list_append(rewriters, to_rewriter(filter));
    return true;
}

/* A filter that is off must not keep what came while it was on. */
static void rewriter_status_changed(NetFilter *filter)
{
    if (!filter->on) {
        stop_holding(to_rewriter(filter));
    }
}

static void rewriter_cleanup(NetFilter *filter)
{
    rewriters = g_list_remove(rewriters, to_rewriter(filter));
    stop_holding(to_rewriter(filter));
}

static void rewriter_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    switch (id) {
    case PROPERTY_VNET_HDR_SUPPORT:
        to_rewriter(object)->vnet_hdr_support = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void rewriter_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    switch (id) {
    case PROPERTY_VNET_HDR_SUPPORT:
        g_value_set_boolean(value, to_rewriter(object)->vnet_hdr_support);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void rewriter_filter_finalize(GObject *object)
{
    tcp_rewriter_free(to_rewriter(object)->rewriter);
    frame_store_free(to_rewriter(object)->waiting);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_NET_FILTER))->finalize(object);
}

static void rewriter_filter_init(RewriterFilter *self)
{
    self->parent.vnet_header = true;
    self->rewriter = tcp_rewriter_new(CONNECTIONS_MAX);
    self->waiting = frame_store_new(WAITING_BYTES_MAX);
}

static void rewriter_filter_class_init(RewriterFilterClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->finalize = rewriter_filter_finalize;
    base->set_property = rewriter_set_property;
    base->get_property = rewriter_get_property;
    klass->parent.setup = rewriter_setup;
    klass->parent.receive = rewriter_receive;
    klass->parent.status_changed = rewriter_status_changed;
    klass->parent.cleanup = rewriter_cleanup;
    g_object_class_install_property(
        base, PROPERTY_VNET_HDR_SUPPORT,
        g_param_spec_boolean("vnet_hdr_support", "vnet_hdr_support",
                             "no difference: frames with offloads are always understood", false,
                             G_PARAM_READWRITE));
}
