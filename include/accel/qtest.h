/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The qtest server: a test program drives ports, memory, interrupt lines and the virtual clock
 * by lines of text (docs/devel/qtest.md). With `-accel qtest` no guest code runs and time moves
 * only by the client.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Serve the protocol on the chardev that @chardev describes in the short form of `-qtest`
 * (unix:PATH connects to PATH). @log_path: where lines are logged (`-qtest-log`), NULL: no log,
 * "none" too. Main thread, BQL, once, after the machine was made.
 */
bool qtest_server_start(const char *chardev, const char *log_path, GError **error);
