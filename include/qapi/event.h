/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The way of events from the code that sends them to the monitors.
 *
 * Generated functions qapi_event_send_<name>() build the event and pass it to the emitter, which
 * the monitor registers. Without an emitter (unit tests, start-up) events are dropped.
 */
#pragma once

#include <jansson.h>

/*
 * Takes one event. @event is the complete object {"event", "data"?, "timestamp"}; it is the
 * emitter's from then on. Called from any thread, with or without locks held: it must not wait.
 */
typedef void QapiEventEmitter(const char *name, json_t *event);

/* Set the emitter, or NULL for none. Call it before other threads exist. */
void qapi_event_set_emitter(QapiEventEmitter *emitter);

/* Used by generated code: emit @name with @data (taken; NULL for none) and the time of now. */
void qapi_event_emit(const char *name, json_t *data);
