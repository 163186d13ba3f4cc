/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The real time clock with CMOS memory of a PC (Motorola MC146818 data sheet).
 *
 * Nothing ticks: time, flags and edges of the divider chain follow from the virtual clock, and a
 * timer is pending only while an interrupt that is enabled can come. The day of the week is the
 * date's; daylight saving (DSE) is left to the guest.
 */
#include "hw/rtc/mc146818.h"

#include <string.h>

#include "hw/rtc/rtc-options.h"
#include "hw/rtc/rtc-time.h"
#include "hw/timer/period.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "trace-hw-rtc.h"
#include "util/report.h"
#include "util/timer.h"

#define RTC_BASE      0x70
#define RTC_PORTS     2
#define RTC_CMOS_SIZE 128

#define RTC_A 0x0a
#define RTC_B 0x0b
#define RTC_C 0x0c
#define RTC_D 0x0d

#define A_UPDATE_IN_PROGRESS 0x80
#define A_DIVIDER            0x70
#define A_DIVIDER_32K        0x20 /* the only setting with which the clock of a PC runs */
#define A_RATE               0x0f
#define A_RESET              0x26

#define B_SET                0x80
#define B_PERIODIC_ENABLE    0x40
#define B_ALARM_ENABLE       0x20
#define B_UPDATE_ENABLE      0x10
#define B_SQUARE_WAVE_ENABLE 0x08
#define B_ENABLES            (B_PERIODIC_ENABLE | B_ALARM_ENABLE | B_UPDATE_ENABLE)

#define C_INTERRUPT 0x80
#define C_PERIODIC  0x40 /* the flags have the places of their enables in B */
#define C_ALARM     0x20
#define C_UPDATE    0x10

#define D_VALID_RAM_AND_TIME 0x80

#define RTC_OSCILLATOR_HZ   32768
#define RTC_UPDATE_LEAD_NS  244000    /* UIP rises this long before the update */
#define RTC_DIVIDER_HALF_NS 500000000 /* first update after the divider was released */

/* CMOS bytes of PC firmware; sizes are little endian. */
#define CMOS_BASE_MEMORY 0x15 /* KiB */
#define CMOS_EXTENDED    0x17 /* KiB above 1 MiB */
#define CMOS_EXTENDED2   0x30 /* the same */
#define CMOS_ABOVE_16M   0x34 /* 64 KiB above 16 MiB */
#define CMOS_ABOVE_4G    0x5b /* 64 KiB above 4 GiB, three bytes */

#define BASE_MEMORY_KIB 640

typedef struct RTC {
    Device parent;
    IRQ *output;
    MemoryRegion region;
    uint8_t index;
    /* Registers and memory. While the clock runs, the time registers follow from the clock. */
    uint8_t cmos[RTC_CMOS_SIZE];
    /* Seconds since 1970 are offset + (virtual clock + phase) / 1 s. */
    int64_t offset_s;
    uint32_t phase_ns;  /* less than a second */
    int64_t settled_ns; /* flags in C are right for this virtual time */
    Timer *timer;
} RTC;

typedef DeviceClass RTCClass;

#define RTC(o) (G_TYPE_CHECK_INSTANCE_CAST((o), mc146818_get_type(), RTC))

OBJECT_DEFINE_TYPE(RTC, RTCClass, mc146818, TYPE_MC146818, TYPE_DEVICE);

/* ---- time ---- */

static bool rtc_divider_runs(const RTC *rtc)
{
    return (rtc->cmos[RTC_A] & A_DIVIDER) == A_DIVIDER_32K;
}

/* Is the time counted on? */
static bool rtc_runs(const RTC *rtc)
{
    return rtc_divider_runs(rtc) && !(rtc->cmos[RTC_B] & B_SET);
}

static int64_t rtc_seconds(const RTC *rtc, int64_t now)
{
    return rtc->offset_s + (now + rtc->phase_ns) / NANOSECONDS_PER_SECOND;
}

static int64_t rtc_nanoseconds(const RTC *rtc, int64_t now)
{
    return (now + rtc->phase_ns) % NANOSECONDS_PER_SECOND;
}

/* The virtual time at which @seconds begin. */
static int64_t rtc_virtual_ns(const RTC *rtc, int64_t seconds)
{
    return (seconds - rtc->offset_s) * NANOSECONDS_PER_SECOND - rtc->phase_ns;
}

static void rtc_time_to_cmos(RTC *rtc, int64_t now)
{
    rtc_time_to_registers(rtc->cmos, rtc->cmos[RTC_B], rtc_seconds(rtc, now));
}

