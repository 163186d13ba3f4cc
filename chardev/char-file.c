/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* `file`: output to a file; input can come from another. */
#include <fcntl.h>

#include "char-internal.h"
#include "util/report.h"

#define FILE_MODE 0666

typedef struct FileChardev {
    ChardevStream parent;
} FileChardev;

typedef struct FileChardevClass {
    ChardevStreamClass parent;
} FileChardevClass;

OBJECT_DEFINE_TYPE(FileChardev, FileChardevClass, chardev_file, "chardev-file",
                   TYPE_CHARDEV_STREAM);
static bool file_open(Chardev *chardev, json_t *options, GError **error)
{
    const char *path = char_option_string(options, "path");
    const char *input_path = char_option_string(options, "input-path");
    g_autoptr(Channel) in = NULL;
    bool append = false;

    if (!path) {
        qc_error_set(error, "chardev: file: no filename given");
        return false;
    }
    if (!char_option_bool(options, "append", &append, error)) {
        return false;
    }
    if (input_path && !(in = channel_new_file(input_path, O_RDONLY | O_NONBLOCK, 0, error))) {
        return false;
    }
    /* O_NONBLOCK: a named pipe without a reader is an error, not a wait. */
    int flags = O_WRONLY | O_CREAT | O_NONBLOCK | (append ? O_APPEND : O_TRUNC);
    Channel *out = channel_new_file(path, flags, FILE_MODE, error);
    if (!out) {
        return false;
    }
    chardev_stream_attach(CHARDEV_STREAM(chardev), g_steal_pointer(&in), out);
    return true;
}

static void chardev_file_init(FileChardev *self)
{
}

static void chardev_file_class_init(FileChardevClass *klass)
{
    static const char *const options[] = { "path", "input-path", "append", NULL };

    klass->parent.parent.backend = "file";
    klass->parent.parent.options = options;
    klass->parent.parent.open_backend = file_open;
}
