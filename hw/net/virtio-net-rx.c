/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* virtio-net: frames to the guest (virtio 1.2, section 5.1.6.4 "Processing of Incoming Packets").
 */
#include "hw/net/virtio-net-internal.h"

#include <string.h>

#include "trace-hw-net.h"
#include "util/bytes.h"

#define FRAME_MIN          14 /* bytes: addresses and type */
#define NUM_BUFFERS_OFFSET 10 /* in the header, where it has 12 bytes */

bool virtio_net_can_receive(NetClient *client)
{
    VirtIONet *net = client->opaque;

    return virtio_net_can_use(net, net->rx) && (net->parent.status & VIRTIO_STATUS_DRIVER_OK);
}

bool virtio_net_header_needs_more(const VnetHeader *header, uint32_t offloads)
{
    uint32_t needed = 0;

    if (header->flags & VNET_FLAG_NEEDS_CHECKSUM) {
        needed |= NET_OFFLOAD_CHECKSUM;
    }
    if (header->gso_type & VNET_GSO_ECN) {
        needed |= NET_OFFLOAD_ECN;
    }
    switch (header->gso_type & ~VNET_GSO_ECN) {
    case VNET_GSO_TCPV4:
        needed |= NET_OFFLOAD_TSO4;
        break;
    case VNET_GSO_TCPV6:
        needed |= NET_OFFLOAD_TSO6;
        break;
    case VNET_GSO_UDP:
        needed |= NET_OFFLOAD_UFO;
        break;
    case VNET_GSO_NONE:
        break;
    default:
        return true;
    }
    return needed & ~offloads;
}

/*
 * Are there buffers for @bytes? When not, the driver is asked to notify, which makes the frames
 * that wait come again. Without mergeable buffers each frame has one chain, whatever its size.
 */
static bool has_room(VirtIONet *net, size_t bytes)
{
    size_t needed = net->mergeable ? bytes : 1;

    if (!virtqueue_has_room(net->rx, needed)) {
        net->receive_asked = true;
        virtqueue_enable_notification(net->rx);
        /* What came before the driver saw that. */
        if (!virtqueue_has_room(net->rx, needed)) {
            trace_virtio_net_receive_full(needed);
            return false;
        }
    }
    if (net->receive_asked) {
        net->receive_asked = false;
        virtqueue_disable_notification(net->rx);
    }
    return true;
}

/* A frame on its way to guest buffers: the header, then the pieces. */
typedef struct Delivery {
    const NetFrame *frame;
    uint8_t header[VNET_HEADER_MERGEABLE_SIZE];
    unsigned header_size;
    int piece;           /* of the frame, that comes next */
    size_t piece_offset; /* bytes of it that are done */
    size_t left;         /* bytes of the frame to come */
} Delivery;

static void delivery_begin(VirtIONet *net, Delivery *delivery, const NetFrame *frame, size_t size)
{
    VnetHeader header = frame->header;

    if (!(net->guest_offloads & UINT64_C(1) << VIRTIO_NET_F_GUEST_CSUM)) {
        header.flags = 0; /* not even DATA_VALID means something to this driver */
    }
    *delivery = (Delivery){ .frame = frame, .header_size = net->header_size, .left = size };
    vnet_header_pack(&header, delivery->header);
    store_le16(delivery->header + NUM_BUFFERS_OFFSET, 1);
}

/* As virtqueue_element_write(), but virtqueue_fill() tells the dirty log, once for all of it. */
static size_t copy_in(VirtQueueElement *element, size_t offset, const void *data, size_t size)
{
    size_t done = 0;

    for (unsigned i = 0; i < element->in_count && done < size; i++) {
        const struct iovec *iov = &element->in[i];
        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        size_t part = MIN(size - done, iov->iov_len - offset);
        memcpy((uint8_t *)iov->iov_base + offset, (const uint8_t *)data + done, part);
        done += part;
        offset = 0;
    }
    return done;
}

/* Fill @element from @offset on with what comes next; returns where its content ends. */
static size_t delivery_fill(Delivery *delivery, VirtQueueElement *element, size_t offset)
{
    while (delivery->left > 0) {
        const struct iovec *piece = &delivery->frame->iov[delivery->piece];
        size_t wanted = piece->iov_len - delivery->piece_offset;
        size_t done = copy_in(element, offset,
                              (const uint8_t *)piece->iov_base + delivery->piece_offset, wanted);
        offset += done;
        delivery->left -= done;
        if (done < wanted) {
            delivery->piece_offset += done;
            break;
        }
        delivery->piece++;
        delivery->piece_offset = 0;
    }
    return offset;
}

