/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What `-rtc` said. */
#pragma once

#include <stdint.h>

/* What the clock is to show when the machine is made: seconds since 1970 and the nanoseconds in
 * the second. */
void rtc_options_start(int64_t *seconds, uint32_t *nanoseconds);
