/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The writing side of the migration stream.
 *
 * Small values gather in `small`, borrowed memory is only referred to; both are lined up in one
 * I/O vector, so that a flush is one system call and guest pages are never copied.
 */
#include "migration/stream.h"

#include <limits.h>
#include <string.h>

#include "util/bytes.h"
#include "util/report.h"

#define WRITER_SMALL_SIZE (64u * 1024)
#define WRITER_IOV_COUNT  IOV_MAX
/* Lined-up bytes at which the writer flushes by itself. */
#define WRITER_FLUSH_BYTES (4u * 1024 * 1024)

/* Windows for which bytes above the rate limit can be held against the writer. */
#define DEBT_WINDOWS 10

struct MigrationWriter {
    Channel *channel;   /* or */
    GByteArray *memory; /* the bytes written */
    size_t limit;       /* of `memory`, 0: none */

    uint8_t *small;
    size_t small_used;
    struct iovec *iov;
    int iov_count;
    size_t pending; /* bytes in `iov` */

    uint64_t position;
    GError *error;

    uint64_t rate_limit; /* bytes a second, 0: none */
    gint64 window_start_us;
    uint64_t window_position;
};

static MigrationWriter *writer_alloc(void)
{
    MigrationWriter *writer = g_new0(MigrationWriter, 1);
    writer->window_start_us = g_get_monotonic_time();
    return writer;
}

MigrationWriter *migration_writer_new(Channel *channel)
{
    MigrationWriter *writer = writer_alloc();
    writer->channel = channel_ref(channel);
    writer->small = g_malloc(WRITER_SMALL_SIZE);
    writer->iov = g_new(struct iovec, WRITER_IOV_COUNT);
    return writer;
}

MigrationWriter *migration_writer_new_buffer(size_t limit)
{
    MigrationWriter *writer = writer_alloc();
    writer->memory = g_byte_array_new();
    writer->limit = limit;
    return writer;
}

void migration_writer_free(MigrationWriter *writer)
{
    if (!writer) {
        return;
    }
    g_clear_pointer(&writer->channel, channel_unref);
    g_clear_pointer(&writer->memory, g_byte_array_unref);
    g_free(writer->small);
    g_free(writer->iov);
    g_clear_error(&writer->error);
    g_free(writer);
}

/* ---- errors ---- */

bool migration_writer_failed(const MigrationWriter *writer)
{
    return writer->error != NULL;
}

void migration_writer_set_error(MigrationWriter *writer, const GError *error)
{
    if (!writer->error) {
        writer->error = g_error_copy(error);
    }
}

bool migration_writer_check(const MigrationWriter *writer, GError **error)
{
    if (writer->error && error) {
        *error = g_error_copy(writer->error);
    }
    return !writer->error;
}

/* ---- output ---- */

static void writer_drain(MigrationWriter *writer)
{
    if (!writer->error && writer->iov_count > 0) {
        channel_writev_all(writer->channel, writer->iov, writer->iov_count, &writer->error);
    }
    writer->iov_count = 0;
    writer->small_used = 0;
    writer->pending = 0;
}

bool migration_writer_flush(MigrationWriter *writer, GError **error)
{
    if (writer->channel) {
        writer_drain(writer);
    }
    return migration_writer_check(writer, error);
}

static void writer_append_memory(MigrationWriter *writer, const void *data, size_t size)
{
    size_t room = (writer->limit ? writer->limit : G_MAXUINT) - writer->memory->len;
    if (size > room) {
        qc_error_set(&writer->error,
                     "migration buffer is full: %zu bytes do not fit behind %u of at most %zu",
                     size, writer->memory->len, writer->limit ? writer->limit : (size_t)G_MAXUINT);
        return;
    }
    g_byte_array_append(writer->memory, data, size);
    writer->position += size;
}

/* Line up @data, which stays in place, behind what is there. */
static void writer_append_iov(MigrationWriter *writer, const void *data, size_t size)
{
    struct iovec *last = writer->iov_count ? &writer->iov[writer->iov_count - 1] : NULL;
    if (last && (const uint8_t *)last->iov_base + last->iov_len == data) {
        last->iov_len += size;
    } else {
        writer->iov[writer->iov_count++] =
            (struct iovec){ .iov_base = (void *)data, .iov_len = size };
    }
    writer->pending += size;
    writer->position += size;
}

