/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Paging (Intel SDM vol. 3 chapter 4): all three kinds, page sizes, protection and the error codes
 * of page faults, accessed and dirty bits, invalidation.
 */
#include <string.h>

#include "code-blob.h"
#include "guest.h"

/* Bits of a page fault's error code. */
#define PF_P    0x01u
#define PF_W    0x02u
#define PF_U    0x04u
#define PF_RSVD 0x08u
#define PF_I    0x10u

#define VECTOR_PF 14

#define CR0_WP   (UINT64_C(1) << 16)
#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_PSE  (UINT64_C(1) << 4)
#define CR4_PAE  (UINT64_C(1) << 5)
#define CR4_PGE  (UINT64_C(1) << 7)
#define CR4_SMEP (UINT64_C(1) << 20)
#define CR4_SMAP (UINT64_C(1) << 21)
#define EFER_NXE (UINT64_C(1) << 11)

#define RFLAGS_AC 0x40000u

/* Code at CODE (user page) or KERNEL_CODE (supervisor), one data page at DATA. */
#define CODE          0x10000000u
#define DATA          0x20000000u
#define KERNEL_CODE   GUEST_FREE
#define CODE_PHYSICAL (GUEST_FREE + 0x1000)
#define DATA_PHYSICAL (GUEST_FREE + 0x2000)
#define CODE_TABLE    GUEST_PT_FREE
#define DATA_TABLE    (GUEST_PT_FREE + 0x1000)

CODE64(code_load, "mov (%rbx), %rax; int $0x80");
CODE64(code_store, "mov %rax, (%rbx); int $0x80");
CODE64(code_add, "add %rax, (%rbx); int $0x80");
CODE64(code_jump, "jmp *%rbx");
CODE64(code_end, "int $0x80");

static uint64_t data_entry(const Guest *guest)
{
    return guest_read_64(guest, DATA_TABLE);
}

/* A guest at @cpl whose data page has @bits besides PTE_P (or none when @bits is 0). */
static Guest *prepare(unsigned cpl, uint64_t bits)
{
    Guest *guest = guest_get();

    guest_reset(guest, cpl);
    memset(guest->memory + GUEST_PT_FREE, 0, 0x4000);
    guest_map(guest, CODE_TABLE, CODE, CODE_PHYSICAL, 1, PTE_U);
    guest_map(guest, DATA_TABLE, DATA, DATA_PHYSICAL, 1, bits);
    if (bits == 0) {
        guest_write_64(guest, DATA_TABLE, 0);
    }
    guest->state->registers[X86_RBX] = DATA;
    guest->state->registers[X86_RSP] = cpl == 3 ? 0 : GUEST_KERNEL_STACK;
    return guest;
}

static void run(Guest *guest, unsigned cpl, const uint8_t *code, unsigned bytes)
{
    if (cpl == 3) {
        guest_code(guest, CODE_PHYSICAL, CODE, code, bytes);
    } else {
        guest_code(guest, KERNEL_CODE, KERNEL_CODE, code, bytes);
    }
    guest_run(guest);
}

#define RUN(guest, cpl, code) run(guest, cpl, code, CODE_BYTES(code))

static void assert_done(const Guest *guest)
{
    g_assert_cmpint(guest_exception(guest).vector, ==, 0x80);
}

static void assert_fault(const Guest *guest, uint64_t address, uint32_t error_code)
{
    GuestException exception = guest_exception(guest);

    g_assert_cmpint(exception.vector, ==, VECTOR_PF);
    g_assert_cmphex(exception.error_code, ==, error_code);
    g_assert_cmphex(guest->state->cr2, ==, address);
}

/* What an access to a page with given rights does. */
typedef struct ProtectionCase {
    const char *name;
    const uint8_t *code, *code_end;
    unsigned cpl;
    uint64_t bits; /* of the data page's entry; 0: not present */
    uint64_t cr4;  /* set in addition */
    bool no_wp;
    bool ac;
    int error_code; /* or -1: no fault */
} ProtectionCase;

