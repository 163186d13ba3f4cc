/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object tree, users' objects, and properties from and to JSON. */
#include "system/object.h"

#include <stdint.h>
#include <string.h>

#include "util/report.h"

/* ---- a type with a property of each kind ---- */

typedef struct Sample {
    GObject parent;
    bool flag;
    guint small;
    guint64 large;
    gint number;
    gint64 wide;
    char *text;
    int kind;
    GObject *other;
    bool refuses;
} Sample;

typedef struct SampleClass {
    GObjectClass parent;
} SampleClass;

enum { FLAG = 1, SMALL, LARGE, NUMBER, WIDE, TEXT, KIND, OTHER, REFUSES, FIXED };

OBJECT_DEFINE_TYPE(Sample, SampleClass, sample, "test.sample", G_TYPE_OBJECT);

static GType sample_kind_type(void)
{
    static const GEnumValue values[] = { { 0, "KIND_RED", "red" },
                                         { 1, "KIND_GREEN", "green" },
                                         { 0, NULL, NULL } };
    static GType type;

    if (!type) {
        type = g_enum_register_static("TestSampleKind", values);
    }
    return type;
}

static void sample_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    Sample *sample = (Sample *)object;

    switch (id) {
    case FLAG:
        sample->flag = g_value_get_boolean(value);
        break;
    case SMALL:
        sample->small = g_value_get_uint(value);
        break;
    case LARGE:
        sample->large = g_value_get_uint64(value);
        break;
    case NUMBER:
        sample->number = g_value_get_int(value);
        break;
    case WIDE:
        sample->wide = g_value_get_int64(value);
        break;
    case TEXT:
        g_free(sample->text);
        sample->text = g_value_dup_string(value);
        break;
    case KIND:
        sample->kind = g_value_get_enum(value);
        break;
    case OTHER:
        g_set_object(&sample->other, g_value_get_object(value));
        break;
    case REFUSES:
        sample->refuses = g_value_get_boolean(value);
        break;
    }
}

static void sample_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    Sample *sample = (Sample *)object;

    switch (id) {
    case FLAG:
        g_value_set_boolean(value, sample->flag);
        break;
    case SMALL:
    case FIXED:
        g_value_set_uint(value, id == FIXED ? 17 : sample->small);
        break;
    case LARGE:
        g_value_set_uint64(value, sample->large);
        break;
    case NUMBER:
        g_value_set_int(value, sample->number);
        break;
    case WIDE:
        g_value_set_int64(value, sample->wide);
        break;
    case TEXT:
        g_value_set_string(value, sample->text);
        break;
    case KIND:
        g_value_set_enum(value, sample->kind);
        break;
    case OTHER:
        g_value_set_object(value, sample->other);
        break;
    }
}

