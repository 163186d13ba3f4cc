/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The qtest protocol itself, on a machine without devices. */
#include <string.h>

#include "libqtest.h"

#define RAM_ARGUMENTS "-machine none -m 16"

static void assert_answer(QTestState *qtest, const char *line, const char *expected)
{
    g_autofree char *answer = qtest_raw(qtest, line);
    g_assert_cmpstr(answer, ==, expected);
}

static void assert_refused(QTestState *qtest, const char *line, const char *kind)
{
    g_autofree char *answer = qtest_raw(qtest, line);
    if (!g_str_has_prefix(answer, kind)) {
        g_error("'%s' was answered with '%s', expected %s", line, answer, kind);
    }
}

static void test_memory(void)
{
    QTestState *qtest = qtest_start(RAM_ARGUMENTS);
    uint8_t data[300], copy[300];
    qtest_writeq(qtest, 0x1000, UINT64_C(0x8877665544332211));
    g_assert_cmphex(qtest_readq(qtest, 0x1000), ==, UINT64_C(0x8877665544332211));
    g_assert_cmphex(qtest_readl(qtest, 0x1001), ==, 0x55443322);
    g_assert_cmphex(qtest_readw(qtest, 0x1006), ==, 0x8877);
    qtest_writeb(qtest, 0x1000, 0xaa);
    qtest_writew(qtest, 0x1002, 0xbbcc);
    qtest_writel(qtest, 0x1004, 0xddeeff00);
    g_assert_cmphex(qtest_readq(qtest, 0x1000), ==, UINT64_C(0xddeeff00bbcc22aa));
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = i * 7;
    }
    qtest_memwrite(qtest, 0x1fff, data, sizeof(data));
    qtest_memread(qtest, 0x1fff, copy, sizeof(copy));
    g_assert_cmpmem(copy, sizeof(copy), data, sizeof(data));
    assert_answer(qtest, "write 0x3000 4 0x0102", "OK");
    assert_answer(qtest, "read 0x3000 4", "OK 0x01020000");
    assert_answer(qtest, "memset 0x3000 3 0xab", "OK");
    assert_answer(qtest, "b64read 0x3000 3", "OK q6ur");
    assert_answer(qtest, "readb 0x3000", "OK 0x00000000000000ab");
    assert_answer(qtest, "endianness", "OK little");
    qtest_quit(qtest);
}

static void test_holes(void)
{
    QTestState *qtest = qtest_start(RAM_ARGUMENTS);
    assert_answer(qtest, "readl 0x80000000", "OK 0x00000000ffffffff");
    assert_answer(qtest, "read 0x80000000 2", "OK 0xffff");
    assert_answer(qtest, "writel 0x80000000 1", "OK");
    assert_answer(qtest, "inb 0x1234", "OK 0x00ff");
    assert_answer(qtest, "inl 0xffff", "OK 0xffffffff");
    assert_answer(qtest, "outb 0x1234 1", "OK");
    /* A block that begins in RAM and ends outside. */
    assert_answer(qtest, "write 0xfffffe 4 0x11223344", "OK");
    assert_answer(qtest, "read 0xfffffe 4", "OK 0x1122ffff");
    qtest_quit(qtest);
}

static void test_clock(void)
{
    QTestState *qtest = qtest_start(RAM_ARGUMENTS);
    int64_t start = qtest_clock_step(qtest, 0);
    g_usleep(20000);
    g_assert_cmpint(qtest_clock_step(qtest, 0), ==, start);
    g_assert_cmpint(qtest_clock_step(qtest, 12345), ==, start + 12345);
    g_assert_cmpint(qtest_clock_set(qtest, start + 1000000), ==, start + 1000000);
    g_assert_cmpint(qtest_clock_set(qtest, start), ==, start + 1000000);
    qtest_quit(qtest);
}

static void test_refusals(void)
{
    QTestState *qtest = qtest_start(RAM_ARGUMENTS);
    assert_answer(qtest, "bogus 1 2", "FAIL Unknown command 'bogus'");
    assert_answer(qtest, "irq_intercept_in nosuch", "FAIL Unknown device");
    assert_answer(qtest, "irq_intercept_in /machine", "FAIL Unknown device");
    assert_answer(qtest, "set_irq_in nosuch unnamed-gpio-in 0 1", "FAIL Unknown device");
    assert_refused(qtest, "module_load audio- x", "FAIL");
    assert_refused(qtest, "", "ERR");
    assert_refused(qtest, "   ", "ERR");
    assert_refused(qtest, "outb 0x70", "ERR");
    assert_refused(qtest, "outb 0x70 1 2", "ERR");
    assert_refused(qtest, "outb 0x70 1 2 3 4 5 6 7 8 9", "ERR");
    assert_refused(qtest, "outb zz 1", "ERR");
    assert_refused(qtest, "readb -1", "ERR");
    assert_refused(qtest, "readb 0x10000000000000000", "ERR");
    assert_refused(qtest, "read 0 0x1000001", "ERR");
    assert_refused(qtest, "write 0 1 0x1122", "ERR");
    assert_refused(qtest, "write 0 1 0x1", "ERR");
    assert_refused(qtest, "write 0 1 11", "ERR");
    assert_refused(qtest, "b64write 0 4 AQID", "ERR");
    assert_refused(qtest, "clock_step x", "ERR");
    assert_answer(qtest, "endianness", "OK little");
    qtest_quit(qtest);
}

/* Lines of every length up to far beyond the limits, and bytes of all kinds. */
static void test_garbage(void)
{
    QTestState *qtest = qtest_start(RAM_ARGUMENTS);
    g_autoptr(GRand) random = g_rand_new_with_seed(20260101);
    for (unsigned round = 0; round < 300; round++) {
        char line[200];
        unsigned length = g_rand_int_range(random, 1, sizeof(line));
        for (unsigned i = 0; i < length; i++) {
            line[i] = g_rand_int_range(random, 1, 256);
            if (line[i] == '\n') {
                line[i] = ' ';
            }
        }
        line[length - 1] = '\0';
        g_autofree char *answer = qtest_raw(qtest, line);
        g_assert_true(g_str_has_prefix(answer, "FAIL") || g_str_has_prefix(answer, "ERR"));
    }
    g_autofree char *overlong = g_malloc(41 * 1024 * 1024);
    memset(overlong, 'a', 41 * 1024 * 1024);
    overlong[41 * 1024 * 1024 - 1] = '\0';
    assert_refused(qtest, overlong, "ERR line longer");
    assert_answer(qtest, "endianness", "OK little");
    qtest_quit(qtest);
}

static void test_qmp(void)
{
    QTestState *qtest = qtest_start(RAM_ARGUMENTS);
    json_t *status = qtest_qmp(qtest, "query-status", NULL);
    g_assert_cmpstr(json_string_value(json_object_get(status, "status")), ==, "running");
    json_decref(status);
    json_decref(qtest_qmp(qtest, "stop", NULL));
    json_decref(qtest_qmp_event(qtest, "STOP"));
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/protocol/memory", test_memory);
    g_test_add_func("/protocol/holes", test_holes);
    g_test_add_func("/protocol/clock", test_clock);
    g_test_add_func("/protocol/refusals", test_refusals);
    g_test_add_func("/protocol/garbage", test_garbage);
    g_test_add_func("/protocol/qmp", test_qmp);
    return g_test_run();
}
