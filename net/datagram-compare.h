/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Everything but TCP: messages that are equal as a whole, in any order within a connection. */
#pragma once

#include "net/held-frame.h"

/*
 * Do both say the same? UDP and ICMP: the payload; other protocols over IP: what is behind the IP
 * header; ARP, other ethertypes and frames that the parser refused (kind PACKET_OTHER, no IP
 * version): the whole frame. Direction and kind must agree. @partial: one of them may have left the
 * checksum of an ICMP message to be computed, so that it says nothing.
 */
bool datagram_equal(const Packet *a, const Packet *b, bool partial);

/* The first frame of @queue that says the same as @packet with @header, or NULL. */
HeldFrame *datagram_find(const FrameQueue *queue, const Packet *packet, const VnetHeader *header);
