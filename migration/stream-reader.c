/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The reading side of the migration stream: a large buffer in front of a channel. What a caller
 * wants beyond the buffer's content is read straight to its place, together with a refill of
 * the buffer, in one system call.
 */
#include "migration/stream.h"

#include <string.h>

#include "util/bytes.h"
#include "util/report.h"

#define READER_BUFFER_SIZE (256u * 1024)
#define READER_PEEK_MAX    1024u

struct MigrationReader {
    Channel *channel; /* NULL: memory, `data` is all there is */
    uint8_t *buffer;  /* the channel's, `size` bytes */
    size_t size;
    const uint8_t *data;
    size_t start; /* of what is not taken yet, in `data` */
    size_t end;
    bool ended; /* the channel has nothing more */
    uint64_t position;
    GError *error;
};

MigrationReader *migration_reader_new(Channel *channel)
{
    MigrationReader *reader = g_new0(MigrationReader, 1);
    reader->channel = channel_ref(channel);
    reader->size = READER_BUFFER_SIZE;
    reader->buffer = g_malloc(reader->size);
    reader->data = reader->buffer;
    return reader;
}

MigrationReader *migration_reader_new_memory(const void *data, size_t size)
{
    MigrationReader *reader = g_new0(MigrationReader, 1);
    reader->data = data;
    reader->end = size;
    reader->ended = true;
    return reader;
}

void migration_reader_set_position(MigrationReader *reader, uint64_t position)
{
    reader->position = position;
}

void migration_reader_free(MigrationReader *reader)
{
    if (!reader) {
        return;
    }
    g_clear_pointer(&reader->channel, channel_unref);
    g_free(reader->buffer);
    g_clear_error(&reader->error);
    g_free(reader);
}

/* ---- errors ---- */

bool migration_reader_failed(const MigrationReader *reader)
{
    return reader->error != NULL;
}

bool migration_reader_fail(MigrationReader *reader, const char *format, ...)
{
    if (!reader->error) {
        va_list arguments;
        va_start(arguments, format);
        g_autofree char *text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        qc_error_set(&reader->error, "migration stream at offset %" G_GUINT64_FORMAT ": %s",
                     reader->position, text);
    }
    return false;
}

bool migration_reader_check(const MigrationReader *reader, GError **error)
{
    if (reader->error && error) {
        *error = g_error_copy(reader->error);
    }
    return !reader->error;
}

uint64_t migration_reader_position(const MigrationReader *reader)
{
    return reader->position;
}

/* ---- input ---- */

static size_t reader_available(const MigrationReader *reader)
{
    return reader->end - reader->start;
}

static void reader_take(MigrationReader *reader, size_t size)
{
    reader->start += size;
    reader->position += size;
}

/*
 * One read into @iov. Bytes read, 0 at the end of the stream, or -1 with the sticky error set.
 */
static ssize_t reader_readv(MigrationReader *reader, const struct iovec *iov, int count)
{
    if (reader->ended) {
        return 0;
    }
    g_autoptr(GError) error = NULL;
    ssize_t bytes = channel_readv(reader->channel, iov, count, &error);
    if (bytes == 0) {
        reader->ended = true;
    } else if (bytes < 0) {
        migration_reader_fail(reader, "%s", error ? error->message : "the channel is non-blocking");
        return -1;
    }
    return bytes;
}

/* Make at least @size bytes (at most the buffer's size) available; false at the end or an error. */
static bool reader_fill(MigrationReader *reader, size_t size)
{
    while (reader_available(reader) < size) {
        if (reader->error || reader->ended) {
            return false;
        }
        size_t available = reader_available(reader);
        memmove(reader->buffer, reader->buffer + reader->start, available);
        reader->start = 0;
        reader->end = available;
        struct iovec iov = { reader->buffer + available, reader->size - available };
        ssize_t bytes = reader_readv(reader, &iov, 1);
        if (bytes <= 0) {
            return false;
        }
        reader->end += bytes;
    }
    return true;
}

static bool reader_fail_end(MigrationReader *reader, size_t wanted, size_t got)
{
    return migration_reader_fail(reader, "the stream ends where %zu bytes more were expected",
                                 wanted - got);
}

/* The next @size bytes (a scalar), taken; NULL with the sticky error. */
static const uint8_t *reader_scalar(MigrationReader *reader, size_t size)
{
    if (reader->error) {
        return NULL;
    }
    if (!reader_fill(reader, size)) {
        reader_fail_end(reader, size, reader_available(reader));
        return NULL;
    }
    const uint8_t *bytes = reader->data + reader->start;
    reader_take(reader, size);
    return bytes;
}

