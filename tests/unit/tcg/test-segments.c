/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Segmentation in 32-bit and 16-bit protected mode, real-address mode and compatibility mode
 * (Intel SDM vol. 3 chapters 3, 5, 20): limits, types, wrap-around, the stack's size.
 */
#include <string.h>

#include "code-blob.h"
#include "guest.h"

#define VECTOR_NP 11
#define VECTOR_SS 12
#define VECTOR_GP 13

#define CR0_PE (UINT64_C(1) << 0)
#define CR0_PG (UINT64_C(1) << 31)

#define CODE    GUEST_FREE
#define SCRATCH (GUEST_FREE + 0x10000)

/* Attributes: present, DPL 0; type; B or D for 32 bits. */
#define DATA_16      0x0093u
#define DATA_32      0x4093u
#define DATA_RO      0x4091u
#define DATA_DOWN_16 0x0097u
#define DATA_DOWN_32 0x4097u
#define CODE_16      0x009bu

/* 32-bit IDT: eight bytes a gate; the handlers are the same HLTs as in long mode. */
static void write_gates_32(Guest *guest)
{
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t handler = GUEST_HANDLERS + vector * 16;

        guest_write_64(guest, GUEST_IDT + vector * 8,
                       handler | GUEST_KERNEL_CS << 16 | UINT64_C(0x8e) << 40);
    }
    guest->state->idt.limit = 256 * 8 - 1;
}

/* The descriptor table's code segment must fit the mode: interrupts load it. */
static void write_code_descriptor(Guest *guest, uint64_t descriptor)
{
    guest_write_64(guest, GUEST_GDT + GUEST_KERNEL_CS, descriptor);
}

/* Flat 32-bit protected mode without paging. */
static Guest *prepare_32(const uint8_t *code, unsigned bytes)
{
    Guest *guest = guest_get();
    X86State *state;

    guest_reset(guest, 0);
    state = guest->state;
    state->cr0 &= ~CR0_PG;
    state->msr.efer = 0;
    state->segments[X86_CS].attributes = 0xc09b;
    write_gates_32(guest);
    write_code_descriptor(guest, 0x00cf9a000000ffff);
    state->registers[X86_RSP] = GUEST_KERNEL_STACK;
    guest_code(guest, CODE, CODE, code, bytes);
    return guest;
}

#define PREPARE_32(code) prepare_32(code, CODE_BYTES(code))

/* Frames of 32-bit handlers: [error code], EIP, CS, EFLAGS. */
static void assert_exception(const Guest *guest, int vector, uint32_t eip, uint32_t error_code)
{
    uint32_t frame[4];

    g_assert_cmphex(guest->state->rip, ==, GUEST_HANDLERS + vector * 16 + 1);
    memcpy(frame, guest->memory + (uint32_t)guest->state->registers[X86_RSP], sizeof(frame));
    g_assert_cmphex(frame[0], ==, error_code);
    g_assert_cmphex(frame[1], ==, eip);
    g_assert_cmphex(frame[2] & 0xffff, ==, GUEST_KERNEL_CS);
}

static void assert_no_exception(const Guest *guest)
{
    g_assert_cmphex(guest->state->rip & ~UINT64_C(0xff), ==, CODE);
}

static X86Segment segment(uint32_t base, uint32_t limit, uint16_t attributes)
{
    return (X86Segment){
        .selector = GUEST_KERNEL_DS, .base = base, .limit = limit, .attributes = attributes
    };
}

CODE32(load_ds, "mov (%ebx), %eax; hlt");
CODE32(store_ds, "mov %eax, (%ebx); hlt");
CODE32(load_es, "mov %es:(%ebx), %eax; hlt");
CODE32(load_cs, "mov %cs:(%ebx), %eax; hlt");
CODE32(store_cs, "mov %eax, %cs:(%ebx); hlt");
CODE32(load_ss, "mov %ss:(%ebx), %eax; hlt");
CODE32(push_32, "push %eax; hlt");

