/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Things to be put into power-on state when the machine is reset. Need the BQL. */
#pragma once

typedef void ResetHandler(void *opaque);

/* Called in order of registration. Devices are registered by device_realize(). */
void reset_register(ResetHandler *handler, void *opaque);
/* Called behind all of those: what firmware does with a machine that has just been reset. */
void reset_register_firmware(ResetHandler *handler, void *opaque);
void reset_unregister(ResetHandler *handler, void *opaque);
/* Run all handlers. vCPUs are stopped. Use runstate_request_reset() to reset a running VM. */
void reset_all(void);
