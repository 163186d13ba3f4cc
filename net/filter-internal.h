/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the kinds of filters share among each other; only for net/. */
#pragma once

#include "net/filter.h"

/* Flag of a property that can be set while frames flow; the others only until complete. */
#define NET_FILTER_CHANGEABLE ((GParamFlags)(1 << G_PARAM_USER_SHIFT))

/* The filter's id (the end of its path), or its type's name while it has none. Borrowed. */
const char *net_filter_name(NetFilter *filter);

/* "Parameter '@name' is missing". Returns false. */
bool net_filter_missing(const char *name, GError **error);
