/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Every row of the table of vector instructions, in every form it has, against the host CPU. */
#include <string.h>

#include "harness.h"
#include "target/i386/vector-ops.h"

/* Random states per form of an instruction. */
#define ROUNDS           120
#define ROUNDS_IMMEDIATE 300

/* What the rest of a row leaves open: one encoding to try. */
typedef struct Form {
    bool memory_source;
    unsigned gpr_bytes;
    bool immediate;
} Form;

/* Once through the tables alone, once through the engine. */
static const struct {
    const char *name;
    TestExecutor *execute;
} executors[] = { { "tables", direct_execute }, { "engine", engine_execute } };

static TestExecutor *executor;

static ZydisRegister gpr(unsigned bytes, unsigned index)
{
    ZydisRegisterClass class = bytes == 1   ? ZYDIS_REGCLASS_GPR8
                               : bytes == 2 ? ZYDIS_REGCLASS_GPR16
                               : bytes == 4 ? ZYDIS_REGCLASS_GPR32
                                            : ZYDIS_REGCLASS_GPR64;

    /* Register ids of the byte registers: AL CL DL BL, then AH to BH before SPL. */
    return ZydisRegisterEncode(class, bytes == 1 && index >= 4 ? index + 4 : index);
}

static void set_register(ZydisEncoderOperand *operand, ZydisRegister value)
{
    operand->type = ZYDIS_OPERAND_TYPE_REGISTER;
    operand->reg.value = value;
}

/* [RBX + disp]; RBX is pointed at the operand area by prepare(). */
static void set_memory(ZydisEncoderOperand *operand, unsigned bytes, bool aligned)
{
    operand->type = ZYDIS_OPERAND_TYPE_MEMORY;
    operand->mem.base = ZYDIS_REGISTER_RBX;
    operand->mem.displacement = aligned ? 16 * random_below(8) : random_below(128);
    operand->mem.size = bytes;
}

static unsigned random_gpr(void)
{
    unsigned index = random_below(16);

    return index == X86_RSP || index == X86_RBX ? X86_RAX : index;
}

static void set_operand(ZydisEncoderOperand *operand, X86VectorOperand kind, unsigned gpr_bytes)
{
    switch (kind) {
    case X86_OPERAND_XMM:
        set_register(operand, ZYDIS_REGISTER_XMM0 + random_below(16));
        break;
    case X86_OPERAND_MMX:
        set_register(operand, ZYDIS_REGISTER_MM0 + random_below(8));
        break;
    case X86_OPERAND_GPR:
        set_register(operand, gpr(gpr_bytes, random_gpr()));
        break;
    default:
        g_assert_not_reached();
    }
}

static void build_request(const X86VectorOp *op, const Form *form, ZydisEncoderRequest *request)
{
    bool aligned = (op->aligned && !one_in(16)) || op->mnemonic == ZYDIS_MNEMONIC_LDMXCSR;
    ZydisEncoderOperand *operand = request->operands;

    *request = (ZydisEncoderRequest){ .machine_mode = ZYDIS_MACHINE_MODE_LONG_64,
                                      .mnemonic = op->mnemonic };
    if (op->destination == X86_OPERAND_MEMORY) {
        set_memory(operand++, op->destination_bytes, aligned);
    } else if (op->destination != X86_OPERAND_NONE) {
        bool own_width = op->source != X86_OPERAND_GPR;

        set_operand(operand++, op->destination,
                    own_width              ? form->gpr_bytes
                    : form->gpr_bytes == 8 ? 8
                                           : 4);
    }
    if (form->memory_source) {
        set_memory(operand++, op->source_bytes, aligned);
    } else if (op->source != X86_OPERAND_NONE) {
        set_operand(operand++, op->source, form->gpr_bytes);
    }
    if (form->immediate) {
        operand->type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
        operand->imm.u = random_below(256);
        operand++;
    }
    request->operand_count = operand - request->operands;
    if (op->length_bytes == 8) {
        request->operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_64;
    }
}

/* The row that this encoding must lead to. */
static void check_found(const X86VectorOp *op, const TestCase *test)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    X86VectorForm found;

    g_assert(
        ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
    g_assert(ZYAN_SUCCESS(
        ZydisDecoderDecodeFull(&decoder, test->code, test->code_bytes, &instruction, operands)));
    g_assert(x86_vector_op_find(&instruction, operands, &found));
    g_assert(found.op == op);
}

