/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Addresses of sockets in -netdev options: addr.type=inet,addr.host=..,addr.port=.. */
#include "net/socket-options.h"

#include <string.h>

#include "net/net.h"
#include "util/named-fd.h"
#include "util/report.h"

static bool only_known(json_t *values, const char *name, const char *const *known, GError **error)
{
    const char *key;
    json_t *value;

    json_object_foreach(values, key, value)
    {
        if (!g_strv_contains(known, key)) {
            qc_error_set(error, "Parameter '%s.%s' is unexpected", name, key);
            return false;
        }
    }
    return true;
}

static const char *needed(json_t *values, const char *name, const char *key, GError **error)
{
    const char *text = net_option_string(values, key);

    if (!text) {
        qc_error_set(error, "Parameter '%s.%s' is missing", name, key);
    }
    return text;
}

static ChannelAddress *inet_address(json_t *values, const char *name, GError **error)
{
    static const char *const known[] = { "type", "host", "port", "ipv4", "ipv6", "to", NULL };
    const char *host = needed(values, name, "host", error);
    const char *port = host ? needed(values, name, "port", error) : NULL;
    uint64_t to = 0;

    if (!port || !only_known(values, name, known, error)) {
        return NULL;
    }
    g_autofree char *text = strchr(host, ':') ? g_strdup_printf("[%s]:%s", host, port)
                                              : g_strdup_printf("%s:%s", host, port);
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, error);
    if (!address || !net_option_bool(values, "ipv4", &address->ipv4, error) ||
        !net_option_bool(values, "ipv6", &address->ipv6, error) ||
        !net_option_number(values, "to", 0, 65535, &to, error)) {
        return NULL;
    }
    address->to = to;
    return g_steal_pointer(&address);
}

static ChannelAddress *unix_address(json_t *values, const char *name, GError **error)
{
    static const char *const known[] = { "type", "path", "abstract", "tight", NULL };
    const char *path = needed(values, name, "path", error);

    if (!path || !only_known(values, name, known, error)) {
        return NULL;
    }
    g_autoptr(ChannelAddress) address = channel_address_new_unix(path);
    address->tight = true;
    if (!net_option_bool(values, "abstract", &address->abstract, error) ||
        !net_option_bool(values, "tight", &address->tight, error)) {
        return NULL;
    }
    return g_steal_pointer(&address);
}

static ChannelAddress *fd_address(json_t *values, const char *name, GError **error)
{
    static const char *const known[] = { "type", "str", NULL };
    const char *text = needed(values, name, "str", error);

    if (!text || !only_known(values, name, known, error)) {
        return NULL;
    }
    int fd = named_fd_take(text, error);
    return fd >= 0 ? channel_address_new_fd(fd) : NULL;
}

ChannelAddress *net_option_address(json_t *options, const char *name, bool *present, GError **error)
{
    json_t *values = json_object_get(options, name);

    if (present) {
        *present = values != NULL;
    }
    if (!json_is_object(values)) {
        if (values || !present) {
            qc_error_set(error,
                         values ? "Parameter '%s' expects an address, like %s.type=unix"
                                : "Parameter '%s' is missing",
                         name, name);
        }
        return NULL;
    }
    const char *type = needed(values, name, "type", error);
    if (!type) {
        return NULL;
    }
    if (!strcmp(type, "inet")) {
        return inet_address(values, name, error);
    }
    if (!strcmp(type, "unix")) {
        return unix_address(values, name, error);
    }
    if (!strcmp(type, "fd")) {
        return fd_address(values, name, error);
    }
    qc_error_set(error, "Parameter '%s.type' does not accept value '%s', expected inet, unix or fd",
                 name, type);
    return NULL;
}
