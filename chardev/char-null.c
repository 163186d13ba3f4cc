/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Nothing: output vanishes, input never comes. */
#include "char-internal.h"

typedef struct NullChardev {
    Chardev parent;
} NullChardev;

typedef struct NullChardevClass {
    ChardevClass parent;
} NullChardevClass;

OBJECT_DEFINE_TYPE(NullChardev, NullChardevClass, chardev_null, "chardev-null", TYPE_CHARDEV);

static bool null_open(Chardev *chardev, json_t *options, GError **error)
{
    chardev_set_open(chardev, true);
    return true;
}

static int null_write(Chardev *chardev, const uint8_t *data, int size)
{
    return size;
}

static void chardev_null_init(NullChardev *self)
{
}

static void chardev_null_class_init(NullChardevClass *klass)
{
    klass->parent.backend = "null";
    klass->parent.open_backend = null_open;
    klass->parent.write = null_write;
}
