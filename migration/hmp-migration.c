/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Commands for people about migrations. */
#include <string.h>

#include "migration/migration.h"
#include "migration/outgoing.h"
#include "migration/state.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands-migration.h"
#include "util/keyval.h"
#include "util/report.h"

static const char *text_argument(json_t *arguments, const char *name)
{
    return json_string_value(json_object_get(arguments, name));
}

/* ---- migrating ---- */

/* How often the wait for the end of a migration looks, milliseconds. */
#define WAIT_TICK_MS 20

/* Not while COLO, which does not end, or while the user has to say 'migrate_continue'. */
static bool worth_waiting(MigrationStatus status)
{
    return migration_status_in_progress(status) && status != MIGRATION_STATUS_COLO &&
           status != MIGRATION_STATUS_PRE_SWITCHOVER;
}

static gboolean on_wait_tick(void *monitor)
{
    if (worth_waiting(migration_status(migration_state()))) {
        return G_SOURCE_CONTINUE;
    }
    hmp_resume(monitor);
    return G_SOURCE_REMOVE;
}

/* Without -d the prompt comes back at the end; the other monitors go on meanwhile. */
static void hmp_migrate(Monitor *monitor, json_t *arguments, GError **error)
{
    if (!outgoing_begin(text_argument(arguments, "uri"), error) ||
        json_object_get(arguments, "detach")) {
        return;
    }
    if (!hmp_suspend(monitor)) {
        hmp_printf(monitor, "terminal does not allow synchronous migration, continuing detached\n");
        return;
    }
    g_timeout_add(WAIT_TICK_MS, on_wait_tick, monitor);
}

HMP_COMMAND(migrate, .name = "migrate", .arguments = "detach:-d,uri:s", .parameters = "[-d] uri",
            .help = "migrate to URI (using -d to not wait for completion)", .handler = hmp_migrate);

static void hmp_migrate_cancel(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_migrate_cancel(error);
}

HMP_COMMAND(migrate_cancel, .name = "migrate_cancel", .arguments = "", .parameters = "",
            .help = "cancel the current VM migration", .handler = hmp_migrate_cancel);

static void hmp_migrate_continue(Monitor *monitor, json_t *arguments, GError **error)
{
    MigrationStatus status;
    if (MigrationStatus_parse(text_argument(arguments, "state"), &status, error)) {
        qmp_migrate_continue(status, error);
    }
}

HMP_COMMAND(migrate_continue, .name = "migrate_continue", .arguments = "state:s",
            .parameters = "state", .help = "Continue migration from the given paused state",
            .handler = hmp_migrate_continue);

static void hmp_migrate_incoming(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_migrate_incoming(text_argument(arguments, "uri"), error);
}

HMP_COMMAND(migrate_incoming, .name = "migrate_incoming", .arguments = "uri:s", .parameters = "uri",
            .help = "Continue an incoming migration from an -incoming defer",
            .handler = hmp_migrate_incoming);

/* ---- settings ---- */

static void hmp_migrate_set_capability(Monitor *monitor, json_t *arguments, GError **error)
{
    MigrationCapability capability;
    const char *name = text_argument(arguments, "capability");
    if (!MigrationCapability_parse(name, &capability, NULL)) {
        qc_error_set(error, "invalid parameter value: %s", name);
        return;
    }
    g_autoptr(GPtrArray) list = MigrationCapabilityStatus_list_new();
    MigrationCapabilityStatus *item = MigrationCapabilityStatus_new();
    item->capability = capability;
    item->state = json_is_true(json_object_get(arguments, "state"));
    g_ptr_array_add(list, item);
    qmp_migrate_set_capabilities(list, error);
}

static void complete_capability(unsigned index, const char *prefix, GPtrArray *candidates)
{
    for (unsigned i = 0; index == 0 && i < MIGRATION_CAPABILITY__MAX; i++) {
        if (migration_capability_supported(i)) {
            hmp_complete_one(candidates, prefix, MigrationCapability_str(i));
        }
    }
}