static void rtc_time_from_cmos(RTC *rtc, int64_t now)
{
    int64_t seconds = rtc_time_from_registers(rtc->cmos, rtc->cmos[RTC_B]);
    rtc->offset_s = seconds - (now + rtc->phase_ns) / NANOSECONDS_PER_SECOND;
}

static bool rtc_is_time_register(unsigned index)
{
    return index == RTC_CENTURY || index == RTC_SECONDS || index == RTC_MINUTES ||
           index == RTC_HOURS || (index >= RTC_DAY_OF_WEEK && index <= RTC_YEAR);
}

/* ---- flags and interrupts ---- */

/* Oscillator ticks between two periodic interrupts, 0: none (data sheet, table 5). */
static uint32_t rtc_periodic_ticks(const RTC *rtc)
{
    unsigned rate = rtc->cmos[RTC_A] & A_RATE;
    if (rate == 0 || !rtc_divider_runs(rtc)) {
        return 0;
    }
    return rate < 3 ? 1u << (rate + 6) : 1u << (rate - 1);
}

static uint64_t rtc_oscillator(const RTC *rtc, int64_t now)
{
    unsigned __int128 ns = (unsigned __int128)now + rtc->phase_ns;
    return ns * RTC_OSCILLATOR_HZ / NANOSECONDS_PER_SECOND;
}

/* Bring the flags up to @now. */
static void rtc_settle(RTC *rtc, int64_t now)
{
    int64_t before = rtc->settled_ns;
    uint32_t period = rtc_periodic_ticks(rtc);
    int64_t alarm;
    if (now <= before) {
        return;
    }
    rtc->settled_ns = now;
    if (period && rtc_oscillator(rtc, now) / period != rtc_oscillator(rtc, before) / period) {
        rtc->cmos[RTC_C] |= C_PERIODIC;
    }
    if (!rtc_runs(rtc) || rtc_seconds(rtc, now) == rtc_seconds(rtc, before)) {
        return;
    }
    rtc->cmos[RTC_C] |= C_UPDATE;
    if (rtc_next_alarm(rtc->cmos, rtc->cmos[RTC_B], rtc_seconds(rtc, before), &alarm) &&
        alarm <= rtc_seconds(rtc, now)) {
        rtc->cmos[RTC_C] |= C_ALARM;
    }
}

/* Enabled interrupts whose flag is not set yet: those that are worth waiting for. */
static uint8_t rtc_awaited(const RTC *rtc)
{
    return rtc->cmos[RTC_B] & ~rtc->cmos[RTC_C] & B_ENABLES;
}

static int64_t rtc_next_periodic_ns(const RTC *rtc, int64_t now)
{
    uint32_t period = rtc_periodic_ticks(rtc);
    uint64_t ticks = (rtc_oscillator(rtc, now) / period + 1) * period;
    unsigned __int128 scaled = (unsigned __int128)ticks * NANOSECONDS_PER_SECOND;
    return (int64_t)((scaled + RTC_OSCILLATOR_HZ - 1) / RTC_OSCILLATOR_HZ) - rtc->phase_ns;
}

static void rtc_schedule(RTC *rtc, int64_t now)
{
    uint8_t awaited = rtc_awaited(rtc);
    int64_t expire = INT64_MAX;
    int64_t alarm;
    if ((awaited & B_PERIODIC_ENABLE) && rtc_periodic_ticks(rtc)) {
        expire = rtc_next_periodic_ns(rtc, now);
    }
    if ((awaited & B_UPDATE_ENABLE) && rtc_runs(rtc)) {
        expire = MIN(expire, rtc_virtual_ns(rtc, rtc_seconds(rtc, now) + 1));
    }
    if ((awaited & B_ALARM_ENABLE) && rtc_runs(rtc) &&
        rtc_next_alarm(rtc->cmos, rtc->cmos[RTC_B], rtc_seconds(rtc, now), &alarm)) {
        expire = MIN(expire, rtc_virtual_ns(rtc, alarm));
    }
    if (expire == INT64_MAX) {
        timer_del(rtc->timer);
    } else {
        timer_mod_ns(rtc->timer, expire);
    }
}

static void rtc_update_interrupt(RTC *rtc)
{
    bool raised = rtc->cmos[RTC_B] & rtc->cmos[RTC_C] & B_ENABLES;
    if (raised) {
        rtc->cmos[RTC_C] |= C_INTERRUPT;
    } else {
        rtc->cmos[RTC_C] &= ~C_INTERRUPT;
    }
    irq_set(rtc->output, raised);
}

static void rtc_timer(void *opaque)
{
    RTC *rtc = opaque;
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    rtc_settle(rtc, now);
    trace_rtc_interrupt(rtc->cmos[RTC_C]);
    rtc_update_interrupt(rtc);
    rtc_schedule(rtc, now);
}

