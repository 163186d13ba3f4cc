/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A back end that sends each frame as a datagram. */
#pragma once

#include "io/datagram.h"
#include "net/net.h"

/*
 * @fd (taken over, also on failure) sends to @peer, or where it is connected to. @description is
 * for `info network`. BQL.
 */
NetClient *dgram_client_new(const char *model, const char *id, int fd, const DatagramPeer *peer,
                            const char *description, GError **error);