#define LOAD  code_load, code_load_end
#define STORE code_store, code_store_end
#define ADD   code_add, code_add_end
#define JUMP  code_jump, code_jump_end

static const ProtectionCase protection_cases[] = {
    { "user load, not present", LOAD, 3, 0, .error_code = PF_U },
    { "user store, not present", STORE, 3, 0, .error_code = PF_U | PF_W },
    { "kernel load, not present", LOAD, 0, 0, .error_code = 0 },
    { "kernel store, not present", STORE, 0, 0, .error_code = PF_W },
    { "user fetch, not present", JUMP, 3, 0, .error_code = PF_U | PF_I },
    { "user load", LOAD, 3, PTE_U, .error_code = -1 },
    { "user load, supervisor page", LOAD, 3, PTE_W, .error_code = PF_U | PF_P },
    { "user store, supervisor page", STORE, 3, PTE_W, .error_code = PF_U | PF_W | PF_P },
    { "user store, read-only", STORE, 3, PTE_U, .error_code = PF_U | PF_W | PF_P },
    { "user add, read-only", ADD, 3, PTE_U, .error_code = PF_U | PF_W | PF_P },
    { "user store", STORE, 3, PTE_U | PTE_W, .error_code = -1 },
    { "kernel store, read-only, WP", STORE, 0, PTE_U, .error_code = PF_W | PF_P },
    { "kernel store, read-only, no WP", STORE, 0, PTE_U, .no_wp = true, .error_code = -1 },
    { "kernel store, supervisor read-only, WP", STORE, 0, PTE_A, .error_code = PF_W | PF_P },
    { "user fetch", JUMP, 3, PTE_U, .error_code = -1 },
    { "user fetch, NX", JUMP, 3, PTE_U | PTE_NX, .error_code = PF_U | PF_I | PF_P },
    { "user fetch, supervisor page", JUMP, 3, PTE_W, .error_code = PF_U | PF_I | PF_P },
    { "user load, NX", LOAD, 3, PTE_U | PTE_NX, .error_code = -1 },
    { "kernel fetch, NX", JUMP, 0, PTE_W | PTE_NX, .error_code = PF_I | PF_P },
    { "kernel fetch, user page", JUMP, 0, PTE_U, .error_code = -1 },
    { "kernel fetch, user page, SMEP", JUMP, 0, PTE_U, CR4_SMEP, .error_code = PF_I | PF_P },
    { "user fetch, SMEP", JUMP, 3, PTE_U, CR4_SMEP, .error_code = -1 },
    { "kernel load, user page, SMAP", LOAD, 0, PTE_U | PTE_W, CR4_SMAP, .error_code = PF_P },
    { "kernel store, user page, SMAP", STORE, 0, PTE_U | PTE_W, CR4_SMAP,
      .error_code = PF_W | PF_P },
    { "kernel load, user page, SMAP, AC", LOAD, 0, PTE_U | PTE_W, CR4_SMAP, .ac = true,
      .error_code = -1 },
    { "kernel store, user page, SMAP, AC", STORE, 0, PTE_U | PTE_W, CR4_SMAP, .ac = true,
      .error_code = -1 },
    { "kernel load, supervisor page, SMAP", LOAD, 0, PTE_W, CR4_SMAP, .error_code = -1 },
    { "user load, SMAP", LOAD, 3, PTE_U, CR4_SMAP, .error_code = -1 },
    { "user load, reserved bit", LOAD, 3, PTE_U | UINT64_C(1) << 51,
      .error_code = PF_U | PF_P | PF_RSVD },
    { "kernel store, reserved bit", STORE, 0, PTE_W | UINT64_C(1) << 51,
      .error_code = PF_W | PF_P | PF_RSVD },
};

