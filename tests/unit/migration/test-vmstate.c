/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Device state: round trips of every type, versions, subsections, and streams that are wrong. */
#include <jansson.h>
#include <string.h>

#include "migration/stream.h"
#include "migration/vmstate-fields.h"
#include "migration/vmstate.h"
#include "system/main-loop.h"
#include "util/timer.h"

typedef struct Part {
    uint16_t a;
    uint8_t b;
} Part;

typedef struct Sample {
    bool flag;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int32_t i32;
    int64_t i64;
    uint8_t bytes[5];
    uint16_t words[3];
    bool flags[2];
    uint64_t quads[2];
    uint8_t opaque[7];
    Part part;
    Part parts[3];
    uint32_t fifo_length;
    uint8_t fifo[16];
    uint32_t *table; /* 4 elements elsewhere */
    uint32_t configured;
    uint32_t newer; /* from version 2 on */
    Timer *timer;
    uint32_t sometimes; /* subsection, when not zero */
    bool post_loaded;
} Sample;

static const VMStateField part_fields[] = {
    VMSTATE_UINT16(a, Part),
    VMSTATE_UINT8(b, Part),
    VMSTATE_END,
};
static const VMStateDescription part_description = {
    .name = "part", .version = 1, .minimum_version = 1, .fields = part_fields
};

static const VMStateField sometimes_fields[] = {
    VMSTATE_UINT32(sometimes, Sample),
    VMSTATE_END,
};
static bool sometimes_needed(void *opaque)
{
    return ((Sample *)opaque)->sometimes != 0;
}
static const VMStateDescription sometimes_description = {
    .name = "sample/sometimes",
    .version = 1,
    .minimum_version = 1,
    .needed = sometimes_needed,
    .fields = sometimes_fields,
};

static bool sample_post_load(void *opaque, int version, GError **error)
{
    ((Sample *)opaque)->post_loaded = true;
    return true;
}

static const VMStateDescription *const sample_subsections[] = { &sometimes_description, NULL };

static const VMStateField sample_fields[] = {
    VMSTATE_BOOL(flag, Sample),
    VMSTATE_UINT8(u8, Sample),
    VMSTATE_UINT16(u16, Sample),
    VMSTATE_UINT32(u32, Sample),
    VMSTATE_UINT64(u64, Sample),
    VMSTATE_INT32(i32, Sample),
    VMSTATE_INT64(i64, Sample),
    VMSTATE_UINT8_ARRAY(bytes, Sample),
    VMSTATE_UINT16_ARRAY(words, Sample),
    VMSTATE_BOOL_ARRAY(flags, Sample),
    VMSTATE_UINT64_ARRAY(quads, Sample),
    VMSTATE_BUFFER(opaque, Sample),
    VMSTATE_STRUCT(part, Sample, part_description, Part),
    VMSTATE_STRUCT_ARRAY(parts, Sample, part_description, Part),
    VMSTATE_UINT32(fifo_length, Sample),
    VMSTATE_VARRAY_UINT8(fifo, Sample, fifo_length),
    { .name = "table",
      .offset = offsetof(Sample, table),
      .size = sizeof(uint32_t),
      .count = 4,
      .flags = VMSTATE_FIELD_ARRAY | VMSTATE_FIELD_POINTER,
      .type = &vmstate_type_u32 },
    VMSTATE_UINT32_EQUAL(configured, Sample),
    VMSTATE_SINGLE(newer, Sample, 2, NULL, vmstate_type_u32, uint32_t),
    VMSTATE_TIMER_PTR(timer, Sample),
    VMSTATE_END,
};

static const VMStateDescription sample_description = {
    .name = "sample",
    .version = 2,
    .minimum_version = 1,
    .post_load = sample_post_load,
    .fields = sample_fields,
    .subsections = sample_subsections,
};

static void on_timer(void *opaque)
{
}

static Sample *sample_new(void)
{
    Sample *sample = g_new0(Sample, 1);
    sample->table = g_new0(uint32_t, 4);
    sample->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, on_timer, NULL);
    sample->configured = 77;
    return sample;
}

static void sample_free(Sample *sample)
{
    timer_free(sample->timer);
    g_free(sample->table);
    g_free(sample);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sample, sample_free)

