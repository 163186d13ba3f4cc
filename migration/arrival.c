/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Telling others that the VM is active here now. */
#include "migration/arrival.h"

#include <glib.h>

#include "migration/migration.h"
#include "system/main-loop.h"
#include "trace-migration.h"

typedef struct Notifier {
    MigrationArrived *arrived;
    void *opaque;
} Notifier;

static GArray *notifiers; /* Notifier; BQL */

void migration_arrival_notifier_add(MigrationArrived *arrived, void *opaque)
{
    Notifier notifier = { arrived, opaque };

    if (!notifiers) {
        notifiers = g_array_new(FALSE, FALSE, sizeof(Notifier));
    }
    g_array_append_val(notifiers, notifier);
}

static void notify_all(void *unused)
{
    MigrationAnnounce announce = migration_parameter_announce();

    trace_migration_arrived(announce.rounds);
    for (guint i = 0; notifiers && i < notifiers->len; i++) {
        const Notifier *notifier = &g_array_index(notifiers, Notifier, i);
        notifier->arrived(&announce, notifier->opaque);
    }
}

void migration_arrived(void)
{
    main_loop_schedule(notify_all, NULL);
}
