/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* GObject properties from and to JSON, with the spellings of the command line. */
#include <errno.h>
#include <string.h>

#include "system/object.h"
#include "util/keyval.h"
#include "util/report.h"

typedef struct Target {
    GObject *object;
    GParamSpec *spec;
} Target;

static bool wrong_value(const Target *target, const char *expected, GError **error)
{
    qc_error_set(error, "Parameter '%s' expects %s", object_property_name(target->spec), expected);
    return false;
}

static bool set_boolean(const Target *target, json_t *json, GValue *value, GError **error)
{
    const char *text = json_string_value(json);
    bool on;

    if (json_is_boolean(json)) {
        on = json_is_true(json);
    } else if (text && (!strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true") ||
                        !strcmp(text, "y"))) {
        on = true;
    } else if (text && (!strcmp(text, "off") || !strcmp(text, "no") || !strcmp(text, "false") ||
                        !strcmp(text, "n"))) {
        on = false;
    } else {
        return wrong_value(target, "'on' or 'off'", error);
    }
    g_value_set_boolean(value, on);
    return true;
}

static bool parse_unsigned(const Target *target, json_t *json, guint64 *number, GError **error)
{
    if (json_is_integer(json) && json_integer_value(json) >= 0) {
        *number = (guint64)json_integer_value(json);
        return true;
    }
    if (json_is_string(json) && size_parse(json_string_value(json), 1, number, NULL)) {
        return true;
    }
    return wrong_value(target, "a non-negative number", error);
}

static bool parse_signed(const Target *target, json_t *json, gint64 *number, GError **error)
{
    if (json_is_integer(json)) {
        *number = json_integer_value(json);
        return true;
    }
    const char *text = json_string_value(json);
    char *end;
    errno = 0;
    *number = text ? g_ascii_strtoll(text, &end, 0) : 0;
    if (!text || end == text || *end || errno) {
        return wrong_value(target, "a number", error);
    }
    return true;
}

static bool out_of_range(const Target *target, const char *given, const char *low, const char *high,
                         GError **error)
{
    qc_error_set(error, "Property '%s.%s' doesn't take value %s (minimum: %s, maximum: %s)",
                 object_type_name(G_OBJECT_TYPE(target->object)),
                 object_property_name(target->spec), given, low, high);
    return false;
}

static bool set_unsigned(const Target *target, json_t *json, GValue *value, GError **error)
{
    guint64 number;
    guint64 low = 0;
    guint64 high = 0;

    if (!parse_unsigned(target, json, &number, error)) {
        return false;
    }
    if (G_IS_PARAM_SPEC_UINT(target->spec)) {
        low = G_PARAM_SPEC_UINT(target->spec)->minimum;
        high = G_PARAM_SPEC_UINT(target->spec)->maximum;
    } else if (G_IS_PARAM_SPEC_UINT64(target->spec)) {
        low = G_PARAM_SPEC_UINT64(target->spec)->minimum;
        high = G_PARAM_SPEC_UINT64(target->spec)->maximum;
    } else if (G_IS_PARAM_SPEC_UCHAR(target->spec)) {
        low = G_PARAM_SPEC_UCHAR(target->spec)->minimum;
        high = G_PARAM_SPEC_UCHAR(target->spec)->maximum;
    }
    if (number < low || number > high) {
        g_autofree char *given = g_strdup_printf("%" G_GUINT64_FORMAT, number);
        g_autofree char *minimum = g_strdup_printf("%" G_GUINT64_FORMAT, low);
        g_autofree char *maximum = g_strdup_printf("%" G_GUINT64_FORMAT, high);
        return out_of_range(target, given, minimum, maximum, error);
    }
    if (G_IS_PARAM_SPEC_UINT(target->spec)) {
        g_value_set_uint(value, (guint)number);
    } else if (G_IS_PARAM_SPEC_UINT64(target->spec)) {
        g_value_set_uint64(value, number);
    } else {
        g_value_set_uchar(value, (guchar)number);
    }
    return true;
}

static bool set_signed(const Target *target, json_t *json, GValue *value, GError **error)
{
    gint64 number;
    bool narrow = G_IS_PARAM_SPEC_INT(target->spec);

    if (!parse_signed(target, json, &number, error)) {
        return false;
    }
    gint64 low = narrow ? G_PARAM_SPEC_INT(target->spec)->minimum
                        : G_PARAM_SPEC_INT64(target->spec)->minimum;
    gint64 high = narrow ? G_PARAM_SPEC_INT(target->spec)->maximum
                         : G_PARAM_SPEC_INT64(target->spec)->maximum;
    if (number < low || number > high) {
        g_autofree char *given = g_strdup_printf("%" G_GINT64_FORMAT, number);
        g_autofree char *minimum = g_strdup_printf("%" G_GINT64_FORMAT, low);
        g_autofree char *maximum = g_strdup_printf("%" G_GINT64_FORMAT, high);
        return out_of_range(target, given, minimum, maximum, error);
    }
    if (narrow) {
        g_value_set_int(value, (gint)number);
    } else {
        g_value_set_int64(value, number);
    }
    return true;
}

