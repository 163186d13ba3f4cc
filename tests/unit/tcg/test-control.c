/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Control flow, the stack, flags images and precise exceptions of user-mode code, against the
 * host CPU.
 */
#include <string.h>

#include "harness.h"

#define ROUNDS 40

/* Code written by hand. */
typedef struct Sequence {
    const char *name;
    uint8_t code[40];
    uint8_t bytes;
} Sequence;

#define SEQUENCE(name, ...)                                       \
    {                                                             \
        name, { __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }) \
    }

/*
 * In every start state RBX points at the operands, RSP at the stack, RDI past the end of the data
 * less 64 bytes (END). Nothing is mapped behind the data or in front of it.
 */
#define END (HARNESS_DATA + HARNESS_DATA_BYTES)

static void prepare(TestCase *test)
{
    test_case_init(test);
    test->start.registers[X86_RBX] = HARNESS_OPERAND;
    test->start.registers[X86_RDI] = END - 64;
}

static void run_sequences(const Sequence *sequences, unsigned count)
{
    static TestCase test;

    comparisons_begin();
    for (unsigned i = 0; i < count; i++) {
        for (unsigned round = 0; round < ROUNDS; round++) {
            prepare(&test);
            test_case_append(&test, sequences[i].code, sequences[i].bytes);
            if (!test_case_compare(&test, engine_execute)) {
                g_test_message("(%s)", sequences[i].name);
            }
        }
    }
    comparisons_report();
}

/* Each condition with a short and a near displacement, taken or not, forwards and backwards. */
static void test_conditional_jumps(void)
{
    static const uint8_t increment[] = { 0x48, 0xff, 0xc0 }; /* inc rax */
    static const uint8_t back[] = { 0xeb, 0x05, 0x48, 0xff, 0xc1, 0xeb, 0x02 };
    static TestCase test;

    comparisons_begin();
    for (unsigned condition = 0; condition < 16; condition++) {
        const uint8_t near_jump[] = { 0x0f, 0x80 + condition, 3, 0, 0, 0 };
        const uint8_t short_jump[] = { 0x70 + condition, 3 };
        /* jmp to it; inc rcx; jmp out; jcc back to inc rcx */
        const uint8_t backwards[] = { 0x70 + condition, 0xf9 };

        for (unsigned round = 0; round < ROUNDS; round++) {
            prepare(&test);
            test_case_append(&test, near_jump, sizeof(near_jump));
            test_case_append(&test, increment, sizeof(increment));
            test_case_compare(&test, engine_execute);

            prepare(&test);
            test_case_append(&test, short_jump, sizeof(short_jump));
            test_case_append(&test, increment, sizeof(increment));
            test_case_compare(&test, engine_execute);

            prepare(&test);
            test_case_append(&test, back, sizeof(back));
            test_case_append(&test, backwards, sizeof(backwards));
            test_case_compare(&test, engine_execute);
        }
    }
    comparisons_report();
}

static const Sequence transfers[] = {
    SEQUENCE("jmp short", 0xeb, 0x03, 0x48, 0xff, 0xc0),
    SEQUENCE("jmp near", 0xe9, 0x03, 0, 0, 0, 0x48, 0xff, 0xc0),
    SEQUENCE("call, pop", 0xe8, 0x03, 0, 0, 0, 0x48, 0xff, 0xc0, 0x59),
    /* call f; jmp out; f: inc rax; ret */
    SEQUENCE("call, ret", 0xe8, 0x02, 0, 0, 0, 0xeb, 0x04, 0x48, 0xff, 0xc0, 0xc3),
    SEQUENCE("call, ret 16", 0xe8, 0x02, 0, 0, 0, 0xeb, 0x06, 0x48, 0xff, 0xc0, 0xc2, 0x10, 0x00),
    /* lea rax, [rip + 4]; call rax; jmp out; inc rcx; ret */
    SEQUENCE("call rax", 0x48, 0x8d, 0x05, 0x04, 0, 0, 0, 0xff, 0xd0, 0xeb, 0x04, 0x48, 0xff, 0xc1,
             0xc3),
    /* lea rax, [rip + 5]; jmp rax; inc rcx; inc rdx */
    SEQUENCE("jmp rax", 0x48, 0x8d, 0x05, 0x05, 0, 0, 0, 0xff, 0xe0, 0x48, 0xff, 0xc1, 0x48, 0xff,
             0xc2),
    /* lea rax, [rip + 8]; mov [rbx], rax; jmp [rbx]; inc rcx; inc rdx */
    SEQUENCE("jmp [rbx]", 0x48, 0x8d, 0x05, 0x08, 0, 0, 0, 0x48, 0x89, 0x03, 0xff, 0x23, 0x48, 0xff,
             0xc1, 0x48, 0xff, 0xc2),
    /* lea rax, [rip + 7]; push rax; call [rsp]; jmp out; inc rcx; ret */
    SEQUENCE("call [rsp]", 0x48, 0x8d, 0x05, 0x06, 0, 0, 0, 0x50, 0xff, 0x14, 0x24, 0xeb, 0x04,
             0x48, 0xff, 0xc1, 0xc3),
    /* mov ecx, 5; inc rax; loop; the same with the other two */
    SEQUENCE("loop", 0xb9, 5, 0, 0, 0, 0x48, 0xff, 0xc0, 0xe2, 0xfb),
    SEQUENCE("loope", 0xb9, 5, 0, 0, 0, 0xff, 0xc8, 0xe1, 0xfc),
    SEQUENCE("loopne", 0xb9, 5, 0, 0, 0, 0x48, 0xff, 0xc0, 0xe0, 0xfb),
    /* mov rcx, 2^32 + 3; loop with ECX */
    SEQUENCE("loop ecx", 0x48, 0xb9, 3, 0, 0, 0, 1, 0, 0, 0, 0x48, 0xff, 0xc0, 0x67, 0xe2, 0xfa),
    SEQUENCE("jrcxz", 0xe3, 0x03, 0x48, 0xff, 0xc0),
    SEQUENCE("jecxz", 0x67, 0xe3, 0x03, 0x48, 0xff, 0xc0),
    SEQUENCE("jrcxz taken", 0x31, 0xc9, 0xe3, 0x03, 0x48, 0xff, 0xc0),
};