/* What an access at an offset in a segment does. */
typedef struct LimitCase {
    const char *name;
    const uint8_t *code, *code_end;
    X86SegmentIndex index;
    uint32_t limit;
    uint16_t attributes;
    uint32_t offset; /* EBX */
    int vector;      /* or -1 */
} LimitCase;

#define LIMIT_CASE(name, code, ...)         \
    {                                       \
        name, code, code##_end, __VA_ARGS__ \
    }

static const LimitCase limit_cases[] = {
    LIMIT_CASE("load, last bytes", load_ds, X86_DS, 0xfff, DATA_32, 0xffc, -1),
    LIMIT_CASE("load, one too far", load_ds, X86_DS, 0xfff, DATA_32, 0xffd, VECTOR_GP),
    LIMIT_CASE("load, behind", load_ds, X86_DS, 0xfff, DATA_32, 0x1000, VECTOR_GP),
    LIMIT_CASE("load, wrapping", load_ds, X86_DS, 0xfffff, DATA_32, 0xfffffffe, VECTOR_GP),
    LIMIT_CASE("store, one too far", store_ds, X86_DS, 0xfff, DATA_32, 0xffd, VECTOR_GP),
    LIMIT_CASE("store, read-only", store_ds, X86_DS, 0xfff, DATA_RO, 0x10, VECTOR_GP),
    LIMIT_CASE("load, read-only", load_ds, X86_DS, 0xfff, DATA_RO, 0x10, -1),
    LIMIT_CASE("load ES, one too far", load_es, X86_ES, 0xfff, DATA_32, 0xffd, VECTOR_GP),
    LIMIT_CASE("load ES, unusable", load_es, X86_ES, 0xfff, 0, 0x10, VECTOR_GP),
    LIMIT_CASE("load SS, one too far", load_ss, X86_SS, 0x1ffff, DATA_32, 0x1fffd, VECTOR_SS),
    LIMIT_CASE("expand-down, below", load_ds, X86_DS, 0xfff, DATA_DOWN_32, 0xffc, VECTOR_GP),
    LIMIT_CASE("expand-down, at limit", load_ds, X86_DS, 0xfff, DATA_DOWN_32, 0xfff, VECTOR_GP),
    LIMIT_CASE("expand-down, above", load_ds, X86_DS, 0xfff, DATA_DOWN_32, 0x1000, -1),
    LIMIT_CASE("expand-down 16, top", load_ds, X86_DS, 0xfff, DATA_DOWN_16, 0xfffc, -1),
    LIMIT_CASE("expand-down 16, over", load_ds, X86_DS, 0xfff, DATA_DOWN_16, 0xfffd, VECTOR_GP),
};

static void test_limit(gconstpointer opaque)
{
    const LimitCase *test = opaque;
    Guest *guest = prepare_32(test->code, test->code_end - test->code);
    uint32_t base = test->index == X86_SS ? 0 : SCRATCH;

    guest->state->segments[test->index] = segment(base, test->limit, test->attributes);
    guest->state->registers[X86_RBX] = test->offset;
    guest_run(guest);
    if (test->vector < 0) {
        assert_no_exception(guest);
    } else {
        assert_exception(guest, test->vector, CODE, 0);
    }
}

/* Code segments are for execution: reading needs the R bit, writing never works. */
static void test_code_segment_access(void)
{
    Guest *guest = PREPARE_32(load_cs);

    guest->state->registers[X86_RBX] = SCRATCH;
    guest_run(guest);
    assert_no_exception(guest);

    guest = PREPARE_32(load_cs);
    guest->state->segments[X86_CS].attributes = 0xc099;
    guest->state->registers[X86_RBX] = SCRATCH;
    guest_run(guest);
    assert_exception(guest, VECTOR_GP, CODE, 0);

    guest = PREPARE_32(store_cs);
    guest->state->registers[X86_RBX] = SCRATCH;
    guest_run(guest);
    assert_exception(guest, VECTOR_GP, CODE, 0);
}

