/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * colo-compare,netdev=: the comparator as a filter of the back end. A frame of the guest is given
 * to the comparator by the thread that sends it; when it may go at once it goes on without a copy.
 * What the comparator lets out later, in the iothread, leaves in the main loop, since only the BQL
 * leads to the back end. Frames leave in the order in which the comparator let them out.
 */
#include "net/colo-compare.h"
#include "system/bottom-half.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/report.h"

#define WAITING_BYTES (64 * 1024 * 1024) /* released frames that the main loop has not sent yet */

typedef struct ReleasedFrame {
    struct ReleasedFrame *next;
    VnetHeader header;
    size_t size;
    uint8_t data[];
} ReleasedFrame;

struct CompareTap {
    NetFilter parent;
    ColoCompare *owner;
    BottomHalf *wake;
    bool flushing; /* BQL */
    /* The owner's lock: */
    ReleasedFrame *first, *last;
    size_t bytes;
    bool gone;               /* the netdev */
    const NetFrame *present; /* what receive() is about; NULL: it must not overtake others */
    bool present_goes;
};

typedef struct CompareTapClass {
    NetFilterClass parent;
} CompareTapClass;

OBJECT_DEFINE_TYPE(CompareTap, CompareTapClass, compare_tap, "colo-compare-tap", TYPE_NET_FILTER);

static CompareTap *to_tap(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, compare_tap_get_type(), CompareTap);
}

/* ---- on the way out ---- */

static void append(CompareTap *tap, const NetFrame *frame, size_t size)
{
    ReleasedFrame *released = g_malloc(sizeof(*released) + size);

    released->next = NULL;
    released->header = frame->header;
    released->size = size;
    net_frame_copy(frame, 0, released->data, size);
    *(tap->first ? &tap->last->next : &tap->first) = released;
    tap->last = released;
    tap->bytes += size;
}

void compare_tap_release(CompareTap *tap, const NetFrame *frame)
{
    size_t size = net_frame_size(frame);

    if (frame == tap->present && !tap->first) {
        tap->present_goes = true;
    } else if (!tap->gone && tap->bytes + size <= WAITING_BYTES) {
        append(tap, frame, size);
    } else {
        trace_colo_compare_tap_dropped(size, tap->bytes);
    }
}

void compare_tap_unlock(CompareTap *tap)
{
    bool released = tap->first;

    g_mutex_unlock(&tap->owner->lock);
    if (released) {
        bottom_half_schedule(tap->wake);
    }
}

static ReleasedFrame *take_released(CompareTap *tap)
{
    g_mutex_lock(&tap->owner->lock);
    ReleasedFrame *first = tap->first;
    tap->first = tap->last = NULL;
    tap->bytes = 0;
    g_mutex_unlock(&tap->owner->lock);
    return first;
}

static void send_released(CompareTap *tap, const ReleasedFrame *released)
{
    struct iovec iov = { (void *)released->data, released->size };
    NetFrame frame = { .header = released->header, .iov = &iov, .iov_count = 1 };

    net_filter_pass_on(&tap->parent, NET_FILTER_QUEUE_RX, NULL, &frame);
}

void compare_tap_flush(CompareTap *tap)
{
    ReleasedFrame *released;

    g_assert(bql_locked());
    if (tap->flushing) {
        return; /* what a frame has led to: whoever flushes finds it behind that frame */
    }
    tap->flushing = true;
    while ((released = take_released(tap))) {
        while (released) {
            ReleasedFrame *next = released->next;
            send_released(tap, released);
            g_free(released);
            released = next;
        }
    }
    tap->flushing = false;
}

static void on_wake(void *opaque)
{
    CompareTap *tap = opaque;
    g_autoptr(GObject) alive = g_object_ref(G_OBJECT(tap));

    compare_tap_flush(tap);
}

/* ---- on the way in ---- */

static NetVerdict compare_tap_receive(NetFilter *filter, NetFilterQueue direction,
                                      NetClient *sender, const NetFrame *frame)
{
    CompareTap *tap = to_tap(filter);
    ColoCompare *owner = tap->owner;

    if (!owner) {
        return NET_VERDICT_PASS;
    }
    g_mutex_lock(&owner->lock);
    tap->present = tap->flushing ? NULL : frame;
    tap->present_goes = false;
    comparator_primary_frames(owner->comparator, frame, 1, colo_compare_now());
    bool goes = tap->present_goes;
    bool others = tap->first;
    tap->present = NULL;
    g_mutex_unlock(&owner->lock);
    if (others) {
        compare_tap_flush(tap);
    }
    return goes ? NET_VERDICT_PASS : NET_VERDICT_TAKE;
}

/* ---- life ---- */

static bool compare_tap_setup(NetFilter *filter, GError **error)
{
    CompareTap *tap = to_tap(filter);

    if (!tap->owner) {
        qc_error_set(error, "colo-compare-tap belongs to a colo-compare with netdev=; it cannot be "
                            "made by itself");
        return false;
    }
    tap->wake = bottom_half_new(on_wake, tap);
    return true;
}

CompareTap *compare_tap_new(ColoCompare *owner, const char *netdev, GError **error)
{
    CompareTap *tap = g_object_new(compare_tap_get_type(), "netdev", netdev, NULL);
    UserCreatableInterface *interface =
        G_TYPE_INSTANCE_GET_INTERFACE(tap, TYPE_USER_CREATABLE, UserCreatableInterface);

    tap->owner = owner;
    if (!interface->complete(USER_CREATABLE(tap), error)) {
        g_object_unref(G_OBJECT(tap));
        return NULL;
    }
    return tap;
}

static void drop_released(CompareTap *tap)
{
    while (tap->first) {
        ReleasedFrame *next = tap->first->next;
        g_free(tap->first);
        tap->first = next;
    }
}

/* The netdev goes, or the owner: nothing leaves any more after this. */
static void compare_tap_cleanup(NetFilter *filter)
{
    CompareTap *tap = to_tap(filter);

    compare_tap_flush(tap);
    g_mutex_lock(&tap->owner->lock);
    tap->gone = true;
    drop_released(tap);
    g_mutex_unlock(&tap->owner->lock);
}

void compare_tap_free(CompareTap *tap)
{
    compare_tap_flush(tap);
    g_object_run_dispose(G_OBJECT(tap));
    g_clear_pointer(&tap->wake, bottom_half_free);
    tap->owner = NULL;
    g_object_unref(G_OBJECT(tap));
}

static void compare_tap_finalize(GObject *object)
{
    drop_released(to_tap(object));
    G_OBJECT_CLASS(g_type_class_peek(TYPE_NET_FILTER))->finalize(object);
}

static void compare_tap_init(CompareTap *self)
{
    self->parent.vnet_header = true;
    self->parent.queue = NET_FILTER_QUEUE_RX;
    /* What is compared is what leaves: with a rewriter on this side, translated. */
    g_free(self->parent.position);
    self->parent.position = g_strdup("head");
}

static void compare_tap_class_init(CompareTapClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = compare_tap_finalize;
    klass->parent.setup = compare_tap_setup;
    klass->parent.receive = compare_tap_receive;
    klass->parent.cleanup = compare_tap_cleanup;
}
