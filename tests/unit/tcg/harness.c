/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Random states, comparison and reports of the instruction tests. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define DEFAULT_SEED 20260714u

/* Differences reported per test; the rest is only counted. */
#define REPORTS_MAX 8

#define SIMD_TRAP 19

static GRand *generator;
static unsigned comparisons;
static unsigned exceptions;
static unsigned reports;

void harness_init(int *argc, char ***argv)
{
    const char *seed_text = g_getenv("HARNESS_SEED");
    uint32_t seed = seed_text ? (uint32_t)strtoul(seed_text, NULL, 0) : DEFAULT_SEED;

    g_test_init(argc, argv, NULL);
    g_test_message("seed %u (set HARNESS_SEED to change it)", seed);
    generator = g_rand_new_with_seed(seed);
}

uint32_t random_below(uint32_t limit)
{
    return g_rand_int(generator) % limit;
}

bool one_in(uint32_t n)
{
    return random_below(n) == 0;
}

uint64_t random_64(void)
{
    return (uint64_t)g_rand_int(generator) << 32 | g_rand_int(generator);
}

uint64_t random_integer(void)
{
    static const uint64_t corners[] = {
        0,
        1,
        2,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        1ull << 32,
        INT64_MAX,
        1ull << 63,
        UINT64_MAX,
        UINT64_MAX - 1,
        0x100000001,
        0x8000000080000000,
        0x5555555555555555,
        0xff00ff00ff00ff00,
    };

    switch (random_below(4)) {
    case 0:
        return corners[random_below(G_N_ELEMENTS(corners))];
    case 1:
        return random_below(64);
    case 2:
        return random_64() >> random_below(64);
    default:
        return random_64();
    }
}

uint32_t random_f32(void)
{
    static const uint32_t corners[] = {
        0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
        0x7fc00000, 0xffc00000, 0x7f800001, 0xffa00000, 0x00000001, 0x807fffff,
        0x00800000, 0x7f7fffff, 0xff7fffff, 0x4f000000, 0xcf000000, 0x4effffff,
        0x5f000000, 0x3f000000, 0x3fc00000, 0x4b000000, 0x7fc12345, 0x00400000,
    };

    switch (random_below(4)) {
    case 0:
        return corners[random_below(G_N_ELEMENTS(corners))];
    case 1: /* near 1 */
        return (random_64() & 0x807fffff) | (0x3f800000 + (random_below(24) << 23) - (12 << 23));
    default:
        return (uint32_t)random_64();
    }
}

uint64_t random_f64(void)
{
    static const uint64_t corners[] = {
        0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
        0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000,
        0x7ff0000000000001, 0xfff4000000000000, 0x0000000000000001, 0x800fffffffffffff,
        0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x41dfffffffc00000,
        0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000, 0x43e0000000000000,
        0xc3e0000000000000, 0x3fe0000000000000, 0x3ff8000000000000, 0x4330000000000000,
        0x47f0000000000000, 0x36a0000000000000, 0x3810000000000000, 0x0008000000000000,
    };

    switch (random_below(4)) {
    case 0:
        return corners[random_below(G_N_ELEMENTS(corners))];
    case 1: /* near 1 */
        return (random_64() & 0x800fffffffffffff) |
               ((uint64_t)(1023 - 32 + random_below(64)) << 52);
    case 2: /* within single precision, or just outside */
        return (random_64() & 0x800fffffe0000000) |
               ((uint64_t)(1023 - 160 + random_below(320)) << 52);
    default:
        return random_64();
    }
}

void random_f80(uint8_t value[10])
{
    static const uint64_t significands[] = {
        0x8000000000000000, 0xc000000000000000, 0xffffffffffffffff, 0x8000000000000001,
        0xa000000000000000, 0xfffffffffffff800, 0xffffff0000000000, 0x8000008000000000,
    };
    static const uint16_t exponents[] = {
        0, 1, 0x3ffe, 0x3fff, 0x4000, 0x401e, 0x403e, 0x7ffe, 0x7fff, 0x3f81, 0x3c01, 0x43fe,
    };
    uint64_t significand = one_in(3) ? significands[random_below(G_N_ELEMENTS(significands))]
                                     : random_64() | 1ull << 63;
    uint16_t exponent = one_in(2) ? exponents[random_below(G_N_ELEMENTS(exponents))]
                                  : 0x3fff - 70 + random_below(140);

    if (one_in(8)) {
        significand &= INT64_MAX; /* denormal, unnormal, pseudo-infinity */
    }
    if (one_in(12)) {
        significand = 0;
        exponent = 0;
    }
    if (one_in(8)) {
        exponent = random_64() & 0x7fff;
    }
    exponent |= (random_64() & 1) << 15;
    memcpy(value, &significand, 8);
    memcpy(value + 8, &exponent, 2);
}

