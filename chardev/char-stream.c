/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Back ends that read and write channels. Input is read only while the front end takes some;
 * meanwhile only a hang-up is looked for.
 */
#include <poll.h>
#include <sys/ioctl.h>

#include "char-internal.h"
#include "trace-chardev.h"

/* Large enough for a burst of packets in one call. */
#define STREAM_READ_SIZE 65536

OBJECT_DEFINE_ABSTRACT_TYPE(ChardevStream, ChardevStreamClass, chardev_stream, "chardev-fd",
                            TYPE_CHARDEV);

/* ---- input ---- */

static gboolean on_input(Channel *channel, GIOCondition condition, void *opaque);
static gboolean on_hangup(Channel *channel, GIOCondition condition, void *opaque);

/* Lock held. */
static void drop_watch(ChardevStream *self)
{
    if (self->watch) {
        g_source_destroy(self->watch);
        g_clear_pointer(&self->watch, g_source_unref);
    }
}

/* Lock held. Replace the watch by one for input, or for hang-ups only. */
static void set_watch(ChardevStream *self, bool input)
{
    drop_watch(self);
    self->paused = !input;
    if (!self->in) {
        return;
    }
    self->watch = input ? channel_create_watch(self->in, G_IO_IN, on_input, self)
                        : channel_create_watch(self->in, POLLRDHUP, on_hangup, self);
    g_source_attach(self->watch, self->parent.context);
}

static void resume_input(ChardevStream *self)
{
    g_mutex_lock(&self->parent.lock);
    if (self->paused) {
        trace_chardev_input_resumed(self->parent.id);
        set_watch(self, true);
    }
    g_mutex_unlock(&self->parent.lock);
}

/*
 * The front end takes nothing now. It may have changed its mind, in another thread, before
 * `paused` was set; so ask once more.
 */
static void pause_input(ChardevStream *self)
{
    trace_chardev_input_paused(self->parent.id);
    g_mutex_lock(&self->parent.lock);
    set_watch(self, false);
    g_mutex_unlock(&self->parent.lock);
    if (chardev_can_receive(&self->parent) > 0) {
        resume_input(self);
    }
}

static void input_ended(ChardevStream *self)
{
    trace_chardev_input_ended(self->parent.id);
    CHARDEV_STREAM_GET_CLASS(self)->ended(self);
}

/* Dispatch held. Read once; false when the watch that called is not wanted any more. */
static bool read_input(ChardevStream *self, Channel *channel)
{
    int room = chardev_can_receive(&self->parent);
    struct iovec iov = { self->buffer, MIN(room, STREAM_READ_SIZE) };
    g_autoptr(GError) error = NULL;

    if (room <= 0) {
        pause_input(self);
        return false;
    }
    ssize_t n = channel_readv(channel, &iov, 1, &error);
    if (n > 0) {
        ChardevStreamClass *klass = CHARDEV_STREAM_GET_CLASS(self);
        trace_chardev_read(self->parent.id, (int)n);
        size_t size = klass->filter ? klass->filter(self, self->buffer, n) : (size_t)n;
        if (size > 0) {
            chardev_receive(&self->parent, self->buffer, (int)size);
        }
    } else if (n != CHANNEL_WOULD_BLOCK) {
        input_ended(self);
        return false;
    }
    return true;
}

static bool is_current(ChardevStream *self, Channel *channel)
{
    return self->in == channel && !g_source_is_destroyed(g_main_current_source());
}

static gboolean on_input(Channel *channel, GIOCondition condition, void *opaque)
{
    ChardevStream *self = g_object_ref(opaque);

    g_rec_mutex_lock(&self->parent.dispatch);
    bool more = is_current(self, channel) && read_input(self, channel);
    g_rec_mutex_unlock(&self->parent.dispatch);
    g_object_unref(self);
    return more;
}

/* Nothing is left to read. */
static bool is_drained(Channel *channel)
{
    int pending = 0;

    return ioctl(channel_fd(channel), FIONREAD, &pending) < 0 || pending == 0;
}

/*
 * What the peer sent before it went stays for the front end, unless there is none. The watch
 * ends here either way: a hang-up does not go away.
 */
static gboolean on_hangup(Channel *channel, GIOCondition condition, void *opaque)
{
    ChardevStream *self = g_object_ref(opaque);

    g_rec_mutex_lock(&self->parent.dispatch);
    if (is_current(self, channel)) {
        g_mutex_lock(&self->parent.lock);
        drop_watch(self);
        g_mutex_unlock(&self->parent.lock);
        if (!chardev_has_frontend(&self->parent) || is_drained(channel)) {
            input_ended(self);
        }
    }
    g_rec_mutex_unlock(&self->parent.dispatch);
    g_object_unref(self);
    return G_SOURCE_REMOVE;
}

