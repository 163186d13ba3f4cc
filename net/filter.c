/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The base class of network filters and the way of a frame through them.
 *
 * What a filter does with a frame may lead to anything: other frames, filters that come, go or are
 * turned off, a back end that is deleted. So each walk along a chain is known here, and whatever
 * changes a chain tells the walks on it.
 */
#include <string.h>

#include "net/colo-gate.h"
#include "net/filter-internal.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

/* ---- walks ---- */

typedef struct FilterWalk {
    NetClient *backend;       /* NULL: it went meanwhile, and the frame with it */
    NetFilterQueue direction; /* RX or TX */
    int next;                 /* index of the filter to visit next; < 0 or beyond: at the end */
    struct FilterWalk *outer;
} FilterWalk;

static FilterWalk *walks; /* innermost first; BQL */

static int chain_length(const NetClient *backend)
{
    return backend->filters ? (int)backend->filters->len : 0;
}

static void walk_begin(FilterWalk *walk)
{
    walk->outer = walks;
    walks = walk;
}

static void walk_end(const FilterWalk *walk)
{
    g_assert(walks == walk);
    walks = walk->outer;
}

static int walk_step(const FilterWalk *walk)
{
    return walk->direction == NET_FILTER_QUEUE_TX ? 1 : -1;
}

/*
 * A filter came at @index (@by 1) or went from there (-1): each walk goes on with the neighbour
 * of the filter that it visited last, which may be the new one.
 */
static void walks_note_change(const NetClient *backend, int index, int by)
{
    for (FilterWalk *walk = walks; walk; walk = walk->outer) {
        bool towards_head = walk->direction == NET_FILTER_QUEUE_RX;
        int moving = walk->next + (towards_head ? 1 : 0) + (towards_head && by > 0 ? 1 : 0);
        if (walk->backend == backend && index < moving) {
            walk->next += by;
        }
    }
}

static void walks_note_backend_gone(const NetClient *backend)
{
    for (FilterWalk *walk = walks; walk; walk = walk->outer) {
        if (walk->backend == backend) {
            walk->backend = NULL;
        }
    }
}

static NetFilter *walk_next(FilterWalk *walk)
{
    if (!walk->backend || walk->next < 0 || walk->next >= chain_length(walk->backend)) {
        return NULL;
    }
    NetFilter *filter = g_ptr_array_index(walk->backend->filters, walk->next);
    walk->next += walk_step(walk);
    return filter;
}

/* The end that the frame comes from; NULL when there is no card (any more). */
static NetClient *walk_sender(const FilterWalk *walk)
{
    return walk->direction == NET_FILTER_QUEUE_TX ? walk->backend : walk->backend->peer;
}

static NetClient *walk_receiver(const FilterWalk *walk)
{
    return walk->direction == NET_FILTER_QUEUE_TX ? walk->backend->peer : walk->backend;
}

static bool is_concerned(const NetFilter *filter, NetFilterQueue direction)
{
    return filter->on && (filter->queue == NET_FILTER_QUEUE_ALL || filter->queue == direction);
}

static NetVerdict walk_run(FilterWalk *walk, const NetFrame *frame);

/* A frame has passed all filters: is it the guest's, and may it leave? */
static NetVerdict wire_verdict(const FilterWalk *walk, const NetFrame *frame)
{
    if (walk->direction == NET_FILTER_QUEUE_TX || net_colo_gate_is_open() ||
        !net_client_is_nic(walk_sender(walk))) {
        return NET_VERDICT_PASS;
    }
    return net_colo_gate_ask(walk->backend, walk->direction, frame);
}

/* Back ends are peers where there is a hub; then the other one's filters come next. */
static bool walk_crosses(const FilterWalk *walk, FilterWalk *next)
{
    NetClient *peer = walk->backend->peer;

    if (walk->direction == NET_FILTER_QUEUE_RX || !peer || net_client_is_nic(peer)) {
        return false;
    }
    *next = (FilterWalk){ .backend = peer,
                          .direction = NET_FILTER_QUEUE_RX,
                          .next = chain_length(peer) - 1 };
    return true;
}

/* Run @frame the rest of its way to the last filter. On PASS *@walk is where it arrived. */
static NetVerdict walk_filters(FilterWalk *walk, const NetFrame *frame)
{
    bool crossed;

    do {
        walk_begin(walk);
        NetVerdict verdict = walk_run(walk, frame);
        walk_end(walk);
        if (verdict == NET_VERDICT_TAKE) {
            return verdict;
        }
        crossed = walk_crosses(walk, walk);
    } while (crossed);
    return wire_verdict(walk, frame);
}

