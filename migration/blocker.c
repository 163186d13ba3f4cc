/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Reasons why the VM cannot be migrated now. */
#include "migration/blocker.h"

#include "migration/outgoing.h"
#include "qapi/type-info.h"
#include "system/bql.h"
#include "util/report.h"

struct MigrationBlocker {
    char *reason;
};

static GPtrArray *blockers; /* MigrationBlocker, owned */

static void blocker_free(void *opaque)
{
    MigrationBlocker *blocker = opaque;
    g_free(blocker->reason);
    g_free(blocker);
}

MigrationBlocker *migration_blocker_add(const char *reason, GError **error)
{
    g_assert(bql_locked());
    if (migration_in_progress()) {
        qc_error_set(error, "disallowing migration is not possible while one is in progress (%s)",
                     reason);
        return NULL;
    }
    if (!blockers) {
        blockers = g_ptr_array_new_with_free_func(blocker_free);
    }
    MigrationBlocker *blocker = g_new(MigrationBlocker, 1);
    blocker->reason = g_strdup(reason);
    g_ptr_array_add(blockers, blocker);
    return blocker;
}

void migration_blocker_remove(MigrationBlocker *blocker)
{
    g_assert(bql_locked());
    if (blocker) {
        g_ptr_array_remove(blockers, blocker);
    }
}

bool migration_blockers_check(GError **error)
{
    if (blockers && blockers->len > 0) {
        const MigrationBlocker *first = g_ptr_array_index(blockers, 0);
        qc_error_set(error, "%s", first->reason);
        return false;
    }
    return true;
}

GPtrArray *migration_blocker_reasons(void)
{
    if (!blockers || blockers->len == 0) {
        return NULL;
    }
    GPtrArray *reasons = qapi_str_list_new();
    for (unsigned i = 0; i < blockers->len; i++) {
        const MigrationBlocker *blocker = g_ptr_array_index(blockers, i);
        g_ptr_array_add(reasons, g_strdup(blocker->reason));
    }
    return reasons;
}