static void test_protection(gconstpointer opaque)
{
    const ProtectionCase *test = opaque;
    Guest *guest = prepare(test->cpl, test->bits);

    guest_write(guest, DATA_PHYSICAL, code_end, CODE_BYTES(code_end));
    guest->state->cr4 |= test->cr4;
    guest->state->rflags |= test->ac ? RFLAGS_AC : 0;
    if (test->no_wp) {
        guest->state->cr0 &= ~CR0_WP;
    }
    run(guest, test->cpl, test->code, test->code_end - test->code);
    if (test->error_code < 0) {
        assert_done(guest);
    } else {
        assert_fault(guest, DATA, test->error_code);
    }
}

/* Without EFER.NXE the bit is reserved and fetches do not say so in the error code. */
static void test_nx_disabled(void)
{
    Guest *guest = prepare(3, PTE_U | PTE_NX);

    guest->state->msr.efer &= ~EFER_NXE;
    RUN(guest, 3, code_load);
    assert_fault(guest, DATA, PF_U | PF_P | PF_RSVD);

    guest = prepare(3, PTE_W);
    guest->state->msr.efer &= ~EFER_NXE;
    RUN(guest, 3, code_jump);
    assert_fault(guest, DATA, PF_U | PF_P);
}

static void test_accessed_dirty(void)
{
    Guest *guest = prepare(3, PTE_U | PTE_W);

    RUN(guest, 3, code_load);
    assert_done(guest);
    g_assert_cmphex(data_entry(guest) & (PTE_A | PTE_D), ==, PTE_A);
    g_assert_cmphex(guest_read_64(guest, GUEST_PD + (DATA >> 21) * 8) & (PTE_A | PTE_D), ==, PTE_A);
    g_assert_cmphex(guest_read_64(guest, GUEST_PDPT) & PTE_A, ==, PTE_A);
    g_assert_cmphex(guest_read_64(guest, GUEST_PML4) & PTE_A, ==, PTE_A);

    guest = prepare(3, PTE_U | PTE_W);
    RUN(guest, 3, code_store);
    assert_done(guest);
    g_assert_cmphex(data_entry(guest) & (PTE_A | PTE_D), ==, PTE_A | PTE_D);

    /* a fault leaves the dirty bit alone */
    guest = prepare(3, PTE_U);
    RUN(guest, 3, code_store);
    g_assert_cmphex(data_entry(guest) & PTE_D, ==, 0);
}

CODE64(code_load_store, "mov (%rbx), %rax; mov %rax, (%rbx); int $0x80");

/* A load fills the translation; the store after it must still set the dirty bit. */
static void test_dirty_after_load(void)
{
    Guest *guest = prepare(3, PTE_U | PTE_W);

    RUN(guest, 3, code_load_store);
    assert_done(guest);
    g_assert_cmphex(data_entry(guest) & (PTE_A | PTE_D), ==, PTE_A | PTE_D);
}

#define LARGE_LINEAR   0x30000000u
#define LARGE_PHYSICAL 0x400000u

static void test_large_page(void)
{
    Guest *guest = prepare(3, PTE_U);

    guest_write_64(guest, GUEST_PD + (LARGE_LINEAR >> 21) * 8,
                   LARGE_PHYSICAL | PTE_PS | PTE_U | PTE_W | PTE_P);
    guest_write_64(guest, LARGE_PHYSICAL + 0x123450, 0x1122334455667788);
    guest->state->registers[X86_RBX] = LARGE_LINEAR + 0x123450;
    RUN(guest, 3, code_load);
    assert_done(guest);
    g_assert_cmphex(guest->state->registers[X86_RAX], ==, 0x1122334455667788);
    g_assert_cmphex(guest_read_64(guest, GUEST_PD + (LARGE_LINEAR >> 21) * 8) & (PTE_A | PTE_D), ==,
                    PTE_A);

    /* bit 13 of a 2 MiB entry is reserved */
    guest = prepare(3, PTE_U);
    guest_write_64(guest, GUEST_PD + (LARGE_LINEAR >> 21) * 8,
                   LARGE_PHYSICAL | 0x2000 | PTE_PS | PTE_U | PTE_W | PTE_P);
    guest->state->registers[X86_RBX] = LARGE_LINEAR;
    RUN(guest, 3, code_load);
    assert_fault(guest, LARGE_LINEAR, PF_U | PF_P | PF_RSVD);
}

