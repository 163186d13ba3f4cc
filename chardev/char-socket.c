/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Sockets: a server has one client at a time, the next waits in the kernel's queue; a client
 * that was told `reconnect` tries again. Listening, connecting and retrying happen in the main
 * loop, reading and the loss of the peer in the front end's context.
 */
#include <errno.h>
#include <string.h>

#include "char-internal.h"
#include "char-telnet.h"
#include "char-wait.h"
#include "system/main-loop.h"
#include "trace-chardev.h"
#include "util/named-fd.h"
#include "util/report.h"

/* A connect without reconnect= holds start-up, or the command, up at most this long. */
#define CONNECT_TIMEOUT_MS 30000

typedef struct SocketChardev {
    ChardevStream parent;
    ChannelAddress *address;
    bool server, wait, telnet, delay;
    unsigned reconnect_seconds; /* 0: never */
    ChannelListener *listener;
    ChannelConnecting *connecting;
    guint retry;     /* GSource id */
    bool complained; /* about the present series of failures */
    char *filename;  /* lock */
    TelnetInput telnet_input;
} SocketChardev;

typedef struct SocketChardevClass {
    ChardevStreamClass parent;
} SocketChardevClass;

OBJECT_DEFINE_TYPE(SocketChardev, SocketChardevClass, chardev_socket, "chardev-socket",
                   TYPE_CHARDEV_STREAM);

static SocketChardev *to_socket(void *chardev)
{
    return G_TYPE_CHECK_INSTANCE_CAST(chardev, chardev_socket_get_type(), SocketChardev);
}

/* ---- names ---- */

/* "tcp:127.0.0.1:4444,server=on"; the address in use where that is known. */
static char *describe(SocketChardev *self)
{
    g_autofree char *address = self->listener ? channel_listener_address(self->listener)
                                              : channel_address_to_string(self->address);
    const char *rest = self->telnet && g_str_has_prefix(address, "tcp:") ? address + 4 : NULL;
    const char *server = self->server ? ",server=on" : "";

    return rest ? g_strdup_printf("telnet:%s%s", rest, server) : g_strconcat(address, server, NULL);
}

static void set_filename(SocketChardev *self, char *filename)
{
    g_mutex_lock(&self->parent.parent.lock);
    g_free(self->filename);
    self->filename = filename;
    g_mutex_unlock(&self->parent.parent.lock);
}

static void set_filename_disconnected(SocketChardev *self)
{
    g_autofree char *description = describe(self);
    set_filename(self, g_strconcat("disconnected:", description, NULL));
}

static void set_filename_connected(SocketChardev *self, Channel *channel)
{
    g_autofree char *description = describe(self);
    g_autofree char *peer = channel_peer_address(channel);

    set_filename(self, peer[0] ? g_strdup_printf("%s <-> %s", description, peer)
                               : g_steal_pointer(&description));
}

static char *socket_filename(Chardev *chardev)
{
    g_mutex_lock(&chardev->lock);
    char *filename = g_strdup(to_socket(chardev)->filename);
    g_mutex_unlock(&chardev->lock);
    return filename;
}

/* ---- connections ---- */

/* Main loop. Takes @channel over. */
static void connected(SocketChardev *self, Channel *channel)
{
    if (self->listener) {
        channel_listener_set_callback(self->listener, NULL, NULL);
    }
    if (self->delay) {
        channel_clear_nodelay(channel);
    }
    self->complained = false;
    self->telnet_input = (TelnetInput){ 0 };
    set_filename_connected(self, channel);
    trace_chardev_socket_connected(self->parent.parent.id, self->filename);
    if (self->telnet) {
        /* A new connection has room for these few bytes, or it is no use. */
        channel_write_all(channel, telnet_greeting, telnet_greeting_size, NULL);
    }
    chardev_stream_attach(&self->parent, channel, channel_ref(channel));
}

static void on_accepted(Channel *channel, void *opaque)
{
    connected(opaque, channel);
}

static void start_connecting(SocketChardev *self);

static gboolean on_retry(gpointer opaque)
{
    SocketChardev *self = opaque;

    self->retry = 0;
    start_connecting(self);
    return G_SOURCE_REMOVE;
}

