/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * ACPI fixed hardware (ACPI 6.4, section 4.8.3 "Fixed Hardware Registers") as in the PIIX4
 * (82371AB, section 7). The PCI function hw/acpi/piix4-pm.c says at which ports.
 */

#include "hw/acpi/pm.h"

#include "migration/vmstate.h"
#include "system/memory.h"
#include "system/runstate.h"
#include "trace-hw-acpi.h"
#include "util/report.h"
#include "util/timer.h"

/* Behind the board's fixed ports, wherever the guest puts them. */
#define ACPI_PM_PRIORITY (-1)

#define PM_TIMER_HZ   3579545
#define PM_TIMER_BITS 24
#define PM_TIMER_MASK ((1u << PM_TIMER_BITS) - 1)
/* The timer status is set whenever the highest bit of the timer toggles. */
#define PM_TIMER_HALF (INT64_C(1) << (PM_TIMER_BITS - 1))

enum {
    OFFSET_STATUS = 0,
    OFFSET_ENABLE = 2,
    OFFSET_CONTROL = 4,
    OFFSET_TIMER = 8,
    PM_SIZE = 12,
    APM_SIZE = 2, /* control, status */

    EVENT_TIMER = 0x0001,
    EVENT_GLOBAL_LOCK = 0x0020,
    EVENT_POWER_BUTTON = 0x0100,
    EVENT_RTC = 0x0400,
    EVENT_MASK = EVENT_TIMER | EVENT_GLOBAL_LOCK | EVENT_POWER_BUTTON | EVENT_RTC,

    CONTROL_SCI_ENABLE = 0x0001,
    CONTROL_BUS_MASTER_RELOAD = 0x0002,
    CONTROL_SLEEP_TYPE = 0x1c00,
    CONTROL_SLEEP_ENABLE = 0x2000, /* write only */
    CONTROL_KEPT = CONTROL_BUS_MASTER_RELOAD | CONTROL_SLEEP_TYPE,
    CONTROL_MASK = CONTROL_SCI_ENABLE | CONTROL_KEPT,
    SLEEP_TYPE_SHIFT = 10,
};

/* Ticks whose time in nanoseconds still fits into 63 bits. */
#define PM_TIMER_LAST (INT64_MAX / NANOSECONDS_PER_SECOND * PM_TIMER_HZ)

typedef struct ACPIPM {
    Device parent;
    MemoryRegion registers, apm;
    uint16_t base; /* of the registers; 0: not mapped */
    IRQ *sci;
    Timer *timer;        /* armed while the PM timer's status bit would raise the SCI */
    int64_t next_toggle; /* PM timer ticks (64 bits) when the status bit is to be set */
    uint16_t status;
    uint16_t enable;
    uint16_t control;
    uint8_t apm_control;
    uint8_t apm_status;
} ACPIPM;

OBJECT_DEFINE_TYPE(ACPIPM, DeviceClass, acpi_pm, TYPE_ACPI_PM, TYPE_DEVICE);

#define ACPI_PM(o) (G_TYPE_CHECK_INSTANCE_CAST((o), acpi_pm_get_type(), ACPIPM))

/* ---- PM timer ---- */

static int64_t timer_ticks(void)
{
    __int128 now = clock_get_ns(CLOCK_TYPE_VIRTUAL);

    return (int64_t)(now * PM_TIMER_HZ / NANOSECONDS_PER_SECOND);
}

/* The first nanosecond at which the timer shows @ticks; the end of time when that is later. */
static int64_t ticks_to_ns(int64_t ticks)
{
    if (ticks > PM_TIMER_LAST) {
        return INT64_MAX;
    }
    return (int64_t)(((__int128)ticks * NANOSECONDS_PER_SECOND + PM_TIMER_HZ - 1) / PM_TIMER_HZ);
}

static void schedule_toggle(ACPIPM *pm)
{
    pm->next_toggle = (timer_ticks() / PM_TIMER_HALF + 1) * PM_TIMER_HALF;
}

/* ---- events ---- */

static void update_sci(ACPIPM *pm)
{
    bool level = (pm->control & CONTROL_SCI_ENABLE) && (pm->status & pm->enable & EVENT_MASK);

    if ((pm->enable & EVENT_TIMER) && !(pm->status & EVENT_TIMER)) {
        timer_mod_ns(pm->timer, ticks_to_ns(pm->next_toggle));
    } else {
        timer_del(pm->timer);
    }
    irq_set(pm->sci, level);
}

