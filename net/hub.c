/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Hubs: what comes in at one port goes out at all others. A receiver without room does not hold
 * up the others; like a real one, a hub drops what does not fit into the receiver's queue.
 */
#include <string.h>

#include "net/net-internal.h"
#include "util/report.h"

typedef struct Hub {
    unsigned number;
    unsigned next_port;
    GPtrArray *ports; /* NetClient, in order of creation */
} Hub;

static GList *hubs; /* Hub, by number */

static gint compare_hubs(gconstpointer a, gconstpointer b)
{
    const Hub *left = a;
    const Hub *right = b;

    return left->number < right->number ? -1 : left->number > right->number;
}

static Hub *hub_get(unsigned number)
{
    for (GList *item = hubs; item; item = item->next) {
        Hub *hub = item->data;
        if (hub->number == number) {
            return hub;
        }
    }
    Hub *hub = g_new0(Hub, 1);
    hub->number = number;
    hub->ports = g_ptr_array_new();
    hubs = g_list_insert_sorted(hubs, hub, compare_hubs);
    return hub;
}

static void hub_free_if_unused(Hub *hub)
{
    if (!hub->ports->len) {
        hubs = g_list_remove(hubs, hub);
        g_ptr_array_unref(hub->ports);
        g_free(hub);
    }
}

static NetResult hub_port_receive(NetClient *client, const NetFrame *frame)
{
    Hub *hub = client->opaque;

    for (guint i = 0; i < hub->ports->len; i++) {
        NetClient *port = g_ptr_array_index(hub->ports, i);
        if (port != client) {
            net_send(port, frame, NULL);
        }
    }
    return NET_DONE;
}

static void hub_port_cleanup(NetClient *client)
{
    Hub *hub = client->opaque;

    g_ptr_array_remove(hub->ports, client);
    hub_free_if_unused(hub);
}

static const NetClientOps hub_port_ops = {
    .type = "hubport",
    .receive = hub_port_receive,
    .cleanup = hub_port_cleanup,
};

static NetClient *hub_port_create_named(Hub *hub, const char *name, GError **error)
{
    NetClient *client = net_client_new(&hub_port_ops, "hubport", name, hub, error);

    if (client) {
        g_ptr_array_add(hub->ports, client);
    } else {
        hub_free_if_unused(hub);
    }
    return client;
}

NetClient *net_hub_port_new(unsigned number, GError **error)
{
    Hub *hub = hub_get(number);
    g_autofree char *name = g_strdup_printf("hub%uport%u", number, hub->next_port++);

    return hub_port_create_named(hub, name, error);
}

bool net_hub_of_port(const NetClient *client, unsigned *number)
{
    const Hub *hub = client->opaque;

    if (client->ops != &hub_port_ops) {
        return false;
    }
    *number = hub->number;
    return true;
}

void net_hub_foreach_port(void (*visit)(unsigned hub, NetClient *port, void *opaque), void *opaque)
{
    for (GList *item = hubs; item; item = item->next) {
        Hub *hub = item->data;
        for (guint i = 0; i < hub->ports->len; i++) {
            visit(hub->number, g_ptr_array_index(hub->ports, i), opaque);
        }
    }
}

/* ---- -netdev hubport ---- */

/* What `netdev` names, which a port can be connected to. */
static bool find_other_end(const char *id, NetClient **other, GError **error)
{
    *other = id ? net_backend_find(id) : NULL;
    if (!id) {
        return true;
    }
    if (!*other) {
        qc_error_set(error, "netdev '%s' not found", id);
        return false;
    }
    if ((*other)->ops == &hub_port_ops) {
        qc_error_set(error, "netdev '%s' is a hub port, too: hubs cannot be connected", id);
        return false;
    }
    if ((*other)->peer) {
        qc_error_set(error, "netdev '%s' is in use", id);
        return false;
    }
    return true;
}

static NetClient *hub_port_create(const char *id, json_t *options, GError **error)
{
    uint64_t number = 0;
    NetClient *other;

    if (!json_object_get(options, "hubid")) {
        qc_error_set(error, "Parameter 'hubid' is missing");
        return NULL;
    }
    if (!net_option_number(options, "hubid", 0, INT32_MAX, &number, error) ||
        !find_other_end(net_option_string(options, "netdev"), &other, error)) {
        return NULL;
    }
    NetClient *port = hub_port_create_named(hub_get((unsigned)number), id, error);
    if (port && other) {
        net_client_connect(port, other);
    }
    return port;
}

static const char *const hub_port_options[] = { "hubid", "netdev", NULL };

static const NetBackendType hub_port_type = {
    .name = "hubport",
    .options = hub_port_options,
    .description = "a port of an emulated hub",
    .create = hub_port_create,
};

__attribute__((constructor)) static void hub_port_register(void)
{
    net_backend_register(&hub_port_type);
}
