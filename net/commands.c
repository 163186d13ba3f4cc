/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitor commands about network clients. */
#include <stdlib.h>
#include <string.h>

#include "monitor/hmp.h"
#include "net/filter.h"
#include "net/net-internal.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-net.h"
#include "trace-net.h"

/* ---- back ends ---- */

void qmp_netdev_add(Netdev *netdev, GError **error)
{
    json_t *options = Netdev_to_json(netdev);

    net_backend_create(options, error);
    json_decref(options);
}

void qmp_netdev_del(const char *id, GError **error)
{
    net_backend_delete(id, error);
}

static void run_netdev_add(Monitor *monitor, json_t *arguments, GError **error)
{
    json_t *options = net_options_parse(net_option_string(arguments, "options"), error);

    if (options) {
        net_backend_create(options, error);
        json_decref(options);
    }
}

static void run_netdev_del(Monitor *monitor, json_t *arguments, GError **error)
{
    net_backend_delete(net_option_string(arguments, "id"), error);
}

/* ---- links ---- */

typedef struct LinkChange {
    const char *name;
    bool down;
    unsigned count; /* of clients with that name */
} LinkChange;

static void tell_link_changed(NetClient *client)
{
    if (client->ops->link_changed) {
        client->ops->link_changed(client);
    }
}

static void set_client_link(NetClient *client, void *opaque)
{
    LinkChange *change = opaque;

    if (strcmp(client->name, change->name) != 0) {
        return;
    }
    change->count++;
    if (client->link_down == change->down) {
        return;
    }
    client->link_down = change->down;
    trace_net_set_link(client->name, !change->down);
    tell_link_changed(client);
    /* What waits goes, or is dropped for want of a link: its senders are told either way. */
    net_flush(client);
    if (client->peer) {
        tell_link_changed(client->peer);
        net_flush(client->peer);
    }
}

void qmp_set_link(const char *name, bool up, GError **error)
{
    LinkChange change = { .name = name, .down = !up };

    net_client_foreach(set_client_link, &change);
    if (!change.count) {
        g_set_error(error, QAPI_ERROR, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found",
                    name);
    }
}

static void run_set_link(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_set_link(net_option_string(arguments, "name"),
                 json_is_true(json_object_get(arguments, "up")), error);
}

/* ---- info network ---- */

static char *value_text(json_t *value)
{
    if (json_is_string(value)) {
        return g_strdup(json_string_value(value));
    }
    if (json_is_boolean(value)) {
        return g_strdup(json_is_true(value) ? "on" : "off");
    }
    char *dumped = json_dumps(value, JSON_ENCODE_ANY);
    char *text = g_strdup(dumped);
    free(dumped);
    return text;
}

static void print_filter(Monitor *monitor, GObject *filter)
{
    g_autofree char *path = object_tree_path(filter);
    const char *id = path ? strrchr(path, '/') + 1 : "?";
    guint count;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(filter), &count);

    hmp_printf(monitor, "  - %s: type=%s", id, object_type_name(G_OBJECT_TYPE(filter)));
    for (guint i = 0; i < count; i++) {
        json_t *value = object_get_json(filter, specs[i]->name, NULL);
        if (value && !json_is_null(value)) {
            g_autofree char *text = value_text(value);
            hmp_printf(monitor, ",%s=%s", specs[i]->name, text);
        }
        json_decref(value);
    }
    hmp_printf(monitor, "\n");
}

static void print_client(Monitor *monitor, NetClient *client)
{
    hmp_printf(monitor, "%s: index=0,type=%s", client->name, client->ops->type);
    if (client->ops->describe) {
        g_autofree char *text = client->ops->describe(client);
        hmp_printf(monitor, ",%s", text);
    } else if (net_client_is_nic(client)) {
        g_autofree char *mac = net_mac_to_string(client->mac);
        hmp_printf(monitor, ",model=%s,macaddr=%s", client->model, mac);
    }
    hmp_printf(monitor, "\n");
    if (client->filters && client->filters->len) {
        hmp_printf(monitor, "filters:\n");
    }
    for (guint i = 0; client->filters && i < client->filters->len; i++) {
        print_filter(monitor, g_ptr_array_index(client->filters, i));
    }
}

typedef struct HubPrinter {
    Monitor *monitor;
    bool begun;
    unsigned hub; /* whose ports are being printed */
} HubPrinter;

static void print_hub_port(unsigned hub, NetClient *port, void *opaque)
{
    HubPrinter *printer = opaque;

    if (!printer->begun || printer->hub != hub) {
        hmp_printf(printer->monitor, "hub %u\n", hub);
        printer->begun = true;
        printer->hub = hub;
    }
    hmp_printf(printer->monitor, " \\ %s", port->name);
    if (port->peer) {
        hmp_printf(printer->monitor, ": ");
        print_client(printer->monitor, port->peer);
    } else {
        hmp_printf(printer->monitor, "\n");
    }
}

/* NICs with their back ends, and back ends that nobody uses. */
static void print_unless_at_hub(NetClient *client, void *opaque)
{
    Monitor *monitor = opaque;
    unsigned hub;
    bool at_hub =
        net_hub_of_port(client, &hub) || (client->peer && net_hub_of_port(client->peer, &hub));

    if (at_hub || (client->peer && !net_client_is_nic(client))) {
        return;
    }
    print_client(monitor, client);
    if (client->peer) {
        hmp_printf(monitor, " \\ ");
        print_client(monitor, client->peer);
    }
}

static void run_info_network(Monitor *monitor, json_t *arguments, GError **error)
{
    HubPrinter printer = { .monitor = monitor };

    net_hub_foreach_port(print_hub_port, &printer);
    net_client_foreach(print_unless_at_hub, monitor);
}

/* ---- completion ---- */

typedef struct Completion {
    const char *prefix;
    GPtrArray *candidates;
    bool backends_only;
} Completion;

static void complete_client(NetClient *client, void *opaque)
{
    Completion *completion = opaque;

    if (!completion->backends_only || !net_client_is_nic(client)) {
        hmp_complete_one(completion->candidates, completion->prefix, client->name);
    }
}

static void complete_netdev_del(unsigned index, const char *prefix, GPtrArray *candidates)
{
    Completion completion = { prefix, candidates, true };

    if (index == 0) {
        net_client_foreach(complete_client, &completion);
    }
}

static void complete_set_link(unsigned index, const char *prefix, GPtrArray *candidates)
{
    Completion completion = { prefix, candidates, false };

    if (index == 0) {
        net_client_foreach(complete_client, &completion);
    } else if (index == 1) {
        hmp_complete_one(candidates, prefix, "on");
        hmp_complete_one(candidates, prefix, "off");
    }
}

HMP_COMMAND(netdev_add, .name = "netdev_add", .arguments = "options:S",
            .parameters = "type,id=str[,prop=value][,...]", .help = "add host network device",
            .handler = run_netdev_add);
HMP_COMMAND(netdev_del, .name = "netdev_del", .arguments = "id:s", .parameters = "id",
            .help = "remove host network device", .handler = run_netdev_del,
            .complete = complete_netdev_del);
HMP_COMMAND(set_link, .name = "set_link", .arguments = "name:s,up:b", .parameters = "name on|off",
            .help = "change the link status of a network adapter", .handler = run_set_link,
            .complete = complete_set_link);
HMP_COMMAND(info_network, .name = "info network", .help = "show the network state",
            .handler = run_info_network);
