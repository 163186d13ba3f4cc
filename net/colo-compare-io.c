/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The comparator's character devices. Input is read in the iothread. A peer that sends nonsense
 * loses its connection; a peer that does not read loses frames once a bounded queue is full.
 */
#include <string.h>

#include "net/colo-compare.h"
#include "trace-net.h"
#include "util/report.h"

#define INPUT_SIZE   65536             /* bytes taken at once */
#define OUTPUT_BYTES (8 * 1024 * 1024) /* that may wait for the peer of outdev */
#define NOTIFY_BYTES 4096

static const char *chardev_name(const CharFrontend *frontend)
{
    return chardev_id(frontend->chardev);
}

/* ---- frames that come ---- */

static void on_primary_frames(const NetFrame *frames, unsigned count, void *opaque)
{
    ColoCompare *self = ((CompareInput *)opaque)->owner;

    g_mutex_lock(&self->lock);
    comparator_primary_frames(self->comparator, frames, count, colo_compare_now());
    colo_compare_unlock(self);
}

static void on_secondary_frames(const NetFrame *frames, unsigned count, void *opaque)
{
    ColoCompare *self = ((CompareInput *)opaque)->owner;

    g_mutex_lock(&self->lock);
    comparator_secondary_frames(self->comparator, frames, count, colo_compare_now());
    colo_compare_unlock(self);
}

static void on_primary_mark(void *opaque)
{
    ColoCompare *self = ((CompareInput *)opaque)->owner;

    g_mutex_lock(&self->lock);
    comparator_primary_mark(self->comparator);
    colo_compare_unlock(self);
}

static void on_secondary_mark(void *opaque)
{
    ColoCompare *self = ((CompareInput *)opaque)->owner;

    g_mutex_lock(&self->lock);
    comparator_secondary_mark(self->comparator);
    colo_compare_unlock(self);
}

/* ---- texts of notify_dev ---- */

static bool text_is(const NetFrame *frame, const char *text)
{
    return frame->iov->iov_len == strlen(text) &&
           memcmp(frame->iov->iov_base, text, strlen(text)) == 0;
}

/* Somebody else directs the checkpoints: a first message, then one for each checkpoint. */
static void on_notify(const NetFrame *frame, void *opaque)
{
    CompareInput *input = opaque;
    ColoCompare *self = input->owner;

    g_mutex_lock(&self->lock);
    if (text_is(frame, "COLO_USERSPACE_PROXY_INIT")) {
        comparator_set_running(self->comparator, true);
        colo_compare_send_text(self, "COLO_COMPARE_GET_XEN_INIT");
    } else if (text_is(frame, "COLO_CHECKPOINT")) {
        comparator_checkpoint(self->comparator);
    } else {
        report_warning("colo-compare, chardev '%s': an unknown message of %zu bytes",
                       chardev_name(&input->frontend), frame->iov->iov_len);
    }
    colo_compare_unlock(self);
}

/* ---- input ---- */

static int input_can_receive(void *opaque)
{
    return INPUT_SIZE;
}

/* What is let out meanwhile leaves together. */
static bool feed(CompareInput *input, const uint8_t *data, size_t size, GError **error)
{
    FrameWriter *writer = input->owner->out.writer;

    if (!writer) {
        return frame_reader_feed(input->reader, data, size, error);
    }
    frame_writer_hold(writer);
    bool ok = frame_reader_feed(input->reader, data, size, error);
    frame_writer_release(writer);
    return ok;
}

static void input_receive(void *opaque, const uint8_t *data, int size)
{
    CompareInput *input = opaque;
    g_autoptr(GError) error = NULL;

    if (input->broken || feed(input, data, (size_t)size, &error)) {
        return;
    }
    report_error("colo-compare, %s, chardev '%s': %s; the connection is closed", input->property,
                 chardev_name(&input->frontend), error->message);
    input->broken = true;
    char_frontend_disconnect(&input->frontend);
}

/* Who is at the other end now. Lock held. */
static void note_peer(CompareInput *input, bool present)
{
    Comparator *comparator = input->owner->comparator;

    if (input == &input->owner->primary && present) {
        comparator_primary_opened(comparator);
    } else if (input == &input->owner->secondary) {
        if (present) {
            comparator_secondary_opened(comparator);
        }
        comparator_set_secondary_present(comparator, present);
    } else if (input == &input->owner->notify && !present) {
        comparator_set_running(comparator, false);
    }
}

static void input_event(void *opaque, CharEvent event)
{
    CompareInput *input = opaque;
    ColoCompare *self = input->owner;

    if (event != CHAR_EVENT_OPENED && event != CHAR_EVENT_CLOSED) {
        return;
    }
    frame_reader_reset(input->reader);
    input->broken = false;
    g_mutex_lock(&self->lock);
    if (event == CHAR_EVENT_CLOSED && comparator_running(self->comparator)) {
        report_warning("colo-compare, %s: chardev '%s' has lost its peer while frames are compared",
                       input->property, chardev_name(&input->frontend));
    }
    note_peer(input, event == CHAR_EVENT_OPENED);
    if (input == &self->notify && event == CHAR_EVENT_CLOSED) {
        frame_writer_reset(self->notify_out.writer);
    }
    colo_compare_unlock(self);
}

