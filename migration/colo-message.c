/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Sending, receiving and validating COLO's control messages. */
#include "migration/colo-message.h"

#include "migration/checkpoint.h"
#include "migration/savevm-internal.h"
#include "qapi/qapi-types-run-state.h"
#include "system/bql.h"
#include "trace-migration.h"
#include "util/report.h"

/* For each message, its name and the largest value that it may carry. */
static const struct {
    const char *name;
    uint64_t value_max;
} message_table[COLO_MESSAGE_COUNT] = {
    [COLO_MESSAGE_CHECKPOINT_READY] = { "checkpoint-ready", 0 },
    [COLO_MESSAGE_CHECKPOINT_REQUEST] = { "checkpoint-request", CHECKPOINT_REASON_COUNT - 1 },
    [COLO_MESSAGE_CHECKPOINT_REPLY] = { "checkpoint-reply", 0 },
    [COLO_MESSAGE_VMSTATE_SEND] = { "vmstate-send", COLO_SECONDARY_MODE_COUNT - 1 },
    [COLO_MESSAGE_VMSTATE_SIZE] = { "vmstate-size", SAVEVM_DEVICES_MAX },
    [COLO_MESSAGE_VMSTATE_RECEIVED] = { "vmstate-received", 0 },
    [COLO_MESSAGE_VMSTATE_LOADED] = { "vmstate-loaded", 0 },
    [COLO_MESSAGE_GUEST_SHUTDOWN] = { "guest-shutdown", SHUTDOWN_CAUSE__MAX - 1 },
};

const char *colo_message_name(ColoMessageId id)
{
    return id < COLO_MESSAGE_COUNT ? message_table[id].name : "unknown";
}

void colo_message_put(MigrationWriter *writer, ColoMessageId id, uint64_t sequence, uint64_t value)
{
    trace_colo_message_send(colo_message_name(id), sequence, value);
    migration_writer_put_be32(writer, id);
    migration_writer_put_be64(writer, sequence);
    migration_writer_put_be64(writer, value);
}

bool colo_message_send(MigrationWriter *writer, ColoMessageId id, uint64_t sequence, uint64_t value,
                       GError **error)
{
    g_assert(!bql_locked());
    colo_message_put(writer, id, sequence, value);
    if (!migration_writer_flush(writer, error)) {
        g_prefix_error(error, "cannot send COLO message '%s' of checkpoint %" G_GUINT64_FORMAT ": ",
                       colo_message_name(id), sequence);
        return false;
    }
    return true;
}

bool colo_message_receive(MigrationReader *reader, ColoMessage *message, GError **error)
{
    g_assert(!bql_locked());
    uint32_t id = migration_reader_get_be32(reader);
    message->sequence = migration_reader_get_be64(reader);
    message->value = migration_reader_get_be64(reader);
    if (!migration_reader_check(reader, error)) {
        g_prefix_error(error, "no COLO message from the peer: ");
        return false;
    }
    if (id >= COLO_MESSAGE_COUNT) {
        qc_error_set(error, "COLO message with unknown id %u (expected 0 to %d)", id,
                     COLO_MESSAGE_COUNT - 1);
        return false;
    }
    message->id = id;
    if (message->value > message_table[id].value_max) {
        qc_error_set(error,
                     "COLO message '%s' with value %" G_GUINT64_FORMAT
                     " (expected at most %" G_GUINT64_FORMAT ")",
                     message_table[id].name, message->value, message_table[id].value_max);
        return false;
    }
    trace_colo_message_receive(message_table[id].name, message->sequence, message->value);
    return true;
}

bool colo_message_expect(MigrationReader *reader, ColoMessageId id, uint64_t sequence,
                         uint64_t *value, GError **error)
{
    ColoMessage message;

    if (!colo_message_receive(reader, &message, error)) {
        g_prefix_error(error, "waiting for '%s' of checkpoint %" G_GUINT64_FORMAT ": ",
                       colo_message_name(id), sequence);
        return false;
    }
    if (message.id != id || message.sequence != sequence) {
        qc_error_set(error,
                     "COLO message '%s' of checkpoint %" G_GUINT64_FORMAT
                     " where '%s' of checkpoint %" G_GUINT64_FORMAT " was expected",
                     colo_message_name(message.id), message.sequence, colo_message_name(id),
                     sequence);
        return false;
    }
    if (value) {
        *value = message.value;
    }
    return true;
}
