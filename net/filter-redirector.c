/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object `filter-redirector`: frames go to one character device instead of on, and frames from
 * another take their place.
 *
 * While COLO runs, a redirector marks in its output where a checkpoint lies. When COLO ends on the
 * secondary it retires: the other host, whose frames it brought and for whom it took the guest's,
 * is out of the game, and the survivor speaks with its clients by itself.
 */
#include "migration/checkpoint.h"
#include "net/filter-internal.h"
#include "net/filter-output.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

#define INPUT_SIZE 65536 /* bytes taken at once */

typedef struct RedirectorFilter {
    NetFilter parent;
    char *indev, *outdev;
    bool vnet_hdr_support;
    FilterOutput output;
    CharFrontend input;
    FrameReader *reader; /* NULL: there is no input */
    bool input_broken;   /* the peer talks nonsense and cannot be disconnected */
    bool retired;
    bool lost_reported; /* that COLO goes on without a peer of outdev */
} RedirectorFilter;

typedef struct RedirectorFilterClass {
    NetFilterClass parent;
} RedirectorFilterClass;

enum { PROPERTY_INDEV = 1, PROPERTY_OUTDEV, PROPERTY_VNET_HDR_SUPPORT };

OBJECT_DEFINE_TYPE(RedirectorFilter, RedirectorFilterClass, redirector_filter, "filter-redirector",
                   TYPE_NET_FILTER);

/* BQL */
static GList *redirectors; /* complete ones */
static struct {
    bool running;
    CheckpointSide side;
} colo;

static RedirectorFilter *to_redirector(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, redirector_filter_get_type(), RedirectorFilter);
}

static const char *name_of(RedirectorFilter *self)
{
    return net_filter_name(&self->parent);
}

static bool serves(const RedirectorFilter *self, NetFilterQueue direction)
{
    return self->parent.queue == NET_FILTER_QUEUE_ALL || self->parent.queue == direction;
}

/* ---- out ---- */

static const CheckpointOps redirector_ops;

/*
 * The guest's output is not compared any more. To let it pass would break the protection silently,
 * so COLO is told; when it has ended, frames pass.
 */
static void report_lost(RedirectorFilter *self)
{
    g_autoptr(GError) error = NULL;

    if (self->lost_reported) {
        return;
    }
    self->lost_reported = true;
    qc_error_set(&error, "filter '%s': chardev '%s' has no peer, the guest's frames are dropped",
                 name_of(self), self->outdev);
    if (colo.side == CHECKPOINT_PRIMARY) {
        checkpoint_report_error(&redirector_ops, error);
    } else {
        report_warning("%s", error->message);
    }
}

static NetVerdict redirector_receive(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                                     const NetFrame *frame)
{
    RedirectorFilter *self = to_redirector(filter);

    if (!filter_output_exists(&self->output) || self->retired) {
        return NET_VERDICT_PASS;
    }
    if (filter_output_has_peer(&self->output)) {
        filter_output_send(&self->output, frame);
        return NET_VERDICT_TAKE;
    }
    if (!colo.running) {
        return NET_VERDICT_PASS;
    }
    report_lost(self);
    return NET_VERDICT_TAKE;
}

/* ---- in ---- */

static void inject(const NetFrame *frame, void *opaque)
{
    RedirectorFilter *self = opaque;

    if (self->retired) {
        return;
    }
    if (serves(self, NET_FILTER_QUEUE_TX)) {
        net_filter_pass_on(&self->parent, NET_FILTER_QUEUE_TX, NULL, frame);
    }
    if (serves(self, NET_FILTER_QUEUE_RX)) {
        net_filter_pass_on(&self->parent, NET_FILTER_QUEUE_RX, NULL, frame);
    }
}

/* Marks are for the comparator; whoever else gets one has nothing to do. */
static const FrameReaderOps reader_ops = { .frame = inject };

static int input_can_receive(void *opaque)
{
    return INPUT_SIZE;
}

