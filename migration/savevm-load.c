/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Loading the migration stream. Everything in it comes from outside: each record is checked
 * here before anything acts on it, and a refusal names the section and the offset.
 */
#include "migration/savevm.h"

#include <string.h>

#include "migration/savevm-internal.h"
#include "system/bql.h"
#include "trace-migration.h"
#include "util/bytes.h"
#include "util/report.h"

/* Which sections a run of them may hold. */
typedef enum LoadWhat {
    LOAD_LIVE = 1 << 0,
    LOAD_DEVICES = 1 << 1,
    LOAD_COMMANDS = 1 << 2,
} LoadWhat;

typedef struct Loader {
    MigrationReader *reader;
    unsigned what; /* LoadWhat */
    const SavevmCommandOps *commands;
    void *opaque;
} Loader;

/*
 * Put place and section in front of an error. Errors of the reader itself name the offset
 * already. Returns false.
 */
static bool fail_in_section(MigrationReader *reader, const char *name, uint32_t instance,
                            GError **error)
{
    g_prefix_error(error, "section '%s' instance %u: ", name, instance);
    if (!migration_reader_failed(reader)) {
        g_prefix_error(error, "migration stream at offset %" G_GUINT64_FORMAT ": ",
                       migration_reader_position(reader));
    }
    return false;
}

/* The reader's own failure, for checks of the container. */
#define loader_fail(reader, error, ...) \
    (migration_reader_fail((reader), __VA_ARGS__), migration_reader_check((reader), (error)))

/* ---- header ---- */

static bool load_configuration(MigrationReader *reader, GError **error)
{
    const char *ours = savevm_machine_name();
    char theirs[256];
    uint8_t type = migration_reader_get_u8(reader);
    uint32_t length = migration_reader_get_be32(reader);
    if (!migration_reader_check(reader, error)) {
        return false;
    }
    if (type != SAVEVM_SECTION_CONFIGURATION) {
        return loader_fail(reader, error, "configuration section (0x%02x) expected, 0x%02x found",
                           SAVEVM_SECTION_CONFIGURATION, type);
    }
    if (length >= sizeof(theirs)) {
        return loader_fail(reader, error,
                           "section 'configuration': a machine type name of %u bytes, at most 255 "
                           "are possible",
                           length);
    }
    if (!migration_reader_get_bytes(reader, theirs, length)) {
        return migration_reader_check(reader, error);
    }
    theirs[length] = '\0';
    if (strcmp(theirs, ours) != 0) {
        g_autofree char *printable = g_strescape(theirs, NULL);
        return loader_fail(reader, error,
                           "section 'configuration': machine type received is '%s' and local is "
                           "'%s'",
                           printable, ours);
    }
    return true;
}

bool savevm_load_header(MigrationReader *reader, GError **error)
{
    for (unsigned i = 0; i < savevm_entries()->len; i++) {
        SaveEntry *entry = g_ptr_array_index(savevm_entries(), i);
        entry->load_started = false;
        entry->load_complete = false;
    }
    uint32_t magic = migration_reader_get_be32(reader);
    uint32_t version = migration_reader_get_be32(reader);
    if (!migration_reader_check(reader, error)) {
        return false;
    }
    if (magic != SAVEVM_MAGIC) {
        return loader_fail(reader, error,
                           "not a migration stream: magic 0x%08x found, 0x%08x expected", magic,
                           SAVEVM_MAGIC);
    }
    if (version != SAVEVM_VERSION) {
        return loader_fail(reader, error, "unsupported migration stream version %u, %u expected",
                           version, SAVEVM_VERSION);
    }
    return load_configuration(reader, error);
}

/* ---- sections ---- */

