/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Device state to and from the migration stream, as its VMStateDescription says. */
#include "migration/vmstate.h"

#include <string.h>

#include "migration/savevm.h"
#include "migration/stream.h"
#include "migration/vmstate-fields.h"
#include "util/bytes.h"
#include "util/report.h"

/* ---- fields ---- */

bool vmstate_field_present(const VMStateField *field, void *opaque, int version)
{
    return field->version <= version && (!field->exists || field->exists(opaque, version));
}

uint32_t vmstate_field_count(const VMStateField *field, const void *opaque)
{
    if (field->flags & VMSTATE_FIELD_VARRAY) {
        return *(const uint32_t *)((const uint8_t *)opaque + field->count_offset);
    }
    return field->flags & VMSTATE_FIELD_ARRAY ? field->count : 1;
}

static bool field_is_array(const VMStateField *field)
{
    return field->flags & (VMSTATE_FIELD_ARRAY | VMSTATE_FIELD_VARRAY);
}

static uint8_t *field_base(const VMStateField *field, void *opaque)
{
    uint8_t *place = (uint8_t *)opaque + field->offset;
    return field->flags & VMSTATE_FIELD_POINTER ? *(uint8_t **)place : place;
}

/* ---- saving ---- */

static void field_save(MigrationWriter *writer, const VMStateField *field, void *opaque)
{
    uint32_t count = vmstate_field_count(field, opaque);
    if ((field->flags & VMSTATE_FIELD_VARRAY) && count > field->count) {
        g_autoptr(GError) error = NULL;
        qc_error_set(&error, "field '%s' has %u elements, at most %u are possible", field->name,
                     count, field->count);
        migration_writer_set_error(writer, error);
        return;
    }
    uint8_t *element = field_base(field, opaque);
    for (uint32_t i = 0; i < count; i++, element += field->size) {
        if (field->flags & VMSTATE_FIELD_STRUCT) {
            vmstate_save(writer, field->vmsd, element);
        } else {
            field->type->put(writer, element, field->size, field);
        }
    }
}

static void subsections_save(MigrationWriter *writer, const VMStateDescription *description,
                             void *opaque)
{
    for (size_t i = 0; description->subsections && description->subsections[i]; i++) {
        const VMStateDescription *subsection = description->subsections[i];
        if (subsection->needed && !subsection->needed(opaque)) {
            continue;
        }
        migration_writer_put_u8(writer, SAVEVM_SECTION_SUBSECTION);
        migration_writer_put_name(writer, subsection->name);
        migration_writer_put_be32(writer, subsection->version);
        vmstate_save(writer, subsection, opaque);
    }
}

void vmstate_save(MigrationWriter *writer, const VMStateDescription *description, void *opaque)
{
    if (description->pre_save) {
        description->pre_save(opaque);
    }
    for (const VMStateField *field = description->fields; field && field->name; field++) {
        if (vmstate_field_present(field, opaque, description->version)) {
            field_save(writer, field, opaque);
        }
    }
    subsections_save(writer, description, opaque);
}

/* ---- loading ---- */

static char *format_element(const uint8_t *element, size_t size)
{
    switch (size) {
    case 1:
        return g_strdup_printf("%u", *element);
    case 2:
        return g_strdup_printf("%u", *(const uint16_t *)element);
    case 4:
        return g_strdup_printf("%u", *(const uint32_t *)element);
    case 8:
        return g_strdup_printf("%" G_GUINT64_FORMAT, *(const uint64_t *)element);
    default:
        return g_strdup_printf("%zu bytes", size);
    }
}

/* Configuration: what the stream says must be what is here. */
static bool element_compare(MigrationReader *reader, const VMStateField *field,
                            const uint8_t *element, GError **error)
{
    g_autofree uint8_t *loaded = g_malloc0(field->size);
    if (!field->type->get(reader, loaded, field->size, field, error)) {
        return false;
    }
    if (memcmp(loaded, element, field->size) != 0) {
        g_autofree char *theirs = format_element(loaded, field->size);
        g_autofree char *ours = format_element(element, field->size);
        qc_error_set(error, "the stream has %s, this virtual machine is configured with %s", theirs,
                     ours);
        return false;
    }
    return true;
}

