/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * How schema types look at run time: constant tables, and the code that reads, writes and frees
 * any value by its table. docs/devel/qapi.md tells how each schema type looks in C.
 *
 * A "slot" is a place that holds one value: a struct member or a list element. Strings, lists,
 * objects and alternates are held by pointer, NULL where optional ones are absent.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum QapiKind {
    QAPI_KIND_STR,       /* char * */
    QAPI_KIND_INT,       /* int8_t to int64_t, by size */
    QAPI_KIND_UINT,      /* uint8_t to uint64_t, by size */
    QAPI_KIND_NUMBER,    /* double */
    QAPI_KIND_BOOL,      /* bool */
    QAPI_KIND_ANY,       /* json_t * */
    QAPI_KIND_NULL,      /* nothing: a branch of an alternate */
    QAPI_KIND_ENUM,      /* C enum */
    QAPI_KIND_LIST,      /* GPtrArray * of pointers or GArray * of scalars */
    QAPI_KIND_OBJECT,    /* struct pointer */
    QAPI_KIND_ALTERNATE, /* struct pointer; the struct begins with its kind, an enum */
} QapiKind;

/* Offset of the has_ flag of a member that has none. */
#define QAPI_NO_FLAG SIZE_MAX

typedef struct QapiType QapiType;

/* A member of an object, or a branch of an alternate. */
typedef struct QapiMember {
    const char *name;
    const QapiType *type;
    size_t offset;      /* of the slot in the struct */
    size_t flag_offset; /* of the bool has_NAME, or QAPI_NO_FLAG */
    bool optional;
} QapiMember;

struct QapiType {
    const char *name; /* in the schema */
    QapiKind kind;
    size_t size; /* of a slot, bytes */

    const char *const *names; /* enum: by value */
    unsigned count;           /* enum: values; object, alternate: members */

    const QapiType *element; /* list */

    size_t object_size;              /* object, alternate: bytes of the struct */
    GDestroyNotify release;          /* object, alternate: NAME_free() */
    const QapiMember *members;       /* object, alternate */
    const QapiMember *tag;           /* union: which member tells the branch */
    const QapiType *const *branches; /* union: by value of the tag; NULL where empty */
    size_t branch_offset;            /* union: of the branch's pointer */
};

extern const QapiType qapi_type_str, qapi_type_int, qapi_type_number, qapi_type_bool,
    qapi_type_int8, qapi_type_int16, qapi_type_int32, qapi_type_int64, qapi_type_uint8,
    qapi_type_uint16, qapi_type_uint32, qapi_type_uint64, qapi_type_size, qapi_type_any,
    qapi_type_null;
extern const QapiType qapi_type_str_list, qapi_type_int_list, qapi_type_number_list,
    qapi_type_bool_list, qapi_type_int8_list, qapi_type_int16_list, qapi_type_int32_list,
    qapi_type_int64_list, qapi_type_uint8_list, qapi_type_uint16_list, qapi_type_uint32_list,
    qapi_type_uint64_list, qapi_type_size_list, qapi_type_any_list;

/* Whether values of @type are held by pointer, so that a list of them is a GPtrArray. */
bool qapi_type_is_pointer(const QapiType *type);

/* A list of strings that frees them. */
GPtrArray *qapi_str_list_new(void);

/*
 * JSON of the value in @slot, a new reference. A list that is NULL counts as empty; a mandatory
 * string that is NULL is written as "".
 */
json_t *qapi_write(const QapiType *type, const void *slot);

/*
 * Read a value of @type from @json into @slot. Where @json is NULL and @type is an object, an
 * empty object is read. Errors have the domain QAPI_ERROR and name the member at fault by its
 * path, like "Invalid parameter type for 'backend.data.out', expected: string". On failure
 * returns false and leaves @slot empty.
 */
bool qapi_read(const QapiType *type, json_t *json, void *slot, GError **error);

/* Refuse any member of @arguments, which may be NULL: for commands that take none. */
bool qapi_read_no_arguments(json_t *arguments, GError **error);

/* Free what @slot holds and set its pointer to NULL. Scalars need none and are left alone. */
void qapi_clear(const QapiType *type, void *slot);

/* Name of @value; NULL when it is not one of @type. */
const char *qapi_enum_str(const QapiType *type, unsigned value);

/* Find @text among the names of @type; the error lists what is accepted. */
bool qapi_enum_parse(const QapiType *type, const char *text, unsigned *value, GError **error);
