/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Human commands about character devices. */
#include "chardev/char.h"
#include "monitor/hmp.h"
#include "qapi/qapi-commands-char.h"
#include "util/keyval.h"

static const char *argument(json_t *arguments, const char *name)
{
    return json_string_value(json_object_get(arguments, name));
}

static void run_info_chardev(Monitor *monitor, json_t *arguments, GError **error)
{
    g_autoptr(GPtrArray) list = qmp_query_chardev(error);

    for (unsigned i = 0; list && i < list->len; i++) {
        const ChardevInfo *info = g_ptr_array_index(list, i);
        hmp_printf(monitor, "%s: filename=%s\n", info->label, info->filename);
    }
}

static void run_chardev_add(Monitor *monitor, json_t *arguments, GError **error)
{
    json_t *options = keyval_parse(argument(arguments, "args"), "backend", error);

    if (options) {
        chardev_new_from_options(options, error);
        json_decref(options);
    }
}

static void run_chardev_remove(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_chardev_remove(argument(arguments, "id"), error);
}

static void run_chardev_send_break(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_chardev_send_break(argument(arguments, "id"), error);
}

static void run_ringbuf_write(Monitor *monitor, json_t *arguments, GError **error)
{
    qmp_ringbuf_write(argument(arguments, "device"), argument(arguments, "data"), false,
                      DATA_FORMAT_UTF8, error);
}

/* Print @data with control characters as \uXXXX and \ as \\. */
static void print_escaped(Monitor *monitor, const char *data)
{
    for (; *data; data++) {
        unsigned char c = (unsigned char)*data;
        if (c == '\\') {
            hmp_printf(monitor, "\\\\");
        } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            hmp_printf(monitor, "\\u%04X", c);
        } else {
            hmp_printf(monitor, "%c", c);
        }
    }
    hmp_printf(monitor, "\n");
}

static void run_ringbuf_read(Monitor *monitor, json_t *arguments, GError **error)
{
    json_int_t size = json_integer_value(json_object_get(arguments, "size"));
    g_autofree char *data =
        qmp_ringbuf_read(argument(arguments, "device"), size, false, DATA_FORMAT_UTF8, error);

    if (data) {
        print_escaped(monitor, data);
    }
}

static void complete_chardev(Chardev *chardev, void *opaque)
{
    void **arguments = opaque;

    hmp_complete_one(arguments[0], arguments[1], chardev_id(chardev));
}

static void complete_id(unsigned index, const char *prefix, GPtrArray *candidates)
{
    void *arguments[] = { candidates, (void *)prefix };

    if (index == 0) {
        chardev_foreach(complete_chardev, arguments);
    }
}

HMP_COMMAND(info_chardev, .name = "info chardev", .help = "show the character devices",
            .handler = run_info_chardev);
HMP_COMMAND(chardev_add, .name = "chardev-add", .arguments = "args:S", .parameters = "args",
            .help = "add chardev", .handler = run_chardev_add);
HMP_COMMAND(chardev_remove, .name = "chardev-remove", .arguments = "id:s", .parameters = "id",
            .help = "remove chardev", .handler = run_chardev_remove, .complete = complete_id);
HMP_COMMAND(chardev_send_break, .name = "chardev-send-break", .arguments = "id:s",
            .parameters = "id", .help = "send a break on chardev",
            .handler = run_chardev_send_break, .complete = complete_id);
HMP_COMMAND(ringbuf_write, .name = "ringbuf_write", .arguments = "device:s,data:s",
            .parameters = "device data", .help = "Write to a ring buffer character device",
            .handler = run_ringbuf_write, .complete = complete_id);
HMP_COMMAND(ringbuf_read, .name = "ringbuf_read", .arguments = "device:s,size:i",
            .parameters = "device size", .help = "Read from a ring buffer character device",
            .handler = run_ringbuf_read, .complete = complete_id);
