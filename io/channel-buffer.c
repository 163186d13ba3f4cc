/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Channels in memory: a byte queue that grows as it is written. */
#include <errno.h>
#include <string.h>

#include "channel-internal.h"

#define BUFFER_FIRST_SIZE 4096u

typedef struct BufferChannel {
    Channel common;
    uint8_t *data;
    size_t allocated;
    size_t start; /* unread bytes are data[start .. end) */
    size_t end;
    size_t limit; /* of unread bytes; 0: none */
} BufferChannel;

static ssize_t buffer_read(Channel *channel, const struct iovec *iov, int count)
{
    BufferChannel *self = (BufferChannel *)channel;
    size_t done = 0;

    for (int i = 0; i < count && self->start < self->end; i++) {
        size_t part = MIN(iov[i].iov_len, self->end - self->start);
        if (part > 0) {
            memcpy(iov[i].iov_base, self->data + self->start, part);
        }
        self->start += part;
        done += part;
    }
    if (self->start == self->end) {
        self->start = self->end = 0;
    }
    return done;
}

/* Make room for @size bytes behind the end. */
static void buffer_reserve(BufferChannel *self, size_t size)
{
    if (self->allocated - self->end >= size) {
        return;
    }
    if (self->start > 0) {
        memmove(self->data, self->data + self->start, self->end - self->start);
        self->end -= self->start;
        self->start = 0;
    }
    if (self->allocated - self->end < size) {
        size_t wanted = MAX(self->end + size, self->allocated * 2);
        self->allocated = MAX(wanted, BUFFER_FIRST_SIZE);
        self->data = g_realloc(self->data, self->allocated);
    }
}

static ssize_t buffer_write(Channel *channel, const struct iovec *iov, int count)
{
    BufferChannel *self = (BufferChannel *)channel;
    size_t total = 0;

    for (int i = 0; i < count; i++) {
        total += iov[i].iov_len;
    }
    if (self->limit && total > self->limit - (self->end - self->start)) {
        errno = ENOBUFS;
        return -1;
    }
    buffer_reserve(self, total);
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > 0) {
            memcpy(self->data + self->end, iov[i].iov_base, iov[i].iov_len);
        }
        self->end += iov[i].iov_len;
    }
    return total;
}

static void buffer_close(Channel *channel)
{
    BufferChannel *self = (BufferChannel *)channel;
    g_free(self->data);
}

static const ChannelOps buffer_ops = {
    .read = buffer_read,
    .write = buffer_write,
    .close = buffer_close,
};

Channel *channel_new_buffer(size_t limit)
{
    BufferChannel *self = g_new0(BufferChannel, 1);
    channel_init(&self->common, &buffer_ops, "buffer", -1, -1);
    self->limit = limit;
    return &self->common;
}

static BufferChannel *to_buffer(Channel *channel)
{
    g_assert(channel->ops == &buffer_ops);
    return (BufferChannel *)channel;
}

const void *channel_buffer_data(Channel *channel, size_t *size)
{
    BufferChannel *self = to_buffer(channel);
    *size = self->end - self->start;
    return self->data ? self->data + self->start : NULL;
}

void channel_buffer_reset(Channel *channel)
{
    BufferChannel *self = to_buffer(channel);
    self->start = self->end = 0;
}

size_t channel_buffer_allocated(Channel *channel)
{
    return to_buffer(channel)->allocated;
}
