/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The incoming migration from inside. */
#pragma once

#include "migration/migration.h"

/* Why it failed, or NULL. Free with g_free(). Any thread. */
char *migration_incoming_error_text(MigrationIncoming *incoming);
/* The process ends: stop listening, break the stream, wait for the thread until @deadline_us. */
void migration_incoming_shutdown(gint64 deadline_us);
