/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Frames over a character device. Reading hands complete records on in place and keeps only what
 * a read has cut; writing goes straight to the device while nothing waits.
 */
#include "net/frame-channel.h"

#include <string.h>

#include "trace-net.h"
#include "util/bytes.h"
#include "util/report.h"

#define LENGTH_SIZE  4
#define GROUP_FRAMES 16 /* handed on together, when the handler takes several */

/* ---- reading ---- */

struct FrameReader {
    bool vnet_header;
    const FrameReaderOps *ops;
    void *opaque;
    GByteArray *partial; /* a record that has not come whole: lengths and what there is of it */
    unsigned generation; /* grows when a new peer begins */
    NetFrame group[GROUP_FRAMES]; /* frames of the input that are still to be handed on */
    struct iovec group_iov[GROUP_FRAMES];
    unsigned group_count;
};

/* The lengths that lead a record. */
typedef struct RecordHead {
    uint32_t size;      /* of what follows, vnet header included */
    uint32_t vnet_size; /* 0: there is none */
} RecordHead;

static size_t head_size(bool vnet_header)
{
    return vnet_header ? 2 * LENGTH_SIZE : LENGTH_SIZE;
}

FrameReader *frame_reader_new(bool vnet_header, const FrameReaderOps *ops, void *opaque)
{
    FrameReader *reader = g_new0(FrameReader, 1);

    reader->vnet_header = vnet_header;
    reader->ops = ops;
    reader->opaque = opaque;
    reader->partial = g_byte_array_new();
    return reader;
}

void frame_reader_free(FrameReader *reader)
{
    if (reader) {
        g_byte_array_unref(reader->partial);
        g_free(reader);
    }
}

void frame_reader_reset(FrameReader *reader)
{
    g_byte_array_set_size(reader->partial, 0);
    reader->group_count = 0;
    reader->generation++;
}

static void hand_on_group(FrameReader *reader)
{
    unsigned count = reader->group_count;

    reader->group_count = 0;
    if (count > 0) {
        reader->ops->frames(reader->group, count, reader->opaque);
    }
}

static void hand_on(FrameReader *reader, const NetFrame *frame)
{
    unsigned at = reader->group_count;

    if (!reader->ops->frames) {
        reader->ops->frame(frame, reader->opaque);
        return;
    }
    reader->group_iov[at] = *frame->iov;
    reader->group[at] = *frame;
    reader->group[at].iov = &reader->group_iov[at];
    if (++reader->group_count == GROUP_FRAMES) {
        hand_on_group(reader);
    }
}

static bool refuse(FrameReader *reader, const char *why, uint32_t value, GError **error)
{
    trace_frame_reader_refused(why);
    qc_error_set(error, "%s (%u)", why, value);
    hand_on_group(reader);
    frame_reader_reset(reader);
    return false;
}

/* The only place that looks at lengths; @data holds a whole head. */
static bool parse_head(FrameReader *reader, const uint8_t *data, RecordHead *head, GError **error)
{
    head->size = load_be32(data);
    head->vnet_size = reader->vnet_header ? load_be32(data + LENGTH_SIZE) : 0;
    if (head->vnet_size != 0 && head->vnet_size != VNET_HEADER_SIZE &&
        head->vnet_size != VNET_HEADER_MERGEABLE_SIZE) {
        return refuse(reader, "the peer sent a vnet header of a length that does not exist",
                      head->vnet_size, error);
    }
    if (head->vnet_size > head->size) {
        return refuse(reader, "the peer sent a vnet header that is longer than its frame",
                      head->size, error);
    }
    if (head->size - head->vnet_size > NET_FRAME_MAX) {
        return refuse(reader, "the peer sent a frame that is longer than any can be", head->size,
                      error);
    }
    return true;
}

/* @data is what follows the head, whole. */
static void deliver(FrameReader *reader, const RecordHead *head, const uint8_t *data)
{
    struct iovec iov = { (void *)(data + head->vnet_size), head->size - head->vnet_size };
    NetFrame frame = { .iov = &iov, .iov_count = 1 };

    if (iov.iov_len == 0) {
        if (reader->ops->mark) {
            hand_on_group(reader);
            reader->ops->mark(reader->opaque);
        }
        return;
    }
    if (head->vnet_size > 0) {
        vnet_header_unpack(&frame.header, data);
    }
    hand_on(reader, &frame);
}

/* Move bytes from the input to the partial record until it holds @wanted; false: too few. */
static bool collect(FrameReader *reader, ByteCursor *input, size_t wanted)
{
    size_t have = reader->partial->len;
    size_t size = MIN(wanted - MIN(wanted, have), byte_cursor_left(input));

    if (size > 0) {
        g_byte_array_append(reader->partial, byte_cursor_take(input, size), (guint)size);
    }
    return reader->partial->len >= wanted;
}