static void sample_finalize(GObject *object)
{
    Sample *sample = (Sample *)object;

    g_free(sample->text);
    g_clear_object(&sample->other);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void sample_init(Sample *sample)
{
}

static void sample_class_init(SampleClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    GParamFlags flags = G_PARAM_READWRITE;

    object_class->set_property = sample_set_property;
    object_class->get_property = sample_get_property;
    object_class->finalize = sample_finalize;
    g_object_class_install_property(object_class, FLAG,
                                    g_param_spec_boolean("flag", NULL, "a switch", TRUE, flags));
    g_object_class_install_property(object_class, SMALL,
                                    g_param_spec_uint("small", NULL, NULL, 2, 9, 3, flags));
    g_object_class_install_property(
        object_class, LARGE, g_param_spec_uint64("large", NULL, NULL, 0, UINT64_MAX, 0, flags));
    g_object_class_install_property(object_class, NUMBER,
                                    g_param_spec_int("number", NULL, NULL, -5, 5, 0, flags));
    g_object_class_install_property(
        object_class, WIDE, g_param_spec_int64("wide", NULL, NULL, INT64_MIN, INT64_MAX, 0, flags));
    g_object_class_install_property(object_class, TEXT,
                                    g_param_spec_string("text", NULL, NULL, NULL, flags));
    g_object_class_install_property(
        object_class, KIND, g_param_spec_enum("kind", NULL, NULL, sample_kind_type(), 0, flags));
    g_object_class_install_property(
        object_class, OTHER, g_param_spec_object("other", NULL, NULL, sample_get_type(), flags));
    g_object_class_install_property(
        object_class, REFUSES,
        g_param_spec_boolean("refuses", NULL, NULL, FALSE, G_PARAM_WRITABLE));
    g_object_class_install_property(
        object_class, FIXED, g_param_spec_uint("fixed", NULL, NULL, 0, 99, 17, G_PARAM_READABLE));
}

static bool sample_complete(UserCreatable *object, GError **error)
{
    if (((Sample *)object)->refuses) {
        qc_error_set(error, "the sample refuses");
    }
    return !((Sample *)object)->refuses;
}

static bool sample_can_be_deleted(UserCreatable *object, GError **error)
{
    if (((Sample *)object)->flag) {
        qc_error_set(error, "the sample is in use");
    }
    return !((Sample *)object)->flag;
}

static void sample_creatable_init(void *interface, void *data)
{
    ((UserCreatableInterface *)interface)->complete = sample_complete;
    ((UserCreatableInterface *)interface)->can_be_deleted = sample_can_be_deleted;
}

static Sample *sample_new(void)
{
    return g_object_new(sample_get_type(), NULL);
}

/* ---- properties ---- */

static const struct {
    const char *property;
    const char *json;
    const char *result; /* as JSON again; NULL: refused with */
    const char *error;
} settings[] = {
    { "flag", "true", "true" },
    { "flag", "\"off\"", "false" },
    { "flag", "\"yes\"", "true" },
    { "flag", "1", NULL, "Parameter 'flag' expects 'on' or 'off'" },
    { "flag", "\"On\"", NULL, "Parameter 'flag' expects 'on' or 'off'" },
    { "small", "2", "2" },
    { "small", "\"9\"", "9" },
    { "small", "\"0x8\"", "8" },
    { "small", "1", NULL,
      "Property 'test.sample.small' doesn't take value 1 (minimum: 2, maximum: 9)" },
    { "small", "4294967299", NULL,
      "Property 'test.sample.small' doesn't take value 4294967299 (minimum: 2, maximum: 9)" },
    { "small", "-1", NULL, "Parameter 'small' expects a non-negative number" },
    { "small", "3.0", NULL, "Parameter 'small' expects a non-negative number" },
    { "small", "\"3.5\"", NULL, "Parameter 'small' expects a non-negative number" },
    { "small", "\"three\"", NULL, "Parameter 'small' expects a non-negative number" },
    { "small", "null", NULL, "Parameter 'small' expects a non-negative number" },
    { "large", "\"4G\"", "4294967296" },
    { "large", "9223372036854775807", "9223372036854775807" },
    { "number", "-5", "-5" },
    { "number", "\"-0x4\"", "-4" },
    { "number", "6", NULL,
      "Property 'test.sample.number' doesn't take value 6 (minimum: -5, maximum: 5)" },
    { "number", "\"4x\"", NULL, "Parameter 'number' expects a number" },
    { "number", "true", NULL, "Parameter 'number' expects a number" },
    { "wide", "\"-9223372036854775808\"", "-9223372036854775808" },
    { "wide", "\"9223372036854775808\"", NULL, "Parameter 'wide' expects a number" },
    { "text", "\"\\u00e4\"", "\"\\u00E4\"" },
    { "text", "4", NULL, "Parameter 'text' expects a string" },
    { "kind", "\"green\"", "\"green\"" },
    { "kind", "\"blue\"", NULL, "Parameter 'kind' expects one of 'red', 'green'" },
    { "kind", "1", NULL, "Parameter 'kind' expects one of 'red', 'green'" },
    { "other", "\"nobody\"", NULL, "Device 'nobody' not found" },
    { "other", "[]", NULL, "Parameter 'other' expects the path or id of an object" },
    { "fixed", "4", NULL,
      "Insufficient permission to perform this operation: property 'test.sample.fixed' is "
      "read-only" },
    { "missing", "4", NULL, "Property 'test.sample.missing' not found" },
};

static void test_properties(void)
{
    g_autoptr(GObject) object = G_OBJECT(sample_new());

    for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_autoptr(GError) error = NULL;
        json_t *value = json_loads(settings[i].json, JSON_DECODE_ANY, NULL);
        bool ok = object_set_json(object, settings[i].property, value, &error);
        json_decref(value);
        g_assert_cmpstr(error ? error->message : NULL, ==, settings[i].error);
        g_assert_cmpint(ok, ==, settings[i].result != NULL);
        if (ok) {
            json_t *got = object_get_json(object, settings[i].property, &error);
            char *text = json_dumps(got, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
            g_assert_cmpstr(text, ==, settings[i].result);
            free(text);
            json_decref(got);
        }
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(object_get_json(object, "refuses", &error));
    g_assert_cmpstr(error->message, ==, "Property 'test.sample.refuses' is not readable");
}

/* An id may belong to several objects; the one of the property's type is meant. */
static void test_link_by_type(void)
{
    g_autoptr(GObject) object = G_OBJECT(sample_new());
    g_autoptr(GObject) wanted = G_OBJECT(sample_new());
    g_autoptr(GObject) namesake = g_object_new(G_TYPE_OBJECT, NULL);
    g_autoptr(GError) error = NULL;
    json_t *id = json_string("same");

    object_tree_add("/test/b", "same", namesake, NULL);
    g_assert_false(object_set_json(object, "other", id, &error));
    g_assert_cmpstr(error->message, ==,
                    "Invalid parameter type for 'other', expected: test.sample");
    g_clear_error(&error);
    object_tree_add("/test/a", "same", wanted, NULL);
    object_set_json(object, "other", id, &error);
    g_assert_no_error(error);
    g_assert_true(((Sample *)object)->other == wanted);
    json_decref(id);
    object_tree_remove(wanted);
    object_tree_remove(namesake);
}

/* ---- the tree ---- */

static void append_name(const char *name, GObject *object, void *opaque)
{
    g_string_append_printf(opaque, "%s%s ", name, object ? "" : "/");
}

static void test_tree(void)
{
    GObject *objects[4];
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) names = g_string_new(NULL);

    for (unsigned i = 0; i < 4; i++) {
        objects[i] = G_OBJECT(sample_new());
    }
    g_assert_true(object_tree_add("/test/deep", "line[*]", objects[0], NULL));
    g_assert_true(object_tree_add("/test/deep", "line[*]", objects[1], NULL));
    g_assert_true(object_tree_add("/test", "leaf", objects[2], NULL));
    g_assert_false(object_tree_add("/test", "leaf", objects[3], &error));
    g_assert_cmpstr(error->message, ==,
                    "attempt to add duplicate property 'leaf' to object '/test'");
    g_autofree char *path = object_tree_path(objects[1]);
    g_assert_cmpstr(path, ==, "/test/deep/line[1]");
    g_assert_null(object_tree_path(objects[3]));

    object_tree_remove(objects[0]);
    g_assert_null(object_tree_find("/test/deep/line[0]"));
    g_assert_true(object_tree_add("/test/deep", "line[*]", objects[3], NULL));
    g_assert_true(object_tree_find("/test/deep/line[0]") == objects[3]);

    g_assert_true(object_tree_foreach("/test", append_name, names));
    g_assert_nonnull(strstr(names->str, "deep/ "));
    g_assert_nonnull(strstr(names->str, "leaf "));
    g_assert_false(object_tree_foreach("/tes", append_name, names));
    for (unsigned i = 1; i < 4; i++) {
        object_tree_remove(objects[i]);
    }
    object_tree_remove(objects[1]); /* harmless */
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(objects[i]->ref_count, ==, 1);
        g_object_unref(objects[i]);
    }
}