static void refresh_status(ACPIPM *pm)
{
    if (timer_ticks() >= pm->next_toggle) {
        pm->status |= EVENT_TIMER;
    }
}

static void pm_timer(void *opaque)
{
    ACPIPM *pm = opaque;

    refresh_status(pm);
    update_sci(pm);
}

static void power_button(void *opaque)
{
    ACPIPM *pm = opaque;

    trace_acpi_pm_power_button(pm->enable);
    pm->status |= EVENT_POWER_BUTTON;
    update_sci(pm);
}

static void write_status(ACPIPM *pm, uint16_t value)
{
    refresh_status(pm);
    if (value & pm->status & EVENT_TIMER) {
        schedule_toggle(pm);
    }
    pm->status &= ~value;
    update_sci(pm);
}

static void write_enable(ACPIPM *pm, uint16_t value)
{
    pm->enable = value & EVENT_MASK;
    refresh_status(pm);
    update_sci(pm);
}

/* ---- sleeping ---- */

static void enter_sleep(ACPIPM *pm)
{
    unsigned type = (pm->control & CONTROL_SLEEP_TYPE) >> SLEEP_TYPE_SHIFT;

    trace_acpi_pm_sleep(type);
    if (type == ACPI_PM_SLEEP_TYPE_S5) {
        runstate_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else {
        log_write(LOG_GUEST_ERRORS, "acpi-pm: sleep type %u is none that \\_Sx offers\n", type);
    }
}

static void write_control(ACPIPM *pm, uint16_t value)
{
    pm->control = (pm->control & ~CONTROL_KEPT) | (value & CONTROL_KEPT);
    if (value & CONTROL_SLEEP_ENABLE) {
        enter_sleep(pm);
    }
}

/* ---- registers ---- */

static uint64_t pm_read_16(ACPIPM *pm, hwaddr address)
{
    switch (address) {
    case OFFSET_STATUS:
        refresh_status(pm);
        return pm->status;
    case OFFSET_ENABLE:
        return pm->enable;
    case OFFSET_CONTROL:
        return pm->control;
    case OFFSET_TIMER:
        return timer_ticks() & PM_TIMER_MASK & 0xffff;
    case OFFSET_TIMER + 2:
        return (timer_ticks() & PM_TIMER_MASK) >> 16;
    default:
        return 0;
    }
}

static uint64_t pm_read(void *opaque, hwaddr address, unsigned size)
{
    ACPIPM *pm = opaque;
    uint64_t value;

    if (address == OFFSET_TIMER && size == 4) {
        value = timer_ticks() & PM_TIMER_MASK;
    } else if (size == 4) {
        value = pm_read_16(pm, address) | pm_read_16(pm, address + 2) << 16;
    } else if (size == 2) {
        value = pm_read_16(pm, address);
    } else {
        value = pm_read_16(pm, address & ~1u) >> (address & 1 ? 8 : 0) & 0xff;
    }
    trace_acpi_pm_read(address, size, value);
    return value;
}

static void pm_write_16(ACPIPM *pm, hwaddr address, uint16_t value)
{
    switch (address) {
    case OFFSET_STATUS:
        write_status(pm, value);
        break;
    case OFFSET_ENABLE:
        write_enable(pm, value);
        break;
    case OFFSET_CONTROL:
        write_control(pm, value);
        break;
    default:
        break;
    }
}

/* A byte of a register: the other byte keeps its value; zero for write-one-to-clear bits. */
static void pm_write_8(ACPIPM *pm, hwaddr address, uint8_t value)
{
    hwaddr base = address & ~1u;
    uint16_t old = base == OFFSET_STATUS ? 0 : (uint16_t)pm_read_16(pm, base);

    if (address & 1) {
        pm_write_16(pm, base, (uint16_t)((old & 0x00ff) | value << 8));
    } else {
        pm_write_16(pm, base, (old & 0xff00) | value);
    }
}

static void pm_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    ACPIPM *pm = opaque;

    trace_acpi_pm_write(address, size, value);
    if (size == 1) {
        pm_write_8(pm, address, (uint8_t)value);
        return;
    }
    pm_write_16(pm, address, (uint16_t)value);
    if (size == 4) {
        pm_write_16(pm, address + 2, (uint16_t)(value >> 16));
    }
}