/* Running over the end of the code segment. */
CODE32(nops, "nop; nop; nop; nop; hlt");

static void test_code_limit(void)
{
    Guest *guest = PREPARE_32(nops);

    guest->state->segments[X86_CS].limit = CODE + 1;
    guest_run(guest);
    assert_exception(guest, VECTOR_GP, CODE + 2, 0);
}

/* ---- loading segment registers ---- */

CODE32(load_selector, "mov %ax, %ds; hlt");
CODE32(load_stack_selector, "mov %ax, %ss; hlt");

/* Selectors of descriptors added behind those of guest_reset(). */
#define SELECTOR_ABSENT  0x38u
#define SELECTOR_CODE_XO 0x40u
#define SELECTOR_DATA    0x48u
#define GDT_BYTES        0x50u

static Guest *prepare_selector(const uint8_t *code, unsigned bytes, uint16_t selector)
{
    Guest *guest = prepare_32(code, bytes);

    guest_write_64(guest, GUEST_GDT + SELECTOR_ABSENT, 0x00cf12000000ffff);
    guest_write_64(guest, GUEST_GDT + SELECTOR_CODE_XO, 0x00cf98000000ffff);
    guest_write_64(guest, GUEST_GDT + SELECTOR_DATA, 0x1240921234560fff);
    guest->state->gdt.limit = GDT_BYTES - 1;
    guest->state->registers[X86_RAX] = selector;
    guest_run(guest);
    return guest;
}

#define SELECTOR(code, selector) prepare_selector(code, CODE_BYTES(code), selector)

static void test_selectors(void)
{
    Guest *guest = SELECTOR(load_selector, SELECTOR_DATA);

    assert_no_exception(guest);
    g_assert_cmphex(guest->state->segments[X86_DS].base, ==, 0x12123456);
    g_assert_cmphex(guest->state->segments[X86_DS].limit, ==, 0xfff);
    g_assert_cmphex(guest->state->segments[X86_DS].attributes, ==, 0x4093); /* accessed now */
    g_assert_cmphex(guest_read_64(guest, GUEST_GDT + SELECTOR_DATA), ==, 0x1240931234560fff);

    assert_no_exception(SELECTOR(load_selector, 0));
    assert_exception(SELECTOR(load_selector, SELECTOR_ABSENT), VECTOR_NP, CODE, SELECTOR_ABSENT);
    assert_exception(SELECTOR(load_selector, SELECTOR_CODE_XO), VECTOR_GP, CODE, SELECTOR_CODE_XO);
    assert_exception(SELECTOR(load_selector, GDT_BYTES), VECTOR_GP, CODE, GDT_BYTES);
    assert_exception(SELECTOR(load_stack_selector, 0), VECTOR_GP, CODE, 0);
    assert_exception(SELECTOR(load_stack_selector, SELECTOR_DATA | 3), VECTOR_GP, CODE,
                     SELECTOR_DATA);
    assert_exception(SELECTOR(load_stack_selector, GUEST_KERNEL_CS), VECTOR_GP, CODE,
                     GUEST_KERNEL_CS);
    assert_exception(SELECTOR(load_stack_selector, SELECTOR_ABSENT), VECTOR_SS, CODE,
                     SELECTOR_ABSENT);
}

/* A null DS may be loaded but not used. */
CODE32(null_use, "mov %ax, %ds; mov (%ebx), %eax; hlt");

static void test_null_selector(void)
{
    Guest *guest = PREPARE_32(null_use);

    guest->state->registers[X86_RBX] = SCRATCH;
    guest_run(guest);
    assert_exception(guest, VECTOR_GP, CODE + 2, 0);
}

/* ---- the stack's address size ---- */