static const Sequence stack_frames[] = {
    SEQUENCE("enter 32, 0; leave", 0xc8, 0x20, 0x00, 0x00, 0xc9),
    SEQUENCE("enter 32, 0", 0xc8, 0x20, 0x00, 0x00),
    SEQUENCE("enter 16, 1", 0xc8, 0x10, 0x00, 0x01),
    SEQUENCE("mov rbp, rsp; enter 16, 3", 0x48, 0x89, 0xe5, 0xc8, 0x10, 0x00, 0x03),
    SEQUENCE("push rsp; pop rax", 0x54, 0x58),
    SEQUENCE("push [rsp]", 0xff, 0x34, 0x24),
    SEQUENCE("pop [rsp]", 0x8f, 0x04, 0x24),
    SEQUENCE("push rbx; pop [rsp + 8]", 0x53, 0x8f, 0x44, 0x24, 0x08),
    SEQUENCE("pop rsp", 0x53, 0x5c),
    SEQUENCE("push ax; pop cx", 0x66, 0x50, 0x66, 0x59),
    SEQUENCE("push 16-bit immediate", 0x66, 0x68, 0x34, 0x12),
    SEQUENCE("pushfq", 0x9c),
    SEQUENCE("pushfw", 0x66, 0x9c),
};

/* POPF changes what CPL 3 may change: AC, ID and the status flags here; IF and IOPL stay. */
static void test_popf(void)
{
    static const uint8_t code[] = { 0x53, 0x9d, 0x9c, 0x59 }; /* push rbx; popf; pushf; pop rcx */
    static TestCase test;

    for (unsigned i = 0; i < ROUNDS * 4; i++) {
        prepare(&test);
        test.start.registers[X86_RBX] = random_64() & 0x203ed5; /* ID, IOPL, OF to CF, IF; not TF */
        test_case_append(&test, code, sizeof(code));
        test_case_compare(&test, engine_execute);
    }
}

