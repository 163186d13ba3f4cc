/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Byte channels: files, sockets, commands and memory buffers behind one small interface.
 *
 * A channel is reference counted and may be used by one reader and one writer thread at a time.
 * channel_shutdown() may be called from any thread at any moment and makes blocked and later
 * calls fail at once: that is how a wait for the peer is broken.
 */
#pragma once

#include <gio/gio.h>
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct Channel Channel;

Channel *channel_ref(Channel *channel);
/* Closes when the last reference goes. */
void channel_unref(Channel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channel, channel_unref)

/* ---- construction; the fd is taken over ---- */

/* Any descriptor that read, write and poll work on. */
Channel *channel_new_fd(int fd, const char *name);
Channel *channel_new_file(const char *path, int open_flags, int mode, GError **error);
/* `/bin/sh -c COMMAND` with its standard input and output. */
Channel *channel_new_command(const char *command, bool readable, bool writable, GError **error);
/* Memory: writes append, reads consume. @limit bytes at most (0: none). */
Channel *channel_new_buffer(size_t limit);
/* Borrow what a buffer channel holds and has not been read. */
const void *channel_buffer_data(Channel *channel, size_t *size);
void channel_buffer_reset(Channel *channel);

/* ---- sockets ---- */

/* Where to connect or listen: tcp:HOST:PORT, unix:PATH, fd:NUMBER-OR-NAME. */
typedef enum SocketAddressKind {
    SOCKET_KIND_TCP,
    SOCKET_KIND_UNIX,
    SOCKET_KIND_FD
} SocketAddressKind;
typedef struct ChannelAddress {
    SocketAddressKind kind;
    char *host; /* TCP; empty: any */
    char *port;
    bool ipv4, ipv6; /* restrict; both false: no restriction */
    char *path;      /* UNIX */
    int fd;
} ChannelAddress;
void channel_address_free(ChannelAddress *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChannelAddress, channel_address_free)
/* Parse HOST:PORT or :PORT ([v6]:PORT too); errors name @text. */
ChannelAddress *channel_address_parse_inet(const char *text, GError **error);
char *channel_address_to_string(const ChannelAddress *address);

/*
 * Connect, waiting at most @timeout_ms (< 0: as long as the kernel tries). Not with the BQL.
 * TCP gets TCP_NODELAY. Errors name the address.
 */
Channel *channel_connect(const ChannelAddress *address, int timeout_ms, GError **error);

typedef struct ChannelListener ChannelListener;
/* Bind and listen; errors name the address ("... Address already in use"). */
ChannelListener *channel_listen(const ChannelAddress *address, GError **error);
/* Call @accepted (main loop, BQL; takes over the channel) for each connection. */
void channel_listener_set_callback(ChannelListener *listener,
                                   void (*accepted)(Channel *channel, void *opaque), void *opaque);
/* The address really bound (port 0 resolved). */
char *channel_listener_address(ChannelListener *listener);
void channel_listener_free(ChannelListener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChannelListener, channel_listener_free)

/* ---- use ---- */

/*
 * Up to the whole vector; returns bytes moved, 0 at end of stream (reads), -1 with an error.
 * A non-blocking channel that would block returns CHANNEL_WOULD_BLOCK without error.
 */
#define CHANNEL_WOULD_BLOCK (-2)
ssize_t channel_readv(Channel *channel, const struct iovec *iov, int count, GError **error);
ssize_t channel_writev(Channel *channel, const struct iovec *iov, int count, GError **error);

/* All of it or an error; an end of stream is an error that says how much was missing. */
bool channel_read_all(Channel *channel, void *buffer, size_t size, GError **error);
bool channel_writev_all(Channel *channel, struct iovec *iov, int count, GError **error);
bool channel_write_all(Channel *channel, const void *buffer, size_t size, GError **error);

/*
 * Wait until readable; 1 ready, 0 timeout (@timeout_ms < 0: none), -1 shut down or error.
 * Broken by channel_shutdown().
 */
int channel_wait_readable(Channel *channel, int timeout_ms);

/* Break all use, from any thread; idempotent. */
void channel_shutdown(Channel *channel);
bool channel_is_shut_down(Channel *channel);

bool channel_set_blocking(Channel *channel, bool blocking, GError **error);
/* TCP_NODELAY; harmless on others. */
void channel_set_nodelay(Channel *channel);
const char *channel_name(Channel *channel); /* "tcp:127.0.0.1:9998", for messages */
/* The descriptor to poll on, or -1 (buffers). Borrowed. */
int channel_fd(Channel *channel);
/* A GSource that dispatches a (bool (*)(Channel *, GIOCondition, void *)) function. */
typedef gboolean ChannelWatch(Channel *channel, GIOCondition condition, void *opaque);
GSource *channel_create_watch(Channel *channel, GIOCondition condition, ChannelWatch *watch,
                              void *opaque);

/* File descriptors over UNIX sockets (SCM_RIGHTS): those that came with the last readv. */
int channel_take_received_fd(Channel *channel);
bool channel_send_fd(Channel *channel, const void *data, size_t size, int fd, GError **error);