static bool set_string(const Target *target, json_t *json, GValue *value, GError **error)
{
    if (!json_is_string(json)) {
        return wrong_value(target, "a string", error);
    }
    g_value_set_string(value, json_string_value(json));
    return true;
}

static bool set_enum(const Target *target, json_t *json, GValue *value, GError **error)
{
    GEnumClass *enumeration = G_PARAM_SPEC_ENUM(target->spec)->enum_class;
    const char *text = json_string_value(json);
    GEnumValue *found = text ? g_enum_get_value_by_nick(enumeration, text) : NULL;

    if (!found) {
        g_autoptr(GString) names = g_string_new("one of");
        for (guint i = 0; i < enumeration->n_values; i++) {
            g_string_append_printf(names, "%s '%s'", i ? "," : "",
                                   enumeration->values[i].value_nick);
        }
        return wrong_value(target, names->str, error);
    }
    g_value_set_enum(value, found->value);
    return true;
}

static bool set_object(const Target *target, json_t *json, GValue *value, GError **error)
{
    const char *path = json_string_value(json);
    GType type = target->spec->value_type;
    GObject *object = path ? object_tree_find_type(path, type) : NULL;

    if (!path) {
        return wrong_value(target, "the path or id of an object", error);
    }
    if (!object && !object_tree_find(path)) {
        qc_error_set(error, "Device '%s' not found", path);
        return false;
    }
    if (!object) {
        qc_error_set(error, "Invalid parameter type for '%s', expected: %s",
                     object_property_name(target->spec), object_type_name(type));
        return false;
    }
    g_value_set_object(value, object);
    return true;
}

static bool value_from_json(const Target *target, json_t *json, GValue *value, GError **error)
{
    switch (G_TYPE_FUNDAMENTAL(target->spec->value_type)) {
    case G_TYPE_BOOLEAN:
        return set_boolean(target, json, value, error);
    case G_TYPE_UCHAR:
    case G_TYPE_UINT:
    case G_TYPE_UINT64:
        return set_unsigned(target, json, value, error);
    case G_TYPE_INT:
    case G_TYPE_INT64:
        return set_signed(target, json, value, error);
    case G_TYPE_STRING:
        return set_string(target, json, value, error);
    case G_TYPE_ENUM:
        return set_enum(target, json, value, error);
    case G_TYPE_OBJECT:
        return set_object(target, json, value, error);
    default:
        return wrong_value(target, "a type that has no textual form", error);
    }
}

bool object_set_json(GObject *object, const char *property, json_t *json, GError **error)
{
    Target target = { object, g_object_class_find_property(G_OBJECT_GET_CLASS(object), property) };
    const char *type_name = object_type_name(G_OBJECT_TYPE(object));

    if (!target.spec) {
        qc_error_set(error, "Property '%s.%s' not found", type_name, property);
        return false;
    }
    if (!(target.spec->flags & G_PARAM_WRITABLE)) {
        qc_error_set(error,
                     "Insufficient permission to perform this operation: property '%s.%s' "
                     "is read-only",
                     type_name, property);
        return false;
    }
    g_auto(GValue) value = G_VALUE_INIT;
    g_value_init(&value, target.spec->value_type);
    if (!value_from_json(&target, json, &value, error)) {
        return false;
    }
    g_object_set_property(object, property, &value);
    return true;
}

static json_t *value_to_json(const GValue *value)
{
    switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value))) {
    case G_TYPE_BOOLEAN:
        return json_boolean(g_value_get_boolean(value));
    case G_TYPE_UCHAR:
        return json_integer(g_value_get_uchar(value));
    case G_TYPE_UINT:
        return json_integer(g_value_get_uint(value));
    case G_TYPE_UINT64:
        return json_integer((json_int_t)g_value_get_uint64(value));
    case G_TYPE_INT:
        return json_integer(g_value_get_int(value));
    case G_TYPE_INT64:
        return json_integer(g_value_get_int64(value));
    case G_TYPE_STRING:
        return json_string(g_value_get_string(value) ? g_value_get_string(value) : "");
    case G_TYPE_ENUM: {
        g_autoptr(GTypeClass) klass = g_type_class_ref(G_VALUE_TYPE(value));
        GEnumValue *entry = g_enum_get_value((GEnumClass *)klass, g_value_get_enum(value));
        return json_string(entry ? entry->value_nick : "");
    }
    case G_TYPE_OBJECT: {
        GObject *object = g_value_get_object(value);
        g_autofree char *path = object ? object_tree_path(object) : NULL;
        return json_string(path ? path : "");
    }
    default:
        return NULL;
    }
}

