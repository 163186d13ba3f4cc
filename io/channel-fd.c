/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Channels on a plain file descriptor: regular files, pipes, terminals. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel-internal.h"
#include "util/named-fd.h"
#include "util/report.h"

typedef struct FdChannel {
    Channel common;
    int former_flags; /* of fcntl(F_GETFL), to be restored; -1: we did not change them */
} FdChannel;

static ssize_t fd_read(Channel *channel, const struct iovec *iov, int count)
{
    return readv(channel->read_fd, iov, count);
}

static ssize_t fd_write(Channel *channel, const struct iovec *iov, int count)
{
    return writev(channel->write_fd, iov, count);
}

static void fd_close(Channel *channel)
{
    FdChannel *self = (FdChannel *)channel;

    if (self->former_flags >= 0 && fcntl(channel->read_fd, F_SETFL, self->former_flags) < 0) {
        report_warning("%s: cannot restore the descriptor's flags: %s", channel->name,
                       g_strerror(errno));
    }
    close(channel->read_fd);
}

static const ChannelOps fd_ops = { .read = fd_read, .write = fd_write, .close = fd_close };

/* Reads and writes that would block must return, so that poll() can wait for a shutdown, too. */
static int make_nonblocking(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
        return -1;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -1;
    }
    return flags;
}

Channel *channel_new_fd(int fd, const char *name)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) {
        return channel_new_socket(fd, name);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC); /* not for commands that we start */
    FdChannel *self = g_new0(FdChannel, 1);
    channel_init(&self->common, &fd_ops, name, fd, fd);
    self->former_flags = make_nonblocking(fd);
    return &self->common;
}

Channel *channel_new_file(const char *path, int open_flags, int mode, GError **error)
{
    int fd = named_fd_open_path(path, open_flags, mode, error);
    if (fd < 0) {
        return NULL;
    }
    g_autofree char *name = g_strdup_printf("file:%s", path);
    return channel_new_fd(fd, name);
}