void random_vector(X86Vector *vector)
{
    uint32_t kind = random_below(4);

    for (unsigned i = 0; i < 2; i++) {
        vector->u64[i] = kind == 0   ? random_f64()
                         : kind == 1 ? random_integer()
                         : kind == 2 ? ((uint64_t)random_f32() << 32 | random_f32())
                                     : random_64();
    }
}

static void random_fpu(FXSaveImage *fx)
{
    fx->control = 0x7f | (random_64() & 0x1f00);
    fx->status = random_64() & 0x7f7f; /* nothing is unmasked: no summary */
    fx->tag_valid = one_in(2) ? 0xff : random_64();
    for (unsigned i = 0; i < 8; i++) {
        random_f80(fx->stack[i]);
    }
}

static void random_data(uint8_t *data)
{
    for (unsigned i = 0; i < HARNESS_DATA_BYTES; i += sizeof(X86Vector)) {
        X86Vector vector;

        random_vector(&vector);
        memcpy(data + i, &vector, sizeof(vector));
    }
}

void test_case_init(TestCase *test)
{
    CPUSnapshot *start = &test->start;

    memset(test, 0, offsetof(TestCase, data));
    test->ignored_flags = 0;
    test->ignore_data = false;
    test->code_32 = false;
    random_data(test->data);
    for (unsigned i = 0; i < 16; i++) {
        start->registers[i] = random_integer();
        random_vector(&start->fx.vectors[i]);
    }
    start->registers[X86_RSP] = HARNESS_STACK;
    start->rflags = 0x202 | (random_64() & FLAGS_STATUS);
    start->trap = NO_TRAP;
    start->fx.mxcsr = 0x1f80 | (random_64() & (one_in(2) ? 0xe07f : 0x3f));
    random_fpu(&start->fx);
}

void test_case_init_32(TestCase *test)
{
    test_case_init(test);
    test->code_32 = true;
    for (unsigned i = 0; i < 16; i++) {
        test->start.registers[i] = i < 8 ? (uint32_t)test->start.registers[i] : 0;
    }
}

void test_case_append(TestCase *test, const void *bytes, unsigned count)
{
    g_assert(test->code_bytes + count <= sizeof(test->code));
    memcpy(test->code + test->code_bytes, bytes, count);
    test->code_bytes += count;
}

bool test_case_encode(TestCase *test, const ZydisEncoderRequest *request)
{
    uint8_t code[ZYDIS_MAX_INSTRUCTION_LENGTH];
    ZyanUSize bytes = sizeof(code);

    if (!ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(request, code, &bytes))) {
        return false;
    }
    test_case_append(test, code, bytes);
    return true;
}

/* The lines of a report. */
static void note(GString *text, const char *what, unsigned index, uint64_t before, uint64_t native,
                 uint64_t ours)
{
    g_string_append_printf(text,
                           "\n  %s%u: before %016" PRIx64 " host %016" PRIx64 " ours %016" PRIx64,
                           what, index, before, native, ours);
}

