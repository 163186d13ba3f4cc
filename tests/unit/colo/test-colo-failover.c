/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The failover state machine: exactly these transitions, each by compare-and-exchange. */
#include "migration/colo-failover.h"
#include "system/bql.h"

static const bool legal[COLO_FAILOVER_STATE_COUNT][COLO_FAILOVER_STATE_COUNT] = {
    [COLO_FAILOVER_NONE] = { [COLO_FAILOVER_REQUIRE] = true },
    [COLO_FAILOVER_REQUIRE] = { [COLO_FAILOVER_ACTIVE] = true,
                                [COLO_FAILOVER_RELAUNCH] = true,
                                [COLO_FAILOVER_NONE] = true },
    [COLO_FAILOVER_ACTIVE] = { [COLO_FAILOVER_COMPLETED] = true },
    [COLO_FAILOVER_COMPLETED] = { [COLO_FAILOVER_NONE] = true },
    [COLO_FAILOVER_RELAUNCH] = { [COLO_FAILOVER_REQUIRE] = true, [COLO_FAILOVER_NONE] = true },
};

static void test_table(void)
{
    for (int from = 0; from < COLO_FAILOVER_STATE_COUNT; from++) {
        for (int to = 0; to < COLO_FAILOVER_STATE_COUNT; to++) {
            g_assert_cmpint(colo_failover_transition_legal(from, to), ==, legal[from][to]);
        }
    }
}

static void test_relaunch(void)
{
    bql_lock();
    colo_failover_reset();
    bql_unlock();
    g_assert_false(colo_failover_wanted());
    g_assert_true(colo_failover_move(COLO_FAILOVER_NONE, COLO_FAILOVER_REQUIRE));
    g_assert_true(colo_failover_wanted());
    g_assert_true(colo_failover_move(COLO_FAILOVER_REQUIRE, COLO_FAILOVER_RELAUNCH));
    g_assert_true(colo_failover_wanted());
    g_assert_true(colo_failover_move(COLO_FAILOVER_RELAUNCH, COLO_FAILOVER_REQUIRE));
    g_assert_true(colo_failover_move(COLO_FAILOVER_REQUIRE, COLO_FAILOVER_ACTIVE));
    g_assert_true(colo_failover_move(COLO_FAILOVER_ACTIVE, COLO_FAILOVER_COMPLETED));
    g_assert_false(colo_failover_wanted());
    g_assert_cmpint(colo_failover_state(), ==, COLO_FAILOVER_COMPLETED);
}

static void test_lost_race(void)
{
    bql_lock();
    colo_failover_reset();
    bql_unlock();
    g_assert_true(colo_failover_move(COLO_FAILOVER_NONE, COLO_FAILOVER_REQUIRE));
    /* Somebody else was faster: refused, the state stays. */
    g_assert_false(colo_failover_move(COLO_FAILOVER_NONE, COLO_FAILOVER_REQUIRE));
    g_assert_cmpint(colo_failover_state(), ==, COLO_FAILOVER_REQUIRE);
}

static void test_illegal_aborts(void)
{
    if (g_test_subprocess()) {
        colo_failover_move(COLO_FAILOVER_NONE, COLO_FAILOVER_COMPLETED);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*'none' to 'completed'*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/colo-failover/table", test_table);
    g_test_add_func("/colo-failover/relaunch", test_relaunch);
    g_test_add_func("/colo-failover/lost-race", test_lost_race);
    g_test_add_func("/colo-failover/illegal-aborts", test_illegal_aborts);
    return g_test_run();
}
