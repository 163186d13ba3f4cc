/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Clocks and timers. Each clock has a queue sorted by expiry time; a timerfd in the main loop
 * wakes it for the earliest one. The virtual clock is host time plus an offset while it runs;
 * a sequence counter lets vCPUs read it without a lock.
 */
#include "util/timer.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "util/event-source.h"
#include "util/report.h"

struct Timer {
    ClockType clock;
    TimerCallback *callback;
    void *opaque;
    gint64 expire_ns; /* -1: not pending; atomic, written under the queue's lock */
    unsigned turn;    /* the queue's turn in which it was armed; under the queue's lock */
    Timer *next;
};

typedef struct TimerQueue {
    GMutex lock;
    Timer *head;
    int fd;
    unsigned turn;    /* counts up whenever the loop fires what is due; under `lock` */
    bool firing;      /* the loop will set the timerfd when it is done with that; under `lock` */
    int64_t armed_ns; /* expiry that the timerfd is set to, -1: none; under `lock` */
} TimerQueue;

static TimerQueue queues[CLOCK_TYPE_COUNT] = {
    { .fd = -1, .armed_ns = -1 },
    { .fd = -1, .armed_ns = -1 },
    { .fd = -1, .armed_ns = -1 },
};

static struct {
    guint sequence; /* odd while being changed */
    gint running;
    gint64 offset_ns; /* running: virtual = monotonic + offset; stopped: virtual = offset */
    gint external;    /* moved by the qtest client */
} virtual_clock;

static int64_t host_clock_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

static int64_t virtual_clock_ns(void)
{
    for (;;) {
        guint before = __atomic_load_n(&virtual_clock.sequence, __ATOMIC_ACQUIRE);
        /* Acquire: the second look at the sequence stays behind these. */
        bool running = __atomic_load_n(&virtual_clock.running, __ATOMIC_ACQUIRE);
        int64_t now = __atomic_load_n(&virtual_clock.offset_ns, __ATOMIC_ACQUIRE);
        if (running) {
            now += host_clock_ns(CLOCK_MONOTONIC);
        }
        if (!(before & 1) && before == __atomic_load_n(&virtual_clock.sequence, __ATOMIC_RELAXED)) {
            return now;
        }
    }
}

int64_t clock_get_ns(ClockType clock)
{
    switch (clock) {
    case CLOCK_TYPE_REALTIME:
        return host_clock_ns(CLOCK_MONOTONIC);
    case CLOCK_TYPE_HOST:
        return host_clock_ns(CLOCK_REALTIME);
    case CLOCK_TYPE_VIRTUAL:
    default:
        return virtual_clock_ns();
    }
}

/* Writers hold the BQL, so there is one at a time. */
static void virtual_clock_write(bool running, int64_t offset_ns)
{
    __atomic_add_fetch(&virtual_clock.sequence, 1, __ATOMIC_ACQ_REL);
    /* Release: whoever sees these sees the odd sequence. No fences, which -fsanitize=thread does
     * not know. */
    __atomic_store_n(&virtual_clock.running, running, __ATOMIC_RELEASE);
    __atomic_store_n(&virtual_clock.offset_ns, offset_ns, __ATOMIC_RELEASE);
    __atomic_add_fetch(&virtual_clock.sequence, 1, __ATOMIC_RELEASE);
}

/* Is the clock of that queue advancing by itself? */
static bool clock_is_ticking(ClockType clock)
{
    return clock != CLOCK_TYPE_VIRTUAL || __atomic_load_n(&virtual_clock.running, __ATOMIC_RELAXED);
}

/* Make @fd readable @delay_ns from now; 0 disarms it. */
static void set_timerfd(int fd, int64_t delay_ns)
{
    struct itimerspec when = {
        .it_value = { .tv_sec = delay_ns / NANOSECONDS_PER_SECOND,
                      .tv_nsec = delay_ns % NANOSECONDS_PER_SECOND },
    };
    int result = timerfd_settime(fd, 0, &when, NULL);

    g_assert(result == 0);
}

