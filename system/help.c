/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Lists of what the options take, from the same tables that carry them out. */
#include "system/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel.h"
#include "chardev/char.h"
#include "hw/core/device.h"
#include "hw/core/machine.h"
#include "net/net.h"
#include "target/i386/cpu.h"
#include "util/report.h"

static bool asks_for_help(const char *text)
{
    return text && (!strcmp(text, "help") || !strcmp(text, "?"));
}

static void print_machines(void)
{
    g_autoptr(GArray) types = object_types_below(TYPE_MACHINE, false);

    printf("Supported machines are:\n");
    for (guint i = 0; i < types->len; i++) {
        MachineClass *klass = g_type_class_ref(g_array_index(types, GType, i));
        if (klass->alias) {
            printf("%-20s %s (alias of %s)\n", klass->alias, klass->description, klass->name);
        }
        printf("%-20s %s%s\n", klass->name, klass->description,
               klass->is_default ? " (default)" : "");
        g_type_class_unref(klass);
    }
}

static void print_accelerator(const AccelOps *ops, void *opaque)
{
    printf("%s\n", ops->name);
}

/* The devices of one category, in order of name. */
static void print_category(GArray *types, const char *category)
{
    printf("%s devices:\n", category);
    for (guint i = 0; i < types->len; i++) {
        GType type = g_array_index(types, GType, i);
        DeviceClass *klass = g_type_class_ref(type);
        if (klass->user_creatable && !strcmp(klass->category, category)) {
            printf("name \"%s\"", object_type_name(type));
            if (klass->bus_type) {
                printf(", bus %s", klass->bus_type);
            }
            if (klass->description) {
                printf(", desc \"%s\"", klass->description);
            }
            printf("\n");
        }
        g_type_class_unref(klass);
    }
    printf("\n");
}

static void print_devices(void)
{
    g_autoptr(GArray) types = object_types_below(TYPE_DEVICE, false);
    g_autoptr(GPtrArray) categories = g_ptr_array_new();

    for (guint i = 0; i < types->len; i++) {
        DeviceClass *klass = g_type_class_ref(g_array_index(types, GType, i));
        if (klass->user_creatable &&
            !g_ptr_array_find_with_equal_func(categories, klass->category, g_str_equal, NULL)) {
            g_ptr_array_add(categories, (gpointer)klass->category);
        }
        g_type_class_unref(klass);
    }
    for (guint i = 0; i < categories->len; i++) {
        print_category(types, g_ptr_array_index(categories, i));
    }
}

/* The properties that one can set on objects of the class. */
static void print_properties(const char *type_name)
{
    GType type = object_type_find(type_name);
    guint count;

    if (!type) {
        report_error("'%s' is not a valid type name", type_name);
        exit(EXIT_FAILURE);
    }
    GObjectClass *klass = g_type_class_ref(type);
    g_autofree GParamSpec **specs = g_object_class_list_properties(klass, &count);
    printf("%s options:\n", type_name);
    for (guint i = 0; i < count; i++) {
        const char *text = g_param_spec_get_blurb(specs[i]);
        printf("  %s=<%s>%s%s\n", object_property_name(specs[i]),
               object_property_type_name(specs[i]), text ? " - " : "", text ? text : "");
    }
    g_type_class_unref(klass);
}

static void print_chardev_options(const char *backend)
{
    GError *error = NULL;

    if (!chardev_print_options(backend, &error)) {
        report_fatal(error, "-chardev");
    }
}

static void print_netdev_options(const char *type)
{
    GError *error = NULL;

    if (!net_backend_print_options(type, &error)) {
        report_fatal(error, "-netdev");
    }
}

static void print_user_creatable(void)
{
    g_autoptr(GArray) types = object_types_below(G_TYPE_OBJECT, false);

    printf("List of user creatable objects:\n");
    for (guint i = 0; i < types->len; i++) {
        GType type = g_array_index(types, GType, i);
        if (g_type_is_a(type, TYPE_USER_CREATABLE)) {
            printf("  %s\n", object_type_name(type));
        }
    }
}

/*
 * Help on a list of @uses whose type is in @key: all types, or one type by @print_one, which exits
 * when there is no such type.
 */
static void help_on_list(GPtrArray *uses, const char *key, void (*print_all)(void),
                         void (*print_one)(const char *type))
{
    for (guint i = 0; uses && i < uses->len; i++) {
        OptionUse *use = g_ptr_array_index(uses, i);
        const char *type = json_string_value(json_object_get(use->values, key));
        if (!json_object_get(use->values, "help")) {
            continue;
        }
        if (type) {
            print_one(type);
        } else {
            print_all();
        }
        exit(EXIT_SUCCESS);
    }
}

void help_print_and_exit_if_asked(const VMOptions *options)
{
    if (json_object_get(options->machine, "help")) {
        print_machines();
        exit(EXIT_SUCCESS);
    }
    if (asks_for_help(options->cpu_model)) {
        x86_cpu_print_models();
        exit(EXIT_SUCCESS);
    }
    for (guint i = 0; options->accelerators && i < options->accelerators->len; i++) {
        OptionUse *use = g_ptr_array_index(options->accelerators, i);
        if (asks_for_help(use->argument)) {
            printf("Accelerators supported in QEMU binary:\n");
            accel_foreach(print_accelerator, NULL);
            exit(EXIT_SUCCESS);
        }
    }
    help_on_list(options->devices, "driver", print_devices, print_properties);
    help_on_list(options->objects, "qom-type", print_user_creatable, print_properties);
    help_on_list(options->chardevs, "backend", chardev_print_backends, print_chardev_options);
    help_on_list(options->netdevs, "type", net_backend_print_types, print_netdev_options);
}
