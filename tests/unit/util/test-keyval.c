/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Option strings, sizes, and the errors for what is none. */
#include "util/keyval.h"

#include <string.h>

static const struct {
    const char *text;
    const char *implied_key;
    const char *json; /* what comes out, keys sorted */
} good_texts[] = {
    { "", NULL, "{}" },
    { "pc", "type", "{\"type\":\"pc\"}" },
    { "pc,accel=tcg", "type", "{\"accel\":\"tcg\",\"type\":\"pc\"}" },
    { "a=one,,two,b=", NULL, "{\"a\":\"one,two\",\"b\":\"\"}" },
    { "x,,y", "name", "{\"name\":\"x,y\"}" },
    { "socket,server,nowait", "backend",
      "{\"backend\":\"socket\",\"server\":\"on\",\"wait\":\"off\"}" },
    { "no", NULL, "{\"no\":\"on\"}" },
    { "a=1,a=2", NULL, "{\"a\":\"2\"}" },
    { "a=b=c", NULL, "{\"a\":\"b=c\"}" },
    { "a.b=1,a.c.d=2", NULL, "{\"a\":{\"b\":\"1\",\"c\":{\"d\":\"2\"}}}" },
    { "a.1.x=2,a.0.x=1", NULL, "{\"a\":[{\"x\":\"1\"},{\"x\":\"2\"}]}" },
    { "a.0=1,a.2=2", NULL, "{\"a\":{\"0\":\"1\",\"2\":\"2\"}}" },
    { "0=zero", NULL, "{\"0\":\"zero\"}" },
    { "help", "type", "{\"help\":\"on\"}" },
    { "pc,?", "type", "{\"help\":\"on\",\"type\":\"pc\"}" },
    { "a=1,,", NULL, "{\"a\":\"1,\"}" },
    { "{\"a\": 1}", "type", "{\"a\":1}" },
};

static const struct {
    const char *text;
    const char *error; /* part of it */
} bad_texts[] = {
    { "=1", "invalid key ''" },
    { "a..b=1", "invalid key 'a..b'" },
    { ".a=1", "invalid key '.a'" },
    { "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1", "invalid key 'a.a." },
    { "a=1,a.b=2", "key 'a.b' is used both as a value and as a group" },
    { "a.b=2,a=1", "key 'a' is used both as a value and as a group" },
    { "a=\xff", "the value of 'a' is not valid UTF-8" },
    { "a\xff=1", "not valid UTF-8" },
    { "a\xff.b=1", "not valid UTF-8" },
    { "{\"a\": 1", "JSON syntax: " },
    { "{\"a\": 1, \"a\": 2}", "JSON syntax: " },
    { "{} x", "JSON syntax: " },
};

static const struct {
    const char *text;
    uint64_t default_unit;
    uint64_t size;
} good_sizes[] = {
    { "0", 1, 0 },
    { "512", 1, 512 },
    { "512", 1 << 20, 512 << 20 },
    { "7B", 1 << 20, 7 },
    { "0x200", 1, 512 },
    { "0X1fK", 1, 31 << 10 },
    { "0128", 1, 128 }, /* a leading zero does not mean octal */
    { "4k", 1, 4096 },
    { "1.5G", 1, UINT64_C(3) << 29 },
    { "1.5", 1 << 20, 3 << 19 },
    { "0.25E", 1, UINT64_C(1) << 58 },
    { "2T", 1, UINT64_C(1) << 41 },
    { "3P", 1, UINT64_C(3) << 50 },
    { "15E", 1, UINT64_C(15) << 60 },
    { "18446744073709551615", 1, UINT64_MAX },
};

static const char *const bad_sizes[] = {
    "",     "K",   "-1",    "+1",    " 1",     "1 ",   "1KB",   "1x",
    "1.",   ".5K", "1.5",   "1.5B",  "0x",     "0x.8", "1.5e3", "1.5e999",
    "1e3K", "nan", "1.K5M", "1.-5K", "0x1.8K", "1..5", "1.+5K", "1. 5K",
};

static const char *const large_sizes[] = { "16E", "16777216T", "15.99999999999999999999E" };

static void test_good_texts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good_texts); i++) {
        g_autoptr(GError) error = NULL;
        json_t *json = keyval_parse(good_texts[i].text, good_texts[i].implied_key, &error);
        g_assert_no_error(error);
        char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        g_assert_cmpstr(text, ==, good_texts[i].json);
        free(text);
        json_decref(json);
    }
}

static void test_bad_texts(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(keyval_parse(bad_texts[i].text, NULL, &error));
        g_assert_nonnull(error);
        if (!strstr(error->message, bad_texts[i].error)) {
            g_error("'%s': unexpected error '%s'", bad_texts[i].text, error->message);
        }
    }
}

static void test_good_sizes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(good_sizes); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t size = 1;
        size_parse(good_sizes[i].text, good_sizes[i].default_unit, &size, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(size, ==, good_sizes[i].size);
    }
}

static void test_bad_sizes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_sizes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *expected =
            g_strdup_printf("'%s' is not a size: expected a number with an optional suffix "
                            "(B, K, M, G, T, P, E)",
                            bad_sizes[i]);
        uint64_t size = 4711;
        bool ok = size_parse(bad_sizes[i], 1, &size, &error);
        if (ok) {
            g_error("'%s' was taken for the size %" G_GUINT64_FORMAT, bad_sizes[i], size);
        }
        g_assert_cmpstr(error->message, ==, expected);
        g_assert_cmpuint(size, ==, 4711);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(large_sizes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *expected = g_strdup_printf("size '%s' is too large", large_sizes[i]);
        uint64_t size;
        g_assert_false(size_parse(large_sizes[i], 1, &size, &error));
        g_assert_cmpstr(error->message, ==, expected);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keyval/good", test_good_texts);
    g_test_add_func("/keyval/bad", test_bad_texts);
    g_test_add_func("/size/good", test_good_sizes);
    g_test_add_func("/size/bad", test_bad_sizes);
    return g_test_run();
}
