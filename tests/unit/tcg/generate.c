/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
#include <string.h>

#include "generate.h"

#define PREFIX_OPERAND_SIZE 0x66
#define PREFIX_ADDRESS_SIZE 0x67
#define PREFIX_LOCK         0xf0

#define REX   0x40
#define REX_W 8
#define REX_R 4
#define REX_X 2
#define REX_B 1

#define NO_REGISTER 16

/* ModRM.r/m, chosen before any byte is written. */
typedef struct Address {
    bool memory;
    bool rip_relative;
    bool narrow; /* 32-bit address arithmetic */
    unsigned base, index, scale;
    unsigned displacement_bytes;
    int32_t displacement;
    uint64_t target;
} Address;

/* The parts of the instruction. */
typedef struct Shape {
    const Template *template;
    bool code_32, stable, rex_allowed, wide, operand_16, lock;
    unsigned operand_bytes;
    unsigned reg, rm, opcode_register;
    Address address;
} Shape;

static unsigned pick_register(const Shape *shape)
{
    unsigned n;

    do {
        n = random_below(shape->rex_allowed ? 16 : 8);
    } while ((shape->stable || (shape->template->flags & FORM_STACK)) && n == X86_RSP);
    return n;
}

static void pick_sizes(Shape *shape)
{
    uint16_t flags = shape->template->flags;

    shape->rex_allowed = !shape->code_32 && !one_in(3);
    shape->wide = shape->rex_allowed && !(flags & FORM_NO_REX_W) && one_in(2);
    shape->operand_16 = !shape->wide && !(flags & (FORM_NO_16 | FORM_BYTE)) && one_in(3);
    shape->operand_bytes = (flags & FORM_BYTE) ? 1 : shape->wide ? 8 : shape->operand_16 ? 2 : 4;
}

static void pick_stable_address(Address *address)
{
    address->memory = true;
    address->target = HARNESS_OPERAND + random_below(0x40);
    address->rip_relative = one_in(2);
    address->displacement = (int32_t)address->target;
    address->displacement_bytes = 4;
}

/* Base and index: each may be missing, they are never the same register. */
static void pick_address(Shape *shape)
{
    Address *address = &shape->address;

    address->memory = true;
    address->target = HARNESS_OPERAND + random_below(0x800);
    address->narrow = !shape->code_32 && one_in(8);
    address->rip_relative = one_in(8);
    address->base = one_in(8) ? NO_REGISTER : pick_register(shape);
    do {
        address->index = one_in(2) ? NO_REGISTER : pick_register(shape);
    } while (address->index == X86_RSP ||
             (address->index == address->base && address->index != NO_REGISTER));
    address->scale = random_below(4);
    address->displacement_bytes = address->base == NO_REGISTER ? 4
                                  : one_in(3)                  ? 0
                                  : one_in(2)                  ? 1
                                                               : 4;
    if ((address->base & 7) == X86_RBP && address->displacement_bytes == 0) {
        address->displacement_bytes = 1; /* mod 0 with this base means something else */
    }
    if (address->rip_relative) {
        address->base = address->index = NO_REGISTER;
        address->narrow = false;
    }
}

/* Give the address's registers values that make it reach its target. */
static void aim_address(TestCase *test, Address *address)
{
    uint64_t *registers = test->start.registers;
    uint64_t rest = address->target;

    if (address->rip_relative) {
        return; /* the displacement is known when the length is */
    }
    if (address->base == NO_REGISTER) {
        if (address->index != NO_REGISTER) {
            registers[address->index] = (int64_t)random_below(0x1000) - 0x800;
            rest -= registers[address->index] << address->scale;
        }
        address->displacement = (int32_t)rest;
        return;
    }
    if (address->index != NO_REGISTER) {
        rest -= registers[address->index] << address->scale;
    }
    address->displacement = address->displacement_bytes == 0   ? 0
                            : address->displacement_bytes == 1 ? (int8_t)random_64()
                                                               : (int32_t)random_64();
    rest -= (int64_t)address->displacement;
    if (address->narrow) { /* the upper half does not count */
        rest = (uint32_t)rest | random_64() << 32;
    }
    registers[address->base] = rest;
}

static void pick_operands(TestCase *test, Shape *shape)
{
    const Template *template = shape->template;
    bool memory =
        (template->flags & FORM_MEMORY) || (!(template->flags & FORM_REGISTER) && one_in(2));

    shape->opcode_register = pick_register(shape);
    if (!(template->flags & FORM_MODRM)) {
        return;
    }
    if (memory && shape->stable) {
        pick_stable_address(&shape->address);
    } else if (memory) {
        pick_address(shape);
        aim_address(test, &shape->address);
    }
    shape->rm = pick_register(shape);
    do {
        shape->reg = template->group != GROUP_NONE ? template->group : pick_register(shape);
    } while (memory && (template->flags & FORM_BIT_OFFSET) && template->group == GROUP_NONE &&
             (shape->reg == shape->address.base || shape->reg == shape->address.index));
    shape->lock = memory && (template->flags & FORM_LOCK) && one_in(4);
}

