/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The status of a migration in either direction. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qapi/qapi-types-migration.h"

/*
 * Move *@status from @from to @to by compare-and-exchange; false when it was not @from. @side
 * ("outgoing", "incoming") is for traces and errors. See migration_move().
 */
bool migration_status_move(gint *status, const char *side, MigrationStatus from,
                           MigrationStatus to);
/* Neither before the first migration nor after the end of one. */
bool migration_status_in_progress(MigrationStatus status);
