/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * -netdev socket, the older spelling of stream and dgram: listen=, connect=, udp=, mcast= or fd=.
 * Framing is the same.
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dgram-client.h"
#include "net/stream-client.h"
#include "util/named-fd.h"
#include "util/report.h"

static const char *const kinds[] = { "listen", "connect", "mcast", "udp", "fd" };

/* The one of `kinds` that is there; NULL with an error. */
static const char *find_kind(json_t *options, GError **error)
{
    const char *found = NULL;
    unsigned count = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (json_object_get(options, kinds[i])) {
            found = kinds[i];
            count++;
        }
    }
    if (count != 1) {
        qc_error_set(error, "exactly one of listen=, connect=, mcast=, udp= or fd= is required");
        return NULL;
    }
    if (json_object_get(options, "localaddr") && strcmp(found, "mcast") && strcmp(found, "udp")) {
        qc_error_set(error, "localaddr= is only valid with mcast= or udp=");
        return NULL;
    }
    return found;
}

static NetClient *create_stream(const char *id, const char *text, bool server, GError **error)
{
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, error);

    return address ? stream_client_new("socket", id, address, server, 0, error) : NULL;
}

static NetClient *create_multicast(const char *id, const char *text, const char *interface,
                                   GError **error)
{
    g_autoptr(ChannelAddress) group = channel_address_parse_inet(text, error);
    g_autofree char *description = g_strdup_printf("mcast=%s", text);
    DatagramPeer peer;

    if (!group) {
        return NULL;
    }
    int fd = datagram_socket_open_multicast(group, interface, &peer, error);
    return fd >= 0 ? dgram_client_new("socket", id, fd, &peer, description, error) : NULL;
}

static NetClient *create_udp(const char *id, const char *text, const char *local_text,
                             GError **error)
{
    g_autofree char *description = g_strdup_printf("udp=%s", text);
    DatagramPeer peer;

    if (!local_text) {
        qc_error_set(error, "localaddr= is mandatory with udp=");
        return NULL;
    }
    g_autoptr(ChannelAddress) remote = channel_address_parse_inet(text, error);
    g_autoptr(ChannelAddress) local = remote ? channel_address_parse_inet(local_text, error) : NULL;
    if (!local) {
        return NULL;
    }
    int fd = datagram_socket_open(local, remote, &peer, error);
    return fd >= 0 ? dgram_client_new("socket", id, fd, &peer, description, error) : NULL;
}

static NetClient *create_fd(const char *id, const char *text, GError **error)
{
    DatagramPeer nowhere = { .length = 0 };
    int fd = named_fd_take(text, error);
    int type = 0;
    socklen_t size = sizeof(type);

    if (fd < 0) {
        return NULL;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
        qc_error_set_errno(error, errno, "fd=%s is not a socket", text);
        close(fd);
        return NULL;
    }
    if (type == SOCK_DGRAM) {
        return g_unix_set_fd_nonblocking(fd, TRUE, error)
                   ? dgram_client_new("socket", id, fd, &nowhere, "fd", error)
                   : NULL;
    }
    g_autoptr(ChannelAddress) address = channel_address_new_fd(fd);
    return stream_client_new("socket", id, address, false, 0, error);
}

static NetClient *socket_create(const char *id, json_t *options, GError **error)
{
    const char *kind = find_kind(options, error);

    if (!kind) {
        return NULL;
    }
    const char *text = net_option_string(options, kind);
    const char *local = net_option_string(options, "localaddr");
    if (!strcmp(kind, "mcast")) {
        return create_multicast(id, text, local, error);
    }
    if (!strcmp(kind, "udp")) {
        return create_udp(id, text, local, error);
    }
    if (!strcmp(kind, "fd")) {
        return create_fd(id, text, error);
    }
    return create_stream(id, text, !strcmp(kind, "listen"), error);
}

static const NetBackendType socket_type = {
    .name = "socket",
    .options =
        (const char *const[]){ "listen", "connect", "mcast", "udp", "fd", "localaddr", NULL },
    .description = "frames over a socket: TCP, UDP or multicast",
    .create = socket_create,
};

__attribute__((constructor)) static void socket_register(void)
{
    net_backend_register(&socket_type);
}