static void retry_later(SocketChardev *self)
{
    self->retry = g_timeout_add_seconds(self->reconnect_seconds, on_retry, self);
}

/* The user hears of the first failure of a series. */
static void on_connected(Channel *channel, GError *error, void *opaque)
{
    SocketChardev *self = opaque;
    const char *id = self->parent.parent.id;

    self->connecting = NULL;
    if (channel) {
        connected(self, channel);
        return;
    }
    trace_chardev_socket_retry(id, error->message, self->reconnect_seconds);
    if (!self->complained) {
        report_warning("chardev '%s': %s; trying again every %u s", id, error->message,
                       self->reconnect_seconds);
        self->complained = true;
    }
    g_error_free(error);
    retry_later(self);
}

static void start_connecting(SocketChardev *self)
{
    self->connecting =
        channel_connect_start(self->address, CONNECT_TIMEOUT_MS, NULL, on_connected, self);
}

/* Main loop: after a peer has gone, look for the next. */
static void look_for_peer(void *opaque)
{
    SocketChardev *self = opaque;
    ChardevStream *stream = &self->parent;

    if (!stream->parent.closed && !stream->in) {
        if (self->listener) {
            channel_listener_set_callback(self->listener, on_accepted, self);
        } else if (self->reconnect_seconds && !self->retry && !self->connecting) {
            retry_later(self);
        }
    }
    g_object_unref(self);
}

static void socket_ended(ChardevStream *stream)
{
    SocketChardev *self = to_socket(stream);

    trace_chardev_socket_disconnected(stream->parent.id);
    set_filename_disconnected(self);
    chardev_stream_detach(stream);
    main_loop_schedule(look_for_peer, g_object_ref(self));
}

static void socket_disconnect(Chardev *chardev)
{
    ChardevStream *stream = CHARDEV_STREAM(chardev);

    g_rec_mutex_lock(&chardev->dispatch);
    if (stream->in) {
        socket_ended(stream);
    }
    g_rec_mutex_unlock(&chardev->dispatch);
}

/* ---- input ---- */

static size_t socket_filter(ChardevStream *stream, uint8_t *data, size_t size)
{
    SocketChardev *self = to_socket(stream);

    if (!self->telnet) {
        return size;
    }
    size = telnet_filter(&self->telnet_input, data, size);
    for (unsigned i = 0; i < self->telnet_input.breaks; i++) {
        chardev_event(&stream->parent, CHAR_EVENT_BREAK);
    }
    return size;
}

/* ---- options ---- */

static ChannelAddress *parse_inet(json_t *options, GError **error)
{
    const char *host = char_option_string(options, "host");
    const char *port = char_option_string(options, "port");
    uint64_t to = 0;

    if (!port) {
        qc_error_set(error, "chardev: socket: no port given");
        return NULL;
    }
    g_autofree char *text = strchr(host, ':') ? g_strdup_printf("[%s]:%s", host, port)
                                              : g_strdup_printf("%s:%s", host, port);
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, error);
    if (!address || !char_option_bool(options, "ipv4", &address->ipv4, error) ||
        !char_option_bool(options, "ipv6", &address->ipv6, error) ||
        !char_option_number(options, "to", 65535, &to, error)) {
        return NULL;
    }
    address->to = to;
    return g_steal_pointer(&address);
}

static ChannelAddress *parse_unix(json_t *options, GError **error)
{
    g_autoptr(ChannelAddress) address =
        channel_address_new_unix(char_option_string(options, "path"));

    address->tight = true;
    if (!char_option_bool(options, "abstract", &address->abstract, error) ||
        !char_option_bool(options, "tight", &address->tight, error)) {
        return NULL;
    }
    return g_steal_pointer(&address);
}

static ChannelAddress *parse_fd(json_t *options, GError **error)
{
    const char *text = char_option_string(options, "fd");
    int fd = named_fd_take(text ? text : "", error);

    return fd >= 0 ? channel_address_new_fd(fd) : NULL;
}

