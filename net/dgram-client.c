/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A back end that sends each frame as a datagram: UDP, multicast, UNIX datagram sockets. */
#include "net/dgram-client.h"

#include <errno.h>
#include <unistd.h>

#include "net/fd-watch.h"
#include "trace-net.h"
#include "util/report.h"

/* Datagrams that are taken before others get their turn in the main loop. */
#define READ_BURST 64

typedef struct DgramClient {
    NetClient *client;
    int fd;
    FdWatch *watch;
    DatagramPeer peer;
    char *description;
    uint8_t buffer[NET_FRAME_MAX];
} DgramClient;

static void dgram_sent(NetClient *client)
{
    DgramClient *self = client->opaque;

    fd_watch_read(self->watch, true);
}

static void dgram_readable(void *opaque)
{
    DgramClient *self = opaque;

    for (unsigned i = 0; i < READ_BURST; i++) {
        ssize_t size = recv(self->fd, self->buffer, sizeof(self->buffer), 0);
        if (size < 0) {
            /* Errors are about datagrams sent earlier (nobody listens): they say nothing new. */
            trace_net_dgram_receive_failed(self->client->name, errno);
            return;
        }
        if (size > 0 &&
            net_send_buffer(self->client, self->buffer, size, dgram_sent) == NET_PENDING) {
            fd_watch_read(self->watch, false);
            return;
        }
    }
}

static void dgram_writable(void *opaque)
{
    DgramClient *self = opaque;

    fd_watch_write(self->watch, false);
    net_flush(self->client);
}

static NetResult dgram_receive(NetClient *client, const NetFrame *frame)
{
    DgramClient *self = client->opaque;
    struct msghdr message = {
        .msg_name = self->peer.length ? &self->peer.address : NULL,
        .msg_namelen = self->peer.length,
        .msg_iov = (struct iovec *)frame->iov,
        .msg_iovlen = frame->iov_count,
    };

    if (sendmsg(self->fd, &message, MSG_NOSIGNAL) < 0) {
        if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) {
            fd_watch_write(self->watch, true);
            return NET_PENDING;
        }
        trace_net_dgram_send_failed(client->name, net_frame_size(frame), errno);
    }
    return NET_DONE;
}

static char *dgram_describe(NetClient *client)
{
    DgramClient *self = client->opaque;

    return g_strdup(self->description);
}

static void dgram_free(DgramClient *self)
{
    fd_watch_free(self->watch);
    close(self->fd);
    g_free(self->description);
    g_free(self);
}

static void dgram_cleanup(NetClient *client)
{
    dgram_free(client->opaque);
}

static const NetClientOps dgram_ops = {
    .type = "dgram",
    .receive = dgram_receive,
    .describe = dgram_describe,
    .cleanup = dgram_cleanup,
};

NetClient *dgram_client_new(const char *model, const char *id, int fd, const DatagramPeer *peer,
                            const char *description, GError **error)
{
    DgramClient *self = g_new0(DgramClient, 1);

    self->fd = fd;
    self->peer = *peer;
    self->description = g_strdup(description);
    self->client = net_client_new(&dgram_ops, model, id, self, error);
    if (!self->client) {
        dgram_free(self);
        return NULL;
    }
    self->watch = fd_watch_new(fd, model, dgram_readable, dgram_writable, self);
    fd_watch_read(self->watch, true);
    return self->client;
}
