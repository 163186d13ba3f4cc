/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Option strings to JSON, and sizes with suffixes. */
#include "util/keyval.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "util/report.h"

#define KEYVAL_DEPTH_MAX 16

/* Split at single commas; `,,` stands for one comma inside an item. */
static GPtrArray *split_items(const char *text)
{
    GPtrArray *items = g_ptr_array_new_with_free_func(g_free);
    GString *item = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        if (*p != ',') {
            g_string_append_c(item, *p);
        } else if (p[1] == ',') {
            g_string_append_c(item, ',');
            p++;
        } else {
            g_ptr_array_add(items, g_string_free(item, FALSE));
            item = g_string_new(NULL);
        }
    }
    g_ptr_array_add(items, g_string_free(item, FALSE));
    return items;
}

static bool store(json_t *object, const char *key, const char *value, const char *text,
                  GError **error)
{
    g_auto(GStrv) parts = g_strsplit(key, ".", KEYVAL_DEPTH_MAX + 1);
    guint count = g_strv_length(parts);

    if (!g_utf8_validate(key, -1, NULL)) {
        g_autofree char *shown = g_utf8_make_valid(text, -1);
        qc_error_set(error, "'%s': the key is not valid UTF-8", shown);
        return false;
    }
    if (count == 0 || count > KEYVAL_DEPTH_MAX) {
        qc_error_set(error, "'%s': invalid key '%s'", text, key);
        return false;
    }
    for (guint i = 0; i < count; i++) {
        if (!*parts[i]) {
            qc_error_set(error, "'%s': invalid key '%s'", text, key);
            return false;
        }
        json_t *child = json_object_get(object, parts[i]);
        if (i + 1 == count) {
            if (json_is_object(child)) {
                qc_error_set(error, "'%s': key '%s' is used both as a value and as a group", text,
                             key);
                return false;
            }
            json_t *string = json_string(value);
            if (!string) {
                g_autofree char *shown = g_utf8_make_valid(text, -1);
                qc_error_set(error, "'%s': the value of '%s' is not valid UTF-8", shown, key);
                return false;
            }
            json_object_set_new(object, parts[i], string);
            return true;
        }
        if (!child) {
            child = json_object();
            json_object_set_new(object, parts[i], child);
        } else if (!json_is_object(child)) {
            qc_error_set(error, "'%s': key '%s' is used both as a value and as a group", text, key);
            return false;
        }
        object = child;
    }
    return true;
}

static bool store_item(json_t *object, const char *item, const char *implied_key, bool first,
                       const char *text, GError **error)
{
    const char *equals = strchr(item, '=');

    if (equals) {
        g_autofree char *key = g_strndup(item, (gsize)(equals - item));
        return store(object, key, equals + 1, text, error);
    }
    if (!strcmp(item, "help") || !strcmp(item, "?")) {
        return store(object, "help", "on", text, error);
    }
    if (first && implied_key) {
        return store(object, implied_key, item, text, error);
    }
    if (!strncmp(item, "no", 2) && item[2]) {
        return store(object, item + 2, "off", text, error);
    }
    return store(object, item, "on", text, error);
}

/* Objects with keys 0..n-1 become arrays, all the way down. Takes and returns a reference. */
static json_t *listify(json_t *value)
{
    if (!json_is_object(value)) {
        return value;
    }
    const char *key;
    json_t *child;
    void *next;

    json_object_foreach_safe(value, next, key, child)
    {
        json_t *converted = listify(json_incref(child));
        if (converted != child) {
            json_object_set(value, key, converted);
        }
        json_decref(converted);
    }
    size_t count = json_object_size(value);
    if (count == 0) {
        return value;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        g_autofree char *index = g_strdup_printf("%zu", i);
        json_t *element = json_object_get(value, index);
        if (!element) {
            json_decref(array);
            return value;
        }
        json_array_append(array, element);
    }
    json_decref(value);
    return array;
}

static json_t *parse_json(const char *text, GError **error)
{
    json_error_t json_error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &json_error);

    if (!value) {
        qc_error_set(error, "'%s': JSON syntax: %s (column %d)", text, json_error.text,
                     json_error.column);
        return NULL;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        qc_error_set(error, "'%s': expected a JSON object", text);
        return NULL;
    }
    return value;
}

/* The value of @item when its key is one of @list_keys. */
static const char *list_value(const char *item, const char *const *list_keys, char **key)
{
    const char *equals = strchr(item, '=');

    *key = equals ? g_strndup(item, (gsize)(equals - item)) : NULL;
    return equals && g_strv_contains(list_keys, *key) ? equals + 1 : NULL;
}

