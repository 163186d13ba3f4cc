/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Channels to a shell command, over pipes to its standard input and from its standard output. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel-internal.h"
#include "trace-io.h"
#include "util/report.h"

typedef struct CommandChannel {
    Channel common;
    pid_t pid; /* leader of a process group of its own */
} CommandChannel;

static ssize_t command_read(Channel *channel, const struct iovec *iov, int count)
{
    if (channel->read_fd < 0) {
        errno = EBADF;
        return -1;
    }
    return readv(channel->read_fd, iov, count);
}

static ssize_t command_write(Channel *channel, const struct iovec *iov, int count)
{
    if (channel->write_fd < 0) {
        errno = EBADF;
        return -1;
    }
    return writev(channel->write_fd, iov, count);
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* Nobody waits for a command to end, but its process must be collected. */
static gpointer reap(gpointer opaque)
{
    pid_t pid = GPOINTER_TO_INT(opaque);
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return NULL;
        }
    }
    trace_channel_command_end(pid, status);
    return NULL;
}

static void command_close(Channel *channel)
{
    CommandChannel *self = (CommandChannel *)channel;

    if (channel_is_shut_down(channel)) {
        kill(-self->pid, SIGTERM);
    }
    close_if_open(channel->read_fd);
    close_if_open(channel->write_fd);
    g_thread_unref(g_thread_new("io-reap", reap, GINT_TO_POINTER(self->pid)));
}

static const ChannelOps command_ops = {
    .read = command_read,
    .write = command_write,
    .close = command_close,
};

/* Start the shell with @input and @output; 0 or an errno value. */
static int spawn_shell(const char *command, int input, int output, pid_t *pid)
{
    char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all, none;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETPGROUP);
    int errnum = posix_spawn(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return errnum;
}

/* The command's end of a direction that nobody uses. */
static int open_null(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

Channel *channel_new_command(const char *command, bool readable, bool writable, GError **error)
{
    int from[2] = { -1, -1 }, to[2] = { -1, -1 };
    CommandChannel *self = NULL;
    int errnum = 0;
    pid_t pid = -1;

    if ((readable ? pipe2(from, O_CLOEXEC) : (from[1] = open_null())) < 0 ||
        (writable ? pipe2(to, O_CLOEXEC) : (to[0] = open_null())) < 0) {
        errnum = errno;
    } else {
        errnum = spawn_shell(command, to[0], from[1], &pid);
    }
    close_if_open(to[0]);
    close_if_open(from[1]);
    if (errnum) {
        close_if_open(to[1]);
        close_if_open(from[0]);
        qc_error_set_errno(error, errnum, "Cannot start the command '%s'", command);
        return NULL;
    }
    trace_channel_command_start(command, pid);
    if (readable) {
        g_unix_set_fd_nonblocking(from[0], true, NULL);
    }
    if (writable) {
        g_unix_set_fd_nonblocking(to[1], true, NULL);
    }
    g_autofree char *name = g_strdup_printf("exec:%s", command);
    self = g_new0(CommandChannel, 1);
    channel_init(&self->common, &command_ops, name, from[0], to[1]);
    self->pid = pid;
    return &self->common;
}
