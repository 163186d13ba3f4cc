/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The JSON stream: values, errors, limits, resynchronisation, garbage. */
#include "monitor/json-stream.h"
#include <string.h>

/*
 * Feed @size bytes of @data in pieces of @piece bytes and describe what came out: values as JSON,
 * errors as "!text", joined by "; ".
 */
static char *describe_bytes(const uint8_t *data, size_t size, size_t piece)
{
    JsonStream *stream = json_stream_new();
    GString *out = g_string_new(NULL);

    while (size) {
        size_t now = MIN(piece, size);
        while (now) {
            g_autoptr(GError) error = NULL;
            json_t *value = NULL;
            size_t taken = 0;
            JsonStreamResult result = json_stream_feed(stream, data, now, &taken, &value, &error);
            g_assert_cmpuint(taken, <=, now);
            data += taken;
            size -= taken;
            now -= taken;
            if (result == JSON_STREAM_VALUE) {
                char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
                g_string_append_printf(out, "%s%s", out->len ? "; " : "", text);
                free(text);
                json_decref(value);
            } else if (result == JSON_STREAM_ERROR) {
                g_string_append_printf(out, "%s!%s", out->len ? "; " : "", error->message);
            }
            g_assert_true(result != JSON_STREAM_MORE || !now);
        }
    }
    json_stream_free(stream);
    return g_string_free(out, FALSE);
}

/* What comes out must not depend on how the bytes are cut. */
static void assert_stream(const char *input, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(input); piece = piece * 2 + 1) {
        g_autofree char *got = describe_bytes((const uint8_t *)input, strlen(input), piece);
        g_assert_cmpstr(got, ==, expected);
    }
}

static void test_values(void)
{
    assert_stream("{}", "{}");
    assert_stream("{\"a\":[1,2,{\"b\":null}]}", "{\"a\":[1,2,{\"b\":null}]}");
    assert_stream(" {}\r\n{} [true,false] ", "{}; {}; [true,false]");
    assert_stream("{\"a\":\"}]\\\"{[\"}", "{\"a\":\"}]\\\"{[\"}");
    assert_stream("\"text\"", "\"text\"");
    assert_stream("{\"a\" : 1.5e3 }", "{\"a\":1500.0}");
    assert_stream("{\"a\": \"\\u00e9\\\\\"}", "{\"a\":\"\xc3\xa9\\\\\"}");
    assert_stream("{\"execute\":\n\"x\"\n}", "{\"execute\":\"x\"}");
}

static void test_single_quotes(void)
{
    assert_stream("{'a':'b'}", "{\"a\":\"b\"}");
    assert_stream("{'a':'say \"hi\"'}", "{\"a\":\"say \\\"hi\\\"\"}");
    assert_stream("{'a':'it\\'s'}", "{\"a\":\"it's\"}");
    assert_stream("{\"a\":\"it's\"}", "{\"a\":\"it's\"}");
}

/* After an error the next request on a line of its own is understood. */
static void test_resynchronisation(void)
{
    assert_stream("{ \"execute\": nonsense }\n{}",
                  "!JSON parse error, invalid token near 'nonsense'; {}");
    assert_stream("}\n{}", "!JSON parse error, expecting value instead of '}'; {}");
    assert_stream("{ ]\n{}", "!JSON parse error, expecting '}' instead of ']'; {}");
    assert_stream("{\"a\": [1,2}\n{}", "!JSON parse error, expecting ']' instead of '}'; {}");
    assert_stream("{\"a\": \"b\n{}", "!JSON parse error, control character 0x0a in a string; {}");
    assert_stream("{\"a\": \"b\tc\"} {}\n{}",
                  "!JSON parse error, control character 0x09 in a string; {}");
    assert_stream("{\"a\":1,\"a\":2}{}",
                  "!JSON parse error, duplicate object key near '\"a\"'; {}");
    assert_stream("{\"a\" 1}\n{}", "!JSON parse error, ':' expected near '1'; {}");
    assert_stream("\xff{}\n{}", "!JSON parse error, stray byte 0xff; {}");
    assert_stream("truth {}", "!JSON parse error, invalid token near 'truth'; {}");
    assert_stream(", {}", "!JSON parse error, expecting value instead of ','; {}");
    assert_stream("{\"a\": 1 2}{}", "!JSON parse error, '}' expected near '2'; {}");
}

