/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object `iothread`: a thread with an event loop of its own, for parts that work without the
 * BQL. Its sources run on that thread and must not take the BQL while the BQL's owner may wait
 * for them.
 */
#pragma once

#include "system/object.h"

#define TYPE_IOTHREAD (iothread_get_type()) /* user-visible "iothread" */
#define IOTHREAD(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_IOTHREAD, IOThread))

typedef struct IOThread IOThread;
GType iothread_get_type(void);

/* The context of its loop; lives as long as the object. */
GMainContext *iothread_context(IOThread *iothread);
int iothread_thread_id(IOThread *iothread);
/*
 * Run @function on the thread and wait for it. Not from the thread itself. @function does not
 * take the BQL, so this is safe to call with it.
 */
void iothread_run_and_wait(IOThread *iothread, void (*function)(void *opaque), void *opaque);

/* A thread that is not in the tree of objects; unref it to end it. */
IOThread *iothread_new(GError **error);
/* As long as somebody uses it, object-del refuses to remove it. BQL. */
void iothread_use(IOThread *iothread);
void iothread_unuse(IOThread *iothread);