static bool load_footer(MigrationReader *reader, uint32_t section_id, GError **error)
{
    uint8_t mark = migration_reader_get_u8(reader);
    if (!migration_reader_failed(reader) && mark == SAVEVM_SECTION_SUBSECTION) {
        char name[256];
        if (migration_reader_get_name(reader, name)) {
            return loader_fail(reader, error, "unknown or misplaced subsection '%s'", name);
        }
    }
    uint32_t id = migration_reader_get_be32(reader);
    if (!migration_reader_check(reader, error)) {
        return false;
    }
    if (mark != SAVEVM_SECTION_FOOTER || id != section_id) {
        return loader_fail(reader, error,
                           "footer 0x%02x of section %u expected behind the section's data, "
                           "0x%02x of section %u found",
                           SAVEVM_SECTION_FOOTER, section_id, mark, id);
    }
    return true;
}

/* The section's data and footer. */
static bool load_entry(Loader *loader, SavevmSection type, SaveEntry *entry, uint32_t section_id,
                       int version, GError **error)
{
    MigrationReader *reader = loader->reader;
    uint64_t begin = migration_reader_position(reader);
    bool loaded = entry->live
                      ? entry->live->load(reader, version, entry->opaque, error)
                      : vmstate_load(reader, entry->description, entry->opaque, version, error);
    if (!loaded || !load_footer(reader, section_id, error)) {
        return fail_in_section(reader, entry->name, entry->instance, error);
    }
    entry->load_complete |= type == SAVEVM_SECTION_FULL || type == SAVEVM_SECTION_END;
    trace_savevm_section_load(entry->name, entry->instance,
                              migration_reader_position(reader) - begin);
    return true;
}

/* What is known of a start or full section before its data. */
typedef struct SectionHead {
    uint32_t id;
    char name[256];
    uint32_t instance;
    uint32_t version;
} SectionHead;

static bool load_section_head(MigrationReader *reader, SectionHead *head, GError **error)
{
    head->id = migration_reader_get_be32(reader);
    if (migration_reader_get_name(reader, head->name)) {
        head->instance = migration_reader_get_be32(reader);
        head->version = migration_reader_get_be32(reader);
    }
    return migration_reader_check(reader, error);
}

/* May a section of @entry come as @type here? */
static bool validate_section(Loader *loader, SavevmSection type, const SectionHead *head,
                             const SaveEntry *entry, GError **error)
{
    if (!entry) {
        return loader_fail(loader->reader, error,
                           "section '%s' instance %u is unknown: this virtual machine has no such "
                           "device",
                           head->name, head->instance);
    }
    bool live = entry->live != NULL;
    if (live != (type == SAVEVM_SECTION_START)) {
        return loader_fail(loader->reader, error, "section '%s' of type 0x%02x, 0x%02x expected",
                           head->name, type, live ? SAVEVM_SECTION_START : SAVEVM_SECTION_FULL);
    }
    if (!(loader->what & (live ? LOAD_LIVE : LOAD_DEVICES))) {
        return loader_fail(loader->reader, error, "section '%s' does not belong in this part",
                           head->name);
    }
    if (live && entry->load_started) {
        return loader_fail(loader->reader, error, "section '%s' starts twice", head->name);
    }
    if (!live && entry->load_complete) {
        return loader_fail(loader->reader, error, "section '%s' instance %u comes twice",
                           head->name, head->instance);
    }
    if (live && head->version != (uint32_t)entry->version) {
        return loader_fail(loader->reader, error, "section '%s' has version %u, %d expected",
                           head->name, head->version, entry->version);
    }
    return true;
}

static bool load_start_or_full(Loader *loader, SavevmSection type, GError **error)
{
    SectionHead head;
    if (!load_section_head(loader->reader, &head, error)) {
        return false;
    }
    SaveEntry *entry = savevm_find(head.name, head.instance);
    if (!validate_section(loader, type, &head, entry, error)) {
        return false;
    }
    int version = MIN(head.version, G_MAXINT);
    if (entry->live) {
        entry->load_started = true;
        entry->load_section_id = head.id;
        entry->load_version = version;
        return load_entry(loader, type, entry, head.id, version, error);
    }
    bool take_lock = !bql_locked();
    if (take_lock) {
        bql_lock();
    }
    bool loaded = load_entry(loader, type, entry, head.id, version, error);
    if (take_lock) {
        bql_unlock();
    }
    return loaded;
}

