/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The code that is generated from sample-schema.json. */
#include "qapi/dispatch.h"
#include "qapi/error.h"
#include "qapi/event.h"
#include "tests/unit/qapi/qapi-commands-sample-schema.h"
#include "tests/unit/qapi/qapi-events-sample-schema.h"
#include "tests/unit/qapi/qapi-tables.h"
#include "tests/unit/qapi/qapi-types-sample-schema.h"

/* ---- the commands of the sample ---- */

static json_t *raw_arguments; /* what sample-raw got */

Inner *qmp_sample_add(int64_t a, bool has_b, int64_t b, const char *name, GError **error)
{
    Inner *result;

    if (name && !strcmp(name, "device")) {
        g_set_error(error, QAPI_ERROR, QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "no device '%s'", name);
        return NULL;
    }
    if (name) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no file '%s'", name);
        return NULL;
    }
    result = Inner_new();
    result->x = a + (has_b ? b : 100);
    return result;
}

void qmp_sample_boxed(Derived *arguments, GError **error)
{
    if (arguments->x != arguments->y) {
        qapi_error_set(error, "%d is not %d", (int)arguments->x, (int)arguments->y);
    }
}

GPtrArray *qmp_sample_none(GError **error)
{
    GPtrArray *list = Inner_list_new();

    for (int i = 0; i < 2; i++) {
        Inner *inner = Inner_new();
        inner->x = i;
        g_ptr_array_add(list, inner);
    }
    return list;
}

void qmp_sample_raw(json_t *arguments, GError **error)
{
    raw_arguments = json_incref(arguments);
}

/* ---- helpers ---- */

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);

    g_assert_nonnull(json);
    return json;
}

static void assert_json(json_t *json, const char *expected)
{
    json_t *other = parse(expected);
    char *text = json_dumps(json, JSON_ENCODE_ANY);

    if (!json_equal(json, other)) {
        g_error("got %s, expected %s", text, expected);
    }
    free(text);
    json_decref(other);
}

/* Read @text as @type and write it again: nothing may be lost. */
static void assert_round_trip(const QapiType *type, const char *text)
{
    json_t *json = parse(text);
    json_t *again;
    void *value = NULL;
    GError *error = NULL;

    g_assert_true(qapi_read(type, json, &value, &error));
    g_assert_no_error(error);
    again = qapi_write(type, &value);
    assert_json(again, text);
    qapi_clear(type, &value);
    g_assert_null(value);
    json_decref(json);
    json_decref(again);
}

static void assert_refused(const QapiType *type, const char *text, const char *message)
{
    json_t *json = parse(text);
    void *value = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(qapi_read(type, json, &value, &error));
    g_assert_null(value);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_true(error->domain == QAPI_ERROR);
    json_decref(json);
}

/* ---- tests ---- */

static void test_enum(void)
{
    g_autoptr(GError) error = NULL;
    Colour colour;

    g_assert_cmpstr(Colour_str(COLOUR_DARK_BLUE), ==, "dark-blue");
    g_assert_null(Colour_str(COLOUR__MAX));
    g_assert_true(Colour_parse("red", &colour, &error));
    g_assert_cmpint(colour, ==, COLOUR_RED);
    g_assert_false(Colour_parse("blue", &colour, &error));
    g_assert_cmpstr(error->message, ==, "'blue' is not a Colour; expected one of: red, dark-blue");
}

static void test_round_trip(void)
{
    assert_round_trip(&qapi_type_Everything, "{\"text\": \"\"}");
    assert_round_trip(
        &qapi_type_Everything,
        "{\"text\": \"t\\u00e9\", \"maybe-text\": \"m\", \"count\": -9223372036854775808,"
        " \"small\": 255, \"tiny\": -128, \"bytes\": 9223372036854775807, \"ratio\": 0.5,"
        " \"flag\": false, \"colour\": \"dark-blue\", \"colours\": [\"red\", \"dark-blue\"],"
        " \"names\": [], \"numbers\": [1, -2147483648], \"inner\": {\"x\": 1},"
        " \"inners\": [{\"x\": 2}, {\"x\": 3}], \"value\": {\"a\": [null, 1]}, \"default\": 0}");
    assert_round_trip(&qapi_type_Derived, "{\"x\": 1, \"y\": 2}");
    assert_round_trip(&qapi_type_Inner_list, "[{\"x\": 1}]");
}

static void test_union(void)
{
    assert_round_trip(&qapi_type_Shape, "{\"kind\": \"red\"}");
    assert_round_trip(&qapi_type_Shape, "{\"kind\": \"dark-blue\", \"label\": \"l\", \"x\": 5}");
    assert_refused(&qapi_type_Shape, "{\"kind\": \"dark-blue\"}", "Parameter 'x' is missing");
    assert_refused(&qapi_type_Shape, "{\"kind\": \"red\", \"x\": 5}",
                   "Parameter 'x' is unexpected");
    assert_refused(&qapi_type_Shape, "{\"x\": 5}", "Parameter 'kind' is missing");
    assert_refused(&qapi_type_Shape, "{\"kind\": \"green\"}",
                   "Parameter 'kind' does not accept value 'green'");
}

