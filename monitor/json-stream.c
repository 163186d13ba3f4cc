/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Finds the ends of JSON values (RFC 8259) in a stream; the JSON library parses what is between. */
#include "monitor/json-stream.h"
#include "qapi/error.h"
#include <string.h>

typedef enum State {
    STATE_BETWEEN, /* tokens */
    STATE_WORD,    /* number or keyword */
    STATE_STRING,
    STATE_ESCAPE, /* behind a backslash in a string */
    STATE_SKIP,   /* to the end of the line, after an error */
} State;

struct JsonStream {
    State state;
    char quote;    /* of the string */
    GString *text; /* the value so far, with double quotes only */
    unsigned tokens;
    unsigned depth;
    char closers[JSON_STREAM_NESTING_MAX]; /* what must close each open bracket */
};

JsonStream *json_stream_new(void)
{
    JsonStream *stream = g_new0(JsonStream, 1);

    stream->text = g_string_new(NULL);
    return stream;
}

void json_stream_free(JsonStream *stream)
{
    g_string_free(stream->text, TRUE);
    g_free(stream);
}

/* Ready for the next value, in @state. */
static void restart(JsonStream *stream, State state)
{
    if (stream->text->allocated_len > 65536) {
        g_string_free(stream->text, TRUE);
        stream->text = g_string_new(NULL);
    }
    g_string_truncate(stream->text, 0);
    stream->state = state;
    stream->tokens = 0;
    stream->depth = 0;
}

void json_stream_reset(JsonStream *stream)
{
    restart(stream, STATE_BETWEEN);
}

static JsonStreamResult fail(JsonStream *stream, State next, GError **error, const char *format,
                             ...) G_GNUC_PRINTF(4, 5);

static JsonStreamResult fail(JsonStream *stream, State next, GError **error, const char *format,
                             ...)
{
    va_list arguments;
    g_autofree char *text = NULL;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    qapi_error_set(error, "JSON parse error, %s", text);
    restart(stream, next);
    return JSON_STREAM_ERROR;
}