static ChannelAddress *parse_address(json_t *options, GError **error)
{
    bool path = json_object_get(options, "path");
    bool host = json_object_get(options, "host");
    bool fd = json_object_get(options, "fd");

    if (path + host + fd > 1) {
        qc_error_set(error, "None or one of 'path', 'fd' or 'host' option required.");
        return NULL;
    }
    if (path) {
        return parse_unix(options, error);
    }
    if (fd) {
        return parse_fd(options, error);
    }
    if (host) {
        return parse_inet(options, error);
    }
    qc_error_set(error, "chardev: socket: no 'path', 'host' or 'fd' given");
    return NULL;
}

static bool parse_options(SocketChardev *self, json_t *options, GError **error)
{
    bool nodelay = true;
    uint64_t reconnect = 0;

    if (!char_option_bool(options, "server", &self->server, error)) {
        return false;
    }
    self->wait = self->server;
    if (!self->server && json_object_get(options, "wait")) {
        qc_error_set(error, "'wait' option is incompatible with socket in client connect mode");
        return false;
    }
    if (self->server && json_object_get(options, "reconnect")) {
        qc_error_set(error, "'reconnect' option is incompatible with socket in server listen mode");
        return false;
    }
    if (!char_option_bool(options, "wait", &self->wait, error) ||
        !char_option_bool(options, "telnet", &self->telnet, error) ||
        !char_option_bool(options, "nodelay", &nodelay, error) ||
        !char_option_bool(options, "delay", &self->delay, error) ||
        !char_option_number(options, "reconnect", G_MAXINT, &reconnect, error)) {
        return false;
    }
    self->delay = self->delay || !nodelay;
    self->reconnect_seconds = reconnect;
    self->address = parse_address(options, error);
    return self->address != NULL;
}

/* ---- life ---- */

static bool open_server(SocketChardev *self, GError **error)
{
    self->listener = char_wait_listen(self->address, error);
    if (!self->listener) {
        return false;
    }
    set_filename_disconnected(self);
    if (!self->wait) {
        channel_listener_set_callback(self->listener, on_accepted, self);
        return true;
    }
    report_info("waiting for connection on: %s", self->filename);
    Channel *channel = char_wait_accept(self->listener, error);
    if (channel) {
        connected(self, channel);
    }
    return channel != NULL;
}

static bool open_client(SocketChardev *self, GError **error)
{
    set_filename_disconnected(self);
    if (self->reconnect_seconds) {
        start_connecting(self);
        return true;
    }
    Channel *channel = char_wait_connect(self->address, CONNECT_TIMEOUT_MS, error);
    if (channel) {
        connected(self, channel);
    }
    return channel != NULL;
}

static bool socket_open(Chardev *chardev, json_t *options, GError **error)
{
    SocketChardev *self = to_socket(chardev);

    if (!parse_options(self, options, error)) {
        return false;
    }
    return self->server ? open_server(self, error) : open_client(self, error);
}

static void socket_close(Chardev *chardev)
{
    SocketChardev *self = to_socket(chardev);

    g_clear_handle_id(&self->retry, g_source_remove);
    g_clear_pointer(&self->connecting, channel_connecting_cancel);
    chardev_stream_close(chardev);
    g_clear_pointer(&self->listener, channel_listener_free);
}

static void chardev_socket_finalize(GObject *object)
{
    SocketChardev *self = to_socket(object);

    channel_address_free(self->address);
    g_free(self->filename);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_CHARDEV_STREAM))->finalize(object);
}

static void chardev_socket_init(SocketChardev *self)
{
}

static void chardev_socket_class_init(SocketChardevClass *klass)
{
    static const char *const options[] = {
        "host", "port",   "to",   "ipv4",      "ipv6",    "path",  "abstract", "tight",
        "fd",   "server", "wait", "reconnect", "nodelay", "delay", "telnet",   NULL,
    };

    G_OBJECT_CLASS(klass)->finalize = chardev_socket_finalize;
    klass->parent.parent.backend = "socket";
    klass->parent.parent.options = options;
    klass->parent.parent.open_backend = socket_open;
    klass->parent.parent.close_backend = socket_close;
    klass->parent.parent.disconnect = socket_disconnect;
    klass->parent.parent.filename = socket_filename;
    klass->parent.ended = socket_ended;
    klass->parent.filter = socket_filter;
}