/* Rights are those of all levels together. */
static void test_upper_levels(void)
{
    Guest *guest = prepare(3, PTE_U | PTE_W);

    guest_write_64(guest, GUEST_PD + (DATA >> 21) * 8, DATA_TABLE | PTE_U | PTE_P);
    RUN(guest, 3, code_store);
    assert_fault(guest, DATA, PF_U | PF_W | PF_P);

    guest = prepare(3, PTE_U | PTE_W);
    guest_write_64(guest, GUEST_PD + (DATA >> 21) * 8, DATA_TABLE | PTE_W | PTE_P);
    RUN(guest, 3, code_load);
    assert_fault(guest, DATA, PF_U | PF_P);

    guest = prepare(3, PTE_U | PTE_W);
    guest_write_64(guest, GUEST_PD + (DATA >> 21) * 8, DATA_TABLE | PTE_U | PTE_W | PTE_P | PTE_NX);
    RUN(guest, 3, code_jump);
    assert_fault(guest, DATA, PF_U | PF_I | PF_P);

    guest = prepare(3, PTE_U | PTE_W);
    guest_write_64(guest, GUEST_PD + (DATA >> 21) * 8, 0);
    RUN(guest, 3, code_load);
    assert_fault(guest, DATA, PF_U);
}

/* Load, change the entry through the supervisor's view of the table, invalidate, load again. */
CODE64(code_invlpg, "mov (%rbx), %rax; mov %rcx, (%rdx); invlpg (%rbx); mov (%rbx), %rsi; hlt");
CODE64(code_cr3, "mov (%rbx), %rax; mov %rcx, (%rdx); mov %cr3, %rdi; mov %rdi, %cr3;"
                 "mov (%rbx), %rsi; hlt");
CODE64(code_pge, "mov (%rbx), %rax; mov %rcx, (%rdx); mov %cr4, %rdi; xor $0x80, %rdi;"
                 "mov %rdi, %cr4; mov (%rbx), %rsi; hlt");

static void check_invalidation(const uint8_t *code, unsigned bytes, uint64_t bits, bool seen)
{
    Guest *guest = prepare(0, PTE_W | bits);

    guest->state->cr4 |= CR4_PGE;
    guest_write_64(guest, DATA_PHYSICAL, 1);
    guest_write_64(guest, DATA_PHYSICAL + 0x1000, 2);
    guest->state->registers[X86_RCX] = (DATA_PHYSICAL + 0x1000) | PTE_W | bits | PTE_P;
    guest->state->registers[X86_RDX] = DATA_TABLE;
    run(guest, 0, code, bytes);
    g_assert_cmpuint(guest->state->registers[X86_RAX], ==, 1);
    if (seen) {
        g_assert_cmpuint(guest->state->registers[X86_RSI], ==, 2);
    }
}

static void test_invalidation(void)
{
    check_invalidation(code_invlpg, CODE_BYTES(code_invlpg), 0, true);
    check_invalidation(code_invlpg, CODE_BYTES(code_invlpg), PTE_G, true);
    check_invalidation(code_cr3, CODE_BYTES(code_cr3), 0, true);
    check_invalidation(code_cr3, CODE_BYTES(code_cr3), PTE_G, false);
    check_invalidation(code_pge, CODE_BYTES(code_pge), PTE_G, true);
}

