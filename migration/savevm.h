/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The container of the migration stream: header, configuration, sections, commands, end, and
 * the register of who has state to save. Live state (RAM) is sent while the VM runs, device
 * state (VMStateDescription) once it is stopped; each part can be saved and loaded on its own,
 * which is what checkpoints do.
 *
 * Format: docs/devel/migration.md.
 */
#pragma once

#include "migration/stream.h"

#define SAVEVM_MAGIC   0x5145564du
#define SAVEVM_VERSION 3u

typedef enum SavevmSection {
    SAVEVM_SECTION_EOF = 0x00,
    SAVEVM_SECTION_START = 0x01,
    SAVEVM_SECTION_PART = 0x02,
    SAVEVM_SECTION_END = 0x03,
    SAVEVM_SECTION_FULL = 0x04,
    SAVEVM_SECTION_SUBSECTION = 0x05,
    SAVEVM_SECTION_DESCRIPTION = 0x06,
    SAVEVM_SECTION_CONFIGURATION = 0x07,
    SAVEVM_SECTION_COMMAND = 0x08,
    SAVEVM_SECTION_FOOTER = 0x7e,
} SavevmSection;

typedef enum SavevmCommand {
    SAVEVM_COMMAND_OPEN_RETURN_PATH = 1,
    SAVEVM_COMMAND_PING = 2,
    SAVEVM_COMMAND_POSTCOPY_ADVISE = 3,
    SAVEVM_COMMAND_POSTCOPY_LISTEN = 4,
    SAVEVM_COMMAND_POSTCOPY_RUN = 5,
    SAVEVM_COMMAND_POSTCOPY_RAM_DISCARD = 6,
    SAVEVM_COMMAND_PACKAGED = 7,
    SAVEVM_COMMAND_ENABLE_COLO = 8,
    SAVEVM_COMMAND_POSTCOPY_RESUME = 9,
    SAVEVM_COMMAND_RECEIVED_BITMAP = 10,
} SavevmCommand;

/*
 * State that is sent while the VM runs. setup, iterate and pending run on the migration thread
 * without the BQL; complete runs there with the VM stopped, without the BQL.
 */
typedef struct SavevmLiveOps {
    bool (*setup)(MigrationWriter *writer, void *opaque, GError **error);
    /* Send until the rate limit or the end of what is known to be dirty. */
    bool (*iterate)(MigrationWriter *writer, void *opaque, GError **error);
    /* Bytes still to send; @exact: look again at what the guest has changed. */
    uint64_t (*pending)(bool exact, void *opaque);
    bool (*complete)(MigrationWriter *writer, void *opaque, GError **error);
    /* The migration is over, however it ended; undo setup. BQL held. */
    void (*cleanup)(void *opaque);
    bool (*load)(MigrationReader *reader, int version, void *opaque, GError **error);
} SavevmLiveOps;

/* @name lives as long as the registration. BQL. */
void savevm_register_live(const char *name, int version, const SavevmLiveOps *ops, void *opaque);
void savevm_unregister_live(const char *name);

/*
 * Is there registered state that cannot be moved (VMStateDescription.unmigratable)? Then false
 * and an error that names it. BQL.
 */
bool savevm_check_migratable(GError **error);

/* ---- saving ---- */

/*
 * Put the head of a section of the live state @name (registered before), and its footer. The
 * loader hands what is between to its `load`.
 */
void savevm_begin_live_section(MigrationWriter *writer, SavevmSection type, const char *name);
void savevm_end_live_section(MigrationWriter *writer, const char *name);

/* Magic, version, configuration section. */
void savevm_put_header(MigrationWriter *writer);
/* @size is at most 65535. */
void savevm_put_command(MigrationWriter *writer, SavevmCommand command, const void *data,
                        size_t size);
bool savevm_live_setup(MigrationWriter *writer, GError **error);
bool savevm_live_iterate(MigrationWriter *writer, GError **error);
uint64_t savevm_live_pending(bool exact);
/* The last part of live state, VM stopped. In a checkpoint: all pages that are dirty now. */
bool savevm_live_complete(MigrationWriter *writer, GError **error);
/* BQL held. */
void savevm_live_cleanup(void);
/*
 * All registered device state as full sections. BQL held, VM stopped; @writer writes to a
 * buffer, so that nothing waits.
 */
bool savevm_save_devices(MigrationWriter *writer, GError **error);
/*
 * Device state that was saved to @devices (a buffer), followed by the end-of-file byte, as a
 * `packaged` command: the loader then has it in memory before it takes the BQL. Borrows what
 * @devices holds until the next flush.
 */
void savevm_put_package(MigrationWriter *writer, const MigrationWriter *devices);
/* The byte that ends a run of sections. */
void savevm_put_eof(MigrationWriter *writer);
/* The JSON description of the device sections, for stream analyzers. BQL held. */
void savevm_put_description(MigrationWriter *writer);

/* ---- loading ---- */

/* What the stream's commands ask for; the loader calls these. Any may be NULL: refused. */
typedef struct SavevmCommandOps {
    bool (*open_return_path)(void *opaque, GError **error);
    bool (*ping)(uint32_t value, void *opaque, GError **error);
    bool (*enable_colo)(void *opaque, GError **error);
} SavevmCommandOps;

/* Check magic, version and configuration. Forgets section ids of an earlier stream. */
bool savevm_load_header(MigrationReader *reader, GError **error);
/*
 * Everything from the header's end to the end-of-file byte. Not with the BQL: takes it for
 * device sections, which are wholly in memory by then, because they came as a package or
 * because the stream was read to its end first (one that has no return path ends there).
 */
bool savevm_load_all(MigrationReader *reader, const SavevmCommandOps *commands, void *opaque,
                     GError **error);
/*
 * One checkpoint's live sections up to the end-of-file byte; a device section is an error.
 * BQL not held. Section ids are those of the first copy.
 */
bool savevm_load_live(MigrationReader *reader, GError **error);
/* Device sections up to the end-of-file byte, from a memory reader. BQL held, VM stopped. */
bool savevm_load_devices(MigrationReader *reader, GError **error);
