/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The base class of character devices: one front end, its context, the log of the output. */
#include "char-internal.h"
#include "trace-chardev.h"
#include "util/report.h"

OBJECT_DEFINE_ABSTRACT_TYPE(Chardev, ChardevClass, chardev, "chardev", G_TYPE_OBJECT);

/* ---- from the back end to the front end ---- */

int chardev_can_receive(Chardev *chardev)
{
    CharFrontend *frontend = chardev->frontend;

    if (!frontend || !frontend->can_receive || !frontend->receive) {
        return 0;
    }
    return frontend->can_receive(frontend->opaque);
}

void chardev_receive(Chardev *chardev, const uint8_t *data, int size)
{
    CharFrontend *frontend = chardev->frontend;

    if (frontend && frontend->receive) {
        frontend->receive(frontend->opaque, data, size);
    }
}

static void default_deliver_event(Chardev *chardev, CharEvent event)
{
    CharFrontend *frontend = chardev->frontend;

    if (frontend && frontend->event) {
        frontend->event(frontend->opaque, event);
    }
}

static void deliver_event(Chardev *chardev, CharEvent event)
{
    trace_chardev_event(chardev->id, event);
    g_rec_mutex_lock(&chardev->dispatch);
    CHARDEV_GET_CLASS(chardev)->deliver_event(chardev, event);
    g_rec_mutex_unlock(&chardev->dispatch);
}

typedef struct QueuedEvent {
    Chardev *chardev;
    CharEvent event;
} QueuedEvent;

static gboolean deliver_queued_event(gpointer opaque)
{
    QueuedEvent *queued = opaque;

    deliver_event(queued->chardev, queued->event);
    return G_SOURCE_REMOVE;
}

static void queued_event_free(gpointer opaque)
{
    QueuedEvent *queued = opaque;

    g_object_unref(queued->chardev);
    g_free(queued);
}

void chardev_event(Chardev *chardev, CharEvent event)
{
    if (!chardev->context || g_main_context_is_owner(chardev->context)) {
        deliver_event(chardev, event);
        return;
    }
    QueuedEvent *queued = g_new(QueuedEvent, 1);
    *queued = (QueuedEvent){ g_object_ref(chardev), event };
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, deliver_queued_event, queued, queued_event_free);
    g_source_attach(source, chardev->context);
}

void chardev_set_open(Chardev *chardev, bool open)
{
    g_mutex_lock(&chardev->lock);
    bool news = chardev->open != open;
    chardev->open = open;
    g_mutex_unlock(&chardev->lock);
    if (news) {
        chardev_event(chardev, open ? CHAR_EVENT_OPENED : CHAR_EVENT_CLOSED);
    }
}

void chardev_send_break(Chardev *chardev)
{
    chardev_event(chardev, CHAR_EVENT_BREAK);
}

/* ---- output ---- */

/* Lock held. A log that fails, or a pipe that nobody empties, is given up with one warning. */
static void log_output(Chardev *chardev, const uint8_t *data, int size)
{
    struct iovec iov = { (void *)data, size };
    g_autoptr(GError) error = NULL;

    if (!chardev->log || size <= 0 || channel_writev(chardev->log, &iov, 1, &error) == size) {
        return;
    }
    report_warning("chardev '%s': logging ends: %s", chardev->id,
                   error ? error->message : "the log does not take all output");
    g_clear_pointer(&chardev->log, channel_unref);
}

int chardev_write(Chardev *chardev, const uint8_t *data, int size)
{
    g_mutex_lock(&chardev->lock);
    int written = CHARDEV_GET_CLASS(chardev)->write(chardev, data, size);
    log_output(chardev, data, written);
    g_mutex_unlock(&chardev->lock);
    return written;
}

static Channel *no_output(Chardev *chardev)
{
    return NULL;
}

/* ---- front end ---- */

static bool default_attach(Chardev *chardev, CharFrontend *frontend, GError **error)
{
    if (chardev->frontend) {
        qc_error_set(error, "Device '%s' is in use", chardev->id);
        return false;
    }
    chardev->frontend = frontend;
    return true;
}

static void set_context(Chardev *chardev, GMainContext *context)
{
    GMainContext *former = chardev->context;

    chardev->context = context ? g_main_context_ref(context) : NULL;
    if (former) {
        g_main_context_unref(former);
    }
}

static void default_detach(Chardev *chardev, CharFrontend *frontend)
{
    chardev->frontend = NULL;
    CHARDEV_GET_CLASS(chardev)->handlers_changed(chardev, frontend, NULL);
}

static void default_handlers_changed(Chardev *chardev, CharFrontend *frontend,
                                     GMainContext *context)
{
    set_context(chardev, context);
    g_mutex_lock(&chardev->lock);
    bool open = chardev->open;
    g_mutex_unlock(&chardev->lock);
    if (open && chardev->frontend) {
        chardev_event(chardev, CHAR_EVENT_OPENED);
    }
}

static void default_accept_input(Chardev *chardev, CharFrontend *frontend)
{
}

static bool default_has_frontend(Chardev *chardev)
{
    return chardev->frontend != NULL;
}

bool chardev_has_frontend(Chardev *chardev)
{
    return CHARDEV_GET_CLASS(chardev)->has_frontend(chardev);
}

/* ---- life ---- */

const char *chardev_id(Chardev *chardev)
{
    return chardev->id;
}

static char *default_filename(Chardev *chardev)
{
    return g_strdup(CHARDEV_GET_CLASS(chardev)->backend);
}

char *chardev_filename(Chardev *chardev)
{
    return CHARDEV_GET_CLASS(chardev)->filename(chardev);
}

void chardev_close(Chardev *chardev)
{
    if (chardev->closed) {
        return;
    }
    trace_chardev_close(chardev->id);
    chardev->closed = true;
    CHARDEV_GET_CLASS(chardev)->close_backend(chardev);
    g_mutex_lock(&chardev->lock);
    g_clear_pointer(&chardev->log, channel_unref);
    g_mutex_unlock(&chardev->lock);
}

static void default_close(Chardev *chardev)
{
}

static void chardev_dispose(GObject *object)
{
    chardev_close(CHARDEV(object));
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->dispose(object);
}

static void chardev_finalize(GObject *object)
{
    Chardev *self = CHARDEV(object);

    set_context(self, NULL);
    g_rec_mutex_clear(&self->dispatch);
    g_mutex_clear(&self->lock);
    g_mutex_clear(&self->whole_write);
    g_free(self->id);
    g_free(self->base_id);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void chardev_init(Chardev *self)
{
    g_rec_mutex_init(&self->dispatch);
    g_mutex_init(&self->lock);
    g_mutex_init(&self->whole_write);
}

static void chardev_class_init(ChardevClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = chardev_dispose;
    G_OBJECT_CLASS(klass)->finalize = chardev_finalize;
    klass->close_backend = default_close;
    klass->ref_output = no_output;
    klass->attach = default_attach;
    klass->detach = default_detach;
    klass->handlers_changed = default_handlers_changed;
    klass->accept_input = default_accept_input;
    klass->has_frontend = default_has_frontend;
    klass->filename = default_filename;
    klass->deliver_event = default_deliver_event;
}
