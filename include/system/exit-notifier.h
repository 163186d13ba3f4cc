/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Things to do on the way out of the process. */
#pragma once

/*
 * Call @notify once when the process ends in an orderly way: BQL held, vCPUs still there. Last
 * added, first called. Must not wait for a peer.
 */
void exit_notifier_add(void (*notify)(void *opaque), void *opaque);

/* Call them; system/main.c does. */
void exit_notifiers_run(void);
