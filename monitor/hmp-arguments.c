/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Arguments of human monitor commands: from the words of a line, by the types that the command
 * declares (HmpCommand.arguments), to a JSON object.
 */
#include "monitor/hmp-arguments.h"
#include "monitor/hmp-expression.h"
#include "util/keyval.h"
#include "util/report.h"
#include <string.h>

/* One declared argument. */
typedef struct Declared {
    char *name;
    char type; /* '-' for a flag */
    char flag; /* its letter */
    bool optional;
} Declared;

static void free_declared(void *opaque)
{
    Declared *declared = opaque;

    g_free(declared->name);
    g_free(declared);
}

/* Take apart "name:type,...": a mistake in it is a bug of the program. */
static GPtrArray *parse_declarations(const char *text)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(free_declared);
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ",", -1);

    for (char **part = parts; *part; part++) {
        const char *colon = strchr(*part, ':');
        Declared *declared = g_new0(Declared, 1);
        g_assert(colon && colon[1]);
        declared->name = g_strndup(*part, colon - *part);
        declared->type = colon[1];
        if (declared->type == '-') {
            declared->flag = colon[2];
            g_assert(declared->flag);
        } else {
            declared->optional = colon[2] == '?';
        }
        g_ptr_array_add(list, declared);
    }
    return list;
}

static const char *skip_spaces(const char *text)
{
    while (g_ascii_isspace(*text)) {
        text++;
    }
    return text;
}

/* The character that a backslash and @letter stand for, or 0. */
static char escaped(char letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case '\\':
    case '\'':
    case '"':
        return letter;
    default:
        return 0;
    }
}

char *hmp_take_word(const char **text, GError **error)
{
    const char *p = skip_spaces(*text);
    g_autoptr(GString) word = g_string_new(NULL);

    if (*p != '"') {
        size_t length = strcspn(p, " \t\r\n");
        *text = p + length;
        return g_strndup(p, length);
    }
    for (p++; *p != '"'; p++) {
        if (*p == '\\' && p[1]) {
            char letter = escaped(*++p);
            if (!letter) {
                qc_error_set(error, "unsupported escape code: '\\%c'", *p);
                return NULL;
            }
            g_string_append_c(word, letter);
        } else if (*p) {
            g_string_append_c(word, *p);
        } else {
            qc_error_set(error, "unterminated string");
            return NULL;
        }
    }
    *text = p + 1;
    return g_string_free(g_steal_pointer(&word), FALSE);
}

static const Declared *find_flag(GPtrArray *list, char letter)
{
    for (unsigned i = 0; i < list->len; i++) {
        const Declared *declared = g_ptr_array_index(list, i);
        if (declared->type == '-' && declared->flag == letter) {
            return declared;
        }
    }
    return NULL;
}

/* Flags come before all else, in any order, one or more behind each `-`. */
static bool take_flags(const char *command, GPtrArray *list, const char **text, json_t *arguments,
                       GError **error)
{
    const char *p = skip_spaces(*text);

    while (*p == '-' && g_ascii_isalpha(p[1])) {
        for (p++; g_ascii_isalpha(*p); p++) {
            const Declared *declared = find_flag(list, *p);
            if (!declared) {
                qc_error_set(error, "%s: unsupported option -%c", command, *p);
                return false;
            }
            json_object_set_new(arguments, declared->name, json_true());
        }
        p = skip_spaces(p);
    }
    *text = p;
    return true;
}

static json_t *take_string(const char *command, const Declared *declared, const char **text,
                           GError **error)
{
    const char *what = declared->type == 'F' ? "filename" : "string";
    g_autofree char *word = NULL;
    json_t *json;

    if (!**text) {
        qc_error_set(error, "%s: %s expected", command, what);
        return NULL;
    }
    word = hmp_take_word(text, error);
    if (!word) {
        return NULL;
    }
    json = json_string(word);
    if (!json) {
        qc_error_set(error, "%s: %s is not valid UTF-8", command, what);
    }
    return json;
}

static json_t *take_rest(const char *command, const char **text, GError **error)
{
    g_autofree char *rest = g_strchomp(g_strdup(*text));
    json_t *json;

    if (!*rest) {
        qc_error_set(error, "%s: string expected", command);
        return NULL;
    }
    *text += strlen(*text);
    json = json_string(rest);
    if (!json) {
        qc_error_set(error, "%s: string is not valid UTF-8", command);
    }
    return json;
}

static json_t *take_integer(const char *command, const Declared *declared, const char **text,
                            GError **error)
{
    int64_t value;

    if (!hmp_expression_take(text, &value, error)) {
        return NULL;
    }
    if (declared->type == 'i' && (value > UINT32_MAX || value < INT32_MIN)) {
        qc_error_set(error, "'%s' has failed: integer is for 32-bit values", command);
        return NULL;
    }
    return json_integer(value);
}

static json_t *take_size(const char **text, GError **error)
{
    g_autofree char *word = hmp_take_word(text, error);
    uint64_t size;

    if (!word || !size_parse(word, 1024 * 1024, &size, error)) {
        return NULL;
    }
    if (size > INT64_MAX) {
        qc_error_set(error, "'%s' is too large", word);
        return NULL;
    }
    return json_integer(size);
}

static json_t *take_switch(const char **text, GError **error)
{
    g_autofree char *word = hmp_take_word(text, error);

    if (!word) {
        return NULL;
    }
    if (!strcmp(word, "on")) {
        return json_true();
    }
    if (!strcmp(word, "off")) {
        return json_false();
    }
    qc_error_set(error, "Expected 'on' or 'off'");
    return NULL;
}

static json_t *take_argument(const char *command, const Declared *declared, const char **text,
                             GError **error)
{
    switch (declared->type) {
    case 's':
    case 'F':
        return take_string(command, declared, text, error);
    case 'S':
        return take_rest(command, text, error);
    case 'i':
    case 'l':
        return take_integer(command, declared, text, error);
    case 'o':
        return take_size(text, error);
    case 'b':
        return take_switch(text, error);
    default:
        g_assert_not_reached();
    }
}

static bool take_all(const char *command, GPtrArray *list, const char **text, json_t *arguments,
                     GError **error)
{
    if (!take_flags(command, list, text, arguments, error)) {
        return false;
    }
    for (unsigned i = 0; i < list->len; i++) {
        const Declared *declared = g_ptr_array_index(list, i);
        json_t *json;
        *text = skip_spaces(*text);
        if (declared->type == '-' || (declared->optional && !**text)) {
            continue;
        }
        json = take_argument(command, declared, text, error);
        if (!json) {
            return false;
        }
        json_object_set_new(arguments, declared->name, json);
    }
    if (*skip_spaces(*text)) {
        qc_error_set(error, "%s: extraneous characters at the end of line", command);
        return false;
    }
    return true;
}

json_t *hmp_parse_arguments(const char *command, const char *declarations, const char *text,
                            GError **error)
{
    g_autoptr(GPtrArray) list = parse_declarations(declarations);
    json_t *arguments = json_object();

    if (!take_all(command, list, &text, arguments, error)) {
        json_decref(arguments);
        return NULL;
    }
    return arguments;
}
