/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Participants of checkpoints, and requests for checkpoints. */
#include "migration/checkpoint-internal.h"

#include "system/bql.h"
#include "trace-migration.h"
#include "util/report.h"

typedef struct Participant {
    const CheckpointOps *ops;
    void *opaque;
    bool started;
} Participant;

static GArray *participants; /* Participant; BQL */

static struct {
    GMutex lock;
    bool active;
    CheckpointSide side;
    bool periodic;
    const CheckpointListener *listener;
    unsigned requested;      /* a bit for each reason, since the last was taken */
    CheckpointReason reason; /* of the first of these requests */
    GError *error;
} hub;

#define PACKET_REASONS                                                      \
    (1u << CHECKPOINT_REASON_MISCOMPARE | 1u << CHECKPOINT_REASON_TIMEOUT | \
     1u << CHECKPOINT_REASON_QUEUE_FULL)

static const char *const reason_names[CHECKPOINT_REASON_COUNT] = {
    [CHECKPOINT_REASON_PERIODIC] = "periodic",     [CHECKPOINT_REASON_REQUEST] = "request",
    [CHECKPOINT_REASON_MISCOMPARE] = "miscompare", [CHECKPOINT_REASON_TIMEOUT] = "timeout",
    [CHECKPOINT_REASON_QUEUE_FULL] = "queue-full", [CHECKPOINT_REASON_SHUTDOWN] = "shutdown",
};

const char *checkpoint_reason_name(CheckpointReason reason)
{
    return reason_names[reason];
}

void checkpoint_participant_add(const CheckpointOps *ops, void *opaque)
{
    Participant participant = { ops, opaque, false };

    g_assert(bql_locked());
    if (!participants) {
        participants = g_array_new(FALSE, FALSE, sizeof(Participant));
    }
    g_array_append_val(participants, participant);
}

void checkpoint_participant_remove(const CheckpointOps *ops, void *opaque)
{
    g_assert(bql_locked());
    for (guint i = 0; participants && i < participants->len; i++) {
        Participant *participant = &g_array_index(participants, Participant, i);
        if (participant->ops == ops && participant->opaque == opaque) {
            g_array_remove_index(participants, i);
            return;
        }
    }
}

void checkpoint_activate(CheckpointSide side, const CheckpointListener *listener)
{
    g_mutex_lock(&hub.lock);
    hub.active = true;
    hub.side = side;
    hub.listener = listener;
    hub.requested = 0;
    g_clear_error(&hub.error);
    g_mutex_unlock(&hub.lock);
}

void checkpoint_deactivate(void)
{
    g_mutex_lock(&hub.lock);
    hub.active = false;
    hub.requested = 0;
    g_clear_error(&hub.error);
    g_mutex_unlock(&hub.lock);
}

bool checkpoint_active(CheckpointSide *side)
{
    g_mutex_lock(&hub.lock);
    bool active = hub.active;
    *side = hub.side;
    g_mutex_unlock(&hub.lock);
    return active;
}

void checkpoint_set_periodic(bool periodic)
{
    g_mutex_lock(&hub.lock);
    hub.periodic = periodic;
    g_mutex_unlock(&hub.lock);
}

bool checkpoint_periodic(void)
{
    g_mutex_lock(&hub.lock);
    bool periodic = hub.periodic;
    g_mutex_unlock(&hub.lock);
    return periodic;
}

void checkpoint_request(CheckpointReason reason)
{
    g_mutex_lock(&hub.lock);
    if (hub.active && hub.side == CHECKPOINT_PRIMARY) {
        if (!hub.requested) {
            hub.reason = reason;
            hub.listener->requested();
            trace_checkpoint_requested(reason_names[reason]);
        }
        hub.requested |= 1u << reason;
    }
    g_mutex_unlock(&hub.lock);
}

bool checkpoint_request_pending(void)
{
    g_mutex_lock(&hub.lock);
    bool requested = hub.requested != 0;
    g_mutex_unlock(&hub.lock);
    return requested;
}

