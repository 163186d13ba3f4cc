/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Human commands: arguments, expressions, help, completion. */
#include "monitor/hmp-arguments.h"
#include "monitor/hmp-expression.h"
#include "monitor/monitor-internal.h"
#include <string.h>

/* ---- commands of the test ---- */

static void run_echo(Monitor *monitor, json_t *arguments, GError **error)
{
    char *text = json_dumps(arguments, JSON_COMPACT);

    hmp_printf(monitor, "%s\n", text);
    free(text);
}

static void run_fail(Monitor *monitor, json_t *arguments, GError **error)
{
    g_set_error(error, G_FILE_ERROR, 0, "it broke");
}

static void complete_echo(unsigned index, const char *prefix, GPtrArray *candidates)
{
    hmp_complete_one(candidates, prefix, index == 0 ? "first" : "later");
}

HMP_COMMAND(zz_echo, .name = "zz_echo|zz", .arguments = "flag:-d,word:s,more:s?",
            .parameters = "[-d] word [more]", .help = "print the arguments", .handler = run_echo,
            .complete = complete_echo);
HMP_COMMAND(zz_fail, .name = "zz_fail", .help = "fail", .handler = run_fail);
HMP_COMMAND(info_zz, .name = "info zz", .help = "show nothing", .handler = run_echo);

/* ---- helpers ---- */

static void assert_prints(const char *line, const char *expected)
{
    g_autofree char *got = hmp_run_captured(line);

    g_assert_cmpstr(got, ==, expected);
}

static void assert_arguments(const char *declarations, const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    json_t *arguments = hmp_parse_arguments("cmd", declarations, text, &error);
    char *got;

    g_assert_no_error(error);
    got = json_dumps(arguments, JSON_COMPACT);
    g_assert_cmpstr(got, ==, expected);
    free(got);
    json_decref(arguments);
}

static void assert_refused(const char *declarations, const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(hmp_parse_arguments("cmd", declarations, text, &error));
    g_assert_cmpstr(error->message, ==, message);
}

static void assert_value(const char *text, int64_t expected)
{
    g_autoptr(GError) error = NULL;
    int64_t value;

    g_assert_true(hmp_expression_take(&text, &value, &error));
    g_assert_cmpint(value, ==, expected);
    g_assert_cmpstr(text, ==, "");
}

static void assert_bad_expression(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;
    int64_t value;

    g_assert_false(hmp_expression_take(&text, &value, &error));
    g_assert_cmpstr(error->message, ==, message);
}

static char *complete(const char *line)
{
    g_autoptr(GPtrArray) list = hmp_complete_line(line);

    g_ptr_array_add(list, NULL);
    return g_strjoinv(" ", (char **)list->pdata);
}

static void assert_completes(const char *line, const char *expected)
{
    g_autofree char *got = complete(line);

    g_assert_cmpstr(got, ==, expected);
}

/* ---- tests ---- */

static void test_strings(void)
{
    assert_arguments("a:s,b:s?", "one", "{\"a\":\"one\"}");
    assert_arguments("a:s,b:s?", "  one   two ", "{\"a\":\"one\",\"b\":\"two\"}");
    assert_arguments("a:s", "\"two words\"", "{\"a\":\"two words\"}");
    assert_arguments("a:s", "\"\\\"\\\\\\n\"", "{\"a\":\"\\\"\\\\\\n\"}");
    assert_arguments("a:s,b:S", "one two  three ", "{\"a\":\"one\",\"b\":\"two  three\"}");
    assert_arguments("a:F", "/tmp/x", "{\"a\":\"/tmp/x\"}");
    assert_arguments("", " ", "{}");
    assert_arguments(NULL, "", "{}");
    assert_refused("a:s", "", "cmd: string expected");
    assert_refused("a:S", " ", "cmd: string expected");
    assert_refused("a:F", "", "cmd: filename expected");
    assert_refused("a:s", "\"x", "unterminated string");
    assert_refused("a:s", "\"\\q\"", "unsupported escape code: '\\q'");
    assert_refused("a:s", "\xff", "cmd: string is not valid UTF-8");
    assert_refused("a:s", "one two", "cmd: extraneous characters at the end of line");
    assert_refused("", "x", "cmd: extraneous characters at the end of line");
}

static void test_flags(void)
{
    assert_arguments("d:-d,x:-x,uri:s", "-d u", "{\"d\":true,\"uri\":\"u\"}");
    assert_arguments("d:-d,x:-x,uri:s", "-dx u", "{\"d\":true,\"x\":true,\"uri\":\"u\"}");
    assert_arguments("d:-d,x:-x,uri:s", "-x -d u", "{\"x\":true,\"d\":true,\"uri\":\"u\"}");
    assert_arguments("d:-d,uri:s", "u", "{\"uri\":\"u\"}");
    assert_refused("d:-d,uri:s", "-q u", "cmd: unsupported option -q");
    assert_refused("d:-d,uri:s", "-d", "cmd: string expected");
}

