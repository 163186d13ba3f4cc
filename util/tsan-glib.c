/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * GLib's locks for builds with -fsanitize=thread only. GLib makes them of futexes inside a library
 * that is not instrumented, so ThreadSanitizer would not see who waits for whom. These definitions
 * take the place of GLib's for all calls from this program and use POSIX threads, which it knows.
 */
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static void must(int result)
{
    if (result) {
        abort();
    }
}

/* Put @made into the empty *@slot, or give it back with @undo when somebody was faster. */
static gpointer publish(gpointer *slot, gpointer made, int (*undo)(gpointer made))
{
    gpointer present = NULL;

    if (__atomic_compare_exchange_n(slot, &present, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    must(undo(made));
    free(made);
    return present;
}

static int destroy_mutex(gpointer mutex)
{
    return pthread_mutex_destroy(mutex);
}

static int destroy_cond(gpointer cond)
{
    return pthread_cond_destroy(cond);
}

/* Empty *@slot. */
static void clear(gpointer *slot, int (*undo)(gpointer made))
{
    if (*slot) {
        must(undo(*slot));
        free(*slot);
        *slot = NULL;
    }
}

/* ---- GMutex, GRecMutex: the pointer holds a pthread mutex, made at the first use ---- */

static pthread_mutex_t *mutex_of(gpointer *slot, int type)
{
    gpointer native = g_atomic_pointer_get(slot);

    if (!native) {
        pthread_mutex_t *made = malloc(sizeof(*made));
        pthread_mutexattr_t attributes;
        must(pthread_mutexattr_init(&attributes));
        must(pthread_mutexattr_settype(&attributes, type));
        must(pthread_mutex_init(made, &attributes));
        must(pthread_mutexattr_destroy(&attributes));
        native = publish(slot, made, destroy_mutex);
    }
    return native;
}

void g_mutex_init(GMutex *mutex)
{
    mutex->p = NULL;
}

void g_mutex_clear(GMutex *mutex)
{
    clear(&mutex->p, destroy_mutex);
}

void g_mutex_lock(GMutex *mutex)
{
    must(pthread_mutex_lock(mutex_of(&mutex->p, PTHREAD_MUTEX_NORMAL)));
}

gboolean g_mutex_trylock(GMutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(&mutex->p, PTHREAD_MUTEX_NORMAL)) == 0;
}

void g_mutex_unlock(GMutex *mutex)
{
    must(pthread_mutex_unlock(mutex_of(&mutex->p, PTHREAD_MUTEX_NORMAL)));
}

void g_rec_mutex_init(GRecMutex *mutex)
{
    mutex->p = NULL;
}

void g_rec_mutex_clear(GRecMutex *mutex)
{
    clear(&mutex->p, destroy_mutex);
}

void g_rec_mutex_lock(GRecMutex *mutex)
{
    must(pthread_mutex_lock(mutex_of(&mutex->p, PTHREAD_MUTEX_RECURSIVE)));
}

gboolean g_rec_mutex_trylock(GRecMutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(&mutex->p, PTHREAD_MUTEX_RECURSIVE)) == 0;
}

void g_rec_mutex_unlock(GRecMutex *mutex)
{
    must(pthread_mutex_unlock(mutex_of(&mutex->p, PTHREAD_MUTEX_RECURSIVE)));
}

/* ---- GCond, on the monotonic clock as GLib's is ---- */

static pthread_cond_t *cond_of(GCond *cond)
{
    gpointer native = g_atomic_pointer_get(&cond->p);

    if (!native) {
        pthread_cond_t *made = malloc(sizeof(*made));
        pthread_condattr_t attributes;
        must(pthread_condattr_init(&attributes));
        must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
        must(pthread_cond_init(made, &attributes));
        must(pthread_condattr_destroy(&attributes));
        native = publish(&cond->p, made, destroy_cond);
    }
    return native;
}

void g_cond_init(GCond *cond)
{
    cond->p = NULL;
}

void g_cond_clear(GCond *cond)
{
    clear(&cond->p, destroy_cond);
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
    must(pthread_cond_wait(cond_of(cond), mutex_of(&mutex->p, PTHREAD_MUTEX_NORMAL)));
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    struct timespec deadline = { .tv_sec = end_time / G_USEC_PER_SEC,
                                 .tv_nsec = (end_time % G_USEC_PER_SEC) * 1000 };

    return pthread_cond_timedwait(cond_of(cond), mutex_of(&mutex->p, PTHREAD_MUTEX_NORMAL),
                                  &deadline) == 0;
}

void g_cond_signal(GCond *cond)
{
    must(pthread_cond_signal(cond_of(cond)));
}

void g_cond_broadcast(GCond *cond)
{
    must(pthread_cond_broadcast(cond_of(cond)));
}
