/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The real time clock and its CMOS memory. */
#include <time.h>

#include "pc-irq.h"

#define SECOND INT64_C(1000000000)

#define SECONDS       0x00
#define SECONDS_ALARM 0x01
#define MINUTES       0x02
#define MINUTES_ALARM 0x03
#define HOURS         0x04
#define HOURS_ALARM   0x05
#define WEEKDAY       0x06
#define DAY           0x07
#define MONTH         0x08
#define YEAR          0x09
#define REG_A         0x0a
#define REG_B         0x0b
#define REG_C         0x0c
#define REG_D         0x0d
#define CENTURY       0x32

#define A_UIP 0x80

#define B_SET    0x80
#define B_PIE    0x40
#define B_AIE    0x20
#define B_UIE    0x10
#define B_BINARY 0x04
#define B_24H    0x02

#define C_IRQF 0x80
#define C_PF   0x40
#define C_AF   0x20
#define C_UF   0x10

static uint8_t cmos_read(QTestState *qtest, uint8_t index)
{
    qtest_outb(qtest, 0x70, index);
    return qtest_inb(qtest, 0x71);
}

static void cmos_write(QTestState *qtest, uint8_t index, uint8_t value)
{
    qtest_outb(qtest, 0x70, index);
    qtest_outb(qtest, 0x71, value);
}

/* A clock that shows @date, in ISO 8601, at virtual time 0. */
static QTestState *start_at(const char *date)
{
    g_autofree char *arguments = g_strdup_printf(PC_ARGUMENTS " -rtc base=%s", date);
    return qtest_start(arguments);
}

static void assert_time(QTestState *qtest, uint8_t hours, uint8_t minutes, uint8_t seconds)
{
    g_assert_cmphex(cmos_read(qtest, HOURS), ==, hours);
    g_assert_cmphex(cmos_read(qtest, MINUTES), ==, minutes);
    g_assert_cmphex(cmos_read(qtest, SECONDS), ==, seconds);
}

static void assert_date(QTestState *qtest, uint8_t century, uint8_t year, uint8_t month,
                        uint8_t day)
{
    g_assert_cmphex(cmos_read(qtest, CENTURY), ==, century);
    g_assert_cmphex(cmos_read(qtest, YEAR), ==, year);
    g_assert_cmphex(cmos_read(qtest, MONTH), ==, month);
    g_assert_cmphex(cmos_read(qtest, DAY), ==, day);
}

static void test_calendar(void)
{
    QTestState *qtest = start_at("1999-12-31T23:59:57");
    g_assert_cmphex(cmos_read(qtest, REG_A), ==, 0x26);
    g_assert_cmphex(cmos_read(qtest, REG_B), ==, B_24H);
    g_assert_cmphex(cmos_read(qtest, REG_D), ==, 0x80);
    assert_time(qtest, 0x23, 0x59, 0x57);
    assert_date(qtest, 0x19, 0x99, 0x12, 0x31);
    g_assert_cmphex(cmos_read(qtest, WEEKDAY), ==, 6); /* a Friday */
    qtest_clock_step(qtest, 3 * SECOND);
    assert_time(qtest, 0x00, 0x00, 0x00);
    assert_date(qtest, 0x20, 0x00, 0x01, 0x01);
    qtest_clock_step(qtest, 59 * 86400 * SECOND); /* over 29 February */
    assert_date(qtest, 0x20, 0x00, 0x02, 0x29);
    cmos_write(qtest, REG_B, B_24H | B_BINARY);
    qtest_clock_step(qtest, 86400 * SECOND + 45296 * SECOND);
    assert_time(qtest, 12, 34, 56);
    assert_date(qtest, 20, 0, 3, 1);
    qtest_quit(qtest);
}

static void test_host_time(void)
{
    QTestState *qtest = qtest_start(PC_ARGUMENTS);
    cmos_write(qtest, REG_B, B_24H | B_BINARY);
    struct tm tm = {
        .tm_sec = cmos_read(qtest, SECONDS),
        .tm_min = cmos_read(qtest, MINUTES),
        .tm_hour = cmos_read(qtest, HOURS),
        .tm_mday = cmos_read(qtest, DAY),
        .tm_mon = cmos_read(qtest, MONTH) - 1,
        .tm_year = cmos_read(qtest, CENTURY) * 100 + cmos_read(qtest, YEAR) - 1900,
    };
    g_assert_cmpint(ABS(timegm(&tm) - time(NULL)), <, 60);
    qtest_quit(qtest);
}

static void test_twelve_hours(void)
{
    static const uint8_t expected[24] = {
        0x12, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x11,
        0x92, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x90, 0x91,
    };
    QTestState *qtest = start_at("2020-06-01T00:30:00");
    cmos_write(qtest, REG_B, 0);
    for (unsigned hour = 0; hour < 24; hour++) {
        g_assert_cmphex(cmos_read(qtest, HOURS), ==, expected[hour]);
        qtest_clock_step(qtest, 3600 * SECOND);
    }
    for (unsigned hour = 0; hour < 24; hour++) {
        cmos_write(qtest, REG_B, B_SET);
        cmos_write(qtest, HOURS, expected[hour]);
        cmos_write(qtest, REG_B, 0);
        cmos_write(qtest, REG_B, B_24H | B_BINARY); /* the time does not change with the format */
        g_assert_cmpuint(cmos_read(qtest, HOURS), ==, hour);
    }
    qtest_quit(qtest);
}

