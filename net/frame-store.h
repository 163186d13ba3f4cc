/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Copies of frames that wait to go on, in order, bounded in bytes. BQL. */
#pragma once

#include "net/filter.h"

typedef struct FrameStore FrameStore;

/* @limit: bytes, what each frame costs beyond its own counted too. */
FrameStore *frame_store_new(size_t limit);
void frame_store_free(FrameStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameStore, frame_store_free)

/* Keep a copy of @frame, which is on its way in @direction. False: no room, it is dropped. */
bool frame_store_put(FrameStore *store, NetFilterQueue direction, const NetFrame *frame);

/*
 * Give what is in the store now to @visit, oldest first, and drop it. @visit may put frames into
 * the store, which stay; it must not free the store.
 */
typedef void FrameStoreVisit(NetFilterQueue direction, const NetFrame *frame, void *opaque);
void frame_store_drain(FrameStore *store, FrameStoreVisit *visit, void *opaque);

size_t frame_store_bytes(const FrameStore *store);
unsigned frame_store_count(const FrameStore *store);
/* How many frames found no room. */
uint64_t frame_store_dropped(const FrameStore *store);
