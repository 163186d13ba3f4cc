/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Bitmaps against arrays of booleans, and the cursor over foreign bytes. */
#include "util/bitmap.h"
#include "util/bytes.h"

#define SEED   0xb17b17u
#define BITS   325u /* no multiple of a word */
#define ROUNDS 3000

static size_t model_find(const bool *model, size_t start, bool wanted)
{
    for (size_t i = start; i < BITS; i++) {
        if (model[i] == wanted) {
            return i;
        }
    }
    return BITS;
}

static size_t model_count(const bool *model, size_t bits)
{
    size_t count = 0;

    for (size_t i = 0; i < bits; i++) {
        count += model[i];
    }
    return count;
}

static void test_ranges_and_searches(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(SEED);
    g_autofree uint64_t *map = bitmap_new(BITS);
    bool model[BITS] = { false };

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t first = (size_t)g_rand_int_range(random, 0, BITS + 1);
        size_t count = (size_t)g_rand_int_range(random, 0, (gint32)(BITS - first + 1));
        bool value = g_rand_boolean(random);
        (value ? bitmap_set_range : bitmap_clear_range)(map, first, count);
        for (size_t i = first; i < first + count; i++) {
            model[i] = value;
        }
        size_t start = (size_t)g_rand_int_range(random, 0, BITS + 70);
        g_assert_cmpuint(bitmap_find_next(map, BITS, start), ==, model_find(model, start, true));
        g_assert_cmpuint(bitmap_find_next_zero(map, BITS, start), ==,
                         model_find(model, start, false));
        g_assert_cmpuint(bitmap_count(map, first), ==, model_count(model, first));
    }
    for (size_t i = 0; i < BITS; i++) {
        g_assert_cmpint(bitmap_test(map, i), ==, model[i]);
    }
}

static void test_bits_behind_the_end(void)
{
    uint64_t map[2] = { 0, UINT64_C(1) << 40 };

    g_assert_cmpuint(bitmap_find_next(map, 100, 0), ==, 100);
    g_assert_cmpuint(bitmap_count(map, 100), ==, 0);
    map[0] = map[1] = UINT64_MAX;
    g_assert_cmpuint(bitmap_find_next_zero(map, 128, 0), ==, 128);
    g_assert_cmpuint(bitmap_count(map, 65), ==, 65);
}

static void test_atomic(void)
{
    g_autofree uint64_t *map = bitmap_new(130);

    g_assert_false(bitmap_set_atomic(map, 129));
    g_assert_true(bitmap_set_atomic(map, 129));
    g_assert_true(bitmap_clear_atomic(map, 129));
    g_assert_false(bitmap_clear_atomic(map, 129));
    g_assert_cmpuint(bitmap_count(map, 130), ==, 0);
}

static void test_cursor_order(void)
{
    static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    ByteCursor cursor = byte_cursor(bytes, sizeof(bytes));

    g_assert_cmphex(byte_cursor_u8(&cursor), ==, 1);
    g_assert_cmphex(byte_cursor_be16(&cursor), ==, 0x0203);
    g_assert_cmphex(byte_cursor_be32(&cursor), ==, 0x04050607);
    g_assert_cmphex(byte_cursor_be64(&cursor), ==, 0x08090a0b0c0d0e0f);
    g_assert_cmpuint(byte_cursor_left(&cursor), ==, 0);
    g_assert_false(cursor.overrun);
    g_assert_cmphex(load_le32(bytes), ==, 0x04030201);
}

static void test_cursor_overrun(void)
{
    static const uint8_t bytes[] = { 1, 2, 3 };
    ByteCursor cursor = byte_cursor(bytes, sizeof(bytes));

    g_assert_cmphex(byte_cursor_be32(&cursor), ==, 0);
    g_assert_true(cursor.overrun);
    /* What would still fit is not handed out any more: fields would be taken for others. */
    g_assert_cmphex(byte_cursor_u8(&cursor), ==, 0);
    g_assert_null(byte_cursor_take(&cursor, 0));

    cursor = byte_cursor(bytes, sizeof(bytes));
    g_assert_true(byte_cursor_take(&cursor, 2) == bytes);
    g_assert_null(byte_cursor_take(&cursor, SIZE_MAX));
    g_assert_true(cursor.overrun);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitmap/ranges-and-searches", test_ranges_and_searches);
    g_test_add_func("/bitmap/bits-behind-the-end", test_bits_behind_the_end);
    g_test_add_func("/bitmap/atomic", test_atomic);
    g_test_add_func("/cursor/order", test_cursor_order);
    g_test_add_func("/cursor/overrun", test_cursor_overrun);
    return g_test_run();
}
