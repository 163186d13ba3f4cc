/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Devices and buses: the order of their life, ids, globals, lines. */
#include "hw/core/device.h"

#include "qapi/qapi-commands-qom.h"
#include "system/bql.h"
#include "system/reset.h"
#include "util/report.h"

static GString *calls;

static void record(const char *what, const Device *device)
{
    g_string_append_printf(calls, "%s:%s ", what, device->id ? device->id : "-");
}

static void expect_calls(const char *expected)
{
    g_assert_cmpstr(calls->str, ==, expected);
    g_string_truncate(calls, 0);
}

/* ---- a bus that can refuse and a device that can fail ---- */

typedef BusClass RecorderBusClass;
typedef Bus RecorderBus;

OBJECT_DEFINE_TYPE(RecorderBus, RecorderBusClass, recorder_bus, "test-bus", TYPE_BUS);

static bool bus_refuses;

static bool recorder_bus_plug(Bus *bus, Device *device, GError **error)
{
    record("plug", device);
    if (bus_refuses) {
        qc_error_set(error, "the bus is full");
    }
    return !bus_refuses;
}

static void recorder_bus_unplug(Bus *bus, Device *device)
{
    record("unplug", device);
}

static void recorder_bus_init(RecorderBus *bus)
{
}

static void recorder_bus_class_init(RecorderBusClass *klass)
{
    klass->plug = recorder_bus_plug;
    klass->unplug = recorder_bus_unplug;
}

typedef struct Recorder {
    Device parent;
    bool fails;
    uint8_t level;
    char *label;
    GObject *partner;
    IRQ *out[2];
} Recorder;

typedef DeviceClass RecorderClass;

OBJECT_DEFINE_TYPE(Recorder, RecorderClass, recorder, "test-recorder", TYPE_DEVICE);

static const DeviceProperty recorder_properties[] = {
    { "fails", NULL, DEVICE_PROPERTY_BOOL, offsetof(Recorder, fails) },
    { "level", NULL, DEVICE_PROPERTY_UINT8, offsetof(Recorder, level), .default_value = 7,
      .maximum = 9 },
    { "label", NULL, DEVICE_PROPERTY_STRING, offsetof(Recorder, label) },
    { "partner", NULL, DEVICE_PROPERTY_LINK, offsetof(Recorder, partner), .link_type = "device" },
};

static bool recorder_realize(Device *device, GError **error)
{
    record("realize", device);
    if (((Recorder *)device)->fails) {
        qc_error_set(error, "the recorder fails");
    }
    return !((Recorder *)device)->fails;
}

static void recorder_unrealize(Device *device)
{
    record("unrealize", device);
}

static void recorder_reset(Device *device)
{
    record("reset", device);
}

static void on_line(void *opaque, int n, int level)
{
    g_string_append_printf(calls, "line%d=%d ", n, level);
}

static void recorder_init(Recorder *recorder)
{
    device_init_gpio_in(DEVICE(recorder), NULL, on_line, 2);
    device_init_gpio_out(DEVICE(recorder), "out", recorder->out, 2);
}

static void recorder_class_init(RecorderClass *klass)
{
    klass->bus_type = "test-bus";
    klass->user_creatable = true;
    klass->realize = recorder_realize;
    klass->unrealize = recorder_unrealize;
    klass->reset = recorder_reset;
    device_class_set_properties(klass, recorder_properties, G_N_ELEMENTS(recorder_properties));
}

static Device *create(const char *json, GError **error)
{
    json_t *options = json_loads(json, 0, NULL);
    Device *device = device_create_from_options(options, error);

    json_decref(options);
    return device;
}

static Device *create_ok(const char *json)
{
    g_autoptr(GError) error = NULL;
    Device *device = create(json, &error);

    g_assert_no_error(error);
    return device;
}

static const struct {
    const char *json;
    const char *error;
} refusals[] = {
    { "{}", "Parameter 'driver' is missing" },
    { "{\"driver\": \"nonsense\"}", "'nonsense' is not a valid device model name" },
    { "{\"driver\": \"device\"}", "'device' is not a valid device model name" },
    { "{\"driver\": \"test-bus\"}", "'test-bus' is not a valid device model name" },
    { "{\"driver\": \"test-recorder\", \"id\": \"a/b\"}",
      "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', starting with a "
      "letter" },
    { "{\"driver\": \"test-recorder\", \"bus\": \"none\"}", "Bus 'none' not found" },
    { "{\"driver\": \"test-recorder\", \"bus\": 1}", "Parameter 'bus' expects the name of a bus" },
    { "{\"driver\": \"test-recorder\", \"level\": 10}",
      "Property 'test-recorder.level' doesn't take value 10 (minimum: 0, maximum: 9)" },
    { "{\"driver\": \"test-recorder\", \"colour\": 1}",
      "Property 'test-recorder.colour' not found" },
};

static void test_refusals(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(create(refusals[i].json, &error));
        g_assert_nonnull(error);
        g_assert_cmpstr(error->message, ==, refusals[i].error);
    }
    expect_calls("");
}