/* Go on with the record that is there in part. False with *@more unset: the input is used up. */
static bool continue_partial(FrameReader *reader, ByteCursor *input, bool *more, GError **error)
{
    size_t head_bytes = head_size(reader->vnet_header);
    RecordHead head;

    *more = false;
    if (!collect(reader, input, head_bytes)) {
        return true;
    }
    if (!parse_head(reader, reader->partial->data, &head, error)) {
        return false;
    }
    if (!collect(reader, input, head_bytes + head.size)) {
        return true;
    }
    /* The handler may begin anew with this reader. */
    g_autoptr(GByteArray) record = g_steal_pointer(&reader->partial);
    reader->partial = g_byte_array_new();
    deliver(reader, &head, record->data + head_bytes);
    hand_on_group(reader);
    *more = true;
    return true;
}

/* A record that lies whole in the input needs no copy. */
static bool take_whole(FrameReader *reader, ByteCursor *input, bool *more, GError **error)
{
    size_t head_bytes = head_size(reader->vnet_header);
    const uint8_t *data = input->data + input->position;
    RecordHead head;

    if (byte_cursor_left(input) < head_bytes) {
        return continue_partial(reader, input, more, error);
    }
    if (!parse_head(reader, data, &head, error)) {
        return false;
    }
    if (byte_cursor_left(input) < head_bytes + head.size) {
        return continue_partial(reader, input, more, error);
    }
    byte_cursor_take(input, head_bytes + head.size);
    deliver(reader, &head, data + head_bytes);
    *more = true;
    return true;
}

bool frame_reader_feed(FrameReader *reader, const uint8_t *data, size_t size, GError **error)
{
    ByteCursor input = byte_cursor(data, size);
    unsigned generation = reader->generation;
    bool more = true;

    /* When a handler has begun anew, the rest came from a peer that is no more. */
    while (more && byte_cursor_left(&input) > 0 && generation == reader->generation) {
        bool ok = reader->partial->len > 0 ? continue_partial(reader, &input, &more, error)
                                           : take_whole(reader, &input, &more, error);
        if (!ok) {
            return false;
        }
    }
    hand_on_group(reader);
    return true;
}

/* ---- writing ---- */

/* Marks are few and small, and losing one costs a checkpoint; so they may exceed the limit. */
#define MARK_RESERVE 4096
/* More does not wait for others. */
#define HOLD_BYTES (64 * 1024)

struct FrameWriter {
    gint references;        /* the owner's, and that of a watch */
    GMutex lock;            /* a leaf but for the device's own */
    CharFrontend *frontend; /* NULL: the owner has gone */
    bool vnet_header;
    size_t limit;        /* bytes */
    GByteArray *waiting; /* records; the first `written` bytes have been sent */
    size_t written;
    bool watching; /* until the device takes more */
    bool holding;  /* until the owner lets go */
    uint64_t dropped;
};

FrameWriter *frame_writer_new(CharFrontend *frontend, bool vnet_header, size_t limit)
{
    FrameWriter *writer = g_new0(FrameWriter, 1);

    writer->references = 1;
    g_mutex_init(&writer->lock);
    writer->frontend = frontend;
    writer->vnet_header = vnet_header;
    writer->limit = limit;
    writer->waiting = g_byte_array_new();
    return writer;
}

static void writer_unref(FrameWriter *writer)
{
    if (g_atomic_int_dec_and_test(&writer->references)) {
        g_byte_array_unref(writer->waiting);
        g_mutex_clear(&writer->lock);
        g_free(writer);
    }
}

void frame_writer_free(FrameWriter *writer)
{
    if (!writer) {
        return;
    }
    g_mutex_lock(&writer->lock);
    writer->frontend = NULL;
    g_mutex_unlock(&writer->lock);
    writer_unref(writer);
}

/* Lock held. */
static void forget_waiting(FrameWriter *writer)
{
    g_byte_array_set_size(writer->waiting, 0);
    writer->written = 0;
}

static size_t waiting_size(const FrameWriter *writer)
{
    return writer->waiting->len - writer->written;
}

static gboolean on_writable(void *opaque);

/* Lock held. Write what the device takes; wait for it to take the rest. */
static void flush(FrameWriter *writer)
{
    while (waiting_size(writer) > 0) {
        int taken = char_frontend_write(writer->frontend, writer->waiting->data + writer->written,
                                        (int)waiting_size(writer));
        if (taken <= 0) {
            break;
        }
        writer->written += taken;
    }
    if (waiting_size(writer) == 0) {
        forget_waiting(writer);
    } else if (!writer->watching) {
        g_atomic_int_inc(&writer->references);
        writer->watching = true;
        if (char_frontend_add_watch(writer->frontend, on_writable, writer) == 0) {
            /* There is no peer any more to wait for. */
            writer->watching = false;
            g_atomic_int_dec_and_test(&writer->references);
            forget_waiting(writer);
        }
    }
}

