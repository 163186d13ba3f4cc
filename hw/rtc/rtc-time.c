/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Calendar of the real time clock (MC146818 data sheet, "Time, calendar, and alarm locations"). */
#include "hw/rtc/rtc-time.h"

#include <time.h>

#define HOURS_PM          0x80
#define ALARM_DO_NOT_CARE 0xc0
#define SECONDS_PER_DAY   86400

static uint8_t encode(uint8_t register_b, unsigned value)
{
    return register_b & RTC_B_BINARY ? value : value / 10 << 4 | value % 10;
}

static unsigned decode(uint8_t register_b, uint8_t value)
{
    return register_b & RTC_B_BINARY ? value : (value >> 4) * 10u + (value & 0xf);
}

static uint8_t encode_hour(uint8_t register_b, unsigned hour)
{
    if (register_b & RTC_B_24_HOURS) {
        return encode(register_b, hour);
    }
    unsigned shown = hour % 12 ? hour % 12 : 12;
    return encode(register_b, shown) | (hour >= 12 ? HOURS_PM : 0);
}

static unsigned decode_hour(uint8_t register_b, uint8_t value)
{
    if (register_b & RTC_B_24_HOURS) {
        return decode(register_b, value);
    }
    return decode(register_b, value & ~HOURS_PM) % 12 + (value & HOURS_PM ? 12 : 0);
}

void rtc_time_to_registers(uint8_t *cmos, uint8_t register_b, int64_t seconds)
{
    time_t time = seconds;
    struct tm tm;
    if (!gmtime_r(&time, &tm)) {
        return; /* beyond RTC_SECONDS_LIMIT, which callers keep */
    }
    int year = tm.tm_year + 1900;
    cmos[RTC_SECONDS] = encode(register_b, tm.tm_sec);
    cmos[RTC_MINUTES] = encode(register_b, tm.tm_min);
    cmos[RTC_HOURS] = encode_hour(register_b, tm.tm_hour);
    cmos[RTC_DAY_OF_WEEK] = encode(register_b, tm.tm_wday + 1);
    cmos[RTC_DAY_OF_MONTH] = encode(register_b, tm.tm_mday);
    cmos[RTC_MONTH] = encode(register_b, tm.tm_mon + 1);
    cmos[RTC_YEAR] = encode(register_b, year % 100);
    cmos[RTC_CENTURY] = encode(register_b, year / 100 % 100);
}

int64_t rtc_time_from_registers(const uint8_t *cmos, uint8_t register_b)
{
    struct tm tm = {
        .tm_sec = decode(register_b, cmos[RTC_SECONDS]),
        .tm_min = decode(register_b, cmos[RTC_MINUTES]),
        .tm_hour = decode_hour(register_b, cmos[RTC_HOURS]),
        .tm_mday = decode(register_b, cmos[RTC_DAY_OF_MONTH]),
        .tm_mon = (int)decode(register_b, cmos[RTC_MONTH]) - 1,
        .tm_year =
            decode(register_b, cmos[RTC_CENTURY]) * 100 + decode(register_b, cmos[RTC_YEAR]) - 1900,
    };
    return timegm(&tm);
}

/* ---- alarms ---- */

/* Does the alarm byte match what the clock's register would show? */
static bool alarm_matches(uint8_t alarm, uint8_t shown)
{
    return (alarm & ALARM_DO_NOT_CARE) == ALARM_DO_NOT_CARE || alarm == shown;
}

/* The first of @from..@count - 1 that matches, or -1. */
static int first_match(uint8_t register_b, uint8_t alarm, int from, int count,
                       uint8_t (*show)(uint8_t, unsigned))
{
    for (int value = from; value < count; value++) {
        if (alarm_matches(alarm, show(register_b, value))) {
            return value;
        }
    }
    return -1;
}

/* The first second of the day at or after @from that matches, or -1. */
static int first_match_in_day(const uint8_t *cmos, uint8_t register_b, int from)
{
    int hour = from / 3600;
    int minute = from / 60 % 60;
    int second = from % 60;
    while (hour < 24) {
        int h = first_match(register_b, cmos[RTC_HOURS_ALARM], hour, 24, encode_hour);
        if (h < 0) {
            return -1;
        }
        minute = h == hour ? minute : 0;
        second = h == hour ? second : 0;
        int m = first_match(register_b, cmos[RTC_MINUTES_ALARM], minute, 60, encode);
        int s = m < 0 ? -1
                      : first_match(register_b, cmos[RTC_SECONDS_ALARM], m == minute ? second : 0,
                                    60, encode);
        if (s >= 0) {
            return h * 3600 + m * 60 + s;
        }
        /* Not in that minute, or that hour: go on after it. */
        hour = m < 0 || m == 59 ? h + 1 : h;
        minute = m < 0 || m == 59 ? 0 : m + 1;
        second = 0;
    }
    return -1;
}

bool rtc_next_alarm(const uint8_t *cmos, uint8_t register_b, int64_t after, int64_t *seconds)
{
    int64_t next = after + 1;
    int64_t second_of_day = (next % SECONDS_PER_DAY + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    int64_t midnight = next - second_of_day;
    int match = first_match_in_day(cmos, register_b, second_of_day);
    if (match < 0) {
        midnight += SECONDS_PER_DAY;
        match = first_match_in_day(cmos, register_b, 0);
    }
    *seconds = midnight + match;
    return match >= 0;
}
