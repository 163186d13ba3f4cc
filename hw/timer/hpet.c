/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * High precision event timers (IA-PC HPET specification 1.0a) with a 64-bit main counter of
 * 100 MHz. Comparators are 64 bits wide, can be set to 32, are all periodic-capable and, with
 * the property msi, can send messages.
 *
 * The counter is not kept but follows from the virtual time at which it was enabled. A timer whose
 * interrupt is off sets no clock going; its matches happen when somebody looks.
 */
#include "hw/timer/hpet.h"

#include "hw/intc/apic.h"
#include "hw/timer/period.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "trace-hw-timer.h"
#include "util/report.h"
#include "util/timer.h"

#define HPET_SIZE           0x400
#define HPET_MINIMUM_TIMERS 3
#define HPET_MAXIMUM_TIMERS 32
#define HPET_TICK_NS        (HPET_PERIOD_FS / 1000000)
#define HPET_DEFAULT_ROUTES 0x4 /* GSI 2 */

/* Registers (section 2.3) */
#define HPET_ID         0x000
#define HPET_CONFIG     0x010
#define HPET_STATUS     0x020
#define HPET_COUNTER    0x0f0
#define HPET_TIMERS     0x100
#define HPET_TIMER_SIZE 0x20
/* in each timer's block */
#define TIMER_CONFIG     0x00
#define TIMER_COMPARATOR 0x08
#define TIMER_FSB_ROUTE  0x10

#define ID_REVISION       0x01u
#define ID_TIMERS_SHIFT   8
#define ID_COUNTER_64     (1u << 13)
#define ID_LEGACY_CAPABLE (1u << 15)
#define ID_VENDOR         (0x8086u << 16)

#define CONFIG_ENABLE 0x1u
#define CONFIG_LEGACY 0x2u

#define TN_LEVEL           (UINT64_C(1) << 1)
#define TN_ENABLE          (UINT64_C(1) << 2)
#define TN_PERIODIC        (UINT64_C(1) << 3)
#define TN_PERIODIC_CAP    (UINT64_C(1) << 4)
#define TN_SIZE_CAP        (UINT64_C(1) << 5)
#define TN_SET_VALUE       (UINT64_C(1) << 6)
#define TN_32_BIT          (UINT64_C(1) << 8)
#define TN_ROUTE_SHIFT     9
#define TN_ROUTE           (UINT64_C(0x1f) << TN_ROUTE_SHIFT)
#define TN_FSB             (UINT64_C(1) << 14)
#define TN_FSB_CAP         (UINT64_C(1) << 15)
#define TN_ROUTE_CAP_SHIFT 32
#define TN_WRITABLE \
    (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET_VALUE | TN_32_BIT | TN_ROUTE | TN_FSB)

#define LEGACY_GSI_PIT 0
#define LEGACY_GSI_RTC 8
#define LEGACY_INPUTS  2

typedef struct HPET HPET;

typedef struct HPETTimer {
    HPET *hpet;
    uint8_t number;
    uint64_t config;     /* TN_WRITABLE bits only */
    uint64_t comparator; /* what the counter is compared with */
    uint64_t period;     /* last value written: added at each match in periodic mode */
    uint64_t fsb_route;  /* address << 32 | data */
    int64_t match_ns;    /* virtual time of the next match, -1: never */
    Timer *timer;        /* pending for that if the interrupt is on */
} HPETTimer;

struct HPET {
    Device parent;
    /* Configuration. */
    uint8_t timer_count_property;
    uint32_t timer_count; /* the same, as it is migrated */
    uint32_t routes;      /* bit n: a timer may use GSI n */
    bool msi;
    MemoryRegion region;
    IRQ *outputs[GSI_COUNT];
    /* State. */
    uint64_t config;
    uint64_t status;       /* bit n: the level triggered interrupt of timer n is asserted */
    uint64_t counter_base; /* the counter at start_ns, or where it stands still */
    int64_t start_ns;
    uint8_t legacy_levels; /* of the inputs */
    HPETTimer timers[HPET_MAXIMUM_TIMERS];
};

