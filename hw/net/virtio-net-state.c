/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * virtio-net: saved state. No frame is part of it: what the guest has sent is either in the ring
 * or with the back end, and what comes for it waits outside while the VM is stopped.
 */
#include "hw/net/virtio-net-internal.h"

#include <inttypes.h>
#include <string.h>

#include "util/report.h"

static bool virtio_net_check_loaded(const VirtIONet *net, GError **error)
{
    uint64_t agreed = net->parent.guest_features & VIRTIO_NET_GUEST_OFFLOADS;

    if (net->guest_offloads & ~agreed) {
        qc_error_set(error,
                     "virtio-net: offloads 0x%" PRIx64 " in use, but 0x%" PRIx64 " agreed on",
                     net->guest_offloads, agreed);
        return false;
    }
    if (net->link_status & ~(VIRTIO_NET_STATUS_LINK_UP | VIRTIO_NET_STATUS_ANNOUNCE)) {
        qc_error_set(error, "virtio-net: status 0x%x, expected bits 0x%x", net->link_status,
                     VIRTIO_NET_STATUS_LINK_UP | VIRTIO_NET_STATUS_ANNOUNCE);
        return false;
    }
    return true;
}

static bool virtio_net_post_load(void *opaque, int version, GError **error)
{
    VirtIONet *net = opaque;

    if (!virtio_net_check_loaded(net, error)) {
        return false;
    }
    memcpy(net->client->mac, net->filter.mac, 6);
    net->receive_asked = true; /* perhaps; asking again does no harm */
    virtio_net_features_changed(net);
    virtio_net_apply_offloads(net);
    /* This host's link may be another one than the guest saw. */
    net->link_changed_untold = virtio_net_update_link(net);
    return true;
}

static const VMStateField virtio_net_fields[] = {
    VMSTATE_VIRTIO_DEVICE(parent, VirtIONet),
    VMSTATE_UINT16(link_status, VirtIONet),
    VMSTATE_UINT64(guest_offloads, VirtIONet),
    VMSTATE_STRUCT(filter, VirtIONet, vmstate_rx_filter, RxFilter),
    VMSTATE_END,
};

const VMStateDescription vmstate_virtio_net = {
    .name = "virtio-net",
    .version = 1,
    .minimum_version = 1,
    .post_load = virtio_net_post_load,
    .fields = virtio_net_fields,
};
