/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitor commands about devices. */
#include <string.h>

#include "hw/core/device.h"
#include "migration/checkpoint.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-qdev.h"

GPtrArray *qmp_device_list_properties(const char *type_name, GError **error)
{
    GType type = object_type_find(type_name);
    g_autofree GParamSpec **specs = NULL;
    GPtrArray *list;
    GObjectClass *klass;
    unsigned count;

    if (!type) {
        g_set_error(error, QAPI_ERROR, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found",
                    type_name);
        return NULL;
    }
    if (!g_type_is_a(type, TYPE_DEVICE) || G_TYPE_IS_ABSTRACT(type)) {
        qapi_error_set(error, "Parameter 'typename' expects a non-abstract device type");
        return NULL;
    }
    list = ObjectPropertyInfo_list_new();
    klass = g_type_class_ref(type);
    specs = g_object_class_list_properties(klass, &count);
    for (unsigned i = 0; i < count; i++) {
        ObjectPropertyInfo *info = ObjectPropertyInfo_new();
        info->name = g_strdup(object_property_name(specs[i]));
        info->type = g_strdup(object_property_type_name(specs[i]));
        info->description = g_strdup(g_param_spec_get_blurb(specs[i]));
        info->default_value = object_property_default(specs[i]);
        g_ptr_array_add(list, info);
    }
    g_type_class_unref(klass);
    return list;
}

/* Both sides of a protected VM must have the same devices for as long as it is protected. */
static bool protection_allows(const char *command, GError **error)
{
    CheckpointSide side;

    if (!checkpoint_active(&side)) {
        return true;
    }
    qapi_error_set(
        error, "%s: devices cannot be added or removed while the VM is protected by COLO", command);
    return false;
}

/* A device type that cannot be plugged at run time is refused before anything is made. */
static bool is_hotpluggable(const char *driver, GError **error)
{
    GType type = object_type_find(driver);
    DeviceClass *klass;
    bool hotpluggable;

    if (!type || !g_type_is_a(type, TYPE_DEVICE)) {
        qapi_error_set(error, "'%s' is not a valid device model name", driver);
        return false;
    }
    klass = g_type_class_ref(type);
    hotpluggable = klass->hotpluggable;
    g_type_class_unref(klass);
    if (!hotpluggable) {
        qapi_error_set(error, "Device '%s' does not support hotplugging", driver);
    }
    return hotpluggable;
}

void qmp_device_add(json_t *arguments, GError **error)
{
    json_t *driver = json_object_get(arguments, "driver");

    if (!driver) {
        qapi_error_set(error, "Parameter 'driver' is missing");
        return;
    }
    if (!json_is_string(driver)) {
        qapi_error_set(error, "Invalid parameter type for 'driver', expected: string");
        return;
    }
    if (protection_allows("device_add", error) &&
        is_hotpluggable(json_string_value(driver), error)) {
        device_create_from_options(arguments, error);
    }
}

static Device *find_device(const char *id)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", id);
    GObject *object = object_tree_find(*id == '/' ? id : path);

    return object && g_type_is_a(G_OBJECT_TYPE(object), TYPE_DEVICE) ? DEVICE(object) : NULL;
}

void qmp_device_del(const char *id, GError **error)
{
    Device *device = find_device(id);
    DeviceClass *klass;

    if (!device) {
        g_set_error(error, QAPI_ERROR, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found",
                    id);
        return;
    }
    klass = DEVICE_GET_CLASS(device);
    if (!klass->hotpluggable || !klass->unrealize) {
        qapi_error_set(error, "Device '%s' does not support hotplugging", id);
        return;
    }
    if (protection_allows("device_del", error)) {
        device_unplug(device);
    }
}
