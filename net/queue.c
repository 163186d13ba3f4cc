/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames that wait for a client (queue.h). */
#include "net/queue.h"

#include "system/runstate.h"
#include "trace-net.h"

typedef struct NetQueueEntry {
    NetClient *sender; /* NULL: it has gone */
    NetSent *sent;
    VnetHeader header;
    size_t size;
    uint8_t data[];
} NetQueueEntry;

struct NetQueue {
    NetClient *receiver; /* NULL: closed */
    GQueue entries;
    size_t bytes;           /* in entries */
    NetQueueEntry *current; /* taken out, on its way to the receiver */
    bool delivering;        /* the receiver is being called */
    bool flushing;
    unsigned references; /* the client's, and one for each call that is at work */
};

NetQueue *net_queue_new(NetClient *receiver)
{
    NetQueue *queue = g_new0(NetQueue, 1);

    queue->receiver = receiver;
    queue->references = 1;
    g_queue_init(&queue->entries);
    return queue;
}

static void queue_unref(NetQueue *queue)
{
    if (--queue->references == 0) {
        g_assert(g_queue_is_empty(&queue->entries));
        g_free(queue);
    }
}

unsigned net_queue_length(const NetQueue *queue)
{
    return g_queue_get_length((GQueue *)&queue->entries);
}

static NetResult queue_append(NetQueue *queue, NetClient *sender, const NetFrame *frame,
                              NetSent *sent)
{
    size_t size = net_frame_size(frame);

    if (net_queue_length(queue) >= NET_QUEUE_FRAMES_MAX ||
        size > NET_QUEUE_BYTES_MAX - queue->bytes) {
        trace_net_queue_full(queue->receiver->name, net_queue_length(queue), queue->bytes);
        return NET_DONE;
    }
    NetQueueEntry *entry = g_malloc(sizeof(*entry) + size);
    entry->sender = sender;
    entry->sent = sent;
    entry->header = frame->header;
    entry->size = size;
    net_frame_copy(frame, 0, entry->data, size);
    queue->bytes += size;
    g_queue_push_tail(&queue->entries, entry);
    return NET_PENDING;
}

static NetQueueEntry *queue_take(NetQueue *queue)
{
    NetQueueEntry *entry = g_queue_pop_head(&queue->entries);

    if (entry) {
        queue->bytes -= entry->size;
    }
    return entry;
}

/*
 * A NIC takes nothing while its guest is stopped: the guest's memory may be on its way to another
 * host. Before the first start there is no driver yet and the NIC itself knows what to do.
 */
static bool guest_stands_still(void)
{
    return !runstate_is_running() && !runstate_is(RUN_STATE_PRELAUNCH);
}

static bool receiver_has_room(const NetQueue *queue)
{
    NetClient *receiver = queue->receiver;

    if (net_client_is_nic(receiver) && guest_stands_still()) {
        return false;
    }
    return !receiver->ops->can_receive || receiver->ops->can_receive(receiver);
}

/* The queue may be closed on return. */
static NetResult deliver(NetQueue *queue, const NetFrame *frame)
{
    if (!net_link_up(queue->receiver)) {
        return NET_DONE;
    }
    if (!receiver_has_room(queue)) {
        return NET_PENDING;
    }
    queue->delivering = true;
    NetResult result = queue->receiver->ops->receive(queue->receiver, frame);
    queue->delivering = false;
    return result;
}

static void tell_sender(const NetQueueEntry *entry)
{
    if (entry->sender && entry->sent) {
        entry->sent(entry->sender);
    }
}

/* False: the receiver has no room, or has gone. */
static bool deliver_first(NetQueue *queue)
{
    NetQueueEntry *entry = queue_take(queue);
    struct iovec iov = { entry->data, entry->size };
    NetFrame frame = { entry->header, &iov, 1 };

    queue->current = entry;
    NetResult result = deliver(queue, &frame);
    queue->current = NULL;
    if (result == NET_PENDING && queue->receiver && entry->sender) {
        g_queue_push_head(&queue->entries, entry);
        queue->bytes += entry->size;
        return false;
    }
    tell_sender(entry);
    g_free(entry);
    return queue->receiver != NULL;
}

void net_queue_flush(NetQueue *queue)
{
    /* Called from within receive() or sent(): who called these goes on by itself. */
    if (queue->delivering || queue->flushing || !queue->receiver) {
        return;
    }
    queue->references++;
    queue->flushing = true;
    while (!g_queue_is_empty(&queue->entries) && deliver_first(queue)) {
    }
    queue->flushing = false;
    queue_unref(queue);
}

NetResult net_queue_send(NetQueue *queue, NetClient *sender, const NetFrame *frame, NetSent *sent)
{
    if (queue->delivering || !g_queue_is_empty(&queue->entries)) {
        return queue_append(queue, sender, frame, sent);
    }
    queue->references++;
    NetResult result = deliver(queue, frame);
    if (!queue->receiver) {
        result = NET_DONE;
    } else if (result == NET_PENDING) {
        result = queue_append(queue, sender, frame, sent);
    } else {
        net_queue_flush(queue);
    }
    queue_unref(queue);
    return result;
}

void net_queue_purge(NetQueue *queue, NetClient *sender, bool tell)
{
    GQueue purged = G_QUEUE_INIT;
    GList *next;

    for (GList *item = queue->entries.head; item; item = next) {
        NetQueueEntry *entry = item->data;
        next = item->next;
        if (entry->sender == sender) {
            queue->bytes -= entry->size;
            g_queue_unlink(&queue->entries, item);
            g_queue_push_tail_link(&purged, item);
        }
    }
    if (queue->current && queue->current->sender == sender && !tell) {
        queue->current->sender = NULL;
    }
    for (NetQueueEntry *entry; (entry = g_queue_pop_head(&purged));) {
        if (tell) {
            tell_sender(entry);
        }
        g_free(entry);
    }
}

void net_queue_close(NetQueue *queue)
{
    queue->receiver = NULL;
    for (NetQueueEntry *entry; (entry = queue_take(queue));) {
        tell_sender(entry);
        g_free(entry);
    }
    queue_unref(queue);
}
