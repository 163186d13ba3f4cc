/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Pages that change behind the engines' back: by devices, by a migration that is loaded. Any
 * thread can report them; they wait on one list for the engine that runs next, which drops what
 * any engine has translated from them.
 */
#pragma once

#include "accel/tcg/engine.h"

/* Pages [@first, @first + @count) of @block changed. Any thread. For AccelOps. */
void changes_note_written(RAMBlock *block, uint64_t first, uint64_t count);

/* Before guest code runs: act on what was reported. Between blocks, on the vCPUs' thread. */
void changes_take(void);
