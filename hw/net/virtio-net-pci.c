/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* virtio-net-pci and its variants. */
#include "hw/net/virtio-net-internal.h"
#include "hw/virtio/virtio-pci.h"

VIRTIO_PCI_DEFINE(virtio_net, .name = "virtio-net", .device_type = TYPE_VIRTIO_NET,
                  .description = "Network card (virtio)", .category = "Network",
                  .class_id = PCI_CLASS_NETWORK_ETHERNET,
                  .transitional_id = PCI_DEVICE_ID_VIRTIO_NET,
                  .vectors = 4 /* receive, transmit, control, configuration */);
