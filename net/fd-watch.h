/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A descriptor in the main loop whose interest in reading and writing is switched often. All
 * functions and callbacks: BQL.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct FdWatch FdWatch;

/* @fd is borrowed and must outlive the watch; neither direction is watched at first. */
FdWatch *fd_watch_new(int fd, const char *name, void (*readable)(void *opaque),
                      void (*writable)(void *opaque), void *opaque);
/* Harmless on NULL; also from its own callbacks. */
void fd_watch_free(FdWatch *watch);
void fd_watch_read(FdWatch *watch, bool on);
void fd_watch_write(FdWatch *watch, bool on);
