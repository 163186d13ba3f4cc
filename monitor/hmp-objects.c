/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Human commands about objects and devices. */
#include "hw/core/device.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands-qdev.h"
#include "qapi/qapi-commands-qom.h"
#include "util/keyval.h"
#include "util/report.h"
#include <string.h>

static const char *argument(json_t *arguments, const char *name)
{
    return json_string_value(json_object_get(arguments, name));
}

static void run_qom_list(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *path = argument(arguments, "path");
    g_autoptr(GPtrArray) list = NULL;

    if (!path) {
        hmp_printf(monitor, "/\n");
        return;
    }
    list = qmp_qom_list(path, error);
    for (unsigned i = 0; list && i < list->len; i++) {
        const ObjectPropertyInfo *info = g_ptr_array_index(list, i);
        hmp_printf(monitor, "%s (%s)\n", info->name, info->type);
    }
}

static void run_qom_get(Monitor *monitor, json_t *arguments, GError **error)
{
    json_t *value =
        qmp_qom_get(argument(arguments, "path"), argument(arguments, "property"), error);
    char *text;

    if (!value) {
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(4));
    hmp_printf(monitor, "%s\n", text);
    free(text);
    json_decref(value);
}

/* Without -j the value is text, which is parsed to the property's type. */
static json_t *value_of(json_t *arguments, GError **error)
{
    const char *text = argument(arguments, "value");
    json_error_t reason;
    json_t *value;

    if (!json_object_get(arguments, "json")) {
        return json_string(text);
    }
    value = json_loads(text, JSON_DECODE_ANY, &reason);
    if (!value) {
        qc_error_set(error, "JSON parse error, %s", reason.text);
    }
    return value;
}

static void run_qom_set(Monitor *monitor, json_t *arguments, GError **error)
{
    json_t *value = value_of(arguments, error);

    if (value) {
        qmp_qom_set(argument(arguments, "path"), argument(arguments, "property"), value, error);
        json_decref(value);
    }
}

/* ---- the tree ---- */

#define TREE_DEPTH_MAX 32

typedef struct Walk {
    Monitor *monitor;
    const char *path; /* of the children's parent */
    unsigned depth;
} Walk;

static void print_children(Walk *walk);

static void print_child(const char *name, GObject *object, void *opaque)
{
    Walk *walk = opaque;
    g_autofree char *path =
        g_strdup_printf("%s/%s", strcmp(walk->path, "/") ? walk->path : "", name);
    Walk inner = { walk->monitor, path, walk->depth + 1 };

    hmp_printf(walk->monitor, "%*s/%s (%s)\n", (int)walk->depth * 2, "", name,
               object ? object_type_name(G_OBJECT_TYPE(object)) : "container");
    print_children(&inner);
}

static void print_children(Walk *walk)
{
    if (walk->depth <= TREE_DEPTH_MAX) {
        object_tree_foreach(walk->path, print_child, walk);
    }
}

static void ignore_child(const char *name, GObject *object, void *opaque)
{
}

static void run_info_qom_tree(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *path = argument(arguments, "path");
    Walk walk = { monitor, path ? path : "/machine", 1 };
    json_t *type;

    if (!object_tree_foreach(walk.path, ignore_child, NULL)) {
        hmp_printf(monitor, "Path '%s' could not be resolved.\n", walk.path);
        return;
    }
    type = qmp_qom_get(walk.path, "type", NULL);
    hmp_printf(monitor, "%s (%s)\n", walk.path, json_string_value(type));
    json_decref(type);
    print_children(&walk);
}

/* ---- making and removing ---- */

/* Parse "type,key=value,..." and call @add with it. */
static void add_from_options(json_t *arguments, const char *implied_key,
                             void (*add)(json_t *options, GError **error), GError **error)
{
    json_t *options = keyval_parse(argument(arguments, "options"), implied_key, error);

    if (options) {
        add(options, error);
        json_decref(options);
    }
}

static void run_object_add(Monitor *monitor, json_t *arguments, GError **error)
{
    add_from_options(arguments, "qom-type", qmp_object_add, error);
}

static void run_object_del(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_object_del(argument(arguments, "id"), error);
}

static void run_device_add(Monitor *monitor, json_t *arguments, GError **error)
{
    add_from_options(arguments, "driver", qmp_device_add, error);
}

static void run_device_del(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_device_del(argument(arguments, "id"), error);
}

HMP_COMMAND(qom_list, .name = "qom-list", .arguments = "path:s?", .parameters = "path",
            .help = "list QOM properties", .handler = run_qom_list);
HMP_COMMAND(qom_get, .name = "qom-get", .arguments = "path:s,property:s",
            .parameters = "path property", .help = "print QOM property", .handler = run_qom_get);
HMP_COMMAND(qom_set, .name = "qom-set", .arguments = "json:-j,path:s,property:s,value:S",
            .parameters = "[-j] path property value",
            .help = "set QOM property (-j: the value is in JSON)", .handler = run_qom_set);
HMP_COMMAND(info_qom_tree, .name = "info qom-tree", .arguments = "path:s?", .parameters = "[path]",
            .help = "show QOM composition tree", .handler = run_info_qom_tree);
HMP_COMMAND(object_add, .name = "object_add", .arguments = "options:S",
            .parameters = "[qom-type=]type,id=str[,prop=value][,...]", .help = "create QOM object",
            .handler = run_object_add);
HMP_COMMAND(object_del, .name = "object_del", .arguments = "id:s", .parameters = "id",
            .help = "destroy QOM object", .handler = run_object_del);
HMP_COMMAND(device_add, .name = "device_add", .arguments = "options:S",
            .parameters = "driver[,prop=value][,...]",
            .help = "add device, like -device on the command line", .handler = run_device_add);
HMP_COMMAND(device_del, .name = "device_del", .arguments = "id:s", .parameters = "device",
            .help = "remove device", .handler = run_device_del);