/* Set the timerfd to the head of the queue. Called with the queue's lock held. */
static void queue_arm(ClockType clock)
{
    TimerQueue *queue = &queues[clock];

    if (queue->fd < 0 || queue->firing) {
        return;
    }
    if (!queue->head || !clock_is_ticking(clock)) {
        if (queue->armed_ns != -1) {
            set_timerfd(queue->fd, 0);
            queue->armed_ns = -1;
        }
        return;
    }
    int64_t left = queue->head->expire_ns - clock_get_ns(clock);
    set_timerfd(queue->fd, MAX(left, 1));
    queue->armed_ns = queue->head->expire_ns;
}

static void queue_rearm(ClockType clock)
{
    g_mutex_lock(&queues[clock].lock);
    queues[clock].firing = false;
    queues[clock].armed_ns = 0;
    queue_arm(clock);
    g_mutex_unlock(&queues[clock].lock);
}

void virtual_clock_start(void)
{
    if (virtual_clock.running || virtual_clock.external) {
        return;
    }
    virtual_clock_write(true, virtual_clock.offset_ns - host_clock_ns(CLOCK_MONOTONIC));
    queue_rearm(CLOCK_TYPE_VIRTUAL);
}

void virtual_clock_stop(void)
{
    if (!virtual_clock.running) {
        return;
    }
    virtual_clock_write(false, virtual_clock_ns());
    queue_rearm(CLOCK_TYPE_VIRTUAL);
}

void virtual_clock_set_ns(int64_t now_ns)
{
    g_assert(!virtual_clock.running);
    virtual_clock_write(false, now_ns);
}

void virtual_clock_skip_ns(int64_t duration_ns)
{
    g_assert(!virtual_clock.running);
    if (!virtual_clock.external) {
        virtual_clock_write(false, virtual_clock_ns() + duration_ns);
    }
}

void virtual_clock_set_external(void)
{
    g_assert(!virtual_clock.running);
    virtual_clock.external = true;
}

Timer *timer_new_ns(ClockType clock, TimerCallback *callback, void *opaque)
{
    Timer *timer = g_new0(Timer, 1);

    timer->clock = clock;
    timer->callback = callback;
    timer->opaque = opaque;
    timer->expire_ns = -1;
    return timer;
}

void timer_free(Timer *timer)
{
    if (timer) {
        timer_del(timer);
        g_free(timer);
    }
}

/* Called with the queue's lock held. */
static void queue_remove(TimerQueue *queue, Timer *timer)
{
    for (Timer **link = &queue->head; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            timer->next = NULL;
            break;
        }
    }
    __atomic_store_n(&timer->expire_ns, -1, __ATOMIC_RELEASE);
}

static void queue_insert(TimerQueue *queue, Timer *timer, int64_t expire_ns)
{
    Timer **link = &queue->head;

    while (*link && (*link)->expire_ns <= expire_ns) {
        link = &(*link)->next;
    }
    __atomic_store_n(&timer->expire_ns, expire_ns, __ATOMIC_RELEASE);
    timer->turn = queue->turn;
    timer->next = *link;
    *link = timer;
}

void timer_mod_ns(Timer *timer, int64_t expire_ns)
{
    TimerQueue *queue = &queues[timer->clock];

    g_mutex_lock(&queue->lock);
    if (timer->expire_ns != -1) {
        queue_remove(queue, timer);
    }
    queue_insert(queue, timer, MAX(expire_ns, 0));
    if (queue->head->expire_ns != queue->armed_ns) {
        queue_arm(timer->clock);
    }
    g_mutex_unlock(&queue->lock);
}

void timer_del(Timer *timer)
{
    TimerQueue *queue = &queues[timer->clock];

    g_mutex_lock(&queue->lock);
    if (timer->expire_ns != -1) {
        queue_remove(queue, timer);
    }
    g_mutex_unlock(&queue->lock);
}

int64_t timer_expire_time_ns(const Timer *timer)
{
    return __atomic_load_n(&timer->expire_ns, __ATOMIC_ACQUIRE);
}