static Sample *sample_new_filled(void)
{
    Sample *sample = sample_new();
    sample->flag = true;
    sample->u8 = 0x12;
    sample->u16 = 0x3456;
    sample->u32 = 0x789abcde;
    sample->u64 = 0x0123456789abcdef;
    sample->i32 = -5;
    sample->i64 = INT64_MIN;
    memcpy(sample->bytes, "bytes", 5);
    sample->words[2] = 0xffee;
    sample->flags[1] = true;
    sample->quads[0] = UINT64_MAX;
    memcpy(sample->opaque, "opaque!", 7);
    sample->part = (Part){ 1, 2 };
    sample->parts[2] = (Part){ 0xabcd, 0xef };
    sample->fifo_length = 3;
    memcpy(sample->fifo, "abc", 3);
    sample->table[3] = 42;
    sample->newer = 99;
    sample->sometimes = 7;
    timer_mod_ns(sample->timer, 123456789);
    return sample;
}

/* Bytes of @sample with a footer-like byte behind, so that a peek for a subsection finds one. */
static GByteArray *save(Sample *sample)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    vmstate_save(writer, &sample_description, sample);
    migration_writer_put_u8(writer, 0x7e);
    g_assert_false(migration_writer_failed(writer));
    size_t size;
    const void *data = migration_writer_data(writer, &size);
    GByteArray *bytes = g_byte_array_new();
    return g_byte_array_append(bytes, data, size);
}

static bool load(const GByteArray *bytes, size_t size, Sample *sample, int version, GError **error)
{
    g_autoptr(MigrationReader) reader = migration_reader_new_memory(bytes->data, size);
    if (!vmstate_load(reader, &sample_description, sample, version, error)) {
        return false;
    }
    uint8_t mark = migration_reader_get_u8(reader);
    if (mark != 0x7e) {
        migration_reader_fail(reader, "mark 0x7e expected, 0x%02x found", mark);
    }
    return migration_reader_check(reader, error);
}

static void assert_equal(const Sample *a, const Sample *b)
{
    g_assert_cmpint(a->flag, ==, b->flag);
    g_assert_cmphex(a->u8, ==, b->u8);
    g_assert_cmphex(a->u16, ==, b->u16);
    g_assert_cmphex(a->u32, ==, b->u32);
    g_assert_cmphex(a->u64, ==, b->u64);
    g_assert_cmpint(a->i32, ==, b->i32);
    g_assert_cmpint(a->i64, ==, b->i64);
    g_assert_cmpmem(a->bytes, sizeof(a->bytes), b->bytes, sizeof(b->bytes));
    g_assert_cmpmem(a->words, sizeof(a->words), b->words, sizeof(b->words));
    g_assert_cmpmem(a->flags, sizeof(a->flags), b->flags, sizeof(b->flags));
    g_assert_cmpmem(a->quads, sizeof(a->quads), b->quads, sizeof(b->quads));
    g_assert_cmpmem(a->opaque, sizeof(a->opaque), b->opaque, sizeof(b->opaque));
    g_assert_cmphex(a->part.a, ==, b->part.a);
    g_assert_cmphex(a->parts[2].a, ==, b->parts[2].a);
    g_assert_cmphex(a->parts[2].b, ==, b->parts[2].b);
    g_assert_cmpuint(a->fifo_length, ==, b->fifo_length);
    g_assert_cmpmem(a->fifo, sizeof(a->fifo), b->fifo, sizeof(b->fifo));
    g_assert_cmpmem(a->table, 16, b->table, 16);
    g_assert_cmpuint(a->newer, ==, b->newer);
    g_assert_cmpuint(a->sometimes, ==, b->sometimes);
    g_assert_cmpint(timer_expire_time_ns(a->timer), ==, timer_expire_time_ns(b->timer));
}

static void test_round_trip(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(Sample) to = sample_new();
    g_autoptr(GByteArray) bytes = save(from);
    g_autoptr(GError) error = NULL;
    load(bytes, bytes->len, to, 2, &error);
    g_assert_no_error(error);
    g_assert_true(to->post_loaded);
    assert_equal(from, to);
}

static void test_disarmed_timer_and_no_subsection(void)
{
    g_autoptr(Sample) from = sample_new();
    g_autoptr(Sample) to = sample_new_filled();
    g_autoptr(GByteArray) bytes = save(from);
    g_autoptr(GError) error = NULL;
    to->sometimes = 0;
    memset(to->fifo, 0, sizeof(to->fifo));
    load(bytes, bytes->len, to, 2, &error);
    g_assert_no_error(error);
    g_assert_false(timer_pending(to->timer));
    assert_equal(from, to);
}

/* Big-endian, one field behind the other. */
static void test_wire_format(void)
{
    static const uint8_t expected[] = {
        1,    0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0x01, 0x23,
        0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xff, 0xff, 0xff, 0xfb
    };
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(GByteArray) bytes = save(from);
    g_assert_cmpmem(bytes->data, sizeof(expected), expected, sizeof(expected));
    /* The subsection: mark, name, version, value. */
    static const uint8_t tail[] = "\x05\x10sample/sometimes\0\0\0\1\0\0\0\7\x7e";
    size_t size = sizeof(tail) - 1;
    g_assert_cmpmem(bytes->data + bytes->len - size, size, tail, size);
}

