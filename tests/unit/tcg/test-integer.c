/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Integer instructions of 64-bit and 32-bit code, one at a time, against the host CPU. Flags that
 * the SDM leaves undefined are not compared.
 */
#include <string.h>

#include "generate.h"

#define ROUNDS 250

#define LOGIC_UNDEFINED  FLAG_AF
#define MUL_UNDEFINED    (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF)
#define BIT_UNDEFINED    (FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF)
#define SCAN_UNDEFINED   (FLAGS_STATUS & ~FLAG_ZF)
#define DIVIDE_UNDEFINED FLAGS_STATUS

/* ---- flags and values that depend on the operands ---- */

static unsigned count_mask(const Encoded *encoded)
{
    return encoded->operand_bytes == 8 ? 63 : 31;
}

/* @count is masked already. Rotates set OF for a count of one only. */
static void adjust_rotate_count(TestCase *test, unsigned count)
{
    if (count > 1) {
        test->ignored_flags |= FLAG_OF;
    }
}

static void adjust_shift_count(TestCase *test, const Encoded *encoded, unsigned count)
{
    if (count == 0) {
        return;
    }
    test->ignored_flags |= FLAG_AF | (count > 1 ? FLAG_OF : 0);
    if (count >= encoded->operand_bytes * 8) {
        test->ignored_flags |= FLAG_CF;
    }
}

static bool is_rotate(const Encoded *encoded)
{
    return encoded->reg < 4;
}

static void adjust_count(TestCase *test, const Encoded *encoded, unsigned count)
{
    if (is_rotate(encoded)) {
        adjust_rotate_count(test, count);
    } else {
        adjust_shift_count(test, encoded, count);
    }
}

static void adjust_shift_one(TestCase *test, const Encoded *encoded)
{
    adjust_count(test, encoded, 1);
}

static void adjust_shift_immediate(TestCase *test, const Encoded *encoded)
{
    adjust_count(test, encoded, encoded->immediate & count_mask(encoded));
}

static void adjust_shift_cl(TestCase *test, const Encoded *encoded)
{
    adjust_count(test, encoded, test->start.registers[X86_RCX] & count_mask(encoded));
}

/* Counts beyond the operand leave everything undefined: shorten them. */
static void adjust_double_shift(TestCase *test, const Encoded *encoded, unsigned count)
{
    if (count != 0) {
        test->ignored_flags |= FLAG_AF | (count > 1 ? FLAG_OF : 0);
    }
}

static void adjust_double_shift_immediate(TestCase *test, const Encoded *encoded)
{
    uint8_t *immediate = &test->code[test->code_bytes - 1];

    if (encoded->operand_bytes == 2) {
        *immediate &= 15;
    }
    adjust_double_shift(test, encoded, *immediate & count_mask(encoded));
}

/* A CL count of 16-bit operands must stay below 16; CL may be part of the address: then leave it
 * out of the comparison that cannot be made by making the count zero. */
static void adjust_double_shift_cl(TestCase *test, const Encoded *encoded)
{
    unsigned count = test->start.registers[X86_RCX] & count_mask(encoded);

    if (encoded->operand_bytes == 2 && count > 15) {
        static const uint8_t nop = 0x90;

        test->code_bytes = 0;
        test_case_append(test, &nop, 1);
        return;
    }
    adjust_double_shift(test, encoded, count);
}

/* Bit offsets from memory reach far: keep them within the data. */
static void adjust_bit_offset(TestCase *test, const Encoded *encoded)
{
    if (encoded->memory) {
        test->start.registers[encoded->reg] =
            (int64_t)random_below(0x4000) - 0x2000 +
            (encoded->operand_bytes == 8 ? 0 : random_64() << (encoded->operand_bytes * 8));
    }
}

/* Dividends that mostly fit. */
static void adjust_divide(TestCase *test, const Encoded *encoded)
{
    uint64_t *registers = test->start.registers;

    if (!encoded->memory && encoded->rm != X86_RDX && encoded->rm != X86_RAX) {
        bool negative = one_in(2);

        if (encoded->operand_bytes == 1) {
            registers[X86_RAX] = (registers[X86_RAX] & ~0xff00ull) | (negative ? 0xff00 : 0);
        } else if (!one_in(3)) {
            registers[X86_RDX] = negative ? UINT64_MAX : random_below(4);
        }
    }
}