typedef DeviceClass HPETClass;

#define HPET(o) (G_TYPE_CHECK_INSTANCE_CAST((o), hpet_get_type(), HPET))

OBJECT_DEFINE_TYPE(HPET, HPETClass, hpet, TYPE_HPET, TYPE_DEVICE);

/* ---- counter ---- */

static bool hpet_runs(const HPET *hpet)
{
    return hpet->config & CONFIG_ENABLE;
}

static bool hpet_is_legacy(const HPET *hpet)
{
    return hpet->config & CONFIG_LEGACY;
}

static uint64_t hpet_counter(const HPET *hpet, int64_t now)
{
    if (!hpet_runs(hpet) || now < hpet->start_ns) {
        return hpet->counter_base;
    }
    return hpet->counter_base + (uint64_t)(now - hpet->start_ns) / HPET_TICK_NS;
}

static uint64_t hpet_timer_mask(const HPETTimer *timer)
{
    return timer->config & TN_32_BIT ? UINT32_MAX : UINT64_MAX;
}

static bool hpet_timer_is_periodic(const HPETTimer *timer)
{
    return timer->config & TN_PERIODIC;
}

/* ---- interrupts ---- */

static IRQ *hpet_timer_output(const HPETTimer *timer)
{
    const HPET *hpet = timer->hpet;
    unsigned route = (timer->config & TN_ROUTE) >> TN_ROUTE_SHIFT;
    if (hpet_is_legacy(hpet) && timer->number < LEGACY_INPUTS) {
        return hpet->outputs[timer->number == 0 ? LEGACY_GSI_PIT : LEGACY_GSI_RTC];
    }
    return route < GSI_COUNT && (hpet->routes >> route & 1) ? hpet->outputs[route] : NULL;
}

static bool hpet_timer_uses_fsb(const HPETTimer *timer)
{
    return timer->hpet->msi && (timer->config & TN_FSB);
}

/* Drive the line of a level triggered timer as its status bit says. */
static void hpet_timer_drive(HPETTimer *timer)
{
    bool asserted = timer->hpet->status >> timer->number & 1;
    if (!hpet_timer_uses_fsb(timer)) {
        irq_set(hpet_timer_output(timer), asserted && (timer->config & TN_ENABLE));
    }
}

static void hpet_timer_interrupt(HPETTimer *timer)
{
    trace_hpet_timer_interrupt(timer->number, timer->config);
    if (timer->config & TN_LEVEL) {
        timer->hpet->status |= UINT64_C(1) << timer->number;
    }
    if (!(timer->config & TN_ENABLE)) {
        return;
    }
    if (hpet_timer_uses_fsb(timer)) {
        apic_send_msi(timer->fsb_route >> 32, timer->fsb_route);
    } else if (timer->config & TN_LEVEL) {
        hpet_timer_drive(timer);
    } else {
        irq_pulse(hpet_timer_output(timer));
    }
}

/* ---- comparators ---- */

/* Ticks until the counter matches, at least 1. */
static uint64_t hpet_timer_distance(const HPETTimer *timer, uint64_t counter)
{
    uint64_t mask = hpet_timer_mask(timer);
    uint64_t distance = (timer->comparator - counter) & mask;
    if (distance == 0) {
        distance = mask == UINT64_MAX ? UINT64_MAX : mask + 1;
    }
    return distance;
}

static void hpet_timer_set_match(HPETTimer *timer, int64_t match_ns)
{
    timer->match_ns = match_ns;
    if (match_ns != -1 && (timer->config & TN_ENABLE)) {
        timer_mod_ns(timer->timer, match_ns);
    } else {
        timer_del(timer->timer);
    }
}

static void hpet_timer_arm(HPETTimer *timer, int64_t now)
{
    HPET *hpet = timer->hpet;
    if (!hpet_runs(hpet)) {
        hpet_timer_set_match(timer, -1);
        return;
    }
    uint64_t counter = hpet_counter(hpet, now);
    uint64_t distance = hpet_timer_distance(timer, counter);
    unsigned __int128 expire =
        (unsigned __int128)(counter - hpet->counter_base + distance) * HPET_TICK_NS +
        hpet->start_ns;
    bool ever = counter - hpet->counter_base + distance >= distance && expire <= INT64_MAX;
    hpet_timer_set_match(timer, ever ? (int64_t)expire : -1);
}