static const MemoryRegionOps pm_ops = {
    .read = pm_read,
    .write = pm_write,
    .access_min = 1,
    .access_max = 4,
};

static uint64_t apm_read(void *opaque, hwaddr address, unsigned size)
{
    ACPIPM *pm = opaque;

    return address == 0 ? pm->apm_control : pm->apm_status;
}

static void apm_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    ACPIPM *pm = opaque;

    trace_acpi_pm_apm_write(address, (uint8_t)value);
    if (address != 0) {
        pm->apm_status = (uint8_t)value;
        return;
    }
    pm->apm_control = (uint8_t)value;
    if (value == ACPI_PM_ENABLE_VALUE) {
        pm->control |= CONTROL_SCI_ENABLE;
    } else if (value == ACPI_PM_DISABLE_VALUE) {
        pm->control &= ~CONTROL_SCI_ENABLE;
    }
    update_sci(pm);
}

static const MemoryRegionOps apm_ops = {
    .read = apm_read,
    .write = apm_write,
    .access_min = 1,
    .access_max = 1,
};

/* ---- life ---- */

static bool acpi_pm_realize(Device *device, GError **error)
{
    ACPIPM *pm = ACPI_PM(device);

    pm->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, pm_timer, pm);
    memory_region_init_io(&pm->registers, "acpi-pm", &pm_ops, pm, PM_SIZE);
    memory_region_init_io(&pm->apm, "apm", &apm_ops, pm, APM_SIZE);
    address_space_map(address_space_io(), ACPI_PM_SMI_PORT, &pm->apm, 0);
    runstate_add_powerdown_notifier(power_button, pm);
    return true;
}

void acpi_pm_map(Device *device, uint16_t base)
{
    ACPIPM *pm = ACPI_PM(device);

    if (base == pm->base) {
        return;
    }
    if (pm->base) {
        address_space_unmap(address_space_io(), &pm->registers);
    }
    pm->base = base;
    if (base) {
        address_space_map(address_space_io(), base, &pm->registers, ACPI_PM_PRIORITY);
    }
}

static void acpi_pm_reset(Device *device)
{
    ACPIPM *pm = ACPI_PM(device);

    pm->status = 0;
    pm->enable = 0;
    pm->control = 0;
    pm->apm_control = 0;
    pm->apm_status = 0;
    schedule_toggle(pm);
    update_sci(pm);
}

static bool acpi_pm_post_load(void *opaque, int version, GError **error)
{
    ACPIPM *pm = opaque;

    if (pm->next_toggle < 0 || pm->next_toggle > PM_TIMER_LAST ||
        pm->next_toggle % PM_TIMER_HALF != 0) {
        qc_error_set(error,
                     "acpi-pm: next toggle of the PM timer is at tick %" PRId64
                     ", expected a multiple of 2^%d that the clock can reach",
                     pm->next_toggle, PM_TIMER_BITS - 1);
        return false;
    }
    pm->status &= EVENT_MASK;
    pm->enable &= EVENT_MASK;
    pm->control &= CONTROL_MASK;
    return true;
}

static const VMStateDescription vmstate_acpi_pm = {
    .name = TYPE_ACPI_PM,
    .version = 2, /* 1 had the reset control register */
    .minimum_version = 2,
    .post_load = acpi_pm_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT16(status, ACPIPM),
            VMSTATE_UINT16(enable, ACPIPM),
            VMSTATE_UINT16(control, ACPIPM),
            VMSTATE_UINT8(apm_control, ACPIPM),
            VMSTATE_UINT8(apm_status, ACPIPM),
            VMSTATE_INT64(next_toggle, ACPIPM),
            VMSTATE_TIMER_PTR(timer, ACPIPM),
            VMSTATE_END,
        },
};

static void acpi_pm_init(ACPIPM *self)
{
    device_init_gpio_out(DEVICE(self), NULL, &self->sci, 1);
}

static void acpi_pm_class_init(DeviceClass *klass)
{
    klass->description = "ACPI power management";
    klass->category = "Controller/Bridge/Hub";
    klass->vmsd = &vmstate_acpi_pm;
    klass->realize = acpi_pm_realize;
    klass->reset = acpi_pm_reset;
}

Device *acpi_pm_create(IRQ *sci)
{
    Device *device = device_new(TYPE_ACPI_PM);

    device_connect_gpio_out(device, NULL, 0, sci);
    device_realize_named_or_exit(device, NULL, "acpi-pm");
    return device;
}
