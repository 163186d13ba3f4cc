/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What all channels have in common: references, reading, writing, waiting, breaking. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "channel-internal.h"
#include "trace-io.h"
#include "util/report.h"

static void ignore_sigpipe(void)
{
    static gsize done;
    if (g_once_init_enter(&done)) {
        signal(SIGPIPE, SIG_IGN);
        g_once_init_leave(&done, 1);
    }
}

void channel_init(Channel *channel, const ChannelOps *ops, const char *name, int read_fd,
                  int write_fd)
{
    ignore_sigpipe();
    channel->ops = ops;
    channel->references = 1;
    channel->name = g_strdup(name);
    channel->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (channel->wake_fd < 0) {
        g_error("eventfd for channel %s: %s", name, g_strerror(errno));
    }
    channel->read_fd = read_fd;
    channel->write_fd = write_fd;
    channel->blocking = true;
    trace_channel_new(channel, name, read_fd, write_fd);
}

Channel *channel_ref(Channel *channel)
{
    g_atomic_int_inc(&channel->references);
    return channel;
}

void channel_unref(Channel *channel)
{
    if (!channel || !g_atomic_int_dec_and_test(&channel->references)) {
        return;
    }
    trace_channel_close(channel, channel->name);
    channel->ops->close(channel);
    close(channel->wake_fd);
    g_free(channel->name);
    g_free(channel);
}

/* ---- waiting and breaking ---- */

bool channel_is_shut_down(Channel *channel)
{
    return g_atomic_int_get(&channel->shut_down);
}

void channel_shutdown(Channel *channel)
{
    if (!g_atomic_int_compare_and_exchange(&channel->shut_down, false, true)) {
        return;
    }
    trace_channel_shutdown(channel, channel->name);
    if (eventfd_write(channel->wake_fd, 1) < 0) {
        report_warning("%s: cannot wake its users: %s", channel->name, g_strerror(errno));
    }
    if (channel->ops->shutdown) {
        channel->ops->shutdown(channel);
    }
}

gint64 channel_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : g_get_monotonic_time() + timeout_ms * G_TIME_SPAN_MILLISECOND;
}

/* Milliseconds left for poll(2), rounded up so that it does not spin at the end. */
static int deadline_to_timeout(gint64 deadline_us)
{
    if (deadline_us < 0) {
        return -1;
    }
    gint64 left = deadline_us - g_get_monotonic_time();
    return left <= 0 ? 0 : (int)MIN((left + 999) / 1000, INT_MAX);
}

int channel_poll(Channel *channel, int fd, short events, gint64 deadline_us)
{
    struct pollfd fds[2] = {
        { .fd = channel->wake_fd, .events = POLLIN },
        { .fd = fd, .events = events },
    };
    for (;;) {
        if (channel_is_shut_down(channel)) {
            errno = ESHUTDOWN;
            return -1;
        }
        int ready = poll(fds, 2, deadline_to_timeout(deadline_us));
        if (ready < 0 && errno != EINTR) {
            return -1;
        }
        if (ready > 0 && fds[1].revents) {
            return channel_is_shut_down(channel) ? (errno = ESHUTDOWN, -1) : 1;
        }
        if (ready == 0) {
            return 0;
        }
    }
}

static int wait_for(Channel *channel, int fd, short events, int timeout_ms)
{
    if (fd < 0) {
        return channel_is_shut_down(channel) ? -1 : 1;
    }
    return channel_poll(channel, fd, events, channel_deadline(timeout_ms));
}

int channel_wait_readable(Channel *channel, int timeout_ms)
{
    return wait_for(channel, g_atomic_int_get(&channel->read_fd), POLLIN, timeout_ms);
}

int channel_wait_writable(Channel *channel, int timeout_ms)
{
    return wait_for(channel, g_atomic_int_get(&channel->write_fd), POLLOUT, timeout_ms);
}

/* ---- reading and writing ---- */

static ssize_t fail_shut_down(Channel *channel, GError **error)
{
    qc_error_set(error, "%s: the channel was shut down", channel->name);
    return -1;
}

/*
 * One try of a transfer that moved nothing, with errno set: wait, or say what to return.
 * Returns 0 when the transfer shall be tried again.
 */
