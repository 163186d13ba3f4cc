/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator's part in checkpoints. All of it happens in the thread that calls, under the
 * comparator's lock, which nobody holds for longer than a frame takes.
 */
#include "net/colo-compare.h"
#include "util/report.h"

/* Where somebody else directs the checkpoints, COLO's own are none of our business. */
static bool takes_part(const ColoCompare *self, CheckpointSide side)
{
    return side == CHECKPOINT_PRIMARY && !self->notify_dev;
}

/* What the comparator has released leaves before anything else happens. */
static void unlock(ColoCompare *self)
{
    g_mutex_unlock(&self->lock);
    if (self->tap) {
        compare_tap_flush(self->tap);
    }
}

static void set_running(ColoCompare *self, bool running)
{
    g_mutex_lock(&self->lock);
    comparator_set_running(self->comparator, running);
    unlock(self);
}

/* In periodic mode the secondary's guest waits: there is nothing to compare with. */
static bool compare_start(void *opaque, CheckpointSide side, GError **error)
{
    ColoCompare *self = opaque;

    if (!takes_part(self, side)) {
        return true;
    }
    if (!char_frontend_is_open(&self->secondary.frontend)) {
        g_autofree char *name = colo_compare_name(self);
        qc_error_set(error, "'%s': chardev '%s' has no peer that would send the secondary's frames",
                     name, self->secondary_in);
        return false;
    }
    set_running(self, !checkpoint_periodic());
    return true;
}

static bool compare_prepare(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    ColoCompare *self = opaque;

    if (takes_part(self, side)) {
        g_mutex_lock(&self->lock);
        comparator_checkpoint_begins(self->comparator);
        unlock(self);
    }
    return true;
}

static bool compare_commit(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    ColoCompare *self = opaque;

    if (takes_part(self, side)) {
        g_mutex_lock(&self->lock);
        comparator_checkpoint(self->comparator);
        comparator_set_running(self->comparator, !checkpoint_periodic());
        unlock(self);
    }
    return true;
}

static void compare_stop(void *opaque, CheckpointSide side)
{
    ColoCompare *self = opaque;

    if (takes_part(self, side)) {
        set_running(self, false);
    }
}

static bool compare_failover(void *opaque, CheckpointSide side, GError **error)
{
    compare_stop(opaque, side);
    return true;
}

static void compare_packets(void *opaque, CheckpointPackets *packets)
{
    ColoCompare *self = opaque;

    g_mutex_lock(&self->lock);
    ComparatorStatistics statistics = comparator_statistics(self->comparator);
    g_mutex_unlock(&self->lock);
    packets->name = colo_compare_name(self);
    comparator_statistics_report(&statistics, packets);
}

static const CheckpointOps compare_ops = {
    .name = "colo-compare",
    .start = compare_start,
    .prepare = compare_prepare,
    .commit = compare_commit,
    .failover = compare_failover,
    .stop = compare_stop,
    .packets = compare_packets,
};

void colo_compare_join_checkpoints(ColoCompare *self)
{
    checkpoint_participant_add(&compare_ops, self);
}

void colo_compare_leave_checkpoints(ColoCompare *self)
{
    checkpoint_participant_remove(&compare_ops, self);
}