/* Take @frame the rest of its way and deliver it. */
static NetResult walk_to_the_end(FilterWalk *walk, const NetFrame *frame)
{
    if (walk_filters(walk, frame) == NET_VERDICT_TAKE || !walk_receiver(walk) ||
        !net_link_up(walk->backend)) {
        return NET_DONE;
    }
    return net_deliver(walk_sender(walk), walk_receiver(walk), frame, NULL);
}

/* One of the frames that a frame with offloads stands for. */
static void emit_resolved(const NetFrame *frame, void *opaque)
{
    FilterWalk own = *(FilterWalk *)opaque; /* that one still belongs to the others */

    if (own.backend) {
        walk_to_the_end(&own, frame);
    }
}

/* @walk has come to a filter that takes no offloads: each frame goes on by itself from there. */
static void walk_resolved(FilterWalk *walk, const NetFrame *frame)
{
    walk->next -= walk_step(walk);
    trace_net_filter_resolve(walk->backend->name, frame->header.gso_type);
    if (!net_offload_resolve(frame, 0, emit_resolved, walk)) {
        trace_net_filter_bad_offload(walk->backend->name);
    }
}

static NetVerdict filter_receive(NetFilter *filter, const FilterWalk *walk, const NetFrame *frame)
{
    g_autoptr(GObject) alive = g_object_ref(G_OBJECT(filter));

    return NET_FILTER_GET_CLASS(filter)->receive(filter, walk->direction, walk_sender(walk), frame);
}

/*
 * Visit the filters from walk->next on. PASS: the receiver is to get the frame. TAKE: a filter
 * keeps it, or it has no way to go any more.
 */
static NetVerdict walk_run(FilterWalk *walk, const NetFrame *frame)
{
    NetFilter *filter;

    while (walk->backend && walk_sender(walk) && (filter = walk_next(walk))) {
        if (!is_concerned(filter, walk->direction)) {
            continue;
        }
        if (!filter->vnet_header && !vnet_header_is_plain(&frame->header)) {
            walk_resolved(walk, frame);
            return NET_VERDICT_TAKE;
        }
        if (filter_receive(filter, walk, frame) == NET_VERDICT_TAKE) {
            return NET_VERDICT_TAKE;
        }
    }
    return walk->backend && walk_sender(walk) ? NET_VERDICT_PASS : NET_VERDICT_TAKE;
}

/* Nothing on the way of what @sender sends has a say. */
static bool way_is_free(const NetClient *sender)
{
    const NetClient *peer = sender->peer;

    return net_colo_gate_is_open() && chain_length(sender) == 0 &&
           (!peer || chain_length(peer) == 0);
}

NetVerdict net_filters_run(NetClient *sender, const NetFrame *frame)
{
    if (way_is_free(sender) || !sender->peer) {
        return NET_VERDICT_PASS;
    }
    bool from_guest = net_client_is_nic(sender);
    NetClient *backend = from_guest ? sender->peer : sender;
    if (!from_guest && !net_colo_gate_is_open() &&
        net_colo_gate_ask(backend, NET_FILTER_QUEUE_TX, frame) == NET_VERDICT_TAKE) {
        return NET_VERDICT_TAKE;
    }
    FilterWalk walk = {
        .backend = backend,
        .direction = from_guest ? NET_FILTER_QUEUE_RX : NET_FILTER_QUEUE_TX,
        .next = from_guest ? chain_length(backend) - 1 : 0,
    };
    return walk_filters(&walk, frame);
}

static int chain_index(const NetFilter *filter)
{
    guint index = 0;
    bool found = g_ptr_array_find(filter->netdev->filters, filter, &index);

    g_assert(found);
    return (int)index;
}

NetResult net_filter_pass_on(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                             const NetFrame *frame)
{
    g_assert(bql_locked() && direction != NET_FILTER_QUEUE_ALL);
    if (!filter->netdev) {
        return NET_DONE;
    }
    FilterWalk walk = { .backend = filter->netdev, .direction = direction };
    walk.next = chain_index(filter) + walk_step(&walk);
    return walk_to_the_end(&walk, frame);
}

/* ---- chains ---- */

static void chain_insert(NetFilter *filter, NetClient *backend, int index)
{
    if (!backend->filters) {
        backend->filters = g_ptr_array_new();
    }
    g_ptr_array_insert(backend->filters, index, filter);
    walks_note_change(backend, index, 1);
    trace_net_filter_insert(backend->name, net_filter_name(filter), index);
}

