/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Conditions, near jumps, calls and returns, the stack. */
#include "accel/tcg/block.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/exec.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"

#define RSP e->r[X86_RSP]

/* ---- conditions ---- */

ALWAYS_INLINE bool condition_in_class(Engine *e, Condition condition, ConditionClass class)
{
    switch ((int)class) {
    case CONDITION_CLASS_SUB + SIZE_INDEX_8:
        return condition_after_sub8(condition, e->cc_r + e->cc_b, e->cc_b);
    case CONDITION_CLASS_SUB + SIZE_INDEX_16:
        return condition_after_sub16(condition, e->cc_r + e->cc_b, e->cc_b);
    case CONDITION_CLASS_SUB + SIZE_INDEX_32:
        return condition_after_sub32(condition, e->cc_r + e->cc_b, e->cc_b);
    case CONDITION_CLASS_SUB + SIZE_INDEX_64:
        return condition_after_sub64(condition, e->cc_r + e->cc_b, e->cc_b);
    case CONDITION_CLASS_LOGIC + SIZE_INDEX_8:
        return condition_after_logic(condition, (int8_t)e->cc_r);
    case CONDITION_CLASS_LOGIC + SIZE_INDEX_16:
        return condition_after_logic(condition, (int16_t)e->cc_r);
    case CONDITION_CLASS_LOGIC + SIZE_INDEX_32:
        return condition_after_logic(condition, (int32_t)e->cc_r);
    case CONDITION_CLASS_LOGIC + SIZE_INDEX_64:
        return condition_after_logic(condition, (int64_t)e->cc_r);
    default:
        return flags_test(e, condition);
    }
}

ALWAYS_INLINE const Op *branch(Engine *e, const Op *op, bool taken)
{
    if (taken) {
        return engine_follow(e, op);
    }
    return engine_follow(e, op + 1);
}

#define CONDITIONAL(condition, class)                                      \
    static const Op *jcc_##condition##_##class(Engine * e, const Op *op)   \
    {                                                                      \
        return branch(e, op, condition_in_class(e, condition, class));     \
    }                                                                      \
    static const Op *setcc_##condition##_##class(Engine * e, const Op *op) \
    {                                                                      \
        R8(op->dst) = condition_in_class(e, condition, class);             \
        NEXT;                                                              \
    }
/* Classes by number, so that they paste into names. */
#define CONDITIONAL_CLASSES(condition) \
    CONDITIONAL(condition, 0)          \
    CONDITIONAL(condition, 1)          \
    CONDITIONAL(condition, 2)          \
    CONDITIONAL(condition, 3)          \
    CONDITIONAL(condition, 4)          \
    CONDITIONAL(condition, 5)          \
    CONDITIONAL(condition, 6)          \
    CONDITIONAL(condition, 7)          \
    CONDITIONAL(condition, 8)
G_STATIC_ASSERT(CONDITION_CLASS_COUNT == 9);

