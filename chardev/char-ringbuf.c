/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Output into a ring in memory that keeps the newest bytes; read by ringbuf-read. */
#include <inttypes.h>

#include "char-internal.h"
#include "util/report.h"

#define RINGBUF_DEFAULT_SIZE 65536u
#define RINGBUF_MAX_SIZE     (UINT64_C(1) << 30)

typedef struct RingbufChardev {
    Chardev parent;
    uint8_t *data;     /* lock, and so are the counters */
    size_t size;       /* a power of two */
    uint64_t produced; /* bytes ever written */
    uint64_t consumed; /* bytes ever read or overwritten */
} RingbufChardev;

typedef struct RingbufChardevClass {
    ChardevClass parent;
} RingbufChardevClass;

OBJECT_DEFINE_TYPE(RingbufChardev, RingbufChardevClass, chardev_ringbuf, "chardev-ringbuf",
                   TYPE_CHARDEV);

static RingbufChardev *to_ringbuf(Chardev *chardev)
{
    return G_TYPE_CHECK_INSTANCE_CAST(chardev, TYPE_CHARDEV_RINGBUF, RingbufChardev);
}

static bool ringbuf_open(Chardev *chardev, json_t *options, GError **error)
{
    RingbufChardev *self = to_ringbuf(chardev);
    uint64_t size = RINGBUF_DEFAULT_SIZE;

    if (!char_option_size(options, "size", &size, error)) {
        return false;
    }
    if (size == 0 || (size & (size - 1))) {
        qc_error_set(error, "size of ringbuf chardev must be power of two");
        return false;
    }
    if (size > RINGBUF_MAX_SIZE) {
        qc_error_set(error, "size of ringbuf chardev must be at most %" PRIu64 " bytes",
                     RINGBUF_MAX_SIZE);
        return false;
    }
    self->size = size;
    self->data = g_malloc0(size);
    chardev_set_open(chardev, true);
    return true;
}

static int ringbuf_write(Chardev *chardev, const uint8_t *data, int size)
{
    RingbufChardev *self = to_ringbuf(chardev);

    for (int i = 0; i < size; i++) {
        self->data[self->produced++ & (self->size - 1)] = data[i];
    }
    if (self->produced - self->consumed > self->size) {
        self->consumed = self->produced - self->size;
    }
    return size;
}

size_t chardev_ringbuf_count(Chardev *chardev)
{
    RingbufChardev *self = to_ringbuf(chardev);

    g_mutex_lock(&chardev->lock);
    size_t count = self->produced - self->consumed;
    g_mutex_unlock(&chardev->lock);
    return count;
}

size_t chardev_ringbuf_take(Chardev *chardev, uint8_t *data, size_t size)
{
    RingbufChardev *self = to_ringbuf(chardev);
    size_t done = 0;

    g_mutex_lock(&chardev->lock);
    while (done < size && self->consumed < self->produced) {
        data[done++] = self->data[self->consumed++ & (self->size - 1)];
    }
    g_mutex_unlock(&chardev->lock);
    return done;
}

static void chardev_ringbuf_finalize(GObject *object)
{
    g_free(to_ringbuf(CHARDEV(object))->data);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_CHARDEV))->finalize(object);
}

static void chardev_ringbuf_init(RingbufChardev *self)
{
}

static void chardev_ringbuf_class_init(RingbufChardevClass *klass)
{
    static const char *const options[] = { "size", NULL };

    G_OBJECT_CLASS(klass)->finalize = chardev_ringbuf_finalize;
    klass->parent.backend = "ringbuf";
    klass->parent.alias = "memory";
    klass->parent.options = options;
    klass->parent.open_backend = ringbuf_open;
    klass->parent.write = ringbuf_write;
}
