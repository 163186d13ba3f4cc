/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Frames from a filter to a character device. */
#include "net/filter-output.h"

#include "net/filter-internal.h"
#include "system/main-loop.h"
#include "trace-net.h"
#include "util/report.h"

/* The peer has nothing to say here. It is read nevertheless, to find out when it goes. */
static int output_can_receive(void *opaque)
{
    return 4096;
}

static void output_receive(void *opaque, const uint8_t *data, int size)
{
    FilterOutput *output = opaque;

    trace_filter_output_ignored(net_filter_name(output->filter), size);
}

/* What waits was for the peer that has gone. */
static void output_event(void *opaque, CharEvent event)
{
    FilterOutput *output = opaque;

    if (event == CHAR_EVENT_CLOSED) {
        frame_writer_reset(output->writer);
        output->stalled = false;
    }
}

/* The frames of a turn of the main loop leave together; those of a vCPU come one by one. */
static void release_frames(void *opaque)
{
    FilterOutput *output = opaque;

    frame_writer_release(output->writer);
    if (output->stalled && frame_writer_waiting(output->writer) == 0) {
        report_info("filter '%s': the peer of chardev '%s' reads again; %" G_GUINT64_FORMAT
                    " frames were dropped so far",
                    net_filter_name(output->filter), chardev_id(output->frontend.chardev),
                    frame_writer_dropped(output->writer));
        output->stalled = false;
    }
}

bool filter_output_open(FilterOutput *output, NetFilter *filter, Chardev *chardev, bool vnet_header,
                        GError **error)
{
    if (!char_frontend_init(&output->frontend, chardev, error)) {
        return false;
    }
    output->filter = filter;
    output->vnet_header = vnet_header;
    output->stalled = false;
    output->writer = frame_writer_new(&output->frontend, vnet_header, FILTER_OUTPUT_BYTES_MAX);
    output->release = bottom_half_new(release_frames, output);
    char_frontend_set_handlers(&output->frontend, output_can_receive, output_receive, output_event,
                               output, NULL);
    return true;
}

void filter_output_close(FilterOutput *output)
{
    if (output->writer) {
        frame_writer_release(output->writer);
    }
    g_clear_pointer(&output->release, bottom_half_free);
    g_clear_pointer(&output->writer, frame_writer_free);
    char_frontend_deinit(&output->frontend);
}

bool filter_output_has_peer(const FilterOutput *output)
{
    return char_frontend_is_open(&output->frontend);
}

static void send_resolved(const NetFrame *frame, void *opaque)
{
    FilterOutput *output = opaque;

    if (main_loop_is_own_thread()) {
        frame_writer_hold(output->writer);
        bottom_half_schedule(output->release);
    }
    bool taken = frame_writer_send(output->writer, frame);
    if (!taken && !output->stalled) {
        report_warning("filter '%s': the peer of chardev '%s' does not read: %zu bytes wait, "
                       "further frames for it are dropped until it does",
                       net_filter_name(output->filter), chardev_id(output->frontend.chardev),
                       frame_writer_waiting(output->writer));
        output->stalled = true;
    }
}

void filter_output_send(FilterOutput *output, const NetFrame *frame)
{
    if (output->vnet_header || vnet_header_is_plain(&frame->header)) {
        send_resolved(frame, output);
    } else if (!net_offload_resolve(frame, 0, send_resolved, output)) {
        trace_net_filter_bad_offload(net_filter_name(output->filter));
    }
}

bool filter_output_mark(FilterOutput *output)
{
    bool taken = frame_writer_mark(output->writer);

    frame_writer_release(output->writer);
    return taken;
}
