/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Network filters: user-creatable objects that see the frames between a back end and its peer.
 * Directions are named from the back end: `tx` is what it sends to the guest, `rx` what it
 * receives from the guest. A tx frame visits the filters from head to tail, an rx frame from tail
 * to head. All functions need the BQL.
 */
#pragma once

#include "net/net.h"
#include "system/object.h"

#define TYPE_NET_FILTER         (net_filter_get_type()) /* abstract, "netfilter" */
#define NET_FILTER(o)           (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_NET_FILTER, NetFilter))
#define NET_FILTER_GET_CLASS(o) (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_NET_FILTER, NetFilterClass))

typedef enum NetFilterQueue {
    NET_FILTER_QUEUE_ALL, /* in the order of the property's values all, rx, tx */
    NET_FILTER_QUEUE_RX,
    NET_FILTER_QUEUE_TX,
} NetFilterQueue;

/* What a filter does with a frame. */
typedef enum NetVerdict {
    NET_VERDICT_PASS, /* the next filter, at last the receiver, gets it */
    NET_VERDICT_TAKE, /* the filter has copied or dropped it; to the sender it is sent */
} NetVerdict;

/* Properties: netdev, queue, status, position, insert (facts: docs/system/net.md). */
typedef struct NetFilter {
    GObject parent;
    char *netdev_id;
    NetClient *netdev; /* NULL before complete, and once the netdev has gone */
    NetFilterQueue queue;
    bool on;
    char *position; /* "head", "tail", "id=NAME" */
    bool insert_before;
    bool completed;
    bool vnet_header; /* subclasses: frames with offloads may be handed to it and pass on */
} NetFilter;

typedef struct NetFilterClass {
    GObjectClass parent;
    /* The properties are set and the netdev exists. May be NULL. */
    bool (*setup)(NetFilter *filter, GError **error);
    /*
     * A frame from @sender in @direction (RX or TX, never ALL). Called only while `on` and for
     * directions of `queue`. Frames with offloads are resolved before they reach a filter whose
     * vnet_header is false.
     */
    NetVerdict (*receive)(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                          const NetFrame *frame);
    /* Property status has changed. May be NULL. */
    void (*status_changed)(NetFilter *filter);
    /* The filter leaves the netdev: let go what is held. May be NULL. */
    void (*cleanup)(NetFilter *filter);
    /*
     * Does it bring the guest the client's frames from elsewhere? Then COLO's secondary takes none
     * from the back end. NULL: no.
     */
    bool (*feeds_guest)(const NetFilter *filter);
} NetFilterClass;

GType net_filter_get_type(void);

/*
 * Send @frame on in @direction, to the filters behind @filter and then to the receiver. @sender is
 * the end that the frame comes from; NULL: the end that @direction says.
 */
NetResult net_filter_pass_on(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                             const NetFrame *frame);

/*
 * net_send() calls this: run @frame through the filters of the back end among @sender and its
 * peer. TAKE: a filter keeps it.
 */
NetVerdict net_filters_run(NetClient *sender, const NetFrame *frame);

/* net_client_free() of a back end calls this: its filters are detached (they stay as objects). */
void net_filters_detach(NetClient *backend);
