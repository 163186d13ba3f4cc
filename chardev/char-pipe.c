/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* `pipe`: named pipes, PATH.in to read and PATH.out to write, or one of both directions. */
#include <fcntl.h>

#include "char-internal.h"
#include "util/report.h"

typedef struct PipeChardev {
    ChardevStream parent;
} PipeChardev;

typedef struct PipeChardevClass {
    ChardevStreamClass parent;
} PipeChardevClass;

OBJECT_DEFINE_TYPE(PipeChardev, PipeChardevClass, chardev_pipe, "chardev-pipe",
                   TYPE_CHARDEV_STREAM);

/* For reading and writing, so that opening does not wait for the other end. */
static Channel *open_pipe(const char *path, const char *suffix, GError **error)
{
    g_autofree char *full = g_strconcat(path, suffix, NULL);
    return channel_new_file(full, O_RDWR, 0, error);
}

static bool pipe_open(Chardev *chardev, json_t *options, GError **error)
{
    const char *path = char_option_string(options, "path");

    if (!path) {
        qc_error_set(error, "chardev: pipe: no device path given");
        return false;
    }
    g_autoptr(Channel) in = open_pipe(path, ".in", NULL);
    g_autoptr(Channel) out = in ? open_pipe(path, ".out", NULL) : NULL;
    if (!out) {
        g_clear_pointer(&in, channel_unref);
        in = open_pipe(path, "", error);
        out = in ? channel_ref(in) : NULL;
    }
    if (!out) {
        return false;
    }
    chardev_stream_attach(CHARDEV_STREAM(chardev), g_steal_pointer(&in), g_steal_pointer(&out));
    return true;
}

static void chardev_pipe_init(PipeChardev *self)
{
}

static void chardev_pipe_class_init(PipeChardevClass *klass)
{
    static const char *const options[] = { "path", NULL };

    klass->parent.parent.backend = "pipe";
    klass->parent.parent.options = options;
    klass->parent.parent.open_backend = pipe_open;
}
