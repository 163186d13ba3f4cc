/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The register of state to save, and saving it. */
#include "migration/savevm.h"

#include <string.h>

#include "hw/core/machine.h"
#include "migration/savevm-internal.h"
#include "migration/vmstate-fields.h"
#include "system/bql.h"
#include "trace-migration.h"
#include "util/bytes.h"
#include "util/report.h"

#define NAME_MAX_BYTES 255

/* ---- the register ---- */

static GPtrArray *entries; /* SaveEntry, by falling priority, then in order of registration */
static uint32_t next_section_id;

static void entry_free(SaveEntry *entry)
{
    g_free(entry->name);
    g_free(entry);
}

static GPtrArray *entries_get(void)
{
    if (!entries) {
        entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    }
    return entries;
}

const GPtrArray *savevm_entries(void)
{
    return entries_get();
}

SaveEntry *savevm_find(const char *name, uint32_t instance)
{
    for (unsigned i = 0; i < entries_get()->len; i++) {
        SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->instance == instance && strcmp(entry->name, name) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void entry_add(SaveEntry *entry)
{
    g_assert(strlen(entry->name) <= NAME_MAX_BYTES);
    g_assert(!savevm_find(entry->name, entry->instance));
    entry->section_id = next_section_id++;
    unsigned place = 0;
    while (place < entries_get()->len &&
           ((SaveEntry *)g_ptr_array_index(entries, place))->priority >= entry->priority) {
        place++;
    }
    g_ptr_array_insert(entries, place, entry);
}

static uint32_t free_instance(const char *name)
{
    uint32_t instance = 0;
    while (savevm_find(name, instance)) {
        instance++;
    }
    return instance;
}

void vmstate_register(const char *prefix, int instance, const VMStateDescription *description,
                      void *opaque)
{
    SaveEntry *entry = g_new0(SaveEntry, 1);
    entry->name = prefix && *prefix ? g_strdup_printf("%s/%s", prefix, description->name)
                                    : g_strdup(description->name);
    entry->instance = instance < 0 ? free_instance(entry->name) : (uint32_t)instance;
    entry->version = description->version;
    entry->priority = description->priority;
    entry->description = description;
    entry->opaque = opaque;
    entry_add(entry);
}

void vmstate_unregister(const VMStateDescription *description, void *opaque)
{
    for (unsigned i = 0; i < entries_get()->len; i++) {
        SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->description == description && entry->opaque == opaque) {
            g_ptr_array_remove_index(entries, i);
            return;
        }
    }
}

void savevm_register_live(const char *name, int version, const SavevmLiveOps *ops, void *opaque)
{
    SaveEntry *entry = g_new0(SaveEntry, 1);
    entry->name = g_strdup(name);
    entry->version = version;
    entry->live = ops;
    entry->opaque = opaque;
    entry_add(entry);
}

void savevm_unregister_live(const char *name)
{
    SaveEntry *entry = savevm_find(name, 0);
    if (entry && entry->live) {
        g_ptr_array_remove(entries, entry);
    }
}

bool savevm_check_migratable(GError **error)
{
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->description && entry->description->unmigratable) {
            qc_error_set(error, "State blocked by non-migratable device '%s'", entry->name);
            return false;
        }
    }
    return true;
}

const char *savevm_machine_name(void)
{
    Machine *machine = machine_current();
    return machine ? MACHINE_GET_CLASS(machine)->name : "none";
}

/* ---- framing ---- */

void savevm_put_header(MigrationWriter *writer)
{
    const char *machine = savevm_machine_name();
    migration_writer_put_be32(writer, SAVEVM_MAGIC);
    migration_writer_put_be32(writer, SAVEVM_VERSION);
    migration_writer_put_u8(writer, SAVEVM_SECTION_CONFIGURATION);
    migration_writer_put_be32(writer, strlen(machine));
    migration_writer_put_bytes(writer, machine, strlen(machine));
}

void savevm_put_command(MigrationWriter *writer, SavevmCommand command, const void *data,
                        size_t size)
{
    g_assert(size <= G_MAXUINT16);
    trace_savevm_put_command(command, size);
    migration_writer_put_u8(writer, SAVEVM_SECTION_COMMAND);
    migration_writer_put_be16(writer, command);
    migration_writer_put_be16(writer, size);
    migration_writer_put_bytes(writer, data, size);
}

void savevm_put_eof(MigrationWriter *writer)
{
    migration_writer_put_u8(writer, SAVEVM_SECTION_EOF);
}

static void put_section_head(MigrationWriter *writer, SavevmSection type, const SaveEntry *entry)
{
    migration_writer_put_u8(writer, type);
    migration_writer_put_be32(writer, entry->section_id);
    if (type == SAVEVM_SECTION_START || type == SAVEVM_SECTION_FULL) {
        migration_writer_put_name(writer, entry->name);
        migration_writer_put_be32(writer, entry->instance);
        migration_writer_put_be32(writer, entry->version);
    }
}

