/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The 8254 programmable interval timer (Intel 8254 data sheet). Counts and outputs are not kept
 * but follow from the virtual time at which a counter was started.
 *
 * Output 0 drives an edge triggered interrupt, so of its edges only the rising ones are
 * scheduled; the low part before each is told together with it. A new count in mode 3 is taken
 * over at the end of the period rather than of the half period.
 */
#include "hw/timer/i8254.h"

#include "hw/timer/period.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "trace-hw-timer.h"
#include "util/report.h"
#include "util/timer.h"

#define PIT_BASE     0x40
#define PIT_PORTS    4
#define PIT_CONTROL  3
#define PIT_COUNTERS 3

#define PIT_COUNTER_IRQ     0
#define PIT_COUNTER_SPEAKER 2

/* Control word */
#define CONTROL_BCD          0x01
#define CONTROL_MODE_SHIFT   1
#define CONTROL_ACCESS_SHIFT 4
#define CONTROL_SELECT_SHIFT 6
#define SELECT_READ_BACK     3
#define READ_BACK_NO_COUNT   0x20
#define READ_BACK_NO_STATUS  0x10

#define STATUS_OUT        0x80
#define STATUS_NULL_COUNT 0x40

#define PIT_MAXIMUM_COUNT 65536u
#define PIT_BCD_COUNT     10000u

/* Modes by their names in the data sheet. */
typedef enum PITMode {
    PIT_INTERRUPT_ON_TERMINAL_COUNT,
    PIT_ONE_SHOT, /* triggered by the gate */
    PIT_RATE_GENERATOR,
    PIT_SQUARE_WAVE,
    PIT_SOFTWARE_STROBE,
    PIT_HARDWARE_STROBE, /* triggered by the gate */
} PITMode;

/* Which bytes of a count are read and written. */
typedef enum PITAccess {
    PIT_ACCESS_LATCH, /* not an access but a command */
    PIT_ACCESS_LOW,
    PIT_ACCESS_HIGH,
    PIT_ACCESS_BOTH,
} PITAccess;

typedef enum PITPhase {
    PIT_IDLE, /* waits for a count or a trigger */
    PIT_COUNTING,
    PIT_PAUSED, /* by the gate */
} PITPhase;

typedef struct PITCounter {
    uint8_t mode;   /* PITMode */
    uint8_t access; /* PITAccess */
    uint8_t phase;  /* PITPhase */
    bool bcd;
    bool gate;
    uint32_t count;      /* what it counts down from, 1..65536; 0: none yet */
    uint32_t next_count; /* written, but not taken over yet; 0: none */
    int64_t start_ns;    /* when counting: virtual time at which the counter held `count` */
    int64_t elapsed_ns;  /* when paused: how long it had counted */
    int64_t switch_ns;   /* modes 2 and 3: when next_count is taken over */
    uint8_t low_byte;    /* first half of a write of both bytes */
    bool write_high_next;
    bool read_high_next;
    uint16_t latched_count;
    bool count_latched;
    uint8_t latched_status;
    bool status_latched;
} PITCounter;

typedef struct PIT {
    Device parent;
    IRQ *output;
    MemoryRegion region;
    PITCounter counters[PIT_COUNTERS];
    Timer *timer; /* next rising edge of output 0 */
} PIT;

typedef DeviceClass PITClass;

#define PIT(o) (G_TYPE_CHECK_INSTANCE_CAST((o), i8254_get_type(), PIT))

OBJECT_DEFINE_TYPE(PIT, PITClass, i8254, TYPE_I8254, TYPE_DEVICE);

/* ---- time ---- */

static uint64_t pit_ns_to_ticks(int64_t ns)
{
    return (unsigned __int128)MAX(ns, 0) * I8254_HZ / NANOSECONDS_PER_SECOND;
}

/* The first nanosecond at which @ticks are over. */
static int64_t pit_ticks_to_ns(uint64_t ticks)
{
    unsigned __int128 scaled = (unsigned __int128)ticks * NANOSECONDS_PER_SECOND;
    return (scaled + I8254_HZ - 1) / I8254_HZ;
}

static bool pit_is_periodic(const PITCounter *counter)
{
    return counter->mode == PIT_RATE_GENERATOR || counter->mode == PIT_SQUARE_WAVE;
}

