/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Vendor, device and class numbers of what is on the board. */
#pragma once

#define PCI_VENDOR_ID_INTEL         0x8086
#define PCI_DEVICE_ID_INTEL_82441FX 0x1237
#define PCI_DEVICE_ID_INTEL_PIIX3   0x7000
#define PCI_DEVICE_ID_INTEL_PIIX4PM 0x7113

#define PCI_VENDOR_ID_QEMU 0x1234
#define PCI_DEVICE_ID_EDU  0x11e8

#define PCI_VENDOR_ID_VIRTIO         0x1af4 /* also the default subsystem vendor */
#define PCI_SUBSYSTEM_ID_DEFAULT     0x1100
#define PCI_DEVICE_ID_VIRTIO_NET     0x1000 /* transitional */
#define PCI_DEVICE_ID_VIRTIO_BLOCK   0x1001
#define PCI_DEVICE_ID_VIRTIO_CONSOLE 0x1003
#define PCI_DEVICE_ID_VIRTIO_RNG     0x1005
#define PCI_DEVICE_ID_VIRTIO_MODERN  0x1040 /* + virtio device type */

#define PCI_CLASS_NETWORK_ETHERNET    0x0200
#define PCI_CLASS_BRIDGE_HOST         0x0600
#define PCI_CLASS_BRIDGE_ISA          0x0601
#define PCI_CLASS_BRIDGE_OTHER        0x0680
#define PCI_CLASS_COMMUNICATION_OTHER 0x0780
#define PCI_CLASS_OTHERS              0x00ff
