/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Virtio over PCI (OASIS virtio 1.2, section 4.1): the function that carries a virtio device. A
 * device registers what users plug by one row; it then exists as NAME-pci, NAME-pci-transitional
 * and NAME-pci-non-transitional, each with the transport's properties and the device's own.
 */
#pragma once

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

typedef struct VirtIOPCIType {
    const char *name;        /* "virtio-net" */
    const char *device_type; /* user-visible name of the VirtIODevice subclass */
    const char *description;
    const char *category;     /* DeviceClass.category */
    uint16_t class_id;        /* PCI_CLASS_* */
    uint16_t transitional_id; /* PCI device id where the legacy interface is there */
    unsigned vectors;         /* MSI-X vectors unless the user says otherwise */
} VirtIOPCIType;

/* Register the types of @type, which lives for ever. Before main(). */
void virtio_pci_register_type(const VirtIOPCIType *type);

/* At file level, with the members of a VirtIOPCIType. */
#define VIRTIO_PCI_DEFINE(function, ...)                                       \
    static const VirtIOPCIType function##_pci_type = { __VA_ARGS__ };          \
    __attribute__((constructor)) static void function##_pci_register_row(void) \
    {                                                                          \
        virtio_pci_register_type(&function##_pci_type);                        \
    }                                                                          \
    typedef int function##_pci_type_defined
