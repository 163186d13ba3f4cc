/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * -netdev dgram: a datagram for each frame, over UDP, UDP multicast or UNIX sockets, or a
 * descriptor that somebody else has connected.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "net/dgram-client.h"
#include "net/socket-options.h"
#include "util/report.h"

static bool is_multicast(const ChannelAddress *address)
{
    struct in_addr ipv4;

    return address->kind == SOCKET_KIND_TCP && inet_pton(AF_INET, address->host, &ipv4) == 1 &&
           IN_MULTICAST(ntohl(ipv4.s_addr));
}

static NetClient *create_with_fd(const char *id, const ChannelAddress *local,
                                 const ChannelAddress *remote, GError **error)
{
    DatagramPeer nowhere = { .length = 0 };

    if (remote) {
        qc_error_set(error, "don't set remote with local.fd");
        close(local->fd);
        return NULL;
    }
    return dgram_client_new("dgram", id, local->fd, &nowhere, "fd", error);
}

static bool check_addresses(const ChannelAddress *local, const ChannelAddress *remote,
                            GError **error)
{
    if (!remote) {
        qc_error_set(error, local ? "type=inet or type=unix requires remote parameter"
                                  : "dgram requires local= parameter");
        return false;
    }
    if (remote->kind == SOCKET_KIND_FD) {
        close(remote->fd);
        qc_error_set(error, "remote.type=fd makes no sense, expected inet or unix");
        return false;
    }
    if (!local && !is_multicast(remote)) {
        qc_error_set(error, "dgram requires local= parameter");
        return false;
    }
    if (local && local->kind != remote->kind) {
        qc_error_set(error, "local and remote types must be the same");
        return false;
    }
    return true;
}

static NetClient *create_with_addresses(const char *id, const ChannelAddress *local,
                                        const ChannelAddress *remote, GError **error)
{
    DatagramPeer peer = { .length = 0 };

    if (!check_addresses(local, remote, error)) {
        return NULL;
    }
    int fd = is_multicast(remote)
                 ? datagram_socket_open_multicast(remote, local ? local->host : NULL, &peer, error)
                 : datagram_socket_open(local, remote, &peer, error);
    if (fd < 0) {
        return NULL;
    }
    g_autofree char *text = channel_address_to_string(remote);
    return dgram_client_new("dgram", id, fd, &peer, text, error);
}

static NetClient *dgram_create(const char *id, json_t *options, GError **error)
{
    bool has_local, has_remote;
    g_autoptr(ChannelAddress) local = net_option_address(options, "local", &has_local, error);

    if (has_local && !local) {
        return NULL;
    }
    g_autoptr(ChannelAddress) remote = net_option_address(options, "remote", &has_remote, error);
    if (has_remote && !remote) {
        if (local && local->kind == SOCKET_KIND_FD) {
            close(local->fd);
        }
        return NULL;
    }
    return local && local->kind == SOCKET_KIND_FD ? create_with_fd(id, local, remote, error)
                                                  : create_with_addresses(id, local, remote, error);
}

static const NetBackendType dgram_type = {
    .name = "dgram",
    .options = (const char *const[]){ "local", "remote", NULL },
    .description = "a datagram for each frame",
    .create = dgram_create,
};

__attribute__((constructor)) static void dgram_register(void)
{
    net_backend_register(&dgram_type);
}
