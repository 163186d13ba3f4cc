/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The status of a migration, outgoing or incoming: which moves there are, and the one that moves.
 */
#include "migration/state.h"

#include "migration/migration.h"
#include "qapi/qapi-events-migration.h"
#include "trace-migration.h"
#include "util/report.h"

#define TO(status) (1u << MIGRATION_STATUS_##status)

/* From each status, the set it may move to. */
static const unsigned transitions[MIGRATION_STATUS__MAX] = {
    [MIGRATION_STATUS_NONE] = TO(SETUP),
    [MIGRATION_STATUS_SETUP] = TO(ACTIVE) | TO(FAILED) | TO(CANCELLING),
    [MIGRATION_STATUS_ACTIVE] =
        TO(PRE_SWITCHOVER) | TO(COLO) | TO(COMPLETED) | TO(FAILED) | TO(CANCELLING),
    [MIGRATION_STATUS_PRE_SWITCHOVER] = TO(DEVICE) | TO(FAILED) | TO(CANCELLING),
    [MIGRATION_STATUS_DEVICE] = TO(COLO) | TO(COMPLETED) | TO(FAILED) | TO(CANCELLING),
    [MIGRATION_STATUS_COLO] = TO(COMPLETED) | TO(FAILED),
    [MIGRATION_STATUS_CANCELLING] = TO(CANCELLED),
    [MIGRATION_STATUS_CANCELLED] = TO(SETUP),
    [MIGRATION_STATUS_COMPLETED] = TO(SETUP),
    [MIGRATION_STATUS_FAILED] = TO(SETUP),
};

bool migration_transition_legal(MigrationStatus from, MigrationStatus to)
{
    return from < MIGRATION_STATUS__MAX && to < MIGRATION_STATUS__MAX &&
           (transitions[from] & 1u << to);
}

bool migration_status_move(gint *status, const char *side, MigrationStatus from, MigrationStatus to)
{
    if (!migration_transition_legal(from, to)) {
        report_error("the %s migration cannot change from '%s' to '%s'", side,
                     MigrationStatus_str(from), MigrationStatus_str(to));
        g_assert_not_reached();
        return false;
    }
    if (!g_atomic_int_compare_and_exchange(status, from, to)) {
        return false;
    }
    trace_migration_move(side, MigrationStatus_str(from), MigrationStatus_str(to));
    if (migration_capability(MIGRATION_CAPABILITY_EVENTS)) {
        qapi_event_send_migration(to);
    }
    return true;
}

bool migration_status_in_progress(MigrationStatus status)
{
    switch (status) {
    case MIGRATION_STATUS_NONE:
    case MIGRATION_STATUS_COMPLETED:
    case MIGRATION_STATUS_FAILED:
    case MIGRATION_STATUS_CANCELLED:
        return false;
    default:
        return true;
    }
}
