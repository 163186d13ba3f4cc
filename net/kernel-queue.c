/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Packets that the host's kernel has queued (NFQUEUE). The kernel completes checksums and cuts
 * large packets before it queues them, since we do not ask it to leave that out.
 */
#include "net/kernel-queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>

#include <libnetfilter_queue/libnetfilter_queue.h>

#include "net/packet.h"
#include "trace-net.h"
#include "util/bytes.h"
#include "util/event-source.h"
#include "util/report.h"

#define PACKET_COPY_MAX 0xffff
#define MESSAGE_SIZE    (PACKET_COPY_MAX + 4096)
#define RECEIVE_BURST   64
#define DRAIN_MAX       65536

/* Memory for packets on their way to us, bytes; more than a TCP window of a busy guest. */
#define SOCKET_BUFFER (4 * 1024 * 1024)

enum {
    ETHERTYPE_OFFSET = 12,
};

struct KernelQueue {
    const KernelQueueOps *ops;
    void *opaque;
    uint16_t number;
    struct nfq_handle *handle;
    struct nfq_q_handle *queue;
    GSource *source;
    uint8_t message[MESSAGE_SIZE];
    uint8_t frame[KERNEL_QUEUE_HEADER + PACKET_COPY_MAX];
};

static uint16_t ethertype_of(const uint8_t *packet)
{
    return packet[0] >> 4 == 6 ? ETHERTYPE_IPV6_VALUE : ETHERTYPE_IPV4_VALUE;
}

static int on_packet(struct nfq_q_handle *handle, struct nfgenmsg *message, struct nfq_data *data,
                     void *opaque)
{
    KernelQueue *self = opaque;
    const struct nfqnl_msg_packet_hdr *header = nfq_get_msg_packet_hdr(data);
    uint8_t *payload;
    int size = nfq_get_payload(data, &payload);

    if (!header) {
        return 0;
    }
    uint32_t id = ntohl(header->packet_id);
    if (size <= 0 || size > PACKET_COPY_MAX) {
        kernel_queue_verdict(self, id, true);
        return 0;
    }
    store_be16(self->frame + ETHERTYPE_OFFSET, ethertype_of(payload));
    memcpy(self->frame + KERNEL_QUEUE_HEADER, payload, size);
    self->ops->packet(id, self->frame, KERNEL_QUEUE_HEADER + size, self->opaque);
    return 0;
}

/* One message; false when there is none. */
static bool receive_message(KernelQueue *self)
{
    ssize_t size = recv(nfq_fd(self->handle), self->message, sizeof(self->message), MSG_DONTWAIT);

    if (size < 0 && errno == ENOBUFS) {
        trace_kernel_queue_lost(self->number);
        self->ops->lost(self->opaque);
        return true;
    }
    if (size <= 0) {
        return false;
    }
    memset(self->frame, 0, ETHERTYPE_OFFSET);
    nfq_handle_packet(self->handle, (char *)self->message, size);
    return true;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer opaque)
{
    for (unsigned i = 0; i < RECEIVE_BURST && receive_message(opaque); i++) {
    }
    return G_SOURCE_CONTINUE;
}

void kernel_queue_drain(KernelQueue *queue)
{
    for (unsigned i = 0; i < DRAIN_MAX && receive_message(queue); i++) {
    }
}

void kernel_queue_verdict(KernelQueue *queue, uint32_t id, bool accept)
{
    trace_kernel_queue_verdict(queue->number, id, accept);
    if (nfq_set_verdict(queue->queue, id, accept ? NF_ACCEPT : NF_DROP, 0, NULL) < 0) {
        /* The packet has gone with its interface. */
        trace_kernel_queue_verdict_failed(queue->number, id, errno);
    }
}

static bool set_up(KernelQueue *self, unsigned limit, GError **error)
{
    self->handle = nfq_open();
    if (!self->handle) {
        qc_error_set_errno(error, errno, "cannot open the kernel's packet queues");
        return false;
    }
    self->queue = nfq_create_queue(self->handle, self->number, on_packet, self);
    if (!self->queue) {
        qc_error_set_errno(error, errno,
                           "cannot listen to the kernel's packet queue %u (is somebody else?)",
                           self->number);
        return false;
    }
    if (nfq_set_mode(self->queue, NFQNL_COPY_PACKET, PACKET_COPY_MAX) < 0 ||
        nfq_set_queue_maxlen(self->queue, limit) < 0) {
        qc_error_set_errno(error, errno, "cannot set up the kernel's packet queue %u",
                           self->number);
        return false;
    }
    return true;
}

KernelQueue *kernel_queue_new(uint16_t number, unsigned limit, GMainContext *context,
                              const KernelQueueOps *ops, void *opaque, GError **error)
{
    g_autoptr(KernelQueue) self = g_new0(KernelQueue, 1);
    int buffer = SOCKET_BUFFER;

    self->ops = ops;
    self->opaque = opaque;
    self->number = number;
    if (!set_up(self, limit, error)) {
        return NULL;
    }
    int fd = nfq_fd(self->handle);
    /* Only root may go beyond the system's limit; without it we lose packets a little sooner. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0) {
        trace_kernel_queue_buffer(number, errno);
    }
    self->source = g_unix_fd_source_new(fd, G_IO_IN);
    event_source_never_nested(self->source);
    g_source_set_callback(self->source, G_SOURCE_FUNC(on_readable), self, NULL);
    g_source_attach(self->source, context);
    return g_steal_pointer(&self);
}

void kernel_queue_free(KernelQueue *queue)
{
    if (queue->source) {
        g_source_destroy(queue->source);
        g_source_unref(queue->source);
    }
    if (queue->queue) {
        nfq_destroy_queue(queue->queue);
    }
    if (queue->handle) {
        nfq_close(queue->handle);
    }
    g_free(queue);
}
