/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The migration stream as the code of migration/ writes and reads it: big-endian values and
 * guest pages over a channel or a memory buffer.
 *
 * Errors are sticky on both sides: after the first one every call does nothing (gets return
 * zero), so code may put or get a whole record and check once.
 *
 * A writer belongs to one thread at a time, so does a reader; the channel below may be shut
 * down from any thread, which breaks both.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "io/channel.h"
#include "migration/vmstate.h"

/* ---- writing ---- */

/* Write to @channel (takes a reference). */
MigrationWriter *migration_writer_new(Channel *channel);
/* Write to memory, at most @limit bytes (0: no limit); past it the writer fails. */
MigrationWriter *migration_writer_new_buffer(size_t limit);
void migration_writer_free(MigrationWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationWriter, migration_writer_free)

void migration_writer_put_u8(MigrationWriter *writer, uint8_t value);
void migration_writer_put_be16(MigrationWriter *writer, uint16_t value);
void migration_writer_put_be32(MigrationWriter *writer, uint32_t value);
void migration_writer_put_be64(MigrationWriter *writer, uint64_t value);
/* Copies @data. */
void migration_writer_put_bytes(MigrationWriter *writer, const void *data, size_t size);
/* A length byte and the characters; @text is at most 255 bytes long. */
void migration_writer_put_name(MigrationWriter *writer, const char *text);
/*
 * Send @data without copying it: it is read when the writer flushes and must stay in place
 * until then. What changes meanwhile may or may not be sent (guest pages: the dirty log tells).
 * Buffer writers copy.
 */
void migration_writer_put_borrowed(MigrationWriter *writer, const void *data, size_t size);

/* Hand everything to the channel. False with the sticky error. May wait: not with the BQL. */
bool migration_writer_flush(MigrationWriter *writer, GError **error);
bool migration_writer_failed(const MigrationWriter *writer);
/* Make the writer fail with a copy of @error, unless it has failed before. */
void migration_writer_set_error(MigrationWriter *writer, const GError *error);
/* Copy the sticky error to @error; returns whether there was none. */
bool migration_writer_check(const MigrationWriter *writer, GError **error);

/* Bytes put so far. */
uint64_t migration_writer_position(const MigrationWriter *writer);
/* Buffer writers: what was written. Borrowed until the next put, reset or free. */
const void *migration_writer_data(const MigrationWriter *writer, size_t *size);
/* Buffer writers: begin again, keeping the memory. Clears the error. */
void migration_writer_reset(MigrationWriter *writer);

/*
 * Rate limit: @bytes_per_second (0: none) counted in windows of MIGRATION_WINDOW_MS. The writer
 * itself never sleeps; its user asks how long it should, flushes, and sleeps as it likes.
 */
#define MIGRATION_WINDOW_MS 100
void migration_writer_set_rate_limit(MigrationWriter *writer, uint64_t bytes_per_second);
/* Has the current window used up its bytes? */
bool migration_writer_over_rate(const MigrationWriter *writer);
/* Milliseconds until the window ends, 0 when not over the rate; begins a new one when it is due. */
unsigned migration_writer_rate_delay_ms(MigrationWriter *writer);

/* ---- reading ---- */

/* Read from @channel (takes a reference). */
MigrationReader *migration_reader_new(Channel *channel);
/* Read @size bytes of memory, borrowed for the reader's life. */
MigrationReader *migration_reader_new_memory(const void *data, size_t size);
/* Begin to count offsets at @position: for memory that was part of a larger stream. */
void migration_reader_set_position(MigrationReader *reader, uint64_t position);
void migration_reader_free(MigrationReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigrationReader, migration_reader_free)

uint8_t migration_reader_get_u8(MigrationReader *reader);
uint16_t migration_reader_get_be16(MigrationReader *reader);
uint32_t migration_reader_get_be32(MigrationReader *reader);
uint64_t migration_reader_get_be64(MigrationReader *reader);
/* All @size bytes or the sticky error. Large ones go past the buffer straight to @data. */
bool migration_reader_get_bytes(MigrationReader *reader, void *data, size_t size);
/* A length byte and that many characters, which must be 1 to 255 and not hold a NUL. */
bool migration_reader_get_name(MigrationReader *reader, char name[256]);
/* Pass over @size bytes. */
bool migration_reader_skip(MigrationReader *reader, uint64_t size);
/*
 * Copy up to @size bytes (at most 1024) without taking them, waiting for them; less only at the
 * end of the stream, which is no error here.
 */
size_t migration_reader_peek(MigrationReader *reader, void *data, size_t size);
/*
 * Wait for the end of the channel and keep all that comes, at most @limit bytes, so that nothing
 * waits afterwards. False with the sticky error.
 */
bool migration_reader_read_to_end(MigrationReader *reader, size_t limit);
/*
 * Wait at most @timeout_ms (< 0: no limit) for something to read, buffered bytes included:
 * 1 there is (or the stream has ended), 0 timeout, -1 the channel is shut down or broken.
 */
int migration_reader_wait(MigrationReader *reader, int timeout_ms);

bool migration_reader_failed(const MigrationReader *reader);
/* Make the reader fail, naming the offset; the first error stays. Returns false. */
bool migration_reader_fail(MigrationReader *reader, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Copy the sticky error to @error; returns whether there was none. */
bool migration_reader_check(const MigrationReader *reader, GError **error);
/* Bytes taken so far: the offset that error messages name. */
uint64_t migration_reader_position(const MigrationReader *reader);
