/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Listening sockets. A name like "localhost" can stand for several, all of which are served. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel-internal.h"
#include "trace-io.h"
#include "util/report.h"

#define LISTENER_MAX_SOCKETS 8
#define LISTENER_BACKLOG     8
/* Pause after accept() failed for want of descriptors or memory. */
#define ACCEPT_RETRY_SECONDS 1

struct ChannelListener {
    ChannelAddress *address;
    int fds[LISTENER_MAX_SOCKETS];
    int count;
    guint watches[LISTENER_MAX_SOCKETS]; /* GSource ids; 0: not watching */
    guint retry;                         /* GSource id while accepting pauses */
    void (*accepted)(Channel *channel, void *opaque);
    void *opaque;
    char *absolute_path;   /* of the UNIX socket file: the directory can change, -daemonize */
    struct stat path_stat; /* of the UNIX socket file that we made; st_ino 0: none */
};

/* ---- binding ---- */

static int new_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void set_port(struct sockaddr *sockaddr, uint16_t port)
{
    if (sockaddr->sa_family == AF_INET) {
        ((struct sockaddr_in *)sockaddr)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)sockaddr)->sin6_port = htons(port);
    }
}

static uint16_t get_port(const struct sockaddr *sockaddr)
{
    return ntohs(sockaddr->sa_family == AF_INET
                     ? ((const struct sockaddr_in *)sockaddr)->sin_port
                     : ((const struct sockaddr_in6 *)sockaddr)->sin6_port);
}

/* A listening descriptor, or -1 with errno. */
static int listen_on_sockaddr(const struct sockaddr *sockaddr, socklen_t length)
{
    int on = 1;
    int fd = new_socket(sockaddr->sa_family);

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sockaddr->sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, sockaddr, length) < 0 || listen(fd, LISTENER_BACKLOG) < 0) {
        int errnum = errno;
        close(fd);
        errno = errnum;
        return -1;
    }
    return fd;
}

/* The port that the kernel chose for the first socket, for the others. */
static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    return getsockname(fd, (struct sockaddr *)&address, &length) < 0
               ? 0
               : get_port((struct sockaddr *)&address);
}

static void close_all(ChannelListener *listener)
{
    for (int i = 0; i < listener->count; i++) {
        close(listener->fds[i]);
    }
    listener->count = 0;
}

/*
 * Listen on every address of @list at @port. A family that the host does not have is passed
 * over as long as another one works. Returns 0 or an errno value.
 */
static int listen_on_list(ChannelListener *listener, struct addrinfo *list, uint16_t port)
{
    int errnum = EADDRNOTAVAIL;

    for (struct addrinfo *item = list; item && listener->count < LISTENER_MAX_SOCKETS;
         item = item->ai_next) {
        if (port == 0 && listener->count > 0) {
            port = bound_port(listener->fds[0]);
        }
        set_port(item->ai_addr, port);
        int fd = listen_on_sockaddr(item->ai_addr, item->ai_addrlen);
        if (fd >= 0) {
            listener->fds[listener->count++] = fd;
            continue;
        }
        errnum = errno;
        if (errnum != EAFNOSUPPORT && errnum != EADDRNOTAVAIL) {
            close_all(listener);
            return errnum;
        }
    }
    return listener->count > 0 ? 0 : errnum;
}

static bool listen_tcp(ChannelListener *listener, GError **error)
{
    const ChannelAddress *address = listener->address;
    struct addrinfo *list = channel_resolve(NULL, address, true, -1, error);

    if (!list) {
        return false;
    }
    unsigned first = get_port(list->ai_addr);
    unsigned last = MAX(first, address->to);
    int errnum = EADDRINUSE;
    for (unsigned port = first; port <= last && errnum == EADDRINUSE; port++) {
        errnum = listen_on_list(listener, list, port);
    }
    freeaddrinfo(list);
    if (errnum) {
        g_autofree char *name = channel_address_to_string(address);
        qc_error_set_errno(error, errnum, "Failed to listen on '%s'", name);
    }
    return errnum == 0;
}