/* ---- registers ---- */

/* Registers A and B say whether the clock runs: freeze the time in its registers, or go on. */
static void rtc_write_control(RTC *rtc, unsigned index, uint8_t value, int64_t now)
{
    bool ran = rtc_runs(rtc);
    bool divided = rtc_divider_runs(rtc);
    if (ran) {
        rtc_time_to_cmos(rtc, now);
    }
    rtc->cmos[index] = value;
    if (!divided && rtc_divider_runs(rtc)) {
        int64_t position = now % NANOSECONDS_PER_SECOND;
        int64_t phase = RTC_DIVIDER_HALF_NS + NANOSECONDS_PER_SECOND - position;
        rtc->phase_ns = phase % NANOSECONDS_PER_SECOND;
    }
    if (ran) {
        /* The format may have changed: the time has not. */
        rtc_time_to_cmos(rtc, now);
    } else if (rtc_runs(rtc)) {
        rtc_time_from_cmos(rtc, now);
    }
}

static void rtc_write_register(RTC *rtc, unsigned index, uint8_t value, int64_t now)
{
    switch (index) {
    case RTC_A:
        rtc_write_control(rtc, index, value & ~A_UPDATE_IN_PROGRESS, now);
        return;
    case RTC_B:
        rtc_write_control(rtc, index, value & B_SET ? value & ~B_UPDATE_ENABLE : value, now);
        return;
    case RTC_C:
    case RTC_D:
        return; /* read-only */
    }
    if (rtc_is_time_register(index) && rtc_runs(rtc)) {
        rtc_time_to_cmos(rtc, now);
        rtc->cmos[index] = value;
        rtc_time_from_cmos(rtc, now);
        return;
    }
    rtc->cmos[index] = value;
}

static void rtc_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    RTC *rtc = opaque;
    if (address == 0) {
        rtc->index = value & (RTC_CMOS_SIZE - 1); /* bit 7 masks NMI, which nothing here raises */
        return;
    }
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    trace_rtc_write(rtc->index, (unsigned)value);
    rtc_settle(rtc, now);
    rtc_write_register(rtc, rtc->index, value, now);
    rtc_update_interrupt(rtc);
    rtc_schedule(rtc, now);
}

static uint8_t rtc_read_a(const RTC *rtc, int64_t now)
{
    int64_t left = NANOSECONDS_PER_SECOND - rtc_nanoseconds(rtc, now);
    bool updating = rtc_runs(rtc) && left <= RTC_UPDATE_LEAD_NS;
    return rtc->cmos[RTC_A] | (updating ? A_UPDATE_IN_PROGRESS : 0);
}

static uint8_t rtc_read_c(RTC *rtc, int64_t now)
{
    rtc_settle(rtc, now);
    rtc_update_interrupt(rtc);
    uint8_t value = rtc->cmos[RTC_C];
    rtc->cmos[RTC_C] = 0;
    rtc_update_interrupt(rtc);
    rtc_schedule(rtc, now);
    return value;
}

static uint8_t rtc_read_register(RTC *rtc, unsigned index, int64_t now)
{
    switch (index) {
    case RTC_A:
        return rtc_read_a(rtc, now);
    case RTC_C:
        return rtc_read_c(rtc, now);
    case RTC_D:
        return D_VALID_RAM_AND_TIME;
    }
    if (rtc_is_time_register(index) && rtc_runs(rtc)) {
        rtc_time_to_cmos(rtc, now);
    }
    return rtc->cmos[index];
}

static uint64_t rtc_read(void *opaque, hwaddr address, unsigned size)
{
    RTC *rtc = opaque;
    if (address == 0) {
        return 0xff; /* write-only */
    }
    uint8_t value = rtc_read_register(rtc, rtc->index, clock_get_ns(CLOCK_TYPE_VIRTUAL));
    trace_rtc_read(rtc->index, value);
    return value;
}

static const MemoryRegionOps rtc_ops = {
    .read = rtc_read,
    .write = rtc_write,
    .access_max = 1,
};

/* ---- the device ---- */

/* RESET# leaves time and memory alone (data sheet, "RESET"). */
static void rtc_reset(Device *device)
{
    RTC *rtc = RTC(device);
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    rtc_settle(rtc, now);
    rtc->cmos[RTC_B] &= ~(B_ENABLES | B_SQUARE_WAVE_ENABLE);
    rtc->cmos[RTC_C] = 0;
    rtc->index = 0;
    rtc_update_interrupt(rtc);
    rtc_schedule(rtc, now);
}

