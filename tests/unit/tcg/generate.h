/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Random encodings of one integer instruction: operand sizes, registers with and without REX, all
 * ways to address memory. Registers that take part in an address are set so that it falls into the
 * test data.
 */
#pragma once

#include "harness.h"

/* Template.flags */
#define FORM_MODRM      0x0001 /* has a ModRM byte */
#define FORM_BYTE       0x0002 /* 8-bit operands */
#define FORM_IMM8       0x0004
#define FORM_IMM16      0x0008
#define FORM_IMMZ       0x0010 /* 2 or 4 bytes, by operand size */
#define FORM_IMM_FULL   0x0020 /* like IMMZ, but 8 bytes with REX.W (MOV) */
#define FORM_LOCK       0x0040 /* LOCK allowed with a memory destination */
#define FORM_MEMORY     0x0080 /* ModRM names memory only */
#define FORM_REGISTER   0x0100 /* ModRM names registers only */
#define FORM_OPCODE_REG 0x0200 /* a register in the low bits of the opcode */
#define FORM_NO_16      0x0400 /* no operand size prefix */
#define FORM_NO_REX_W   0x0800
#define FORM_BIT_OFFSET 0x1000 /* the register operand is an offset in bits from memory */
#define FORM_STACK      0x2000 /* uses RSP: it may not be part of an address or a destination */
#define FORM_ONLY_64    0x4000 /* not in 32-bit code */

#define GROUP_NONE 8 /* ModRM.reg names a register */

/* What a template came to be in one test. */
typedef struct Encoded {
    unsigned operand_bytes; /* 1, 2, 4 or 8 */
    bool memory;            /* the r/m operand is in memory, at: */
    uint64_t address;
    unsigned reg, rm; /* register numbers, as far as they apply */
    uint64_t immediate;
} Encoded;

typedef struct Template {
    const char *name;
    uint8_t opcode[3];
    uint8_t opcode_bytes;
    uint8_t group; /* ModRM.reg, or GROUP_NONE */
    uint16_t flags;
    uint16_t undefined; /* status flags without a defined value */
    uint8_t prefix;     /* a mandatory or repeat prefix, or 0 */
    /* Last touches: narrower start values, flags undefined in this case only. May be NULL. */
    void (*adjust)(TestCase *test, const Encoded *encoded);
} Template;

/* Append one random instruction of the kind to @test and make its operands reachable. */
void generate(TestCase *test, const Template *template, Encoded *encoded);

/*
 * The same as part of a longer program: memory only at addresses that no register takes part in,
 * and RSP is left alone, so that it does not matter what ran before.
 */
void generate_stable(TestCase *test, const Template *template, Encoded *encoded);

/* The value of register @n as an operand of @bytes. */
uint64_t start_register(const TestCase *test, unsigned n, unsigned bytes);
