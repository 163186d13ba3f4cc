/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* -global: defaults of properties, for devices made later. */
#include <string.h>

#include "hw/core/device.h"
#include "util/report.h"

typedef struct Global {
    char *driver;
    char *property;
    char *value;
} Global;

static GArray *globals;

bool device_global_add(const char *text, GError **error)
{
    const char *equals = strchr(text, '=');
    g_autofree char *left = equals ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
    char *dot = strrchr(left, '.');

    if (!equals || !dot || dot == left || !dot[1]) {
        qc_error_set(error, "expected DRIVER.PROPERTY=VALUE");
        return false;
    }
    Global global = { g_strndup(left, (gsize)(dot - left)), g_strdup(dot + 1),
                      g_strdup(equals + 1) };
    if (!globals) {
        globals = g_array_new(FALSE, FALSE, sizeof(Global));
    }
    g_array_append_val(globals, global);
    return true;
}

bool device_globals_apply(Device *device, GError **error)
{
    for (guint i = 0; globals && i < globals->len; i++) {
        Global *global = &g_array_index(globals, Global, i);
        GType type = object_type_find(global->driver);
        if (!type || !g_type_is_a(G_OBJECT_TYPE(device), type)) {
            continue;
        }
        json_t *value = json_string(global->value);
        bool ok = object_set_json(G_OBJECT(device), global->property, value, error);
        json_decref(value);
        if (!ok) {
            return false;
        }
    }
    return true;
}
