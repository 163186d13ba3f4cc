/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
#pragma once

#include "migration/vmstate.h"
#include "target/i386/cpu.h"

/* Everything about an X86CPU that travels. */
extern const VMStateDescription vmstate_x86_cpu;
