/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object colo-compare: a comparator with channels around it. What the secondary sends, and
 * what comes over chardevs, is compared in an iothread, which never takes the BQL; with netdev=
 * the primary's frames are compared by whoever sends them. The lock is held for one frame at a
 * time.
 */
#include "net/colo-compare.h"

#include <string.h>

#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

#define COMPARE_TIMEOUT_MS    3000
#define EXPIRED_SCAN_CYCLE_MS 3000
#define MAX_QUEUE_SIZE        1024
#define CONNECTIONS           131072
#define HELD_BYTES            (64 * 1024 * 1024)

typedef struct ColoCompareClass {
    GObjectClass parent;
} ColoCompareClass;

OBJECT_DEFINE_TYPE(ColoCompare, ColoCompareClass, colo_compare, "colo-compare", G_TYPE_OBJECT);

enum {
    PROPERTY_PRIMARY_IN = 1,
    PROPERTY_SECONDARY_IN,
    PROPERTY_OUTDEV,
    PROPERTY_NOTIFY_DEV,
    PROPERTY_NETDEV,
    PROPERTY_IOTHREAD,
    PROPERTY_VNET_HDR_SUPPORT,
    PROPERTY_COMPARE_TIMEOUT,
    PROPERTY_EXPIRED_SCAN_CYCLE,
    PROPERTY_MAX_QUEUE_SIZE,
};

static ColoCompare *to_compare(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, colo_compare_get_type(), ColoCompare);
}

char *colo_compare_name(ColoCompare *self)
{
    g_autofree char *path = object_tree_path(G_OBJECT(self));

    return g_strdup(path ? strrchr(path, '/') + 1 : "colo-compare");
}

int64_t colo_compare_now(void)
{
    return g_get_monotonic_time() / 1000;
}

void colo_compare_unlock(ColoCompare *self)
{
    if (self->tap) {
        compare_tap_unlock(self->tap);
    } else {
        g_mutex_unlock(&self->lock);
    }
}

/* ---- what the comparator asks for; lock held, any thread ---- */

static void on_release(const NetFrame *frame, void *opaque)
{
    ColoCompare *self = opaque;

    if (self->tap) {
        compare_tap_release(self->tap, frame);
    } else {
        colo_compare_send(self, frame);
    }
}

static void on_checkpoint_needed(CheckpointReason reason, void *opaque)
{
    ColoCompare *self = opaque;

    if (self->notify_dev) {
        colo_compare_send_text(self, "DO_CHECKPOINT");
    } else {
        checkpoint_request(reason);
    }
}

/* ---- looking for frames that have waited too long ---- */

static gboolean on_scan(gpointer opaque)
{
    ColoCompare *self = opaque;

    g_mutex_lock(&self->lock);
    comparator_expire(self->comparator, colo_compare_now());
    colo_compare_unlock(self);
    return G_SOURCE_CONTINUE;
}

static void stop_scan(void *opaque)
{
    ColoCompare *self = opaque;

    if (self->scan) {
        g_source_destroy(self->scan);
        g_clear_pointer(&self->scan, g_source_unref);
    }
}

static void restart_scan(void *opaque)
{
    ColoCompare *self = opaque;

    stop_scan(self);
    self->scan = g_timeout_source_new((guint)self->expired_scan_cycle);
    g_source_set_callback(self->scan, on_scan, self, NULL);
    g_source_attach(self->scan, iothread_context(self->thread));
}

/* ---- complete ---- */

static bool missing(const char *property, GError **error)
{
    qc_error_set(error, "Parameter '%s' is missing", property);
    return false;
}

static bool check_properties(const ColoCompare *self, GError **error)
{
    if (!self->secondary_in) {
        return missing("secondary_in", error);
    }
    if (self->netdev) {
        if (self->primary_in || self->outdev) {
            qc_error_set(error,
                         "'netdev' takes the place of 'primary_in' and 'outdev': there can "
                         "be no '%s' besides",
                         self->primary_in ? "primary_in" : "outdev");
            return false;
        }
        return true;
    }
    if (!self->primary_in) {
        return missing("primary_in", error);
    }
    return self->outdev || missing("outdev", error);
}

static bool open_thread(ColoCompare *self, GError **error)
{
    if (self->iothread) {
        self->thread = self->iothread;
        iothread_use(self->thread);
    } else {
        self->thread = iothread_new(error);
    }
    return self->thread != NULL;
}

