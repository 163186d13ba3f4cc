/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Frames over a character device, the framing of mirror, redirector and comparator: be32 length
 * of the frame (vnet header included), with a vnet header also be32 length of that header, then
 * the bytes.
 *
 * A record of length 0 is a checkpoint mark: the secondary's redirector sends it when its guest
 * has stopped for a checkpoint; what comes before it belongs to the time before. Who does not
 * know marks ignores empty frames.
 */
#pragma once

#include "chardev/char.h"
#include "net/net.h"

/* ---- reading ---- */

typedef struct FrameReaderOps {
    void (*frame)(const NetFrame *frame, void *opaque);
    void (*mark)(void *opaque); /* may be NULL */
    /* In place of `frame`, unless NULL: those that have come together, in order. */
    void (*frames)(const NetFrame *frames, unsigned count, void *opaque);
} FrameReaderOps;

typedef struct FrameReader FrameReader;
FrameReader *frame_reader_new(bool vnet_header, const FrameReaderOps *ops, void *opaque);
void frame_reader_free(FrameReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameReader, frame_reader_free)
/*
 * Take @size bytes, calling ops for each complete record. False when the peer is broken (a
 * length above NET_FRAME_MAX, a vnet header of a length that does not exist or beyond the
 * frame): the connection should be closed; the reader is then as new. Any one thread. @ops may
 * reset the reader (what is left of
 * @data is then dropped), but must not free it.
 */
bool frame_reader_feed(FrameReader *reader, const uint8_t *data, size_t size, GError **error);
/* A new peer: forget a partial record. */
void frame_reader_reset(FrameReader *reader);

/* ---- writing ---- */

typedef struct FrameWriter FrameWriter;
/*
 * Write records to @frontend (borrowed, its handlers are the caller's). What the peer does not
 * take waits, at most @limit bytes or one frame; frames that do not fit are dropped whole. A peer
 * that goes loses what waits.
 */
FrameWriter *frame_writer_new(CharFrontend *frontend, bool vnet_header, size_t limit);
void frame_writer_free(FrameWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameWriter, frame_writer_free)
/* False: dropped for lack of room. Frames with offloads need vnet_header. Any thread. */
bool frame_writer_send(FrameWriter *writer, const NetFrame *frame);
bool frame_writer_mark(FrameWriter *writer);
/*
 * Keep what is sent from now on until frame_writer_release(), to write it at once; if it is much,
 * it does not wait. Any thread.
 */
void frame_writer_hold(FrameWriter *writer);
void frame_writer_release(FrameWriter *writer);
/* CHAR_EVENT_CLOSED: forget what waits. */
void frame_writer_reset(FrameWriter *writer);
/* Bytes that wait for the peer. */
size_t frame_writer_waiting(const FrameWriter *writer);
/* How many frames were dropped for lack of room. */
uint64_t frame_writer_dropped(const FrameWriter *writer);
