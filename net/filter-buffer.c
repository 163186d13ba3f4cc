/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object `filter-buffer`: frames wait here. */
#include "net/filter-buffer.h"

#include "net/filter-internal.h"
#include "net/frame-store.h"
#include "system/main-loop.h"
#include "trace-net.h"
#include "util/report.h"
#include "util/timer.h"

typedef struct BufferFilter {
    NetFilter parent;
    guint interval; /* microseconds of guest time; 0: on demand only */
    bool has_interval;
    FrameStore *store;
    Timer *timer; /* NULL before setup */
    bool warned;  /* that frames are dropped, since the last release */
} BufferFilter;

typedef struct BufferFilterClass {
    NetFilterClass parent;
} BufferFilterClass;

enum { PROPERTY_INTERVAL = 1 };

OBJECT_DEFINE_TYPE(BufferFilter, BufferFilterClass, buffer_filter, "filter-buffer",
                   TYPE_NET_FILTER);

static BufferFilter *to_buffer(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, buffer_filter_get_type(), BufferFilter);
}

static void let_go(NetFilterQueue direction, const NetFrame *frame, void *opaque)
{
    net_filter_pass_on(opaque, direction, NULL, frame);
}

void net_filter_buffer_release(NetFilter *filter)
{
    BufferFilter *self = to_buffer(filter);

    trace_filter_buffer_release(net_filter_name(filter), frame_store_count(self->store),
                                frame_store_bytes(self->store));
    self->warned = false;
    frame_store_drain(self->store, let_go, filter);
}

/* Begin a new interval from now on, or none. */
static void rearm(BufferFilter *self)
{
    if (!self->timer) {
        return;
    }
    if (self->parent.on && self->interval > 0) {
        timer_mod_ns(self->timer, clock_get_ns(CLOCK_TYPE_VIRTUAL) +
                                      self->interval * NANOSECONDS_PER_MICROSECOND);
    } else {
        timer_del(self->timer);
    }
}

/* What is released may end the filter, and a timer must outlive its callback. */
static void on_interval(void *opaque)
{
    BufferFilter *self = g_object_ref(opaque);

    net_filter_buffer_release(&self->parent);
    if (self->parent.netdev) {
        rearm(self);
    }
    main_loop_schedule(g_object_unref, self);
}

static NetVerdict buffer_receive(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                                 const NetFrame *frame)
{
    BufferFilter *self = to_buffer(filter);

    if (!frame_store_put(self->store, direction, frame) && !self->warned) {
        self->warned = true;
        report_warning("filter '%s': %u frames (%zu bytes) wait; further ones are dropped until "
                       "these are released",
                       net_filter_name(filter), frame_store_count(self->store),
                       frame_store_bytes(self->store));
    }
    return NET_VERDICT_TAKE;
}

static bool buffer_setup(NetFilter *filter, GError **error)
{
    BufferFilter *self = to_buffer(filter);

    if (!self->has_interval) {
        return net_filter_missing("interval", error);
    }
    self->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, on_interval, self);
    rearm(self);
    return true;
}

/* A filter that is off must not keep what came while it was on. */
static void buffer_status_changed(NetFilter *filter)
{
    rearm(to_buffer(filter));
    if (!filter->on) {
        net_filter_buffer_release(filter);
    }
}

static void buffer_cleanup(NetFilter *filter)
{
    timer_del(to_buffer(filter)->timer);
    net_filter_buffer_release(filter);
}

static void buffer_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    BufferFilter *self = to_buffer(object);

    switch (id) {
    case PROPERTY_INTERVAL:
        self->interval = g_value_get_uint(value);
        self->has_interval = true;
        rearm(self);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void buffer_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    switch (id) {
    case PROPERTY_INTERVAL:
        g_value_set_uint(value, to_buffer(object)->interval);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void buffer_filter_finalize(GObject *object)
{
    BufferFilter *self = to_buffer(object);

    timer_free(self->timer);
    frame_store_free(self->store);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_NET_FILTER))->finalize(object);
}

static void buffer_filter_init(BufferFilter *self)
{
    self->parent.vnet_header = true;
    self->store = frame_store_new(NET_FILTER_BUFFER_BYTES_MAX);
}

static void buffer_filter_class_init(BufferFilterClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->finalize = buffer_filter_finalize;
    base->set_property = buffer_set_property;
    base->get_property = buffer_get_property;
    klass->parent.setup = buffer_setup;
    klass->parent.receive = buffer_receive;
    klass->parent.status_changed = buffer_status_changed;
    klass->parent.cleanup = buffer_cleanup;
    g_object_class_install_property(
        base, PROPERTY_INTERVAL,
        g_param_spec_uint("interval", NULL,
                          "microseconds after which held frames go on; 0: on demand only", 0,
                          G_MAXUINT, 0, G_PARAM_READWRITE | NET_FILTER_CHANGEABLE));
}