static bool store_in_list(json_t *object, const char *key, const char *value, const char *text,
                          GError **error)
{
    json_t *list = json_object_get(object, key);

    if (list && !json_is_array(list)) {
        qc_error_set(error, "'%s': key '%s' is used both as a value and as a group", text, key);
        return false;
    }
    json_t *string = json_string(value);
    if (!string) {
        g_autofree char *shown = g_utf8_make_valid(text, -1);
        qc_error_set(error, "'%s': the value of '%s' is not valid UTF-8", shown, key);
        return false;
    }
    if (!list) {
        list = json_array();
        json_object_set_new(object, key, list);
    }
    json_array_append_new(list, string);
    return true;
}

json_t *keyval_parse(const char *text, const char *implied_key, GError **error)
{
    static const char *const no_lists[] = { NULL };

    return keyval_parse_lists(text, implied_key, no_lists, error);
}

json_t *keyval_parse_lists(const char *text, const char *implied_key, const char *const *list_keys,
                           GError **error)
{
    if (*text == '{') {
        return parse_json(text, error);
    }
    json_t *object = json_object();
    g_autoptr(GPtrArray) items = split_items(text);

    for (guint i = 0; i < items->len; i++) {
        const char *item = g_ptr_array_index(items, i);
        g_autofree char *key = NULL;
        if (!*item) {
            continue;
        }
        const char *element = list_value(item, list_keys, &key);
        if (element ? !store_in_list(object, key, element, text, error)
                    : !store_item(object, item, implied_key, i == 0, text, error)) {
            json_decref(object);
            return NULL;
        }
    }
    /* The top level stays an object whatever its keys are. */
    const char *key;
    json_t *child;
    void *next;
    json_object_foreach_safe(object, next, key, child)
    {
        json_object_set_new(object, key, listify(json_incref(child)));
    }
    return object;
}

/* Decimal, or hexadecimal behind 0x. A leading zero does not mean octal. */
static bool parse_whole(const char *text, guint64 *whole, const char **end)
{
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hexadecimal ? text + 2 : text;
    char *number_end;

    if (!(hexadecimal ? g_ascii_isxdigit(*digits) : g_ascii_isdigit(*digits))) {
        return false;
    }
    errno = 0;
    *whole = g_ascii_strtoull(digits, &number_end, hexadecimal ? 16 : 10);
    *end = number_end;
    return !errno;
}

/* ".5" at *@end, when there is a point; decimal digits only. */
static bool parse_fraction(const char **end, double *fraction)
{
    *fraction = 0;
    if (**end != '.') {
        return true;
    }
    size_t digits = strspn(*end + 1, "0123456789");
    g_autofree char *number = g_strdup_printf("0.%.*s", (int)MIN(digits, 64), *end + 1);
    *fraction = g_ascii_strtod(number, NULL);
    *end += 1 + digits;
    return digits > 0;
}

/* The suffix at @end, which must be the last character; 0 when it is none. */
static uint64_t parse_unit(const char *end, uint64_t default_unit)
{
    static const char suffixes[] = "bkmgtpe";

    if (!*end) {
        return default_unit;
    }
    const char *suffix = strchr(suffixes, g_ascii_tolower(*end));
    return suffix && !end[1] ? UINT64_C(1) << (10 * (suffix - suffixes)) : 0;
}

bool size_parse(const char *text, uint64_t default_unit, uint64_t *size, GError **error)
{
    const char *end = text;
    guint64 whole = 0;
    double fraction = 0;
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    bool ok = parse_whole(text, &whole, &end) && (!hexadecimal || *end != '.') &&
              parse_fraction(&end, &fraction);
    uint64_t unit = ok ? parse_unit(end, default_unit) : 0;

    if (!unit || (unit == 1 && fraction > 0)) { /* there are no parts of bytes */
        qc_error_set(error,
                     "'%s' is not a size: expected a number with an optional suffix "
                     "(B, K, M, G, T, P, E)",
                     text);
        return false;
    }
    uint64_t extra = (uint64_t)llround(fraction * (double)unit);
    if (whole > UINT64_MAX / unit || extra > UINT64_MAX - whole * unit) {
        qc_error_set(error, "size '%s' is too large", text);
        return false;
    }
    *size = whole * unit + extra;
    return true;
}
