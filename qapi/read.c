/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Values of schema types from JSON.
 *
 * Error texts are those that QMP clients know. Some name the whole path of the member at fault
 * and some its last name only; that too follows what clients have always been sent.
 */
#include "qapi/type-info.h"
#include "qapi/error.h"
#include <math.h>

/* A place in the JSON: a chain on the stack. name is NULL for an element of a list. */
typedef struct Path {
    const struct Path *parent;
    const char *name;
    size_t index;
} Path;

/* An object while its members are taken out one by one. */
typedef struct Source {
    json_t *rest; /* what nobody has taken yet */
    const Path *path;
} Source;

static bool read_value(const QapiType *type, json_t *json, const Path *path, void *slot,
                       GError **error);

static void append_path(GString *text, const Path *path)
{
    if (!path) {
        return;
    }
    append_path(text, path->parent);
    if (!path->name) {
        g_string_append_printf(text, "[%zu]", path->index);
        return;
    }
    g_string_append_printf(text, "%s%s", text->len ? "." : "", path->name);
}

static char *path_text(const Path *path)
{
    GString *text = g_string_new(NULL);

    append_path(text, path);
    if (!text->len) {
        g_string_append(text, "arguments");
    }
    return g_string_free(text, FALSE);
}

static char *last_name(const Path *path)
{
    return path && path->name ? g_strdup(path->name) : path_text(path);
}

static bool fail_type(const Path *path, const char *expected, GError **error)
{
    g_autofree char *name = path_text(path);

    qapi_error_set(error, "Invalid parameter type for '%s', expected: %s", name, expected);
    return false;
}

static bool fail_range(const QapiType *type, const Path *path, GError **error)
{
    bool is_signed = type->kind == QAPI_KIND_INT;
    g_autofree char *name = last_name(path);

    if (type->size == 8) {
        qapi_error_set(error, "Parameter '%s' expects %s", name, is_signed ? "int64" : "uint64");
    } else {
        qapi_error_set(error, "Parameter '%s' expects %sint%zu_t", name, is_signed ? "" : "u",
                       type->size * 8);
    }
    return false;
}

/* An integer, also when it is written like 2.0. */
static bool integer_value(json_t *json, int64_t *value)
{
    double number;

    if (json_is_integer(json)) {
        *value = json_integer_value(json);
        return true;
    }
    if (!json_is_real(json)) {
        return false;
    }
    number = json_real_value(json);
    if (number != trunc(number) || fabs(number) > 9007199254740992.0) {
        return false;
    }
    *value = (int64_t)number;
    return true;
}

static bool read_integer(const QapiType *type, json_t *json, const Path *path, void *slot,
                         GError **error)
{
    bool is_signed = type->kind == QAPI_KIND_INT;
    unsigned bits = type->size * 8;
    int64_t value;

    if (!integer_value(json, &value)) {
        return is_signed ? fail_type(path, "integer", error) : fail_range(type, path, error);
    }
    if (is_signed) {
        int64_t limit = bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - 1)) - 1;
        if (value > limit || value < -limit - 1) {
            return fail_range(type, path, error);
        }
    } else if (value < 0 || (bits < 64 && value >> bits)) {
        return fail_range(type, path, error);
    }
    memcpy(slot, &value, type->size); /* little endian, as x86_64 is */
    return true;
}

static bool read_enum(const QapiType *type, json_t *json, const Path *path, void *slot,
                      GError **error)
{
    g_autofree char *name = NULL;

    if (!json_is_string(json)) {
        return fail_type(path, "string", error);
    }
    for (unsigned value = 0; value < type->count; value++) {
        if (!strcmp(type->names[value], json_string_value(json))) {
            *(unsigned *)slot = value;
            return true;
        }
    }
    name = last_name(path);
    qapi_error_set(error, "Parameter '%s' does not accept value '%s'", name,
                   json_string_value(json));
    return false;
}

static bool read_pointer_list(const QapiType *element, json_t *json, const Path *path,
                              GPtrArray **slot, GError **error)
{
    GDestroyNotify release = element->kind == QAPI_KIND_STR   ? g_free
                             : element->kind == QAPI_KIND_ANY ? (GDestroyNotify)json_decref
                                                              : element->release;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(release);
    json_t *item;
    size_t i;

    json_array_foreach(json, i, item)
    {
        Path item_path = { path, NULL, i };
        void *value = NULL;
        if (!read_value(element, item, &item_path, &value, error)) {
            return false;
        }
        g_ptr_array_add(list, value);
    }
    *slot = g_steal_pointer(&list);
    return true;
}

static bool read_scalar_list(const QapiType *element, json_t *json, const Path *path, GArray **slot,
                             GError **error)
{
    g_autoptr(GArray) list = g_array_new(FALSE, TRUE, element->size);
    json_t *item;
    size_t i;

    json_array_foreach(json, i, item)
    {
        Path item_path = { path, NULL, i };
        g_array_set_size(list, i + 1);
        if (!read_value(element, item, &item_path, list->data + i * element->size, error)) {
            return false;
        }
    }
    *slot = g_steal_pointer(&list);
    return true;
}

