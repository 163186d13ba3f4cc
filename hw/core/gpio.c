/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Named groups of input and output lines of a device. */
#include <string.h>

#include "hw/core/device.h"
#include "hw/core/gpio-internal.h"

struct GpioGroup {
    char *name; /* NULL: the unnamed group */
    bool outputs;
    unsigned count;
    IRQ *inputs; /* owned, of an input group */
    IRQ **pins;  /* in the instance, of an output group */
    IRQ *taps;   /* of an output group that is observed: stand between pin and input */
    IRQ **tapped;
};

void gpio_group_free(gpointer data)
{
    GpioGroup *group = data;

    g_free(group->name);
    g_free(group->inputs);
    g_free(group->taps);
    g_free(group->tapped);
    g_free(group);
}

static GpioGroup *find_group(Device *device, const char *name, bool outputs)
{
    for (guint i = 0; i < device->gpio->len; i++) {
        GpioGroup *group = g_ptr_array_index(device->gpio, i);
        if (group->outputs == outputs && !g_strcmp0(group->name, name)) {
            return group;
        }
    }
    return NULL;
}

static GpioGroup *add_group(Device *device, const char *name, bool outputs, unsigned count)
{
    GpioGroup *group = g_new0(GpioGroup, 1);

    g_assert(!find_group(device, name, outputs));
    group->name = g_strdup(name);
    group->outputs = outputs;
    group->count = count;
    g_ptr_array_add(device->gpio, group);
    return group;
}

void device_init_gpio_in(Device *device, const char *name, IRQHandler *handler, unsigned count)
{
    GpioGroup *group = add_group(device, name, false, count);

    group->inputs = g_new0(IRQ, count);
    for (unsigned n = 0; n < count; n++) {
        group->inputs[n] = (IRQ){ .handler = handler, .opaque = device, .n = (int)n };
    }
}

void device_init_gpio_out(Device *device, const char *name, IRQ **pins, unsigned count)
{
    add_group(device, name, true, count)->pins = pins;
}

IRQ *device_get_gpio_in(Device *device, const char *name, unsigned n)
{
    GpioGroup *group = find_group(device, name, false);

    g_assert(group && n < group->count);
    return &group->inputs[n];
}

void device_connect_gpio_out(Device *device, const char *name, unsigned n, IRQ *input)
{
    GpioGroup *group = find_group(device, name, true);

    g_assert(group && n < group->count);
    if (group->taps) {
        group->tapped[n] = input; /* whoever listens in goes on doing so */
    } else {
        group->pins[n] = input;
    }
}

unsigned device_gpio_count(Device *device, const char *name, bool outputs)
{
    GpioGroup *group = find_group(device, name, outputs);

    return group ? group->count : 0;
}

/* A tap passes the level on to where the pin led before. */
static void tap_forward(void *opaque, int n, int level)
{
    GpioGroup *group = opaque;

    irq_set(group->tapped[n], level);
}

static void insert_taps(GpioGroup *group)
{
    group->taps = g_new0(IRQ, group->count);
    group->tapped = g_new0(IRQ *, group->count);
    for (unsigned n = 0; n < group->count; n++) {
        group->tapped[n] = group->pins[n];
        group->taps[n] = (IRQ){ .handler = tap_forward, .opaque = group, .n = (int)n };
        group->pins[n] = &group->taps[n];
    }
}

bool device_observe_gpio(Device *device, const char *name, bool outputs,
                         void (*observer)(IRQ *irq, int level, void *opaque), void *opaque)
{
    GpioGroup *group = find_group(device, name, outputs);

    if (!group) {
        return false;
    }
    if (outputs && !group->taps) {
        insert_taps(group);
    }
    for (unsigned n = 0; n < group->count; n++) {
        IRQ *irq = outputs ? &group->taps[n] : &group->inputs[n];
        irq->observer = observer;
        irq->observer_opaque = opaque;
        irq->observed_n = (int)n;
    }
    return true;
}
