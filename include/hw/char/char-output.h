/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Output of byte-at-a-time devices: a bounded queue in front of a character device. Bytes are
 * gathered for about a millisecond and handed over in one write; a back end that does not take
 * them never holds up the guest, the queue just stays full. All functions need the BQL.
 */
#pragma once

#include "chardev/char.h"
#include "migration/vmstate.h"
#include "util/timer.h"

#define CHAR_OUTPUT_SIZE 2048u

typedef struct CharOutput {
    CharFrontend *frontend;
    uint32_t used; /* bytes in `data`, oldest first */
    uint8_t data[CHAR_OUTPUT_SIZE];
    uint32_t wire_used; /* `used` as it travels; counts only once it was checked */
    Timer *timer;
    guint watch;  /* source id while the back end is full, else 0 */
    bool starved; /* a byte was refused, `room` is owed */
    void (*room)(void *opaque);
    void *opaque;
} CharOutput;

/*
 * Begin with an empty queue to @frontend, for the rest of the process's life. @room (may be
 * NULL) is called when there is room again after a byte was refused.
 */
void char_output_init(CharOutput *output, CharFrontend *frontend, void (*room)(void *opaque),
                      void *opaque);

/* Append @byte; false when the queue is full. */
bool char_output_put(CharOutput *output, uint8_t byte);

/* Hand over what the back end takes now. */
void char_output_flush(CharOutput *output);

extern const VMStateDescription vmstate_char_output;
