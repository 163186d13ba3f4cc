/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What rewriters do, as a part of the state of the virtual machine: a guest whose connections are
 * translated needs that wherever it goes. Belongs to the guest, not to a device: a destination
 * without a rewriter takes it with a warning.
 */
#pragma once

#include <glib.h>

#include "migration/vmstate.h"

/* Wire type of a field GHashTable *: id of a netdev (string) -> GArray of TcpTranslation. */
extern const VMStateType vmstate_type_tcp_translations;

/* An empty table of that kind, which owns its keys and values. */
GHashTable *rewriter_state_new(void);
