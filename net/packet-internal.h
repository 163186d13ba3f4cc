/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The two halves of the parser: link and network layer call the transport layer. */
#pragma once

#include "net/packet.h"

/* Parse the transport header in [transport_offset, end) of the frame. */
PacketStatus packet_parse_transport(Packet *packet, uint32_t end);
