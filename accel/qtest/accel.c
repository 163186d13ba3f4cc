/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The accelerator `qtest`: no guest code runs, the test client moves the virtual clock. */
#include "accel/accel.h"
#include "qtest-internal.h"
#include "util/report.h"
#include "util/timer.h"

static bool clock_is_external;

bool qtest_drives_clock(void)
{
    return clock_is_external;
}

static bool qtest_accel_init(GHashTable *options, GError **error)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, options);
    if (g_hash_table_iter_next(&iter, &key, NULL)) {
        qc_error_set(error, "unknown option '%s': it has none", (const char *)key);
        return false;
    }
    virtual_clock_set_external();
    clock_is_external = true;
    return true;
}

static const AccelOps qtest_accel_ops = {
    .name = "qtest",
    .description = "no guest code runs; a test client drives devices and time (-qtest)",
    .runs_guest_code = false,
    .init = qtest_accel_init,
};

__attribute__((constructor)) static void qtest_accel_register(void)
{
    accel_register(&qtest_accel_ops);
}
