/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * virtio-net: frames from the guest (virtio 1.2, section 5.1.6.2 "Packet Transmission").
 *
 * Frames are sent straight from guest memory, in bursts, by the main loop, beside the vCPU that has
 * notified. Only short ones, of a guest that asks and answers, the vCPU sends itself: that takes
 * less time than it takes to wake the main loop. An element is used up as soon as its frame was
 * handed to the back end, which makes a copy if it has no room. So when the VM stops, a frame is
 * either in the ring, and part of the state, or it has been sent: never lost, never sent twice.
 */
#include "hw/net/virtio-net-internal.h"
#include "system/cpus.h"
#include "trace-hw-net.h"
#include "util/bytes.h"

#define FRAME_MIN   14   /* bytes: addresses and type */
#define FRAME_SHORT 2048 /* bytes: to copy so much is nothing beside a system call */
#define SHORT_BURST 2    /* frames that a vCPU sends itself */

/* Called when the frame that waited at the peer has left. */
static void transmit_sent(NetClient *client)
{
    VirtIONet *net = client->opaque;

    net->transmit_waiting = false;
    virtio_net_schedule(net, VIRTIO_NET_WORK_TRANSMIT);
}

/* Only what was agreed on may be asked for. */
static bool header_agreed(const VirtIONet *net, const VnetHeader *header)
{
    uint64_t features = net->parent.guest_features;
    uint32_t agreed = 0;

    if (features >> VIRTIO_NET_F_GSO & 1) {
        features |= UINT64_C(1) << VIRTIO_NET_F_HOST_TSO4 | UINT64_C(1) << VIRTIO_NET_F_HOST_TSO6;
    }
    agreed |= features >> VIRTIO_NET_F_CSUM & 1 ? NET_OFFLOAD_CHECKSUM : 0;
    agreed |= features >> VIRTIO_NET_F_HOST_TSO4 & 1 ? NET_OFFLOAD_TSO4 : 0;
    agreed |= features >> VIRTIO_NET_F_HOST_TSO6 & 1 ? NET_OFFLOAD_TSO6 : 0;
    agreed |= features >> VIRTIO_NET_F_HOST_ECN & 1 ? NET_OFFLOAD_ECN : 0;
    agreed |= features >> VIRTIO_NET_F_HOST_UFO & 1 ? NET_OFFLOAD_UFO : 0;
    return !virtio_net_header_needs_more(header, agreed);
}

/* Take @size bytes off the front of the element's pieces; it has so many. */
static void skip_front(NetFrame *frame, struct iovec *pieces, unsigned count, size_t size)
{
    while (count > 0 && size >= pieces->iov_len) {
        size -= pieces->iov_len;
        pieces++;
        count--;
    }
    if (count > 0) {
        pieces->iov_base = (uint8_t *)pieces->iov_base + size;
        pieces->iov_len -= size;
    }
    frame->iov = pieces;
    frame->iov_count = (int)count;
}

/* @element as a frame; false: there is none in it, or the device is broken now. */
static bool parse_frame(VirtIONet *net, VirtQueueElement *element, NetFrame *frame)
{
    uint8_t wire[VNET_HEADER_MERGEABLE_SIZE];

    if (virtqueue_element_read(element, 0, wire, net->header_size) < net->header_size) {
        virtio_error(&net->parent,
                     "transmit queue: chain %u is shorter than the header of %u bytes",
                     element->head, net->header_size);
        return false;
    }
    vnet_header_unpack(&frame->header, wire);
    frame->header.flags &= VNET_FLAG_NEEDS_CHECKSUM;
    skip_front(frame, element->out, element->out_count, net->header_size);

    size_t size = net_frame_size(frame);
    if (size < FRAME_MIN || size > NET_FRAME_MAX) {
        trace_virtio_net_transmit_dropped(size, "size");
        return false;
    }
    if (!header_agreed(net, &frame->header)) {
        trace_virtio_net_transmit_dropped(size, "offload that was not agreed on");
        return false;
    }
    return true;
}

static void transmit_element(VirtIONet *net, VirtQueueElement *element)
{
    NetFrame frame;

    if (!parse_frame(net, element, &frame)) {
        return;
    }
    net->transmits_short = net_frame_size(&frame) <= FRAME_SHORT;
    if (net_send(net->client, &frame, transmit_sent) == NET_PENDING) {
        trace_virtio_net_transmit_waiting();
        net->transmit_waiting = true;
    }
}

/* At most @limit frames; returns how many were taken. */
static int transmit_burst(VirtIONet *net, int limit)
{
    int count = 0;

    while (count < limit && !net->transmit_waiting) {
        VirtQueueElement *element = virtqueue_pop(net->tx);
        if (!element) {
            break;
        }
        transmit_element(net, element);
        if (!net->parent.broken) {
            virtqueue_push(net->tx, element, 0);
        }
        virtqueue_element_free(element);
        count++;
    }
    return count;
}

static void transmit(VirtIONet *net, int limit)
{
    if (!virtio_net_can_use(net, net->tx) || net->transmit_waiting) {
        return;
    }
    virtqueue_disable_notification(net->tx);
    int count = transmit_burst(net, limit);
    if (net->parent.broken) {
        return;
    }
    if (count > 0) {
        trace_virtio_net_transmit_burst(count);
        virtqueue_notify(net->tx);
    }
    if (net->transmit_waiting) {
        return; /* transmit_sent() goes on */
    }
    if (count == limit || !virtqueue_enable_notification(net->tx)) {
        virtqueue_disable_notification(net->tx);
        virtio_net_schedule(net, VIRTIO_NET_WORK_TRANSMIT);
    }
}

void virtio_net_transmit(VirtIONet *net)
{
    transmit(net, net->tx_burst);
}

/* What comes next is taken to be like what came last. */
static bool vcpu_transmits(const VirtIONet *net)
{
    return vcpu_current() && net->transmits_short && net->tx_burst > SHORT_BURST &&
           !(net->work_pending & VIRTIO_NET_WORK_TRANSMIT);
}

void virtio_net_transmit_notified(VirtIODevice *device, VirtQueue *queue)
{
    VirtIONet *net = VIRTIO_NET(device);

    if (vcpu_transmits(net)) {
        transmit(net, SHORT_BURST);
    } else {
        virtqueue_disable_notification(queue);
        virtio_net_schedule(net, VIRTIO_NET_WORK_TRANSMIT);
    }
}
