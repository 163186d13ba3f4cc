/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Values of options: strings from the command line, or JSON values of the right type. */
#include <inttypes.h>

#include "char-internal.h"
#include "util/keyval.h"
#include "util/report.h"

const char *char_option_string(json_t *options, const char *name)
{
    return json_string_value(json_object_get(options, name));
}

bool char_option_bool(json_t *options, const char *name, bool *value, GError **error)
{
    json_t *json = json_object_get(options, name);
    const char *text = json_string_value(json);

    if (!json) {
        return true;
    }
    if (json_is_boolean(json)) {
        *value = json_is_true(json);
        return true;
    }
    if (text && (g_str_equal(text, "on") || g_str_equal(text, "off"))) {
        *value = g_str_equal(text, "on");
        return true;
    }
    qc_error_set(error, "Parameter '%s' expects 'on' or 'off'", name);
    return false;
}

bool char_option_number(json_t *options, const char *name, uint64_t maximum, uint64_t *value,
                        GError **error)
{
    json_t *json = json_object_get(options, name);
    const char *text = json_string_value(json);
    json_int_t number = json_integer_value(json);
    guint64 parsed;

    if (!json) {
        return true;
    }
    if (json_is_integer(json) && number >= 0 && (uint64_t)number <= maximum) {
        *value = (uint64_t)number;
        return true;
    }
    if (text && g_ascii_string_to_unsigned(text, 10, 0, maximum, &parsed, NULL)) {
        *value = parsed;
        return true;
    }
    qc_error_set(error, "Parameter '%s' expects a number from 0 to %" PRIu64, name, maximum);
    return false;
}

bool char_option_size(json_t *options, const char *name, uint64_t *value, GError **error)
{
    json_t *json = json_object_get(options, name);
    const char *text = json_string_value(json);

    if (!json) {
        return true;
    }
    if (json_is_integer(json) && json_integer_value(json) >= 0) {
        *value = (uint64_t)json_integer_value(json);
        return true;
    }
    if (text && size_parse(text, 1, value, NULL)) {
        return true;
    }
    qc_error_set(error, "Parameter '%s' expects a size, a number with or without K, M, G", name);
    return false;
}
