/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Values of schema types: to JSON, and freeing. */
#include "qapi/type-info.h"
#include <math.h>

static const void *slot_of(const void *object, size_t offset)
{
    return (const char *)object + offset;
}

static bool member_is_present(const QapiMember *member, const void *object)
{
    if (!member->optional) {
        return true;
    }
    if (member->flag_offset != QAPI_NO_FLAG) {
        return *(const bool *)slot_of(object, member->flag_offset);
    }
    return *(void *const *)slot_of(object, member->offset) != NULL;
}

static json_t *write_unsigned(const QapiType *type, const void *slot)
{
    uint64_t value;

    switch (type->size) {
    case 1:
        return json_integer(*(const uint8_t *)slot);
    case 2:
        return json_integer(*(const uint16_t *)slot);
    case 4:
        return json_integer(*(const uint32_t *)slot);
    default:
        /* A JSON integer of the library is signed; larger values lose their low bits. */
        value = *(const uint64_t *)slot;
        return value <= INT64_MAX ? json_integer(value) : json_real((double)value);
    }
}

static json_t *write_signed(const QapiType *type, const void *slot)
{
    switch (type->size) {
    case 1:
        return json_integer(*(const int8_t *)slot);
    case 2:
        return json_integer(*(const int16_t *)slot);
    case 4:
        return json_integer(*(const int32_t *)slot);
    default:
        return json_integer(*(const int64_t *)slot);
    }
}

/* JSON has neither infinity nor NaN: they are written as 0. */
static json_t *write_number(double value)
{
    return json_real(isfinite(value) ? value : 0);
}

/* Text that is not UTF-8 (a file name, say) is written with its bad bytes replaced. */
static json_t *write_string(const char *text)
{
    g_autofree char *valid = NULL;
    json_t *json = json_string(text ? text : "");

    if (!json) {
        valid = g_utf8_make_valid(text, -1);
        json = json_string(valid);
    }
    return json;
}

static json_t *write_list(const QapiType *element, const void *list)
{
    json_t *json = json_array();

    if (!list) {
        return json;
    }
    if (qapi_type_is_pointer(element)) {
        const GPtrArray *pointers = list;
        for (unsigned i = 0; i < pointers->len; i++) {
            json_array_append_new(json, qapi_write(element, &pointers->pdata[i]));
        }
    } else {
        const GArray *scalars = list;
        for (unsigned i = 0; i < scalars->len; i++) {
            json_array_append_new(json, qapi_write(element, scalars->data + i * element->size));
        }
    }
    return json;
}

/* The pointer to the branch that the union's tag names; NULL when it has no members. */
static const void *branch_slot(const QapiType *type, const void *object, const QapiType **branch)
{
    unsigned tag;

    if (!type->tag) {
        return NULL;
    }
    tag = *(const unsigned *)slot_of(object, type->tag->offset);
    g_assert(tag < type->tag->type->count);
    *branch = type->branches[tag];
    return *branch ? slot_of(object, type->branch_offset) : NULL;
}

static void write_members(const QapiType *type, const void *object, json_t *json)
{
    const QapiType *branch;
    const void *slot;

    for (unsigned i = 0; i < type->count; i++) {
        const QapiMember *member = &type->members[i];
        if (member_is_present(member, object)) {
            json_object_set_new(json, member->name,
                                qapi_write(member->type, slot_of(object, member->offset)));
        }
    }
    slot = branch_slot(type, object, &branch);
    if (slot) {
        const void *members = *(void *const *)slot;
        g_assert(members);
        write_members(branch, members, json);
    }
}

static json_t *write_alternate(const QapiType *type, const void *alternate)
{
    unsigned kind = *(const unsigned *)alternate;

    g_assert(kind < type->count);
    return qapi_write(type->members[kind].type, slot_of(alternate, type->members[kind].offset));
}

json_t *qapi_write(const QapiType *type, const void *slot)
{
    const void *pointer;
    const char *name;
    json_t *json;

    switch (type->kind) {
    case QAPI_KIND_STR:
        return write_string(*(char *const *)slot);
    case QAPI_KIND_INT:
        return write_signed(type, slot);
    case QAPI_KIND_UINT:
        return write_unsigned(type, slot);
    case QAPI_KIND_NUMBER:
        return write_number(*(const double *)slot);
    case QAPI_KIND_BOOL:
        return json_boolean(*(const bool *)slot);
    case QAPI_KIND_ANY:
        json = *(json_t *const *)slot;
        return json ? json_incref(json) : json_null();
    case QAPI_KIND_NULL:
        return json_null();
    case QAPI_KIND_ENUM:
        name = qapi_enum_str(type, *(const unsigned *)slot);
        g_assert(name);
        return json_string(name);
    case QAPI_KIND_LIST:
        return write_list(type->element, *(void *const *)slot);
    case QAPI_KIND_ALTERNATE:
        return write_alternate(type, *(void *const *)slot);
    case QAPI_KIND_OBJECT:
        pointer = *(void *const *)slot;
        g_assert(pointer);
        json = json_object();
        write_members(type, pointer, json);
        return json;
    }
    g_assert_not_reached();
}

static void clear_object(const QapiType *type, void *object)
{
    const QapiType *branch;
    void *slot;

    for (unsigned i = 0; i < type->count; i++) {
        qapi_clear(type->members[i].type, (char *)object + type->members[i].offset);
    }
    slot = (void *)branch_slot(type, object, &branch);
    if (slot) {
        qapi_clear(branch, slot);
    }
    g_free(object);
}

static void clear_alternate(const QapiType *type, void *alternate)
{
    const QapiMember *member = &type->members[*(unsigned *)alternate];

    qapi_clear(member->type, (char *)alternate + member->offset);
    g_free(alternate);
}

void qapi_clear(const QapiType *type, void *slot)
{
    void **pointer = slot;

    if (!qapi_type_is_pointer(type) || !*pointer) {
        return;
    }
    switch (type->kind) {
    case QAPI_KIND_STR:
        g_free(*pointer);
        break;
    case QAPI_KIND_ANY:
        json_decref(*pointer);
        break;
    case QAPI_KIND_LIST:
        /* The array's own function frees the elements. */
        if (qapi_type_is_pointer(type->element)) {
            g_ptr_array_unref(*pointer);
        } else {
            g_array_unref(*pointer);
        }
        break;
    case QAPI_KIND_OBJECT:
        clear_object(type, *pointer);
        break;
    case QAPI_KIND_ALTERNATE:
        clear_alternate(type, *pointer);
        break;
    default:
        g_assert_not_reached();
    }
    *pointer = NULL;
}