/* Compare equal half of the time. */
static void adjust_compare_exchange(TestCase *test, const Encoded *encoded)
{
    unsigned at = encoded->address - HARNESS_DATA;

    if (encoded->memory && one_in(2)) {
        memcpy(test->data + at, &test->start.registers[X86_RAX], encoded->operand_bytes);
    } else if (!encoded->memory && one_in(2) && encoded->rm != X86_RSP) {
        test->start.registers[encoded->rm] = test->start.registers[X86_RAX];
    }
}

static void adjust_compare_exchange_pair(TestCase *test, const Encoded *encoded)
{
    unsigned at = encoded->address - HARNESS_DATA;
    unsigned half = encoded->operand_bytes == 8 ? 8 : 4;

    if (one_in(2)) {
        memcpy(test->data + at, &test->start.registers[X86_RAX], half);
        memcpy(test->data + at + half, &test->start.registers[X86_RDX], half);
    }
}

/* RBX is the table, AL the index. */
static void adjust_xlat(TestCase *test, const Encoded *encoded)
{
    test->start.registers[X86_RBX] = HARNESS_OPERAND + random_below(256);
}

static void adjust_leave(TestCase *test, const Encoded *encoded)
{
    test->start.registers[X86_RBP] = HARNESS_STACK + random_below(256);
}

/* ---- string instructions ---- */

static void adjust_string(TestCase *test, const Encoded *encoded)
{
    uint64_t *registers = test->start.registers;

    registers[X86_RSI] = HARNESS_DATA + 0x800 + random_below(0x1000);
    registers[X86_RDI] = HARNESS_DATA + 0x800 + random_below(0x1000);
    registers[X86_RCX] = random_below(200);
    if (one_in(4)) { /* overlapping */
        registers[X86_RDI] = registers[X86_RSI] + random_below(16) - 8;
    }
    if (one_in(2)) {
        test->start.rflags |= FLAG_DF;
    }
    if (one_in(2)) { /* long equal runs */
        memset(test->data + 0x400, random_below(2) * 0xff, 0x2000);
        registers[X86_RAX] = one_in(2) ? 0 : UINT64_MAX;
        test->data[0x400 + random_below(0x2000)] ^= 1;
    }
}

/* ---- the tables ---- */

#define R8     (FORM_MODRM | FORM_BYTE)
#define RV     FORM_MODRM
#define RLOCK8 (R8 | FORM_LOCK)
#define RLOCK  (RV | FORM_LOCK)

/* One of the eight operations of opcodes 00 to 3F. */
#define ALU(name, n, undefined)                                                              \
    { name " Eb, Gb", { (n)*8 + 0 }, 1, GROUP_NONE, (n) == 7 ? R8 : RLOCK8, undefined },     \
        { name " Ev, Gv", { (n)*8 + 1 }, 1, GROUP_NONE, (n) == 7 ? RV : RLOCK, undefined },  \
        { name " Gb, Eb", { (n)*8 + 2 }, 1, GROUP_NONE, R8, undefined },                     \
        { name " Gv, Ev", { (n)*8 + 3 }, 1, GROUP_NONE, RV, undefined },                     \
        { name " AL, Ib", { (n)*8 + 4 }, 1, GROUP_NONE, FORM_BYTE | FORM_IMM8, undefined },  \
        { name " eAX, Iz", { (n)*8 + 5 }, 1, GROUP_NONE, FORM_IMMZ, undefined },             \
        { name " Eb, Ib", { 0x80 }, 1, n, ((n) == 7 ? R8 : RLOCK8) | FORM_IMM8, undefined }, \
        { name " Ev, Iz", { 0x81 }, 1, n, ((n) == 7 ? RV : RLOCK) | FORM_IMMZ, undefined },  \
    {                                                                                        \
        name " Ev, Ib", { 0x83 }, 1, n, ((n) == 7 ? RV : RLOCK) | FORM_IMM8, undefined       \
    }

