/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Addresses of sockets as users write them. */
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "channel-internal.h"
#include "util/report.h"

void channel_address_free(ChannelAddress *address)
{
    if (!address) {
        return;
    }
    g_free(address->host);
    g_free(address->port);
    g_free(address->path);
    g_free(address);
}

ChannelAddress *channel_address_copy(const ChannelAddress *address)
{
    ChannelAddress *copy = g_new(ChannelAddress, 1);

    *copy = *address;
    copy->host = g_strdup(address->host);
    copy->port = g_strdup(address->port);
    copy->path = g_strdup(address->path);
    return copy;
}

static ChannelAddress *address_new(SocketAddressKind kind)
{
    ChannelAddress *address = g_new0(ChannelAddress, 1);
    address->kind = kind;
    address->fd = -1;
    return address;
}

ChannelAddress *channel_address_new_unix(const char *path)
{
    ChannelAddress *address = address_new(SOCKET_KIND_UNIX);
    address->path = g_strdup(path);
    return address;
}

ChannelAddress *channel_address_new_fd(int fd)
{
    ChannelAddress *address = address_new(SOCKET_KIND_FD);
    address->fd = fd;
    return address;
}

/* ---- parsing ---- */

/* Split "HOST:PORT" or "[V6]:PORT" into @address; false when it is neither. */
static bool split_host_port(const char *text, ChannelAddress *address)
{
    const char *colon;

    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        if (!end || end[1] != ':') {
            return false;
        }
        address->host = g_strndup(text + 1, end - text - 1);
        colon = end + 1;
    } else {
        colon = strchr(text, ':');
        if (!colon || strchr(colon + 1, ':')) {
            return false;
        }
        address->host = g_strndup(text, colon - text);
    }
    address->port = g_strdup(colon + 1);
    return address->port[0] != '\0';
}

static bool parse_flag(const char *value, bool *flag)
{
    *flag = g_str_equal(value, "on") || g_str_equal(value, "");
    return *flag || g_str_equal(value, "off");
}

/* One "NAME[=VALUE]" behind the port. */
static bool parse_option(ChannelAddress *address, const char *text, const char *item,
                         GError **error)
{
    g_auto(GStrv) pair = g_strsplit(item, "=", 2);
    const char *value = pair[0] && pair[1] ? pair[1] : "";
    guint64 number;

    if (!pair[0]) {
        qc_error_set(error, "address '%s': an option is missing after ','", text);
        return false;
    }
    if (g_str_equal(pair[0], "ipv4") || g_str_equal(pair[0], "ipv6")) {
        bool *flag = pair[0][3] == '4' ? &address->ipv4 : &address->ipv6;
        if (!parse_flag(value, flag)) {
            qc_error_set(error, "address '%s': %s is '%s', expected 'on' or 'off'", text, pair[0],
                         value);
            return false;
        }
        return true;
    }
    if (g_str_equal(pair[0], "to")) {
        if (!g_ascii_string_to_unsigned(value, 10, 1, 65535, &number, NULL)) {
            qc_error_set(error, "address '%s': to is '%s', expected a port from 1 to 65535", text,
                         value);
            return false;
        }
        address->to = number;
        return true;
    }
    qc_error_set(error, "address '%s': unknown option '%s'", text, pair[0]);
    return false;
}

ChannelAddress *channel_address_parse_inet(const char *text, GError **error)
{
    g_autoptr(ChannelAddress) address = address_new(SOCKET_KIND_TCP);
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    if (!items[0] || !split_host_port(items[0], address)) {
        qc_error_set(error, "address '%s': expected HOST:PORT, :PORT or [IPV6]:PORT", text);
        return NULL;
    }
    for (int i = 1; items[i]; i++) {
        if (!parse_option(address, text, items[i], error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&address);
}

/* ---- printing ---- */

static char *host_port_to_string(const char *host, const char *port)
{
    return strchr(host, ':') ? g_strdup_printf("[%s]:%s", host, port)
                             : g_strdup_printf("%s:%s", host, port);
}

char *channel_address_to_string(const ChannelAddress *address)
{
    switch (address->kind) {
    case SOCKET_KIND_TCP: {
        g_autofree char *text = host_port_to_string(address->host, address->port);
        return g_strdup_printf("tcp:%s", text);
    }
    case SOCKET_KIND_UNIX:
        return g_strdup_printf("unix:%s", address->path);
    case SOCKET_KIND_FD:
        return g_strdup_printf("fd:%d", address->fd);
    }
    g_assert_not_reached();
}

char *channel_sockaddr_to_string(const struct sockaddr *sockaddr, unsigned length)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if ((sockaddr->sa_family != AF_INET && sockaddr->sa_family != AF_INET6) ||
        getnameinfo(sockaddr, length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return g_strdup("");
    }
    return host_port_to_string(host, port);
}

unsigned channel_unix_sockaddr(const ChannelAddress *address, struct sockaddr_un *out,
                               GError **error)
{
    size_t offset = address->abstract ? 1 : 0;
    size_t length = strlen(address->path);

    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (length == 0 || length + 1 > sizeof(out->sun_path)) {
        qc_error_set(error, "UNIX socket path '%s': expected 1 to %zu bytes, it has %zu",
                     address->path, sizeof(out->sun_path) - 1, length);
        return 0;
    }
    memcpy(out->sun_path + offset, address->path, length);
    if (address->abstract && address->tight) {
        return offsetof(struct sockaddr_un, sun_path) + offset + length;
    }
    return sizeof(*out);
}
