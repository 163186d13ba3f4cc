/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Going to the background, and the file with the process id. */
#include "system/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/report.h"

static int ready_pipe = -1;
static char *pid_file_path;
static int pid_file_fd = -1;

/* The parent: exit as the child's set-up ends. */
static void G_GNUC_NORETURN wait_for_child(int fd)
{
    char byte;
    ssize_t got;

    do {
        got = read(fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    _exit(got == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

void daemon_fork(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        report_error("-daemonize: cannot make a pipe: %s", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    pid_t child = fork();
    if (child < 0) {
        report_error("-daemonize: cannot fork: %s", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    if (child > 0) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    ready_pipe = fds[1];
    setsid();
}

void daemon_detach(void)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char byte = 0;

    if (null_fd < 0 || chdir("/") < 0) {
        report_error("-daemonize: cannot leave the terminal: %s", g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        dup2(null_fd, fd);
    }
    close(null_fd);
    if (write(ready_pipe, &byte, 1) != 1) {
        /* The parent is gone; nobody is left to tell. */
        errno = 0;
    }
    close(ready_pipe);
}

bool daemon_write_pid_file(const char *path, GError **error)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0) {
        qc_error_set_errno(error, errno, "cannot open pid file '%s'", path);
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        qc_error_set_errno(error, errno, "cannot lock pid file '%s'", path);
        close(fd);
        return false;
    }
    if (ftruncate(fd, 0) < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        qc_error_set_errno(error, errno, "cannot write pid file '%s'", path);
        close(fd);
        return false;
    }
    pid_file_fd = fd;
    pid_file_path = g_canonicalize_filename(path, NULL);
    return true;
}

void daemon_remove_pid_file(void)
{
    if (pid_file_fd >= 0) {
        unlink(pid_file_path);
        close(pid_file_fd);
        pid_file_fd = -1;
    }
    g_clear_pointer(&pid_file_path, g_free);
}