/* What @filter holds can still go on while it is in its place. */
static void chain_remove(NetFilter *filter)
{
    NetFilterClass *klass = NET_FILTER_GET_CLASS(filter);

    if (!filter->netdev) {
        return;
    }
    if (klass->cleanup) {
        klass->cleanup(filter);
    }
    NetClient *backend = filter->netdev;
    if (!backend) { /* it went meanwhile */
        return;
    }
    int index = chain_index(filter);
    trace_net_filter_remove(backend->name, index);
    g_ptr_array_remove_index(backend->filters, index);
    filter->netdev = NULL;
    walks_note_change(backend, index, -1);
}

void net_filters_detach(NetClient *backend)
{
    g_assert(bql_locked());
    while (chain_length(backend) > 0) {
        chain_remove(g_ptr_array_index(backend->filters, chain_length(backend) - 1));
    }
    walks_note_backend_gone(backend);
    net_colo_gate_forget(backend);
}

/* ---- position ---- */

static bool find_anchor(const NetFilter *filter, const NetClient *backend, int *index,
                        GError **error)
{
    const char *id = filter->position + strlen("id=");
    g_autofree char *path = g_strconcat("/objects/", id, NULL);
    GObject *object = object_id_is_well_formed(id) ? object_tree_find(path) : NULL;

    if (!object || !g_type_is_a(G_OBJECT_TYPE(object), TYPE_NET_FILTER)) {
        qc_error_set(error, "filter '%s' not found", id);
        return false;
    }
    NetFilter *anchor = NET_FILTER(object);
    if (anchor->netdev != backend) {
        qc_error_set(error, "filter '%s' belongs to a different netdev", id);
        return false;
    }
    *index = chain_index(anchor) + (filter->insert_before ? 0 : 1);
    return true;
}

static bool find_position(const NetFilter *filter, const NetClient *backend, int *index,
                          GError **error)
{
    const char *position = filter->position;

    if (!strcmp(position, "head")) {
        *index = 0;
    } else if (!strcmp(position, "tail")) {
        *index = chain_length(backend);
    } else if (g_str_has_prefix(position, "id=")) {
        return find_anchor(filter, backend, index, error);
    } else {
        qc_error_set(error, "Parameter 'position' expects 'head', 'tail' or 'id=<id>'");
        return false;
    }
    return true;
}

/* ---- life ---- */

const char *net_filter_name(NetFilter *filter)
{
    g_autofree char *path = object_tree_path(G_OBJECT(filter));

    if (!path) {
        return object_type_name(G_OBJECT_TYPE(filter));
    }
    return g_intern_string(strrchr(path, '/') + 1);
}

bool net_filter_missing(const char *name, GError **error)
{
    qc_error_set(error, "Parameter '%s' is missing", name);
    return false;
}

static bool net_filter_complete(UserCreatable *object, GError **error)
{
    NetFilter *filter = NET_FILTER(object);
    NetFilterClass *klass = NET_FILTER_GET_CLASS(filter);
    int index;

    g_assert(bql_locked());
    if (!filter->netdev_id) {
        return net_filter_missing("netdev", error);
    }
    NetClient *backend = net_backend_find(filter->netdev_id);
    if (!backend) {
        qc_error_set(error, "Parameter 'netdev' expects a network backend id");
        return false;
    }
    if (!find_position(filter, backend, &index, error)) {
        return false;
    }
    filter->netdev = backend;
    if (klass->setup && !klass->setup(filter, error)) {
        filter->netdev = NULL;
        return false;
    }
    chain_insert(filter, backend, index);
    filter->completed = true;
    return true;
}

/* ---- properties ---- */

enum { PROPERTY_NETDEV = 1, PROPERTY_QUEUE, PROPERTY_STATUS, PROPERTY_POSITION, PROPERTY_INSERT };

static GType queue_type(void)
{
    static const GEnumValue values[] = {
        { NET_FILTER_QUEUE_ALL, "NET_FILTER_QUEUE_ALL", "all" },
        { NET_FILTER_QUEUE_RX, "NET_FILTER_QUEUE_RX", "rx" },
        { NET_FILTER_QUEUE_TX, "NET_FILTER_QUEUE_TX", "tx" },
        { 0, NULL, NULL },
    };
    static GType type;

    if (!type) {
        type = g_enum_register_static("NetFilterDirection", values);
    }
    return type;
}

static GType status_type(void)
{
    static const GEnumValue values[] = {
        { false, "NET_FILTER_STATUS_OFF", "off" },
        { true, "NET_FILTER_STATUS_ON", "on" },
        { 0, NULL, NULL },
    };
    static GType type;

    if (!type) {
        type = g_enum_register_static("NetFilterStatus", values);
    }
    return type;
}

