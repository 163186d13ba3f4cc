/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Random programs with short branches, calls, string instructions and a loop, against the host CPU:
 * what single instructions cannot show, namely flags that are made by one instruction and used by
 * another, and the way from block to block. Stepped, the vCPU's state is taken out and put back
 * between any two instructions, as a migration would do it.
 */
#include <string.h>

#include "generate.h"

#define INSTRUCTIONS_MAX 24

/* Out of reach of the instructions' own operands. */
#define LOOP_COUNTER (HARNESS_DATA + 0x10)

static void adjust_count(TestCase *test, const Encoded *encoded)
{
    static const uint8_t counts[] = { 0, 1, 0x20, 0x40, 0x21, 0x41, 0x80 };
    uint8_t *count = &test->code[test->code_bytes - 1];
    unsigned mask = encoded->operand_bytes == 8 ? 63 : 31;

    *count = counts[random_below(sizeof(counts))];
    if ((*count & mask) > 1) {
        *count = 1; /* others leave flags undefined */
    }
}

#define ALU(n)                                                                  \
    { "alu Eb, Gb", { (n)*8 }, 1, GROUP_NONE, FORM_MODRM | FORM_BYTE },         \
        { "alu Ev, Gv", { (n)*8 + 1 }, 1, GROUP_NONE, FORM_MODRM },             \
        { "alu Gb, Eb", { (n)*8 + 2 }, 1, GROUP_NONE, FORM_MODRM | FORM_BYTE }, \
        { "alu Gv, Ev", { (n)*8 + 3 }, 1, GROUP_NONE, FORM_MODRM },             \
        { "alu Ev, Ib", { 0x83 }, 1, n, FORM_MODRM | FORM_IMM8 },               \
    {                                                                           \
        "alu eAX, Iz", { (n)*8 + 5 }, 1, GROUP_NONE, FORM_IMMZ                  \
    }

#define SHIFT(n)                                                                            \
    { "shift Eb", { 0xc0 }, 1, n, FORM_MODRM | FORM_BYTE | FORM_IMM8, 0, 0, adjust_count }, \
        { "shift Ev", { 0xc1 }, 1, n, FORM_MODRM | FORM_IMM8, 0, 0, adjust_count },         \
    {                                                                                       \
        "shift Ev, 1", { 0xd1 }, 1, n, FORM_MODRM                                           \
    }

#define CONDITION(n)                                                 \
    { "setcc", { 0x0f, 0x90 + (n) }, 2, 0, FORM_MODRM | FORM_BYTE }, \
    {                                                                \
        "cmovcc", { 0x0f, 0x40 + (n) }, 2, GROUP_NONE, FORM_MODRM    \
    }

