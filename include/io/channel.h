/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Byte channels: files, sockets, commands and memory buffers behind one small interface.
 *
 * A channel is reference counted and may be used by one reader and one writer thread at a time.
 * channel_shutdown() may be called from any thread at any moment and makes blocked and later
 * calls fail at once: that is how a wait for the peer is broken. The thread that calls it holds
 * a reference of its own.
 *
 * Nothing here takes the BQL. What can wait (a blocking channel's reads and writes, the _all
 * functions, channel_wait_readable(), channel_connect(), channel_listener_accept()) must not be
 * called with it. Host names are looked up by a helper thread that the wait can leave behind.
 *
 * The first channel makes the process ignore SIGPIPE; a peer that is gone is an error (EPIPE).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef struct Channel Channel;

Channel *channel_ref(Channel *channel);
/* Closes when the last reference goes; NULL is allowed. */
void channel_unref(Channel *channel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channel, channel_unref)

/* ---- construction; the fd is taken over ---- */

/*
 * Any descriptor that read, write and poll work on; sockets get what socket channels have.
 * Descriptors that are neither sockets nor regular files are made non-blocking and given their
 * former flags back on close, because they can be shared with other processes (a terminal).
 */
Channel *channel_new_fd(int fd, const char *name);
/* open(2) with @open_flags; errors name @path. */
Channel *channel_new_file(const char *path, int open_flags, int mode, GError **error);
/*
 * `/bin/sh -c COMMAND`: reads give its standard output (@readable), writes go to its standard
 * input (@writable). Closing lets the command finish what it was given; after
 * channel_shutdown() it gets SIGTERM.
 */
Channel *channel_new_command(const char *command, bool readable, bool writable, GError **error);
/*
 * Memory: writes append, reads consume. @limit unread bytes at most (0: none). Reading and
 * writing at the same time from two threads is not possible.
 */
Channel *channel_new_buffer(size_t limit);
/* Borrow what a buffer channel holds and has not been read; valid until the next write. */
const void *channel_buffer_data(Channel *channel, size_t *size);
/* Forget the contents; the memory stays allocated for the next use. */
void channel_buffer_reset(Channel *channel);
/* How many bytes of memory the buffer has allocated. */
size_t channel_buffer_allocated(Channel *channel);

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
    uint16_t to;     /* listening: the last port to try, counting from @port; 0: only @port */
    bool ipv4, ipv6; /* restrict; both false: no restriction */
    char *path;      /* UNIX */
    bool abstract;   /* UNIX: a name without a file, see unix(7) */
    bool tight;      /* abstract: the name ends with the string, not padded with zeros */
    int fd;
} ChannelAddress;
void channel_address_free(ChannelAddress *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChannelAddress, channel_address_free)
ChannelAddress *channel_address_copy(const ChannelAddress *address);
/*
 * Parse HOST:PORT or :PORT ([v6]:PORT too), optionally followed by ,ipv4[=on|off],
 * ,ipv6[=on|off] and ,to=PORT; errors name @text.
 */
ChannelAddress *channel_address_parse_inet(const char *text, GError **error);
ChannelAddress *channel_address_new_unix(const char *path);
ChannelAddress *channel_address_new_fd(int fd);
/* "tcp:127.0.0.1:9998", "tcp:[::1]:9998", "unix:/run/x", "fd:5". Free with g_free(). */
char *channel_address_to_string(const ChannelAddress *address);

/*
 * Connect, waiting at most @timeout_ms (< 0: as long as the kernel tries). Not with the BQL.
 * TCP gets TCP_NODELAY. Errors name the address.
 */
Channel *channel_connect(const ChannelAddress *address, int timeout_ms, GError **error);

/*
 * The same in two steps, so that another thread can break the attempt by channel_shutdown():
 * an unconnected channel fails every use until channel_open() has returned true.
 */
Channel *channel_new_unconnected(const ChannelAddress *address);
bool channel_open(Channel *channel, const ChannelAddress *address, int timeout_ms, GError **error);

/*
 * The same without waiting: a thread connects, then @connected is called in @context (NULL: the
 * main loop) with a channel or an error, both taken over. channel_connecting_cancel(), from that
 * context, makes sure that it will not be called any more. Any lock state.
 */
