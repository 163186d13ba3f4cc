/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object colo-compare and its parts; only for net/colo-compare*.c. */
#pragma once

#include "net/compare.h"
#include "net/filter.h"
#include "net/frame-channel.h"
#include "system/iothread.h"

typedef struct ColoCompare ColoCompare;

/* A chardev that frames, or texts, come from. Its handlers run in the iothread. */
typedef struct CompareInput {
    ColoCompare *owner;
    const char *property; /* that names the chardev */
    CharFrontend frontend;
    FrameReader *reader; /* NULL: not open; the iothread's own */
    bool broken;         /* the peer talks nonsense and cannot be disconnected */
} CompareInput;

/* A chardev that frames, or texts, go to. */
typedef struct CompareOutput {
    ColoCompare *owner;
    const char *property;
    CharFrontend frontend;
    FrameWriter *writer; /* NULL: not open */
    bool stalled;        /* and the user knows; lock */
} CompareOutput;

/* The way of frames that leave by the netdev itself; colo-compare-tap.c. */
typedef struct CompareTap CompareTap;

struct ColoCompare {
    GObject parent;
    /* Properties; BQL. */
    char *primary_in, *secondary_in, *outdev, *notify_dev, *netdev;
    IOThread *iothread; /* as given; NULL: the object makes its own */
    bool vnet_header;
    guint64 compare_timeout, expired_scan_cycle; /* ms */
    guint max_queue_size;                        /* frames */

    IOThread *thread; /* the one in use; NULL before complete */
    GSource *scan;    /* in the thread */
    CompareInput primary, secondary, notify;
    CompareOutput out, notify_out;
    CompareTap *tap; /* NULL: frames come from primary_in and go to outdev */

    GMutex lock; /* the comparator; see docs/devel/locking.md */
    Comparator *comparator;
};

/* The id, for people. Newly allocated. */
char *colo_compare_name(ColoCompare *self);
/* Milliseconds, the comparator's unit of time. */
int64_t colo_compare_now(void);
/* Give up the lock; what has been released meanwhile leaves. The iothread. */
void colo_compare_unlock(ColoCompare *self);

/* ---- colo-compare-io.c; BQL ---- */

/* Connect to the chardevs that the properties name. */
bool colo_compare_open_channels(ColoCompare *self, GError **error);
/* No handler runs any more on return. Harmless when not open. */
void colo_compare_close_inputs(ColoCompare *self);
void colo_compare_close_outputs(ColoCompare *self);
/* A copy of @frame for the peer of outdev. Lock held; any thread. */
void colo_compare_send(ColoCompare *self, const NetFrame *frame);
/* Tell whoever is at notify_dev. Lock held; any thread. */
void colo_compare_send_text(ColoCompare *self, const char *text);

/* ---- colo-compare-tap.c ---- */

/* Put a filter on the netdev. BQL. */
CompareTap *compare_tap_new(ColoCompare *owner, const char *netdev, GError **error);
/* What has been released leaves before. BQL. */
void compare_tap_free(CompareTap *tap);
/* The comparator lets @frame out: it leaves by one of the next two. Lock held; any thread. */
void compare_tap_release(CompareTap *tap, const NetFrame *frame);
/*
 * Give up the owner's lock, then have the main loop send what has been released: it would need the
 * lock. Until the tap is freed; any thread.
 */
void compare_tap_unlock(CompareTap *tap);
/* Send what has been released. BQL, lock not held. */
void compare_tap_flush(CompareTap *tap);

/* ---- colo-compare-checkpoint.c; BQL ---- */

void colo_compare_join_checkpoints(ColoCompare *self);
void colo_compare_leave_checkpoints(ColoCompare *self);
