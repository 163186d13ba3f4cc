/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Parts that want to know when an outgoing migration begins and ends. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum MigrationStage {
    MIGRATION_STAGE_SETUP,  /* about to begin; an error refuses the migration */
    MIGRATION_STAGE_DONE,   /* the other side has the VM */
    MIGRATION_STAGE_FAILED, /* failed or cancelled; the VM stays here */
} MigrationStage;

typedef struct MigrationNotifier MigrationNotifier;

/*
 * Returns false with an error to refuse (MIGRATION_STAGE_SETUP only; those that were told of
 * the setup before are told of the failure). Main loop or migration thread, BQL held.
 */
typedef bool MigrationNotify(MigrationStage stage, void *opaque, GError **error);

/* BQL. */
MigrationNotifier *migration_notifier_add(MigrationNotify *notify, void *opaque);
void migration_notifier_remove(MigrationNotifier *notifier);
