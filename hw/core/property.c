/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Tables of device properties as GObject properties that live in fields of the instance. The
 * property id is the row's number plus one; the table is found through the GParamSpec.
 */
#include <string.h>

#include "chardev/char.h"
#include "hw/core/property-internal.h"
#include "util/report.h"

static GQuark row_quark(void)
{
    return g_quark_from_static_string("qemu-colo-device-property");
}

static const DeviceProperty *row_of(GParamSpec *spec)
{
    return g_param_spec_get_qdata(spec, row_quark());
}

static void *field_of(GObject *object, const DeviceProperty *row)
{
    return (char *)object + row->offset;
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    const DeviceProperty *row = row_of(spec);
    void *field = field_of(object, row);

    if (DEVICE(object)->realized) {
        report_warning("Attempt to set property '%s' on device '%s' (type '%s') after it was "
                       "realized",
                       row->name, DEVICE(object)->id ? DEVICE(object)->id : "",
                       object_type_name(G_OBJECT_TYPE(object)));
        return;
    }
    switch (row->kind) {
    case DEVICE_PROPERTY_BOOL:
        *(bool *)field = g_value_get_boolean(value);
        break;
    case DEVICE_PROPERTY_UINT8:
        *(uint8_t *)field = (uint8_t)g_value_get_uint(value);
        break;
    case DEVICE_PROPERTY_UINT16:
        *(uint16_t *)field = (uint16_t)g_value_get_uint(value);
        break;
    case DEVICE_PROPERTY_UINT32:
        *(uint32_t *)field = g_value_get_uint(value);
        break;
    case DEVICE_PROPERTY_UINT64:
    case DEVICE_PROPERTY_SIZE:
        *(uint64_t *)field = g_value_get_uint64(value);
        break;
    case DEVICE_PROPERTY_INT32:
        *(int32_t *)field = g_value_get_int(value);
        break;
    case DEVICE_PROPERTY_STRING:
        g_free(*(char **)field);
        *(char **)field = g_value_dup_string(value);
        break;
    case DEVICE_PROPERTY_CHARDEV:
    case DEVICE_PROPERTY_LINK:
        g_set_object((GObject **)field, g_value_get_object(value));
        break;
    }
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    const DeviceProperty *row = row_of(spec);
    void *field = field_of(object, row);

    switch (row->kind) {
    case DEVICE_PROPERTY_BOOL:
        g_value_set_boolean(value, *(bool *)field);
        break;
    case DEVICE_PROPERTY_UINT8:
        g_value_set_uint(value, *(uint8_t *)field);
        break;
    case DEVICE_PROPERTY_UINT16:
        g_value_set_uint(value, *(uint16_t *)field);
        break;
    case DEVICE_PROPERTY_UINT32:
        g_value_set_uint(value, *(uint32_t *)field);
        break;
    case DEVICE_PROPERTY_UINT64:
    case DEVICE_PROPERTY_SIZE:
        g_value_set_uint64(value, *(uint64_t *)field);
        break;
    case DEVICE_PROPERTY_INT32:
        g_value_set_int(value, *(int32_t *)field);
        break;
    case DEVICE_PROPERTY_STRING:
        g_value_set_string(value, *(char **)field);
        break;
    case DEVICE_PROPERTY_CHARDEV:
    case DEVICE_PROPERTY_LINK:
        g_value_set_object(value, *(GObject **)field);
        break;
    }
}

void device_properties_release(Device *device)
{
    guint count;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(device), &count);

    for (guint i = 0; i < count; i++) {
        const DeviceProperty *row = row_of(specs[i]);
        if (row && row->kind == DEVICE_PROPERTY_STRING) {
            g_clear_pointer((char **)field_of(G_OBJECT(device), row), g_free);
        } else if (row &&
                   (row->kind == DEVICE_PROPERTY_CHARDEV || row->kind == DEVICE_PROPERTY_LINK)) {
            g_clear_object((GObject **)field_of(G_OBJECT(device), row));
        }
    }
}

static GParamSpec *unsigned_spec(const DeviceProperty *row, guint type_maximum, GParamFlags flags)
{
    guint maximum = row->maximum ? (guint)row->maximum : type_maximum;

    return g_param_spec_uint(row->name, row->name, row->description, 0, maximum,
                             (guint)row->default_value, flags);
}

static GParamSpec *make_spec(const DeviceProperty *row)
{
    const char *name = row->name;
    const char *text = row->description;
    GParamFlags flags =
        G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_NICK | G_PARAM_STATIC_BLURB;

    switch (row->kind) {
    case DEVICE_PROPERTY_BOOL:
        return g_param_spec_boolean(name, name, text, row->default_value != 0, flags);
    case DEVICE_PROPERTY_UINT8:
        return unsigned_spec(row, UINT8_MAX, flags);
    case DEVICE_PROPERTY_UINT16:
        return unsigned_spec(row, UINT16_MAX, flags);
    case DEVICE_PROPERTY_UINT32:
        return unsigned_spec(row, UINT32_MAX, flags);
    case DEVICE_PROPERTY_UINT64:
    case DEVICE_PROPERTY_SIZE:
        return g_param_spec_uint64(name, name, text, 0, row->maximum ? row->maximum : UINT64_MAX,
                                   row->default_value, flags);
    case DEVICE_PROPERTY_INT32:
        return g_param_spec_int(name, name, text, INT32_MIN,
                                row->maximum ? (int)row->maximum : INT32_MAX,
                                (int)row->default_value, flags);
    case DEVICE_PROPERTY_STRING:
        return g_param_spec_string(name, name, text, NULL, flags);
    case DEVICE_PROPERTY_CHARDEV:
        return g_param_spec_object(name, name, text, TYPE_CHARDEV, flags);
    case DEVICE_PROPERTY_LINK:
    default:
        return g_param_spec_object(name, name, text, object_type_find(row->link_type), flags);
    }
}

void device_class_set_properties(DeviceClass *klass, const DeviceProperty *properties, size_t count)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->set_property = set_property;
    object_class->get_property = get_property;
    for (size_t i = 0; i < count; i++) {
        GParamSpec *spec = make_spec(&properties[i]);
        g_param_spec_set_qdata(spec, row_quark(), (gpointer)&properties[i]);
        g_object_class_install_property(object_class, (guint)i + 1, spec);
    }
}