static void compare_value(GString *text, const char *what, unsigned index, uint64_t before,
                          uint64_t native, uint64_t ours)
{
    if (native != ours) {
        note(text, what, index, before, native, ours);
    }
}

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint16_t half_at(const uint8_t *bytes)
{
    uint16_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* An unmasked overflow or underflow leaves open whether PE is set too (vector-float.c). */
static uint32_t ignored_mxcsr(const CPUSnapshot *native)
{
    uint32_t unmasked = ~(native->fx.mxcsr >> 7) & native->fx.mxcsr;

    return native->trap == SIMD_TRAP && (unmasked & 0x18) ? 0x20 : 0;
}

static void compare_fx(GString *text, const FXSaveImage *before, const FXSaveImage *native,
                       const FXSaveImage *ours)
{
    compare_value(text, "fcw", 0, before->control, native->control, ours->control);
    compare_value(text, "fsw", 0, before->status, native->status, ours->status);
    compare_value(text, "ftw", 0, before->tag_valid, native->tag_valid, ours->tag_valid);
    for (unsigned i = 0; i < 8; i++) {
        compare_value(text, "st.significand", i, word_at(before->stack[i]),
                      word_at(native->stack[i]), word_at(ours->stack[i]));
        compare_value(text, "st.exponent", i, half_at(before->stack[i] + 8),
                      half_at(native->stack[i] + 8), half_at(ours->stack[i] + 8));
    }
    for (unsigned i = 0; i < 32; i++) {
        compare_value(text, i % 2 ? "xmm.high" : "xmm.low", i / 2,
                      before->vectors[i / 2].u64[i % 2], native->vectors[i / 2].u64[i % 2],
                      ours->vectors[i / 2].u64[i % 2]);
    }
}

static void compare_data(GString *text, const TestCase *test, const TestResult *native,
                         const TestResult *ours)
{
    unsigned listed = 0;

    for (unsigned i = 0; i < HARNESS_DATA_BYTES && listed < 8; i += 8) {
        if (word_at(native->data + i) != word_at(ours->data + i)) {
            note(text, "data+", i, word_at(test->data + i), word_at(native->data + i),
                 word_at(ours->data + i));
            listed++;
        }
    }
}

static void describe_code(GString *text, const TestCase *test)
{
    unsigned offset = 0;
    ZydisMachineMode mode =
        test->code_32 ? ZYDIS_MACHINE_MODE_LONG_COMPAT_32 : ZYDIS_MACHINE_MODE_LONG_64;
    ZydisDisassembledInstruction instruction;

    while (offset < test->code_bytes &&
           ZYAN_SUCCESS(ZydisDisassembleIntel(mode, HARNESS_CODE + offset, test->code + offset,
                                              test->code_bytes - offset, &instruction))) {
        g_string_append_printf(text, "%s; ", instruction.text);
        offset += instruction.info.length;
    }
    for (unsigned i = 0; i < test->code_bytes; i++) {
        g_string_append_printf(text, "%02x ", test->code[i]);
    }
}

bool test_case_compare(const TestCase *test, TestExecutor *executor)
{
    static TestResult native, ours;
    g_autoptr(GString) text = g_string_new(NULL);
    uint64_t flags = FLAGS_COMPARED & ~test->ignored_flags;
    uint64_t mask = test->code_32 ? UINT32_MAX : UINT64_MAX;
    const CPUSnapshot *n = &native.end, *o = &ours.end;

    native_execute(test, &native);
    executor(test, &ours);
    comparisons++;
    exceptions += n->trap != NO_TRAP;
    compare_value(text, "trap ", 0, 0, n->trap, o->trap);
    compare_value(text, "rip ", 0, 0, n->rip, o->rip);
    for (unsigned i = 0; i < (test->code_32 ? 8 : 16); i++) {
        compare_value(text, "gpr", i, test->start.registers[i] & mask, n->registers[i] & mask,
                      o->registers[i] & mask);
    }
    compare_value(text, "flags ", 0, test->start.rflags & flags, n->rflags & flags,
                  o->rflags & flags);
    compare_fx(text, &test->start.fx, &n->fx, &o->fx);
    compare_value(text, "mxcsr ", 0, test->start.fx.mxcsr, n->fx.mxcsr | ignored_mxcsr(n),
                  o->fx.mxcsr | ignored_mxcsr(n));
    if (!test->ignore_data) {
        compare_data(text, test, &native, &ours);
    }
    if (text->len == 0) {
        return true;
    }
    if (reports++ < REPORTS_MAX) {
        g_autoptr(GString) code = g_string_new(NULL);

        describe_code(code, test);
        g_test_message("differs from the host: %s%s", code->str, text->str);
    }
    g_test_fail();
    return false;
}

void comparisons_begin(void)
{
    comparisons = 0;
    exceptions = 0;
    reports = 0;
}

void comparisons_report(void)
{
    g_test_message("%u comparisons, %u with an exception", comparisons, exceptions);
}
