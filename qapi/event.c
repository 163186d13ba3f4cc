/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Hands events to the emitter; finds commands in their table. */
#include "qapi/event.h"
#include "qapi/dispatch.h"

static QapiEventEmitter *event_emitter;

void qapi_event_set_emitter(QapiEventEmitter *emitter)
{
    __atomic_store_n(&event_emitter, emitter, __ATOMIC_RELEASE);
}

void qapi_event_emit(const char *name, json_t *data)
{
    QapiEventEmitter *emitter = __atomic_load_n(&event_emitter, __ATOMIC_ACQUIRE);
    gint64 now = g_get_real_time(); /* microseconds */
    json_t *event;

    if (!emitter) {
        json_decref(data);
        return;
    }
    event = json_pack("{s:{s:I, s:I}, s:s}", "timestamp", "seconds", (json_int_t)(now / 1000000),
                      "microseconds", (json_int_t)(now % 1000000), "event", name);
    if (data) {
        json_object_set_new(event, "data", data);
    }
    emitter(name, event);
}

static int compare_command(const void *name, const void *command)
{
    return strcmp(name, ((const QapiCommand *)command)->name);
}

const QapiCommand *qapi_command_find(const QapiCommandTable *table, const char *name)
{
    if (!table->count) {
        return NULL;
    }
    return bsearch(name, table->commands, table->count, sizeof(*table->commands), compare_command);
}
