/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The parts of the qtest server among themselves: server.c (lines) and commands.c. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* ---- accel.c ---- */

/* Is the virtual clock moved by the client (accelerator `qtest`)? */
bool qtest_drives_clock(void);

/* ---- server.c ---- */

/* Send one line to the client; the newline is added. Main thread, BQL. */
void qtest_send(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* ---- commands.c ---- */

/* Carry out one line of the client, and answer it. @line is taken apart. Main thread, BQL. */
void qtest_execute(char *line);
/* The client has gone: report no more lines to it. */
void qtest_forget_client(void);
