/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Channels on a stream socket, with descriptors passed over UNIX sockets (unix(7)). */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel-internal.h"
#include "util/report.h"

/* More descriptors than this in one message are closed by the kernel. */
#define SOCKET_MAX_FDS 16

typedef struct SocketChannel {
    Channel common;
    bool passes_fds; /* AF_UNIX */
    int received_fds[SOCKET_MAX_FDS];
    int received_count;
} SocketChannel;

static void drop_received_fds(SocketChannel *self)
{
    for (int i = 0; i < self->received_count; i++) {
        close(self->received_fds[i]);
    }
    self->received_count = 0;
}

static void keep_received_fds(SocketChannel *self, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        drop_received_fds(self);
        size_t size = c->cmsg_len - CMSG_LEN(0);
        self->received_count = MIN(size / sizeof(int), SOCKET_MAX_FDS);
        memcpy(self->received_fds, CMSG_DATA(c), self->received_count * sizeof(int));
    }
}

static int transfer_flags(Channel *channel)
{
    return MSG_NOSIGNAL | (g_atomic_int_get(&channel->blocking) ? 0 : MSG_DONTWAIT);
}

static ssize_t socket_read(Channel *channel, const struct iovec *iov, int count)
{
    SocketChannel *self = (SocketChannel *)channel;
    union {
        char bytes[CMSG_SPACE(SOCKET_MAX_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };

    if (self->passes_fds) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
    }
    ssize_t n = recvmsg(channel->read_fd, &message, MSG_CMSG_CLOEXEC | transfer_flags(channel));
    if (n >= 0 && self->passes_fds) {
        keep_received_fds(self, &message);
    }
    return n;
}

static ssize_t socket_write(Channel *channel, const struct iovec *iov, int count)
{
    struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
    return sendmsg(channel->write_fd, &message, transfer_flags(channel));
}

static void socket_shutdown(Channel *channel)
{
    int fd = g_atomic_int_get(&channel->read_fd);
    if (fd >= 0) {
        shutdown(fd, SHUT_RDWR); /* fails harmlessly when the peer has gone already */
    }
}

static void socket_close(Channel *channel)
{
    drop_received_fds((SocketChannel *)channel);
    if (channel->read_fd >= 0) {
        close(channel->read_fd);
    }
}

static const ChannelOps socket_ops = {
    .read = socket_read,
    .write = socket_write,
    .shutdown = socket_shutdown,
    .close = socket_close,
};

bool channel_is_socket(Channel *channel)
{
    return channel->ops == &socket_ops;
}

static int socket_family(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &length) < 0 ? AF_UNSPEC
                                                                     : address.ss_family;
}

static void set_nodelay(int fd, int on)
{
    int family = socket_family(fd);
    if (family == AF_INET || family == AF_INET6) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
}

Channel *channel_new_socket(int fd, const char *name)
{
    SocketChannel *self = g_new0(SocketChannel, 1);
    channel_init(&self->common, &socket_ops, name, -1, -1);
    if (fd >= 0) {
        channel_socket_attach(&self->common, fd);
    }
    return &self->common;
}

bool channel_socket_attach(Channel *channel, int fd)
{
    SocketChannel *self = (SocketChannel *)channel;

    fcntl(fd, F_SETFD, FD_CLOEXEC); /* not for commands that we start */
    self->passes_fds = socket_family(fd) == AF_UNIX;
    set_nodelay(fd, 1);
    g_atomic_int_set(&channel->write_fd, fd);
    g_atomic_int_set(&channel->read_fd, fd);
    if (channel_is_shut_down(channel)) { /* perhaps before it could see the descriptor */
        shutdown(fd, SHUT_RDWR);
        return false;
    }
    return true;
}

void channel_set_nodelay(Channel *channel)
{
    if (channel_is_socket(channel)) {
        set_nodelay(channel->read_fd, 1);
    }
}

void channel_clear_nodelay(Channel *channel)
{
    if (channel_is_socket(channel)) {
        set_nodelay(channel->read_fd, 0);
    }
}

/* ---- descriptors ---- */

int channel_take_received_fd(Channel *channel)
{
    SocketChannel *self = (SocketChannel *)channel;

    if (!channel_is_socket(channel) || self->received_count == 0) {
        return -1;
    }
    int fd = self->received_fds[0];
    self->received_count--;
    memmove(self->received_fds, self->received_fds + 1, self->received_count * sizeof(int));
    return fd;
}

/* Send the first byte of a message together with @fd; false with errno. */
static bool send_byte_with_fd(Channel *channel, const void *byte, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { (void *)byte, 1 };
    struct msghdr message = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(int));
    while (sendmsg(channel->write_fd, &message, transfer_flags(channel)) < 0) {
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN || channel_poll(channel, channel->write_fd, POLLOUT, -1) <= 0) {
            return false;
        }
    }
    return true;
}

bool channel_send_fd(Channel *channel, const void *data, size_t size, int fd, GError **error)
{
    SocketChannel *self = (SocketChannel *)channel;

    g_return_val_if_fail(size > 0, false);
    if (!channel_is_socket(channel) || !self->passes_fds) {
        qc_error_set(error, "%s: descriptors can only be passed over a UNIX socket", channel->name);
        return false;
    }
    if (!send_byte_with_fd(channel, data, fd)) {
        int errnum = channel_is_shut_down(channel) ? ESHUTDOWN : errno;
        qc_error_set_errno(error, errnum, "%s: cannot pass a descriptor", channel->name);
        return false;
    }
    return channel_write_all(channel, (const char *)data + 1, size - 1, error);
}

/* ---- ends ---- */

typedef int GetName(int fd, struct sockaddr *address, socklen_t *length);

static char *end_to_string(Channel *channel, GetName *get_name)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (!channel_is_socket(channel) ||
        get_name(channel->read_fd, (struct sockaddr *)&address, &length) < 0) {
        return g_strdup("");
    }
    return channel_sockaddr_to_string((struct sockaddr *)&address, length);
}

static int get_local_name(int fd, struct sockaddr *address, socklen_t *length)
{
    return getsockname(fd, address, length);
}

static int get_peer_name(int fd, struct sockaddr *address, socklen_t *length)
{
    return getpeername(fd, address, length);
}

char *channel_local_address(Channel *channel)
{
    return end_to_string(channel, get_local_name);
}

char *channel_peer_address(Channel *channel)
{
    return end_to_string(channel, get_peer_name);
}
