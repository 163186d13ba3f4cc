/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The character devices that `-serial` names, for the board to connect. Needs the BQL. */
#pragma once

#include "chardev/char.h"

#define SERIAL_PORTS_MAX 4

/* Number @index (0 is the first -serial); NULL where none is asked for. Borrowed. */
Chardev *serial_hd(unsigned index);
/* Takes a reference. False when all ports are taken. */
bool serial_hd_add(Chardev *chardev);
