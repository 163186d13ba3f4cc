/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Buses. */
#include <string.h>

#include "hw/core/device.h"

OBJECT_DEFINE_ABSTRACT_TYPE(Bus, BusClass, bus, "bus", G_TYPE_OBJECT);

static GPtrArray *all_buses; /* Bus, borrowed */

static void bus_finalize(GObject *object)
{
    Bus *bus = (Bus *)object;

    g_ptr_array_remove(all_buses, bus);
    g_ptr_array_unref(bus->children);
    g_free(bus->name);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void bus_class_init(BusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = bus_finalize;
}

static void bus_init(Bus *bus)
{
    bus->children = g_ptr_array_new_with_free_func(g_object_unref);
}

Bus *bus_new(const char *type_name, Device *owner, const char *name)
{
    GType type = object_type_find(type_name);

    g_assert(type && g_type_is_a(type, TYPE_BUS));
    Bus *bus = g_object_new(type, NULL);
    bus->name = g_strdup(name);
    bus->owner = owner;
    if (!all_buses) {
        all_buses = g_ptr_array_new();
    }
    g_ptr_array_add(all_buses, bus);
    if (owner) {
        g_ptr_array_add(owner->child_buses, bus);
    }
    return bus;
}

Bus *bus_find(const char *type_name, const char *name)
{
    GType type = object_type_find(type_name);

    for (guint i = 0; type && all_buses && i < all_buses->len; i++) {
        Bus *bus = g_ptr_array_index(all_buses, i);
        if (g_type_is_a(G_OBJECT_TYPE(bus), type) && (!name || !strcmp(bus->name, name))) {
            return bus;
        }
    }
    return NULL;
}
