/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Groups of lines, shared between device.c and gpio.c. */
#pragma once

#include <glib.h>

typedef struct GpioGroup GpioGroup;

/* Element destructor of Device.gpio. */
void gpio_group_free(gpointer group);
