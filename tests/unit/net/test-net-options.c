/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Back ends from options, hubs, and what the monitor says of them. */
#include <string.h>

#include "fake-client.h"
#include "monitor/hmp.h"
#include "net/net-internal.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-net.h"
#include "system/bql.h"

/* ---- a back end that tells what it was made from ---- */

static json_t *last_options;

static NetResult ignore(NetClient *client, const NetFrame *frame)
{
    return NET_DONE;
}

static char *describe(NetClient *client)
{
    return g_strdup("for=tests");
}

static NetClient *test_create(const char *id, json_t *options, GError **error)
{
    static const NetClientOps ops = { .type = "test", .receive = ignore, .describe = describe };

    json_decref(last_options);
    last_options = json_incref(options);
    return net_client_new(&ops, "test", id, NULL, error);
}

static const char *const test_options[] = { "hostfwd", "number", "switch", "text", NULL };

static const NetBackendType test_type = {
    .name = "test",
    .options = test_options,
    .description = "for tests",
    .create = test_create,
};

static NetClient *create(const char *text, GError **error)
{
    json_t *options = net_options_parse(text, error);
    NetClient *client = options ? net_backend_create(options, error) : NULL;

    json_decref(options);
    return client;
}

static NetClient *create_ok(const char *text)
{
    g_autoptr(GError) error = NULL;
    NetClient *client = create(text, &error);

    g_assert_no_error(error);
    return client;
}

static void expect_error(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(create(text, &error));
    g_assert_cmpstr(error->message, ==, message);
}

/* ---- options ---- */

static void test_create_and_delete(void)
{
    g_autoptr(GError) error = NULL;
    NetClient *client = create_ok("test,id=a,text=one,,two");

    g_assert_true(net_backend_find("a") == client);
    g_assert_cmpstr(net_option_string(last_options, "text"), ==, "one,two");
    g_assert_null(net_option_string(last_options, "type"));
    g_assert_null(net_option_string(last_options, "id"));
    expect_error("test,id=a", "Duplicate ID 'a' for netdev");
    qmp_netdev_del("a", &error);
    g_assert_no_error(error);
    g_assert_null(net_backend_find("a"));
    qmp_netdev_del("a", &error);
    g_assert_cmpstr(error->message, ==, "Device 'a' not found");
    g_assert_cmpint(qapi_error_class(error), ==, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND);
}

static void test_mistakes(void)
{
    expect_error("bogus,id=x", "Parameter 'type' does not accept value 'bogus'");
    expect_error("id=x", "Parameter 'type' is missing");
    expect_error("test", "Parameter 'id' is missing");
    expect_error("test,id=x,bogus=1", "Invalid parameter 'bogus'");
    expect_error("{\"type\":\"user\",\"id\":\"x\",\"bogus\":1}", "Parameter 'bogus' is unexpected");
    expect_error("{\"type\":\"user\",\"id\":\"x\",\"restrict\":\"on\"}",
                 "Invalid parameter type for 'restrict', expected: boolean");
    g_autoptr(GError) error = NULL;
    g_assert_null(create("test,id=1x", &error));
    g_assert_true(g_str_has_prefix(error->message, "Parameter 'id' expects an identifier"));
}

static void expect_hostfwd(const char *text, guint count, const char *last)
{
    g_autoptr(GPtrArray) strings = NULL;
    json_t *options = net_options_parse(text, NULL);

    g_assert_true(net_option_strings(options, "hostfwd", &strings, NULL));
    g_assert_cmpuint(strings->len, ==, count);
    g_assert_cmpstr(count ? strings->pdata[count - 1] : NULL, ==, last);
    json_decref(options);
}

static void test_lists(void)
{
    expect_hostfwd("user,id=x", 0, NULL);
    expect_hostfwd("user,id=x,hostfwd=tcp::1-:2", 1, "tcp::1-:2");
    expect_hostfwd("user,id=x,hostfwd=tcp::1-:2,ipv4=on,hostfwd=udp::3-:4", 2, "udp::3-:4");
    expect_hostfwd("user,id=x,hostfwd.0.str=tcp::1-:2,hostfwd.1.str=udp::5-:6", 2, "udp::5-:6");
    expect_hostfwd("{\"type\":\"user\",\"id\":\"x\",\"hostfwd\":[{\"str\":\"tcp::1-:2\"}]}", 1,
                   "tcp::1-:2");
    g_assert_null(net_options_parse("user,hostfwd.0.str=a,hostfwd=b", NULL));
    g_assert_null(net_options_parse("user,hostfwd=b,hostfwd.0.str=a", NULL));
}

static void check_bool(const char *text, bool ok, bool expected)
{
    json_t *options = json_object();
    bool value = !expected;

    json_object_set_new(options, "switch", json_string(text));
    g_assert_cmpint(net_option_bool(options, "switch", &value, NULL), ==, ok);
    g_assert_cmpint(value, ==, ok ? expected : !expected);
    json_decref(options);
}

static void test_booleans(void)
{
    json_t *options = json_pack("{s:b}", "switch", 1);
    g_autoptr(GError) error = NULL;
    bool value = false;

    g_assert_true(net_option_bool(options, "switch", &value, NULL) && value);
    g_assert_true(net_option_bool(options, "absent", &value, NULL) && value);
    json_object_set_new(options, "switch", json_integer(1));
    g_assert_false(net_option_bool(options, "switch", &value, &error));
    g_assert_cmpstr(error->message, ==, "Parameter 'switch' expects 'on' or 'off'");
    json_decref(options);
    check_bool("on", true, true);
    check_bool("off", true, false);
    check_bool("yes", true, true);
    check_bool("false", true, false);
    check_bool("maybe", false, false);
    check_bool("", false, false);
}

