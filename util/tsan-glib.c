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

/* ---- GMutex: its pointer holds a pthread mutex, made at the first use ---- */

static pthread_mutex_t *mutex_of(GMutex *mutex)
{
    pthread_mutex_t *native = g_atomic_pointer_get(&mutex->p);

    if (!native) {
        pthread_mutex_t *made = malloc(sizeof(*made));
        must(pthread_mutex_init(made, NULL));
        native = NULL;
        if (__atomic_compare_exchange_n((pthread_mutex_t **)&mutex->p, &native, made, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            native = made;
        } else {
            must(pthread_mutex_destroy(made));
            free(made);
        }
    }
    return native;
}

void g_mutex_init(GMutex *mutex)
{
    mutex->p = NULL;
}

void g_mutex_clear(GMutex *mutex)
{
    if (mutex->p) {
        must(pthread_mutex_destroy(mutex->p));
        free(mutex->p);
        mutex->p = NULL;
    }
}

void g_mutex_lock(GMutex *mutex)
{
    must(pthread_mutex_lock(mutex_of(mutex)));
}

gboolean g_mutex_trylock(GMutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(mutex)) == 0;
}

void g_mutex_unlock(GMutex *mutex)
{
    must(pthread_mutex_unlock(mutex_of(mutex)));
}

/* ---- GRecMutex ---- */

static pthread_mutex_t *rec_mutex_of(GRecMutex *mutex)
{
    pthread_mutex_t *native = g_atomic_pointer_get(&mutex->p);

    if (!native) {
        pthread_mutex_t *made = malloc(sizeof(*made));
        pthread_mutexattr_t attributes;
        must(pthread_mutexattr_init(&attributes));
        must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE));
        must(pthread_mutex_init(made, &attributes));
        must(pthread_mutexattr_destroy(&attributes));
        if (__atomic_compare_exchange_n((pthread_mutex_t **)&mutex->p, &native, made, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            native = made;
        } else {
            must(pthread_mutex_destroy(made));
            free(made);
        }
    }
    return native;
}

void g_rec_mutex_init(GRecMutex *mutex)
{
    mutex->p = NULL;
}

void g_rec_mutex_clear(GRecMutex *mutex)
{
    if (mutex->p) {
        must(pthread_mutex_destroy(mutex->p));
        free(mutex->p);
        mutex->p = NULL;
    }
}

void g_rec_mutex_lock(GRecMutex *mutex)
{
    must(pthread_mutex_lock(rec_mutex_of(mutex)));
}

gboolean g_rec_mutex_trylock(GRecMutex *mutex)
{
    return pthread_mutex_trylock(rec_mutex_of(mutex)) == 0;
}

void g_rec_mutex_unlock(GRecMutex *mutex)
{
    must(pthread_mutex_unlock(rec_mutex_of(mutex)));
}

/* ---- GCond, on the monotonic clock as GLib's is ---- */

static pthread_cond_t *cond_of(GCond *cond)
{
    pthread_cond_t *native = g_atomic_pointer_get(&cond->p);

    if (!native) {
        pthread_cond_t *made = malloc(sizeof(*made));
        pthread_condattr_t attributes;
        must(pthread_condattr_init(&attributes));
        must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
        must(pthread_cond_init(made, &attributes));
        must(pthread_condattr_destroy(&attributes));
        if (__atomic_compare_exchange_n((pthread_cond_t **)&cond->p, &native, made, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            native = made;
        } else {
            must(pthread_cond_destroy(made));
            free(made);
        }
    }
    return native;
}

void g_cond_init(GCond *cond)
{
    cond->p = NULL;
}

void g_cond_clear(GCond *cond)
{
    if (cond->p) {
        must(pthread_cond_destroy(cond->p));
        free(cond->p);
        cond->p = NULL;
    }
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
    must(pthread_cond_wait(cond_of(cond), mutex_of(mutex)));
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    struct timespec deadline = { .tv_sec = end_time / G_USEC_PER_SEC,
                                 .tv_nsec = (end_time % G_USEC_PER_SEC) * 1000 };

    return pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &deadline) == 0;
}

void g_cond_signal(GCond *cond)
{
    must(pthread_cond_signal(cond_of(cond)));
}

void g_cond_broadcast(GCond *cond)
{
    must(pthread_cond_broadcast(cond_of(cond)));
}
