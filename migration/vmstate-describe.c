/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Device state described in JSON, so that a stream can be taken apart without this program. */
#include "migration/vmstate-fields.h"

#include "migration/stream.h"

/* How many bytes one element of @field takes on the wire. */
static size_t element_wire_size(const VMStateField *field, const uint8_t *element)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    field->type->put(writer, element, field->size, field);
    return migration_writer_position(writer);
}

static json_t *describe_element(const VMStateField *field, uint8_t *element, const char *name)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(name));
    if (field->flags & VMSTATE_FIELD_STRUCT) {
        g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
        vmstate_save(writer, field->vmsd, element);
        json_object_set_new(object, "type", json_string("struct"));
        json_object_set_new(object, "struct", vmstate_describe(field->vmsd, element));
        json_object_set_new(object, "size", json_integer(migration_writer_position(writer)));
    } else {
        json_object_set_new(object, "type", json_string(field->type->name));
        json_object_set_new(object, "size", json_integer(element_wire_size(field, element)));
    }
    return object;
}

/* Arrays of scalars become one entry with array_len, arrays of structs one with index each. */
static void describe_field(json_t *fields, const VMStateField *field, void *opaque)
{
    uint8_t *place = (uint8_t *)opaque + field->offset;
    uint8_t *element = field->flags & VMSTATE_FIELD_POINTER ? *(uint8_t **)place : place;
    uint32_t count = vmstate_field_count(field, opaque);
    bool array = field->flags & (VMSTATE_FIELD_ARRAY | VMSTATE_FIELD_VARRAY);
    if (array && !(field->flags & VMSTATE_FIELD_STRUCT)) {
        if (count > 0) {
            json_t *object = describe_element(field, element, field->name);
            json_object_set_new(object, "array_len", json_integer(count));
            json_array_append_new(fields, object);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++, element += field->size) {
        json_t *object = describe_element(field, element, field->name);
        if (array) {
            json_object_set_new(object, "index", json_integer(i));
        }
        json_array_append_new(fields, object);
    }
}

static json_t *describe_subsections(const VMStateDescription *description, void *opaque)
{
    json_t *subsections = json_array();
    for (size_t i = 0; description->subsections && description->subsections[i]; i++) {
        const VMStateDescription *subsection = description->subsections[i];
        if (!subsection->needed || subsection->needed(opaque)) {
            json_array_append_new(subsections, vmstate_describe(subsection, opaque));
        }
    }
    return subsections;
}

json_t *vmstate_describe(const VMStateDescription *description, void *opaque)
{
    json_t *object = json_object();
    json_object_set_new(object, "vmsd_name", json_string(description->name));
    json_object_set_new(object, "version", json_integer(description->version));
    json_t *fields = json_array();
    for (const VMStateField *field = description->fields; field && field->name; field++) {
        if (vmstate_field_present(field, opaque, description->version)) {
            describe_field(fields, field, opaque);
        }
    }
    json_object_set_new(object, "fields", fields);
    json_t *subsections = describe_subsections(description, opaque);
    if (json_array_size(subsections) > 0) {
        json_object_set_new(object, "subsections", subsections);
    } else {
        json_decref(subsections);
    }
    return object;
}