void checkpoint_settle_requests(void)
{
    g_mutex_lock(&hub.lock);
    hub.requested &= ~PACKET_REASONS;
    if (hub.requested && !(hub.requested & 1u << hub.reason)) {
        hub.reason = (CheckpointReason)g_bit_nth_lsf(hub.requested, -1);
    }
    g_mutex_unlock(&hub.lock);
}

bool checkpoint_take_request(CheckpointReason *reason)
{
    g_mutex_lock(&hub.lock);
    bool requested = hub.requested != 0;
    *reason = hub.reason;
    hub.requested = 0;
    g_mutex_unlock(&hub.lock);
    return requested;
}

void checkpoint_report_error(const CheckpointOps *ops, const GError *error)
{
    g_mutex_lock(&hub.lock);
    if (hub.active && !hub.error) {
        hub.error = g_error_copy(error);
        g_prefix_error(&hub.error, "%s: ", ops->name);
        hub.listener->failed();
    }
    g_mutex_unlock(&hub.lock);
}

GError *checkpoint_take_error(void)
{
    g_mutex_lock(&hub.lock);
    GError *error = g_steal_pointer(&hub.error);
    g_mutex_unlock(&hub.lock);
    return error;
}

static guint participant_count(void)
{
    return participants ? participants->len : 0;
}

static Participant *participant_at(guint index)
{
    return &g_array_index(participants, Participant, index);
}

/* Where it is now; NULL when it has gone: *@index is the place before the next one then. */
static Participant *find_participant(const CheckpointOps *ops, const void *opaque, guint *index)
{
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        if (participant->ops == ops && participant->opaque == opaque) {
            *index = i;
            return participant;
        }
    }
    --*index;
    return NULL;
}

bool checkpoint_participants_start(CheckpointSide side, GError **error)
{
    g_assert(bql_locked());
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        const CheckpointOps *ops = participant->ops;
        void *opaque = participant->opaque;
        if (ops->start && !ops->start(opaque, side, error)) {
            g_prefix_error(error, "%s: ", ops->name);
            checkpoint_participants_stop(side);
            return false;
        }
        /* It may have given up the BQL meanwhile, and others may have come or gone. */
        participant = find_participant(ops, opaque, &i);
        if (participant) {
            participant->started = true;
        }
    }
    return true;
}

bool checkpoint_participants_prepare(CheckpointSide side, uint64_t sequence, GError **error)
{
    g_assert(bql_locked());
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        if (participant->started && participant->ops->prepare &&
            !participant->ops->prepare(participant->opaque, side, sequence, error)) {
            g_prefix_error(error, "%s: ", participant->ops->name);
            return false;
        }
    }
    return true;
}

bool checkpoint_participants_commit(CheckpointSide side, uint64_t sequence, GError **error)
{
    g_assert(bql_locked());
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        if (participant->started && participant->ops->commit &&
            !participant->ops->commit(participant->opaque, side, sequence, error)) {
            g_prefix_error(error, "%s: ", participant->ops->name);
            return false;
        }
    }
    return true;
}

bool checkpoint_participants_failover(CheckpointSide side, GError **error)
{
    GError *first = NULL;
    bool named = false;

    g_assert(bql_locked());
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        if (participant->started && participant->ops->failover &&
            !participant->ops->failover(participant->opaque, side, first ? NULL : &first) &&
            !named) {
            g_prefix_error(&first, "%s: ", participant->ops->name);
            named = true;
        }
    }
    if (first) {
        g_propagate_error(error, first);
        return false;
    }
    return true;
}

void checkpoint_participants_stop(CheckpointSide side)
{
    g_assert(bql_locked());
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        if (participant->started && participant->ops->stop) {
            participant->ops->stop(participant->opaque, side);
        }
        participant->started = false;
    }
}

void checkpoint_foreach_packets(void (*visit)(const CheckpointPackets *packets, void *opaque),
                                void *opaque)
{
    g_assert(bql_locked());
    for (guint i = 0; i < participant_count(); i++) {
        Participant *participant = participant_at(i);
        if (participant->ops->packets) {
            CheckpointPackets packets = { 0 };
            participant->ops->packets(participant->opaque, &packets);
            visit(&packets, opaque);
            g_free(packets.name);
        }
    }
}