static void set_clock(QTestState *qtest)
{
    cmos_write(qtest, REG_B, B_SET | B_24H);
    cmos_write(qtest, CENTURY, 0x20);
    cmos_write(qtest, YEAR, 0x38);
    cmos_write(qtest, MONTH, 0x01);
    cmos_write(qtest, DAY, 0x19);
    cmos_write(qtest, HOURS, 0x03);
    cmos_write(qtest, MINUTES, 0x14);
    cmos_write(qtest, SECONDS, 0x07);
}

static void test_setting(void)
{
    QTestState *qtest = start_at("2000-01-01");
    set_clock(qtest);
    qtest_clock_step(qtest, 100 * SECOND);
    assert_time(qtest, 0x03, 0x14, 0x07); /* stands still */
    cmos_write(qtest, REG_B, B_24H);
    qtest_clock_step(qtest, SECOND);
    assert_time(qtest, 0x03, 0x14, 0x08);
    assert_date(qtest, 0x20, 0x38, 0x01, 0x19);
    /* A divider that was held in reset updates half a second after it is let go. */
    cmos_write(qtest, REG_A, 0x76);
    set_clock(qtest);
    cmos_write(qtest, REG_B, B_24H);
    qtest_clock_step(qtest, 10 * SECOND);
    assert_time(qtest, 0x03, 0x14, 0x07);
    cmos_write(qtest, REG_A, 0x26);
    qtest_clock_step(qtest, SECOND / 2 - 1);
    assert_time(qtest, 0x03, 0x14, 0x07);
    qtest_clock_step(qtest, 1);
    assert_time(qtest, 0x03, 0x14, 0x08);
    qtest_quit(qtest);
}

static void test_update_in_progress(void)
{
    QTestState *qtest = start_at("2000-01-01");
    int64_t now = qtest_clock_step(qtest, 0);
    int64_t update = (now / SECOND + 1) * SECOND;
    qtest_clock_set(qtest, update - 244001);
    g_assert_cmphex(cmos_read(qtest, REG_A) & A_UIP, ==, 0);
    qtest_clock_set(qtest, update - 244000);
    g_assert_cmphex(cmos_read(qtest, REG_A) & A_UIP, ==, A_UIP);
    qtest_clock_set(qtest, update);
    g_assert_cmphex(cmos_read(qtest, REG_A) & A_UIP, ==, 0);
    cmos_write(qtest, REG_A, 0xff); /* read-only */
    g_assert_cmphex(cmos_read(qtest, REG_A), ==, 0x7f);
    qtest_quit(qtest);
}

static void test_update_interrupt(void)
{
    QTestState *qtest = start_at("2000-01-01");
    qtest_irq_intercept_out(qtest, "rtc");
    /* The flag comes without the interrupt, too. */
    qtest_clock_step(qtest, SECOND);
    g_assert_false(qtest_get_irq(qtest, 0));
    g_assert_cmphex(cmos_read(qtest, REG_C) & C_UF, ==, C_UF);
    g_assert_cmphex(cmos_read(qtest, REG_C), ==, 0);
    cmos_write(qtest, REG_B, B_24H | B_UIE);
    int64_t now = qtest_clock_step(qtest, 0);
    int64_t first = qtest_clock_step_next(qtest);
    g_assert_cmpint(first - now, <=, SECOND);
    g_assert_true(qtest_get_irq(qtest, 0));
    g_assert_cmphex(cmos_read(qtest, REG_C) & ~C_PF, ==, C_IRQF | C_UF);
    g_assert_false(qtest_get_irq(qtest, 0));
    g_assert_cmpint(qtest_clock_step_next(qtest), ==, first + SECOND);
    g_assert_true(qtest_get_irq(qtest, 0));
    /* SET switches it off. */
    cmos_write(qtest, REG_B, B_SET | B_24H | B_UIE);
    g_assert_cmphex(cmos_read(qtest, REG_B), ==, B_SET | B_24H);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_quit(qtest);
}

static void test_periodic_interrupt(void)
{
    QTestState *qtest = start_at("2000-01-01");
    qtest_irq_intercept_out(qtest, "rtc");
    cmos_write(qtest, REG_A, 0x26); /* 1024 Hz */
    cmos_write(qtest, REG_B, B_24H | B_PIE);
    unsigned count = 0;
    int64_t end = qtest_clock_step(qtest, 0) + SECOND;
    while (qtest_clock_step_next(qtest) <= end) {
        g_assert_cmphex(cmos_read(qtest, REG_C) & (C_IRQF | C_PF), ==, C_IRQF | C_PF);
        count++;
    }
    g_assert_cmpuint(count, ==, 1024);
    cmos_write(qtest, REG_A, 0x2f); /* 2 Hz */
    cmos_read(qtest, REG_C);
    int64_t first = qtest_clock_step_next(qtest);
    g_assert_true(qtest_get_irq(qtest, 0));
    cmos_read(qtest, REG_C);
    g_assert_cmpint(qtest_clock_step_next(qtest), ==, first + SECOND / 2);
    /* Not acknowledged, it does not come again. */
    unsigned raised = qtest_irq_raised_count(qtest, 0);
    qtest_clock_step(qtest, 10 * SECOND);
    g_assert_cmpuint(qtest_irq_raised_count(qtest, 0), ==, raised);
    cmos_write(qtest, REG_A, 0x20); /* none */
    cmos_read(qtest, REG_C);
    qtest_clock_step(qtest, 10 * SECOND);
    g_assert_false(qtest_get_irq(qtest, 0));
    qtest_quit(qtest);
}

