/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Connecting to a socket: waiting with a limit, or in a thread of its own. */
#include <errno.h>
#include <glib-unix.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel-internal.h"
#include "trace-io.h"
#include "util/report.h"

/* Longest sleep of a UNIX connect whose listener's queue is full, between tries. */
#define QUEUE_FULL_RETRY_US (10 * G_TIME_SPAN_MILLISECOND)

/* Wait until the connect that is under way on @fd has ended; 0 or an errno value. */
static int finish_connect(Channel *channel, int fd, gint64 deadline_us)
{
    int errnum = 0;
    socklen_t length = sizeof(errnum);
    int ready = channel_poll(channel, fd, POLLOUT, deadline_us);

    if (ready < 0) {
        return errno;
    }
    if (ready == 0) {
        return ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &length) < 0 ? errno : errnum;
}

/* A UNIX socket says EAGAIN when the listener's queue is full, and poll() cannot wait for it. */
static int connect_once(Channel *channel, int fd, const struct sockaddr *sockaddr, socklen_t length,
                        gint64 deadline_us)
{
    for (;;) {
        if (connect(fd, sockaddr, length) == 0) {
            return 0;
        }
        if (errno == EINPROGRESS || errno == EINTR) {
            return finish_connect(channel, fd, deadline_us);
        }
        if (errno != EAGAIN) {
            return errno;
        }
        if (deadline_us >= 0 && g_get_monotonic_time() >= deadline_us) {
            return ETIMEDOUT;
        }
        if (channel_is_shut_down(channel)) {
            return ESHUTDOWN;
        }
        g_usleep(QUEUE_FULL_RETRY_US);
    }
}

/* Returns a connected, blocking descriptor, or -1 with *errnum. */
static int connect_sockaddr(Channel *channel, const struct sockaddr *sockaddr, socklen_t length,
                            gint64 deadline_us, int *errnum)
{
    int fd = socket(sockaddr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        *errnum = errno;
        return -1;
    }
    *errnum = connect_once(channel, fd, sockaddr, length, deadline_us);
    if (*errnum == 0 && !g_unix_set_fd_nonblocking(fd, false, NULL)) {
        *errnum = errno;
    }
    if (*errnum == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

static int connect_tcp(Channel *channel, const ChannelAddress *address, gint64 deadline_us,
                       GError **error)
{
    struct addrinfo *list = channel_resolve(channel, address, false, deadline_us, error);
    int fd = -1, errnum = 0;

    if (!list) {
        return -1;
    }
    for (struct addrinfo *item = list; item && fd < 0; item = item->ai_next) {
        fd = connect_sockaddr(channel, item->ai_addr, item->ai_addrlen, deadline_us, &errnum);
        if (errnum == ESHUTDOWN) {
            break;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        trace_channel_connect_failed(channel->name, errnum);
        qc_error_set_errno(error, errnum, "Failed to connect to '%s:%s'", address->host,
                           address->port);
    }
    return fd;
}

static int connect_unix(Channel *channel, const ChannelAddress *address, gint64 deadline_us,
                        GError **error)
{
    struct sockaddr_un sockaddr;
    unsigned length = channel_unix_sockaddr(address, &sockaddr, error);
    int errnum;

    if (length == 0) {
        return -1;
    }
    int fd = connect_sockaddr(channel, (struct sockaddr *)&sockaddr, length, deadline_us, &errnum);
    if (fd < 0) {
        trace_channel_connect_failed(channel->name, errnum);
        qc_error_set_errno(error, errnum, "Failed to connect to '%s'", address->path);
    }
    return fd;
}

static int take_fd(const ChannelAddress *address, GError **error)
{
    int type;
    socklen_t length = sizeof(type);

    if (getsockopt(address->fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) {
        qc_error_set_errno(error, errno, "File descriptor '%d' is not a socket", address->fd);
        return -1;
    }
    return address->fd;
}

Channel *channel_new_unconnected(const ChannelAddress *address)
{
    g_autofree char *name = channel_address_to_string(address);
    return channel_new_socket(-1, name);
}

bool channel_open(Channel *channel, const ChannelAddress *address, int timeout_ms, GError **error)
{
    gint64 deadline_us = channel_deadline(timeout_ms);
    int fd = -1;

    g_assert(channel_is_socket(channel) && channel->read_fd < 0);
    trace_channel_connect(channel->name, timeout_ms);
    switch (address->kind) {
    case SOCKET_KIND_TCP:
        fd = connect_tcp(channel, address, deadline_us, error);
        break;
    case SOCKET_KIND_UNIX:
        fd = connect_unix(channel, address, deadline_us, error);
        break;
    case SOCKET_KIND_FD:
        fd = take_fd(address, error);
        break;
    }
    if (fd < 0) {
        return false;
    }
    trace_channel_connected(channel->name, fd);
    if (!channel_socket_attach(channel, fd)) {
        qc_error_set_errno(error, ESHUTDOWN, "%s", channel->name);
        return false;
    }
    return true;
}

Channel *channel_connect(const ChannelAddress *address, int timeout_ms, GError **error)
{
    g_autoptr(Channel) channel = channel_new_unconnected(address);
    return channel_open(channel, address, timeout_ms, error) ? g_steal_pointer(&channel) : NULL;
}

/* ---- in a thread ---- */

/*
 * Shared by the thread, the message to the context, and whoever may cancel; cancelled and
 * delivery happen in the same context, so they need no lock.
 */
struct ChannelConnecting {
    Channel *channel;
    ChannelAddress *address;
    int timeout_ms;
    GError *error;
    GMainContext *context;
    ChannelConnected *connected;
    void *opaque;
    bool cancelled;
};

static void connecting_free(gpointer opaque)
{
    ChannelConnecting *self = opaque;

    channel_unref(self->channel);
    channel_address_free(self->address);
    g_clear_error(&self->error);
    if (self->context) {
        g_main_context_unref(self->context);
    }
    g_free(self);
}

static gboolean connecting_deliver(gpointer opaque)
{
    ChannelConnecting *self = opaque;

    if (self->cancelled) {
        return G_SOURCE_REMOVE;
    }
    if (self->error) {
        self->connected(NULL, g_steal_pointer(&self->error), self->opaque);
    } else {
        self->connected(g_steal_pointer(&self->channel), NULL, self->opaque);
    }
    return G_SOURCE_REMOVE;
}

static gpointer connecting_thread(gpointer opaque)
{
    ChannelConnecting *self = opaque;
    /* Given up last, and so in this order: letting go of a source takes its context's lock. */
    g_autoptr(GMainContext) context = self->context ? g_main_context_ref(self->context) : NULL;
    g_autoptr(GSource) source = g_idle_source_new();

    channel_open(self->channel, self->address, self->timeout_ms, &self->error);
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, connecting_deliver, self, connecting_free);
    g_source_attach(source, context);
    return NULL;
}

ChannelConnecting *channel_connect_start(const ChannelAddress *address, int timeout_ms,
                                         GMainContext *context, ChannelConnected *connected,
                                         void *opaque)
{
    ChannelConnecting *self = g_new0(ChannelConnecting, 1);

    self->channel = channel_new_unconnected(address);
    self->address = channel_address_copy(address);
    self->timeout_ms = timeout_ms;
    self->context = context ? g_main_context_ref(context) : NULL;
    self->connected = connected;
    self->opaque = opaque;
    g_thread_unref(g_thread_new("io-connect", connecting_thread, self));
    return self;
}

void channel_connecting_cancel(ChannelConnecting *connecting)
{
    connecting->cancelled = true;
    channel_shutdown(connecting->channel);
}
