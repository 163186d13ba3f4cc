/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Integer expressions, by recursive descent: one function for each strength of operators. */
#include "monitor/hmp-expression.h"
#include "util/report.h"
#include <errno.h>
#include <string.h>

#define NESTING_MAX 32

typedef struct Parser {
    const char *p;
    unsigned depth;
    GError **error;
} Parser;

static bool parse_bits(Parser *parser, uint64_t *value);

static void skip(Parser *parser, size_t count)
{
    parser->p += count;
    while (g_ascii_isspace(*parser->p)) {
        parser->p++;
    }
}

static bool parse_number(Parser *parser, uint64_t *value)
{
    char *end;

    if (!*parser->p) {
        qc_error_set(parser->error, "unexpected end of expression");
        return false;
    }
    if (!g_ascii_isdigit(*parser->p)) {
        qc_error_set(parser->error, "invalid char '%c' in expression", *parser->p);
        return false;
    }
    errno = 0;
    *value = g_ascii_strtoull(parser->p, &end, 0);
    if (errno == ERANGE) {
        qc_error_set(parser->error, "number too large");
        return false;
    }
    if (g_ascii_isalnum(*end)) {
        qc_error_set(parser->error, "invalid char '%c' in expression", *end);
        return false;
    }
    skip(parser, end - parser->p);
    return true;
}

static bool parse_parentheses(Parser *parser, uint64_t *value)
{
    skip(parser, 1);
    if (!parse_bits(parser, value)) {
        return false;
    }
    if (*parser->p != ')') {
        qc_error_set(parser->error, "')' expected");
        return false;
    }
    skip(parser, 1);
    return true;
}

static bool parse_unary(Parser *parser, uint64_t *value)
{
    char sign = *parser->p;
    bool ok;

    if (++parser->depth > NESTING_MAX) {
        qc_error_set(parser->error, "expression is nested too deeply");
        return false;
    }
    switch (sign) {
    case '(':
        ok = parse_parentheses(parser, value);
        break;
    case '+':
    case '-':
    case '~':
        skip(parser, 1);
        ok = parse_unary(parser, value);
        if (ok && sign != '+') {
            *value = sign == '-' ? -*value : ~*value;
        }
        break;
    default:
        ok = parse_number(parser, value);
    }
    parser->depth--;
    return ok;
}

static bool parse_product(Parser *parser, uint64_t *value)
{
    if (!parse_unary(parser, value)) {
        return false;
    }
    while (*parser->p && strchr("*/%", *parser->p)) {
        char sign = *parser->p;
        uint64_t right;
        skip(parser, 1);
        if (!parse_unary(parser, &right)) {
            return false;
        }
        if (sign == '*') {
            *value *= right;
            continue;
        }
        if (!right) {
            qc_error_set(parser->error, "division by zero");
            return false;
        }
        *value = sign == '/' ? *value / right : *value % right;
    }
    return true;
}

static bool parse_sum(Parser *parser, uint64_t *value)
{
    if (!parse_product(parser, value)) {
        return false;
    }
    while (*parser->p == '+' || *parser->p == '-') {
        bool minus = *parser->p == '-';
        uint64_t right;
        skip(parser, 1);
        if (!parse_product(parser, &right)) {
            return false;
        }
        *value += minus ? -right : right;
    }
    return true;
}

static bool parse_shift(Parser *parser, uint64_t *value)
{
    if (!parse_sum(parser, value)) {
        return false;
    }
    while (g_str_has_prefix(parser->p, "<<") || g_str_has_prefix(parser->p, ">>")) {
        bool left = *parser->p == '<';
        uint64_t count;
        skip(parser, 2);
        if (!parse_sum(parser, &count)) {
            return false;
        }
        if (count > 63) {
            *value = 0;
        } else {
            *value = left ? *value << count : *value >> count;
        }
    }
    return true;
}

static bool parse_bits(Parser *parser, uint64_t *value)
{
    if (!parse_shift(parser, value)) {
        return false;
    }
    while (*parser->p && strchr("&|^", *parser->p)) {
        char sign = *parser->p;
        uint64_t right;
        skip(parser, 1);
        if (!parse_shift(parser, &right)) {
            return false;
        }
        switch (sign) {
        case '&':
            *value &= right;
            break;
        case '|':
            *value |= right;
            break;
        default:
            *value ^= right;
        }
    }
    return true;
}

bool hmp_expression_take(const char **text, int64_t *value, GError **error)
{
    Parser parser = { *text, 0, error };
    uint64_t result;

    skip(&parser, 0);
    if (!parse_bits(&parser, &result)) {
        return false;
    }
    *text = parser.p;
    *value = (int64_t)result;
    return true;
}
