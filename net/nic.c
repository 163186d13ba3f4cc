/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The guest's end of a connection: names, addresses and the properties that all NICs have. */
#include "net/net.h"

#include <string.h>

#include "system/bql.h"
#include "util/report.h"

#define MAC_TEXT_LENGTH 17 /* without the terminating zero */

bool net_mac_parse(const char *text, uint8_t mac[6])
{
    if (strlen(text) != MAC_TEXT_LENGTH) {
        return false;
    }
    for (int i = 0; i < 6; i++) {
        int high = g_ascii_xdigit_value(text[3 * i]);
        int low = g_ascii_xdigit_value(text[3 * i + 1]);
        char separator = text[3 * i + 2];
        if (high < 0 || low < 0 || (i < 5 && separator != ':' && separator != '-')) {
            return false;
        }
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

char *net_mac_to_string(const uint8_t mac[6])
{
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                           mac[5]);
}

/* ---- default addresses ---- */

static const uint8_t default_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

static void mark_last_byte(NetClient *client, void *opaque)
{
    bool *used = opaque;

    if (client->has_mac && !memcmp(client->mac, default_mac, 5)) {
        used[client->mac[5]] = true;
    }
}

/* The first from 52:54:00:12:34:56 on that no NIC has, at the end those below. */
static bool choose_mac(uint8_t mac[6], GError **error)
{
    bool used[256] = { false };

    net_client_foreach(mark_last_byte, used);
    memcpy(mac, default_mac, 6);
    for (unsigned i = 0; i < 256; i++) {
        mac[5] = (uint8_t)(default_mac[5] + i);
        if (!used[mac[5]]) {
            return true;
        }
    }
    qc_error_set(error, "No default Ethernet address is left: set property 'mac'");
    return false;
}

static bool configure_mac(NICConfig *config, const char *model, GError **error)
{
    if (!config->mac_text) {
        if (!choose_mac(config->mac, error)) {
            return false;
        }
        /* What the property tells from now on. */
        config->mac_text = net_mac_to_string(config->mac);
        return true;
    }
    if (!net_mac_parse(config->mac_text, config->mac)) {
        qc_error_set(error,
                     "Property '%s.mac' doesn't take value '%s': expected an address like "
                     "52:54:00:12:34:56",
                     model, config->mac_text);
        return false;
    }
    if (config->mac[0] & 1) {
        qc_error_set(error, "Property '%s.mac': '%s' is a multicast address (odd first byte)",
                     model, config->mac_text);
        return false;
    }
    return true;
}

/* ---- creation ---- */

static bool find_netdev(const NICConfig *config, const char *model, NetClient **backend,
                        GError **error)
{
    *backend = NULL;
    if (!config->netdev) {
        return true;
    }
    *backend = net_backend_find(config->netdev);
    if (!*backend) {
        qc_error_set(error, "Property '%s.netdev' can't find value '%s'", model, config->netdev);
        return false;
    }
    if ((*backend)->peer) {
        qc_error_set(error, "Property '%s.netdev' can't take value '%s', it's in use", model,
                     config->netdev);
        return false;
    }
    return true;
}

typedef struct NameSearch {
    const char *name;
    bool found;
} NameSearch;

static void compare_nic_name(NetClient *client, void *opaque)
{
    NameSearch *search = opaque;

    search->found |= net_client_is_nic(client) && !strcmp(client->name, search->name);
}

/* "MODEL.N" with the first free N. */
static char *choose_name(const char *model)
{
    for (unsigned number = 0;; number++) {
        g_autofree char *name = g_strdup_printf("%s.%u", model, number);
        NameSearch search = { name, false };
        net_client_foreach(compare_nic_name, &search);
        if (!search.found) {
            return g_steal_pointer(&name);
        }
    }
}

NetClient *net_nic_new(const NetClientOps *ops, NICConfig *config, const char *model,
                       const char *device_id, void *opaque, GError **error)
{
    g_autofree char *name = device_id ? g_strdup(device_id) : choose_name(model);
    NetClient *backend;

    g_assert(bql_locked());
    if (!configure_mac(config, model, error) || !find_netdev(config, model, &backend, error)) {
        return NULL;
    }
    NetClient *nic = net_client_new(ops, model, name, opaque, error);
    if (!nic) {
        return NULL;
    }
    memcpy(nic->mac, config->mac, 6);
    nic->has_mac = true;
    if (backend) {
        net_client_connect(nic, backend);
    }
    return nic;
}