static ssize_t handle_failure(Channel *channel, int fd, short events, bool wait, const char *verb,
                              GError **error)
{
    int errnum = errno;

    if (channel_is_shut_down(channel)) {
        return fail_shut_down(channel, error);
    }
    if (errnum == EINTR) {
        return 0;
    }
    if (errnum == EAGAIN || errnum == EWOULDBLOCK) {
        if (!wait) {
            return CHANNEL_WOULD_BLOCK;
        }
        if (channel_poll(channel, fd, events, -1) > 0) {
            return 0;
        }
        errnum = errno;
        if (channel_is_shut_down(channel)) {
            return fail_shut_down(channel, error);
        }
    }
    trace_channel_error(channel, channel->name, verb, errnum);
    qc_error_set_errno(error, errnum, "%s: cannot %s", channel->name, verb);
    return -1;
}

static ssize_t read_some(Channel *channel, const struct iovec *iov, int count, bool wait,
                         GError **error)
{
    for (;;) {
        if (channel_is_shut_down(channel)) {
            return fail_shut_down(channel, error);
        }
        ssize_t n = channel->ops->read(channel, iov, MIN(count, IOV_MAX));
        if (n > 0) {
            return n;
        }
        if (n == 0) { /* a socket that was shut down reads as ended, too */
            return channel_is_shut_down(channel) ? fail_shut_down(channel, error) : 0;
        }
        n = handle_failure(channel, channel->read_fd, POLLIN, wait, "read", error);
        if (n < 0) {
            return n;
        }
    }
}

static ssize_t write_some(Channel *channel, const struct iovec *iov, int count, bool wait,
                          GError **error)
{
    for (;;) {
        if (channel_is_shut_down(channel)) {
            return fail_shut_down(channel, error);
        }
        ssize_t n = channel->ops->write(channel, iov, MIN(count, IOV_MAX));
        if (n >= 0) {
            return n;
        }
        n = handle_failure(channel, channel->write_fd, POLLOUT, wait, "write", error);
        if (n < 0) {
            return n;
        }
    }
}

ssize_t channel_readv(Channel *channel, const struct iovec *iov, int count, GError **error)
{
    return read_some(channel, iov, count, g_atomic_int_get(&channel->blocking), error);
}

ssize_t channel_writev(Channel *channel, const struct iovec *iov, int count, GError **error)
{
    return write_some(channel, iov, count, g_atomic_int_get(&channel->blocking), error);
}

bool channel_read_all(Channel *channel, void *buffer, size_t size, GError **error)
{
    size_t done = 0;

    while (done < size) {
        struct iovec iov = { (char *)buffer + done, size - done };
        ssize_t n = read_some(channel, &iov, 1, true, error);
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            qc_error_set(error, "%s: the stream ended %zu bytes short of the %zu expected",
                         channel->name, size - done, size);
            return false;
        }
        done += n;
    }
    return true;
}

bool channel_writev_all(Channel *channel, struct iovec *iov, int count, GError **error)
{
    for (;;) {
        while (count > 0 && iov->iov_len == 0) {
            iov++;
            count--;
        }
        if (count == 0) {
            return true;
        }
        ssize_t n = write_some(channel, iov, count, true, error);
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            qc_error_set(error, "%s: takes no more data", channel->name);
            return false;
        }
        for (size_t left = n; left > 0;) {
            size_t part = MIN(left, iov->iov_len);
            iov->iov_base = (char *)iov->iov_base + part;
            iov->iov_len -= part;
            left -= part;
            if (iov->iov_len == 0 && left > 0) {
                iov++;
                count--;
            }
        }
    }
}

bool channel_write_all(Channel *channel, const void *buffer, size_t size, GError **error)
{
    struct iovec iov = { (void *)buffer, size };
    return channel_writev_all(channel, &iov, 1, error);
}

/* ---- properties ---- */

bool channel_set_blocking(Channel *channel, bool blocking, GError **error)
{
    if (channel_is_shut_down(channel)) {
        fail_shut_down(channel, error);
        return false;
    }
    g_atomic_int_set(&channel->blocking, blocking);
    return true;
}

const char *channel_name(Channel *channel)
{
    return channel->name;
}

int channel_fd(Channel *channel)
{
    int fd = g_atomic_int_get(&channel->read_fd);
    return fd >= 0 ? fd : g_atomic_int_get(&channel->write_fd);
}
