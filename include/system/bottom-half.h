/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Bottom halves: work that its scheduler leaves to the main loop, because it is no place for it or
 * because more of the same is likely to come. They run with the BQL held before the main loop
 * looks for events again; to schedule one costs a system call only if the main loop sleeps.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct BottomHalf BottomHalf;

BottomHalf *bottom_half_new(void (*function)(void *opaque), void *opaque);
/* It does not run any more. BQL; its own function may call it. */
void bottom_half_free(BottomHalf *half);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BottomHalf, bottom_half_free)

/*
 * Have the main loop call its function once, after what has been scheduled before. No effect while
 * it is scheduled already; its function may schedule it again, for the next turn. Any thread.
 */
void bottom_half_schedule(BottomHalf *half);
/* Not scheduled any more. BQL. */
void bottom_half_cancel(BottomHalf *half);

/* Is there one to run? For the main loop, before it sleeps; any thread. */
bool bottom_halves_pending(void);
/* Run those that are scheduled now; were there any? For the main loop, with the BQL. */
bool bottom_halves_run(void);