static bool read_list(const QapiType *type, json_t *json, const Path *path, void *slot,
                      GError **error)
{
    if (!json_is_array(json)) {
        return fail_type(path, "array", error);
    }
    if (qapi_type_is_pointer(type->element)) {
        return read_pointer_list(type->element, json, path, slot, error);
    }
    return read_scalar_list(type->element, json, path, slot, error);
}

static bool read_member(const QapiMember *member, Source *source, char *object, GError **error)
{
    json_t *json = json_object_get(source->rest, member->name);
    Path path = { source->path, member->name, 0 };

    if (!json) {
        g_autofree char *name = path_text(&path);
        if (member->optional) {
            return true;
        }
        qapi_error_set(error, "Parameter '%s' is missing", name);
        return false;
    }
    if (!read_value(member->type, json, &path, object + member->offset, error)) {
        return false;
    }
    if (member->flag_offset != QAPI_NO_FLAG) {
        *(bool *)(object + member->flag_offset) = true;
    }
    json_object_del(source->rest, member->name);
    return true;
}

static bool read_members(const QapiType *type, Source *source, void *object, GError **error)
{
    const QapiType *branch;
    void **slot;

    for (unsigned i = 0; i < type->count; i++) {
        if (!read_member(&type->members[i], source, object, error)) {
            return false;
        }
    }
    if (!type->tag) {
        return true;
    }
    branch = type->branches[*(unsigned *)((char *)object + type->tag->offset)];
    if (!branch) {
        return true;
    }
    slot = (void **)((char *)object + type->branch_offset);
    *slot = g_malloc0(branch->object_size);
    return read_members(branch, source, *slot, error);
}

static bool read_object(const QapiType *type, json_t *json, const Path *path, void **slot,
                        GError **error)
{
    Source source = { NULL, path };
    bool ok;

    if (json && !json_is_object(json)) {
        return fail_type(path, "object", error);
    }
    source.rest = json ? json_copy(json) : json_object();
    *slot = g_malloc0(type->object_size);
    ok = read_members(type, &source, *slot, error);
    if (ok && json_object_size(source.rest)) {
        Path extra = { path, json_object_iter_key(json_object_iter(source.rest)), 0 };
        g_autofree char *name = path_text(&extra);
        qapi_error_set(error, "Parameter '%s' is unexpected", name);
        ok = false;
    }
    json_decref(source.rest);
    if (!ok) {
        qapi_clear(type, slot);
    }
    return ok;
}

static bool json_fits(const QapiType *type, const json_t *json)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ENUM:
        return json_is_string(json);
    case QAPI_KIND_INT:
    case QAPI_KIND_UINT:
    case QAPI_KIND_NUMBER:
        return json_is_number(json);
    case QAPI_KIND_BOOL:
        return json_is_boolean(json);
    case QAPI_KIND_NULL:
        return json_is_null(json);
    case QAPI_KIND_OBJECT:
        return json_is_object(json);
    default:
        return false;
    }
}

static bool read_alternate(const QapiType *type, json_t *json, const Path *path, void **slot,
                           GError **error)
{
    for (unsigned i = 0; i < type->count; i++) {
        const QapiMember *branch = &type->members[i];
        char *alternate;
        if (!json_fits(branch->type, json)) {
            continue;
        }
        alternate = g_malloc0(type->object_size);
        *(unsigned *)alternate = i;
        if (!read_value(branch->type, json, path, alternate + branch->offset, error)) {
            g_free(alternate);
            return false;
        }
        *slot = alternate;
        return true;
    }
    return fail_type(path, type->name, error);
}

static bool read_value(const QapiType *type, json_t *json, const Path *path, void *slot,
                       GError **error)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
        if (!json_is_string(json)) {
            return fail_type(path, "string", error);
        }
        *(char **)slot = g_strdup(json_string_value(json));
        return true;
    case QAPI_KIND_INT:
    case QAPI_KIND_UINT:
        return read_integer(type, json, path, slot, error);
    case QAPI_KIND_NUMBER:
        if (!json_is_number(json)) {
            return fail_type(path, "number", error);
        }
        *(double *)slot = json_number_value(json);
        return true;
    case QAPI_KIND_BOOL:
        if (!json_is_boolean(json)) {
            return fail_type(path, "boolean", error);
        }
        *(bool *)slot = json_is_true(json);
        return true;
    case QAPI_KIND_ANY:
        *(json_t **)slot = json_incref(json);
        return true;
    case QAPI_KIND_NULL:
        return true;
    case QAPI_KIND_ENUM:
        return read_enum(type, json, path, slot, error);
    case QAPI_KIND_LIST:
        return read_list(type, json, path, slot, error);
    case QAPI_KIND_OBJECT:
        return read_object(type, json, path, slot, error);
    case QAPI_KIND_ALTERNATE:
        return read_alternate(type, json, path, slot, error);
    }
    g_assert_not_reached();
}

bool qapi_read(const QapiType *type, json_t *json, void *slot, GError **error)
{
    return read_value(type, json, NULL, slot, error);
}

bool qapi_read_no_arguments(json_t *arguments, GError **error)
{
    static const QapiType none = {
        .name = "no arguments",
        .kind = QAPI_KIND_OBJECT,
        .size = sizeof(void *),
        .object_size = 1,
    };
    void *empty = NULL;

    if (!read_value(&none, arguments, NULL, &empty, error)) {
        return false;
    }
    qapi_clear(&none, &empty);
    return true;
}
