/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The gate between a back end's filters and the wire while COLO runs: the only place that decides
 * whether what the filters let through may leave the host, or come in. BQL.
 *
 *   primary, periodic mode    the guest's output waits for the next checkpoint
 *   primary, hybrid mode      open: the comparator decides
 *   secondary                 no output; input only where no filter brings the client's frames,
 *                             since they would come twice otherwise
 *   COLO ended                open: what waited goes out at once
 */
#pragma once

#include "net/filter.h"

/* Bytes of output of one back end that may wait; what is beyond is dropped. */
#define NET_COLO_GATE_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* The gate is open for everything: no need to ask. */
bool net_colo_gate_is_open(void);
/*
 * May @frame, sent by @backend (TX) or for it (RX), pass now? TAKE: it waits or is dropped, as far
 * as the sender is concerned it is sent.
 */
NetVerdict net_colo_gate_ask(NetClient *backend, NetFilterQueue direction, const NetFrame *frame);
/*
 * @backend's frames take a way of their own (the kernel packet path): the gate is open for it while
 * COLO compares, and still holds its output in periodic mode.
 */
void net_colo_gate_exempt(NetClient *backend, bool exempt);
/* @backend goes: drop what waits for it. */
void net_colo_gate_forget(NetClient *backend);
