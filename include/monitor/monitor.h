/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Monitors: QMP and human sessions on character devices. Everything here needs the BQL; commands
 * run in the main loop with the BQL held.
 */
#pragma once

#include "chardev/char.h"
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

typedef struct Monitor Monitor;

typedef enum MonitorMode {
    MONITOR_MODE_READLINE, /* for people */
    MONITOR_MODE_CONTROL,  /* QMP */
} MonitorMode;

/*
 * Start a monitor on @chardev, which must have no other user (a mux may). @pretty: QMP answers
 * are indented. Monitors live until monitor_cleanup().
 */
bool monitor_init(Chardev *chardev, MonitorMode mode, bool pretty, GError **error);

/* -mon: an object of strings with chardev, and optionally mode (readline, control), pretty, id. */
bool monitor_init_from_options(json_t *options, GError **error);

/*
 * -monitor, -qmp, -qmp-pretty: make a character device from its short form (`none` makes no
 * monitor) and start a monitor on it.
 */
bool monitor_init_from_shorthand(const char *text, MonitorMode mode, bool pretty, GError **error);

/* End all sessions; output that the peers take at once still goes out. */
void monitor_cleanup(void);

/* The monitor whose command runs now, or NULL. */
Monitor *monitor_current(void);
