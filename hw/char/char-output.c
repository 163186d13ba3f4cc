/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A bounded, gathering output queue for byte-at-a-time devices. */

#include "hw/char/char-output.h"

#include <string.h>

#include "system/exit-notifier.h"
#include "trace-hw-char.h"

#define GATHER_NS (1 * NANOSECONDS_PER_MILLISECOND)
/* While the back end is full its watch tells when there is room; a back end that cannot be watched,
 * or whose peer left meanwhile, is tried again after this time. */
#define RETRY_NS (50 * NANOSECONDS_PER_MILLISECOND)

static void char_output_arm(CharOutput *output, int64_t delay_ns)
{
    timer_mod_ns(output->timer, clock_get_ns(CLOCK_TYPE_REALTIME) + delay_ns);
}

/* Write and drop what was taken from the queue; true when nothing is left. */
static bool char_output_write(CharOutput *output)
{
    int written = char_frontend_write(output->frontend, output->data, (int)output->used);

    if (written > 0) {
        output->used -= (uint32_t)written;
        memmove(output->data, output->data + written, output->used);
    }
    return output->used == 0;
}

static void char_output_wait(CharOutput *output);

/* Write what can be written now, and see to it that the rest follows. */
static void char_output_advance(CharOutput *output)
{
    timer_del(output->timer);
    if (output->used > 0 && !char_output_write(output)) {
        trace_char_output_stalled(output->used);
        char_output_wait(output);
    }
}

void char_output_flush(CharOutput *output)
{
    char_output_advance(output);
    if (output->starved && output->used < CHAR_OUTPUT_SIZE) {
        output->starved = false;
        output->room(output->opaque);
    }
}

static gboolean char_output_writable(void *opaque)
{
    CharOutput *output = opaque;

    output->watch = 0;
    char_output_flush(output);
    return G_SOURCE_REMOVE;
}

static void char_output_wait(CharOutput *output)
{
    if (!output->watch) {
        output->watch = char_frontend_add_watch(output->frontend, char_output_writable, output);
    }
    char_output_arm(output, RETRY_NS);
}

static void char_output_timer(void *opaque)
{
    char_output_flush(opaque);
}

bool char_output_put(CharOutput *output, uint8_t byte)
{
    if (output->used == CHAR_OUTPUT_SIZE) {
        char_output_advance(output);
    }
    if (output->used == CHAR_OUTPUT_SIZE) {
        output->starved = output->room != NULL;
        return false;
    }
    output->starved = false;
    output->data[output->used++] = byte;
    if (output->used == 1) {
        char_output_arm(output, GATHER_NS);
    }
    return true;
}

static void char_output_exit(void *opaque)
{
    char_output_flush(opaque);
}

void char_output_init(CharOutput *output, CharFrontend *frontend, void (*room)(void *opaque),
                      void *opaque)
{
    output->frontend = frontend;
    output->used = 0;
    output->watch = 0;
    output->starved = false;
    output->room = room;
    output->opaque = opaque;
    output->timer = timer_new_ns(CLOCK_TYPE_REALTIME, char_output_timer, output);
    exit_notifier_add(char_output_exit, output);
}

/* What this side still holds was printed here; what is loaded takes its place. */
static bool char_output_pre_load(void *opaque, GError **error)
{
    char_output_advance(opaque);
    return true;
}

/* The owner's state is being saved and must not change: no call of `room` before the timer's. */
static void char_output_pre_save(void *opaque)
{
    CharOutput *output = opaque;

    char_output_advance(output);
    output->wire_used = output->used;
    if (output->starved) {
        char_output_arm(output, GATHER_NS);
    }
}

static bool char_output_post_load(void *opaque, int version, GError **error)
{
    CharOutput *output = opaque;

    output->used = output->wire_used;
    output->starved = output->room != NULL;
    char_output_arm(output, GATHER_NS);
    return true;
}

const VMStateDescription vmstate_char_output = {
    .name = "char-output",
    .version = 1,
    .minimum_version = 1,
    .pre_save = char_output_pre_save,
    .pre_load = char_output_pre_load,
    .post_load = char_output_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32(wire_used, CharOutput),
            VMSTATE_VARRAY_UINT8(data, CharOutput, wire_used),
            VMSTATE_END,
        },
};
