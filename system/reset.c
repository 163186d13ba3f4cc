/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The list of things to reset, and of things to do before the process ends. */
#include "system/reset.h"

#include <glib.h>

#include "system/bql.h"
#include "system/cpus.h"
#include "system/exit-notifier.h"
#include "trace-system.h"

typedef struct Handler {
    void (*function)(void *opaque);
    void *opaque;
} Handler;

static GArray *reset_handlers;
static GArray *firmware_handlers;
static GArray *exit_handlers;

static void append(GArray **list, void (*function)(void *), void *opaque)
{
    Handler handler = { function, opaque };

    if (!*list) {
        *list = g_array_new(FALSE, FALSE, sizeof(Handler));
    }
    g_array_append_val(*list, handler);
}

void reset_register(ResetHandler *handler, void *opaque)
{
    append(&reset_handlers, handler, opaque);
}

void reset_register_firmware(ResetHandler *handler, void *opaque)
{
    append(&firmware_handlers, handler, opaque);
}

void reset_unregister(ResetHandler *handler, void *opaque)
{
    for (guint i = 0; reset_handlers && i < reset_handlers->len; i++) {
        Handler *entry = &g_array_index(reset_handlers, Handler, i);
        if (entry->function == handler && entry->opaque == opaque) {
            g_array_remove_index(reset_handlers, i);
            return;
        }
    }
}

static void call_all(GArray *handlers)
{
    for (guint i = 0; handlers && i < handlers->len; i++) {
        Handler *entry = &g_array_index(handlers, Handler, i);
        entry->function(entry->opaque);
    }
}

void reset_all(void)
{
    g_assert(bql_locked() && vcpus_all_stopped());
    trace_reset_all(reset_handlers ? reset_handlers->len : 0);
    call_all(reset_handlers);
    call_all(firmware_handlers);
}

void exit_notifier_add(void (*notify)(void *opaque), void *opaque)
{
    append(&exit_handlers, notify, opaque);
}

void exit_notifiers_run(void)
{
    for (guint i = exit_handlers ? exit_handlers->len : 0; i-- > 0;) {
        Handler *entry = &g_array_index(exit_handlers, Handler, i);
        entry->function(entry->opaque);
    }
}
