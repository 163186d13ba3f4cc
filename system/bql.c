/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The big lock. */
#include "system/bql.h"

static GMutex bql;
static _Thread_local bool held;

void bql_lock(void)
{
    g_assert(!held);
    g_mutex_lock(&bql);
    held = true;
}

void bql_unlock(void)
{
    g_assert(held);
    held = false;
    g_mutex_unlock(&bql);
}

bool bql_locked(void)
{
    return held;
}

void bql_wait(GCond *cond)
{
    g_assert(held);
    held = false;
    g_cond_wait(cond, &bql);
    held = true;
}

bool bql_wait_until(GCond *cond, gint64 deadline_us)
{
    g_assert(held);
    held = false;
    bool signalled = g_cond_wait_until(cond, &bql, deadline_us);
    held = true;
    return signalled;
}
