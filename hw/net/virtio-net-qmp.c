/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* query-rx-filter and the event that says when to ask again. */
#include "hw/net/virtio-net-internal.h"

#include <string.h>

#include "qapi/qapi-commands-net.h"
#include "qapi/qapi-events-net.h"
#include "util/report.h"

/*
 * The event only makes the client query, so that one is enough until it has: a guest that changes
 * its filter all the time does not flood the monitor.
 */
void virtio_net_rx_filter_changed(VirtIONet *net)
{
    g_autofree char *path = object_tree_path(G_OBJECT(net));

    if (net->rx_filter_event) {
        net->rx_filter_event = false;
        qapi_event_send_nic_rx_filter_changed(net->client->name, path ? path : "");
    }
}

static RxState receive_state(bool none, bool all)
{
    if (none) {
        return RX_STATE_NONE;
    }
    return all ? RX_STATE_ALL : RX_STATE_NORMAL;
}

static GPtrArray *address_list(const RxFilter *filter, uint32_t first, uint32_t count)
{
    GPtrArray *list = qapi_str_list_new();

    for (uint32_t i = first; i < first + count; i++) {
        g_ptr_array_add(list, net_mac_to_string(filter->table[i]));
    }
    return list;
}

static GArray *vlan_list(const RxFilter *filter)
{
    GArray *list = g_array_new(false, false, sizeof(int64_t));

    for (int64_t vlan = 0; vlan < RX_FILTER_VLAN_MAX; vlan++) {
        if (rx_filter_vlan_passes(filter, (uint16_t)vlan)) {
            g_array_append_val(list, vlan);
        }
    }
    return list;
}

static RxFilterInfo *filter_info(VirtIONet *net)
{
    const RxFilter *filter = &net->filter;
    RxFilterInfo *info = RxFilterInfo_new();

    info->name = g_strdup(net->client->name);
    info->promiscuous = filter->promiscuous;
    info->multicast = receive_state(filter->no_multicast, filter->all_multicast);
    info->unicast = receive_state(filter->no_unicast, filter->all_unicast);
    info->vlan =
        virtio_has_feature(&net->parent, VIRTIO_NET_F_CTRL_VLAN) ? RX_STATE_NORMAL : RX_STATE_ALL;
    info->broadcast_allowed = !filter->no_broadcast;
    info->multicast_overflow = filter->multicast_overflow;
    info->unicast_overflow = filter->unicast_overflow;
    info->main_mac = net_mac_to_string(filter->mac);
    info->unicast_table = address_list(filter, 0, filter->unicast_count);
    info->multicast_table = address_list(filter, filter->unicast_count, filter->multicast_count);
    info->vlan_table = vlan_list(filter);
    net->rx_filter_event = true;
    return info;
}

typedef struct Query {
    const char *name; /* NULL: all */
    NetClient *unsuitable;
    GPtrArray *list;
} Query;

static void query_client(NetClient *client, void *opaque)
{
    Query *query = opaque;

    if (query->name && strcmp(client->name, query->name) != 0) {
        return;
    }
    if (client->ops == &virtio_net_client_ops) {
        g_ptr_array_add(query->list, filter_info(client->opaque));
    } else {
        query->unsuitable = client;
    }
}

GPtrArray *qmp_query_rx_filter(const char *name, GError **error)
{
    g_autoptr(GPtrArray) list = RxFilterInfo_list_new();
    Query query = { .name = name, .list = list };

    net_client_foreach(query_client, &query);
    if (name && list->len == 0) {
        if (!query.unsuitable) {
            qc_error_set(error, "invalid net client name: %s", name);
        } else if (!net_client_is_nic(query.unsuitable)) {
            qc_error_set(error, "net client(%s) isn't a NIC", name);
        } else {
            qc_error_set(error, "net client(%s) doesn't support rx-filter querying", name);
        }
        return NULL;
    }
    return g_steal_pointer(&list);
}
