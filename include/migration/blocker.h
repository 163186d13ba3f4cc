/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Reasons why the VM cannot be migrated now. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct MigrationBlocker MigrationBlocker;

/*
 * Refuse `migrate` until the blocker is removed; @reason is a sentence for the user that names
 * the thing in the way. NULL with an error while a migration is under way. BQL.
 */
MigrationBlocker *migration_blocker_add(const char *reason, GError **error);
/* Removes and frees; NULL is allowed. BQL. */
void migration_blocker_remove(MigrationBlocker *blocker);