static void close_thread(ColoCompare *self)
{
    if (self->thread && self->thread == self->iothread) {
        iothread_unuse(self->thread);
    } else if (self->thread) {
        g_object_unref(self->thread);
    }
    self->thread = NULL;
}

static bool colo_compare_complete(UserCreatable *object, GError **error)
{
    static const ComparatorOps ops = { on_release, on_checkpoint_needed };
    ColoCompare *self = to_compare(object);
    const ComparatorConfig config = { .connections = CONNECTIONS,
                                      .queue_frames = self->max_queue_size,
                                      .held_bytes = HELD_BYTES,
                                      .timeout = (int64_t)self->compare_timeout };

    g_assert(bql_locked());
    if (!check_properties(self, error) || !open_thread(self, error)) {
        return false;
    }
    self->comparator = comparator_new(&config, &ops, self);
    if (self->netdev && !(self->tap = compare_tap_new(self, self->netdev, error))) {
        return false;
    }
    if (!colo_compare_open_channels(self, error)) {
        return false;
    }
    iothread_run_and_wait(self->thread, restart_scan, self);
    colo_compare_join_checkpoints(self);
    return true;
}

/* What is held is passed on, then everything comes apart. */
static void colo_compare_dispose(GObject *object)
{
    ColoCompare *self = to_compare(object);

    g_assert(!self->thread || bql_locked());
    if (self->scan) {
        colo_compare_leave_checkpoints(self);
        iothread_run_and_wait(self->thread, stop_scan, self);
    }
    colo_compare_close_inputs(self);
    if (self->comparator) {
        g_mutex_lock(&self->lock);
        comparator_set_running(self->comparator, false);
        g_mutex_unlock(&self->lock);
    }
    g_clear_pointer(&self->tap, compare_tap_free);
    colo_compare_close_outputs(self);
    close_thread(self);
    g_clear_object(&self->iothread);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->dispose(object);
}

