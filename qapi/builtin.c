/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Tables of the types that every schema has, enum names, errors with a class. */
#include "qapi/type-info.h"
#include "qapi/error.h"

#define SCALAR_TYPE(schema_name, schema_kind, c_type) \
    const QapiType qapi_type_##schema_name = {        \
        .name = #schema_name,                         \
        .kind = schema_kind,                          \
        .size = sizeof(c_type),                       \
    };                                                \
    const QapiType qapi_type_##schema_name##_list = { \
        .name = "[" #schema_name "]",                 \
        .kind = QAPI_KIND_LIST,                       \
        .size = sizeof(void *),                       \
        .element = &qapi_type_##schema_name,          \
    }

SCALAR_TYPE(str, QAPI_KIND_STR, char *);
SCALAR_TYPE(int, QAPI_KIND_INT, int64_t);
SCALAR_TYPE(number, QAPI_KIND_NUMBER, double);
SCALAR_TYPE(bool, QAPI_KIND_BOOL, bool);
SCALAR_TYPE(int8, QAPI_KIND_INT, int8_t);
SCALAR_TYPE(int16, QAPI_KIND_INT, int16_t);
SCALAR_TYPE(int32, QAPI_KIND_INT, int32_t);
SCALAR_TYPE(int64, QAPI_KIND_INT, int64_t);
SCALAR_TYPE(uint8, QAPI_KIND_UINT, uint8_t);
SCALAR_TYPE(uint16, QAPI_KIND_UINT, uint16_t);
SCALAR_TYPE(uint32, QAPI_KIND_UINT, uint32_t);
SCALAR_TYPE(uint64, QAPI_KIND_UINT, uint64_t);
SCALAR_TYPE(size, QAPI_KIND_UINT, uint64_t);
SCALAR_TYPE(any, QAPI_KIND_ANY, json_t *);

const QapiType qapi_type_null = {
    .name = "null",
    .kind = QAPI_KIND_NULL,
};

G_DEFINE_QUARK(qapi - error, qapi_error)

QapiErrorClass qapi_error_class(const GError *error)
{
    if (error->domain == QAPI_ERROR && error->code >= 0 && error->code < QAPI_ERROR_CLASS__MAX) {
        return error->code;
    }
    return QAPI_ERROR_CLASS_GENERIC_ERROR;
}

void qapi_error_set(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_propagate_error(
        error, g_error_new_valist(QAPI_ERROR, QAPI_ERROR_CLASS_GENERIC_ERROR, format, arguments));
    va_end(arguments);
}

GPtrArray *qapi_str_list_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

bool qapi_type_is_pointer(const QapiType *type)
{
    switch (type->kind) {
    case QAPI_KIND_STR:
    case QAPI_KIND_ANY:
    case QAPI_KIND_LIST:
    case QAPI_KIND_OBJECT:
    case QAPI_KIND_ALTERNATE:
        return true;
    default:
        return false;
    }
}

const char *qapi_enum_str(const QapiType *type, unsigned value)
{
    return value < type->count ? type->names[value] : NULL;
}

bool qapi_enum_parse(const QapiType *type, const char *text, unsigned *value, GError **error)
{
    g_autoptr(GString) accepted = g_string_new(NULL);

    for (unsigned index = 0; index < type->count; index++) {
        if (!strcmp(type->names[index], text)) {
            *value = index;
            return true;
        }
        g_string_append_printf(accepted, "%s%s", index ? ", " : "", type->names[index]);
    }
    qapi_error_set(error, "'%s' is not a %s; expected one of: %s", text, type->name, accepted->str);
    return false;
}
