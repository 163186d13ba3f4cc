/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Datagram sockets: UDP, UDP multicast and UNIX. They are plain descriptors, non-blocking and
 * close-on-exec. Host names are looked up: not with the BQL, unless they are numeric.
 */
#pragma once

#include <sys/socket.h>

#include "io/channel.h"

/* Where datagrams go. `length` 0: the socket is connected, or nowhere. */
typedef struct DatagramPeer {
    struct sockaddr_storage address;
    socklen_t length;
} DatagramPeer;

/*
 * A socket bound to @local (NULL: any free port) that sends to @remote, whose address is put
 * into @peer. Both are TCP (meaning UDP) or both UNIX. Returns the descriptor or -1; errors name
 * the address.
 */
int datagram_socket_open(const ChannelAddress *local, const ChannelAddress *remote,
                         DatagramPeer *peer, GError **error);

/*
 * The same for the IPv4 multicast @group, whose port it binds to, together with others on this
 * host; @interface: the numeric address of the interface to use, or NULL. What it sends loops
 * back to this host's members, itself included.
 */
int datagram_socket_open_multicast(const ChannelAddress *group, const char *interface,
                                   DatagramPeer *peer, GError **error);