static const Template arithmetic[] = {
    ALU("add", 0, 0),
    ALU("or", 1, LOGIC_UNDEFINED),
    ALU("adc", 2, 0),
    ALU("sbb", 3, 0),
    ALU("and", 4, LOGIC_UNDEFINED),
    ALU("sub", 5, 0),
    ALU("xor", 6, LOGIC_UNDEFINED),
    ALU("cmp", 7, 0),
    { "test Eb, Gb", { 0x84 }, 1, GROUP_NONE, R8, LOGIC_UNDEFINED },
    { "test Ev, Gv", { 0x85 }, 1, GROUP_NONE, RV, LOGIC_UNDEFINED },
    { "test AL, Ib", { 0xa8 }, 1, GROUP_NONE, FORM_BYTE | FORM_IMM8, LOGIC_UNDEFINED },
    { "test eAX, Iz", { 0xa9 }, 1, GROUP_NONE, FORM_IMMZ, LOGIC_UNDEFINED },
    { "test Eb, Ib", { 0xf6 }, 1, 0, R8 | FORM_IMM8, LOGIC_UNDEFINED },
    { "test Ev, Iz", { 0xf7 }, 1, 0, RV | FORM_IMMZ, LOGIC_UNDEFINED },
    { "not Eb", { 0xf6 }, 1, 2, RLOCK8 },
    { "not Ev", { 0xf7 }, 1, 2, RLOCK },
    { "neg Eb", { 0xf6 }, 1, 3, RLOCK8 },
    { "neg Ev", { 0xf7 }, 1, 3, RLOCK },
    { "inc Eb", { 0xfe }, 1, 0, RLOCK8 },
    { "inc Ev", { 0xff }, 1, 0, RLOCK },
    { "dec Eb", { 0xfe }, 1, 1, RLOCK8 },
    { "dec Ev", { 0xff }, 1, 1, RLOCK },
    { "cbw", { 0x98 }, 1, GROUP_NONE, 0 },
    { "cwd", { 0x99 }, 1, GROUP_NONE, 0 },
};

static const Template multiply[] = {
    { "mul Eb", { 0xf6 }, 1, 4, R8, MUL_UNDEFINED },
    { "mul Ev", { 0xf7 }, 1, 4, RV, MUL_UNDEFINED },
    { "imul Eb", { 0xf6 }, 1, 5, R8, MUL_UNDEFINED },
    { "imul Ev", { 0xf7 }, 1, 5, RV, MUL_UNDEFINED },
    { "imul Gv, Ev", { 0x0f, 0xaf }, 2, GROUP_NONE, RV, MUL_UNDEFINED },
    { "imul Gv, Ev, Iz", { 0x69 }, 1, GROUP_NONE, RV | FORM_IMMZ, MUL_UNDEFINED },
    { "imul Gv, Ev, Ib", { 0x6b }, 1, GROUP_NONE, RV | FORM_IMM8, MUL_UNDEFINED },
    { "div Eb", { 0xf6 }, 1, 6, R8, DIVIDE_UNDEFINED, 0, adjust_divide },
    { "div Ev", { 0xf7 }, 1, 6, RV, DIVIDE_UNDEFINED, 0, adjust_divide },
    { "idiv Eb", { 0xf6 }, 1, 7, R8, DIVIDE_UNDEFINED, 0, adjust_divide },
    { "idiv Ev", { 0xf7 }, 1, 7, RV, DIVIDE_UNDEFINED, 0, adjust_divide },
};

#define SHIFT(name, n)                                                                    \
    { name " Eb, Ib", { 0xc0 }, 1, n, R8 | FORM_IMM8, 0, 0, adjust_shift_immediate },     \
        { name " Ev, Ib", { 0xc1 }, 1, n, RV | FORM_IMM8, 0, 0, adjust_shift_immediate }, \
        { name " Eb, 1", { 0xd0 }, 1, n, R8, 0, 0, adjust_shift_one },                    \
        { name " Ev, 1", { 0xd1 }, 1, n, RV, 0, 0, adjust_shift_one },                    \
        { name " Eb, CL", { 0xd2 }, 1, n, R8, 0, 0, adjust_shift_cl },                    \
    {                                                                                     \
        name " Ev, CL", { 0xd3 }, 1, n, RV, 0, 0, adjust_shift_cl                         \
    }

static const Template shifts[] = {
    SHIFT("rol", 0),
    SHIFT("ror", 1),
    SHIFT("rcl", 2),
    SHIFT("rcr", 3),
    SHIFT("shl", 4),
    SHIFT("shr", 5),
    SHIFT("sal", 6),
    SHIFT("sar", 7),
    { "shld Ib",
      { 0x0f, 0xa4 },
      2,
      GROUP_NONE,
      RV | FORM_IMM8,
      0,
      0,
      adjust_double_shift_immediate },
    { "shld CL", { 0x0f, 0xa5 }, 2, GROUP_NONE, RV, 0, 0, adjust_double_shift_cl },
    { "shrd Ib",
      { 0x0f, 0xac },
      2,
      GROUP_NONE,
      RV | FORM_IMM8,
      0,
      0,
      adjust_double_shift_immediate },
    { "shrd CL", { 0x0f, 0xad }, 2, GROUP_NONE, RV, 0, 0, adjust_double_shift_cl },
};