static void stream_accept_input(Chardev *chardev, CharFrontend *frontend)
{
    resume_input(CHARDEV_STREAM(chardev));
}

static void stream_handlers_changed(Chardev *chardev, CharFrontend *frontend, GMainContext *context)
{
    ChardevStream *self = CHARDEV_STREAM(chardev);
    ChardevClass *parent = g_type_class_peek(TYPE_CHARDEV);

    g_mutex_lock(&chardev->lock);
    drop_watch(self);
    g_mutex_unlock(&chardev->lock);
    parent->handlers_changed(chardev, frontend, context);
    /* The event comes before the first input; its handler can have detached already. */
    g_mutex_lock(&chardev->lock);
    set_watch(self, chardev->frontend && chardev->frontend->receive);
    g_mutex_unlock(&chardev->lock);
}

static void forget_input(ChardevStream *self)
{
    g_mutex_lock(&self->parent.lock);
    drop_watch(self);
    Channel *in = g_steal_pointer(&self->in);
    g_mutex_unlock(&self->parent.lock);
    channel_unref(in);
}

/* ---- output ---- */

/* A peer that is gone takes everything; reading finds out that it is gone. */
static int stream_write(Chardev *chardev, const uint8_t *data, int size)
{
    ChardevStream *self = CHARDEV_STREAM(chardev);
    struct iovec iov = { (void *)data, size };
    g_autoptr(GError) error = NULL;

    if (!self->out || size <= 0) {
        return size;
    }
    ssize_t n = channel_writev(self->out, &iov, 1, &error);
    if (n >= 0) {
        return (int)n;
    }
    if (n == CHANNEL_WOULD_BLOCK) {
        return 0;
    }
    trace_chardev_output_failed(chardev->id, error->message);
    return size;
}

static Channel *stream_ref_output(Chardev *chardev)
{
    ChardevStream *self = CHARDEV_STREAM(chardev);
    return self->out ? channel_ref(self->out) : NULL;
}

static int stream_take_fd(Chardev *chardev)
{
    ChardevStream *self = CHARDEV_STREAM(chardev);
    return self->in ? channel_take_received_fd(self->in) : -1;
}

/* ---- peers ---- */

void chardev_stream_attach(ChardevStream *self, Channel *in, Channel *out)
{
    Chardev *chardev = &self->parent;

    if (in) {
        channel_set_blocking(in, false, NULL);
    }
    if (out) {
        channel_set_blocking(out, false, NULL);
    }
    g_rec_mutex_lock(&chardev->dispatch);
    g_mutex_lock(&chardev->lock);
    g_assert(!self->in && !self->out);
    self->in = in;
    self->out = out;
    g_mutex_unlock(&chardev->lock);
    chardev_set_open(chardev, true);
    g_mutex_lock(&chardev->lock);
    if (self->in == in) { /* the handler can have dropped the peer already */
        set_watch(self, chardev->frontend && chardev->frontend->receive);
    }
    g_mutex_unlock(&chardev->lock);
    g_rec_mutex_unlock(&chardev->dispatch);
}

void chardev_stream_detach(ChardevStream *self)
{
    g_rec_mutex_lock(&self->parent.dispatch);
    g_mutex_lock(&self->parent.lock);
    drop_watch(self);
    Channel *in = g_steal_pointer(&self->in);
    Channel *out = g_steal_pointer(&self->out);
    g_mutex_unlock(&self->parent.lock);
    if (in) {
        channel_shutdown(in);
    }
    if (out) {
        channel_shutdown(out);
    }
    channel_unref(in);
    channel_unref(out);
    chardev_set_open(&self->parent, false);
    g_rec_mutex_unlock(&self->parent.dispatch);
}

void chardev_stream_close(Chardev *chardev)
{
    chardev_stream_detach(CHARDEV_STREAM(chardev));
}

static void chardev_stream_finalize(GObject *object)
{
    g_free(CHARDEV_STREAM(object)->buffer);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_CHARDEV))->finalize(object);
}

static void chardev_stream_init(ChardevStream *self)
{
    self->buffer = g_malloc(STREAM_READ_SIZE);
}

static void chardev_stream_class_init(ChardevStreamClass *klass)
{
    ChardevClass *base = &klass->parent;

    G_OBJECT_CLASS(klass)->finalize = chardev_stream_finalize;
    base->close_backend = chardev_stream_close;
    base->write = stream_write;
    base->ref_output = stream_ref_output;
    base->take_fd = stream_take_fd;
    base->accept_input = stream_accept_input;
    base->handlers_changed = stream_handlers_changed;
    klass->ended = forget_input;
}