/* Nothing here leaves a status flag other than AF undefined. */
static const Template templates[] = {
    ALU(0),
    ALU(1),
    ALU(2),
    ALU(3),
    ALU(4),
    ALU(5),
    ALU(6),
    ALU(7),
    SHIFT(0),
    SHIFT(1),
    SHIFT(2),
    SHIFT(3),
    SHIFT(4),
    SHIFT(5),
    SHIFT(7),
    CONDITION(0),
    CONDITION(1),
    CONDITION(2),
    CONDITION(3),
    CONDITION(4),
    CONDITION(5),
    CONDITION(6),
    CONDITION(7),
    CONDITION(8),
    CONDITION(9),
    CONDITION(10),
    CONDITION(11),
    CONDITION(12),
    CONDITION(13),
    CONDITION(14),
    CONDITION(15),
    { "test", { 0x85 }, 1, GROUP_NONE, FORM_MODRM },
    { "inc Eb", { 0xfe }, 1, 0, FORM_MODRM | FORM_BYTE },
    { "inc Ev", { 0xff }, 1, 0, FORM_MODRM },
    { "dec Eb", { 0xfe }, 1, 1, FORM_MODRM | FORM_BYTE },
    { "dec Ev", { 0xff }, 1, 1, FORM_MODRM },
    { "not", { 0xf7 }, 1, 2, FORM_MODRM },
    { "neg", { 0xf7 }, 1, 3, FORM_MODRM },
    { "mov Ev, Gv", { 0x89 }, 1, GROUP_NONE, FORM_MODRM },
    { "mov Gb, Eb", { 0x8a }, 1, GROUP_NONE, FORM_MODRM | FORM_BYTE },
    { "mov r, Iv", { 0xb8 }, 1, GROUP_NONE, FORM_OPCODE_REG | FORM_IMM_FULL },
    { "movzx", { 0x0f, 0xb6 }, 2, GROUP_NONE, FORM_MODRM },
    { "movsx", { 0x0f, 0xbf }, 2, GROUP_NONE, FORM_MODRM },
    { "xchg", { 0x87 }, 1, GROUP_NONE, FORM_MODRM },
    { "xadd", { 0x0f, 0xc1 }, 2, GROUP_NONE, FORM_MODRM },
    { "cmpxchg", { 0x0f, 0xb1 }, 2, GROUP_NONE, FORM_MODRM },
    { "bt", { 0x0f, 0xba }, 2, 4, FORM_MODRM | FORM_IMM8 | FORM_REGISTER },
    { "lea", { 0x8d }, 1, GROUP_NONE, FORM_MODRM | FORM_MEMORY },
    { "cmc", { 0xf5 }, 1, GROUP_NONE, FORM_NO_16 | FORM_NO_REX_W },
    { "clc", { 0xf8 }, 1, GROUP_NONE, FORM_NO_16 | FORM_NO_REX_W },
    { "stc", { 0xf9 }, 1, GROUP_NONE, FORM_NO_16 | FORM_NO_REX_W },
    { "sahf", { 0x9e }, 1, GROUP_NONE, FORM_NO_16 | FORM_NO_REX_W },
    { "popcnt", { 0x0f, 0xb8 }, 2, GROUP_NONE, FORM_MODRM, 0, 0xf3 },
    { "ucomiss", { 0x0f, 0x2e }, 2, GROUP_NONE, FORM_MODRM | FORM_REGISTER | FORM_NO_16 },
    { "comisd", { 0x0f, 0x2f }, 2, GROUP_NONE, FORM_MODRM | FORM_REGISTER | FORM_NO_16, 0, 0x66 },
    { "cwd", { 0x99 }, 1, GROUP_NONE, 0 },
};

/* BT leaves OF, SF, AF and PF undefined: nothing that follows may look at them. */
static bool leaves_undefined(const Template *template)
{
    return strcmp(template->name, "bt") == 0;
}

static void append_instruction(TestCase *test)
{
    static const uint8_t define_flags[] = { 0x48, 0x83, 0xf8, 0x00 }; /* cmp rax, 0 */
    const Template *template = &templates[random_below(G_N_ELEMENTS(templates))];
    Encoded encoded;

    generate_stable(test, template, &encoded);
    if (leaves_undefined(template)) {
        static const uint8_t set_carry[] = { 0x0f, 0x92, 0xc0 }; /* setc al */

        test_case_append(test, set_carry, sizeof(set_carry));
        test_case_append(test, define_flags, sizeof(define_flags));
    }
}

/* Jcc over one instruction. */
static void append_branch(TestCase *test)
{
    uint8_t jump[2] = { 0x70 + random_below(16), 0 };
    unsigned at = test->code_bytes;

    test_case_append(test, jump, sizeof(jump));
    append_instruction(test);
    test->code[at + 1] = test->code_bytes - at - sizeof(jump);
}