#define BIT(name, register_opcode, n)                                                            \
    { name " Ev, Gv",                                                                            \
      { 0x0f, register_opcode },                                                                 \
      2,                                                                                         \
      GROUP_NONE,                                                                                \
      ((n) == 4 ? RV : RLOCK) | FORM_BIT_OFFSET,                                                 \
      BIT_UNDEFINED,                                                                             \
      0,                                                                                         \
      adjust_bit_offset },                                                                       \
    {                                                                                            \
        name " Ev, Ib", { 0x0f, 0xba }, 2, n, ((n) == 4 ? RV : RLOCK) | FORM_IMM8, BIT_UNDEFINED \
    }

static const Template bits[] = {
    BIT("bt", 0xa3, 4),
    BIT("bts", 0xab, 5),
    BIT("btr", 0xb3, 6),
    BIT("btc", 0xbb, 7),
    { "bsf", { 0x0f, 0xbc }, 2, GROUP_NONE, RV, SCAN_UNDEFINED },
    { "bsr", { 0x0f, 0xbd }, 2, GROUP_NONE, RV, SCAN_UNDEFINED },
    { "bswap", { 0x0f, 0xc8 }, 2, GROUP_NONE, FORM_OPCODE_REG | FORM_NO_16 },
};

/* Not part of every x86-64 processor. */
static const Template counts[] = {
    { "popcnt", { 0x0f, 0xb8 }, 2, GROUP_NONE, RV, 0, 0xf3 },
    { "crc32 Gd, Eb", { 0x0f, 0x38, 0xf0 }, 3, GROUP_NONE, R8, 0, 0xf2 },
    { "crc32 Gd, Ev", { 0x0f, 0x38, 0xf1 }, 3, GROUP_NONE, RV, 0, 0xf2 },
};

static const Template moves[] = {
    { "mov Eb, Gb", { 0x88 }, 1, GROUP_NONE, R8 },
    { "mov Ev, Gv", { 0x89 }, 1, GROUP_NONE, RV },
    { "mov Gb, Eb", { 0x8a }, 1, GROUP_NONE, R8 },
    { "mov Gv, Ev", { 0x8b }, 1, GROUP_NONE, RV },
    { "mov Eb, Ib", { 0xc6 }, 1, 0, R8 | FORM_IMM8 },
    { "mov Ev, Iz", { 0xc7 }, 1, 0, RV | FORM_IMMZ },
    { "mov r8, Ib", { 0xb0 }, 1, GROUP_NONE, FORM_OPCODE_REG | FORM_BYTE | FORM_IMM8 },
    { "mov r, Iv", { 0xb8 }, 1, GROUP_NONE, FORM_OPCODE_REG | FORM_IMM_FULL },
    { "xchg Eb, Gb", { 0x86 }, 1, GROUP_NONE, RLOCK8 },
    { "xchg Ev, Gv", { 0x87 }, 1, GROUP_NONE, RLOCK },
    { "xchg eAX, r", { 0x90 }, 1, GROUP_NONE, FORM_OPCODE_REG },
    { "lea", { 0x8d }, 1, GROUP_NONE, RV | FORM_MEMORY },
    { "movsxd", { 0x63 }, 1, GROUP_NONE, RV | FORM_ONLY_64 },
    { "movzx Gv, Eb", { 0x0f, 0xb6 }, 2, GROUP_NONE, RV },
    { "movzx Gv, Ew", { 0x0f, 0xb7 }, 2, GROUP_NONE, RV },
    { "movsx Gv, Eb", { 0x0f, 0xbe }, 2, GROUP_NONE, RV },
    { "movsx Gv, Ew", { 0x0f, 0xbf }, 2, GROUP_NONE, RV },
    { "nop Ev", { 0x0f, 0x1f }, 2, 0, RV },
    { "xlat", { 0xd7 }, 1, GROUP_NONE, FORM_NO_16, 0, 0, adjust_xlat },
    { "cmpxchg Eb, Gb", { 0x0f, 0xb0 }, 2, GROUP_NONE, RLOCK8, 0, 0, adjust_compare_exchange },
    { "cmpxchg Ev, Gv", { 0x0f, 0xb1 }, 2, GROUP_NONE, RLOCK, 0, 0, adjust_compare_exchange },
    { "xadd Eb, Gb", { 0x0f, 0xc0 }, 2, GROUP_NONE, RLOCK8 },
    { "xadd Ev, Gv", { 0x0f, 0xc1 }, 2, GROUP_NONE, RLOCK },
    { "cmpxchg8b",
      { 0x0f, 0xc7 },
      2,
      1,
      RLOCK | FORM_MEMORY | FORM_NO_16 | FORM_NO_REX_W,
      0,
      0,
      adjust_compare_exchange_pair },
};