/* A store across two pages, the second of which cannot be written, changes neither. */
static void test_store_crossing(void)
{
    Guest *guest = prepare(3, PTE_U | PTE_W);

    guest_write_64(guest, DATA_TABLE + 8, (DATA_PHYSICAL + 0x1000) | PTE_U | PTE_P);
    guest_write_64(guest, DATA_PHYSICAL + 0xff8, 0x5555555555555555);
    guest_write_64(guest, DATA_PHYSICAL + 0x1000, 0x6666666666666666);
    guest->state->registers[X86_RAX] = UINT64_MAX;
    guest->state->registers[X86_RBX] = DATA + 0xffd;
    RUN(guest, 3, code_store);
    assert_fault(guest, DATA + 0x1000, PF_U | PF_W | PF_P);
    g_assert_cmphex(guest_read_64(guest, DATA_PHYSICAL + 0xff8), ==, 0x5555555555555555);
    g_assert_cmphex(guest_read_64(guest, DATA_PHYSICAL + 0x1000), ==, 0x6666666666666666);

    /* with both pages writable and far apart it is split */
    guest = prepare(3, PTE_U | PTE_W);
    guest_write_64(guest, DATA_TABLE + 8, (DATA_PHYSICAL + 0x3000) | PTE_U | PTE_W | PTE_P);
    guest_write_64(guest, DATA_PHYSICAL + 0x3000, 0);
    guest->state->registers[X86_RAX] = 0x8877665544332211;
    guest->state->registers[X86_RBX] = DATA + 0xffd;
    RUN(guest, 3, code_store);
    assert_done(guest);
    g_assert_cmphex(guest_read_64(guest, DATA_PHYSICAL + 0xff8) >> 40, ==, 0x332211);
    g_assert_cmphex(guest_read_64(guest, DATA_PHYSICAL + 0x3000), ==, 0x8877665544);
}

/* An instruction whose bytes lie on two pages that are far apart in memory. */
static void test_fetch_crossing(void)
{
    static const uint8_t code[] = { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xcd, 0x80 };
    Guest *guest = prepare(3, PTE_U);

    guest_write_64(guest, CODE_TABLE + 8, (DATA_PHYSICAL + 0x5000) | PTE_U | PTE_P);
    guest_write(guest, CODE_PHYSICAL + 0xffc, code, 4);
    guest_write(guest, DATA_PHYSICAL + 0x5000, code + 4, sizeof(code) - 4);
    guest->state->rip = CODE + 0xffc;
    guest_run(guest);
    assert_done(guest);
    g_assert_cmphex(guest->state->registers[X86_RAX], ==, 0x0807060504030201);

    guest = prepare(3, PTE_U);
    guest_write_64(guest, CODE_TABLE + 8, (DATA_PHYSICAL + 0x5000) | PTE_U | PTE_P | PTE_NX);
    guest->state->rip = CODE + 0xffc;
    guest_run(guest);
    assert_fault(guest, CODE + 0x1000, PF_U | PF_I | PF_P);
    g_assert_cmphex(guest_exception(guest).rip, ==, CODE + 0xffc);
}

/* ---- 32-bit protected mode: no paging structures of 64-bit entries, or PAE ---- */

#define LEGACY_DIRECTORY 0x18000u
#define LEGACY_TABLE     0x19000u
#define PAE_POINTERS     0x18000u
#define PAE_DIRECTORY    0x1a000u
#define PAE_TABLE        0x1b000u
#define LEGACY_LINEAR    0x00800000u

CODE32(code_32, "mov (%ebx), %eax; mov %ecx, (%ebx); hlt");

static Guest *prepare_32(void)
{
    Guest *guest = guest_get();
    X86State *state;

    guest_reset(guest, 0);
    state = guest->state;
    state->segments[X86_CS].attributes = 0xc09b; /* 32-bit code */
    state->msr.efer = 0;
    memset(guest->memory + LEGACY_DIRECTORY, 0, 0x4000);
    state->registers[X86_RBX] = LEGACY_LINEAR + 0x10;
    state->registers[X86_RCX] = 0x12345678;
    guest_write_64(guest, DATA_PHYSICAL + 0x10, 0xaabbccdd);
    guest_code(guest, KERNEL_CODE, KERNEL_CODE, code_32, CODE_BYTES(code_32));
    return guest;
}