static bool pit_is_triggered(const PITCounter *counter)
{
    return counter->mode == PIT_ONE_SHOT || counter->mode == PIT_HARDWARE_STROBE;
}

/* Clock pulses since the counter held its count. */
static uint64_t pit_ticks(const PITCounter *counter, int64_t now)
{
    switch (counter->phase) {
    case PIT_COUNTING:
        return pit_ns_to_ticks(now > counter->start_ns ? now - counter->start_ns : 0);
    case PIT_PAUSED:
        return pit_ns_to_ticks(counter->elapsed_ns);
    default:
        return 0;
    }
}

/* Take over a new count whose time has come. */
static void pit_settle(PITCounter *counter, int64_t now)
{
    if (counter->next_count && pit_is_periodic(counter) && counter->phase == PIT_COUNTING &&
        now >= counter->switch_ns) {
        counter->count = counter->next_count;
        counter->next_count = 0;
        counter->start_ns = counter->switch_ns;
    }
}

static bool pit_out(const PITCounter *counter, int64_t now)
{
    uint64_t ticks = pit_ticks(counter, now);
    if (counter->phase == PIT_IDLE) {
        return counter->mode != PIT_INTERRUPT_ON_TERMINAL_COUNT;
    }
    switch ((PITMode)counter->mode) {
    case PIT_INTERRUPT_ON_TERMINAL_COUNT:
    case PIT_ONE_SHOT:
        return ticks >= counter->count;
    case PIT_RATE_GENERATOR:
        return counter->phase == PIT_PAUSED || ticks % counter->count != counter->count - 1;
    case PIT_SQUARE_WAVE:
        return counter->phase == PIT_PAUSED || ticks % counter->count < (counter->count + 1) / 2;
    case PIT_SOFTWARE_STROBE:
    case PIT_HARDWARE_STROBE:
        return ticks != counter->count;
    }
    return true;
}

static uint16_t pit_to_bcd(uint32_t value)
{
    return value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 | value / 1000 % 10 << 12;
}

static uint32_t pit_from_bcd(uint16_t bcd)
{
    return (bcd >> 12) * 1000 + (bcd >> 8 & 0xf) * 100 + (bcd >> 4 & 0xf) * 10 + (bcd & 0xf);
}

/* What the counting element holds. */
static uint16_t pit_current_count(const PITCounter *counter, int64_t now)
{
    uint64_t ticks = pit_ticks(counter, now);
    uint64_t modulus = counter->bcd ? PIT_BCD_COUNT : PIT_MAXIMUM_COUNT;
    uint32_t value;
    if (counter->count == 0) {
        value = 0;
    } else if (counter->mode == PIT_SQUARE_WAVE) {
        uint64_t half = (counter->count + 1) / 2;
        uint64_t position = ticks % counter->count;
        value = (counter->count & ~1u) - 2 * (position < half ? position : position - half);
    } else if (counter->mode == PIT_RATE_GENERATOR) {
        value = counter->count - ticks % counter->count;
    } else {
        value = (counter->count + modulus - ticks % modulus) % modulus;
    }
    return counter->bcd ? pit_to_bcd(value) : value;
}

/* ---- output 0 ---- */

/* Ticks after the start at which the output rises next, later than @ticks; 0: never. */
static uint64_t pit_next_rise(const PITCounter *counter, uint64_t ticks)
{
    uint64_t rise = 0;
    if (counter->phase != PIT_COUNTING || counter->count == 0) {
        return 0;
    }
    if (pit_is_periodic(counter)) {
        uint64_t shortest = pit_ns_to_ticks(PERIOD_MINIMUM_NS) + 1;
        uint64_t step = (shortest + counter->count - 1) / counter->count * counter->count;
        return (ticks / step + 1) * step;
    }
    if (counter->mode == PIT_INTERRUPT_ON_TERMINAL_COUNT) {
        rise = counter->count;
    } else if (counter->mode == PIT_SOFTWARE_STROBE) {
        rise = counter->count + 1;
    }
    return rise > ticks ? rise : 0;
}

static void pit_schedule(PIT *pit, int64_t now)
{
    PITCounter *counter = &pit->counters[PIT_COUNTER_IRQ];
    uint64_t rise = pit_next_rise(counter, pit_ticks(counter, now));
    if (rise == 0) {
        timer_del(pit->timer);
        return;
    }
    int64_t expire = counter->start_ns + pit_ticks_to_ns(rise);
    if (counter->next_count && pit_is_periodic(counter)) {
        expire = MIN(expire, counter->switch_ns);
    }
    timer_mod_ns(pit->timer, expire);
}

