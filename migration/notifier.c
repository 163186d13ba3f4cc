/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Telling others that an outgoing migration begins and how it ended. */
#include "migration/notifier.h"

#include "migration/outgoing.h"
#include "system/bql.h"

struct MigrationNotifier {
    MigrationNotify *notify;
    void *opaque;
    bool told; /* of the setup of the running migration */
};

static GPtrArray *notifiers; /* MigrationNotifier, owned */

MigrationNotifier *migration_notifier_add(MigrationNotify *notify, void *opaque)
{
    g_assert(bql_locked());
    if (!notifiers) {
        notifiers = g_ptr_array_new_with_free_func(g_free);
    }
    MigrationNotifier *notifier = g_new0(MigrationNotifier, 1);
    notifier->notify = notify;
    notifier->opaque = opaque;
    g_ptr_array_add(notifiers, notifier);
    return notifier;
}

void migration_notifier_remove(MigrationNotifier *notifier)
{
    g_assert(bql_locked());
    g_ptr_array_remove(notifiers, notifier);
}

/* Only those that know of the migration hear of its end. */
static void notify_end(MigrationStage stage)
{
    for (unsigned i = 0; notifiers && i < notifiers->len; i++) {
        MigrationNotifier *notifier = g_ptr_array_index(notifiers, i);
        if (notifier->told) {
            notifier->told = false;
            notifier->notify(stage, notifier->opaque, NULL);
        }
    }
}

bool migration_notify(MigrationStage stage, GError **error)
{
    g_assert(bql_locked());
    if (stage != MIGRATION_STAGE_SETUP) {
        notify_end(stage);
        return true;
    }
    for (unsigned i = 0; notifiers && i < notifiers->len; i++) {
        MigrationNotifier *notifier = g_ptr_array_index(notifiers, i);
        notifier->told = notifier->notify(MIGRATION_STAGE_SETUP, notifier->opaque, error);
        if (!notifier->told) {
            notify_end(MIGRATION_STAGE_FAILED);
            return false;
        }
    }
    return true;
}