static void test_life(void)
{
    g_autoptr(GError) error = NULL;
    Device *a = create_ok("{\"driver\": \"test-recorder\", \"id\": \"a\", \"label\": \"x\"}");
    Bus *bus = a->parent_bus;

    expect_calls("plug:a realize:a reset:a ");
    g_assert_cmpuint(((Recorder *)a)->level, ==, 7);
    g_assert_true(object_tree_find("/machine/peripheral/a") == G_OBJECT(a));
    Device *b = create_ok("{\"driver\": \"test-recorder\", \"id\": \"b\", \"partner\": \"a\"}");
    expect_calls("plug:b realize:b reset:b ");
    reset_all();
    expect_calls("reset:a reset:b ");
    json_t *level = json_integer(4);
    qmp_qom_set("a", "level", level, &error);
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==,
                    "Attempt to set property 'level' on device 'a' (type 'test-recorder') after it "
                    "was realized");
    g_assert_cmpuint(((Recorder *)a)->level, ==, 7);
    g_clear_error(&error);
    json_decref(level);
    g_assert_null(create("{\"driver\": \"test-recorder\", \"id\": \"a\"}", &error));
    g_assert_cmpstr(error->message, ==, "Duplicate device ID 'a'");
    expect_calls("");

    g_object_ref(a);
    device_unplug(a);
    expect_calls("unrealize:a unplug:a ");
    g_assert_null(object_tree_find("/machine/peripheral/a"));
    reset_all();
    expect_calls("reset:b ");
    /* b's link still holds it, and lets go as b goes. */
    g_assert_cmpuint(G_OBJECT(a)->ref_count, ==, 2);
    device_unplug(b);
    g_assert_cmpuint(G_OBJECT(a)->ref_count, ==, 1);
    g_object_unref(a);
    g_assert_cmpuint(bus->children->len, ==, 0);
    g_string_truncate(calls, 0);
}

static void test_failures(void)
{
    Bus *bus = bus_find("test-bus", "bus.0");
    g_autoptr(GError) error = NULL;

    g_assert_null(
        create("{\"driver\": \"test-recorder\", \"id\": \"a\", \"fails\": true}", &error));
    g_assert_cmpstr(error->message, ==, "the recorder fails");
    expect_calls("plug:a realize:a unplug:a "); /* the bus gets its address back */
    g_clear_error(&error);
    bus_refuses = true;
    g_assert_null(create("{\"driver\": \"test-recorder\", \"id\": \"a\"}", &error));
    g_assert_cmpstr(error->message, ==, "the bus is full");
    bus_refuses = false;
    expect_calls("plug:a ");
    g_assert_null(object_tree_find("/machine/peripheral/a"));
    g_assert_cmpuint(bus->children->len, ==, 0);
    reset_all();
    expect_calls("");
}

static void observe(IRQ *irq, int level, void *opaque)
{
    g_string_append_printf(calls, "%s%d=%d ", (const char *)opaque, irq->observed_n, level);
}

static void test_lines(void)
{
    Device *device = create_ok("{\"driver\": \"test-recorder\", \"id\": \"lines\"}");
    Recorder *recorder = (Recorder *)device;

    g_string_truncate(calls, 0);
    g_assert_cmpuint(device_gpio_count(device, NULL, false), ==, 2);
    g_assert_cmpuint(device_gpio_count(device, "out", false), ==, 0);
    irq_raise(recorder->out[0]); /* not connected */
    expect_calls("");
    device_connect_gpio_out(device, "out", 0, device_get_gpio_in(device, NULL, 1));
    irq_pulse(recorder->out[0]);
    expect_calls("line1=1 line1=0 ");

    g_assert_true(device_observe_gpio(device, "out", true, observe, (gpointer) "out"));
    g_assert_false(device_observe_gpio(device, "nonsense", true, observe, (gpointer) "out"));
    irq_raise(recorder->out[0]);
    irq_raise(recorder->out[0]); /* no change for the observer */
    irq_raise(recorder->out[1]); /* connected to nothing, but observed */
    expect_calls("out0=1 line1=1 line1=1 out1=1 ");
    /* A line that is connected later is still observed. */
    device_connect_gpio_out(device, "out", 1, device_get_gpio_in(device, NULL, 0));
    irq_lower(recorder->out[1]);
    expect_calls("out1=0 line0=0 ");
    g_assert_true(device_observe_gpio(device, NULL, false, observe, (gpointer) "in"));
    irq_lower(recorder->out[0]);
    irq_raise(recorder->out[0]);
    expect_calls("out0=0 line1=0 out0=1 in1=1 line1=1 ");
    device_unplug(device);
    g_string_truncate(calls, 0);
}

/* Last: a default once given stays. */
static void test_globals(void)
{
    static const char *const bad[] = { "a", "a.b", "a=b", ".b=c", "a.=c" };
    g_autoptr(GError) error = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(device_global_add(bad[i], &error));
        g_assert_cmpstr(error->message, ==, "expected DRIVER.PROPERTY=VALUE");
        g_clear_error(&error);
    }
    g_assert_true(device_global_add("other.level=1", &error));
    g_assert_true(device_global_add("test-recorder.level=2", &error));
    Device *plain = create_ok("{\"driver\": \"test-recorder\"}");
    Device *set = create_ok("{\"driver\": \"test-recorder\", \"level\": \"3\"}");
    g_assert_cmpuint(((Recorder *)plain)->level, ==, 2);
    g_assert_cmpuint(((Recorder *)set)->level, ==, 3);
    device_unplug(plain);
    device_unplug(set);
    g_assert_true(device_global_add("device.nonsense=1", &error));
    g_assert_null(create("{\"driver\": \"test-recorder\"}", &error));
    g_assert_cmpstr(error->message, ==, "Property 'test-recorder.nonsense' not found");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    calls = g_string_new(NULL);
    bql_lock();
    bus_new("test-bus", NULL, "bus.0");
    g_test_add_func("/device/refusals", test_refusals);
    g_test_add_func("/device/life", test_life);
    g_test_add_func("/device/failures", test_failures);
    g_test_add_func("/device/lines", test_lines);
    g_test_add_func("/device/globals", test_globals);
    return g_test_run();
}
