/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Wire types of device state: how one element of a field travels. */
#include "migration/vmstate.h"

#include "migration/stream.h"
#include "util/report.h"
#include "util/timer.h"

static bool bool_get(MigrationReader *reader, void *element, size_t size, const VMStateField *field,
                     GError **error)
{
    uint8_t value = migration_reader_get_u8(reader);
    if (!migration_reader_check(reader, error)) {
        return false;
    }
    if (value > 1) {
        qc_error_set(error, "%u is neither 0 nor 1", value);
        return false;
    }
    *(bool *)element = value;
    return true;
}

static void bool_put(MigrationWriter *writer, const void *element, size_t size,
                     const VMStateField *field)
{
    migration_writer_put_u8(writer, *(const bool *)element);
}

const VMStateType vmstate_type_bool = { "bool", bool_get, bool_put };

#define DEFINE_INTEGER_TYPE(bits, accessor)                                              \
    static bool u##bits##_get(MigrationReader *reader, void *element, size_t size,       \
                              const VMStateField *field, GError **error)                 \
    {                                                                                    \
        *(uint##bits##_t *)element = migration_reader_get_##accessor(reader);            \
        return migration_reader_check(reader, error);                                    \
    }                                                                                    \
    static void u##bits##_put(MigrationWriter *writer, const void *element, size_t size, \
                              const VMStateField *field)                                 \
    {                                                                                    \
        migration_writer_put_##accessor(writer, *(const uint##bits##_t *)element);       \
    }                                                                                    \
    const VMStateType vmstate_type_u##bits = { "uint" #bits, u##bits##_get, u##bits##_put };

DEFINE_INTEGER_TYPE(8, u8)
DEFINE_INTEGER_TYPE(16, be16)
DEFINE_INTEGER_TYPE(32, be32)
DEFINE_INTEGER_TYPE(64, be64)

static bool buffer_get(MigrationReader *reader, void *element, size_t size,
                       const VMStateField *field, GError **error)
{
    migration_reader_get_bytes(reader, element, size);
    return migration_reader_check(reader, error);
}

static void buffer_put(MigrationWriter *writer, const void *element, size_t size,
                       const VMStateField *field)
{
    migration_writer_put_bytes(writer, element, size);
}

const VMStateType vmstate_type_buffer = { "buffer", buffer_get, buffer_put };

/* A timer: when it expires, in nanoseconds of its clock, or -1 when it is not armed. */
static bool timer_get(MigrationReader *reader, void *element, size_t size,
                      const VMStateField *field, GError **error)
{
    Timer *timer = *(Timer **)element;
    int64_t expire = (int64_t)migration_reader_get_be64(reader);
    if (!migration_reader_check(reader, error)) {
        return false;
    }
    if (expire < -1) {
        qc_error_set(error, "expiry time %" G_GINT64_FORMAT " ns is negative", expire);
        return false;
    }
    if (expire == -1) {
        timer_del(timer);
    } else {
        timer_mod_ns(timer, expire);
    }
    return true;
}

static void timer_put(MigrationWriter *writer, const void *element, size_t size,
                      const VMStateField *field)
{
    Timer *const *timer = element;
    migration_writer_put_be64(writer, (uint64_t)timer_expire_time_ns(*timer));
}

const VMStateType vmstate_type_timer = { "timer", timer_get, timer_put };
