/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Port 61 (82371AB data sheet, "NMI status and control register"): gate and output of timer
 * counter 2, the speaker switch and the refresh toggle. It makes no sound.
 */
#include "hw/timer/i8254.h"

#include "migration/vmstate.h"
#include "system/memory.h"
#include "trace-hw-timer.h"
#include "util/report.h"
#include "util/timer.h"

#define PCSPK_PORT 0x61

#define PCSPK_GATE2    0x01
#define PCSPK_WRITABLE 0x0e /* speaker data, PERR# and IOCHK# disabled */
#define PCSPK_REFRESH  0x10
#define PCSPK_OUT2     0x20

#define REFRESH_NS 15085 /* counter 1 divides by 18 */

typedef struct PCSpeaker {
    Device parent;
    Device *pit;
    MemoryRegion region;
    uint8_t control; /* PCSPK_WRITABLE bits; the gate is kept by the timer */
} PCSpeaker;

typedef DeviceClass PCSpeakerClass;

#define PCSPK(o) (G_TYPE_CHECK_INSTANCE_CAST((o), pcspk_get_type(), PCSpeaker))

OBJECT_DEFINE_TYPE(PCSpeaker, PCSpeakerClass, pcspk, TYPE_PCSPK, TYPE_DEVICE);

static uint64_t pcspk_read(void *opaque, hwaddr address, unsigned size)
{
    PCSpeaker *speaker = opaque;
    bool refresh = clock_get_ns(CLOCK_TYPE_VIRTUAL) / REFRESH_NS & 1;
    uint8_t value = speaker->control | (i8254_get_gate2(speaker->pit) ? PCSPK_GATE2 : 0) |
                    (refresh ? PCSPK_REFRESH : 0) | (i8254_get_out2(speaker->pit) ? PCSPK_OUT2 : 0);
    trace_pcspk_read(value);
    return value;
}

static void pcspk_write(void *opaque, hwaddr address, uint64_t value, unsigned size)
{
    PCSpeaker *speaker = opaque;
    trace_pcspk_write((unsigned)value);
    speaker->control = value & PCSPK_WRITABLE;
    i8254_set_gate2(speaker->pit, value & PCSPK_GATE2);
}

static const MemoryRegionOps pcspk_ops = {
    .read = pcspk_read,
    .write = pcspk_write,
    .access_max = 1,
};

static void pcspk_reset(Device *device)
{
    PCSPK(device)->control = 0;
}

static bool pcspk_realize(Device *device, GError **error)
{
    PCSpeaker *speaker = PCSPK(device);
    if (!speaker->pit) {
        qc_error_set(error, TYPE_PCSPK ": no timer to listen to");
        return false;
    }
    memory_region_init_io(&speaker->region, "pcspk", &pcspk_ops, speaker, 1);
    address_space_map(address_space_io(), PCSPK_PORT, &speaker->region, 0);
    return true;
}

static bool pcspk_post_load(void *opaque, int version, GError **error)
{
    PCSpeaker *speaker = opaque;
    if (speaker->control & ~PCSPK_WRITABLE) {
        qc_error_set(error, TYPE_PCSPK ": control 0x%x, expected bits of 0x%x", speaker->control,
                     PCSPK_WRITABLE);
        return false;
    }
    return true;
}

static const VMStateDescription pcspk_vmstate = {
    .name = "pcspk",
    .version = 1,
    .minimum_version = 1,
    .post_load = pcspk_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT8(control, PCSpeaker),
            VMSTATE_END,
        },
};

static void pcspk_init(PCSpeaker *speaker)
{
}

static void pcspk_class_init(PCSpeakerClass *klass)
{
    klass->description = "PC speaker port";
    klass->category = "Sound";
    klass->bus_type = "ISA";
    klass->realize = pcspk_realize;
    klass->reset = pcspk_reset;
    klass->vmsd = &pcspk_vmstate;
}

Device *pcspk_create(Bus *isa_bus, Device *pit)
{
    Device *device = device_new(TYPE_PCSPK);
    PCSPK(device)->pit = pit;
    device_realize_named_or_exit(device, isa_bus, "pcspk");
    return device;
}