#define CONDITION(n)                                      \
    { "setcc", { 0x0f, 0x90 + (n) }, 2, 0, R8 },          \
    {                                                     \
        "cmovcc", { 0x0f, 0x40 + (n) }, 2, GROUP_NONE, RV \
    }

static const Template conditions[] = {
    CONDITION(0),  CONDITION(1),  CONDITION(2),  CONDITION(3),  CONDITION(4),  CONDITION(5),
    CONDITION(6),  CONDITION(7),  CONDITION(8),  CONDITION(9),  CONDITION(10), CONDITION(11),
    CONDITION(12), CONDITION(13), CONDITION(14), CONDITION(15),
};

#define PLAIN (FORM_NO_16 | FORM_NO_REX_W)
#define STACK (FORM_STACK | FORM_NO_REX_W)

static const Template flags[] = {
    { "cmc", { 0xf5 }, 1, GROUP_NONE, PLAIN },  { "clc", { 0xf8 }, 1, GROUP_NONE, PLAIN },
    { "stc", { 0xf9 }, 1, GROUP_NONE, PLAIN },  { "cld", { 0xfc }, 1, GROUP_NONE, PLAIN },
    { "std", { 0xfd }, 1, GROUP_NONE, PLAIN },  { "sahf", { 0x9e }, 1, GROUP_NONE, PLAIN },
    { "lahf", { 0x9f }, 1, GROUP_NONE, PLAIN },
};

static const Template stack[] = {
    { "push r", { 0x50 }, 1, GROUP_NONE, FORM_OPCODE_REG | STACK },
    { "pop r", { 0x58 }, 1, GROUP_NONE, FORM_OPCODE_REG | STACK },
    { "push Ev", { 0xff }, 1, 6, RV | STACK },
    { "pop Ev", { 0x8f }, 1, 0, RV | STACK },
    { "push Iz", { 0x68 }, 1, GROUP_NONE, FORM_IMMZ | STACK },
    { "push Ib", { 0x6a }, 1, GROUP_NONE, FORM_IMM8 | STACK },
    { "leave", { 0xc9 }, 1, GROUP_NONE, STACK, 0, 0, adjust_leave },
};

#define STRING(name, opcode)                                                                 \
    { name "b", { opcode }, 1, GROUP_NONE, FORM_BYTE, 0, 0, adjust_string },                 \
        { name, { (opcode) + 1 }, 1, GROUP_NONE, 0, 0, 0, adjust_string },                   \
        { "rep " name "b", { opcode }, 1, GROUP_NONE, FORM_BYTE, 0, 0xf3, adjust_string },   \
        { "rep " name, { (opcode) + 1 }, 1, GROUP_NONE, 0, 0, 0xf3, adjust_string },         \
        { "repne " name "b", { opcode }, 1, GROUP_NONE, FORM_BYTE, 0, 0xf2, adjust_string }, \
    {                                                                                        \
        "repne " name, { (opcode) + 1 }, 1, GROUP_NONE, 0, 0, 0xf2, adjust_string            \
    }

static const Template strings[] = {
    STRING("movs", 0xa4), STRING("cmps", 0xa6), STRING("stos", 0xaa),
    STRING("lods", 0xac), STRING("scas", 0xae),
};

/* CMPXCHG16B wants a 16-byte boundary: written by hand. */
static void test_compare_exchange_16(void)
{
    static const uint8_t code[] = { 0xf0, 0x48, 0x0f, 0xc7, 0x0f }; /* lock cmpxchg16b [rdi] */
    static TestCase test;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned at = HARNESS_OPERAND - HARNESS_DATA + 16 * random_below(64);
        unsigned skip = random_below(2); /* with and without LOCK */

        test_case_init(&test);
        test.start.registers[X86_RDI] = HARNESS_DATA + at + (one_in(8) ? 8 : 0);
        adjust_compare_exchange_pair(
            &test, &(Encoded){ .address = HARNESS_DATA + at, .operand_bytes = 8 });
        test_case_append(&test, code + skip, sizeof(code) - skip);
        test_case_compare(&test, engine_execute);
    }
}

