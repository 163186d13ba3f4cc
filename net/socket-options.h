/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Addresses of sockets in -netdev options. */
#pragma once

#include <jansson.h>

#include "io/channel.h"

/*
 * The address in the object @name of @options ({"type": "inet"|"unix"|"fd", ...}); NULL with an
 * error that names what is missing, unknown or wrong. *@present (may be NULL, then it must be
 * there): whether there is one.
 */
ChannelAddress *net_option_address(json_t *options, const char *name, bool *present,
                                   GError **error);