static JsonStreamResult parse(JsonStream *stream, json_t **value, GError **error)
{
    json_error_t reason;

    *value = json_loadb(stream->text->str, stream->text->len,
                        JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &reason);
    if (!*value) {
        return fail(stream, STATE_BETWEEN, error, "%s", reason.text);
    }
    restart(stream, STATE_BETWEEN);
    return JSON_STREAM_VALUE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool ends_word(char c)
{
    return is_space(c) || strchr("{}[],:\"'", c);
}

static JsonStreamResult open_bracket(JsonStream *stream, char c, GError **error)
{
    if (stream->depth == JSON_STREAM_NESTING_MAX) {
        return fail(stream, STATE_SKIP, error, "nesting is limited to %d levels",
                    JSON_STREAM_NESTING_MAX);
    }
    stream->closers[stream->depth++] = c == '{' ? '}' : ']';
    g_string_append_c(stream->text, c);
    return JSON_STREAM_MORE;
}

static JsonStreamResult close_bracket(JsonStream *stream, char c, json_t **value, GError **error)
{
    if (!stream->depth) {
        return fail(stream, STATE_BETWEEN, error, "expecting value instead of '%c'", c);
    }
    if (stream->closers[stream->depth - 1] != c) {
        return fail(stream, STATE_SKIP, error, "expecting '%c' instead of '%c'",
                    stream->closers[stream->depth - 1], c);
    }
    g_string_append_c(stream->text, c);
    if (--stream->depth) {
        return JSON_STREAM_MORE;
    }
    return parse(stream, value, error);
}

static JsonStreamResult between(JsonStream *stream, char c, json_t **value, GError **error)
{
    if (is_space(c)) {
        return JSON_STREAM_MORE;
    }
    if (++stream->tokens > JSON_STREAM_TOKENS_MAX) {
        return fail(stream, STATE_SKIP, error, "a value is limited to %d tokens",
                    JSON_STREAM_TOKENS_MAX);
    }
    switch (c) {
    case '{':
    case '[':
        return open_bracket(stream, c, error);
    case '}':
    case ']':
        return close_bracket(stream, c, value, error);
    case ',':
    case ':':
        if (!stream->depth) {
            return fail(stream, STATE_BETWEEN, error, "expecting value instead of '%c'", c);
        }
        g_string_append_c(stream->text, c);
        return JSON_STREAM_MORE;
    case '"':
    case '\'':
        stream->state = STATE_STRING;
        stream->quote = c;
        g_string_append_c(stream->text, '"');
        return JSON_STREAM_MORE;
    default:
        if (!g_ascii_isalnum(c) && c != '-') {
            return fail(stream, STATE_SKIP, error, "stray byte 0x%02x", (uint8_t)c);
        }
        /* Keeps words apart that only blanks, which are not kept, keep apart. */
        if (stream->text->len && g_ascii_isalnum(stream->text->str[stream->text->len - 1])) {
            g_string_append_c(stream->text, ' ');
        }
        stream->state = STATE_WORD;
        g_string_append_c(stream->text, c);
        return JSON_STREAM_MORE;
    }
}

static JsonStreamResult in_string(JsonStream *stream, char c, json_t **value, GError **error)
{
    if ((uint8_t)c < 0x20) {
        return fail(stream, c == '\n' ? STATE_BETWEEN : STATE_SKIP, error,
                    "control character 0x%02x in a string", (uint8_t)c);
    }
    if (c == '\\') {
        stream->state = STATE_ESCAPE;
        return JSON_STREAM_MORE;
    }
    if (c == stream->quote) {
        g_string_append_c(stream->text, '"');
        stream->state = STATE_BETWEEN;
        return stream->depth ? JSON_STREAM_MORE : parse(stream, value, error);
    }
    if (c == '"') {
        g_string_append_c(stream->text, '\\');
    }
    g_string_append_c(stream->text, c);
    return JSON_STREAM_MORE;
}

/* Keeps the escape for the library to judge; \' is no JSON and becomes a plain quote. */
static void in_escape(JsonStream *stream, char c)
{
    if (c != '\'') {
        g_string_append_c(stream->text, '\\');
    }
    g_string_append_c(stream->text, c);
    stream->state = STATE_STRING;
}

/* Take one byte; *@again asks to be given the same byte once more. */
static JsonStreamResult take_byte(JsonStream *stream, char c, bool *again, json_t **value,
                                  GError **error)
{
    if (stream->text->len >= JSON_STREAM_SIZE_MAX) {
        return fail(stream, STATE_SKIP, error, "a value is limited to %d bytes",
                    JSON_STREAM_SIZE_MAX);
    }
    switch (stream->state) {
    case STATE_BETWEEN:
        return between(stream, c, value, error);
    case STATE_STRING:
        return in_string(stream, c, value, error);
    case STATE_ESCAPE:
        in_escape(stream, c);
        return JSON_STREAM_MORE;
    case STATE_SKIP:
        if (c == '\n') {
            stream->state = STATE_BETWEEN;
        }
        return JSON_STREAM_MORE;
    case STATE_WORD:
        if (!c || !ends_word(c)) {
            g_string_append_c(stream->text, c);
            return JSON_STREAM_MORE;
        }
        *again = true;
        stream->state = STATE_BETWEEN;
        return stream->depth ? JSON_STREAM_MORE : parse(stream, value, error);
    }
    g_assert_not_reached();
}

JsonStreamResult json_stream_feed(JsonStream *stream, const uint8_t *data, size_t size,
                                  size_t *taken, json_t **value, GError **error)
{
    *taken = 0;
    while (*taken < size) {
        bool again = false;
        JsonStreamResult result = take_byte(stream, (char)data[*taken], &again, value, error);
        *taken += !again;
        if (result != JSON_STREAM_MORE) {
            return result;
        }
    }
    return JSON_STREAM_MORE;
}
