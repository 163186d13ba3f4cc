/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object `filter-replay`: belongs to record/replay, which there is not; refused by name. */
#include "net/filter-internal.h"
#include "util/report.h"

typedef struct ReplayFilter {
    NetFilter parent;
} ReplayFilter;

typedef struct ReplayFilterClass {
    NetFilterClass parent;
} ReplayFilterClass;

OBJECT_DEFINE_TYPE(ReplayFilter, ReplayFilterClass, replay_filter, "filter-replay",
                   TYPE_NET_FILTER);

static bool replay_setup(NetFilter *filter, GError **error)
{
    qc_error_set(error, "filter-replay is of use only for record/replay, which is not supported");
    return false;
}

static void replay_filter_init(ReplayFilter *self)
{
}

static void replay_filter_class_init(ReplayFilterClass *klass)
{
    klass->parent.setup = replay_setup;
}
