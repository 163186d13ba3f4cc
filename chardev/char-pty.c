/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A new pseudo terminal. Its other side can be opened and closed any number of times; nothing
 * tells when it is opened (pty(7)), so that is looked for from time to time.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "char-internal.h"
#include "system/main-loop.h"
#include "util/report.h"

#define PTY_POLL_MS 200

typedef struct PtyChardev {
    ChardevStream parent;
    int master; /* kept open while nobody has the other side */
    char *path; /* of the other side */
    guint poll; /* GSource id */
} PtyChardev;

typedef struct PtyChardevClass {
    ChardevStreamClass parent;
} PtyChardevClass;

OBJECT_DEFINE_TYPE(PtyChardev, PtyChardevClass, chardev_pty, "chardev-pty", TYPE_CHARDEV_STREAM);

static PtyChardev *to_pty(void *chardev)
{
    return G_TYPE_CHECK_INSTANCE_CAST(chardev, chardev_pty_get_type(), PtyChardev);
}

/* While nobody has it open, the other side reads as hung up. */
static bool is_other_side_open(PtyChardev *self)
{
    struct pollfd fd = { .fd = self->master, .events = POLLIN };

    return poll(&fd, 1, 0) >= 0 && !(fd.revents & POLLHUP);
}

static gboolean look_for_peer(gpointer opaque)
{
    PtyChardev *self = opaque;

    if (!is_other_side_open(self)) {
        return G_SOURCE_CONTINUE;
    }
    int fd = fcntl(self->master, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return G_SOURCE_CONTINUE; /* no descriptor now; perhaps next time */
    }
    self->poll = 0;
    Channel *channel = channel_new_fd(fd, self->path);
    chardev_stream_attach(&self->parent, channel, channel_ref(channel));
    return G_SOURCE_REMOVE;
}

static void wait_for_peer(void *opaque)
{
    PtyChardev *self = opaque;

    if (!self->parent.parent.closed && !self->poll) {
        self->poll = g_timeout_add(PTY_POLL_MS, look_for_peer, self);
    }
    g_object_unref(self);
}

static void pty_ended(ChardevStream *stream)
{
    chardev_stream_detach(stream);
    main_loop_schedule(wait_for_peer, g_object_ref(stream));
}

/* Make the pair; false with errno. The other side is left raw and closed. */
static bool make_pair(PtyChardev *self, GError **error)
{
    char path[PATH_MAX];

    self->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (self->master < 0 || grantpt(self->master) < 0 || unlockpt(self->master) < 0 ||
        ptsname_r(self->master, path, sizeof(path)) != 0) {
        qc_error_set_errno(error, errno, "Failed to create PTY");
        return false;
    }
    self->path = g_strdup(path);
    int other = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other < 0) {
        qc_error_set_errno(error, errno, "Could not open '%s'", path);
        return false;
    }
    bool ok = char_tty_set_raw(other, path, error);
    close(other);
    return ok;
}

static bool pty_open(Chardev *chardev, json_t *options, GError **error)
{
    PtyChardev *self = to_pty(chardev);

    if (!make_pair(self, error)) {
        return false;
    }
    g_unix_set_fd_nonblocking(self->master, true, NULL);
    wait_for_peer(g_object_ref(self));
    return true;
}

static void pty_close(Chardev *chardev)
{
    PtyChardev *self = to_pty(chardev);

    g_clear_handle_id(&self->poll, g_source_remove);
    chardev_stream_close(chardev);
    if (self->master >= 0) {
        close(self->master);
        self->master = -1;
    }
}

static char *pty_filename(Chardev *chardev)
{
    return g_strdup_printf("pty:%s", to_pty(chardev)->path);
}

static void chardev_pty_finalize(GObject *object)
{
    g_free(to_pty(object)->path);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_CHARDEV_STREAM))->finalize(object);
}

static void chardev_pty_init(PtyChardev *self)
{
    self->master = -1;
}

static void chardev_pty_class_init(PtyChardevClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = chardev_pty_finalize;
    klass->parent.parent.backend = "pty";
    klass->parent.parent.open_backend = pty_open;
    klass->parent.parent.close_backend = pty_close;
    klass->parent.parent.filename = pty_filename;
    klass->parent.ended = pty_ended;
}