HMP_COMMAND(migrate_set_capability, .name = "migrate_set_capability",
            .arguments = "capability:s,state:b", .parameters = "capability state",
            .help = "Enable/Disable the usage of a capability for migration",
            .handler = hmp_migrate_set_capability, .complete = complete_capability);

/*
 * The parameter's value as its JSON type: sizes with a suffix, max-bandwidth in MiB without
 * one, numbers, or words.
 */
static json_t *parameter_value(const char *name, const char *text, GError **error)
{
    char *end;
    gint64 number = g_ascii_strtoll(text, &end, 0);
    if (strcmp(name, "max-bandwidth") == 0) {
        uint64_t bytes;
        return size_parse(text, 1024 * 1024, &bytes, error) ? json_integer(bytes) : NULL;
    }
    return *text != '\0' && *end == '\0' ? json_integer(number) : json_string(text);
}

static void hmp_migrate_set_parameter(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *name = text_argument(arguments, "parameter");
    g_autoptr(MigrationParameters) known = qmp_query_migrate_parameters(NULL);
    json_t *names = MigrationParameters_to_json(known);
    bool is_known = json_object_get(names, name) != NULL;
    json_decref(names);
    if (!is_known) {
        qc_error_set(error, "invalid parameter value: %s", name);
        return;
    }
    json_t *value = parameter_value(name, text_argument(arguments, "value"), error);
    if (!value) {
        return;
    }
    json_t *object = json_object();
    json_object_set_new(object, name, value);
    g_autoptr(MigrationParameters) parameters = MigrationParameters_from_json(object, error);
    json_decref(object);
    if (parameters) {
        qmp_migrate_set_parameters(parameters, error);
    }
}

static void complete_parameter(unsigned index, const char *prefix, GPtrArray *candidates)
{
    g_autoptr(MigrationParameters) known = qmp_query_migrate_parameters(NULL);
    json_t *names = MigrationParameters_to_json(known);
    const char *name;
    json_t *value;
    json_object_foreach(names, name, value)
    {
        if (index == 0) {
            hmp_complete_one(candidates, prefix, name);
        }
    }
    json_decref(names);
}

HMP_COMMAND(migrate_set_parameter, .name = "migrate_set_parameter",
            .arguments = "parameter:s,value:s", .parameters = "parameter value",
            .help = "Set the parameter for migration", .handler = hmp_migrate_set_parameter,
            .complete = complete_parameter);

/* ---- information ---- */

static void print_ram(Monitor *monitor, const MigrationStats *ram)
{
    hmp_printf(monitor, "transferred ram: %" G_GINT64_FORMAT " kbytes\n", ram->transferred >> 10);
    hmp_printf(monitor, "throughput: %0.2f mbps\n", ram->mbps);
    hmp_printf(monitor, "remaining ram: %" G_GINT64_FORMAT " kbytes\n", ram->remaining >> 10);
    hmp_printf(monitor, "total ram: %" G_GINT64_FORMAT " kbytes\n", ram->total >> 10);
    hmp_printf(monitor, "duplicate: %" G_GINT64_FORMAT " pages\n", ram->duplicate);
    hmp_printf(monitor, "skipped: %" G_GINT64_FORMAT " pages\n", ram->skipped);
    hmp_printf(monitor, "normal: %" G_GINT64_FORMAT " pages\n", ram->normal);
    hmp_printf(monitor, "normal bytes: %" G_GINT64_FORMAT " kbytes\n", ram->normal_bytes >> 10);
    hmp_printf(monitor, "dirty sync count: %" G_GINT64_FORMAT "\n", ram->dirty_sync_count);
    hmp_printf(monitor, "page size: %" G_GINT64_FORMAT " kbytes\n", ram->page_size >> 10);
    hmp_printf(monitor, "multifd bytes: %" G_GUINT64_FORMAT " kbytes\n", ram->multifd_bytes >> 10);
    hmp_printf(monitor, "pages-per-second: %" G_GUINT64_FORMAT "\n", ram->pages_per_second);
    if (ram->dirty_pages_rate) {
        hmp_printf(monitor, "dirty pages rate: %" G_GINT64_FORMAT " pages\n",
                   ram->dirty_pages_rate);
    }
    hmp_printf(monitor, "precopy ram: %" G_GUINT64_FORMAT " kbytes\n", ram->precopy_bytes >> 10);
    hmp_printf(monitor, "downtime ram: %" G_GUINT64_FORMAT " kbytes\n", ram->downtime_bytes >> 10);
}

