/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Every x87 opcode against the host CPU, from random states of the unit: any top of stack, tags,
 * precision, rounding, masked and unmasked exceptions.
 */
#include <string.h>

#include "harness.h"

#define ROUNDS 150

#define STATUS_EXCEPTIONS 0x3f

/* The saved pointers are not compared: processors differ in when they keep them. */
typedef struct PointerRange {
    unsigned offset, bytes;
} PointerRange;

/* Once through the tables alone, once through the engine. */
static const struct {
    const char *name;
    TestExecutor *execute;
} executors[] = { { "tables", direct_execute }, { "engine", engine_execute } };

/* What one test runs: an opcode, or one of the functions below. */
typedef struct FPUTest {
    TestExecutor *execute;
    void (*run)(uint8_t opcode);
    uint8_t opcode;
} FPUTest;

static TestExecutor *executor;

/* Unmask some exceptions, none of which is pending; or leave everything masked. */
static void random_masks(TestCase *test)
{
    FXSaveImage *fx = &test->start.fx;

    if (one_in(3)) {
        fx->control &= ~(random_64() & STATUS_EXCEPTIONS);
        fx->status &= ~(~fx->control & STATUS_EXCEPTIONS);
    }
}

/* Memory operands that mean something for the format. */
static void random_operand(TestCase *test, const X86FPUOp *op)
{
    uint8_t *operand = test->data + (HARNESS_OPERAND - HARNESS_DATA);
    uint32_t single = random_f32();
    uint64_t value =
        op->memory_bytes == 8 && (op->opcode & 3) == 0 ? random_f64() : random_integer();

    if (op->memory_bytes == 10 && op->opcode == 0xdf) { /* packed decimal, mostly valid digits */
        for (unsigned i = 0; i < 9; i++) {
            operand[i] = random_below(10) << 4 | random_below(10);
        }
        operand[9] = random_64() & 0x80;
    } else if (op->memory_bytes == 10) {
        random_f80(operand);
    } else if (op->memory_bytes == 4 && !(op->opcode & 2)) {
        memcpy(operand, &single, 4);
    } else {
        memcpy(operand, &value, 8);
    }
}

static void prepare(TestCase *test, const X86FPUOp *op)
{
    test_case_init(test);
    test->start.registers[X86_RBX] = HARNESS_OPERAND;
    random_masks(test);
    if (op->memory_bytes != 0) {
        random_operand(test, op);
    }
}

/* @modrm with mod 0 and rm 3: [RBX]. */
static void test_opcode(uint8_t opcode, uint8_t modrm)
{
    static TestCase test;
    const uint8_t code[] = { opcode, modrm };
    X86FPUOp op;

    if (!x86_fpu_op_describe(&op, opcode, modrm, 32) || op.memory_bytes > 10) {
        return; /* undefined, or an environment: those have tests of their own */
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        prepare(&test, &op);
        test_case_append(&test, code, sizeof(code));
        test_case_compare(&test, executor);
    }
}

static void test_registers(uint8_t opcode)
{
    for (unsigned modrm = 0xc0; modrm <= 0xff; modrm++) {
        test_opcode(opcode, modrm);
    }
}

static void test_memory(uint8_t opcode)
{
    for (unsigned reg = 0; reg < 8; reg++) {
        test_opcode(opcode, reg << 3 | 3);
    }
}

/* FLDENV and FRSTOR: any image but one that would leave an exception pending. */
static void test_restore(uint8_t opcode, bool narrow)
{
    static TestCase test;
    const uint8_t prefix = 0x66, code[] = { opcode, 4 << 3 | 3 };
    unsigned field = narrow ? 2 : 4;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t *image;

        test_case_init(&test);
        test.start.registers[X86_RBX] = HARNESS_OPERAND;
        image = test.data + (HARNESS_OPERAND - HARNESS_DATA);
        image[0] |= STATUS_EXCEPTIONS;
        for (unsigned st = 0; opcode == 0xdd && st < 8; st++) {
            random_f80(image + 7 * field + 10 * st);
        }
        if (narrow) {
            test_case_append(&test, &prefix, 1);
        }
        test_case_append(&test, code, sizeof(code));
        test_case_compare(&test, executor);
    }
}