static void test_alternate(void)
{
    assert_round_trip(&qapi_type_Holder, "{\"choice\": \"s\"}");
    assert_round_trip(&qapi_type_Holder, "{\"choice\": 3}");
    assert_round_trip(&qapi_type_Holder, "{\"choice\": {\"x\": 1}}");
    assert_round_trip(&qapi_type_Holder, "{\"choice\": null}");
    assert_refused(&qapi_type_Holder, "{\"choice\": true}",
                   "Invalid parameter type for 'choice', expected: Choice");
    assert_refused(&qapi_type_Holder, "{\"choice\": {\"x\": \"1\"}}",
                   "Invalid parameter type for 'choice.x', expected: integer");
}

static void test_errors_name_the_path(void)
{
    const QapiType *type = &qapi_type_Everything;

    assert_refused(type, "[]", "Invalid parameter type for 'arguments', expected: object");
    assert_refused(type, "{}", "Parameter 'text' is missing");
    assert_refused(type, "{\"text\": 1}", "Invalid parameter type for 'text', expected: string");
    assert_refused(type, "{\"text\": \"\", \"zork\": 1}", "Parameter 'zork' is unexpected");
    assert_refused(type, "{\"text\": \"\", \"inner\": {}}", "Parameter 'inner.x' is missing");
    assert_refused(type, "{\"text\": \"\", \"inners\": [{\"x\": 1}, {\"x\": true}]}",
                   "Invalid parameter type for 'inners[1].x', expected: integer");
    assert_refused(type, "{\"text\": \"\", \"inners\": [{\"x\": 1, \"z\": 1}]}",
                   "Parameter 'inners[0].z' is unexpected");
    assert_refused(type, "{\"text\": \"\", \"names\": [\"a\", 1]}",
                   "Invalid parameter type for 'names[1]', expected: string");
    assert_refused(type, "{\"text\": \"\", \"names\": \"a\"}",
                   "Invalid parameter type for 'names', expected: array");
    assert_refused(type, "{\"text\": \"\", \"flag\": 1}",
                   "Invalid parameter type for 'flag', expected: boolean");
    assert_refused(type, "{\"text\": \"\", \"ratio\": \"1\"}",
                   "Invalid parameter type for 'ratio', expected: number");
    assert_refused(type, "{\"text\": \"\", \"colours\": [\"green\"]}",
                   "Parameter 'colours[0]' does not accept value 'green'");
}

static void test_ranges(void)
{
    const QapiType *type = &qapi_type_Everything;

    assert_refused(type, "{\"text\": \"\", \"small\": 256}", "Parameter 'small' expects uint8_t");
    assert_refused(type, "{\"text\": \"\", \"small\": -1}", "Parameter 'small' expects uint8_t");
    assert_refused(type, "{\"text\": \"\", \"tiny\": 128}", "Parameter 'tiny' expects int8_t");
    assert_refused(type, "{\"text\": \"\", \"tiny\": -129}", "Parameter 'tiny' expects int8_t");
    assert_refused(type, "{\"text\": \"\", \"bytes\": -1}", "Parameter 'bytes' expects uint64");
    assert_refused(type, "{\"text\": \"\", \"bytes\": 1.5}", "Parameter 'bytes' expects uint64");
    assert_refused(type, "{\"text\": \"\", \"bytes\": \"1\"}", "Parameter 'bytes' expects uint64");
    assert_refused(type, "{\"text\": \"\", \"count\": 1.5}",
                   "Invalid parameter type for 'count', expected: integer");
    assert_refused(type, "{\"text\": \"\", \"numbers\": [2147483648]}",
                   "Parameter 'numbers[0]' expects int32_t");
}

