/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Datagram sockets (udp(7), ip(7) for multicast, unix(7)). */
#include "io/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel-internal.h"
#include "util/report.h"

static bool to_sockaddr(const ChannelAddress *address, bool passive, DatagramPeer *out,
                        GError **error)
{
    if (address->kind == SOCKET_KIND_UNIX) {
        struct sockaddr_un unix_address;
        out->length = channel_unix_sockaddr(address, &unix_address, error);
        memcpy(&out->address, &unix_address, sizeof(unix_address));
        return out->length != 0;
    }
    struct addrinfo *found = channel_resolve(NULL, address, passive, -1, error);
    if (!found) {
        return false;
    }
    memcpy(&out->address, found->ai_addr, found->ai_addrlen);
    out->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static int new_socket(sa_family_t family, GError **error)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        qc_error_set_errno(error, errno, "cannot make a datagram socket");
    }
    return fd;
}

static bool bind_socket(int fd, const DatagramPeer *local, const ChannelAddress *name,
                        GError **error)
{
    int one = 1;

    if (local->address.ss_family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    } else if (!name->abstract) {
        unlink(name->path);
    }
    if (bind(fd, (const struct sockaddr *)&local->address, local->length) < 0) {
        g_autofree char *text = channel_address_to_string(name);
        qc_error_set_errno(error, errno, "cannot bind to %s", text);
        return false;
    }
    return true;
}

int datagram_socket_open(const ChannelAddress *local, const ChannelAddress *remote,
                         DatagramPeer *peer, GError **error)
{
    DatagramPeer own = { 0 };

    if (!to_sockaddr(remote, false, peer, error) ||
        (local && !to_sockaddr(local, true, &own, error))) {
        return -1;
    }
    if (local && own.address.ss_family != peer->address.ss_family) {
        g_autofree char *local_text = channel_address_to_string(local);
        g_autofree char *remote_text = channel_address_to_string(remote);
        qc_error_set(error, "%s and %s are of different families", local_text, remote_text);
        return -1;
    }
    int fd = new_socket(peer->address.ss_family, error);
    if (fd >= 0 && local && !bind_socket(fd, &own, local, error)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Join @group on @interface; the errors name the group. */
static bool join_group(int fd, const struct sockaddr_in *group, const char *interface,
                       GError **error)
{
    struct ip_mreq request = { .imr_multiaddr = group->sin_addr };
    unsigned char loop = 1;
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &group->sin_addr, text, sizeof(text));
    if (interface && inet_pton(AF_INET, interface, &request.imr_interface) != 1) {
        qc_error_set(error, "localaddr '%s' is not a numeric IPv4 address", interface);
        return false;
    }
    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop)) < 0 ||
        (interface && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface,
                                 sizeof(request.imr_interface)) < 0)) {
        qc_error_set_errno(error, errno, "cannot join the multicast group %s", text);
        return false;
    }
    return true;
}

int datagram_socket_open_multicast(const ChannelAddress *group, const char *interface,
                                   DatagramPeer *peer, GError **error)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&peer->address;

    if (!to_sockaddr(group, false, peer, error)) {
        return -1;
    }
    if (peer->address.ss_family != AF_INET || !IN_MULTICAST(ntohl(ipv4->sin_addr.s_addr))) {
        qc_error_set(error, "%s is not an IPv4 multicast address", group->host);
        return -1;
    }
    int fd = new_socket(AF_INET, error);
    if (fd >= 0 &&
        (!bind_socket(fd, peer, group, error) || !join_group(fd, ipv4, interface, error))) {
        close(fd);
        return -1;
    }
    return fd;
}