static void colo_compare_finalize(GObject *object)
{
    ColoCompare *self = to_compare(object);

    comparator_free(self->comparator);
    g_mutex_clear(&self->lock);
    g_free(self->primary_in);
    g_free(self->secondary_in);
    g_free(self->outdev);
    g_free(self->notify_dev);
    g_free(self->netdev);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

/* ---- properties ---- */

static char **text_of(ColoCompare *self, guint id)
{
    switch (id) {
    case PROPERTY_PRIMARY_IN:
        return &self->primary_in;
    case PROPERTY_SECONDARY_IN:
        return &self->secondary_in;
    case PROPERTY_OUTDEV:
        return &self->outdev;
    case PROPERTY_NOTIFY_DEV:
        return &self->notify_dev;
    case PROPERTY_NETDEV:
        return &self->netdev;
    default:
        return NULL;
    }
}

/* One of those that can change while frames flow has changed. */
static void apply(ColoCompare *self)
{
    if (self->scan) {
        g_mutex_lock(&self->lock);
        comparator_set_timeout(self->comparator, (int64_t)self->compare_timeout);
        comparator_set_queue_frames(self->comparator, self->max_queue_size);
        g_mutex_unlock(&self->lock);
        iothread_run_and_wait(self->thread, restart_scan, self);
    }
}

static void colo_compare_set_property(GObject *object, guint id, const GValue *value,
                                      GParamSpec *spec)
{
    ColoCompare *self = to_compare(object);
    char **text = text_of(self, id);

    if (text) {
        g_free(*text);
        *text = g_value_dup_string(value);
        return;
    }
    switch (id) {
    case PROPERTY_IOTHREAD:
        g_clear_object(&self->iothread);
        self->iothread = g_value_dup_object(value);
        return;
    case PROPERTY_VNET_HDR_SUPPORT:
        self->vnet_header = g_value_get_boolean(value);
        return;
    case PROPERTY_COMPARE_TIMEOUT:
        self->compare_timeout = g_value_get_uint64(value);
        break;
    case PROPERTY_EXPIRED_SCAN_CYCLE:
        self->expired_scan_cycle = g_value_get_uint(value);
        break;
    case PROPERTY_MAX_QUEUE_SIZE:
        self->max_queue_size = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        return;
    }
    apply(self);
}

static void colo_compare_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    ColoCompare *self = to_compare(object);
    char **text = text_of(self, id);

    if (text) {
        g_value_set_string(value, *text);
        return;
    }
    switch (id) {
    case PROPERTY_IOTHREAD:
        g_value_set_object(value, self->iothread);
        break;
    case PROPERTY_VNET_HDR_SUPPORT:
        g_value_set_boolean(value, self->vnet_header);
        break;
    case PROPERTY_COMPARE_TIMEOUT:
        g_value_set_uint64(value, self->compare_timeout);
        break;
    case PROPERTY_EXPIRED_SCAN_CYCLE:
        g_value_set_uint(value, (guint)self->expired_scan_cycle);
        break;
    case PROPERTY_MAX_QUEUE_SIZE:
        g_value_set_uint(value, self->max_queue_size);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static bool colo_compare_may_set(UserCreatable *object, GParamSpec *property)
{
    return property->param_id == PROPERTY_COMPARE_TIMEOUT ||
           property->param_id == PROPERTY_EXPIRED_SCAN_CYCLE ||
           property->param_id == PROPERTY_MAX_QUEUE_SIZE;
}

/* ---- registration ---- */

static void colo_compare_init(ColoCompare *self)
{
    g_mutex_init(&self->lock);
    self->compare_timeout = COMPARE_TIMEOUT_MS;
    self->expired_scan_cycle = EXPIRED_SCAN_CYCLE_MS;
    self->max_queue_size = MAX_QUEUE_SIZE;
}

/* The nick is the name as users write it: GLib's own has '-' for '_'. */
static void install_text(GObjectClass *klass, guint id, const char *name, const char *help)
{
    g_object_class_install_property(klass, id,
                                    g_param_spec_string(name, name, help, NULL, G_PARAM_READWRITE));
}

static void colo_compare_class_init(ColoCompareClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->dispose = colo_compare_dispose;
    base->finalize = colo_compare_finalize;
    base->set_property = colo_compare_set_property;
    base->get_property = colo_compare_get_property;
    install_text(base, PROPERTY_PRIMARY_IN, "primary_in",
                 "id of the character device that brings the primary's frames");
    install_text(base, PROPERTY_SECONDARY_IN, "secondary_in",
                 "id of the character device that brings the secondary's frames");
    install_text(base, PROPERTY_OUTDEV, "outdev",
                 "id of the character device that frames leave by");
    install_text(base, PROPERTY_NOTIFY_DEV, "notify_dev",
                 "id of the character device by which somebody else directs checkpoints");
    install_text(base, PROPERTY_NETDEV, "netdev",
                 "id of the network back end whose frames are compared, in place of primary_in "
                 "and outdev");
    g_object_class_install_property(base, PROPERTY_IOTHREAD,
                                    g_param_spec_object("iothread", "iothread",
                                                        "where to compare; none: a thread of its "
                                                        "own",
                                                        TYPE_IOTHREAD, G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_VNET_HDR_SUPPORT,
                                    g_param_spec_boolean("vnet_hdr_support", "vnet_hdr_support",
                                                         "each frame travels with its vnet header",
                                                         FALSE, G_PARAM_READWRITE));
    g_object_class_install_property(
        base, PROPERTY_COMPARE_TIMEOUT,
        g_param_spec_uint64("compare_timeout", "compare_timeout",
                            "how long a frame waits before a checkpoint is asked for, ms", 1,
                            G_MAXINT64, COMPARE_TIMEOUT_MS, G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_EXPIRED_SCAN_CYCLE,
                                    g_param_spec_uint("expired_scan_cycle", "expired_scan_cycle",
                                                      "how often to look for such frames, ms", 1,
                                                      G_MAXINT, EXPIRED_SCAN_CYCLE_MS,
                                                      G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_MAX_QUEUE_SIZE,
                                    g_param_spec_uint("max_queue_size", "max_queue_size",
                                                      "most frames that are held of one connection",
                                                      1, G_MAXINT, MAX_QUEUE_SIZE,
                                                      G_PARAM_READWRITE));
}

static void implement_user_creatable(gpointer interface, gpointer data)
{
    ((UserCreatableInterface *)interface)->complete = colo_compare_complete;
    ((UserCreatableInterface *)interface)->may_set = colo_compare_may_set;
}

__attribute__((constructor)) static void colo_compare_make_creatable(void)
{
    static const GInterfaceInfo info = { .interface_init = implement_user_creatable };

    g_type_add_interface_static(colo_compare_get_type(), TYPE_USER_CREATABLE, &info);
}
