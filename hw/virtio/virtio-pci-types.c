/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The types that users plug: NAME-pci and its two variants, made from one row. Each creates its
 * virtio device together with itself and shows that device's properties as its own: setting or
 * reading one goes to the device.
 */
#include "virtio-pci-internal.h"

static GQuark type_quark(void)
{
    return g_quark_from_static_string("qemu-colo-virtio-pci-type");
}

static GQuark variant_quark(void)
{
    return g_quark_from_static_string("qemu-colo-virtio-pci-variant");
}

/* ---- the device's properties ---- */

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    g_object_set_property(G_OBJECT(VIRTIO_PCI(object)->device), spec->name, value);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    g_object_get_property(G_OBJECT(VIRTIO_PCI(object)->device), spec->name, value);
}

/* A property of the same name, type, range and default, which is not set at construction. */
static GParamSpec *copy_spec(GParamSpec *spec)
{
    const char *name = spec->name;
    const char *text = g_param_spec_get_blurb(spec);
    GParamFlags flags = spec->flags & (G_PARAM_READABLE | G_PARAM_WRITABLE);

    switch (G_TYPE_FUNDAMENTAL(spec->value_type)) {
    case G_TYPE_BOOLEAN:
        return g_param_spec_boolean(name, name, text, G_PARAM_SPEC_BOOLEAN(spec)->default_value,
                                    flags);
    case G_TYPE_UINT: {
        GParamSpecUInt *number = G_PARAM_SPEC_UINT(spec);
        return g_param_spec_uint(name, name, text, number->minimum, number->maximum,
                                 number->default_value, flags);
    }
    case G_TYPE_UINT64: {
        GParamSpecUInt64 *number = G_PARAM_SPEC_UINT64(spec);
        return g_param_spec_uint64(name, name, text, number->minimum, number->maximum,
                                   number->default_value, flags);
    }
    case G_TYPE_INT: {
        GParamSpecInt *number = G_PARAM_SPEC_INT(spec);
        return g_param_spec_int(name, name, text, number->minimum, number->maximum,
                                number->default_value, flags);
    }
    case G_TYPE_ENUM:
        return g_param_spec_enum(name, name, text, spec->value_type,
                                 G_PARAM_SPEC_ENUM(spec)->default_value, flags);
    case G_TYPE_STRING:
        return g_param_spec_string(name, name, text, G_PARAM_SPEC_STRING(spec)->default_value,
                                   flags);
    case G_TYPE_OBJECT:
        return g_param_spec_object(name, name, text, spec->value_type, flags);
    default:
        g_error("property '%s' of a virtio device has a type that is not forwarded", name);
    }
}

static void forward_properties(GObjectClass *klass, const char *device_type)
{
    guint count;
    GObjectClass *device_class = g_type_class_ref(object_type_find(device_type));
    g_autofree GParamSpec **specs = g_object_class_list_properties(device_class, &count);

    klass->set_property = set_property;
    klass->get_property = get_property;
    for (guint i = 0; i < count; i++) {
        g_object_class_install_property(klass, i + 1, copy_spec(specs[i]));
    }
    g_type_class_unref(device_class);
}

/* ---- types ---- */

static void proxy_init(GTypeInstance *instance, void *class_pointer)
{
    const VirtIOPCIClass *klass = class_pointer;

    VIRTIO_PCI(instance)->device = VIRTIO_DEVICE(device_new(klass->type->device_type));
}

static void proxy_class_init(void *class_pointer, void *data)
{
    VirtIOPCIClass *klass = class_pointer;
    DeviceClass *device_class = &klass->parent.parent;
    GType gtype = G_TYPE_FROM_CLASS(klass);

    klass->type = g_type_get_qdata(gtype, type_quark());
    klass->variant = GPOINTER_TO_UINT(g_type_get_qdata(gtype, variant_quark()));
    klass->parent.class_id = klass->type->class_id;
    klass->parent.device_id = klass->type->transitional_id;
    device_class->description = klass->type->description;
    device_class->category = klass->type->category;
    device_class->user_creatable = true;
    forward_properties(G_OBJECT_CLASS(klass), klass->type->device_type);
}

static void register_variant(const VirtIOPCIType *type, const char *suffix,
                             VirtIOPCIVariant variant)
{
    g_autofree char *name = g_strconcat(type->name, suffix, NULL);
    GType gtype = object_type_register(TYPE_VIRTIO_PCI, name, sizeof(VirtIOPCIClass),
                                       proxy_class_init, sizeof(VirtIOPCI), proxy_init, 0);

    g_type_set_qdata(gtype, type_quark(), (void *)type);
    g_type_set_qdata(gtype, variant_quark(), GUINT_TO_POINTER(variant));
}

void virtio_pci_register_type(const VirtIOPCIType *type)
{
    register_variant(type, "-pci", VIRTIO_PCI_GENERIC);
    register_variant(type, "-pci-transitional", VIRTIO_PCI_TRANSITIONAL);
    register_variant(type, "-pci-non-transitional", VIRTIO_PCI_NON_TRANSITIONAL);
}
