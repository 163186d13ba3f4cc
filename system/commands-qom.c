/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitor commands that look at objects and their types, and make and remove user's objects. */
#include <string.h>

#include "hw/core/device.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-qom.h"
#include "system/object.h"

static void fail_not_found(GError **error, const char *what, const char *name)
{
    g_set_error(error, QAPI_ERROR, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "%s '%s' not found", what,
                name);
}

static ObjectPropertyInfo *property_info(const char *name, const char *type)
{
    ObjectPropertyInfo *info = ObjectPropertyInfo_new();

    info->name = g_strdup(name);
    info->type = g_strdup(type);
    return info;
}

/* Add the GObject properties of @klass to @list. */
static void add_class_properties(GPtrArray *list, GObjectClass *klass)
{
    unsigned count;
    g_autofree GParamSpec **specs = g_object_class_list_properties(klass, &count);

    for (unsigned i = 0; i < count; i++) {
        ObjectPropertyInfo *info =
            property_info(object_property_name(specs[i]), object_property_type_name(specs[i]));
        info->description = g_strdup(g_param_spec_get_blurb(specs[i]));
        info->default_value = object_property_default(specs[i]);
        g_ptr_array_add(list, info);
    }
}

static void add_child(const char *name, GObject *object, void *opaque)
{
    const char *type = object ? object_type_name(G_OBJECT_TYPE(object)) : "container";
    g_autofree char *child = g_strdup_printf("child<%s>", type);

    g_ptr_array_add(opaque, property_info(name, child));
}

GPtrArray *qmp_qom_list(const char *path, GError **error)
{
    GPtrArray *list = ObjectPropertyInfo_list_new();
    GObject *object = object_tree_find(path);
    g_autofree char *full = object ? object_tree_path(object) : g_strdup(path);

    g_ptr_array_add(list, property_info("type", "string"));
    if (object) {
        add_class_properties(list, G_OBJECT_GET_CLASS(object));
    }
    if (!object_tree_foreach(full, add_child, list) && !object) {
        fail_not_found(error, "Device", path);
        g_ptr_array_unref(list);
        return NULL;
    }
    return list;
}

static void ignore_child(const char *name, GObject *object, void *opaque)
{
}

/* The object at @path; a container is one of type "container" without further properties. */
static GObject *find_object(const char *path, const char *property, GError **error)
{
    GObject *object = object_tree_find(path);

    if (object) {
        return object;
    }
    if (object_tree_foreach(path, ignore_child, NULL)) {
        qapi_error_set(error, "Property 'container.%s' not found", property);
    } else {
        fail_not_found(error, "Device", path);
    }
    return NULL;
}

json_t *qmp_qom_get(const char *path, const char *property, GError **error)
{
    GObject *object = object_tree_find(path);

    if (!strcmp(property, "type")) {
        if (object) {
            return json_string(object_type_name(G_OBJECT_TYPE(object)));
        }
        if (object_tree_foreach(path, ignore_child, NULL)) {
            return json_string("container");
        }
    }
    object = find_object(path, property, error);
    return object ? object_get_json(object, property, error) : NULL;
}

/* A device's properties say how it is built; they are fixed once that is done. */
static bool is_fixed_device(Device *device, const char *property, GError **error)
{
    if (device->realized) {
        qapi_error_set(error,
                       "Attempt to set property '%s' on device '%s' (type '%s') after it was "
                       "realized",
                       property, device->id ? device->id : "",
                       object_type_name(G_OBJECT_TYPE(device)));
    }
    return device->realized;
}

static bool is_fixed_object(GObject *object, GParamSpec *spec, GError **error)
{
    UserCreatableInterface *interface =
        G_TYPE_INSTANCE_GET_INTERFACE(object, TYPE_USER_CREATABLE, UserCreatableInterface);
    bool fixed = interface->may_set && !interface->may_set(USER_CREATABLE(object), spec);

    if (fixed) {
        qapi_error_set(error, "Property '%s.%s' can only be set when the object is created",
                       object_type_name(G_OBJECT_TYPE(object)), object_property_name(spec));
    }
    return fixed;
}

static bool is_fixed(GObject *object, const char *property, GError **error)
{
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(object), property);

    if (!spec) {
        return false;
    }
    if (g_type_is_a(G_OBJECT_TYPE(object), TYPE_DEVICE)) {
        return is_fixed_device(DEVICE(object), property, error);
    }
    return g_type_is_a(G_OBJECT_TYPE(object), TYPE_USER_CREATABLE) &&
           is_fixed_object(object, spec, error);
}

void qmp_qom_set(const char *path, const char *property, json_t *value, GError **error)
{
    GObject *object = find_object(path, property, error);

    if (!object) {
        return;
    }
    if (!strcmp(property, "type")) {
        qapi_error_set(error, "Property '%s.type' is not writable",
                       object_type_name(G_OBJECT_TYPE(object)));
        return;
    }
    if (!is_fixed(object, property, error)) {
        object_set_json(object, property, value, error);
    }
}

GPtrArray *qmp_qom_list_types(const char *implements, bool has_abstract, bool abstract,
                              GError **error)
{
    GPtrArray *list = ObjectTypeInfo_list_new();
    GType wanted = implements ? object_type_find(implements) : G_TYPE_OBJECT;
    g_autoptr(GArray) types = object_types_below(G_TYPE_OBJECT, has_abstract && abstract);

    for (unsigned i = 0; wanted && i < types->len; i++) {
        GType type = g_array_index(types, GType, i);
        GType parent = g_type_parent(type);
        ObjectTypeInfo *info;
        if (!g_type_is_a(type, wanted)) {
            continue;
        }
        info = ObjectTypeInfo_new();
        info->name = g_strdup(object_type_name(type));
        info->has_abstract = info->abstract = G_TYPE_IS_ABSTRACT(type);
        info->parent = g_strdup(parent == G_TYPE_OBJECT ? "object" : object_type_name(parent));
        g_ptr_array_add(list, info);
    }
    return list;
}

GPtrArray *qmp_qom_list_properties(const char *type_name, GError **error)
{
    GType type = object_type_find(type_name);
    GPtrArray *list;
    GObjectClass *klass;

    if (!type || !g_type_is_a(type, G_TYPE_OBJECT)) {
        fail_not_found(error, "Class", type_name);
        return NULL;
    }
    list = ObjectPropertyInfo_list_new();
    g_ptr_array_add(list, property_info("type", "string"));
    klass = g_type_class_ref(type);
    add_class_properties(list, klass);
    g_type_class_unref(klass);
    return list;
}

/* Take the mandatory string @name out of @arguments. */
static char *take_string(json_t *arguments, const char *name, GError **error)
{
    json_t *value = json_object_get(arguments, name);
    char *text;

    if (!value) {
        qapi_error_set(error, "Parameter '%s' is missing", name);
        return NULL;
    }
    if (!json_is_string(value)) {
        qapi_error_set(error, "Invalid parameter type for '%s', expected: string", name);
        return NULL;
    }
    text = g_strdup(json_string_value(value));
    json_object_del(arguments, name);
    return text;
}

void qmp_object_add(json_t *arguments, GError **error)
{
    json_t *properties = arguments ? json_copy(arguments) : json_object();
    g_autofree char *type = take_string(properties, "qom-type", error);
    g_autofree char *id = type ? take_string(properties, "id", error) : NULL;

    if (id) {
        object_user_create(type, id, properties, error);
    }
    json_decref(properties);
}

void qmp_object_del(const char *id, GError **error)
{
    object_user_delete(id, error);
}