/* At most WRITER_SMALL_SIZE bytes, copied. */
static void writer_append_small(MigrationWriter *writer, const void *data, size_t size)
{
    if (writer->small_used + size > WRITER_SMALL_SIZE || writer->iov_count == WRITER_IOV_COUNT) {
        writer_drain(writer);
    }
    uint8_t *place = writer->small + writer->small_used;
    memcpy(place, data, size);
    writer->small_used += size;
    writer_append_iov(writer, place, size);
}

void migration_writer_put_bytes(MigrationWriter *writer, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (writer->memory) {
        if (!writer->error) {
            writer_append_memory(writer, data, size);
        }
        return;
    }
    while (size > 0 && !writer->error) {
        size_t part = MIN(size, WRITER_SMALL_SIZE);
        writer_append_small(writer, bytes, part);
        bytes += part;
        size -= part;
    }
}

void migration_writer_put_borrowed(MigrationWriter *writer, const void *data, size_t size)
{
    if (writer->memory) {
        migration_writer_put_bytes(writer, data, size);
        return;
    }
    if (size == 0 || writer->error) {
        return;
    }
    if (writer->iov_count == WRITER_IOV_COUNT) {
        writer_drain(writer);
    }
    writer_append_iov(writer, data, size);
    if (writer->pending >= WRITER_FLUSH_BYTES) {
        writer_drain(writer);
    }
}

void migration_writer_put_u8(MigrationWriter *writer, uint8_t value)
{
    migration_writer_put_bytes(writer, &value, 1);
}

void migration_writer_put_be16(MigrationWriter *writer, uint16_t value)
{
    uint8_t bytes[2];
    store_be16(bytes, value);
    migration_writer_put_bytes(writer, bytes, sizeof(bytes));
}

void migration_writer_put_be32(MigrationWriter *writer, uint32_t value)
{
    uint8_t bytes[4];
    store_be32(bytes, value);
    migration_writer_put_bytes(writer, bytes, sizeof(bytes));
}

void migration_writer_put_be64(MigrationWriter *writer, uint64_t value)
{
    uint8_t bytes[8];
    store_be64(bytes, value);
    migration_writer_put_bytes(writer, bytes, sizeof(bytes));
}

void migration_writer_put_name(MigrationWriter *writer, const char *text)
{
    size_t length = strlen(text);
    g_assert(length >= 1 && length <= 255);
    migration_writer_put_u8(writer, length);
    migration_writer_put_bytes(writer, text, length);
}

/* ---- position and memory ---- */

uint64_t migration_writer_position(const MigrationWriter *writer)
{
    return writer->position;
}

const void *migration_writer_data(const MigrationWriter *writer, size_t *size)
{
    g_assert(writer->memory);
    *size = writer->memory->len;
    return writer->memory->data;
}

void migration_writer_reset(MigrationWriter *writer)
{
    g_assert(writer->memory);
    g_byte_array_set_size(writer->memory, 0);
    writer->position = 0;
    writer->window_position = 0;
    g_clear_error(&writer->error);
}

/* ---- rate ---- */

void migration_writer_set_rate_limit(MigrationWriter *writer, uint64_t bytes_per_second)
{
    writer->rate_limit = bytes_per_second;
}

static uint64_t window_bytes(const MigrationWriter *writer)
{
    return MAX(writer->rate_limit / (1000 / MIGRATION_WINDOW_MS), 1);
}

bool migration_writer_over_rate(const MigrationWriter *writer)
{
    return writer->rate_limit > 0 &&
           writer->position - writer->window_position >= window_bytes(writer);
}

unsigned migration_writer_rate_delay_ms(MigrationWriter *writer)
{
    gint64 now = g_get_monotonic_time();
    gint64 left = writer->window_start_us + MIGRATION_WINDOW_MS * 1000 - now;
    if (left <= 0) {
        uint64_t sent = writer->position - writer->window_position;
        writer->window_start_us = now;
        /* What went out above the limit counts from now on, within limits: they may have changed.
         */
        writer->window_position = writer->position;
        if (writer->rate_limit > 0 && sent > window_bytes(writer)) {
            writer->window_position -=
                MIN(sent - window_bytes(writer), DEBT_WINDOWS * window_bytes(writer));
        }
        return 0;
    }
    return migration_writer_over_rate(writer) ? (unsigned)(left + 999) / 1000 : 0;
}
