/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Registration of the sections `timer` and `globalstate`. */
#pragma once

/* BQL, once. */
void global_state_init(void);
