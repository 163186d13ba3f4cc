/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Migration URIs: tcp:HOST:PORT, unix:PATH, fd:NUMBER-OR-NAME, exec:COMMAND, file:PATH. */
#pragma once

#include "io/channel.h"

typedef struct MigrationTarget {
    Channel *channel;        /* to be opened with `address` when that is set */
    ChannelAddress *address; /* or NULL: `channel` is ready */
} MigrationTarget;

/*
 * Where an outgoing migration goes. Does what cannot wait: parses, opens files, starts commands,
 * takes descriptors over. Errors name what is wrong with @uri.
 */
MigrationTarget *migration_target_new(const char *uri, GError **error);
void migration_target_free(MigrationTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationTarget, migration_target_free)
/* Connect when that is needed; not with the BQL. channel_shutdown() breaks it. */
bool migration_target_open(MigrationTarget *target, GError **error);

/*
 * Where an incoming migration comes from: a channel that is ready, or a listener (*@listener)
 * and NULL without an error.
 */
Channel *migration_source_open(const char *uri, ChannelListener **listener, GError **error);

/* Can the other end answer on @channel? */
bool migration_channel_two_way(Channel *channel);