#define ASCII_UNDEFINED   (FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_PF)
#define DECIMAL_UNDEFINED FLAG_OF
#define DIGITS_UNDEFINED  (FLAG_OF | FLAG_AF | FLAG_CF)

/* Opcodes that 64-bit code has lost. */
static const Template legacy[] = {
    { "inc r", { 0x40 }, 1, GROUP_NONE, FORM_OPCODE_REG },
    { "dec r", { 0x48 }, 1, GROUP_NONE, FORM_OPCODE_REG },
    { "daa", { 0x27 }, 1, GROUP_NONE, PLAIN, DECIMAL_UNDEFINED },
    { "das", { 0x2f }, 1, GROUP_NONE, PLAIN, DECIMAL_UNDEFINED },
    { "aaa", { 0x37 }, 1, GROUP_NONE, PLAIN, ASCII_UNDEFINED },
    { "aas", { 0x3f }, 1, GROUP_NONE, PLAIN, ASCII_UNDEFINED },
    { "aam", { 0xd4 }, 1, GROUP_NONE, PLAIN | FORM_IMM8, DIGITS_UNDEFINED },
    { "aad", { 0xd5 }, 1, GROUP_NONE, PLAIN | FORM_IMM8, DIGITS_UNDEFINED },
    { "pusha", { 0x60 }, 1, GROUP_NONE, STACK },
    { "popa", { 0x61 }, 1, GROUP_NONE, STACK },
    { "bound", { 0x62 }, 1, GROUP_NONE, RV | FORM_MEMORY },
    { "arpl", { 0x63 }, 1, GROUP_NONE, RV | FORM_NO_16 },
    { "salc", { 0xd6 }, 1, GROUP_NONE, PLAIN },
    { "into", { 0xce }, 1, GROUP_NONE, PLAIN },
    { "add Eb, Ib (82)", { 0x82 }, 1, 0, R8 | FORM_IMM8 },
};

typedef struct Group {
    const char *name;
    const Template *templates;
    unsigned count;
} Group;

#define GROUP(name)                     \
    {                                   \
#name, name, G_N_ELEMENTS(name) \
    }
static const Group groups[] = {
    GROUP(arithmetic), GROUP(multiply),   GROUP(shifts), GROUP(bits),  GROUP(counts),
    GROUP(moves),      GROUP(conditions), GROUP(flags),  GROUP(stack), GROUP(strings),
};

/* One group in one of the two modes. */
typedef struct GroupTest {
    const Group *group;
    bool code_32;
} GroupTest;

static void run_template(const Template *template, bool code_32)
{
    static TestCase test;

    for (unsigned round = 0; round < ROUNDS; round++) {
        Encoded encoded;

        if (code_32) {
            test_case_init_32(&test);
        } else {
            test_case_init(&test);
        }
        generate(&test, template, &encoded);
        if (!test_case_compare(&test, engine_execute)) {
            g_test_message("(%s)", template->name);
        }
    }
}

static void test_group(gconstpointer opaque)
{
    const GroupTest *test = opaque;
    const Group *group = test->group;

    if (group->templates == counts &&
        !(__builtin_cpu_supports("popcnt") && __builtin_cpu_supports("sse4.2"))) {
        g_test_skip("the host lacks POPCNT or CRC32");
        return;
    }
    if (test->code_32 && !native_runs_32()) {
        g_test_skip("the host runs no 32-bit code");
        return;
    }
    comparisons_begin();
    for (unsigned i = 0; i < group->count; i++) {
        if (!test->code_32 || !(group->templates[i].flags & FORM_ONLY_64)) {
            run_template(&group->templates[i], test->code_32);
        }
    }
    comparisons_report();
}

static void add_group(const Group *group, bool code_32)
{
    g_autofree char *path = g_strdup_printf("/integer/%s/%s", code_32 ? "32" : "64", group->name);
    GroupTest *test = g_new(GroupTest, 1);

    *test = (GroupTest){ group, code_32 };
    g_test_add_data_func_full(path, test, test_group, g_free);
}

int main(int argc, char **argv)
{
    static const Group legacy_group = GROUP(legacy);

    harness_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(groups); i++) {
        add_group(&groups[i], false);
        add_group(&groups[i], true);
    }
    add_group(&legacy_group, true);
    g_test_add_func("/integer/64/cmpxchg16b", test_compare_exchange_16);
    return g_test_run();
}