CODE32(push_pop, "push %eax; pop %ecx; push %edx; hlt");

/* B clear: only SP moves, and it wraps within 64 KiB. */
static void test_stack_16(void)
{
    Guest *guest = PREPARE_32(push_pop);

    guest->state->segments[X86_SS] = segment(SCRATCH, 0xffff, DATA_16);
    guest->state->registers[X86_RSP] = 0xabcd0000;
    guest->state->registers[X86_RAX] = 0x11223344;
    guest->state->registers[X86_RDX] = 0x55667788;
    guest_run(guest);
    assert_no_exception(guest);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, 0xabcdfffc);
    g_assert_cmphex(guest->state->registers[X86_RCX], ==, 0x11223344);
    g_assert_cmphex((uint32_t)guest_read_64(guest, SCRATCH + 0xfffc), ==, 0x55667788);
}

static void test_stack_limit(void)
{
    Guest *guest = PREPARE_32(push_32);

    /* the handler's own stack must work: an expand-down segment, pushed at its very limit */
    guest->state->segments[X86_SS] = segment(0, GUEST_KERNEL_STACK - 0x101, DATA_DOWN_32);
    guest->state->registers[X86_RSP] = GUEST_KERNEL_STACK - 0xfc;
    guest_run(guest);
    assert_no_exception(guest);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, GUEST_KERNEL_STACK - 0x100);
}

/* ---- 32-bit code in long mode ---- */

CODE32(compatibility, "inc %eax; mov %esp, %ecx; add $1, %ebx; hlt");

static void test_compatibility(void)
{
    Guest *guest = guest_get();
    X86State *state;

    guest_reset(guest, 0);
    state = guest->state;
    state->segments[X86_CS].attributes = 0xc09b; /* D, not L */
    state->registers[X86_RBX] = 0x1ffffffff;
    guest_code(guest, CODE, CODE, compatibility, CODE_BYTES(compatibility));
    guest_run(guest);
    g_assert_cmphex(state->rip, ==, CODE + CODE_BYTES(compatibility));
    g_assert_cmphex(state->registers[X86_RAX], ==, 1); /* 40h is INC here, no prefix */
    g_assert_cmphex((uint32_t)state->registers[X86_RBX], ==, 0);
}

/* ---- real-address mode ---- */

#define REAL_CODE_SEGMENT 0x1000u
#define REAL_DATA_SEGMENT 0x2000u
#define REAL_HANDLERS     0x0800u /* handler of vector n: HLT at 0:REAL_HANDLERS + n */

static X86Segment real_segment(uint16_t selector, uint16_t attributes)
{
    return (X86Segment){
        .selector = selector,
        .base = (uint32_t)selector << 4,
        .limit = 0xffff,
        .attributes = attributes,
    };
}

static Guest *prepare_real(const uint8_t *code, unsigned bytes, uint16_t ip)
{
    Guest *guest = guest_get();
    X86State *state;
    uint8_t handlers[256];

    guest_reset(guest, 0);
    state = guest->state;
    state->cr0 &= ~(CR0_PG | CR0_PE);
    state->cr4 = 0;
    state->msr.efer = 0;
    state->idt = (X86DescriptorTable){ .base = 0, .limit = 0x3ff };
    for (unsigned i = 0; i < X86_SEGMENT_COUNT; i++) {
        state->segments[i] = real_segment(REAL_DATA_SEGMENT, DATA_16);
    }
    state->segments[X86_CS] = real_segment(REAL_CODE_SEGMENT, CODE_16);
    state->segments[X86_SS] = real_segment(0x3000, DATA_16);
    state->registers[X86_RSP] = 0x8000;
    memset(handlers, 0xf4, sizeof(handlers));
    guest_write(guest, REAL_HANDLERS, handlers, sizeof(handlers));
    for (unsigned vector = 0; vector < 256; vector++) {
        uint32_t entry = REAL_HANDLERS + vector;

        guest_write(guest, vector * 4, &entry, sizeof(entry));
    }
    guest_code(guest, (REAL_CODE_SEGMENT << 4) + ip, ip, code, bytes);
    return guest;
}