static void test_numbers_and_switches(void)
{
    assert_arguments("a:i", "0x10", "{\"a\":16}");
    assert_arguments("a:l,b:l?", "1+2 * 3", "{\"a\":7}");
    assert_arguments("a:l,b:l", "-5 7", "{\"a\":-5,\"b\":7}");
    assert_arguments("a:o", "3", "{\"a\":3145728}");
    assert_arguments("a:o", "4k", "{\"a\":4096}");
    assert_arguments("a:b,b:b", "on off", "{\"a\":true,\"b\":false}");
    assert_refused("a:b", "yes", "Expected 'on' or 'off'");
    assert_refused("a:b", "", "Expected 'on' or 'off'");
    assert_refused("a:i", "0x100000000", "'cmd' has failed: integer is for 32-bit values");
    assert_refused("a:l", "zork", "invalid char 'z' in expression");
    assert_refused("a:l", "", "unexpected end of expression");
}

static void test_expressions(void)
{
    assert_value("1", 1);
    assert_value(" ( 1 + 2 ) * 3 ", 9);
    assert_value("1+2*3", 7);
    assert_value("010", 8);
    assert_value("~0", -1);
    assert_value("--5", 5);
    assert_value("1<<4|3&1", 1); /* from left to right */
    assert_value("1<<64", 0);
    assert_value("7%4+8/2-1", 6);
    assert_value("0xffffffffffffffff", -1);
    assert_bad_expression("1/0", "division by zero");
    assert_bad_expression("1%0", "division by zero");
    assert_bad_expression("(1", "')' expected");
    assert_bad_expression("1+", "unexpected end of expression");
    assert_bad_expression("0x1ffffffffffffffff", "number too large");
    assert_bad_expression("12ab", "invalid char 'a' in expression");
    assert_bad_expression("((((((((((((((((((((((((((((((((((((((((1",
                          "expression is nested too deeply");
}

static void test_run(void)
{
    assert_prints("zz_echo a", "{\"word\":\"a\"}\r\n");
    assert_prints("  zz -d a b", "{\"flag\":true,\"word\":\"a\",\"more\":\"b\"}\r\n");
    assert_prints("info zz", "{}\r\n");
    assert_prints("", "");
    assert_prints("# comment", "");
    assert_prints("zz_fail", "Error: it broke\r\n");
    assert_prints("zork", "unknown command: 'zork'\r\n");
    assert_prints("zork with words", "unknown command: 'zork'\r\n");
    assert_prints("info zork", "unknown command: 'info zork'\r\n");
    assert_prints("zz_echo",
                  "zz_echo: string expected\r\nTry \"help zz_echo\" for more information\r\n");
    assert_prints("info zz x", "info zz: extraneous characters at the end of line\r\n"
                               "Try \"help info zz\" for more information\r\n");
}

static void test_help(void)
{
    g_autofree char *all = hmp_run_captured("help");
    g_autofree char *info = hmp_run_captured("info");

    assert_prints("help zz", "zz_echo|zz [-d] word [more] -- print the arguments\r\n");
    assert_prints("? info zz", "info zz  -- show nothing\r\n");
    assert_prints("help zork", "unknown command: 'zork'\r\n");
    g_assert_nonnull(strstr(all, "zz_fail  -- fail\r\n"));
    g_assert_null(strstr(all, "info zz"));
    g_assert_nonnull(strstr(info, "info zz  -- show nothing\r\n"));
    g_assert_null(strstr(info, "zz_fail"));
}

static void test_completion(void)
{
    assert_completes("zz_", "zz_echo zz_fail");
    assert_completes("zz_f", "zz_fail");
    assert_completes("info z", "zz");
    assert_completes("info zz", "zz");
    assert_completes("help zz_f", "zz_fail");
    assert_completes("zz_echo ", "first");
    assert_completes("zz_echo f", "first");
    assert_completes("zz_echo x l", "later");
    assert_completes("zork ", "");
    assert_completes("zz_fail ", "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/hmp/strings", test_strings);
    g_test_add_func("/monitor/hmp/flags", test_flags);
    g_test_add_func("/monitor/hmp/numbers", test_numbers_and_switches);
    g_test_add_func("/monitor/hmp/expressions", test_expressions);
    g_test_add_func("/monitor/hmp/run", test_run);
    g_test_add_func("/monitor/hmp/help", test_help);
    g_test_add_func("/monitor/hmp/completion", test_completion);
    return g_test_run();
}
