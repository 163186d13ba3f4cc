/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The three clocks and the timers that run on them.
 *
 * Timer callbacks run in the main loop, with the big lock held. All functions may be called
 * from any thread unless they say otherwise.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NANOSECONDS_PER_SECOND      INT64_C(1000000000)
#define NANOSECONDS_PER_MILLISECOND INT64_C(1000000)
#define NANOSECONDS_PER_MICROSECOND INT64_C(1000)

typedef enum ClockType {
    CLOCK_TYPE_REALTIME, /* host monotonic time, never stops */
    CLOCK_TYPE_VIRTUAL,  /* guest time: stands still while the VM is stopped, migrates with it */
    CLOCK_TYPE_HOST,     /* host wall-clock time, nanoseconds since 1970 */
    CLOCK_TYPE_COUNT,
} ClockType;

/* Nanoseconds on @clock. Lock-free. */
int64_t clock_get_ns(ClockType clock);

static inline int64_t clock_get_ms(ClockType clock)
{
    return clock_get_ns(clock) / NANOSECONDS_PER_MILLISECOND;
}

/*
 * Start and stop the virtual clock; each is idempotent. Needs the BQL.
 * The clock begins stopped, at 0.
 */
void virtual_clock_start(void);
void virtual_clock_stop(void);

/* Set the virtual clock (incoming migration). The clock must be stopped. Needs the BQL. */
void virtual_clock_set_ns(int64_t now_ns);

/*
 * Move the virtual clock forward by @duration_ns, at least 0: as if it had run while it was
 * stopped. An external clock is left to its client. The clock must be stopped. Needs the BQL.
 */
void virtual_clock_skip_ns(int64_t duration_ns);

/*
 * Hand the virtual clock to the qtest client: time moves only by virtual_clock_advance_ns().
 * Call once, before the first virtual_clock_start().
 */
void virtual_clock_set_external(void);

/*
 * Move an external virtual clock forward to @target_ns, firing each timer that expires on the
 * way at its own time. Returns the clock afterwards. Needs the BQL; main loop thread only.
 */
int64_t virtual_clock_advance_to_ns(int64_t target_ns);

/* When the next virtual-clock timer expires, or -1 when none is pending. */
int64_t virtual_clock_deadline_ns(void);

typedef struct Timer Timer;
typedef void TimerCallback(void *opaque);

/* A timer that is not pending. Free with timer_free(), never from its own callback. */
Timer *timer_new_ns(ClockType clock, TimerCallback *callback, void *opaque);
void timer_free(Timer *timer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Timer, timer_free)

/* (Re)arm @timer for the absolute time @expire_ns; at or before now means as soon as possible. */
void timer_mod_ns(Timer *timer, int64_t expire_ns);
/* Disarm; harmless when not pending. */
void timer_del(Timer *timer);
bool timer_pending(const Timer *timer);
/* Expiry time in nanoseconds, or -1 when not pending. */
int64_t timer_expire_time_ns(const Timer *timer);

/* Attach the timers to the main loop of @context (the default context when NULL). Call once. */
void timers_init(GMainContext *context);
