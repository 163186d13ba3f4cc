/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The short forms -nic and -net, which make back end and network card at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/core/device.h"
#include "net/net-internal.h"
#include "system/bql.h"
#include "util/report.h"

#define DEFAULT_MODEL "virtio-net-pci"
#define LEGACY_HUB    0 /* where -net connects everything */

typedef struct NicRequest {
    char *option; /* as the user gave it, for errors */
    json_t *device;
} NicRequest;

static GPtrArray *nic_requests; /* NicRequest; the machine is still to be made */

static void nic_request_free(gpointer data)
{
    NicRequest *request = data;

    json_decref(request->device);
    g_free(request->option);
    g_free(request);
}

/* ---- models ---- */

/* The device of @model; NULL when there is none. "help" lists them and exits. */
static const char *device_of_model(const char *model, GError **error)
{
    static const char *const models[][2] = {
        { "virtio-net-pci", "virtio-net-pci" },
        { "virtio", "virtio-net-pci" },
    };

    if (!strcmp(model, "help") || !strcmp(model, "?")) {
        printf("Supported NIC models:\n");
        for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
            printf("%s\n", models[i][0]);
        }
        exit(EXIT_SUCCESS);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        if (!strcmp(model, models[i][0])) {
            return models[i][1];
        }
    }
    qc_error_set(error, "Unsupported NIC model: %s", model);
    return NULL;
}

/* Move option @name of @options to property @property of @device. */
static void move_option(json_t *options, const char *name, json_t *device, const char *property)
{
    json_t *value = json_object_get(options, name);

    if (value) {
        json_object_set(device, property, value);
        json_object_del(options, name);
    }
}

/*
 * Take the options of the card out of @options: the rest is the back end's. Returns the options
 * for the device.
 */
static json_t *take_card(json_t *options, const char *mac_option, GError **error)
{
    const char *model = net_option_string(options, "model");
    const char *driver = device_of_model(model ? model : DEFAULT_MODEL, error);

    if (!driver) {
        return NULL;
    }
    json_t *device = json_object();
    json_object_set_new(device, "driver", json_string(driver));
    json_object_del(options, "model");
    move_option(options, mac_option, device, "mac");
    return device;
}

/* Takes over @device. */
static void remember_card(const char *option, const char *argument, const char *netdev,
                          json_t *device)
{
    NicRequest *request = g_new0(NicRequest, 1);

    json_object_set_new(device, "netdev", json_string(netdev));
    request->option = g_strdup_printf("-%s %s", option, argument);
    request->device = device;
    if (!nic_requests) {
        nic_requests = g_ptr_array_new_with_free_func(nic_request_free);
    }
    g_ptr_array_add(nic_requests, request);
}

/* ---- back ends ---- */

/* A back end that the user need not name. */
static NetClient *create_backend(json_t *options, GError **error)
{
    static unsigned count;

    if (json_object_get(options, "id")) {
        return net_backend_create(options, error);
    }
    g_autofree char *id = g_strdup_printf("#net%03u", count++);
    return net_backend_create_named(id, options, error);
}

static bool add_nic(const char *argument, json_t *options, GError **error)
{
    json_t *device = take_card(options, "mac", error);
    NetClient *backend = device ? create_backend(options, error) : NULL;

    if (!backend) {
        json_decref(device);
        return false;
    }
    remember_card("nic", argument, backend->name, device);
    return true;
}

/* -net nic: at the hub, or at the back end that `netdev` names. */
static bool add_net_nic(const char *argument, json_t *options, GError **error)
{
    g_autofree char *netdev = g_strdup(net_option_string(options, "netdev"));
    json_t *device = take_card(options, "macaddr", error);

    if (!device) {
        return false;
    }
    move_option(options, "id", device, "id");
    move_option(options, "addr", device, "addr");
    move_option(options, "vectors", device, "vectors");
    json_object_del(options, "netdev");
    json_object_del(options, "type");
    const char *name;
    json_t *value;
    json_object_foreach(options, name, value)
    {
        qc_error_set(error, "Invalid parameter '%s'", name);
        json_decref(device);
        return false;
    }
    if (netdev && !net_backend_find(netdev)) {
        qc_error_set(error, "netdev '%s' not found", netdev);
        json_decref(device);
        return false;
    }
    NetClient *port = netdev ? NULL : net_hub_port_new(LEGACY_HUB, error);
    if (!netdev && !port) {
        json_decref(device);
        return false;
    }
    remember_card("net", argument, netdev ? netdev : port->name, device);
    return true;
}

