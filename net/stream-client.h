/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A back end that sends frames over a stream socket, each behind its be32 length. */
#pragma once

#include "io/channel.h"
#include "net/net.h"

/*
 * @address (copied): listen there and serve one peer at a time, or connect to it. A connection
 * that fails or ends is tried again after @reconnect_seconds, 0: not. BQL, given up while a
 * host name is looked up for listening.
 */
NetClient *stream_client_new(const char *model, const char *id, const ChannelAddress *address,
                             bool server, unsigned reconnect_seconds, GError **error);