static VirtQueueElement *pop_buffer(VirtIONet *net)
{
    VirtQueueElement *element = virtqueue_pop(net->rx);

    if (element && element->in_count == 0) {
        virtio_error(&net->parent, "receive queue: chain %u has nothing to write to",
                     element->head);
        virtqueue_element_free(element);
        return NULL;
    }
    return element;
}

/* The first chain takes the header too; NULL when that is impossible. */
static VirtQueueElement *pop_first(VirtIONet *net, Delivery *delivery)
{
    VirtQueueElement *element = pop_buffer(net);

    if (element &&
        copy_in(element, 0, delivery->header, delivery->header_size) < delivery->header_size) {
        virtio_error(&net->parent, "receive queue: chain %u is shorter than the header of %u bytes",
                     element->head, delivery->header_size);
        virtqueue_unpop(net->rx, element);
        return NULL;
    }
    return element;
}

/* The rest of the frame goes to further chains; returns how many chains there are in all, 0 when
 * the ring broke. */
static unsigned fill_further(VirtIONet *net, Delivery *delivery)
{
    unsigned count = 1;

    while (delivery->left > 0) {
        VirtQueueElement *element = pop_buffer(net);
        if (!element) {
            return 0;
        }
        size_t written = delivery_fill(delivery, element, 0);
        virtqueue_fill(net->rx, element, (uint32_t)written, count);
        virtqueue_element_free(element);
        count++;
    }
    return count;
}

/* There is room. Returns with the frame given to the guest, or dropped. */
static void deliver(VirtIONet *net, const NetFrame *frame, size_t size)
{
    Delivery delivery;
    uint8_t num_buffers[2];

    delivery_begin(net, &delivery, frame, size);
    VirtQueueElement *first = pop_first(net, &delivery);
    if (!first) {
        return;
    }
    size_t written = delivery_fill(&delivery, first, delivery.header_size);
    if (delivery.left > 0 && !net->mergeable) {
        /* From outside, so no reason to break the device; the driver has the buffer back. */
        trace_virtio_net_receive_too_long(size, written - delivery.header_size);
        virtqueue_unpop(net->rx, first);
        return;
    }
    unsigned count = fill_further(net, &delivery);
    if (count == 0) {
        virtqueue_unpop(net->rx, first);
        return;
    }
    if (count > 1) {
        store_le16(num_buffers, (uint16_t)count);
        copy_in(first, NUM_BUFFERS_OFFSET, num_buffers, sizeof(num_buffers));
    }
    virtqueue_fill(net->rx, first, (uint32_t)written, 0);
    virtqueue_element_free(first);
    virtqueue_publish(net->rx, count);
    virtio_net_schedule(net, VIRTIO_NET_WORK_NOTIFY_RECEIVE);
}

/* A piece of a frame that had more offloads than the guest takes. */
static void deliver_resolved(const NetFrame *frame, void *opaque)
{
    VirtIONet *net = opaque;
    size_t size = net_frame_size(frame);

    if (has_room(net, net->header_size + size)) {
        deliver(net, frame, size);
    } else {
        trace_virtio_net_receive_dropped(size, "no room for a segment");
    }
}

NetResult virtio_net_receive(NetClient *client, const NetFrame *frame)
{
    VirtIONet *net = client->opaque;
    uint32_t offloads = virtio_net_guest_offloads(net->guest_offloads);
    size_t size = net_frame_size(frame);
    uint8_t head[RX_FILTER_HEAD_SIZE] = { 0 };

    if (!virtio_net_can_receive(client)) {
        return NET_PENDING;
    }
    if (size < FRAME_MIN || size > NET_FRAME_MAX) {
        trace_virtio_net_receive_dropped(size, "size");
        return NET_DONE;
    }
    net_frame_copy(frame, 0, head, sizeof(head));
    if (!rx_filter_accepts(&net->filter, head)) {
        trace_virtio_net_receive_dropped(size, "filter");
        return NET_DONE;
    }
    if (!has_room(net, net->header_size + size)) {
        return NET_PENDING;
    }
    if (!virtio_net_header_needs_more(&frame->header, offloads)) {
        deliver(net, frame, size);
    } else if (!net_offload_resolve(frame, offloads, deliver_resolved, net)) {
        trace_virtio_net_receive_dropped(size, "vnet header");
    }
    return NET_DONE;
}
