/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * File descriptors that were handed to this process: under names (monitor command getfd) and in
 * sets (add-fd, -add-fd), for addresses like fd:NAME and paths like /dev/fdset/ID.
 * Any thread, no lock needed.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Keep @fd (taken) under @name; one that has the name already is closed. */
void named_fd_set(const char *name, int fd);

/* Close the descriptor called @name; the error says that there is none. */
bool named_fd_close(const char *name, GError **error);

/*
 * Give the descriptor that @text names, as a number or by a name: it is the caller's now. A
 * number must be that of an open descriptor. Returns -1 with @error set.
 */
int named_fd_take(const char *text, GError **error);

/* A descriptor of a set. */
typedef struct FdsetEntry {
    int fd;
    char *opaque; /* what add-fd was given, or NULL */
} FdsetEntry;

/*
 * Add @fd (taken) to the set @id, or to a new one with the lowest free number when @id is
 * negative. Returns the set's number.
 */
int64_t fdset_add(int64_t id, int fd, const char *opaque);

/* Close @fd of the set @id, or all of it when @fd is negative. */
bool fdset_remove(int64_t id, int fd, GError **error);

/* Call @visit for every descriptor of every set, in order of the sets' numbers. */
void fdset_foreach(void (*visit)(int64_t id, const FdsetEntry *entry, void *opaque), void *opaque);

/*
 * Duplicate the descriptor of the set @id whose access mode is that of @flags (O_RDONLY,
 * O_WRONLY, O_RDWR), with close-on-exec. Returns -1 with @error set.
 */
int fdset_open(int64_t id, int flags, GError **error);

/*
 * open() with close-on-exec, where "/dev/fdset/ID" stands for fdset_open(). Returns -1 with an
 * error that names @path.
 */
int named_fd_open_path(const char *path, int flags, int mode, GError **error);