static GType insert_type(void)
{
    static const GEnumValue values[] = {
        { false, "NET_FILTER_INSERT_BEHIND", "behind" },
        { true, "NET_FILTER_INSERT_BEFORE", "before" },
        { 0, NULL, NULL },
    };
    static GType type;

    if (!type) {
        type = g_enum_register_static("NetfilterInsert", values);
    }
    return type;
}

static void set_status(NetFilter *filter, bool on)
{
    NetFilterClass *klass = NET_FILTER_GET_CLASS(filter);

    if (filter->on == on) {
        return;
    }
    filter->on = on;
    if (filter->completed && filter->netdev && klass->status_changed) {
        klass->status_changed(filter);
    }
}

static void net_filter_set_property(GObject *object, guint id, const GValue *value,
                                    GParamSpec *spec)
{
    NetFilter *filter = NET_FILTER(object);

    switch (id) {
    case PROPERTY_NETDEV:
        g_free(filter->netdev_id);
        filter->netdev_id = g_value_dup_string(value);
        break;
    case PROPERTY_QUEUE:
        filter->queue = (NetFilterQueue)g_value_get_enum(value);
        break;
    case PROPERTY_STATUS:
        set_status(filter, g_value_get_enum(value));
        break;
    case PROPERTY_POSITION:
        g_free(filter->position);
        filter->position = g_value_dup_string(value);
        break;
    case PROPERTY_INSERT:
        filter->insert_before = g_value_get_enum(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void net_filter_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    NetFilter *filter = NET_FILTER(object);

    switch (id) {
    case PROPERTY_NETDEV:
        g_value_set_string(value, filter->netdev_id);
        break;
    case PROPERTY_QUEUE:
        g_value_set_enum(value, filter->queue);
        break;
    case PROPERTY_STATUS:
        g_value_set_enum(value, filter->on);
        break;
    case PROPERTY_POSITION:
        g_value_set_string(value, filter->position);
        break;
    case PROPERTY_INSERT:
        g_value_set_enum(value, filter->insert_before);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

/* ---- registration ---- */

OBJECT_DEFINE_ABSTRACT_TYPE(NetFilter, NetFilterClass, net_filter, "netfilter", G_TYPE_OBJECT);

static void net_filter_dispose(GObject *object)
{
    chain_remove(NET_FILTER(object));
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->dispose(object);
}

static void net_filter_finalize(GObject *object)
{
    NetFilter *filter = NET_FILTER(object);

    g_free(filter->netdev_id);
    g_free(filter->position);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void net_filter_init(NetFilter *self)
{
    self->on = true;
    self->position = g_strdup("tail");
}

static void net_filter_class_init(NetFilterClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->dispose = net_filter_dispose;
    base->finalize = net_filter_finalize;
    base->set_property = net_filter_set_property;
    base->get_property = net_filter_get_property;
    g_object_class_install_property(
        base, PROPERTY_NETDEV,
        g_param_spec_string("netdev", NULL, "id of the network back end", NULL, G_PARAM_READWRITE));
    g_object_class_install_property(
        base, PROPERTY_QUEUE,
        g_param_spec_enum("queue", NULL, "tx: to the guest, rx: from the guest, all: both",
                          queue_type(), NET_FILTER_QUEUE_ALL, G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_STATUS,
                                    g_param_spec_enum("status", NULL, "off: frames pass by",
                                                      status_type(), true,
                                                      G_PARAM_READWRITE | NET_FILTER_CHANGEABLE));
    g_object_class_install_property(base, PROPERTY_POSITION,
                                    g_param_spec_string("position", NULL, "head, tail or id=FILTER",
                                                        "tail", G_PARAM_READWRITE));
    g_object_class_install_property(
        base, PROPERTY_INSERT,
        g_param_spec_enum("insert", NULL, "with position=id=FILTER: before or behind it",
                          insert_type(), false, G_PARAM_READWRITE));
}

static bool net_filter_may_set(UserCreatable *object, GParamSpec *property)
{
    return property->flags & NET_FILTER_CHANGEABLE;
}

static void net_filter_deleted(UserCreatable *object)
{
    chain_remove(NET_FILTER(object));
}

static void implement_user_creatable(gpointer interface, gpointer data)
{
    ((UserCreatableInterface *)interface)->complete = net_filter_complete;
    ((UserCreatableInterface *)interface)->deleted = net_filter_deleted;
    ((UserCreatableInterface *)interface)->may_set = net_filter_may_set;
}

__attribute__((constructor)) static void net_filter_make_creatable(void)
{
    static const GInterfaceInfo info = { .interface_init = implement_user_creatable };

    g_type_add_interface_static(TYPE_NET_FILTER, TYPE_USER_CREATABLE, &info);
}