static bool add_net_backend(json_t *options, GError **error)
{
    NetClient *backend = create_backend(options, error);
    NetClient *port = backend ? net_hub_port_new(LEGACY_HUB, error) : NULL;

    if (!port) {
        return false;
    }
    if (backend->peer) { /* hubport,netdev=.. */
        qc_error_set(error, "'%s' is connected already", backend->name);
        net_client_free(port);
        return false;
    }
    net_client_connect(port, backend);
    return true;
}

/* "-nic help", "-nic user,help". */
static bool print_help(const char *type, GError **error)
{
    if (!type) {
        net_backend_print_types();
    } else if (!net_backend_print_options(type, error)) {
        return false;
    }
    exit(EXIT_SUCCESS);
}

bool net_option_add(const char *option, const char *argument, GError **error)
{
    json_t *options = net_options_parse(argument, error);
    const char *type = net_option_string(options, "type");
    bool ok = options != NULL;

    g_assert(bql_locked());
    if (ok && json_object_get(options, "help")) {
        ok = print_help(type, error);
    } else if (ok && type && !strcmp(type, "none")) {
        ok = json_object_size(options) == 1;
        if (!ok) {
            qc_error_set(error, "'none' takes no parameters");
        }
    } else if (ok && !strcmp(option, "nic")) {
        ok = add_nic(argument, options, error);
    } else if (ok && type && !strcmp(type, "nic")) {
        ok = add_net_nic(argument, options, error);
    } else if (ok) {
        ok = add_net_backend(options, error);
    }
    json_decref(options);
    return ok;
}

/* ---- the machine is there ---- */

bool net_options_create_nics(GError **error)
{
    bool ok = true;

    for (guint i = 0; ok && nic_requests && i < nic_requests->len; i++) {
        NicRequest *request = g_ptr_array_index(nic_requests, i);
        ok = device_create_from_options(request->device, error) != NULL;
        if (!ok) {
            g_prefix_error(error, "%s: ", request->option);
        }
    }
    g_clear_pointer(&nic_requests, g_ptr_array_unref);
    return ok;
}

static void warn_of_loose_end(NetClient *client, void *opaque)
{
    unsigned hub;

    if (!client->peer) {
        report_warning("%s %s has no peer",
                       net_client_is_nic(client)       ? "nic"
                       : net_hub_of_port(client, &hub) ? "hub port"
                                                       : "netdev",
                       client->name);
    }
}

typedef struct HubEnds {
    unsigned hub;
    unsigned nics, backends;
    bool begun;
} HubEnds;

static void warn_of_one_sided_hub(const HubEnds *ends)
{
    if (ends->begun && !ends->nics) {
        report_warning("hub %u with no nics", ends->hub);
    } else if (ends->begun && !ends->backends) {
        report_warning("hub %u is not connected to host network", ends->hub);
    }
}

static void count_hub_end(unsigned hub, NetClient *port, void *opaque)
{
    HubEnds *ends = opaque;

    if (!ends->begun || ends->hub != hub) {
        warn_of_one_sided_hub(ends);
        *ends = (HubEnds){ .hub = hub, .begun = true };
    }
    if (port->peer) {
        *(net_client_is_nic(port->peer) ? &ends->nics : &ends->backends) += 1;
    }
}

void net_warn_of_loose_ends(void)
{
    HubEnds ends = { .begun = false };

    net_hub_foreach_port(count_hub_end, &ends);
    warn_of_one_sided_hub(&ends);
    net_client_foreach(warn_of_loose_end, NULL);
}
