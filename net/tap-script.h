/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Programs that set up the host's side of a tap: scripts and bridge helpers. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Run @argv (NULL-terminated) and wait for it, giving up the BQL meanwhile when it is held. False
 * when it cannot be started or its status is not 0; the error names the program.
 */
bool net_script_run(const char *const *argv, GError **error);

/*
 * Run @helper, a path or a shell command, which opens a tap on @bridge and hands it over through
 * the socket whose number it gets as --fd. Returns the tap's descriptor, or -1. BQL as above.
 */
int net_bridge_helper_run(const char *helper, const char *bridge, GError **error);