static void put_32(Guest *guest, uint64_t address, uint32_t value)
{
    guest_write(guest, address, &value, sizeof(value));
}

static uint32_t get_32(const Guest *guest, uint64_t address)
{
    return (uint32_t)guest_read_64(guest, address);
}

static void check_32(Guest *guest)
{
    guest_run(guest);
    g_assert_cmphex(guest->state->registers[X86_RAX], ==, 0xaabbccdd);
    g_assert_cmphex(get_32(guest, DATA_PHYSICAL + 0x10), ==, 0x12345678);
}

static void test_legacy(void)
{
    Guest *guest = prepare_32();

    guest->state->cr4 &= ~CR4_PAE;
    guest->state->cr4 |= CR4_PSE;
    guest->state->cr3 = LEGACY_DIRECTORY;
    put_32(guest, LEGACY_DIRECTORY, PTE_PS | PTE_W | PTE_P); /* 4 MiB at 0 */
    put_32(guest, LEGACY_DIRECTORY + (LEGACY_LINEAR >> 22) * 4, LEGACY_TABLE | PTE_W | PTE_P);
    put_32(guest, LEGACY_TABLE, DATA_PHYSICAL | PTE_W | PTE_P);
    check_32(guest);
    g_assert_cmphex(get_32(guest, LEGACY_TABLE) & (PTE_A | PTE_D), ==, PTE_A | PTE_D);
    g_assert_cmphex(get_32(guest, LEGACY_DIRECTORY) & (PTE_A | PTE_D), ==, PTE_A);
}

static void test_pae(void)
{
    Guest *guest = prepare_32();

    guest->state->cr3 = PAE_POINTERS;
    guest_write_64(guest, PAE_POINTERS, PAE_DIRECTORY | PTE_P);
    guest_write_64(guest, PAE_DIRECTORY, PTE_PS | PTE_W | PTE_P); /* 2 MiB at 0 */
    guest_write_64(guest, PAE_DIRECTORY + (LEGACY_LINEAR >> 21) * 8, PAE_TABLE | PTE_W | PTE_P);
    guest_write_64(guest, PAE_TABLE, DATA_PHYSICAL | PTE_W | PTE_P);
    check_32(guest);
    g_assert_cmphex(guest_read_64(guest, PAE_TABLE) & (PTE_A | PTE_D), ==, PTE_A | PTE_D);
}

static void test_no_paging(void)
{
    Guest *guest = prepare_32();

    guest->state->cr0 &= ~CR0_PG;
    guest->state->registers[X86_RBX] = DATA_PHYSICAL + 0x10;
    check_32(guest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (unsigned i = 0; i < G_N_ELEMENTS(protection_cases); i++) {
        g_autofree char *path = g_strdup_printf("/paging/protection/%s", protection_cases[i].name);

        g_test_add_data_func(path, &protection_cases[i], test_protection);
    }
    g_test_add_func("/paging/nx-disabled", test_nx_disabled);
    g_test_add_func("/paging/accessed-dirty", test_accessed_dirty);
    g_test_add_func("/paging/dirty-after-load", test_dirty_after_load);
    g_test_add_func("/paging/large-page", test_large_page);
    g_test_add_func("/paging/upper-levels", test_upper_levels);
    g_test_add_func("/paging/invalidation", test_invalidation);
    g_test_add_func("/paging/store-crossing", test_store_crossing);
    g_test_add_func("/paging/fetch-crossing", test_fetch_crossing);
    g_test_add_func("/paging/legacy", test_legacy);
    g_test_add_func("/paging/pae", test_pae);
    g_test_add_func("/paging/none", test_no_paging);
    return g_test_run();
}