static void test_partial_paths(void)
{
    g_autoptr(GObject) first = G_OBJECT(sample_new());
    g_autoptr(GObject) second = G_OBJECT(sample_new());

    object_tree_add("/test/one", "name", first, NULL);
    g_assert_true(object_tree_find("name") == first);
    g_assert_true(object_tree_find("one/name") == first);
    g_assert_null(object_tree_find("one"));
    g_assert_null(object_tree_find(""));
    object_tree_add("/test/two", "name", second, NULL);
    g_assert_null(object_tree_find("name"));
    g_assert_true(object_tree_find("two/name") == second);
    g_assert_true(object_tree_find("/test/two/name") == second);
    g_assert_null(object_tree_find("/two/name"));
    object_tree_remove(first);
    object_tree_remove(second);
}

/* ---- users' objects ---- */

static void expect_refused(const char *type, const char *id, const char *json, const char *message)
{
    g_autoptr(GError) error = NULL;
    json_t *properties = json_loads(json, 0, NULL);

    g_assert_null(object_user_create(type, id, properties, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
    json_decref(properties);
}

static void test_user_objects(void)
{
    static const char *const bad_ids[] = { "", "a/b", "a[*]", "1a", "a b", "/" };
    g_autoptr(GError) error = NULL;
    json_t *properties = json_pack("{s:s, s:b}", "small", "4", "flag", 1);
    GObject *object = object_user_create("test.sample", "s0", properties, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(((Sample *)object)->small, ==, 4);
    g_assert_true(object_tree_find("/objects/s0") == object);
    expect_refused("test.sample", "s0", "{}",
                   "attempt to add duplicate property 's0' to object (type 'container')");
    expect_refused("test.sample", "s1", "{\"refuses\": true}", "the sample refuses");
    expect_refused("test.sample", "s1", "{\"small\": 1}",
                   "Property 'test.sample.small' doesn't take value 1 (minimum: 2, maximum: 9)");
    expect_refused("device", "s1", "{}", "invalid object type: device");
    expect_refused("x", "s1", "{}", "invalid object type: x");
    for (size_t i = 0; i < G_N_ELEMENTS(bad_ids); i++) {
        expect_refused("test.sample", bad_ids[i], "{}", "Parameter 'id' expects an identifier");
    }
    g_assert_null(object_tree_find("/objects/s1"));

    g_assert_false(object_user_delete("s0", &error));
    g_assert_cmpstr(error->message, ==, "the sample is in use");
    g_clear_error(&error);
    ((Sample *)object)->flag = false;
    g_assert_true(object_user_delete("s0", &error));
    g_assert_false(object_user_delete("s0", &error));
    g_assert_cmpstr(error->message, ==, "object 's0' not found");
    json_decref(properties);
}

int main(int argc, char **argv)
{
    static const GInterfaceInfo creatable = { .interface_init = sample_creatable_init };

    g_test_init(&argc, &argv, NULL);
    g_type_add_interface_static(sample_get_type(), TYPE_USER_CREATABLE, &creatable);
    g_test_add_func("/object/properties", test_properties);
    g_test_add_func("/object/link-by-type", test_link_by_type);
    g_test_add_func("/object/tree", test_tree);
    g_test_add_func("/object/partial-paths", test_partial_paths);
    g_test_add_func("/object/user-objects", test_user_objects);
    return g_test_run();
}
