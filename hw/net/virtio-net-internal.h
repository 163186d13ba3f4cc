/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The parts of virtio-net (virtio 1.2, section 5.1 "Network Device"): device and configuration
 * (virtio-net.c), frames to the guest (-rx), from the guest (-tx), control queue (-control), saved
 * state (-state), what monitors are told (-qmp). Everything needs the BQL.
 */
#pragma once

#include "hw/net/virtio-net-filter.h"
#include "hw/virtio/virtio.h"
#include "net/net.h"
#include "system/bottom-half.h"

#define TYPE_VIRTIO_NET "virtio-net-device"
GType virtio_net_get_type(void);
#define VIRTIO_NET(o) (G_TYPE_CHECK_INSTANCE_CAST((o), virtio_net_get_type(), VirtIONet))

/* Feature bits, section 5.1.3; GSO: section 5.1.3.2, legacy. */
enum {
    VIRTIO_NET_F_CSUM = 0,
    VIRTIO_NET_F_GUEST_CSUM = 1,
    VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2,
    VIRTIO_NET_F_MTU = 3,
    VIRTIO_NET_F_MAC = 5,
    VIRTIO_NET_F_GSO = 6,
    VIRTIO_NET_F_GUEST_TSO4 = 7,
    VIRTIO_NET_F_GUEST_TSO6 = 8,
    VIRTIO_NET_F_GUEST_ECN = 9,
    VIRTIO_NET_F_GUEST_UFO = 10,
    VIRTIO_NET_F_HOST_TSO4 = 11,
    VIRTIO_NET_F_HOST_TSO6 = 12,
    VIRTIO_NET_F_HOST_ECN = 13,
    VIRTIO_NET_F_HOST_UFO = 14,
    VIRTIO_NET_F_MRG_RXBUF = 15,
    VIRTIO_NET_F_STATUS = 16,
    VIRTIO_NET_F_CTRL_VQ = 17,
    VIRTIO_NET_F_CTRL_RX = 18,
    VIRTIO_NET_F_CTRL_VLAN = 19,
    VIRTIO_NET_F_CTRL_RX_EXTRA = 20,
    VIRTIO_NET_F_GUEST_ANNOUNCE = 21,
    VIRTIO_NET_F_CTRL_MAC_ADDR = 23,
    VIRTIO_NET_F_SPEED_DUPLEX = 63,
};
#define VIRTIO_NET_GUEST_OFFLOADS                                    \
    (1u << VIRTIO_NET_F_GUEST_CSUM | 1u << VIRTIO_NET_F_GUEST_TSO4 | \
     1u << VIRTIO_NET_F_GUEST_TSO6 | 1u << VIRTIO_NET_F_GUEST_ECN | 1u << VIRTIO_NET_F_GUEST_UFO)

/* Field `status` of the configuration, section 5.1.4. */
enum {
    VIRTIO_NET_STATUS_LINK_UP = 1,
    VIRTIO_NET_STATUS_ANNOUNCE = 2,
};

/* Work for the main loop. */
enum {
    VIRTIO_NET_WORK_TRANSMIT = 1 << 0,
    VIRTIO_NET_WORK_CONTROL = 1 << 1,
    VIRTIO_NET_WORK_RECEIVE = 1 << 2,        /* there may be room for frames that wait */
    VIRTIO_NET_WORK_NOTIFY_RECEIVE = 1 << 3, /* the guest was given frames: interrupt */
};

typedef struct VirtIONet {
    VirtIODevice parent;

    /* Properties. */
    NICConfig nic;
    bool wanted[64]; /* feature bits that may be offered */
    bool multiqueue;
    char *tx_mode;
    uint16_t rx_queue_size, tx_queue_size;
    int32_t tx_burst; /* frames at a time */
    uint16_t host_mtu;
    int32_t speed; /* Mbit/s, -1: not told */
    char *duplex;

    NetClient *client;
    VirtQueue *rx, *tx, *control;
    BottomHalf *work;
    unsigned work_pending; /* VIRTIO_NET_WORK_* */
    bool transmits_short;  /* the last frame from the guest was short */
    bool vm_running;
    bool link_changed_untold; /* found while loading: the guest hears of it once it runs */
    bool rx_filter_event;     /* NIC_RX_FILTER_CHANGED may be sent: it was queried since the last */

    /* Derived from the features that the driver accepted. */
    unsigned header_size; /* bytes before each frame */
    bool mergeable;

    uint32_t told_offloads; /* what the back end knows of the guest (NET_OFFLOAD_*) */

    /*
     * A copy of the last frame waits at the peer, and nothing more is sent until it has left.
     * The element is used up already: no frame is ever in the ring and on its way.
     */
    bool transmit_waiting;
    bool receive_asked; /* the driver shall notify of buffers for frames */

    /* Guest-visible state that migrates. */
    uint16_t link_status;    /* VIRTIO_NET_STATUS_* */
    uint64_t guest_offloads; /* feature bits that are in use now */
    RxFilter filter;
} VirtIONet;

extern const NetClientOps virtio_net_client_ops;
extern const VMStateDescription vmstate_virtio_net;

/* May @queue be worked on? */
static inline bool virtio_net_can_use(const VirtIONet *net, const VirtQueue *queue)
{
    return net->vm_running && virtqueue_ready(queue);
}

/* virtio-net.c */
void virtio_net_schedule(VirtIONet *net, unsigned work);
/* NetOffload bits for VIRTIO_NET_F_GUEST_* bits. */
uint32_t virtio_net_guest_offloads(uint64_t features);
/* Tell the back end which offloads the guest takes now. */
void virtio_net_apply_offloads(VirtIONet *net);
/* Everything that follows from the accepted features. */
void virtio_net_features_changed(VirtIONet *net);
/* Compare the link with what the guest was told; true: it is different now. */
bool virtio_net_update_link(VirtIONet *net);
/* Drop what waits at the back end: the guest that sent it has been reset or replaced. */
void virtio_net_forget_sent(VirtIONet *net);
/* The address has changed. */
void virtio_net_set_mac(VirtIONet *net, const uint8_t mac[6]);

/* virtio-net-rx.c */
NetResult virtio_net_receive(NetClient *client, const NetFrame *frame);
bool virtio_net_can_receive(NetClient *client);
/* Does a frame with that header need offloads that @offloads does not have? */
bool virtio_net_header_needs_more(const VnetHeader *header, uint32_t offloads);

/* virtio-net-tx.c */
void virtio_net_transmit_notified(VirtIODevice *device, VirtQueue *queue);
/* Send a burst of what is in the ring. */
void virtio_net_transmit(VirtIONet *net);

/* virtio-net-control.c */
void virtio_net_control_notified(VirtIODevice *device, VirtQueue *queue);
void virtio_net_control_run(VirtIONet *net);

/* virtio-net-qmp.c */
void virtio_net_rx_filter_changed(VirtIONet *net);
