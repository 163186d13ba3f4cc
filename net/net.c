/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Network clients: the list of all, peers, links, and the way of a frame from one to the other. */
#include "net/net.h"

#include <string.h>

#include "net/filter.h"
#include "net/queue.h"
#include "system/bql.h"
#include "system/runstate.h"
#include "trace-net.h"
#include "util/report.h"

static GQueue clients = G_QUEUE_INIT; /* NetClient, linked by `link`, in order of creation */

/* ---- life ---- */

bool net_client_is_nic(const NetClient *client)
{
    return !strcmp(client->ops->type, "nic");
}

static NetClient *find_client(const char *name, bool nic)
{
    for (GList *item = clients.head; item; item = item->next) {
        NetClient *client = item->data;
        if (net_client_is_nic(client) == nic && !strcmp(client->name, name)) {
            return client;
        }
    }
    return NULL;
}

NetClient *net_backend_find(const char *id)
{
    return find_client(id, false);
}

void net_client_foreach(void (*visit)(NetClient *client, void *opaque), void *opaque)
{
    g_assert(bql_locked());
    for (GList *item = clients.head; item; item = item->next) {
        visit(item->data, opaque);
    }
}

/* What came while the guest stood still waits for its NICs. */
static void flush_nics(void *opaque, bool running, RunState state)
{
    for (GList *item = clients.head; running && item; item = item->next) {
        NetClient *client = item->data;
        if (net_client_is_nic(client)) {
            net_queue_flush(client->queue);
        }
    }
}

static void watch_run_state_once(void)
{
    static bool watching;

    if (!watching) {
        watching = true;
        vm_state_change_add(flush_nics, NULL);
    }
}

NetClient *net_client_new(const NetClientOps *ops, const char *model, const char *name,
                          void *opaque, GError **error)
{
    bool nic = !strcmp(ops->type, "nic");

    g_assert(bql_locked());
    if (find_client(name, nic)) {
        qc_error_set(error, "Duplicate ID '%s' for %s", name, nic ? "nic" : "netdev");
        return NULL;
    }
    watch_run_state_once();
    NetClient *client = g_new0(NetClient, 1);
    client->ops = ops;
    client->name = g_strdup(name);
    client->model = g_strdup(model);
    client->opaque = opaque;
    client->queue = net_queue_new(client);
    client->filters = nic ? NULL : g_ptr_array_new();
    client->link.data = client;
    g_queue_push_tail_link(&clients, &client->link);
    trace_net_client_new(ops->type, name);
    return client;
}

static void tell_link_changed(NetClient *client)
{
    if (client->ops->link_changed) {
        client->ops->link_changed(client);
    }
}

void net_client_connect(NetClient *nic, NetClient *backend)
{
    g_assert(bql_locked() && !nic->peer && !backend->peer);
    nic->peer = backend;
    backend->peer = nic;
    trace_net_client_connect(nic->name, backend->name);
}

void net_client_free(NetClient *client)
{
    NetClient *peer = client->peer;

    g_assert(bql_locked());
    trace_net_client_free(client->ops->type, client->name);
    if (!net_client_is_nic(client)) {
        net_filters_detach(client);
    }
    if (peer) {
        client->peer = NULL;
        peer->peer = NULL;
        tell_link_changed(peer);
    }
    for (GList *item = clients.head; item; item = item->next) {
        NetClient *other = item->data;
        net_queue_purge(other->queue, client, false);
    }
    net_queue_close(client->queue);
    g_queue_unlink(&clients, &client->link);
    if (client->ops->cleanup) {
        client->ops->cleanup(client);
    }
    g_clear_pointer(&client->filters, g_ptr_array_unref);
    g_free(client->model);
    g_free(client->name);
    g_free(client);
}

/* ---- the way of a frame ---- */

bool net_link_up(const NetClient *client)
{
    return !client->link_down && !(client->peer && client->peer->link_down);
}