/* Valid values, or with one reserved bit (bit 17 exists on some hosts). */
static void prepare_mxcsr(TestCase *test)
{
    uint8_t *operands = test->data + (HARNESS_OPERAND - HARNESS_DATA);
    uint8_t upper = one_in(4) ? 0x04 : 0;

    for (unsigned i = 0; i < 0x200; i += 16) {
        operands[i + 2] = upper;
        operands[i + 3] = 0;
    }
}

static void prepare(const X86VectorOp *op, TestCase *test)
{
    test->start.registers[X86_RBX] = HARNESS_OPERAND;
    if (op->masked_store) {
        test->start.registers[X86_RDI] = HARNESS_OPERAND + random_below(64);
    }
    if (op->mnemonic == ZYDIS_MNEMONIC_LDMXCSR) {
        prepare_mxcsr(test);
    }
    if (op->length_bytes != 0 && one_in(2)) {
        test->start.registers[X86_RAX] = random_below(20);
        test->start.registers[X86_RDX] = random_below(20);
    }
    /* DPPS and DPPD work in steps; which of them an unmasked exception stops is the model's own. */
    if (op->raises_simd && op->mnemonic != ZYDIS_MNEMONIC_DPPS &&
        op->mnemonic != ZYDIS_MNEMONIC_DPPD && one_in(4)) {
        test->start.fx.mxcsr &= ~((random_64() & 0x1f80) | 0x3f);
    }
}

/* False when the row has no such form. */
static bool test_form(const X86VectorOp *op, const Form *form)
{
    static TestCase test;
    unsigned rounds = form->immediate ? ROUNDS_IMMEDIATE : ROUNDS;

    for (unsigned i = 0; i < rounds; i++) {
        ZydisEncoderRequest request;

        test_case_init(&test);
        prepare(op, &test);
        build_request(op, form, &request);
        if (!test_case_encode(&test, &request)) {
            return false;
        }
        check_found(op, &test);
        test_case_compare(&test, executor);
    }
    return true;
}

/* All forms of a row that can be encoded; there must be one for each kind of source it has. */
static void test_op(const X86VectorOp *op)
{
    bool found[2] = { false, false };

    for (unsigned bits = 0; bits < 4; bits++) {
        Form form = { .immediate = bits & 1, .memory_source = bits & 2 };
        unsigned widths = op->register_bytes == 0 && (op->source == X86_OPERAND_GPR ||
                                                      op->destination == X86_OPERAND_GPR)
                              ? 2
                              : 1;

        if ((form.memory_source && op->source_bytes == 0) ||
            (!form.memory_source && op->source == X86_OPERAND_MEMORY)) {
            continue;
        }
        for (unsigned i = 0; i < widths; i++) {
            form.gpr_bytes = op->register_bytes != 0 ? op->register_bytes : i == 0 ? 4 : 8;
            found[form.memory_source] |= test_form(op, &form);
        }
    }
    if (op->source == X86_OPERAND_MEMORY || found[0]) {
        g_assert(op->source_bytes == 0 || found[1]);
        return;
    }
    g_test_message("%s has no form without memory", ZydisMnemonicGetString(op->mnemonic));
    g_test_fail();
}

typedef struct FeatureTest {
    X86VectorFeature feature;
    TestExecutor *execute;
} FeatureTest;

static void test_feature(gconstpointer opaque)
{
    const FeatureTest *test = opaque;

    if (!x86_vector_feature_supported(test->feature)) {
        g_test_skip("the host lacks these instructions");
        return;
    }
    executor = test->execute;
    comparisons_begin();
    for (unsigned i = 0; i < x86_vector_op_count(); i++) {
        if (x86_vector_op_at(i)->feature == test->feature) {
            test_op(x86_vector_op_at(i));
        }
    }
    comparisons_report();
}

int main(int argc, char **argv)
{
    static const char *const names[X86_VECTOR_FEATURE_COUNT] = {
        "mmx", "sse", "sse2", "sse3", "ssse3", "sse4.1", "sse4.2", "aes", "pclmulqdq",
    };

    harness_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(executors); i++) {
        for (unsigned feature = 0; feature < X86_VECTOR_FEATURE_COUNT; feature++) {
            g_autofree char *path =
                g_strdup_printf("/vector/%s/%s", executors[i].name, names[feature]);
            FeatureTest *test = g_new(FeatureTest, 1);

            *test = (FeatureTest){ feature, executors[i].execute };
            g_test_add_data_func_full(path, test, test_feature, g_free);
        }
    }
    return g_test_run();
}
