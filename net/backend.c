/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Back ends: the kinds that there are, making them from options, removing them. */
#include <stdio.h>
#include <string.h>

#include "net/net-internal.h"
#include "qapi/error.h"
#include "qapi/qapi-types-net.h"
#include "system/bql.h"
#include "system/object.h"
#include "trace-net.h"
#include "util/keyval.h"
#include "util/report.h"

static GPtrArray *backend_types; /* NetBackendType, sorted by name */

static int compare_types(gconstpointer a, gconstpointer b)
{
    const NetBackendType *const *left = a;
    const NetBackendType *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

void net_backend_register(const NetBackendType *type)
{
    if (!backend_types) {
        backend_types = g_ptr_array_new();
    }
    g_ptr_array_add(backend_types, (gpointer)type);
    g_ptr_array_sort(backend_types, compare_types);
}

static const NetBackendType *find_type(const char *name)
{
    for (guint i = 0; backend_types && i < backend_types->len; i++) {
        const NetBackendType *type = g_ptr_array_index(backend_types, i);
        if (!strcmp(type->name, name)) {
            return type;
        }
    }
    return NULL;
}

/* ---- help ---- */

void net_backend_print_types(void)
{
    printf("Available netdev backend types:\n");
    for (guint i = 0; i < backend_types->len; i++) {
        const NetBackendType *type = g_ptr_array_index(backend_types, i);
        printf("%-10s %s\n", type->name, type->description);
    }
}

bool net_backend_print_options(const char *name, GError **error)
{
    const NetBackendType *type = find_type(name);

    if (!type) {
        qc_error_set(error, "Parameter 'type' does not accept value '%s'", name);
        return false;
    }
    printf("%s options:\n", name);
    for (const char *const *option = type->options; *option; option++) {
        printf("  %s\n", *option);
    }
    return true;
}

/* ---- option strings ---- */

/* -netdev in JSON has the types of the schema, as netdev_add does. */
static json_t *check_with_schema(json_t *given, GError **error)
{
    g_autoptr(Netdev) netdev = Netdev_from_json(given, error);

    json_decref(given);
    return netdev ? Netdev_to_json(netdev) : NULL;
}

json_t *net_options_parse(const char *text, GError **error)
{
    static const char *const lists[] = { "dnssearch", "guestfwd", "hostfwd", NULL };
    json_t *options = keyval_parse_lists(text, "type", lists, error);

    return options && *text == '{' ? check_with_schema(options, error) : options;
}

const char *net_option_string(json_t *options, const char *name)
{
    return json_string_value(json_object_get(options, name));
}

bool net_option_bool(json_t *options, const char *name, bool *value, GError **error)
{
    static const char *const words[][2] = {
        { "on", "off" }, { "yes", "no" }, { "true", "false" }, { "y", "n" }
    };
    json_t *option = json_object_get(options, name);
    const char *text = json_string_value(option);

    if (!option) {
        return true;
    }
    if (json_is_boolean(option)) {
        *value = json_is_true(option);
        return true;
    }
    for (size_t i = 0; text && i < G_N_ELEMENTS(words); i++) {
        if (!strcmp(text, words[i][0]) || !strcmp(text, words[i][1])) {
            *value = !strcmp(text, words[i][0]);
            return true;
        }
    }
    qc_error_set(error, "Parameter '%s' expects 'on' or 'off'", name);
    return false;
}

bool net_option_number(json_t *options, const char *name, uint64_t minimum, uint64_t maximum,
                       uint64_t *value, GError **error)
{
    json_t *option = json_object_get(options, name);
    const char *text = json_string_value(option);
    uint64_t number = 0;

    if (!option) {
        return true;
    }
    bool ok = text ? size_parse(text, 1, &number, NULL)
                   : json_is_integer(option) && json_integer_value(option) >= 0;
    if (!text && ok) {
        number = (uint64_t)json_integer_value(option);
    }
    if (!ok || number < minimum || number > maximum) {
        qc_error_set(error,
                     "Parameter '%s' expects a number from %" G_GUINT64_FORMAT
                     " to %" G_GUINT64_FORMAT,
                     name, minimum, maximum);
        return false;
    }
    *value = number;
    return true;
}

/* An element is a string or, as the schema has it, an object with the string in "str". */
static const char *element_string(json_t *element)
{
    return json_string_value(json_is_object(element) ? json_object_get(element, "str") : element);
}

bool net_option_strings(json_t *options, const char *name, GPtrArray **strings, GError **error)
{
    json_t *option = json_object_get(options, name);
    size_t count = json_is_array(option) ? json_array_size(option) : option ? 1 : 0;

    *strings = g_ptr_array_new();
    for (size_t i = 0; i < count; i++) {
        const char *text =
            element_string(json_is_array(option) ? json_array_get(option, i) : option);
        if (!text) {
            qc_error_set(error, "Parameter '%s' expects a list of strings", name);
            g_clear_pointer(strings, g_ptr_array_unref);
            return false;
        }
        g_ptr_array_add(*strings, (gpointer)text);
    }
    return true;
}

/* ---- making and removing ---- */

static bool only_known_options(const NetBackendType *type, json_t *options, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach(options, name, value)
    {
        if (!g_strv_contains(type->options, name)) {
            qc_error_set(error, "Invalid parameter '%s'", name);
            return false;
        }
    }
    return true;
}

NetClient *net_backend_create_named(const char *id, json_t *options, GError **error)
{
    json_t *type_option = json_object_get(options, "type");
    const char *type_name = json_string_value(type_option);

    g_assert(bql_locked());
    if (!type_name) {
        qc_error_set(error, type_option ? "Parameter 'type' expects a string"
                                        : "Parameter 'type' is missing");
        return NULL;
    }
    const NetBackendType *type = find_type(type_name);
    if (!type) {
        qc_error_set(error, "Parameter 'type' does not accept value '%s'", type_name);
        return NULL;
    }
    if (net_backend_find(id)) {
        qc_error_set(error, "Duplicate ID '%s' for netdev", id);
        return NULL;
    }
    json_t *own = json_copy(options);
    json_object_del(own, "type");
    json_object_del(own, "id");
    NetClient *client = only_known_options(type, own, error) ? type->create(id, own, error) : NULL;
    json_decref(own);
    return client;
}

NetClient *net_backend_create(json_t *options, GError **error)
{
    json_t *id = json_object_get(options, "id");

    if (!json_object_get(options, "type")) {
        qc_error_set(error, "Parameter 'type' is missing");
        return NULL;
    }
    if (!id) {
        qc_error_set(error, "Parameter 'id' is missing");
        return NULL;
    }
    if (!json_is_string(id) || !object_id_is_well_formed(json_string_value(id))) {
        qc_error_set(error, "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', "
                            "starting with a letter");
        return NULL;
    }
    return net_backend_create_named(json_string_value(id), options, error);
}

bool net_backend_delete(const char *id, GError **error)
{
    NetClient *client = net_backend_find(id);

    if (!client) {
        g_set_error(error, QAPI_ERROR, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found",
                    id);
        return false;
    }
    net_client_free(client);
    return true;
}
