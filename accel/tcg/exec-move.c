/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Moves, extensions, address arithmetic. */
#include "accel/tcg/exec.h"
#include "accel/tcg/segment.h"

/* Writing a 32-bit register clears its upper half; narrower writes leave the rest. */
#define WRITE_8(offset, value)  (R8(offset) = (uint8_t)(value))
#define WRITE_16(offset, value) (R16(offset) = (uint16_t)(value))
#define WRITE_32(offset, value) (R64(offset) = (uint32_t)(value))
#define WRITE_64(offset, value) (R64(offset) = (uint64_t)(value))

#define MOVES(bits)                                                  \
    static const Op *mov_rr_##bits(Engine *e, const Op *op)          \
    {                                                                \
        WRITE_##bits(op->dst, *(UINT(bits) *)((char *)e + op->src)); \
        NEXT;                                                        \
    }                                                                \
    static const Op *mov_ri_##bits(Engine *e, const Op *op)          \
    {                                                                \
        WRITE_##bits(op->dst, op->imm);                              \
        NEXT;                                                        \
    }                                                                \
    DEFINE_MEMORY_OP(load_##bits)                                    \
    {                                                                \
        uint64_t address = EFFECTIVE_ADDRESS;                        \
        UINT(bits) value;                                            \
        LOAD(bits, value, address);                                  \
        WRITE_##bits(op->dst, value);                                \
        NEXT;                                                        \
    }                                                                \
    DEFINE_MEMORY_OP(load_for_store_##bits)                          \
    {                                                                \
        uint64_t address = EFFECTIVE_ADDRESS;                        \
        UINT(bits) value;                                            \
        LOAD_FOR_UPDATE(bits, value, address);                       \
        WRITE_##bits(op->dst, value);                                \
        NEXT;                                                        \
    }                                                                \
    DEFINE_MEMORY_OP(store_##bits)                                   \
    {                                                                \
        uint64_t address = EFFECTIVE_ADDRESS;                        \
        STORE(bits, address, *(UINT(bits) *)((char *)e + op->src));  \
        NEXT_AFTER_STORE;                                            \
    }                                                                \
    DEFINE_MEMORY_OP(store_imm_##bits)                               \
    {                                                                \
        uint64_t address = EFFECTIVE_ADDRESS;                        \
        STORE(bits, address, (UINT(bits))op->imm);                   \
        NEXT_AFTER_STORE;                                            \
    }                                                                \
    static const Op *xchg_rr_##bits(Engine *e, const Op *op)         \
    {                                                                \
        UINT(bits) a = *(UINT(bits) *)((char *)e + op->dst);         \
        UINT(bits) b = *(UINT(bits) *)((char *)e + op->src);         \
        WRITE_##bits(op->dst, b);                                    \
        WRITE_##bits(op->src, a);                                    \
        NEXT;                                                        \
    }
MOVES(8)
MOVES(16)
MOVES(32)
MOVES(64)

#define BY_SIZE(name)                             \
    {                                             \
        name##_8, name##_16, name##_32, name##_64 \
    }
#define PAIR_BY_SIZE(name)                                                              \
    {                                                                                   \
        MEMORY_OP_PAIR(name##_8), MEMORY_OP_PAIR(name##_16), MEMORY_OP_PAIR(name##_32), \
            MEMORY_OP_PAIR(name##_64)                                                   \
    }
const OpHandlerPtr exec_mov_rr[4] = BY_SIZE(mov_rr);
const OpHandlerPtr exec_mov_ri[4] = BY_SIZE(mov_ri);
const OpHandlerPtr exec_xchg_rr[4] = BY_SIZE(xchg_rr);
const OpHandlerPtr exec_load[4][2] = PAIR_BY_SIZE(load);
const OpHandlerPtr exec_load_for_store[4][2] = PAIR_BY_SIZE(load_for_store);
const OpHandlerPtr exec_store[4][2] = PAIR_BY_SIZE(store);
const OpHandlerPtr exec_store_imm[4][2] = PAIR_BY_SIZE(store_imm);

/* ---- extensions ---- */

#define EXTENSIONS(from, to)                                                 \
    static const Op *movzx_##from##_##to(Engine *e, const Op *op)            \
    {                                                                        \
        WRITE_##to(op->dst, *(UINT(from) *)((char *)e + op->src));           \
        NEXT;                                                                \
    }                                                                        \
    static const Op *movsx_##from##_##to(Engine *e, const Op *op)            \
    {                                                                        \
        WRITE_##to(op->dst, (int64_t) * (INT(from) *)((char *)e + op->src)); \
        NEXT;                                                                \
    }                                                                        \
    DEFINE_MEMORY_OP(movzx_load_##from##_##to)                               \
    {                                                                        \
        uint64_t address = EFFECTIVE_ADDRESS;                                \
        UINT(from) value;                                                    \
        LOAD(from, value, address);                                          \
        WRITE_##to(op->dst, value);                                          \
        NEXT;                                                                \
    }                                                                        \
    DEFINE_MEMORY_OP(movsx_load_##from##_##to)                               \
    {                                                                        \
        uint64_t address = EFFECTIVE_ADDRESS;                                \
        UINT(from) value;                                                    \
        LOAD(from, value, address);                                          \
        WRITE_##to(op->dst, (int64_t)(INT(from))value);                      \
        NEXT;                                                                \
    }
EXTENSIONS(8, 16)
EXTENSIONS(8, 32)
EXTENSIONS(8, 64)
EXTENSIONS(16, 32)
EXTENSIONS(16, 64)
EXTENSIONS(32, 64)

#define EXTENSION_TABLE(name)                            \
    {                                                    \
        { NULL, name##_8_16, name##_8_32, name##_8_64 }, \
            { NULL, NULL, name##_16_32, name##_16_64 },  \
        {                                                \
            NULL, NULL, NULL, name##_32_64               \
        }                                                \
    }
#define EXTENSION_LOAD_TABLE(name)                                                       \
    {                                                                                    \
        { { NULL, NULL },                                                                \
          MEMORY_OP_PAIR(name##_8_16),                                                   \
          MEMORY_OP_PAIR(name##_8_32),                                                   \
          MEMORY_OP_PAIR(name##_8_64) },                                                 \
            { { NULL, NULL },                                                            \
              { NULL, NULL },                                                            \
              MEMORY_OP_PAIR(name##_16_32),                                              \
              MEMORY_OP_PAIR(name##_16_64) },                                            \
        {                                                                                \
            { NULL, NULL }, { NULL, NULL }, { NULL, NULL }, MEMORY_OP_PAIR(name##_32_64) \
        }                                                                                \
    }
const OpHandlerPtr exec_movzx_rr[3][4] = EXTENSION_TABLE(movzx);
const OpHandlerPtr exec_movsx_rr[3][4] = EXTENSION_TABLE(movsx);
const OpHandlerPtr exec_movzx_load[3][4][2] = EXTENSION_LOAD_TABLE(movzx_load);
const OpHandlerPtr exec_movsx_load[3][4][2] = EXTENSION_LOAD_TABLE(movsx_load);

/* ---- addresses ---- */

#define LEA(bits)                                                                                \
    static const Op *lea_##bits##_plain(Engine *e, const Op *op)                                 \
    {                                                                                            \
        WRITE_##bits(op->dst, R64(op->base) + (int64_t)op->displacement);                        \
        NEXT;                                                                                    \
    }                                                                                            \
    static const Op *lea_##bits##_indexed(Engine *e, const Op *op)                               \
    {                                                                                            \
        WRITE_##bits(op->dst,                                                                    \
                     R64(op->base) + (int64_t)op->displacement + (R64(op->index) << op->scale)); \
        NEXT;                                                                                    \
    }
LEA(16)
LEA(32)
LEA(64)
const OpHandlerPtr exec_lea[4][2] = {
    { NULL, NULL }, MEMORY_OP_PAIR(lea_16), MEMORY_OP_PAIR(lea_32), MEMORY_OP_PAIR(lea_64)
};

const Op *exec_address_absolute(Engine *e, const Op *op)
{
    e->r[SLOT_ADDRESS] = op->imm;
    NEXT;
}

const Op *exec_address_compute(Engine *e, const Op *op)
{
    e->r[SLOT_ADDRESS] = op_address(e, op);
    NEXT;
}

const Op *exec_address_compute32(Engine *e, const Op *op)
{
    e->r[SLOT_ADDRESS] = (uint32_t)op_address(e, op);
    NEXT;
}

const Op *exec_address_legacy(Engine *e, const Op *op)
{
    uint64_t offset = op_address(e, op) & (op->imm >> 32);

    e->op = op;
    e->r[SLOT_ADDRESS] =
        segment_linear(e, op->imm & 0xff, offset, (op->imm >> 8) & 0xffff, (op->imm >> 24) & 1);
    NEXT;
}

/* ---- the rest ---- */

const Op *exec_nop(Engine *e, const Op *op)
{
    NEXT;
}

static const Op *bswap_16(Engine *e, const Op *op)
{
    /* Undefined by the manuals; processors clear the register's low half. */
    R16(op->dst) = 0;
    NEXT;
}

static const Op *bswap_32(Engine *e, const Op *op)
{
    R64(op->dst) = __builtin_bswap32(R32(op->dst));
    NEXT;
}

static const Op *bswap_64(Engine *e, const Op *op)
{
    R64(op->dst) = __builtin_bswap64(R64(op->dst));
    NEXT;
}
const OpHandlerPtr exec_bswap[4] = { NULL, bswap_16, bswap_32, bswap_64 };

static const Op *cmov_t1_16(Engine *e, const Op *op)
{
    if (R8(SLOT_OFFSET(SLOT_T1))) {
        R16(op->dst) = R16(op->src);
    }
    NEXT;
}

static const Op *cmov_t1_32(Engine *e, const Op *op)
{
    R64(op->dst) = R8(SLOT_OFFSET(SLOT_T1)) ? R32(op->src) : R32(op->dst);
    NEXT;
}

static const Op *cmov_t1_64(Engine *e, const Op *op)
{
    R64(op->dst) = R8(SLOT_OFFSET(SLOT_T1)) ? R64(op->src) : R64(op->dst);
    NEXT;
}
const OpHandlerPtr exec_cmov_t1[4] = { NULL, cmov_t1_16, cmov_t1_32, cmov_t1_64 };

#define RAX_OFFSET SLOT_OFFSET(X86_RAX)
#define RDX_OFFSET SLOT_OFFSET(X86_RDX)

const Op *exec_convert_16(Engine *e, const Op *op)
{
    R16(RAX_OFFSET) = (int8_t)R8(RAX_OFFSET);
    NEXT;
}

const Op *exec_convert_32(Engine *e, const Op *op)
{
    R64(RAX_OFFSET) = (uint32_t)(int16_t)R16(RAX_OFFSET);
    NEXT;
}

const Op *exec_convert_64(Engine *e, const Op *op)
{
    R64(RAX_OFFSET) = (int64_t)(int32_t)R32(RAX_OFFSET);
    NEXT;
}

const Op *exec_extend_16(Engine *e, const Op *op)
{
    R16(RDX_OFFSET) = (int16_t)R16(RAX_OFFSET) >> 15;
    NEXT;
}

const Op *exec_extend_32(Engine *e, const Op *op)
{
    R64(RDX_OFFSET) = (uint32_t)((int32_t)R32(RAX_OFFSET) >> 31);
    NEXT;
}

const Op *exec_extend_64(Engine *e, const Op *op)
{
    R64(RDX_OFFSET) = (int64_t)R64(RAX_OFFSET) >> 63;
    NEXT;
}

const Op *exec_xlat_t0(Engine *e, const Op *op)
{
    R8(RAX_OFFSET) = R8(SLOT_OFFSET(SLOT_T0));
    NEXT;
}

const Op *exec_lahf(Engine *e, const Op *op)
{
    R8(RAX_OFFSET + 1) = (flags_compute(e) & 0xff) | 2;
    NEXT;
}

const Op *exec_sahf(Engine *e, const Op *op)
{
    uint32_t overflow = flags_compute(e) & FLAG_OF;

    flags_set(e, (R8(RAX_OFFSET + 1) & (FLAGS_ARITHMETIC & 0xff)) | overflow);
    NEXT;
}
