/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * A back end that sends frames over a stream socket, each behind its be32 length. Without a
 * peer frames are lost, as on a cable that is not plugged in.
 */
#include "net/stream-client.h"

#include "net/fd-watch.h"
#include "net/frame-channel.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/bytes.h"
#include "util/report.h"

#define CONNECT_TIMEOUT_MS 30000
#define READ_SIZE          (64 * 1024)
#define READ_BURST         8
#define IOV_MAX_FRAME      64

typedef struct StreamClient {
    NetClient *client;
    ChannelAddress *address;
    bool server;
    unsigned reconnect_seconds;
    ChannelListener *listener;
    ChannelConnecting *connecting;
    guint retry; /* GSource id */
    bool complained;
    Channel *channel; /* NULL: no peer */
    FdWatch *watch;
    FrameReader *reader;
    bool guest_full;  /* a frame has found no room */
    GByteArray *rest; /* of a frame that the socket has taken in part */
    uint8_t buffer[READ_SIZE];
} StreamClient;

/* ---- connections ---- */

static void look_for_peer(StreamClient *self);

static void disconnect(StreamClient *self)
{
    g_clear_pointer(&self->watch, fd_watch_free);
    g_clear_pointer(&self->channel, channel_unref);
    g_byte_array_set_size(self->rest, 0);
    frame_reader_reset(self->reader);
    self->guest_full = false;
}

/*
 * @error NULL: the peer has closed the connection. What waits for the socket is lost: the caller
 * flushes the queue unless it comes from there.
 */
static void lose_peer(StreamClient *self, const GError *error)
{
    trace_net_stream_disconnected(self->client->name, error ? error->message : "end of stream");
    if (error) {
        report_warning("netdev '%s': %s", self->client->name, error->message);
    }
    disconnect(self);
    look_for_peer(self);
}

static void stream_sent(NetClient *client)
{
    StreamClient *self = client->opaque;

    self->guest_full = false;
    if (self->watch) {
        fd_watch_read(self->watch, true);
    }
}

static void on_frame(const NetFrame *frame, void *opaque)
{
    StreamClient *self = opaque;

    if (net_send(self->client, frame, stream_sent) == NET_PENDING) {
        self->guest_full = true;
    }
}

static void stream_readable(void *opaque)
{
    StreamClient *self = opaque;
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < READ_BURST && !self->guest_full; i++) {
        struct iovec iov = { self->buffer, sizeof(self->buffer) };
        ssize_t size = channel_readv(self->channel, &iov, 1, &error);
        if (size == CHANNEL_WOULD_BLOCK) {
            return;
        }
        if (size > 0 && !frame_reader_feed(self->reader, self->buffer, size, &error)) {
            g_prefix_error(&error, "%s: ", channel_name(self->channel));
            size = -1;
        }
        if (size <= 0) {
            lose_peer(self, error);
            net_flush(self->client);
            return;
        }
    }
    if (self->guest_full) {
        fd_watch_read(self->watch, false);
    }
}

/* ---- to the peer ---- */

/* Send what is left of a frame; false: the peer has gone. */
static bool send_rest(StreamClient *self, GError **error)
{
    struct iovec iov = { self->rest->data, self->rest->len };
    ssize_t size = channel_writev(self->channel, &iov, 1, error);

    if (size > 0) {
        g_byte_array_remove_range(self->rest, 0, size);
    }
    return size != -1;
}

static void stream_writable(void *opaque)
{
    StreamClient *self = opaque;
    g_autoptr(GError) error = NULL;

    if (!send_rest(self, &error)) {
        lose_peer(self, error);
        net_flush(self->client);
    } else if (self->rest->len == 0) {
        fd_watch_write(self->watch, false);
        net_flush(self->client);
    }
}

/* Keep what the socket has not taken of @iov, of which @sent bytes went. */
static void keep_rest(StreamClient *self, const struct iovec *iov, int count, size_t sent)
{
    for (int i = 0; i < count; i++) {
        size_t skip = MIN(sent, iov[i].iov_len);
        sent -= skip;
        g_byte_array_append(self->rest, (const uint8_t *)iov[i].iov_base + skip,
                            iov[i].iov_len - skip);
    }
    fd_watch_write(self->watch, self->rest->len > 0);
}

static NetResult stream_receive(NetClient *client, const NetFrame *frame)
{
    StreamClient *self = client->opaque;
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *flat = NULL;
    struct iovec iov[IOV_MAX_FRAME + 1];
    int count = frame->iov_count;
    uint8_t length[4];
    size_t size = net_frame_size(frame);

    if (!self->channel) {
        return NET_DONE;
    }
    if (self->rest->len > 0) {
        return NET_PENDING;
    }
    store_be32(length, size);
    iov[0] = (struct iovec){ length, sizeof(length) };
    if (count <= IOV_MAX_FRAME) {
        memcpy(iov + 1, frame->iov, count * sizeof(*iov));
    } else {
        flat = g_malloc(size);
        iov[1] = (struct iovec){ flat, net_frame_copy(frame, 0, flat, size) };
        count = 1;
    }
    ssize_t sent = channel_writev(self->channel, iov, count + 1, &error);
    if (sent == -1) {
        lose_peer(self, error);
        return NET_DONE;
    }
    if (sent == CHANNEL_WOULD_BLOCK) {
        fd_watch_write(self->watch, true);
        return NET_PENDING;
    }
    keep_rest(self, iov, count + 1, sent);
    return NET_DONE;
}

