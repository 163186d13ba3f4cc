/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the files of hw/pci share. Needs the BQL. */
#pragma once

#include "hw/pci/pci.h"

/*
 * @device drives (or not) line @pin - 1 of its slot. @tell: pass changes on; not while state is
 * loaded, because whoever listens loads its own.
 */
void pci_bus_drive_line(PCIDevice *device, bool level, bool tell);

/* The command register or the capability changed: send what may be sent now. */
void pci_msi_update(PCIDevice *device);
/* Does [@offset, @offset + @size) of configuration space touch the capability's registers? */
bool pci_msi_touched(const PCIDevice *device, unsigned offset, unsigned size);
void pci_msi_reset(PCIDevice *device);
/* The bits of the byte at @offset of configuration space that are pending bits. */
uint8_t pci_msi_pending_bits(const PCIDevice *device, unsigned offset);

/* The command register or the capability's flags changed: send what may be sent now. */
void pci_msix_update(PCIDevice *device);
/* Does [@offset, @offset + @size) of configuration space touch the capability's flags? */
bool pci_msix_flags_touched(const PCIDevice *device, unsigned offset, unsigned size);
void pci_msix_reset(PCIDevice *device);

/* Before and after a stream was loaded: it must have brought the table of a device that has one. */
void pci_msix_begin_load(PCIDevice *device);
bool pci_msix_check_loaded(const PCIDevice *device, GError **error);
extern const VMStateDescription vmstate_pci_msix;