static void input_receive(void *opaque, const uint8_t *data, int size)
{
    RedirectorFilter *self = opaque;
    g_autoptr(GObject) alive = g_object_ref(G_OBJECT(self));
    g_autoptr(GError) error = NULL;

    if (self->input_broken || frame_reader_feed(self->reader, data, (size_t)size, &error)) {
        return;
    }
    report_error("filter '%s', chardev '%s': %s; the connection is closed", name_of(self),
                 self->indev, error->message);
    self->input_broken = true;
    char_frontend_disconnect(&self->input);
}

static void input_event(void *opaque, CharEvent event)
{
    RedirectorFilter *self = opaque;

    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        frame_reader_reset(self->reader);
        self->input_broken = false;
    }
}

/* While the filter is off its peer waits, as it would for a network that is down. */
static void listen_if_on(RedirectorFilter *self)
{
    bool on = self->parent.on;

    if (self->reader) {
        char_frontend_set_handlers(&self->input, on ? input_can_receive : NULL,
                                   on ? input_receive : NULL, input_event, self, NULL);
    }
}

static void redirector_status_changed(NetFilter *filter)
{
    listen_if_on(to_redirector(filter));
}

static bool redirector_feeds_guest(const NetFilter *filter)
{
    const RedirectorFilter *self = (const RedirectorFilter *)filter;

    return self->reader && !self->retired && serves(self, NET_FILTER_QUEUE_TX);
}

/* ---- checkpoints ---- */

static bool is_active_output(RedirectorFilter *self)
{
    return self->parent.on && filter_output_exists(&self->output);
}

/* What the guest sends could not be compared from the beginning. */
static bool check_output(RedirectorFilter *self, GError **error)
{
    if (is_active_output(self) && serves(self, NET_FILTER_QUEUE_RX) &&
        !filter_output_has_peer(&self->output)) {
        qc_error_set(error, "filter '%s': chardev '%s' has no peer", name_of(self), self->outdev);
        return false;
    }
    return true;
}

static bool redirector_start(void *opaque, CheckpointSide side, GError **error)
{
    for (GList *item = redirectors; item; item = item->next) {
        RedirectorFilter *self = item->data;
        self->lost_reported = false;
        if (side == CHECKPOINT_SECONDARY) {
            self->retired = false;
        } else if (!self->retired && !check_output(self, error)) {
            return false;
        }
    }
    colo.running = true;
    colo.side = side;
    return true;
}

static bool redirector_prepare(void *opaque, CheckpointSide side, uint64_t sequence, GError **error)
{
    for (GList *item = redirectors; item; item = item->next) {
        RedirectorFilter *self = item->data;
        if (!self->retired && is_active_output(self) && serves(self, NET_FILTER_QUEUE_RX) &&
            !filter_output_mark(&self->output)) {
            trace_redirector_mark_lost(name_of(self), sequence);
        }
    }
    return true;
}

static void redirector_stop(void *opaque, CheckpointSide side)
{
    colo.running = false;
    for (GList *item = redirectors; side == CHECKPOINT_SECONDARY && item; item = item->next) {
        RedirectorFilter *self = item->data;
        self->retired = true;
        trace_redirector_retired(name_of(self));
    }
}

static bool redirector_failover(void *opaque, CheckpointSide side, GError **error)
{
    redirector_stop(opaque, side);
    return true;
}

static const CheckpointOps redirector_ops = {
    .name = "filter-redirector",
    .start = redirector_start,
    .prepare = redirector_prepare,
    .failover = redirector_failover,
    .stop = redirector_stop,
};

__attribute__((constructor)) static void redirector_register_participant(void)
{
    bql_lock();
    checkpoint_participant_add(&redirector_ops, NULL);
    bql_unlock();
}

/* ---- life ---- */

static void redirector_cleanup(NetFilter *filter)
{
    RedirectorFilter *self = to_redirector(filter);

    redirectors = g_list_remove(redirectors, self);
    char_frontend_deinit(&self->input);
    filter_output_close(&self->output);
}