/* Move a periodic comparator beyond @now; periods too short for the main loop are merged. */
static void hpet_timer_advance(HPETTimer *timer, int64_t now)
{
    uint64_t mask = hpet_timer_mask(timer);
    uint64_t period = timer->period & mask;
    if (!hpet_timer_is_periodic(timer) || period == 0) {
        return;
    }
    if (period <= INT64_MAX / HPET_TICK_NS) {
        period = period_merged_ns(period * HPET_TICK_NS) / HPET_TICK_NS;
    }
    uint64_t behind = (uint64_t)(now - timer->match_ns) / HPET_TICK_NS;
    timer->comparator = (timer->comparator + (behind / period + 1) * period) & mask;
}

static void hpet_timer_match(void *opaque)
{
    HPETTimer *timer = opaque;
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    hpet_timer_advance(timer, now);
    hpet_timer_interrupt(timer);
    hpet_timer_arm(timer, now);
}

/* Let a match that is due happen before the registers change. */
static void hpet_catch_up(HPET *hpet, int64_t now)
{
    for (unsigned number = 0; number < hpet->timer_count; number++) {
        HPETTimer *timer = &hpet->timers[number];
        if (timer->match_ns != -1 && timer->match_ns <= now) {
            hpet_timer_match(timer);
        }
    }
}

/* ---- legacy replacement ---- */

/* Pass the PIT and the RTC on, or not. */
static void hpet_drive_legacy(HPET *hpet)
{
    bool pass = !hpet_is_legacy(hpet);
    uint8_t levels = hpet->legacy_levels;
    irq_set(hpet->outputs[LEGACY_GSI_PIT], pass && (levels >> HPET_INPUT_PIT & 1));
    irq_set(hpet->outputs[LEGACY_GSI_RTC], pass && (levels >> HPET_INPUT_RTC & 1));
}

static void hpet_set_legacy_input(void *opaque, int n, int level)
{
    HPET *hpet = opaque;
    uint8_t bit = 1u << n;
    hpet->legacy_levels = level ? hpet->legacy_levels | bit : hpet->legacy_levels & ~bit;
    if (!hpet_is_legacy(hpet)) {
        irq_set(hpet->outputs[n == HPET_INPUT_PIT ? LEGACY_GSI_PIT : LEGACY_GSI_RTC], level);
    }
}

/* ---- registers ---- */

uint32_t hpet_block_id(Device *device)
{
    HPET *hpet = HPET(device);
    return ID_REVISION | (hpet->timer_count - 1) << ID_TIMERS_SHIFT | ID_COUNTER_64 |
           ID_LEGACY_CAPABLE | ID_VENDOR;
}

static uint64_t hpet_timer_read(const HPETTimer *timer, unsigned offset)
{
    const HPET *hpet = timer->hpet;
    switch (offset) {
    case TIMER_CONFIG:
        return (timer->config & ~TN_SET_VALUE) | TN_PERIODIC_CAP | TN_SIZE_CAP |
               (hpet->msi ? TN_FSB_CAP : 0) | (uint64_t)hpet->routes << TN_ROUTE_CAP_SHIFT;
    case TIMER_COMPARATOR:
        return timer->comparator;
    case TIMER_FSB_ROUTE:
        return timer->fsb_route;
    }
    return 0;
}

/* The 64-bit register at @address, a multiple of 8. */
static uint64_t hpet_read_register(HPET *hpet, hwaddr address, int64_t now)
{
    switch (address) {
    case HPET_ID:
        return (uint64_t)HPET_PERIOD_FS << 32 | hpet_block_id(&hpet->parent);
    case HPET_CONFIG:
        return hpet->config;
    case HPET_STATUS:
        return hpet->status;
    case HPET_COUNTER:
        return hpet_counter(hpet, now);
    }
    unsigned number = (address - HPET_TIMERS) / HPET_TIMER_SIZE;
    if (address >= HPET_TIMERS && number < hpet->timer_count) {
        return hpet_timer_read(&hpet->timers[number], address % HPET_TIMER_SIZE);
    }
    return 0;
}