#define PREPARE_REAL(code, ip) prepare_real(code, CODE_BYTES(code), ip)

static void assert_real_vector(const Guest *guest, unsigned vector, uint16_t ip)
{
    uint16_t frame[3];
    uint32_t stack = 0x30000 + (uint16_t)guest->state->registers[X86_RSP];

    g_assert_cmphex(guest->state->segments[X86_CS].selector, ==, 0);
    g_assert_cmphex(guest->state->rip, ==, REAL_HANDLERS + vector + 1);
    memcpy(frame, guest->memory + stack, sizeof(frame));
    g_assert_cmphex(frame[0], ==, ip);
    g_assert_cmphex(frame[1], ==, REAL_CODE_SEGMENT);
}

CODE16(real_int, "int $0x21");
CODE16(real_load, "mov (%bx), %ax; hlt");
CODE16(real_load_32, "mov (%ebx), %ax; hlt");
CODE16(real_push, "push %ax; hlt");
CODE16(real_segment_load, "mov %ax, %es; mov %es:(%bx), %cx; hlt");
CODE16(real_far, "lcall $0x1234, $0x10");
CODE16(real_lret, "lret");
CODE16(real_string, "rep stosb; hlt");
CODE16(real_divide, "xor %cx, %cx; div %cx");

static void test_real_interrupt(void)
{
    Guest *guest = PREPARE_REAL(real_int, 0x100);

    guest->state->rflags |= 0x200;
    guest_run(guest);
    assert_real_vector(guest, 0x21, 0x102);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, 0x7ffa);
    g_assert_cmphex(guest->state->rflags & 0x200, ==, 0);

    guest = PREPARE_REAL(real_divide, 0x100);
    guest_run(guest);
    assert_real_vector(guest, 0, 0x102);
}

static void test_real_limits(void)
{
    Guest *guest = PREPARE_REAL(real_load, 0x100);

    guest->state->registers[X86_RBX] = 0xffff; /* a word across the end of the segment */
    guest_run(guest);
    assert_real_vector(guest, VECTOR_GP, 0x100);

    guest = PREPARE_REAL(real_load_32, 0x100);
    guest->state->registers[X86_RBX] = 0x10000;
    guest_run(guest);
    assert_real_vector(guest, VECTOR_GP, 0x100);

    guest = PREPARE_REAL(real_load, 0x100); /* upper half of EBX does not count */
    guest->state->registers[X86_RBX] = 0x77770010;
    guest_write_64(guest, 0x20010, 0xbeef);
    guest_run(guest);
    g_assert_cmphex(guest->state->registers[X86_RAX] & 0xffff, ==, 0xbeef);

    guest = PREPARE_REAL(real_push, 0x100); /* SP wraps */
    guest->state->registers[X86_RSP] = 0;
    guest_run(guest);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, 0xfffe);
    g_assert_cmphex(guest->state->rip, ==, 0x102);
}

/* "Unreal" mode: a segment register keeps its limit when it is loaded in real mode. */
static void test_real_big_limit(void)
{
    Guest *guest = PREPARE_REAL(real_load_32, 0x100);

    guest->state->segments[X86_DS].limit = UINT32_MAX;
    guest->state->registers[X86_RBX] = 0x100000;
    guest_write_64(guest, 0x120000, 0xcafe);
    guest_run(guest);
    g_assert_cmphex(guest->state->registers[X86_RAX], ==, 0xcafe);
}

