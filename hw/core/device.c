/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Devices: creation, realization, removal. */
#include "hw/core/device.h"

#include <string.h>

#include "hw/core/gpio-internal.h"
#include "hw/core/property-internal.h"
#include "migration/vmstate.h"
#include "system/bql.h"
#include "system/reset.h"
#include "trace-hw-core.h"
#include "util/report.h"

OBJECT_DEFINE_ABSTRACT_TYPE(Device, DeviceClass, device, "device", G_TYPE_OBJECT);

static void device_finalize(GObject *object)
{
    Device *device = (Device *)object;

    device_properties_release(device);
    g_ptr_array_unref(device->gpio);
    g_ptr_array_unref(device->child_buses);
    g_free(device->id);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void device_class_init(DeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = device_finalize;
    klass->category = "Misc";
}

static void device_init(Device *device)
{
    device->gpio = g_ptr_array_new_with_free_func(gpio_group_free);
    device->child_buses = g_ptr_array_new_with_free_func(g_object_unref);
}

Device *device_new(const char *type_name)
{
    GType type = object_type_find(type_name);

    g_assert(type && g_type_is_a(type, TYPE_DEVICE));
    Device *device = g_object_new(type, NULL);
    GError *error = NULL;
    if (!device_globals_apply(device, &error)) {
        report_fatal(error, "-global");
    }
    return device;
}

static const char *device_label(const Device *device)
{
    return device->id ? device->id : object_type_name(G_OBJECT_TYPE(device));
}

static bool tree_add(Device *device, GError **error)
{
    if (device->id) {
        g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", device->id);
        if (object_tree_find(path)) {
            qc_error_set(error, "Duplicate device ID '%s'", device->id);
            return false;
        }
        return object_tree_add("/machine/peripheral", device->id, G_OBJECT(device), error);
    }
    g_autofree char *given = object_tree_path(G_OBJECT(device));
    if (given) {
        return true;
    }
    return object_tree_add("/machine/unattached", "device[*]", G_OBJECT(device), error);
}

static void bus_attach(Bus *bus, Device *device)
{
    device->parent_bus = bus;
    g_ptr_array_add(bus->children, g_object_ref(device));
}

static void bus_detach(Device *device)
{
    Bus *bus = device->parent_bus;

    if (bus) {
        device->parent_bus = NULL;
        g_ptr_array_remove(bus->children, device);
    }
}

static void reset_device(void *opaque)
{
    Device *device = opaque;
    DeviceClass *klass = DEVICE_GET_CLASS(device);

    trace_device_reset(device_label(device));
    klass->reset(device);
}

static void register_state(Device *device)
{
    DeviceClass *klass = DEVICE_GET_CLASS(device);
    Bus *bus = device->parent_bus;

    if (klass->vmsd) {
        BusClass *bus_class = bus ? G_TYPE_INSTANCE_GET_CLASS(bus, TYPE_BUS, BusClass) : NULL;
        g_autofree char *prefix =
            bus_class && bus_class->device_path ? bus_class->device_path(bus, device) : NULL;
        vmstate_register(prefix, -1, klass->vmsd, device);
    }
    if (klass->reset) {
        reset_register(reset_device, device);
        reset_device(device);
    }
}

/* Put @device on @bus; when the bus refuses, it is not on it. */
static bool bus_plug(Bus *bus, Device *device, GError **error)
{
    BusClass *bus_class = G_TYPE_INSTANCE_GET_CLASS(bus, TYPE_BUS, BusClass);

    bus_attach(bus, device);
    if (bus_class->plug && !bus_class->plug(bus, device, error)) {
        bus_detach(device);
        return false;
    }
    return true;
}

static void bus_unplug(Device *device)
{
    Bus *bus = device->parent_bus;

    if (bus) {
        BusClass *bus_class = G_TYPE_INSTANCE_GET_CLASS(bus, TYPE_BUS, BusClass);
        if (bus_class->unplug) {
            bus_class->unplug(bus, device);
        }
        bus_detach(device);
    }
}

bool device_realize(Device *device, Bus *bus, GError **error)
{
    DeviceClass *klass = DEVICE_GET_CLASS(device);

    g_assert(bql_locked() && !device->realized);
    if (!tree_add(device, error)) {
        g_object_unref(device);
        return false;
    }
    if ((bus && !bus_plug(bus, device, error)) ||
        (klass->realize && !klass->realize(device, error))) {
        bus_unplug(device);
        object_tree_remove(G_OBJECT(device));
        g_object_unref(device);
        return false;
    }
    device->realized = true;
    register_state(device);
    trace_device_realize(device_label(device));
    g_object_unref(device); /* the tree keeps it */
    return true;
}

void device_realize_or_exit(Device *device, Bus *bus)
{
    g_autofree char *label = g_strdup(device_label(device));
    GError *error = NULL;

    if (!device_realize(device, bus, &error)) {
        report_fatal(error, label);
    }
}

void device_realize_named_or_exit(Device *device, Bus *bus, const char *name)
{
    GError *error = NULL;

    if (!object_tree_add("/machine", name, G_OBJECT(device), &error)) {
        report_fatal(error, name);
    }
    device_realize_or_exit(device, bus);
}

void device_unplug(Device *device)
{
    DeviceClass *klass = DEVICE_GET_CLASS(device);

    g_assert(bql_locked() && device->realized && klass->unrealize);
    trace_device_unplug(device_label(device));
    g_object_ref(device);
    if (klass->reset) {
        reset_unregister(reset_device, device);
    }
    if (klass->vmsd) {
        vmstate_unregister(klass->vmsd, device);
    }
    klass->unrealize(device);
    bus_unplug(device);
    device->realized = false;
    object_tree_remove(G_OBJECT(device));
    g_object_unref(device);
}

/* ---- from options ---- */

static DeviceClass *find_class(const char *driver, GError **error)
{
    GType type = object_type_find(driver);

    if (!type || !g_type_is_a(type, TYPE_DEVICE) || G_TYPE_IS_ABSTRACT(type)) {
        qc_error_set(error, "'%s' is not a valid device model name", driver);
        return NULL;
    }
    DeviceClass *klass = g_type_class_ref(type);
    if (!klass->user_creatable) {
        qc_error_set(error, "Parameter 'driver' expects a pluggable device type");
        g_type_class_unref(klass);
        return NULL;
    }
    return klass;
}

static bool find_bus(const DeviceClass *klass, const char *driver, const char *name, Bus **bus,
                     GError **error)
{
    *bus = NULL;
    if (!klass->bus_type) {
        if (name) {
            qc_error_set(error, "Device '%s' does not sit on a bus, but bus '%s' was given", driver,
                         name);
        }
        return !name;
    }
    *bus = bus_find(klass->bus_type, name);
    if (*bus) {
        return true;
    }
    Bus *other = name ? bus_find("bus", name) : NULL;
    if (other) {
        qc_error_set(error, "Device '%s' can't go on %s bus", driver,
                     object_type_name(G_OBJECT_TYPE(other)));
    } else if (name) {
        qc_error_set(error, "Bus '%s' not found", name);
    } else {
        qc_error_set(error, "No '%s' bus found for device '%s'", klass->bus_type, driver);
    }
    return false;
}

static bool set_properties(Device *device, json_t *options, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach(options, name, value)
    {
        if (strcmp(name, "driver") && strcmp(name, "id") && strcmp(name, "bus") &&
            !object_set_json(G_OBJECT(device), name, value, error)) {
            return false;
        }
    }
    return true;
}

Device *device_create_from_options(json_t *options, GError **error)
{
    const char *driver = json_string_value(json_object_get(options, "driver"));
    json_t *id = json_object_get(options, "id");
    json_t *bus_name = json_object_get(options, "bus");

    if (!driver) {
        qc_error_set(error, "Parameter 'driver' is missing");
        return NULL;
    }
    if (id && (!json_is_string(id) || !object_id_is_well_formed(json_string_value(id)))) {
        qc_error_set(error, "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', "
                            "starting with a letter");
        return NULL;
    }
    if (bus_name && !json_is_string(bus_name)) {
        qc_error_set(error, "Parameter 'bus' expects the name of a bus");
        return NULL;
    }
    DeviceClass *klass = find_class(driver, error);
    Bus *bus;
    if (!klass || !find_bus(klass, driver, json_string_value(bus_name), &bus, error)) {
        return NULL;
    }
    Device *device = g_object_new(G_TYPE_FROM_CLASS(klass), NULL);
    g_type_class_unref(klass);
    device->id = g_strdup(json_string_value(id));
    if (!device_globals_apply(device, error) || !set_properties(device, options, error)) {
        g_object_unref(device);
        return NULL;
    }
    return device_realize(device, bus, error) ? device : NULL;
}
