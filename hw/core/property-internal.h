/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What devices and the tables of their properties share. */
#pragma once

#include "hw/core/device.h"

/* Let go of the strings and objects in the fields of @device, which is being finalized. */
void device_properties_release(Device *device);