/* ---- finding a peer ---- */

/* Takes @channel over. */
static void use_channel(StreamClient *self, Channel *channel)
{
    g_autoptr(GError) error = NULL;

    if (self->listener) {
        channel_listener_set_callback(self->listener, NULL, NULL);
    }
    self->channel = channel;
    self->complained = false;
    trace_net_stream_connected(self->client->name, channel_name(channel));
    if (!channel_set_blocking(channel, false, &error)) {
        lose_peer(self, error);
        return;
    }
    self->watch =
        fd_watch_new(channel_fd(channel), "net-stream", stream_readable, stream_writable, self);
    fd_watch_read(self->watch, true);
}

static void on_accepted(Channel *channel, void *opaque)
{
    use_channel(opaque, channel);
}

static void connect_now(StreamClient *self);

static gboolean on_retry(gpointer opaque)
{
    StreamClient *self = opaque;

    self->retry = 0;
    connect_now(self);
    return G_SOURCE_REMOVE;
}

static void retry_later(StreamClient *self)
{
    if (self->reconnect_seconds) {
        self->retry = g_timeout_add_seconds(self->reconnect_seconds, on_retry, self);
    }
}

/* The user hears of the first failure of a series. */
static void on_connected(Channel *channel, GError *error, void *opaque)
{
    StreamClient *self = opaque;

    self->connecting = NULL;
    if (channel) {
        use_channel(self, channel);
        return;
    }
    if (!self->complained) {
        report_warning("netdev '%s': %s", self->client->name, error->message);
        self->complained = true;
    }
    g_error_free(error);
    retry_later(self);
}

static void connect_now(StreamClient *self)
{
    self->connecting =
        channel_connect_start(self->address, CONNECT_TIMEOUT_MS, NULL, on_connected, self);
}

/* After a peer has gone. A descriptor cannot be connected again. */
static void look_for_peer(StreamClient *self)
{
    if (self->listener) {
        channel_listener_set_callback(self->listener, on_accepted, self);
    } else if (self->address->kind != SOCKET_KIND_FD) {
        retry_later(self);
    }
}

/* ---- life ---- */

static char *stream_describe(NetClient *client)
{
    StreamClient *self = client->opaque;
    g_autofree char *address = self->listener ? channel_listener_address(self->listener)
                                              : channel_address_to_string(self->address);

    if (self->channel) {
        g_autofree char *peer = channel_peer_address(self->channel);
        return g_strdup_printf("%s%s%s", address, peer[0] ? " <-> " : "", peer);
    }
    return g_strdup_printf("%s %s", self->server ? "wait from" : "connecting to", address);
}

static void stream_free(StreamClient *self)
{
    g_clear_handle_id(&self->retry, g_source_remove);
    g_clear_pointer(&self->connecting, channel_connecting_cancel);
    disconnect(self);
    g_clear_pointer(&self->listener, channel_listener_free);
    frame_reader_free(self->reader);
    g_byte_array_unref(self->rest);
    channel_address_free(self->address);
    g_free(self);
}

static void stream_cleanup(NetClient *client)
{
    stream_free(client->opaque);
}

static const NetClientOps stream_ops = {
    .type = "stream",
    .receive = stream_receive,
    .describe = stream_describe,
    .cleanup = stream_cleanup,
};

static const FrameReaderOps reader_ops = { .frame = on_frame };

static bool stream_listen(StreamClient *self, GError **error)
{
    bool had_bql = bql_locked();

    if (had_bql) {
        bql_unlock();
    }
    self->listener = channel_listen(self->address, error);
    if (had_bql) {
        bql_lock();
    }
    return self->listener != NULL;
}

NetClient *stream_client_new(const char *model, const char *id, const ChannelAddress *address,
                             bool server, unsigned reconnect_seconds, GError **error)
{
    StreamClient *self = g_new0(StreamClient, 1);

    self->address = channel_address_copy(address);
    self->server = server;
    self->reconnect_seconds = reconnect_seconds;
    self->rest = g_byte_array_new();
    self->reader = frame_reader_new(false, &reader_ops, self);
    if (!server || stream_listen(self, error)) {
        self->client = net_client_new(&stream_ops, model, id, self, error);
    }
    if (!self->client) {
        stream_free(self);
        return NULL;
    }
    if (server) {
        channel_listener_set_callback(self->listener, on_accepted, self);
    } else {
        connect_now(self);
    }
    return self->client;
}