/* A string instruction with everything it needs; the same bytes in 64-bit and 32-bit code. */
static void append_string(TestCase *test)
{
    static const uint8_t opcodes[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
    static const uint8_t mov_esi = 0xbe, mov_edi = 0xbf, mov_ecx = 0xb9, cld = 0xfc;
    uint32_t source = HARNESS_OPERAND + random_below(0x40);
    uint32_t destination = HARNESS_OPERAND + random_below(0x40);
    uint32_t count = random_below(6);
    uint8_t tail[] = { 0xfc + random_below(2), 0xf2 + random_below(2),
                       opcodes[random_below(sizeof(opcodes))] };

    test_case_append(test, &mov_esi, 1);
    test_case_append(test, &source, 4);
    test_case_append(test, &mov_edi, 1);
    test_case_append(test, &destination, 4);
    test_case_append(test, &mov_ecx, 1);
    test_case_append(test, &count, 4);
    test_case_append(test, tail, sizeof(tail));
    test_case_append(test, &cld, 1);
}

/* push r; an instruction; pop another */
static void append_stack(TestCase *test)
{
    static const uint8_t registers[] = { X86_RAX, X86_RCX, X86_RDX, X86_RBX,
                                         X86_RBP, X86_RSI, X86_RDI };
    uint8_t push = 0x50 + registers[random_below(sizeof(registers))];
    uint8_t pop = 0x58 + registers[random_below(sizeof(registers))];

    test_case_append(test, &push, 1);
    append_instruction(test);
    test_case_append(test, &pop, 1);
}

/* call f; jmp out; f: an instruction; ret; out: */
static void append_call(TestCase *test)
{
    static const uint8_t call[] = { 0xe8, 2, 0, 0, 0, 0xeb, 0 }, ret = 0xc3;
    unsigned at;

    test_case_append(test, call, sizeof(call));
    at = test->code_bytes;
    append_instruction(test);
    test_case_append(test, &ret, 1);
    test->code[at - 1] = test->code_bytes - at;
}

/* dec dword [LOOP_COUNTER]; jnz start. Keeps no flags. */
static void append_loop_end(TestCase *test)
{
    uint32_t counter = LOOP_COUNTER;
    static const uint8_t decrement[] = { 0xff, 0x0c, 0x25 };
    static const uint8_t jump[] = { 0x0f, 0x85 };
    int32_t displacement;

    test_case_append(test, decrement, sizeof(decrement));
    test_case_append(test, &counter, sizeof(counter));
    test_case_append(test, jump, sizeof(jump));
    displacement = -(int32_t)(test->code_bytes + sizeof(displacement));
    test_case_append(test, &displacement, sizeof(displacement));
}

static void make_program(TestCase *test, bool code_32, unsigned iterations_max)
{
    unsigned count = 2 + random_below(INSTRUCTIONS_MAX - 1);
    uint32_t iterations = 1 + random_below(iterations_max);

    if (code_32) {
        test_case_init_32(test);
    } else {
        test_case_init(test);
    }
    test->ignored_flags = FLAG_AF;
    for (unsigned i = 0; i < count; i++) {
        static void (*const appends[])(TestCase *) = { append_branch, append_string, append_stack,
                                                       append_call };
        uint32_t which = random_below(12);

        (which < G_N_ELEMENTS(appends) ? appends[which] : append_instruction)(test);
    }
    if (one_in(2)) {
        memcpy(test->data + (LOOP_COUNTER - HARNESS_DATA), &iterations, sizeof(iterations));
        append_loop_end(test);
    }
}

typedef struct ProgramTest {
    const char *path;
    bool code_32;
    unsigned programs;
    unsigned iterations; /* of a program's loop, at most */
    TestExecutor *execute;
} ProgramTest;

static const ProgramTest tests[] = {
    { "/program/64", false, 1500, 5, engine_execute },
    { "/program/32", true, 1000, 5, engine_execute },
    { "/program/64-stepped", false, 400, 5, engine_execute_stepped },
    { "/program/32-stepped", true, 300, 5, engine_execute_stepped },
    { "/program/64-migrating", false, 400, 4000, engine_execute_migrating },
};

static void test_programs(gconstpointer opaque)
{
    static TestCase program;
    const ProgramTest *test = opaque;

    if (test->code_32 && !native_runs_32()) {
        g_test_skip("the host runs no 32-bit code");
        return;
    }
    comparisons_begin();
    for (unsigned i = 0; i < test->programs; i++) {
        make_program(&program, test->code_32, test->iterations);
        test_case_compare(&program, test->execute);
    }
    comparisons_report();
    if (test->execute == engine_execute_migrating) {
        g_test_message("%u migrations at random moments", engine_migrations());
    }
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, &tests[i], test_programs);
    }
    return g_test_run();
}
