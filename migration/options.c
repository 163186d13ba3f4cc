/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Capabilities and parameters of migrations: what is set, and setting it. */
#include <string.h>

#include "migration/migration.h"
#include "migration/outgoing.h"
#include "qapi/qapi-commands-migration.h"
#include "util/report.h"

#define DOWNTIME_LIMIT_MAX_MS   UINT64_C(2000000)
#define ANNOUNCE_TIME_MAX_MS    UINT64_C(100000)
#define ANNOUNCE_STEP_MAX_MS    UINT64_C(10000)
#define ANNOUNCE_ROUNDS_MAX     UINT64_C(1000)
#define CHECKPOINT_DELAY_MAX_MS UINT32_C(3600000)

/* Set with the BQL held, read by any thread (atomic). */
static bool capabilities[MIGRATION_CAPABILITY__MAX] = {
    [MIGRATION_CAPABILITY_RETURN_PATH] = true,
};

static struct {
    uint64_t announce_initial;
    uint64_t announce_max;
    uint64_t announce_rounds;
    uint64_t announce_step;
    uint64_t max_bandwidth;
    uint64_t downtime_limit;
    uint32_t checkpoint_delay;
    COLOCheckpointMode colo_mode;
    COLOErrorPolicy colo_error_policy;
} parameters = {
    .announce_initial = 50,
    .announce_max = 550,
    .announce_rounds = 5,
    .announce_step = 100,
    .max_bandwidth = UINT64_C(128) * 1024 * 1024,
    .downtime_limit = 300,
    .checkpoint_delay = 20000,
    .colo_mode = COLO_CHECKPOINT_MODE_HYBRID,
    .colo_error_policy = COLO_ERROR_POLICY_PRIMARY,
};

static const MigrationColoOps *colo_ops;

static struct {
    void (*function)(void *opaque);
    void *opaque;
} delay_notify;

void migration_colo_register(const MigrationColoOps *ops)
{
    colo_ops = ops;
}

const MigrationColoOps *migration_colo_ops(void)
{
    return colo_ops;
}

/* ---- capabilities ---- */

bool migration_capability(MigrationCapability capability)
{
    return __atomic_load_n(&capabilities[capability], __ATOMIC_RELAXED);
}

bool migration_colo_enabled(void)
{
    return migration_capability(MIGRATION_CAPABILITY_X_COLO);
}

static bool is_colo(MigrationCapability capability)
{
    return capability == MIGRATION_CAPABILITY_X_COLO || capability == MIGRATION_CAPABILITY_COLO;
}

bool migration_capability_supported(MigrationCapability capability)
{
    return colo_ops || !is_colo(capability);
}

static void capability_set(MigrationCapability capability, bool state)
{
    if (is_colo(capability)) {
        /* Two names of one thing. */
        __atomic_store_n(&capabilities[MIGRATION_CAPABILITY_COLO], state, __ATOMIC_RELAXED);
        capability = MIGRATION_CAPABILITY_X_COLO;
    }
    __atomic_store_n(&capabilities[capability], state, __ATOMIC_RELAXED);
}

void qmp_migrate_set_capabilities(GPtrArray *list, GError **error)
{
    if (migration_in_progress()) {
        qc_error_set(error, "There's a migration process in progress");
        return;
    }
    for (unsigned i = 0; i < list->len; i++) {
        const MigrationCapabilityStatus *item = g_ptr_array_index(list, i);
        if (item->state && !migration_capability_supported(item->capability)) {
            qc_error_set(error,
                         "Capability '%s' is not there: this build leaves out COLO "
                         "(configure --disable-colo)",
                         MigrationCapability_str(item->capability));
            return;
        }
    }
    for (unsigned i = 0; i < list->len; i++) {
        const MigrationCapabilityStatus *item = g_ptr_array_index(list, i);
        capability_set(item->capability, item->state);
    }
}

GPtrArray *qmp_query_migrate_capabilities(GError **error)
{
    GPtrArray *list = MigrationCapabilityStatus_list_new();
    for (unsigned i = 0; i < MIGRATION_CAPABILITY__MAX; i++) {
        if (migration_capability_supported(i)) {
            MigrationCapabilityStatus *item = MigrationCapabilityStatus_new();
            item->capability = i;
            item->state = migration_capability(i);
            g_ptr_array_add(list, item);
        }
    }
    return list;
}

/* ---- parameters ---- */

uint64_t migration_parameter_max_bandwidth(void)
{
    return __atomic_load_n(&parameters.max_bandwidth, __ATOMIC_RELAXED);
}

