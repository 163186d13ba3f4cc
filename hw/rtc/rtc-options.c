/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The option -rtc. */
#include "hw/rtc/rtc-options.h"

#include <string.h>
#include <time.h>

#include "hw/rtc/mc146818.h"
#include "util/report.h"
#include "util/timer.h"

typedef enum RTCBase {
    RTC_BASE_UTC,
    RTC_BASE_LOCALTIME,
    RTC_BASE_DATE,
} RTCBase;

static RTCBase rtc_base;
static int64_t rtc_base_date; /* seconds since 1970 */

/* Exactly YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, and a day that exists. */
static bool parse_date(const char *text, int64_t *seconds)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end) {
        memset(&tm, 0, sizeof(tm));
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    int day = tm.tm_mday;
    *seconds = timegm(&tm); /* 30 February becomes a day in March */
    return end && *end == '\0' && tm.tm_mday == day;
}

static bool configure_base(const char *value, GError **error)
{
    if (!strcmp(value, "utc")) {
        rtc_base = RTC_BASE_UTC;
    } else if (!strcmp(value, "localtime")) {
        rtc_base = RTC_BASE_LOCALTIME;
    } else if (parse_date(value, &rtc_base_date)) {
        rtc_base = RTC_BASE_DATE;
    } else {
        qc_error_set(error,
                     "invalid base '%s': expected utc, localtime or a date such as "
                     "2006-06-17T16:01:21 or 2006-06-17",
                     value);
        return false;
    }
    return true;
}

static bool configure_clock(const char *value, GError **error)
{
    if (!strcmp(value, "vm")) {
        return true;
    }
    if (!strcmp(value, "host") || !strcmp(value, "rt")) {
        qc_error_set(error,
                     "clock=%s is not supported: the clock follows the time of the virtual "
                     "machine, which moves with it to another host; use clock=vm",
                     value);
    } else {
        qc_error_set(error, "invalid clock '%s': expected vm", value);
    }
    return false;
}

static bool configure_driftfix(const char *value, GError **error)
{
    if (!strcmp(value, "none")) {
        return true;
    }
    if (!strcmp(value, "slew")) {
        qc_error_set(error, "driftfix=slew is not supported: use driftfix=none");
    } else {
        qc_error_set(error, "invalid driftfix '%s': expected none", value);
    }
    return false;
}

bool mc146818_configure(json_t *options, GError **error)
{
    const char *key;
    json_t *json;
    json_object_foreach(options, key, json)
    {
        const char *value = json_string_value(json);
        if (!value) {
            qc_error_set(error, "parameter '%s' expects a string", key);
            return false;
        }
        if (!strcmp(key, "base")) {
            if (!configure_base(value, error)) {
                return false;
            }
        } else if (!strcmp(key, "clock")) {
            if (!configure_clock(value, error)) {
                return false;
            }
        } else if (!strcmp(key, "driftfix")) {
            if (!configure_driftfix(value, error)) {
                return false;
            }
        } else {
            qc_error_set(error, "invalid parameter '%s': expected base, clock or driftfix", key);
            return false;
        }
    }
    return true;
}

void rtc_options_start(int64_t *seconds, uint32_t *nanoseconds)
{
    int64_t host_ns = clock_get_ns(CLOCK_TYPE_HOST);
    time_t now = host_ns / NANOSECONDS_PER_SECOND;
    struct tm local;
    *seconds = now;
    *nanoseconds = host_ns % NANOSECONDS_PER_SECOND;
    if (rtc_base == RTC_BASE_DATE) {
        *seconds = rtc_base_date;
        *nanoseconds = 0;
    } else if (rtc_base == RTC_BASE_LOCALTIME && localtime_r(&now, &local)) {
        *seconds += local.tm_gmtoff;
    }
}
