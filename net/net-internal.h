/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the files of the network core share. BQL. */
#pragma once

#include "net/net.h"

/* net_backend_create() for ids that are not the user's own, like "hub0port1". */
NetClient *net_backend_create_named(const char *id, json_t *options, GError **error);

/*
 * The strings of a list option (an array, or a single value), borrowed from @options; empty when
 * it is absent.
 */
bool net_option_strings(json_t *options, const char *name, GPtrArray **strings, GError **error);

/* ---- hubs (net/hub.c) ---- */

/* A new port "hubNportM" of hub @number, which is made when there is none. */
NetClient *net_hub_port_new(unsigned number, GError **error);
/* The hub that @client is a port of; false when it is not a port. */
bool net_hub_of_port(const NetClient *client, unsigned *number);
/* Call @visit for each hub in order of number, and each of its ports. */
void net_hub_foreach_port(void (*visit)(unsigned hub, NetClient *port, void *opaque), void *opaque);
