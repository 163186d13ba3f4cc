/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* When a device timer that repeats expires next. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Guests may program periods of a few nanoseconds. Expiries closer than this are merged, so
 * that a guest cannot keep the main loop busy for ever.
 */
#define PERIOD_MINIMUM_NS INT64_C(10000)

/* The smallest multiple of @period (at least 1) that is not below PERIOD_MINIMUM_NS. */
static inline int64_t period_merged_ns(int64_t period)
{
    if (period >= PERIOD_MINIMUM_NS) {
        return period;
    }
    return (PERIOD_MINIMUM_NS + period - 1) / period * period;
}

/*
 * The first of @start + k * @period, k >= 1, after @now. All in nanoseconds, @period > 0, and
 * a @period below PERIOD_MINIMUM_NS is merged. Expiries that were missed are skipped.
 */
static inline int64_t period_next_ns(int64_t start, int64_t period, int64_t now)
{
    int64_t step = period_merged_ns(period);
    int64_t done = now > start ? (now - start) / step : 0;
    return start + (done + 1) * step;
}

/*
 * Is @ns, loaded from a stream, a time that sums and differences cannot overflow with? Virtual
 * times are less than 146 years.
 */
static inline bool period_time_is_valid(int64_t ns)
{
    return ns >= 0 && ns <= G_MAXINT64 / 2;
}