static void print_times(Monitor *monitor, const MigrationInfo *info)
{
    if (info->has_total_time) {
        hmp_printf(monitor, "total time: %" G_GINT64_FORMAT " ms\n", info->total_time);
    }
    if (info->has_expected_downtime) {
        hmp_printf(monitor, "expected downtime: %" G_GINT64_FORMAT " ms\n",
                   info->expected_downtime);
    }
    if (info->has_downtime) {
        hmp_printf(monitor, "downtime: %" G_GINT64_FORMAT " ms\n", info->downtime);
    }
    if (info->has_setup_time) {
        hmp_printf(monitor, "setup: %" G_GINT64_FORMAT " ms\n", info->setup_time);
    }
}

static void hmp_info_migrate(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(MigrationInfo) info = qmp_query_migrate(error);
    for (unsigned i = 0; info->blocked_reasons && i < info->blocked_reasons->len; i++) {
        hmp_printf(monitor, "Outgoing migration blocked: %s\n",
                   (const char *)g_ptr_array_index(info->blocked_reasons, i));
    }
    if (info->has_status) {
        hmp_printf(monitor, "Migration status: %s", MigrationStatus_str(info->status));
        hmp_printf(monitor, info->error_desc ? " (%s)\n" : "\n", info->error_desc);
    }
    print_times(monitor, info);
    if (info->ram) {
        print_ram(monitor, info->ram);
    }
}

HMP_COMMAND(info_migrate, .name = "info migrate", .arguments = "", .parameters = "",
            .help = "show migration status", .handler = hmp_info_migrate);

static void hmp_info_migrate_capabilities(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_migrate_capabilities(error);
    for (unsigned i = 0; i < list->len; i++) {
        const MigrationCapabilityStatus *item = g_ptr_array_index(list, i);
        hmp_printf(monitor, "%s: %s\n", MigrationCapability_str(item->capability),
                   item->state ? "on" : "off");
    }
}

HMP_COMMAND(info_migrate_capabilities, .name = "info migrate_capabilities", .arguments = "",
            .parameters = "", .help = "show current migration capabilities",
            .handler = hmp_info_migrate_capabilities);

/* What a parameter's value is measured in. */
static const char *parameter_unit(const char *name)
{
    static const char *const milliseconds[] = { "announce-initial",   "announce-max",
                                                "announce-step",      "downtime-limit",
                                                "x-checkpoint-delay", NULL };
    if (g_strv_contains(milliseconds, name)) {
        return " ms";
    }
    return strcmp(name, "max-bandwidth") == 0 ? " bytes/second" : "";
}

static void hmp_info_migrate_parameters(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(MigrationParameters) parameters = qmp_query_migrate_parameters(error);
    json_t *object = MigrationParameters_to_json(parameters);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (json_is_string(value)) {
            hmp_printf(monitor, "%s: %s\n", name, json_string_value(value));
        } else {
            hmp_printf(monitor, "%s: %" JSON_INTEGER_FORMAT "%s\n", name, json_integer_value(value),
                       parameter_unit(name));
        }
    }
    json_decref(object);
}

HMP_COMMAND(info_migrate_parameters, .name = "info migrate_parameters", .arguments = "",
            .parameters = "", .help = "show current migration parameters",
            .handler = hmp_info_migrate_parameters);