static bool rtc_realize(Device *device, GError **error)
{
    RTC *rtc = RTC(device);
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    int64_t seconds;
    uint32_t nanoseconds;
    rtc_options_start(&seconds, &nanoseconds);
    rtc->phase_ns = (nanoseconds + NANOSECONDS_PER_SECOND - now % NANOSECONDS_PER_SECOND) %
                    NANOSECONDS_PER_SECOND;
    rtc->offset_s = seconds - (now + rtc->phase_ns) / NANOSECONDS_PER_SECOND;
    rtc->settled_ns = now;
    rtc->cmos[RTC_A] = A_RESET;
    rtc->cmos[RTC_B] = RTC_B_24_HOURS;
    memory_region_init_io(&rtc->region, "rtc", &rtc_ops, rtc, RTC_PORTS);
    address_space_map(address_space_io(), RTC_BASE, &rtc->region, 0);
    return true;
}

static bool rtc_post_load(void *opaque, int version, GError **error)
{
    RTC *rtc = opaque;
    if (rtc->index >= RTC_CMOS_SIZE || rtc->phase_ns >= NANOSECONDS_PER_SECOND ||
        !period_time_is_valid(rtc->settled_ns)) {
        qc_error_set(error,
                     TYPE_MC146818 ": index 0x%x, phase_ns %u or settled_ns %" G_GINT64_FORMAT
                                   " is out of range",
                     rtc->index, rtc->phase_ns, rtc->settled_ns);
        return false;
    }
    if (rtc->offset_s < -RTC_SECONDS_LIMIT || rtc->offset_s > RTC_SECONDS_LIMIT) {
        qc_error_set(error, TYPE_MC146818 ": offset_s %" G_GINT64_FORMAT " is no date of the clock",
                     rtc->offset_s);
        return false;
    }
    return true;
}

static const VMStateDescription rtc_vmstate = {
    .name = "mc146818rtc",
    .version = 1,
    .minimum_version = 1,
    .post_load = rtc_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT8(index, RTC),
            VMSTATE_BUFFER(cmos, RTC),
            VMSTATE_INT64(offset_s, RTC),
            VMSTATE_UINT32(phase_ns, RTC),
            VMSTATE_INT64(settled_ns, RTC),
            VMSTATE_TIMER_PTR(timer, RTC),
            VMSTATE_END,
        },
};

static void mc146818_init(RTC *rtc)
{
    device_init_gpio_out(&rtc->parent, NULL, &rtc->output, 1);
    rtc->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, rtc_timer, rtc);
}

static void mc146818_class_init(RTCClass *klass)
{
    klass->description = "real time clock and CMOS memory";
    klass->category = "Misc";
    klass->bus_type = "ISA";
    klass->realize = rtc_realize;
    klass->reset = rtc_reset;
    klass->vmsd = &rtc_vmstate;
}

Device *mc146818_create(Bus *isa_bus, IRQ *irq)
{
    Device *device = device_new(TYPE_MC146818);
    device_connect_gpio_out(device, NULL, 0, irq);
    device_realize_named_or_exit(device, isa_bus, "rtc");
    return device;
}

/* ---- contents of the memory ---- */

void mc146818_set_cmos(Device *device, uint8_t index, uint8_t value)
{
    g_assert(index > RTC_D && index < RTC_CMOS_SIZE && index != RTC_CENTURY);
    RTC(device)->cmos[index] = value;
}

uint8_t mc146818_get_cmos(Device *device, uint8_t index)
{
    g_assert(index > RTC_D && index < RTC_CMOS_SIZE && index != RTC_CENTURY);
    return RTC(device)->cmos[index];
}

static void rtc_set_cmos16(Device *device, uint8_t index, uint16_t value)
{
    mc146818_set_cmos(device, index, value);
    mc146818_set_cmos(device, index + 1, value >> 8);
}

void mc146818_set_memory_size(Device *device, uint64_t below_4g, uint64_t above_4g)
{
    const uint64_t mib = 1024 * 1024;
    uint64_t above_1m = below_4g > mib ? below_4g - mib : 0;
    uint64_t above_16m = below_4g > 16 * mib ? below_4g - 16 * mib : 0;
    rtc_set_cmos16(device, CMOS_BASE_MEMORY, MIN(below_4g / 1024, BASE_MEMORY_KIB));
    rtc_set_cmos16(device, CMOS_EXTENDED, MIN(above_1m / 1024, UINT16_MAX));
    rtc_set_cmos16(device, CMOS_EXTENDED2, MIN(above_1m / 1024, UINT16_MAX));
    rtc_set_cmos16(device, CMOS_ABOVE_16M, MIN(above_16m / 65536, UINT16_MAX));
    rtc_set_cmos16(device, CMOS_ABOVE_4G, above_4g / 65536);
    mc146818_set_cmos(device, CMOS_ABOVE_4G + 2, above_4g / 65536 >> 16);
}
