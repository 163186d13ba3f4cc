/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A front end that writes down what happens to it, and waiting with a limit. */
#pragma once

#include "chardev/char.h"
#include "system/main-loop.h"
#include "util/keyval.h"

typedef struct Recorder {
    CharFrontend frontend;
    GMutex lock; /* for handlers that run in another thread */
    GString *input;
    int room; /* what can_receive answers */
    int opened, closed, breaks, focus_in, focus_out;
    GThread *thread; /* where the last handler ran */
} Recorder;

static inline int recorder_can_receive(void *opaque)
{
    return ((Recorder *)opaque)->room;
}

static inline void recorder_receive(void *opaque, const uint8_t *data, int size)
{
    Recorder *recorder = opaque;

    g_assert_cmpint(size, >, 0);
    g_assert_cmpint(size, <=, recorder->room);
    g_mutex_lock(&recorder->lock);
    g_string_append_len(recorder->input, (const char *)data, size);
    recorder->thread = g_thread_self();
    g_mutex_unlock(&recorder->lock);
}

/* How much has come, and which thread has brought it last. */
static inline gsize recorder_length(Recorder *recorder, GThread **thread)
{
    g_mutex_lock(&recorder->lock);
    gsize length = recorder->input->len;
    *thread = recorder->thread;
    g_mutex_unlock(&recorder->lock);
    return length;
}

static inline void recorder_event(void *opaque, CharEvent event)
{
    Recorder *recorder = opaque;
    int *const counters[] = {
        [CHAR_EVENT_OPENED] = &recorder->opened,       [CHAR_EVENT_CLOSED] = &recorder->closed,
        [CHAR_EVENT_BREAK] = &recorder->breaks,        [CHAR_EVENT_FOCUS_IN] = &recorder->focus_in,
        [CHAR_EVENT_FOCUS_OUT] = &recorder->focus_out,
    };
    g_atomic_int_inc(counters[event]);
}

static inline void recorder_start_in(Recorder *recorder, Chardev *chardev, GMainContext *context)
{
    g_autoptr(GError) error = NULL;

    *recorder = (Recorder){ .input = g_string_new(NULL), .room = 1 << 20 };
    char_frontend_init(&recorder->frontend, chardev, &error);
    g_assert_no_error(error);
    char_frontend_set_handlers(&recorder->frontend, recorder_can_receive, recorder_receive,
                               recorder_event, recorder, context);
}

static inline void recorder_start(Recorder *recorder, Chardev *chardev)
{
    recorder_start_in(recorder, chardev, NULL);
}

static inline void recorder_stop(Recorder *recorder)
{
    char_frontend_deinit(&recorder->frontend);
    g_string_free(g_steal_pointer(&recorder->input), TRUE);
    g_mutex_clear(&recorder->lock);
}

static inline gboolean wake_up(gpointer opaque)
{
    return G_SOURCE_CONTINUE;
}

/* Run the main loop until @condition; fails after some seconds. */
#define run_until(condition)                                            \
    do {                                                                \
        guint timer_ = g_timeout_add(10, wake_up, NULL);                \
        gint64 end_ = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND; \
        while (!(condition) && g_get_monotonic_time() < end_) {         \
            main_loop_iterate(true);                                    \
        }                                                               \
        g_source_remove(timer_);                                        \
        g_assert_true(condition);                                       \
    } while (0)

/* Run the main loop for a moment, for things that must not happen. */
static inline void run_for_ms(int ms)
{
    guint timer = g_timeout_add(10, wake_up, NULL);
    gint64 end = g_get_monotonic_time() + ms * 1000;

    while (g_get_monotonic_time() < end) {
        main_loop_iterate(true);
    }
    g_source_remove(timer);
}

/* What `-chardev TEXT` does. */
static inline Chardev *new_chardev(const char *text, GError **error)
{
    json_t *options = keyval_parse(text, "backend", error);

    if (!options) {
        return NULL;
    }
    Chardev *chardev = chardev_new_from_options(options, error);
    json_decref(options);
    return chardev;
}

static inline Chardev *must_new_chardev(const char *text)
{
    g_autoptr(GError) error = NULL;
    Chardev *chardev = new_chardev(text, &error);

    g_assert_no_error(error);
    g_assert_nonnull(chardev);
    return chardev;
}

static inline void must_remove(const char *id)
{
    g_autoptr(GError) error = NULL;

    chardev_remove(id, &error);
    g_assert_no_error(error);
    g_assert_null(chardev_find(id));
}
