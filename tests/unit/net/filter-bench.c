/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A card and a back end with filters between them (filter-bench.h). */
#include "filter-bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../chardev/char-test.h"

void filter_bench_init(FilterBench *bench)
{
    bench->nic = fake_client_new(true, "nic", UINT32_MAX);
    bench->backend = fake_client_new(false, "hn0", UINT32_MAX);
    net_client_connect(bench->nic->client, bench->backend->client);
}

static void collect_id(const char *name, GObject *object, void *opaque)
{
    g_ptr_array_add(opaque, g_strdup(name));
}

void filter_bench_clear(FilterBench *bench)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);

    object_tree_foreach("/objects", collect_id, ids);
    for (guint i = 0; i < ids->len; i++) {
        filter_bench_delete(ids->pdata[i]);
    }
    fake_client_free(bench->nic);
    fake_client_free(bench->backend);
}

static NetFilter *create(const char *options, GError **error)
{
    json_t *values = keyval_parse(options, "qom-type", error);

    g_assert_nonnull(values);
    if (!json_object_get(values, "netdev")) {
        json_object_set_new(values, "netdev", json_string("hn0"));
    }
    g_autofree char *type = g_strdup(json_string_value(json_object_get(values, "qom-type")));
    g_autofree char *id = g_strdup(json_string_value(json_object_get(values, "id")));
    json_object_del(values, "qom-type");
    json_object_del(values, "id");
    if (!strcmp(json_string_value(json_object_get(values, "netdev")), "")) {
        json_object_del(values, "netdev");
    }
    NetFilter *filter = (NetFilter *)object_user_create(type, id, values, error);
    json_decref(values);
    return filter;
}

NetFilter *filter_bench_add(const char *options)
{
    g_autoptr(GError) error = NULL;
    NetFilter *filter = create(options, &error);

    g_assert_no_error(error);
    return filter;
}

char *filter_bench_error(const char *options)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(create(options, &error));
    return g_strdup(error->message);
}

void filter_bench_delete(const char *id)
{
    g_autoptr(GError) error = NULL;

    object_user_delete(id, &error);
    g_assert_no_error(error);
}

void filter_bench_set_status(const char *id, bool on)
{
    g_autofree char *path = g_strdup_printf("/objects/%s", id);
    g_autoptr(GError) error = NULL;
    json_t *value = json_string(on ? "on" : "off");

    object_set_json(object_tree_find(path), "status", value, &error);
    g_assert_no_error(error);
    json_decref(value);
}

void filter_bench_assert_got(FakeClient *client, const char *expected)
{
    g_autoptr(GString) got = g_string_new(NULL);

    for (guint i = 0; i < client->frames->len; i++) {
        g_string_append_printf(got, "%s%s", i ? " " : "", fake_client_text(client, i));
    }
    g_ptr_array_set_size(client->frames, 0);
    g_array_set_size(client->headers, 0);
    g_assert_cmpstr(got->str, ==, expected);
}

int filter_bench_chardev(const char *id)
{
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=%s,fd=%d", id, pair[0]);
    must_new_chardev(options);
    g_assert_cmpint(fcntl(pair[1], F_SETFL, O_NONBLOCK), ==, 0);
    return pair[1];
}

/* Take what there is; true when @bytes holds @size. */
static bool read_some(int fd, GByteArray *bytes, size_t size)
{
    uint8_t buffer[4096];
    ssize_t n = 1;

    while (bytes->len < size && n > 0) {
        n = read(fd, buffer, MIN(sizeof(buffer), size - bytes->len));
        g_assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        g_byte_array_append(bytes, buffer, (guint)MAX(n, 0));
    }
    return bytes->len == size;
}

GByteArray *filter_bench_read(int fd, size_t size)
{
    GByteArray *bytes = g_byte_array_new();

    run_until(read_some(fd, bytes, size));
    return bytes;
}