NetResult net_send(NetClient *sender, const NetFrame *frame, NetSent *sent)
{
    g_assert(bql_locked());
    if (!sender->peer || !net_link_up(sender)) {
        return NET_DONE;
    }
    if (net_filters_run(sender, frame) == NET_VERDICT_TAKE || !sender->peer) {
        return NET_DONE;
    }
    return net_deliver(sender, sender->peer, frame, sent);
}

NetResult net_send_buffer(NetClient *sender, const void *data, size_t size, NetSent *sent)
{
    struct iovec iov = { (void *)data, size };
    NetFrame frame = { .iov = &iov, .iov_count = 1 };

    return net_send(sender, &frame, sent);
}

/* What a receiver of @header must understand (NetOffload bits). */
static uint32_t offloads_of(const VnetHeader *header)
{
    static const uint32_t segmentation[] = {
        [VNET_GSO_TCPV4] = NET_OFFLOAD_TSO4,
        [VNET_GSO_UDP] = NET_OFFLOAD_UFO,
        [VNET_GSO_TCPV6] = NET_OFFLOAD_TSO6,
    };
    uint8_t type = header->gso_type & ~VNET_GSO_ECN;
    uint32_t offloads = header->flags & VNET_FLAG_NEEDS_CHECKSUM ? NET_OFFLOAD_CHECKSUM : 0;

    if (type != VNET_GSO_NONE) {
        /* A type that does not exist is nobody's: net_offload_resolve() refuses it. */
        uint32_t bit = type < G_N_ELEMENTS(segmentation) ? segmentation[type] : 0;
        offloads |= bit ? bit : UINT32_MAX;
    }
    return offloads | (header->gso_type & VNET_GSO_ECN ? NET_OFFLOAD_ECN : 0);
}

typedef struct Delivery {
    NetClient *sender, *receiver;
    NetSent *sent; /* goes along with the first that has to wait */
    NetResult result;
} Delivery;

static void deliver_resolved(const NetFrame *frame, void *opaque)
{
    Delivery *delivery = opaque;
    NetQueue *queue = delivery->receiver->queue;

    if (net_queue_send(queue, delivery->sender, frame, delivery->sent) == NET_PENDING) {
        delivery->result = NET_PENDING;
        delivery->sent = NULL;
    }
}

NetResult net_deliver(NetClient *sender, NetClient *receiver, const NetFrame *frame, NetSent *sent)
{
    g_assert(bql_locked());
    size_t size = net_frame_size(frame);
    if (size == 0 || size > NET_FRAME_MAX) {
        trace_net_frame_refused(receiver->name, size);
        return NET_DONE;
    }
    if (!(offloads_of(&frame->header) & ~receiver->offloads)) {
        return net_queue_send(receiver->queue, sender, frame, sent);
    }
    Delivery delivery = { sender, receiver, sent, NET_DONE };
    if (!net_offload_resolve(frame, receiver->offloads, deliver_resolved, &delivery)) {
        trace_net_frame_refused(receiver->name, size);
    }
    return delivery.result;
}

void net_flush(NetClient *client)
{
    g_assert(bql_locked());
    net_queue_flush(client->queue);
}

void net_purge(NetClient *receiver, NetClient *sender)
{
    g_assert(bql_locked());
    net_queue_purge(receiver->queue, sender, true);
}

/* ---- offloads ---- */

uint32_t net_peer_offloads(const NetClient *nic)
{
    const NetClient *backend = nic->peer;

    if (!backend) {
        return 0;
    }
    for (guint i = 0; i < backend->filters->len; i++) {
        const NetFilter *filter = g_ptr_array_index(backend->filters, i);
        if (!filter->vnet_header) {
            return 0;
        }
    }
    return backend->offloads;
}

void net_set_offloads(NetClient *nic, uint32_t offloads)
{
    g_assert(bql_locked());
    if (nic->peer && nic->peer->ops->set_offloads) {
        nic->peer->ops->set_offloads(nic->peer, offloads);
    }
}
