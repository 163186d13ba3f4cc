/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* State of the whole VM that travels with it: the run state and the virtual clock. */
#include <string.h>

#include "migration/global-state.h"
#include "migration/migration.h"
#include "util/report.h"
#include "util/timer.h"

/* ---- run state ---- */

#define RUN_STATE_NAME_BYTES 100

static struct {
    uint8_t name[RUN_STATE_NAME_BYTES]; /* as it travels, NUL-terminated */
    RunState loaded;
} global_state = { .name = "running", .loaded = RUN_STATE_RUNNING };

/* States in which a VM can arrive. */
static const unsigned arrival_states =
    1u << RUN_STATE_RUNNING | 1u << RUN_STATE_PAUSED | 1u << RUN_STATE_PRELAUNCH |
    1u << RUN_STATE_SHUTDOWN | 1u << RUN_STATE_SUSPENDED | 1u << RUN_STATE_IO_ERROR |
    1u << RUN_STATE_INTERNAL_ERROR | 1u << RUN_STATE_WATCHDOG | 1u << RUN_STATE_GUEST_PANICKED;

void global_state_store(RunState state)
{
    memset(global_state.name, 0, sizeof(global_state.name));
    g_strlcpy((char *)global_state.name, RunState_str(state), sizeof(global_state.name));
}

RunState global_state_loaded(void)
{
    return global_state.loaded;
}

static bool global_state_post_load(void *opaque, int version, GError **error)
{
    const char *name = (const char *)global_state.name;
    if (!memchr(name, '\0', RUN_STATE_NAME_BYTES)) {
        qc_error_set(error, "field 'name': the run state's name does not end");
        return false;
    }
    RunState state;
    if (!RunState_parse(name, &state, NULL)) {
        g_autofree char *printable = g_strescape(name, NULL);
        qc_error_set(error, "field 'name': unknown run state '%s'", printable);
        return false;
    }
    if (!(arrival_states & 1u << state)) {
        qc_error_set(error, "field 'name': a virtual machine cannot arrive in run state '%s'",
                     name);
        return false;
    }
    global_state.loaded = state;
    return true;
}

static const VMStateField global_state_fields[] = {
    VMSTATE_BUFFER(name, __typeof__(global_state)),
    VMSTATE_END,
};

static const VMStateDescription global_state_description = {
    .name = "globalstate",
    .version = 1,
    .minimum_version = 1,
    .post_load = global_state_post_load,
    .fields = global_state_fields,
};

/* ---- virtual clock ---- */

typedef struct ClockState {
    int64_t virtual_ns;
} ClockState;

static ClockState clock_state;

static void clock_pre_save(void *opaque)
{
    clock_state.virtual_ns = clock_get_ns(CLOCK_TYPE_VIRTUAL);
}

static bool clock_post_load(void *opaque, int version, GError **error)
{
    if (clock_state.virtual_ns < 0) {
        qc_error_set(error, "field 'virtual_ns': %" G_GINT64_FORMAT " ns is negative",
                     clock_state.virtual_ns);
        return false;
    }
    virtual_clock_set_ns(clock_state.virtual_ns);
    return true;
}

static const VMStateField clock_fields[] = {
    VMSTATE_INT64(virtual_ns, ClockState),
    VMSTATE_END,
};

/* First of all sections: timers and the TSC are loaded relative to it. */
static const VMStateDescription clock_description = {
    .name = "timer",
    .version = 1,
    .minimum_version = 1,
    .priority = 100,
    .pre_save = clock_pre_save,
    .post_load = clock_post_load,
    .fields = clock_fields,
};

void global_state_init(void)
{
    vmstate_register(NULL, 0, &clock_description, &clock_state);
    vmstate_register(NULL, 0, &global_state_description, &global_state);
}