static void put_section_footer(MigrationWriter *writer, const SaveEntry *entry)
{
    migration_writer_put_u8(writer, SAVEVM_SECTION_FOOTER);
    migration_writer_put_be32(writer, entry->section_id);
}

void savevm_begin_live_section(MigrationWriter *writer, SavevmSection type, const char *name)
{
    const SaveEntry *entry = savevm_find(name, 0);
    g_assert(entry && entry->live);
    put_section_head(writer, type, entry);
}

void savevm_end_live_section(MigrationWriter *writer, const char *name)
{
    put_section_footer(writer, savevm_find(name, 0));
}

/* ---- live state ---- */

static bool live_section(MigrationWriter *writer, SavevmSection type, const SaveEntry *entry,
                         bool (*send)(MigrationWriter *writer, void *opaque, GError **error),
                         GError **error)
{
    put_section_head(writer, type, entry);
    if (!send(writer, entry->opaque, error)) {
        g_prefix_error(error, "section '%s': ", entry->name);
        return false;
    }
    put_section_footer(writer, entry);
    return migration_writer_check(writer, error);
}

bool savevm_live_setup(MigrationWriter *writer, GError **error)
{
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->live &&
            !live_section(writer, SAVEVM_SECTION_START, entry, entry->live->setup, error)) {
            return false;
        }
    }
    return migration_writer_flush(writer, error);
}

bool savevm_live_iterate(MigrationWriter *writer, GError **error)
{
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->live && entry->live->pending(false, entry->opaque) > 0 &&
            !live_section(writer, SAVEVM_SECTION_PART, entry, entry->live->iterate, error)) {
            return false;
        }
    }
    return migration_writer_flush(writer, error);
}

uint64_t savevm_live_pending(bool exact)
{
    uint64_t pending = 0;
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->live) {
            pending += entry->live->pending(exact, entry->opaque);
        }
    }
    return pending;
}

bool savevm_live_complete(MigrationWriter *writer, GError **error)
{
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->live &&
            !live_section(writer, SAVEVM_SECTION_END, entry, entry->live->complete, error)) {
            return false;
        }
    }
    return migration_writer_flush(writer, error);
}

void savevm_live_cleanup(void)
{
    g_assert(bql_locked());
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry->live) {
            entry->live->cleanup(entry->opaque);
        }
    }
}

/* ---- device state ---- */

static bool entry_is_device(const SaveEntry *entry)
{
    return entry->description &&
           (!entry->description->needed || entry->description->needed(entry->opaque));
}

bool savevm_save_devices(MigrationWriter *writer, GError **error)
{
    g_assert(bql_locked());
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (!entry_is_device(entry)) {
            continue;
        }
        uint64_t begin = migration_writer_position(writer);
        put_section_head(writer, SAVEVM_SECTION_FULL, entry);
        vmstate_save(writer, entry->description, entry->opaque);
        put_section_footer(writer, entry);
        trace_savevm_section_save(entry->name, entry->instance,
                                  migration_writer_position(writer) - begin);
        if (!migration_writer_check(writer, error)) {
            g_prefix_error(error, "section '%s' instance %u: ", entry->name, entry->instance);
            return false;
        }
    }
    return true;
}

void savevm_put_package(MigrationWriter *writer, const MigrationWriter *devices)
{
    size_t size;
    const void *data = migration_writer_data(devices, &size);
    uint8_t length[4];
    g_assert(size <= SAVEVM_DEVICES_MAX);
    store_be32(length, size);
    savevm_put_command(writer, SAVEVM_COMMAND_PACKAGED, length, sizeof(length));
    migration_writer_put_borrowed(writer, data, size);
}

void savevm_put_description(MigrationWriter *writer)
{
    json_t *devices = json_array();
    for (unsigned i = 0; i < entries_get()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(entries, i);
        if (entry_is_device(entry)) {
            json_t *device = vmstate_describe(entry->description, entry->opaque);
            json_object_set_new(device, "name", json_string(entry->name));
            json_object_set_new(device, "instance_id", json_integer(entry->instance));
            json_array_append_new(devices, device);
        }
    }
    json_t *document = json_object();
    json_object_set_new(document, "page_size", json_integer(TARGET_PAGE_SIZE));
    json_object_set_new(document, "devices", devices);
    char *text = json_dumps(document, JSON_COMPACT);
    migration_writer_put_u8(writer, SAVEVM_SECTION_DESCRIPTION);
    migration_writer_put_be32(writer, strlen(text));
    migration_writer_put_bytes(writer, text, strlen(text));
    free(text);
    json_decref(document);
}