static SaveEntry *find_started(uint32_t section_id)
{
    for (unsigned i = 0; i < savevm_entries()->len; i++) {
        SaveEntry *entry = g_ptr_array_index(savevm_entries(), i);
        if (entry->load_started && entry->load_section_id == section_id) {
            return entry;
        }
    }
    return NULL;
}

static bool load_part_or_end(Loader *loader, SavevmSection type, GError **error)
{
    uint32_t section_id = migration_reader_get_be32(loader->reader);
    if (!migration_reader_check(loader->reader, error)) {
        return false;
    }
    SaveEntry *entry = find_started(section_id);
    if (!entry) {
        return loader_fail(loader->reader, error, "section %u continues, but has not started",
                           section_id);
    }
    if (!(loader->what & LOAD_LIVE)) {
        return loader_fail(loader->reader, error, "section '%s' does not belong in this part",
                           entry->name);
    }
    return load_entry(loader, type, entry, section_id, entry->load_version, error);
}

/* ---- commands ---- */

static bool load_sections(Loader *loader, GError **error);

static bool load_package(MigrationReader *reader, uint32_t size, GError **error)
{
    if (size == 0 || size > SAVEVM_DEVICES_MAX) {
        return loader_fail(reader, error, "a package of %u bytes, 1 to %u are possible", size,
                           SAVEVM_DEVICES_MAX);
    }
    uint64_t position = migration_reader_position(reader);
    g_autofree uint8_t *data = g_try_malloc(size);
    if (!data) {
        return loader_fail(reader, error, "no memory for a package of %u bytes", size);
    }
    if (!migration_reader_get_bytes(reader, data, size)) {
        return migration_reader_check(reader, error);
    }
    g_autoptr(MigrationReader) inner = migration_reader_new_memory(data, size);
    migration_reader_set_position(inner, position);
    bql_lock();
    bool loaded = savevm_load_devices(inner, error);
    bql_unlock();
    if (loaded && migration_reader_position(inner) != position + size) {
        return loader_fail(reader, error,
                           "a package of %u bytes holds device state of only %" G_GUINT64_FORMAT,
                           size, migration_reader_position(inner) - position);
    }
    return loaded;
}

/* Length that the data of @command must have, or -1 for commands that are not supported. */
static int command_length(uint16_t command)
{
    switch (command) {
    case SAVEVM_COMMAND_OPEN_RETURN_PATH:
    case SAVEVM_COMMAND_ENABLE_COLO:
        return 0;
    case SAVEVM_COMMAND_PING:
    case SAVEVM_COMMAND_PACKAGED:
        return 4;
    default:
        return -1;
    }
}

static bool run_command(Loader *loader, uint16_t command, GError **error)
{
    const SavevmCommandOps *ops = loader->commands;
    uint32_t value = command_length(command) == 4 ? migration_reader_get_be32(loader->reader) : 0;
    if (!migration_reader_check(loader->reader, error)) {
        return false;
    }
    trace_savevm_load_command(command, value);
    if (command == SAVEVM_COMMAND_PACKAGED) {
        return load_package(loader->reader, value, error);
    }
    if (command == SAVEVM_COMMAND_OPEN_RETURN_PATH && ops->open_return_path) {
        return ops->open_return_path(loader->opaque, error);
    }
    if (command == SAVEVM_COMMAND_PING && ops->ping) {
        return ops->ping(value, loader->opaque, error);
    }
    if (command == SAVEVM_COMMAND_ENABLE_COLO && ops->enable_colo) {
        return ops->enable_colo(loader->opaque, error);
    }
    return loader_fail(loader->reader, error, "command %u is not possible here", command);
}

