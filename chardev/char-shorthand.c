/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The short form that -serial, -monitor and -qmp take, turned into options. */
#include <string.h>

#include "char-internal.h"
#include "util/keyval.h"
#include "util/report.h"

/* If @text begins with @prefix, what comes behind it. */
static const char *after(const char *text, const char *prefix)
{
    return g_str_has_prefix(text, prefix) ? text + strlen(prefix) : NULL;
}

static json_t *new_options(const char *backend)
{
    return json_pack("{s:s}", "backend", backend);
}

/* One backend with everything behind the colon as its path. */
static json_t *path_options(const char *backend, const char *path)
{
    json_t *options = new_options(backend);
    json_object_set_new(options, "path", json_string(path));
    return options;
}

/* "[V6]:PORT" or "HOST:PORT" to options; false when it is neither. */
static bool set_host_and_port(json_t *options, const char *text)
{
    g_autoptr(ChannelAddress) address = channel_address_parse_inet(text, NULL);

    if (!address) {
        return false;
    }
    json_object_set_new(options, "host", json_string(address->host));
    json_object_set_new(options, "port", json_string(address->port));
    return true;
}

/* tcp:HOST:PORT,... and unix:PATH,...; the first item has the key @key in the result. */
static json_t *socket_options(const char *text, const char *key, GError **error)
{
    json_t *options = keyval_parse(text, key, error);

    if (options) {
        json_object_set_new(options, "backend", json_string("socket"));
    }
    return options;
}

static json_t *tcp_options(const char *text, bool telnet, GError **error)
{
    json_t *options = socket_options(text, "address", error);
    const char *address = options ? char_option_string(options, "address") : NULL;

    if (!options) {
        return NULL;
    }
    if (!address || !set_host_and_port(options, address)) {
        qc_error_set(error, "address '%s': expected HOST:PORT, :PORT or [IPV6]:PORT",
                     address ? address : text);
        json_decref(options);
        return NULL;
    }
    json_object_del(options, "address");
    if (telnet) {
        json_object_set_new(options, "telnet", json_string("on"));
    }
    return options;
}

static json_t *parse(const char *text, GError **error)
{
    static const char *const bare[] = { "stdio", "null", "pty", "ringbuf", NULL };
    const char *rest;

    if (g_strv_contains(bare, text)) {
        return new_options(text);
    }
    if ((rest = after(text, "file:"))) {
        return path_options("file", rest);
    }
    if ((rest = after(text, "pipe:"))) {
        return path_options("pipe", rest);
    }
    if ((rest = after(text, "tcp:"))) {
        return tcp_options(rest, false, error);
    }
    if ((rest = after(text, "telnet:"))) {
        return tcp_options(rest, true, error);
    }
    if ((rest = after(text, "unix:"))) {
        return socket_options(rest, "path", error);
    }
    if (g_str_has_prefix(text, "/dev/")) {
        return path_options("serial", text);
    }
    qc_error_set(error, "'%s' is not a valid char driver", text);
    return NULL;
}

Chardev *chardev_new_from_shorthand(const char *id, const char *text, GError **error)
{
    const char *existing = after(text, "chardev:");
    const char *shared = after(text, "mon:");

    if (existing) {
        Chardev *chardev = chardev_find(existing);
        if (!chardev) {
            qc_error_set(error, "Chardev '%s' not found", existing);
        }
        return chardev;
    }
    json_t *options = parse(shared ? shared : text, error);
    if (!options) {
        return NULL;
    }
    json_object_set_new(options, "id", json_string(id));
    if (shared) {
        json_object_set_new(options, "mux", json_string("on"));
        if (g_str_equal(shared, "stdio")) {
            /* ^C is for the guest; Ctrl-a x ends the process. */
            json_object_set_new(options, "signal", json_string("off"));
        }
    }
    Chardev *chardev = chardev_new_from_options(options, error);
    json_decref(options);
    return chardev;
}