/* Compare or test two registers (or a register with imm's twin slot) and jump. */
#define FUSED(condition, bits)                                                             \
    static const Op *cmp_rr_jcc_##condition##_##bits(Engine *e, const Op *op)              \
    {                                                                                      \
        uint##bits##_t a = R##bits(op->dst), b = R##bits(op->src);                         \
        SET_FLAGS(SUB, bits, (uint##bits##_t)(a - b), b);                                  \
        return branch(e, op + 1, condition_after_sub##bits(condition, a, b));              \
    }                                                                                      \
    static const Op *cmp_ri_jcc_##condition##_##bits(Engine *e, const Op *op)              \
    {                                                                                      \
        uint##bits##_t a = R##bits(op->dst), b = op->imm;                                  \
        SET_FLAGS(SUB, bits, (uint##bits##_t)(a - b), b);                                  \
        return branch(e, op + 1, condition_after_sub##bits(condition, a, b));              \
    }                                                                                      \
    static const Op *test_rr_jcc_##condition##_##bits(Engine *e, const Op *op)             \
    {                                                                                      \
        uint##bits##_t result = R##bits(op->dst) & R##bits(op->src);                       \
        SET_FLAGS(LOGIC, bits, result, 0);                                                 \
        return branch(e, op + 1, condition_after_logic(condition, (int##bits##_t)result)); \
    }                                                                                      \
    static const Op *test_ri_jcc_##condition##_##bits(Engine *e, const Op *op)             \
    {                                                                                      \
        uint##bits##_t result = R##bits(op->dst) & (uint##bits##_t)op->imm;                \
        SET_FLAGS(LOGIC, bits, result, 0);                                                 \
        return branch(e, op + 1, condition_after_logic(condition, (int##bits##_t)result)); \
    }
#define FUSED_SIZES(condition) \
    FUSED(condition, 8)        \
    FUSED(condition, 16)       \
    FUSED(condition, 32)       \
    FUSED(condition, 64)

#define FOREACH_CONDITION(macro)                                                              \
    macro(0) macro(1) macro(2) macro(3) macro(4) macro(5) macro(6) macro(7) macro(8) macro(9) \
        macro(10) macro(11) macro(12) macro(13) macro(14) macro(15)
FOREACH_CONDITION(CONDITIONAL_CLASSES)
FOREACH_CONDITION(FUSED_SIZES)

#define CLASS_ROW(name, c)                                                            \
    { name##_##c##_0, name##_##c##_1, name##_##c##_2, name##_##c##_3, name##_##c##_4, \
      name##_##c##_5, name##_##c##_6, name##_##c##_7, name##_##c##_8 },
#define SIZE_ROW(name, c)  { name##_##c##_8, name##_##c##_16, name##_##c##_32, name##_##c##_64 },
#define JCC_ROW(c)         CLASS_ROW(jcc, c)
#define SETCC_ROW(c)       CLASS_ROW(setcc, c)
#define CMP_RR_JCC_ROW(c)  SIZE_ROW(cmp_rr_jcc, c)
#define CMP_RI_JCC_ROW(c)  SIZE_ROW(cmp_ri_jcc, c)
#define TEST_RR_JCC_ROW(c) SIZE_ROW(test_rr_jcc, c)
#define TEST_RI_JCC_ROW(c) SIZE_ROW(test_ri_jcc, c)
const OpHandlerPtr exec_jcc[16][CONDITION_CLASS_COUNT] = { FOREACH_CONDITION(JCC_ROW) };
const OpHandlerPtr exec_setcc[16][CONDITION_CLASS_COUNT] = { FOREACH_CONDITION(SETCC_ROW) };
const OpHandlerPtr exec_cmp_rr_jcc[16][4] = { FOREACH_CONDITION(CMP_RR_JCC_ROW) };
const OpHandlerPtr exec_cmp_ri_jcc[16][4] = { FOREACH_CONDITION(CMP_RI_JCC_ROW) };
const OpHandlerPtr exec_test_rr_jcc[16][4] = { FOREACH_CONDITION(TEST_RR_JCC_ROW) };
const OpHandlerPtr exec_test_ri_jcc[16][4] = { FOREACH_CONDITION(TEST_RI_JCC_ROW) };

/* ---- jumps ---- */

/* In 64-bit mode a target that is no address faults at the jump, which then did nothing. */
ALWAYS_INLINE void check_target(Engine *e, const Op *op, uint64_t target)
{
    if (unlikely(!mmu_canonical(target))) {
        e->op = op;
        raise_exception_error(e, EXCEPTION_GP, 0);
    }
}

const Op *exec_jump(Engine *e, const Op *op)
{
    return engine_follow(e, op);
}

const Op *exec_jump_src(Engine *e, const Op *op)
{
    uint64_t target = R64(op->src);

    check_target(e, op, target);
    return engine_jump(e, target);
}

const Op *exec_end(Engine *e, const Op *op)
{
    e->rip = op_pc(e, op);
    return NULL;
}

/*
 * LOOP, LOOPE, LOOPNE, JCXZ. The next operation is the jump not taken; the one behind that says
 * which (imm: LoopKind, src: mask of the counter's size in bits).
 */
const Op *exec_loop(Engine *e, const Op *op)
{
    const Op *operands = op + 2;
    LoopKind kind = operands->imm;
    uint64_t mask = UINT64_MAX >> (64 - operands->src);
    uint64_t count = e->r[X86_RCX] & mask;

    if (kind == LOOP_JCXZ) {
        return branch(e, op, count == 0);
    }
    count = (count - 1) & mask;
    if (operands->src == 16) {
        R16(SLOT_OFFSET(X86_RCX)) = count;
    } else {
        e->r[X86_RCX] = count;
    }
    bool taken = count != 0;
    if (kind != LOOP_ALWAYS) {
        taken = taken && flags_test(e, kind == LOOP_WHILE_EQUAL ? CONDITION_E : CONDITION_NE);
    }
    return branch(e, op, taken);
}

/* ---- calls and returns in 64-bit mode ---- */

DEFINE_MEMORY_OP(call64)
{
    uint64_t address = RSP - 8;

    STORE(64, address, op_pc(e, op) + op->length);
    RSP = address;
    return engine_follow(e, op);
}

DEFINE_MEMORY_OP(call64_src)
{
    uint64_t address = RSP - 8, target = R64(op->src);

    check_target(e, op, target);
    STORE(64, address, op_pc(e, op) + op->length);
    RSP = address;
    return engine_jump(e, target);
}

DEFINE_MEMORY_OP(ret64)
{
    uint64_t target;

    LOAD(64, target, RSP);
    check_target(e, op, target);
    RSP += 8 + op->imm;
    return engine_jump(e, target);
}

const Op *exec_call64(Engine *e, const Op *op)
{
    return call64_plain(e, op);
}

const Op *exec_call64_src(Engine *e, const Op *op)
{
    return call64_src_plain(e, op);
}

const Op *exec_ret64(Engine *e, const Op *op)
{
    return ret64_plain(e, op);
}

/* ---- calls and returns elsewhere; the operand size in bytes is in the next operation's imm ----
 */

static COLD void push_one(Engine *e, const Op *op, uint64_t value, unsigned size)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    stack_push(e, &stack, value, size);
    stack_commit(e, &stack);
}

const Op *exec_call_legacy(Engine *e, const Op *op)
{
    push_one(e, op, op_next_pc(e, op), op[1].imm);
    return engine_follow(e, op);
}

const Op *exec_call_legacy_src(Engine *e, const Op *op)
{
    uint64_t target = R64(op->src);

    push_one(e, op, op_next_pc(e, op), op->imm);
    return engine_jump(e, op->imm == 2 ? (uint16_t)target : target);
}

const Op *exec_ret_legacy(Engine *e, const Op *op)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    uint64_t target = stack_pop(e, &stack, op->imm & 0xff);
    stack.pointer += op->imm >> 8;
    stack_commit(e, &stack);
    return engine_jump_by_loop(e, target);
}

/* ---- PUSH, POP ---- */

DEFINE_MEMORY_OP(push64)
{
    uint64_t address = RSP - 8;

    STORE(64, address, R64(op->src));
    RSP = address;
    NEXT_AFTER_STORE;
}

DEFINE_MEMORY_OP(push64_imm)
{
    uint64_t address = RSP - 8;

    STORE(64, address, op->imm);
    RSP = address;
    NEXT_AFTER_STORE;
}

DEFINE_MEMORY_OP(pop64)
{
    uint64_t value;

    LOAD(64, value, RSP);
    RSP += 8;
    R64(op->dst) = value;
    NEXT;
}

const Op *exec_push64(Engine *e, const Op *op)
{
    return push64_plain(e, op);
}

const Op *exec_push64_imm(Engine *e, const Op *op)
{
    return push64_imm_plain(e, op);
}

const Op *exec_pop64(Engine *e, const Op *op)
{
    return pop64_plain(e, op);
}

const Op *exec_push_legacy(Engine *e, const Op *op)
{
    push_one(e, op, R64(op->src), op->imm);
    return engine_next_checked(e, op);
}

const Op *exec_pop_legacy(Engine *e, const Op *op)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    uint64_t value = stack_pop(e, &stack, op->imm);
    stack_commit(e, &stack);
    op_write_sized(e, op->dst, value, op->imm);
    return engine_next_checked(e, op);
}

/*
 * POP to memory: imm: bytes | segment << 8 | address mask << 32. The address is worked out with
 * RSP as it is after the pop.
 */
const Op *exec_pop_memory(Engine *e, const Op *op)
{
    unsigned size = op->imm & 0xff;
    uint64_t before = RSP;
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    uint64_t value = stack_pop(e, &stack, size);
    stack_commit(e, &stack);
    uint64_t after = RSP;
    uint64_t mask = e->long_mode && !(op->flags & OP_ADDRESS_32) ? UINT64_MAX : op->imm >> 32;
    uint64_t offset = op_address(e, op);
    if (op->flags & OP_ADDRESS_RIP) {
        offset += op_next_pc(e, op);
    }
    RSP = before;
    uint64_t address = segment_linear(e, (op->imm >> 8) & 0xff, offset & mask, size, true);
    memory_store(e, address, value, size, e->mmu_mode);
    RSP = after;
    return engine_next_checked(e, op);
}

/* imm: segment | bytes << 8 */
const Op *exec_pop_segment(Engine *e, const Op *op)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    uint64_t selector = stack_pop(e, &stack, op->imm >> 8);
    segment_load(e, op->imm & 0xff, selector);
    /* With a new SS its size says how much of RSP changes. */
    stack_commit(e, &stack);
    if ((op->imm & 0xff) == X86_SS) {
        e->interrupt_shadow = true;
        return engine_leave(e, op);
    }
    return engine_next_checked(e, op);
}

const Op *exec_pusha(Engine *e, const Op *op)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    for (unsigned i = X86_RAX; i <= X86_RDI; i++) {
        stack_push(e, &stack, e->r[i], op->imm);
    }
    stack_commit(e, &stack);
    return engine_next_checked(e, op);
}

const Op *exec_popa(Engine *e, const Op *op)
{
    uint64_t values[8];
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    for (unsigned i = 8; i-- > 0;) {
        values[i] = stack_pop(e, &stack, op->imm);
    }
    stack_commit(e, &stack);
    for (unsigned i = X86_RAX; i <= X86_RDI; i++) {
        if (i != X86_RSP) {
            op_write_sized(e, SLOT_OFFSET(i), values[i], op->imm);
        }
    }
    return engine_next_checked(e, op);
}

/* imm: bytes of locals | nesting level << 16 | operand size << 32 */
const Op *exec_enter(Engine *e, const Op *op)
{
    unsigned locals = op->imm & 0xffff, level = (op->imm >> 16) & 31, size = op->imm >> 32;
    Stack stack, frames;

    e->op = op;
    stack_begin(e, &stack);
    stack_push(e, &stack, e->r[X86_RBP], size);
    uint64_t frame = stack.pointer;
    frames = stack;
    frames.pointer = e->r[X86_RBP];
    for (unsigned i = 1; i < level; i++) {
        frames.pointer -= size;
        Stack peek = frames;
        stack_push(e, &stack, stack_pop(e, &peek, size), size);
    }
    if (level > 0) {
        stack_push(e, &stack, frame, size);
    }
    stack.pointer -= locals;
    stack_commit(e, &stack);
    op_write_sized(e, SLOT_OFFSET(X86_RBP), frame, size);
    return engine_next_checked(e, op);
}

DEFINE_MEMORY_OP(leave64)
{
    uint64_t value;

    LOAD(64, value, e->r[X86_RBP]);
    RSP = e->r[X86_RBP] + 8;
    e->r[X86_RBP] = value;
    NEXT;
}

const Op *exec_leave64(Engine *e, const Op *op)
{
    return leave64_plain(e, op);
}

const Op *exec_leave_legacy(Engine *e, const Op *op)
{
    Stack stack;

    e->op = op;
    stack_begin(e, &stack);
    stack.pointer = e->r[X86_RBP];
    uint64_t value = stack_pop(e, &stack, op->imm);
    stack_commit(e, &stack);
    op_write_sized(e, SLOT_OFFSET(X86_RBP), value, op->imm);
    return engine_next_checked(e, op);
}

/* BOUND: index in dst, the pair of limits at the memory operand; imm: bytes. */
const Op *exec_bound(Engine *e, const Op *op)
{
    unsigned size = op->imm;
    uint64_t address = op_address(e, op);

    e->op = op;
    int64_t lower = (int32_t)memory_load(e, address, size, e->mmu_mode);
    int64_t upper = (int32_t)memory_load(e, address + size, size, e->mmu_mode);
    int64_t index = (int32_t)R32(op->dst);
    if (size == 2) {
        lower = (int16_t)lower;
        upper = (int16_t)upper;
        index = (int16_t)index;
    }
    if (index < lower || index > upper) {
        raise_exception(e, EXCEPTION_BR);
    }
    NEXT;
}