uint64_t migration_parameter_downtime_limit_ms(void)
{
    return __atomic_load_n(&parameters.downtime_limit, __ATOMIC_RELAXED);
}

uint32_t migration_parameter_checkpoint_delay_ms(void)
{
    return __atomic_load_n(&parameters.checkpoint_delay, __ATOMIC_RELAXED);
}

MigrationAnnounce migration_parameter_announce(void)
{
    return (MigrationAnnounce){
        .initial_ms = (unsigned)parameters.announce_initial,
        .max_ms = (unsigned)parameters.announce_max,
        .rounds = (unsigned)parameters.announce_rounds,
        .step_ms = (unsigned)parameters.announce_step,
    };
}

COLOCheckpointMode migration_parameter_colo_mode(void)
{
    return __atomic_load_n(&parameters.colo_mode, __ATOMIC_RELAXED);
}

COLOErrorPolicy migration_parameter_colo_error_policy(void)
{
    return __atomic_load_n(&parameters.colo_error_policy, __ATOMIC_RELAXED);
}

void migration_checkpoint_delay_notify(void (*changed)(void *opaque), void *opaque)
{
    delay_notify.function = changed;
    delay_notify.opaque = opaque;
}

static bool check_range(const char *name, bool given, uint64_t value, uint64_t minimum,
                        uint64_t maximum, GError **error)
{
    if (!given || (value >= minimum && value <= maximum)) {
        return true;
    }
    qc_error_set(error,
                 "Parameter '%s' expects an integer in the range of %" G_GUINT64_FORMAT
                 " to %" G_GUINT64_FORMAT,
                 name, minimum, maximum);
    return false;
}

static bool validate_parameters(const MigrationParameters *new, GError **error)
{
    return check_range("announce-initial", new->has_announce_initial, new->announce_initial, 0,
                       ANNOUNCE_TIME_MAX_MS, error) &&
           check_range("announce-max", new->has_announce_max, new->announce_max, 0,
                       ANNOUNCE_TIME_MAX_MS, error) &&
           check_range("announce-rounds", new->has_announce_rounds, new->announce_rounds, 0,
                       ANNOUNCE_ROUNDS_MAX, error) &&
           check_range("announce-step", new->has_announce_step, new->announce_step, 1,
                       ANNOUNCE_STEP_MAX_MS, error) &&
           check_range("max-bandwidth", new->has_max_bandwidth, new->max_bandwidth, 0, INT64_MAX,
                       error) &&
           check_range("downtime-limit", new->has_downtime_limit, new->downtime_limit, 0,
                       DOWNTIME_LIMIT_MAX_MS, error) &&
           check_range("x-checkpoint-delay", new->has_x_checkpoint_delay, new->x_checkpoint_delay,
                       0, CHECKPOINT_DELAY_MAX_MS, error);
}

#define APPLY(member, field)                                                    \
    do {                                                                        \
        if (new->has_##member) {                                                \
            __atomic_store_n(&parameters.field, new->member, __ATOMIC_RELAXED); \
        }                                                                       \
    } while (0)

void qmp_migrate_set_parameters(MigrationParameters *new, GError **error)
{
    if (!validate_parameters(new, error)) {
        return;
    }
    APPLY(announce_initial, announce_initial);
    APPLY(announce_max, announce_max);
    APPLY(announce_rounds, announce_rounds);
    APPLY(announce_step, announce_step);
    APPLY(max_bandwidth, max_bandwidth);
    APPLY(downtime_limit, downtime_limit);
    APPLY(x_checkpoint_delay, checkpoint_delay);
    APPLY(x_colo_mode, colo_mode);
    APPLY(x_colo_error_policy, colo_error_policy);
    if (new->has_x_checkpoint_delay && delay_notify.function) {
        delay_notify.function(delay_notify.opaque);
    }
}

#define REPORT(member, field)              \
    do {                                   \
        result->has_##member = true;       \
        result->member = parameters.field; \
    } while (0)

MigrationParameters *qmp_query_migrate_parameters(GError **error)
{
    MigrationParameters *result = MigrationParameters_new();
    REPORT(announce_initial, announce_initial);
    REPORT(announce_max, announce_max);
    REPORT(announce_rounds, announce_rounds);
    REPORT(announce_step, announce_step);
    REPORT(max_bandwidth, max_bandwidth);
    REPORT(downtime_limit, downtime_limit);
    REPORT(x_checkpoint_delay, checkpoint_delay);
    REPORT(x_colo_mode, colo_mode);
    REPORT(x_colo_error_policy, colo_error_policy);
    return result;
}