static void test_real_transfers(void)
{
    static const uint8_t halt = 0xf4;
    Guest *guest = PREPARE_REAL(real_segment_load, 0x100);

    guest->state->registers[X86_RAX] = 0x4000;
    guest->state->registers[X86_RBX] = 4;
    guest_write_64(guest, 0x40004, 0x1357);
    guest_run(guest);
    g_assert_cmphex(guest->state->segments[X86_ES].base, ==, 0x40000);
    g_assert_cmphex(guest->state->registers[X86_RCX], ==, 0x1357);

    guest = PREPARE_REAL(real_far, 0x100);
    guest_write(guest, 0x12350, &halt, 1);
    guest_run(guest);
    g_assert_cmphex(guest->state->segments[X86_CS].selector, ==, 0x1234);
    g_assert_cmphex(guest->state->rip, ==, 0x11);
    g_assert_cmphex((uint32_t)guest_read_64(guest, 0x37ffc), ==, 0x10000105);

    guest = PREPARE_REAL(real_lret, 0x100);
    guest_write(guest, 0x12350, &halt, 1);
    guest_write_64(guest, 0x38000, 0x12340010);
    guest_run(guest);
    g_assert_cmphex(guest->state->segments[X86_CS].base, ==, 0x12340);
    g_assert_cmphex(guest->state->rip, ==, 0x11);
    g_assert_cmphex(guest->state->registers[X86_RSP], ==, 0x8004);
}

/* DI wraps from FFFF to 0 in a 16-bit string instruction. */
static void test_real_string(void)
{
    Guest *guest = PREPARE_REAL(real_string, 0x100);

    guest->state->registers[X86_RDI] = 0xfffe;
    guest->state->registers[X86_RCX] = 4;
    guest->state->registers[X86_RAX] = 0x5a;
    guest_write_64(guest, 0x20000, 0);
    guest_run(guest);
    g_assert_cmphex(guest->state->registers[X86_RDI], ==, 2);
    g_assert_cmphex(guest->state->registers[X86_RCX], ==, 0);
    g_assert_cmphex(guest_read_64(guest, 0x2fff8) >> 48, ==, 0x5a5a);
    g_assert_cmphex(guest_read_64(guest, 0x20000), ==, 0x5a5a);
}

/* From real mode to protected mode and back, as boot code does it. */
CODE16(real_to_protected, "mov %cr0, %eax; or $1, %eax; mov %eax, %cr0; mov $0x10, %bx;"
                          "mov %bx, %ds; mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0; hlt");

static void test_real_to_protected(void)
{
    Guest *guest = PREPARE_REAL(real_to_protected, 0x100);

    guest_run(guest);
    g_assert_cmphex(guest->state->rip, ==, 0x100 + CODE_BYTES(real_to_protected));
    g_assert_cmphex(guest->state->segments[X86_DS].limit, ==, UINT32_MAX);
    g_assert_cmphex(guest->state->segments[X86_DS].selector, ==, 0x10);
    g_assert_cmphex(guest->state->cr0 & CR0_PE, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (unsigned i = 0; i < G_N_ELEMENTS(limit_cases); i++) {
        g_autofree char *path = g_strdup_printf("/segments/limit/%s", limit_cases[i].name);

        g_test_add_data_func(path, &limit_cases[i], test_limit);
    }
    g_test_add_func("/segments/code-access", test_code_segment_access);
    g_test_add_func("/segments/code-limit", test_code_limit);
    g_test_add_func("/segments/selectors", test_selectors);
    g_test_add_func("/segments/null", test_null_selector);
    g_test_add_func("/segments/stack-16", test_stack_16);
    g_test_add_func("/segments/stack-limit", test_stack_limit);
    g_test_add_func("/segments/compatibility", test_compatibility);
    g_test_add_func("/real/interrupt", test_real_interrupt);
    g_test_add_func("/real/limits", test_real_limits);
    g_test_add_func("/real/big-limit", test_real_big_limit);
    g_test_add_func("/real/transfers", test_real_transfers);
    g_test_add_func("/real/string", test_real_string);
    g_test_add_func("/real/to-protected", test_real_to_protected);
    return g_test_run();
}
