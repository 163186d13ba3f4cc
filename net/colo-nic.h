/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The packet path through the host's kernel for a tap (docs/system/colo-nic.md): a script sets it
 * up when COLO starts, and the guests' packets reach the comparator through the kernel's queues.
 * BQL.
 */
#pragma once

#include "net/net.h"

#define COLO_NIC_MAX 64 /* taps with such a path in one process */

typedef struct ColoNic ColoNic;

/*
 * @backend is the tap called @tap; @physical leads to the other host; @script is run as
 * "SCRIPT master|slave install|uninstall PHYSICAL TAP INDEX" (NULL: nothing is run, the path is
 * there already). Errors: no such interface, too many of these.
 */
ColoNic *colo_nic_new(NetClient *backend, const char *tap, const char *physical, const char *script,
                      GError **error);
/* The tap goes; a path that is still set up is undone. */
void colo_nic_free(ColoNic *nic);
