/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The accelerators in the build, and the one in use. */
#include "accel/accel.h"

#include <string.h>

#include "util/report.h"

static GPtrArray *accelerators; /* const AccelOps, in order of name */
static const AccelOps *selected;

static gint compare_names(gconstpointer a, gconstpointer b)
{
    const AccelOps *const *first = a;
    const AccelOps *const *second = b;

    return strcmp((*first)->name, (*second)->name);
}

void accel_register(const AccelOps *ops)
{
    if (!accelerators) {
        accelerators = g_ptr_array_new();
    }
    g_ptr_array_add(accelerators, (gpointer)ops);
    g_ptr_array_sort(accelerators, compare_names);
}

const AccelOps *accel_ops(void)
{
    return selected;
}

void accel_foreach(void (*visit)(const AccelOps *ops, void *opaque), void *opaque)
{
    for (guint i = 0; accelerators && i < accelerators->len; i++) {
        visit(g_ptr_array_index(accelerators, i), opaque);
    }
}

static void append_name(const AccelOps *ops, void *opaque)
{
    GString *names = opaque;

    g_string_append_printf(names, "%s%s", names->len ? ", " : "", ops->name);
}

static const AccelOps *find_accelerator(const char *name, GError **error)
{
    for (guint i = 0; accelerators && i < accelerators->len; i++) {
        const AccelOps *ops = g_ptr_array_index(accelerators, i);
        if (!strcmp(ops->name, name)) {
            return ops;
        }
    }
    g_autoptr(GString) names = g_string_new(NULL);
    accel_foreach(append_name, names);
    qc_error_set(error, "invalid accelerator %s (there are: %s)", name, names->str);
    return NULL;
}

/* "key=value" to the table; the first word of an -accel option has been taken off. */
static bool add_option(GHashTable *options, const char *item, GError **error)
{
    const char *equals = strchr(item, '=');

    if (!equals || equals == item) {
        qc_error_set(error, "accelerator option '%s': expected KEY=VALUE", item);
        return false;
    }
    g_hash_table_insert(options, g_strndup(item, (gsize)(equals - item)), g_strdup(equals + 1));
    return true;
}

bool accel_select(const char *name_and_options, GError **error)
{
    g_auto(GStrv) words = g_strsplit(name_and_options, ",", -1);
    g_autoptr(GHashTable) options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const char *name = words[0] ? words[0] : "";
    const AccelOps *ops =
        find_accelerator(g_str_has_prefix(name, "accel=") ? name + strlen("accel=") : name, error);

    if (!ops) {
        return false;
    }
    for (char **word = words + 1; *word; word++) {
        if (!add_option(options, *word, error)) {
            return false;
        }
    }
    if ((ops->available && !ops->available(error)) || (ops->init && !ops->init(options, error))) {
        g_prefix_error(error, "accelerator %s: ", ops->name);
        return false;
    }
    selected = ops;
    return true;
}

uint64_t accel_instruction_count(void)
{
    return selected && selected->instruction_count ? selected->instruction_count() : 0;
}