static bool open_input(RedirectorFilter *self, GError **error)
{
    Chardev *chardev = chardev_find(self->indev);

    if (!chardev) {
        qc_error_set(error, "IN Device '%s' not found", self->indev);
        return false;
    }
    if (!char_frontend_init(&self->input, chardev, error)) {
        return false;
    }
    self->reader = frame_reader_new(self->vnet_hdr_support, &reader_ops, self);
    listen_if_on(self);
    return true;
}

static bool open_output(RedirectorFilter *self, GError **error)
{
    Chardev *chardev = chardev_find(self->outdev);

    if (!chardev) {
        qc_error_set(error, "OUT Device '%s' not found", self->outdev);
        return false;
    }
    return filter_output_open(&self->output, &self->parent, chardev, self->vnet_hdr_support, error);
}

static bool redirector_setup(NetFilter *filter, GError **error)
{
    RedirectorFilter *self = to_redirector(filter);

    if (!self->indev && !self->outdev) {
        qc_error_set(error,
                     "filter redirector needs 'indev' or 'outdev' at least one property set");
        return false;
    }
    if (self->indev && self->outdev && g_str_equal(self->indev, self->outdev)) {
        qc_error_set(error, "'indev' and 'outdev' could not be same for filter redirector");
        return false;
    }
    if ((self->indev && !open_input(self, error)) || (self->outdev && !open_output(self, error))) {
        redirector_cleanup(filter);
        return false;
    }
    redirectors = g_list_append(redirectors, self);
    return true;
}

static void redirector_set_property(GObject *object, guint id, const GValue *value,
                                    GParamSpec *spec)
{
    RedirectorFilter *self = to_redirector(object);

    switch (id) {
    case PROPERTY_INDEV:
        g_free(self->indev);
        self->indev = g_value_dup_string(value);
        break;
    case PROPERTY_OUTDEV:
        g_free(self->outdev);
        self->outdev = g_value_dup_string(value);
        break;
    case PROPERTY_VNET_HDR_SUPPORT:
        self->vnet_hdr_support = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void redirector_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    RedirectorFilter *self = to_redirector(object);

    switch (id) {
    case PROPERTY_INDEV:
        g_value_set_string(value, self->indev);
        break;
    case PROPERTY_OUTDEV:
        g_value_set_string(value, self->outdev);
        break;
    case PROPERTY_VNET_HDR_SUPPORT:
        g_value_set_boolean(value, self->vnet_hdr_support);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

/* The reader goes here, not in cleanup: its own handler may be what ends the filter. */
static void redirector_filter_finalize(GObject *object)
{
    RedirectorFilter *self = to_redirector(object);

    frame_reader_free(self->reader);
    g_free(self->indev);
    g_free(self->outdev);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_NET_FILTER))->finalize(object);
}

static void redirector_filter_init(RedirectorFilter *self)
{
    self->parent.vnet_header = true;
}

static void redirector_filter_class_init(RedirectorFilterClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->finalize = redirector_filter_finalize;
    base->set_property = redirector_set_property;
    base->get_property = redirector_get_property;
    klass->parent.setup = redirector_setup;
    klass->parent.receive = redirector_receive;
    klass->parent.status_changed = redirector_status_changed;
    klass->parent.cleanup = redirector_cleanup;
    klass->parent.feeds_guest = redirector_feeds_guest;
    g_object_class_install_property(
        base, PROPERTY_INDEV,
        g_param_spec_string("indev", NULL, "id of the character device that frames come from", NULL,
                            G_PARAM_READWRITE));
    g_object_class_install_property(
        base, PROPERTY_OUTDEV,
        g_param_spec_string("outdev", NULL, "id of the character device that frames go to", NULL,
                            G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_VNET_HDR_SUPPORT,
                                    g_param_spec_boolean("vnet_hdr_support", "vnet_hdr_support",
                                                         "each frame travels with its vnet header",
                                                         false, G_PARAM_READWRITE));
}