static bool load_command(Loader *loader, GError **error)
{
    uint16_t command = migration_reader_get_be16(loader->reader);
    uint16_t length = migration_reader_get_be16(loader->reader);
    if (!migration_reader_check(loader->reader, error)) {
        return false;
    }
    if (!(loader->what & LOAD_COMMANDS)) {
        return loader_fail(loader->reader, error, "command %u does not belong in this part",
                           command);
    }
    int expected = command_length(command);
    if (expected < 0) {
        return loader_fail(loader->reader, error, "command %u is unknown or not supported",
                           command);
    }
    if (length != expected) {
        return loader_fail(loader->reader, error, "command %u with %u bytes of data, %d expected",
                           command, length, expected);
    }
    return run_command(loader, command, error);
}

/* ---- runs of sections ---- */

/* Device sections that did not come as a package must be in memory before the BQL is taken. */
static bool prepare_full_section(Loader *loader, GError **error)
{
    if (bql_locked() || migration_reader_read_to_end(loader->reader, SAVEVM_DEVICES_MAX)) {
        return true;
    }
    return migration_reader_check(loader->reader, error);
}

/* Up to the end-of-file byte. */
static bool load_sections(Loader *loader, GError **error)
{
    for (;;) {
        uint8_t type = migration_reader_get_u8(loader->reader);
        if (!migration_reader_check(loader->reader, error)) {
            return false;
        }
        bool loaded;
        switch (type) {
        case SAVEVM_SECTION_EOF:
            return true;
        case SAVEVM_SECTION_FULL:
            loaded = prepare_full_section(loader, error) && load_start_or_full(loader, type, error);
            break;
        case SAVEVM_SECTION_START:
            loaded = load_start_or_full(loader, type, error);
            break;
        case SAVEVM_SECTION_PART:
        case SAVEVM_SECTION_END:
            loaded = load_part_or_end(loader, type, error);
            break;
        case SAVEVM_SECTION_COMMAND:
            loaded = load_command(loader, error);
            break;
        default:
            return loader_fail(loader->reader, error, "unknown section type 0x%02x", type);
        }
        if (!loaded) {
            return false;
        }
    }
}

/* The stream is over: has it brought everything that this virtual machine needs? */
static bool check_complete(Loader *loader, GError **error)
{
    for (unsigned i = 0; i < savevm_entries()->len; i++) {
        const SaveEntry *entry = g_ptr_array_index(savevm_entries(), i);
        bool optional = entry->description && entry->description->needed;
        if (!entry->load_complete && !optional &&
            loader->what & (entry->live ? LOAD_LIVE : LOAD_DEVICES)) {
            return loader_fail(
                loader->reader, error, "the stream ends without %ssection '%s' instance %u",
                entry->load_started ? "the end of " : "", entry->name, entry->instance);
        }
    }
    return true;
}

bool savevm_load_all(MigrationReader *reader, const SavevmCommandOps *commands, void *opaque,
                     GError **error)
{
    g_assert(!bql_locked());
    Loader loader = { reader, LOAD_LIVE | LOAD_DEVICES | LOAD_COMMANDS, commands, opaque };
    return load_sections(&loader, error) && check_complete(&loader, error);
}

bool savevm_load_live(MigrationReader *reader, GError **error)
{
    g_assert(!bql_locked());
    Loader loader = { reader, LOAD_LIVE, NULL, NULL };
    return load_sections(&loader, error);
}

bool savevm_load_devices(MigrationReader *reader, GError **error)
{
    g_assert(bql_locked());
    Loader loader = { reader, LOAD_DEVICES, NULL, NULL };
    for (unsigned i = 0; i < savevm_entries()->len; i++) {
        SaveEntry *entry = g_ptr_array_index(savevm_entries(), i);
        entry->load_complete &= entry->live != NULL;
    }
    return load_sections(&loader, error) && check_complete(&loader, error);
}