static void test_words_end_at_delimiters(void)
{
    assert_stream("1{}", "1; {}");
    assert_stream("[1 ,-2\t,true]", "[1,-2,true]");
    assert_stream("null\n", "null");
}

static void test_nesting(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (int i = 0; i < JSON_STREAM_NESTING_MAX; i++) {
        g_string_append_c(text, '[');
    }
    for (int i = 0; i < JSON_STREAM_NESTING_MAX; i++) {
        g_string_append_c(text, ']');
    }
    {
        g_autofree char *got = describe_bytes((uint8_t *)text->str, text->len, 4096);
        g_assert_cmpstr(got, ==, text->str);
    }
    g_string_prepend_c(text, '[');
    g_string_append(text, "]\n{}");
    {
        g_autofree char *got = describe_bytes((uint8_t *)text->str, text->len, 4096);
        g_assert_cmpstr(got, ==, "!JSON parse error, nesting is limited to 1024 levels; {}");
    }
}

static void test_tokens(void)
{
    g_autoptr(GString) text = g_string_new("[0");
    g_autofree char *got = NULL;

    for (int i = 0; i < JSON_STREAM_TOKENS_MAX / 2; i++) {
        g_string_append(text, ",0");
    }
    g_string_append(text, "]\n{}");
    got = describe_bytes((uint8_t *)text->str, text->len, 4096);
    g_assert_cmpstr(got, ==, "!JSON parse error, a value is limited to 262144 tokens; {}");
}

static void test_size(void)
{
    g_autoptr(GString) text = g_string_new("[\"");
    g_autofree char *got = NULL;
    size_t head = text->len;

    g_string_set_size(text, head + JSON_STREAM_SIZE_MAX);
    memset(text->str + head, 'x', JSON_STREAM_SIZE_MAX);
    g_string_append(text, "\"]\n{}");
    got = describe_bytes((uint8_t *)text->str, text->len, 65536);
    g_assert_cmpstr(got, ==, "!JSON parse error, a value is limited to 16777216 bytes; {}");
}

static void test_reset(void)
{
    JsonStream *stream = json_stream_new();
    json_t *value = NULL;
    size_t taken;

    g_assert_cmpint(json_stream_feed(stream, (uint8_t *)"{\"a\": [", 7, &taken, &value, NULL), ==,
                    JSON_STREAM_MORE);
    json_stream_reset(stream);
    g_assert_cmpint(json_stream_feed(stream, (uint8_t *)"{}", 2, &taken, &value, NULL), ==,
                    JSON_STREAM_VALUE);
    json_decref(value);
    json_stream_free(stream);
}

/* Whatever comes, a request on a line of its own is understood after at most one line end. */
static void test_garbage(void)
{
    static const char alphabet[] = "{}[]:,\"'\\ \n\t01-.etrufalsn\xff\x80\x01x";
    GRand *random = g_rand_new_with_seed(20250801);

    for (int round = 0; round < 3000; round++) {
        unsigned length = g_rand_int_range(random, 0, 200);
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *whole = NULL;
        g_autofree char *pieces = NULL;
        for (unsigned i = 0; i < length; i++) {
            char c = round % 2 ? alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)]
                               : (char)g_rand_int_range(random, 0, 256);
            g_string_append_c(text, c);
        }
        /* The first line ends strings, the second closes brackets in error, then all is clean. */
        g_string_append(text, "\n\"\n\"\n]}\n]}\n{\"end\":1}\n");
        whole = describe_bytes((uint8_t *)text->str, text->len, text->len);
        pieces = describe_bytes((uint8_t *)text->str, text->len, 3);
        g_assert_cmpstr(whole, ==, pieces);
        g_assert_true(g_str_has_suffix(whole, "{\"end\":1}"));
    }
    g_rand_free(random);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/json-stream/values", test_values);
    g_test_add_func("/monitor/json-stream/single-quotes", test_single_quotes);
    g_test_add_func("/monitor/json-stream/resynchronisation", test_resynchronisation);
    g_test_add_func("/monitor/json-stream/words", test_words_end_at_delimiters);
    g_test_add_func("/monitor/json-stream/nesting", test_nesting);
    g_test_add_func("/monitor/json-stream/tokens", test_tokens);
    g_test_add_func("/monitor/json-stream/size", test_size);
    g_test_add_func("/monitor/json-stream/reset", test_reset);
    g_test_add_func("/monitor/json-stream/garbage", test_garbage);
    return g_test_run();
}