static const Sequence exceptions[] = {
    SEQUENCE("ud2", 0x0f, 0x0b),
    SEQUENCE("ud1", 0x0f, 0xb9, 0xc0),
    SEQUENCE("int3", 0xcc),
    SEQUENCE("hlt", 0xf4),
    SEQUENCE("cli", 0xfa),
    SEQUENCE("sti", 0xfb),
    SEQUENCE("in", 0xe4, 0x10),
    SEQUENCE("out", 0xee),
    SEQUENCE("mov rax, cr0", 0x0f, 0x20, 0xc0),
    SEQUENCE("mov cr3, rax", 0x0f, 0x22, 0xd8),
    SEQUENCE("mov rax, dr7", 0x0f, 0x21, 0xf8),
    SEQUENCE("rdmsr", 0x0f, 0x32),
    SEQUENCE("wrmsr", 0x0f, 0x30),
    SEQUENCE("wbinvd", 0x0f, 0x09),
    SEQUENCE("invlpg", 0x0f, 0x01, 0x3b),
    SEQUENCE("lgdt", 0x0f, 0x01, 0x13),
    SEQUENCE("clts", 0x0f, 0x06),
    SEQUENCE("iretq to nowhere", 0x31, 0xc0, 0x50, 0x50, 0x50, 0x50, 0x50, 0x48, 0xcf),
    SEQUENCE("lock add reg", 0xf0, 0x01, 0xc0),
    SEQUENCE("lock mov", 0xf0, 0x89, 0x03),
    SEQUENCE("lock cmp", 0xf0, 0x39, 0x03),
    SEQUENCE("push es", 0x06),
    SEQUENCE("aam", 0xd4, 0x0a),
    SEQUENCE("div 0", 0x31, 0xc9, 0xf7, 0xf1),
    /* the add before the fault counts, the one behind it does not */
    SEQUENCE("load from 0", 0x48, 0x01, 0xc8, 0x31, 0xd2, 0x8b, 0x02, 0x48, 0x01, 0xc8),
    SEQUENCE("non-canonical load", 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x8b, 0x00),
    SEQUENCE("non-canonical stack", 0x48, 0xbc, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x50),
    SEQUENCE("non-canonical [rbp]", 0x48, 0xbd, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x8b, 0x45, 0x00),
    SEQUENCE("non-canonical jump", 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xe0),
    SEQUENCE("non-canonical call", 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xd0),
    SEQUENCE("non-canonical call [rbx]", 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x48, 0x89, 0x03,
             0xff, 0x13),
    SEQUENCE("non-canonical ret", 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x50, 0xc3),
    SEQUENCE("unaligned movaps", 0x0f, 0x28, 0x43, 0x01),
    SEQUENCE("unaligned paddd", 0x66, 0x0f, 0xfe, 0x43, 0x08),
};

/* RDI is 64 bytes before the end of what is mapped. */
static const Sequence page_ends[] = {
    SEQUENCE("store crossing", 0x48, 0x89, 0x47, 0x3d),
    SEQUENCE("load crossing", 0x48, 0x8b, 0x47, 0x3d),
    SEQUENCE("add crossing", 0x48, 0x01, 0x47, 0x3d),
    SEQUENCE("xchg crossing", 0x48, 0x87, 0x47, 0x3d),
    SEQUENCE("lock add behind", 0xf0, 0x48, 0x01, 0x47, 0x40),
    SEQUENCE("movups crossing", 0x0f, 0x11, 0x47, 0x38),
    SEQUENCE("fstp m80 crossing", 0xd9, 0xe8, 0xdb, 0x7f, 0x39),
    SEQUENCE("fsave crossing", 0xdd, 0x77, 0x00),
    SEQUENCE("fxsave crossing", 0x0f, 0xae, 0x47, 0x20),
    SEQUENCE("cmpxchg8b crossing", 0x0f, 0xc7, 0x4f, 0x3c),
    SEQUENCE("push [crossing]", 0xff, 0x77, 0x3d),
    SEQUENCE("pop [behind]", 0x8f, 0x47, 0x40),
    SEQUENCE("call [behind]", 0xff, 0x57, 0x40),
    SEQUENCE("push behind", 0x48, 0x8d, 0x67, 0x48, 0x50),
    SEQUENCE("call, stack behind", 0x48, 0x8d, 0x67, 0x48, 0xe8, 0, 0, 0, 0),
    SEQUENCE("enter, stack behind", 0x48, 0x8d, 0x67, 0x48, 0xc8, 0x10, 0, 1),
    SEQUENCE("pop behind", 0x48, 0x8d, 0x67, 0x40, 0x58),
    SEQUENCE("ret behind", 0x48, 0x8d, 0x67, 0x40, 0xc3),
    SEQUENCE("leave behind", 0x48, 0x8d, 0x6f, 0x40, 0xc9),
    /* mov ecx, 200; rep ... */
    SEQUENCE("rep stosb", 0xb9, 200, 0, 0, 0, 0xf3, 0xaa),
    SEQUENCE("rep stosq", 0xb9, 200, 0, 0, 0, 0xf3, 0x48, 0xab),
    SEQUENCE("rep stosd, unaligned", 0xb9, 200, 0, 0, 0, 0x48, 0xff, 0xc7, 0xf3, 0xab),
    SEQUENCE("rep movsb", 0xb9, 200, 0, 0, 0, 0x48, 0x89, 0xde, 0xf3, 0xa4),
    SEQUENCE("rep movsq", 0xb9, 200, 0, 0, 0, 0x48, 0x89, 0xde, 0xf3, 0x48, 0xa5),
    SEQUENCE("rep movsb, source ends", 0xb9, 200, 0, 0, 0, 0x48, 0x89, 0xfe, 0x48, 0x89, 0xdf, 0xf3,
             0xa4),
    SEQUENCE("rep lodsq", 0xb9, 200, 0, 0, 0, 0x48, 0x89, 0xfe, 0xf3, 0x48, 0xad),
    SEQUENCE("rep cmpsb", 0xb9, 200, 0, 0, 0, 0x48, 0x89, 0xfe, 0xf3, 0xa6),
    /* mov al, 0; repne scasb may or may not find it before the end */
    SEQUENCE("repne scasb", 0xb9, 200, 0, 0, 0, 0xb0, 0x5a, 0xf2, 0xae),
    /* add rdi, 38h; all ones in xmm1: faults of bytes that are not stored are the model's own */
    SEQUENCE("maskmovdqu crossing", 0x48, 0x83, 0xc7, 0x38, 0x66, 0x0f, 0x76, 0xc9, 0x66, 0x0f,
             0xf7, 0xc1),
};

