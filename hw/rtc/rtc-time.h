/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Calendar of the real time clock: its registers, seconds and alarms. No device state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Time registers (MC146818 data sheet, figure 11) and the century byte of PCs (ACPI FADT). */
#define RTC_SECONDS       0x00
#define RTC_SECONDS_ALARM 0x01
#define RTC_MINUTES       0x02
#define RTC_MINUTES_ALARM 0x03
#define RTC_HOURS         0x04
#define RTC_HOURS_ALARM   0x05
#define RTC_DAY_OF_WEEK   0x06
#define RTC_DAY_OF_MONTH  0x07
#define RTC_MONTH         0x08
#define RTC_YEAR          0x09
#define RTC_CENTURY       0x32

/* Bits of register B that say how times are written. */
#define RTC_B_24_HOURS 0x02
#define RTC_B_BINARY   0x04

/* Seconds since 1970, as the registers can hold them, lie well within +- this. */
#define RTC_SECONDS_LIMIT (INT64_C(1) << 40)

/* Fill the time registers of @cmos for @seconds since 1970. */
void rtc_time_to_registers(uint8_t *cmos, uint8_t register_b, int64_t seconds);

/* The seconds since 1970 that the time registers hold; values out of range carry over. */
int64_t rtc_time_from_registers(const uint8_t *cmos, uint8_t register_b);

/*
 * The first second after @after at which the alarm registers match. False when they never do.
 */
bool rtc_next_alarm(const uint8_t *cmos, uint8_t register_b, int64_t after, int64_t *seconds);