bool timer_pending(const Timer *timer)
{
    return timer_expire_time_ns(timer) != -1;
}

int64_t virtual_clock_deadline_ns(void)
{
    TimerQueue *queue = &queues[CLOCK_TYPE_VIRTUAL];

    g_mutex_lock(&queue->lock);
    int64_t deadline = queue->head ? queue->head->expire_ns : -1;
    g_mutex_unlock(&queue->lock);
    return deadline;
}

/* Begin a turn: what is armed from now on was armed in it. */
static void queue_begin_turn(TimerQueue *queue, bool in_loop)
{
    g_mutex_lock(&queue->lock);
    queue->turn++;
    queue->firing = in_loop;
    g_mutex_unlock(&queue->lock);
}

/* Take the first timer that is due and was armed before this turn off the queue. */
static Timer *queue_pop_expired(TimerQueue *queue, int64_t now_ns)
{
    g_mutex_lock(&queue->lock);
    Timer *timer = queue->head;
    while (timer && timer->expire_ns <= now_ns && timer->turn == queue->turn) {
        timer = timer->next;
    }
    if (timer && timer->expire_ns <= now_ns) {
        queue_remove(queue, timer);
    } else {
        timer = NULL;
    }
    g_mutex_unlock(&queue->lock);
    return timer;
}

/* Fire what was due when we began; timers that are re-armed for now wait for the next turn. */
static void queue_run(ClockType clock)
{
    TimerQueue *queue = &queues[clock];
    int64_t now = clock_get_ns(clock);
    Timer *timer;

    queue_begin_turn(queue, true);
    while (clock_is_ticking(clock) && (timer = queue_pop_expired(queue, now))) {
        timer->callback(timer->opaque);
    }
    queue_rearm(clock);
}

int64_t virtual_clock_advance_to_ns(int64_t target_ns)
{
    TimerQueue *queue = &queues[CLOCK_TYPE_VIRTUAL];
    int64_t deadline;

    while ((deadline = virtual_clock_deadline_ns()) != -1 && deadline <= target_ns) {
        virtual_clock_write(false, MAX(virtual_clock.offset_ns, deadline));
        queue_begin_turn(queue, false);
        Timer *timer = queue_pop_expired(queue, virtual_clock.offset_ns);
        if (timer) {
            timer->callback(timer->opaque);
        }
    }
    virtual_clock_write(false, MAX(virtual_clock.offset_ns, target_ns));
    return virtual_clock.offset_ns;
}

typedef struct TimerSource {
    GSource source;
    ClockType clock;
    gpointer tag;
} TimerSource;

static gboolean timer_source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    TimerSource *timers = (TimerSource *)source;
    uint64_t expirations;

    if (g_source_query_unix_fd(source, timers->tag)) {
        ssize_t got = read(queues[timers->clock].fd, &expirations, sizeof(expirations));
        if (got < 0 && errno != EAGAIN) {
            report_error("timerfd of clock %d: %s", timers->clock, g_strerror(errno));
        }
        queue_run(timers->clock);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_source_functions = { .dispatch = timer_source_dispatch };

void timers_init(GMainContext *context)
{
    for (int clock = 0; clock < CLOCK_TYPE_COUNT; clock++) {
        clockid_t id = clock == CLOCK_TYPE_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC;
        queues[clock].fd = timerfd_create(id, TFD_NONBLOCK | TFD_CLOEXEC);
        g_assert(queues[clock].fd >= 0);

        GSource *source = g_source_new(&timer_source_functions, sizeof(TimerSource));
        TimerSource *timers = (TimerSource *)source;
        timers->clock = clock;
        timers->tag = g_source_add_unix_fd(source, queues[clock].fd, G_IO_IN);
        g_source_set_priority(source, G_PRIORITY_HIGH);
        event_source_never_nested(source);
        g_source_attach(source, context);
        g_source_unref(source);
        queue_rearm(clock);
    }
}
