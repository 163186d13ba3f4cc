/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitor commands about character devices. */
#include <string.h>

#include "char-internal.h"
#include "qapi/qapi-commands-char.h"
#include "util/report.h"

/* ---- query ---- */

static void add_info(Chardev *chardev, void *opaque)
{
    ChardevInfo *info = ChardevInfo_new();

    info->label = g_strdup(chardev_id(chardev));
    info->filename = chardev_filename(chardev);
    info->frontend_open = chardev_has_frontend(chardev);
    g_ptr_array_add(opaque, info);
}

GPtrArray *qmp_query_chardev(GError **error)
{
    GPtrArray *list = ChardevInfo_list_new();

    chardev_foreach(add_info, list);
    return list;
}

static void add_backend(const char *name, void *opaque)
{
    ChardevBackendInfo *info = ChardevBackendInfo_new();

    info->name = g_strdup(name);
    g_ptr_array_add(opaque, info);
}

GPtrArray *qmp_query_chardev_backends(GError **error)
{
    GPtrArray *list = ChardevBackendInfo_list_new();

    chardev_foreach_backend(add_backend, list);
    return list;
}

/* ---- adding and removing ---- */

/* The name that -chardev has for member @name of the schema's settings. */
static const char *option_name(const char *name)
{
    static const char *const names[][2] = {
        { "out", "path" },
        { "in", "input-path" },
        { "device", "path" },
        { "str", "fd" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(name, names[i][0])) {
            return names[i][1];
        }
    }
    return name;
}

/* Copy the members of @settings to @options; the address of a socket is an object of its own. */
static void flatten(json_t *settings, json_t *options)
{
    const char *name;
    json_t *value;

    json_object_foreach(settings, name, value)
    {
        if (json_is_object(value)) {
            flatten(json_object_get(value, "data"), options);
        } else {
            json_object_set(options, option_name(name), value);
        }
    }
}

/* The defaults of a socket differ from those of -chardev. */
static bool set_socket_defaults(json_t *options, GError **error)
{
    json_t *server = json_object_get(options, "server");

    if (json_is_true(json_object_get(options, "wait"))) {
        qc_error_set(error, "'wait' is only possible on the command line: while the VM runs, the "
                            "monitor would wait, too");
        return false;
    }
    if (server && json_is_false(server)) {
        return true;
    }
    json_object_set_new(options, "server", json_true());
    json_object_set_new(options, "wait", json_false());
    return true;
}

static json_t *options_from_backend(const char *id, ChardevBackend *backend, GError **error)
{
    json_t *json = ChardevBackend_to_json(backend);
    json_t *options = json_pack("{s:s, s:O}", "id", id, "backend", json_object_get(json, "type"));

    flatten(json_object_get(json, "data"), options);
    json_decref(json);
    if (backend->type == CHARDEV_BACKEND_KIND_SOCKET && !set_socket_defaults(options, error)) {
        json_decref(options);
        return NULL;
    }
    return options;
}

ChardevReturn *qmp_chardev_add(const char *id, ChardevBackend *backend, GError **error)
{
    if (chardev_find(id)) {
        qc_error_set(error, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    json_t *options = options_from_backend(id, backend, error);
    Chardev *chardev = options ? chardev_create(options, error) : NULL;
    json_decref(options);
    if (!chardev) {
        g_prefix_error(error, "Failed to add chardev '%s': ", id);
        return NULL;
    }
    ChardevReturn *result = ChardevReturn_new();
    if (backend->type == CHARDEV_BACKEND_KIND_PTY) {
        g_autofree char *filename = chardev_filename(chardev);
        result->pty = g_strdup(filename + strlen("pty:"));
    }
    return result;
}

void qmp_chardev_remove(const char *id, GError **error)
{
    chardev_remove(id, error);
}

void qmp_chardev_send_break(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        qc_error_set(error, "Chardev '%s' not found", id);
        return;
    }
    chardev_send_break(chardev);
}

/* ---- ring buffers ---- */

static Chardev *find_ringbuf(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        qc_error_set(error, "Device '%s' not found", id);
        return NULL;
    }
    if (!G_TYPE_CHECK_INSTANCE_TYPE(chardev, TYPE_CHARDEV_RINGBUF)) {
        qc_error_set(error, "%s is not a ringbuf device", id);
        return NULL;
    }
    return chardev;
}

/* RFC 4648 base64, strictly; GLib would pass over what does not belong. */
static uint8_t *decode_base64(const char *text, size_t *size, GError **error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);
    size_t count = strspn(text, digits);
    size_t padding = strspn(text + count, "=");

    if (count + padding != length || padding > 2) {
        qc_error_set(error, "Base64 data contains invalid characters");
        return NULL;
    }
    if (length % 4) {
        qc_error_set(error, "Base64 data has %zu characters, expected a multiple of 4", length);
        return NULL;
    }
    return g_base64_decode(text, size);
}

void qmp_ringbuf_write(const char *device, const char *data, bool has_format, DataFormat format,
                       GError **error)
{
    Chardev *chardev = find_ringbuf(device, error);
    g_autofree uint8_t *decoded = NULL;
    size_t size = strlen(data);

    if (!chardev) {
        return;
    }
    if (has_format && format == DATA_FORMAT_BASE64) {
        decoded = decode_base64(data, &size, error);
        if (!decoded) {
            return;
        }
    }
    chardev_write(chardev, decoded ? decoded : (const uint8_t *)data, (int)size);
}

char *qmp_ringbuf_read(const char *device, int64_t size, bool has_format, DataFormat format,
                       GError **error)
{
    Chardev *chardev = find_ringbuf(device, error);

    if (!chardev) {
        return NULL;
    }
    if (size <= 0) {
        qc_error_set(error, "size must be greater than zero");
        return NULL;
    }
    size_t count = MIN((uint64_t)size, chardev_ringbuf_count(chardev));
    g_autofree uint8_t *data = g_malloc(count + 1);
    count = chardev_ringbuf_take(chardev, data, count);
    return has_format && format == DATA_FORMAT_BASE64
               ? g_base64_encode(data, count)
               : g_utf8_make_valid((const char *)data, (gssize)count);
}
