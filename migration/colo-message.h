/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Control messages of COLO, on the migration channel in both directions: id (be32), number of
 * the checkpoint that it belongs to (be64), value (be64).
 */
#pragma once

#include "migration/stream.h"

typedef enum ColoMessageId {
    COLO_MESSAGE_CHECKPOINT_READY,   /* secondary: loaded and waiting; number 0 */
    COLO_MESSAGE_CHECKPOINT_REQUEST, /* primary: stop; value: CheckpointReason */
    COLO_MESSAGE_CHECKPOINT_REPLY,   /* secondary: have stopped */
    COLO_MESSAGE_VMSTATE_SEND,       /* primary: RAM follows; value: ColoSecondaryMode */
    COLO_MESSAGE_VMSTATE_SIZE,       /* primary: device state follows; value: its bytes */
    COLO_MESSAGE_VMSTATE_RECEIVED,   /* secondary: have it all, this checkpoint wins */
    COLO_MESSAGE_VMSTATE_LOADED,     /* secondary: it is loaded */
    COLO_MESSAGE_GUEST_SHUTDOWN,     /* primary: the guest has shut down; value: ShutdownCause */
    COLO_MESSAGE_COUNT,
} ColoMessageId;

/* What the secondary's VM does until the next checkpoint; value of `vmstate-send`. */
typedef enum ColoSecondaryMode {
    COLO_SECONDARY_RUNS,  /* hybrid */
    COLO_SECONDARY_WAITS, /* periodic, or the primary is paused */
    COLO_SECONDARY_MODE_COUNT,
} ColoSecondaryMode;

typedef struct ColoMessage {
    ColoMessageId id;
    uint64_t sequence;
    uint64_t value;
} ColoMessage;

/* The field's name of a message, "checkpoint-ready" and so on. */
const char *colo_message_name(ColoMessageId id);

/* Put and flush one message. May wait: not with the BQL. */
bool colo_message_send(MigrationWriter *writer, ColoMessageId id, uint64_t sequence, uint64_t value,
                       GError **error);

/* Put without flushing: more follows at once. */
void colo_message_put(MigrationWriter *writer, ColoMessageId id, uint64_t sequence, uint64_t value);

/* Read one message and check id and value range. Waits: not with the BQL. */
bool colo_message_receive(MigrationReader *reader, ColoMessage *message, GError **error);

/*
 * Read one message that must have that @id and @sequence. The error names what came and what
 * was expected. Waits: not with the BQL.
 */
bool colo_message_expect(MigrationReader *reader, ColoMessageId id, uint64_t sequence,
                         uint64_t *value, GError **error);
