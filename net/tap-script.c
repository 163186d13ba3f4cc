/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Programs that set up the host's side of a tap. Nobody waits for them with the BQL. */
#include "net/tap-script.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

/* Call g_spawn_sync() without the BQL. */
static bool spawn_and_wait(const char *const *argv, int inherited_fd, int *status, GError **error)
{
    bool had_bql = bql_locked();
    g_autoptr(GError) local = NULL;
    GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN;

    if (had_bql) {
        bql_unlock();
    }
    /* Descriptors of ours are close-on-exec; the one to be inherited is not. */
    flags |= inherited_fd >= 0 ? G_SPAWN_LEAVE_DESCRIPTORS_OPEN : 0;
    bool ok =
        g_spawn_sync(NULL, (char **)argv, NULL, flags, NULL, NULL, NULL, NULL, status, &local);
    if (had_bql) {
        bql_lock();
    }
    if (!ok) {
        qc_error_set(error, "cannot run '%s': %s", argv[0], local->message);
    }
    return ok;
}

static bool check_status(const char *program, int status, GError **error)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    if (WIFEXITED(status)) {
        qc_error_set(error, "'%s' failed with exit status %d", program, WEXITSTATUS(status));
    } else {
        qc_error_set(error, "'%s' was ended by signal %d", program, WTERMSIG(status));
    }
    return false;
}

bool net_script_run(const char *const *argv, GError **error)
{
    g_autofree char *line = g_strjoinv(" ", (char **)argv);
    int status;

    trace_net_script_run(line);
    return spawn_and_wait(argv, -1, &status, error) && check_status(argv[0], status, error);
}

/* The descriptor that came as SCM_RIGHTS over @socket, which has nothing else to say; or -1. */
static int receive_descriptor(int socket)
{
    char byte;
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };

    if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) {
        return -1;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int))) {
        return -1;
    }
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

/* A helper with blanks or options in it is a shell command that gets ours appended. */
static GStrv helper_arguments(const char *helper, const char *bridge, int fd)
{
    g_autofree char *fd_option = g_strdup_printf("--fd=%d", fd);
    g_autofree char *bridge_option = g_strdup_printf("--br=%s", bridge);
    GStrvBuilder *builder = g_strv_builder_new();

    if (strpbrk(helper, " \t")) {
        g_autofree char *quoted = g_shell_quote(bridge_option);
        g_autofree char *command = strstr(helper, "--br=")
                                       ? g_strdup_printf("%s %s", helper, fd_option)
                                       : g_strdup_printf("%s %s %s", helper, fd_option, quoted);
        g_strv_builder_add_many(builder, "/bin/sh", "-c", command, NULL);
    } else {
        g_strv_builder_add_many(builder, helper, "--use-vnet", fd_option, bridge_option, NULL);
    }
    GStrv arguments = g_strv_builder_end(builder);
    g_strv_builder_unref(builder);
    return arguments;
}

int net_bridge_helper_run(const char *helper, const char *bridge, GError **error)
{
    int pair[2];
    int status;
    int fd = -1;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) {
        qc_error_set_errno(error, errno, "bridge helper '%s': cannot make a socket pair", helper);
        return -1;
    }
    g_auto(GStrv) argv = helper_arguments(helper, bridge, pair[1]);
    if (spawn_and_wait((const char *const *)argv, pair[1], &status, error) &&
        check_status(helper, status, error)) {
        fd = receive_descriptor(pair[0]);
        if (fd < 0) {
            qc_error_set(error, "bridge helper '%s' has handed over no descriptor", helper);
        }
    }
    close(pair[0]);
    close(pair[1]);
    return fd;
}