static uint64_t hpet_read(void *opaque, hwaddr address, unsigned size)
{
    HPET *hpet = opaque;
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    hpet_catch_up(hpet, now);
    uint64_t value = hpet_read_register(hpet, address & ~UINT64_C(7), now);
    value = size == 8 ? value : (uint32_t)(value >> (address & 4 ? 32 : 0));
    trace_hpet_read((unsigned)address, size, value);
    return value;
}

/* Timers 0 and 1 change places with the PIT and the RTC. */
static void hpet_switch_legacy(HPET *hpet, uint64_t config)
{
    for (unsigned number = 0; number < LEGACY_INPUTS; number++) {
        if (hpet->status >> number & 1) {
            irq_lower(hpet_timer_output(&hpet->timers[number]));
        }
    }
    hpet->config = (hpet->config & CONFIG_ENABLE) | (config & CONFIG_LEGACY);
    hpet_drive_legacy(hpet);
    for (unsigned number = 0; number < LEGACY_INPUTS; number++) {
        if (hpet->status >> number & 1) {
            hpet_timer_drive(&hpet->timers[number]);
        }
    }
}

static void hpet_write_config(HPET *hpet, uint64_t value, int64_t now)
{
    uint64_t changed = hpet->config ^ value;
    uint64_t counter = hpet_counter(hpet, now);
    if (changed & CONFIG_LEGACY) {
        hpet_switch_legacy(hpet, value);
    }
    if (changed & CONFIG_ENABLE) {
        hpet->config ^= CONFIG_ENABLE;
        hpet->counter_base = counter;
        hpet->start_ns = now;
        for (unsigned number = 0; number < hpet->timer_count; number++) {
            hpet_timer_arm(&hpet->timers[number], now);
        }
    }
}

/* Level triggered interrupts are acknowledged by writing ones. */
static void hpet_write_status(HPET *hpet, uint64_t value)
{
    uint64_t cleared = hpet->status & value;
    hpet->status &= ~value;
    for (unsigned number = 0; number < hpet->timer_count; number++) {
        if (cleared >> number & 1) {
            hpet_timer_drive(&hpet->timers[number]);
        }
    }
}

static void hpet_timer_write_config(HPETTimer *timer, uint64_t value, int64_t now)
{
    uint64_t bit = UINT64_C(1) << timer->number;
    bool was_driven = (timer->hpet->status & bit) && (timer->config & TN_ENABLE);
    if (was_driven && !hpet_timer_uses_fsb(timer)) {
        irq_lower(hpet_timer_output(timer)); /* the route may change */
    }
    timer->config = value & TN_WRITABLE;
    if (!timer->hpet->msi) {
        timer->config &= ~TN_FSB;
    }
    if (timer->config & TN_32_BIT) {
        timer->comparator = (uint32_t)timer->comparator;
        timer->period = (uint32_t)timer->period;
    }
    if (!(timer->config & TN_LEVEL)) {
        timer->hpet->status &= ~bit;
    } else {
        hpet_timer_drive(timer);
    }
    hpet_timer_arm(timer, now);
}

static void hpet_timer_write_comparator(HPETTimer *timer, uint64_t written, uint64_t bits,
                                        int64_t now)
{
    uint64_t mask = hpet_timer_mask(timer);
    timer->period = ((timer->period & ~bits) | (written & bits)) & mask;
    if (!hpet_timer_is_periodic(timer) || (timer->config & TN_SET_VALUE)) {
        timer->comparator = ((timer->comparator & ~bits) | (written & bits)) & mask;
    }
    timer->config &= ~TN_SET_VALUE;
    hpet_timer_arm(timer, now);
}

