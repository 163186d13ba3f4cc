/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Waiting for the peer of a socket at start-up or for a command: without the BQL, and until
 * SIGINT, SIGTERM or SIGHUP at the longest.
 */
#pragma once

#include "io/channel.h"

/* As channel_connect(). The BQL is given up meanwhile when the caller has it. */
Channel *char_wait_connect(const ChannelAddress *address, int timeout_ms, GError **error);
/* As channel_listener_accept() without a limit. */
Channel *char_wait_accept(ChannelListener *listener, GError **error);
/* As channel_listen(), which can have a name to look up. */
ChannelListener *char_wait_listen(const ChannelAddress *address, GError **error);