/*
 * Does a process listen on the socket file? Connecting a datagram socket to it answers that
 * without disturbing the listener: EPROTOTYPE when there is one, ECONNREFUSED when not.
 */
static bool socket_file_is_dead(const struct sockaddr_un *sockaddr, socklen_t length)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)sockaddr, length) < 0 &&
                errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return dead;
}

static bool listen_unix(ChannelListener *listener, GError **error)
{
    const ChannelAddress *address = listener->address;
    struct sockaddr_un sockaddr;
    socklen_t length = channel_unix_sockaddr(address, &sockaddr, error);

    if (length == 0) {
        return false;
    }
    int fd = listen_on_sockaddr((struct sockaddr *)&sockaddr, length);
    int errnum = errno;
    if (fd < 0 && errnum == EADDRINUSE && !address->abstract &&
        socket_file_is_dead(&sockaddr, length)) {
        unlink(address->path);
        fd = listen_on_sockaddr((struct sockaddr *)&sockaddr, length);
        errnum = errno;
    }
    if (fd < 0) {
        qc_error_set_errno(error, errnum, "Failed to listen on 'unix:%s'", address->path);
        return false;
    }
    listener->fds[listener->count++] = fd;
    listener->absolute_path = g_canonicalize_filename(address->path, NULL);
    if (address->abstract || stat(address->path, &listener->path_stat) < 0) {
        listener->path_stat.st_ino = 0;
    }
    return true;
}

static bool listen_fd(ChannelListener *listener, GError **error)
{
    int fd = listener->address->fd;
    int listening = 0;
    socklen_t length = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0) {
        qc_error_set_errno(error, errno, "File descriptor '%d' is not a socket", fd);
        return false;
    }
    if (!listening) {
        qc_error_set(error, "Socket file descriptor '%d' is not listening", fd);
        return false;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    g_unix_set_fd_nonblocking(fd, true, NULL);
    listener->fds[listener->count++] = fd;
    return true;
}

ChannelListener *channel_listen(const ChannelAddress *address, GError **error)
{
    g_autoptr(ChannelListener) listener = g_new0(ChannelListener, 1);
    bool ok = false;

    listener->address = channel_address_copy(address);
    switch (address->kind) {
    case SOCKET_KIND_TCP:
        ok = listen_tcp(listener, error);
        break;
    case SOCKET_KIND_UNIX:
        ok = listen_unix(listener, error);
        break;
    case SOCKET_KIND_FD:
        ok = listen_fd(listener, error);
        break;
    }
    if (!ok) {
        return NULL;
    }
    g_autofree char *name = channel_listener_address(listener);
    trace_channel_listen(name, listener->fds[0]);
    return g_steal_pointer(&listener);
}

/* ---- accepting ---- */

/* A channel for the next connection on @fd, or NULL with errno. */
static Channel *accept_one(ChannelListener *listener, int fd)
{
    g_autofree char *name = channel_listener_address(listener);
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    if (client < 0) {
        int errnum = errno;
        trace_channel_accept_failed(name, errnum);
        errno = errnum;
        return NULL;
    }
    trace_channel_accept(name, client);
    return channel_new_socket(client, name);
}

static void stop_watching(ChannelListener *listener)
{
    for (int i = 0; i < LISTENER_MAX_SOCKETS; i++) {
        if (listener->watches[i]) {
            g_source_remove(listener->watches[i]);
            listener->watches[i] = 0;
        }
    }
    if (listener->retry) {
        g_source_remove(listener->retry);
        listener->retry = 0;
    }
}

static void start_watching(ChannelListener *listener);

static gboolean retry_accept(gpointer opaque)
{
    ChannelListener *listener = opaque;
    listener->retry = 0;
    start_watching(listener);
    return G_SOURCE_REMOVE;
}