/* ---- output ---- */

static void send_frame(const NetFrame *frame, void *opaque)
{
    CompareOutput *output = opaque;
    bool taken = frame_writer_send(output->writer, frame);

    if (!taken && !output->stalled) {
        report_warning("colo-compare: the peer of chardev '%s' does not read: frames for it are "
                       "dropped until it does",
                       chardev_name(&output->frontend));
    }
    output->stalled = !taken;
}

void colo_compare_send(ColoCompare *self, const NetFrame *frame)
{
    send_frame(frame, &self->out);
}

void colo_compare_send_text(ColoCompare *self, const char *text)
{
    struct iovec iov = { (void *)text, strlen(text) };

    if (self->notify_out.writer) {
        send_frame(&(NetFrame){ .iov = &iov, .iov_count = 1 }, &self->notify_out);
    }
}

/* The peer has nothing to say here. It is read nevertheless, to find out when it goes. */
static void output_receive(void *opaque, const uint8_t *data, int size)
{
    trace_colo_compare_output_ignored(size);
}

static void output_event(void *opaque, CharEvent event)
{
    CompareOutput *output = opaque;

    if (event == CHAR_EVENT_CLOSED) {
        frame_writer_reset(output->writer);
    }
}

/* ---- open and close ---- */

static bool connect(CharFrontend *frontend, const char *property, const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        qc_error_set(error, "%s: character device '%s' not found", property, id);
        return false;
    }
    if (!char_frontend_init(frontend, chardev, error)) {
        g_prefix_error(error, "%s: ", property);
        return false;
    }
    return true;
}

static bool open_input(ColoCompare *self, CompareInput *input, const char *property, const char *id,
                       const FrameReaderOps *ops, bool vnet_header, GError **error)
{
    if (!connect(&input->frontend, property, id, error)) {
        return false;
    }
    input->owner = self;
    input->property = property;
    input->reader = frame_reader_new(vnet_header, ops, input);
    return true;
}

static bool open_output(ColoCompare *self, GError **error)
{
    CompareOutput *output = &self->out;

    if (!connect(&output->frontend, "outdev", self->outdev, error)) {
        return false;
    }
    output->owner = self;
    output->property = "outdev";
    output->writer = frame_writer_new(&output->frontend, self->vnet_header, OUTPUT_BYTES);
    char_frontend_set_handlers(&output->frontend, input_can_receive, output_receive, output_event,
                               output, iothread_context(self->thread));
    return true;
}

static bool open_primary(ColoCompare *self, GError **error)
{
    static const FrameReaderOps ops = { .frames = on_primary_frames, .mark = on_primary_mark };

    return self->netdev || (open_output(self, error) &&
                            open_input(self, &self->primary, "primary_in", self->primary_in, &ops,
                                       self->vnet_header, error));
}

static bool open_notify(ColoCompare *self, GError **error)
{
    static const FrameReaderOps ops = { .frame = on_notify };

    if (!self->notify_dev) {
        return true;
    }
    if (!open_input(self, &self->notify, "notify_dev", self->notify_dev, &ops, false, error)) {
        return false;
    }
    self->notify_out = (CompareOutput){ .owner = self, .property = "notify_dev" };
    self->notify_out.writer = frame_writer_new(&self->notify.frontend, false, NOTIFY_BYTES);
    return true;
}

static void listen_to(CompareInput *input)
{
    if (input->reader) {
        char_frontend_set_handlers(&input->frontend, input_can_receive, input_receive, input_event,
                                   input, iothread_context(input->owner->thread));
    }
}

bool colo_compare_open_channels(ColoCompare *self, GError **error)
{
    static const FrameReaderOps ops = { .frames = on_secondary_frames, .mark = on_secondary_mark };

    if (!open_primary(self, error) ||
        !open_input(self, &self->secondary, "secondary_in", self->secondary_in, &ops,
                    self->vnet_header, error) ||
        !open_notify(self, error)) {
        return false;
    }
    comparator_set_secondary_present(self->comparator,
                                     char_frontend_is_open(&self->secondary.frontend));
    listen_to(&self->secondary);
    listen_to(&self->primary);
    listen_to(&self->notify);
    return true;
}

static void close_input(CompareInput *input)
{
    char_frontend_deinit(&input->frontend);
    g_clear_pointer(&input->reader, frame_reader_free);
}

static void close_output(CompareOutput *output)
{
    g_clear_pointer(&output->writer, frame_writer_free);
    char_frontend_deinit(&output->frontend);
}

void colo_compare_close_inputs(ColoCompare *self)
{
    close_input(&self->primary);
    close_input(&self->secondary);
    char_frontend_set_handlers(&self->notify.frontend, NULL, NULL, NULL, NULL, NULL);
    g_clear_pointer(&self->notify_out.writer, frame_writer_free);
    close_input(&self->notify);
}

void colo_compare_close_outputs(ColoCompare *self)
{
    close_output(&self->out);
}
