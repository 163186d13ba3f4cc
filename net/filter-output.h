/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The `outdev` of mirror and redirector: frames to a character device whose peer may be slow or
 * gone. Nobody waits for it; what it does not take waits in a bounded queue. BQL.
 */
#pragma once

#include "chardev/char.h"
#include "net/filter.h"
#include "net/frame-channel.h"
#include "system/bottom-half.h"

/* Bytes that may wait for a peer that does not read. */
#define FILTER_OUTPUT_BYTES_MAX ((size_t)4 * 1024 * 1024)

typedef struct FilterOutput {
    NetFilter *filter;
    CharFrontend frontend;
    FrameWriter *writer; /* NULL: there is no output */
    BottomHalf *release; /* lets go of what was sent in this turn of the main loop */
    bool vnet_header;    /* on the wire; without it frames with offloads are resolved first */
    bool stalled;        /* and the user knows */
} FilterOutput;

/* Errors say that @chardev_id is in use. */
bool filter_output_open(FilterOutput *output, NetFilter *filter, Chardev *chardev, bool vnet_header,
                        GError **error);
/* Harmless when not open. What the peer does not take at once is lost. */
void filter_output_close(FilterOutput *output);

static inline bool filter_output_exists(const FilterOutput *output)
{
    return output->writer != NULL;
}

/* Is anybody there to get the frames? */
bool filter_output_has_peer(const FilterOutput *output);
/* A copy of @frame, in this turn of the main loop; unless there is no room: then a warning says so,
 * once until there is. */
void filter_output_send(FilterOutput *output, const NetFrame *frame);
/* False: the peer has not read for so long that not even this had room. */
bool filter_output_mark(FilterOutput *output);
