/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* `serial`: a terminal line of the host, raw. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "char-internal.h"
#include "util/report.h"

typedef struct SerialChardev {
    ChardevStream parent;
} SerialChardev;

typedef struct SerialChardevClass {
    ChardevStreamClass parent;
} SerialChardevClass;

OBJECT_DEFINE_TYPE(SerialChardev, SerialChardevClass, chardev_serial, "chardev-serial",
                   TYPE_CHARDEV_STREAM);

bool char_tty_set_raw(int fd, const char *name, GError **error)
{
    struct termios settings;

    if (tcgetattr(fd, &settings) < 0) {
        qc_error_set_errno(error, errno, "'%s' is not a terminal line", name);
        return false;
    }
    cfmakeraw(&settings);
    settings.c_cflag |= CREAD | CLOCAL;
    if (tcsetattr(fd, TCSANOW, &settings) < 0) {
        qc_error_set_errno(error, errno, "Cannot set the terminal line '%s'", name);
        return false;
    }
    return true;
}

static bool serial_open(Chardev *chardev, json_t *options, GError **error)
{
    const char *path = char_option_string(options, "path");

    if (!path) {
        qc_error_set(error, "chardev: serial/tty: no device path given");
        return false;
    }
    Channel *channel = channel_new_file(path, O_RDWR | O_NOCTTY | O_NONBLOCK, 0, error);
    if (!channel) {
        return false;
    }
    if (!char_tty_set_raw(channel_fd(channel), path, error)) {
        channel_unref(channel);
        return false;
    }
    chardev_stream_attach(CHARDEV_STREAM(chardev), channel, channel_ref(channel));
    return true;
}

static void serial_set_break(Chardev *chardev, bool on)
{
    Channel *out = CHARDEV_STREAM(chardev)->out;

    if (out && ioctl(channel_fd(out), on ? TIOCSBRK : TIOCCBRK) < 0) {
        report_warning("chardev '%s': cannot switch the break %s: %s", chardev->id,
                       on ? "on" : "off", g_strerror(errno));
    }
}

static void chardev_serial_init(SerialChardev *self)
{
}

static void chardev_serial_class_init(SerialChardevClass *klass)
{
    static const char *const options[] = { "path", NULL };

    klass->parent.parent.backend = "serial";
    klass->parent.parent.alias = "tty";
    klass->parent.parent.options = options;
    klass->parent.parent.open_backend = serial_open;
    klass->parent.parent.set_break = serial_set_break;
}
