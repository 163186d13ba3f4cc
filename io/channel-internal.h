/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the kinds of channels share; only for io/. */
#pragma once

#include "io/channel.h"

/*
 * One kind of channel. read and write behave like readv(2) and writev(2): a count, or -1 with
 * errno; EAGAIN is passed on to the caller or waited for as the channel is set.
 */
typedef struct ChannelOps {
    ssize_t (*read)(Channel *channel, const struct iovec *iov, int count);
    ssize_t (*write)(Channel *channel, const struct iovec *iov, int count);
    /* Wake the system calls that poll cannot break; may be NULL. Any thread. */
    void (*shutdown)(Channel *channel);
    void (*close)(Channel *channel);
} ChannelOps;

struct Channel {
    const ChannelOps *ops;
    gint references;
    char *name;
    gint shut_down; /* atomic; set once, before wake_fd becomes readable */
    int wake_fd;    /* eventfd: readable for ever after channel_shutdown() */
    gint read_fd;   /* atomic where channel_open() sets them; -1: none */
    gint write_fd;
    gint blocking; /* atomic */
};

/* Fill the common part of a new channel. */
void channel_init(Channel *channel, const ChannelOps *ops, const char *name, int read_fd,
                  int write_fd);

/*
 * Wait for @events (POLLIN, POLLOUT) on @fd or for the shutdown of @channel until the monotonic
 * time @deadline_us (-1: for ever). 1 ready, 0 timeout, -1 shut down or error (errno).
 */
int channel_poll(Channel *channel, int fd, short events, gint64 deadline_us);
/* g_get_monotonic_time() + @timeout_ms, or -1 when that is negative. */
gint64 channel_deadline(int timeout_ms);

/* A socket channel; @fd may be -1 until channel_open(). */
Channel *channel_new_socket(int fd, const char *name);
bool channel_is_socket(Channel *channel);
/* Give an unconnected socket channel its descriptor; false when it was shut down meanwhile. */
bool channel_socket_attach(Channel *channel, int fd);

/* ---- addresses ---- */

struct addrinfo;

/*
 * Look @address (TCP) up; @passive for listening. Breaks off at @deadline_us or, when @channel
 * is not NULL, when that is shut down. Free with freeaddrinfo().
 */
struct addrinfo *channel_resolve(Channel *channel, const ChannelAddress *address, bool passive,
                                 gint64 deadline_us, GError **error);
struct sockaddr_un;
/* Fill @out from a UNIX @address; returns its length, 0 with an error when it is too long. */
unsigned channel_unix_sockaddr(const ChannelAddress *address, struct sockaddr_un *out,
                               GError **error);
struct sockaddr;
/* "HOST:PORT", "[V6]:PORT", or "" for other families. Free with g_free(). */
char *channel_sockaddr_to_string(const struct sockaddr *sockaddr, unsigned length);