static void pit_rise(void *opaque)
{
    PIT *pit = opaque;
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    trace_pit_rise(now);
    pit_settle(&pit->counters[PIT_COUNTER_IRQ], now);
    irq_lower(pit->output);
    irq_raise(pit->output);
    pit_schedule(pit, now);
}

/* Let an edge that is due happen before the registers change. */
static void pit_catch_up(PIT *pit, int64_t now)
{
    if (timer_pending(pit->timer) && timer_expire_time_ns(pit->timer) <= now) {
        timer_del(pit->timer);
        pit_rise(pit);
    }
}

static void pit_changed(PIT *pit, unsigned number, int64_t now)
{
    if (number == PIT_COUNTER_IRQ) {
        irq_set(pit->output, pit_out(&pit->counters[number], now));
        pit_schedule(pit, now);
    }
}

/* ---- registers ---- */

static void pit_start(PITCounter *counter, uint32_t count, int64_t now)
{
    counter->count = count;
    counter->next_count = 0;
    counter->start_ns = now;
    counter->elapsed_ns = 0;
    counter->phase = counter->gate ? PIT_COUNTING : PIT_PAUSED;
}

/* A whole count was written. */
static void pit_load(PITCounter *counter, uint16_t written, int64_t now)
{
    uint32_t count = counter->bcd ? pit_from_bcd(written) : written;
    if (count == 0) {
        count = counter->bcd ? PIT_BCD_COUNT : PIT_MAXIMUM_COUNT;
    }
    if (pit_is_triggered(counter)) {
        counter->next_count = count;
    } else if (pit_is_periodic(counter) && counter->phase == PIT_COUNTING) {
        uint64_t periods = pit_ticks(counter, now) / counter->count + 1;
        counter->next_count = count;
        counter->switch_ns = counter->start_ns + pit_ticks_to_ns(periods * counter->count);
    } else {
        pit_start(counter, count, now);
    }
}

static void pit_write_both(PITCounter *counter, uint8_t value, int64_t now)
{
    if (counter->write_high_next) {
        counter->write_high_next = false;
        pit_load(counter, value << 8 | counter->low_byte, now);
        return;
    }
    counter->low_byte = value;
    counter->write_high_next = true;
    if (counter->mode == PIT_INTERRUPT_ON_TERMINAL_COUNT) {
        counter->phase = PIT_IDLE; /* the first byte stops counting */
    }
}

static void pit_write_counter(PITCounter *counter, uint8_t value, int64_t now)
{
    switch ((PITAccess)counter->access) {
    case PIT_ACCESS_LOW:
        pit_load(counter, value, now);
        break;
    case PIT_ACCESS_HIGH:
        pit_load(counter, value << 8, now);
        break;
    default:
        pit_write_both(counter, value, now);
        break;
    }
}

static void pit_latch_count(PITCounter *counter, int64_t now)
{
    if (!counter->count_latched) {
        counter->latched_count = pit_current_count(counter, now);
        counter->count_latched = true;
    }
}

static void pit_latch_status(PITCounter *counter, int64_t now)
{
    bool null_count = counter->next_count || counter->phase == PIT_IDLE;
    if (counter->status_latched) {
        return;
    }
    counter->latched_status = (pit_out(counter, now) ? STATUS_OUT : 0) |
                              (null_count ? STATUS_NULL_COUNT : 0) |
                              counter->access << CONTROL_ACCESS_SHIFT |
                              counter->mode << CONTROL_MODE_SHIFT | counter->bcd;
    counter->status_latched = true;
}

static void pit_read_back(PIT *pit, uint8_t command, int64_t now)
{
    for (unsigned number = 0; number < PIT_COUNTERS; number++) {
        PITCounter *counter = &pit->counters[number];
        if (!(command >> (number + 1) & 1)) {
            continue;
        }
        pit_settle(counter, now);
        if (!(command & READ_BACK_NO_COUNT)) {
            pit_latch_count(counter, now);
        }
        if (!(command & READ_BACK_NO_STATUS)) {
            pit_latch_status(counter, now);
        }
    }
}

