/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Faults at chosen steps of a checkpoint, for tests. Only in builds configured with
 * --enable-fault-injection; elsewhere colo_fault_point() is nothing.
 *
 * The environment variable QEMU_COLO_FAULT holds POINT[@N]=ACTION: at the N-th time (default 1)
 * that POINT is passed, do ACTION:
 *   kill        SIGKILL to this process
 *   stop        SIGSTOP to this process
 *   close       shut the migration channel down
 *   stall:MS    sleep that many milliseconds
 *   fail        report an error as if the step had failed
 */
#pragma once

#include "config-host.h"
#include "io/channel.h"

#ifdef CONFIG_FAULT_INJECTION
/* Pass the step @point. False with an error when the fault is `fail`. Not with the BQL. */
bool colo_fault_point(const char *point, Channel *channel, GError **error);
#else
static inline bool colo_fault_point(const char *point, Channel *channel, GError **error)
{
    return true;
}
#endif