static uint8_t rex_bits(const Shape *shape)
{
    const Address *address = &shape->address;
    uint8_t rex = shape->wide ? REX_W : 0;

    if (shape->template->flags & FORM_OPCODE_REG) {
        rex |= shape->opcode_register >= 8 ? REX_B : 0;
    }
    if (!(shape->template->flags & FORM_MODRM)) {
        return rex;
    }
    rex |= shape->template->group == GROUP_NONE && shape->reg >= 8 ? REX_R : 0;
    if (!address->memory) {
        return rex | (shape->rm >= 8 ? REX_B : 0);
    }
    rex |= address->base != NO_REGISTER && address->base >= 8 ? REX_B : 0;
    return rex | (address->index != NO_REGISTER && address->index >= 8 ? REX_X : 0);
}

static void append_byte(TestCase *test, uint8_t byte)
{
    test_case_append(test, &byte, 1);
}

static void append_prefixes(TestCase *test, const Shape *shape)
{
    uint8_t rex = rex_bits(shape);

    if (shape->operand_16) {
        append_byte(test, PREFIX_OPERAND_SIZE);
    }
    if (shape->address.narrow) {
        append_byte(test, PREFIX_ADDRESS_SIZE);
    }
    if (shape->lock) {
        append_byte(test, PREFIX_LOCK);
    }
    if (shape->template->prefix) {
        append_byte(test, shape->template->prefix);
    }
    if (rex || (shape->rex_allowed && one_in(4))) {
        append_byte(test, REX | rex);
    }
}

static void append_memory(TestCase *test, const Shape *shape, unsigned immediate_bytes)
{
    const Address *address = &shape->address;
    uint8_t reg = (shape->reg & 7) << 3;
    bool sib = address->index != NO_REGISTER || address->base == NO_REGISTER ||
               (address->base & 7) == X86_RSP || one_in(8);
    uint8_t mod = address->base == NO_REGISTER       ? 0
                  : address->displacement_bytes == 4 ? 0x80
                                                     : address->displacement_bytes << 6;

    if (address->rip_relative) { /* in 32-bit code the same encoding is an absolute address */
        int64_t next = HARNESS_CODE + test->code_bytes + 5 + immediate_bytes;
        int32_t displacement = (int32_t)((int64_t)address->target - (shape->code_32 ? 0 : next));

        append_byte(test, reg | 5);
        test_case_append(test, &displacement, 4);
        return;
    }
    append_byte(test, mod | reg | (sib ? 4 : address->base & 7));
    if (sib) {
        unsigned index = address->index == NO_REGISTER ? 4 : address->index & 7;
        unsigned base = address->base == NO_REGISTER ? 5 : address->base & 7;

        append_byte(test, address->scale << 6 | index << 3 | base);
    }
    test_case_append(test, &address->displacement, address->displacement_bytes);
}

static unsigned immediate_size(const Shape *shape)
{
    uint16_t flags = shape->template->flags;
    unsigned bytes = flags & FORM_IMM8 ? 1 : flags & FORM_IMM16 ? 2 : 0;

    if (flags & FORM_IMMZ) {
        bytes += MIN(shape->operand_bytes, 4);
    } else if (flags & FORM_IMM_FULL) {
        bytes += shape->operand_bytes;
    }
    return bytes;
}

static void generate_shape(TestCase *test, const Template *template, bool stable, Encoded *encoded)
{
    Shape shape = { .template = template, .stable = stable, .code_32 = test->code_32 };
    uint64_t immediate = random_integer();
    unsigned immediate_bytes;
    unsigned last = template->opcode_bytes - 1u;

    pick_sizes(&shape);
    shape.address.base = shape.address.index = NO_REGISTER;
    pick_operands(test, &shape);
    immediate_bytes = immediate_size(&shape);
    append_prefixes(test, &shape);
    test_case_append(test, template->opcode, last);
    append_byte(test, template->opcode[last] |
                          (template->flags & FORM_OPCODE_REG ? shape.opcode_register & 7 : 0));
    if (shape.address.memory) {
        append_memory(test, &shape, immediate_bytes);
    } else if (template->flags & FORM_MODRM) {
        append_byte(test, 0xc0 | (shape.reg & 7) << 3 | (shape.rm & 7));
    }
    test_case_append(test, &immediate, immediate_bytes);
    test->ignored_flags |= template->undefined;
    *encoded = (Encoded){
        .operand_bytes = shape.operand_bytes,
        .memory = shape.address.memory,
        .address = shape.address.target,
        .reg = shape.reg,
        .rm = template->flags & FORM_OPCODE_REG ? shape.opcode_register : shape.rm,
        .immediate = immediate,
    };
    if (template->adjust) {
        template->adjust(test, encoded);
    }
}

void generate(TestCase *test, const Template *template, Encoded *encoded)
{
    generate_shape(test, template, false, encoded);
}

void generate_stable(TestCase *test, const Template *template, Encoded *encoded)
{
    generate_shape(test, template, true, encoded);
}

uint64_t start_register(const TestCase *test, unsigned n, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, &test->start.registers[n], bytes);
    return value;
}
