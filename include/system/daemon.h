/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* -daemonize and -pidfile. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Go on in a child, before any thread is made. The parent waits until the child calls
 * daemon_detach() and exits with 0, or with 1 when the child ends first.
 */
void daemon_fork(void);
/* The set-up is done: leave the terminal and let the parent go. */
void daemon_detach(void);

/* Write our process id to @path and keep the file locked. Errors: taken by another process. */
bool daemon_write_pid_file(const char *path, GError **error);
/* Remove it again, if there is one. */
void daemon_remove_pid_file(void);