static bool element_load(MigrationReader *reader, const VMStateField *field, uint8_t *element,
                         GError **error)
{
    if (field->flags & VMSTATE_FIELD_STRUCT) {
        return vmstate_load(reader, field->vmsd, element, field->vmsd->version, error);
    }
    if (field->flags & VMSTATE_FIELD_MUST_EQUAL) {
        return element_compare(reader, field, element, error);
    }
    return field->type->get(reader, element, field->size, field, error);
}

static bool field_load(MigrationReader *reader, const VMStateField *field, void *opaque,
                       GError **error)
{
    uint32_t count = vmstate_field_count(field, opaque);
    if ((field->flags & VMSTATE_FIELD_VARRAY) && count > field->count) {
        qc_error_set(error, "field '%s': %u elements, at most %u are possible", field->name, count,
                     field->count);
        return false;
    }
    uint8_t *element = field_base(field, opaque);
    for (uint32_t i = 0; i < count; i++, element += field->size) {
        if (element_load(reader, field, element, error)) {
            continue;
        }
        if (field_is_array(field)) {
            g_prefix_error(error, "field '%s[%u]': ", field->name, i);
        } else {
            g_prefix_error(error, "field '%s': ", field->name);
        }
        return false;
    }
    return true;
}

/*
 * The subsection of @description that the stream goes on with, or NULL. Only a name that
 * belongs to @description counts, since the byte may as well begin the next field of an outer
 * description. Takes nothing.
 */
static const VMStateDescription *subsection_peek(MigrationReader *reader,
                                                 const VMStateDescription *description)
{
    uint8_t head[2 + 255];
    if (!description->subsections || migration_reader_peek(reader, head, 1) < 1 ||
        head[0] != SAVEVM_SECTION_SUBSECTION || migration_reader_peek(reader, head, 2) < 2) {
        return NULL;
    }
    for (size_t i = 0; description->subsections[i]; i++) {
        const VMStateDescription *subsection = description->subsections[i];
        size_t length = strlen(subsection->name);
        if (length == head[1] && migration_reader_peek(reader, head, 2 + length) == 2 + length &&
            memcmp(head + 2, subsection->name, length) == 0) {
            return subsection;
        }
    }
    return NULL;
}

static bool subsections_load(MigrationReader *reader, const VMStateDescription *description,
                             void *opaque, GError **error)
{
    const VMStateDescription *subsection;
    while ((subsection = subsection_peek(reader, description))) {
        migration_reader_skip(reader, 2 + strlen(subsection->name));
        uint32_t version = migration_reader_get_be32(reader);
        if (!migration_reader_check(reader, error)) {
            return false;
        }
        if (!vmstate_load(reader, subsection, opaque, MIN(version, G_MAXINT), error)) {
            g_prefix_error(error, "subsection '%s': ", subsection->name);
            return false;
        }
    }
    return true;
}

static bool version_check(const VMStateDescription *description, int version, GError **error)
{
    if (version > description->version) {
        qc_error_set(error, "version %d is newer than %d, the newest that '%s' knows", version,
                     description->version, description->name);
        return false;
    }
    if (version < description->minimum_version) {
        qc_error_set(error, "version %d is older than %d, the oldest that '%s' can load", version,
                     description->minimum_version, description->name);
        return false;
    }
    return true;
}

bool vmstate_load(MigrationReader *reader, const VMStateDescription *description, void *opaque,
                  int version, GError **error)
{
    if (!version_check(description, version, error) ||
        (description->pre_load && !description->pre_load(opaque, error))) {
        return false;
    }
    for (const VMStateField *field = description->fields; field && field->name; field++) {
        if (vmstate_field_present(field, opaque, version) &&
            !field_load(reader, field, opaque, error)) {
            return false;
        }
    }
    if (!subsections_load(reader, description, opaque, error)) {
        return false;
    }
    return !description->post_load || description->post_load(opaque, version, error);
}