static void hpet_timer_write(HPETTimer *timer, unsigned offset, uint64_t written, uint64_t bits,
                             int64_t now)
{
    switch (offset) {
    case TIMER_CONFIG:
        hpet_timer_write_config(timer, (timer->config & ~bits) | (written & bits), now);
        break;
    case TIMER_COMPARATOR:
        hpet_timer_write_comparator(timer, written, bits, now);
        break;
    case TIMER_FSB_ROUTE:
        if (timer->hpet->msi) {
            timer->fsb_route = (timer->fsb_route & ~bits) | (written & bits);
        }
        break;
    }
}

static void hpet_write_counter(HPET *hpet, uint64_t written, uint64_t bits)
{
    if (hpet_runs(hpet)) {
        log_write(LOG_GUEST_ERRORS, "hpet: the main counter was written while it runs\n");
        return;
    }
    hpet->counter_base = (hpet->counter_base & ~bits) | (written & bits);
}

/* @bits tells which bits of the 64-bit register at @address were written. */
static void hpet_write_register(HPET *hpet, hwaddr address, uint64_t written, uint64_t bits,
                                int64_t now)
{
    switch (address) {
    case HPET_CONFIG:
        hpet_write_config(hpet, (hpet->config & ~bits) | (written & bits), now);
        return;
    case HPET_STATUS:
        hpet_write_status(hpet, written & bits);
        return;
    case HPET_COUNTER:
        hpet_write_counter(hpet, written, bits);
        return;
    }
    unsigned number = (address - HPET_TIMERS) / HPET_TIMER_SIZE;
    if (address >= HPET_TIMERS && number < hpet->timer_count) {
        hpet_timer_write(&hpet->timers[number], address % HPET_TIMER_SIZE, written, bits, now);
    }
}

static void hpet_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    HPET *hpet = opaque;
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    unsigned shift = address & 4 ? 32 : 0;
    uint64_t bits = size == 8 ? UINT64_MAX : (uint64_t)UINT32_MAX << shift;
    trace_hpet_write((unsigned)address, size, value);
    hpet_catch_up(hpet, now);
    hpet_write_register(hpet, address & ~UINT64_C(7), value << shift, bits, now);
}

static const MemoryRegionOps hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .access_min = 4,
    .access_max = 8,
};

/* ---- the device ---- */

static void hpet_reset(Device *device)
{
    HPET *hpet = HPET(device);
    hpet_write_status(hpet, UINT64_MAX);
    hpet->config = 0;
    hpet->counter_base = 0;
    hpet->start_ns = 0;
    for (unsigned number = 0; number < hpet->timer_count; number++) {
        HPETTimer *timer = &hpet->timers[number];
        timer->config = 0;
        hpet_timer_set_match(timer, -1);
        timer->comparator = UINT64_MAX;
        timer->period = 0;
        timer->fsb_route = 0;
    }
    hpet_drive_legacy(hpet);
}

static bool hpet_realize(Device *device, GError **error)
{
    HPET *hpet = HPET(device);
    if (hpet->timer_count_property < HPET_MINIMUM_TIMERS) {
        qc_error_set(error, "hpet: timers=%u, expected %u..%u", hpet->timer_count_property,
                     HPET_MINIMUM_TIMERS, HPET_MAXIMUM_TIMERS);
        return false;
    }
    if (hpet->routes == 0) {
        qc_error_set(error, "hpet: hpet-intcap=0 leaves the timers no interrupt line");
        return false;
    }
    hpet->timer_count = hpet->timer_count_property;
    memory_region_init_io(&hpet->region, "hpet", &hpet_ops, hpet, HPET_SIZE);
    address_space_map(address_space_memory(), HPET_BASE, &hpet->region, 0);
    return true;
}

static bool hpet_timer_post_load(void *opaque, int version, GError **error)
{
    HPETTimer *timer = opaque;
    if (timer->config & ~TN_WRITABLE) {
        qc_error_set(error,
                     "hpet: configuration 0x%" G_GINT64_MODIFIER
                     "x of timer %u has bits that do not exist",
                     timer->config, timer->number);
        return false;
    }
    if (timer->match_ns < -1) {
        qc_error_set(error, "hpet: timer %u matches at %" G_GINT64_FORMAT " ns", timer->number,
                     timer->match_ns);
        return false;
    }
    hpet_timer_set_match(timer, timer->match_ns);
    return true;
}