static void test_typed_helpers(void)
{
    json_t *json = parse("{\"text\": \"a\", \"count\": 3, \"inner\": {\"x\": 7}}");
    g_autoptr(GError) error = NULL;
    g_autoptr(Everything) value = Everything_from_json(json, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(value->text, ==, "a");
    g_assert_null(value->maybe_text);
    g_assert_true(value->has_count);
    g_assert_cmpint(value->count, ==, 3);
    g_assert_false(value->has_flag);
    g_assert_cmpint(value->inner->x, ==, 7);
    g_assert_null(value->inners);
    json_decref(json);
}

static json_t *run(const char *name, const char *arguments, GError **error)
{
    const QapiCommand *command = qapi_command_find(&sample_qapi_commands, name);
    json_t *json = arguments ? parse(arguments) : NULL;
    json_t *result;

    g_assert_nonnull(command);
    result = command->handler(json, error);
    json_decref(json);
    return result;
}

static void assert_runs(const char *name, const char *arguments, const char *expected)
{
    GError *error = NULL;
    json_t *result = run(name, arguments, &error);

    g_assert_no_error(error);
    assert_json(result, expected);
    json_decref(result);
}

static void assert_fails(const char *name, const char *arguments, QapiErrorClass class,
                         const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(run(name, arguments, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_cmpint(qapi_error_class(error), ==, class);
}

static void test_commands(void)
{
    assert_runs("sample-add", "{\"a\": 1, \"b\": 2}", "{\"x\": 3}");
    assert_runs("sample-add", "{\"a\": 1}", "{\"x\": 101}");
    assert_runs("sample-boxed", "{\"x\": 1, \"y\": 1}", "{}");
    assert_runs("sample-none", NULL, "[{\"x\": 0}, {\"x\": 1}]");
    assert_runs("sample-none", "{}", "[{\"x\": 0}, {\"x\": 1}]");
    assert_runs("sample-raw", "{\"other\": 1}", "{}");
    assert_json(raw_arguments, "{\"other\": 1}");
    g_clear_pointer(&raw_arguments, json_decref);
}

static void test_command_errors(void)
{
    assert_fails("sample-add", NULL, QAPI_ERROR_CLASS_GENERIC_ERROR, "Parameter 'a' is missing");
    assert_fails("sample-add", "{\"a\": 1, \"c\": 2}", QAPI_ERROR_CLASS_GENERIC_ERROR,
                 "Parameter 'c' is unexpected");
    assert_fails("sample-add", "{\"a\": 1, \"name\": \"device\"}",
                 QAPI_ERROR_CLASS_DEVICE_NOT_FOUND, "no device 'device'");
    assert_fails("sample-add", "{\"a\": 1, \"name\": \"f\"}", QAPI_ERROR_CLASS_GENERIC_ERROR,
                 "no file 'f'");
    assert_fails("sample-boxed", "{\"x\": 1, \"y\": 2}", QAPI_ERROR_CLASS_GENERIC_ERROR,
                 "1 is not 2");
    assert_fails("sample-none", "{\"a\": 1}", QAPI_ERROR_CLASS_GENERIC_ERROR,
                 "Parameter 'a' is unexpected");
}

static void test_command_table(void)
{
    g_assert_cmpuint(sample_qapi_commands.count, ==, 4);
    g_assert_null(qapi_command_find(&sample_qapi_commands, "sample-absent"));
    g_assert_null(qapi_command_find(&sample_qapi_commands, ""));
    g_assert_true(qapi_command_find(&sample_qapi_commands, "sample-none")->allow_oob);
    g_assert_false(qapi_command_find(&sample_qapi_commands, "sample-add")->allow_oob);
}

static json_t *last_event;

static void emitter(const char *name, json_t *event)
{
    json_decref(last_event);
    last_event = event;
    g_assert_cmpstr(json_string_value(json_object_get(event, "event")), ==, name);
}

static void test_events(void)
{
    json_t *timestamp;

    qapi_event_send_sample_over(); /* nobody listens: no harm */
    qapi_event_set_emitter(emitter);
    qapi_event_send_sample_done("n", false, 7, COLOUR_RED);
    assert_json(json_object_get(last_event, "data"), "{\"name\": \"n\", \"colour\": \"red\"}");
    qapi_event_send_sample_done("n", true, 7, COLOUR_RED);
    assert_json(json_object_get(last_event, "data"),
                "{\"name\": \"n\", \"count\": 7, \"colour\": \"red\"}");
    qapi_event_send_sample_over();
    g_assert_null(json_object_get(last_event, "data"));
    timestamp = json_object_get(last_event, "timestamp");
    g_assert_cmpint(json_integer_value(json_object_get(timestamp, "seconds")), >, 1600000000);
    g_assert_cmpint(json_integer_value(json_object_get(timestamp, "microseconds")), <, 1000000);
    qapi_event_set_emitter(NULL);
    g_clear_pointer(&last_event, json_decref);
}

static void test_introspection(void)
{
    json_t *schema = parse(sample_qapi_schema_json);

    g_assert_true(json_is_array(schema));
    g_assert_cmpuint(json_array_size(schema), >, 10);
    json_decref(schema);
}

static void test_bad_text_is_written(void)
{
    g_autoptr(Everything) value = Everything_new();
    json_t *json;

    value->text = g_strdup("a\xff"); /* not UTF-8 */
    json = Everything_to_json(value);
    g_assert_true(g_str_has_prefix(json_string_value(json_object_get(json, "text")), "a"));
    json_decref(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qapi/enum", test_enum);
    g_test_add_func("/qapi/round-trip", test_round_trip);
    g_test_add_func("/qapi/union", test_union);
    g_test_add_func("/qapi/alternate", test_alternate);
    g_test_add_func("/qapi/error-paths", test_errors_name_the_path);
    g_test_add_func("/qapi/ranges", test_ranges);
    g_test_add_func("/qapi/typed-helpers", test_typed_helpers);
    g_test_add_func("/qapi/commands", test_commands);
    g_test_add_func("/qapi/command-errors", test_command_errors);
    g_test_add_func("/qapi/command-table", test_command_table);
    g_test_add_func("/qapi/events", test_events);
    g_test_add_func("/qapi/introspection", test_introspection);
    g_test_add_func("/qapi/bad-text", test_bad_text_is_written);
    return g_test_run();
}
