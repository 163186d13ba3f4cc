/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object `filter-mirror`: a copy of each frame goes to a character device. */
#include "net/filter-internal.h"
#include "net/filter-output.h"
#include "util/report.h"

typedef struct MirrorFilter {
    NetFilter parent;
    char *outdev;
    bool vnet_hdr_support;
    FilterOutput output;
} MirrorFilter;

typedef struct MirrorFilterClass {
    NetFilterClass parent;
} MirrorFilterClass;

enum { PROPERTY_OUTDEV = 1, PROPERTY_VNET_HDR_SUPPORT };

OBJECT_DEFINE_TYPE(MirrorFilter, MirrorFilterClass, mirror_filter, "filter-mirror",
                   TYPE_NET_FILTER);

static MirrorFilter *to_mirror(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, mirror_filter_get_type(), MirrorFilter);
}

static bool mirror_setup(NetFilter *filter, GError **error)
{
    MirrorFilter *self = to_mirror(filter);

    if (!self->outdev) {
        return net_filter_missing("outdev", error);
    }
    Chardev *chardev = chardev_find(self->outdev);
    if (!chardev) {
        qc_error_set(error, "Device '%s' not found", self->outdev);
        return false;
    }
    return filter_output_open(&self->output, filter, chardev, self->vnet_hdr_support, error);
}

static NetVerdict mirror_receive(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                                 const NetFrame *frame)
{
    filter_output_send(&to_mirror(filter)->output, frame);
    return NET_VERDICT_PASS;
}

static void mirror_cleanup(NetFilter *filter)
{
    filter_output_close(&to_mirror(filter)->output);
}

static void mirror_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    MirrorFilter *self = to_mirror(object);

    switch (id) {
    case PROPERTY_OUTDEV:
        g_free(self->outdev);
        self->outdev = g_value_dup_string(value);
        break;
    case PROPERTY_VNET_HDR_SUPPORT:
        self->vnet_hdr_support = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void mirror_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    MirrorFilter *self = to_mirror(object);

    switch (id) {
    case PROPERTY_OUTDEV:
        g_value_set_string(value, self->outdev);
        break;
    case PROPERTY_VNET_HDR_SUPPORT:
        g_value_set_boolean(value, self->vnet_hdr_support);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void mirror_filter_finalize(GObject *object)
{
    g_free(to_mirror(object)->outdev);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_NET_FILTER))->finalize(object);
}

static void mirror_filter_init(MirrorFilter *self)
{
    self->parent.vnet_header = true;
}

static void mirror_filter_class_init(MirrorFilterClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->finalize = mirror_filter_finalize;
    base->set_property = mirror_set_property;
    base->get_property = mirror_get_property;
    klass->parent.setup = mirror_setup;
    klass->parent.receive = mirror_receive;
    klass->parent.cleanup = mirror_cleanup;
    g_object_class_install_property(
        base, PROPERTY_OUTDEV,
        g_param_spec_string("outdev", NULL, "id of the character device that gets the copies", NULL,
                            G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_VNET_HDR_SUPPORT,
                                    g_param_spec_boolean("vnet_hdr_support", "vnet_hdr_support",
                                                         "send each frame with its vnet header",
                                                         false, G_PARAM_READWRITE));
}
