/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The list behind -serial. */
#include "system/serial.h"

static Chardev *ports[SERIAL_PORTS_MAX];
static unsigned port_count;

Chardev *serial_hd(unsigned index)
{
    return index < port_count ? ports[index] : NULL;
}

bool serial_hd_add(Chardev *chardev)
{
    if (port_count == SERIAL_PORTS_MAX) {
        return false;
    }
    ports[port_count++] = chardev ? g_object_ref(chardev) : NULL;
    return true;
}
