/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The main loop: the default GMainContext, run by the first thread with the BQL held except
 * while it polls. Use GLib sources for anything that waits for a file descriptor.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Prepare the BQL (left held by the caller), the clocks and wake-ups. Main thread, once. */
void main_loop_init(void);
/* Is the caller the thread that runs the main loop? */
bool main_loop_is_own_thread(void);
/*
 * Have the loop look again at what its sources wait for, because that has changed with the BQL
 * held, or at the bottom halves. Costs nothing while it is awake, and waits until the caller has
 * given up the BQL. Any thread.
 */
void main_loop_wake(void);
/* Run until main_loop_quit(). Main thread, BQL held on entry and return. */
void main_loop_run(void);
/* One turn; blocks when @blocking. For tests and for start-up code; never from a handler. */
bool main_loop_iterate(bool blocking);
/* End main_loop_run() with @status as the process's exit status; any thread. */
void main_loop_quit(int status);
int main_loop_exit_status(void);
/* Is the process on its way out? Any thread. */
bool main_loop_quitting(void);

/* Run @function once in the main loop with the BQL held; any thread, keeps order. */
void main_loop_schedule(void (*function)(void *opaque), void *opaque);
/* The same, and wait for it. The caller is not the main thread and does not hold the BQL. */
void main_loop_run_and_wait(void (*function)(void *opaque), void *opaque);
