/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Options -mon, -monitor, -qmp and -qmp-pretty. */
#include "monitor/monitor.h"
#include "util/report.h"
#include <string.h>

static const char *option(json_t *options, const char *key)
{
    return json_string_value(json_object_get(options, key));
}

static bool check_keys(json_t *options, GError **error)
{
    static const char *const known[] = { "chardev", "id", "mode", "pretty", NULL };
    const char *key;
    json_t *value;

    json_object_foreach(options, key, value)
    {
        if (!g_strv_contains(known, key)) {
            qc_error_set(error,
                         "-mon: unknown parameter '%s'; expected chardev, id, mode or pretty", key);
            return false;
        }
        if (!json_is_string(value)) {
            qc_error_set(error, "-mon: parameter '%s' must be a string", key);
            return false;
        }
    }
    return true;
}

static bool parse_mode(const char *text, MonitorMode *mode, GError **error)
{
    if (!text || !strcmp(text, "readline")) {
        *mode = MONITOR_MODE_READLINE;
        return true;
    }
    if (!strcmp(text, "control")) {
        *mode = MONITOR_MODE_CONTROL;
        return true;
    }
    qc_error_set(error, "-mon: unknown mode '%s'; expected readline or control", text);
    return false;
}

static bool parse_pretty(const char *text, MonitorMode mode, bool *pretty, GError **error)
{
    *pretty = text && !strcmp(text, "on");
    if (text && !*pretty && strcmp(text, "off") != 0) {
        qc_error_set(error, "-mon: pretty=%s: expected on or off", text);
        return false;
    }
    if (*pretty && mode == MONITOR_MODE_READLINE) {
        qc_error_set(error, "-mon: pretty=on goes with mode=control only");
        return false;
    }
    return true;
}

bool monitor_init_from_options(json_t *options, GError **error)
{
    const char *id;
    MonitorMode mode;
    bool pretty;
    Chardev *chardev;

    if (!check_keys(options, error) || !parse_mode(option(options, "mode"), &mode, error) ||
        !parse_pretty(option(options, "pretty"), mode, &pretty, error)) {
        return false;
    }
    id = option(options, "chardev");
    if (!id) {
        qc_error_set(error, "-mon: chardev is required");
        return false;
    }
    chardev = chardev_find(id);
    if (!chardev) {
        qc_error_set(error, "-mon: chardev '%s' not found", id);
        return false;
    }
    return monitor_init(chardev, mode, pretty, error);
}

bool monitor_init_from_shorthand(const char *text, MonitorMode mode, bool pretty, GError **error)
{
    static unsigned count;
    g_autofree char *id = NULL;
    Chardev *chardev;

    if (!strcmp(text, "none")) {
        return true;
    }
    id = g_strdup_printf("compat_monitor%u", count++);
    chardev = chardev_new_from_shorthand(id, text, error);
    return chardev && monitor_init(chardev, mode, pretty, error);
}