static void pit_set_mode(PITCounter *counter, uint8_t control)
{
    unsigned mode = control >> CONTROL_MODE_SHIFT & 7;
    *counter = (PITCounter){
        .mode = mode > PIT_HARDWARE_STROBE ? mode & 3 : mode,
        .access = control >> CONTROL_ACCESS_SHIFT & 3,
        .bcd = control & CONTROL_BCD,
        .gate = counter->gate,
    };
}

static void pit_write_control(PIT *pit, uint8_t value, int64_t now)
{
    unsigned number = value >> CONTROL_SELECT_SHIFT;
    if (number == SELECT_READ_BACK) {
        pit_read_back(pit, value, now);
        return;
    }
    PITCounter *counter = &pit->counters[number];
    if ((value >> CONTROL_ACCESS_SHIFT & 3) == PIT_ACCESS_LATCH) {
        pit_settle(counter, now);
        pit_latch_count(counter, now);
        return;
    }
    pit_set_mode(counter, value);
    pit_changed(pit, number, now);
}

static void pit_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PIT *pit = opaque;
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    trace_pit_write((unsigned)address, (unsigned)value);
    pit_catch_up(pit, now);
    if (address == PIT_CONTROL) {
        pit_write_control(pit, value, now);
        return;
    }
    pit_settle(&pit->counters[address], now);
    pit_write_counter(&pit->counters[address], value, now);
    pit_changed(pit, address, now);
}

/* The byte of @count that is next in turn. */
static uint8_t pit_read_byte(PITCounter *counter, uint16_t count, bool *last)
{
    bool high = counter->access == PIT_ACCESS_HIGH;
    *last = true;
    if (counter->access == PIT_ACCESS_BOTH) {
        high = counter->read_high_next;
        counter->read_high_next = !high;
        *last = high;
    }
    return high ? count >> 8 : count;
}

static uint8_t pit_read_counter(PITCounter *counter, int64_t now)
{
    bool last;
    if (counter->status_latched) {
        counter->status_latched = false;
        return counter->latched_status;
    }
    bool latched = counter->count_latched;
    uint16_t count = latched ? counter->latched_count : pit_current_count(counter, now);
    uint8_t value = pit_read_byte(counter, count, &last);
    if (latched && last) {
        counter->count_latched = false;
    }
    return value;
}

static uint64_t pit_read(void *opaque, hwaddr address, unsigned size)
{
    PIT *pit = opaque;
    uint8_t value = 0xff;
    if (address != PIT_CONTROL) {
        int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
        pit_settle(&pit->counters[address], now);
        value = pit_read_counter(&pit->counters[address], now);
    }
    trace_pit_read((unsigned)address, value);
    return value;
}

static const MemoryRegionOps pit_ops = {
    .read = pit_read,
    .write = pit_write,
    .access_max = 1,
};

/* ---- counter 2 ---- */

static void pit_gate_rises(PITCounter *counter, int64_t now)
{
    uint32_t newest = counter->next_count ? counter->next_count : counter->count;
    if (pit_is_triggered(counter) || pit_is_periodic(counter)) {
        if (newest) {
            pit_start(counter, newest, now);
        }
    } else if (counter->phase == PIT_PAUSED) {
        counter->start_ns = now - counter->elapsed_ns;
        counter->phase = PIT_COUNTING;
    }
}

static void pit_gate_falls(PITCounter *counter, int64_t now)
{
    if (!pit_is_triggered(counter) && counter->phase == PIT_COUNTING) {
        counter->elapsed_ns = now > counter->start_ns ? now - counter->start_ns : 0;
        counter->phase = PIT_PAUSED;
    }
}

void i8254_set_gate2(Device *pit, bool level)
{
    PITCounter *counter = &PIT(pit)->counters[PIT_COUNTER_SPEAKER];
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    if (counter->gate == level) {
        return;
    }
    pit_settle(counter, now);
    counter->gate = level;
    if (level) {
        pit_gate_rises(counter, now);
    } else {
        pit_gate_falls(counter, now);
    }
}

bool i8254_get_gate2(Device *pit)
{
    return PIT(pit)->counters[PIT_COUNTER_SPEAKER].gate;
}

bool i8254_get_out2(Device *pit)
{
    PITCounter *counter = &PIT(pit)->counters[PIT_COUNTER_SPEAKER];
    int64_t now = clock_get_ns(CLOCK_TYPE_VIRTUAL);
    pit_settle(counter, now);
    return pit_out(counter, now);
}