/* Code that changes itself; the host sees each store at the next instruction, so must we. */
static const Sequence self_modifying[] = {
    /* mov byte [rip + 1], 77h; mov eax, 44332211h -> 44332277h */
    SEQUENCE("immediate ahead", 0xc6, 0x05, 1, 0, 0, 0, 0x77, 0xb8, 0x11, 0x22, 0x33, 0x44),
    /* mov byte [rip], F9h; clc -> stc */
    SEQUENCE("opcode ahead", 0xc6, 0x05, 0, 0, 0, 0, 0xf9, 0xf8),
    /* mov word [rip + 2], 9090h; inc ecx (patched away); inc edx */
    SEQUENCE("two bytes ahead", 0x66, 0xc7, 0x05, 2, 0, 0, 0, 0x90, 0x90, 0xff, 0xc2, 0xff, 0xc1),
    /* mov ecx, 5; top: add eax, 1; inc byte [the 1]; loop top */
    SEQUENCE("in a loop", 0xb9, 5, 0, 0, 0, 0x83, 0xc0, 0x01, 0xfe, 0x05, 0xf9, 0xff, 0xff, 0xff,
             0xe2, 0xf5),
    /* mov ecx, 3; lea rdi, [A]; mov al, 90h; rep stosb; A: inc edx; stc */
    SEQUENCE("by rep stosb", 0xb9, 3, 0, 0, 0, 0x48, 0x8d, 0x3d, 4, 0, 0, 0, 0xb0, 0x90, 0xf3, 0xaa,
             0xff, 0xc2, 0xf9),
    /* lea rsp, [behind B + 8]; mov rax, 90..90h; push rax; B: eight bytes of inc eax */
    SEQUENCE("by push", 0x48, 0x8d, 0x25, 0x13, 0, 0, 0, 0x48, 0xb8, 0x90, 0x90, 0x90, 0x90, 0x90,
             0x90, 0x90, 0x90, 0x50, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0),
    /* jmp to a jump whose displacement was changed before */
    SEQUENCE("jump changed", 0xc6, 0x05, 3, 0, 0, 0, 0x02, 0xeb, 0x00, 0xeb, 0x00, 0xff, 0xc0, 0xff,
             0xc1),
};

static void test_self_modifying(void)
{
    run_sequences(self_modifying, G_N_ELEMENTS(self_modifying));
}

static void test_transfers(void)
{
    run_sequences(transfers, G_N_ELEMENTS(transfers));
}

static void test_stack_frames(void)
{
    run_sequences(stack_frames, G_N_ELEMENTS(stack_frames));
}

static void test_exceptions(void)
{
    run_sequences(exceptions, G_N_ELEMENTS(exceptions));
}

static void test_page_ends(void)
{
    run_sequences(page_ends, G_N_ELEMENTS(page_ends));
}

/* FXSAVE and FXRSTOR of both forms: an image goes through memory and back. */
static void test_fxsave(void)
{
    static const uint8_t codes[][16] = {
        { 0x0f, 0xae, 0x03, 0x0f, 0x57, 0xc0, 0xdb, 0xe3, 0x0f, 0xae, 0x0b },
        { 0x48, 0x0f, 0xae, 0x03, 0x0f, 0x57, 0xc0, 0xdb, 0xe3, 0x48, 0x0f, 0xae, 0x0b },
    };
    static TestCase test;

    for (unsigned i = 0; i < ROUNDS * 2; i++) {
        prepare(&test);
        test_case_append(&test, codes[i % 2], i % 2 ? 13 : 11);
        test.ignore_data = true; /* pointers and reserved bytes are the model's own */
        test_case_compare(&test, engine_execute);
    }
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    g_test_add_func("/control/jcc", test_conditional_jumps);
    g_test_add_func("/control/transfers", test_transfers);
    g_test_add_func("/control/stack", test_stack_frames);
    g_test_add_func("/control/popf", test_popf);
    g_test_add_func("/control/exceptions", test_exceptions);
    g_test_add_func("/control/page-ends", test_page_ends);
    g_test_add_func("/control/self-modifying", test_self_modifying);
    g_test_add_func("/control/fxsave", test_fxsave);
    return g_test_run();
}
