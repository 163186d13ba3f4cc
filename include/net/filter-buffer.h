/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object `filter-buffer`: holds frames and lets them go at intervals or on demand. */
#pragma once

#include "net/filter.h"

/* Bytes that one filter may hold; what is beyond is dropped. */
#define NET_FILTER_BUFFER_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Let all held frames go on, oldest first. @filter is a filter-buffer. BQL. */
void net_filter_buffer_release(NetFilter *filter);