static void clear_pointers(uint8_t *image, bool narrow)
{
    const PointerRange range = narrow ? (PointerRange){ 6, 8 } : (PointerRange){ 12, 16 };

    memset(image + range.offset, 0, range.bytes);
}

/* FNSTENV and FNSAVE: compare the images without the pointers, and everything else as usual. */
static void test_save(uint8_t opcode, bool narrow)
{
    static TestCase test;
    static TestResult native, ours;
    const uint8_t prefix = 0x66, code[] = { opcode, 6 << 3 | 3 };
    unsigned at = HARNESS_OPERAND - HARNESS_DATA;

    for (unsigned i = 0; i < ROUNDS; i++) {
        test_case_init(&test);
        test.start.registers[X86_RBX] = HARNESS_OPERAND;
        random_masks(&test);
        if (narrow) {
            test_case_append(&test, &prefix, 1);
        }
        test_case_append(&test, code, sizeof(code));
        test.ignore_data = true;
        test_case_compare(&test, executor);
        native_execute(&test, &native);
        executor(&test, &ours);
        clear_pointers(native.data + at, narrow);
        clear_pointers(ours.data + at, narrow);
        g_assert_cmpmem(native.data, HARNESS_DATA_BYTES, ours.data, HARNESS_DATA_BYTES);
    }
}

static void test_environment(uint8_t opcode)
{
    for (unsigned narrow = 0; narrow < 2; narrow++) {
        test_restore(0xd9, narrow);
        test_restore(0xdd, narrow);
        test_save(0xd9, narrow);
        test_save(0xdd, narrow);
    }
}

static void test_emms(uint8_t opcode)
{
    static TestCase test;
    const uint8_t code[] = { 0x0f, 0x77 };

    for (unsigned i = 0; i < ROUNDS; i++) {
        test_case_init(&test);
        test_case_append(&test, code, sizeof(code));
        test_case_compare(&test, executor);
    }
}

/* An exception that is pending already stops every instruction that waits. */
static void test_pending(uint8_t opcode)
{
    static const uint8_t codes[][2] = {
        { 0x9b, 0x90 }, { 0xd9, 0xe8 }, { 0xd8, 0xc1 }, { 0xdb, 0xe2 }, { 0xdb, 0xe3 },
        { 0xdf, 0xe0 }, { 0xd9, 0x2b }, { 0xd9, 0x3b }, { 0xdd, 0x3b },
    };
    static TestCase test;

    for (unsigned i = 0; i < G_N_ELEMENTS(codes); i++) {
        test_case_init(&test);
        test.start.registers[X86_RBX] = HARNESS_OPERAND;
        test.start.fx.control = 0x37e; /* invalid operation unmasked */
        test.start.fx.status = (test.start.fx.status & ~STATUS_EXCEPTIONS) | 0x8081;
        test.data[HARNESS_OPERAND - HARNESS_DATA] |= STATUS_EXCEPTIONS;
        test_case_append(&test, codes[i], codes[i][0] == 0x9b ? 1 : 2);
        test_case_compare(&test, executor);
    }
}

static void run_test(gconstpointer opaque)
{
    const FPUTest *test = opaque;

    executor = test->execute;
    comparisons_begin();
    test->run(test->opcode);
    comparisons_report();
}

static void add_test(unsigned which, const char *what, void (*run)(uint8_t opcode), uint8_t opcode)
{
    g_autofree char *path =
        opcode ? g_strdup_printf("/x87/%s/%02x/%s", executors[which].name, opcode, what)
               : g_strdup_printf("/x87/%s/%s", executors[which].name, what);
    FPUTest *test = g_new(FPUTest, 1);

    *test = (FPUTest){ executors[which].execute, run, opcode };
    g_test_add_data_func_full(path, test, run_test, g_free);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(executors); i++) {
        for (unsigned opcode = 0xd8; opcode <= 0xdf; opcode++) {
            add_test(i, "registers", test_registers, opcode);
            add_test(i, "memory", test_memory, opcode);
        }
        add_test(i, "environment", test_environment, 0);
        add_test(i, "emms", test_emms, 0);
        add_test(i, "pending", test_pending, 0);
    }
    return g_test_run();
}
