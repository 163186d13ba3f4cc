/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Migration as the start-up code sees it; everything else goes through QMP. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Register RAM, the virtual clock and the run state. After the machine is made; BQL. */
void migration_init(void);

/*
 * `-incoming URI` (tcp:, unix:, fd:, exec:, file: or defer): enter inmigrate and start to
 * listen or read. @autostart: run the VM after loading if it ran at the source (false: -S).
 * A load that fails ends the process with status 1 unless it came by migrate-incoming. BQL.
 */
bool migration_incoming_begin(const char *uri, bool autostart, GError **error);