static bool is_shortage(int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

static gboolean incoming(int fd, GIOCondition condition, gpointer opaque)
{
    ChannelListener *listener = opaque;
    Channel *channel = accept_one(listener, fd);

    if (channel) {
        listener->accepted(channel, listener->opaque); /* may free the listener */
        return G_SOURCE_CONTINUE;
    }
    if (is_shortage(errno)) {
        g_autofree char *name = channel_listener_address(listener);
        report_warning("%s: cannot accept a connection: %s", name, g_strerror(errno));
        stop_watching(listener);
        listener->retry = g_timeout_add_seconds(ACCEPT_RETRY_SECONDS, retry_accept, listener);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void start_watching(ChannelListener *listener)
{
    for (int i = 0; i < listener->count; i++) {
        listener->watches[i] = g_unix_fd_add(listener->fds[i], G_IO_IN, incoming, listener);
    }
}

void channel_listener_set_callback(ChannelListener *listener,
                                   void (*accepted)(Channel *channel, void *opaque), void *opaque)
{
    stop_watching(listener);
    listener->accepted = accepted;
    listener->opaque = opaque;
    if (accepted) {
        start_watching(listener);
    }
}

/* poll(2) on all sockets; -1 with errno, 0 when @deadline_us passed. */
static int wait_for_client(ChannelListener *listener, struct pollfd *fds, gint64 deadline_us)
{
    for (;;) {
        gint64 now_us = g_get_monotonic_time();
        gint64 left_us = deadline_us < 0 ? -1 : MAX(deadline_us - now_us, 0);
        for (int i = 0; i < listener->count; i++) {
            fds[i] = (struct pollfd){ .fd = listener->fds[i], .events = POLLIN };
        }
        int ready = poll(fds, listener->count, left_us < 0 ? -1 : (int)((left_us + 999) / 1000));
        if (ready >= 0 || errno != EINTR) {
            return ready;
        }
    }
}

int channel_listener_wait(ChannelListener *listener, int timeout_ms)
{
    struct pollfd fds[LISTENER_MAX_SOCKETS];
    int ready = wait_for_client(listener, fds, channel_deadline(timeout_ms));

    return ready > 0 ? 1 : ready;
}

/* A client can leave before it is accepted: then there is nothing yet, not an error. */
static bool is_gone_client(int errnum)
{
    return errnum == EAGAIN || errnum == EINTR || errnum == ECONNABORTED || errnum == EPROTO;
}

Channel *channel_listener_accept(ChannelListener *listener, int timeout_ms, GError **error)
{
    gint64 deadline_us = channel_deadline(timeout_ms);
    struct pollfd fds[LISTENER_MAX_SOCKETS];
    int errnum = EAGAIN;

    while (is_gone_client(errnum)) {
        int ready = wait_for_client(listener, fds, deadline_us);
        errnum = ready > 0 ? EAGAIN : ready == 0 ? ETIMEDOUT : errno;
        for (int i = 0; ready > 0 && i < listener->count; i++) {
            Channel *channel = fds[i].revents ? accept_one(listener, fds[i].fd) : NULL;
            if (channel) {
                return channel;
            }
            errnum = fds[i].revents ? errno : errnum;
        }
    }
    g_autofree char *name = channel_listener_address(listener);
    qc_error_set_errno(error, errnum, "%s: no connection", name);
    return NULL;
}

/* ---- end ---- */

char *channel_listener_address(ChannelListener *listener)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (listener->address->kind != SOCKET_KIND_TCP ||
        getsockname(listener->fds[0], (struct sockaddr *)&address, &length) < 0) {
        return channel_address_to_string(listener->address);
    }
    g_autofree char *text = channel_sockaddr_to_string((struct sockaddr *)&address, length);
    return g_strdup_printf("tcp:%s", text);
}

static void remove_socket_file(ChannelListener *listener)
{
    struct stat now;

    if (listener->path_stat.st_ino && stat(listener->absolute_path, &now) == 0 &&
        now.st_ino == listener->path_stat.st_ino && now.st_dev == listener->path_stat.st_dev) {
        unlink(listener->absolute_path);
    }
}

void channel_listener_free(ChannelListener *listener)
{
    if (!listener) {
        return;
    }
    stop_watching(listener);
    remove_socket_file(listener);
    close_all(listener);
    g_free(listener->absolute_path);
    channel_address_free(listener->address);
    g_free(listener);
}
