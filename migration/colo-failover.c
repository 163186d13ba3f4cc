/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The failover state machine. */
#include "migration/colo-failover.h"

#include "system/bql.h"
#include "trace-migration.h"
#include "util/report.h"

static gint failover_state = COLO_FAILOVER_NONE;

#define TO(state) (1u << COLO_FAILOVER_##state)

static const unsigned transitions[COLO_FAILOVER_STATE_COUNT] = {
    [COLO_FAILOVER_NONE] = TO(REQUIRE),
    [COLO_FAILOVER_REQUIRE] = TO(ACTIVE) | TO(RELAUNCH) | TO(NONE),
    [COLO_FAILOVER_ACTIVE] = TO(COMPLETED),
    [COLO_FAILOVER_COMPLETED] = TO(NONE),
    [COLO_FAILOVER_RELAUNCH] = TO(REQUIRE) | TO(NONE),
};

static const char *const names[COLO_FAILOVER_STATE_COUNT] = {
    [COLO_FAILOVER_NONE] = "none",         [COLO_FAILOVER_REQUIRE] = "require",
    [COLO_FAILOVER_ACTIVE] = "active",     [COLO_FAILOVER_COMPLETED] = "completed",
    [COLO_FAILOVER_RELAUNCH] = "relaunch",
};

const char *colo_failover_state_name(ColoFailoverState state)
{
    return names[state];
}

ColoFailoverState colo_failover_state(void)
{
    return (ColoFailoverState)g_atomic_int_get(&failover_state);
}

bool colo_failover_transition_legal(ColoFailoverState from, ColoFailoverState to)
{
    return transitions[from] & 1u << to;
}

bool colo_failover_move(ColoFailoverState from, ColoFailoverState to)
{
    if (!colo_failover_transition_legal(from, to)) {
        report_error("failover cannot go from state '%s' to '%s'", names[from], names[to]);
        g_assert_not_reached();
        return false;
    }
    if (!g_atomic_int_compare_and_exchange(&failover_state, (gint)from, (gint)to)) {
        return false;
    }
    trace_colo_failover_move(names[from], names[to]);
    return true;
}

void colo_failover_reset(void)
{
    g_assert(bql_locked());
    g_atomic_int_set(&failover_state, COLO_FAILOVER_NONE);
}

bool colo_failover_wanted(void)
{
    ColoFailoverState state = colo_failover_state();

    return state == COLO_FAILOVER_REQUIRE || state == COLO_FAILOVER_ACTIVE ||
           state == COLO_FAILOVER_RELAUNCH;
}