static void test_alarm(void)
{
    QTestState *qtest = start_at("2000-01-01T10:00:00");
    qtest_irq_intercept_out(qtest, "rtc");
    cmos_write(qtest, HOURS_ALARM, 0x11);
    cmos_write(qtest, MINUTES_ALARM, 0x30);
    cmos_write(qtest, SECONDS_ALARM, 0x15);
    cmos_write(qtest, REG_B, B_24H | B_AIE);
    qtest_clock_step_next(qtest);
    g_assert_true(qtest_get_irq(qtest, 0));
    assert_time(qtest, 0x11, 0x30, 0x15);
    g_assert_cmphex(cmos_read(qtest, REG_C) & ~C_PF, ==, C_IRQF | C_AF | C_UF);
    qtest_clock_step_next(qtest); /* a day later */
    assert_time(qtest, 0x11, 0x30, 0x15);
    assert_date(qtest, 0x20, 0x00, 0x01, 0x02);
    cmos_read(qtest, REG_C);
    cmos_write(qtest, HOURS_ALARM, 0xc0); /* every hour */
    qtest_clock_step_next(qtest);
    assert_time(qtest, 0x12, 0x30, 0x15);
    cmos_read(qtest, REG_C);
    cmos_write(qtest, MINUTES_ALARM, 0xff); /* every minute */
    qtest_clock_step_next(qtest);
    assert_time(qtest, 0x12, 0x31, 0x15);
    cmos_read(qtest, REG_C);
    cmos_write(qtest, SECONDS_ALARM, 0xff); /* every second */
    qtest_clock_step_next(qtest);
    assert_time(qtest, 0x12, 0x31, 0x16);
    cmos_read(qtest, REG_C);
    cmos_write(qtest, SECONDS_ALARM, 0x60); /* never */
    qtest_clock_step(qtest, 3 * 86400 * SECOND);
    g_assert_cmphex(cmos_read(qtest, REG_C) & C_AF, ==, 0);
    qtest_quit(qtest);
}

static void test_memory(void)
{
    QTestState *qtest = qtest_start("-machine pc -m 64 -nodefaults");
    g_assert_cmphex(cmos_read(qtest, 0x15) | cmos_read(qtest, 0x16) << 8, ==, 640);
    g_assert_cmphex(cmos_read(qtest, 0x17) | cmos_read(qtest, 0x18) << 8, ==, 63 * 1024);
    g_assert_cmphex(cmos_read(qtest, 0x30) | cmos_read(qtest, 0x31) << 8, ==, 63 * 1024);
    g_assert_cmphex(cmos_read(qtest, 0x34) | cmos_read(qtest, 0x35) << 8, ==, 48 * 16);
    g_assert_cmphex(cmos_read(qtest, 0x5b) | cmos_read(qtest, 0x5c) | cmos_read(qtest, 0x5d), ==,
                    0);
    for (unsigned index = 0x40; index < 0x50; index++) {
        cmos_write(qtest, index, index * 3);
    }
    for (unsigned index = 0x40; index < 0x50; index++) {
        g_assert_cmphex(cmos_read(qtest, 0x80 | index), ==, index * 3); /* bit 7 masks NMI */
    }
    g_assert_cmphex(qtest_inb(qtest, 0x70), ==, 0xff);
    cmos_write(qtest, REG_B, B_24H | B_PIE | B_AIE | B_UIE);
    json_decref(qtest_qmp(qtest, "system_reset", NULL));
    json_decref(qtest_qmp_event(qtest, "RESET"));
    g_assert_cmphex(cmos_read(qtest, 0x40), ==, 0xc0);
    g_assert_cmphex(cmos_read(qtest, REG_B), ==, B_24H);
    g_assert_cmphex(cmos_read(qtest, REG_C), ==, 0);
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rtc/calendar", test_calendar);
    g_test_add_func("/rtc/host-time", test_host_time);
    g_test_add_func("/rtc/twelve-hours", test_twelve_hours);
    g_test_add_func("/rtc/setting", test_setting);
    g_test_add_func("/rtc/update-in-progress", test_update_in_progress);
    g_test_add_func("/rtc/update-interrupt", test_update_interrupt);
    g_test_add_func("/rtc/periodic-interrupt", test_periodic_interrupt);
    g_test_add_func("/rtc/alarm", test_alarm);
    g_test_add_func("/rtc/memory", test_memory);
    return g_test_run();
}