/* Lock held. There is more to write. */
static void flush_unless_held(FrameWriter *writer)
{
    if (!writer->watching && (!writer->holding || waiting_size(writer) > HOLD_BYTES)) {
        flush(writer);
    }
}

/* One call for each watch: a new one may have another device's output to wait for. */
static gboolean on_writable(void *opaque)
{
    FrameWriter *writer = opaque;

    g_mutex_lock(&writer->lock);
    writer->watching = false;
    if (writer->frontend) {
        flush(writer);
    }
    g_mutex_unlock(&writer->lock);
    writer_unref(writer);
    return G_SOURCE_REMOVE;
}

/* Lock held. What was sent of a backlog makes room before the backlog grows. */
static void compact(FrameWriter *writer)
{
    if (writer->written > writer->waiting->len / 2) {
        g_byte_array_remove_range(writer->waiting, 0, (guint)writer->written);
        writer->written = 0;
    }
}

/* Lock held. Room for @size more bytes behind what waits, or NULL. */
static uint8_t *reserve(FrameWriter *writer, size_t size, size_t limit)
{
    size_t waiting = waiting_size(writer);

    /* What nobody has to wait for always goes: the peer may take it at once. */
    if (waiting > 0 && (waiting > limit || size > limit - waiting)) {
        return NULL;
    }
    compact(writer);
    guint at = writer->waiting->len;
    g_byte_array_set_size(writer->waiting, at + (guint)size);
    return writer->waiting->data + at;
}

/* Lock held. The same; what is only held makes room by going. */
static uint8_t *make_room(FrameWriter *writer, size_t size, size_t limit)
{
    uint8_t *record = reserve(writer, size, limit);

    if (!record && !writer->watching) {
        flush(writer);
        record = reserve(writer, size, limit);
    }
    return record;
}

static void put_record(uint8_t *record, bool vnet_header, const NetFrame *frame, size_t size)
{
    size_t vnet_size = vnet_header ? VNET_HEADER_MERGEABLE_SIZE : 0;

    store_be32(record, vnet_size + size);
    record += LENGTH_SIZE;
    if (vnet_header) {
        store_be32(record, vnet_size);
        memset(record + LENGTH_SIZE, 0, vnet_size);
        vnet_header_pack(&frame->header, record + LENGTH_SIZE);
        record += LENGTH_SIZE + vnet_size;
    }
    net_frame_copy(frame, 0, record, size);
}

bool frame_writer_send(FrameWriter *writer, const NetFrame *frame)
{
    size_t size = net_frame_size(frame);
    size_t record_size = head_size(writer->vnet_header) +
                         (writer->vnet_header ? VNET_HEADER_MERGEABLE_SIZE : 0) + size;

    g_assert(writer->vnet_header || vnet_header_is_plain(&frame->header));
    g_mutex_lock(&writer->lock);
    uint8_t *record =
        size > 0 && size <= NET_FRAME_MAX ? make_room(writer, record_size, writer->limit) : NULL;
    if (record) {
        put_record(record, writer->vnet_header, frame, size);
        flush_unless_held(writer);
    } else {
        trace_frame_writer_dropped(size, waiting_size(writer));
        writer->dropped++;
    }
    g_mutex_unlock(&writer->lock);
    return record != NULL;
}

bool frame_writer_mark(FrameWriter *writer)
{
    size_t size = head_size(writer->vnet_header);

    g_mutex_lock(&writer->lock);
    uint8_t *record = make_room(writer, size, writer->limit + MARK_RESERVE);
    if (record) {
        memset(record, 0, size);
        flush_unless_held(writer);
    }
    g_mutex_unlock(&writer->lock);
    return record != NULL;
}

void frame_writer_hold(FrameWriter *writer)
{
    g_mutex_lock(&writer->lock);
    writer->holding = true;
    g_mutex_unlock(&writer->lock);
}

void frame_writer_release(FrameWriter *writer)
{
    g_mutex_lock(&writer->lock);
    writer->holding = false;
    flush_unless_held(writer);
    g_mutex_unlock(&writer->lock);
}

void frame_writer_reset(FrameWriter *writer)
{
    g_mutex_lock(&writer->lock);
    forget_waiting(writer);
    g_mutex_unlock(&writer->lock);
}

size_t frame_writer_waiting(const FrameWriter *writer)
{
    FrameWriter *locked = (FrameWriter *)writer;

    g_mutex_lock(&locked->lock);
    size_t waiting = waiting_size(locked);
    g_mutex_unlock(&locked->lock);
    return waiting;
}

uint64_t frame_writer_dropped(const FrameWriter *writer)
{
    FrameWriter *locked = (FrameWriter *)writer;

    g_mutex_lock(&locked->lock);
    uint64_t dropped = locked->dropped;
    g_mutex_unlock(&locked->lock);
    return dropped;
}
