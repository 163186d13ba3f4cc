/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* GObject types under user-visible names. */
#include "system/object.h"

#include <string.h>

/* '.' is the one character that users' names have and GType names must not. */
static char *mangle(const char *name)
{
    char *mangled = g_strdup(name);

    g_strdelimit(mangled, ".", '+');
    return mangled;
}

GType object_type_register(GType parent, const char *name, size_t class_size,
                           GClassInitFunc class_init, size_t instance_size,
                           GInstanceInitFunc instance_init, GTypeFlags flags)
{
    g_autofree char *mangled = mangle(name);

    return g_type_register_static_simple(parent, mangled, (guint)class_size, class_init,
                                         (guint)instance_size, instance_init, flags);
}

GType object_type_find(const char *name)
{
    /* GLib complains about names it could never have; those cannot exist. */
    if (strlen(name) < 3 || !(g_ascii_isalpha(*name) || *name == '_')) {
        return 0;
    }
    g_autofree char *mangled = mangle(name);
    GType type = g_type_from_name(mangled);

    return type && g_type_is_a(type, G_TYPE_OBJECT) ? type : 0;
}

const char *object_type_name(GType type)
{
    const char *name = g_type_name(type);

    if (!strchr(name, '+')) {
        return name;
    }
    g_autofree char *visible = g_strdelimit(g_strdup(name), "+", '.');
    return g_intern_string(visible);
}

bool object_id_is_well_formed(const char *id)
{
    return g_ascii_isalpha(*id) &&
           id[strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._")] == 0;
}

static void collect_below(GArray *types, GType type, bool include_abstract)
{
    guint count;
    g_autofree GType *children = g_type_children(type, &count);

    for (guint i = 0; i < count; i++) {
        if (include_abstract || !G_TYPE_IS_ABSTRACT(children[i])) {
            g_array_append_val(types, children[i]);
        }
        collect_below(types, children[i], include_abstract);
    }
}

static gint compare_types(gconstpointer a, gconstpointer b)
{
    return strcmp(object_type_name(*(const GType *)a), object_type_name(*(const GType *)b));
}

GArray *object_types_below(GType ancestor, bool include_abstract)
{
    GArray *types = g_array_new(FALSE, FALSE, sizeof(GType));

    collect_below(types, ancestor, include_abstract);
    g_array_sort(types, compare_types);
    return types;
}

G_DEFINE_INTERFACE(UserCreatable, user_creatable, G_TYPE_OBJECT)

static void user_creatable_default_init(UserCreatableInterface *interface)
{
}
