/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What users of character devices call. */
#include "char-internal.h"
#include "trace-chardev.h"

bool char_frontend_init(CharFrontend *frontend, Chardev *chardev, GError **error)
{
    *frontend = (CharFrontend){ 0 };
    if (!chardev) {
        return true;
    }
    g_rec_mutex_lock(&chardev->dispatch);
    bool ok = CHARDEV_GET_CLASS(chardev)->attach(chardev, frontend, error);
    g_rec_mutex_unlock(&chardev->dispatch);
    if (ok) {
        frontend->chardev = g_object_ref(chardev);
    }
    return ok;
}

void char_frontend_deinit(CharFrontend *frontend)
{
    Chardev *chardev = frontend->chardev;

    if (!chardev) {
        return;
    }
    g_rec_mutex_lock(&chardev->dispatch);
    CHARDEV_GET_CLASS(chardev)->detach(chardev, frontend);
    *frontend = (CharFrontend){ 0 };
    g_rec_mutex_unlock(&chardev->dispatch);
    g_object_unref(chardev);
}

void char_frontend_set_handlers(CharFrontend *frontend, int (*can_receive)(void *),
                                void (*receive)(void *, const uint8_t *, int),
                                void (*event)(void *, CharEvent), void *opaque,
                                GMainContext *context)
{
    Chardev *chardev = frontend->chardev;

    if (!chardev) {
        return;
    }
    g_rec_mutex_lock(&chardev->dispatch);
    frontend->can_receive = can_receive;
    frontend->receive = receive;
    frontend->event = event;
    frontend->opaque = opaque;
    CHARDEV_GET_CLASS(chardev)->handlers_changed(chardev, frontend, context);
    g_rec_mutex_unlock(&chardev->dispatch);
}

void char_frontend_accept_input(CharFrontend *frontend)
{
    if (frontend->chardev) {
        CHARDEV_GET_CLASS(frontend->chardev)->accept_input(frontend->chardev, frontend);
    }
}

void char_frontend_take_focus(CharFrontend *frontend)
{
    ChardevClass *klass = frontend->chardev ? CHARDEV_GET_CLASS(frontend->chardev) : NULL;

    if (klass && klass->take_focus) {
        g_rec_mutex_lock(&frontend->chardev->dispatch);
        klass->take_focus(frontend->chardev, frontend);
        g_rec_mutex_unlock(&frontend->chardev->dispatch);
    }
}

/* ---- output ---- */

int char_frontend_write(CharFrontend *frontend, const void *data, int size)
{
    return frontend->chardev ? chardev_write(frontend->chardev, data, size) : size;
}

static Channel *ref_output(Chardev *chardev)
{
    g_mutex_lock(&chardev->lock);
    Channel *output = CHARDEV_GET_CLASS(chardev)->ref_output(chardev);
    g_mutex_unlock(&chardev->lock);
    return output;
}

/* Wait for room; false when there was none for too long. */
static bool wait_for_room(Chardev *chardev)
{
    g_autoptr(Channel) output = ref_output(chardev);

    /* -1 means that the peer has gone; the next write will find that out. */
    return !output || channel_wait_writable(output, CHAR_WRITE_TIMEOUT_MS) != 0;
}

bool char_frontend_write_all(CharFrontend *frontend, const void *data, int size)
{
    Chardev *chardev = frontend->chardev;
    const uint8_t *next = data;
    bool ok = true;

    if (!chardev) {
        return true;
    }
    g_mutex_lock(&chardev->whole_write);
    while (size > 0 && ok) {
        int written = chardev_write(chardev, next, size);
        next += written;
        size -= written;
        ok = written > 0 || wait_for_room(chardev);
    }
    g_mutex_unlock(&chardev->whole_write);
    if (!ok) {
        trace_chardev_write_timeout(chardev->id, size);
    }
    return ok;
}

typedef struct WritableCall {
    gboolean (*writable)(void *opaque);
    void *opaque;
} WritableCall;

static gboolean on_writable(Channel *channel, GIOCondition condition, void *opaque)
{
    WritableCall *call = opaque;
    bool again = call->writable(call->opaque);

    /* A hang-up stays: there would be no end of calls. */
    return again && !channel_is_shut_down(channel);
}

guint char_frontend_add_watch(CharFrontend *frontend, gboolean (*writable)(void *opaque),
                              void *opaque)
{
    Chardev *chardev = frontend->chardev;
    g_autoptr(Channel) output = chardev ? ref_output(chardev) : NULL;

    if (!output) {
        return 0;
    }
    WritableCall *call = g_new(WritableCall, 1);
    *call = (WritableCall){ writable, opaque };
    g_autoptr(GSource) source = channel_create_watch(output, G_IO_OUT, on_writable, call);
    g_source_set_callback(source, (GSourceFunc)(void (*)(void))on_writable, call, g_free);
    return g_source_attach(source, chardev->context);
}

/* ---- the rest ---- */

void char_frontend_set_break(CharFrontend *frontend, bool on)
{
    ChardevClass *klass = frontend->chardev ? CHARDEV_GET_CLASS(frontend->chardev) : NULL;

    if (klass && klass->set_break) {
        klass->set_break(frontend->chardev, on);
    }
}

void char_frontend_set_echo(CharFrontend *frontend, bool on)
{
    ChardevClass *klass = frontend->chardev ? CHARDEV_GET_CLASS(frontend->chardev) : NULL;

    if (klass && klass->set_echo) {
        klass->set_echo(frontend->chardev, on);
    }
}

int char_frontend_take_fd(CharFrontend *frontend)
{
    ChardevClass *klass = frontend->chardev ? CHARDEV_GET_CLASS(frontend->chardev) : NULL;

    return klass && klass->take_fd ? klass->take_fd(frontend->chardev) : -1;
}

void char_frontend_disconnect(CharFrontend *frontend)
{
    ChardevClass *klass = frontend->chardev ? CHARDEV_GET_CLASS(frontend->chardev) : NULL;

    if (klass && klass->disconnect) {
        klass->disconnect(frontend->chardev);
    }
}

bool char_frontend_is_open(const CharFrontend *frontend)
{
    Chardev *chardev = frontend->chardev;

    if (!chardev) {
        return false;
    }
    g_mutex_lock(&chardev->lock);
    bool open = chardev->open;
    g_mutex_unlock(&chardev->lock);
    return open;
}