static void test_old_version(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(Sample) to = sample_new();
    g_autoptr(GByteArray) bytes = save(from);
    g_autoptr(GError) error = NULL;
    /* Version 1 has no `newer`: 4 bytes before timer (8), subsection (26) and mark (1). */
    g_byte_array_remove_range(bytes, bytes->len - 39, 4);
    load(bytes, bytes->len, to, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(to->newer, ==, 0);
    g_assert_cmpint(timer_expire_time_ns(to->timer), ==, 123456789);
}

static void assert_refused(const GByteArray *bytes, int version, const char *part)
{
    g_autoptr(Sample) to = sample_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(load(bytes, bytes->len, to, version, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, part));
    g_assert_false(to->post_loaded);
}

static void test_refusals(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(GByteArray) bytes = save(from);
    assert_refused(bytes, 3, "version 3 is newer than 2");
    assert_refused(bytes, 0, "version 0 is older than 1");

    bytes->data[0] = 2;
    assert_refused(bytes, 2, "field 'flag': 2 is neither 0 nor 1");
    bytes->data[0] = 1;

    from->configured = 78;
    g_autoptr(GByteArray) other = save(from);
    assert_refused(other, 2, "field 'configured': the stream has 78");
    assert_refused(other, 2, "configured with 77");
}

static void test_varray_bound(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(GByteArray) bytes = save(from);
    /* fifo_length lies before fifo (3), table (16), configured, newer, timer, tail. */
    size_t place = bytes->len - 39 - 4 - 16 - 3 - 4;
    g_assert_cmpuint(bytes->data[place + 3], ==, 3);
    bytes->data[place + 3] = 17;
    assert_refused(bytes, 2, "field 'fifo': 17 elements, at most 16");
}

static void test_truncation_at_every_offset(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(GByteArray) bytes = save(from);
    for (size_t size = 0; size < bytes->len; size++) {
        g_autoptr(Sample) to = sample_new();
        g_autoptr(GError) error = NULL;
        g_assert_false(load(bytes, size, to, 2, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, "at offset "));
    }
}

static void test_corruption(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    g_autoptr(GByteArray) bytes = save(from);
    g_autoptr(GRand) rand = g_rand_new_with_seed(20);
    for (int round = 0; round < 20000; round++) {
        g_autoptr(GByteArray) bad = g_byte_array_new();
        g_byte_array_append(bad, bytes->data, bytes->len);
        for (int flips = g_rand_int_range(rand, 1, 5); flips > 0; flips--) {
            bad->data[g_rand_int_range(rand, 0, bad->len)] = g_rand_int_range(rand, 0, 256);
        }
        g_autoptr(Sample) to = sample_new();
        g_autoptr(GError) error = NULL;
        bool loaded = load(bad, bad->len, to, 2, &error);
        g_assert_true(loaded == (error == NULL));
    }
}

static void test_description(void)
{
    g_autoptr(Sample) from = sample_new_filled();
    json_t *object = vmstate_describe(&sample_description, from);
    g_assert_cmpstr(json_string_value(json_object_get(object, "vmsd_name")), ==, "sample");
    g_assert_cmpint(json_integer_value(json_object_get(object, "version")), ==, 2);
    json_t *fields = json_object_get(object, "fields");
    /* Sizes add up to what is saved. */
    size_t total = 0, i;
    json_t *field;
    json_array_foreach(fields, i, field)
    {
        json_t *count = json_object_get(field, "array_len");
        total += json_integer_value(json_object_get(field, "size")) *
                 (count ? json_integer_value(count) : 1);
    }
    g_autoptr(GByteArray) bytes = save(from);
    g_assert_cmpuint(total, ==, bytes->len - 27);
    g_assert_cmpuint(json_array_size(json_object_get(object, "subsections")), ==, 1);
    json_decref(object);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/vmstate/round-trip", test_round_trip);
    g_test_add_func("/vmstate/disarmed-timer", test_disarmed_timer_and_no_subsection);
    g_test_add_func("/vmstate/wire-format", test_wire_format);
    g_test_add_func("/vmstate/old-version", test_old_version);
    g_test_add_func("/vmstate/refusals", test_refusals);
    g_test_add_func("/vmstate/varray-bound", test_varray_bound);
    g_test_add_func("/vmstate/truncation", test_truncation_at_every_offset);
    g_test_add_func("/vmstate/corruption", test_corruption);
    g_test_add_func("/vmstate/description", test_description);
    return g_test_run();
}