/* ---- the device ---- */

static void pit_reset(Device *device)
{
    PIT *pit = PIT(device);
    for (unsigned number = 0; number < PIT_COUNTERS; number++) {
        pit->counters[number] = (PITCounter){
            .access = PIT_ACCESS_BOTH,
            .gate = number != PIT_COUNTER_SPEAKER,
        };
    }
    pit_changed(pit, PIT_COUNTER_IRQ, clock_get_ns(CLOCK_TYPE_VIRTUAL));
}

static bool pit_realize(Device *device, GError **error)
{
    PIT *pit = PIT(device);
    memory_region_init_io(&pit->region, "pit", &pit_ops, pit, PIT_PORTS);
    address_space_map(address_space_io(), PIT_BASE, &pit->region, 0);
    return true;
}

static bool pit_counter_post_load(void *opaque, int version, GError **error)
{
    PITCounter *counter = opaque;
    bool counts = counter->phase != PIT_IDLE;
    if (counter->mode > PIT_HARDWARE_STROBE || counter->access > PIT_ACCESS_BOTH ||
        counter->access == PIT_ACCESS_LATCH || counter->phase > PIT_PAUSED) {
        qc_error_set(error,
                     TYPE_I8254 ": mode %u (0..5), access %u (1..3) or phase %u (0..2) is "
                                "out of range",
                     counter->mode, counter->access, counter->phase);
        return false;
    }
    if (counter->count > PIT_MAXIMUM_COUNT || counter->next_count > PIT_MAXIMUM_COUNT ||
        (counts && counter->count == 0)) {
        qc_error_set(error, TYPE_I8254 ": counts %u and %u are not within 1..65536", counter->count,
                     counter->next_count);
        return false;
    }
    if (!period_time_is_valid(counter->start_ns) || !period_time_is_valid(counter->elapsed_ns) ||
        !period_time_is_valid(counter->switch_ns)) {
        qc_error_set(error, TYPE_I8254 ": a time is negative or too late");
        return false;
    }
    return true;
}

static const VMStateDescription pit_counter_vmstate = {
    .name = "i8254-counter",
    .version = 1,
    .minimum_version = 1,
    .post_load = pit_counter_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT8(mode, PITCounter),
            VMSTATE_UINT8(access, PITCounter),
            VMSTATE_UINT8(phase, PITCounter),
            VMSTATE_BOOL(bcd, PITCounter),
            VMSTATE_BOOL(gate, PITCounter),
            VMSTATE_UINT32(count, PITCounter),
            VMSTATE_UINT32(next_count, PITCounter),
            VMSTATE_INT64(start_ns, PITCounter),
            VMSTATE_INT64(elapsed_ns, PITCounter),
            VMSTATE_INT64(switch_ns, PITCounter),
            VMSTATE_UINT8(low_byte, PITCounter),
            VMSTATE_BOOL(write_high_next, PITCounter),
            VMSTATE_BOOL(read_high_next, PITCounter),
            VMSTATE_UINT16(latched_count, PITCounter),
            VMSTATE_BOOL(count_latched, PITCounter),
            VMSTATE_UINT8(latched_status, PITCounter),
            VMSTATE_BOOL(status_latched, PITCounter),
            VMSTATE_END,
        },
};

static const VMStateDescription pit_vmstate = {
    .name = "i8254",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_STRUCT_ARRAY(counters, PIT, pit_counter_vmstate, PITCounter),
            VMSTATE_TIMER_PTR(timer, PIT),
            VMSTATE_END,
        },
};

static void i8254_init(PIT *pit)
{
    device_init_gpio_out(&pit->parent, NULL, &pit->output, 1);
    pit->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, pit_rise, pit);
}

static void i8254_class_init(PITClass *klass)
{
    klass->description = "8254 interval timer";
    klass->category = "Misc";
    klass->bus_type = "ISA";
    klass->realize = pit_realize;
    klass->reset = pit_reset;
    klass->vmsd = &pit_vmstate;
}

Device *i8254_create(Bus *isa_bus, IRQ *irq)
{
    Device *device = device_new(TYPE_I8254);
    device_connect_gpio_out(device, NULL, 0, irq);
    device_realize_named_or_exit(device, isa_bus, "pit");
    pcspk_create(isa_bus, device);
    return device;
}