static void check_number(json_t *given, bool ok, uint64_t expected)
{
    json_t *options = json_pack("{s:o}", "number", given);
    uint64_t value = 12345;

    g_assert_cmpint(net_option_number(options, "number", 1, 4096, &value, NULL), ==, ok);
    g_assert_cmpuint(value, ==, ok ? expected : 12345);
    json_decref(options);
}

static void test_numbers(void)
{
    check_number(json_integer(1), true, 1);
    check_number(json_integer(0), false, 0);
    check_number(json_integer(-1), false, 0);
    check_number(json_string("4096"), true, 4096);
    check_number(json_string("4k"), true, 4096);
    check_number(json_string("0x10"), true, 16);
    check_number(json_string("4097"), false, 0);
    check_number(json_string("-1"), false, 0);
    check_number(json_string("1x"), false, 0);
    check_number(json_string(""), false, 0);
    check_number(json_true(), false, 0);
}

/* ---- hubs ---- */

static void test_hub(void)
{
    FakeClient *nics[3];
    NetClient *ports[3];

    for (int i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("nic%d", i);
        nics[i] = fake_client_new(true, name, 0);
        ports[i] = net_hub_port_new(7, NULL);
        net_client_connect(nics[i]->client, ports[i]);
    }
    /* One that does not read holds up nobody. */
    nics[1]->room = 0;
    fake_client_send(nics[0], "to all");
    g_assert_cmpuint(nics[0]->frames->len, ==, 0);
    g_assert_cmpuint(nics[1]->frames->len, ==, 0);
    g_assert_cmpstr(fake_client_text(nics[2], 0), ==, "to all");
    nics[1]->room = -1;
    net_flush(nics[1]->client);
    g_assert_cmpstr(fake_client_text(nics[1], 0), ==, "to all");
    net_client_free(ports[2]);
    fake_client_send(nics[0], "to one");
    g_assert_cmpuint(nics[1]->frames->len, ==, 2);
    g_assert_cmpuint(nics[2]->frames->len, ==, 1);
    net_client_free(ports[0]);
    net_client_free(ports[1]);
    for (int i = 0; i < 3; i++) {
        fake_client_free(nics[i]);
    }
}

static void test_hub_port_options(void)
{
    NetClient *backend = create_ok("test,id=a");
    NetClient *port = create_ok("hubport,id=h,hubid=3,netdev=a");
    unsigned number;

    g_assert_true(port->peer == backend);
    g_assert_true(net_hub_of_port(port, &number) && number == 3);
    g_assert_false(net_hub_of_port(backend, &number));
    expect_error("hubport,id=x", "Parameter 'hubid' is missing");
    expect_error("hubport,id=x,hubid=1,netdev=nope", "netdev 'nope' not found");
    expect_error("hubport,id=x,hubid=1,netdev=a", "netdev 'a' is in use");
    expect_error("hubport,id=x,hubid=1,netdev=h",
                 "netdev 'h' is a hub port, too: hubs cannot be connected");
    net_client_free(port);
    net_client_free(backend);
}

/* ---- monitor ---- */

static void expect_output(const char *command, const char *expected)
{
    g_autofree char *output = hmp_run_captured(command);

    g_assert_cmpstr(output, ==, expected);
}

static void test_info_network(void)
{
    FakeClient *nic = fake_client_new(true, "n", 0);

    nic->client->has_mac = true;
    expect_output("netdev_add test,id=a", "");
    net_client_connect(nic->client, net_backend_find("a"));
    expect_output("netdev_add test,id=b", "");
    expect_output("netdev_add test,id=c", "");
    expect_output("netdev_add hubport,id=h,hubid=1,netdev=c", "");
    expect_output("info network", "hub 1\r\n"
                                  " \\ h: c: index=0,type=test,for=tests\r\n"
                                  "n: index=0,type=nic,model=fake,macaddr=00:00:00:00:00:00\r\n"
                                  " \\ a: index=0,type=test,for=tests\r\n"
                                  "b: index=0,type=test,for=tests\r\n");
    expect_output("set_link n off", "");
    g_assert_false(net_link_up(net_backend_find("a")));
    expect_output("set_link nope off", "Error: Device 'nope' not found\r\n");
    expect_output("netdev_del a", "");
    expect_output("netdev_del b", "");
    expect_output("netdev_del h", "");
    expect_output("netdev_del c", "");
    expect_output("netdev_del c", "Error: Device 'c' not found\r\n");
    expect_output("info network", "n: index=0,type=nic,model=fake,macaddr=00:00:00:00:00:00\r\n");
    fake_client_free(nic);
    expect_output("info network", "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    net_backend_register(&test_type);
    g_test_add_func("/net-options/create-and-delete", test_create_and_delete);
    g_test_add_func("/net-options/mistakes", test_mistakes);
    g_test_add_func("/net-options/lists", test_lists);
    g_test_add_func("/net-options/booleans", test_booleans);
    g_test_add_func("/net-options/numbers", test_numbers);
    g_test_add_func("/net-options/hub", test_hub);
    g_test_add_func("/net-options/hub-port-options", test_hub_port_options);
    g_test_add_func("/net-options/info-network", test_info_network);
    int status = g_test_run();
    json_decref(last_options);
    return status;
}
