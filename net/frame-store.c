/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Copies of frames that wait to go on. */
#include "net/frame-store.h"

typedef struct StoredFrame {
    NetFilterQueue direction;
    VnetHeader header;
    size_t size;
    uint8_t data[];
} StoredFrame;

struct FrameStore {
    GQueue frames; /* StoredFrame, oldest first */
    size_t limit;
    size_t bytes;
    uint64_t dropped;
};

FrameStore *frame_store_new(size_t limit)
{
    FrameStore *store = g_new0(FrameStore, 1);

    g_queue_init(&store->frames);
    store->limit = limit;
    return store;
}

void frame_store_free(FrameStore *store)
{
    if (store) {
        g_queue_clear_full(&store->frames, g_free);
        g_free(store);
    }
}

/* What a frame of @size bytes takes of the limit; small frames cost memory, too. */
static size_t cost(size_t size)
{
    return size + sizeof(StoredFrame) + sizeof(GList);
}

bool frame_store_put(FrameStore *store, NetFilterQueue direction, const NetFrame *frame)
{
    size_t size = net_frame_size(frame);

    if (store->bytes > store->limit || cost(size) > store->limit - store->bytes) {
        store->dropped++;
        return false;
    }
    StoredFrame *stored = g_malloc(sizeof(*stored) + size);
    stored->direction = direction;
    stored->header = frame->header;
    stored->size = size;
    net_frame_copy(frame, 0, stored->data, size);
    g_queue_push_tail(&store->frames, stored);
    store->bytes += cost(size);
    return true;
}

void frame_store_drain(FrameStore *store, FrameStoreVisit *visit, void *opaque)
{
    GQueue frames = store->frames;
    StoredFrame *stored;

    g_queue_init(&store->frames);
    store->bytes = 0;
    while ((stored = g_queue_pop_head(&frames))) {
        struct iovec iov = { stored->data, stored->size };
        NetFrame frame = { .header = stored->header, .iov = &iov, .iov_count = 1 };
        visit(stored->direction, &frame, opaque);
        g_free(stored);
    }
}

size_t frame_store_bytes(const FrameStore *store)
{
    return store->bytes;
}

unsigned frame_store_count(const FrameStore *store)
{
    return store->frames.length;
}

uint64_t frame_store_dropped(const FrameStore *store)
{
    return store->dropped;
}
