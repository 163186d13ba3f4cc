/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Loads and stores of fixed byte order, and a cursor over bytes from outside that never
 * reads past their end.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE_ACCESS(bits, order, convert)                         \
    static inline uint##bits##_t load_##order##bits(const void *p)        \
    {                                                                     \
        uint##bits##_t value;                                             \
        memcpy(&value, p, sizeof(value));                                 \
        return convert(value);                                            \
    }                                                                     \
    static inline void store_##order##bits(void *p, uint##bits##_t value) \
    {                                                                     \
        value = convert(value);                                           \
        memcpy(p, &value, sizeof(value));                                 \
    }

BYTES_DEFINE_ACCESS(16, be, GUINT16_TO_BE)
BYTES_DEFINE_ACCESS(32, be, GUINT32_TO_BE)
BYTES_DEFINE_ACCESS(64, be, GUINT64_TO_BE)
BYTES_DEFINE_ACCESS(16, le, GUINT16_TO_LE)
BYTES_DEFINE_ACCESS(32, le, GUINT32_TO_LE)
BYTES_DEFINE_ACCESS(64, le, GUINT64_TO_LE)

/*
 * A window on bytes that somebody else sent. A read past the end returns zero (or NULL) and
 * sets `overrun`, which stays set: parse all fields first, then check once.
 */
typedef struct ByteCursor {
    const uint8_t *data;
    size_t size;
    size_t position;
    bool overrun;
} ByteCursor;

static inline ByteCursor byte_cursor(const void *data, size_t size)
{
    return (ByteCursor){ .data = data, .size = size };
}

static inline size_t byte_cursor_left(const ByteCursor *cursor)
{
    return cursor->size - cursor->position;
}

/* Borrow the next @size bytes, or NULL when there are fewer. */
static inline const uint8_t *byte_cursor_take(ByteCursor *cursor, size_t size)
{
    if (cursor->overrun || size > byte_cursor_left(cursor)) {
        cursor->overrun = true;
        return NULL;
    }
    const uint8_t *p = cursor->data + cursor->position;
    cursor->position += size;
    return p;
}

static inline uint8_t byte_cursor_u8(ByteCursor *cursor)
{
    const uint8_t *p = byte_cursor_take(cursor, 1);
    return p ? *p : 0;
}

static inline uint16_t byte_cursor_be16(ByteCursor *cursor)
{
    const uint8_t *p = byte_cursor_take(cursor, 2);
    return p ? load_be16(p) : 0;
}

static inline uint32_t byte_cursor_be32(ByteCursor *cursor)
{
    const uint8_t *p = byte_cursor_take(cursor, 4);
    return p ? load_be32(p) : 0;
}

static inline uint64_t byte_cursor_be64(ByteCursor *cursor)
{
    const uint8_t *p = byte_cursor_take(cursor, 8);
    return p ? load_be64(p) : 0;
}