uint8_t migration_reader_get_u8(MigrationReader *reader)
{
    const uint8_t *bytes = reader_scalar(reader, 1);
    return bytes ? *bytes : 0;
}

uint16_t migration_reader_get_be16(MigrationReader *reader)
{
    const uint8_t *bytes = reader_scalar(reader, 2);
    return bytes ? load_be16(bytes) : 0;
}

uint32_t migration_reader_get_be32(MigrationReader *reader)
{
    const uint8_t *bytes = reader_scalar(reader, 4);
    return bytes ? load_be32(bytes) : 0;
}

uint64_t migration_reader_get_be64(MigrationReader *reader)
{
    const uint8_t *bytes = reader_scalar(reader, 8);
    return bytes ? load_be64(bytes) : 0;
}

/* The buffer is empty: fill @data and then the buffer with one read. Bytes that went to @data. */
static ssize_t reader_read_through(MigrationReader *reader, uint8_t *data, size_t size)
{
    struct iovec iov[] = { { data, size }, { reader->buffer, reader->size } };
    ssize_t bytes = reader_readv(reader, iov, G_N_ELEMENTS(iov));
    if (bytes <= 0) {
        return bytes;
    }
    size_t direct = MIN((size_t)bytes, size);
    reader->start = 0;
    reader->end = bytes - direct;
    reader->position += direct;
    return direct;
}

bool migration_reader_get_bytes(MigrationReader *reader, void *data, size_t size)
{
    uint8_t *place = data;
    size_t got = 0;
    while (got < size && !reader->error) {
        size_t available = reader_available(reader);
        if (available > 0) {
            size_t part = MIN(available, size - got);
            memcpy(place + got, reader->data + reader->start, part);
            reader_take(reader, part);
            got += part;
            continue;
        }
        ssize_t bytes = reader_read_through(reader, place + got, size - got);
        if (bytes == 0) {
            reader_fail_end(reader, size, got);
        }
        got += MAX(bytes, 0);
    }
    return !reader->error;
}

bool migration_reader_get_name(MigrationReader *reader, char name[256])
{
    uint8_t length = migration_reader_get_u8(reader);
    name[0] = '\0';
    if (reader->error) {
        return false;
    }
    if (length == 0) {
        return migration_reader_fail(reader, "a name of length 0");
    }
    if (!migration_reader_get_bytes(reader, name, length)) {
        name[0] = '\0';
        return false;
    }
    name[length] = '\0';
    for (unsigned i = 0; i < length; i++) {
        if (!g_ascii_isprint(name[i])) {
            migration_reader_fail(reader, "a name with the byte 0x%02x in it", (uint8_t)name[i]);
            name[0] = '\0';
            return false;
        }
    }
    return true;
}

bool migration_reader_skip(MigrationReader *reader, uint64_t size)
{
    while (size > 0 && !reader->error) {
        if (!reader_fill(reader, 1)) {
            return reader_fail_end(reader, MIN(size, SIZE_MAX), 0);
        }
        size_t part = MIN(reader_available(reader), size);
        reader_take(reader, part);
        size -= part;
    }
    return !reader->error;
}

size_t migration_reader_peek(MigrationReader *reader, void *data, size_t size)
{
    g_assert(size <= READER_PEEK_MAX);
    reader_fill(reader, size);
    size_t available = MIN(reader_available(reader), size);
    memcpy(data, reader->data + reader->start, available);
    return available;
}

bool migration_reader_read_to_end(MigrationReader *reader, size_t limit)
{
    while (!reader->ended && !reader->error) {
        size_t available = reader_available(reader);
        if (available > limit) {
            return migration_reader_fail(reader, "more than %zu bytes to the end of the stream",
                                         limit);
        }
        if (available == reader->size) {
            reader->size *= 2;
            reader->buffer = g_realloc(reader->buffer, reader->size);
            reader->data = reader->buffer;
        }
        reader_fill(reader, available + 1);
    }
    return !reader->error;
}

int migration_reader_wait(MigrationReader *reader, int timeout_ms)
{
    if (reader->error) {
        return -1;
    }
    if (reader_available(reader) > 0 || reader->ended) {
        return 1;
    }
    return channel_wait_readable(reader->channel, timeout_ms);
}
