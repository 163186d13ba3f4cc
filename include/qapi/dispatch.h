/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The table of QMP commands that generated code fills and the monitor looks up. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

typedef struct QapiCommand {
    const char *name;
    /*
     * Check @arguments (an object, or NULL for none), run the command.
     * Returns the result (a new reference), or NULL with @error set.
     */
    json_t *(*handler)(json_t *arguments, GError **error);
    bool allow_oob; /* a client may send it with exec-oob: it never waits */
} QapiCommand;

/* All commands of one schema, sorted by name. */
typedef struct QapiCommandTable {
    const QapiCommand *commands;
    size_t count;
} QapiCommandTable;

/* The command called @name, or NULL. */
const QapiCommand *qapi_command_find(const QapiCommandTable *table, const char *name);