typedef struct ChannelConnecting ChannelConnecting;
typedef void ChannelConnected(Channel *channel, GError *error, void *opaque);
ChannelConnecting *channel_connect_start(const ChannelAddress *address, int timeout_ms,
                                         GMainContext *context, ChannelConnected *connected,
                                         void *opaque);
void channel_connecting_cancel(ChannelConnecting *connecting);

typedef struct ChannelListener ChannelListener;
/*
 * Bind and listen; errors name the address ("... Address already in use"). A UNIX socket file
 * that no process listens on any more is replaced. Looks up a host name: not with the BQL, unless
 * the host is a numeric address.
 */
ChannelListener *channel_listen(const ChannelAddress *address, GError **error);
/*
 * Call @accepted (main loop, BQL; takes over the channel) for each connection. NULL stops
 * accepting; who connects meanwhile waits in the kernel's queue.
 */
void channel_listener_set_callback(ChannelListener *listener,
                                   void (*accepted)(Channel *channel, void *opaque), void *opaque);
/* Is there a connection to accept, within @timeout_ms (< 0: no limit)? 1 yes, 0 no, -1 errno. */
int channel_listener_wait(ChannelListener *listener, int timeout_ms);
/* Wait for one connection, at most @timeout_ms (< 0: for ever). Not with the BQL. */
Channel *channel_listener_accept(ChannelListener *listener, int timeout_ms, GError **error);
/* The address really bound (port 0 resolved). Free with g_free(). */
char *channel_listener_address(ChannelListener *listener);
/* Close, and remove the UNIX socket file if it is still ours. */
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

/*
 * All of it or an error; an end of stream is an error that says how much was missing. They wait
 * even on a non-blocking channel. @iov is used up.
 */
bool channel_read_all(Channel *channel, void *buffer, size_t size, GError **error);
bool channel_writev_all(Channel *channel, struct iovec *iov, int count, GError **error);
bool channel_write_all(Channel *channel, const void *buffer, size_t size, GError **error);

/*
 * Wait until readable; 1 ready, 0 timeout (@timeout_ms < 0: none), -1 shut down or error.
 * Broken by channel_shutdown().
 */
int channel_wait_readable(Channel *channel, int timeout_ms);
/* The same until some bytes can be written. */
int channel_wait_writable(Channel *channel, int timeout_ms);

/* Break all use, from any thread; idempotent. */
void channel_shutdown(Channel *channel);
bool channel_is_shut_down(Channel *channel);

/* Channels begin blocking. */
bool channel_set_blocking(Channel *channel, bool blocking, GError **error);
/* TCP_NODELAY on (as it is from the start) or off; harmless on others. */
void channel_set_nodelay(Channel *channel);
void channel_clear_nodelay(Channel *channel);
const char *channel_name(Channel *channel); /* "tcp:127.0.0.1:9998", for messages */
/* The two ends of a TCP connection as HOST:PORT, "" for others. Free with g_free(). */
char *channel_local_address(Channel *channel);
char *channel_peer_address(Channel *channel);
/* The descriptor to poll on, or -1 (buffers). Borrowed. Commands: the one to read, if any. */
int channel_fd(Channel *channel);
/* A GSource that dispatches a (bool (*)(Channel *, GIOCondition, void *)) function. */
typedef gboolean ChannelWatch(Channel *channel, GIOCondition condition, void *opaque);
/*
 * Not attached yet; holds a reference. A channel that was shut down is dispatched with
 * G_IO_HUP. A buffer is always ready.
 */
GSource *channel_create_watch(Channel *channel, GIOCondition condition, ChannelWatch *watch,
                              void *opaque);

/*
 * File descriptors over UNIX sockets (SCM_RIGHTS): the next of those that came last, or -1. They
 * are kept until taken, until others come, or until the channel is closed.
 */
int channel_take_received_fd(Channel *channel);
/* Write all of @data (at least one byte) and pass a duplicate of @fd with it. */
bool channel_send_fd(Channel *channel, const void *data, size_t size, int fd, GError **error);