json_t *object_get_json(GObject *object, const char *property, GError **error)
{
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(object), property);
    const char *type_name = object_type_name(G_OBJECT_TYPE(object));

    if (!spec) {
        qc_error_set(error, "Property '%s.%s' not found", type_name, property);
        return NULL;
    }
    if (!(spec->flags & G_PARAM_READABLE)) {
        qc_error_set(error, "Property '%s.%s' is not readable", type_name, property);
        return NULL;
    }
    g_auto(GValue) value = G_VALUE_INIT;
    g_value_init(&value, spec->value_type);
    g_object_get_property(object, property, &value);
    json_t *json = value_to_json(&value);
    if (!json) {
        qc_error_set(error, "Property '%s.%s' has no textual form", type_name, property);
    }
    return json;
}

const char *object_property_type_name(const GParamSpec *spec)
{
    switch (G_TYPE_FUNDAMENTAL(spec->value_type)) {
    case G_TYPE_BOOLEAN:
        return "bool";
    case G_TYPE_UCHAR:
        return "uint8";
    case G_TYPE_UINT:
        return "uint32";
    case G_TYPE_UINT64:
        return "uint64";
    case G_TYPE_INT:
        return "int32";
    case G_TYPE_INT64:
        return "int64";
    case G_TYPE_STRING:
        return "str";
    case G_TYPE_OBJECT: {
        g_autofree char *link = g_strdup_printf("link<%s>", object_type_name(spec->value_type));
        return g_intern_string(link);
    }
    default:
        return object_type_name(spec->value_type);
    }
}

json_t *object_property_default(GParamSpec *spec)
{
    GType kind = G_TYPE_FUNDAMENTAL(spec->value_type);

    if (kind == G_TYPE_STRING || kind == G_TYPE_OBJECT) {
        return NULL;
    }
    return value_to_json(g_param_spec_get_default_value(spec));
}

/* Set every member of @properties, then complete the object. */
static bool configure(GObject *object, json_t *properties, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach(properties, name, value)
    {
        if (!object_set_json(object, name, value, error)) {
            return false;
        }
    }
    UserCreatableInterface *interface =
        G_TYPE_INSTANCE_GET_INTERFACE(object, TYPE_USER_CREATABLE, UserCreatableInterface);
    return !interface->complete || interface->complete(USER_CREATABLE(object), error);
}

GObject *object_user_create(const char *type_name, const char *id, json_t *properties,
                            GError **error)
{
    GType type = object_type_find(type_name);

    if (!type || !g_type_is_a(type, TYPE_USER_CREATABLE) || G_TYPE_IS_ABSTRACT(type)) {
        qc_error_set(error, "invalid object type: %s", type_name);
        return NULL;
    }
    if (!object_id_is_well_formed(id)) {
        qc_error_set(error, "Parameter 'id' expects an identifier");
        return NULL;
    }
    g_autofree char *path = g_strdup_printf("/objects/%s", id);
    if (object_tree_find(path)) {
        qc_error_set(error, "attempt to add duplicate property '%s' to object (type 'container')",
                     id);
        return NULL;
    }
    g_autoptr(GObject) object = g_object_new(type, NULL);
    if (!configure(object, properties, error) || !object_tree_add("/objects", id, object, error)) {
        return NULL;
    }
    return object_tree_find(path);
}

bool object_user_delete(const char *id, GError **error)
{
    g_autofree char *path = g_strdup_printf("/objects/%s", id);
    GObject *object = object_tree_find(path);

    if (!object) {
        qc_error_set(error, "object '%s' not found", id);
        return false;
    }
    UserCreatableInterface *interface =
        G_TYPE_INSTANCE_GET_INTERFACE(object, TYPE_USER_CREATABLE, UserCreatableInterface);
    if (interface->can_be_deleted && !interface->can_be_deleted(USER_CREATABLE(object), error)) {
        return false;
    }
    g_object_ref(object);
    object_tree_remove(object);
    if (interface->deleted) {
        interface->deleted(USER_CREATABLE(object));
    }
    g_object_unref(object);
    return true;
}