static bool hpet_post_load(void *opaque, int version, GError **error)
{
    HPET *hpet = opaque;
    if (!period_time_is_valid(hpet->start_ns) ||
        (hpet->config & ~(uint64_t)(CONFIG_ENABLE | CONFIG_LEGACY)) ||
        hpet->status >> hpet->timer_count || hpet->legacy_levels >> LEGACY_INPUTS) {
        qc_error_set(error,
                     "hpet: start_ns %" G_GINT64_FORMAT ", config 0x%" G_GINT64_MODIFIER
                     "x, status 0x%" G_GINT64_MODIFIER "x or legacy_levels 0x%x is out of "
                     "range",
                     hpet->start_ns, hpet->config, hpet->status, hpet->legacy_levels);
        return false;
    }
    return true;
}

static const VMStateDescription hpet_timer_vmstate = {
    .name = "hpet-timer",
    .version = 1,
    .minimum_version = 1,
    .post_load = hpet_timer_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT64(config, HPETTimer),
            VMSTATE_UINT64(comparator, HPETTimer),
            VMSTATE_UINT64(period, HPETTimer),
            VMSTATE_UINT64(fsb_route, HPETTimer),
            VMSTATE_INT64(match_ns, HPETTimer),
            VMSTATE_END,
        },
};

static const VMStateDescription hpet_vmstate = {
    .name = "hpet",
    .version = 1,
    .minimum_version = 1,
    .post_load = hpet_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(timer_count, HPET),
            VMSTATE_UINT32_EQUAL(routes, HPET),
            VMSTATE_UINT64(config, HPET),
            VMSTATE_UINT64(status, HPET),
            VMSTATE_UINT64(counter_base, HPET),
            VMSTATE_INT64(start_ns, HPET),
            VMSTATE_UINT8(legacy_levels, HPET),
            VMSTATE_STRUCT_VARRAY(timers, HPET, timer_count, hpet_timer_vmstate, HPETTimer),
            VMSTATE_END,
        },
};

static const DeviceProperty hpet_properties[] = {
    { "timers", "number of comparators", DEVICE_PROPERTY_UINT8,
      offsetof(HPET, timer_count_property), HPET_MINIMUM_TIMERS, HPET_MAXIMUM_TIMERS },
    { "hpet-intcap", "bit n: comparators may use interrupt line n", DEVICE_PROPERTY_UINT32,
      offsetof(HPET, routes), HPET_DEFAULT_ROUTES },
    { "msi", "comparators can send message signalled interrupts", DEVICE_PROPERTY_BOOL,
      offsetof(HPET, msi) },
};

static void hpet_init(HPET *hpet)
{
    device_init_gpio_in(&hpet->parent, "legacy", hpet_set_legacy_input, LEGACY_INPUTS);
    device_init_gpio_out(&hpet->parent, NULL, hpet->outputs, GSI_COUNT);
    for (unsigned number = 0; number < HPET_MAXIMUM_TIMERS; number++) {
        HPETTimer *timer = &hpet->timers[number];
        timer->hpet = hpet;
        timer->number = number;
        timer->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, hpet_timer_match, timer);
    }
}

static void hpet_class_init(HPETClass *klass)
{
    klass->description = "high precision event timers";
    klass->category = "Misc";
    klass->realize = hpet_realize;
    klass->reset = hpet_reset;
    klass->vmsd = &hpet_vmstate;
    device_class_set_properties(klass, hpet_properties, G_N_ELEMENTS(hpet_properties));
}

Device *hpet_create(GSIRouter *router)
{
    Device *device = device_new(TYPE_HPET);
    for (unsigned gsi = 0; gsi < GSI_COUNT; gsi++) {
        device_connect_gpio_out(device, NULL, gsi, gsi_router_line(router, gsi));
    }
    device_realize_named_or_exit(device, NULL, "hpet");
    return device;
}
